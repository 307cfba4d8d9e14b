"""Curves over the horizontal axis of a study."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.pages import figure as f
from scopf.pages.figure import Figure, Trace
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis.axes import Axis, spread_out
from scopf.sweeps.analysis.table import RISEN, Study
from scopf.sweeps.analysis.units import CURRENCY, criteria_by_unit, mixture, price_unit

_HOVER = "%{x}<br>%{y:.6g} "


def all_of(study: Study) -> list[Figure]:
    """Every curve figure that this study can have."""
    found = [_cost(study)]
    if critical_axis(study) is not None:
        found.append(_critical(study))
    return [
        *found, _largest_price(study), by_inverter(study), _margin(study), _spread(study),
        voltages(study),
    ]  # fmt: skip


def _cost(study: Study) -> Figure:
    base = "all"
    if study.axes.sliced:
        same = " and ".join(axis.markup for axis in study.axes.sliced)
        base = f"the scenarios with the same {same}"
    note = f"Optimal cost above that of the cheapest solved scenario among {base}."
    if study.unlimited is not None:
        note = (
            "Optimal cost above that without stability: of the scenario with the criterion none "
            "and the same other values. No point: one of the two has no solution."
        )
    return _quantity(study, "cost", "Cost increase", note, study.cost_increase, CURRENCY)


def _largest_price(study: Study) -> Figure:
    stiff = set(criteria_by_unit(study)) == {"stiffness 1/k"}
    more = "of its stiffness 1/k" if stiff else "of room in its stability limit"
    if mixture(study):
        more = "of room in its stability limit, or of its stiffness 1/k,"
    note = "The largest Nodal Stability Shadow Price of any inverter: what one more p.u. "
    note += f"{more} would save.{mixture(study)}"
    title = "Largest NSSP"
    return _quantity(study, "nssp-max", title, note, study.nssp_max, price_unit(study), digits=5)


def _margin(study: Study) -> Figure:
    note = "Least room in any stability row. Zero: a row binds, and its inverter may have a price."
    margin = np.where(np.abs(study.margin) < 1e-6, 0.0, study.margin)
    return _quantity(study, "margin", "Smallest stability margin", note, margin, "p.u. voltage")


def _spread(study: Study) -> Figure:
    note = "Largest minus smallest bus voltage of a scenario, all buses."
    return _quantity(study, "spread", "Voltage spread", note, study.spread, "p.u.")


def _quantity(
    study: Study, name: str, title: str, note: str, values: Floats, unit: str, digits: int = 6
) -> Figure:
    """One number per scenario over x, a curve per value of the series."""
    x, series, rest = study.axes.x, study.axes.series, study.axes.rest
    lines = spread_out(len(series), f.LINES) if series else [0]
    views: dict[str, list[Trace]] = {}
    for chosen, rows in axes_of.groups(rest, len(study)).items():
        traces = []
        for place, value in enumerate(lines):
            of_line = rows[series.codes[rows] == value] if series else rows
            if len(of_line):
                label = f.plain(series.texts[value]) if series else title
                line = _line(x, of_line, values, label, place, len(lines), digits)
                own = price_unit(study, of_line) if name == "nssp-max" else unit
                traces.append(_finish(line, study, own))
        views[f.key(chosen)] = traces
    if series and len(lines) < len(series):
        note += f" {len(lines)} of the {len(series)} values of {series.markup} are drawn."
    words = title.lower() if len(title) < 15 else title.split()[-1]
    head = "NSSP" if name == "nssp-max" else words
    layout = {
        "xaxis": f.drawn(x),
        "yaxis": {"title": {"text": f"{head} ({unit})"}, **_from_zero(values)},
        "legend": {"title": {"text": series.title if series else ""}},
        "showlegend": series is not None,
    }
    columns = {"x": x.column, "y": f"{title.lower()} [{unit}]"}
    if series:
        columns = {"name": series.column, **columns}
    return Figure(name, title, note, tuple(axis.name for axis in rest), views, layout, columns)


def _from_zero(values: Floats) -> dict[str, Any]:
    """The range of a vertical axis whose quantity should not be negative."""
    flat = not np.any(np.nan_to_num(values) > 0)
    if flat and not np.any(values < 0):
        return {"range": [0, 1]}
    return {"rangemode": "tozero" if np.any(values < 0) else "nonnegative"}


def _line(
    x: Axis, rows: Ints, values: Floats, name: str, place: int, count: int, digits: int
) -> Trace:
    rows = rows[np.argsort(x.codes[rows], kind="stable")]
    at = f.places_on(x, x.codes[rows].tolist())
    return f.curve(name, at, f.numbers(values[rows].tolist(), digits), place, count)


def _finish(line: Trace, study: Study, unit: str) -> Trace:
    """Hover text, and no lines between points that have no order."""
    x, label = study.axes.x, study.axes.series
    head = f"{x.markup} = "
    line["hovertemplate"] = f"{head}{_HOVER}{unit}<extra>%{{fullData.name}}</extra>"
    if label is None:
        line["hovertemplate"] = f"{head}{_HOVER}{unit}<extra></extra>"
    if study.axes.is_list or not x.numeric:
        line["mode"] = "markers"
        line["marker"]["size"] = 8 if len(line["x"]) <= 200 else 4
    return line


def by_inverter(study: Study) -> Figure:
    """NSSP of the dearest inverters over x."""
    x, unit = study.axes.x, price_unit(study)
    priced = [k for k in study.dearest.tolist() if np.nansum(study.prices[:, k]) > 0]
    chosen = (priced or study.dearest.tolist())[: f.LINES]
    note = "One curve per inverter (by bus number) that is ever priced."
    if not priced:
        note = "No inverter is priced in any scenario."
    elif len(chosen) < len(priced):
        note += f" The {len(chosen)} dearest of {len(priced)} are drawn."
    note += mixture(study)
    views = {}
    for at, rows in axes_of.groups(study.axes.sliced, len(study)).items():
        lines, own = [], price_unit(study, rows)
        for place, k in enumerate(chosen):
            name = str(study.inverters[k])
            line = _line(x, rows, study.prices[:, k], name, place, len(chosen), 5)
            line = _finish(line, study, own)
            hover = f"inverter {name}<br>{x.markup} = {_HOVER}{own}<extra></extra>"
            lines.append({**line, "hovertemplate": hover})
        views[f.key(at)] = lines
    layout = {
        "xaxis": f.drawn(x),
        "yaxis": {"title": {"text": f"NSSP ({unit})"}, **_from_zero(study.prices)},
        "legend": {"title": {"text": "inverter"}},
        "showlegend": True,
    }
    columns = {"name": "inverter", "x": x.column, "y": f"nssp [{unit}]"}
    keys = tuple(axis.name for axis in study.axes.sliced)
    return Figure("nssp-curves", "NSSP by inverter", note, keys, views, layout, columns)


def voltages(study: Study) -> Figure:
    """Band of all bus voltages over x, and that of the inverters."""
    x = study.axes.x
    low, high = study.column("vm_min"), study.column("vm_max")
    some = ~np.isnan(study.vm).all(axis=1) if study.vm.size else np.zeros(len(study), dtype=bool)
    inner_low, inner_high = np.full((2, len(study)), np.nan)
    if some.any():
        inner_low[some] = np.nanmin(study.vm[some], axis=1)
        inner_high[some] = np.nanmax(study.vm[some], axis=1)
    parts = [
        ("highest, all buses", high, "solid", 0.1), ("lowest, all buses", low, "solid", 0.1),
        ("highest inverter", inner_high, "dot", 0.6), ("lowest inverter", inner_low, "dash", 0.6),
    ]  # fmt: skip
    views = {}
    for chosen, rows in axes_of.groups(study.axes.sliced, len(study)).items():
        lines = []
        for place, (name, values, dash, tone) in enumerate(parts):
            line = _finish(_line(x, rows, values, name, place, 4, 5), study, "p.u.")
            line["hovertemplate"] = (
                f"{name}<br>{x.markup} = %{{x}}<br>%{{y:.5f}} p.u.<extra></extra>"
            )
            line["line"]["dash"], line["meta"] = dash, {"tone": tone}
            if "lines" in line["mode"]:
                line["marker"]["size"] = 3
            lines.append(line)
        if "lines" in lines[0]["mode"]:
            lines.append(_band(lines[0]["x"], lines[1]["y"], lines[0]["y"]))
        views[f.key(chosen)] = lines
    layout = {
        "xaxis": f.drawn(x),
        "yaxis": {"title": {"text": "voltage (p.u.)"}},
        "legend": {"traceorder": "normal"},
    }
    note = "Shaded: from the lowest to the highest bus voltage of a scenario."
    columns = {"name": "voltage", "x": x.column, "y": "voltage [p.u.]"}
    keys = tuple(axis.name for axis in study.axes.sliced)
    return Figure("voltages", "Range of voltages", note, keys, views, layout, columns)


def _band(x: list[Any], low: list[float | None], high: list[float | None]) -> Trace:
    """The area between two curves, in pieces where they have gaps."""
    outline: tuple[list[Any], list[float | None]] = [], []
    start = 0
    for end in range(len(x) + 1):
        if end < len(x) and low[end] is not None and high[end] is not None:
            continue
        if end > start:
            gap = [None] if outline[0] else []
            outline[0].extend([*gap, *x[start:end], *reversed(x[start:end])])
            outline[1].extend([*gap, *high[start:end], *reversed(low[start:end])])
        start = end + 1
    return {
        "type": "scatter", "mode": "lines", "x": outline[0], "y": outline[1], "fill": "toself",
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
        "meta": {"skip": True, "band": True},
    }  # fmt: skip


def critical_axis(study: Study) -> Axis | None:
    """The m_q whose critical value can be shown over another axis."""
    x = study.axes.x
    return x if x.is_droop and x.numeric and len(x) > 2 and study.axes.series else None


def critical_values(study: Study, rows: Ints) -> tuple[float, float]:
    """Last m_q without and first m_q with a price or a rise of cost; NaN where there is none."""
    x = study.axes.x
    rows = rows[study.solved[rows]]
    rows = rows[np.argsort(x.codes[rows], kind="stable")]
    if not len(rows):
        return np.nan, np.nan
    rise = study.rise[rows]
    priced: Flags = (study.nssp_max[rows] > 0) | (rise > RISEN * np.abs(study.cost[rows]))
    # The cheapest scenario is the reference of the rise; before it, cost falls and nothing binds.
    priced &= (np.arange(len(rows)) >= int(np.argmin(rise))) | (study.nssp_max[rows] > 0)
    mq = np.array([float(x.values[k]) for k in x.codes[rows].tolist()])
    if not priced.any():
        return float(mq[-1]), np.nan
    first = int(np.argmax(priced))
    return (float(mq[first - 1]) if first else np.nan), float(mq[first])


def _critical(study: Study) -> Figure:
    x, over, rest = study.axes.x, study.axes.series, study.axes.rest
    assert over is not None
    lines = rest[0] if rest else None
    names = spread_out(len(lines), f.LINES) if lines else [0]
    views: dict[str, list[Trace]] = {}
    for chosen, rows in axes_of.groups(rest[1:], len(study)).items():
        traces = []
        for place, value in enumerate(names):
            of_line = rows[lines.codes[rows] == value] if lines else rows
            points = []
            for k in range(len(over)):
                free, first = critical_values(study, of_line[over.codes[of_line] == k])
                points.append((k, free, first))
            label = f.plain(lines.texts[value]) if lines else "critical m_q"
            traces.append(_critical_line(x, over, points, label, place, len(names)))
        views[f.key(chosen)] = traces
    layout = {
        "xaxis": f.drawn(over),
        "yaxis": {"title": {"text": f"critical {x.title}"}},
        "legend": {"title": {"text": lines.title if lines else ""}},
        "showlegend": lines is not None,
    }
    note = (
        f"The first {x.markup} of the sweep at which an inverter has a price or the cost has "
        "risen (by more than a millionth of itself). The bar reaches down to the last value "
        "without: the true one lies in it. Open symbol: priced at the smallest value already. "
        "No point: no scenario is priced, or all failed."
    )
    columns = {"x": over.column, "y": f"critical_{x.column}", "free": f"last_free_{x.column}"}
    if lines:
        columns = {"name": lines.column, **columns}
    keys = tuple(axis.name for axis in rest[1:])
    title = f"Critical {x.markup} against {over.markup}"
    return Figure("critical", title, note, keys, views, layout, columns)


def _critical_line(
    x: Axis, over: Axis, points: list[tuple[int, float, float]], name: str, place: int, count: int
) -> Trace:
    line = f.curve(name, f.places_on(over, [k for k, _, _ in points]), [], place, count)
    line["y"] = f.numbers([first for _, _, first in points], 8)
    free = f.numbers([low for _, low, _ in points], 8)
    line["error_y"] = {
        "type": "data", "symmetric": False, "width": 3, "thickness": 1,
        "array": [0] * len(points),
        "arrayminus": f.numbers([np.nan_to_num(b - a) for _, a, b in points], 6),
    }  # fmt: skip
    line["customdata"] = free
    symbol = line["marker"]["symbol"]
    line["marker"]["symbol"] = [symbol + ("-open" if low is None else "") for low in free]
    line["marker"]["size"] = 9
    if not over.numeric:
        line["mode"] = "markers"
    line["hovertemplate"] = (
        f"{over.markup} = %{{x}}<br>critical {x.markup} ≤ %{{y}} {html.escape(x.unit)}"
        f"<br>free up to %{{customdata}}<extra></extra>"
    )
    return line
