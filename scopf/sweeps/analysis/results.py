"""Results that figures show: one number per scenario, with label and unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError, listing
from scopf.sweeps.analysis.analysis import STIFFNESS, Analysis
from scopf.sweeps.analysis.references import Reference
from scopf.sweeps.analysis.units import (
    cost_unit,
    criteria_by_unit,
    price_unit,
    price_units,
)

_UNITS = {
    "seconds": "s", "margin_min": "p.u. voltage",
    "vm_min": "p.u.", "vm_max": "p.u.",
}  # fmt: skip


@dataclass(frozen=True)
class Label:
    """Name and unit of numbers.

    Attributes:
        text: in words.
        unit: empty without one; of prices of several units "currency/h per p.u." alone.
        units: of prices: every unit that they have.
    """

    text: str
    unit: str
    units: str = ""

    @property
    def is_price(self) -> bool:
        """Whether the unit depends on the criterion."""
        return bool(self.units)

    @property
    def title(self) -> str:
        """Words and unit."""
        return f"{self.text} ({self.unit})" if self.unit else self.text

    @property
    def full_title(self) -> str:
        """Words and every unit."""
        return f"{self.text} ({self.units})" if self.units else self.title


@dataclass(frozen=True, eq=False)
class Result:
    """One number per scenario, NaN where it failed, and what it is in a sentence."""

    label: Label
    values: Floats
    note: str = ""


def price_label(analysis: Analysis, text: str = "NSSP") -> Label:
    """The label of prices."""
    return Label(text, price_unit(analysis), price_units(analysis))


def cost(analysis: Analysis) -> Result:
    """Optimal cost."""
    return Result(Label("cost", cost_unit(analysis)), analysis.cost)


def main_cost(analysis: Analysis) -> Result:
    """The cost that the report draws first: of a load series itself, else above its reference."""
    if analysis.steps is None:
        return cost_increase(analysis)
    note = "Optimal cost of each step of the load series."
    if not analysis.hours:
        return Result(Label("cost per hour", cost_unit(analysis)), analysis.cost, note)
    return Result(cost(analysis).label, analysis.cost, note)


_GAPS = "No point: one of the two has no solution."
_NOTES = {
    Reference.NONE: "that without stability: of the scenario with the criterion none and the same "
    f"other values. {_GAPS}",
    Reference.INTACT: f"that of the intact network with the same other values. {_GAPS}",
    Reference.STEP: "the lowest of the solved scenarios of the same step.",
    Reference.NOTHING: "that of a reference; a load series alone has none.",
}


def cost_increase(analysis: Analysis) -> Result:
    """Cost above that of the reference."""
    base = "all"
    if analysis.axes.sliced:
        same = " and ".join(axis.label for axis in analysis.axes.sliced)
        base = f"the scenarios with the same {same}"
    above = f"the lowest of the solved scenarios among {base}."
    note = f"Optimal cost above {_NOTES.get(analysis.reference, above)}"
    return Result(Label("cost increase", cost_unit(analysis)), analysis.cost_increase, note)


def stability_cost(analysis: Analysis) -> Result | None:
    """The cost of stability against the plain dispatch; None where it is not known."""
    if analysis.stability_cost is None:
        return None
    note = "Optimal cost above that of the plain dispatch, without stability rows, of the same "
    note += f"{'scenario' if analysis.steps is None else 'step'}. {_GAPS}"
    text = "price of stability" + ("" if analysis.hours else " per hour")
    return Result(Label(text, cost_unit(analysis)), analysis.stability_cost, note)


def largest_price(analysis: Analysis) -> Result:
    """The largest price of any inverter."""
    units = list(criteria_by_unit(analysis))
    more = "of slack in its stability limit"
    if units == [STIFFNESS]:
        more = "of its stiffness 1/k"
    elif len(units) > 1:
        more += ", or of its stiffness 1/k,"
    note = (
        "The largest Nodal Stability Shadow Price of any inverter: what one more p.u. "
        f"{more} would save."
    )
    return Result(price_label(analysis, "largest NSSP"), analysis.nssp_max, note)


def price_at(analysis: Analysis, bus: int) -> Result:
    """The price of the inverter at a bus.

    Raises:
        ScopfError: when there is none.
    """
    if bus not in analysis.inverters:
        raise ScopfError(f"there is no inverter at bus {bus}")
    values = analysis.prices[:, np.searchsorted(analysis.inverters, bus)]
    return Result(price_label(analysis, f"NSSP of inverter {bus}"), values)


def margin(analysis: Analysis) -> Result:
    """Smallest stability margin."""
    note = "Least slack of any stability row. Zero: a row binds, and its inverter may have a price."
    return Result(Label("smallest stability margin", "p.u. voltage"), analysis.margin, note)


def damping(analysis: Analysis) -> Result | None:
    """Least damping ratio; None where no solution was checked."""
    if "damping" not in analysis.scenarios:
        return None
    note = "Least damping ratio of the oscillations of a scenario, below zero where one grows. "
    note += "No point: no solution, not checked, or no oscillation is known."
    return Result(Label("least damping ratio", ""), analysis.column("damping"), note)


def spread(analysis: Analysis) -> Result:
    """Voltage spread."""
    note = "Largest minus smallest bus voltage of a scenario, all buses."
    values = analysis.column("vm_max") - analysis.column("vm_min")
    return Result(Label("voltage spread", "p.u."), values, note)


_BY_NAME: dict[str, Callable[[Analysis], Result]] = {
    "nssp_max": largest_price,
    "margin_min": margin,
    "cost": cost,
    "cost_increase": cost_increase,
    "voltage_spread": spread,
}


def named(analysis: Analysis, name: str) -> Result:
    """A result by its name: one of those above, "nssp_<bus>", or a column of numbers.

    Raises:
        ScopfError: saying what there is instead.
    """
    import pandas as pd

    if name in _BY_NAME:
        return _BY_NAME[name](analysis)
    if name.startswith("nssp_") and name[5:].isdigit():
        return price_at(analysis, int(name[5:]))
    table = analysis.scenarios
    if name not in table or not pd.api.types.is_numeric_dtype(table[name]):
        raise ScopfError(
            f"value is one of {listing([*_BY_NAME, 'nssp_<bus>'])}, or a column of numbers "
            f"({listing(table.select_dtypes('number').columns, 20)}), got {name!r}"
        )
    return Result(Label(words(name), unit_of(analysis, name)), analysis.column(name))


def unit_of(analysis: Analysis, column: str) -> str:
    """Unit of a column of the table of scenarios; empty without one."""
    if column in ("cost", "cost_increase", "plain_cost", "stability_cost"):
        return cost_unit(analysis)
    if column == "nssp_max":
        return price_unit(analysis)
    varied = (one for axis in analysis.axes.every for one in (axis, *axis.along))
    return _UNITS.get(column) or next((one.unit for one in varied if one.name == column), "")


def words(name: str) -> str:
    """The name of a column as words; m_q1 and its like as symbols."""
    if name.startswith("mq"):
        return "m_q" + name[2:]
    return name.replace("_", " ")
