"""An optimisation problem declared in families.

A family is one equation and the arrays that go into it. The equation is an ordinary function that
is called once, on placeholders, and gives a Pyomo expression: the family's template. From it come

- the Pyomo model, where every row is the template with its own variables and numbers put in, made
  when somebody first asks for it; and
- the arrays that the engine solves, read off the same template without visiting the rows.

So an equation is written once, and a large model costs arrays, not objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyomo.core.expr.numeric_expr as nodes
import pyomo.environ as pyo
from pyomo.core.base.expression import ExpressionData
from pyomo.core.base.param import ParamData
from pyomo.core.base.var import VarData

from scopf.engine.gc_off import collector_off
from scopf.engine.numbers import Numbers
from scopf.engine.pyomo_model import Origin, Rendering
from scopf.engine.symbols import (
    Constraint,
    Data,
    Expression,
    Index,
    Leaf,
    Members,
    Objective,
    Parameter,
    Variable,
)

_NOWHERE = pyo.Param(mutable=True)  # what placeholders of numbers belong to


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
        self.symbols: dict[str, Any] = {}
        self.rendering: Rendering | None = None
        self._leaves: dict[int, tuple[Any, Leaf]] = {}

    @property
    def model(self) -> pyo.ConcreteModel:
        """The Pyomo model, made at the first call; from then on it is what counts."""
        if self.rendering is None:
            with collector_off():
                self.rendering = Rendering(self)
        return self.rendering.model

    def read_model(self) -> None:
        """Take over what the user has changed on the Pyomo model: parameters and boxes."""
        if self.rendering is not None:
            self.rendering.read()

    def __getitem__(self, name: str) -> Any:
        return self.symbols[name]

    def __contains__(self, name: str) -> bool:
        return name in self.symbols

    def of_kind(self, kind: type) -> list[Any]:
        """Families of one kind, in order."""
        return [symbol for symbol in self.symbols.values() if isinstance(symbol, kind)]

    # -- declaring -------------------------------------------

    def index(self, name: str, keys: Iterable[Any]) -> Index:
        """Declare an index set; `keys` are bus numbers, ids or tuples of them."""
        self.indices[name] = made = Index(name, list(keys))
        return made

    def parameter(self, name: str, index: Index | None, values: Any) -> Parameter:
        """Declare mutable parameters, one for each key (or a scalar without an index)."""
        numbers = np.atleast_1d(np.array(values, dtype=np.float64))
        made = Parameter(self, name, index, numbers)
        self.symbols[name] = made
        return made

    def variable(
        self, name: str, index: Index, *, lower: Any, upper: Any, start: Any, fixed: Any = False
    ) -> Variable:
        """Declare variables; all arguments are arrays or numbers, `fixed` a mask."""
        n = len(index)
        box = [np.array(np.broadcast_to(part, n), dtype=float) for part in (lower, upper, start)]
        mask = np.array(np.broadcast_to(fixed, n), dtype=bool)
        low, high, first = box
        made = Variable(self, name, index, low, high, first, first.copy(), mask)
        self.symbols[name] = made
        return made

    def expression(self, name: str, index: Index, body: Any) -> Expression:
        """Declare named expressions."""
        made = Expression(self, name, index, body)
        self.symbols[name] = made
        return made

    def constraint(
        self, name: str, index: Index, body: Any, *, lower: Any = None, upper: Any = None
    ) -> Constraint:
        """Declare rows; equal rows have the same object as lower and upper side."""
        made = Constraint(self, name, index, body, lower, upper)
        self.symbols[name] = made
        return made

    def objective(self, name: str, body: Any) -> Objective:
        """Declare the objective, to be minimised."""
        made = Objective(self, name, None, body)
        self.symbols[name] = made
        return made

    # -- placeholders -------------------------------------------

    def data(self, values: Any) -> Any:
        """Placeholder of fixed numbers, one in each row."""
        return self.place(Data(Numbers(values)))

    def place(self, leaf: Leaf) -> Any:
        """A Pyomo object that stands for a leaf in a template."""
        placeholder: Any
        if isinstance(leaf, Data) or isinstance(leaf.symbol, Parameter):
            placeholder = ParamData(_NOWHERE)
        elif isinstance(leaf, Members) and isinstance(leaf.symbol, Variable):
            placeholder = VarData()
        else:
            placeholder = ExpressionData(VarData())
        self._leaves[id(placeholder)] = (placeholder, leaf)
        return placeholder

    def leaf(self, placeholder: Any) -> Leaf | None:
        """What a Pyomo object stands for; None for one that is no placeholder."""
        found = self._leaves.get(id(placeholder))
        return None if found is None else found[1]

    # -- numbers -------------------------------------------

    def numbers(self, node: Any) -> Numbers:
        """Numbers of a template without variables, or of an array."""
        if isinstance(node, (int, float, np.ndarray, Sequence)):
            return Numbers(node)
        leaf = self.leaf(node)
        if isinstance(leaf, Data):
            return leaf.numbers
        if isinstance(leaf, Members) and isinstance(leaf.symbol, Parameter):
            values, at = leaf.symbol.values, leaf.positions
            return Numbers(read=lambda: values[at], nonzero=np.ones(len(at), dtype=bool))
        return self._operate(node)

    def _operate(self, node: Any) -> Numbers:
        columns = [self.numbers(argument) for argument in node.args]
        result = columns[0]
        if isinstance(node, (nodes.SumExpressionBase, nodes.LinearExpression)):
            for column in columns[1:]:
                result = result + column
        elif isinstance(node, nodes.ProductExpression):
            result = result * columns[1]
        elif isinstance(node, nodes.DivisionExpression):
            result = result / columns[1]
        elif isinstance(node, nodes.NegationExpression):
            result = -result
        else:
            raise TypeError(f"{node}: numbers are sums, products and quotients of parameters")
        return result


def origin(model: Any) -> Formulation | None:
    """The formulation that a Pyomo model was made from, if it was."""
    found = getattr(model, "_origin", None)
    formulation = found.formulation if isinstance(found, Origin) else None
    if not isinstance(formulation, Formulation) or formulation.rendering is None:
        return None
    return formulation if formulation.rendering.model is model else None
