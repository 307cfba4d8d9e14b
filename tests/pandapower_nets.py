"""Small pandapower nets that have everything at once, and a check of any net."""

import copy
from functools import cache

import numpy as np
import pandapower
from scipy.sparse.linalg import spsolve

from scopf.cases.pandapower.reading import Reading

SIGN = {"ext_grid": 1, "gen": 1, "sgen": 1, "load": -1, "storage": -1}


def base_net():
    """Three buses of 110 kV in a ring, an ext_grid, a gen, a load, limits and costs."""
    return copy.deepcopy(_made_once())


@cache
def _made_once():
    net = pandapower.create_empty_network(name="ring", sn_mva=10.0)
    buses = [
        pandapower.create_bus(net, 110.0, min_vm_pu=0.95, max_vm_pu=1.05, index=number)
        for number in (3, 7, 8)
    ]
    pandapower.create_ext_grid(
        net, 3, vm_pu=1.01, va_degree=5.0, min_p_mw=-90, max_p_mw=90, min_q_mvar=-50, max_q_mvar=50
    )
    for f, t in ((3, 7), (7, 8), (8, 3)):
        pandapower.create_line_from_parameters(
            net, f, t, length_km=20.0, r_ohm_per_km=0.12, x_ohm_per_km=0.39, c_nf_per_km=9.5,
            max_i_ka=0.4, g_us_per_km=0.2, max_loading_percent=90.0,
        )  # fmt: skip
    pandapower.create_gen(
        net, 7, p_mw=20.0, vm_pu=1.02, min_p_mw=0, max_p_mw=50, min_q_mvar=-30, max_q_mvar=30
    )
    pandapower.create_load(net, buses[2], p_mw=30.0, q_mvar=8.0)
    pandapower.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=30, cp2_eur_per_mw2=0.1)
    pandapower.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=20, cp2_eur_per_mw2=0.2, cp0_eur=7)
    return net


def mismatch(net):
    """Largest power mismatch, p.u., of the network read from a net at pandapower's power flow.

    Nothing of the reading is shared but the elements' names and the bus numbers: voltages and
    powers are pandapower's results. Buses inside elements draw nothing.
    """
    reading = Reading(net)
    live = reading.network().energized()
    pandapower.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-9)
    v = np.full(len(live.bus), np.nan + 0j)
    for bus, number in reading.bus_numbers.items():
        at = live.bus_positions([number])[0]
        shown = net.res_bus.loc[bus]
        assert (at < 0) == np.isnan(shown.vm_pu), f"bus {bus} is supplied for one only"
        if at >= 0:
            v[at] = shown.vm_pu * np.exp(1j * np.radians(shown.va_degree))
    inside = live.bus_positions(reading.number[reading.converted.inside])
    for at, shown in zip(inside, net.res_xward.itertuples(), strict=True):
        if at >= 0:
            v[at] = shown.vm_internal_pu * np.exp(1j * np.radians(shown.va_internal_degree))
    y, inner = live.ybus().tocsr(), np.isnan(v)
    if inner.any():
        rest = y[inner][:, ~inner] @ v[~inner]
        v[inner] = np.atleast_1d(spsolve(y[inner][:, inner].tocsc(), -rest))
    bus, vm = live.bus, np.abs(v)
    power = v * (y @ v).conj() + bus.pd + 1j * bus.qd + vm * (bus.pd_current + 1j * bus.qd_current)
    for at, name in zip(live.gen_at, live.gen.name, strict=True):
        table, number = name.split(" ")
        if table in SIGN:
            shown = net[f"res_{table}"].loc[int(number)]
            power[at] -= SIGN[table] * (shown.p_mw + 1j * shown.q_mvar) / live.base_mva
    for number in live.dcline.id:
        line, shown = net.dcline.loc[number], net.res_dcline.loc[number]
        for end in ("from", "to"):
            at = live.bus_positions([reading.bus_numbers[line[f"{end}_bus"]]])[0]
            drawn = shown[f"p_{end}_mw"] + 1j * shown[f"q_{end}_mvar"]
            power[at] += drawn / live.base_mva
    q = np.abs(power.imag)
    q[inside[inside >= 0]] = 0.0  # held by the source inside
    return max(np.abs(power.real).max(), q.max())
