"""A sweep read back: its axes, what costs count from, critical values, sentences, and curves."""

import numpy as np
import pandas as pd
import pytest

from scopf.results import prices
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis import critical, curves, facts, results, units
from scopf.sweeps.analysis.analysis import analyse
from tests.sweeps.sweep_data import EVIL, grid, made_up, solved

MQ = np.round(np.linspace(0.05, 0.45, 9), 3).tolist()


@pytest.fixture(scope="module")
def case39():
    return solved()


def test_axes_play_their_parts():
    four = grid(criterion=["C0", EVIL], alpha=[0.9, 1.1], eta_q=[0, 1, 2], mq=MQ)
    axes = axes_of.find(made_up(four).scenarios)
    assert (axes.x.name, axes.series.name) == ("mq", "eta_q")
    assert [axis.name for axis in axes.rest] == ["alpha", "criterion"]
    assert not axes.is_list
    outages = pd.array([None, *range(1, 47)], dtype="Int64")
    outage = axes_of.find(made_up({"outage": outages}).scenarios).x
    assert outage.name == "outage"
    assert not outage.numeric
    assert outage.texts[:3] == ("intact", "1", "2")
    named = axes_of.find(made_up({"outage": outages}).scenarios, {"2": "1-39 (1)"}).x
    assert named.texts[:3] == ("intact", "1", "1-39 (1)")
    assert named.values[:3] == ("none", "1", "2")
    points = {name: np.random.default_rng(k).random(80) for k, name in enumerate(["mq", "alpha"])}
    of_list = axes_of.find(made_up(points).scenarios)
    assert of_list.is_list
    assert {axis.name for axis in of_list.listed} == {"mq", "alpha"}
    one = axes_of.find(pd.DataFrame({"scenario": [0, 1], "alpha": [1.0, 1.0], "mq_32": [0.1, 0.2]}))
    assert one.x.label == "m_q of 32"
    assert one.fixed == (("α", "1"),)


def test_axes_that_go_together_are_one():
    def find(**columns):
        count = len(next(iter(columns.values())))
        return axes_of.find(pd.DataFrame({"scenario": range(count), **columns}))

    load = [0.9, 1.1, 1.0, 1.1, 0.9]
    series = find(step=range(5), load_scale=load, load_scale_5=[1, 2, 0, 4, 3])
    assert not series.is_list
    assert series.x.title == "step, with load scale, load scale of 5"
    assert series.sliced == ()
    both = grid(mq=[0.1, 0.2], step=range(5))
    both = find(**both, load_scale=[load[k] for k in both["step"]])
    assert (both.x.name, both.series.name, both.rest) == ("step", "mq", ())
    assert [axis.name for axis in both.of(np.arange(4)).x.along] == ["load_scale"]
    zipped = find(alpha=[1.2, 1.1, 1.0], mq=[0.1, 0.2, 0.3])
    assert zipped.x.name == "mq"
    assert zipped.x.company == " with α"
    pairs = grid(criterion=["none", "weighted"], mq=[0.1, 0.2, 0.3])
    pairs = find(**pairs, margin=[0.0 if name == "none" else 0.1 for name in pairs["criterion"]])
    assert (pairs.x.name, pairs.series.name) == ("mq", "criterion")
    assert pairs.series.along[0].name == "margin"
    free = find(**grid(mq=[0.1, 0.2, 0.3], alpha=[1.0, 1.1], eta_q=[0, 1]))
    assert not any(axis.along for axis in free.every)
    assert find(mq=[0.1, 0.3, 0.2, 0.5], alpha=[1, 3, 4, 2]).is_list


def test_critical_droop_of_the_paper(case39):
    analysis = analyse(case39)
    found = [
        critical.critical_values(analysis, rows)
        for rows in axes_of.groups(analysis.axes.sliced, len(analysis)).values()
    ]
    assert found == [(0.18, 0.19), (0.21, 0.22)]  # truly 0.1854 and 0.2127
    sentences = " ".join(facts.headline(analysis, case39.manifest))
    assert "14 scenarios" in sentences
    assert "between 0.19 and 0.22" in sentences
    assert "bus 32)" in sentences
    pairs = {row[:2] for row in facts.binding_pairs(analysis, case39).rows}
    assert pairs == {("32", "30"), ("32", "36"), ("32", "37"), ("32", "38")}


def test_cost_increase_is_above_the_cheapest_of_the_curve(case39):
    analysis = analyse(case39)
    rise = pd.Series(
        analysis.cost_increase, index=analysis.scenarios[["eta_q", "mq"]].apply(tuple, axis=1)
    )
    assert rise[(0.0, 0.2)] == pytest.approx(12.21, abs=0.01)
    assert rise[(0.0, 0.22)] == pytest.approx(69.70, abs=0.01)
    assert rise[(0.5, 0.2)] == pytest.approx(0.0, abs=0.01)
    assert np.isnan(rise[(0.0, 0.5)])


def test_rows_over_all_neighbours_are_listed():
    sweep = made_up({"mq": MQ}, failing=0)
    sweep.pairs["neighbor"] = pd.array([pd.NA] * len(sweep.pairs), dtype="Int64")
    table = facts.binding_pairs(analyse(sweep), sweep)
    assert [row[:2] for row in table.rows] == [("30", "all")]


def test_what_is_priced_in_a_report_is_priced_in_its_tables():
    sweep = made_up({"mq": MQ}, failing=0)
    assert analyse(sweep).floor == pytest.approx(1e-5 * sweep.scenarios["cost"].median())
    sweep.scenarios["cost"] = 1.0
    assert analyse(sweep).floor == prices.TRACE


def test_a_small_price_of_a_stiffness_is_a_price():
    """1/k is hundreds of p.u.: what costs 109 per hour has a price of .24 per p.u. of it."""
    sweep = made_up(grid(droop_percent=[2, 5, 10], criterion=["none", "weighted"]), failing=0)
    sweep.scenarios["nssp_max"] = [0, 0.24, 0, 3.6, 0, 32.1]
    sweep.scenarios["cost"] = [41864, 41973, 41864, 42290, 41864, 43530]
    sweep.inverters["nssp_per_pu"] = 0.24
    analysis = analyse(sweep)
    assert analysis.nssp_max.tolist() == [0, 0.24, 0, 3.6, 0, 32.1]
    assert (analysis.prices[1::2] == 0.24).all()
    assert not analysis.prices[::2].any()  # of the unit voltage
    assert units.floor_text(analysis) == "0.001 currency/h per p.u. 1/k"
    low, first = critical.critical_values(analysis, np.array([1, 3, 5]))
    assert np.isnan(low)
    assert first == 2


def test_the_critical_droop_counts_from_the_plain_dispatch():
    """The cost of the smallest droop is the lowest there is, but not that without stability."""
    sweep = made_up(grid(mq=[0.1, 0.2, 0.3], criterion=["none", "C1"]), failing=0)
    sweep.scenarios["nssp_max"] = 0.0
    sweep.scenarios["cost"] = [100.0, 101.0] * 3
    assert critical.critical_values(analyse(sweep), np.array([1, 3, 5]))[1] == 0.1
    assert np.isnan(critical.critical_values(analyse(sweep), np.array([0, 2, 4]))[1])


def test_many_values_are_thinned_for_the_page_and_all_drawn_in_pictures():
    analysis = analyse(made_up(grid(eta_q=np.linspace(0, 2, 15).tolist(), mq=MQ)))
    cost = results.cost_increase(analysis)
    some, every = (curves.of_result(analysis, cost, most) for most in (curves.MOST, None))
    assert [len(picture.slices[()]) for picture in (some, every)] == [8, 15]
    assert "8 of the 15 values of η_q are drawn" in some.note
    assert [some.slices[()][k].name for k in (0, -1)] == ["0", "2"]
    assert every.note == cost.note


def test_curves_know_where_scenarios_failed():
    sweep = made_up(grid(eta_q=[0, 1], mq=MQ), failing=0)
    sweep.scenarios.loc[[3, 12], ["solved", "status"]] = [False, "infeasible"]
    analysis = analyse(sweep)
    for picture in curves.all_of(analysis).values():
        if picture.title in ("Cost increase", "Largest NSSP", "Voltage spread"):
            gaps = [np.flatnonzero(np.isnan(c.values)).tolist() for c in picture.slices[()]]
            assert gaps == [[3], [3]]
