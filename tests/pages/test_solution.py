"""The page of one solution: its numbers, its panel on outages, and the page in a real browser."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.network import labels
from scopf.pages import outages, solution


def solve(case="case39", mq=0.2, **keywords):
    net = scopf.load_case(case).lossless()
    return scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **keywords))


@pytest.fixture(scope="module")
def secured():
    return solve(outages=[13, 12, 10, 30, 16, 31, 6, 3], emergency=1.2)


@pytest.fixture(scope="module")
def plain():
    return solve("case9", 0.1)


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(solution, "plotly", lambda: "/* plotly.js */")


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def test_bars_add_up_to_the_prices(secured):
    table = secured.nssp_by_state
    real = table.nssp_per_pu.where(table.nssp_per_pu > 1e-3, 0)
    named = labels.outages(secured.scenario.outages, secured.problem.given)
    states = table["state"].map(lambda name: named.get(name, name))
    for traces, keys in (
        (outages.by_outage(secured), states),
        (outages.by_inverter(secured), table["bus"].astype(str)),
    ):
        total = real.groupby(keys).sum()
        drawn = np.sum([trace["x"] for trace in traces], axis=0)
        assert dict(zip(traces[0]["y"], drawn, strict=True)) == pytest.approx(
            total[traces[0]["y"]].to_dict(), rel=1e-5
        )
        assert sum(drawn) == pytest.approx(total.sum(), rel=1e-5)


def test_the_page_has_the_tables_and_the_states(secured, without_library):
    text = solution.html(secured)
    data = data_of(text)
    rows = data["tables"]["outages"]["rows"]
    assert [row[0] for row in rows] == secured.outages.state.tolist()
    assert data["tables"]["outages"]["heads"][:3] == ["state", "lost", "status"]
    assert [row[1] for row in rows][:2] == ["6-11 (1)", "6-7 (1)"]
    assert "price_per_h" not in data["tables"]["outages"]["heads"]
    names = [one["state"] for one in data["map"]["states"]]
    assert [one["name"] for one in data["map"]["states"]][:1] == ["intact"]
    alive = secured.outages.state[secured.outages.status != "no dispatch survives"]
    assert names[: len(secured.states)] == list(secured.states)
    assert set(names) == {"intact", *alive}
    for one in data["map"]["states"]:
        state = secured.state(one["state"])
        np.testing.assert_allclose(one["vm"], state.buses.vm, rtol=1e-4)
        lost = [data["map"]["branches"][k] for k in one["lost"]]
        expected = [] if one["state"] == "intact" else [int(one["state"].split()[1])]
        assert lost == expected
        shares = [x for k, x in enumerate(one["loading"]) if k not in one["lost"]]
        np.testing.assert_allclose(shares, state.branches.loading_percent, rtol=1e-3)
    assert "Outages that no dispatch survives (1) have no state." in text
    assert data["tables"]["inverters"]["rows"][0][0] == 30


def test_a_page_without_outages(plain, without_library):
    text = solution.html(plain)
    assert "<h2>Outages</h2>" not in text
    assert [one["name"] for one in data_of(text)["map"]["states"]] == ["intact"]


def test_names_cannot_break_out(without_library):
    net = scopf.load_case("case9")
    evil = "</script><script>alert(1)</script>"
    sol = scopf.solve(scopf.build(scopf.Network(evil, net.base_mva, *net.tables.values()), mq=0.1))
    text = solution.html(sol)
    assert evil not in text


def test_a_solve_that_failed_has_no_page():
    with pytest.raises(scopf.ScopfError, match="there is no solution to report on"):
        solution.html(solve(load_scale=9.0))


def test_command(plain, tmp_path):
    plain.save(tmp_path / "solution.json")
    result = CliRunner().invoke(app, ["report", str(tmp_path / "solution.json")])
    assert result.exit_code == 0, result.output
    assert "<h1>case9</h1>" in (tmp_path / "solution.html").read_text()


@pytest.mark.parametrize("dark", [False, True])
def test_page_in_a_browser(chromium, secured, tmp_path, dark):
    path = solution.write(secured, tmp_path / "page.html")
    chromium.open(path, 1280, dark=dark)
    for width in (1280, 390):
        chromium.resize(width)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        for name in ("inverters", "outages", "network"):
            right = f"document.querySelector('#{name} .main-svg').getBoundingClientRect().right"
            assert 0 < chromium.run(right) <= width
    assert chromium.run("document.querySelectorAll('#table-outages tbody tr').length") == 8
    chromium.run("document.querySelectorAll('#table-outages th button')[6].click()")
    chromium.run("document.querySelectorAll('#table-outages th button')[6].click()")
    first = chromium.run("document.querySelector('#table-outages tbody tr td').textContent")
    assert first == secured.outages.state[secured.outages.margin.idxmax()]
    lost = "document.querySelector('#network .plot').data.some(one => one.name === 'out')"
    assert chromium.run(lost) is False
    chromium.run("document.getElementById('state').value = 2")
    chromium.run("document.getElementById('state').dispatchEvent(new Event('change'))")
    chromium.wait(lost)
    assert chromium.complaints() == []
    assert chromium.requests() == []


def test_a_page_without_outages_in_a_browser(chromium, plain, tmp_path):
    chromium.open(solution.write(plain, tmp_path / "page.html"))
    assert chromium.run("document.getElementById('state')") is None
    assert chromium.run("document.querySelector('#network .plot').data.length") > 3
    assert chromium.complaints() == []


@pytest.fixture(scope="module")
def hourly():
    net = scopf.load_case("case9")
    hours = pd.DataFrame({"hour": ["night", "<noon>"], "load_scale": [0.6, 1.0]})
    storage = pd.DataFrame({"bus": [5], "p_mw": [20], "e_mwh": [60], "mq": [0.1]})
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    problem = scopf.build(net, inverters, hours=hours, storage=storage, ramps=150)
    return scopf.solve(problem)


def test_hours_have_a_figure_tables_and_maps(hourly):
    text = solution.html(hourly)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    hours = data["hours"]
    assert hours["names"] == ["night", "<noon>"]
    assert hours["edges"] == [0, 1, 2]
    table = hourly.hours
    assert hours["load"] == pytest.approx(table.p_load_mw.tolist(), rel=1e-5)
    assert hours["lmp"] == pytest.approx(table.lmp_p_per_mwh.tolist(), rel=1e-5)
    total = np.sum([part["values"] for part in hours["generation"]], axis=0)
    assert total == pytest.approx((table.p_load_mw + table.p_loss_mw).to_numpy(), rel=1e-4)
    assert data["map"]["buses"] == list(range(1, 10))
    assert [one["name"] for one in data["map"]["states"]] == ["night", "<noon>"]
    assert not any(one["units"] or one["lost"] for one in data["map"]["states"])
    expected = {"hours", "storage", "storage_by_hour", "ramps", "ramps_by_hour", "buses"}
    assert expected <= set(data["tables"])
    assert max(row[1] for row in data["tables"]["buses"]["rows"]) == 9
    assert "Cost of 2 hours" in text
    assert "<noon>" not in text.replace('"<noon>"', "")


def test_hours_in_a_browser(chromium, hourly, tmp_path):
    chromium.open(solution.write(hourly, tmp_path / "page.html"), 1280)
    for width in (1280, 390):
        chromium.resize(width)
        assert chromium.run("document.documentElement.scrollWidth") <= width
    kinds = "document.querySelector('#hours .plot').data.map(one => one.name).join()"
    names = chromium.run(kinds).split(",")
    assert {"load", "storage", "mean LMP over loads", "storage 1 at bus 5"} <= set(names)
    chromium.run("document.getElementById('state').value = 1")
    chromium.run("document.getElementById('state').dispatchEvent(new Event('change'))")
    assert chromium.complaints() == []
    assert chromium.requests() == []
