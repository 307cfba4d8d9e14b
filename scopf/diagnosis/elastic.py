"""The elastic form of a compiled problem: its limits can be loosened, at a price.

    minimise    sum_k w_k t_k
    subject to  g_lower <= g(x) + E t <= g_upper,  x_lower <= x + B t <= x_upper,  0 <= t <= t_max

x and g are those of the compiled problem, whatever a user has added to it; its cost is left out.
Columns of E and B say what loosening a limit means (`scopf.diagnosis.catalog`). Boxes that can be
loosened are rows here, one for each side; so are the two sides of a range, since more room on the
one is not less on the other. With t large enough every x that fulfils the equations is feasible, so
the least price tells how far the limits are from having a common point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.diagnosis.limits import Effects
    from scopf.engine.nlp import NLP
    from scopf.optimizer.status import Outcome

_AWAY = 1e-3  # how far inside its loosened limits a start point lies


@dataclass(frozen=True, eq=False)
class Where:
    """Where a re-solve ended, whichever limits were loose in it: the next one starts from there.

    Attributes:
        x: the problem's own variables, shape (n,).
        t: of all limits.
        rows: multipliers of the problem's rows, both sides of ranges together, shape (m,).
        lower, upper: those of its boxes, shape (n,), wherever they stand as rows.
    """

    x: Floats
    t: Floats
    rows: Floats
    lower: Floats
    upper: Floats


class Elastic:
    """A problem with slack, as `scopf.optimizer.ipopt.run` takes it.

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
        self._nlp, self._limits = nlp, len(most)
        self.loose = np.flatnonzero(loose & (most > 0))
        place = np.full(len(most), -1, dtype=np.int64)
        place[self.loose] = np.arange(len(self.loose))
        keep = place[rows.limit] >= 0
        at, t, c = rows.place[keep], place[rows.limit[keep]], rows.c[keep]
        span = np.isfinite(nlp.g_lower) & np.isfinite(nlp.g_upper) & (nlp.g_lower < nlp.g_upper)
        self._ranges = np.unique(at[span[at]])
        self.g_lower, self.g_upper = self._row_sides()
        second = np.full(nlp.m, -1, dtype=np.int64)
        second[self._ranges] = nlp.m + np.arange(len(self._ranges))
        lower = (c > 0) & span[at]  # the lower side of a range is a row of its own
        at = np.where(lower, second[at], at)

        keep = place[boxes.limit] >= 0
        sides = 2 * boxes.place[keep] + (boxes.c[keep] < 0)
        sides, of = np.unique(sides, return_inverse=True)
        self._columns, upper = sides // 2, sides % 2 == 1
        self._upper = upper
        box_lower, box_upper = self._add_boxes(upper)
        self._at = np.concatenate([at, nlp.m + len(self._ranges) + of])
        self._t = np.concatenate([t, place[boxes.limit[keep]]])
        self._c = np.concatenate([c, boxes.c[keep]])

        k = len(self.loose)
        self.n, self.m = nlp.n + k, len(self.g_lower)
        self.x_lower = np.concatenate([box_lower, np.zeros(k)])
        self.x_upper = np.concatenate([box_upper, most[self.loose]])
        self.most = most[self.loose].copy()
        self.weights = np.ones(k)
        rows_of, columns_of = nlp.jacobianstructure()
        self._twice = np.flatnonzero(np.isin(rows_of, self._ranges))
        first = nlp.m + len(self._ranges)
        box = np.arange(len(self._columns))
        self._structure = (
            np.concatenate([rows_of, second[rows_of[self._twice]], first + box, self._at]),
            np.concatenate([columns_of, columns_of[self._twice], self._columns, nlp.n + self._t]),
        )
        self._constants = np.concatenate([np.ones(len(box)), self._c])

    def _row_sides(self) -> tuple[Floats, Floats]:
        """Sides of all rows: the upper ones of ranges first, the lower ones as further rows."""
        nlp, ranges = self._nlp, self._ranges
        lower, upper = nlp.g_lower.copy(), nlp.g_upper
        lower[ranges] = -np.inf
        open_side = np.full(len(ranges), np.inf)
        return (
            np.concatenate([lower, nlp.g_lower[ranges]]),
            np.concatenate([upper, open_side]),
        )

    def _add_boxes(self, upper: Flags) -> tuple[Floats, Floats]:
        """Add rows for the sides of boxes that can give way; what is left of the boxes."""
        columns, nlp = self._columns, self._nlp
        low = np.where(upper, -np.inf, nlp.x_lower[columns])
        high = np.where(upper, nlp.x_upper[columns], np.inf)
        self.g_lower = np.concatenate([self.g_lower, low])
        self.g_upper = np.concatenate([self.g_upper, high])
        box_lower, box_upper = nlp.x_lower.copy(), nlp.x_upper.copy()
        box_lower[columns[~upper]] = -np.inf
        box_upper[columns[upper]] = np.inf
        return box_lower, box_upper

    @property
    def row_names(self) -> list[str]:
        """Names of all rows."""
        names = self._nlp.row_names
        ranges = [names[k] for k in self._ranges]
        return [*names, *ranges, *(f"box {k}" for k in range(len(self._columns)))]

    def price(self, weights: Floats, most: Floats | None = None) -> None:
        """Give the loose limits these prices, and these largest t if they are not the first."""
        self.weights[:] = weights
        self.x_upper[self._nlp.n :] = self.most if most is None else most

    def start(self, x: Floats) -> Floats:
        """A point of the elastic problem, a little inside the limits, with this x."""
        t = np.full(len(self.loose), _AWAY)
        at, c, value = self._at, self._c, self._values(x)
        over = np.where(c > 0, self.g_lower[at] - value[at], value[at] - self.g_upper[at])
        finite = np.isfinite(over)
        np.maximum.at(t, self._t[finite], (over / np.abs(c))[finite] + _AWAY)
        return np.concatenate([x, np.minimum(t, self.x_upper[self._nlp.n :])])

    def _values(self, x: Floats) -> Floats:
        """Left sides of all rows, nothing loosened."""
        g = self._nlp.constraints(x)
        return np.concatenate([g, g[self._ranges], x[self._columns]])

    def where(self, found: Outcome) -> Where:
        """Where a run ended, in terms that do not depend on which limits are loose."""
        n, m, ranges = self._nlp.n, self._nlp.m, len(self._ranges)
        t = np.zeros(self._limits)
        t[self.loose] = np.maximum(found.x[n:], 0.0)
        rows, boxes = found.rows[:m].copy(), found.rows[m + ranges :]
        rows[self._ranges] += found.rows[m : m + ranges]
        lower, upper = found.lower[:n].copy(), found.upper[:n].copy()
        lower[self._columns[~self._upper]] -= boxes[~self._upper]
        upper[self._columns[self._upper]] += boxes[self._upper]
        return Where(found.x[:n].copy(), t, rows, lower, upper)

    def resume(self, where: Where) -> tuple[Floats, dict[str, Floats]]:
        """Start point and multipliers, named as in `scopf.optimizer.ipopt.run`, at a run's end."""
        n = self._nlp.n
        t = np.minimum(where.t[self.loose], self.x_upper[n:])
        at_range = where.rows[self._ranges]
        own = where.rows.copy()
        own[self._ranges] = np.maximum(at_range, 0.0)
        columns, high = self._columns, self._upper
        boxes = np.where(high, where.upper[columns], -where.lower[columns])
        lower, upper = where.lower.copy(), where.upper.copy()
        lower[columns[~high]] = upper[columns[high]] = 0.0
        rows = np.concatenate([own, np.minimum(at_range, 0.0), boxes])
        rest = self.weights - self.worth(rows)
        multipliers = {
            "lagrange": rows,
            "zl": np.concatenate([lower, np.maximum(rest, 0.0)]),
            "zu": np.concatenate([upper, np.maximum(-rest, 0.0)]),
        }
        return np.concatenate([where.x, t]), multipliers

    def worth(self, rows: Floats) -> Floats:
        """What an unpaid unit of t of each loose limit would save, from row multipliers."""
        found = np.zeros(len(self.loose))
        np.add.at(found, self._t, -rows[self._at] * self._c)
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
        return self._values(x) + np.bincount(self._at, self._c * t[self._t], minlength=self.m)

    def jacobian(self, point: Floats) -> Floats:
        """Nonzeros in the order of `jacobianstructure`."""
        own = self._nlp.jacobian(point[: self._nlp.n])
        return np.concatenate([own, own[self._twice], self._constants])

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero."""
        return self._structure

    def hessian(self, point: Floats, multipliers: Floats, _factor: float) -> Floats:
        """Nonzeros of the Hessian: of the problem's rows alone."""
        n, m = self._nlp.n, self._nlp.m
        own = multipliers[:m].copy()
        own[self._ranges] += multipliers[m : m + len(self._ranges)]
        return self._nlp.hessian(point[:n], own, 0.0)

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._nlp.hessianstructure()

    def not_finite(self, point: Floats) -> list[str]:
        """Names of the rows whose value is not a finite number."""
        return self._nlp.not_finite(point[: self._nlp.n])
