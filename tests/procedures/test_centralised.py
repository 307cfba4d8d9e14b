"""The centralised baseline: gain margin, test functions, prices, search for a stable optimum."""

from dataclasses import replace

import numpy as np
import pytest

import scopf
from scopf.dynamics.gain_margin import gain_margin
from scopf.engine.nlp import NLP
from scopf.network.susceptances import Grid
from scopf.stability.bordered import SingularityTests

DECENTRALIZED = {0.35: 6.6, 0.40: 276.0, 0.45: 1056.0}  # what a sound criterion pays, $/h


def without_conductance(case):
    """Charging and capacitors kept: what case300 needs to be feasible."""
    net = scopf.load_case(case)
    return net.lossless(charging=True)


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def plain(net):
    return scopf.solve(scopf.build(net, criterion="none"))


def central(net, mq, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    return scopf.solve_centralised(net, inverters, **keywords)


def jacobian(net, vm, va):
    """Slopes of the injections (P, Q) over (theta, V), by finite differences."""
    n, y = len(vm), net.ybus()

    def injected(z):
        v = z[n:] * np.exp(1j * z[:n])
        s = v * (y @ v).conj()
        return np.concatenate([s.real, s.imag])

    z, steps = np.concatenate([va, vm]), 1e-6 * np.eye(2 * n)
    return np.array([(injected(z + h) - injected(z - h)) / 2e-6 for h in steps]).T


def unstable(slopes, at, n, mq, mp=0.05, tau_p=0.1, tau_q=0.1):
    """Unstable eigenvalues of the droop dynamics with algebraic constant-power loads."""
    g, one = len(at), np.eye(len(at))
    own = np.concatenate([at, n + at])
    rest = np.setdiff1d(np.arange(2 * n), own)
    a, b = slopes[np.ix_(own, own)], slopes[np.ix_(own, rest)]
    c, d = slopes[np.ix_(rest, own)], slopes[np.ix_(rest, rest)]
    s = a - b @ np.linalg.solve(d, c)
    zero = np.zeros((g, g))
    p, q = -mp / tau_p * s[:g], -mq / tau_q * s[g:]
    matrix = np.block([
        [zero, 2 * np.pi * 50 * one, zero],
        [p[:, :g], -one / tau_p, p[:, g:]],
        [q[:, :g], zero, -one / tau_q + q[:, g:]],
    ])  # fmt: skip
    return int((np.linalg.eigvals(matrix).real > 1e-4).sum())


@pytest.mark.parametrize("case", ["case39", "case118", "case300"])
def test_gain_margin_counts_the_unstable_eigenvalues_of_the_dynamics(case):
    """In case300 a bus behind a series capacitor makes the loads' own block indefinite."""
    net = without_conductance(case)
    point = scopf.solve(scopf.build(net, criterion="none")).point
    at, n = np.unique(net.gen_at), len(net.bus)
    slopes = jacobian(net, point.vm, point.va)
    seen = set()
    for mq in (0.05, 0.3, 1.0, 3.0):
        found = gain_margin(Grid.full(net), point.vm, point.va, at, np.full(len(at), 1 / mq))
        assert found.unstable == unstable(slopes, at, n, mq)
        assert (found.stiffness_margin > 0) == (found.unstable == 0)
        seen.add(found.unstable)
    assert found.past_nose == (2 if case == "case300" else 0)
    assert {0, 1} <= seen or {0, 2} <= seen


def test_factor_is_the_way_to_the_critical_droop(net, plain):
    at, vm, va = net.gen_at, plain.point.vm, plain.point.va
    at = np.unique(at)
    found = gain_margin(Grid.full(net), vm, va, at, np.full(len(at), 1 / 0.2))
    assert 0.2 * found.factor == pytest.approx(0.3302, abs=2e-4)
    beyond = gain_margin(Grid.full(net), vm, va, at, np.full(len(at), 1 / (0.2001 * found.factor)))
    assert beyond.unstable == 1


def test_gain_margin_needs_inverters(net, plain):
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(scopf.ScopfError, match="no inverter"):
        gain_margin(Grid.full(net), plain.point.vm, plain.point.va, none, np.zeros(0))


def test_a_bordered_system_holds_at_the_point_it_is_made_at(net, plain):
    """There y = d and t = lambda, so its equations are met and only the row may be violated."""
    inverters = scopf.Inverters.at_generators(net, mq=0.4)
    at, vm = net.bus_positions(inverters.bus), plain.point.vm
    found = gain_margin(Grid.full(net), vm, plain.point.va, at, 1 / inverters.k)
    tests = SingularityTests.at(found, vm, at, 1 / inverters.k, 2)
    problem = scopf.build(net, inverters, criterion=tests)
    nlp = NLP(problem.formulation)
    x = np.concatenate([plain.iterate.x, nlp.start[len(plain.iterate.x) :]])
    rows = nlp.constraints(x)
    for name in ("bordered_balance_va", "bordered_balance_vm"):
        assert rows[nlp.row_numbers(name)] == pytest.approx(0, abs=1e-6)
    assert rows[nlp.row_numbers("bordered_scale")] == pytest.approx(1)
    assert rows[nlp.row_numbers("inverter_stability")] == pytest.approx(found.eigenvalues[:2])


def test_stable_optimum_is_the_plain_one_below_the_limit(net):
    result = central(net, 0.30)
    assert result.stable
    assert len(result.rounds) == 1
    assert result.inverters["price_per_stiffness"].to_numpy() == pytest.approx(0)


@pytest.mark.parametrize("mq", DECENTRALIZED)
def test_cost_lies_between_the_plain_and_a_decentralized_one(net, plain, mq):
    result = central(net, mq)
    assert result.stable
    assert result.gain_margin.unstable == 0
    assert result.gain_margin.stiffness_margin == pytest.approx(1e-4, rel=0.01)
    assert 0 < result.cost - plain.cost < DECENTRALIZED[mq]


@pytest.mark.parametrize("eta_q", [0.0, 0.1])
def test_prices_are_slopes_of_the_cost(net, eta_q):
    droop = dict.fromkeys(range(30, 40), 0.40)
    result = central(net, droop, eta_q=eta_q)
    table = result.inverters.set_index("bus")
    assert (table["price_per_stiffness"] >= 0).all()
    for bus in table["dcost_dmq"].nlargest(2).index:
        costs = [central(net, {**droop, bus: 0.40 + h}, eta_q=eta_q).cost for h in (-1e-3, 1e-3)]
        slope = (costs[1] - costs[0]) / 2e-3
        assert table.loc[bus, "dcost_dmq"] == pytest.approx(slope, rel=5e-3)
        assert slope > 1


def test_other_starts_find_no_cheaper_stable_point(net):
    """Starts up to 30 % of the boxes' width away, in all variables."""
    best = central(net, 0.40)
    inverters = scopf.Inverters.at_generators(net, mq=0.40)
    at, point = net.bus_positions(inverters.bus), best.solution.point
    tests = SingularityTests.at(best.gain_margin, point.vm, at, 1 / inverters.k, 1)
    problem = scopf.build(net, inverters, criterion=tests, margin=1e-4)
    rng = np.random.default_rng(1)
    costs = []
    for _ in range(5):
        for name, centre in (("bus_vm", point.vm), ("gen_pg", point.pg), ("gen_qg", point.qg)):
            variable = problem.formulation[name]
            away = 0.3 * rng.uniform(-1, 1, len(centre)) * (variable.upper - variable.lower)
            variable.start[:] = np.clip(centre + away, variable.lower, variable.upper)
        problem.formulation["bus_va"].start[:] = point.va + rng.uniform(-0.1, 0.1, len(net.bus))
        found = scopf.solve(problem, start="flat", form="reduced", max_iter=150)
        if found.solved:
            left = gain_margin(Grid.full(net), found.point.vm, found.point.va, at, 1 / inverters.k)
            costs += [found.cost] if left.stiffness_margin > 0 else []
    assert len(costs) >= 3
    assert min(costs) >= best.cost - 1e-3


def test_walk_goes_on_from_where_it_is_stable(net, monkeypatch):
    """A first solve that fails is followed by steps; the end is the same."""
    from scopf.procedures import centralised as module

    straight = central(net, 0.45)
    first = []

    def once_lost(problem, **keywords):
        found = scopf.solve(problem, **keywords)
        if problem.criterion.name == "singularity-test" and not first:
            first.append(found)
            return replace(found, status=scopf.Status.FAILED)
        return found

    monkeypatch.setattr(module, "solve", once_lost)
    result = central(net, 0.45)
    assert result.stable
    assert [r.share for r in result.rounds][:2] == [1.0, 1.0]
    assert 0.8 < result.rounds[2].share < 0.95
    assert result.cost == pytest.approx(straight.cost, abs=0.05)


def test_droops_beyond_every_stable_point_are_said_to_be(net):
    result = central(net, 2.0, time_limit=1.0)
    assert not result.stable
    assert np.isnan(result.cost)
    assert result.inverters["price_per_stiffness"].isna().all()


def test_what_does_not_fit_is_refused(net):
    with pytest.raises(scopf.ScopfError, match=r"net\.lossless"):
        scopf.solve_centralised(scopf.load_case("case39"))
    with pytest.raises(scopf.ScopfError, match="stiffness_margin"):
        scopf.solve_centralised(net, stiffness_margin=0.0)
    found = central(net, 0.40)
    with pytest.raises(scopf.ScopfError, match="strength"):
        found.solution.problem.update(alpha=1.1)
