"""Every check of the original problem, against violations computed by hand."""

import numpy as np
import pytest

import scopf
from scopf.model.limits import AngleLimits
from scopf.optimizer.compiled import compiled
from scopf.results import violations

ROOM = 0.25  # by which points are put beyond a limit, rad or per unit


def solved(problem):
    solution = scopf.solve(problem)
    assert solution.solved
    return problem, solution


def found(problem, solution, move):
    """Largest violation of each family after the point was moved."""
    nlp = compiled(problem, False)
    x = solution.iterate.x.copy()
    for name, position, value in move:
        x[nlp.columns(name)[position]] = value
    nlp.load_point(x)
    families = violations.families(
        problem, nlp, x, solution.stability, problem.opf.point(problem.reduction)
    )
    return {one.name: one.violation for one in families}


def test_an_angle_beyond_its_limit():
    net = scopf.load_case("pglib_opf_case30_ieee")
    problem, solution = solved(scopf.build(net, criterion="none"))
    k = 5
    f, t, high = net.branch_from[k], net.branch_to[k], net.branch.angmax[k]
    va = solution.point.va[t] + high + ROOM
    near = [j for j in range(len(net.branch)) if f in (net.branch_from[j], net.branch_to[j])]
    angles = problem.opf.angles
    assert set(near) <= set(angles.branches.tolist())
    moved = found(problem, solution, [("bus_va", f, va)])
    expected = max(
        (abs(va - solution.point.va[i]) - net.branch.angmax[j])
        for j in near
        for i in (net.branch_from[j], net.branch_to[j])
        if i != f
    )
    assert moved["branch_angle"] == pytest.approx(expected, rel=1e-9)
    assert moved["branch_angle"] >= ROOM - 1e-9


def test_an_inverter_beyond_its_circle():
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=0.05, rating_factor=1.1)
    problem, solution = solved(scopf.build(net, inverters, capability=True))
    row = 3
    p = float(inverters.rating[row]) * 1.5
    at = int(np.flatnonzero(net.gen.id == inverters.gens[row][0])[0])
    moved = found(problem, solution, [("gen_pg", at, p)])
    expected = np.hypot(p, solution.point.qg[at]) - inverters.rating[row]
    assert moved["inverter_capability"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("side", ["min", "max"])
def test_a_point_beyond_its_curve(side):
    net = scopf.load_case("case39")
    sign, other, n = (1.0, "min", 10) if side == "max" else (-1.0, "max", 10)
    columns = {name: np.zeros(n) for name in ("pc1", "pc2")}
    columns |= {f"qc{k}{end}": np.zeros(n) for k in (1, 2) for end in ("min", "max")}
    columns["pc2"][2] = 4.0
    for k, q in ((1, 2.0 + sign), (2, 2.0 - sign)):  # slope 1/2, Q = 2 where P = 2
        columns[f"qc{k}{side}"][2], columns[f"qc{k}{other}"][2] = q, -sign * 99.0
    problem, solution = solved(scopf.build(net.replace(gen=columns), criterion="none"))
    moved = found(problem, solution, [("gen_pg", 2, 2.0), ("gen_qg", 2, 2.0 + sign * ROOM)])
    distance = ROOM / np.hypot(0.5, 1.0)  # from the line, along its normal
    assert moved[f"gen_curve_{side}"] == pytest.approx(distance, rel=1e-9)


def test_split_and_lost_opportunity():
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=0.05, rating_factor=1.2)
    costs = {"q_price": 0.3, "opportunity_price": 2.0}
    problem, solution = solved(scopf.build(net, inverters, **costs))
    parts = problem.opf.absolute_cost, problem.opf.opportunity_cost
    up = float(parts[0].supplied.value[1])
    rating = float(inverters.rating[4])
    at = int(np.flatnonzero(net.gen.id == inverters.gens[4][0])[0])
    move = [("gen_qg_supplied", 1, up + ROOM), ("inverter_p_available", 4, rating + ROOM)]
    moved = found(problem, solution, move)
    assert moved["gen_qg_split"] == pytest.approx(ROOM, rel=1e-6)
    expected = np.hypot(rating + ROOM, solution.point.qg[at]) - rating
    assert moved["inverter_opportunity"] == pytest.approx(expected, rel=1e-9)


def test_a_check_that_was_forgotten_is_named(monkeypatch):
    monkeypatch.setattr(AngleLimits, "residuals", lambda self, at: {})
    said = r"branch_angle of AngleLimits have no check.*scopf/model/limits\.py"
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.solve(scopf.build(scopf.load_case("pglib_opf_case30_ieee")))
