"""The page of a simulation: curves and frames are the trajectories; the page in a real browser."""

import json
import re

import numpy as np
import pytest

import scopf
from scopf.pages import animation, document, response, solution, trajectories


def solve(case, **keywords):
    net = scopf.load_case(case).lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    return scopf.solve(scopf.build(net, inverters, criterion="none", **keywords))


@pytest.fixture(scope="module")
def solved():
    return solve("case39")


@pytest.fixture(scope="module")
def run(solved):
    """Branch 6 is lost, then both branches of bus 28, then a unit."""
    events = [scopf.Event(2.0, outage=[43, 45]), scopf.Event(3.0, outage="gen 4")]
    return solved.simulate(outage="branch 6", events=events, until=4, step=0.02)


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def test_frames_are_the_grid_at_their_times(solved, run):
    found = animation.data(run)
    frames, net = found["frames"], run.origin.net
    assert 50 < len(frames) <= 120
    first = frames[0]
    np.testing.assert_allclose(first["vm"], solved.buses.vm, rtol=1e-3)
    np.testing.assert_allclose(first["loading"], solved.branches.loading_percent, rtol=1e-2)
    np.testing.assert_allclose(first["power"], solved.branches.pf_mw, rtol=1e-2, atol=1e-3)
    assert (first["lost"], first["dead"], first["units"]) == ([], [], [])
    assert frames[0]["time"] == 0
    assert frames[-1]["time"] == 4
    last = frames[-1]
    dark = net.bus_positions(np.array([28]))[0]
    assert [k for k, vm in enumerate(last["vm"]) if vm is None] == [dark]
    assert net.branch.id[last["lost"]].tolist() == [6]
    assert net.branch.id[last["dead"]].tolist() == [43, 45]
    assert net.bus.id[last["units"]].tolist() == [33]
    for frame in frames:
        out = {k for k, loading in enumerate(frame["loading"]) if loading is None}
        assert out == {*frame["lost"], *frame["dead"]}


def test_curves_are_thinned_and_their_number_is_limited(run):
    found = trajectories.data(run, ("voltage",), times=80, lines=10)
    (panel,) = found["panels"]
    assert len(found["times"]) <= 80
    assert len(panel["lines"]) == 10
    assert panel["left"] == 29
    named = [line for line in panel["lines"] if line["look"] is not None]
    assert len(named) == 6
    bus = f"bus {run.facts['vm_max_bus']}"
    at = run.origin.net.bus_positions(np.array([run.facts["vm_max_bus"]]))[0]
    (line,) = [line for line in named if line["name"] == bus]
    expected = np.interp(found["times"], run.times, run.vm[:, at])
    inside = ~np.isin(found["times"], [1.0, 2.0, 3.0])
    drawn = np.array(line["values"])
    np.testing.assert_allclose(drawn[inside], expected[inside], rtol=1e-5)
    assert [time for time, _ in found["events"]] == [1, 2, 3]


def test_a_network_without_ratings_and_one_too_large(monkeypatch):
    run = solve("case118").simulate(outage=3, until=2, step=0.1)
    found = animation.data(run)
    most = max(value for frame in found["frames"] for value in frame["loading"] if value)
    assert most == 100
    assert found["levels"] == [0, 1, 2, 3]
    monkeypatch.setattr(document, "plotly", lambda: "/* plotly.js */")
    assert "No branch has a rating" in response.html(run)
    monkeypatch.setattr(animation, "MOST_BUSES", 100)
    text = response.html(run)
    assert "The network has 118 buses; the map is drawn of networks of up to 100." in text
    assert data_of(text)["map"] is None
    assert "Without 78 buses that move less." in text


def test_page_in_a_browser(chromium, run, tmp_path):
    chromium.open(response.write(run, tmp_path / "page.html"), 1280, dark=True)
    for width in (1280, 390):
        chromium.resize(width)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        for name in ("curves-frequency", "curves-angle", "network"):
            right = f"document.querySelector('#{name} .main-svg').getBoundingClientRect().right"
            assert 0 < chromium.run(right) <= width
    assert chromium.run("document.querySelectorAll('#table-events tbody tr').length") == 3
    assert chromium.run("document.getElementById('play').textContent") == "Play"
    assert chromium.run("step") == 0  # it does not begin by itself
    chromium.run("document.getElementById('play').click()")
    chromium.wait("step > 2")
    chromium.run("document.getElementById('play').click()")
    chromium.run("document.getElementById('step').value = 1e6")
    chromium.run("document.getElementById('step').dispatchEvent(new Event('input'))")
    chromium.wait("!busy")
    text = chromium.run("document.getElementById('steptext').textContent")
    assert text.startswith("4.000 s: after “gen 4 is lost”, lowest voltage")
    assert chromium.run("document.getElementById('step').getAttribute('aria-valuetext')") == text
    lines = "document.querySelector('#network .plot').data.find(one => one.name === '{}').x.length"
    assert chromium.run(lines.format("out")) == 3
    assert chromium.run(lines.format("not energized")) == 6
    assert chromium.complaints() == []
    assert chromium.requests() == []


def test_the_page_of_a_dispatch_has_its_simulations(chromium, solved, run, tmp_path):
    evil = "<b>second</b>"
    path = solution.write(solved, tmp_path / "page.html", runs={"first": run, evil: run})
    assert evil not in path.read_text()
    chromium.open(path)
    heads = "[...document.querySelectorAll('h3.run')].map((one) => one.textContent)"
    assert chromium.run(heads) == ["first", evil]
    drawn = "document.querySelector('#run-1-voltage .plot').data.length"
    assert chromium.run(drawn) == 25
    assert chromium.complaints() == []
    labels = [one["events"][0][1] for one in data_of(path.read_text())["runs"]]
    assert labels == ["branch 6 is lost"] * 2


def test_what_is_no_simulation_says_so(solved, tmp_path):
    with pytest.raises(scopf.ScopfError, match="needs a Simulation"):
        response.write(solved, tmp_path / "page.html")
    with pytest.raises(scopf.ScopfError, match="runs: the report needs a Simulation"):
        solution.html(solved, [solved])
