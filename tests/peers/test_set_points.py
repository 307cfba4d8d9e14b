"""Dispatches in the objects of pypowsybl and PyPSA: their power flows stay there."""

import numpy as np
import pandas as pd
import pytest

import scopf
from tests.operating_points import dc_lines, several_units, shifting, solution, solved

SAME = 1e-6


# -- pypowsybl -----------------------------------------------


def of_powsybl(net, folder):
    """A network of pypowsybl, and the same one of scopf with its ids as names."""
    pypowsybl = pytest.importorskip("pypowsybl")
    scopf.save_case(net, folder / "grid.raw")
    there = scopf.load_case(folder / "grid.raw")
    grid = pypowsybl.network.load(str(folder / "grid.raw"))
    places = grid.get_bus_breaker_view_buses()["bus_id"]
    names = [places.get(f"B{bus}", "") for bus in there.bus.id.tolist()]
    gens = [f"B{i}-G{own}" for i, own in (n.replace("'", "").split(" ") for n in there.gen.name)]
    lines = [f"VscDcTransmissionLine-{name}" for name in there.dcline.name.tolist()]
    return grid, there.replace(
        bus={"name": names}, gen={"name": gens}, dcline={"name": lines}
    )  # fmt: skip


def flow_of_powsybl(grid):
    pypowsybl = pytest.importorskip("pypowsybl")
    lf = pypowsybl.loadflow
    parameters = lf.Parameters(
        distributed_slack=False, use_reactive_limits=False,
        provider_parameters={"newtonRaphsonConvEpsPerEq": "1e-9", "useLoadModel": "true"},
    )  # fmt: skip
    assert lf.run_ac(grid, parameters)[0].status == lf.ComponentStatus.CONVERGED


@pytest.mark.parametrize("make", [several_units, shifting, dc_lines])
def test_pypowsybl_stays_at_the_dispatch(tmp_path, make):
    grid, net = of_powsybl(make(), tmp_path)
    sol = solved(net, load_scale=0.95)
    loads = grid.get_loads(attributes=["p0", "q0"]) * 0.95
    grid.update_loads(loads)
    prices = sol.to_pypowsybl(grid)
    targets = grid.get_generators().loc[net.gen.name.tolist()]
    assert targets["target_p"].to_numpy() == pytest.approx(sol.gens["p_mw"], rel=1e-12)
    assert prices["lmp_p_per_mwh"].to_numpy() == pytest.approx(sol.buses["lmp_p_per_mwh"], abs=0)
    flow_of_powsybl(grid)
    found = grid.get_buses().loc[net.bus.name.tolist()]
    kilovolts = grid.get_voltage_levels().loc[found["voltage_level_id"], "nominal_v"].to_numpy()
    assert abs(found["v_mag"].to_numpy() / kilovolts - sol.buses["vm"]).max() < SAME
    off = np.radians(found["v_angle"].to_numpy() - sol.buses["va_deg"].to_numpy())
    assert abs(off - off[0]).max() < SAME


def test_the_power_of_an_hvdc_line_turns_round(tmp_path):
    free, zero = [np.nan] * 4, [0.0] * 4
    wide = {"pmin": [-0.5] * 4, "pmax": [0.5] * 4, "loss0": zero, "loss1": zero}
    grid, net = of_powsybl(dc_lines(), tmp_path)
    sol = solved(net.replace(dcline={**wide, "tan_phi_f": free, "tan_phi_t": free}))
    back = sol.dclines["pf_mw"].to_numpy() < -1e-3
    assert back.any()
    before = grid.get_hvdc_lines().loc[net.dcline.name[:3].tolist(), "converters_mode"]
    sol.to_pypowsybl(grid)
    after = grid.get_hvdc_lines().loc[net.dcline.name[:3].tolist()]
    assert ((before != after["converters_mode"]).to_numpy() == back).all()
    assert (after["target_p"] >= 0).all()


def test_a_network_of_pypowsybl_in_per_unit_is_filled_in_its_own_units(tmp_path):
    grid, net = of_powsybl(scopf.load_case("case9"), tmp_path)
    sol, names = solved(net), net.gen.name.tolist()
    grid.per_unit = True
    sol.to_pypowsybl(grid)
    assert grid.per_unit
    grid.per_unit = False
    targets = grid.get_generators().loc[names, "target_p"]
    assert targets.to_numpy() == pytest.approx(sol.gens["p_mw"], rel=1e-12)
    vm = grid.get_buses().loc[net.bus.name.tolist(), "v_mag"].to_numpy() / net.bus.base_kv
    assert vm == pytest.approx(sol.buses["vm"], rel=1e-12)


def test_what_pypowsybl_lacks_is_named_all_at_once(tmp_path):
    grid, net = of_powsybl(scopf.load_case("case9"), tmp_path)
    names = {"bus": {"name": ["nowhere", *net.bus.name[1:]]}, "gen": {"name": ["X", "B2-G1", ""]}}
    sol = solved(net.replace(**names))
    with pytest.raises(scopf.ScopfError, match=r"buses nowhere; units X, \(without a name\)"):
        sol.to_pypowsybl(grid)
    with pytest.raises(scopf.ScopfError, match="takes a pypowsybl network, not str"):
        sol.to_pypowsybl("grid")


# -- PyPSA -----------------------------------------------


def of_pypsa(net):
    """A network of PyPSA with two snapshots and the names of elements of ours."""
    pypsa = pytest.importorskip("pypsa")
    n, base = pypsa.Network(), net.base_mva
    n.set_snapshots(["noon", "night"])
    name = dict(zip(net.bus.id.tolist(), net.bus.name, strict=True))
    bus, gen, branch = net.bus, net.gen, net.branch
    for k, own in enumerate(bus.name):
        n.add("Bus", own, v_nom=float(bus.base_kv[k]))
        n.add("Load", own, bus=own, p_set=bus.pd[k] * base, q_set=bus.qd[k] * base)
    for k, own in enumerate(gen.name):
        reference = bus.type[net.gen_at[k]] == 3
        kind = "StorageUnit" if k == 2 else "Generator"
        n.add(kind, own, bus=name[int(gen.bus[k])], control="Slack" if reference else "PV")
    for k, own in enumerate(branch.name):
        f, t = (name[int(end[k])] for end in (branch.from_bus, branch.to_bus))
        kv = float(bus.base_kv[net.branch_from[k]])
        z = kv**2 / base
        if branch.tap[k] == 1 and branch.shift[k] == 0:
            n.add("Line", own, bus0=t, bus1=f, r=branch.r[k] * z, x=branch.x[k] * z,
                  b=branch.b[k] / z, s_nom=100)  # fmt: skip
        else:
            n.add("Transformer", own, bus0=f, bus1=t, r=branch.r[k], x=branch.x[k], b=branch.b[k],
                  s_nom=base, model="pi", tap_ratio=branch.tap[k],
                  phase_shift=np.degrees(branch.shift[k]))  # fmt: skip
    for own, f, t in zip(net.dcline.name, net.dcline.from_bus, net.dcline.to_bus, strict=True):
        n.add("Link", own, bus0=name[int(f)], bus1=name[int(t)], p_nom=100)
    return n


def named(net):
    names = {"bus": [f"b{i}" for i in net.bus.id], "gen": [f"g{i}" for i in net.gen.id],
             "branch": [f"l{i}" for i in net.branch.id],
             "dcline": [f"d{i}" for i in net.dcline.id]}  # fmt: skip
    return net.replace(**{key: {"name": own} for key, own in names.items() if own})


@pytest.mark.parametrize("make", [several_units, shifting])
@pytest.mark.parametrize("snapshot", [None, "night"])
def test_pypsa_stays_at_the_dispatch(make, snapshot):
    net = named(make())
    n, sol = of_pypsa(net), solved(net)
    sol.to_pypsa(n, snapshot)
    label = snapshot or "noon"
    frames = {
        (table, key): getattr(n, f"{table}_t")[key].loc[label].copy()
        for table, keys in (("lines", ("p0", "q0", "p1", "q1")), ("buses", ("v_mag_pu", "v_ang")),
                            ("transformers", ("p0", "q0", "p1", "q1")), ("generators", ("p",)))
        for key in keys
    }  # fmt: skip
    assert n.buses_t["marginal_price"].loc[label, net.bus.name].to_numpy() == pytest.approx(
        sol.buses["lmp_p_per_mwh"], abs=0
    )
    assert n.storage_units_t.p.loc[label, "g3"] == sol.gens["p_mw"][2]
    n.pf([label], x_tol=1e-9)
    for (table, key), before in frames.items():
        after = getattr(n, f"{table}_t")[key].loc[label, before.index]
        scale = 1.0 if table == "buses" else net.base_mva
        off = (after - before).to_numpy() / scale
        off = off - off[:1] if key == "v_ang" else off
        assert np.max(abs(off), initial=0.0) < SAME, (table, key)


def test_the_other_snapshot_keeps_what_it_has():
    net = named(scopf.load_case("case9"))
    n, sol = of_pypsa(net), solved(net)
    n.generators.loc["g1", "p_set"] = 7.0
    sol.to_pypsa(n, "night")
    assert n.generators_t.p_set.loc["noon", "g1"] == 7.0
    assert n.generators_t.p_set.loc["night", "g1"] == sol.gens["p_mw"][0]


def test_a_day_of_hours_is_no_snapshot():
    net = named(scopf.load_case("case9"))
    n, sol = of_pypsa(net), solved(net)
    n.set_snapshots(pd.date_range("2030-01-01", periods=2, freq="h"))
    sol.to_pypsa(n, "2030-01-01 01:00")
    assert n.generators_t.p["g1"].isna().tolist() == [True, False]
    with pytest.raises(scopf.ScopfError, match="there is no snapshot '2030-01-01'"):
        sol.to_pypsa(n, "2030-01-01")


def test_links_of_pypsa_have_their_powers():
    net = named(dc_lines(tan_phi_f=[np.nan] * 4, tan_phi_t=[np.nan] * 4))
    n, sol = of_pypsa(net), solved(net)
    sol.to_pypsa(n)
    assert n.links_t.p0.loc["noon", ["d1", "d2"]].tolist() == sol.dclines["pf_mw"][:2].tolist()
    assert n.links_t.p1.loc["noon", "d1"] == -sol.dclines["pt_mw"][0]


def test_what_pypsa_lacks_is_named_all_at_once():
    net = named(scopf.load_case("case9"))
    n, sol = of_pypsa(net), solved(net)
    n.remove("Generator", "g2")
    n.remove("Line", "l2")
    with pytest.raises(scopf.ScopfError, match="generators g2; lines or transformers l2"):
        sol.to_pypsa(n)
    assert "g1" not in n.generators_t.p
    with pytest.raises(scopf.ScopfError, match="there is no snapshot 'dusk'"):
        sol.to_pypsa(n, "dusk")
    with pytest.raises(scopf.ScopfError, match="takes a PyPSA network, not str"):
        sol.to_pypsa("n")


def test_networks_without_names_are_refused():
    n = of_pypsa(named(scopf.load_case("case9")))
    with pytest.raises(scopf.ScopfError, match=r"lacks buses \(without a name\)"):
        solution("case9").to_pypsa(n)
