"""Ten solves whose cost, prices and JSON stay as they are, whatever becomes of the code.

``python -m tests.test_stored_solves`` stores them again, for a change of numbers that is meant.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import scopf
from scopf.network.tables import DcLines
from scopf.results import export

STORE = Path(__file__).parent / "data" / "stored_solves"
TOLERANCE = 1e-9  # relative to the largest number of the column
TIMES = {"seconds", "solver"}  # these depend on the machine
EXACT = {"tol": 1e-10}  # prices are then those of the optimum to more digits than are compared
MANY = 300  # stability rows up to which all are stored


def paper():
    net = scopf.load_case("case39").lossless()
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), eta_q=0.1)


def many_inverters():
    net = scopf.load_case("case118")
    inverters = scopf.Inverters.at_generators(net, mq=0.35, rating_factor=1.1)
    return scopf.build(net, inverters, q_price=0.4, opportunity_price=2.0, alpha=1.1)


def local_sum(name):
    net = scopf.load_case("case39").lossless()
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=0.5), criterion=name, eta_q=0.1)


def weighted_with_losses():
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=0.19, rating_factor=1.05)
    return scopf.build(net, inverters, criterion="weighted", eta_q=0.2, capability=True)


def plain():
    return scopf.build(scopf.load_case("case118"), criterion="none")


def codesign():
    net = scopf.load_case("case39").lossless()
    return scopf.build(net, criterion="C1", eta_q=0.1, mq_bounds=(0.02, 0.4), stiffness_cost=3.0)


def dc_line():
    net = scopf.load_case("case30")
    one, ends = np.ones(1), {"from_bus": [2], "to_bus": [23], "id": [1], "in_service": [True]}
    line = DcLines(
        **ends, pf=0.1 * one, qf=0 * one, qt=0 * one, vf=one, vt=one, pmin=-0.05 * one,
        pmax=0.2 * one, qminf=-0.1 * one, qmaxf=0.1 * one, qmint=-0.1 * one, qmaxt=0.1 * one,
        loss0=0.001 * one, loss1=0.02 * one, cost=[[0.0, 2.0, 5.0]],
    )  # fmt: skip
    inverters = scopf.Inverters.at_generators(net, mq=1.5)
    return scopf.build(net.replace(dcline=line), inverters, eta_q=0.5, margin=0.001)


def points():
    net = scopf.load_case("case30")
    gen = net.gen
    share = np.array([0.0, 0.3, 0.7, 1.0])
    power = gen.pmin[:, None] + share * (gen.pmax - gen.pmin)[:, None]
    cost = np.array(
        [np.polynomial.polynomial.polyval(x, c) for x, c in zip(power, gen.cost_p, strict=True)]
    )
    stacked = np.stack([power, cost], axis=2)
    net = net.replace(gen={"cost_p": 0 * gen.cost_p, "cost_p_points": stacked})
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=1.5), d=0.1)


SOLVES = {
    "paper": paper,
    "many-inverters": many_inverters,
    "C0": lambda: local_sum("C0"),
    "C1": lambda: local_sum("C1"),
    "C2": lambda: local_sum("C2"),
    "weighted-with-losses": weighted_with_losses,
    "plain": plain,
    "codesign": codesign,
    "dc-line": dc_line,
    "points": points,
}


def found(name):
    """The JSON of a solve, of many stability rows only those that matter."""
    solution = scopf.solve(SOLVES[name](), options=EXACT)
    result = json.loads(export.as_json(solution, {}))
    if len(result["pairs"]) > MANY:
        result["pairs"] = [row for row in result["pairs"] if row["binding"]]
    return result


def leaves(value, path=()):
    """Every plain value with the way to it."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in TIMES:
                yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from leaves(one, (*path, place))
    else:
        yield path, value


def column(path):
    """The way to a value, rows of tables left out."""
    return tuple(key for key in path if isinstance(key, str))


def differences(now, stored):
    """Values that differ, and what they were."""
    ours, theirs = dict(leaves(now)), dict(leaves(stored))
    size = {}
    for path, value in theirs.items():
        if isinstance(value, float):
            size[column(path)] = max(size.get(column(path), 1.0), abs(value))
    return {
        path: (ours.get(path), theirs.get(path))
        for path in {**ours, **theirs}
        if not same(ours.get(path), theirs.get(path), TOLERANCE * size.get(column(path), 1.0))
    }


def same(now, then, tolerance):
    if isinstance(now, float) and isinstance(then, float):
        return abs(now - then) <= tolerance
    return now == then


@pytest.mark.parametrize("name", SOLVES)
def test_a_stored_solve_is_as_it_was(name):
    stored = json.loads((STORE / f"{name}.json").read_text())
    assert stored["solved"]
    assert differences(found(name), stored) == {}


if __name__ == "__main__":
    STORE.mkdir(exist_ok=True)
    for name in SOLVES:
        (STORE / f"{name}.json").write_text(json.dumps(found(name), indent=0) + "\n")
