"""A solution that a picture can draw, or an error with the reason why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError
from scopf.results.prices import TRACE
from scopf.sweeps.analysis.units import per

if TYPE_CHECKING:
    from scopf.results.solution import Solution


def solution_of(given: Any, what: str) -> Solution:
    """A solution.

    Args:
        given: by the user.
        what: the picture, for the message.

    Raises:
        ScopfError: when it is something else.
    """
    from scopf.results.solution import Solution

    if isinstance(given, Solution):
        return given
    kind = type(given).__name__
    raise ScopfError(f"plots.{what} draws a Solution, which scopf.solve returns, got {kind}")


def solved(given: Any, what: str) -> Solution:
    """A solution that is one.

    Raises:
        ScopfError: when it is something else, or the solve failed.
    """
    found = solution_of(given, what)
    if not found.solved:
        net = "solution.net" if found.problem.horizon is None else "problem.given"
        raise ScopfError(
            f"there is no solution, so plots.{what} has no values to draw: {found.message} "
            "(solution.diagnosis names the conflict, plots.convergence(solution) draws the "
            f"attempts, plots.network({net}) the network)"
        )
    return found


def priced(given: Any, what: str) -> Solution:
    """A solution with inverters.

    Raises:
        ScopfError: when it is no solution, or there is no inverter in it.
    """
    found = solved(given, what)
    if not len(found.inverter_data):
        raise ScopfError(
            f"{found.problem.base.name} was solved without an inverter, so there is no NSSP to "
            "draw; give scopf.build inverters"
        )
    return found


def of_state(found: Solution, what: str, state: str | None) -> Any:
    """The solution, or one of its states, where only one of them can be drawn.

    Raises:
        ScopfError: for a state that there is not; of several hours without one of them.
    """
    if state is not None:
        return found.state(state)
    if found.problem.horizon is not None:
        raise ScopfError(
            f"there are {len(found.states)} hours: plots.{what}(solution, "
            f"state={found.states[0]!r}) draws one of them, plots.hours(solution) all"
        )
    return found


def prices(found: Any) -> Floats:
    """NSSP of the inverters, zero for what is no price, currency/h per p.u."""
    price = found.inverters["nssp_per_pu"].to_numpy(dtype=np.float64)
    return np.where(price > TRACE, price, 0.0)


def nssp_label(found: Solution) -> str:
    """NSSP and its unit."""
    return f"NSSP ({per(found.problem.criterion.nssp_unit)})"
