"""Solutions that are saved and loaded: everything is there again, or the file is refused."""

import json
import os
import random
from contextlib import suppress

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest

import scopf
from tests.operating_points import NETWORKS, solution


def lossless():
    return scopf.load_case("case39").lossless()


def uniform():
    return scopf.build(lossless(), mq=0.2, eta_q=0.1)


PROBLEMS = {
    "uniform": uniform,
    "by number": lambda: scopf.build(
        scopf.load_case("case9"), mq={1: 0.1, 3: 0.2}, load_scale={5: 1.1}, q_price={2: 3.0}
    ),
    "co-design": lambda: scopf.build(
        lossless(), criterion="weighted", mq_bounds=(0.01, 0.3), stiffness_cost=2.0
    ),
    "co-design by bus": lambda: scopf.build(
        lossless(), mq_bounds={b: (0.02, 0.1 + b / 100) for b in range(30, 40)}, stiffness_cost=1.0
    ),
    "currents": lambda: scopf.build(
        scopf.load_case("case118"), criterion="C1", alpha=1.1, limit="current", margin=0.001
    ),
    "capability": lambda: scopf.build(
        scopf.load_case("case9"), scopf.Inverters.at_generators(
            scopf.load_case("case9"), rating_factor=1.05, mp={1: 0.02}
        ), capability=True, opportunity_price=10.0,
    ),
    "infeasible": lambda: scopf.build(lossless(), load_scale=9.0),
}  # fmt: skip


def again(sol, folder):
    path = folder / "solution.json"
    sol.save(path)
    return scopf.load_solution(path)


def assert_the_same(one, other):
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    pd.testing.assert_frame_equal(one.trace, other.trace, check_exact=True)
    assert (one.status, one.message, one.fingerprint) == (
        other.status, other.message, other.fingerprint,
    )  # fmt: skip
    assert (one.attempts, one.seconds, one.checks) == (other.attempts, other.seconds, other.checks)
    assert np.array_equal(one.cost, other.cost, equal_nan=True)
    assert (one.net, one.accuracy) == (other.net, other.accuracy)
    assert (one.claim, one.unmet) == (other.claim, other.unmet)
    assert repr(one.problem) == repr(other.problem)


@pytest.mark.parametrize("name", PROBLEMS)
def test_tables_prices_and_accuracy_are_there_again(tmp_path, name):
    sol = scopf.solve(PROBLEMS[name]())
    assert sol.solved == (name != "infeasible")
    assert_the_same(sol, again(sol, tmp_path))


@pytest.mark.parametrize("name", NETWORKS)
def test_of_every_network(tmp_path, name):
    assert_the_same(solution(name), again(solution(name), tmp_path))


@pytest.fixture(scope="module")
def sol():
    return scopf.solve(uniform())


@pytest.fixture(scope="module")
def loaded(sol, tmp_path_factory):
    return again(sol, tmp_path_factory.mktemp("solution"))


def test_it_is_verified_shown_and_drawn(sol, loaded):
    pytest.importorskip("matplotlib")
    exact, there = sol.verify(), loaded.verify()
    assert (exact.stable, exact.verdict) == (there.stable, there.verdict)
    assert str(loaded) == str(sol)
    assert loaded._repr_html_() == sol._repr_html_()
    assert scopf.plots.network(loaded) is not None


def test_it_starts_a_solve_warm(loaded):
    warm = scopf.solve(uniform().update(eta_q=0.101), start=loaded)
    assert warm.attempt == "warm"
    assert scopf.solve(loaded.problem, start=loaded).iterations <= 1


def test_its_problem_is_updated_and_solved(loaded):
    problem = loaded.problem.update(load_scale=0.9)
    fresh = scopf.solve(scopf.build(lossless(), mq=0.2, eta_q=0.1, load_scale=0.9))
    assert scopf.solve(problem).cost == pytest.approx(fresh.cost, rel=1e-8)


def test_a_solution_before_an_update_is_saved_as_it_was_solved(tmp_path):
    problem = uniform()
    before = scopf.solve(problem)
    problem.update(load_scale=0.9, mq=0.1)
    there = again(before, tmp_path)
    pd.testing.assert_frame_equal(before.buses, there.buses, check_exact=True)
    assert there.scenario == before.scenario
    assert there.problem.scenario.load_scale == 1.0


def test_a_certified_solution_has_its_checks_and_margins(tmp_path):
    net = scopf.load_case("case39")
    sol = scopf.solve(scopf.build(net, mq=0.3), certify=True)
    there = again(sol, tmp_path)
    assert len(sol.checks) > 1
    assert_the_same(sol, there)
    assert there.certified == sol.certified
    assert there.problem.scenario == sol.problem.scenario


def test_a_conflict_is_explained_from_the_file(tmp_path):
    sol = scopf.solve(scopf.build(scopf.load_case("case9"), load_scale=9.0))
    assert str(again(sol, tmp_path).diagnosis) == str(sol.diagnosis)


# -- what is not saved -----------------------------------------------


class Own(scopf.Criterion):
    name, title = "own", "a criterion of the test"

    def term(self, b, v_i, v_j, angle):
        return b * (v_j - v_i)


def test_a_criterion_of_ones_own_is_not_saved(tmp_path):
    found = scopf.solve(scopf.build(scopf.load_case("case9"), criterion=Own()))
    with pytest.raises(scopf.ScopfError, match="own is an object of your own"):
        again(found, tmp_path)
    assert not list(tmp_path.iterdir())


def add_row(m):
    m.mine = pyo.Constraint(expr=m.bus_vm[5] <= 1.0)


def set_load(m):
    m.bus_pd[5] = 1.0


@pytest.mark.parametrize("change", [add_row, set_load])
def test_a_model_that_was_changed_by_hand_is_not_saved(tmp_path, change):
    problem = scopf.build(scopf.load_case("case9"))
    change(problem.model)
    with pytest.raises(scopf.ScopfError, match="changed by hand on its Pyomo model"):
        again(scopf.solve(problem), tmp_path)


def test_a_model_that_was_only_looked_at_is_saved(tmp_path):
    problem = scopf.build(scopf.load_case("case9"))
    assert problem.model.bus_vm[5].value is not None
    sol = scopf.solve(problem)
    assert_the_same(sol, again(sol, tmp_path))


def test_a_file_that_cannot_be_written(sol, tmp_path):
    with pytest.raises(scopf.ScopfError, match="cannot write"):
        sol.save(tmp_path / "nowhere" / "solution.json")


# -- files that are refused -----------------------------------------------


def without(key):
    return lambda values: values.pop(key)


def put(*path, value):
    def change(values):
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    return change


def other_generator(values):
    """Another number of the first generator, of the inverter and of its unit."""
    put("inverters", "gens", 0, value=[77])(values)
    put("inverters", "units", "gen", 0, value=77)(values)


REFUSED = {
    "no format": (without("format"), "is no solution"),
    "a network": (put("format", value="scopf-network"), "is no solution"),
    "version": (put("version", value=2), "is of version 2, and this scopf reads version 1"),
    "missing": (without("iterate"), "iterate: field required"),
    "unknown": (put("code", value="import os"), "code: extra inputs are not permitted"),
    "criterion": (put("criterion", value="os.system"), "unknown criterion 'os.system'"),
    "number": (put("numbers", "alpha", value=-1.0), "alpha must be positive"),
    "no number": (put("numbers", "beta", value=1.0), "numbers has no entry 'beta'"),
    "text": (put("iterate", "x", 0, value="much"), "iterate.x.0: input should be a valid number"),
    "infinite": (put("iterate", "x", 0, value=1e400), "is not in JSON|finite"),
    "length": (put("iterate", "x", value=[1.0]), "of a problem of another structure"),
    "structure": (put("iterate", "signature", value="0" * 32), "of another structure"),
    "point": (put("iterate", "x", 3, value=7.0), "its point is no solution of its problem"),
    "price": (put("iterate", "rows", value=None), "iterate.rows: input should be a valid list"),
    "droops": (put("inverters", "mq", 0, value=0.0), "greater than 0"),
    "units": (put("inverters", "units", "mq", value=[1.0]), "differ in length"),
    "other units": (put("inverters", "units", "gen", 0, value=9), "are not those of their gen"),
    "no units": (put("inverters", "units", "inverter", 0, value=2**40), "are not those of their"),
    "columns": (put("inverters", "mp", value=[1.0]), "mp: 1 values for 10 inverters"),
    "gen": (other_generator, "does not have these generators"),
    "huge": (put("inverters", "bus", 0, value=2**70), "less than or equal to"),
    "network": (put("network", "bus", "pd", value="none"), "pd must be a list"),
    "steps": (put("attempts", 0, "steps", 0, value=[1.0]), "at least 7 items"),
    "attempts": (put("attempts", value=[]), "at least 1 item"),
}  # fmt: skip


def test_a_file_with_fewer_columns_of_iterations_is_read(sol, tmp_path):
    """Before there was a record of regularisation and of the length of steps."""
    path = tmp_path / "solution.json"
    sol.save(path)
    values = json.loads(path.read_text())
    for attempt in values["attempts"]:
        attempt["steps"] = [row[:7] for row in attempt["steps"]]
    path.write_text(json.dumps(values))
    trace = scopf.load_solution(path).trace
    assert trace["cost"].equals(sol.trace["cost"])
    assert trace["length"].isna().all()


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_none_is_refused_in_a_sentence(sol, tmp_path, name):
    change, words = REFUSED[name]
    path = tmp_path / "solution.json"
    sol.save(path)
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(scopf.ScopfError, match=words) as found:
        scopf.load_solution(path)
    assert "solution.json" in str(found.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"format": "scopf-solution", "format": 1}', "occurs twice"),
        ("[1, 2]", "is no solution"),
        ('{"format": "scopf-solution", "version": NaN}', "NaN is not in JSON"),
        ("\x80\x04\x95", "is not JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, text, words):
    path = tmp_path / "solution.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(scopf.CaseError, match=words):
        scopf.load_solution(path)


def test_a_link_is_followed_when_a_solution_is_written(sol, tmp_path):
    (tmp_path / "solution.json").symlink_to(tmp_path / "other.json")
    sol.save(tmp_path / "solution.json")
    assert (tmp_path / "solution.json").is_symlink()
    assert scopf.load_solution(tmp_path / "other.json").cost == pytest.approx(sol.cost)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(scopf.CaseError, match="only regular files are read"):
        scopf.load_solution(tmp_path / "pipe")


ODD = [None, True, -1, 0, 3, 2**70, 1e300, -0.5, "", "1", "inf", [], [1], {}, {"5": 1.0}, "\0"]


def mutated(values, rng):
    """Values with one of them, anywhere in the tree, in place of another."""
    while True:
        key = rng.choice(list(values) if isinstance(values, dict) else range(len(values)))
        if not isinstance(values[key], (dict, list)) or not values[key] or rng.random() < 0.1:
            values[key] = rng.choice(ODD)
            return
        values = values[key]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_changed_it_is_read_or_refused(tmp_path, seed):
    rng, path = random.Random(seed), tmp_path / "solution.json"
    solution("several units").save(path)
    text = path.read_text()
    for _ in range(5):
        values = json.loads(text)
        mutated(values, rng)
        path.write_text(json.dumps(values))
        with suppress(scopf.ScopfError):
            assert isinstance(scopf.load_solution(path), scopf.Solution)
