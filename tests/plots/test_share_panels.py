"""Pictures of studies over the share of inverters: strips and curves are the tables."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba

import scopf
from scopf import plots
from scopf.plots.share_panels import VERDICTS
from scopf.studies.inverter_share import inverter_share


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def studies():
    """Constant fields and regulators; with three, four and ten inverters."""
    net, field = scopf.load_case("case39").lossless(), scopf.devices_table("case39")
    given = {"shares": [0.2, 0.2242, 0.3, 1], "mq": 0.1, "rating_factor": 1.1}
    regulated = field.assign(device="avr", ka=20, ta=0.05)
    return {
        "field": inverter_share(net, field, **given),
        "regulator": inverter_share(net, regulated, **given),
    }


def verdicts(ax):
    """Words of the cells, by their colours."""
    words = {to_rgba(color): word for word, (color, _) in VERDICTS.items()}
    return [words[cell.get_facecolor()] for cell in ax.patches]


def test_strips_say_what_limits_and_curves_are_the_columns(studies):
    axes = plots.inverter_share(studies, unit="$/h")
    assert len(axes) == 4
    free = "stable at no cost"
    expected = ["stable, at a cost", free, free, "a mode grows", "a mode grows", free]
    assert verdicts(axes[0]) == expected
    table = studies["field"].table.iloc[[0, 2, 3]]
    for ax, column in ((axes[1], "stability_cost"), (axes[2], "critical_mq")):
        x, y = ax.lines[0].get_data()
        assert x == pytest.approx(100 * table["share"])
        assert y == pytest.approx(table[column].astype(float), abs=1e-5)
    assert [text.get_text() for text in axes[1].texts] == ["NSSP 68.3 at 36"]
    costs = axes[1].lines[1].get_ydata()  # of dispatches with regulators: two are not stable
    assert np.isnan(costs).tolist() == [True, True, False]
    low, high = axes[2].get_ylim()
    droops = axes[2].lines[1].get_ydata()
    assert (droops[0], studies["regulator"].table["critical_mq"][0]) == (low, 0)
    assert low < droops[1] < 0.1 < droops[2] < high
    assert "$/h" in axes[1].get_ylabel()
    inertia, ratio = (line.get_ydata() for line in axes[3].lines[:2])
    assert inertia == pytest.approx(table["inertia_s"])
    assert ratio == pytest.approx(table["scr_min"])


def test_the_bus_of_each_step_is_in_its_cell(studies):
    study = studies["field"]
    steps = dataclasses.replace(study, table=study.table.iloc[[0, 2]])
    assert [text.get_text() for text in plots.inverter_share(steps)[0].texts] == []  # three at once
    table = study.table.iloc[[0, 2]].assign(inverters=["34", "31 34"])
    labelled = plots.inverter_share(dataclasses.replace(study, table=table))[0]
    assert [text.get_text() for text in labelled.texts] == ["+34", "+31"]


def test_shares_without_a_dispatch_or_a_verdict(studies):
    study = studies["field"]
    table = study.table.iloc[[0, 2, 3]].copy()
    table.loc[0, ["status", "stability_cost", "critical_mq"]] = ["infeasible", np.nan, np.nan]
    table.loc[2, "stable"] = None
    axes = plots.inverter_share(dataclasses.replace(study, table=table))
    assert verdicts(axes[0]) == ["no dispatch found", "undecided", "stable at no cost"]
    assert np.isnan(axes[1].lines[0].get_ydata()).tolist() == [True, True, False]
    assert np.isnan(axes[2].lines[0].get_ydata()).tolist() == [True, False, False]


def test_something_else_is_refused(studies):
    with pytest.raises(scopf.ScopfError, match=r"studies\.inverter_share returns.*got DataFrame"):
        plots.inverter_share(studies["field"].table)
    with pytest.raises(scopf.ScopfError, match="4 panels; ax has 1 axes"):
        plots.inverter_share(studies["field"], ax=[plt.figure().subplots()])
