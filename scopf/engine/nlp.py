"""A Pyomo model as a nonlinear program in arrays.

    minimise f(x)  subject to  g_lower <= g(x) <= g_upper,  x_lower <= x <= x_upper

All rows, the objective as the last one, are  A x + C a(x) + k  with sparse A and C and the atoms a
of `scopf.engine.expressions`. So J = A + C Da, and the Hessian of the Lagrangian is sum_k (C' w)_k
D2 a_k with w the row multipliers. Patterns, and the maps that scatter atom derivatives into them,
are found once; `refresh` reads parameters, bounds and fixed values again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.gc_off import collector_off
from scopf.engine.grouping import Group, grouped
from scopf.engine.kernels import Kernel, differentiate
from scopf.engine.model_reader import Reading
from scopf.engine.names import Directory
from scopf.engine.scatter import Scatter
from scopf.engine.triplets import Entries, Matrix, Stack
from scopf.errors import ScopfError, listing

_SETTLED = 1e-9  # relative change of a lifted variable's start that ends the search for it
_HOLDS = 1e-8  # relative violation up to which a row without free variables counts as fulfilled


class NLP:
    """The active part of a Pyomo model, compiled.

    The methods' names are those that cyipopt calls. What they return may be overwritten by the next
    call.

    Args:
        source: a Pyomo model, or a formulation (which need not have become one).
        lift: whether nonlinear expressions that stand inside others (branch flows in thermal
            limits) become variables y with rows expression - y = 0, at the end of each. The problem
            is the same; Newton's method sees it less curved.

    Attributes:
        n, m: number of variables and rows.
        x_lower, x_upper: bounds, shape (n,); infinite where there is none.
        g_lower, g_upper: row bounds, shape (m,).
        start: the variables' values; where there is none, the point of the box nearest zero.
        maximize: whether the objective was negated.
        lift: as given.

    Raises:
        ScopfError: naming each component that cannot be compiled.
    """

    @collector_off()
    def __init__(self, source: Formulation | pyo.ConcreteModel, lift: bool = False) -> None:
        self.lift = lift
        reading = self._reading = Reading(source, lift)
        self._directory = Directory(source, reading)
        self.maximize = reading.maximize
        groups = self._groups()
        live = self._build(groups, np.arange(reading.height + 1))
        self._live = live
        if not live.all():
            self._refuse_broken(np.flatnonzero(~live))
            self._build(groups, np.cumsum(live) - 1)

    # -- compilation -------------------------------------------

    def _groups(self) -> list[Group]:
        reading = self._reading
        first = reading.families.count if reading.families is not None else 0
        used = np.zeros(first + len(reading.walker.atoms), dtype=bool)
        for part in reading.couple:
            used[part.targets] = True
        blocks = reading.families.atoms if reading.families is not None else []
        walker = reading.walker
        return grouped(blocks, walker.atoms, walker.parameters, first, used)

    def _build(self, groups: list[Group], row_of: Ints) -> Flags:
        """Compile with the rows numbered as said; which of them depend on a free variable."""
        reading = self._reading
        rows = int(row_of[-1]) + 1
        last = len(row_of) - 1
        kept = np.diff(row_of, prepend=-1) > 0

        def renumbered(parts: list[Entries]) -> list[Entries]:
            return [
                Entries(row_of[part.rows], part.targets, part.numbers)
                for part in (part.take(np.flatnonzero(kept[part.rows])) for part in parts)
            ]

        linear, couple = renumbered(reading.linear), renumbered(reading.couple)
        self._place(linear, groups)
        self._bounds(kept)
        linear = [Entries(p.rows, self._position[p.targets], p.numbers) for p in linear]
        self._linear = Matrix(linear, (rows, len(self._full)))
        constants = renumbered(reading.constants)
        self._constants = Matrix(constants, (rows, 1))
        where = self._kernelize(groups)
        couple = [Entries(p.rows, where[p.targets], p.numbers) for p in couple]
        self._where = where
        self._couple = Matrix(couple, (rows, len(self._atoms)))
        self.n, self.m = self._free, rows - 1
        self._scatter = Scatter(self._linear, self._couple, self._kernels, self._starts, self.n)
        self._values = np.empty(rows)
        self._multipliers = np.empty(rows)
        self._x, self._same = np.full(self.n, np.nan), np.empty(self.n, dtype=bool)
        self._order = -1
        self._recompute()
        depends = np.zeros(last + 1, dtype=bool)
        depends[self._linear.rows[self._linear.cols < self.n]] = True
        depends[self._couple.rows[self._moves[self._couple.cols]]] = True
        depends[last] = True  # the objective
        return depends

    def _place(self, linear: list[Entries], groups: list[Group]) -> None:
        """Positions of the columns in use: free variables, lifted ones, then what is fixed."""
        lower, upper, value, fixed = self._reading.boxes()
        used = np.zeros(len(lower), dtype=bool)
        for part in linear:
            used[part.targets] = True
        for group in groups:
            used[group.columns] = True
        lifted = self._reading.lifted()
        order = np.concatenate(
            [
                np.flatnonzero(used & ~fixed & ~lifted),
                np.flatnonzero(used & lifted),
                np.flatnonzero(used & fixed),
            ]
        )
        self._columns = order
        self._position = np.full(len(lower), -1, dtype=np.int64)
        self._position[order] = np.arange(len(order))
        self._free = int((used & ~fixed).sum())
        self._own = int((used & ~fixed & ~lifted).sum())
        own = np.where(self._position < self._own, self._position, -1)
        self._own_columns = np.append(own, -1)  # the last is the place of what is no column
        self._fixed = fixed
        self._definition_columns = self._position[self._reading.definitions()]
        self._full = np.zeros(len(order))
        self._take_boxes(lower, upper, value)

    def _take_boxes(self, lower: Floats, upper: Floats, value: Floats) -> None:
        free, rest = self._columns[: self._free], self._columns[self._free :]
        self.x_lower, self.x_upper = lower[free], upper[free]
        nearest = np.clip(0.0, self.x_lower, np.maximum(self.x_lower, self.x_upper))
        self.start = np.where(np.isnan(value[free]), nearest, value[free])
        self._full[self._free :] = value[rest]

    def _bounds(self, kept: Flags) -> None:
        reading = self._reading
        self._sides = [Stack(parts, reading.height) for parts in (reading.lower, reading.upper)]
        self._kept = kept[:-1]
        self._row_numbers = np.append(np.where(self._kept, np.cumsum(self._kept) - 1, -1), -1)
        self.g_lower, self.g_upper = (side.values[self._kept] for side in self._sides)

    def _kernelize(self, groups: list[Group]) -> Ints:
        """Make the kernels and their buffers; where each atom stands in their joint output."""
        self._kernels = [
            Kernel(
                differentiate(group.outputs, group.columns.shape[1]),
                self._position[group.columns],
                group.numbers,
                len(group.outputs),
            )
            for group in groups
        ]
        sizes = np.array([kernel.sizes for kernel in self._kernels], dtype=np.int64).reshape(-1, 3)
        starts = np.concatenate([np.zeros((1, 3), dtype=np.int64), np.cumsum(sizes, axis=0)])
        self._starts = starts[:-1]
        self._atoms, self._first, self._second = (np.empty(size) for size in starts[-1])
        self._weights = np.empty(len(self._atoms))
        families = self._reading.families
        count = (families.count if families is not None else 0) + len(self._reading.walker.atoms)
        where = np.full(count, -1, dtype=np.int64)
        self._moves = np.zeros(len(self._atoms), dtype=bool)
        for kernel, group, a, b in zip(self._kernels, groups, starts[:-1], starts[1:], strict=True):
            kernel.bind(
                self._atoms[a[0] : b[0]],
                self._first[a[1] : b[1]],
                self._weights[a[0] : b[0]],
                self._second[a[2] : b[2]],
            )
            row = np.arange(kernel.rows)
            moves = (kernel.columns < self._free).any(axis=1)
            for output in range(kernel.outputs):
                place = a[0] + kernel.place(row, output, kernel.outputs)
                where[group.atoms[:, output]] = place
                self._moves[place] = moves
        return where

    def _refuse_broken(self, dead: Ints) -> None:
        """Rows without a free variable hold, or are refused by name."""
        self._at(self.start, 0)
        value = self._values[dead]
        slack = _HOLDS * np.maximum(1.0, np.abs(value))
        lower, upper = (side.values[dead] for side in self._sides)
        holds = (value >= lower - slack) & (value <= upper + slack) & np.isfinite(value)
        broken = dead[~holds]
        if len(broken):
            names = np.array(self.row_names, dtype=object)[broken]
            raise ScopfError(f"no free variable is left in {listing(names)}, which cannot hold")

    # -- reading again -------------------------------------------

    @collector_off()
    def refresh(self) -> bool:
        """Read parameters, bounds and fixed values again, without a walk.

        Returns:
            False when the model has changed in another way (rows, expressions, what is fixed), so
            that it has to be compiled again.
        """
        if not self._live.all() or not self._reading.current():
            return False
        lower, upper, value, fixed = self._reading.boxes()
        if not np.array_equal(fixed, self._fixed):
            return False
        self._take_boxes(lower, upper, value)
        for side in self._sides:
            side.refresh()
        self.g_lower, self.g_upper = (side.values[self._kept] for side in self._sides)
        changed = [self._linear.refresh(), self._couple.refresh()]
        for kernel in self._kernels:
            kernel.refresh()
        self._constants.refresh()
        if any(changed):
            self._scatter.refresh()
        self._recompute()
        return True

    def _recompute(self) -> None:
        """What rows are worth where all free variables are zero and there are no atoms."""
        self._constant = np.zeros(len(self._values))
        self._constant[self._constants.rows] = self._constants.data
        settled = self._linear.cols >= self._free
        rows, cols = self._linear.rows[settled], self._linear.cols[settled]
        shares = self._linear.data[settled] * self._full[cols]
        self._constant += np.bincount(rows, shares, minlength=len(self._constant))
        self._order = -1

    # -- names -------------------------------------------

    @property
    def variables(self) -> list[Any]:
        """The free Pyomo variables, in order of the columns (lifted ones have none)."""
        return [self._directory.variable(column) for column in self._columns[: self._own].tolist()]

    @property
    def rows(self) -> list[Any]:
        """The active Pyomo constraints, in order of the rows (lifted ones have none)."""
        found = self._directory.row_objects()
        return [row for row, kept in zip(found, self._kept, strict=False) if kept]

    @property
    def row_names(self) -> list[str]:
        """Names of all rows, lifted ones included."""
        names = self._directory.row_names()
        return [name for name, kept in zip(names, self._kept, strict=True) if kept]

    @property
    def added(self) -> tuple[Ints, list[str]]:
        """Rows that a user added or rewrote: number and name of each."""
        found, names = self._directory.added()
        numbers = self._row_numbers[found]
        kept = numbers >= 0
        return numbers[kept], [name for name, k in zip(names, kept, strict=True) if k]

    def columns(self, members: str | Iterable[Any]) -> Ints:
        """Column of each member of a family, or of each variable; -1 if fixed or not used."""
        return self._own_columns[self._directory.columns_of(members)]

    def row_numbers(self, members: str | Iterable[Any]) -> Ints:
        """Row of each member of a family, or of each constraint; -1 if it is not a row."""
        return self._row_numbers[self._directory.rows_of(members)]

    def replaced(self, name: str) -> Flags:
        """Which members of a family are rows with another expression than the family gave them."""
        return self._directory.replaced(name)

    def values_of(self, name: str, x: Floats) -> Floats:
        """Values at x of the members of a named expression of the model."""
        self._at(x, 0)
        return self._directory.values_of(name, self._all_columns(), self._atoms, self._where)

    def take_over(self, x: Floats) -> None:
        """Give the model's variables the values of a point."""
        self._full[: self._free] = x
        self._order = -1
        self._directory.write(self._all_columns(), self._position >= 0)

    @cached_property
    def signature(self) -> str:
        """Equal for problems of one structure: a solution of one can be a start of the other."""
        digest = hashlib.blake2b(f"{self.n} {self.m} {self.lift}".encode(), digest_size=16)
        for places in (*self.jacobianstructure(), *self.hessianstructure()):
            digest.update(places.tobytes())
        return digest.hexdigest()

    def consistent(self, x: Floats) -> Floats:
        """The point with lifted variables equal to what they stand for."""
        found, at = x.copy(), self._definition_columns
        for _ in range(len(at)):  # as deep as definitions may stand in each other
            residual = self.constraints(found)[self.m - len(at) :].copy()
            found[at] += residual
            if not (np.abs(residual) > _SETTLED * np.maximum(1.0, np.abs(found[at]))).any():
                break
        return found

    def _all_columns(self) -> Floats:
        """Values of all columns that were read; NaN for one that is not used."""
        return np.where(self._position >= 0, np.append(self._full, np.nan)[self._position], np.nan)

    # -- evaluation -------------------------------------------

    def _at(self, x: Floats, order: int) -> None:
        """Evaluate at x up to derivatives of this order, unless that is what was evaluated last."""
        if self._order < 0 or not np.equal(x, self._x, out=self._same).all():
            self._x[:] = x
            self._full[: self._free] = x
            for kernel in self._kernels:
                kernel.gather(self._full)
                kernel.run(0)
            self._scatter.values(self._full, self._atoms, self._constant, self._values)
            self._order = 0
        if order > self._order:
            for kernel in self._kernels:
                kernel.run(1)
            self._scatter.slopes(self._first)
            self._order = 1

    def objective(self, x: Floats) -> float:
        """Value of the objective, to be minimised."""
        self._at(x, 0)
        return float(self._values[-1])

    def gradient(self, x: Floats) -> Floats:
        """Gradient of the objective, shape (n,)."""
        self._at(x, 1)
        return self._scatter.gradient

    def constraints(self, x: Floats) -> Floats:
        """Values of the rows, shape (m,)."""
        self._at(x, 0)
        return self._values[:-1]

    def jacobian(self, x: Floats) -> Floats:
        """Nonzeros of the Jacobian of the rows, in the order of `jacobianstructure`."""
        self._at(x, 1)
        return self._scatter.jacobian

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Jacobian."""
        return self._scatter.jacobian_at

    def hessian(self, x: Floats, multipliers: Floats, objective_factor: float) -> Floats:
        """Nonzeros of the lower triangle of the Hessian of factor f + multipliers . g."""
        self._at(x, 1)
        self._multipliers[:-1] = multipliers
        self._multipliers[-1] = objective_factor
        self._scatter.weights(self._multipliers, self._weights)
        for kernel in self._kernels:
            kernel.run(2)
        return self._scatter.curvature(self._second)

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._scatter.hessian_at

    def not_finite(self, x: Floats) -> list[str]:
        """What is not a finite number at x: rows (and the objective), else their derivatives."""
        self._at(x, 0)
        names = [*self.row_names, "the objective"]
        bad = np.flatnonzero(~np.isfinite(self._values))
        if len(bad):
            return [names[k] for k in bad]
        rows = self.jacobianstructure()[0][~np.isfinite(self.jacobian(x))]
        found = [f"the derivative of {names[k]}" for k in np.unique(rows)]
        if not np.isfinite(self.gradient(x)).all():
            found.append("the derivative of the objective")
        if found:
            return found
        curved = ~np.isfinite(self.hessian(x, np.ones(self.m), 1.0))
        columns = np.unique(self.hessianstructure()[1][curved])
        free = [variable.name for variable in self.variables]
        return [f"a second derivative by {free[k]}" for k in columns if k < len(free)]
