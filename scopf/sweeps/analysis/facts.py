"""Findings of a sweep, in sentences and small tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import listing
from scopf.sweeps import checking
from scopf.sweeps.analysis import costs, standing
from scopf.sweeps.analysis.amounts import amount
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import groups
from scopf.sweeps.analysis.costs import where
from scopf.sweeps.analysis.critical import critical_axis, critical_values
from scopf.sweeps.analysis.units import criteria_by_unit, per, price_text, price_unit
from scopf.sweeps.rows import about_islands

if TYPE_CHECKING:
    from scopf.sweeps.results import Sweep

_ROWS = 30  # of a table of text


@dataclass(frozen=True)
class Listing:
    """A small table of texts; `left` rows are left out."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    left: int = 0


def case_name(manifest: dict[str, Any]) -> str:
    """Name of the case."""
    case = manifest.get("case", manifest.get("case_name", "a case"))
    name = case.get("name", "a case") if isinstance(case, dict) else case
    return str(name)


def headline(analysis: Analysis, manifest: dict[str, Any]) -> list[str]:
    """Sentences: what was run, how it ended and what it showed."""
    network = manifest.get("network") or {}
    size = f" ({_count(len(network['buses']), 'bus', 'buses')})" if network.get("buses") else ""
    varied = [costs.varied(axis) for axis in analysis.axes.named]
    over = f" over {' and '.join(varied)}" if varied else ""
    solved = int(analysis.solved.sum())
    left = len(analysis) - solved
    ends = analysis.scenarios.loc[~analysis.solved, "status"].astype(str).value_counts()
    failed = f"; {left:,} have no solution ({_ends(ends)})" if left else ", none failed"
    first = f"{case_name(manifest)}{size}: {_count(len(analysis), 'scenario', 'scenarios')}{over}."
    found = [f"{first} {solved:,} solved{failed}.", *_hours(analysis), *_findings(analysis)]
    table, asked = analysis.scenarios, checking.asked_damping(manifest)
    found += checking.about(table, lambda row: f", in {where(analysis, row)}", asked)
    return [*found, *about_islands(table), *standing.sentences(analysis, manifest)]


def _hours(analysis: Analysis) -> list[str]:
    """What costs and prices are of, where each scenario has several hours."""
    if not analysis.hours:
        return []
    return [
        f"Each scenario is a dispatch of {_count(analysis.hours, 'hour', 'hours')}, and its cost "
        "that of all of them. Prices are per hour, and those of the hour in which they are "
        "highest; margins and voltages are the least and the highest of all hours."
    ]


def _findings(analysis: Analysis) -> list[str]:
    if not analysis.solved.any():
        return ["No scenario has a solution, so there are no costs and no prices to show."]
    lines = _highest_prices(analysis)
    return lines + costs.sentences(analysis) + _threshold(analysis)


def _highest_prices(analysis: Analysis) -> list[str]:
    """The inverters with a price, and the place of the largest one."""
    if not analysis.highest > 0:
        return ["No inverter is priced in any scenario."]
    many = _count(
        int(np.count_nonzero(analysis.nssp_max > 0)),
        "solved scenario has",
        "solved scenarios have",
    )
    if not len(analysis.priced):
        return [f"{many} a priced inverter."]
    buses = listing(sorted(analysis.inverters[analysis.priced].tolist()), 8)
    lines = [f"{many} a priced inverter (bus {buses})."]
    by_unit = criteria_by_unit(analysis)
    for names in by_unit.values():  # prices of different units do not compare
        rows = np.flatnonzero(np.isin(analysis.criteria, names) & (analysis.nssp_max > 0))
        if len(rows):
            top = int(rows[np.argmax(analysis.nssp_max[rows])])
            which = analysis.inverters[int(np.nanargmax(analysis.prices[top]))]
            unit = price_unit(analysis, rows)
            state = _state(analysis, top)
            whose = f" of {listing(names, 4)}" if len(by_unit) > 1 else ""
            lines.append(
                f"The highest NSSP{whose} is {price_text(analysis.nssp_max[top])} {unit}, at "
                f"inverter {which}{state}, in {where(analysis, top)}."
            )
    return lines


def _state(analysis: Analysis, row: int) -> str:
    """The hour of the highest price of a scenario, for a sentence; empty for a single one."""
    if not analysis.hours or "nssp_max_state" not in analysis.scenarios:
        return ""
    return f" in hour {analysis.scenarios['nssp_max_state'].iloc[row]}"


def _threshold(analysis: Analysis) -> list[str]:
    """The range of critical droops, in words."""
    axis = critical_axis(analysis) or (analysis.axes.x if analysis.axes.x.is_droop else None)
    if axis is None or not axis.numeric:
        return []
    rows = groups(analysis.axes.sliced, len(analysis)).values()
    first = np.array([critical_values(analysis, group)[1] for group in rows])
    first = first[~np.isnan(first)]
    if not len(first):
        return []
    low, high = amount(first.min()), amount(first.max())
    between = low if low == high else f"between {low} and {high}"
    unit = "p.u. voltage per p.u. reactive power"
    if axis.unit == "%":
        between, unit = f"{between} %", "of the ratings"
    return [f"The critical {axis.label}, where prices begin, is {between} ({unit})."]


def part(analysis: Analysis, whole: Analysis) -> str:
    """A sentence on the part of a large sweep that is drawn; empty for all of it."""
    if len(analysis) == len(whole):
        return ""
    kept = [
        f"{len(few)} of {len(many)} values of {many.label}"
        for few, many in zip(analysis.axes.every, whole.axes.every, strict=True)
        if len(few) < len(many)
    ]
    return (
        f"To keep this page small, figures and the table of scenarios hold {len(analysis):,} of "
        f"the {len(whole):,} scenarios ({', '.join(kept)}). Sentences and key numbers count all of "
        "them; the Parquet tables of the run folder have all."
    )


def tiles(analysis: Analysis, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Key numbers with their labels."""
    found = [
        ("scenarios", f"{len(analysis):,}"),
        ("solved", f"{int(analysis.solved.sum()):,}"),
        ("no solution", f"{int((~analysis.solved).sum()):,}"),
    ]
    if analysis.solved.any():
        found += costs.tiles(analysis)
        margins = analysis.margin[~np.isnan(analysis.margin)]
        if len(margins):
            found.append(("smallest margin", f"{_zero(float(margins.min()))} p.u. voltage"))
        low, high = analysis.column("vm_min"), analysis.column("vm_max")
        found.append(("voltages", f"{np.nanmin(low):.4f} to {np.nanmax(high):.4f} p.u."))
    found += _checked(analysis)
    if "seconds" in analysis.scenarios:
        found.append(("solver time, all scenarios", duration(analysis.scenarios["seconds"].sum())))
    found += [(label, text) for label, text in analysis.axes.fixed]
    return found


def _checked(analysis: Analysis) -> list[tuple[str, str]]:
    """Key numbers of exact checks."""
    if "stable" not in analysis.scenarios:
        return []
    stable = analysis.scenarios.loc[analysis.solved, "stable"].fillna(value=False)
    found = [("stable, of those solved", f"{int(stable.sum()):,}")]
    damping = analysis.column("damping")
    if not np.isnan(damping).all():
        found.append(("least damping ratio", f"{np.nanmin(damping):.3g}"))
    return found


def failures(analysis: Analysis) -> Listing | None:
    """Scenarios without a solution, by status and message; None if there are none."""
    table = analysis.scenarios.loc[~analysis.solved]
    if table.empty:
        return None
    message = table["message"].astype(str) if "message" in table else table["status"].astype(str)
    parts = table.assign(message=message, status=table["status"].astype(str))
    grouped = parts.groupby(["status", "message"], sort=False)["scenario"]
    rows = [
        (str(status), str(text), str(len(numbers)), listing(numbers.tolist(), 8))
        for (status, text), numbers in grouped
    ]
    rows.sort(key=lambda row: -int(row[2]))
    head = ("status", "message", "count", "scenarios")
    return Listing(head, rows[:_ROWS], max(0, len(rows) - _ROWS))


def binding_pairs(analysis: Analysis, sweep: Sweep) -> Listing | None:
    """Stability rows that bind, how often and at what price; None if none does."""
    import pandas as pd

    if sweep.pairs.empty:
        return None
    pairs = sweep.pairs
    floors = dict(zip(analysis.scenarios["scenario"], analysis.floors, strict=True))
    least = pairs["scenario"].map(floors).fillna(analysis.floor)
    pairs = pairs[pairs["binding"].astype(bool) & (pairs["price_per_pu"] >= least)]
    if pairs.empty:
        return None
    by_pair = pairs.groupby(["bus", "neighbor"], dropna=False).agg(
        count=("scenario", "nunique"), highest=("price_per_pu", "max"), first=("scenario", "min")
    )
    by_pair = by_pair.sort_values("highest", ascending=False).reset_index()
    rows = []
    for bus, neighbor, count, highest, first in by_pair.head(_ROWS).itertuples(index=False):
        other = "all" if pd.isna(neighbor) else str(neighbor)
        rows.append((str(bus), other, str(count), price_text(highest), str(first)))
    unit = per("voltage")  # of slack in a row, whatever the criterion
    head = ("inverter", "neighbour", "scenarios", f"highest price ({unit})", "first scenario")
    return Listing(head, rows, max(0, len(by_pair) - _ROWS))


def run(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """The rest of the manifest, flat, as names and texts."""
    rows: list[tuple[str, str]] = []
    _flatten("", {k: v for k, v in manifest.items() if k not in ("network", "spec")}, rows)
    return rows


def _flatten(prefix: str, value: Any, rows: list[tuple[str, str]]) -> None:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            _flatten(f"{prefix}.{name}" if prefix else str(name), part, rows)
    else:
        rows.append((prefix.replace("_", " "), f"{value:.6g}" if isinstance(value, float) else
                     "" if value is None else str(value)))  # fmt: skip


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _ends(counts: Any) -> str:
    return ", ".join(f"{status}: {count}" for status, count in counts.items())


def _zero(value: float) -> str:
    return "0" if abs(value) < 1e-6 else f"{value:.4g}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
