"""An analysed sweep: its tables lined up with its axes, for figures and sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import ScopfError
from scopf.network import labels
from scopf.results.prices import PRICED, TRACE
from scopf.stability import registry
from scopf.sweeps.analysis import references
from scopf.sweeps.analysis.axes import Axes, Dimension, find
from scopf.sweeps.analysis.references import Reference
from scopf.sweeps.columns import STEP

if TYPE_CHECKING:
    import pandas as pd

    from scopf.sweeps.results import Sweep


STIFFNESS = "stiffness 1/k"
_CIRCUIT = 8  # characters of a circuit that are shown


@dataclass(frozen=True, eq=False)
class Analysis:
    """A sweep ready to be drawn.

    Of dispatches of several hours it has the highest price of any hour, the least margin, and the
    voltages of all of them.

    Attributes:
        scenarios: the table of scenarios, of shape (n, ...), index 0 to n - 1.
        axes: the columns in which they differ.
        inverters: bus numbers of the inverters, shape (m,).
        nssp: price of the inverters, shape (n, m); NaN where a scenario failed.
        vm: voltages of the inverters, shape (n, m), or (n, hours m).
        rise: cost above the lowest of the scenarios that differ along x only, in the unit of cost.
        cost_increase: cost above that of `reference`, in the unit of cost.
        reference: scenario from which costs count.
        floor: least NSSP that counts as a price (see `scopf.results.prices`), currency/h per p.u.,
            of criteria whose prices are per p.u. voltage.
        total: scenarios of the whole sweep; n is less if only part of it is drawn.
        criterion: name of that of the base case; empty if the manifest does not say.
        hours: number of hours of each dispatch, whose costs add up; 0 for costs per hour.
        branches: labels of the branches by their number as text.
    """

    scenarios: pd.DataFrame
    axes: Axes
    inverters: Ints
    nssp: Floats
    vm: Floats
    rise: Floats
    cost_increase: Floats
    reference: Reference
    floor: float
    total: int
    criterion: str
    hours: int = 0
    branches: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.scenarios)

    def of(self, rows: Ints, axes: Axes | None = None) -> Analysis:
        """The part of these scenarios, on axes of its own if they are given.

        Costs and prices count from where they do in the whole.
        """
        return dataclasses.replace(
            self,
            scenarios=self.scenarios.iloc[rows].reset_index(drop=True),
            axes=axes or self.axes.of(rows),
            nssp=self.nssp[rows],
            vm=self.vm[rows],
            rise=self.rise[rows],
            cost_increase=self.cost_increase[rows],
        )

    def column(self, name: str) -> Floats:
        """A column of numbers, NaN where a scenario failed."""
        return _numbers(self.scenarios, name)

    @property
    def steps(self) -> Dimension | None:
        """The steps of a load series; None without one."""
        return self.axes.x if self.axes.x.name == STEP else None

    @cached_property
    def stability_cost(self) -> Floats | None:
        """Cost above that of the plain dispatch of the same scenario; None where none is known."""
        if "stability_cost" in self.scenarios:
            return self.column("stability_cost")
        return self.cost_increase if self.reference is Reference.NONE else None

    @property
    def rises_by_stability(self) -> bool:
        """Whether the increase of the cost is what stability costs: it counts from `none`."""
        return self.steps is None and self.reference is Reference.NONE

    @cached_property
    def plain_cost(self) -> Floats | None:
        """Cost of the plain dispatch of the same scenario; None where none is known."""
        return None if self.stability_cost is None else self.cost - self.stability_cost

    @cached_property
    def solved(self) -> Flags:
        """Whether each scenario has a solution."""
        return _solved(self.scenarios)

    @cached_property
    def criteria(self) -> npt.NDArray[np.object_]:
        """Name of the criterion by scenario; empty where it is unknown."""
        if "criterion" not in self.scenarios:
            return np.full(len(self), self.criterion, dtype=object)
        column = self.scenarios["criterion"].astype(object)
        return column.where(column.notna(), self.criterion).map(str).to_numpy(dtype=object)

    @cached_property
    def cost(self) -> Floats:
        """Optimal costs, currency/h."""
        return self.column("cost")

    @cached_property
    def floors(self) -> Floats:
        """Least NSSP that counts as a price by scenario, in the unit of its criterion, shape (n,).

        A stiffness 1/k is of hundreds of p.u., so that its prices are small.
        """
        stiff = {name: nssp_unit(name) == STIFFNESS for name in set(self.criteria.tolist())}
        return np.where([stiff[name] for name in self.criteria.tolist()], TRACE, self.floor)

    @cached_property
    def prices(self) -> Floats:
        """NSSP with zero for what is no price, shape (n, m)."""
        return np.where(self.nssp < self.floors[:, None], 0.0, self.nssp)

    @cached_property
    def nssp_max(self) -> Floats:
        """Largest price among the inverters."""
        largest = self.column("nssp_max")
        return np.where(largest < self.floors, 0.0, largest)

    @cached_property
    def margin(self) -> Floats:
        """Smallest stability margin, p.u. voltage."""
        return self.column("margin_min")

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


@cache
def nssp_unit(name: str) -> str:
    """The quantity that the NSSP of a criterion is per p.u. of; "" for an unknown one."""
    try:
        return registry.get(name).nssp_unit
    except ScopfError:  # of another version, or of a file that is too old to name it
        return ""


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
    branches = _branches(sweep.manifest.get("network") or {})
    axes = find(scenarios, branches)
    buses, nssp, vm = _by_inverter(sweep.inverters, scenarios["scenario"].to_numpy(dtype=np.int64))
    solved, cost = _solved(scenarios), _numbers(scenarios, "cost")
    rise, (increase, reference) = references.rise(axes, cost), references.increase(axes, cost)
    base = sweep.manifest.get("base")
    criterion = base.get("criterion") if isinstance(base, dict) else None
    durations = (sweep.manifest.get("hours") or {}).get("duration_h", [])
    per_hour = cost[solved] / (sum(durations) or 1.0)
    median = float(np.median(np.abs(per_hour))) if solved.any() else 0.0
    return Analysis(
        scenarios, axes, buses, nssp, vm, rise,
        increase, reference, max(TRACE, PRICED * median), len(scenarios), str(criterion or ""),
        len(durations), branches,
    )  # fmt: skip


def _solved(scenarios: pd.DataFrame) -> Flags:
    """Whether each scenario has a solution."""
    return scenarios["solved"].fillna(False).to_numpy(dtype=bool)


def _numbers(scenarios: pd.DataFrame, name: str) -> Floats:
    """A column of numbers, NaN where a scenario failed."""
    import pandas as pd

    numbers = pd.to_numeric(scenarios[name], errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(_solved(scenarios), values, np.nan)


def _branches(network: dict[str, Any]) -> dict[str, str]:
    """Labels of the branches in a manifest, by their number as text."""
    rows = [one for one in network.get("branches", ()) if "id" in one]
    ends = [(one["from_bus"], one["to_bus"]) for one in rows]
    return {
        str(one["id"]): labels.branch(*pair, str(one.get("circuit", circuit))[:_CIRCUIT])
        for one, pair, circuit in zip(rows, ends, labels.counted(ends), strict=True)
    }


def _by_inverter(table: pd.DataFrame, numbers: Ints) -> tuple[Ints, Floats, Floats]:
    """Inverters, and their prices and voltages by scenario; the highest price of any hour."""
    buses = np.unique(table["bus"].to_numpy(dtype=np.int64)) if len(table) else np.zeros(0, int)
    states, hour = np.zeros(1), np.zeros(len(table), dtype=np.int64)
    if len(table) and "state" in table:
        states, hour = np.unique(table["state"].to_numpy(dtype=str), return_inverse=True)
    nssp, vm = np.full((2, len(numbers), len(states), len(buses)), np.nan)
    if len(table):
        of = table["scenario"].to_numpy(dtype=np.int64)
        known = np.isin(of, numbers)
        row = np.searchsorted(numbers, of[known])
        at = np.searchsorted(buses, table["bus"].to_numpy(dtype=np.int64)[known])
        nssp[row, hour[known], at] = table["nssp_per_pu"].to_numpy(
            dtype=np.float64, na_value=np.nan
        )[known]
        vm[row, hour[known], at] = table["vm"].to_numpy(dtype=np.float64, na_value=np.nan)[known]
    return buses, np.fmax.reduce(nssp, axis=1), vm.reshape(len(numbers), -1)
