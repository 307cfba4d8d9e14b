"""The bundled studies of realistic droops: what they cost, and that eigenvalues agree."""

import pytest

import scopf
from scopf.cases import bundled

PLAIN, ROWS = "none", "weighted"


@pytest.fixture(scope="module")
def study():
    """Results of a bundled study; each is run once."""
    found = {}

    def run(name):
        if name not in found:
            found[name] = scopf.sweep(f"droops_{name}")
        return found[name]

    return run


def stable(runs, scenario):
    """Whether a scenario's dispatch is stable in all its states."""
    solution = scopf.solve(runs.problem(scenario))
    if not solution.scenario.outages:
        return solution.verify().stable
    states = solution.verify_states()
    assert [*states.checks] == ["intact", "branch 13"]
    assert states.checks["intact"].stable
    return states.stable


def increase(runs, **where):
    """Cost of the stability rows in one scenario, after both dispatches have been verified."""
    table = runs.scenarios
    for name, value in where.items():
        table = table[table[name] == value]
    rows = table.set_index("criterion")
    assert len(rows) == 2
    assert not stable(runs, int(rows.loc[PLAIN, "scenario"]))
    assert stable(runs, int(rows.loc[ROWS, "scenario"]))
    return rows.loc[ROWS, "cost"] - rows.loc[PLAIN, "cost"]


def test_every_study_says_what_it_is_and_has_an_expected_result():
    names = [name for name in bundled.studies() if name.startswith("droops_")]
    assert names == [f"droops_{name}" for name in ("all", "machines", "outage", "small", "weak")]


def test_with_every_unit_forming_realistic_droops_cost_nothing(study):
    table = study("all").scenarios
    costs = table.pivot(index="droop_percent", columns="criterion", values="cost")
    rise = costs - 41263.94
    assert rise.loc[:125].abs().max().max() < 0.01
    assert rise.loc[150, "voltage-difference"] == pytest.approx(12.09, abs=0.02)
    assert rise.loc[275, "weighted"] == pytest.approx(0, abs=0.02)
    assert rise.loc[300, "weighted"] == pytest.approx(57.86, abs=0.05)


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        ("machines", {"load_scale": 1.0, "droop_percent": 2}, 109.1),
        ("machines", {"load_scale": 1.0, "droop_percent": 5}, 425.8),
        ("machines", {"load_scale": 0.95, "droop_percent": 5}, 16.6),
        ("machines", {"load_scale": 0.9, "droop_percent": 10}, 5.0),
        ("weak", {"alpha": 0.7, "droop_percent": 5}, 132.5),
        ("weak", {"alpha": 0.7, "droop_percent": 10}, 2436.2),
        ("small", {"droop_percent": 5}, 250.4),
        ("outage", {"droop_percent": 5}, 20.9),
    ],
)
def test_stability_costs_something_where_the_plain_dispatch_is_unstable(
    study, name, where, expected
):
    assert increase(study(name), **where) == pytest.approx(expected, abs=0.1)


def test_small_ratings_leave_no_stable_dispatch_beyond_six_per_cent(study):
    table = study("small").scenarios.set_index(["criterion", "droop_percent"])
    assert table.loc[(ROWS, 6), "status"] == "infeasible"
    costs = table.loc[ROWS, "cost"]
    assert costs[3] - table.loc[(PLAIN, 3), "cost"] == pytest.approx(0, abs=0.01)
