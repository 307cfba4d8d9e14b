"""A snapshot of the active parts of a model, to see later whether it is still the same model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Flags
from scopf.engine.formulation import Formulation, origin
from scopf.engine.pyomo_types import Member, Node
from scopf.engine.symbols import Constraint

if TYPE_CHECKING:
    import pyomo.environ as pyo


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
    from scopf.engine.active_parts import active_parts

    model = source if not isinstance(source, Formulation) else source.model
    return Snapshot(*active_parts(model, formulation))
