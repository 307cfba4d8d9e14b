"""pandapower nets: the same physics as pandapower's power flow, the same optimum, and back."""

import copy
import logging
import subprocess
import sys

import numpy as np
import pandapower
import pandapower.networks as networks
import pandas as pd
import pytest

import scopf
from scopf.cases.pandapower.names import units
from scopf.cases.pandapower.reading import ParsedNet
from tests.cases.pandapower_nets import (
    ELEMENTS,
    base_net,
    mismatch,
    with_switch,
    with_trafo,
    with_trafo3w,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(logging.getLogger("pandapower"), "level", logging.CRITICAL)


# -- elements, one by one -----------------------------------------------


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_element_is_what_pandapower_takes_it_for(name):
    net = base_net()
    ELEMENTS[name](net)
    assert mismatch(net) < 1e-7


def test_open_switches_at_transformers_leave_their_magnetisation():
    for closed_at in (8, 20):
        net = base_net()
        with_trafo(net, i0_percent=2.0, pfe_kw=90.0)
        with_switch(net, "t", 0, closed_at, closed=False)
        net.load = net.load[net.load.bus != 20]
        assert mismatch(net) < 1e-7
    net = base_net()
    with_trafo3w(net)
    with_switch(net, "t3", 0, 10, closed=False)
    net.load = net.load[net.load.bus != 10]
    assert mismatch(net) < 1e-7


NETS = {
    "example_multivoltage": networks.example_multivoltage,
    "example_simple": networks.example_simple,
    "cigre_mv": lambda: networks.create_cigre_network_mv(with_der="all"),
    "cigre_lv": networks.create_cigre_network_lv,
    "case145": networks.case145,
    "case300": networks.case300,
    "iceland": networks.iceland,
    "GBreducednetwork": networks.GBreducednetwork,
    "case1888rte": networks.case1888rte,
    "kerber": networks.create_kerber_dorfnetz,
    "open ring": networks.simple_mv_open_ring_net,
    "asymmetric": networks.ieee_european_lv_asymmetric,
}


@pytest.mark.parametrize("name", NETS)
def test_nets_of_pandapower_are_what_it_takes_them_for(name):
    assert mismatch(NETS[name]()) < 1e-6


@pytest.mark.parametrize(("shifter", "kind"), [(False, "Ratio"), (True, "Ideal")])
def test_tap_changers_of_before_3_0_are_understood(shifter, kind):
    """pandapower 3.5.6 itself refuses to run them."""
    new, old = base_net(), base_net()
    taps = {"tap_pos": 4, "tap_side": "lv", "tap_step_percent": 1.5, "tap_step_degree": np.nan}
    with_trafo(new, tap_changer_type=kind, **taps)
    with_trafo(old, **taps)
    old.trafo = old.trafo.drop(columns="tap_changer_type").assign(tap_phase_shifter=shifter)
    assert scopf.load_case(old) == scopf.load_case(new)


def test_parts_with_an_ext_grid_each_are_islands():
    net = networks.mv_oberrhein()
    sol = optimum(net)
    assert sol.buses.groupby("island").size().tolist() == [114, 71]
    sol.to_pandapower(net)
    assert net.res_ext_grid["p_mw"].to_numpy() == pytest.approx(sol.gens["p_mw"], rel=1e-6)


def test_a_part_without_its_ext_grid_is_left_out():
    net = networks.mv_oberrhein()
    assert mismatch(net) < 1e-6
    net.ext_grid.loc[net.ext_grid.index[1], "in_service"] = False
    assert mismatch(net) < 1e-6


# -- the optimum -----------------------------------------------


def optimum(net, **more):
    return scopf.solve(scopf.build(scopf.load_case(net), criterion="none", **more))


@pytest.mark.parametrize("name", ["case9", "case24_ieee_rts", "case39"])
def test_the_optimum_is_that_of_runopp(name):
    net = getattr(networks, name)()
    sol = optimum(net)
    pandapower.runopp(net)
    assert sol.cost == pytest.approx(net.res_cost, rel=1e-6)
    theirs = net.res_bus.lam_p.to_numpy()
    sol.to_pandapower(net)
    assert net.res_bus.lam_p.to_numpy() == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("name", ["case5", "case30"])
def test_with_limits_of_current_the_optimum_is_that_of_runopp(name):
    net = getattr(networks, name)()
    sol = optimum(net, limit="current")
    pandapower.runopp(net, init="pf")
    assert sol.cost == pytest.approx(net.res_cost, rel=1e-6)
    assert optimum(net).cost != pytest.approx(net.res_cost, rel=1e-3)


def flexible():
    """A net in which everything that pandapower can choose is chosen."""
    net = base_net()
    limits = {"min_q_mvar": -5.0, "max_q_mvar": 5.0, "controllable": True}
    pandapower.create_sgen(net, 8, 5.0, min_p_mw=0.0, max_p_mw=9.0, **limits)
    pandapower.create_load(net, 7, 6.0, 1.0, min_p_mw=2.0, max_p_mw=8.0, **limits)
    pandapower.create_storage(net, 8, 0.0, 10.0, min_p_mw=-3.0, max_p_mw=3.0, **limits)
    pandapower.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=12)
    pandapower.create_poly_cost(net, 1, "load", cp1_eur_per_mw=-24)
    pandapower.create_poly_cost(net, 0, "storage", cp1_eur_per_mw=-25)
    return net


def test_what_can_be_chosen_is_chosen_as_by_runopp():
    net = flexible()
    sol = optimum(net)
    theirs = flexible()
    pandapower.runopp(theirs)
    assert sol.cost == pytest.approx(theirs.res_cost, rel=1e-5)
    sol.to_pandapower(net)
    for table in ("ext_grid", "gen", "sgen", "load", "storage"):
        ours, other = net[f"res_{table}"].p_mw, theirs[f"res_{table}"].p_mw
        assert ours.to_numpy() == pytest.approx(other.to_numpy(), abs=2e-2)


def test_segments_are_costs_as_in_runopp():
    net = base_net()
    net.poly_cost = net.poly_cost.iloc[:0]
    pandapower.create_pwl_cost(net, 0, "ext_grid", [[-90, 0, 15], [0, 20, 25], [20, 90, 40]])
    pandapower.create_pwl_cost(net, 0, "gen", [[0, 12, 20], [12, 50, 32]])
    sol = optimum(net)
    pandapower.runopp(net)
    assert sol.cost == pytest.approx(net.res_cost, rel=1e-5)


def test_a_cost_of_a_load_is_of_what_it_draws():
    net = flexible()
    net.poly_cost.loc[3, ["cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"]] = [100.0, -30.0, 2.0]
    net.load.loc[1, ["min_p_mw", "max_p_mw"]] = [5.0, 5.0]
    net.load.loc[1, ["min_q_mvar", "max_q_mvar"]] = [1.0, 1.0]
    grid = scopf.load_case(net)
    row = grid.gen.name.tolist().index("load 1")
    sol = scopf.solve(scopf.build(grid, criterion="none"))
    assert sol.point.pg[row] * grid.base_mva == pytest.approx(-5.0)
    assert sol.gens.cost_per_h[row] == pytest.approx(100 - 30 * 5 + 2 * 25)


@pytest.mark.parametrize("p", [10.0, -10.0])
@pytest.mark.parametrize("price", [3.0, -3.0])
def test_a_cost_of_a_dcline_is_of_its_own_power_as_in_runopp(p, price):
    net = base_net()
    ends = {f"{end}_q_{side}_mvar": sign * 5.0
            for end, sign in (("min", -1), ("max", 1)) for side in ("from", "to")}  # fmt: skip
    pandapower.create_dcline(net, 3, 8, p, 0.0, 0.0, 1.0, 1.0, max_p_mw=12.0, **ends)
    pandapower.create_poly_cost(net, 0, "dcline", cp1_eur_per_mw=price)
    sol = optimum(net)
    pandapower.runopp(net)
    assert sol.cost == pytest.approx(net.res_cost, rel=1e-5)
    segments = copy.deepcopy(net)
    segments.poly_cost = segments.poly_cost[segments.poly_cost.et != "dcline"]
    pandapower.create_pwl_cost(segments, 0, "dcline", [[-12, 0, price], [0, 12, price]])
    assert optimum(segments).cost == pytest.approx(sol.cost, rel=1e-7)
    net.poly_cost.loc[net.poly_cost.et == "dcline", "cq1_eur_per_mvar"] = 1.0
    with pytest.raises(scopf.CaseError, match="dcline's reactive power"):
        scopf.load_case(net)


def test_set_points_hold_where_nothing_may_be_chosen():
    net = base_net()
    net.gen["controllable"], net.gen["scaling"] = False, 0.5
    sol = optimum(net)
    sol.to_pandapower(net)
    assert net.res_bus.vm_pu[[3, 7]].to_numpy() == pytest.approx([1.01, 1.02], abs=1e-7)
    assert net.res_gen.p_mw[0] == pytest.approx(10.0, abs=1e-6)
    net.ext_grid["controllable"] = True
    assert optimum(net).cost < sol.cost - 1e-4


# -- and back -----------------------------------------------


def compared(net):
    """Every result table of a net against that of a power flow of its own."""
    others = ("res_cost", "res_inverter")  # and the split of Q among machines of one bus is ours
    ours = {key: net[key].copy() for key in net if key.startswith("res_") and key not in others}
    pandapower.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-9)
    seen = set()
    for key, table in ours.items():
        shown = net.get(key, ())
        if not len(table) or not len(shown) or key.endswith(("_est", "_sc", "_3ph")):
            continue
        split = key in ("res_gen", "res_ext_grid", "res_dcline")
        columns = [c for c in table if c in shown and not (split and c.startswith("q_"))]
        assert table[columns].to_numpy(float) == pytest.approx(
            shown[columns].to_numpy(float), abs=1e-5, rel=1e-6, nan_ok=True
        ), key
        seen.add(key)
    return seen


@pytest.mark.parametrize(
    "change",
    ["plain", "voltage-dependent", "xward", "trafo3w, tap", "trafo, shift", "dcline", "dcline back",
     "fused", "loop", "dead end", "impedance", "open line", "asymmetric", "sn_mva"],
)  # fmt: skip
def test_a_dispatch_written_back_is_the_power_flow_of_the_net(change):
    net = flexible()
    ELEMENTS[change](net)
    sol = optimum(net)
    assert sol.solved
    sol.to_pandapower(net, setpoints=True)
    seen = compared(net)
    assert seen >= {"res_bus", "res_line", "res_gen", "res_ext_grid", "res_sgen", "res_load"}


@pytest.mark.parametrize("name", ["example_multivoltage", "case39", "iceland", "cigre_mv"])
def test_nets_of_pandapower_take_their_dispatch_back(name):
    net = NETS.get(name, getattr(networks, name, None))()
    sol = optimum(net)
    sol.to_pandapower(net, setpoints=True)
    compared(net)


def test_a_dcline_at_rest_keeps_its_direction():
    net = base_net()
    ELEMENTS["dcline back"](net)
    net.dcline["max_p_mw"] = 0.0
    sol = optimum(net)
    sol.to_pandapower(net, setpoints=True)
    assert net.dcline.p_mw.abs().max() < 1e-6
    assert scopf.load_case(net).dcline.from_bus.tolist() == sol.net.dcline.from_bus.tolist()
    sol.to_pandapower(net)


def test_set_points_take_slack_from_gens_beside_the_reference(caplog):
    net = networks.case14()
    net.gen["slack"], net.gen.loc[3, "in_service"] = [True, False, False, True], False
    sol = optimum(net)
    sol.to_pandapower(net)
    assert net.gen.slack.tolist() == [True, False, False, True]
    sol.to_pandapower(net, setpoints=True)
    assert "gen 0: slack is taken away" in caplog.text
    assert net.gen.slack.tolist() == [False, False, False, True]
    compared(net)


def test_prices_are_in_the_tables():
    net = flexible()
    grid = scopf.load_case(net)
    of_sgens = units(grid).query("table == 'sgen'").bus
    inv = scopf.Inverters.at_generators(grid, buses=of_sgens, mq=0.3)
    sol = scopf.solve(scopf.build(grid, inv, eta_q=0.1))
    sol.to_pandapower(net)
    assert net.res_inverter.loc[8, "elements"] == "sgen 0+storage 0"
    assert net.res_inverter.loc[8, "nssp_per_pu"] == sol.inverters.nssp_per_pu[0]
    assert net.res_cost == sol.cost
    assert net.OPF_converged
    by_bus = sol.buses.set_index("bus")
    assert net.res_bus.lam_p[7] == by_bus.lmp_p_balance_per_mwh[7]
    assert net.res_bus.lam_q[7] == by_bus.lmp_q_balance_per_mvarh[7]


def test_a_net_that_was_not_solved_is_refused():
    net = base_net()
    sol = optimum(net)
    net.load.loc[0, "p_mw"] += 1.0
    with pytest.raises(scopf.ScopfError, match="differs in pd of bus"):
        sol.to_pandapower(net)
    with pytest.raises(scopf.ScopfError, match="differs in gs of bus, r of branch, b of branch"):
        scopf.solve(scopf.build(scopf.load_case(net).lossless(), criterion="none")).to_pandapower(
            net
        )
    with pytest.raises(scopf.ScopfError, match="takes a pandapower net, not dict"):
        sol.to_pandapower({})


# -- what is said -----------------------------------------------


def test_a_net_is_left_as_it_is():
    net = flexible()
    before = {key: net[key].copy() for key in net if isinstance(net[key], pd.DataFrame)}
    scopf.load_case(net)
    assert all(net[key].equals(table) for key, table in before.items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda net: net.line.drop(columns="x_ohm_per_km", inplace=True),
         "line: has no column x_ohm_per_km"),
        (lambda net: net.load.__setitem__("bus", 99), r"load row 1 \(load 0\): bus 99 is no bus"),
        (lambda net: net.load.__setitem__("p_mw", "much"),
         "p_mw must be a number, got 'much'"),
        (lambda net: net.load.__setitem__("p_mw", np.nan), "p_mw must be a number, got nan"),
        (lambda net: net.line.__setitem__("length_km", 0.0), "length_km must be positive, got 0"),
        (lambda net: net.gen.__setitem__("min_p_mw", 99.0), "gen 0; gen 2 at bus 7.*Pmin 99 MW"),
        (lambda net: net.ext_grid.__setitem__("in_service", False), "nothing sets the angle"),
        (lambda net: net.__setitem__("sn_mva", -1), "sn_mva must be a positive number, got -1"),
        (lambda net: net.__setitem__("f_hz", pd.Series([50])), "f_hz must be a positive number"),
        (lambda net: net.__setitem__("load", 5), "load: is a int and no table"),
        (lambda net: net.__setitem__("load_dc", pd.DataFrame({"in_service": [True]})), "DC grids"),
        (lambda net: pandapower.create_switch(net, 3, 0, et="l")
         * 0 or net.switch.__setitem__("bus", 8), "bus 8 is no end of line 0"),
        (lambda net: pandapower.create_poly_cost(net, 0, "gen", 3, check=False),
         "another cost of p already"),
        (lambda net: net.poly_cost.__setitem__("element", 9), "there is no ext_grid 9"),
        (lambda net: net.line.__setitem__("x_ohm_per_km", [0.3, 0, 0.3])
         or net.line.__setitem__("r_ohm_per_km", [0.3, 0, 0.3]), "line 1; .*zero impedance"),
        (lambda net: pandapower.create_impedance(net, 3, 8, 0.1, 0.2, 50, 0.1, 0.3),
         "differs from that to-from"),
        (lambda net: net.__setitem__("bus", net.bus.set_index(net.bus.index * -1)),
         "the index must be between 0"),
    ],
)  # fmt: skip
def test_faults_are_sentences(change, said):
    net = base_net()
    change(net)
    with pytest.raises(scopf.CaseError, match=said):
        scopf.load_case(net)


def test_what_is_not_represented_can_be_ignored(caplog):
    net = base_net()
    net["load_dc"] = pd.DataFrame({"in_service": [True]})
    grid = scopf.load_case(net, ignore_unsupported=True)
    assert "ignored: load_dc row 1" in grid.approximations[0]
    assert grid.approximations[0] in caplog.text


def test_costs_that_choose_nothing_are_told(caplog):
    net = base_net()
    pandapower.create_sgen(net, 8, 1.0)
    pandapower.create_poly_cost(net, 0, "sgen", 3)
    scopf.load_case(net)
    assert "sgen 0 is not controllable, so its cost is a constant" in caplog.text


def test_what_nothing_supplies_is_told(caplog):
    net = base_net()
    bus = pandapower.create_bus(net, 20.0)
    scopf.load_case(net)
    assert "supplies" not in caplog.text
    load = pandapower.create_load(net, bus, 3.0)
    sgen = pandapower.create_sgen(net, bus, 1.0)
    pandapower.create_load(net, bus, 3.0, in_service=False)
    grid = scopf.load_case(net)
    assert f"supplies load {load}, sgen {sgen}, which is left out" in caplog.text.replace(
        f"sgen {sgen}, load {load}", f"load {load}, sgen {sgen}"
    )
    assert bus not in grid.energized().bus.id
    with pytest.raises(scopf.CaseError, match="no gen with slack supplies"):
        scopf.load_case(net, dead_islands="refuse")


def test_fused_buses_go_by_the_one_with_a_machine():
    net = base_net()
    pandapower.create_bus(net, 110.0, index=1)
    with_switch(net, "b", 7, 1)
    fused_ones = ParsedNet(net).bus_numbers
    assert fused_ones[1] == fused_ones[7] == 7
    assert set(fused_ones) == {3, 7, 8}


def test_a_file_is_not_opened(tmp_path):
    path = tmp_path / "net.json"
    pandapower.to_json(base_net(), str(path))
    with pytest.raises(scopf.CaseError, match="pandapower net in a file") as refused:
        scopf.load_case(path)
    code = "import pandapower, scopf\n" + "\n".join(
        line.strip() for line in str(refused.value).splitlines()[-2:]
    )
    found = {}
    exec(code, found)
    assert found["grid"] == scopf.load_case(base_net())


def test_other_sources_do_without_pandapower():
    code = "import scopf, sys; scopf.load_case('case9'); assert 'pandapower' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
