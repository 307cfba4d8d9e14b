"""The power flow against pandapower, and against equations written anew and solved by SciPy."""

import dataclasses

import numpy as np
import pandapower
import pandapower.networks
import pandas as pd
import pytest
from scipy.optimize import fsolve

import scopf
from scopf.cases.pandapower.names import units
from tests.grids import dc_line, side_by_side
from tests.operating_points import NETWORKS, several_units, shifting, solution
from tests.small_networks import network

CASES = ["case9", "case39", "case118", "case300"]
SLACKS = ["droop", "distributed", "reference"]


# -- equations of the test's own -----------------------------------------------


def admittances(net):
    """Bus admittance matrix, branch by branch."""
    n = len(net.bus)
    y = np.diag(net.bus.gs + 1j * net.bus.bs).astype(complex)
    place = {number: k for k, number in enumerate(net.bus.id.tolist())}
    b = net.branch
    for k in range(len(b)):
        i, j = place[b.from_bus[k]], place[b.to_bus[k]]
        series, tap = 1 / (b.r[k] + 1j * b.x[k]), b.tap[k] * np.exp(1j * b.shift[k])
        y[i, i] += (series + 0.5j * b.b[k]) / abs(tap) ** 2
        y[j, j] += series + 0.5j * b.b[k]
        y[i, j] -= series / np.conj(tap)
        y[j, i] -= series / tap
    assert y.shape == (n, n)
    return y


def solved_by_scipy(net, output, held):
    """Voltages and w: `output(w, vm)` are the powers of generators, `held` magnitudes by position.

    At buses that hold their voltage the balance of reactive power is left out.
    """
    y, n, place = admittances(net), len(net.bus), net.bus.id.tolist()
    at = [place.index(bus) for bus in net.gen.bus]
    (reference,) = np.flatnonzero(net.bus.type == 3)
    turning = [k for k in range(n) if k != reference]
    free = [k for k in range(n) if k not in held]

    def parts(x):
        va, vm = np.full(n, net.bus.va[reference]), np.ones(n)
        va[turning], vm[free] = x[: n - 1], x[n - 1 : -1]
        for k, value in held.items():
            vm[k] = value
        return vm, va, x[-1]

    def missing(x):
        vm, va, w = parts(x)
        v = vm * np.exp(1j * va)
        left = -(net.bus.pd + 1j * net.bus.qd) - v * np.conj(y @ v)
        for k, power in zip(at, output(w, vm[at]), strict=True):
            left[k] += power
        return np.concatenate([left.real, left.imag[free]])

    start = np.concatenate([np.full(n - 1, net.bus.va[reference]), np.ones(len(free)), [0.0]])
    found, _, flag, text = fsolve(missing, start, xtol=1e-13, full_output=True)
    assert flag == 1, text
    assert abs(missing(found)).max() < 1e-8
    return parts(found)


@pytest.mark.parametrize("load", [0.8, 1.0, 1.15])
@pytest.mark.parametrize("case", ["case9", "case14"])
def test_droop_is_what_its_equations_say(case, load):
    dispatch = scopf.power_flow(scopf.load_case(case), slack="reference").net
    net = dispatch.scaled(load=load)
    m_p = np.linspace(0.02, 0.1, len(net.gen))
    m_q, beta = np.linspace(0.2, 0.03, len(net.gen)), 0.7
    by_bus = {"mp": m_p, "mq": m_q}
    by_bus = {
        key: dict(zip(net.gen.bus.tolist(), value.tolist(), strict=True))
        for key, value in by_bus.items()
    }
    inv = scopf.Inverters.at_generators(net, **by_bus, beta_q=beta)
    gives = net.gen.pmin < net.gen.pmax

    def output(w, vm):
        p = net.gen.pg - w / m_p * gives
        return p + 1j * (net.gen.qg + (net.gen.vg - vm) / (m_q * beta))

    vm, va, w = solved_by_scipy(net, output, {})
    found = scopf.power_flow(net, inv)
    assert found.converged
    assert found.frequency == pytest.approx([w], abs=1e-9)
    assert bool(w > 1e-4) is (load < 1)
    np.testing.assert_allclose(found.vm, vm, atol=1e-8)
    np.testing.assert_allclose(found.va, va, atol=1e-8)
    power = output(w, vm[net.gen_at])
    np.testing.assert_allclose(found.pg + 1j * found.qg, power, atol=1e-8)


def test_a_generator_without_an_inverter_holds_power_and_voltage():
    net = scopf.load_case("case9").scaled(load=1.1)
    inv = scopf.Inverters.at_generators(net, buses=[1, 3])

    def output(w, vm):
        p, q = net.gen.pg.copy(), net.gen.qg.copy()
        p[[0, 2]] -= w / 0.05
        q[[0, 2]] += (net.gen.vg - vm)[[0, 2]] / 0.05
        return p + 1j * q

    vm, va, w = solved_by_scipy(net, output, {1: net.gen.vg[1]})
    found = scopf.power_flow(net, inv)
    np.testing.assert_allclose(found.vm, vm, atol=1e-8)
    np.testing.assert_allclose(found.va, va, atol=1e-8)
    assert found.frequency == pytest.approx([w])
    assert found.pg[1] == net.gen.pg[1]
    assert found.vm[1] == net.gen.vg[1]
    assert found.frequency_hz(50) == pytest.approx([50 * (1 + w)])


def test_a_distributed_slack_is_what_its_equations_say():
    net = scopf.load_case("case9").scaled(load=1.2)
    weights = {1: 1.0, 3: 3.0}
    held = dict(enumerate(net.gen.vg.tolist()))

    def output(w, vm):
        return net.gen.pg - w * np.array([0.25, 0.0, 0.75]) + 0j

    vm, va, w = solved_by_scipy(net, output, held)
    found = scopf.power_flow(net, slack="distributed", weights=weights)
    np.testing.assert_allclose(found.vm, vm, atol=1e-8)
    np.testing.assert_allclose(found.va, va, atol=1e-8)
    np.testing.assert_allclose(found.pg, output(w, vm).real, atol=1e-8)
    assert found.frequency.tolist() == [0.0]
    assert found.islands.p_taken_mw[0] == pytest.approx(-w * 100)


# -- pandapower -----------------------------------------------

pandapower_warns = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


def run(net, **settings):
    """pandapower's power flow of its own net."""
    pandapower.runpp(
        net, numba=False, calculate_voltage_angles=True, tolerance_mva=1e-9, **settings
    )


def assert_same(net, found):
    """Voltages and powers of every bus and machine are those of pandapower's tables."""
    theirs, ours = net.res_bus, found.buses.set_index("bus")
    np.testing.assert_allclose(ours.vm, theirs.vm_pu.loc[ours.index], atol=1e-8)
    np.testing.assert_allclose(ours.va_deg, theirs.va_degree.loc[ours.index], atol=1e-6)
    machines = found.gens.merge(units(found.operated), on="gen")
    for row in machines.to_dict("records"):
        table = net[f"res_{row['table']}"].loc[row["element"]]
        sign = -1 if row["table"] in ("load", "storage") else 1
        assert row["p_mw"] == pytest.approx(sign * table.p_mw, abs=1e-5), row
    names = found.operated.branch.name.tolist()
    flows = found.branches.assign(name=names).set_index("name")
    for number, row in net.res_line.iterrows():
        ours = flows.loc[f"line {number}", ["pf_mw", "qf_mvar", "pt_mw", "qt_mvar"]].tolist()
        theirs = row[["p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"]].tolist()
        assert ours == pytest.approx(theirs, abs=1e-4)


@pandapower_warns
@pytest.mark.parametrize("case", CASES)
def test_a_reference_bus_is_that_of_pandapower(case):
    net = getattr(pandapower.networks, case)()
    run(net)
    found = scopf.power_flow(scopf.load_case(net), slack="reference", start="dc")
    assert found.converged
    assert found.start == "dc"
    assert_same(net, found)


@pandapower_warns
@pytest.mark.parametrize("case", CASES)
def test_a_distributed_slack_is_that_of_pandapower(case):
    net = getattr(pandapower.networks, case)()
    net.gen["slack_weight"] = np.arange(len(net.gen)) % 4 + 0.5
    net.ext_grid["slack_weight"] = 2.0
    net.load[["p_mw", "q_mvar"]] *= 0.97
    grid = scopf.load_case(net)
    of = units(grid)
    weights = {
        row.gen: net[row.table].slack_weight[row.element]
        for row in of.itertuples()
        if row.table in ("gen", "ext_grid")
    }
    run(net, distributed_slack=True)
    found = scopf.power_flow(grid, slack="distributed", weights=weights)
    assert found.converged
    assert_same(net, found)


@pandapower_warns
@pytest.mark.parametrize("case", ["case39", "case118"])
def test_limits_of_reactive_power_are_kept_as_pandapower_keeps_them(case):
    net = getattr(pandapower.networks, case)()
    middle = 0.5 * (net.gen.max_q_mvar + net.gen.min_q_mvar)
    net.gen["max_q_mvar"] = middle + 0.2 * (net.gen.max_q_mvar - middle)
    net.gen["min_q_mvar"] = middle - 0.2 * (middle - net.gen.min_q_mvar)
    net.ext_grid[["max_q_mvar", "min_q_mvar"]] = [1e4, -1e4]
    run(net, enforce_q_lims=True)
    found = scopf.power_flow(scopf.load_case(net), slack="reference", q_limits=True)
    assert len(found.at_limit) > 3
    assert_same(net, found)
    assert "reactive power" not in set(found.violations.what)
    free = scopf.power_flow(scopf.load_case(net), slack="reference")
    assert "reactive power" in set(free.violations.what)
    assert set(found.at_limit) >= set(
        free.gens.bus[free.gens.gen.isin(_numbers(free.violations, "reactive power"))]
    )


def _numbers(violations, what):
    of = violations.element[violations.what == what]
    return [int(text.split()[1].strip(",")) for text in of]


# -- fixed points -----------------------------------------------


@pytest.mark.parametrize("slack", SLACKS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_solved_dispatch_is_a_power_flow_of_itself(name, slack):
    sol = solution(name)
    found = scopf.power_flow(sol, slack=slack)
    assert found.converged, found.message
    np.testing.assert_allclose(found.vm, sol.point.vm, atol=1e-6)
    np.testing.assert_allclose(found.va, sol.point.va, atol=1e-6)
    np.testing.assert_allclose(found.frequency, 0.0, atol=1e-8)
    np.testing.assert_allclose(found.pg, sol.point.pg, atol=1e-6)
    same = ["pf_mw", "qf_mvar", "pt_mw", "qt_mvar", "p_loss_mw", "loading_percent"]
    ours, theirs = found.branches, sol.branches
    np.testing.assert_allclose(ours[same], theirs[same], atol=1e-3)
    assert list(ours.columns) == [c for c in theirs.columns if not c.startswith("mu_")]
    net = scopf.power_flow(sol.net, slack=slack).net
    assert len(net.branch) == len(sol.net.branch)
    assert scopf.power_flow(net, slack=slack).converged


def test_the_point_is_a_power_flow_by_any_slack():
    net = scopf.power_flow(scopf.load_case("case39").scaled(load=1.05)).net
    for slack in SLACKS:
        again = scopf.power_flow(net, slack=slack)
        assert again.iterations <= 1
        np.testing.assert_allclose(again.vm, net.bus.vm, atol=1e-9)


# -- kinds of networks -----------------------------------------------


def test_every_island_has_a_frequency_of_its_own():
    one, other = scopf.load_case("case9"), scopf.load_case("case14")
    both = side_by_side(one.scaled(load=1.1), other.scaled(load=0.9))
    found = scopf.power_flow(both)
    alone = [scopf.power_flow(net) for net in (one.scaled(load=1.1), other.scaled(load=0.9))]
    assert found.frequency == pytest.approx([each.frequency[0] for each in alone])
    np.testing.assert_allclose(found.vm, np.concatenate([each.vm for each in alone]), atol=1e-9)
    assert found.frequency[0] < 0 < found.frequency[1]
    assert found.buses.island.tolist() == [1] * 9 + [2] * 14
    assert "f - f0" in str(found)


def test_an_island_that_does_not_converge_leaves_the_other_alone():
    net = scopf.load_case("case9")
    found = scopf.power_flow(side_by_side(net, net.scaled(load=9)), slack="reference")
    assert not found.converged
    assert found.settled.tolist() == [True, False]
    alone = scopf.power_flow(net, slack="reference")
    np.testing.assert_allclose(found.vm[:9], alone.vm, atol=1e-9)
    assert np.isnan(found.vm[9:]).all()
    assert found.message.startswith("island 2 of 2: no convergence")
    with pytest.raises(scopf.ScopfError, match="no operating point: island 2 of 2"):
        _ = found.net
    assert "island" in str(found)


def test_an_island_without_an_inverter_has_to_balance_by_itself():
    net = scopf.load_case("case9")
    balanced = scopf.power_flow(net, slack="reference").net
    both = side_by_side(net.scaled(load=1.1), balanced)
    inv = scopf.Inverters.at_generators(both, buses=[1, 2, 3])
    found = scopf.power_flow(both, inv)
    assert found.converged
    assert found.frequency[0] < 0
    assert np.isnan(found.frequency[1])
    found = scopf.power_flow(side_by_side(net, balanced.scaled(load=1.1)), inv)
    assert not found.converged
    assert "island 2 of 2: nothing there takes up active power" in found.message


def test_dc_lines_keep_their_powers():
    nets = scopf.load_case("case9"), scopf.load_case("case9")
    line = dc_line(5, 1005).replace(pf=[0.4], qf=[0.05], qt=[-0.02])
    both = side_by_side(*nets, dcline=line)
    found = scopf.power_flow(both, slack="reference")
    sent, received = 0.4, 0.4 * 0.98 - 0.001
    for net, p, q, here in (
        (nets[0], -sent, 0.05, slice(9)),
        (nets[1], received, -0.02, slice(9, 18)),
    ):
        at = net.bus.id == 5
        alone = net.replace(bus={"pd": net.bus.pd - p * at, "qd": net.bus.qd - q * at})
        expected = scopf.power_flow(alone, slack="reference")
        np.testing.assert_allclose(found.vm[here], expected.vm, atol=1e-9)
        np.testing.assert_allclose(found.va[here], expected.va, atol=1e-9)
    assert found.dclines.p_loss_mw.tolist() == pytest.approx([100 * (sent - received)])
    generation, load = found.gens.p_mw.sum(), found.buses.p_load_mw.sum()
    assert found.loss_mw == pytest.approx(generation - load)


def test_phase_shifters_and_several_units():
    net = shifting()
    inverse = scopf.power_flow(net, slack="reference", start="flat")
    y = admittances(net)
    v = inverse.vm * np.exp(1j * inverse.va)
    power = v * np.conj(y @ v) + net.bus.pd + 1j * net.bus.qd
    np.add.at(power, net.gen_at, -(inverse.pg + 1j * inverse.qg))
    assert abs(power).max() < 1e-8
    several = several_units()
    found = scopf.power_flow(several, slack="reference")
    gens, gen = found.gens, several.gen
    here = gens.bus == 1
    moved = (gens.p_mw - gens.p_set_mw)[here] / gen.pmax[here]
    assert np.ptp(moved) < 1e-9
    assert abs(moved).min() > 0
    used = (found.qg - gen.qmin) / (gen.qmax - gen.qmin)
    for bus in (1, 2):
        assert np.ptp(used[gen.bus == bus]) < 1e-9
    units_of = scopf.power_flow(several)
    assert units_of.converged
    move = (units_of.qg - gen.qg)[gen.bus == 1]
    assert np.ptp(move) < 1e-9  # their droops are alike


def test_participation_factors_of_the_case_come_before_pmax():
    net = scopf.load_case("case9").scaled(load=1.1)
    taken = scopf.power_flow(net, slack="distributed").gens.eval("p_mw - p_set_mw")
    assert (taken / taken.sum()).tolist() == pytest.approx(net.gen.pmax / net.gen.pmax.sum())
    with_factors = net.replace(gen={"apf": [0.0, 2.0, 6.0]})
    taken = scopf.power_flow(with_factors, slack="distributed").gens.eval("p_mw - p_set_mw")
    assert taken.tolist() == pytest.approx([0.0, 0.25 * taken.sum(), 0.75 * taken.sum()], abs=1e-9)


def test_a_plain_bus_with_a_generator_keeps_q_as_in_matpower():
    net = scopf.load_case("case9")
    kind = np.where(net.bus.id == 3, 1, net.bus.type)
    net = net.replace(bus={"type": kind}, gen={"qg": [0.0, 0.0, 0.1]})
    found = scopf.power_flow(net, slack="reference")
    assert found.qg[2] == 0.1
    assert found.vm[2] != pytest.approx(net.gen.vg[2], abs=1e-4)


def test_reference_buses_keep_their_angles_and_one_without_a_generator_is_no_slack():
    net = scopf.load_case("case9")
    kind, va = net.bus.type.copy(), net.bus.va.copy()
    kind[1], va[1] = 3, 0.05
    found = scopf.power_flow(net.replace(bus={"type": kind, "va": va}), slack="reference")
    assert found.va[[0, 1]].tolist() == [0.0, 0.05]
    moved = found.gens.p_mw - found.gens.p_set_mw
    assert (abs(moved) > 1).tolist() == [True, True, False]
    kind = np.where(net.bus.id == 5, 3, np.where(kind == 3, 2, kind))
    found = scopf.power_flow(net.replace(bus={"type": kind}), slack="reference")
    assert found.va[4] == 0.0
    moved = found.gens.p_mw - found.gens.p_set_mw
    assert np.flatnonzero(abs(moved) > 1e-6).tolist() == [np.argmax(net.gen.pmax)]


# -- no operating point -----------------------------------------------


@pytest.mark.parametrize("slack", SLACKS)
def test_past_the_nose_is_a_result_and_no_exception(slack):
    net = scopf.load_case("case9").scaled(load=6.0)
    found = scopf.power_flow(net, slack=slack)
    assert not found.converged
    assert "no convergence" in found.message
    bus = int(found.message.rpartition(" ")[2])
    assert bus in net.bus.id
    assert np.isnan(found.buses.vm).all()
    assert found.violations.empty
    assert str(found).endswith(found.message)
    with pytest.raises(scopf.ScopfError, match="there is no operating point"):
        _ = found.net


def test_the_nose_of_two_buses_is_where_it_is_by_hand():
    """V^4 + (2 Q X - 1) V^2 + X^2 (P^2 + Q^2) = 0 has real roots up to P = 1/(2 X) for Q = 0."""
    for p, exists in ((2.49, True), (2.51, False)):
        net = network(2, [(1, 2, 0.0, 0.2)], [1], loads={2: p})
        found = scopf.power_flow(net, slack="reference")
        assert found.converged is exists
        if exists:
            square = (1 + np.sqrt(1 - 4 * 0.04 * p**2)) / 2
            assert found.vm[1] == pytest.approx(np.sqrt(square), abs=1e-7)
            assert found.va[1] == pytest.approx(-np.arcsin(p * 0.2 / found.vm[1]), abs=1e-7)


def test_a_bad_start_is_followed_by_another_one():
    net = scopf.load_case("case118")
    rng = np.random.default_rng(1)
    wild = net.replace(bus={"va": rng.uniform(-3, 3, len(net.bus)), "vm": np.full(118, 0.3)})
    wild = wild.replace(bus={"va": np.where(net.bus.type == 3, net.bus.va, wild.bus.va)})
    found = scopf.power_flow(wild, slack="reference")
    assert found.converged
    assert found.start == "dc"
    np.testing.assert_allclose(found.vm, scopf.power_flow(net, slack="reference").vm, atol=1e-9)


# -- outages, limits, text -----------------------------------------------


def test_outages_are_the_states_of_a_dispatch():
    net = scopf.load_case("case39").lossless()
    inv = scopf.Inverters.at_generators(net, mq=0.1)
    lost = [6, 13, "gen 8"]
    sol = scopf.solve(scopf.build(net, inv, outages=lost, emergency=1.2, frequency_band=0.05))
    assert sol.status == "optimal"
    flows = scopf.power_flow(sol, outages=lost)
    assert [flow.outage for flow in flows] == ["branch 6", "branch 13", "gen 8"]
    for flow in flows:
        assert flow.converged
        if flow.outage in sol.states:
            state = sol.state(flow.outage)
            assert flow.frequency == pytest.approx(state.frequency, abs=1e-7)
            np.testing.assert_allclose(flow.vm, state.buses.vm, atol=1e-6)
            np.testing.assert_allclose(flow.gens.p_mw, state.gens.p_mw, atol=1e-3)
    assert flows[2].frequency[0] < -1e-3
    assert 8 not in flows[2].gens.gen.tolist()
    assert not flows[2].net.gen.in_service[7]
    assert "after gen 8" in str(flows[2])


def test_what_exceeds_its_limit_is_in_a_table():
    net = scopf.load_case("case9").scaled(load=1.9)
    found = scopf.power_flow(net, slack="reference").violations
    assert list(found.columns) == ["what", "element", "value", "limit", "unit"]
    row = found[found.what == "active power"].iloc[0]
    assert row.element == "gen 1 at bus 1"
    flow = scopf.power_flow(net, slack="reference")
    assert row.value == pytest.approx(flow.gens.p_mw[0])
    assert (row.limit, row.unit) == (250.0, "MW")
    low = found[found.what == "voltage"]
    assert (low.value < low.limit).all()
    assert set(low.element) == {f"bus {n}" for n in flow.buses.bus[flow.buses.vm < 0.9]}
    high = flow.branches[flow.branches.loading_percent > 100]
    assert _numbers(found, "loading") == high.branch.tolist()
    text = str(flow)
    assert f"{len(found)} limits are exceeded" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "<table" in flow._repr_html_()


def test_tables_of_an_empty_list_of_violations_have_their_columns():
    found = scopf.power_flow(scopf.load_case("case9"), slack="reference")
    assert "no limit is exceeded" in str(found)
    assert list(found.violations.columns) == ["what", "element", "value", "limit", "unit"]
    assert isinstance(found.tables["violations"], pd.DataFrame)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"slack": "droops"}, "slack is one of .*got 'droops'; did you mean 'droop'"),
        ({"start": "DC-flow"}, "start is one of 'stored', 'dc', 'flat'"),
        ({"weights": {1: 1.0}}, 'weights go with slack="distributed"'),
        ({"slack": "distributed", "weights": {9: 1.0}}, "no generator 9 in service"),
        ({"slack": "distributed", "weights": {1: -1.0}}, "weight of generator 1 must be zero or"),
        ({"slack": "distributed", "weights": {1: 0}}, "at least one has to be above zero"),
        ({"slack": "distributed", "weights": [1, 2]}, "weights must be a mapping"),
        ({"q_limits": 1}, "q_limits is True or False"),
        ({"limit": "amps"}, "limit is one of"),
        ({"outages": ["branch 77"]}, "no branch 77 in service"),
        ({"inv": 3}, "made by Inverters.at_generators"),
    ],
)
def test_arguments_that_make_no_sense_are_said(given, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.power_flow(scopf.load_case("case9"), **given)


def test_what_is_no_network_is_refused():
    with pytest.raises(scopf.ScopfError, match=r"must be a Network .* or a Solution, not str"):
        scopf.power_flow("case9")
    net = scopf.load_case("case9")
    with pytest.raises(scopf.ScopfError, match='inverters go with slack="droop"'):
        scopf.power_flow(net, scopf.Inverters.at_generators(net), "reference")
    with pytest.raises(TypeError, match="did you mean outages"):
        scopf.power_flow(net, outage=[6])
    failed = scopf.solve(scopf.build(net, criterion="none", load_scale=9))
    with pytest.raises(scopf.ScopfError, match="no dispatch to take set points from"):
        scopf.power_flow(failed)
    other = scopf.load_case("case39")
    with pytest.raises(scopf.ScopfError, match="does not have these generators"):
        scopf.power_flow(net, scopf.Inverters.at_generators(other))


def test_out_of_service_is_left_out_and_comes_back_in_the_network():
    net = NETWORKS["out of service"]()
    found = scopf.power_flow(net, slack="reference")
    assert found.converged
    assert len(found.buses) < len(net.bus)
    assert 6 not in found.branches.branch.tolist()
    back = found.net
    assert dataclasses.replace(back.gen, pg=net.gen.pg, qg=net.gen.qg, vg=net.gen.vg) == net.gen
    idle = np.flatnonzero(~net.gen.in_service)
    assert back.gen.pg[idle].tolist() == net.gen.pg[idle].tolist()


def test_voltages_below_zero_are_no_operating_point():
    """The inverter gives Q >= 4 for the load, and is at V = 1 - m_q Q <= -3."""
    net = network(2, [(1, 2, 0.0, 0.05)], [1], loads={2: 4j})
    inv = scopf.Inverters.at_generators(net, mq=1.0)
    found = scopf.power_flow(net, inv)
    assert not found.converged
    assert np.isnan(found.vm).all()
    assert "to voltages above zero" in found.message
