"""The elastic form of a compiled problem: its limits can be loosened, at a price.

    minimise    sum_k w_k t_k
    subject to  g_lower <= g(x) + E t <= g_upper,  x_lower <= x + B t <= x_upper,  0 <= t <= t_max

x and g are those of the compiled problem, whatever a user has added to it; its cost is left out.
Columns of E and B say what loosening a limit means (`scopf.diagnosis.limits`). Boxes that can be
loosened are rows here. With t large enough every x that fulfils the equations is feasible, so the
least price tells how far the limits are from having a common point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.diagnosis.limits import Effects
    from scopf.nlp import NLP

_AWAY = 1e-3  # how far inside its loosened limits a start point lies


class Elastic:
    """A problem with slack, as `scopf.ipopt.run` takes it.

    Args:
        nlp: the compiled problem.
        rows, boxes: what the limits do to rows and to boxes.
        loose: which limits can be loosened; the others hold, as do those with t_max zero.
        most: t_max of all limits.

    Attributes:
        n, m, x_lower, x_upper, g_lower, g_upper: as of an NLP.
        weights: prices of the loose limits.
    """

    def __init__(self, nlp: NLP, rows: Effects, boxes: Effects, loose: Flags, most: Floats) -> None:
        self._nlp = nlp
        self.loose = np.flatnonzero(loose & (most > 0))
        place = np.full(len(most), -1, dtype=np.int64)
        place[self.loose] = np.arange(len(self.loose))
        keep = place[rows.limit] >= 0
        self._g_at, self._g_t, self._g_c = rows.place[keep], place[rows.limit[keep]], rows.c[keep]
        keep = place[boxes.limit] >= 0
        self._columns, self._b_at = np.unique(boxes.place[keep], return_inverse=True)
        self._b_t, self._b_c = place[boxes.limit[keep]], boxes.c[keep]
        k, b = len(self.loose), len(self._columns)
        self.n, self.m = nlp.n + k, nlp.m + b
        lower, upper = nlp.x_lower.copy(), nlp.x_upper.copy()
        sides = lower[self._columns], upper[self._columns]
        # Boxes that cannot give way on one side stay boxes on that one.
        for ends, sign, far in ((lower, 1.0, -np.inf), (upper, -1.0, np.inf)):
            given = self._b_c * sign > 0
            ends[self._columns[self._b_at[given]]] = far
        self.x_lower = np.concatenate([lower, np.zeros(k)])
        self.x_upper = np.concatenate([upper, most[self.loose]])
        self.g_lower = np.concatenate([nlp.g_lower, sides[0]])
        self.g_upper = np.concatenate([nlp.g_upper, sides[1]])
        self.most = most[self.loose].copy()
        self.weights = np.ones(k)
        self._structure = self._jacobianstructure()
        self._constants = np.concatenate([np.ones(b), self._g_c, self._b_c])

    @property
    def row_names(self) -> list[str]:
        """Names of all rows."""
        return [*self._nlp.row_names, *(f"box {k}" for k in range(len(self._columns)))]

    def price(self, weights: Floats, most: Floats | None = None) -> None:
        """Give the loose limits these prices, and these largest t if they are not the first."""
        self.weights[:] = weights
        self.x_upper[self._nlp.n :] = self.most if most is None else most

    def start(self, x: Floats) -> Floats:
        """A point of the elastic problem, a little inside the limits, with this x."""
        t = np.full(len(self.loose), _AWAY)
        g = self._nlp.constraints(x)
        value = np.concatenate([g, x[self._columns]])
        at = np.concatenate([self._g_at, self._nlp.m + self._b_at])
        of, c = np.concatenate([self._g_t, self._b_t]), np.concatenate([self._g_c, self._b_c])
        over = np.where(c > 0, self.g_lower[at] - value[at], value[at] - self.g_upper[at])
        finite = np.isfinite(over)
        np.maximum.at(t, of[finite], over[finite] / np.abs(c[finite]) + _AWAY)
        return np.concatenate([x, np.minimum(t, self.x_upper[self._nlp.n :])])

    def split(self, point: Floats) -> tuple[Floats, Floats]:
        """The problem's own variables, and t of the loose limits."""
        return point[: self._nlp.n].copy(), np.maximum(point[self._nlp.n :], 0.0)

    def worth(self, rows: Floats) -> Floats:
        """What an unpaid unit of t of each loose limit would save, from row multipliers."""
        found = np.zeros(len(self.loose))
        np.add.at(found, self._g_t, -rows[self._g_at] * self._g_c)
        np.add.at(found, self._b_t, -rows[self._nlp.m + self._b_at] * self._b_c)
        return found

    # -- callbacks -------------------------------------------

    def objective(self, point: Floats) -> float:
        """Price of all t."""
        return float(self.weights @ point[self._nlp.n :])

    def gradient(self, _point: Floats) -> Floats:
        """Prices."""
        return np.concatenate([np.zeros(self._nlp.n), self.weights])

    def constraints(self, point: Floats) -> Floats:
        """Rows g + E t, then x + B t of boxes."""
        x, t = point[: self._nlp.n], point[self._nlp.n :]
        g = self._nlp.constraints(x)
        g = g + np.bincount(self._g_at, self._g_c * t[self._g_t], minlength=len(g))
        box = x[self._columns]
        slack = np.bincount(self._b_at, self._b_c * t[self._b_t], minlength=len(box))
        return np.concatenate([g, box + slack])

    def jacobian(self, point: Floats) -> Floats:
        """Nonzeros in the order of `jacobianstructure`."""
        return np.concatenate([self._nlp.jacobian(point[: self._nlp.n]), self._constants])

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero."""
        return self._structure

    def _jacobianstructure(self) -> tuple[Ints, Ints]:
        rows, columns = self._nlp.jacobianstructure()
        n, m = self._nlp.n, self._nlp.m
        boxes = np.arange(len(self._columns))
        return (
            np.concatenate([rows, m + boxes, self._g_at, m + self._b_at]),
            np.concatenate([columns, self._columns, n + self._g_t, n + self._b_t]),
        )

    def hessian(self, point: Floats, multipliers: Floats, _factor: float) -> Floats:
        """Nonzeros of the Hessian: of the problem's rows alone."""
        n, m = self._nlp.n, self._nlp.m
        return self._nlp.hessian(point[:n], multipliers[:m], 0.0)

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._nlp.hessianstructure()

    def not_finite(self, point: Floats) -> list[str]:
        """Names of the rows whose value is not a finite number."""
        return self._nlp.not_finite(point[: self._nlp.n])
