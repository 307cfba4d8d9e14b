"""What requirements cost, as text, tables, JSON and in files."""

import dataclasses
import json
import math

import pytest

import scopf
from scopf.network import labels
from scopf.optimizer.status import Status
from scopf.pages import document
from scopf.pages import solution as page
from scopf.results import export, text
from scopf.results.requirements import BOTH, OUTAGES, STABILITY, Requirement, Requirements

ASKED = [13, "gen 8", [6, 12]]


@pytest.fixture(scope="module")
def sol():
    net = scopf.load_case("case39").lossless().scaled(load=0.9)
    inverters = scopf.Inverters.at_generators(net, mq=0.15)
    bands = {"emergency": 1.2, "frequency_band": 0.05}
    found = scopf.solve(scopf.build(net, inverters, outages=ASKED, **bands), explain=True)
    assert found.explained.single
    return found


def one(name, cost, status=Status.OPTIMAL):
    return Requirement(name, cost, status, "as it ended")


def made(*single):
    whole = one(STABILITY, 900.0), one(OUTAGES, 800.004), one(BOTH, 700.0)
    return Requirements(1000.0, whole, single)


def test_lines_of_each_requirement():
    found = made(one("branch 6", 998.5), one("gen 3", 880.0))
    assert str(found).splitlines() == [
        "What it costs, per hour (of 1000.00)",
        "  stability rows  100.00  (900.00 without them)",
        "  outages         200.00  (800.00 without them)",
        "  both            300.00  (700.00 without either)",
        "Price of each outage that binds (2), the saving without it",
        "  gen 3           120.00",
        "  branch 6          1.50",
    ]


def test_the_largest_have_lines_and_the_rest_is_counted():
    found = made(*[one(f"branch {k}", 1000.0 - k) for k in range(1, 21)])
    lines = str(found).splitlines()
    assert lines[5].split() == ["branch", "20", "20.00"]
    assert lines[-2].split() == ["branch", "14", "14.00"]
    assert lines[-1] == "  ... 13 more"
    assert len(lines) == 13


def test_nothing_is_saved_by_the_tolerance_of_the_solver():
    found = made(one("branch 6", 1000.0009), one("branch 7", 1000.1), one("branch 8", 999.9999))
    prices = [found.price(part) for part in found.single]
    assert prices == pytest.approx([0.0, -0.1, 0.0001])
    assert prices[0] == 0.0


def test_no_outage_binds():
    assert str(made()).splitlines()[-1] == "No outage binds."
    alone = Requirements(1000.0, (one(STABILITY, 1000.0000001),))
    assert str(alone).splitlines()[1:] == ["  stability rows  0.00  (1000.00 without them)"]


@pytest.mark.parametrize("cost", [1e3, 9876543210.12, -5.0])
def test_lines_fit_a_terminal(cost):
    status = [Status.EVALUATION_ERROR, Status.OPTIMAL]
    long = [one("a name that nobody would want to read to its end " * k, 1.0) for k in (1, 3)]
    whole = [one(name, math.nan, status[0]) for name in (STABILITY, OUTAGES)]
    found = Requirements(cost, (*whole, one(BOTH, cost - 1e9)), (*long, one("x", math.nan)))
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("not solved  (evaluation error without them)")


def test_buses_stand_beside_single_elements(sol):
    found = labels.sentences(sol.scenario.outages, sol.problem.given)
    assert [*found.values()] == ["branch 13 at 6-11 (1)", "gen 8 (bus 37)", "branch 6 + branch 12"]
    found = labels.outages(sol.scenario.outages, sol.problem.given)
    assert [*found.values()] == ["6-11 (1)", "gen 8 (bus 37)", "3-4 (1) + 6-7 (1)"]


def test_the_summary_has_it_and_others_do_not(sol):
    lines = text.costs(sol)
    assert lines[0] == f"What it costs, per hour (of {sol.cost:.2f})"
    assert "\n".join(lines) in str(sol)
    assert "What it costs" in sol._repr_html_()
    plain = dataclasses.replace(sol, explained=None)
    assert text.costs(plain) == []
    assert "What it costs" not in str(plain)


def test_the_table(sol):
    table = sol.explained.table
    assert list(table) == ["requirement", "price_per_h", "cost_without_per_h", "status"]
    assert table.requirement.tolist()[:3] == [STABILITY, OUTAGES, BOTH]
    assert set(table.status) == {"optimal"}
    total = table.price_per_h + table.cost_without_per_h
    assert total.to_numpy() == pytest.approx(sol.cost, rel=1e-12)
    assert table.price_per_h[3:].is_monotonic_decreasing


def test_json(sol):
    found = json.loads(export.as_json(sol, {}))["explained"]
    assert found == sol.explained.as_dict()
    assert found["cost"] == sol.cost
    prices = {row["requirement"]: row["price_per_h"] for row in found["outages"]}
    table = {
        row["state"]: row["price_per_h"] for row in json.loads(export.as_json(sol, {}))["outages"]
    }
    for name, price in prices.items():
        assert table[name] == price
    assert export.as_dict(dataclasses.replace(sol, explained=None))["explained"] is None


def test_saved_and_loaded(sol, tmp_path):
    lost = made(one("branch 13", math.nan, Status.TIME_LIMIT)).single
    kept = dataclasses.replace(sol.explained, single=(*sol.explained.single, *lost))
    dataclasses.replace(sol, explained=kept).save(tmp_path / "s.json")
    found = scopf.load_solution(tmp_path / "s.json")
    assert str(found.explained) == str(kept)
    assert found.explained.whole == kept.whole
    assert found.explained.single[:-1] == kept.single[:-1]
    assert math.isnan(found.explained.single[-1].cost_without)
    assert found.explained.single[-1].status is Status.TIME_LIMIT
    assert found.outage_prices == sol.outage_prices
    assert found.explained.cost == pytest.approx(sol.cost, rel=1e-12)


def test_files_from_before_are_read(sol, tmp_path):
    sol.save(tmp_path / "s.json")
    values = json.loads((tmp_path / "s.json").read_text())
    del values["explained"]
    (tmp_path / "s.json").write_text(json.dumps(values))
    assert scopf.load_solution(tmp_path / "s.json").explained is None


def test_the_page_shows_it(sol, monkeypatch):
    monkeypatch.setattr(document, "plotly", lambda: "/* plotly.js */")
    shown = page.html(sol)
    for part in ("<h2>What it costs</h2>", '"requirements"', '"price_per_h"', text.costs(sol)[0]):
        assert part in shown
    without = page.html(dataclasses.replace(sol, explained=None))
    assert "<h2>What it costs</h2>" not in without
