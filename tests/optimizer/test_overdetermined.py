"""Problems in which more is fixed than free: the check of a point."""

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf

ALL = ("gen_pg", "gen_qg", "bus_vm", "bus_va")
GROUPS = [("gen_pg", "gen_qg"), ("gen_pg", "bus_vm"), ("gen_pg", "gen_qg", "bus_vm"), ALL]


def fixed(names, case="case9", **keywords):
    """A problem with these variables fixed at an optimum of it, and that optimum."""
    problem = scopf.build(scopf.load_case(case), **keywords)
    first = scopf.solve(problem)
    assert first.status == "optimal"
    for name in names:
        for variable in problem.model.component(name).values():
            variable.fix()
    return problem, first


@pytest.mark.parametrize("form", ["auto", "lifted"])
@pytest.mark.parametrize("names", GROUPS)
def test_a_consistent_point_is_optimal_and_has_no_prices(names, form):
    problem, first = fixed(names, mq=0.2)
    found = scopf.solve(problem, form=form)
    assert found.status == found.accuracy.status == "optimal"
    assert found.message.startswith("the point fulfils all rows, without prices: ")
    assert found.cost == pytest.approx(first.cost, rel=1e-8)
    assert np.allclose(found.buses["va_deg"], first.buses["va_deg"], atol=1e-5)
    assert found.diagnosis is None
    for table in (found.buses, found.gens, found.branches):
        assert table.filter(regex="^(lmp|mu)_").isna().all(axis=None)
    assert found.inverters["nssp_per_pu"].isna().all()
    # rows in which nothing is free are checked and reported as well
    rows = found.accuracy.table.set_index("check")["rows"]
    before = first.accuracy.table.set_index("check")["rows"]
    shared = rows.index.intersection(before.index)
    assert rows[shared].equals(before[shared])
    for column in ("limit_pu", "margin"):
        assert np.allclose(found.inverters[column], first.inverters[column], atol=1e-7)


def test_weights_of_a_criterion_are_in_no_equation():
    problem, first = fixed(("gen_pg", "gen_qg", "bus_vm"), "case14", criterion="weighted")
    problem.model.bus_vm[14].unfix()
    found = scopf.solve(problem)
    assert (found.status, found.claim) == ("optimal", first.claim)
    assert found.buses["lmp_p_per_mwh"].isna().all()
    assert "kink" not in str(found)  # no price is none of many
    output = problem.model.gen_pg[1]
    output.fix(output.value + 0.2)
    assert "is violated by 0.2, and there are more equations" in scopf.solve(problem).message


def test_equal_bounds_fix_as_well():
    net = scopf.load_case("case9")
    point = scopf.solve(scopf.build(net, criterion="none")).point
    gen = {"pmin": point.pg, "pmax": point.pg, "qmin": point.qg, "qmax": point.qg}
    bus = {"vmin": point.vm, "vmax": point.vm}
    held = net.replace(gen=gen, bus=bus)
    assert scopf.solve(scopf.build(held, criterion="none")).status == "optimal"
    more = point.pg + np.array([0.1, 0, 0])
    found = scopf.solve(
        scopf.build(held.replace(gen={"pmin": more, "pmax": more}), criterion="none")
    )
    assert found.status == "infeasible"
    assert "bus_balance_p[1] is violated by 0.1" in found.message


@pytest.mark.parametrize("names", GROUPS)
def test_of_a_point_that_does_not_hold_the_worst_row_is_named(names):
    problem, _ = fixed(names, criterion="none")
    output = problem.model.gen_pg[2]
    output.fix(output.value + 0.2)
    found = scopf.solve(problem)
    assert found.status == "infeasible"
    assert "bus_balance_p[2] is violated by 0.2" in found.message
    assert found.accuracy.violation == pytest.approx(0.2, rel=1e-4)
    assert found.accuracy.worst.where == "bus_balance_p[2]"
    assert np.isnan(found.cost)
    assert found.diagnosis.feasible is False
    output.fix(output.value - 0.2)
    assert scopf.solve(problem).status == "optimal"
    for name in names:
        problem.model.component(name).unfix()
    problem.model.bus_va[1].fix()
    assert scopf.solve(problem).buses["lmp_p_per_mwh"].notna().all()


def test_a_point_to_a_few_digits_is_acceptable():
    problem, _ = fixed(ALL, criterion="none")
    output = problem.model.gen_pg[2]
    output.fix(output.value + 3e-5)
    found = scopf.solve(problem)
    assert found.status == "acceptable"
    assert "bus_balance_p[2] is violated by 3e-05" in found.message


def test_diagnosis_and_check_of_a_point_that_is_fixed_throughout():
    problem, _ = fixed(ALL, "case39", mq=0.1)
    assert scopf.diagnose(problem).feasible is True
    found = scopf.solve(problem, certify=True)
    assert found.certified is found.verify().stable is True
    assert found.rewritten == []


def test_a_row_without_a_free_variable_that_does_not_hold_is_no_crash():
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    m = problem.model
    m.share = pyo.Var(bounds=(0, 3))
    m.share.fix(1.5)
    m.own = pyo.Constraint(expr=m.share <= 1)
    found = scopf.solve(problem)
    assert found.status == "infeasible"
    assert found.message == "own is violated by 0.5, and no free variable is left in some rows"
    assert (found.accuracy.worst.where, found.diagnosis.feasible) == ("own", False)
    assert "own" in found.diagnosis.verdict
    m.share.fix(0.5)
    found = scopf.solve(problem)
    assert found.status == "optimal"
    assert found.buses["lmp_p_per_mwh"].notna().all()


# -- fixed outside of bounds -----------------------------------------------


@pytest.mark.parametrize("own", [False, True])
def test_what_is_fixed_outside_its_bounds_violates_them(own):
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    m = problem.model
    if own:
        m.extra = pyo.Var(bounds=(0.1, 1.2))
        m.link = pyo.Constraint(expr=m.gen_pg[3] <= m.extra)
    m.gen_pg[1].setub(1.2)
    variable, name = (m.extra, "extra") if own else (m.gen_pg[1], "gen_pg[1]")
    variable.fix(1.5, skip_validation=True)
    found = scopf.solve(problem)
    assert found.status == "infeasible"
    assert found.message == f"{name} is fixed at 1.5, outside [0.1, 1.2]"
    assert len(found.attempts) == 1
    family = {one.name: one for one in found.accuracy.families}["other bounds" if own else "gen_pg"]
    assert family.where == name
    assert family.violation == pytest.approx(0.3 / 1.2 if own else 0.3)
    assert found.diagnosis.feasible is False
    assert name in found.diagnosis.verdict
    variable.fix(1.2 + 1e-5, skip_validation=True)  # within what is acceptable
    found = scopf.solve(problem)
    assert found.status == "acceptable"
    assert f"{name} is violated by" in found.message
    variable.fix(1.2)
    assert scopf.solve(problem).status == "optimal"
