"""Two sweeps, compared scenario by scenario."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import counted, listing
from scopf.sweeps.analysis.amounts import amount
from scopf.sweeps.analysis.analysis import Analysis, analyse
from scopf.sweeps.analysis.axes import columns_of
from scopf.sweeps.analysis.comparison import NAMED, PRICE, Comparison, Setting, moved, price
from scopf.sweeps.analysis.units import cost_unit, price_unit
from scopf.sweeps.settings import LATER, Settings

if TYPE_CHECKING:
    import pandas as pd

    from scopf.sweeps.results import Sweep

MARGIN = 1e-6  # p.u. of a margin that is no difference
_UNUSED = ("title", "combine", "chain")  # settings that results do not depend on
_VERDICT = "is otherwise by the exact check", "are otherwise by the exact check"

Key = tuple[Any, ...]


def compared(one: Sweep, other: Sweep, names: tuple[str, str], tolerance: float) -> Comparison:
    """The difference between two sweeps.

    Args:
        one: a sweep.
        other: the other one.
        names: of both.
        tolerance: difference of a cost, as a part of it, that is none.
    """
    a, b = analyse(one), analyse(other)
    shared, settings = _settings(a, b, one.manifest, other.manifest)
    keys = [_keys(analysis, shared) for analysis in (a, b)]
    places = [{key: k for k, key in enumerate(found)} for found in keys]
    common = [key for key in keys[0] if key in places[1]]
    at_a, at_b = (np.array([of[key] for key in common], dtype=np.int64) for of in places)
    only = {
        end: _rows(analysis, [k for key, k in own.items() if key not in others])
        for end, analysis, own, others in (
            ("a", a, places[0], places[1]), ("b", b, places[1], places[0]),
        )
    }  # fmt: skip
    table, sentences = _differences(a, b, at_a, at_b, tolerance)
    findings = [*_matched(len(common), only, shared), *sentences]
    same = not len(table) and all(not len(rows) for rows in only.values())
    if not len(table) and common:
        whose = "" if same else " of scenarios in both"
        findings.append(f"Results{whose} are the same, costs to {amount(tolerance)} of themselves.")
    ends, found = (*names, "scenarios"), (tuple(settings), tuple(findings))
    return Comparison(*ends, *found, table, only, same, tolerance)


def _settings(
    a: Analysis, b: Analysis, one: dict[str, Any], other: dict[str, Any]
) -> tuple[list[str], list[Setting]]:
    """Columns by which scenarios are matched, and settings that differ.

    A column with one value in each sweep is a setting, not something to match by.
    """
    columns = [columns_of(analysis.scenarios) for analysis in (a, b)]
    every = list(dict.fromkeys([*columns[0], *columns[1]]))
    shared, found = list[str](), list[Setting]()
    for name in every:
        values = [
            set(_texts(analysis, name)) if name in known else {""}
            for analysis, known in zip((a, b), columns, strict=True)
        ]
        if max(map(len, values)) > 1:
            shared.append(name)
        elif values[0] != values[1]:
            ends = [next(iter(one)) or None for one in values]
            found.append(Setting(name, *ends))
    flat = [_flat(manifest) for manifest in (one, other)]
    for name in dict.fromkeys([*flat[0], *flat[1]]):
        ends = [part.get(name) for part in flat]
        if ends[0] != ends[1]:
            found.append(Setting(name, *ends))
    return shared, found


def _flat(manifest: dict[str, Any]) -> dict[str, Any]:
    """Settings that results depend on, beside the scenarios' own columns."""
    spec = manifest.get("spec")
    settings = {name: Settings.model_fields[name].default for name in LATER}
    settings |= spec.get("settings", {}) if isinstance(spec, dict) else {}
    base, case = manifest.get("base") or {}, manifest.get("case") or {}
    hours = manifest.get("hours") or {}
    found = {"case": case.get("name"), "criterion": base.get("criterion")}
    for name, value in settings.items():
        if isinstance(value, dict):  # such as verify: load, frequency, min_damping
            found |= {f"{name}.{key}": x for key, x in value.items()}
        elif name not in (*_UNUSED, "case"):
            found[name] = value
    found |= {"content of the case or inverters": case.get("hash"), "hours": hours.get("hash")}
    versions = manifest.get("versions") or {}
    return {**found, "version of scopf": versions.get("scopf")}


def _texts(analysis: Analysis, name: str) -> list[str]:
    """Values of a column as text; numbers to 12 digits, "" for none."""
    import pandas as pd

    column = analysis.scenarios[name]
    numeric = column.dtype != bool and pd.api.types.is_numeric_dtype(column)
    return [
        "" if pd.isna(value) else f"{float(value):.12g}" if numeric else str(value)
        for value in column.tolist()
    ]


def _keys(analysis: Analysis, shared: list[str]) -> list[Key]:
    """The key of a scenario: its values, and its number among those with the same."""
    there = [
        _texts(analysis, name) if name in analysis.scenarios else [""] * len(analysis)
        for name in shared
    ]
    seen, found = Counter[Key](), []
    for values in zip(*there, strict=True) if there else [()] * len(analysis):
        found.append((*values, seen[values]))
        seen[values] += 1
    return found


def _rows(analysis: Analysis, rows: list[int]) -> pd.DataFrame:
    """Scenarios with their own columns and status."""
    names = ["scenario", *columns_of(analysis.scenarios), "status"]
    found = analysis.scenarios.iloc[rows][names].reset_index(drop=True)
    found.insert(0, "what", [what(analysis, k) for k in rows])
    return found


def _matched(common: int, only: dict[str, pd.DataFrame], shared: list[str]) -> list[str]:
    by = f", by {listing(shared, NAMED)}" if shared else ""
    found = [f"{counted(common, 'scenario is', 'scenarios are')} in both{by}."]
    for end, rows in only.items():
        if len(rows):
            named = listing(rows["what"].tolist(), NAMED)
            found.append(
                f"{counted(len(rows), 'scenario is', 'scenarios are')} in {end.upper()} only: "
                f"{_ended(named)}"
            )
    return found


def _ended(text: str) -> str:
    """With a full stop, which a unit may be already."""
    return text if text.endswith(".") else f"{text}."


def what(analysis: Analysis, row: int) -> str:
    """A scenario by its values."""
    parts = [axis.at(axis.codes[row]) for axis in analysis.axes.named if len(axis) > 1]
    return ", ".join(parts) or f"scenario {analysis.scenarios['scenario'].iloc[row]}"


def _differences(
    a: Analysis, b: Analysis, at_a: Ints, at_b: Ints, tolerance: float
) -> tuple[pd.DataFrame, list[str]]:
    """Scenarios that differ, the largest differences first, and sentences on them."""
    import pandas as pd

    ends = [
        {
            "status": x.scenarios["status"].astype(str).to_numpy(dtype=object)[at],
            "cost": x.cost[at], "nssp": x.nssp_max[at], "margin": x.margin[at],
        }
        for x, at in ((a, at_a), (b, at_b))
    ]  # fmt: skip
    if "stable" in a.scenarios and "stable" in b.scenarios:
        for end, x, at in zip(ends, (a, b), (at_a, at_b), strict=True):
            end["stable"] = _verdicts(x, at)
    status = ends[0]["status"] != ends[1]["status"]
    floor = np.maximum(a.floors[at_a], b.floors[at_b])
    checked = "stable" in ends[0]
    stable = np.zeros(len(at_a), dtype=bool)
    if checked:
        stable = (ends[0]["stable"] != ends[1]["stable"]) & ~status
    cost = _differs(ends[0]["cost"], ends[1]["cost"], tolerance, 1e-9)
    nssp = _differs(ends[0]["nssp"], ends[1]["nssp"], max(PRICE, tolerance), floor)
    margin = _differs(ends[0]["margin"], ends[1]["margin"], 0.0, max(MARGIN, tolerance))
    moves = ends[1]["cost"] - ends[0]["cost"]
    size = np.nan_to_num(np.abs(moves) * cost, nan=0.0)
    rise = np.nan_to_num(np.abs(ends[1]["nssp"] - ends[0]["nssp"]) * nssp, nan=0.0)
    order = np.lexsort((-rise, -size, ~stable, ~status))
    kept = order[(status | stable | cost | nssp | margin)[order]]
    table = pd.DataFrame(
        {
            "what": [what(a, int(k)) for k in at_a[kept]],
            "scenario_a": a.scenarios["scenario"].to_numpy()[at_a[kept]],
            "scenario_b": b.scenarios["scenario"].to_numpy()[at_b[kept]],
            **{
                f"{name}_{end}": found[name][kept]
                for name in ends[0]
                for end, found in zip("ab", ends, strict=True)
            },
        }
    )
    table.insert(list(table.columns).index("cost_b") + 1, "cost_difference", moves[kept])
    if checked:
        for letter, end in zip("ab", ends, strict=True):
            table[f"stable_{letter}"] = end["stable"][kept]
    names = [what(a, int(k)) for k in at_a]
    sentences = [
        *_of_words(ends, "status", "ends otherwise", "end otherwise", status, names),
        *_of_words(ends, "stable", *_VERDICT, stable, names),
        *_of_costs(a, ends, cost, moves, names),
        *_of_prices(a, b, (at_a, at_b), ends, nssp, names),
        *_of_margins(ends, margin, names),
    ]
    return table, sentences


def _differs(one: Floats, other: Floats, relative: float, least: float | Floats) -> Any:
    """Whether numbers differ; what is missing on one side only is said by the status."""
    both = np.isfinite(one) & np.isfinite(other)
    size = np.maximum(np.abs(one), np.abs(other))
    return both & (np.abs(one - other) > np.maximum(relative * size, least))


def _verdicts(analysis: Analysis, rows: Ints) -> Any:
    """Verdicts of exact checks in words, "" without a solution."""
    words = {True: "stable", False: "unstable"}
    found = analysis.scenarios["stable"].astype(object).tolist()
    texts = [words.get(one, "undecided") for one in found]
    return np.where(analysis.solved, np.array(texts, dtype=object), "")[rows]


def _of_words(
    ends: list[dict[str, Any]], name: str, does: str, do: str, differ: Any, names: list[str]
) -> list[str]:
    """A sentence on statuses, or on verdicts, that differ."""
    if not differ.any():
        return []
    changes = Counter(zip(ends[0][name][differ], ends[1][name][differ], strict=True))
    texts = [f"{count} from {a} to {b}" for (a, b), count in changes.most_common(NAMED)]
    which = listing([names[k] for k in np.flatnonzero(differ).tolist()], NAMED)
    count = counted(int(differ.sum()), f"scenario {does}", f"scenarios {do}")
    return [f"{count} ({', '.join(texts)}): {_ended(which)}"]


def _of_costs(
    a: Analysis, ends: list[dict[str, Any]], differ: Any, moves: Floats, names: list[str]
) -> list[str]:
    if not differ.any():
        return []
    k = int(np.argmax(np.where(differ, np.abs(moves), 0.0)))
    change = moved(float(ends[0]["cost"][k]), float(ends[1]["cost"][k]))
    unit, count = cost_unit(a), int(differ.sum())
    up = int((moves[differ] > 0).sum())
    both = f"{up} higher and {count - up} lower in B" if 0 < up < count else (
        "higher in B" if up else "lower in B"
    )  # fmt: skip
    return [
        f"The cost differs in {counted(count, 'scenario', 'scenarios')}, {both}; most "
        f"with {names[k]}, by {change} {unit}."
    ]


def _of_prices(
    a: Analysis,
    b: Analysis,
    at: tuple[Ints, Ints],
    ends: list[dict[str, Any]],
    differ: Any,
    names: list[str],
) -> list[str]:
    """The inverter whose price differs most."""
    bus, in_a, in_b = np.intersect1d(a.inverters, b.inverters, return_indices=True)
    found = list[str]()
    if len(bus) < max(len(a.inverters), len(b.inverters)):
        other = sorted({*a.inverters.tolist()} ^ {*b.inverters.tolist()})
        found.append(f"Inverters of one sweep only: bus {listing(other, NAMED)}.")
    if not differ.any() or not len(bus):
        return found
    before, after = a.prices[np.ix_(at[0], in_a)], b.prices[np.ix_(at[1], in_b)]
    size = np.nan_to_num(np.abs(after - before), nan=0.0) * differ[:, None]
    k, j = np.unravel_index(int(np.argmax(size)), size.shape)
    count = counted(int(differ.sum()), "scenario", "scenarios")
    if not size[k, j]:
        return found
    return [
        *found,
        f"The largest NSSP differs in {count}; most with {names[int(k)]}: that of inverter "
        f"{bus[j]} goes from {price(float(before[k, j]))} to {price(float(after[k, j]))} "
        f"{price_unit(a)}.",
    ]


def _of_margins(ends: list[dict[str, Any]], differ: Any, names: list[str]) -> list[str]:
    if not differ.any():
        return []
    one, other = ends[0]["margin"], ends[1]["margin"]
    k = int(np.argmax(np.where(differ, np.abs(other - one), 0.0)))
    low, high = (amount(round(float(values[k]), 6) + 0.0, 4) for values in (one, other))
    count = counted(int(differ.sum()), "scenario", "scenarios")
    return [
        f"The smallest margin differs in {count}; most with {names[k]}, from {low} to "
        f"{high} p.u. voltage."
    ]
