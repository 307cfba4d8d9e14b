"""Walk the rows of a Pyomo model that no family stands for, one by one."""

from __future__ import annotations

from collections.abc import Callable

from scopf.engine.coefficients import Parameters
from scopf.engine.expressions import Atom, Coefficient, Form, Shape, UnsupportedError, Walker
from scopf.engine.pyomo_types import Node
from scopf.engine.templates import (
    CONSTANT,
    NAMED,
    NEGATION,
    NUMBER,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    VARIABLE,
)

_INSIDE = "inside"  # context of what is inside a named expression: only the outermost is nested
_LONG = 24  # an inner sum of more variables than this becomes a variable of its own
_FUNCTION = "function"  # nodes of this kind name their own
_KINDS: dict[type, str] = {int: NUMBER, float: NUMBER}  # of the classes met so far


class RowWalker(Walker[str]):
    """Walks the rows of a Pyomo model, one by one.

    Args:
        lift: as in Walker.
        columns: columns of variables that are known already, by id.
        forms: gives the form of a named expression that is known already, None for another.
        first_column, first_atom: numbers of the first new variable and atom.

    Attributes:
        variables: every new variable met, in order of its column.
        atoms: every distinct atom met, in order of its number.
        parameters: every mutable parameter met.
        named: form of every named expression (and long sum) met, by id.
        nodes: these expressions.
        definitions: lifted variables (their columns) and the forms that they are equal to.
    """

    def __init__(
        self,
        lift: frozenset[int] = frozenset(),
        columns: dict[int, int] | None = None,
        forms: Callable[[Node], Form | None] | None = None,
        first_column: int = 0,
        first_atom: int = 0,
    ) -> None:
        super().__init__(lift)
        self.variables: list[Node] = []
        self.atoms: list[Atom] = []
        self.named: dict[int, Form] = {}
        self.nodes: list[Node] = []
        self.definitions: list[tuple[int, Form]] = []
        self._column = columns if columns is not None else {}
        self._forms = forms or (lambda node: None)
        self._first_column, self._first_atom = first_column, first_atom
        self._atom: dict[Atom, int] = {}
        self.parameters = Parameters()

    def kind(self, node: Node) -> str:
        """Kind of a node of a Pyomo expression."""
        kind = _KINDS.get(node.__class__)
        if kind is None:
            kind = _KINDS[node.__class__] = _kind(node)
        return kind if kind is not _FUNCTION else str(node.getname())

    def number(self, node: Node, context: str | None = None) -> Coefficient:
        """A mutable parameter, or an expression of them: read again at every refresh."""
        return self.parameters.of(node)

    def inverse(self, node: Node) -> Coefficient:
        """One over it, also read again at every refresh."""
        return self.parameters.of(node, inverse=True)

    def column(self, variable: Node, context: str | None = None) -> int:
        """Column of a variable or of a lifted expression."""
        column = self._column.get(id(variable))
        if column is None:
            column = self._column[id(variable)] = self._first_column + len(self.variables)
            self.variables.append(variable)
        return column

    def body(self, node: Node, context: str | None) -> tuple[Node, str]:
        """The named expression's own expression."""
        if node.expr is None:
            raise UnsupportedError(f"expression {node.name} is empty")
        if context is None and self._form_of(node).atoms:
            self.nested.add(id(node))
        return node.expr, _INSIDE

    def lifted(self, node: Node, context: str | None) -> bool:
        """Named expressions that are to be lifted, and long inner sums always."""
        if id(node) in self._column:
            return True
        kind = self.kind(node)
        if kind == NAMED:
            if id(node) not in self.lift or not self._form_of(node).atoms:
                return False
        elif kind != SUM or len(node.args) < _LONG:
            return False
        form = self._form_of(node)
        self.definitions.append((self.column(node), form))
        return True

    def add_named(self, node: Node, scale: Coefficient, form: Form) -> None:
        """Add a named expression's form, or its variable when it is lifted."""
        if self.lifted(node, None):
            column = self.column(node)
            form.linear[column] = form.linear.get(column, 0.0) + scale
        else:
            form.add(self._form_of(node), scale)

    def atom(self, shape: Shape, columns: tuple[int, ...], numbers: tuple[Coefficient, ...]) -> int:
        """Number of an atom, the same for equal ones."""
        atom: Atom = (shape, columns, numbers)
        number = self._atom.get(atom)
        if number is None:
            number = self._atom[atom] = self._first_atom + len(self.atoms)
            self.atoms.append(atom)
        return number

    def _form_of(self, node: Node) -> Form:
        """Form of a named expression or of a sum, made once."""
        form = self.named.get(id(node))
        if form is None:
            form = self._forms(node)
            if form is None:
                named = self.kind(node) == NAMED
                if named and node.expr is None:
                    raise UnsupportedError(f"expression {node.name} is empty")
                form = self.form(node.expr if named else node)
            self.named[id(node)] = form
            self.nodes.append(node)
        return form


def _kind(node: Node) -> str:
    """Kind of all nodes of this one's class.

    Raises:
        UnsupportedError: for a class that has no compiled form.
    """
    import pyomo.core.expr.numeric_expr as nodes
    from pyomo.common.numeric_types import native_numeric_types
    from pyomo.core.expr.numvalue import NumericValue

    if node.__class__ in native_numeric_types:
        return NUMBER
    if not isinstance(node, NumericValue):
        raise UnsupportedError(f"{node} ({type(node).__name__}) is not an expression")
    if not node.is_potentially_variable():
        return CONSTANT
    if node.is_variable_type():
        return VARIABLE
    if node.is_expression_type() and node.is_named_expression_type():
        return NAMED
    kinds = {
        nodes.SumExpressionBase: SUM,
        nodes.LinearExpression: SUM,
        nodes.ProductExpression: PRODUCT,
        nodes.DivisionExpression: QUOTIENT,
        nodes.NegationExpression: NEGATION,
        nodes.PowExpression: POWER,
        nodes.UnaryFunctionExpression: _FUNCTION,
        nodes.AbsExpression: _FUNCTION,
    }
    for base, kind in kinds.items():
        if isinstance(node, base):
            return kind
    raise UnsupportedError(f"{type(node).__name__} is not supported")
