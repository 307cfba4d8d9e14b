"""A snapshot of the active parts of a model, to see later whether it is still the same model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Flags
from scopf.engine.formulation import Formulation, origin
from scopf.engine.pyomo_types import Member, Node
from scopf.engine.symbols import Constraint, Expression, Objective, Parameter, Variable
from scopf.errors import ScopfError, listing

_CARRIES_NO_ROWS = {  # and sets of any kind, those of pyomo.dae among them
    pyo.Var, pyo.BooleanVar, pyo.Param, pyo.SetOf, pyo.RangeSet, pyo.Expression, pyo.Suffix,
    pyo.ExternalFunction, pyo.BuildAction, pyo.BuildCheck,
}  # fmt: skip
_UNDERSTOOD = {*_CARRIES_NO_ROWS, pyo.Block, pyo.Constraint, pyo.Objective}


@dataclass(frozen=True)
class Snapshot:
    """The active parts of a model; compared by identity.

    Attributes:
        formulation: the one that the model was made from, if its families are still on it.
        kept: of each constraint family, a mask of the rows that are active and unchanged.
        rows: the other active rows, with their expressions.
        objective: the active objective with its expression and sense; None if it is the family's.
    """

    formulation: Formulation | None
    kept: dict[str, Flags]
    rows: list[tuple[Member, Node]]
    objective: tuple[Member, Node, int] | None

    def same(self, other: Snapshot) -> bool:
        """Whether nothing was added, removed, switched or given another expression."""
        mine, theirs = self.objective or (), other.objective or ()
        return (
            self.formulation is other.formulation
            and len(self.rows) == len(other.rows)
            and len(mine) == len(theirs)
            and all(a is b for a, b in zip(mine, theirs, strict=True))
            and all(a is b and c is d for (a, c), (b, d) in zip(self.rows, other.rows, strict=True))
            and self.kept.keys() == other.kept.keys()
            and all(np.array_equal(self.kept[name], other.kept[name]) for name in self.kept)
        )


def snapshot(source: Formulation | pyo.ConcreteModel) -> Snapshot:
    """Snapshot of a formulation or a Pyomo model as it is now.

    Raises:
        ScopfError: naming components that do not compile, or without exactly one objective.
    """
    formulation = source if isinstance(source, Formulation) else origin(source)
    if formulation is not None and formulation.rendering is None:
        kept = {s.name: np.ones(len(s), dtype=bool) for s in formulation.of_kind(Constraint)}
        return Snapshot(formulation, kept, [], None)
    model = source if not isinstance(source, Formulation) else source.model
    _refuse_unknown(model)
    if formulation is not None and not _intact(model, formulation):
        formulation = None
    kept, ours = _kept(model, formulation) if formulation is not None else ({}, set())
    rows = [
        (row, row.expr)
        for row in model.component_data_objects(pyo.Constraint, active=True)
        if id(row) not in ours
    ]
    objective = _objective(model)
    if formulation is not None:
        (name,) = (s.name for s in formulation.of_kind(Objective))
        made = formulation.rendered()
        own = (made.members[name][0], made.expressions[name][0], pyo.minimize)
        if all(a is b for a, b in zip(objective, own, strict=True)):
            return Snapshot(formulation, kept, rows, None)
    return Snapshot(formulation, kept, rows, objective)


def _intact(model: pyo.ConcreteModel, formulation: Formulation) -> bool:
    """Whether variables, parameters and named expressions are those that were made."""
    made = formulation.rendered()
    for symbol in formulation.of_kind(Variable, Parameter, Expression):
        members = made.members[symbol.name]
        component = model.component(symbol.name)
        if component is None or len(component) != len(members):
            return False
        if component.is_indexed() and any(
            a is not b for a, b in zip(component.values(), members, strict=True)
        ):
            return False
        if isinstance(symbol, Expression):
            given = made.expressions[symbol.name]
            if any(member.args[0] is not e for member, e in zip(members, given, strict=True)):
                return False
    return True


def _kept(model: pyo.ConcreteModel, formulation: Formulation) -> tuple[dict[str, Flags], set[int]]:
    """Rows of the families that are active and unchanged, as masks and as ids."""
    made = formulation.rendered()
    kept: dict[str, Flags] = {}
    ours: set[int] = set()
    for symbol in formulation.of_kind(Constraint):
        component = model.component(symbol.name)
        present = set() if component is None else set(map(id, component.values()))
        given = zip(made.members[symbol.name], made.expressions[symbol.name], strict=True)
        flags = [
            row.active and row.expr is expression and id(row) in present
            for row, expression in given
        ]
        kept[symbol.name] = np.array(flags, dtype=bool)
        ours.update(
            id(row) for row, yes in zip(made.members[symbol.name], flags, strict=True) if yes
        )
    return kept, ours


def _refuse_unknown(model: pyo.ConcreteModel) -> None:
    unknown = [
        f"{component.name} ({component.ctype.__name__})"
        for component in model.component_objects(active=True, descend_into=True)
        if not (component.ctype in _UNDERSTOOD or issubclass(component.ctype, pyo.Set))
    ]
    if unknown:
        text = "only continuous variables, constraints, objectives and named expressions compile; "
        raise ScopfError(f"{text}the model also has {listing(unknown)}")


def _objective(model: pyo.ConcreteModel) -> tuple[Member, Node, int]:
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        names = f": {listing(o.name for o in objectives)}" if objectives else ""
        raise ScopfError(f"the model needs one active objective, it has {len(objectives)}{names}")
    return objectives[0], objectives[0].expr, objectives[0].sense
