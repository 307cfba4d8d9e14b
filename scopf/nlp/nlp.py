"""A Pyomo model as a nonlinear program in arrays.

    minimise f(x)  subject to  g_lower <= g(x) <= g_upper,  x_lower <= x <= x_upper

All rows, the objective as the last one, are  A x + C a(x) + k  with sparse A and C and the atoms a
of `scopf.nlp.walk`. So J = A + C Da, and the Hessian of the Lagrangian is sum_k (C' w)_k D2 a_k
with w the row multipliers. Patterns, and the maps that scatter atom derivatives into them, are
found once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from scopf.arrays import Floats, Ints
from scopf.faults import ScopfError, listing
from scopf.memory import collector_off
from scopf.nlp.kernels import Kernel, Output, differentiate
from scopf.nlp.walk import Atom, Form, UnsupportedError, Walker

_CARRIES_NO_ROWS = (pyo.Var, pyo.Param, pyo.Set, pyo.RangeSet, pyo.Expression, pyo.Suffix)
_UNDERSTOOD = {
    *_CARRIES_NO_ROWS, pyo.Block, pyo.Constraint, pyo.Objective, pyo.BuildAction, pyo.BuildCheck,
    pyo.SetOf,
}  # fmt: skip
_HOLDS = 1e-8  # relative violation up to which a row without free variables counts as fulfilled


class NLP:
    """The active part of a Pyomo model, compiled.

    Mutable parameters, bounds and fixed values are read at compilation. The methods' names are
    those that cyipopt calls. What they return may be overwritten by the next call.

    Attributes:
        variables: the free Pyomo variables, in order of the columns.
        rows: the active Pyomo constraints, in order of the rows.
        x_lower, x_upper: bounds, shape (n,); infinite where there is none.
        g_lower, g_upper: row bounds, shape (m,).
        start: Pyomo's variable values; where there is none, the point of the box nearest zero.
        maximize: whether the objective was negated.

    Raises:
        ScopfError: naming each component that cannot be compiled.
    """

    @collector_off()
    def __init__(self, model: pyo.ConcreteModel) -> None:
        _refuse_unknown(model)
        walker = Walker()
        objective, self.maximize = _objective(model, walker)
        self.rows, forms, bounds = _rows(model, walker)
        forms.append(objective)
        free = _free(walker)
        self.variables = [v for v, is_free in zip(walker.variables, free, strict=True) if is_free]
        self._named = walker.named
        self._place(walker, free)
        self._assemble(forms, bounds, walker.atoms)
        self._drop_constant_rows(walker.atoms)
        self._compile(walker.atoms)
        self._column_of = {id(v): k for k, v in enumerate(self.variables)}
        self._row_of = {id(row): k for k, row in enumerate(self.rows)}

    @property
    def n(self) -> int:
        """Number of variables."""
        return len(self.variables)

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def columns(self, members: Iterable[Any]) -> Ints:
        """Column of each variable, -1 for one that is fixed or not used."""
        return _numbers(self._column_of, members)

    def row_numbers(self, members: Iterable[Any]) -> Ints:
        """Row of each constraint, -1 for one that is not part of the problem."""
        return _numbers(self._row_of, members)

    def values_of(self, component: Any, x: Floats) -> Floats:
        """Values at x of the members of a named expression."""
        self._at(x, 0)
        found = []
        for member in component.values():
            form = self._named.get(id(member))
            if form is None:  # in no active row: as Pyomo has it
                found.append(float(pyo.value(member)))
                continue
            value = form.constant
            for column, coefficient in form.linear.items():
                value += coefficient * self._full[self._position[column]]
            for atom, coefficient in form.atoms.items():
                value += coefficient * self._atoms[self._where[atom]]
            found.append(value)
        return np.array(found, dtype=np.float64)

    # -- compilation -------------------------------------------

    def _place(self, walker: Walker, free: list[bool]) -> None:
        """Positions of columns in the full vector: the free ones first, then the fixed ones."""
        order = np.argsort(~np.array(free, dtype=bool), kind="stable")
        self._position = np.empty(len(free), dtype=np.int64)
        self._position[order] = np.arange(len(free))
        fixed = [v for v, is_free in zip(walker.variables, free, strict=True) if not is_free]
        self._full = np.array([0.0] * self.n + [pyo.value(v) for v in fixed])
        boxes = [v.bounds for v in self.variables]
        self.x_lower = np.array([-np.inf if lb is None else lb for lb, _ in boxes], dtype=float)
        self.x_upper = np.array([np.inf if ub is None else ub for _, ub in boxes], dtype=float)
        nearest = np.clip(0.0, self.x_lower, np.maximum(self.x_lower, self.x_upper))
        given = [v.value for v in self.variables]
        self.start = np.array(
            [near if v is None else v for v, near in zip(given, nearest.tolist(), strict=True)]
        )

    def _assemble(
        self, forms: list[Form], bounds: list[tuple[float, float]], atoms: list[Atom]
    ) -> None:
        """A, C and constants of all rows; fixed variables go into the constants."""
        linear = _matrix([f.linear for f in forms], len(self._full))
        constant = np.array([form.constant for form in forms])
        order = np.argsort(self._position)
        linear = linear[:, order]
        self._constant = constant + linear[:, self.n :] @ self._full[self.n :]
        self._linear = linear[:, : self.n].tocsr()
        self._couple = _matrix([f.atoms for f in forms], len(atoms))
        limits = np.array(bounds, dtype=float).reshape(-1, 2)
        self.g_lower, self.g_upper = limits[:, 0], limits[:, 1]

    def _drop_constant_rows(self, atoms: list[Atom]) -> None:
        """Leave out rows without free variables; one that cannot hold is refused by name."""
        moves = np.array(
            [any(self._position[c] < self.n for c in columns) for _, columns, _ in atoms],
            dtype=bool,
        )
        live = np.diff(self._linear.indptr) > 0
        live[np.unique(self._couple.tocoo().row[moves[self._couple.indices]])] = True
        live[-1] = True  # the objective
        if live.all():
            return
        broken = [row.name for row in np.array(self.rows, dtype=object)[~live[:-1]] if _broken(row)]
        if broken:
            raise ScopfError(f"no free variable is left in {listing(broken)}, which cannot hold")
        self.rows = [row for row, kept in zip(self.rows, live[:-1], strict=True) if kept]
        self._linear, self._couple = self._linear[live], self._couple[live]
        self._constant = self._constant[live]
        self.g_lower, self.g_upper = self.g_lower[live[:-1]], self.g_upper[live[:-1]]

    def _compile(self, atoms: list[Atom]) -> None:
        self._kernels, self._where = _kernels(atoms, self._position)
        starts = np.zeros((len(self._kernels) + 1, 3), dtype=np.int64)
        for k, kernel in enumerate(self._kernels):
            starts[k + 1] = starts[k] + kernel.sizes
        self._atoms = np.empty(starts[-1, 0])
        self._first = np.empty(starts[-1, 1])
        self._second = np.empty(starts[-1, 2])
        self._weights = np.empty(starts[-1, 0])
        for kernel, a, b in zip(self._kernels, starts[:-1], starts[1:], strict=True):
            kernel.bind(
                self._atoms[a[0] : b[0]],
                self._first[a[1] : b[1]],
                self._weights[a[0] : b[0]],
                self._second[a[2] : b[2]],
            )
        couple = self._couple.tocoo()
        self._couple = sparse.csr_array(
            (couple.data, (couple.row, self._where[couple.col])),
            shape=(self.m + 1, len(self._atoms)),
        )
        self._couple_t = self._couple.T.tocsr()
        self._scatter_first(starts)
        self._scatter_second(starts)
        self._values = np.empty(self.m + 1)
        self._slopes = np.empty(len(self._jac_cols) + len(self._grad_cols))
        self._gradient = np.zeros(self.n)
        self._multipliers = np.empty(self.m + 1)
        self._x = np.full(self.n, np.nan)
        self._order = -1

    def _scatter_first(self, starts: Ints) -> None:
        """Pattern of the Jacobian (with the gradient as last row) and its map from atoms."""
        couple = self._couple.tocoo()
        linear = self._linear.tocoo()
        rows, cols = [linear.row.astype(np.int64)], [linear.col.astype(np.int64)]
        source, factor = [np.full(linear.nnz, -1, dtype=np.int64)], [linear.data]
        for kernel, start, end in zip(self._kernels, starts[:-1], starts[1:], strict=True):
            mine = (couple.col >= start[0]) & (couple.col < end[0])
            row, output = np.divmod(couple.col[mine] - start[0], kernel.outputs)
            count = len(kernel.functions.first_at)
            for k, (of, variable) in enumerate(kernel.functions.first_at):
                hit = output == of
                rows.append(couple.row[mine][hit].astype(np.int64))
                cols.append(kernel.columns[row[hit], variable])
                source.append(start[1] + row[hit] * count + k)
                factor.append(couple.data[mine][hit])
        i, j, s, c = (np.concatenate(part) for part in (rows, cols, source, factor))
        free = j < self.n
        i, j, s, c = i[free], j[free], s[free], c[free]
        key, slot = np.unique(i * self.n + j, return_inverse=True)
        pattern_row, pattern_col = np.divmod(key, max(self.n, 1))
        fixed = s < 0
        self._slope_constant = np.bincount(slot[fixed], c[fixed], minlength=len(key))
        moving = ~fixed
        self._slope_map = sparse.csr_array(
            (c[moving], (slot[moving], s[moving])), shape=(len(key), len(self._first))
        )
        of_rows = pattern_row < self.m
        self._jac_rows, self._jac_cols = pattern_row[of_rows], pattern_col[of_rows]
        self._grad_cols = pattern_col[~of_rows]

    def _scatter_second(self, starts: Ints) -> None:
        """Pattern of the Hessian's lower triangle and its map from atoms."""
        rows, cols, source = [], [], []
        for kernel, start in zip(self._kernels, starts[:-1], strict=True):
            count = len(kernel.functions.second_at)
            for k, (first, second) in enumerate(kernel.functions.second_at):
                a, b = kernel.columns[:, first], kernel.columns[:, second]
                rows.append(np.maximum(a, b))
                cols.append(np.minimum(a, b))
                source.append(start[2] + np.arange(kernel.rows) * count + k)
        none = [np.zeros(0, dtype=np.int64)]
        i, j, s = (np.concatenate(none + part) for part in (rows, cols, source))
        free = i < self.n
        key, slot = np.unique(i[free] * self.n + j[free], return_inverse=True)
        self._hess_rows, self._hess_cols = np.divmod(key, max(self.n, 1))
        ones = np.ones(int(free.sum()))
        self._curve_map = sparse.csr_array(
            (ones, (slot, s[free])), shape=(len(key), len(self._second))
        )

    # -- evaluation -------------------------------------------

    def _at(self, x: Floats, order: int) -> None:
        """Evaluate at x up to derivatives of this order, unless that is what was evaluated last."""
        if self._order < 0 or not np.array_equal(x, self._x):
            self._x[:] = x
            self._full[: self.n] = x
            for kernel in self._kernels:
                kernel.gather(self._full)
                kernel.value()
            self._values = self._linear @ self._x + self._couple @ self._atoms + self._constant
            self._order = 0
        if order > self._order:
            for kernel in self._kernels:
                kernel.first()
            self._slopes = self._slope_map @ self._first + self._slope_constant
            self._gradient[self._grad_cols] = self._slopes[len(self._jac_cols) :]
            self._order = 1

    def objective(self, x: Floats) -> float:
        """Value of the objective, to be minimised."""
        self._at(x, 0)
        return float(self._values[-1])

    def gradient(self, x: Floats) -> Floats:
        """Gradient of the objective, shape (n,)."""
        self._at(x, 1)
        return self._gradient

    def constraints(self, x: Floats) -> Floats:
        """Values of the rows, shape (m,)."""
        self._at(x, 0)
        return self._values[:-1]

    def jacobian(self, x: Floats) -> Floats:
        """Nonzeros of the Jacobian of the rows, in the order of `jacobianstructure`."""
        self._at(x, 1)
        return self._slopes[: len(self._jac_cols)]

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Jacobian."""
        return self._jac_rows, self._jac_cols

    def hessian(self, x: Floats, multipliers: Floats, objective_factor: float) -> Floats:
        """Nonzeros of the lower triangle of the Hessian of factor f + multipliers . g."""
        self._at(x, 0)
        self._multipliers[:-1] = multipliers
        self._multipliers[-1] = objective_factor
        np.copyto(self._weights, self._couple_t @ self._multipliers)
        for kernel in self._kernels:
            kernel.second()
        curvature: Floats = self._curve_map @ self._second
        return curvature

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._hess_rows, self._hess_cols

    def not_finite(self, x: Floats) -> list[str]:
        """Names of the rows (and the objective) whose value at x is not a finite number."""
        self._at(x, 0)
        names = [*(row.name for row in self.rows), "the objective"]
        return [names[k] for k in np.flatnonzero(~np.isfinite(self._values))]


# -- reading the model -----------------------------------------------


def _refuse_unknown(model: pyo.ConcreteModel) -> None:
    unknown = [
        f"{component.name} ({component.ctype.__name__})"
        for component in model.component_objects(active=True, descend_into=True)
        if component.ctype not in _UNDERSTOOD
    ]
    if unknown:
        text = "only continuous variables, constraints, objectives and named expressions compile; "
        raise ScopfError(f"{text}the model also has {listing(unknown)}")


def _objective(model: pyo.ConcreteModel, walker: Walker) -> tuple[Form, bool]:
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        names = f": {listing(o.name for o in objectives)}" if objectives else ""
        raise ScopfError(f"the model needs one active objective, it has {len(objectives)}{names}")
    objective = objectives[0]
    form = _form(objective, objective.expr, walker)
    if objective.sense == pyo.maximize:
        negated = Form()
        negated.add(form, -1.0)
        return negated, True
    return form, False


def _rows(
    model: pyo.ConcreteModel, walker: Walker
) -> tuple[list[Any], list[Form], list[tuple[float, float]]]:
    rows, forms, bounds = [], [], []
    for row in model.component_data_objects(pyo.Constraint, active=True):
        try:
            lower, body, upper = row.to_bounded_expression(evaluate_bounds=True)
        except ValueError as error:
            raise ScopfError(f"{row.name}: its bounds cannot be evaluated ({error})") from error
        if any(bound is not None and bound != bound for bound in (lower, upper)):
            raise ScopfError(f"{row.name}: a bound is not a number")
        rows.append(row)
        forms.append(_form(row, body, walker))
        bounds.append((-np.inf if lower is None else lower, np.inf if upper is None else upper))
    return rows, forms, bounds


def _form(component: Any, expression: Any, walker: Walker) -> Form:
    try:
        return walker.form(expression)
    except UnsupportedError as error:
        raise ScopfError(f"{component.name} cannot be compiled: {error}") from error
    except ValueError as error:
        raise ScopfError(f"{component.name}: a parameter has no value ({error})") from error
    except ZeroDivisionError as error:
        raise ScopfError(f"{component.name}: division by zero") from error


def _free(walker: Walker) -> list[bool]:
    """Which variables are free.

    Raises:
        ScopfError: naming variables that are not continuous, or fixed without a value.
    """
    variables = walker.variables
    discrete = [v.name for v in variables if not v.is_continuous() and not v.fixed]
    if discrete:
        raise ScopfError(f"only continuous variables are supported: {listing(discrete)}")
    empty = [v.name for v in variables if v.fixed and v.value is None]
    if empty:
        raise ScopfError(f"fixed without a value: {listing(empty)}")
    return [not v.fixed for v in variables]


def _broken(row: Any) -> bool:
    """Whether a row of fixed variables is violated."""
    lower, body, upper = row.to_bounded_expression(evaluate_bounds=True)
    value = pyo.value(body)
    slack = _HOLDS * max(1.0, abs(value))
    too_low = lower is not None and value < lower - slack
    return too_low or (upper is not None and value > upper + slack)


def _numbers(number_of: dict[int, int], members: Iterable[Any]) -> Ints:
    return np.array([number_of.get(id(data), -1) for data in members], dtype=np.int64)


def _matrix(rows: list[dict[int, float]], columns: int) -> sparse.csr_array:
    counts = [len(row) for row in rows]
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    indices = np.fromiter((j for row in rows for j in row), dtype=np.int64, count=indptr[-1])
    data = np.fromiter((c for row in rows for c in row.values()), dtype=float, count=indptr[-1])
    matrix = sparse.csr_array((data, indices, indptr), shape=(len(rows), columns))
    matrix.eliminate_zeros()
    return matrix


def _kernels(atoms: list[Atom], position: Ints) -> tuple[list[Kernel], Ints]:
    """Group atoms into kernels; also the place of each atom in the kernels' joint output.

    Atoms on the same variables are fused, so that the cosine and the sine of one angle difference,
    and the flows made of them, are one function.
    """
    on_variables: dict[frozenset[int], list[int]] = defaultdict(list)
    for number, (_, columns, _) in enumerate(atoms):
        on_variables[frozenset(columns)].append(number)
    groups: dict[tuple[Output, ...], list[tuple[tuple[int, ...], list[int]]]] = defaultdict(list)
    for members in on_variables.values():
        for signature, columns, ordered in _fused(atoms, members):
            groups[signature].append((columns, ordered))
    kernels, where, start = [], np.empty(len(atoms), dtype=np.int64), 0
    for signature, group in groups.items():
        places = position[np.array([columns for columns, _ in group], dtype=np.int64)]
        numbers = np.array(
            [[number for atom in ordered for number in atoms[atom][2]] for _, ordered in group]
        )
        functions = differentiate(signature, places.shape[1])
        kernels.append(Kernel(functions, places, numbers, len(signature)))
        placed = np.array([ordered for _, ordered in group])
        where[placed.ravel()] = start + np.arange(placed.size)
        start += placed.size
    return kernels, where


def _fused(
    atoms: list[Atom], members: list[int]
) -> list[tuple[tuple[Output, ...], tuple[int, ...], list[int]]]:
    """Split the atoms on one set of variables into at most one atom of each kind per kernel row."""
    columns = atoms[members[0]][1]
    local = {column: k for k, column in enumerate(columns)}
    rounds: list[dict[Output, int]] = []
    seen: dict[Output, int] = defaultdict(int)
    for number in members:
        shape, mine, _ = atoms[number]
        output: Output = (shape, tuple(local[column] for column in mine))
        if seen[output] == len(rounds):
            rounds.append({})
        rounds[seen[output]][output] = number
        seen[output] += 1
    result = []
    for each in rounds:
        signature = tuple(sorted(each, key=repr))
        result.append((signature, columns, [each[output] for output in signature]))
    return result
