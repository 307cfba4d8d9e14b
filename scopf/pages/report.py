"""`scopf.report`: the page of whatever has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf.dynamics.simulation.simulated import Simulation
from scopf.errors import ScopfError
from scopf.pages import comparison, failure, page, response, solution
from scopf.results.solution import Solution
from scopf.sweeps.analysis.comparison import Comparison

if TYPE_CHECKING:
    from scopf.diagnosis.text import Diagnosis
    from scopf.pages.modes import Verified

Runs = Mapping[str, Simulation] | Sequence[Simulation]

_TAKES = (
    "a solution, a sweep, a simulation, a comparison, or a solution with its simulations: "
    "(solution, runs)"
)


def report(
    what: Any,
    path: str | Path,
    *,
    runs: Runs = (),
    verified: Verified | None = None,
    diagnosis: Diagnosis | None = None,
) -> Path:
    """Write a result as one self-contained HTML page, which opens without a connection.

    A `Solution` has its map, prices, margins and tables there, a failed one the limits that
    conflict; a `Sweep` its figures, a `Simulation` its curves, a `Comparison` what differs.

    Args:
        what: the result, or a pair of a solution and its simulations.
        path: of the page; it is replaced if it exists.
        runs: of a solution: simulations from it on, a list, or a mapping from headings.
        verified: of a solution: what `Solution.verify` or `verify_states` has found, for its modes.
        diagnosis: of a failed solution: why there is none; None to find out, which solves again.

    Returns:
        The path.

    Raises:
        ScopfError: for something else; when a package of the extra `report` is missing, or the page
            cannot be written.
    """
    if isinstance(what, tuple) and len(what) == 2 and isinstance(what[0], Solution) and not runs:
        what, runs = what
    runs = [runs] if isinstance(runs, Simulation) else runs
    if isinstance(what, Solution):
        if not what.solved:
            return failure.write(what, path, diagnosis)
        return solution.write(what, path, runs, verified)
    if runs or verified is not None or diagnosis is not None:
        raise ScopfError("runs, verified and diagnosis belong to the page of a solution")
    if isinstance(what, Simulation):
        return response.write(what, path)
    if isinstance(what, Comparison):
        return comparison.write(what, path)
    if hasattr(what, "scenarios") and hasattr(what, "manifest"):
        return page.write(what, path)
    raise ScopfError(f"scopf.report takes {_TAKES}; got {type(what).__name__}")
