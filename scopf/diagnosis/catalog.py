"""The limits of a compiled problem, as the parts of its model name them.

Power balances, the reference angle, and the user's equations and variables cannot be relaxed. If no
relaxation of other limits is enough, loads may count as limits of their buses, at a price far above
the others. Factors on all loads and on all droops act on many rows at once; they are tested alone.
"""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.diagnosis.limits import Kind, Places
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Constraint
from scopf.model.problem import Problem
from scopf.model.relaxation import Effect, Relaxation


class Catalog:
    """All limits of a problem, by kind.

    Args:
        problem: that has the limits.
        nlp: the same, compiled.
        loads: whether the load of every bus is a limit too.

    Attributes:
        kinds: of limits.
    """

    def __init__(self, problem: Problem, nlp: NLP, loads: bool = False) -> None:
        self._nlp = nlp
        self._claimed = np.zeros(nlp.m, dtype=bool)
        opf = problem.opf
        for part in opf.parts:
            for rows in part.definitions:
                self._claim(rows)
        self.kinds = [self._placed(one) for one in opf.relaxations()]
        self._add_others()
        if loads:
            self.kinds += [self._placed(one) for one in opf.balance.loads_as_limits()]
        self.kinds += [self._placed(one) for one in opf.factors()]

    def _placed(self, limits: Relaxation) -> Kind:
        """Limits with the rows and columns of the compiled problem that they act on."""
        rows, bounds = list[Places](), list[Places]()
        for effect in limits.effects:
            if isinstance(effect.family, Constraint):
                rows.append(_kept(effect, self._claim(effect.family), limits.present))
            else:
                columns = self._nlp.columns(effect.family.name)
                bounds.append(_kept(effect, columns, limits.present))
        return Kind(limits, rows, bounds)

    def _claim(self, family: Constraint) -> np.ndarray:
        """Row numbers of a family of the package; -1 where a row was removed or replaced."""
        numbers = self._nlp.row_numbers(family.name)
        kept = (numbers >= 0) & ~self._nlp.replaced(family.name)
        self._claimed[numbers[kept]] = True
        return np.where(kept, numbers, -1)

    def _add_others(self) -> None:
        """Add all other inequalities: those of the user, and criterion rows without an inverter."""
        lower, upper = self._nlp.g_lower, self._nlp.g_upper
        other = np.flatnonzero(~self._claimed & (lower < upper))
        if not len(other):
            return
        names = self._nlp.row_names
        labels = [names[row] for row in other.tolist()]
        for ends, side, sign in ((lower, "<=", 1.0), (upper, ">=", -1.0)):
            present = ends[other]
            at = np.flatnonzero(np.isfinite(present))
            size = np.maximum(1.0, np.where(np.isfinite(present), np.abs(present), 0.0))

            def needed(
                i: int, t: float, present: Floats = present, size: Floats = size, sign: float = sign
            ) -> float:
                return float(present[i] - sign * size[i] * t)

            end = "lower bound" if sign > 0 else "upper bound"
            limits = Relaxation(end, "further rows", end, "", side, labels, present, needed, ())
            self.kinds.append(Kind(limits, [(at, other[at], sign * size[at])], []))


def _kept(effect: Effect, places: np.ndarray, present: Floats) -> Places:
    """The members of a family that are rows or columns, and that a limit acts on."""
    there = (places >= 0) & (effect.limit >= 0) & (effect.c != 0)
    there[there] = np.isfinite(present[effect.limit[there]])
    return effect.limit[there], places[there], effect.c[there]
