"""Costs of a sweep in the terms of its kind: sentences and key numbers."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.errors import counted, listing
from scopf.sweeps.analysis.amounts import money, percent, span
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import INTACT, OUTAGE, Dimension, groups
from scopf.sweeps.analysis.references import RISEN, Reference
from scopf.sweeps.analysis.units import cost_unit
from scopf.sweeps.columns import STEP

_COMPANIONS = 4  # dimensions that go with another and are named with their values
_DEFINED = {
    Reference.NONE: " above that without stability",
    Reference.INTACT: " above that of the intact network",
    Reference.STEP: " above the lowest of the same step",
}


def varied(axis: Dimension) -> str:
    """A dimension and its range, for a sentence on what was run."""
    if axis.name == OUTAGE:
        intact = INTACT in axis.texts
        out = f"{len(axis) - intact} with a branch out"
        return f"{len(axis)} grids ({'the intact one and ' if intact else ''}{out})"
    if axis.name == STEP:
        scales = axis.along[0] if len(axis.along) == 1 and axis.along[0].numeric else None
        shown = f", {scales.label} {span(scales.values)}" if scales else ""
        return f"{len(axis)} steps of a load series{shown}"
    shown = f" ({listing(axis.texts, 4)})"
    if axis.numeric:
        unit = f" {axis.unit}" if axis.unit else ""
        shown = f" ({axis.texts[0]} to {axis.texts[-1]}{unit})"
    return f"{len(axis)} values of {axis.label}{shown}{axis.company}"


def where(analysis: Analysis, row: int) -> str:
    """The scenario in a sentence."""
    parts = [
        axis.at(axis.codes[row])
        for lead in analysis.axes.named
        for axis in (lead, *lead.along[:_COMPANIONS])
    ]
    number = analysis.scenarios["scenario"].iloc[row]
    return f"scenario {number} ({', '.join(parts)})" if parts else f"scenario {number}"


def sentences(analysis: Analysis) -> list[str]:
    """Costs of the scenarios, of an analysis with solved ones."""
    steps = analysis.steps
    found = _above_reference(analysis) if steps is None else _of_series(analysis, steps)
    return [*found, *_of_stability(analysis)]


def tiles(analysis: Analysis) -> list[tuple[str, str]]:
    """Key numbers on costs, label and text."""
    cost, unit = analysis.cost[analysis.solved], cost_unit(analysis)
    found = [("lowest to highest cost", f"{span(cost.tolist(), 6)} {unit}")]
    if (intact := _intact(analysis)) is not None:
        found.insert(0, ("cost of the intact network", f"{span(intact.tolist(), 6)} {unit}"))
    if (steps := analysis.steps) is not None and not analysis.hours:
        totals = _totals(analysis, analysis.cost)
        if len(totals):
            text = f"cost of {len(steps)} steps of an hour"
            found.append((text, f"{span(totals.tolist(), 6)} currency"))
    if (price := analysis.stability_cost) is not None and np.isfinite(price).any():
        if analysis.steps is None or analysis.hours:
            found.append(("highest price of stability", f"{_price(np.nanmax(price))} {unit}"))
        elif len(totals := _totals(analysis, price)):
            found.append(("price of stability, all steps", f"{_prices(totals)} currency"))
    return found


def _intact(analysis: Analysis) -> Floats | None:
    """Costs of the intact network, where outages are compared with it."""
    if analysis.reference is not Reference.INTACT:
        return None
    axis = next(axis for axis in analysis.axes.named if axis.name == OUTAGE)
    cost = analysis.cost[axis.codes == axis.texts.index(INTACT)]
    return cost[np.isfinite(cost)] if np.isfinite(cost).any() else None


def _above_reference(analysis: Analysis) -> list[str]:
    """The largest increase of the cost."""
    found = list[str]()
    axis = next((one for one in analysis.axes.named if one.name == OUTAGE), None)
    if axis is not None and INTACT not in axis.texts:
        found.append(
            "The intact network is not among the scenarios, so costs count from the lowest one; a "
            "scenario without an outage adds it."
        )
    most = int(np.argmax(np.nan_to_num(analysis.cost_increase, nan=-np.inf)))
    rise, cost = float(analysis.cost_increase[most]), float(analysis.cost[most])
    if rise > RISEN * abs(cost):
        text = f"Cost rises by up to {money(rise)} {cost_unit(analysis)}{_share(rise, cost - rise)}"
        same = listing([one.label for one in analysis.axes.sliced], 4)
        above = f" above the lowest with the same {same}" if same else " above the lowest"
        above = _DEFINED.get(analysis.reference, above)
        found.append(f"{text}{above}, in {where(analysis, most)}.")
    least = int(np.argmin(np.nan_to_num(analysis.cost_increase, nan=np.inf)))
    fall, cost = -float(analysis.cost_increase[least]), float(analysis.cost[least])
    if fall > RISEN * abs(cost) and analysis.reference is Reference.INTACT:
        share = _share(fall, cost + fall)
        text = f"It falls by up to {money(fall)} {cost_unit(analysis)}{share}"
        found.append(f"{text}, in {where(analysis, least)}.")
    return found


def _of_series(analysis: Analysis, steps: Dimension) -> list[str]:
    """Cost over the steps of a load series, and of all of them."""
    cost = analysis.cost
    low, high = int(np.nanargmin(cost)), int(np.nanargmax(cost))
    what = "The cost of a step" if analysis.hours else "The cost per hour"
    found = [
        f"{what} goes from {money(cost[low])} to {money(cost[high])} currency, the highest in "
        f"{where(analysis, high)}."
    ]
    totals = _totals(analysis, cost)
    if len(totals) and not analysis.hours:
        others = counted(len(analysis) // len(steps), "case", "cases")
        each = f" in each of {others}" if len(analysis) > len(steps) else ""
        found.append(
            f"All {len(steps)} steps together cost {span(totals.tolist(), 6)} currency{each}, if a "
            "step is an hour."
        )
    return found


def _of_stability(analysis: Analysis) -> list[str]:
    """The cost of stability against the plain dispatch, or how it is found."""
    price, plain = analysis.stability_cost, analysis.plain_cost
    if price is None or plain is None:
        limited = (analysis.criteria != "none").any() and np.isfinite(analysis.nssp_max).any()
        if analysis.steps is None or not limited:
            return []
        return [
            "With --plain (plain=True) a sweep solves the plain dispatch of each step as well, and "
            "says what stability costs."
        ]
    if analysis.rises_by_stability:
        return []  # said already
    if not np.isfinite(price).any():
        return ["What stability costs is not known: no scenario is solved with and without it."]
    most = int(np.nanargmax(price))
    if price[most] <= RISEN * abs(plain[most]):
        return ["Stability costs nothing in any scenario: the plain dispatch is as cheap."]
    found = [
        f"Stability costs up to {money(price[most])} {cost_unit(analysis)}"
        f"{_share(float(price[most]), float(plain[most]))} above the plain dispatch of the same "
        f"{'scenario' if analysis.steps is None else 'step'}, in {where(analysis, most)}."
    ]
    if analysis.steps is None or analysis.hours:
        return found
    totals = _totals(analysis, price)
    if len(totals):
        whole = _totals(analysis, plain)
        share = _share(float(totals[-1]), float(whole[-1])) if len(totals) == 1 else ""
        found.append(
            f"Over all {len(analysis.steps)} steps it costs {_prices(totals)} currency{share}, if "
            "a step is an hour."
        )
    return found


def _totals(analysis: Analysis, values: Floats) -> Floats:
    """Sums over the steps, of the combinations of other values in which every step has a number."""
    steps = analysis.steps
    assert steps is not None
    rows = groups(analysis.axes.sliced, len(analysis)).values()
    sums = [float(values[one].sum()) for one in rows if len(one) == len(steps)]
    return np.array([one for one in sums if np.isfinite(one)])


def _share(part: float, whole: float) -> str:
    """A part of a cost in per cent, in brackets; empty where that means nothing."""
    return f" ({percent(part / whole)})" if whole > 0 else ""


def _price(value: float) -> str:
    """The cost of stability; zero for what the solver leaves behind."""
    return money(value) if value > 1e-3 else "0"


def _prices(values: Floats) -> str:
    low, high = _price(float(values.min())), _price(float(values.max()))
    return low if low == high else f"{low} to {high}"
