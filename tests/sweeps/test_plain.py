"""What stability costs in every scenario of a sweep: `plain_cost` and `stability_cost`."""

import numpy as np
import pytest

import scopf
from scopf.sweeps.analysis import facts
from scopf.sweeps.analysis.analysis import analyse

MQ = [0.1, 0.3, 2.0]  # the last one is infeasible with stability rows


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def runs(net, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "runs"
    return scopf.sweep(net, mq=MQ, margin=[0.0, 0.01], plain=True, out=out, csv=True)


def test_the_plain_cost_is_that_of_the_criterion_none(net, runs):
    """Margins belong to stability rows; where these conflict there is a plain cost all the same."""
    of = scopf.build(net, scopf.Inverters.at_generators(net), criterion="none")
    cost = scopf.solve(of).cost
    table = runs.scenarios
    assert table["plain_cost"].to_numpy() == pytest.approx(np.full(6, cost), rel=1e-8)
    assert table["solved"].tolist() == [True] * 4 + [False] * 2
    assert table["stability_cost"].isna().tolist() == [False] * 4 + [True] * 2
    solved = table[:4]
    rise = solved["cost"] - cost
    assert solved["stability_cost"].to_numpy() == pytest.approx(rise.to_numpy(), abs=1e-3)
    assert solved["stability_cost"].iloc[3] > solved["stability_cost"].iloc[2] > 600


def test_the_report_says_it_without_a_load_series_too(runs):
    said = " ".join(facts.headline(analyse(runs), runs.manifest))
    most = runs.scenarios["stability_cost"].max()
    assert f"Stability costs up to {most:,.0f} currency/h" in said
    assert "above the plain dispatch of the same scenario" in said


def test_without_plain_there_are_no_such_columns(net):
    assert "plain_cost" not in scopf.sweep(net, mq=0.1).scenarios


def test_the_columns_are_read_again_and_belong_to_the_study(net, runs):
    again = scopf.load_sweep(runs.folder).scenarios
    assert again["stability_cost"].equals(runs.scenarios["stability_cost"])
    assert "plain_cost,stability_cost" in (runs.folder / "scenarios.csv").read_text()
    given = {"mq": MQ, "margin": [0.0, 0.01], "out": runs.folder, "resume": True}
    with pytest.raises(scopf.ScopfError, match="plain changed since it was started"):
        scopf.sweep(net, **given)
    resumed = scopf.sweep(net, **given, plain=True)
    assert resumed.manifest["runs"][-1]["scenarios"] == 0


def test_it_is_what_explain_says_with_outages(net):
    """Outages that no dispatch survives are in neither problem."""
    given = {"mq": 0.3, "outages": [6, 13], "emergency": 1.2}
    row = scopf.sweep(net, **given, criterion=["voltage-difference", "none"], plain=True).scenarios
    found = scopf.solve(scopf.build(net, **given), explain=True)
    prices = found.explained.table.set_index("requirement")["price_per_h"]
    assert row["unsurvived"].tolist() == [1, 0]
    assert row["stability_cost"][0] == pytest.approx(prices.iloc[0], rel=1e-5)
    assert row["stability_cost"][1] == 0.0


def test_hours_count_together(net):
    row = scopf.sweep(net, mq=0.3, hours=[0.8, 1.0], plain=True).scenarios.iloc[0]
    each = [scopf.sweep(net, mq=0.3, load_scale=x, plain=True).scenarios for x in (0.8, 1.0)]
    assert row["stability_cost"] == pytest.approx(sum(x["stability_cost"][0] for x in each), 1e-5)


def test_a_problem_whose_model_is_in_use_is_refused(net):
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2))
    _ = problem.model
    with pytest.raises(scopf.ScopfError, match="leave out plain"):
        scopf.sweep(problem, eta_q=[0, 1], plain=True)


@pytest.mark.parametrize("error", [scopf.ScopfError("it is"), ZeroDivisionError("it is")])
def test_what_breaks_without_rows_is_a_row_with_a_message(net, monkeypatch, error):
    from scopf.sweeps import plain

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(plain, "solve", breaks)
    row = scopf.sweep(net, mq=0.1, plain=True).scenarios.iloc[0]
    assert row["solved"]
    assert np.isnan(row["plain_cost"])
    assert "; without stability rows: " in row["message"]
    assert row["message"].endswith("it is")
