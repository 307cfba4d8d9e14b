"""The end of one solve as a warm start of a problem with other states, or another criterion.

Variables and rows that both problems have, by family and key, keep their values and multipliers.
What is new starts from given values, its multipliers at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.engine.symbols import Constraint, Key, Variable
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.status import Iterate

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.engine.symbols import Symbol
    from scopf.model.problem import Problem

Values = Mapping[str, Mapping[Key, float]]  # by family and key


@dataclass(frozen=True, eq=False)
class End:
    """Where a solve ended, with the families that tell what its numbers are of.

    Attributes:
        iterate: the numbers.
        columns, rows: of each member of each family.
    """

    iterate: Iterate
    columns: Mapping[str, Mapping[Key, int]]
    rows: Mapping[str, Mapping[Key, int]]

    @classmethod
    def of(cls, problem: Problem, iterate: Iterate) -> End | None:
        """The end of the last solve of a problem; None where it is not the compiled one's."""
        nlp = problem.compiled.get(iterate.lift)
        if nlp is None or nlp.signature != iterate.signature or iterate.lift:
            return None
        f = problem.formulation
        columns = {one.name: _placed(one, nlp.columns(one.name)) for one in f.of_kind(Variable)}
        rows = {one.name: _placed(one, nlp.row_numbers(one.name)) for one in f.of_kind(Constraint)}
        return cls(iterate, columns, rows)

    def carried(self, problem: Problem, new: Values) -> Iterate:
        """The iterate of a problem that has been declared again, or of another one.

        Args:
            problem: to start; what it does not have is not carried.
            new: values of variables that it did not have.
        """
        nlp, last = compiled(problem, False), self.iterate
        x = start_point(problem, nlp, "dc")
        rows, lower, upper = np.zeros(nlp.m), np.zeros(nlp.n), np.zeros(nlp.n)
        for one in problem.formulation.of_kind(Variable):
            known, given = self.columns.get(one.name, {}), new.get(one.name, {})
            for key, column in _placed(one, nlp.columns(one.name)).items():
                if key in known:
                    at = known[key]
                    x[column], lower[column], upper[column] = (
                        last.x[at], last.lower[at], last.upper[at],
                    )  # fmt: skip
                elif key in given:
                    x[column] = given[key]
        for row in problem.formulation.of_kind(Constraint):
            before = self.rows.get(row.name, {})
            for key, place in _placed(row, nlp.row_numbers(row.name)).items():
                rows[place] = last.rows[before[key]] if key in before else 0.0
        return Iterate(nlp.signature, False, x, rows, lower, upper, last.cold)


def _placed(symbol: Symbol, places: Ints) -> dict[Key, int]:
    """The place of each member of a family, by key; only of those that have one."""
    pairs = zip(symbol.keys, places.tolist(), strict=True)
    return {key: place for key, place in pairs if place >= 0}


def by_key(names: tuple[str, ...], ids: Ints, part: Ints, values: Floats) -> dict[Key, float]:
    """Values of states by their keys on the model.

    Args:
        names: of the states.
        ids: of elements, in the user's numbers.
        part: the state of each.
        values: of each.
    """
    keys = [(names[k], one) for k, one in zip(part.tolist(), ids.tolist(), strict=True)]
    return dict(zip(keys, values.tolist(), strict=True))
