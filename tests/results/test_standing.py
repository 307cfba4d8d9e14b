"""The head of every report: criterion, its standing, loads, losses and constant power."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.pages import page, response
from scopf.pages import solution as solution_page
from scopf.results import export, standing
from scopf.stability import registry


def lead(text):
    """Sentences at the head of a page."""
    parts = re.findall(r'<p class="lead">(.*?)</p>', text)
    return [html.unescape(re.sub(r"<.*?>", "", part)) for part in parts]


def solved(net, **keywords):
    buses = keywords.pop("buses", None)
    units = scopf.Inverters.at_generators(net, buses=buses, mq=0.05)
    return scopf.solve(scopf.build(net, units, **keywords))


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("kind", ["lossless", "losses", "constant power", "outages", "machines"])
def test_a_criterion_that_is_not_proven_has_its_reason_in_the_json(name, kind):
    net = scopf.load_case("case9")
    net = net if kind == "losses" else net.lossless()
    given = {"outages": [5], "emergency": 2.0} if kind == "outages" else {}
    if kind == "constant power":
        given["buses"] = [1, 2]
    if kind == "machines":
        machine = pd.DataFrame({"gen": [3], "device": ["one-axis"], "s_mva": [200.0]})
        given |= {"devices": machine, "buses": [1, 2]}
    found = export.as_dict(solved(net, criterion=name, **given))
    assert found["solved"]
    assert (found["claim"] is None) == bool(found["unmet_assumptions"])
    assert all(found["unmet_assumptions"])


def test_the_reason_names_the_criterion():
    net = scopf.load_case("case9")
    assert solved(net).unmet == ("voltage-difference is not proven sufficient",)
    assert solved(net, criterion="none").unmet == ("there are no stability rows",)
    found = CliRunner().invoke(app, ["solve", "case9", "--json"]).output
    assert json.loads(found[found.index("{") :])["unmet_assumptions"]


def test_the_page_of_a_solution_says_all_five():
    net = scopf.load_case("case9")
    first, *rest = lead(solution_page.html(solved(net, buses=[1, 2], criterion="weighted")))
    lossy = int(np.count_nonzero(net.branch.r))
    assert "criterion weighted" in first
    assert rest[0].startswith("Weighted is a heuristic here: losses")
    assert rest[2] == f"Loads draw constant power; losses: resistance of {lossy} of 9 branches."
    constant = r"Taken for constant power: 1 generator, [\d.]+ % of the dispatch\."
    assert re.fullmatch(constant, rest[1])
    rest = lead(solution_page.html(solved(net.lossless(), criterion="weighted")))[1:]
    assert "is proven for this network" in rest[0]
    assert rest[1:] == [
        "No generation is taken for constant power.",
        "Loads draw constant power; no losses in branches and shunts.",
    ]


def test_the_page_of_a_simulation_says_what_its_equations_have():
    found = solved(scopf.load_case("case9"), buses=[1, 2])
    run = found.simulate(outage=5, at=0.1, until=0.2, load=(1, 2), step=0.05)
    text = lead(response.html(run))[1]
    assert (
        "no criterion; loads draw power with the exponents 1 (P) and 2 (Q) of the voltage" in text
    )
    assert "; losses: resistance of " in text
    assert "taken for constant power: 1 generator, " in text


def test_current_loads_and_dc_lines_are_named():
    from tests.operating_points import constant_current, dc_lines

    assert standing.loads(constant_current()) == "loads draw constant power and constant current"
    assert standing.loads(dc_lines()) == "loads and DC lines draw constant power"


def test_a_sweep_says_of_how_many_scenarios_each_holds():
    table = scopf.sweep(
        "case39", mq=[0.1, 0.2], criterion=["weighted", "voltage-difference", "none"],
        lossless=[True, False], verify={"load": "impedance", "min_damping": 0.0564},
    )  # fmt: skip
    text = page.html(table)
    said, rows = lead(text), table.scenarios
    some = rows[rows["criterion"] == "weighted"]
    proven = int(some["claim"].notna().sum())
    assert 0 < proven < some["solved"].sum()
    texts = [text for text in said if text.startswith("Criterion ")]
    assert f"proven (stable) in {proven} of {int(some['solved'].sum())} solved" in texts[0]
    assert "not proven (losses, r/x up to" in texts[0]
    assert texts[1:] == [
        "Criterion voltage-difference: not proven sufficient.",
        "Criterion none: there are no stability rows.",
    ]
    count = int(rows["solved"].sum())
    stable, damped = int(rows["stable"].sum()), int(rows["damped"].sum())
    assert 0 < damped < stable
    start = (
        f"{stable} of {count} solved scenarios are stable, {damped} with a damping ratio of 0.0564"
    )
    (checked,) = [text for text in said if text.startswith(start)]
    worst = int(rows["damping"].argmin())
    assert f"ratio is {rows['damping'].min():.3g} at" in checked
    assert f"in scenario {worst} (" in checked
    assert any("which are set to zero in 6 of 12 scenarios" in text for text in said)
    assert any("loads have constant impedance" in text and "60 Hz" in text for text in said)
    assert said[-1] == "No generation is taken for constant power."
    assert "<dt>least damping ratio</dt>" in text


def test_an_older_run_folder_has_a_report():
    """Its manifest says nothing on loads and losses, its table nothing on claims."""
    found = scopf.sweep("case9", mq=[0.1, 0.2])
    del found.manifest["conditions"]
    found.scenarios = found.scenarios.drop(columns=["claim", "unmet"])
    said = lead(page.html(found))
    assert "Criterion voltage-difference: not proven sufficient." in said
    assert not any("Loads draw" in text for text in said)
