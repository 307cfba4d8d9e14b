"""Solutions from the files that `Solution.save` writes."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from scopf.cases import native
from scopf.engine.nlp import NLP
from scopf.errors import CaseError, Fault, ScopfError
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled
from scopf.optimizer.overdetermined import overdetermined
from scopf.optimizer.status import Iterate, Outcome
from scopf.procedures import assembly, verdict
from scopf.results.solution import Solution
from scopf.results.stored import FORMAT, VERSION, StoredSolution

_MOST = 10  # faults that are named


def load_solution(path: str | os.PathLike[str]) -> Solution:
    """Read a solution that `Solution.save` wrote.

    The problem is built again, and the point is checked in it as that of a solve is: tables, prices
    and accuracy are those of the check, not those of the file. It can be verified, drawn, written,
    and started from (`scopf.solve(problem, start=...)`) as before.

    Args:
        path: of the file, of at most 256 MiB.

    Returns:
        The solution, of a problem of its own (`.problem`).

    Raises:
        CaseError: listing what is wrong with the file or its network.
        ScopfError: when its numbers make no problem, or its point is no solution of it.
    """
    source = os.fspath(path)
    stored = _stored(native.values(path), source)
    problem = _problem(stored, source)
    with problem.lock:
        return _solution(stored, problem, source)


def _stored(values: Any, source: str) -> StoredSolution:
    """The values of a file with the types that they have to have."""
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        text = f'is no solution: it has no "format": "{FORMAT}", as `Solution.save` writes it'
        raise CaseError(source, [Fault(text)])
    if values.get("version") != VERSION:
        shown = json.dumps(values.get("version"))[:40]
        text = f"is of version {shown}, and this scopf reads version {VERSION}"
        raise CaseError(source, [Fault(text)])
    try:
        return StoredSolution.model_validate(values)
    except ValidationError as error:
        raise CaseError(source, list(_faults(error))) from error


def _faults(error: ValidationError) -> Iterator[Fault]:
    """The first complaints, as faults."""
    found = error.errors(include_url=False, include_input=False)
    for one in found[:_MOST]:
        where = ".".join(map(str, one["loc"]))[:80]
        yield Fault(f"{where}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    if len(found) > _MOST:
        yield Fault(f"and {len(found) - _MOST} more")


def _problem(stored: StoredSolution, source: str) -> Problem:
    try:
        return stored.problem(source)
    except (ScopfError, OverflowError) as error:
        if isinstance(error, CaseError) and error.source == source:
            raise
        raise ScopfError(f"{source}: {error}") from error


def _solution(stored: StoredSolution, problem: Problem, source: str) -> Solution:
    """The solution of a problem at the point of a file, which is checked."""
    last = stored.last()
    nlp = compiled(problem, last.lift)
    _check_structure(nlp, last, source)
    outcome = Outcome(
        last.x, last.rows, last.lower, last.upper, stored.status, stored.message,
        priced=not overdetermined(nlp),
    )  # fmt: skip
    found, examined = verdict.checked(problem, nlp, outcome)
    if stored.status.solved and not found.status.solved:
        raise ScopfError(f"{source}: its point is no solution of its problem: {found.message}")
    solution = assembly.solution(
        problem,
        nlp,
        found,
        examined or verdict.examine(problem, nlp, found),
        stored.attempts_made(),
        stored.seconds,
        last.cold,
    )
    checks = stored.checks_made()
    if checks:
        problem.try_droop_margin(checks[0].droop_margin)  # that of before the checks
    more: dict[str, Any] = {} if stored.outages is None else stored.outages.found()
    if stored.explained is not None:
        more["explained"] = stored.explained.found(solution.cost_per_h)
    return dataclasses.replace(solution, checks=checks, **more)


def _check_structure(nlp: NLP, last: Iterate, source: str) -> None:
    sizes = [len(part) for part in (last.x, last.rows, last.lower, last.upper)]
    if nlp.signature != last.signature or sizes != [nlp.n, nlp.m, nlp.n, nlp.n]:
        raise ScopfError(
            f"{source}: its point is of a problem of another structure; the file was changed, or "
            "another version of scopf wrote it: solve again"
        )
