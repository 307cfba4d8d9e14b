"""Small pandapower nets that have everything at once, and a check of any net."""

import copy
from functools import cache

import numpy as np
import pandapower
import pandas as pd
from scipy.sparse.linalg import spsolve

from scopf.cases.pandapower.reading import ParsedNet

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


def with_trafo(net, **columns):
    pandapower.create_bus(net, 20.0, index=20)
    pandapower.create_transformer(net, 8, 20, "25 MVA 110/20 kV")
    for key, value in columns.items():
        net.trafo[key] = value
    pandapower.create_load(net, 20, p_mw=9.0, q_mvar=3.0)


def with_trafo3w(net, **columns):
    pandapower.create_bus(net, 20.0, index=20)
    pandapower.create_bus(net, 10.0, index=10)
    pandapower.create_transformer3w(net, 8, 20, 10, "63/25/38 MVA 110/20/10 kV")
    for key, value in columns.items():
        net.trafo3w[key] = value
    pandapower.create_load(net, 20, p_mw=9.0, q_mvar=3.0)
    pandapower.create_load(net, 10, p_mw=4.0, q_mvar=-1.0)


def with_switch(net, et, element, bus, *, closed=True, z_ohm=0.0):
    pandapower.create_switch(net, bus, element, et=et, closed=closed, z_ohm=z_ohm)


def fused(net, **keywords):
    pandapower.create_bus(net, 110.0, index=1)
    with_switch(net, "b", 8, 1, **keywords)
    pandapower.create_load(net, 1, p_mw=5.0, q_mvar=1.0)
    pandapower.create_shunt(net, 1, q_mvar=-3.0, p_mw=0.1)


def loop(net):
    fused(net)
    net.line.loc[0, "to_bus"] = 7
    pandapower.create_line_from_parameters(net, 1, 8, 1.0, 0.1, 0.3, 10.0, 1.0, g_us_per_km=2.0)


def dead_end(net):
    pandapower.create_bus(net, 110.0, index=12, in_service=False)
    pandapower.create_line_from_parameters(net, 8, 12, 15.0, 0.1, 0.3, 10.0, 1.0)
    pandapower.create_bus(net, 110.0, index=13)
    pandapower.create_bus(net, 110.0, index=14)
    pandapower.create_line_from_parameters(net, 13, 14, 15.0, 0.1, 0.3, 10.0, 1.0)
    pandapower.create_load(net, 13, 5.0)


def impedance(net):
    pandapower.create_bus(net, 110.0, index=20)
    pandapower.create_impedance(
        net, 8, 20, 0.01, 0.05, sn_mva=50, gf_pu=0.01, bf_pu=0.02, gt_pu=0.03, bt_pu=0.04
    )
    pandapower.create_load(net, 20, 6.0, 2.0)


def dcline(net, p_mw=5.0):
    pandapower.create_dcline(net, 7, 8, p_mw, 2.0, 0.1, 1.02, 1.0)


def voltage_dependent(net):
    """At a bus of its own: pandapower takes the mean of the shares of all loads at a bus."""
    pandapower.create_bus(net, 110.0, index=9)
    pandapower.create_line_from_parameters(net, 8, 9, 15.0, 0.1, 0.3, 10.0, 1.0)
    pandapower.create_load(
        net, 9, 8.0, 3.0, const_z_p_percent=30, const_i_p_percent=50, const_z_q_percent=20,
        const_i_q_percent=40, scaling=0.9,
    )  # fmt: skip


def motor(net):
    pandapower.create_motor(
        net, 8, 3.0, 0.88, efficiency_percent=93, loading_percent=80, scaling=1.1
    )


def asymmetric(net):
    for create in (pandapower.create_asymmetric_load, pandapower.create_asymmetric_sgen):
        create(net, 8, 1.0, 2.0, 0.5, 0.1, 0.2, 0.3, scaling=0.7)


TAP = {"tap_pos": 3, "tap_neutral": 0, "tap_step_percent": 1.5, "tap_step_degree": 0.0}
ELEMENTS = {
    "plain": lambda net: None,
    "sn_mva": lambda net: net.update(sn_mva=1.0),
    "parallel": lambda net: net.line.update(pd.DataFrame({"parallel": [2, 1, 3], "df": 0.8})),
    "sgen": lambda net: pandapower.create_sgen(net, 8, 6.0, 1.0, scaling=0.5),
    "storage": lambda net: pandapower.create_storage(net, 8, 3.0, 10.0, q_mvar=1.0, scaling=0.8),
    "out of service": lambda net: pandapower.create_load(net, 8, 3.0, in_service=False),
    "motor": motor,
    "asymmetric": asymmetric,
    "voltage-dependent": voltage_dependent,
    "shunt": lambda net: pandapower.create_shunt(net, 8, -4.0, 0.5, vn_kv=105.0, step=2),
    "ward": lambda net: pandapower.create_ward(net, 8, 1.0, 0.5, 0.7, 0.3),
    "xward": lambda net: pandapower.create_xward(net, 8, 1.0, 0.5, 0.7, 0.3, 2.0, 9.0, 1.0),
    "trafo": with_trafo,
    "trafo, iron": lambda net: with_trafo(net, pfe_kw=90.0, i0_percent=2.0, parallel=2),
    "trafo, T": lambda net: with_trafo(
        net, i0_percent=2.0, leakage_resistance_ratio_hv=0.3, leakage_reactance_ratio_hv=0.7
    ),
    "trafo, shift": lambda net: with_trafo(net, shift_degree=150.0),
    "trafo3w": with_trafo3w,
    "trafo3w, tap": lambda net: with_trafo3w(net, tap_side="mv", tap_changer_type="Ratio", **TAP),
    "trafo3w, star": lambda net: with_trafo3w(
        net, tap_side="hv", tap_changer_type="Ratio", tap_at_star_point=True, **TAP
    ),
    "impedance": impedance,
    "dcline": dcline,
    "dcline back": lambda net: dcline(net, -5.0),
    "fused": fused,
    "switch with impedance": lambda net: fused(net, z_ohm=0.7),
    "open bus-bus": lambda net: fused(net, closed=False),
    "open line": lambda net: with_switch(net, "l", 0, 7, closed=False),
    "loop": loop,
    "dead end": dead_end,
}
for side in ("hv", "lv"):
    for kind, step in (
        ("Ratio", {"tap_step_percent": 1.5, "tap_step_degree": 0.0}),
        ("Ratio", {"tap_step_percent": 1.5, "tap_step_degree": 60.0}),
        ("Symmetrical", {"tap_step_percent": 1.5, "tap_step_degree": 90.0}),
        ("Ideal", {"tap_step_percent": np.nan, "tap_step_degree": 2.0}),
        ("Ideal", {"tap_step_percent": 1.5, "tap_step_degree": np.nan}),
    ):
        columns = {"tap_side": side, "tap_changer_type": kind, "tap_pos": 3, "tap_neutral": -1}
        name = f"tap {side} {kind} {step['tap_step_percent']} {step['tap_step_degree']}"
        ELEMENTS[name] = lambda net, columns=columns | step: with_trafo(net, **columns)


def mismatch(net):
    """Largest power mismatch, p.u., of the network read from a net at pandapower's power flow.

    Nothing of the reading is shared but the elements' names and the bus numbers: voltages and
    powers are pandapower's results. Buses inside elements draw nothing.
    """
    parsed = ParsedNet(net)
    live = parsed.network().energized()
    pandapower.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-9)
    v = np.full(len(live.bus), np.nan + 0j)
    for bus, number in parsed.bus_numbers.items():
        at = live.bus_positions([number])[0]
        shown = net.res_bus.loc[bus]
        assert (at < 0) == np.isnan(shown.vm_pu), f"bus {bus} is supplied for one only"
        if at >= 0:
            v[at] = shown.vm_pu * np.exp(1j * np.radians(shown.va_degree))
    inside = live.bus_positions(parsed.number[parsed.converted.inside])
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
            at = live.bus_positions([parsed.bus_numbers[line[f"{end}_bus"]]])[0]
            drawn = shown[f"p_{end}_mw"] + 1j * shown[f"q_{end}_mvar"]
            power[at] += drawn / live.base_mva
    q = np.abs(power.imag)
    q[inside[inside >= 0]] = 0.0  # held by the source inside
    return max(np.abs(power.real).max(), q.max())
