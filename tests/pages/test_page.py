"""The report of a sweep: what is drawn, what is said, and the page in a real browser."""

import html as entities
import json
import re
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.network import drawing
from scopf.optimizer.status import Status
from scopf.pages import curves, document, page, status
from scopf.sweeps import progress
from scopf.sweeps.analysis import amounts, facts, results, units
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis.analysis import analyse
from scopf.sweeps.analysis.network_map import network_map
from scopf.sweeps.analysis.references import Reference
from tests.sweeps.sweep_data import EVIL, grid, made_up, solved


def without_prices(sweep):
    """As a plain OPF leaves it."""
    sweep.scenarios[["nssp_max", "margin_min"]] = np.nan
    sweep.scenarios["nssp_max_bus"] = pd.array([None] * len(sweep.scenarios), dtype="Int64")
    sweep.inverters["nssp_per_pu"] = np.nan
    sweep.pairs = sweep.pairs.iloc[:0]
    return sweep


BREAKOUT = f"</script>{EVIL}<img src=x onerror=alert(2)>"
MQ = np.round(np.linspace(0.05, 0.45, 9), 3).tolist()
SWEEPS = {
    "four axes": lambda: made_up(
        grid(criterion=["C0", EVIL], alpha=[0.9, 1.1], eta_q=[0, 1, 2], mq=MQ), BREAKOUT
    ),
    "categories": lambda: made_up(
        {"criterion": ["voltage-difference", EVIL, BREAKOUT, "=1+1", "%{x} {{ 7 }} <b>"]}, EVIL
    ),
    "outages": lambda: made_up(
        {"outage": pd.array([None, *range(1, 47)], dtype="Int64")}, message=BREAKOUT
    ),
    "list": lambda: made_up(
        {name: np.random.default_rng(k).random(80) for k, name in enumerate(["mq", "alpha"])}
    ),
    "no criterion": lambda: without_prices(made_up({"load_scale": [0.9, 1.0, 1.1]}, failing=0)),
    "nothing solved": lambda: made_up({"mq": MQ}, failing=2),
    "one scenario": lambda: made_up({"mq": [0.2]}, failing=0),
}


@pytest.fixture(scope="module")
def case39():
    return solved()


@pytest.fixture(params=[*SWEEPS, "case39"])
def sweep(request):
    if request.param == "case39":
        return request.getfixturevalue("case39")
    return SWEEPS[request.param]()


@pytest.fixture
def without_library(monkeypatch):
    """Pages without plotly.js, which is long to parse."""
    monkeypatch.setattr(document, "plotly", lambda: "/* plotly.js */")


class Page(HTMLParser):
    """Script elements, attributes that load something, and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.loads, self.text, self.inside = [], [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.loads += [value for name, value in attributes if name in ("src", "href", "srcset")]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def test_prices_have_the_unit_of_their_criterion(without_library):
    def found(base, **axes):
        sweep = made_up(axes or {"mq": MQ}, failing=0)
        sweep.manifest["base"] = {"criterion": base} if base else {}
        return analyse(sweep), sweep

    assert units.price_unit(found("weighted")[0]) == "currency/h per p.u. 1/k"
    assert units.price_unit(found("voltage-difference")[0]) == "currency/h per p.u. V"
    assert units.price_unit(found("")[0]) == "currency/h per p.u."
    alone = found("voltage-difference", criterion=["none", "weighted"])[0]
    assert units.price_unit(alone) == "currency/h per p.u. 1/k"
    assert "p.u. of its stiffness 1/k would save" in results.largest_price(alone).note
    analysis, sweep = found("weighted", **grid(criterion=[None, "voltage-difference"], mq=MQ))
    assert units.price_unit(analysis) == "currency/h per p.u."
    assert units.price_unit(analysis, np.arange(len(MQ))) == "currency/h per p.u. 1/k"
    words = "of voltage-difference per p.u. voltage, of weighted per p.u. stiffness 1/k"
    figures = curves.all_of(analysis)
    assert figures["nssp-max"].is_price
    shown = Page(page.html(sweep)).text
    priced = [one for some in page._figures(analysis).values() for one in some if one.is_price]
    assert {figure.id for figure in priced} == {"nssp-max", "nssp-curves", "nssp-map", "surface"}
    assert shown.count(f"Prices have different units: {words}. Compare") == len(priced) + 1
    hover = [line["hovertemplate"] for line in figures["nssp-max"].views[""]]
    assert "per p.u. 1/k<" in hover[0]
    assert "per p.u. V<" in hover[1]
    assert sum("highest NSSP of" in line for line in facts.headline(analysis, {})) == 2
    assert "per p.u. V" in facts.binding_pairs(analysis, sweep).head[3]  # of rows, all alike


def test_cost_increase_is_above_that_without_stability():
    axes = grid(criterion=["none", "weighted"], eta_q=[0, 1], mq=MQ)
    sweep = made_up(axes, failing=0)
    sweep.scenarios.loc[0, ["solved", "status"]] = [False, "infeasible"]
    sweep.scenarios.loc[20, "cost"] = 1.0
    analysis = analyse(sweep)
    cost = sweep.scenarios["cost"].to_numpy()
    none, limited = np.arange(18), np.arange(18, 36)
    assert (analysis.cost_increase[none[1:]] == 0).all()
    assert np.isnan(analysis.cost_increase[[0, 18]]).all()
    assert analysis.cost_increase[limited[1:]] == pytest.approx(cost[limited[1:]] - cost[none[1:]])
    part = analysis.of(limited)  # of a large sweep, without what its costs count from
    assert part.cost_increase == pytest.approx(analysis.cost_increase[limited], nan_ok=True)
    figure = curves.all_of(analysis)["cost"]
    assert "above that without stability" in figure.note
    assert figure.layout["yaxis"]["rangemode"] == "tozero"
    assert "above that without stability, in" in " ".join(facts.headline(analysis, {}))
    sweep.scenarios["plain_cost"] = cost / 1.5  # `--plain` says the same once more
    sweep.scenarios["stability_cost"] = cost - cost / 1.5
    again = analyse(sweep)
    assert "stability" not in curves.all_of(again)
    assert "Stability costs" not in " ".join(facts.headline(again, {}))


def test_a_day_speaks_of_hours_and_of_the_price_of_stability(without_library):
    steps = {"step": range(24), "load_scale": np.linspace(0.7, 1.0, 24).tolist(), "mq": [0.2] * 24}
    sweep = made_up(steps, failing=0)
    cost = sweep.scenarios["cost"].to_numpy()
    analysis = analyse(sweep)
    assert analysis.reference is Reference.NOTHING
    said = " ".join(facts.headline(analysis, {}))
    assert "24 steps of a load series, load scale 0.7 to 1" in said
    assert f"The cost per hour goes from {cost.min():,.0f} to {cost.max():,.0f} currency" in said
    assert f"All 24 steps together cost {cost.sum():,.0f} currency, if a step is an hour." in said
    assert "With --plain (plain=True)" in said
    assert "rises" not in said
    figures = curves.all_of(analysis)
    assert figures["cost"].title == "Cost per hour"
    assert figures["cost"].views[""][0]["y"] == pytest.approx(cost.tolist(), rel=1e-5)
    assert "stability" not in figures
    assert "cost_increase" not in json.dumps(json.loads(Page(page.html(sweep)).scripts[0])["table"])
    sweep.scenarios["plain_cost"] = cost / 1.5
    sweep.scenarios["stability_cost"] = cost - cost / 1.5
    analysis = analyse(sweep)
    said = " ".join(facts.headline(analysis, {}))
    assert (
        f"Stability costs up to {cost.max() / 3:,.0f} currency/h (50\u202f%) above the plain"
        in said
    )
    assert f"Over all 24 steps it costs {cost.sum() / 3:,.0f} currency (50\u202f%)" in said
    assert "--plain" not in said
    drawn = curves.all_of(analysis)["stability"]
    assert drawn.views[""][0]["y"] == pytest.approx((cost / 3).tolist(), rel=1e-5)
    tiles = dict(facts.tiles(analysis, {}))
    assert tiles["price of stability, all steps"] == f"{cost.sum() / 3:,.0f} currency"


@pytest.mark.parametrize("axes", [{"mq": [0.1, 0.2, 0.3]}, grid(outage=[1, 2], mq=[0.1, 0.2])])
def test_the_price_of_stability_without_a_load_series(axes, without_library):
    """A study whose scenarios are no hours has nothing to add up."""
    sweep = made_up(axes, failing=0)
    cost = sweep.scenarios["cost"].to_numpy()
    sweep.scenarios["plain_cost"] = cost / 1.5
    sweep.scenarios["stability_cost"] = cost - cost / 1.5
    said = Page(page.html(sweep)).text
    price = f"Stability costs up to {cost.max() / 3:,.0f} currency/h (50\u202f%) above the plain"
    assert f"{price} dispatch of the same scenario, in scenario" in said
    assert "if a step is an hour" not in said


def test_steps_with_another_axis_compare_within_a_step():
    sweep = made_up(grid(mq=[0.1, 0.2], step=range(5)), failing=0)
    analysis = analyse(sweep)
    assert analysis.reference is Reference.STEP
    cost = sweep.scenarios["cost"].to_numpy().reshape(2, 5)
    expected = (cost - cost.min(axis=0)).ravel()
    assert analysis.cost_increase == pytest.approx(expected, abs=1e-9)
    said = " ".join(facts.headline(analysis, {}))
    low, high = sorted(cost.sum(axis=1))
    assert f"cost {low:,.1f} to {high:,.1f} currency in each of 2 cases" in said


def test_outages_are_compared_with_the_intact_network(without_library):
    outages = pd.array([None, 1, 2, 6, None, 1, 2, 6], dtype="Int64")
    sweep = made_up({"outage": outages, "mq": [0.1] * 4 + [0.2] * 4}, failing=0)
    cost = sweep.scenarios["cost"].to_numpy().reshape(2, 4)
    analysis = analyse(sweep)
    assert analysis.reference is Reference.INTACT
    assert analysis.cost_increase == pytest.approx((cost - cost[:, :1]).ravel(), abs=1e-6)
    names = next(axis for axis in analysis.axes.named if axis.name == "outage").texts
    assert names == ("intact", "1-2 (1)", "2-3 (1)", "3-32 (1)")
    said = " ".join(facts.headline(analysis, {}))
    assert "4 grids (the intact one and 3 with a branch out)" in said
    assert "above that of the intact network, in scenario" in said
    assert "none" not in said.replace("none failed", "")
    table = json.loads(Page(page.html(sweep)).scripts[0])["table"]
    column = table["columns"][table["heads"].index("branch_out")]
    assert [column["texts"][k] for k in column["codes"]][:4] == list(names)
    without = sweep.scenarios.loc[outages.notna() if hasattr(outages, "notna") else ~outages.isna()]
    sweep.scenarios = without.assign(scenario=range(len(without)))
    said = " ".join(facts.headline(analyse(sweep), {}))
    assert "The intact network is not among the scenarios" in said


def test_labels_are_few_and_short():
    assert amounts.ticks([0.05, 0.0833333, 0.116667]) == ["0.05", "0.0833", "0.117"]
    assert amounts.ticks([0.2, 0.20004, 0.20008]) == ["0.2", "0.20004", "0.20008"]
    assert [len(amounts.chosen(count)) for count in (1, 12, 13, 47, 4000)] == [1, 12, 7, 10, 8]
    assert amounts.percent(1.404) == "140\u202f%"
    assert amounts.percent(0.0723) == "7.2\u202f%"
    assert amounts.amount(1234567.8) == "1,234,568"
    assert amounts.tick(163712.3) == "164,000"


def test_every_status_has_a_colour_and_a_mark_of_its_own():
    styles = status._STATUS
    assert {str(name) for name in [*Status, *progress._SEVERITY, progress.NOT_RUN]} == set(styles)
    assert len({colour for colour, _ in styles.values()}) == len(styles)
    marks = [mark for name, (_, mark) in styles.items() if name not in ("optimal", "acceptable")]
    assert len(set(marks)) == len(marks)
    assert status._UNKNOWN not in styles.values()
    sweep = made_up({"mq": np.linspace(0.05, 0.45, len(styles)).tolist()}, failing=0)
    sweep.scenarios["status"] = list(styles)
    figure = status.by_scenario(analyse(sweep))
    go.Figure(figure.views[""], figure.layout)


def test_figures_are_valid_plotly(sweep):
    for figures in page._figures(analyse(sweep)).values():
        for figure in figures:
            assert figure.views
            for traces in figure.views.values():
                go.Figure(traces, figure.layout)


def test_everything_from_files_is_escaped(sweep, without_library):
    text = page.html(sweep)
    found = Page(text)
    assert len(found.scripts) == 3
    data = json.loads(found.scripts[0])
    assert "alert" not in found.scripts[2]
    assert all(value == "data:," for value in found.loads)
    name = facts.case_name(sweep.manifest)
    assert name in found.text
    assert "<script>alert" not in text
    assert "<img" not in text
    for message in sweep.scenarios.loc[~sweep.scenarios["solved"], "message"]:
        assert message in found.text
    for axis in data["axes"]:
        column = sweep.scenarios[axis["name"]].dropna().astype(str)
        if axis["name"] == "criterion":
            assert {entities.unescape(value)[:39] for value in axis["texts"]} == {
                value[:39] for value in column
            }


def test_page_forbids_loading(case39, without_library):
    policy = re.search(r'Policy" content="([^"]*)"', page.html(case39))[1]
    rules = dict(rule.split(" ", 1) for rule in entities.unescape(policy).split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].count("sha256-") == 2
    assert "unsafe" not in rules["script-src"]


def test_ten_thousand_scenarios_stay_small(tmp_path):
    axes = grid(eta_q=np.linspace(0, 2, 100).round(4), mq=np.linspace(0.05, 0.45, 100).round(4))
    path = page.write(made_up(axes), tmp_path / "page.html")
    assert path.stat().st_size < 15e6


def test_larger_sweeps_are_thinned_and_say_so(monkeypatch, without_library):
    monkeypatch.setattr(axes_of.thin, "__defaults__", (60,))
    sweep = SWEEPS["four axes"]()
    rows = axes_of.thin(analyse(sweep).axes)
    few = analyse(sweep).of(rows)
    assert 10 < len(few) <= 60
    assert few.axes.x.values[0] == 0.05
    assert few.axes.x.values[-1] == 0.45
    text = Page(page.html(sweep)).text
    assert f"hold {len(few)} of the 108 scenarios" in text
    assert "108 scenarios over" in text


def test_layout_is_repeatable_and_keeps_neighbours_close():
    ring = np.array([(k, (k + 1) % 300) for k in range(300)])
    place = drawing.positions(301, ring)  # and one bus on its own
    assert np.array_equal(place, drawing.positions(301, ring))
    assert np.isfinite(place).all()
    near = np.linalg.norm(place[ring[:, 0]] - place[ring[:, 1]], axis=1)
    assert near.max() < 0.1
    for count in (1, 2, 3):
        assert drawing.positions(count, np.zeros((0, 2), dtype=int)).shape == (count, 2)


def test_scenarios_that_are_no_grid_are_drawn_over_each_axis():
    sweep = SWEEPS["list"]()
    figures = curves.over_choices(analyse(sweep))
    cost = figures["cost"]
    assert [axis["title"]["text"] for axis in cost.extra["xaxes"]][1:] == ["<i>α</i>", "scenario"]
    drawn = cost.views["1"][0]
    assert drawn["mode"] == "markers"
    assert drawn["x"] == pytest.approx(sorted(sweep.scenarios["alpha"]), abs=1e-6)


def test_faults_are_sentences(case39, tmp_path, monkeypatch):
    sweep = made_up({"mq": MQ})
    sweep.manifest = {**sweep.manifest, "network": {"buses": [1], "inverters": [7]}}
    with pytest.raises(scopf.ScopfError, match="no bus 7"):
        page.write(sweep, tmp_path / "a.html")
    sweep.scenarios = sweep.scenarios.drop(columns="cost")
    with pytest.raises(scopf.ScopfError, match="no column cost"):
        page.write(sweep, tmp_path / "a.html")
    with pytest.raises(scopf.ScopfError, match="cannot write the report to"):
        page.write(case39, tmp_path)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(scopf.ScopfError, match=r"needs plotly.*extra `report`"):
        page.write(case39, tmp_path / "a.html")


def test_a_link_is_replaced_and_not_followed(tmp_path, without_library):
    outside, folder = tmp_path / "outside.txt", tmp_path / "run"
    outside.write_text("mine")
    folder.mkdir()
    path = folder / "report.html"
    path.symlink_to(outside)
    page.write(SWEEPS["one scenario"](), path)
    assert outside.read_text() == "mine"
    assert not path.is_symlink()
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (folder / "taken").mkdir()
    with pytest.raises(scopf.ScopfError, match="cannot write the report"):
        page.write(SWEEPS["one scenario"](), folder / "taken")
    assert sorted(file.name for file in folder.iterdir()) == ["report.html", "taken"]


def test_command(case39, tmp_path, monkeypatch):
    monkeypatch.setattr(scopf, "load_sweep", lambda folder: case39, raising=False)
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.stdout
    assert (tmp_path / "report.html").exists()
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def check(chromium, sweep, path):
    """Open the report of a sweep on a wide and a narrow screen; every figure is drawn and fits."""
    page.write(sweep, path)
    figures = [figure for some in page._figures(analyse(sweep)).values() for figure in some]
    first = page._first(analyse(sweep))
    chromium.open(path, 1280)
    for width in (1280, 390):
        chromium.resize(width)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        drawn = chromium.run(
            "Object.fromEntries([...document.querySelectorAll('figure')].map(figure => [figure.id, "
            "[figure.querySelector('.plot').data.length, "
            "figure.querySelector('.main-svg').getBoundingClientRect().right]]))"
        )
        assert drawn.pop("network")[0] >= 5
        assert list(drawn) == [figure.id for figure in figures]
        for figure in figures:
            view = figure.views["/".join(str(first.get(name, 0)) for name in figure.keys)]
            traces, right = drawn[figure.id]
            assert traces == len(view), figure.id
            assert 0 < right <= width, figure.id
    heads = chromium.run("document.querySelectorAll('#scenarios th').length")
    assert heads == len(sweep.scenarios.columns) + 1 + ("outage" in sweep.scenarios)
    assert chromium.complaints() == []
    assert chromium.requests() == []


@pytest.mark.parametrize("name", ["list", "nothing solved", "case39"])
def test_page_in_a_browser(chromium, case39, tmp_path, name):
    check(chromium, case39 if name == "case39" else SWEEPS[name](), tmp_path / "page.html")


def test_the_map_shows_the_branch_that_is_out_and_what_stands_where(chromium, tmp_path):
    net = scopf.load_case("case39").lossless()
    how = {"devices": scopf.devices_table("case39"), "mq": 0.1, "criterion": "none"}
    runs = scopf.sweep(net, outage=[6, 16], inverter_share=[0.3, 0.7], **how)
    inverters = [set(some["bus"]) for _, some in runs.inverters.groupby("scenario")]
    kinds = runs.manifest["network"]["kinds"]
    assert kinds == {"machine": list(range(30, 40))}
    chromium.open(page.write(runs, tmp_path / "page.html"))
    trace = "document.querySelector('#network .plot').data.find(one => one.meta === '{}')"
    ends = dict(_places(chromium))
    branch = {k: (f, t) for k, f, t in zip(net.branch.id, net.branch.from_bus, net.branch.to_bus,
                                           strict=True)}  # fmt: skip
    for step, outage in enumerate(runs.scenarios["outage"].tolist()):
        chromium.run(f"showStep({step})")
        x = chromium.run(f"{trace.format('out')}.x")
        if pd.isna(outage):
            assert x == [None]
        else:
            assert x == pytest.approx([ends[bus][0] for bus in branch[outage]], abs=1e-3)
        symbols = chromium.run(f"{trace.format('without')}.marker.symbol")
        assert len(symbols) == len(set.union(*inverters) - inverters[step])
        assert set(symbols) <= {"pentagon-open"}
    assert chromium.complaints() == []


def _places(chromium):
    """Buses of the map and where they are."""
    for part in ("buses", "inverters"):
        one = chromium.run(f"DATA.network.{part}")
        for bus, x, y in zip(one["text"], one["x"], one["y"], strict=True):
            yield int(bus), (x, y)


def test_a_manifest_may_not_know_what_stands_where():
    sweep = made_up({"mq": MQ})
    sweep.manifest["network"] = {
        key: value for key, value in sweep.manifest["network"].items() if key != "kinds"
    }
    drawn = network_map(analyse(sweep), sweep.manifest["network"])
    assert set(drawn.kinds) == {"none"}
    assert not drawn.out.any()


def test_islands_of_a_sweep_are_told_apart():
    branches = [{"id": 1, "from_bus": 1, "to_bus": 2}, {"id": 2, "from_bus": 3, "to_bus": 4}]
    given = {"buses": [1, 2, 3, 4, 5], "branches": branches, "inverters": [1, 3]}
    drawn = network_map(analyse(made_up({"mq": MQ})), given)
    assert [len(lines) for lines in drawn.islands] == [1, 1, 1]
    assert (drawn.islands[2][0][0] == drawn.islands[2][0][1]).all()  # a bus alone
    given["branches"] += [{"id": k, "from_bus": k, "to_bus": k + 1} for k in (2, 4)]
    assert network_map(analyse(made_up({"mq": MQ})), given).islands == ()


def test_controls(chromium, tmp_path):
    check(chromium, SWEEPS["four axes"](), tmp_path / "page.html")
    steps = chromium.run("Number(document.getElementById('step').max)") + 1
    assert steps == 108
    colours = "JSON.stringify(document.querySelector('#network .plot').data.find("
    colours += "one => one.meta === 'inverters').marker.color)"
    seen = set()
    for step in (3, 4):
        chromium.run(
            f"(slider => {{ slider.value = {step}; slider.dispatchEvent(new Event('input')); }})"
            "(document.getElementById('step'))"
        )
        assert chromium.run("document.getElementById('steptext').textContent").startswith(
            f"Scenario {step}: "
        )
        seen.add(chromium.run(colours))
    assert len(seen) == 2
    chromium.run("document.getElementById('play').click()")
    chromium.wait("Number(document.getElementById('step').value) > 4")
    chromium.run("document.getElementById('play').click()")
    assert chromium.run("document.getElementById('play').textContent") == "Play"

    plot = "JSON.stringify(document.querySelector('#cost .plot').data)"
    pictures = []
    for place, text in enumerate(["C0", EVIL]):
        chromium.run(
            f"(select => {{ select.value = {place}; select.dispatchEvent(new Event('change')); }})"
            "(document.querySelector('[data-axis=criterion]'))"
        )
        chromium.wait(f"document.querySelector('#cost .slicetext').textContent.includes({text!r})")
        pictures.append(chromium.run(plot))
    assert pictures[0] != pictures[1]
    chromium.run("document.querySelector('#cost details').open = true")
    chromium.wait("document.querySelectorAll('#cost tbody tr').length === 27")
    assert chromium.complaints() == []


def test_data_opens_below_both_figures_of_a_row(chromium, tmp_path):
    chromium.open(page.write(SWEEPS["outages"](), tmp_path / "page.html"), 1280)
    ticks = "[...document.querySelectorAll('#nssp-map .ytick text')].map(one => one.textContent)"
    assert chromium.run(ticks) == ["30", "31", "32"]  # numbers as names, not as places
    labels = "document.querySelectorAll('#{} .xtick text').length"
    assert 2 < chromium.run(labels.format("status")) <= 12
    chromium.run("document.querySelector('#nssp-max details').open = true")
    chromium.wait("document.querySelectorAll('[data-of=nssp-max] tbody tr').length === 47")
    place = "document.querySelector('{}').getBoundingClientRect()"
    below = chromium.run(f"{place.format('[data-of=nssp-max]')}.top")
    ends = [
        chromium.run(f"{place.format(f'#{name}')}.bottom") for name in ("nssp-max", "nssp-curves")
    ]
    assert ends[0] == ends[1] <= below
    chromium.resize(390)
    chromium.wait("document.querySelectorAll('#nssp-max tbody tr').length === 47")
    chromium.run("document.querySelector('#nssp-max details').open = false")
    chromium.resize(1280)
    inside = "document.querySelector('[data-of=nssp-max]').parentElement.open"
    assert chromium.run(inside) is False
    assert chromium.complaints() == []


def test_tables_sort_and_save(chromium, tmp_path):
    check(chromium, SWEEPS["categories"](), tmp_path / "page.html")
    head = "document.querySelectorAll('#scenarios th button')[1]"
    cells = "[...document.querySelectorAll('#scenarios tbody tr')].map(r => r.cells[1].textContent)"
    chromium.run(f"{head}.click()")
    up = chromium.run(cells)
    chromium.run(f"{head}.click()")
    assert chromium.run(cells) == up[::-1]
    text = chromium.run("everything(FIGURES.find(figure => figure.id === 'status'))")
    lines = text.split("\r\n")
    assert lines[0] == "criterion,status"
    assert any(line.startswith("'=1+1,") for line in lines)  # no formula for a spreadsheet
    assert any(line.startswith(f"{EVIL},") for line in lines)
    chromium.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    chromium.run("document.querySelector('#scenarios .links a').click()")
    saved = tmp_path / "scenarios.csv"
    for _ in range(100):
        if saved.exists():
            break
        time.sleep(0.05)
    table = pd.read_csv(saved)
    assert len(table) == 5
    assert "cost [currency/h]" in table
