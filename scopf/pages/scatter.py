"""Scatter plots of scenarios that are no grid, over any of what varies."""

from __future__ import annotations

import dataclasses

from scopf.pages import curves
from scopf.pages import figure as f
from scopf.pages.figure import Figure
from scopf.sweeps.analysis.axes import Axis
from scopf.sweeps.analysis.table import Study


def choices(study: Study) -> list[Axis]:
    """What the horizontal axis can be: numbers that vary, and the number of the scenario."""
    numbers = [axis for axis in study.axes.listed if axis.numeric]
    return [*numbers, study.axes.x] if study.axes.is_list else []


def over_choices(study: Study) -> list[Figure]:
    """The curve figures, in a list with one view per horizontal axis."""
    if not study.axes.is_list:
        return curves.all_of(study)
    found = choices(study)
    by_choice = [
        curves.all_of(dataclasses.replace(study, axes=dataclasses.replace(study.axes, x=axis)))
        for axis in found
    ]
    return [
        dataclasses.replace(
            same[0],
            keys=("x",),
            views={str(k): figure.views[""] for k, figure in enumerate(same)},
            columns={**same[0].columns, "x": "x"},
            extra={"xaxes": [f.drawn(axis) for axis in found]},
        )
        for same in zip(*by_choice, strict=True)
    ]
