"""An analysed sweep: its tables lined up with its axes, for figures and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import ScopfError
from scopf.results.prices import PRICED, TRACE
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis.axes import Axes, Dimension

if TYPE_CHECKING:
    import pandas as pd

    from scopf.sweeps.results import Sweep

RISEN = 1e-6  # of the cost: a smaller rise is none


@dataclass(frozen=True, eq=False)
class Analysis:
    """A sweep ready to be drawn.

    Attributes:
        scenarios: the table of scenarios, of shape (n, ...), index 0 to n - 1.
        axes: what was varied.
        inverters: bus numbers of the inverters, shape (m,).
        nssp, vm: price and voltage of the inverters, shape (n, m); NaN where a scenario failed.
        total: scenarios of the whole sweep; n is less if only part of it is drawn.
        criterion: name of that of the base case; empty if the manifest does not say.
        source: the analysis that this one is a part of, and the places in it; costs count from
            there.
    """

    scenarios: pd.DataFrame
    axes: Axes
    inverters: Ints
    nssp: Floats
    vm: Floats
    total: int
    criterion: str = ""
    source: tuple[Analysis, Ints] | None = None

    def __len__(self) -> int:
        return len(self.scenarios)

    def of(self, rows: Ints, axes: Axes | None = None) -> Analysis:
        """The part of these scenarios; on axes of its own if they are given."""
        return Analysis(
            self.scenarios.iloc[rows].reset_index(drop=True),
            axes or self.axes.of(rows), self.inverters, self.nssp[rows], self.vm[rows], self.total,
            self.criterion, (self, rows),
        )  # fmt: skip

    def column(self, name: str) -> Floats:
        """A column of numbers, NaN where a scenario failed."""
        import pandas as pd

        numbers = pd.to_numeric(self.scenarios[name], errors="coerce")
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(self.solved, values, np.nan)

    @cached_property
    def solved(self) -> Flags:
        """Which scenarios have a solution."""
        return self.scenarios["solved"].fillna(False).to_numpy(dtype=bool)

    @cached_property
    def criteria(self) -> npt.NDArray[np.object_]:
        """Name of the criterion by scenario; empty where nobody knows."""
        if "criterion" not in self.scenarios:
            return np.full(len(self), self.criterion, dtype=object)
        column = self.scenarios["criterion"].astype(object)
        return column.where(column.notna(), self.criterion).map(str).to_numpy(dtype=object)

    @cached_property
    def cost(self) -> Floats:
        """Optimal costs, currency/h."""
        return self.column("cost")

    @property
    def unlimited(self) -> Dimension | None:
        """The axis of criteria if one of them is "none", whose costs are without stability."""
        if self.source:
            return self.source[0].unlimited
        axes = (axis for axis in self.axes.named if axis.name == "criterion")
        return next((axis for axis in axes if "none" in axis.texts), None)

    @cached_property
    def cost_increase(self) -> Floats:
        """Cost above that without stability, or else above the lowest, currency/h.

        Where "none" is among the criteria, the scenario of that one with the same other values is
        what a cost counts from (NaN if it is not solved); if not, as `rise`.
        """
        if self.source:
            whole, rows = self.source
            return whole.cost_increase[rows]
        criteria = self.unlimited
        if criteria is None:
            return self.rise
        increase = np.full(len(self), np.nan)
        others = [axis for axis in self.axes.named if axis is not criteria]
        without = self.solved & (criteria.codes == criteria.texts.index("none"))
        for rows in axes_of.groups(others, len(self)).values():
            if without[rows].any():
                increase[rows] = self.cost[rows] - self.cost[rows[without[rows]]].min()
        # A limit saves nothing; what is less than zero by more than rounding is shown all the same.
        noise = RISEN * np.abs(self.cost)
        return np.where((increase <= 1e-3 * noise) & (increase >= -noise), 0.0, increase)

    @cached_property
    def rise(self) -> Floats:
        """Cost above the lowest of the scenarios that differ along x only, currency/h."""
        if self.source:
            whole, rows = self.source
            return whole.rise[rows]
        increase = np.full(len(self), np.nan)
        for rows in axes_of.groups(self.axes.sliced, len(self)).values():
            if self.solved[rows].any():
                increase[rows] = self.cost[rows] - np.nanmin(self.cost[rows])
        return np.where(increase <= 1e-9 * np.abs(self.cost), 0.0, increase)

    @cached_property
    def floor(self) -> float:
        """Least NSSP that counts as a price (see `scopf.results.prices`), currency/h per p.u."""
        if self.source:
            return self.source[0].floor
        costs = np.abs(self.cost[self.solved])
        return max(TRACE, PRICED * float(np.median(costs))) if len(costs) else 0.0

    @cached_property
    def prices(self) -> Floats:
        """NSSP with zero for what is no price, shape (n, m)."""
        return np.where(self.nssp < self.floor, 0.0, self.nssp)

    @cached_property
    def nssp_max(self) -> Floats:
        """Largest price among the inverters."""
        largest = self.column("nssp_max")
        return np.where(largest < self.floor, 0.0, largest)

    @cached_property
    def margin(self) -> Floats:
        """Smallest stability margin, p.u. voltage."""
        return self.column("margin_min")

    @cached_property
    def spread(self) -> Floats:
        """Largest minus smallest bus voltage, p.u."""
        return self.column("vm_max") - self.column("vm_min")

    @property
    def highest(self) -> float:
        """The highest price of any scenario; zero without prices."""
        return float(np.nan_to_num(self.nssp_max, nan=0.0).max(initial=0.0))

    @cached_property
    def highest_priced(self) -> int:
        """Place of the scenario with the highest price."""
        return int(np.argmax(np.nan_to_num(self.nssp_max, nan=-1.0)))

    @cached_property
    def by_price(self) -> Ints:
        """Places of the inverters by their highest price, highest first."""
        if not self.nssp.size:
            return np.arange(len(self.inverters))
        highest = np.nan_to_num(self.prices, nan=0.0).max(axis=0)
        return np.argsort(-highest, kind="stable")

    @cached_property
    def priced(self) -> Ints:
        """Places of the inverters that are ever priced, by their highest price."""
        ever = np.nansum(self.prices, axis=0) > 0
        ranked: Ints = self.by_price[ever[self.by_price]]
        return ranked


def analyse(sweep: Sweep) -> Analysis:
    """Line the tables of a sweep up.

    Raises:
        ScopfError: when the table of scenarios is empty or lacks columns.
    """
    scenarios = sweep.scenarios.sort_values("scenario").reset_index(drop=True)
    lacking = [
        name
        for name in ("status", "solved", "cost", "nssp_max", "margin_min", "vm_min", "vm_max")
        if name not in scenarios
    ]
    if lacking:
        raise ScopfError(f"the table of scenarios has no column {', '.join(lacking)}")
    if scenarios.empty:
        raise ScopfError("the sweep has no scenarios yet; there is nothing to report")
    buses, nssp, vm = _by_inverter(sweep.inverters, scenarios["scenario"].to_numpy(dtype=np.int64))
    base = sweep.manifest.get("base")
    criterion = base.get("criterion") if isinstance(base, dict) else None
    return Analysis(
        scenarios, axes_of.find(scenarios), buses, nssp, vm, len(scenarios), str(criterion or "")
    )


def _by_inverter(table: pd.DataFrame, numbers: Ints) -> tuple[Ints, Floats, Floats]:
    """Inverters, and their prices and voltages by scenario."""
    buses = np.unique(table["bus"].to_numpy(dtype=np.int64)) if len(table) else np.zeros(0, int)
    nssp, vm = np.full((2, len(numbers), len(buses)), np.nan)
    if len(table):
        of = table["scenario"].to_numpy(dtype=np.int64)
        known = np.isin(of, numbers)
        row = np.searchsorted(numbers, of[known])
        at = np.searchsorted(buses, table["bus"].to_numpy(dtype=np.int64)[known])
        nssp[row, at] = table["nssp_per_pu"].to_numpy(dtype=np.float64, na_value=np.nan)[known]
        vm[row, at] = table["vm"].to_numpy(dtype=np.float64, na_value=np.nan)[known]
    return buses, nssp, vm
