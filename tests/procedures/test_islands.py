"""Networks of several AC islands cost and behave as their parts, and DC lines couple them."""

import numpy as np
import pytest
from scipy import linalg

import scopf
from scopf.model.starts import STARTS
from tests.grids import dc_line, side_by_side
from tests.small_networks import network

CRITERIA = ("none", "voltage-difference", "weighted", "C0", "C1", "C2")
ONES = [scopf.load_case(name).lossless() for name in ("case9", "case39", "case14")]
SOFT = {"mq": 0.12, "eta_q": 0.1}


def solved(net, **keywords):
    return scopf.solve(scopf.build(net, **keywords))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_islands_that_nothing_couples_cost_the_sum_of_their_parts(criterion):
    whole = solved(side_by_side(*ONES), criterion=criterion, **SOFT)
    parts = [solved(net, criterion=criterion, **SOFT) for net in ONES]
    assert whole.cost == pytest.approx(sum(one.cost for one in parts), rel=1e-9)
    assert whole.claim == parts[0].claim
    lmp = np.concatenate([one.buses["lmp_p_per_mwh"] for one in parts])
    assert whole.buses["lmp_p_per_mwh"].to_numpy() == pytest.approx(lmp, rel=1e-5)
    assert whole.buses["island"].tolist() == [1] * 9 + [2] * 39 + [3] * 14
    assert whole.inverters.groupby("island").size().tolist() == [3, 10, 5]
    if criterion != "none":
        nssp = np.concatenate([one.inverters["nssp_per_pu"] for one in parts])
        assert whole.inverters["nssp_per_pu"].to_numpy() == pytest.approx(nssp, rel=1e-3, abs=1e-2)
        margin = np.concatenate([one.inverters["margin"] for one in parts])
        assert whole.inverters["margin"].to_numpy() == pytest.approx(margin, abs=1e-3)


def test_a_network_of_one_island_has_no_column_island():
    assert "island" not in solved(ONES[0]).buses


def test_the_optimum_of_two_replicates_is_that_of_powermodels():
    """case6 of its tests: case3_lmbd twice; 11625.3 (J. Lee, C. Coffrin et al.)."""
    one = scopf.load_case("pglib_opf_case3_lmbd")
    assert solved(side_by_side(one, one), criterion="none").cost == pytest.approx(11625.3, abs=0.05)


@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_prices_across_a_dc_line_are_finite_differences(form):
    net = side_by_side(scopf.load_case("case9"), scopf.load_case("case14"), dcline=dc_line(5, 1010))
    sol = scopf.solve(scopf.build(net, criterion="weighted", **SOFT), form=form)
    assert sol.dclines["pt_mw"].iloc[0] == pytest.approx(48.9)
    step = 1e-3
    for bus in (7, 1014):
        costs = []
        for sign in (1, -1):
            load = net.bus.pd + sign * step * (net.bus.id == bus)
            costs.append(solved(net.replace(bus={"pd": load}), criterion="weighted", **SOFT).cost)
        price = sol.buses.set_index("bus").at[bus, "lmp_p_per_mwh"]
        assert (costs[0] - costs[1]) / (2 * step * 100) == pytest.approx(price, rel=1e-6)


def eigenvalues(net, inverters, vm, va):
    """All eigenvalues with absolute angles, from finite differences of the equations by hand."""
    n, at, w = len(net.bus), net.bus_positions(inverters.bus), 2 * np.pi * 60
    rest, m, y = np.setdiff1d(np.arange(n), at), len(at), net.ybus().toarray()

    def powers(v, angle):
        phasor = v * np.exp(1j * angle)
        return phasor * (y @ phasor).conj()

    def derivative(x):  # angles, dw, voltages at inverters; angles and voltages elsewhere
        angle, v = np.zeros(n), np.zeros(n)
        angle[at], dw, v[at] = x[:m], x[m : 2 * m], x[2 * m : 3 * m]
        angle[rest], v[rest] = x[3 * m : 3 * m + n - m], x[3 * m + n - m :]
        ds = powers(v, angle) - powers(vm, va)
        swing = -(dw + inverters.mp * inverters.beta_p * ds.real[at]) / inverters.tau_p
        rise = -(v[at] - vm[at] + inverters.k * ds.imag[at]) / inverters.tau_q
        return np.concatenate([w * dw, swing, rise, ds.real[rest], ds.imag[rest]])

    x = np.concatenate([va[at], np.zeros(m), vm[at], va[rest], vm[rest]])
    step, unit = 1e-6, np.eye(len(x))
    a = np.stack(
        [(derivative(x + step * e) - derivative(x - step * e)) / (2 * step) for e in unit], axis=1
    )
    k = 3 * m
    return linalg.eigvals(a[:k, :k] - a[:k, k:] @ linalg.solve(a[k:, k:], a[k:, :k]))


@pytest.mark.parametrize("losses", [False, True])
def test_eigenvalues_are_those_of_the_islands_together(losses):
    """By independent code there is one zero for each island beside them."""
    ones = [scopf.load_case(name) for name in ("case9", "case39", "case14")]
    net = side_by_side(*(ones if losses else ONES), dcline=dc_line(5, 1010))
    sol = solved(net, criterion="none", mq=0.3)
    check = sol.verify()
    assert check.spectrum.method == "dense"
    own = eigenvalues(sol.net, sol.inverter_data, sol.point.vm, sol.point.va)
    order = np.argsort(np.abs(own))
    assert np.abs(own[order[:3]]).max() < 1e-3 < np.abs(own[order[3]])
    moving, upper = own[order[3:]], check.spectrum.values  # of a pair they have the upper one
    theirs = np.concatenate([upper, upper[upper.imag > 0].conj()])
    assert len(theirs) == len(moving)
    for value in theirs:  # differences may split two that nearly are one
        assert np.abs(moving - value).min() < 2e-4 * (1 + abs(value))
    growing = int((moving.real > 0).sum())
    assert check.unstable == growing
    if not losses:
        assert check.negative == growing


def test_the_gain_margin_is_the_least_of_the_islands():
    whole = solved(side_by_side(*ONES), criterion="weighted", mq=0.05).verify()
    parts = [solved(net, criterion="weighted", mq=0.05).verify() for net in ONES]
    assert whole.critical_factor == pytest.approx(
        min(one.critical_factor for one in parts), rel=1e-4
    )
    worst = [one.critical_factor for one in parts].index(min(one.critical_factor for one in parts))
    soft = solved(side_by_side(*ONES), criterion="none", mq=0.05 * 1.2 * whole.critical_factor)
    check = soft.verify()
    assert not check.stable
    assert check.largest_participation // 1000 == worst
    shares = check.participation.query("mode == 1")
    assert shares[shares["bus"] // 1000 == worst]["share"].sum() == pytest.approx(1.0, abs=1e-6)


def test_the_critical_factor_is_the_least_with_losses_too():
    ones = [scopf.load_case(name) for name in ("case9", "case14")]
    whole = solved(side_by_side(*ones), criterion="none", mq=0.1).verify()
    parts = [solved(net, criterion="none", mq=0.1).verify() for net in ones]
    least = min(one.critical_factor for one in parts)
    assert np.isfinite(least)
    assert whole.critical_factor == pytest.approx(least, rel=1e-4)


def test_the_search_finds_the_modes_of_all_islands():
    sol = solved(side_by_side(*ONES), criterion="none", mq=0.3)
    dense, searched = sol.verify(method="dense"), sol.verify(method="arnoldi")
    right = dense.spectrum.values[dense.spectrum.values.real > searched.spectrum.edge]
    assert searched.spectrum.values[: len(right)] == pytest.approx(right, rel=1e-6)


def test_an_island_without_an_inverter_has_no_claim():
    net = side_by_side(ONES[0], ONES[1], dcline=dc_line(5, 1010))
    held = scopf.Inverters.at_generators(net, buses=[1, 2, 3], mq=0.05)
    for criterion in CRITERIA[1:]:
        sol = solved(net, inverters=held, criterion=criterion)
        assert sol.claim is None
    sol = solved(net, inverters=held, criterion="weighted")
    assert sol.unmet == ("island 2 has no inverter",)
    check = sol.verify()
    assert check.stable is None
    assert "undecided: island 2 (bus 1001, 1002, 1003, 1004, 1005, ... 34 more)" in check.verdict
    assert "elsewhere stable" in check.verdict
    alone = solved(ONES[0], criterion="none", mq=0.05)
    assert check.system.states == alone.verify().system.states == 8
    with pytest.raises(scopf.ScopfError, match="island 2 has no inverter"):
        scopf.solve_centralised(net, held)


def test_inverters_of_other_islands_do_not_make_an_unstable_one_stable():
    net = side_by_side(ONES[0], ONES[1])
    held = scopf.Inverters.at_generators(net, buses=[1, 2, 3], mq=3.0)
    check = solved(net, inverters=held, criterion="none").verify()
    assert check.stable is False


def test_the_centralised_baseline_is_the_sum_of_its_parts():
    soft = [scopf.load_case("case9").lossless(), scopf.load_case("case39").lossless()]
    droops = {1: 0.2, 2: 0.2, 3: 0.2} | {1000 + bus: 0.4 for bus in range(30, 40)}
    net = side_by_side(*soft)
    whole = scopf.solve_centralised(net, scopf.Inverters.at_generators(net, mq=droops))
    parts = [
        scopf.solve_centralised(one, scopf.Inverters.at_generators(one, mq=mq))
        for one, mq in zip(soft, (0.2, 0.4), strict=True)
    ]
    assert whole.stable
    assert whole.rounds[0].stiffness_margin < 0
    assert whole.cost == pytest.approx(sum(part.cost for part in parts), rel=1e-6)


def test_codesign_is_the_sum_of_its_parts():
    bounds = {"mq_bounds": (0.05, 0.4), "criterion": "weighted", "eta_q": 0.1, "q_price": 0.0}
    whole = solved(side_by_side(*ONES[:2]), **bounds)
    parts = [solved(net, **bounds) for net in ONES[:2]]
    assert whole.cost == pytest.approx(sum(part.cost for part in parts), rel=1e-7)


def test_updates_and_warm_starts_work_across_islands():
    net = side_by_side(*ONES[:2], dcline=dc_line(5, 1010))
    problem = scopf.build(net, criterion="weighted", **SOFT)
    first = scopf.solve(problem)
    changes = {"load_scale": {5: 1.1, 1010: 0.9, 1020: 1.05}, "alpha": 1.05, "mq": 0.1}
    warm = scopf.solve(problem.update(**changes), start=first)
    cold = solved(net, criterion="weighted", **(SOFT | changes))
    assert warm.attempt == "warm"
    assert warm.cost == pytest.approx(cold.cost, rel=1e-8)


@pytest.mark.parametrize("start", ["flat", "middle", "dc", "power-flow"])
def test_every_start_meets_the_load_of_every_island(start):
    net = side_by_side(*(scopf.load_case(name) for name in ("case9", "case14")))
    sol = scopf.solve(scopf.build(net, criterion="none"), start=start)
    assert sol.cost == pytest.approx(solved(net, criterion="none").cost, rel=1e-8)
    if start in ("dc", "power-flow"):
        pg = STARTS[start](net)["gen_pg"]
        loads = np.bincount(net.island, net.bus.pd)[1:]
        served = np.bincount(net.island[net.gen_at], pg)[1:]
        assert served == pytest.approx(loads, rel=0.06)


def test_a_lone_inverter_is_no_obstacle():
    """An island of one bus has no row; it is stable by itself."""
    lone = network(1, [], [1], loads={1: 0.4 + 0.1j})
    for criterion in CRITERIA:
        net = side_by_side(ONES[0], lone)
        sol = solved(net, criterion=criterion, mq=0.05)
        assert sol.cost == pytest.approx(
            solved(ONES[0], criterion=criterion, mq=0.05).cost + 0.4 + 0.16, rel=1e-9
        )
        assert sol.verify().stable


def test_a_diagnosis_names_the_island():
    net = side_by_side(scopf.load_case("case9"), scopf.load_case("case14"), dcline=dc_line(5, 1010))
    far = net.bus.id > 1000
    heavy = net.replace(bus={"pd": np.where(far, 4 * net.bus.pd, net.bus.pd)})
    found = scopf.diagnose(scopf.build(heavy))
    assert found.proven
    assert "load above capacity in island 2 (bus 1001, " in found.verdict
    assert "generators there and the imports of DC lines" in found.verdict
    low = np.where(net.bus.id == 1014, 1.06, net.bus.vmin)
    narrow = np.where(net.branch.to_bus == 1014, 0.05, np.inf)
    tight = net.replace(bus={"vmin": low}, branch={"rate": narrow})
    found = scopf.diagnose(scopf.build(tight))
    assert set(found.limits["island"]) == {2}
    assert "in island 2, " in str(found)


def test_a_diagnosis_counts_what_dc_lines_take_away():
    """What a line has to carry is needed beside the loads; unlimited lines are no obstacle."""
    net = side_by_side(scopf.load_case("case9"), scopf.load_case("case14"), dcline=dc_line(5, 1010))
    fixed = net.replace(dcline={"pmin": [7.0], "pmax": [7.0]})
    found = scopf.diagnose(scopf.build(fixed))
    text = (
        "the loads add up to 315 MW and the exports of DC lines to 700 MW, Pmax of all generators "
        "there to 820 MW; 195 MW are missing, or all loads have to be scaled by 0.381 at most"
    )
    assert text in found.verdict
    assert found.limits[["present", "needed"]].to_numpy()[0] == pytest.approx([820.0, 1015.0])
    heavy = np.where(net.bus.id < 1000, 4 * net.bus.pd, net.bus.pd)
    unlimited = net.replace(bus={"pd": heavy}, dcline={"pmax": [np.inf], "loss1": [0.0]})
    found = scopf.diagnose(scopf.build(unlimited))
    assert "load above capacity in island 1 (bus 1, " in found.verdict
