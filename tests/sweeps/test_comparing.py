"""What differs between two sweeps, or two solutions, as sentences, table, page and exit code."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.pages import comparison, document
from scopf.sweeps.comparing import compare


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A sweep over outages, the same with another margin and other outages, and one at random."""
    folder = tmp_path_factory.mktemp("runs")
    net = scopf.load_case("case39").lossless()
    scopf.sweep(net, mq=0.2, outage=[2, 3, 6], out=folder / "a")
    scopf.sweep(net, mq=0.2, outage=[6, 2, 7], margin=0.005, out=folder / "b")
    scopf.sweep(net, mq=0.2, outage=[3, 6, 2], out=folder / "c")
    return folder


def test_scenarios_are_matched_by_their_values(folders):
    found = scopf.compare(folders / "a", folders / "b")
    assert not found.same
    assert bool(found) is True
    assert [(one.name, one.a, one.b) for one in found.settings] == [("margin", None, "0.005")]
    assert found.only["a"].what.tolist() == ["2-3 (1) out"]
    assert found.only["b"].what.tolist() == ["3-18 (1) out"]
    table = found.table
    assert table.what[0] == "3-4 (1) out"
    assert set(table.what) == {"intact network", "1-39 (1) out", "3-4 (1) out"}
    ends = [scopf.load_sweep(folders / name).scenarios.set_index("scenario") for name in "ab"]
    for row in table.itertuples():
        a, b = ends[0].loc[row.scenario_a], ends[1].loc[row.scenario_b]
        assert [0 if pd.isna(end.outage) else end.outage for end in (a, b)] in (
            [0, 0],
            [2, 2],
            [6, 6],
        )
        assert row.cost_difference == pytest.approx(b.cost - a.cost)
        assert (row.nssp_a, row.margin_b) == (a.nssp_max, b.margin_min)
    assert (np.diff(np.abs(table.cost_difference)) <= 0).all()
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "3 scenarios are in both, by outage." in text
    assert "The cost differs in 3 scenarios, higher in B; most with 3-4 (1) out, by +" in text
    assert "that of inverter 32" in " ".join(found.findings)


def test_the_order_of_scenarios_makes_no_difference(folders):
    found = compare(scopf.load_sweep(folders / "a"), folders / "c")
    assert found.same
    assert found.findings[-1].startswith("Results are the same")
    assert found.table.empty


def test_another_status_comes_first(folders):
    a, b = (scopf.load_sweep(folders / name) for name in "ac")
    rows = b.scenarios.outage == 6
    b.scenarios.loc[rows, ["status", "solved"]] = ["infeasible", False]
    found = compare(a, b)
    assert found.findings[1] == "1 scenario ends otherwise (1 from optimal to infeasible): " + (
        "3-4 (1) out."
    )
    assert found.table.status_b.tolist() == ["infeasible"]
    assert "infeasible" in str(found)


def test_another_verdict_of_the_exact_check_is_a_difference(folders):
    ends = [scopf.load_sweep(folders / name) for name in "ac"]
    for sweep in ends:
        sweep.scenarios["stable"] = pd.array([True] * len(sweep.scenarios), dtype="boolean")
    assert compare(*ends).same
    ends[1].scenarios.loc[ends[1].scenarios.outage == 6, "stable"] = False
    found = compare(*ends)
    assert found.findings[1] == "1 scenario is otherwise by the exact check " + (
        "(1 from stable to unstable): 3-4 (1) out."
    )
    assert found.table[["stable_a", "stable_b"]].to_numpy().tolist() == [["stable", "unstable"]]


def test_settings_that_older_folders_do_not_know_are_no_difference(folders):
    before, after = (scopf.load_sweep(folders / name) for name in "ac")
    for name in ("plain", "verify", "certify"):
        del before.manifest["spec"]["settings"][name]
    assert compare(before, after).settings == ()


def test_a_setting_with_one_value_in_each_is_no_axis(tmp_path):
    net = scopf.load_case("case9")
    one, other = (scopf.sweep(net, mq=mq, load_scale=[0.9, 1.0]) for mq in (0.05, 0.06))
    found = compare(one, other)
    assert [(s.name, s.a, s.b) for s in found.settings] == [("mq", "0.05", "0.06")]
    assert found.findings[0] == "2 scenarios are in both, by load_scale."
    assert all(rows.empty for rows in found.only.values())


def test_scenarios_in_both_may_be_the_same_where_others_are_not():
    one, other = (scopf.sweep("case9", mq=mq) for mq in ([0.05, 0.06], 0.05))
    found = compare(one, other)
    assert not found.same
    assert found.findings == (
        "1 scenario is in both, by mq.",
        "1 scenario is in A only: m_q = 0.06 p.u.",
        "Results of scenarios in both are the same, costs to 0.000001 of themselves.",
    )


def test_solutions_are_compared_by_inverter(tmp_path):
    net = scopf.load_case("case39").lossless()
    one, other = (
        scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=mq)))
        for mq in (0.2, 0.25)
    )
    found = compare(one, other)
    assert [(s.name, s.a, s.b) for s in found.settings] == [("inverters' mq", 0.2, 0.25)]
    assert "The cost goes from" in found.findings[0]
    assert found.table.what[0] == "bus 32"
    assert found.table.nssp_a[0] == pytest.approx(one.inverters.nssp_per_pu.max())
    assert "The loading of" in " ".join(found.findings)
    one.save(tmp_path / "one.json")
    again = compare(one, tmp_path / "one.json")
    assert again.same
    assert again.table.empty
    result = CliRunner().invoke(app, ["compare", *[str(tmp_path / "one.json")] * 2])
    assert result.exit_code == 0, result.output


def test_verdicts_that_differ_are_a_difference(tmp_path):
    """A dispatch that is stable by one model of loads alone costs the same by both."""
    net = scopf.load_case("case39").lossless()
    given = {"mq": [0.3, 0.35], "criterion": "none"}
    one = scopf.sweep(net, **given, verify=True)
    other = scopf.sweep(net, **given, verify={"load": "impedance"})
    found = compare(one, other)
    assert not found.same
    assert [(s.name, s.a, s.b) for s in found.settings] == [("verify.load", None, "impedance")]
    assert found.findings[1:] == (
        "1 scenario is otherwise by the exact check (1 from unstable to stable): m_q = 0.35 p.u.",
    )
    row = found.table.iloc[0]
    assert (row["stable_a"], row["stable_b"]) == ("unstable", "stable")
    assert compare(one, one).same
    assert compare(one, scopf.sweep(net, **given)).same  # the other was not asked


def test_solutions_that_have_no_common_measure(tmp_path):
    """Costs per hour and of several hours, a dispatch and none, outages by name."""
    net = scopf.load_case("case39").lossless()

    def solved(mq=0.2, **given):
        return scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **given))

    one, failed = solved(), solved(0.5)
    hours = solved(hours=[0.8, 0.9])
    text = f"A costs 41,276 currency/h, B {hours.cost:,.0f} currency over 2 h."
    assert compare(one, hours).findings == (text,)
    found = compare(one, failed)
    assert found.findings == ("A is optimal, B is infeasible.",)
    assert found.table.empty
    assert compare(failed, failed).findings == ("Neither has a solution: both are infeasible.",)
    given = {"emergency": 1.2}
    outages = compare(solved(outages=[6], **given), solved(outages=[6, 13], **given))
    assert str(outages.settings[0]) == "outages: branch 13 in B only"


def test_margins_of_dispatches_with_outages_are_those_of_the_worst_state():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    plain = scopf.solve(scopf.build(net, inverters))
    secure = scopf.solve(scopf.build(net, inverters, outages=[6], emergency=1.2))
    table = compare(plain, secure).table.set_index("bus")
    assert secure.inverters.set_index("bus").margin[32] > 0.01  # in the intact network
    assert table.margin_b[32] == pytest.approx(0, abs=1e-6)  # its row binds after the outage
    assert table.nssp_b[32] == pytest.approx(secure.inverters.set_index("bus").nssp_per_pu[32])


def test_command(folders, tmp_path):
    a, b, page = str(folders / "a"), str(folders / "b"), tmp_path / "page.html"
    result = CliRunner().invoke(app, ["compare", a, b, "--out", str(page), "--json"])
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert found["same"] is False
    assert [row["what"] for row in found["only_b"]] == ["3-18 (1) out"]
    assert "scopf comparison" in page.read_text()
    lines = CliRunner().invoke(app, ["compare", a, b]).stdout.splitlines()
    assert any("higher in B; most with" in line and "currency/h" in line for line in lines)
    assert CliRunner().invoke(app, ["compare", a, str(folders / "c")]).exit_code == 0
    result = CliRunner().invoke(app, ["compare", a, str(folders / "nowhere")])
    assert result.exit_code == 2
    assert "there is nothing at" in result.stderr


def test_what_does_not_compare_says_so(folders):
    sol = scopf.solve(scopf.build(scopf.load_case("case9"), criterion="none"))
    with pytest.raises(scopf.ScopfError, match="compare two of one kind"):
        compare(folders / "a", sol)
    with pytest.raises(scopf.ScopfError, match="takes sweeps, solutions, or their folders"):
        compare(sol, 3)
    with pytest.raises(scopf.ScopfError, match="from 0 to below 1"):
        compare(sol, sol, tolerance=1)


def test_names_cannot_break_out(folders, monkeypatch):
    monkeypatch.setattr(document, "plotly", lambda: "/* plotly.js */")
    evil = "</script><script>alert(1)</script>"
    sweep = scopf.load_sweep(folders / "b")
    sweep.folder = evil
    assert evil not in comparison.html(compare(folders / "a", sweep))
