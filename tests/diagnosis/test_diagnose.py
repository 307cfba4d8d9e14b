"""Diagnosis: the named limits conflict, and the values that they are said to need are enough."""

import dataclasses
import io
import json
import re
import sys
import threading

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.diagnosis import elastic_solver
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic import Elastic
from scopf.diagnosis.limits import Limits
from scopf.diagnosis.text import outward
from scopf.optimizer import ipopt
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.status import Status
from scopf.optimizer.strategy import Watch
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.small_networks import network

CASE9 = scopf.load_case("case9")
BOX = {
    "Vmin": "vmin",
    "Vmax": "vmax",
    "Pmin": "pmin",
    "Pmax": "pmax",
    "Qmin": "qmin",
    "Qmax": "qmax",
}
BRANCH = {"rating": "rate", "angmin": "angmin", "angmax": "angmax"}


def changed(table, ids, column, value):
    """A column with the values of some members replaced."""
    values = np.array(getattr(table, column))
    values[np.isin(table.id, ids)] = value
    return {column: values}


def gens(net, **columns):
    return net.replace(gen={name: np.array(values) / 100 for name, values in columns.items()})


def amended(net, mq, ratings, row, value):
    """The instance with one limit changed to a value in the unit of the table."""
    number = int(row["element"].split()[1])
    quantity, base = row["quantity"], net.base_mva
    if row["limit"] == "stability rows":
        mq = {**mq, number: value}
    elif row["limit"] == "capability circle":
        ratings = {**ratings, number: value}
    elif quantity in BOX:
        table = "bus" if quantity[0] == "V" else "gen"
        scale = 1.0 if table == "bus" else base
        columns = changed(getattr(net, table), [number], BOX[quantity], value / scale)
        net = net.replace(**{table: columns})
    else:
        scaled = value / base if quantity == "rating" else np.deg2rad(value)
        net = net.replace(branch=changed(net.branch, [number], BRANCH[quantity], scaled))
    return net, mq, ratings


def problem(net, mq, ratings, **keywords):
    inverters = scopf.Inverters.at_generators(net)
    if mq:
        inverters = inverters.replace(mq=np.array([mq[bus] for bus in inverters.bus.tolist()]))
    if ratings:
        rating = np.array([ratings[bus] for bus in inverters.bus.tolist()]) / net.base_mva
        inverters = inverters.replace(rating=rating)
    return scopf.build(net, inverters, **keywords)


def voltage_instance():
    high = changed(CASE9.bus, [9], "vmin", 1.04)
    low = changed(CASE9.bus, [1, 2, 3], "vmax", 1.0)
    return CASE9.replace(bus={**high, **low})


def limited_branch(**columns):
    """Two generators supply no more than 200 of 315 MW, the third one is behind a branch."""
    net = gens(CASE9, pmax=[250, 100, 100])
    for name, value in columns.items():
        net = net.replace(branch=changed(net.branch, [1], name, value))
    return net


LOSSLESS39 = scopf.load_case("case39").lossless()
INSTANCES = {
    "stability rows": (LOSSLESS39, {"mq": 0.5}, {}),
    "Vmin": (voltage_instance(), {}, {"criterion": "none"}),
    "Qmax": (gens(CASE9.scaled(load=1.7), qmax=[55, 55, 55]), {}, {"criterion": "none"}),
    "Pmax": (gens(CASE9, pmax=[106, 105, 105]), {}, {"criterion": "none"}),
    "Pmin": (gens(CASE9, pmin=[110, 110, 110]), {}, {"criterion": "none"}),
    "thermal limit": (limited_branch(rate=1.0), {}, {"criterion": "none"}),
    "angmax": (limited_branch(angmax=np.deg2rad(3.0)), {}, {"criterion": "none"}),
    "capability circle": (CASE9, {"rating": 100.0}, {"criterion": "none", "capability": True}),
}


@pytest.mark.parametrize("limit", INSTANCES)
def test_every_named_limit_alone_makes_the_instance_feasible(limit):
    net, numbers, keywords = INSTANCES[limit]
    inverters = scopf.Inverters.at_generators(net)
    mq, ratings = (
        dict.fromkeys(inverters.bus.tolist(), numbers[key]) if key in numbers else {}
        for key in ("mq", "rating")
    )
    failed = scopf.solve(problem(net, mq, ratings, **keywords))
    assert not failed.solved
    found = failed.diagnosis
    assert found is failed.diagnosis
    assert found.feasible is False
    assert found.complete
    assert limit in set(found.limits["limit"])
    assert set(found.limits["conflict"]) == {1}
    few = found.limits.drop_duplicates("limit") if net is LOSSLESS39 else found.limits
    for row in found.limits.to_dict("records"):
        room = row["needed"] - row["present"]
        less = row["element"] in few.query(f"limit == '{row['limit']}'")["element"].tolist()
        for share, solved in ((1.0, True), (0.9, False)) if less else ((1.0, True),):
            instance = amended(net, mq, ratings, row, row["present"] + share * room)
            assert scopf.solve(problem(*instance, **keywords)).solved is solved, (row, share)


@pytest.fixture(scope="module")
def of_39():
    """The diagnosis of the 39-bus system with droops that are too large."""
    inverters = scopf.Inverters.at_generators(LOSSLESS39, mq=0.5)
    return scopf.diagnose(scopf.build(LOSSLESS39, inverters))


def test_numbers_of_the_39_bus_system(of_39):
    """Table of THEORY: the rows are infeasible for m_q above .487 (of all inverters)."""
    found = of_39
    (droops,) = (f for f in found.factors if f.limit.quantity == "factor on all droops")
    assert 0.5 * droops.needed == pytest.approx(0.487, abs=5e-4)
    first = found.limits.iloc[0]
    assert (first["limit"], first["element"]) == ("stability rows", "inverter 32")
    assert "stability rows of inverter 32 against" in str(found)
    assert "feasible if m_q of inverter 32 <= 0.47" in str(found)


def test_load_above_capacity_is_a_sentence_and_takes_no_solve():
    found = scopf.diagnose(scopf.build(CASE9.scaled(load=3)))
    assert found.solves == 0
    assert found.proven
    assert "945 MW" in str(found)
    assert "820 MW" in str(found)
    assert "125 MW" in str(found)
    assert len(found.limits) == 1


def test_load_above_capacity_counts_what_was_set_on_the_model():
    short = scopf.build(CASE9, criterion="none")
    short.model.gen_pg.setub(1.0)
    assert "300 MW" in str(scopf.diagnose(short))


def test_several_conflicts_are_told_apart_and_resolved_together():
    net = gens(CASE9.scaled(load=2), qmax=[40, 40, 40])
    found = scopf.diagnose(scopf.build(net, criterion="none"))
    assert found.feasible is False
    assert set(found.limits["conflict"]) == {1, 2}
    assert [change.conflict for change in found.together] == [1, 2]
    assert dict(found.groups)["limits on reactive power"]
    assert not dict(found.groups)["thermal limits"]
    by_conflict = dict(list(found.limits.groupby("conflict")))
    for conflict, rows in by_conflict.items():
        (other,) = (change for change in found.together if change.conflict != conflict)
        for row in rows.to_dict("records"):
            limit = other.limit
            row_of_other = {"limit": limit.name, "element": limit.element}
            row_of_other["quantity"] = limit.quantity
            resolved, _, _ = amended(net, {}, {}, row_of_other, other.needed)
            assert not scopf.solve(scopf.build(resolved, criterion="none")).solved
            both, _, _ = amended(resolved, {}, {}, row, row["needed"])
            assert scopf.solve(scopf.build(both, criterion="none")).solved
    (loads,) = (change.needed for change in found.factors)
    scaled = gens(CASE9.scaled(load=2 * loads), qmax=[40, 40, 40])
    assert scopf.solve(scopf.build(scaled, criterion="none")).solved


def short_of_reactive_power():
    """Six generators, each with little more than its least reactive power."""
    net = scopf.load_case("case30")
    return net.replace(gen={"qmax": net.gen.qmin + 0.03 * (net.gen.qmax - net.gen.qmin)})


@pytest.fixture(scope="module")
def of_short():
    """Their problem, and its diagnosis."""
    own = scopf.build(short_of_reactive_power(), criterion="none")
    return own, scopf.diagnose(own)


def test_all_conflicts_are_explained_and_none_of_the_changes_can_be_left_out(of_short):
    net, found = short_of_reactive_power(), of_short[1]
    count = len(found.together)
    assert count > 3
    assert found.complete
    assert found.unexplained == 0
    assert set(found.limits["conflict"]) == set(range(1, count + 1))

    def solved(changes):
        instance = net
        for change in changes:
            limit = change.limit
            row = {"limit": limit.name, "element": limit.element, "quantity": limit.quantity}
            instance = amended(instance, {}, {}, row, change.needed)[0]
        return scopf.solve(scopf.build(instance, criterion="none")).solved

    assert solved(found.together)
    for left_out in found.together:
        assert not solved(change for change in found.together if change is not left_out)
    for change in found.changes:
        others = [other for other in found.together if other.conflict != change.conflict]
        assert solved([*others, change]), change


def test_conflicts_that_were_not_explained_are_counted(of_short):
    own, whole = of_short
    found = scopf.diagnose(own, max_solves=whole.solves // 2)
    assert not found.complete
    assert found.solves == whole.solves // 2
    assert 0 < found.unexplained == len(found.together) - len(set(found.limits["conflict"]))
    assert f"{found.unexplained} more conflict" in str(found)
    assert "not explained: limit on re-solves" in str(found)
    assert found.as_dict()["stopped"] == "limit on re-solves"


def test_dropping_a_limit_that_is_not_named_is_of_no_use():
    net = INSTANCES["Qmax"][0]
    found = scopf.diagnose(scopf.build(net, criterion="none"))
    assert {change.conflict for change in found.changes} == {1}
    named = {(row["quantity"], row["element"]) for row in found.limits.to_dict("records")}
    far = {"Vmin": 0.3, "Vmax": 2.0, "Pmin": -50, "Pmax": 50, "Qmin": -50, "Qmax": 50, "rating": 99}
    dropped = set()
    for quantity, value in far.items():
        table, column = ("branch", "rate"), None
        if quantity in BOX:
            table, column = ("bus" if quantity[0] == "V" else "gen", None), BOX[quantity]
        name, column = table[0], column or table[1]
        rows = getattr(net, name)
        for k, number in enumerate(rows.id.tolist()):
            instance = net.replace(**{name: changed(rows, [number], column, value)})
            if scopf.solve(scopf.build(instance, criterion="none")).solved:
                element = rows.label(k) if name != "branch" else f"branch {number}"
                dropped.add((quantity, element))
    assert dropped == named


def test_rows_of_the_user_are_limits_and_changed_boxes_count():
    own = scopf.build(CASE9, criterion="none")
    pg = own.model.gen_pg
    own.model.together = pyo.Constraint(expr=pg[1] + pg[2] <= 1.0)
    pg[3].setub(1.5)
    found = scopf.diagnose(own)
    rows = found.limits.set_index("element")
    assert rows.loc["together", "limit"] == "upper bound"
    assert rows.loc["gen 3 at bus 3", "present"] == pytest.approx(150)
    pg[3].setub(rows.loc["gen 3 at bus 3", "needed"] / 100)
    assert scopf.solve(own).solved


def test_an_equation_of_the_user_holds():
    own = scopf.build(CASE9, criterion="none")
    own.model.exact = pyo.Constraint(expr=own.model.bus_vm[5] == 1.2)
    found = scopf.diagnose(own)
    assert set(found.limits["limit"]) == {"Vmax"}
    assert "bus 5" in {change.limit.element for change in found.together}


def test_rows_whose_bounds_cross_are_named():
    own = scopf.build(CASE9, criterion="none")
    own.model.least = pyo.Param(mutable=True, initialize=2.0)
    own.model.range = pyo.Constraint(expr=(own.model.least, own.model.gen_pg[1], 1.0))
    found = scopf.diagnose(own)
    assert found.feasible is False
    assert found.proven
    assert "range" in str(found)


def test_stability_rows_that_bind_the_angles_are_named():
    net = network(2, [(1, 2, 0, 0.5)], [1, 2], loads={2: 6.0})
    net = net.replace(gen={"pmax": np.array([9.0, 0.1])})
    inverters = scopf.Inverters.at_generators(net, mq=1e-4)
    found = scopf.diagnose(scopf.build(net, inverters, criterion="C1"))
    assert "Pmax" in set(found.limits["limit"])
    assert "stability angle row" in {limit.name for _, limit, _ in found.members}


def test_a_load_that_no_limit_could_feed_is_named_itself():
    """With equal voltages held at both ends, nothing but a load of zero needs no reactive power."""
    net = network(2, [(1, 2, 0, 0.5)], [1], loads={2: 6.0})
    own = scopf.build(net, criterion="none")
    own.model.low = pyo.Constraint(expr=own.model.bus_vm[2] == 1.0)
    own.model.high = pyo.Constraint(expr=own.model.bus_vm[1] == 1.0)
    found = scopf.diagnose(own)
    rows = found.limits.set_index("limit")
    assert rows.loc["active load", "element"] == "bus 2"
    assert rows.loc["active load", "needed"] == pytest.approx(0, abs=1)


def test_rows_with_maxima_say_the_same_as_pairs(of_39):
    """Their rows have two bounds: relaxing one of them must not tighten the other."""
    inverters = scopf.Inverters.at_generators(LOSSLESS39, mq=0.5)
    maximum = VoltageDifference(rows="maximum")
    of_maxima = scopf.diagnose(scopf.build(LOSSLESS39, inverters, criterion=maximum))
    tables = []
    for found in (of_39, of_maxima):
        table = found.limits.set_index(["limit", "element"]).sort_index()
        tables.append((table["needed"], [change.needed for change in found.factors]))
    (pairs, factors), (maxima, same_factors) = tables
    assert list(pairs.index) == list(maxima.index)
    np.testing.assert_allclose(pairs, maxima, rtol=2e-3)
    assert factors == pytest.approx(same_factors, rel=2e-3)


def test_the_elastic_problem_has_the_right_derivatives():
    own = scopf.build(LOSSLESS39, criterion=VoltageDifference(rows="maximum"))
    nlp = compiled(own, False)
    limits = Limits(Catalog(own, nlp).kinds)
    elastic = Elastic(nlp, limits.rows, limits.bounds, np.ones(len(limits), bool), limits.most)
    rng = np.random.default_rng(1)
    point = elastic.start(start_point(own, nlp, "flat"))
    assert (elastic.constraints(point) <= elastic.g_upper + 1e-9)[nlp.m :].all()
    step, multipliers = rng.normal(size=elastic.n), rng.normal(size=elastic.m)
    rows, columns = elastic.jacobianstructure()

    def jacobian(at):
        values = elastic.jacobian(at).copy()
        return sparse.coo_array((values, (rows, columns)), shape=(elastic.m, elastic.n)).tocsr()

    h = 1e-6
    ahead, behind = point + h * step, point - h * step
    slope = (elastic.constraints(ahead).copy() - elastic.constraints(behind)) / (2 * h)
    np.testing.assert_allclose(jacobian(point) @ step, slope, rtol=1e-6, atol=1e-5)
    i, j = elastic.hessianstructure()
    values = elastic.hessian(point, multipliers, 1.0).copy()
    lower = sparse.coo_array((values, (i, j)), shape=(elastic.n, elastic.n)).tocsr()
    full = lower + sparse.tril(lower, -1).T
    turn = multipliers @ (jacobian(ahead) - jacobian(behind)) / (2 * h)
    np.testing.assert_allclose(full @ step, turn, rtol=1e-5, atol=1e-4)


def test_a_resumed_point_is_stationary_whichever_limits_are_relaxable():
    """Multipliers of bounds and ranges survive the change between row and bound."""
    own = scopf.build(
        LOSSLESS39,
        scopf.Inverters.at_generators(LOSSLESS39, mq=0.5),
        criterion=VoltageDifference(rows="maximum"),
    )
    nlp = compiled(own, False)
    limits = Limits(Catalog(own, nlp).kinds)
    most = np.where(limits.factor, 0.0, limits.most)
    whole = Elastic(nlp, limits.rows, limits.bounds, np.ones(len(limits), bool), most)
    start = whole.start(start_point(own, nlp, "dc"))
    outcome = ipopt.run(whole, start, {"tol": 1e-10}, Watch(None))
    end, dual_values = whole.end(outcome), np.zeros(len(limits))
    dual_values[whole.relaxable] = whole.dual_values(outcome.rows)
    part = Elastic(nlp, limits.rows, limits.bounds, (end.t > 1e-6) | (dual_values > 1e-3), most)
    assert 0 < len(part.relaxable) < len(whole.relaxable)
    for elastic in (whole, part):
        x, given = elastic.resume(end)
        rows, columns = elastic.jacobianstructure()
        slope = np.bincount(
            columns, elastic.jacobian(x) * given["lagrange"][rows], minlength=elastic.n
        )
        rest = elastic.gradient(x) + slope - given["zl"] + given["zu"]
        assert abs(rest).max() < 1e-6
        assert abs(given["lagrange"]).max() > 0.1
        g = elastic.constraints(x)
        assert (g <= elastic.g_upper + 1e-6).all()
        assert (g >= elastic.g_lower - 1e-6).all()


def test_the_weighted_criterion_names_inverters():
    inverters = scopf.Inverters.at_generators(LOSSLESS39, mq=0.6)
    weighted = scopf.build(LOSSLESS39, inverters, criterion="weighted")
    found = scopf.diagnose(weighted)
    assert set(found.limits["limit"]) == {"stability rows"}
    row = found.limits.iloc[0]
    weighted.update(mq={int(row["element"].split()[1]): row["needed"]})
    assert scopf.solve(weighted).solved


def test_co_design_names_the_least_droop():
    inverters = scopf.Inverters.at_generators(LOSSLESS39)
    design = scopf.build(LOSSLESS39, inverters, mq_bounds=(0.5, 0.6))
    found = scopf.diagnose(design)
    rows = found.limits.set_index(["limit", "element"])
    assert rows.loc[("least m_q", "inverter 32"), "present"] == pytest.approx(0.5)
    assert rows.loc[("least m_q", "inverter 32"), "needed"] == pytest.approx(0.4767, abs=2e-4)


def test_nothing_conflicts_where_a_feasible_point_is_found():
    stopped = scopf.solve(scopf.build(CASE9), max_iter=2)
    assert stopped.diagnosis.feasible
    assert stopped.diagnosis.limits.empty
    assert "do not conflict" in str(stopped.diagnosis)
    assert scopf.solve(scopf.build(CASE9)).diagnosis is None


def test_a_search_cut_short_says_so():
    inverters = scopf.Inverters.at_generators(LOSSLESS39, mq=0.5)
    found = scopf.diagnose(scopf.build(LOSSLESS39, inverters), max_solves=6)
    assert not found.complete
    assert found.solves == 6
    assert "not tested" in str(found)
    assert "not everything was looked into: limit on re-solves" in str(found)
    nothing = scopf.diagnose(scopf.build(LOSSLESS39, inverters), time_limit=1e-4)
    assert nothing.feasible is None
    assert "no answer" in str(nothing)


def cut_short(monkeypatch, *iterations):
    """The first re-solves end after so many iterations, as if time were up."""
    run, left = ipopt.run, list(iterations)

    def cut(nlp, start, options, *rest):
        if not left:
            return run(nlp, start, options, *rest)
        outcome = run(nlp, start, {**options, "max_iter": left.pop(0)}, *rest)
        return dataclasses.replace(outcome, status=Status.TIME_LIMIT)

    monkeypatch.setattr(ipopt, "run", cut)


def test_a_first_re_solve_that_takes_too_long_goes_on_with_what_was_relaxed(monkeypatch, of_short):
    own, whole = of_short
    cut_short(monkeypatch, 25)
    found = scopf.diagnose(own)
    assert found.feasible is False
    assert not found.complete
    assert not found.suspects
    assert [str(change) for change in found.together] == [str(c) for c in whole.together]


@pytest.mark.parametrize("budget", [elastic_solver._COLD_BUDGET, elastic_solver._WARM_BUDGET])
def test_regularised_steps_are_no_stall_without_a_cost(budget):
    watch = Watch(budget)
    assert all(watch.goes_on(k, False, 1.0, regularized=True) for k in range(100))


def test_without_an_answer_it_names_what_was_relaxed_most(monkeypatch):
    own = scopf.build(voltage_instance(), criterion="none")
    cut_short(monkeypatch, 12, 0)
    found = scopf.diagnose(own)
    assert found.feasible is None
    assert found.solves == 2
    assert {str(limit) for limit in found.suspects} & {"Vmin of bus 9", "Vmax of bus 1"}
    assert "these were relaxed most, worst first: V" in str(found)
    assert found.as_dict()["suspects"][0]["limit"].startswith("V")


def test_the_relaxed_limit_is_named_even_if_nothing_else_was_looked_into():
    own = scopf.build(voltage_instance(), criterion="none")
    (change,) = scopf.diagnose(own, max_solves=50).together
    found = next(
        short
        for short in (scopf.diagnose(own, max_solves=count) for count in range(1, 9))
        if len(short.together) == 1 and short.limits.empty
    )
    assert found.together[0].limit.name == change.limit.name
    assert f"feasible if {found.together[0]}" in str(found)


def test_a_problem_that_has_changed_since_is_not_diagnosed_as_the_old_one():
    short = scopf.build(CASE9.scaled(load=3))
    failed = scopf.solve(short)
    short.update(load_scale=0.3)
    with pytest.raises(scopf.ScopfError, match="changed since"):
        _ = failed.diagnosis


def test_diagnosis_leaves_the_problem_as_it_was():
    inverters = scopf.Inverters.at_generators(LOSSLESS39, mq=0.5)
    own = scopf.build(LOSSLESS39, inverters)
    before = {
        v.name: v.value.copy() for v in own.formulation.symbols.values() if hasattr(v, "value")
    }
    scopf.diagnose(own, max_solves=3)
    for name, values in before.items():
        assert (own.formulation[name].value == values).all()


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"time_limit": 0}, "time_limit"),
        ({"max_solves": 0}, "max_solves"),
        ({"start": "nowhere"}, "start"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.diagnose(scopf.build(CASE9), **keywords)
    with pytest.raises(scopf.ScopfError, match="Problem"):
        scopf.diagnose(CASE9)


@pytest.mark.parametrize(
    ("value", "side", "text"),
    [
        (1.06661, ">=", "1.067"), (0.171289, "<=", "0.1712"), (1120.88, ">=", "1121"),
        (-3.00001, "<=", "-3.001"),
        (-3.0009, ">=", "-3.000"), (0.0, "<=", "0"), (2.0, ">=", "2.000"),
    ],
)  # fmt: skip
def test_numbers_are_rounded_to_where_they_are_enough(value, side, text):
    assert outward(value, side) == text


def test_command_line_prints_it_unless_told_not_to():
    arguments = ["solve", "case39", "--lossless", "--mq", "0.5"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1
    assert "feasible if m_q of inverter 32 <=" in said.stdout
    assert "feasible if" not in CliRunner().invoke(app, [*arguments, "--no-diagnosis"]).stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["diagnosis"]["limits"][0]["element"] == "inverter 32"
    stopped = CliRunner().invoke(app, ["solve", "case9", "--max-iter", "2"])
    assert "limits" not in stopped.stdout


def test_verify_says_why_there_is_nothing_to_verify():
    arguments = ["verify", "case39", "--lossless", "--mq", "0.5"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1
    assert "nothing to verify" in said.stdout
    assert "feasible if m_q of inverter 32 <=" in said.stdout
    assert "feasible if" not in CliRunner().invoke(app, [*arguments, "--no-diagnosis"]).stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["stable"] is None
    assert found["diagnosis"]["limits"][0]["element"] == "inverter 32"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("words", "screen", "flags", "shown"),
    [
        (["--mq", "0.5"], Terminal, [], True),
        (["--mq", "0.5"], Terminal, ["--quiet"], False),
        (["--mq", "0.5"], io.StringIO, [], False),
        (["--mq", "0.48", "--certify"], Terminal, [], True),
        (["--mq", "0.48", "--certify"], Terminal, ["--quiet"], False),
    ],
)
def test_progress_is_shown_on_terminals_only(monkeypatch, screen, flags, words, shown):
    """As a command without a runner around it, since that takes stderr away."""
    monkeypatch.setattr("scopf.optimizer.progress._DELAY", 0.0)
    monkeypatch.setattr("sys.stderr", screen())
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("LINES", "30")
    with pytest.raises(SystemExit):
        app(["solve", "case39", "--lossless", *words, *flags])
    said = sys.stderr.getvalue()
    assert ("solve: " in said and "infeasibility" in said) is shown
    assert ("diagnosis: " in said) is shown
    assert shown or not re.search("solve: |diagnosis: ", said)
    assert shown or words[-1] == "--certify" or not said


def test_scenarios_of_a_sweep_can_be_diagnosed(tmp_path):
    runs = scopf.sweep("case39", lossless=True, mq=[0.2, 0.5], out=tmp_path / "run")
    (failed,) = runs.scenarios.query("not solved")["scenario"]
    for sweep in (runs, scopf.load_sweep(tmp_path / "run")):
        found = scopf.diagnose(sweep.problem(failed))
        assert "m_q of inverter 32 <=" in str(found)
    with pytest.raises(scopf.ScopfError, match="only 0 to 1"):
        runs.problem(2)
    outages = scopf.sweep(CASE9, outage=[None, 1], out=tmp_path / "outages")
    assert len(outages.problem(1).base.bus) == 8
    with pytest.raises(scopf.ScopfError, match="resume=True"):
        scopf.load_sweep(tmp_path / "outages").problem(0)


def test_a_centralised_result_says_why_there_is_none(monkeypatch):
    short = scopf.solve_centralised(LOSSLESS39.scaled(load=1.5))
    assert "load above capacity" in str(short.diagnosis)
    monkeypatch.setattr(
        "scopf.procedures.centralised._ITERATIONS", 0
    )  # no step of the walk succeeds
    soft = network(2, [(1, 2, 0, 0.5)], [1, 2], loads={2: 1.0})
    unstable = scopf.solve_centralised(soft, scopf.Inverters.at_generators(soft, mq=1e4))
    assert not unstable.stable
    assert "without stability" in str(unstable.diagnosis)


def test_a_solution_that_is_not_certified_says_why():
    net = scopf.load_case("case39")
    own = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.4))
    found = scopf.solve(own, certify=True)
    assert found.solved
    assert found.certified is False
    assert str(found.diagnosis).startswith("not certified: ")


# -- numbers that are none -----------------------------------------------


def listed(own, lift=False, loads=False):
    """All limits of a problem, each relaxed a little; a RuntimeWarning is an error here."""
    nlp = compiled(own, lift)
    limits = Limits(Catalog(own, nlp, loads).kinds)
    found = [(str(limits[k]), limits[k].present, limits.needed(k, 0.1)) for k in range(len(limits))]
    elastic = Elastic(nlp, limits.rows, limits.bounds, np.ones(len(limits), bool), limits.most)
    assert np.isfinite(elastic.start(nlp.start)).all()
    return found


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("criterion", ["voltage-difference", "weighted", "C0", "C1", "C2"])
def test_a_limit_of_zero_can_be_relaxed(criterion):
    net = scopf.load_case("case39")
    own = scopf.build(net, mq=0.2, criterion=criterion)
    limits = own.opf.stability.declared.limits
    before = [(name, *numbers) for name, *numbers in listed(own) if "inverter 30" in name]
    own.model.inverter_gamma_offset[30] = -limits.values[0]
    for lift, loads in ((False, False), (True, True)):
        after = [one for one in listed(own, lift, loads) if "inverter 30" in one[0]]
        assert len(after) == len(before) == 1
        assert after[0][1:] == pytest.approx(before[0][1:])  # m_q, and that which is needed
        assert after[0][1] == pytest.approx(0.2)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_limits_without_bounds_and_loads_of_zero_give_no_warning():
    net = scopf.load_case("case9")
    one = {
        "id": 1, "from_bus": 5, "to_bus": 9, "in_service": True, "pf": 0.0, "qf": 0.0, "qt": 0.0,
        "vf": 1.0, "vt": 1.0, "pmin": -0.1, "pmax": 0.1, "qminf": -np.inf, "qmaxf": np.inf,
        "qmint": -np.inf, "qmaxt": np.inf, "loss0": 0.0, "loss1": 0.0,
    }  # fmt: skip
    line = scopf.network.tables.DcLines(**{name: np.array([x]) for name, x in one.items()})
    q = np.full(3, np.inf)
    own = scopf.build(net.replace(dcline=line, gen={"qmin": -q, "qmax": q}), mq=0.2, load_scale=0)
    for lift, loads in ((False, False), (True, True)):
        names = [name for name, present, _ in listed(own, lift, loads) if np.isfinite(present)]
        assert any("DC line Pmax" in name for name in names)
        assert not any("Qmax" in name for name in names)


# -- after a certified solve -----------------------------------------------


def test_asking_for_the_diagnosis_of_a_certified_solve_changes_nothing_on_the_model():
    problem = scopf.build(scopf.load_case("case30"), mq=0.1)
    limits = problem.model.inverter_gamma_unit
    for bus in limits:
        limits[bus] = -0.01
    found = scopf.solve(problem, certify=True)
    assert found.status == "infeasible"
    assert found.diagnosis.feasible is not True
    assert {limit.value for limit in limits.values()} == {-0.01}
    assert scopf.solve(problem).status == "infeasible"


def test_where_no_larger_droop_margin_had_a_solution_the_least_of_them_is_diagnosed():
    problem = scopf.build(scopf.load_case("case39").lossless(), mq=0.4862)
    before = problem.scenario
    found = scopf.solve(problem, certify=True)
    assert found.status == "optimal"
    assert found.certified is False
    assert {check.status for check in found.checks[1:]} == {"infeasible"}
    assert problem.scenario == before
    assert found.diagnosis.verdict.startswith("with a droop margin of 0.0027")
    assert problem.scenario == before


def test_a_diagnosis_takes_its_turn():
    problem = scopf.build(scopf.load_case("case9"), load_scale=9)
    found = scopf.solve(problem)
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(found.diagnosis.verdict))
    with problem.lock:
        thread.start()
        problem.update(load_scale=1)
        scopf.solve(problem)
        problem.update(load_scale=9)
        assert not verdicts
    thread.join()
    assert len(verdicts) == 1
