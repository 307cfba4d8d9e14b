"""The page of one solution: its numbers, its panel on outages, and the page in a real browser."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.diagnosis.limits import Limit
from scopf.network import labels
from scopf.pages import document, failure, outages, solution
from tests.grids import dc_line, side_by_side

pytestmark = pytest.mark.core


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
    monkeypatch.setattr(document, "plotly", lambda: "/* plotly.js */")


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


def test_a_solve_that_failed_has_no_page_of_a_solution():
    with pytest.raises(scopf.ScopfError, match="there is no solution to report on"):
        solution.html(solve(load_scale=9.0))


@pytest.fixture(scope="module")
def failed():
    net = scopf.load_case("case9")
    rate = np.where(net.branch.id == 1, 1e-3, net.branch.rate)
    pmin = np.where(net.gen.bus == 1, 0.5, net.gen.pmin)
    net = net.replace(branch={"rate": rate}, gen={"pmin": pmin})
    found = scopf.solve(scopf.build(net, criterion="none"))
    assert not found.solved
    return found


def test_a_page_without_a_solution_says_why(chromium, failed, tmp_path):
    path = scopf.report(failed, tmp_path / "page.html")
    data = data_of(path.read_text())
    table = data["tables"]["limits"]
    column = table["heads"].index("element")
    assert {row[column] for row in table["rows"]} == set(failed.diagnosis.limits.element)
    ((bus, lines),) = data["map"]["named_buses"]
    assert data["map"]["buses"][bus] == 1
    assert lines[0].startswith("Pmin of gen 1 at bus 1: now 50, Pmin of gen 1 at bus 1 <= ")
    rating = Limit("thermal limit", "branch 7, 8-2 after branch 1", "rate", "MVA", "<=", 1.0)
    assert [*failure._at(failed.problem.base, rating)] == [("branches", 6)]
    assert str(failed.diagnosis).splitlines()[0] in path.read_text()
    for width in (1280, 390):
        chromium.open(path, width, dark=width == 390)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        assert chromium.run("document.querySelectorAll('#table-limits tbody tr').length") > 0
        assert chromium.run("document.querySelector('#network .plot').data[4].x.length") == 1
    assert chromium.complaints() == []
    assert chromium.requests() == []


def test_modes_and_certificates_are_those_of_the_check(chromium, secured, tmp_path):
    found = secured.verify_states(["intact", "branch 13"])
    path = scopf.report(secured, tmp_path / "page.html", verified=found)
    states = f"{len(found.checks)} of {len(found.checks)} states"
    assert states in path.read_text()
    data = data_of(path.read_text())
    states = data["modes"]["states"]
    assert {one["name"] for one in states} == {"intact", "6-11 (1)"}
    for one in states:
        check = found.checks["intact" if one["name"] == "intact" else "branch 13"]
        values = check.spectrum.values
        np.testing.assert_allclose(one["real"], values.real, rtol=1e-4, atol=1e-6)
        assert len(one["hover"]) == len(check.modes)
        assert len(one["modes"]["rows"]) == len(check.modes)
    rows = data["tables"]["certificates"]["rows"]
    assert rows[0][1] == "not proven sufficient"
    assert sum(row[0].startswith("every small disturbance decays") for row in rows) == 2
    for width in (1280, 390):
        chromium.open(path, width)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        shown = "document.querySelector('#modes .plot').data.map(one => one.x.length)"
        above = np.array(states[0]["imag"], dtype=float)
        assert sum(chromium.run(shown)) == len(above) + int((above > 0).sum())
    chromium.run("document.getElementById('mode-state').value = 1")
    chromium.run("document.getElementById('mode-state').dispatchEvent(new Event('change'))")
    verdict = "document.querySelector('#mode-verdict').textContent"
    chromium.wait(f"{verdict} === {json.dumps(states[1]['verdict'])}")
    assert chromium.run("document.querySelectorAll('#table-of-modes tbody tr').length") == 10
    assert chromium.complaints() == []


def test_margins_are_the_least_of_all_states(secured):
    (bars,) = outages.least_margins(secured)
    table = secured.nssp_by_state.groupby("bus").margin.min().nsmallest(12)
    assert bars["y"] == [str(bus) for bus in table.index]
    assert bars["x"] == pytest.approx(table.where(table.abs() > 1e-6, 0).tolist(), abs=1e-6)


def test_report_writes_the_page_of_what_it_gets(plain, tmp_path, without_library):
    path = tmp_path / "page.html"
    assert scopf.report(plain, path) == path
    run = plain.simulate(load_step={5: (1.0, 0.0)}, until=1.5, step=0.1)
    scopf.report((plain, [run]), path)
    assert len(data_of(path.read_text())["runs"]) == 1
    scopf.report(run, path)
    assert "frames" in data_of(path.read_text())["map"]
    scopf.report(scopf.sweep(scopf.load_case("case9"), mq=[0.05, 0.1]), path)
    assert "scopf sweep report" in path.read_text()
    scopf.report(scopf.compare(plain, plain), path)
    assert "Results are the same" in path.read_text()
    with pytest.raises(scopf.ScopfError, match=r"scopf.report takes a solution, .*; got Network"):
        scopf.report(plain.net, path)
    with pytest.raises(scopf.ScopfError, match="belong to the page of a solution"):
        scopf.report(run, path, verified=plain.verify())
    with pytest.raises(scopf.ScopfError, match=r"verified is what sol.verify"):
        scopf.report(plain, path, verified=plain)


def test_solve_and_verify_write_page_and_map(tmp_path):
    page, net = tmp_path / "page.html", tmp_path / "net.svg"
    given = ["case9", "--mq", "0.1", "--report", str(page)]
    result = CliRunner().invoke(app, ["solve", *given, "--plot", str(net)])
    assert result.exit_code == 0, result.output
    assert "the report was written to" in result.stdout
    assert "<h2>Margins</h2>" in page.read_text()
    assert net.read_text().startswith("<?xml")
    result = CliRunner().invoke(app, ["verify", *given, "--json"])
    assert "<h2>Modes</h2>" in page.read_text()
    assert json.loads(result.stdout)["stable"] is (result.exit_code == 0)
    result = CliRunner().invoke(app, ["solve", "case9", "--plot", "net.gif"])
    assert result.exit_code == 2
    assert "--plot writes .png, .svg, .pdf, not net.gif" in result.stderr
    result = CliRunner().invoke(app, ["solve", "case9", "--report", "page.pdf"])
    assert "--report writes an HTML page, .html or .htm, not page.pdf" in result.stderr


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
def three():
    """Two islands with a DC line, a dead one, and machines, inverters and constant power."""
    nine = scopf.load_case("case9")
    net = side_by_side(scopf.load_case("case14"), nine, nine, dcline=dc_line(2, 1005))
    net = net.replace(gen={"in_service": net.gen.bus < 2000})
    machine = {"xd": 1.2, "xq": 1.1, "xd1": 0.3, "h": 4, "td0": 6, "d": 2, "s_mva": 300}
    devices = pd.DataFrame([{"bus": 1, "device": "one-axis", **machine},
                            {"bus": 2, "device": "gfl"}])  # fmt: skip
    devices = devices.astype(object).where(devices.notna(), None)
    inverters = scopf.Inverters.at_generators(net, mq=0.05, buses=[3, 1001, 1002])
    return scopf.solve(scopf.build(net, inverters, devices=devices, criterion="none"))


def test_the_map_says_what_stands_at_a_bus(three, without_library):
    drawn = data_of(solution.html(three))["map"]
    kind = dict(zip(drawn["buses"], drawn["kinds"], strict=True))
    told = {1: "machine", 2: "gfl", 3: "gfm", 4: "none", 6: "constant power", 1001: "gfm"}
    assert {bus: kind[bus] for bus in told} == told
    assert list(drawn["words"]) == ["gfm", "machine", "gfl", "constant power", "none"]
    about = {drawn["buses"][int(k)]: lines for k, lines in drawn["about"].items()}
    assert about[1] == ["synchronous machine (one-axis): gen 1"]
    assert about[6] == ["constant power: gen 4"]
    assert about[1001][0].startswith("grid-forming inverter: gen 6, m_q 0.05")
    assert sorted(drawn["idle"]["buses"]) == list(range(2001, 2010))
    assert len(drawn["idle"]["ends"]) == 9
    assert [[drawn["buses"][k] for k in ends] for ends in drawn["dcends"]] == [[2, 1005]]
    (state,) = drawn["states"]
    assert state["island"] == three.buses["island"].tolist()
    power = three.gens.groupby("bus")[["p_mw", "q_mvar"]].sum()
    for place, (p, q) in state["gens"].items():
        bus = drawn["buses"][int(place)]
        assert [p, q] == pytest.approx(power.loc[bus].tolist(), rel=1e-3, abs=1e-3)


def test_colours_have_the_range_of_all_states(secured, without_library):
    drawn = data_of(solution.html(secured))["map"]
    assert [one["key"] for one in drawn["colours"]] == ["vm", "nssp", "margin", "lmp"]
    lmp = secured.lmp_by_state["lmp_p_per_mwh"]
    price = drawn["colours"][3]
    assert price["high"] >= lmp.max() * (1 - 1e-4)
    for one in drawn["states"][: len(secured.states)]:
        table = secured.state(one["state"]).inverters.set_index("bus")
        for bus, margin, nssp in zip(drawn["buses"], one["margin"], one["nssp"], strict=True):
            assert (margin is None) == (bus not in table.index)
            if margin is not None:
                assert margin == pytest.approx(table.margin[bus], rel=1e-3, abs=1e-6)
                assert nssp == pytest.approx(max(table.nssp_per_pu[bus], 0), rel=1e-3, abs=2e-3)


_OVERLAPS = """(() => {
  const texts = [...document.querySelectorAll("#network .textpoint text")];
  const boxes = texts.map((one) => one.getBoundingClientRect()).filter((one) => one.width);
  const apart = (a, b) => a.right <= b.left + 1 || a.bottom <= b.top + 4;
  const over = (a, b) => !apart(a, b) && !apart(b, a);
  const pairs = boxes.flatMap((a, k) => boxes.slice(k + 1).filter((b) => over(a, b)));
  return [boxes.length, pairs.length];
})()"""  # a line of text is higher than its digits


@pytest.mark.parametrize("width", [1280, 390])
def test_symbols_and_labels_in_a_browser(chromium, three, tmp_path, width):
    chromium.open(solution.write(three, tmp_path / "page.html"), width)
    names = set(chromium.run("document.querySelector('#network .plot').data.map(one => one.name)"))
    assert {
        "island 1 (14)", "island 2 (9)", "DC line", "not energized", "grid-forming inverter",
        "synchronous machine", "grid-following inverter", "constant power",
    } <= names  # fmt: skip
    count, overlaps = chromium.run(_OVERLAPS)
    assert count > (20 if width > 800 else 8)
    assert overlaps == 0
    chromium.run("document.getElementById('colour').focus()")
    assert chromium.run("document.activeElement.id") == "colour"
    bar = (
        "document.querySelector('#network .cbtitle, #network .cb-title-group, #network .colorbar')"
    )
    assert "Voltage" in chromium.run(f"{bar}.textContent")
    chromium.run("document.getElementById('colour').value = 1")
    chromium.run("document.getElementById('colour').dispatchEvent(new Event('change'))")
    chromium.wait(f"{bar}.textContent.includes('Price of active power')")
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
