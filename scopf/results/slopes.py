"""First derivatives of a solved problem, and those along the voltages of one state.

The engine may have made variables of flows (lifting). A direction in the voltages then moves these
as well, as the rows that define them say, so that every row has the derivative that it has where
flows are expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.symbols import Constraint, Key, Variable
from scopf.network.outages import INTACT

if TYPE_CHECKING:
    from scopf.engine.nlp import NLP
    from scopf.model.opf import OPF
    from scopf.results.prices import Multipliers

_STATE = "state_"  # prefix of families whose keys begin with a state's name
_SETTLED = 1e-14  # relative change of derivatives that ends the search for them
_VOLTAGES = "bus_vm", "inverter_group_vm"  # variables that are voltages, without that prefix


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives and multipliers at the point of a solution.

    Attributes:
        nlp: the compiled model.
        opf: what was declared.
        x: the point.
        gradient: of the objective, shape (n,).
        values: nonzeros of the Jacobian.
        rows: multipliers of rows.
        bounds: multipliers of upper bounds less those of lower ones.
        places: rows of the members of every family, -1 where they are none.
        added: rows that a user added or rewrote, and their names.
        replaced: masks of the members that a user rewrote, by family.
        voll: value of lost load by bus, currency/h per p.u.; None where all is served.
        violated: currency/h that violated limits cost.
    """

    nlp: NLP
    opf: OPF
    x: Floats
    gradient: Floats
    values: Floats
    rows: Floats
    bounds: Floats
    places: Mapping[str, Ints]
    added: tuple[Ints, list[str]]
    replaced: Mapping[str, Flags]
    voll: Floats | None
    violated: float

    @classmethod
    def read(cls, opf: OPF, multipliers: Multipliers, x: Floats) -> Self:
        """Copies of all that a later solve overwrites; the formulation has the values x."""
        nlp, soft = multipliers.nlp, opf.soft
        lower, upper = multipliers.bounds
        violated = 0.0
        if soft is not None:
            violated = float(sum(kind.price * kind.s.value.sum() for kind in soft.kinds))
        voll = None if opf.shedding is None else opf.shedding.price.values.copy()
        names = [symbol.name for symbol in opf.formulation.of_kind(Constraint)]
        return cls(
            nlp, opf, x.copy(), nlp.gradient(x).copy(), nlp.jacobian(x).copy(),
            multipliers.rows.copy(), upper - lower,
            {name: nlp.row_numbers(name) for name in names}, nlp.added,
            {name: nlp.replaced(name) for name in names}, voll, violated,
        )  # fmt: skip

    # -- states -------------------------------------------

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, "intact" first."""
        after = self.opf.states
        return (INTACT, *(() if after is None else after.settled.names))

    @cached_property
    def _number(self) -> dict[Key, int]:
        return {name: k for k, name in enumerate(self.states)}

    def place(self, family: str, key: Key) -> tuple[int, Key]:
        """Position of the state that a member of a family belongs to, and its key there."""
        if not family.startswith(_STATE) or not isinstance(key, tuple):
            return 0, key
        state, *rest = key
        return self._number[state], rest[0] if len(rest) == 1 else tuple(rest)

    @cached_property
    def hours(self) -> Floats:
        """Duration of each state, h: multipliers are money, and amounts are money per hour.

        The one place for durations. States after outages are other ways that the same hour may go.
        """
        return np.ones(len(self.states))

    # -- derivatives -------------------------------------------

    @cached_property
    def jacobian(self) -> Any:
        """Of the rows, sparse, shape (m, n)."""
        nlp = self.nlp
        found = sparse.coo_array((self.values, nlp.jacobianstructure()), shape=(nlp.m, nlp.n))
        return found.tocsr()

    @cached_property
    def columns(self) -> tuple[Ints, Ints]:
        """The free variables that are voltages: columns, and positions of their states."""
        found = [(column, state) for name in _VOLTAGES for column, state in self._voltages(name)]
        columns, states = np.array(found, dtype=np.int64).reshape(-1, 2).T
        return columns, states

    def _voltages(self, name: str) -> list[tuple[int, int]]:
        found, known = list[tuple[int, int]](), self.opf.formulation.symbols
        for family in (name, f"{_STATE}{name}"):
            symbol = known.get(family)
            if not isinstance(symbol, Variable):
                continue
            columns = self.nlp.columns(family)
            states = self._states_of(symbol, columns)
            both = zip(columns.tolist(), states, strict=True)
            found += [(column, state) for column, state in both if column >= 0]
        return found

    def _states_of(self, symbol: Variable, columns: Ints) -> list[int]:
        """State of every member: by its key, or by a row that it stands in."""
        if not symbol.name.startswith(_STATE):
            return [0] * len(columns)
        if all(isinstance(key, tuple) for key in symbol.keys):
            return [self.place(symbol.name, key)[0] for key in symbol.keys]
        by_column, of_row = self.jacobian.tocsc(), self.row_states
        rows = [by_column.indices[by_column.indptr[k] : by_column.indptr[k + 1]] for k in columns]
        return [int(of_row[of].max(initial=0)) for of in rows]

    @cached_property
    def row_states(self) -> Ints:
        """Position of the state of every row."""
        found = np.zeros(self.nlp.m, dtype=np.int64)
        for symbol in self.opf.formulation.of_kind(Constraint):
            if symbol.name.startswith(_STATE):
                rows = self.places[symbol.name]
                states = [self.place(symbol.name, key)[0] for key in symbol.keys]
                found[rows[rows >= 0]] = np.array(states, dtype=np.int64)[rows >= 0]
        return found

    @cached_property
    def scaling(self) -> Any:
        """What changes when all voltages of a state grow in proportion, sparse, shape (n, states).

        An entry is d(variable)/d(log of the voltages).
        """
        columns, states = self.columns
        shape = (self.nlp.n, len(self.states))
        own = sparse.coo_array((self.x[columns], (columns, states)), shape=shape).tocsr()
        rows, lifted = self.nlp.lifted
        if not len(lifted):
            return own
        put = sparse.coo_array(
            (np.ones(len(lifted)), (lifted, np.arange(len(lifted)))), shape=(self.nlp.n, len(rows))
        ).tocsr()
        definitions, found = self.jacobian[rows], own
        for _ in range(len(lifted)):  # as deep as definitions may stand in each other
            residual = definitions @ found
            if abs(residual).max() <= _SETTLED * abs(found).max():
                break
            found = found + put @ residual
        return found
