"""The page of a solve without a solution: the limits that conflict, on the map and as tables."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError
from scopf.network import drawing
from scopf.pages import figure as f
from scopf.pages.document import put, template
from scopf.pages.table import plain_table
from scopf.results import text as words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.diagnosis.limits import Limit
    from scopf.diagnosis.text import Change, Diagnosis
    from scopf.network.network import Network
    from scopf.results.solution import Solution

log = logging.getLogger(__name__)

_SCRIPTS = ("theme.js", "tables.js", "failure.js")
_MOST_BUSES = 5000  # above, only buses of a conflict are marked
_HEADS = {
    "limits": "Limits that conflict", "together": "One change for each conflict",
    "factors": "Factors on all loads or droops", "members": "Further members",
    "suspects": "Relaxed most when the search ended",
}  # fmt: skip
_NOTES = {
    "limits": "Each of them resolves its conflict by itself once it has the value “needed”.",
    "together": "These changes together make the problem feasible.",
    "factors": "Each of them resolves everything by itself.",
    "members": "At their limits as well, but not enough alone, or not tested.",
    "suspects": "None of them is proven to be in conflict.",
}
_ELEMENT = re.compile(r"(bus|gen|branch|inverter)\D{0,12}(\d{1,18})", re.ASCII)


def write(solution: Solution, path: str | Path, diagnosis: Diagnosis | None = None) -> Path:
    """Write the report of a solve that failed as one HTML page.

    Args:
        solution: without a solution.
        path: of the page; it is replaced if it exists.
        diagnosis: why there is none; None to find out.

    Returns:
        The path.

    Raises:
        ScopfError: when a package of the extra `report` is missing, or the page cannot be written.
    """
    target, page = Path(path), html(solution, diagnosis)
    put(page, target)
    log.info("report of %s, no solution: %s", solution.problem.base.name, target)
    return target


def html(solution: Solution, diagnosis: Diagnosis | None = None) -> str:
    """The page as text; see `write`."""
    made = template("failure.html")
    reason = ""
    if diagnosis is None:
        try:
            diagnosis = solution.diagnosis
        except ScopfError as error:  # the problem has been changed since
            reason = str(error)
    tables = {} if diagnosis is None else _tables(diagnosis)
    lines = [line for line in words.head(solution) if line]
    conflict = "" if diagnosis is None else str(diagnosis)
    net = solution.problem.given.energized()
    data = {
        "map": _map(net, {} if diagnosis is None else _concerned(net, diagnosis)),
        "tables": {name: plain_table(table) for name, table in tables.items()},
    }
    return made.page(
        data,
        _SCRIPTS,
        name=solution.problem.base.name,
        lead=lines[0],
        message=f"{solution.status}: {solution.message}",
        verdict=reason if diagnosis is None else diagnosis.verdict,
        conflict=conflict,
        lines=lines[1:],
        tables=[(name, _HEADS[name], _NOTES[name]) for name in tables],
        many=len(net.bus) > _MOST_BUSES,
    )


def _tables(found: Diagnosis) -> dict[str, Any]:
    import pandas as pd

    tables = {"limits": found.limits, "together": _changes(found.together)}
    tables["factors"] = _changes(found.factors)
    members = [
        {"conflict": conflict, "limit": one.name, "element": one.element, "present": one.present,
         "unit": one.unit, "tested": tested}
        for conflict, one, tested in found.members
    ]  # fmt: skip
    tables["members"] = pd.DataFrame(members)
    suspects = [{"limit": one.name, "element": one.element} for one in found.suspects]
    tables["suspects"] = pd.DataFrame(suspects)
    if len(found.together) < 2:
        del tables["together"]
    return {name: table for name, table in tables.items() if len(table)}


def _changes(changes: Iterable[Change]) -> Any:
    import pandas as pd

    rows = [
        {"conflict": one.conflict, "limit": one.limit.name, "element": one.limit.element,
         "quantity": one.limit.quantity, "present": one.limit.present, "needed": one.needed,
         "unit": one.limit.unit}
        for one in changes
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _concerned(net: Network, found: Diagnosis) -> dict[str, dict[int, list[str]]]:
    """Sentences by position of the buses and branches that a diagnosis names."""
    changes = [*found.changes, *found.together]
    texts = [(one.limit, f"{one.limit}: now {one.limit.present:.6g}, {one}") for one in changes]
    texts += [(one, f"{one}: at its limit") for _, one, _ in found.members]
    texts += [(one, str(one)) for one in found.suspects]
    places: dict[str, dict[int, list[str]]] = {"buses": {}, "branches": {}}
    for limit, text in texts:
        for table, at in _at(net, limit):
            said = places[table].setdefault(at, [])
            if text not in said:
                said.append(text)
    return places


def _at(net: Network, limit: Limit) -> Iterable[tuple[str, int]]:
    """Tables and positions of the elements that a limit names."""
    ids = {"bus": net.bus.id, "inverter": net.bus.id, "gen": net.gen.id, "branch": net.branch.id}
    for kind, number in _ELEMENT.findall(limit.element.split(" after ")[0]):
        at = np.flatnonzero(ids[kind] == int(number)).tolist()
        for k in at[:1]:
            if kind == "branch":
                yield "branches", k
            else:
                yield "buses", int(net.gen_at[k]) if kind == "gen" else k


def _map(net: Network, concerned: dict[str, dict[int, list[str]]]) -> dict[str, Any]:
    """Places of the buses, ends of the branches, and sentences on those of a conflict."""
    ends = np.column_stack([net.branch_from, net.branch_to])
    place = drawing.positions(len(net.bus), ends)
    x, y = (f.numbers(column, 4) for column in place.T.tolist())
    named = {key: concerned.get(key, {}) for key in ("buses", "branches")}
    return {
        "x": x, "y": y, "buses": net.bus.id.tolist(), "ends": ends.tolist(),
        "branches": net.branch.id.tolist(), "few": len(net.bus) <= _MOST_BUSES,
        **{f"named_{key}": [[k, lines] for k, lines in of.items()] for key, of in named.items()},
    }  # fmt: skip
