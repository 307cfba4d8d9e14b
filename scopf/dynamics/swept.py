"""The multiplier certificate without an optimisation: one number for each interval of frequencies.

With q = 0, z = 1 - j c tau_p w and p = z pi the form of `scopf.dynamics.island` is

    S + Pi D + tau_p w^2 [(c - 1) Pi T (+) c Pi D tau_q] - j c tau_p w K,      c >= 1

where S and K are the symmetric and the antisymmetric part of diag(pi, pi) J. With w1 in place of
the first w and w2 in place of the second, it is positive definite on all of [w1, w2] if it is there
(the first part grows with w, and in the second w may be any number up to w2 in size, as K is real).
Each interval has a c of its own, the one that makes it the longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from scopf.dynamics.island import norm, positive

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.dynamics.island import Island

_MOST = 60  # intervals
_LEAST = 1.01  # of the end of an interval over its begin
_INSIDE = 0.999  # of the longest interval
_GRID = np.linspace(-6.0, 6.0, 9)  # of log(c - 1)


def swept(island: Island) -> list[float] | None:
    """Ends of the intervals that cover [0, w_N]; None when they do not.

    Args:
        island: that meets the conditions of the certificate.
    """
    form = _Swept(island)
    ends = [0.0]
    while ends[-1] < island.last:
        if len(ends) > _MOST:
            return None
        end = form.end(ends[-1])
        if end is None or end <= _LEAST * ends[-1]:
            return None
        ends.append(end)
    return ends


class _Swept:
    """The form of an island in the coordinates of its basis."""

    def __init__(self, island: Island) -> None:
        basis, both = island.basis, island.both
        m, self._tau, self._last = len(island), island.tau, island.last
        still = both[:, None] * (island.jacobian + np.diag(np.r_[np.zeros(m), island.stiffness]))
        self._still = self._in(basis, still)
        self._angles, self._voltages = (
            self._in(basis, np.diag(part * island.weights))
            for part in (np.r_[np.ones(m), np.zeros(m)], np.r_[np.zeros(m), np.ones(m)])
        )
        turned: Floats = basis.T @ island.antisymmetric @ basis
        self._turned = 0.5 * (turned - turned.T)
        self._size = self._norm(basis, still)
        self._turned_size = self._norm(basis, both[:, None] * island.jacobian)

    @staticmethod
    def _in(basis: Floats, matrix: Floats) -> Floats:
        form: Floats = basis.T @ matrix @ basis
        return 0.5 * (form + form.T)

    @staticmethod
    def _norm(basis: Floats, matrix: Floats) -> float:
        """Norm of the absolute values that the matrix in this basis is added up from."""
        size = abs(basis).T @ (abs(matrix) @ abs(basis))
        return float(max(size.sum(axis=0).max(), size.sum(axis=1).max()))

    def _symmetric(self, c: float, begin: float) -> Floats:
        more: Floats = (c - 1) * self._angles + c * self._voltages
        return self._still + self._tau * begin**2 * more

    def _reach(self, c: float, begin: float) -> float:
        """End of the longest interval with this c, 0 without one."""
        try:
            factor = np.linalg.cholesky(self._symmetric(c, begin))
        except np.linalg.LinAlgError:
            return 0.0
        half = np.linalg.solve(factor, self._turned)  # small triangles are slow on several threads
        scaled = np.linalg.solve(factor, half.T)
        return 1 / max(c * self._tau * norm(scaled), 1 / (2 * self._last))

    def _holds(self, c: float, begin: float, end: float) -> bool:
        symmetric, turn = self._symmetric(c, begin), c * self._tau * end
        size = self._size + float(abs(symmetric - self._still).sum(axis=1).max())
        size += turn * self._turned_size  # K is a difference, which may be much smaller
        return positive(symmetric - 1j * turn * self._turned, size)

    def end(self, begin: float) -> float | None:
        """End of the longest interval from here that is checked, w_N at most."""
        c = 1.0
        if begin > 0:
            reached = [self._reach(1 + np.exp(log), begin) for log in _GRID]
            best = int(np.argmax(reached))
            if not reached[best] > begin / 2:
                return None
            step = _GRID[1] - _GRID[0]
            bounds = _GRID[best] - step, _GRID[best] + step
            log = _GRID[best]
            if reached[best] < self._last:
                found = optimize.minimize_scalar(
                    lambda log: -self._reach(1 + np.exp(log), begin),
                    bounds=bounds, method="bounded", options={"xatol": 0.05},
                )  # fmt: skip
                log = found.x if -found.fun > reached[best] else log
            c = float(1 + np.exp(log))
        end = min(_INSIDE * self._reach(c, begin), self._last)
        return end if end > begin and self._holds(c, begin, end) else None
