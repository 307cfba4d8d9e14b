"""First derivatives of a solved problem, and those along the voltages of one state.

The engine may have made variables of flows (lifting). A direction in the voltages then moves these
as well, as the rows that define them say, so that every row has the derivative that it has where
flows are expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.symbols import Constraint, Key, Variable
from scopf.network.outages import INTACT

if TYPE_CHECKING:
    from scopf.model.opf import OPF
    from scopf.model.stability import StabilityRows
    from scopf.results.prices import Multipliers

STATE = "state_"  # prefix of families whose keys begin with a state's name
BALANCE = "bus_balance_"  # then p or q
_VOLTAGES = "bus_vm", "inverter_group_vm"  # variables that are voltages, without that prefix
_SETTLED = 1e-14  # relative change of derivatives that ends the search for them


@dataclass(frozen=True, eq=False)
class Members:
    """A family of rows or of variables: its members' keys and places.

    Attributes:
        name: of the family.
        keys: of the members.
        at: row or column of each; -1 for one that is none.
        replaced: mask of the balances that a user rewrote; False in other families.
        criterion: whether they are rows of the criterion.
        owners: inverter of each row of the criterion, None for a row of none.
    """

    name: str
    keys: Sequence[Key]
    at: Ints
    replaced: Flags
    criterion: bool = False
    owners: Sequence[Key | None] = ()


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives and multipliers at the point of a solution, arrays of their own.

    Attributes:
        states: names of the states, "intact" first, or of the hours.
        hours: duration of each state, h: multipliers are money, and amounts are money per hour.
            States after outages are other ways that the same hour may go.
        hourly: whether the states are hours, with which all keys begin.
        families: of rows.
        voltages: families of variables that are voltages.
        x: the point.
        gradient: of the objective, shape (n,).
        structure, values: row and column, and value of the nonzeros of the Jacobian.
        lifted: rows and columns of variables that the engine made.
        rows: multipliers of rows, shape (m,).
        bounds: multipliers of upper bounds less those of lower ones, shape (n,).
        added: rows that a user added or rewrote, and their names.
        voll: value of lost load by bus, currency/h per p.u.; None where all is served.
        violated: what violated limits cost, currency/h, or over all hours; None where none may be.
    """

    states: tuple[str, ...]
    hours: Floats
    hourly: bool
    families: tuple[Members, ...]
    voltages: tuple[Members, ...]
    x: Floats
    gradient: Floats
    structure: tuple[Ints, Ints]
    values: Floats
    lifted: tuple[Ints, Ints]
    rows: Floats
    bounds: Floats
    added: tuple[Ints, list[str]]
    voll: Floats | None
    violated: float | None

    @classmethod
    def read(cls, opf: OPF, multipliers: Multipliers, x: Floats) -> Self:
        """Copies of all that a later solve overwrites; the formulation has the values x."""
        nlp, after, f = multipliers.nlp, opf.states, opf.formulation
        lower, upper = multipliers.bounds
        wanted = {prefix + name for prefix in ("", STATE) for name in _VOLTAGES}
        voltages = [symbol for symbol in f.of_kind(Variable) if symbol.name in wanted]
        never = np.zeros(0, dtype=bool)
        shedding, soft = opf.shedding, opf.soft
        kinds = [] if soft is None else soft.kinds
        violations = [k.price * (opf.hours(k.cost) @ k.s.value) for k in kinds]
        states, hours = (INTACT, *(() if after is None else after.settled.names)), None
        if opf.horizon is not None:
            states, hours = opf.horizon.hours.names, opf.horizon.hours.duration
        return cls(
            states=states,
            hours=np.ones(len(states)) if hours is None else hours,
            hourly=hours is not None,
            families=tuple(_families(opf, multipliers)),
            voltages=tuple(
                Members(one.name, one.keys, nlp.columns(one.name), never) for one in voltages
            ),
            x=x.copy(),
            gradient=nlp.gradient(x).copy(),
            structure=nlp.jacobianstructure(),
            values=nlp.jacobian(x).copy(),
            lifted=nlp.lifted,
            rows=multipliers.rows.copy(),
            bounds=upper - lower,
            added=nlp.added,
            voll=None if shedding is None else shedding.price.values.copy(),
            violated=None if soft is None else float(sum(violations)),
        )

    # -- states -------------------------------------------

    @cached_property
    def _number(self) -> dict[Key, int]:
        return {name: k for k, name in enumerate(self.states)}

    def _keyed(self, family: str) -> bool:
        """Whether keys of a family begin with a state."""
        return self.hourly or family.startswith(STATE)

    def place(self, family: str, key: Key) -> tuple[int, Key]:
        """Position of the state that a member of a family belongs to, and its key there."""
        if not (self._keyed(family) and isinstance(key, tuple)):
            return 0, key
        state, *rest = key
        return self._number[state], rest[0] if len(rest) == 1 else tuple(rest)

    @cached_property
    def row_states(self) -> Ints:
        """Position of the state of every row."""
        found = np.zeros(len(self.rows), dtype=np.int64)
        for family in self.families:
            if self._keyed(family.name):
                states = [self.place(family.name, key)[0] for key in family.keys]
                there = family.at >= 0
                found[family.at[there]] = np.array(states, dtype=np.int64)[there]
        return found

    def family(self, name: str) -> Members:
        """A family of rows."""
        return next(one for one in self.families if one.name == name)

    # -- derivatives -------------------------------------------

    @cached_property
    def jacobian(self) -> Any:
        """Of the rows, sparse, shape (m, n)."""
        shape = len(self.rows), len(self.x)
        return sparse.coo_array((self.values, self.structure), shape=shape).tocsr()

    @cached_property
    def columns(self) -> tuple[Ints, Ints]:
        """The free variables that are voltages: columns, and positions of their states."""
        parts = [(one.at[one.at >= 0], self._states_of(one)) for one in self.voltages]
        columns, states = zip(*parts, strict=True)
        return np.concatenate(columns), np.concatenate(states)

    def _states_of(self, family: Members) -> Ints:
        """State of every member that is a column: by its key, or by a row that it stands in."""
        columns = family.at[family.at >= 0]
        if not self._keyed(family.name):
            return np.zeros(len(columns), dtype=np.int64)
        if all(isinstance(key, tuple) for key in family.keys):
            both = zip(family.keys, family.at.tolist(), strict=True)
            states = [self.place(family.name, key)[0] for key, column in both if column >= 0]
            return np.array(states, dtype=np.int64)
        by_column, of_row = self.jacobian.tocsc(), self.row_states
        rows = [by_column.indices[by_column.indptr[k] : by_column.indptr[k + 1]] for k in columns]
        return np.array([of_row[of].max(initial=0) for of in rows], dtype=np.int64)

    @cached_property
    def scaling(self) -> Any:
        """What changes when all voltages of a state grow in proportion, sparse, shape (n, states).

        An entry is d(variable)/d(log of the voltages).
        """
        columns, states = self.columns
        n = len(self.x)
        shape = n, len(self.states)
        found = sparse.coo_array((self.x[columns], (columns, states)), shape=shape).tocsr()
        rows, lifted = self.lifted
        if not len(lifted):
            return found
        ones = np.ones(len(lifted)), (lifted, np.arange(len(lifted)))
        put = sparse.coo_array(ones, shape=(n, len(lifted))).tocsr()
        definitions = self.jacobian[rows]
        for _ in range(len(lifted)):  # as deep as definitions may stand in each other
            residual = definitions @ found
            if abs(residual).max() <= _SETTLED * abs(found).max():
                break
            found = found + put @ residual
        return found


def _families(opf: OPF, multipliers: Multipliers) -> list[Members]:
    """Families of rows, with the owners of those of the criterion."""
    nlp, found = multipliers.nlp, list[Members]()
    owners: dict[str, Sequence[Key | None]] = {}
    for part in (opf.stability, None if opf.states is None else opf.states.stability):
        owners |= {} if part is None else _owners(part)
    balances = {BALANCE + letter for letter in "pq"}
    for symbol in opf.formulation.of_kind(Constraint):
        name, replaced = symbol.name, np.zeros(len(symbol), dtype=bool)
        if name.removeprefix(STATE) in balances:  # a walk along the model, for what is asked only
            replaced = nlp.replaced(name)
        at = nlp.row_numbers(name)
        found.append(Members(name, symbol.keys, at, replaced, name in owners, owners.get(name, ())))
    return found


def _owners(part: StabilityRows) -> dict[str, Sequence[Key | None]]:
    """Key of the inverter of each row of the criterion, by family."""
    declared, inverters = part.declared, part.dispatch.inverter.keys
    angles = [one.constraint for one in declared.angles]
    found: dict[str, Sequence[Key | None]] = {
        rows.name: () for rows in (*declared.definitions, *angles)
    }
    for one in declared.rows:
        owners = one.owner.tolist()
        found[one.constraint.name] = [inverters[k] if k >= 0 else None for k in owners]
    return found
