"""The active parts of a Pyomo model: rows that are still as they were made, and all others."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Flags
from scopf.engine.formulation import Formulation
from scopf.engine.pyomo_types import Member, Node
from scopf.engine.symbols import Constraint, Expression, Objective, Parameter, Variable
from scopf.errors import ScopfError, listing

_CARRIES_NO_ROWS = {  # and sets of any kind, those of pyomo.dae among them
    pyo.Var, pyo.BooleanVar, pyo.Param, pyo.SetOf, pyo.RangeSet, pyo.Expression, pyo.Suffix,
    pyo.ExternalFunction, pyo.BuildAction, pyo.BuildCheck,
}  # fmt: skip
_UNDERSTOOD = {*_CARRIES_NO_ROWS, pyo.Block, pyo.Constraint, pyo.Objective}


Parts = tuple[
    Formulation | None, dict[str, Flags], list[tuple[Member, Node]], tuple[Member, Node, int] | None
]
"""The attributes of `scopf.engine.snapshot.Snapshot`, in order."""


def active_parts(model: pyo.ConcreteModel, formulation: Formulation | None) -> Parts:
    """Active parts of a Pyomo model.

    Args:
        model: the model.
        formulation: from which it was made, if it was.

    Raises:
        ScopfError: naming components that do not compile, or without exactly one objective.
    """
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
            return formulation, kept, rows, None
    return formulation, kept, rows, objective


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
