"""Pictures of a dispatch of several hours: numbers on the canvas are those of the tables."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import StepPatch

import scopf
from scopf import plots


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def solution():
    net = scopf.load_case("case39").lossless()
    hours = pd.DataFrame({"hour": ["night", "noon", "evening"], "load_scale": [0.7, 0.9, 1.0]})
    hours["duration_h"] = [2.0, 1.0, 1.0]
    storage = pd.DataFrame(
        {"bus": [16, 20], "p_mw": [100, 50], "e_mwh": [300, 100], "mq": [0.1, None]}
    )
    inverters = scopf.Inverters.at_generators(net, mq=0.4)
    return scopf.solve(scopf.build(net, inverters, eta_q=0.1, hours=hours, storage=storage))


def steps(ax):
    """Areas and lines of values by hour."""
    return [one for one in ax.patches if isinstance(one, StepPatch)]


def test_the_dispatch_is_stacked_up_to_what_grid_and_storage_take(solution):
    axes = plots.hours(solution)
    assert len(axes) == 4
    above, below = np.zeros(3), np.zeros(3)
    *areas, load = steps(axes[0])
    for area in areas:
        values, edges, foot = area.get_data()
        assert edges.tolist() == [0.0, 2.0, 3.0, 4.0]
        above, below = np.maximum(above, values), np.minimum(below, values)
        assert (np.abs(values) >= np.abs(foot)).all()
    table = solution.hours
    storage = table.p_storage_mw.to_numpy()
    gens = solution.table("gens").groupby("state", sort=False).p_mw.sum().to_numpy()
    assert above == pytest.approx(gens + np.maximum(storage, 0))
    assert below == pytest.approx(np.minimum(storage, 0))
    assert below.min() < 0
    assert load.get_data()[0] == pytest.approx(table.p_load_mw.to_numpy())
    assert [one.get_text() for one in axes[-1].get_xticklabels()] == ["night", "noon", "evening"]


def test_few_generators_have_a_look_of_their_own(solution):
    names = [one.get_text() for one in plots.hours(solution, most=2)[0].get_legend().get_texts()]
    energy = solution.table("gens").merge(solution.hours[["state", "duration_h"]])
    most = (energy.p_mw * energy.duration_h).groupby(energy.gen).sum().idxmax()
    assert names == [f"gen {most}", "others", "storage", "load"]
    assert len(plots.hours(solution, most=1)[1].lines) == 1  # energy of all storage together


def test_energy_begins_and_ends_where_it_does(solution):
    ax = plots.hours(solution)[1]
    first, second = (line.get_ydata() for line in ax.lines)
    assert first[[0, -1]] == pytest.approx([150, 150], abs=1e-3)
    assert second[0] == 50
    table = solution.table("storage")
    assert first[1:] == pytest.approx(table[table.storage == 1].e_mwh.to_numpy())


def test_prices_are_those_of_the_tables(solution):
    *_, lmp, nssp = plots.hours(solution)
    band, mean = steps(lmp)
    buses = solution.table("buses").groupby("state", sort=False).lmp_p_per_mwh
    assert band.get_data()[0] == pytest.approx(buses.max().to_numpy())
    assert band.get_data()[2] == pytest.approx(buses.min().to_numpy())
    assert mean.get_data()[0] == pytest.approx(solution.hours.lmp_p_per_mwh.to_numpy())
    (area,) = steps(nssp)
    assert area.get_data()[0] == pytest.approx(solution.hours.nssp_per_pu.to_numpy())


def test_panels_of_what_there_is(solution):
    net = scopf.load_case("case9")
    plain = scopf.solve(scopf.build(net, criterion="none", hours=[0.5] * 40))
    axes = plots.hours(plain, title="plain")
    assert len(axes) == 2  # neither storage nor stability rows
    assert axes[0].get_title(loc="left") == "plain"
    assert len(axes[-1].get_xticklabels()) < 14


def test_maps_and_bars_of_one_hour(solution):
    ax = plots.network(solution, "lmp", state="evening")
    assert ax.get_title(loc="left") == "case39, hour evening"
    scatters = [one for one in ax.collections if one.get_array() is not None]
    drawn = np.concatenate([np.asarray(c.get_array()) for c in scatters])
    lmp = solution.state("evening").buses.lmp_p_per_mwh
    assert np.sort(drawn) == pytest.approx(np.sort(lmp.to_numpy()))
    assert not any("lost" in str(one.get_label()) for one in ax.get_legend().legend_handles)
    bars = plots.nssp(solution, state="evening")
    price = solution.state("evening").inverters.nssp_per_pu.max()
    assert max(bar.get_height() for bar in bars.patches) == pytest.approx(price)
    ax = plots.network(solution, {7: 1.0}, label="mine")
    assert sum(text.get_text() == "39" for text in ax.texts) == 1


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (plots.nssp, "there are 3 hours: plots.nssp"),
        (plots.network, "there are 3 hours: plots.network"),
        (lambda sol: plots.network(sol, state="dawn"), "no hour 'dawn'"),
        (plots.outages, "without outages"),
        (lambda sol: plots.hours(sol, most=0), "most has to be at least 1"),
    ],
)  # fmt: skip
def test_what_is_of_one_hour_says_so(solution, draw, text):
    with pytest.raises(scopf.ScopfError, match=text):
        draw(solution)


def test_one_hour_or_no_solution_has_no_panels():
    net = scopf.load_case("case9")
    with pytest.raises(scopf.ScopfError, match="was solved for a single hour"):
        plots.hours(scopf.solve(scopf.build(net)))
    failed = scopf.solve(scopf.build(net, hours=[1.0, 9.0]), max_iter=60)
    with pytest.raises(scopf.ScopfError, match=r"plots.network\(problem.given\)"):
        plots.hours(failed)
