"""What a summary says about stability, against the dynamics."""

import pickle
from collections import Counter

import numpy as np
import pytest

import scopf
from scopf.dynamics.verification import verify
from scopf.network.kron import Reduction
from scopf.stability import registry
from scopf.stability.line_sums import LineSums
from scopf.stability.setting import Setting
from tests.small_networks import balanced, network, random_network

PROVEN = ("C0", "C1", "C2", "weighted")
HELD = {"bus": {"vmin": [0.95, 0.1, 0.95], "vmax": [1.05, 0.5, 1.05]}}


def solved(net, name, mq, buses=None, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq, buses=buses)
    return scopf.solve(scopf.build(net, inverters, criterion=name, **keywords))


def claims(solution):
    """Whether the summary says that the point is proven stable."""
    said = "is proven for this network" in str(solution)
    assert said != bool(solution.unmet)
    return said


def other_generator():
    """Buses 1 and 3 have inverters, bus 2 a generator that draws much reactive power."""
    net = network(3, [(1, 2, 0, 0.5), (2, 3, 0, 0.5)], [1, 2, 3], loads={1: 1.0, 3: 1.0})
    box = {"pmin": [-9, 1.6, -9], "pmax": [9, 2, 9], "qmin": [-9, -1.5, -9], "qmax": [9, -1, 9]}
    return net.replace(gen=box)


UNSTABLE = {
    "one inverter, losses and loads": (scopf.load_case("case57"), 0.2, [1]),
    "one inverter, loads": (scopf.load_case("case57").lossless(charging=True), 0.2, [1]),
    "a generator that is no inverter": (other_generator(), 0.2, [1, 3]),
    "a reactive load elsewhere": (
        network(3, [(1, 3, 0, 0.2), (2, 3, 0, 0.2)], [1, 2], loads={3: 2.2j, 2: 0.5}), 2.0, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVEN)
@pytest.mark.parametrize("case", UNSTABLE)
def test_nothing_unstable_is_called_proven(case, name):
    net, mq, buses = UNSTABLE[case]
    solution = solved(net, name, mq, buses)
    if solution.solved:
        assert not claims(solution) or solution.verify().stable


def test_what_is_certified_without_doubt_is_stable_on_random_networks():
    criteria, rng = [registry.get(name) for name in PROVEN], np.random.default_rng(5)
    certified, doubted = Counter(), Counter()
    for _ in range(400):
        net, inverters, vm, va = random_network(rng, everywhere=rng.random() < 0.8)
        if rng.random() < 0.8:
            net = net.replace(branch={"shift": 0 * net.branch.shift})
            net = balanced(net, inverters, vm, va)
        inverters = inverters.replace(mq=10 ** rng.uniform(-2, 0.5, len(inverters)))
        setting = Setting(Reduction(net, net.bus_positions(inverters.bus)), inverters)
        by = []
        for criterion in criteria:
            seen = setting.view(criterion.network)
            room = criterion.slack(seen.grid, seen.k, vm[seen.buses], va[seen.buses])
            if criterion.unmet(setting):
                doubted[criterion.name] += 1
            elif room.min() > 0:
                by.append(criterion.name)
        certified.update(by)
        assert not by or verify(net, inverters, vm, va).stable, by
    assert all(certified[name] > 10 for name in PROVEN)
    assert all(doubted[name] > 10 for name in PROVEN if name != "weighted")


def test_rows_that_were_loosened_prove_nothing():
    def made(change):
        net = scopf.load_case("case39").lossless()
        inverters = scopf.Inverters.at_generators(net, mq=0.35)
        problem = scopf.build(net, inverters, criterion="weighted")
        change(problem.model)
        return scopf.solve(problem)

    def raised(m):
        for i in m.inverter:
            m.inverter_gamma_offset[i] = 10.0

    def stricter(m):
        m.inverter_gamma_offset[30] = -1e-2

    assert claims(made(stricter))
    for change in (
        lambda m: m.bus_stability.deactivate(),
        raised,
        lambda m: m.stability_margin.set_value(-0.1),
    ):
        solution = made(change)
        assert not claims(solution)
        assert "the rows do not hold (slack" in str(solution)  # the same slack at every bus
        assert not solution.verify().stable


def test_a_criterion_of_ones_own_is_proven_only_if_it_says_so():
    assert LineSums.claim is None


def test_a_centralised_optimum_past_the_nose_is_not_stable():
    net = network(3, [(1, 2, 0, 0.3), (1, 3, 0, 0.3)], [1, 3], loads={2: 0.4 + 0.1j})
    net = net.replace(**HELD)
    found = scopf.solve_centralised(net, scopf.Inverters.at_generators(net, mq=0.2))
    assert not found.solution.verify().stable
    assert not found.stable


@pytest.mark.parametrize("name", registry.names())
def test_solutions_and_verifications_can_be_pickled(name):
    solution = solved(scopf.load_case("case9").lossless(), name, 0.2)
    check = solution.verify()
    assert len(check.modes)
    assert check.critical_mq > 0
    there, again = pickle.loads(pickle.dumps((solution, check)))
    assert there.pairs.equals(solution.pairs)
    assert there.inverters.equals(solution.inverters)
    assert again.stable == check.stable
    assert len(again.modes) == len(check.modes)


def test_verification_follows_a_grid_strength_set_by_hand():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.31)
    by_hand = scopf.build(net, inverters, criterion="none")
    by_hand.model.alpha = 0.95
    built = scopf.build(net, inverters, criterion="none", alpha=0.95)
    ours, theirs = (scopf.solve(problem).verify() for problem in (by_hand, built))
    assert ours.stable == theirs.stable
    assert ours.critical_mq == pytest.approx(theirs.critical_mq, rel=1e-4)


def test_voltages_that_are_no_power_flow_are_noticed():
    net = scopf.load_case("case39").lossless().energized()
    check = verify(net, scopf.Inverters.at_generators(net), np.ones(39), np.zeros(39))
    assert check.stable is None
    assert "is no power flow" in check.verdict


def test_an_inverter_that_nothing_couples_is_refused():
    net = scopf.load_case("case9").lossless()
    net = net.replace(bus={"pd": 0 * net.bus.pd, "qd": 0 * net.bus.qd})
    for name in ("voltage-difference", "C1"):
        with pytest.raises(scopf.ScopfError, match="use the criterion weighted"):
            solved(net, name, 0.1, [1])


def test_certify_is_a_yes_or_a_no_or_keywords():
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    for given in ("impedance", None, 3):
        with pytest.raises(scopf.ScopfError, match="certify is True, False or keywords"):
            scopf.solve(problem, certify=given)


def test_certifying_leaves_what_was_set_by_hand():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), criterion="weighted")
    problem.model.inverter_gamma_offset[30] = -0.02
    assert scopf.solve(problem, certify=True).certified
    assert problem.model.inverter_gamma_offset[30].value == -0.02
