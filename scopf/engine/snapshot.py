"""What is active on a model, and whether it is still what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Flags
from scopf.engine.formulation import Formulation, origin
from scopf.engine.symbols import Constraint, Expression, Objective, Parameter, Variable
from scopf.errors import ScopfError, listing

_CARRIES_NO_ROWS = (pyo.Var, pyo.Param, pyo.Set, pyo.RangeSet, pyo.Expression, pyo.Suffix)
_UNDERSTOOD = {
    *_CARRIES_NO_ROWS, pyo.Block, pyo.Constraint, pyo.Objective, pyo.BuildAction, pyo.BuildCheck,
    pyo.SetOf,
}  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What is active on a model; compared by identity to see whether it is still the same.

    Attributes:
        formulation: whose families stand on the model as they were made, if any do.
        kept: of each constraint family, which rows nobody touched.
        rows: the other active rows, with their expressions.
        objective: the active objective with its expression and sense; None if it is the family's.
    """

    formulation: Formulation | None
    kept: dict[str, Flags]
    rows: list[tuple[Any, Any]]
    objective: tuple[Any, Any, Any] | None

    def same(self, other: Content) -> bool:
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


def content(source: Formulation | pyo.ConcreteModel) -> Content:
    """What is active on a formulation or a Pyomo model now.

    Raises:
        ScopfError: naming components that do not compile, or without exactly one objective.
    """
    formulation = source if isinstance(source, Formulation) else origin(source)
    if formulation is not None and formulation.rendering is None:
        kept = {s.name: np.ones(len(s), dtype=bool) for s in formulation.of_kind(Constraint)}
        return Content(formulation, kept, [], None)
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
        made = formulation.rendering
        assert made is not None
        own = (made.members[name][0], made.expressions[name][0], pyo.minimize)
        if all(a is b for a, b in zip(objective, own, strict=True)):
            return Content(formulation, kept, rows, None)
    return Content(formulation, kept, rows, objective)


def _intact(model: Any, formulation: Formulation) -> bool:
    """Whether variables, parameters and named expressions are those that were made."""
    made = formulation.rendering
    assert made is not None
    for symbol in formulation.of_kind((Variable, Parameter, Expression)):  # type: ignore[arg-type]
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


def _kept(model: Any, formulation: Formulation) -> tuple[dict[str, Flags], set[int]]:
    """Rows of the families that are active and untouched, as masks and as ids."""
    made = formulation.rendering
    assert made is not None
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
        if component.ctype not in _UNDERSTOOD
    ]
    if unknown:
        text = "only continuous variables, constraints, objectives and named expressions compile; "
        raise ScopfError(f"{text}the model also has {listing(unknown)}")


def _objective(model: pyo.ConcreteModel) -> tuple[Any, Any, Any]:
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        names = f": {listing(o.name for o in objectives)}" if objectives else ""
        raise ScopfError(f"the model needs one active objective, it has {len(objectives)}{names}")
    return objectives[0], objectives[0].expr, objectives[0].sense
