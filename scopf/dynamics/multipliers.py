"""The multiplier certificate: a proof of stability with losses, beside the eigenvalues.

*Theorem.* Let the load buses be before their nose, pi > 0 and tau_p common (`Island.unmet`). If for
every w >= 0 there are z and p_i in the closed fourth quadrant, piecewise continuous in w and real
and positive at w = 0, and any q_i, with which the Hermitian form of `scopf.dynamics.island` is
positive definite, all rates but those of the common angle are in the left half-plane.

*Proof.* Eigenvalues of a matrix with a positive definite Hermitian part have arguments between
-pi/2 and pi/2, so that the argument of the form's determinant does not wind. That of the equations'
determinant therefore turns by (m - 1) pi + m pi/2 from w = 0 to infinity, which of polynomials of
its degree only those without roots on the right do. At a jump of the multipliers the segment
between them stays in the quadrant, and the form positive definite.

For fixed multipliers the form is concave in w, as w^2 has the factor -tau_p Re(z) N^T Pi T N. What
holds at both ends of an interval holds in all of it, and a few intervals cover [0, w_N]; beyond,
z = -j, p = -j pi, q = 0 hold. A grid of frequencies alone would be no proof: what is between them
may be anything.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.island import Island, Multipliers, islands
from scopf.dynamics.lmi import multipliers
from scopf.dynamics.swept import swept
from scopf.errors import listing

if TYPE_CHECKING:
    from scopf.dynamics.dae import System
    from scopf.dynamics.modes import Spectrum

log = logging.getLogger(__name__)


class ContradictionError(RuntimeError):
    """An error of this package: a proof of stability, and modes that grow."""


# Inverters of an island up to which a form is tried unless asked for, and if asked for.
SWEPT, FREE, FREE_IF_ASKED = 60, 25, 150
_DEPTH = 12  # bisections of an interval


@dataclass(frozen=True)
class Certificate:
    """Outcome of the search for multipliers.

    Attributes:
        holds: the equations of all islands were proven stable.
        intervals: number of intervals of frequencies, all islands together.
        last: the largest frequency up to which they reach, rad/s.
        reason: why there is no proof, a clause; "" where there is one.
    """

    holds: bool
    intervals: int = 0
    last: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        if not self.holds:
            return f"no proof by multipliers: {self.reason}"
        several = "s" if self.intervals > 1 else ""
        where = f"{self.intervals} interval{several} of frequencies up to {self.last:.4g} rad/s"
        return f"proven by multipliers: {where}, and beyond"

    def check(self, name: str, found: Spectrum) -> None:
        """Compare with the eigenvalues.

        Raises:
            ContradictionError: when there is a proof, and a mode grows.
        """
        if self.holds and found.unstable:
            raise ContradictionError(
                f"{name}: multipliers prove the point stable, but {found.unstable} eigenvalues "
                f"have a positive real part (the rightmost at {found.rightmost:.3g} rad/s); this "
                "is an error of scopf, please report it"
            )


def certificate(system: System, past_nose: int | None, *, asked: bool = True) -> Certificate:
    """Look for multipliers that prove a point stable.

    Args:
        system: its equations.
        past_nose: number of eigenvalues of the loads' Jacobian in the left half-plane.
        asked: for a proof; otherwise it is looked for in islands of few inverters only.
    """
    reason = _unmet(system, past_nose)
    if reason:
        return Certificate(False, reason=reason)
    largest = int(np.bincount(system.net.island[system.at]).max())
    if not asked and largest > SWEPT:
        return Certificate(False, reason=f"not looked for unless asked, of {largest} inverters")
    every = islands(system)
    reason = next(filter(None, (island.unmet for island in every)), "")
    if reason:
        return Certificate(False, reason=reason)
    count, last, most = 0, 0.0, FREE_IF_ASKED if asked else FREE
    for island in every:
        try:
            found = covered(island, free=len(island) <= most)
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            log.info("%s: %s", system.net.name, error)
            found = None
        if found is None:
            at = f" in the island of bus {island.bus[0]}" if len(every) > 1 else ""
            quick = ""
            if len(island) > most:
                less = "" if asked else " unless asked for"
                quick = f"; free ones are looked for among up to {most} inverters{less}"
            return Certificate(False, reason=f"no multipliers were found{at}{quick}")
        count, last = count + found, max(last, island.last)
    return Certificate(True, count, last)


def _unmet(system: System, past_nose: int | None) -> str:
    """Condition of the theorem on the whole system that is not met; "" if none."""
    devices = system.devices.labels
    if devices:
        are = "is no" if len(devices) == 1 else "are no"
        return (
            f"{listing(devices, 5)} {are} grid-forming inverter, and the proof is for these alone"
        )
    if past_nose is None:
        return "loads past the nose of their PV curve could not be counted"
    return "loads are past the nose of their PV curve" if past_nose else ""


def covered(island: Island, *, free: bool = True) -> int | None:
    """Number of intervals by which multipliers prove an island stable, None without a proof.

    Args:
        island: that meets the conditions.
        free: whether to look for free multipliers where those of `swept` do not suffice.
    """
    ends = swept(island)
    if ends is not None:
        return len(ends) - 1
    if not free:
        return None
    start = multipliers(island, (0.0,))
    if start is None or not start.real:
        return None
    found = _between(island, 0.0, island.last, _DEPTH)
    return None if found is None else len(found)


def _between(island: Island, low: float, high: float, depth: int) -> list[Multipliers] | None:
    """Multipliers of the intervals that an interval is cut into; None where there are none."""
    found = multipliers(island, (low, high))
    if found is not None and found.in_quadrant:
        return [found]
    middle = 0.5 * (low + high)
    if not depth or multipliers(island, (middle,)) is None:
        return None
    lower = _between(island, low, middle, depth - 1)
    upper = None if lower is None else _between(island, middle, high, depth - 1)
    return None if lower is None or upper is None else lower + upper
