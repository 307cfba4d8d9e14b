"""What a sweep found, in sentences and small tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.errors import listing
from scopf.pages.curves import critical_axis, critical_values
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis.table import Study, Sweep
from scopf.sweeps.analysis.units import CURRENCY, criteria_by_unit, price_unit

_ROWS = 30  # of a table of text
_COMPANIONS = 4  # axes that go with another and are named with their values


@dataclass(frozen=True)
class Table:
    """A small table; all texts, the page escapes them."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    left: int = 0


def case_name(manifest: dict[str, Any]) -> str:
    """Name of the case."""
    case = manifest.get("case", manifest.get("case_name", "a case"))
    name = case.get("name", "a case") if isinstance(case, dict) else case
    return str(name)


def headline(study: Study, manifest: dict[str, Any]) -> list[str]:
    """What was run and how it ended; what it showed."""
    network = manifest.get("network") or {}
    size = f" ({_count(len(network['buses']), 'bus', 'buses')})" if network.get("buses") else ""
    varied = [
        f"{len(axis)} values of {axis.label}{_range(axis)}{axis.company}"
        for axis in study.axes.named
    ]
    over = f" over {' and '.join(varied)}" if varied else ""
    solved = int(study.solved.sum())
    left = len(study) - solved
    ends = study.scenarios.loc[~study.solved, "status"].astype(str).value_counts()
    failed = f"; {left:,} have no solution ({_ends(ends)})" if left else ", none failed"
    first = f"{case_name(manifest)}{size}: {_count(len(study), 'scenario', 'scenarios')}{over}."
    return [f"{first} {solved:,} solved{failed}.", *_findings(study)]


def _findings(study: Study) -> list[str]:
    if not study.solved.any():
        return ["No scenario has a solution, so there are no costs and no prices to show."]
    lines = _dearest(study)
    costly = int(np.argmax(np.nan_to_num(study.cost_increase, nan=-np.inf)))
    rise, cost = float(study.cost_increase[costly]), float(study.cost[costly])
    if rise > 0:
        above = " above that without stability" if study.unlimited else ""
        share = f" ({100 * rise / (cost - rise):.2g}\u202f%)" if cost > rise else ""
        lines.append(
            f"Cost rises by up to {rise:,.5g} {CURRENCY}{share}{above}, in {_where(study, costly)}."
        )
    return lines + _threshold(study)


def _dearest(study: Study) -> list[str]:
    """Who is priced, and where most."""
    if not study.highest > 0:
        return ["No inverter is priced in any scenario."]
    many = _count(
        int(np.count_nonzero(study.nssp_max > 0)),
        "solved scenario has",
        "solved scenarios have",
    )
    priced = [k for k in study.dearest.tolist() if np.nansum(study.prices[:, k]) > 0]
    if not priced:
        return [f"{many} a priced inverter."]
    buses = listing(sorted(study.inverters[priced].tolist()), 8)
    lines = [f"{many} a priced inverter (bus {buses})."]
    by_unit = criteria_by_unit(study)
    for names in by_unit.values():  # prices of different units do not compare
        rows = np.flatnonzero(np.isin(study.criteria, names) & (study.nssp_max > 0))
        if len(rows):
            top = int(rows[np.argmax(study.nssp_max[rows])])
            which = study.inverters[int(np.nanargmax(study.prices[top]))]
            unit = price_unit(study, rows)
            whose = f" of {listing(names, 4)}" if len(by_unit) > 1 else ""
            lines.append(
                f"The highest NSSP{whose} is {_grouped(study.nssp_max[top])} {unit}, at inverter "
                f"{which}, in {_where(study, top)}."
            )
    return lines


def _threshold(study: Study) -> list[str]:
    """The range of critical m_q, in words."""
    axis = critical_axis(study) or (study.axes.x if study.axes.x.is_droop else None)
    if axis is None or not axis.numeric:
        return []
    rows = axes_of.groups(study.axes.sliced, len(study)).values()
    first = np.array([critical_values(study, group)[1] for group in rows])
    first = first[~np.isnan(first)]
    if not len(first):
        return []
    low, high = f"{first.min():.5g}", f"{first.max():.5g}"
    where = low if low == high else f"between {low} and {high}"
    return [
        f"The critical {axis.label}, where prices begin, is {where} (p.u. voltage per p.u. "
        "reactive power)."
    ]


def tiles(study: Study, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Key numbers with their labels."""
    found = [
        ("scenarios", f"{len(study):,}"),
        ("solved", f"{int(study.solved.sum()):,}"),
        ("no solution", f"{int((~study.solved).sum()):,}"),
    ]
    if study.solved.any():
        costs = study.cost[study.solved]
        found.append(("lowest to highest cost", f"{_span(costs, 6)} {CURRENCY}"))
        margins = study.margin[~np.isnan(study.margin)]
        if len(margins):
            found.append(("smallest margin", f"{_zero(float(margins.min()))} p.u. voltage"))
        low, high = study.column("vm_min"), study.column("vm_max")
        found.append(("voltages", f"{np.nanmin(low):.4f} to {np.nanmax(high):.4f} p.u."))
    if "seconds" in study.scenarios:
        found.append(("solver time, all scenarios", duration(study.scenarios["seconds"].sum())))
    found += [(label, text) for label, text in study.axes.fixed]
    return found


def failures(study: Study) -> Table | None:
    """Scenarios without a solution, by status and message; None if there are none."""
    table = study.scenarios.loc[~study.solved]
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
    return Table(head, rows[:_ROWS], max(0, len(rows) - _ROWS))


def binding_pairs(study: Study, sweep: Sweep) -> Table | None:
    """Which stability rows bind, how often and how dear; None if none does."""
    import pandas as pd

    if sweep.pairs.empty:
        return None
    pairs = sweep.pairs
    pairs = pairs[pairs["binding"].astype(bool) & (pairs["price_per_pu"] >= study.floor)]
    if pairs.empty:
        return None
    grouped = pairs.groupby(["bus", "neighbor"], dropna=False).agg(
        count=("scenario", "nunique"), highest=("price_per_pu", "max"), first=("scenario", "min")
    )
    grouped = grouped.sort_values("highest", ascending=False).reset_index()
    rows = []
    for bus, neighbor, count, highest, first in grouped.head(_ROWS).itertuples(index=False):
        other = "all" if pd.isna(neighbor) else str(neighbor)
        rows.append((str(bus), other, str(count), _grouped(highest), str(first)))
    unit = f"{CURRENCY} per p.u. V"  # of room in a row, whatever the criterion
    head = ("inverter", "neighbour", "scenarios", f"highest price ({unit})", "first scenario")
    return Table(head, rows, max(0, len(grouped) - _ROWS))


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


def _where(study: Study, row: int) -> str:
    """The scenario in a sentence."""
    parts = [
        f"{axis.label} = {axis.texts[axis.codes[row]]}{' ' + axis.unit if axis.unit else ''}"
        for lead in study.axes.named
        for axis in (lead, *lead.along[:_COMPANIONS])
    ]
    number = study.scenarios["scenario"].iloc[row]
    return f"scenario {number} ({', '.join(parts)})" if parts else f"scenario {number}"


def _range(axis: axes_of.Axis) -> str:
    if not axis.numeric:
        return f" ({listing(axis.texts, 4)})"
    return f" ({axis.texts[0]} to {axis.texts[-1]}{' ' + axis.unit if axis.unit else ''})"


def _ends(counts: Any) -> str:
    return ", ".join(f"{status}: {count}" for status, count in counts.items())


def _grouped(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _span(values: Any, digits: int) -> str:
    return f"{np.min(values):,.{digits}g} to {np.max(values):,.{digits}g}"


def _zero(value: float) -> str:
    return "0" if abs(value) < 1e-6 else f"{value:.4g}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
