"""Medians of the runs, as text for the terminal and as Markdown."""

from __future__ import annotations

import math
import statistics
from typing import Any

STAGES = ("read", "build", "compile", "evaluate", "kkt", "rest", "total")
OURS = "scopf"
IPOPT_ARMS = (OURS, "pyoptinterface", "casadi")
HEADS = ("", *STAGES[:4], "KKT", "rest", "total", "iter", "objective", "gap %", "/ours", "/floor")
_WIDTHS = (15, 8, 8, 8, 9, 8, 8, 8, 6, 14, 9, 7, 7)
_GOOD = "optimal"
_SAME = 1e-4  # relative difference of objectives up to which two arms have solved the same problem
_FOOTNOTE = "* its objective differs by more than 0.01 %: it has solved another problem."


def summarise(runs: list[dict[str, Any]], published: dict[str, float]) -> list[dict[str, Any]]:
    """One block per task: medians by arm, and the ratios within the block."""
    blocks: dict[str, dict[str, Any]] = {}
    for run in runs:
        head = {key: run[key] for key in ("task", "case", "buses", "criterion", "mq")}
        block = blocks.setdefault(run["task"], head | {"collected": {}})
        block["collected"].setdefault(run["arm"], []).append(run)
    return [_block(block, published) for block in blocks.values()]


def _block(block: dict[str, Any], published: dict[str, float]) -> dict[str, Any]:
    arms = {arm: _median(runs) for arm, runs in block.pop("collected").items()}
    ours = arms.get(OURS, {})
    ours = ours if ours.get("status") == _GOOD else {}
    floor, floor_of = _floor(arms, ours)
    known = published.get(block["case"]) if block["criterion"] == "none" else None
    reference = known or ours.get("objective")
    for arm in arms.values():
        if arm["status"] != _GOOD:
            continue
        if reference:
            arm["gap_percent"] = 100 * (arm["objective"] / reference - 1)
        if ours:
            arm["over_ours"] = arm["total"] / ours["total"]
            arm["same_problem"] = abs(arm["objective"] / ours["objective"] - 1) < _SAME
        if floor:
            arm["over_floor"] = arm["total"] / floor
    source = "published" if known else OURS
    return block | {
        "floor": floor,
        "floor_of": floor_of,
        "reference": reference,
        "reference_source": source,
        "arms": arms,
    }


def _floor(arms: dict[str, Any], ours: dict[str, Any]) -> tuple[float | None, str]:
    """The least KKT work with which Ipopt has solved this problem, and the arm that it was for."""
    found = [
        (arm["kkt"], name)
        for name, arm in arms.items()
        if name in IPOPT_ARMS
        and arm["status"] == _GOOD
        and (not ours or abs(arm["objective"] / ours["objective"] - 1) < _SAME)
    ]
    return min(found, default=(None, ""))


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    good = [run for run in runs if run["status"] == _GOOD]
    if len(good) < len(runs) or not good:
        bad = next(run for run in runs if run["status"] != _GOOD)
        return {"status": bad["status"], "message": bad.get("message", "")}
    found: dict[str, Any] = {"status": _GOOD, "runs": len(good)}
    for name in (*STAGES, "import", "peak_mb", "iterations", "objective"):
        values = [run[name] for run in good if run.get(name) is not None]
        found[name] = statistics.median(values) if values else None
    found["spread"] = [min(run["total"] for run in good), max(run["total"] for run in good)]
    return found


# -- cells -----------------------------------------------


def title(block: dict[str, Any]) -> str:
    """What a block solves, in one line."""
    buses = f" ({block['buses']} buses)" if block["buses"] else ""
    rows = (
        "no stability rows"
        if block["criterion"] == "none"
        else f"{block['criterion']} rows, mq = {block['mq']:g}"
    )
    return f"{block['case']}{buses}, {rows}"


def notes(block: dict[str, Any]) -> str:
    """What the ratios and gaps of a block refer to."""
    if not block["reference"]:
        return "scopf has no result, so there is no ratio"
    text = f"objective {block['reference']:.6g} ({block['reference_source']})"
    floor = f", floor {seconds(block['floor'])} s (KKT work, {block['floor_of']})"
    return text + (floor if block["floor"] else "")


def cells(name: str, arm: dict[str, Any]) -> list[str] | None:
    """The cells of an arm's line; None where it has no result."""
    if arm["status"] != _GOOD:
        return None
    return [
        name,
        *(seconds(arm[stage]) for stage in STAGES),
        f"{arm['iterations']:.0f}",
        f"{arm['objective']:.2f}",
        _number(arm.get("gap_percent"), "+.3f"),
        ratio(arm),
        _number(arm.get("over_floor"), ".1f"),
    ]


def ratio(arm: dict[str, Any]) -> str:
    """How many times scopf's time an arm takes, marked where the comparison is not of the same."""
    return _number(arm.get("over_ours"), ".2f") + ("" if arm.get("same_problem", True) else "*")


def reasons(block: dict[str, Any]) -> set[str]:
    """The reason that all arms of a block share for having no result; empty when one has."""
    found = {reason(arm) for arm in block["arms"].values()}
    return found if len(found) == 1 and _GOOD not in found else set()


def reason(arm: dict[str, Any]) -> str:
    """Why an arm has no result."""
    message = arm.get("message") or ""
    return arm["status"] + (f": {message}" if message else "")


def seconds(value: float | None) -> str:
    """Seconds in four figures at most."""
    if value is None:
        return "-"
    value = max(value, 0.0)
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _number(value: float | None, form: str) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    text = format(value, form)
    return text.replace("-", "+") if float(text) == 0 else text


# -- pages -----------------------------------------------


def text(blocks: list[dict[str, Any]], order: list[str]) -> str:
    """Tables for a terminal of 120 columns."""
    lines = []
    for block in blocks:
        if reasons(block):
            lines += [title(block), f"  {reasons(block).pop()}", ""]
            continue
        lines += [title(block), "  " + notes(block), _line(HEADS)]
        for name in order:
            if name in block["arms"]:
                arm = block["arms"][name]
                found = cells(name, arm)
                lines.append(
                    _line(found) if found else f"{name:<{_WIDTHS[0]}}  {reason(arm)}"[:120]
                )
        lines.append("")
    lines += ["Seconds from file to optimum, and how many times scopf's time each other takes"]
    head, rows = _ratios(blocks, order)
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    for row in [head, *rows]:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        padded[0] = row[0].ljust(widths[0])
        lines.append("  ".join(padded))
    return "\n".join([*lines, _FOOTNOTE]) + "\n"


def _line(row: Any) -> str:
    first, *others = zip(row, _WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)


def markdown(result: dict[str, Any]) -> str:
    """The same for a page: ratios first, then one table per task."""
    place, order, blocks = result["environment"], result["settings"]["arms"], result["blocks"]
    lines = [
        f"{place['date']}, {place['cpu']}, {place['cores']} cores, {place['system']}, "
        f"Python {place['python']}, Ipopt {result['ipopt'] or '?'} with MUMPS, one thread; "
        f"medians of {result['settings']['repeats']} interleaved runs.",
        "",
        "Seconds of scopf from file to optimum, the floor, and how many times scopf's time each "
        "peer takes:",
        "",
    ]
    head, rows = _ratios(blocks, order)
    lines += [*_grid(head, rows), "", "\\" + _FOOTNOTE]
    for block in blocks:
        if reasons(block):
            lines += ["", f"**{title(block)}**: {reasons(block).pop()}"]
            continue
        rows = []
        for name in order:
            if name in block["arms"]:
                arm = block["arms"][name]
                empty = [name, reason(arm), *[""] * (len(HEADS) - 2)]
                rows.append(cells(name, arm) or empty)
        lines += ["", f"**{title(block)}**; {notes(block)}", "", *_grid(HEADS, rows)]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return "\n".join([*lines, "", f"Versions: {versions}.", ""])


def _grid(head: Any, rows: Any) -> list[str]:
    rule = ["---", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in [head, rule, *rows]]


def _ratios(blocks: list[dict[str, Any]], order: list[str]) -> tuple[list[str], list[list[str]]]:
    peers = [name for name in order if name != OURS]
    head = ["case, rows", "scopf s", "floor s", "/floor", *peers]
    rows = []
    for block in blocks:
        rules = "" if block["criterion"] == "none" else f", mq {block['mq']:g}"
        ours = block["arms"].get(OURS, {})
        row = [f"{block['case'].removeprefix('pglib_opf_')}{rules}"]
        row += [seconds(ours.get("total")), seconds(block["floor"])]
        row.append(_number(ours.get("over_floor"), ".1f"))
        row += [ratio(block["arms"].get(name, {})) for name in peers]
        rows.append(row)
    return head, rows
