"""A Pyomo model as a nonlinear program in arrays.

    minimise f(x)  subject to  g_lower <= g(x) <= g_upper,  x_lower <= x <= x_upper

All rows, the objective as the last one, are  A x + C a(x) + k  with sparse A and C and the atoms a
of `scopf.engine.expressions`. So J = A + C Da, and the Hessian of the Lagrangian is sum_k (C' w)_k
D2 a_k with w the row multipliers. Patterns, and the maps that scatter atom derivatives into them,
are found once; `refresh` reads parameters, bounds and fixed values again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.gc_off import collector_off
from scopf.engine.grouping import Group, grouped
from scopf.engine.kernels import Kernel, differentiate
from scopf.engine.name_map import NameMap
from scopf.engine.parsed_model import ParsedModel
from scopf.engine.pyomo_types import Member
from scopf.engine.scatter import Scatter
from scopf.engine.triplets import Buffer, Matrix, Triplets
from scopf.errors import ScopfError, listing

if TYPE_CHECKING:
    import pyomo.environ as pyo

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")
Array = TypeVar("Array", Ints, Flags)

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
        start: the variables' values; where there is none, the number nearest to zero within bounds.
        maximize: whether the objective was negated.
        lift: as given.
        unmet: numbers of the rows in which no free variable is left and which do not hold. Other
            rows without a free variable are left out.

    Raises:
        ScopfError: naming each component that cannot be compiled.
    """

    @collector_off()
    def __init__(self, source: Formulation | pyo.ConcreteModel, lift: bool = False) -> None:
        self.lift = lift
        parsed = self._parsed = ParsedModel(source, lift)
        self._name_map = NameMap(source, parsed)
        self._once: dict[Hashable, Any] = {}
        self._now: Floats | None = None
        self.maximize = parsed.maximize
        groups = self._groups()
        live = self._build(groups, np.arange(parsed.height + 1))
        self._live, self.unmet = live, np.zeros(0, dtype=np.int64)
        if not live.all():
            broken = self._broken(np.flatnonzero(~live))
            kept = live.copy()
            kept[broken] = True
            number = np.cumsum(kept) - 1
            self._build(groups, number)
            self.unmet = number[broken]

    # -- compilation -------------------------------------------

    def _groups(self) -> list[Group]:
        parsed = self._parsed
        first = parsed.families.count if parsed.families is not None else 0
        used = np.zeros(first + len(parsed.walker.atoms), dtype=bool)
        for part in parsed.nonlinear:
            used[part.targets] = True
        blocks = parsed.families.atoms if parsed.families is not None else []
        walker = parsed.walker
        return grouped(blocks, walker.atoms, walker.parameters, first, used)

    def _build(self, groups: list[Group], row_of: Ints) -> Flags:
        """Compile with these row numbers; mask of the rows that depend on a free variable."""
        parsed = self._parsed
        rows = int(row_of[-1]) + 1
        last = len(row_of) - 1
        kept = np.diff(row_of, prepend=-1) > 0

        def renumbered(parts: list[Triplets]) -> list[Triplets]:
            return [
                Triplets(row_of[part.rows], part.targets, part.numbers)
                for part in (part.take(np.flatnonzero(kept[part.rows])) for part in parts)
            ]

        linear, nonlinear = renumbered(parsed.linear), renumbered(parsed.nonlinear)
        self._place(linear, groups)
        self._bounds(kept)
        linear = [Triplets(p.rows, self._position[p.targets], p.numbers) for p in linear]
        self._linear = Matrix(linear, (rows, len(self._full)))
        constants = renumbered(parsed.constants)
        self._constants = Matrix(constants, (rows, 1))
        where = self._kernelize(groups)
        nonlinear = [Triplets(p.rows, where[p.targets], p.numbers) for p in nonlinear]
        self._where = where
        self._nonlinear = Matrix(nonlinear, (rows, len(self._atoms)))
        self.n, self.m = self._free, rows - 1
        self._scatter = Scatter(self._linear, self._nonlinear, self._kernels, self._starts, self.n)
        self._values = np.empty(rows)
        self._multipliers = np.empty(rows)
        self._x, self._same = np.full(self.n, np.nan), np.empty(self.n, dtype=bool)
        self._order = -1
        self._recompute()
        depends = np.zeros(last + 1, dtype=bool)
        depends[self._linear.rows[self._linear.cols < self.n]] = True
        depends[self._nonlinear.rows[self._moves[self._nonlinear.cols]]] = True
        depends[last] = True  # the objective
        return depends

    def _place(self, linear: list[Triplets], groups: list[Group]) -> None:
        """Positions of the columns in use: free variables, lifted ones, then what is fixed."""
        lower, upper, value, fixed = self._parsed.columns()
        used = np.zeros(len(lower), dtype=bool)
        for part in linear:
            used[part.targets] = True
        for group in groups:
            used[group.columns] = True
        lifted = self._parsed.lifted()
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
        self._definition_columns = self._position[self._parsed.definitions()]
        self._full = np.zeros(len(order))
        self._load_bounds(lower, upper, value)

    def _load_bounds(self, lower: Floats, upper: Floats, value: Floats) -> None:
        free, rest = self._columns[: self._free], self._columns[self._free :]
        self.x_lower, self.x_upper = lower[free], upper[free]
        nearest = np.clip(0.0, self.x_lower, np.maximum(self.x_lower, self.x_upper))
        self.start = np.where(np.isnan(value[free]), nearest, value[free])
        self._full[self._free :], self._now = value[rest], None
        self._of_fixed = value[rest], lower[rest], upper[rest]

    def _bounds(self, kept: Flags) -> None:
        parsed = self._parsed
        self._row_bounds = [Buffer(parts, parsed.height) for parts in (parsed.lower, parsed.upper)]
        self._kept = kept[:-1]
        self._row_numbers = np.append(np.where(self._kept, np.cumsum(self._kept) - 1, -1), -1)
        self.g_lower, self.g_upper = (bound.values[self._kept] for bound in self._row_bounds)

    def _kernelize(self, groups: list[Group]) -> Ints:
        """Make the kernels and their buffers; position of each atom in their joint output."""
        self._kernels = [
            Kernel(
                differentiate(group.outputs, group.columns.shape[1], len(group.numbers)),
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
        families = self._parsed.families
        count = (families.count if families is not None else 0) + len(self._parsed.walker.atoms)
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

    def _broken(self, dead: Ints) -> Ints:
        """Those of the rows without a free variable that do not hold.

        Raises:
            ScopfError: for rows whose value is not a finite number.
        """
        self._at(self.start, 0)
        value = self._values[dead]
        slack = _HOLDS * np.maximum(1.0, np.abs(value))
        lower, upper = (bound.values[dead] for bound in self._row_bounds)
        lost = dead[~np.isfinite(value)]
        if len(lost):
            names = listing(np.array(self.row_names, dtype=object)[lost])
            raise ScopfError(f"no free variable is left in {names}, which is not a finite number")
        return dead[~((value >= lower - slack) & (value <= upper + slack))]

    # -- reading again -------------------------------------------

    @collector_off()
    def refresh(self) -> bool:
        """Read parameters, bounds and fixed values again, without a walk.

        Returns:
            False when the model has changed in another way (rows, expressions, what is fixed), so
            that it has to be compiled again.
        """
        if not self._live.all() or not self._parsed.current():
            return False
        lower, upper, value, fixed = self._parsed.columns()
        if not np.array_equal(fixed, self._fixed):
            return False
        self._load_bounds(lower, upper, value)
        for bound in self._row_bounds:
            bound.refresh()
        self.g_lower, self.g_upper = (bound.values[self._kept] for bound in self._row_bounds)
        changed = [self._linear.refresh(), self._nonlinear.refresh()]
        for kernel in self._kernels:
            kernel.refresh()
        self._constants.refresh()
        if any(changed):
            self._scatter.refresh()
        self._recompute()
        return True

    def fingerprint(self, x: Floats) -> str:
        """A text that another problem, or this one with other numbers, does not have.

        It is made of bounds and of values near a point x, shape (n,), as rows and the objective
        have them.
        """
        near = 1.001 * x + 0.001
        digest = hashlib.sha256(self.signature.encode())
        for bound in (self.x_lower, self.x_upper, self.g_lower, self.g_upper):
            digest.update(bound.tobytes())
        with np.errstate(all="ignore"):
            digest.update(np.float64(self.objective(near)).tobytes())
            digest.update(self.constraints(near).tobytes())
        return digest.hexdigest()

    def _recompute(self) -> None:
        """Constant part of the rows: their values where all free variables and atoms are zero."""
        self._constant = np.zeros(len(self._values))
        self._constant[self._constants.rows] = self._constants.data
        settled = self._linear.cols >= self._free
        rows, cols = self._linear.rows[settled], self._linear.cols[settled]
        shares = self._linear.data[settled] * self._full[cols]
        self._constant += np.bincount(rows, shares, minlength=len(self._constant))
        self._order = -1

    # -- names -------------------------------------------

    @property
    def variables(self) -> list[Member]:
        """The free Pyomo variables, in order of the columns (lifted ones have none)."""
        return [self._name_map.variable(column) for column in self._columns[: self._own].tolist()]

    @property
    def rows(self) -> list[Member]:
        """The active Pyomo constraints, in order of the rows (lifted ones have none)."""
        found = self._name_map.row_objects()
        return [row for row, kept in zip(found, self._kept, strict=False) if kept]

    @property
    def row_names(self) -> list[str]:
        """Names of all rows, lifted ones included."""
        names = self._name_map.row_names()
        return [name for name, kept in zip(names, self._kept, strict=True) if kept]

    @property
    def added(self) -> tuple[Ints, list[str]]:
        """Rows that a user added or rewrote: number and name of each."""
        found, names = self._name_map.added()
        numbers = self._row_numbers[found]
        kept = numbers >= 0
        return numbers[kept], [name for name, k in zip(names, kept, strict=True) if k]

    def columns(self, members: str | Iterable[Member]) -> Ints:
        """Column of each member of a family, or of each variable; -1 if fixed or not used."""
        if not isinstance(members, str):
            return self._own_columns[self._name_map.columns_of(members)]
        return self.once(("columns", members), self._columns_of)

    def _columns_of(self, key: tuple[str, str]) -> Ints:
        return _locked(self._own_columns[self._name_map.columns_of(key[1])])

    def row_numbers(self, members: str | Iterable[Member]) -> Ints:
        """Row of each member of a family, or of each constraint; -1 if it is not a row."""
        if not isinstance(members, str):
            return self._row_numbers[self._name_map.rows_of(members)]
        return self.once(("rows", members), self._rows_of)

    def _rows_of(self, key: tuple[str, str]) -> Ints:
        return _locked(self._row_numbers[self._name_map.rows_of(key[1])])

    def once(self, key: Key, find: Callable[[Key], Found]) -> Found:
        """A value that depends on the structure of the problem alone, and not on its numbers.

        It is found once, or each time where there is a Pyomo model, which a user may change.

        Args:
            key: names it.
            find: finds it by its key.
        """
        if not self._name_map.is_settled:
            return find(key)
        if key not in self._once:
            self._once[key] = find(key)
        found: Found = self._once[key]
        return found

    @property
    def lifted(self) -> tuple[Ints, Ints]:
        """Row and column of every lifted variable: expression - variable = 0."""
        columns = self._definition_columns
        return np.arange(self.m - len(columns), self.m), columns

    def settled(self, name: str) -> Flags:
        """Mask of the members of a family that hold, and in which no free variable is left."""
        return self.once(("settled", name), self._settled_of)

    def _settled_of(self, key: tuple[str, str]) -> Flags:
        rows = self._name_map.rows_of(key[1])
        return _locked((rows >= 0) & (self._row_numbers[rows] < 0))

    def fixed_beside(self, families: Iterable[str]) -> tuple[list[Member], Floats, Floats, Floats]:
        """Fixed variables in no one of these families: members, values, lower, upper bounds."""
        rest, members = self.once(("beside", *families), self._beside)
        return members, *(numbers[rest] for numbers in self._of_fixed)

    def _beside(self, key: tuple[str, ...]) -> tuple[Ints, list[Member]]:
        fixed = self._columns[self._free :]
        known = [self._name_map.columns_of(name) for name in key[1:]]
        rest = np.flatnonzero(~np.isin(fixed, np.concatenate(known)))
        return rest, [self._name_map.variable(column) for column in fixed[rest].tolist()]

    def replaced(self, name: str) -> Flags:
        """Mask of the members of a family that are rows with an expression of the user's."""
        return self.once(("replaced", name), lambda key: _locked(self._name_map.replaced(key[1])))

    def values_of(self, name: str, x: Floats) -> Floats:
        """Values at x of the members of a named expression of the model."""
        self._at(x, 0)
        return self._name_map.values_of(name, self._all_columns(), self._atoms, self._where)

    def load_point(self, x: Floats) -> None:
        """Give the model's variables the values of a point."""
        self._full[: self._free] = x
        self._order, self._now = -1, None
        self._name_map.write(self._all_columns(), self._position >= 0)

    @cached_property
    def signature(self) -> str:
        """Equal for problems of one structure: a solution of one can be a start of the other."""
        digest = hashlib.blake2b(f"{self.n} {self.m} {self.lift}".encode(), digest_size=16)
        for places in (*self.jacobianstructure(), *self.hessianstructure()):
            digest.update(places.tobytes())
        return digest.hexdigest()

    def consistent(self, x: Floats) -> Floats:
        """The point with lifted variables equal to their expressions."""
        found, at = x.copy(), self._definition_columns
        for _ in range(len(at)):  # as deep as definitions may stand in each other
            with np.errstate(all="ignore"):  # rows may divide by one that has no value yet
                residual = self.constraints(found)[self.m - len(at) :].copy()
            found[at] += residual
            if not (np.abs(residual) > _SETTLED * np.maximum(1.0, np.abs(found[at]))).any():
                break
        return found

    def _all_columns(self) -> Floats:
        """Values of all columns that were read; NaN for one that is not used."""
        if self._now is None:
            full = np.append(self._full, np.nan)
            self._now = np.where(self._position >= 0, full[self._position], np.nan)
        return self._now

    # -- evaluation -------------------------------------------

    def _at(self, x: Floats, order: int) -> None:
        """Evaluate at x up to derivatives of this order, unless that was evaluated last."""
        if self._order < 0 or not np.equal(x, self._x, out=self._same).all():
            self._x[:] = x
            self._full[: self._free], self._now = x, None
            for kernel in self._kernels:
                kernel.gather(self._full)
                kernel.run(0)
            self._scatter.values(self._full, self._atoms, self._constant, self._values)
            self._order = 0
        if order > self._order:
            for kernel in self._kernels:
                kernel.run(1)
            self._scatter.fill_jacobian(self._first)
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
        return self._scatter.hessian(self._second)

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._scatter.hessian_at

    def not_finite(self, x: Floats) -> list[str]:
        """Names of what is no finite number at x: rows, the objective, else their derivatives."""
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


def _locked(found: Array) -> Array:
    """The same array, for many who ask; none of them may write to it."""
    found.flags.writeable = False
    return found
