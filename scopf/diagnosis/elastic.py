"""The elastic form of a compiled problem: its limits can be relaxed, at a price.

    minimise    sum_k w_k t_k
    subject to  g_lower <= g(x) + E t <= g_upper,  x_lower <= x + B t <= x_upper,  0 <= t <= t_max

x and g are those of the compiled problem, with everything that a user has added; its cost is left
out. Columns of E and B are the scalings of the relaxations (`scopf.diagnosis.catalog`). Bounds that
can be relaxed are rows here, the lower and the upper one apart; so are the two limits of a range,
because relaxing one of them must not tighten the other. With t large enough every x that fulfils
the equations is feasible, so the least price is a distance of the limits from a common point.
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

_AWAY = 1e-3  # slack of the relaxed limits at a start point


@dataclass(frozen=True, eq=False)
class ElasticPoint:
    """The end of a re-solve, in a form that does not depend on the limits that could be relaxed.

    The next re-solve, of other limits, starts from there.

    Attributes:
        x: the problem's own variables, shape (n,).
        t: of all limits.
        rows: multipliers of the problem's rows, both limits of ranges together, shape (m,).
        lower, upper: multipliers of its bounds, shape (n,), those that were rows included.
    """

    x: Floats
    t: Floats
    rows: Floats
    lower: Floats
    upper: Floats


class Elastic:
    """A problem with relaxable limits, as `scopf.optimizer.ipopt.run` takes it.

    Args:
        nlp: the compiled problem.
        rows, bounds: effects of relaxing the limits on rows and on bounds.
        relaxable: the limits that can be relaxed; the others hold, as do those with t_max zero.
        most: t_max of all limits.

    Attributes:
        n, m, x_lower, x_upper, g_lower, g_upper: as of an NLP.
        relaxable: numbers of the limits that can be relaxed.
        weights: their prices.
    """

    def __init__(
        self, nlp: NLP, rows: Effects, bounds: Effects, relaxable: Flags, most: Floats
    ) -> None:
        self._nlp, self._limits = nlp, len(most)
        self.relaxable = np.flatnonzero(relaxable & (most > 0))
        place = np.full(len(most), -1, dtype=np.int64)
        place[self.relaxable] = np.arange(len(self.relaxable))
        keep = place[rows.limit] >= 0
        at, t, c = rows.place[keep], place[rows.limit[keep]], rows.c[keep]
        span = np.isfinite(nlp.g_lower) & np.isfinite(nlp.g_upper) & (nlp.g_lower < nlp.g_upper)
        self._ranges = np.unique(at[span[at]])
        self.g_lower, self.g_upper = self._row_limits()
        second = np.full(nlp.m, -1, dtype=np.int64)
        second[self._ranges] = nlp.m + np.arange(len(self._ranges))
        lower = (c > 0) & span[at]  # the lower limit of a range is a row of its own
        at = np.where(lower, second[at], at)

        keep = place[bounds.limit] >= 0
        coded = 2 * bounds.place[keep] + (bounds.c[keep] < 0)  # upper ones are odd
        coded, of = np.unique(coded, return_inverse=True)
        self._columns, upper = coded // 2, coded % 2 == 1
        self._upper = upper
        x_lower, x_upper = self._add_bounds(upper)
        self._at = np.concatenate([at, nlp.m + len(self._ranges) + of])
        self._t = np.concatenate([t, place[bounds.limit[keep]]])
        self._c = np.concatenate([c, bounds.c[keep]])

        k = len(self.relaxable)
        self.n, self.m = nlp.n + k, len(self.g_lower)
        self.x_lower = np.concatenate([x_lower, np.zeros(k)])
        self.x_upper = np.concatenate([x_upper, most[self.relaxable]])
        self.most = most[self.relaxable].copy()
        self.weights = np.ones(k)
        rows_of, columns_of = nlp.jacobianstructure()
        self._twice = np.flatnonzero(np.isin(rows_of, self._ranges))
        first = nlp.m + len(self._ranges)
        bound = np.arange(len(self._columns))
        self._structure = (
            np.concatenate([rows_of, second[rows_of[self._twice]], first + bound, self._at]),
            np.concatenate([columns_of, columns_of[self._twice], self._columns, nlp.n + self._t]),
        )
        self._constants = np.concatenate([np.ones(len(bound)), self._c])

    def _row_limits(self) -> tuple[Floats, Floats]:
        """Lower and upper limits of all rows; the lower limits of ranges are further rows."""
        nlp, ranges = self._nlp, self._ranges
        lower, upper = nlp.g_lower.copy(), nlp.g_upper
        lower[ranges] = -np.inf
        unbounded = np.full(len(ranges), np.inf)
        return (
            np.concatenate([lower, nlp.g_lower[ranges]]),
            np.concatenate([upper, unbounded]),
        )

    def _add_bounds(self, upper: Flags) -> tuple[Floats, Floats]:
        """Add a row for each bound that can be relaxed; returns the bounds that remain."""
        columns, nlp = self._columns, self._nlp
        low = np.where(upper, -np.inf, nlp.x_lower[columns])
        high = np.where(upper, nlp.x_upper[columns], np.inf)
        self.g_lower = np.concatenate([self.g_lower, low])
        self.g_upper = np.concatenate([self.g_upper, high])
        x_lower, x_upper = nlp.x_lower.copy(), nlp.x_upper.copy()
        x_lower[columns[~upper]] = -np.inf
        x_upper[columns[upper]] = np.inf
        return x_lower, x_upper

    @property
    def row_names(self) -> list[str]:
        """Names of all rows."""
        names = self._nlp.row_names
        ranges = [names[k] for k in self._ranges]
        return [*names, *ranges, *(f"bound {k}" for k in range(len(self._columns)))]

    def price(self, weights: Floats, most: Floats | None = None) -> None:
        """Set the prices of the relaxable limits, and their largest t (None: as at first)."""
        self.weights[:] = weights
        self.x_upper[self._nlp.n :] = self.most if most is None else most

    def start(self, x: Floats) -> Floats:
        """A point of the elastic problem, a little inside the limits, with this x."""
        t = np.full(len(self.relaxable), _AWAY)
        at, c, value = self._at, self._c, self._values(x)
        over = np.where(c > 0, self.g_lower[at] - value[at], value[at] - self.g_upper[at])
        finite = np.isfinite(over)
        np.maximum.at(t, self._t[finite], (over / np.abs(c))[finite] + _AWAY)
        return np.concatenate([x, np.minimum(t, self.x_upper[self._nlp.n :])])

    def _values(self, x: Floats) -> Floats:
        """Values of all rows, nothing relaxed."""
        g = self._nlp.constraints(x)
        return np.concatenate([g, g[self._ranges], x[self._columns]])

    def end(self, outcome: Outcome) -> ElasticPoint:
        """The end of a run, in a form that does not depend on the relaxable limits."""
        n, m, ranges = self._nlp.n, self._nlp.m, len(self._ranges)
        t = np.zeros(self._limits)
        t[self.relaxable] = np.maximum(outcome.x[n:], 0.0)
        rows, bounds = outcome.rows[:m].copy(), outcome.rows[m + ranges :]
        rows[self._ranges] += outcome.rows[m : m + ranges]
        lower, upper = outcome.lower[:n].copy(), outcome.upper[:n].copy()
        lower[self._columns[~self._upper]] -= bounds[~self._upper]
        upper[self._columns[self._upper]] += bounds[self._upper]
        return ElasticPoint(outcome.x[:n].copy(), t, rows, lower, upper)

    def resume(self, point: ElasticPoint) -> tuple[Floats, dict[str, Floats]]:
        """Start point and multipliers, named as in `scopf.optimizer.ipopt.run`, of a run's end."""
        n = self._nlp.n
        t = np.minimum(point.t[self.relaxable], self.x_upper[n:])
        at_range = point.rows[self._ranges]
        own = point.rows.copy()
        own[self._ranges] = np.maximum(at_range, 0.0)
        columns, high = self._columns, self._upper
        bounds = np.where(high, point.upper[columns], -point.lower[columns])
        lower, upper = point.lower.copy(), point.upper.copy()
        lower[columns[~high]] = upper[columns[high]] = 0.0
        rows = np.concatenate([own, np.minimum(at_range, 0.0), bounds])
        rest = self.weights - self.dual_values(rows)
        multipliers = {
            "lagrange": rows,
            "zl": np.concatenate([lower, np.maximum(rest, 0.0)]),
            "zu": np.concatenate([upper, np.maximum(-rest, 0.0)]),
        }
        return np.concatenate([point.x, t]), multipliers

    def dual_values(self, rows: Floats) -> Floats:
        """Decrease of the price per unit of t of each relaxable limit, from row multipliers."""
        values = np.zeros(len(self.relaxable))
        np.add.at(values, self._t, -rows[self._at] * self._c)
        return values

    # -- callbacks -------------------------------------------

    def objective(self, point: Floats) -> float:
        """Price of all t."""
        return float(self.weights @ point[self._nlp.n :])

    def gradient(self, _point: Floats) -> Floats:
        """Prices."""
        return np.concatenate([np.zeros(self._nlp.n), self.weights])

    def constraints(self, point: Floats) -> Floats:
        """Rows g + E t, then x + B t of bounds."""
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
