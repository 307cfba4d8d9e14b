"""Pictures show what the tables say: values in the artists, units in the labels."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.network import drawing, labels
from tests.model.test_content import dcline
from tests.small_networks import network as made
from tests.sweeps.sweep_data import grid, made_up

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from scopf import plots
from scopf.pages import curves as page_curves
from scopf.plots import style
from scopf.sweeps.analysis.analysis import analyse

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def _tidy():
    """No picture changes a setting, and none is left open."""
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


def solve(case="case39", mq=0.2, lossless=True, buses=None, **keywords):
    net = scopf.load_case(case)
    net = net.lossless() if lossless else net
    inverters = scopf.Inverters.at_generators(net, mq=mq, buses=buses)
    return scopf.solve(scopf.build(net, inverters, **keywords))


@pytest.fixture(scope="module")
def priced():
    return solve()


@pytest.fixture(scope="module")
def infeasible():
    return solve(mq=0.6)


@pytest.fixture(scope="module")
def runs():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2))
    return scopf.sweep(problem, eta_q=[0.0, 0.5, 1.0], mq=[0.18, 0.2, 0.22, 0.5])


def markers(ax, name):
    return next(c for c in ax.collections if c.get_label() == name)


def shown(ax, name, ids, place):
    """Values behind the colours of some markers, by bus."""
    spots = markers(ax, name)
    values = np.ma.filled(spots.get_array().astype(float), np.nan)
    found = {}
    for at, value in zip(spots.get_offsets().data, values, strict=True):
        found[int(ids[np.abs(place - at).sum(axis=1).argmin()])] = value
    return found


def curves(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def bar_label(ax):
    """Label of the scale of colours."""
    return next(a.get_ylabel() for a in ax.figure.axes if a.get_label() == "<colorbar>")


# -- network -----------------------------------------------


@pytest.mark.parametrize(
    ("case", "mq", "criterion"),
    [("case9", 0.2, "voltage-difference"), ("two_bus_q", 1.0, "voltage-difference"),
     ("case300", 0.2, "none")],
)  # fmt: skip
@pytest.mark.parametrize(("color", "column"), [("lmp", "lmp_p_per_mwh"), ("voltage", "vm")])
def test_colours_of_buses_are_the_table(case, mq, criterion, color, column):
    sol = solve(case, mq, lossless=False, criterion=criterion)
    ax = plots.network(sol, color)
    net = sol.problem.base
    place = drawing.positions(len(net.bus), np.column_stack([net.branch_from, net.branch_to]))
    found = shown(ax, "grid-forming inverter", net.bus.id, place)
    assert set(found) == set(sol.inverters["bus"])
    if len(found) < len(net.bus):
        found |= shown(ax, "no generator", net.bus.id, place)
    table = sol.buses.set_index("bus")[column]
    assert found == pytest.approx(table.to_dict())
    assert bar_label(ax) == {"lmp": "LMP (currency/MWh)", "voltage": "voltage (p.u.)"}[color]


def test_prices_are_at_inverters_and_zero_where_nothing_is_paid(priced):
    place = {bus: (k, k % 7) for k, bus in enumerate(priced.buses["bus"])}
    ax = plots.network(priced, positions=place)
    ids, at = list(place), np.array(list(place.values()))
    found = shown(ax, "grid-forming inverter", ids, at)
    price = priced.inverters.set_index("bus")["nssp_per_pu"]
    assert found == pytest.approx(price.where(price > 1e-3, 0).to_dict())
    assert np.isnan(list(shown(ax, "no generator", ids, at).values())).all()
    assert bar_label(ax) == "NSSP (currency/h per p.u. V)"
    assert {text.get_text() for text in ax.texts} == set(map(str, place))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["grid-forming inverter", "no generator", "branch"]


def test_the_unit_of_a_price_is_that_of_the_criterion():
    sol = solve(mq=0.35, criterion="weighted")
    assert bar_label(plots.network(sol)) == "NSSP (currency/h per p.u. 1/k)"
    assert plots.nssp(sol).get_ylabel() == "NSSP (currency/h per p.u. 1/k)"


def test_every_branch_is_drawn(priced):
    ax = plots.network(scopf.load_case("case14"))
    (lines,) = [c for c in ax.collections if c.get_label() == "_branch"]
    net = scopf.load_case("case14")
    pairs = {frozenset(p) for p in zip(net.branch.from_bus, net.branch.to_bus, strict=True)}
    assert len(lines.get_segments()) == len(pairs)
    assert len(ax.figure.axes) == 1  # without values there is no scale


def test_dc_lines_are_dashed():
    net = scopf.load_case("case30")
    sol = scopf.solve(scopf.build(net.replace(dcline=dcline(4, 20)), criterion="none"))
    ax = plots.network(sol, "voltage", positions={bus: (bus, 2 * bus) for bus in net.bus.id})
    (lines,) = [c for c in ax.collections if c.get_label() == "_dcline"]
    assert [segment.tolist() for segment in lines.get_segments()] == [[[4, 8], [20, 40]]]
    assert "DC line" in {text.get_text() for text in ax.get_legend().get_texts()}


def test_coordinates_of_ones_own(priced, tmp_path):
    buses = priced.buses["bus"].tolist()
    table = pd.DataFrame({"bus": buses, "x": np.arange(39.0), "y": np.arange(39.0) % 5})
    path = tmp_path / "places.csv"
    table.to_csv(path, index=False)
    geo = table.rename(columns={"x": "lon", "y": "lat"})
    for given in (table, path, str(path), geo, table.set_index("bus")):
        ax = plots.network(priced, positions=given)
        spots = [
            *markers(ax, "no generator").get_offsets(),
            *markers(ax, "grid-forming inverter").get_offsets(),
        ]
        assert sorted(x for x, _ in spots) == list(range(39))
    for given, said in (
        (table.iloc[:37], r"no coordinates for 2 of the 39 buses: 38, 39"),
        (table.drop(columns="y"), "columns bus, x, y are needed"),
        (pd.concat([table, table.iloc[:1]]), "two rows for bus 1"),
        (table.assign(x=np.nan), "not two finite numbers"),
        (dict.fromkeys(buses, (0, "here")), "not two finite numbers"),
        (tmp_path / "none.csv", "cannot be read: there is no such file"),
        (3, "positions are a mapping"),
    ):
        with pytest.raises(scopf.ScopfError, match=said):
            plots.network(priced, positions=given)


def test_values_of_ones_own(priced):
    place = {bus: (bus, 0) for bus in priced.buses["bus"]}
    mine = pd.Series({30: 1.5, 5: -2.0, 39: np.nan}, name="my index (%)")
    ax = plots.network(priced, mine, positions=place)
    ids, at = list(place), np.array(list(place.values()))
    found = shown(ax, "grid-forming inverter", ids, at) | shown(ax, "no generator", ids, at)
    assert {bus: v for bus, v in found.items() if np.isfinite(v)} == {30: 1.5, 5: -2.0}
    assert bar_label(ax) == "my index (%)"
    assert bar_label(plots.network(priced, {1: 2.0}, label="mine")) == "mine"
    for given, said in (
        ({99: 1.0}, "no bus 99"),
        ({}, "no value"),
        ("prices", 'color is "nssp"'),
        ([1.0, 2.0], "needs bus numbers"),
    ):
        with pytest.raises(scopf.ScopfError, match=said):
            plots.network(priced, given)


def test_a_network_with_one_inverter():
    sol = solve("case14", 0.05, buses=[1])
    ax = plots.network(sol)
    assert len(markers(ax, "grid-forming inverter").get_offsets()) == 1
    assert len(markers(ax, "constant power").get_offsets()) == 4
    assert len(markers(ax, "no generator").get_offsets()) == 9
    assert "no inverter is priced" in {text.get_text() for text in ax.texts}
    assert len(plots.nssp(sol).patches) == 1


def test_thousands_of_buses_carry_a_few_labels():
    net = made(2500, [(k, k + 1, 0, 0.1) for k in range(1, 2500)], [1], loads={9: 0.1})
    value = dict.fromkeys(range(1, 2501), 0.0) | {400: 3.0, 1400: 2.0}
    ax = plots.network(net, value)
    assert len(markers(ax, "no generator").get_offsets()) == 2499
    assert len(markers(ax, "generator").get_offsets()) == 1
    assert {"400", "1400"} <= {text.get_text() for text in ax.texts}
    assert len(ax.texts) < 10


# -- bars -----------------------------------------------


def test_bars_are_the_prices_and_pairs_add_up(priced):
    price = priced.inverters["nssp_per_pu"].to_numpy()
    ax = plots.nssp(priced)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(price, abs=1e-3)
    assert [t.get_text() for t in ax.get_xticklabels()] == priced.inverters["bus"].map(str).tolist()
    divided = plots.nssp(priced, pairs=True)
    assert sum(bar.get_height() for bar in divided.patches) == pytest.approx(price.sum(), abs=0.1)
    rows = priced.pairs[priced.pairs["price_per_pu"] > 1e-3]
    assert len(divided.patches) == len(rows) > 1
    said = {text.get_text() for text in divided.texts}
    assert {f"to {bus}" for bus in rows["neighbor"]} <= said


def test_many_small_rows_are_one_part_of_the_bar():
    sol = solve("case118", 0.3)
    rows = sol.pairs[(sol.pairs["bus"] == 65) & (sol.pairs["price_per_pu"] > 1e-3)]
    assert len(rows) > 5
    ax = plots.nssp(sol, pairs=True)
    names = [text.get_text() for text in ax.get_xticklabels()]
    parts = [bar for bar in ax.patches if round(bar.get_x() + 0.36) == names.index("65")]
    assert len(parts) == 5
    assert sum(bar.get_height() for bar in parts) == pytest.approx(rows["price_per_pu"].sum())
    assert f"{len(rows) - 4} more" in {text.get_text() for text in ax.texts}


def test_of_many_inverters_the_dearest_are_drawn(priced):
    ax = plots.nssp(priced, most=3)
    assert len(ax.patches) == 3
    assert max(bar.get_height() for bar in ax.patches) == priced.inverters["nssp_per_pu"].max()
    assert "7 more inverters, all zero" in {text.get_text() for text in ax.texts}


# -- sweeps -----------------------------------------------


def test_curves_are_the_table_of_scenarios(runs):
    table = runs.scenarios
    for draw, column, label in (
        (plots.prices, "nssp_max", "largest NSSP (currency/h per p.u. V)"),
        (plots.margins, "margin_min", "smallest stability margin (p.u. voltage)"),
    ):
        ax = draw(runs, x="mq")
        assert ax.get_ylabel() == label
        assert "(p.u.)" in ax.get_xlabel()
        lines = curves(ax)
        assert set(lines) == {
            f"$\\mathit{{η}}_{{\\mathrm{{q}}}}$ = {v}" for v in ("0", "0.5", "1")
        } | {"no solution"}
        for (_, rows), line in zip(table.groupby("eta_q"), lines.values(), strict=False):
            assert line.get_xdata() == pytest.approx(rows["mq"])
            near = 0.5 if column == "nssp_max" else 1e-12  # what is no price is drawn as zero
            assert line.get_ydata() == pytest.approx(rows[column], nan_ok=True, abs=near)
        assert lines["no solution"].get_xdata() == [0.5]


def test_costs_count_from_the_cheapest(runs):
    table = runs.scenarios
    for (_, rows), line in zip(
        table.groupby("eta_q"), curves(plots.costs(runs, "mq")).values(), strict=False
    ):
        rise = rows["cost"] - rows["cost"].min()
        assert line.get_ydata() == pytest.approx(rise, nan_ok=True, abs=1e-4)
    ax = plots.costs(runs, "mq", where={"eta_q": 0.5}, increase=False)
    cost = table[table["eta_q"] == 0.5]["cost"]
    assert ax.lines[0].get_ydata() == pytest.approx(cost, nan_ok=True, rel=1e-12)
    assert ax.get_ylabel() == "cost (currency/h)"


def test_inverters_have_curves_of_their_own(runs):
    own = curves(plots.prices(runs, "mq", where={"eta_q": 0.5}))
    table = runs.inverters.merge(runs.scenarios[["scenario", "eta_q", "mq"]], on="scenario")
    table = table[(table["eta_q"] == 0.5) & (table["bus"] == 32)]
    assert "inverter 32" in own
    drawn = own["inverter 32"].get_ydata()
    assert drawn[:3] == pytest.approx(table.sort_values("mq_y")["nssp_per_pu"], abs=0.5)
    assert "inverter 32" in {t.get_text() for t in plots.prices(runs, "mq", bus=32).texts}
    with pytest.raises(scopf.ScopfError, match="no inverter at bus 7"):
        plots.prices(runs, bus=7)


def test_map_is_the_pivoted_table(runs):
    for value, column in (("cost", "cost"), ("iterations", "iterations"), ("vm_min", "vm_min")):
        ax = plots.heatmap(runs, "mq", "eta_q", value)
        cells = ax.collections[0].get_array().filled(np.nan)
        table = runs.scenarios
        wide = table.assign(v=table[column].where(table["solved"])).pivot(
            index="eta_q", columns="mq", values="v"
        )
        assert cells == pytest.approx(wide.to_numpy(float, na_value=np.nan), nan_ok=True)
    assert "hatched: no solution" in {text.get_text() for text in ax.texts}
    assert bar_label(plots.heatmap(runs, "mq", "eta_q", "nssp_32")) == (
        "NSSP of inverter 32 (currency/h per p.u. V)"
    )


def test_a_sweep_says_what_it_cannot_draw(runs):
    for given, said in (
        ({"x": "alpha"}, "alpha does not vary in this sweep; these do"),
        ({"where": {"eta_q": 7}}, "eta_q is never 7; it is 0, 0.5, 1"),
        ({"where": {"mq": 0.5}}, "no scenario was solved"),
    ):
        with pytest.raises(scopf.ScopfError, match=said):
            plots.prices(runs, **given)
    with pytest.raises(scopf.ScopfError, match="value is one of"):
        plots.heatmap(runs, "mq", "eta_q", "message")
    with pytest.raises(scopf.ScopfError, match="draws a sweep"):
        plots.margins(3)


def test_a_third_axis_has_to_be_fixed():
    net = scopf.load_case("case9").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2))
    found = scopf.sweep(problem, eta_q=[0, 1], mq=[0.1, 0.2, 0.3], load_scale=[0.9, 1.0])
    with pytest.raises(scopf.ScopfError, match="load_scale varies as well"):
        plots.costs(found, "mq", by="eta_q")
    ax = plots.costs(found, "mq", by="eta_q", where={"load_scale": 0.9}, increase=False)
    assert len(ax.lines) == 2
    with pytest.raises(scopf.ScopfError, match="varies as well"):
        plots.heatmap(found, "mq", "eta_q", "cost")
    (line,) = plots.costs(found, "load_scale", where={"mq": 0.2, "eta_q": 1}, increase=False).lines
    table = found.scenarios.query("mq == 0.2 and eta_q == 1")
    assert line.get_ydata() == pytest.approx(table["cost"])


def test_categories_are_a_horizontal_axis_as_well():
    net = scopf.load_case("case39").lossless()
    found = scopf.sweep(
        scopf.build(net, scopf.Inverters.at_generators(net, mq=0.3)),
        criterion=["none", "voltage-difference", "weighted"], mq=[0.2, 0.3],
    )  # fmt: skip
    ax = plots.costs(found, "criterion")
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert sorted(names) == ["none", "voltage-difference", "weighted"]
    cells = plots.heatmap(found, "mq", "criterion", "cost").collections[0].get_array()
    assert cells.shape == (3, 2)
    label = "largest NSSP (currency/h per p.u. V or 1/k, by criterion)"
    assert plots.prices(found, "mq").get_ylabel() == label


@pytest.mark.parametrize(
    ("draw", "figure"),
    [(plots.costs, "cost"), (plots.prices, "nssp-max"), (plots.margins, "margin")],
)
def test_page_and_pictures_draw_the_same_curves(draw, figure):
    sweep = made_up(grid(eta_q=[0, 0.5, 1], mq=[0.1, 0.15, 0.2, 0.25, 0.3]))
    lines = draw(sweep).lines
    found = page_curves.all_of(analyse(sweep))[figure]
    assert len(found.views[""]) == 3
    for trace, line in zip(found.views[""], lines, strict=False):
        assert line.get_xdata() == pytest.approx(trace["x"])
        values = [np.nan if y is None else y for y in trace["y"]]
        assert line.get_ydata() == pytest.approx(values, nan_ok=True, rel=1e-5)
        assert line.get_label().endswith(f"= {trace['name']}")
    assert found.layout["yaxis"]["title"]["text"] == draw(sweep).get_ylabel()


# -- eigenvalues and iterations -----------------------------------------------


def test_eigenvalues_of_both_signs():
    check = solve(mq=0.34, criterion="none").verify()
    ax = plots.eigenvalues(check, damping=[0.1, 0.3])
    values = check.spectrum.values
    drawn = np.concatenate(
        [c.get_offsets().data for c in ax.collections if "ing (" in c.get_label()]
    )
    expected = np.concatenate([values, values[values.imag > 0].conj()])
    drawn = np.sort_complex(drawn[:, 0] + 1j * drawn[:, 1])
    assert drawn == pytest.approx(np.sort_complex(expected))
    assert f"growing ({check.unstable})" in {c.get_label() for c in ax.collections}
    for line in ax.lines:
        if line.get_label().startswith("_damping"):
            (_, x), (_, y) = line.get_data()
            assert -x / np.hypot(x, y) == pytest.approx(float(line.get_label().split()[1]))
    assert ax.get_xlabel() == "real part (rad/s)"
    for wrong in ([0], [1.0], [-1]):
        with pytest.raises(scopf.ScopfError, match="between 0 and 1"):
            plots.eigenvalues(check, damping=wrong)
    with pytest.raises(scopf.ScopfError, match="draws a Verification"):
        plots.eigenvalues(values)


def with_steps(solution):
    """Attempts whose iterations are known: not those of the elastic problem."""
    return [attempt for attempt in solution.attempts if len(attempt.steps)]


def test_trace_ends_where_the_solve_does(priced, infeasible):
    trace = priced.trace
    assert trace["cost"].iloc[-1] == pytest.approx(priced.cost, rel=1e-9)
    assert trace["iteration"].tolist() == list(range(priced.iterations + 1))
    assert trace["primal_infeasibility"].iloc[-1] < 1e-7 < trace["primal_infeasibility"].iloc[0]
    assert trace["mu"].is_monotonic_decreasing
    assert set(trace["attempt_name"]) == {priced.attempt}
    several = infeasible.trace
    shown = with_steps(infeasible)
    assert several["attempt_name"].unique().tolist() == [a.name for a in shown]
    ends = several.groupby("attempt")["iteration"].max().tolist()
    assert ends == [attempt.iterations for attempt in shown]
    assert several["restoration"].any()


def test_trace_of_a_maximum_has_the_users_sign():
    import pyomo.environ as pyo

    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    for objective in problem.model.component_objects(pyo.Objective, active=True):
        objective.deactivate()
    problem.model.most = pyo.Objective(expr=sum(problem.model.bus_vm.values()), sense=pyo.maximize)
    sol = scopf.solve(problem)
    assert sol.trace["cost"].iloc[-1] == pytest.approx(sol.cost, rel=1e-8)
    assert sol.cost > 0


def test_convergence_shows_the_trace(priced, infeasible):
    ax = plots.convergence(priced)
    lines = curves(ax)
    assert lines["primal infeasibility"].get_ydata() == pytest.approx(
        priced.trace["primal_infeasibility"]
    )
    assert ax.get_yscale() == "log"
    ax = plots.convergence(infeasible)
    shown = with_steps(infeasible)
    assert {a.name for a in shown} <= {text.get_text() for text in ax.texts}
    drawn = curves(ax)["dual infeasibility"].get_ydata()
    assert np.isfinite(drawn).sum() == len(infeasible.trace)
    assert np.isnan(drawn).sum() == len(shown) - 1


# -- all of them -----------------------------------------------


def test_what_cannot_be_drawn_is_said_in_a_sentence(priced, infeasible):
    for draw in (plots.network, plots.nssp):
        with pytest.raises(scopf.ScopfError, match="there is no solution, so plots"):
            draw(infeasible)
        with pytest.raises(scopf.ScopfError, match="draws a Solution"):
            draw("case39")
    assert plots.network(infeasible.net).get_title("left") == "case39"
    with pytest.raises(scopf.ScopfError, match="needs a Solution"):
        plots.network(scopf.load_case("case9"), "lmp")
    with pytest.raises(scopf.ScopfError, match="matplotlib axes"):
        plots.nssp(priced, ax=plt.figure())


def test_axes_of_ones_own_are_used_and_returned(priced, runs):
    figure, axes = plt.subplots(2, 3)
    before = plt.get_fignums()
    drawn = [
        plots.network(priced, ax=axes[0, 0]),
        plots.nssp(priced, ax=axes[0, 1]),
        plots.prices(runs, ax=axes[0, 2]),
        plots.heatmap(runs, "mq", "eta_q", ax=axes[1, 0]),
        plots.eigenvalues(priced.verify(), ax=axes[1, 1]),
        plots.convergence(priced, ax=axes[1, 2]),
    ]
    assert all(a is b for a, b in zip(drawn, axes.ravel(), strict=True))
    assert plt.get_fignums() == before
    figure.canvas.draw()


def test_without_matplotlib_it_is_said_what_to_install(priced, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(scopf.ScopfError, match=r"scopf\[plot\]"):
        plots.nssp(priced)


def test_importing_the_package_loads_no_matplotlib():
    code = "import sys, scopf; scopf.plots.network; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_colours_darken_evenly_and_can_be_told_apart_in_grey():
    shades = style.colormap()(np.linspace(0, 1, 101))
    light = np.array([style.luminance(shade) for shade in shades])
    assert (np.diff(light) < 0).all()
    assert light[0] > 0.85
    looks = [style.lines(range(7), ordered)[k] for ordered in (False, True) for k in range(7)]
    for some in (looks[:7], looks[7:]):
        assert len({(str(look["marker"]), str(look["color"])) for look in some}) == 7
        assert len({look["marker"] for look in some}) == 7


# -- outages -----------------------------------------------


@pytest.fixture(scope="module")
def secured():
    """Two states with prices, several secure outages, one that no dispatch survives."""
    return solve(outages=[13, 12, 10, 30, 16, 31, 6, 3], emergency=1.2)


def test_bars_of_outages_are_the_sums_over_inverters(secured):
    ax = plots.outages(secured)
    names = [text.get_text() for text in ax.get_yticklabels()]
    table = secured.nssp_by_state
    named = labels.outages(secured.scenario.outages, secured.problem.given)
    states = table.state.map(lambda name: named.get(name, name))
    price = table.nssp_per_pu.where(table.nssp_per_pu > 1e-3, 0).groupby(states).sum()
    drawn = np.zeros(len(names))
    for bars in ax.containers:
        for bar in bars:
            drawn[round(bar.get_y() + bar.get_height() / 2)] += bar.get_width()
    assert dict(zip(names, drawn, strict=True)) == pytest.approx(
        price[names].to_dict(), rel=1e-9, abs=1e-9
    )
    assert drawn.tolist() == sorted(drawn, reverse=True)
    assert set(names) == {"intact", *price.index[price > 0]}
    inverters = {text.get_text() for text in ax.get_legend().get_texts()}
    assert inverters == {str(bus) for bus in table.bus[table.nssp_per_pu > 1e-3]}
    priced = len(names) - 1
    assert f"{8 - priced - 1} of 8 outages have no price; no dispatch survives 1" in {
        text.get_text() for text in ax.texts
    }
    assert ax.get_xlabel() == "NSSP (currency/h per p.u. V), sum over inverters"


def test_few_bars_of_outages_keep_the_intact_network(secured):
    ax = plots.outages(secured, most=2, title="")
    assert [text.get_text() for text in ax.get_yticklabels()][1] == "intact"
    assert len(ax.containers[0]) == 2


def test_outages_without_prices_say_so():
    ax = plots.outages(solve(mq=0.05, outages=[13], emergency=1.2))
    assert "no state is priced" in {text.get_text() for text in ax.texts}


def test_there_are_no_bars_without_outages(priced):
    with pytest.raises(scopf.ScopfError, match="was solved without outages"):
        plots.outages(priced)
    with pytest.raises(scopf.ScopfError, match="most has to be at least 1"):
        plots.outages(priced, most=0)


@pytest.mark.parametrize("state", ["branch 16", "branch 10", "intact"])
def test_the_map_of_a_state_has_its_voltages_and_loading(secured, state):
    net = secured.problem.base
    place = {bus: (k, k % 7) for k, bus in enumerate(net.bus.id.tolist())}
    ax = plots.network(secured, state=state, positions=place)
    ids, at = list(place), np.array(list(place.values()))
    found = shown(ax, "grid-forming inverter", ids, at) | shown(ax, "no generator", ids, at)
    assert found == pytest.approx(secured.state(state).buses.set_index("bus").vm.to_dict())
    lines = markers(ax, "_branch")
    loading = secured.state(state).branches.set_index("branch").loading_percent
    assert len(lines.get_segments()) == len(loading)
    widths = dict(zip(map(str, lines.get_segments()), lines.get_linewidths(), strict=True))
    for branch, share in loading.items():
        row = net.branch.id.tolist().index(branch)
        ends = np.array([place[net.branch.from_bus[row]], place[net.branch.to_bus[row]]], float)
        assert widths[str(ends)] == pytest.approx(1.3 * (0.8 + 1.7 * share / 100))
    lost = [c for c in ax.collections if c.get_label() == "_lost"]
    if state == "intact":
        assert not lost
        assert ax.get_title(loc="left") == "case39"
        return
    row = net.branch.id.tolist().index(int(state.split()[1]))
    ends = [place[net.branch.from_bus[row]], place[net.branch.to_bus[row]]]
    assert [part.tolist() for part in lost[0].get_segments()] == [[[*map(float, e)] for e in ends]]
    assert markers(ax, "_lost_cross").get_offsets().data[0] == pytest.approx(np.mean(ends, axis=0))
    assert ax.get_title(loc="left") == f"case39 after {state}"
    assert "lost branch" in {text.get_text() for text in ax.get_legend().get_texts()}


def test_prices_of_a_state_are_its_own(secured):
    ids = secured.buses.bus.tolist()
    place = {bus: (k, k % 7) for k, bus in enumerate(ids)}
    ax = plots.network(secured, "nssp", state="branch 16", positions=place)
    found = shown(ax, "grid-forming inverter", ids, np.array(list(place.values())))
    price = secured.state("branch 16").inverters.set_index("bus").nssp_per_pu
    assert found == pytest.approx(price.where(price > 1e-3, 0).to_dict())
    ax = plots.network(secured, "lmp", state="branch 10", positions=place)
    assert set(shown(ax, "no generator", ids, np.array(list(place.values()))).values()) == {0.0}


def test_bars_of_a_state_are_its_own(secured):
    name = secured.states[1]
    table = secured.state(name).inverters
    ax = plots.nssp(secured, state=name)
    assert ax.get_title(loc="left") == f"{secured.problem.base.name}, {name}"
    highest = max(bar.get_height() for bar in ax.patches)
    assert highest == pytest.approx(table.nssp_per_pu.max(), abs=1e-3)
    with pytest.raises(scopf.ScopfError, match="has no table of pairs"):
        plots.nssp(secured, state=name, pairs=True)


def test_lost_units_and_dark_buses_are_marked():
    sol = solve("case118", 0.05, False, outages=[184, "gen 5"], frequency_band=0.1)
    dead = sol.problem.base.branch
    bus = {dead.from_bus[dead.id == 184][0], dead.to_bus[dead.id == 184][0]}
    ax = plots.network(sol, state="branch 184")
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"not energized", "lost branch", "branch without rating"} <= names
    gone = set(sol.buses.bus) - set(sol.state("branch 184").buses.bus)
    assert len(gone) == 1
    assert gone < bus
    ax = plots.network(sol, state="gen 5")
    assert "lost unit" in {text.get_text() for text in ax.get_legend().get_texts()}
    assert "×" in {text.get_text() for text in ax.texts}


def test_states_that_are_none_are_refused(secured):
    with pytest.raises(scopf.ScopfError, match="did you mean 'branch 16'"):
        plots.network(secured, state="brunch 16")
    with pytest.raises(scopf.ScopfError, match="no dispatch survives branch 3"):
        plots.network(secured, state="branch 3")
    with pytest.raises(scopf.ScopfError, match=r"plots\.network draws a Solution"):
        plots.network(secured.net, state="branch 16")
