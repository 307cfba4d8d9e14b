"""An optimisation problem declared in families.

A family is one equation and the arrays that go into it. The equation is an ordinary function that
is called once, on placeholders, and gives an expression of them: the family's template. From it
come

- the Pyomo model, where every row is the template with its own variables and numbers put in, made
  when somebody first asks for it; and
- the arrays that the engine solves, read off the same template without visiting the rows.

So an equation is written once, and a large model costs arrays, not objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from scopf.engine.gc_off import collector_off
from scopf.engine.numbers import Numbers
from scopf.engine.symbols import (
    Bound,
    Constraint,
    Data,
    Expression,
    Index,
    Key,
    Objective,
    Parameter,
    Symbol,
    Variable,
)
from scopf.engine.templates import Node

if TYPE_CHECKING:
    import pyomo.environ as pyo

    from scopf.engine.pyomo_model import Rendering

Kind = TypeVar("Kind", bound=Symbol)


class Origin:
    """Link from a Pyomo model to the formulation that it was made from; a copy has none."""

    def __init__(self, formulation: Formulation | None = None) -> None:
        self.formulation = formulation

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return (Origin, ())


class Formulation:
    """Families in the order of their declaration.

    Attributes:
        name: of the model.
        indices: every index set by name.
        symbols: every declared family by name.
        rendering: the Pyomo model, once somebody has asked for it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.indices: dict[str, Index] = {}
        self.symbols: dict[str, Symbol] = {}
        self.rendering: Rendering | None = None
        self._kinds: dict[tuple[type, ...], tuple[int, tuple[Any, ...]]] = {}

    @property
    def model(self) -> pyo.ConcreteModel:
        """The Pyomo model, made at the first call; from then on it is what counts."""
        return self.rendered().model

    def rendered(self) -> Rendering:
        """The Pyomo model and its members by family, made at the first call."""
        if self.rendering is None:
            from scopf.engine.pyomo_model import Rendering  # imports Pyomo

            with collector_off():
                self.rendering = Rendering(self)
            self.rendering.model._origin = Origin(self)
        return self.rendering

    def read_model(self) -> None:
        """Read what the user has changed on the Pyomo model: parameters, bounds, fixed values."""
        if self.rendering is not None:
            self.rendering.read()

    def __getitem__(self, name: str) -> Any:  # of any kind: `f["gen_pg"].lower`
        return self.symbols[name]

    def __contains__(self, name: str) -> bool:
        return name in self.symbols

    def of_kind(self, *kinds: type[Kind]) -> list[Kind]:
        """Families of these kinds, in order of declaration."""
        declared, known = self._kinds.get(kinds, (-1, ()))
        if declared != len(self.symbols):
            known = tuple(symbol for symbol in self.symbols.values() if isinstance(symbol, kinds))
            self._kinds[kinds] = len(self.symbols), known
        return [*known]

    # -- declaring -------------------------------------------

    def index(self, name: str, keys: Iterable[Key]) -> Index:
        """Declare an index set; `keys` are bus numbers, ids or tuples of them."""
        ids = list(keys)
        self.indices[name] = made = Index(name, ids, ids)
        return made

    def numbered(self, name: str, count: int) -> Index:
        """Declare an index set of things that have no ids of their own: 0, 1, ..."""
        return Formulation.index(self, name, range(count))

    def parameter(self, name: str, index: Index | None, values: npt.ArrayLike) -> Parameter:
        """Declare mutable parameters, one for each key (or a scalar without an index)."""
        numbers = np.atleast_1d(np.array(values, dtype=np.float64))
        made = Parameter(name, index, numbers)
        self.symbols[name] = made
        return made

    def variable(
        self,
        name: str,
        index: Index,
        *,
        lower: npt.ArrayLike,
        upper: npt.ArrayLike,
        start: npt.ArrayLike,
        fixed: npt.ArrayLike = False,
    ) -> Variable:
        """Declare variables; all arguments are arrays or numbers, `fixed` a mask."""
        n = len(index)
        low, high, first = (
            np.array(np.broadcast_to(part, n), dtype=float) for part in (lower, upper, start)
        )
        mask = np.array(np.broadcast_to(fixed, n), dtype=bool)
        made = Variable(name, index, low, high, first, first.copy(), mask)
        self.symbols[name] = made
        return made

    def expression(self, name: str, index: Index, body: Node) -> Expression:
        """Declare named expressions."""
        made = Expression(name, index, body)
        self.symbols[name] = made
        return made

    def constraint(
        self, name: str, index: Index, body: Node, *, lower: Bound = None, upper: Bound = None
    ) -> Constraint:
        """Declare rows; equations have the same object as lower and upper bound."""
        made = Constraint(name, index, body, lower, upper)
        self.symbols[name] = made
        return made

    def add_to(self, rows: Constraint, term: Node) -> None:
        """Add a term, one in each row, to the body of declared rows, which then come last."""
        object.__setattr__(rows, "body", rows.body + term)
        self.symbols[rows.name] = self.symbols.pop(rows.name)
        self._kinds.clear()

    def objective(self, name: str, body: Node) -> Objective:
        """Declare the objective, to be minimised."""
        made = Objective(name, None, body)
        self.symbols[name] = made
        return made

    def data(self, values: npt.ArrayLike) -> Data:
        """Placeholder of fixed numbers, one in each row."""
        return Data(Numbers(values))


class Scope(Formulation):
    """A formulation in which names have a prefix, and keys another form.

    What is declared in it belongs to the whole formulation; `indices` are its own, by names without
    the prefix.
    """

    def __init__(self, whole: Formulation, prefix: str, key: Callable[[Any], Key]) -> None:
        """Open a scope.

        Args:
            whole: the formulation.
            prefix: of all names.
            key: turns the key that is declared into that of the model.
        """
        super().__init__(whole.name)
        self._whole, self._prefix, self._key = whole, prefix, key
        self.symbols = whole.symbols
        self._kinds = whole._kinds

    def index(self, name: str, keys: Iterable[Key]) -> Index:
        """Declare an index set."""
        ids = list(keys)
        made = self._whole.index(self._prefix + name, [self._key(one) for one in ids])
        self.indices[name] = made = dataclasses.replace(made, ids=ids)
        return made

    def numbered(self, name: str, count: int) -> Index:
        """Declare an index set of things that have no ids of their own."""
        made = self.indices[name] = self._whole.numbered(self._prefix + name, count)
        return made

    def parameter(self, name: str, index: Index | None, values: npt.ArrayLike) -> Parameter:
        """Declare mutable parameters."""
        return self._whole.parameter(self._prefix + name, index, values)

    def variable(self, name: str, index: Index, **columns: Any) -> Variable:
        """Declare variables."""
        return self._whole.variable(self._prefix + name, index, **columns)

    def expression(self, name: str, index: Index, body: Node) -> Expression:
        """Declare named expressions."""
        return self._whole.expression(self._prefix + name, index, body)

    def constraint(
        self, name: str, index: Index, body: Node, *, lower: Bound = None, upper: Bound = None
    ) -> Constraint:
        """Declare rows."""
        return self._whole.constraint(self._prefix + name, index, body, lower=lower, upper=upper)

    def objective(self, name: str, body: Node) -> Objective:
        """Refuse an objective: there is one of the whole."""
        raise TypeError("a scope has no objective of its own")


def origin(model: pyo.ConcreteModel) -> Formulation | None:
    """The formulation that a Pyomo model was made from, if it was."""
    found = getattr(model, "_origin", None)
    formulation = found.formulation if isinstance(found, Origin) else None
    if formulation is None or formulation.rendering is None:
        return None
    return formulation if formulation.rendering.model is model else None
