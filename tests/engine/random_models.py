"""Random Pyomo models of everything that the engine compiles, for hypothesis to draw.

Hypothesis draws recipes, which are plain data and print well; `expression` and `model` cook them.
Functions stay inside their domains and values stay moderate, so that two ways of evaluating a model
differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from hypothesis import strategies as st
from pyomo.core.expr.numeric_expr import LinearExpression

LARGEST = 1e4  # no drawn expression exceeds this where |x| <= 2

# -- expressions -----------------------------------------------

# Without asinh, acosh and atanh, which CasADi's importer of .nl files does not know.
BOUNDED = {"sin": 1, "cos": 1, "tan": 1, "atan": 2, "tanh": 1, "asin": 2, "acos": 4, "log": 10}
FUNCTIONS = [*BOUNDED, "exp", "log10", "sqrt", "abs", "sinh", "cosh"]

LEAVES = st.one_of(
    st.integers(0, 9).map(lambda k: ("variable", k)),
    st.integers(0, 9).map(lambda k: ("parameter", k)),
    st.integers(0, 9).map(lambda k: ("named", k)),
    st.sampled_from([-3, -1, 0, 1, 2]).map(lambda c: ("number", c)),
    st.floats(-3, 3).map(lambda c: ("number", round(c, 2))),
    st.lists(st.floats(-2, 2), min_size=2, max_size=4).map(lambda c: ("linear", c)),
)


def _larger(children: Any) -> Any:
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "-*", "/", "x**y", "p/x"]), children, children),
        st.tuples(st.sampled_from(["neg", "square", "own", "**p", "p**", "/p"]), children),
        st.tuples(st.just("**"), children, st.sampled_from([0, 1, 2, 3, -1, -2, 0.5, 1.7])),
        st.tuples(st.just("call"), st.sampled_from(FUNCTIONS), children),
        st.tuples(st.just("sum"), st.lists(children, min_size=2, max_size=4)),
    )


def _size(tree: Any) -> float:
    """A bound on the value of an expression."""
    kind, *parts = tree
    if kind in ("variable", "parameter"):
        return 2.0
    if kind == "named":
        return 20.0
    if kind == "number":
        return float(abs(parts[0]))
    if kind == "linear":
        return 4.0 * len(parts[0])
    if kind == "call":
        name, inner = parts[0], _size(parts[1])
        return float(BOUNDED.get(name, {"abs": inner, "sqrt": 2 + inner}.get(name, 25.0)))
    if kind == "**":
        size, exponent = _size(parts[0]), parts[1]
        return max(1.0, 1.2 + size**2 if exponent in (0.5, 1.7) else size) ** max(exponent, 0)
    sizes = [_size(part) for part in (parts[0] if kind == "sum" else parts)]
    if kind in ("*", "-*", "/", "p/x"):
        return max(1.0, sizes[0]) * max(1.0, sizes[1])
    if kind in ("square", "**p", "x**y"):
        return (1.2 + sizes[0] ** 2) ** 2
    return sum(sizes) + 10.0 * (kind == "p**")


EXPRESSIONS = st.recursive(LEAVES, _larger, max_leaves=14).filter(lambda t: _size(t) < LARGEST)


@dataclass
class Ingredients:
    """What the leaves of an expression stand for; numbers are taken modulo the lengths.

    Attributes:
        block: takes the named expressions that a tree makes for itself.
        variables: Pyomo variables, free or fixed.
        parameters: mutable Pyomo Params with values from 0.5 to 2.
        named: Pyomo Expressions.
        call: a function by its name in Pyomo.
    """

    block: pyo.Block
    variables: list[Any]
    parameters: list[Any]
    named: list[Any]
    call: Callable[[str, Any], Any] = lambda name, x: getattr(pyo, name)(x)


def expression(tree: Any, has: Ingredients) -> Any:
    """The Pyomo expression that a tree describes."""
    kind, *parts = tree
    if kind == "number":
        return parts[0]
    if kind in ("variable", "parameter", "named"):
        pool = {"variable": has.variables, "parameter": has.parameters, "named": has.named}[kind]
        return pool[parts[0] % len(pool)] if pool else has.variables[parts[0] % 2]
    if kind == "linear":
        pairs = zip(parts[0], has.variables, strict=False)
        terms = [c * x for c, x in pairs]
        return LinearExpression(terms) if has.block else sum(terms)
    if kind == "sum":
        return sum(expression(part, has) for part in parts[0])
    if kind == "call":
        return _call(parts[0], expression(parts[1], has), has.call)
    if kind == "**":
        base, exponent = expression(parts[0], has), parts[1]
        return base**exponent if exponent in (0, 1, 2, 3) else (1.2 + base**2) ** exponent
    a, b = (expression(part, has) for part in (*parts, ("number", 0))[:2])
    p = has.parameters[len(parts) % len(has.parameters)]
    if kind == "own":
        name = f"own{len(list(has.block.component_objects(pyo.Expression)))}"
        has.block.add_component(name, pyo.Expression(expr=a))
        return getattr(has.block, name)
    return {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "-*": lambda: (-a) * b,
        "/": lambda: a / (1.5 + b**2),
        "p/x": lambda: p * a / (p + b**2),
        "neg": lambda: -a,
        "square": lambda: a * a,
        "x**y": lambda: (1.2 + a**2) ** has.call("sin", b),
        "**p": lambda: (1.2 + a**2) ** p,
        "p**": lambda: p ** has.call("cos", a),
        "/p": lambda: a / (2 * p) / 1.25,
    }[kind]()


def _call(name: str, inner: Any, call: Callable[[str, Any], Any]) -> Any:
    def sin(x: Any) -> Any:
        return call("sin", x)

    def cos(x: Any) -> Any:
        return call("cos", x)

    inside = {
        "log": 1.3 + inner**2, "log10": 1.3 + inner**2, "sqrt": 1.3 + inner**2,
        "tan": 0.7 * sin(inner), "asin": 0.9 * sin(inner), "acos": 0.9 * cos(inner),
        "exp": 3 * sin(inner), "sinh": 3 * cos(inner), "cosh": 3 * sin(inner),
    }  # fmt: skip
    x = inside.get(name, inner)
    return abs(x) if name == "abs" else call(name, x)


# -- rows -----------------------------------------------


@dataclass(frozen=True)
class Row:
    """A constraint around the value that its body has where the model is made.

    Attributes:
        kind: "==", "<=", ">=", "range", or "both" (an expression on both sides).
        tree: the body.
        other: the other side of "both".
        fixed_bounds: numbers as bounds, else mutable Params take part in them.
        active: whether it stays active.
    """

    kind: str
    tree: Any
    other: Any
    fixed_bounds: bool
    active: bool


ROWS = st.builds(
    Row,
    kind=st.sampled_from(["==", "<=", ">=", "range", "both"]),
    tree=EXPRESSIONS,
    other=EXPRESSIONS,
    fixed_bounds=st.booleans(),
    active=st.sampled_from([True, True, True, False]),
)


def relation(row: Row, has: Ingredients) -> Any:
    """What a Pyomo Constraint takes, fulfilled by the variables' present values.

    A sliver of the first variable keeps the body an expression where the tree is a number.
    """
    body = 0.01 * has.variables[0] + expression(row.tree, has)
    value, p = pyo.value(body), has.parameters[0]
    if not row.fixed_bounds:
        value = p + (value - pyo.value(p))
    if row.kind == "both":
        other = expression(row.other, has)
        return body <= other + (pyo.value(body) - pyo.value(other) + 0.5)
    return {
        "==": lambda: body == value,
        "<=": lambda: body <= value + 0.5,
        ">=": lambda: body >= value - 0.5,
        "range": lambda: (value - 0.5, body, value + p),
    }[row.kind]()


# -- models -----------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """A whole model: see `model`."""

    rows: list[tuple[str, Row]]
    named: list[Any]
    objective: Any
    maximize: bool
    fixed: set[int]
    seed: int


RECIPES = st.builds(
    Recipe,
    rows=st.lists(st.tuples(st.sampled_from(["top", "list", "inner", "off"]), ROWS), max_size=6),
    named=st.lists(EXPRESSIONS.filter(lambda tree: _size(tree) < 20), max_size=3),
    objective=EXPRESSIONS,
    maximize=st.booleans(),
    fixed=st.sets(st.integers(0, 7), max_size=3),
    seed=st.integers(0, 99),
)


def model(recipe: Recipe) -> pyo.ConcreteModel:
    """A model of eight variables, scalar, indexed and in a block; the first ones may be fixed.

    Rows lie at the top, in a ConstraintList, in a block and in a deactivated block. Named
    expressions may hold one another and are shared by rows and objective.
    """
    rng = np.random.default_rng(recipe.seed)
    m = pyo.ConcreteModel()
    m.x = pyo.Var(["a", "b", "c"], [1, 2], bounds=lambda m, name, k: (-3 * k, None if k > 1 else 3))
    m.y = pyo.Var(bounds=(None, 5))
    m.p = pyo.Param(initialize=1.5, mutable=True)
    m.q = pyo.Param(["u", "v"], initialize=1.0, mutable=True)
    m.inner, m.off, m.pantry = pyo.Block(), pyo.Block(), pyo.Block()
    m.inner.z = pyo.Var(within=pyo.Reals, bounds=(-1 - m.p, 2 * m.q["u"] + 1))
    variables = [m.y, *m.x.values(), m.inner.z]
    for variable, value in zip(variables, rng.uniform(-1.5, 1.5, len(variables)), strict=True):
        variable.set_value(float(value), skip_validation=True)
    parameters = [m.p, *m.q.values()]
    for parameter, value in zip(parameters, rng.uniform(0.5, 2, 3).round(3).tolist(), strict=True):
        parameter.set_value(value)
    for k in recipe.fixed:
        variables[k].fix()
    has = Ingredients(m.pantry, variables, parameters, [])
    m.shared = pyo.Expression(range(len(recipe.named)))
    for k, tree in enumerate(recipe.named):
        m.shared[k] = expression(tree, has)
        has.named.append(m.shared[k])
    m.objective = pyo.Objective(
        expr=expression(recipe.objective, has) + 0.3,
        sense=pyo.maximize if recipe.maximize else pyo.minimize,
    )
    m.top = pyo.Constraint(pyo.Any)
    m.inner.top = pyo.Constraint(pyo.Any)
    m.off.top = pyo.Constraint(pyo.Any)
    m.list = pyo.ConstraintList()
    homes = {"top": m.top, "inner": m.inner.top, "off": m.off.top}
    for k, (place, row) in enumerate(recipe.rows):
        held = relation(row, has)
        added = m.list.add(held) if place == "list" else homes[place].add(k, held)
        if added is not None and not row.active:
            added.deactivate()
    m.off.deactivate()
    return m
