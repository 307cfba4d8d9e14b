"""The engine against finite differences and against Pyomo's own evaluation."""

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import scopf
from scopf.cases import bundled
from scopf.engine.nlp import NLP

pytestmark = pytest.mark.core


def jacobian(nlp, x):
    return sparse.coo_array(
        (nlp.jacobian(x).copy(), nlp.jacobianstructure()), shape=(nlp.m, nlp.n)
    ).toarray()


def hessian(nlp, x, multipliers, factor):
    lower = sparse.coo_array(
        (nlp.hessian(x, multipliers, factor).copy(), nlp.hessianstructure()), shape=(nlp.n, nlp.n)
    ).toarray()
    return lower + np.tril(lower, -1).T


def differences(function, x, step=1e-6):
    """Central differences of a vector function, one column for each variable."""
    columns = []
    for k in range(len(x)):
        shift = np.zeros(len(x))
        shift[k] = step * max(1.0, abs(x[k]))
        ahead, behind = np.array(function(x + shift)), np.array(function(x - shift))
        columns.append((ahead - behind) / (2 * shift[k]))
    return np.array(columns).T


def check_derivatives(nlp, x, tolerance=1e-6):
    weights = np.random.default_rng(7).normal(size=nlp.m)

    def lagrangian_gradient(x):
        return jacobian(nlp, x).T @ weights + 0.7 * nlp.gradient(x)

    slopes = differences(lambda x: nlp.constraints(x).copy(), x).reshape(nlp.m, nlp.n)
    scale = 1 + np.abs(slopes).max(initial=0.0)
    assert jacobian(nlp, x) == pytest.approx(slopes, abs=tolerance * scale)
    slope = differences(lambda x: [nlp.objective(x)], x)[0]
    assert nlp.gradient(x) == pytest.approx(slope, abs=tolerance * (1 + np.abs(slope).max()))
    curvature = differences(lagrangian_gradient, x)
    scale = 1 + np.abs(curvature).max()
    assert hessian(nlp, x, weights, 0.7) == pytest.approx(curvature, abs=tolerance * scale)


def check_values(nlp, x):
    """Rows and objective as Pyomo itself evaluates them."""
    for variable, value in zip(nlp.variables, x, strict=True):
        variable.set_value(value, skip_validation=True)
    expected = [pyo.value(row.body) for row in nlp.rows]
    sides = zip(nlp.rows, nlp.constraints(x), nlp.g_lower, nlp.g_upper, expected, strict=True)
    for row, value, low, high, body in sides:
        lower = -np.inf if row.lower is None else pyo.value(row.lower)
        upper = np.inf if row.upper is None else pyo.value(row.upper)
        shift = low - lower if np.isfinite(lower) else high - upper
        if np.isfinite(lower) or np.isfinite(upper):
            assert value - shift == pytest.approx(body, rel=1e-9, abs=1e-9), row.name


# -- any expression ------------------------------------------------

X = 4  # variables of the random models


def leaves():
    return st.one_of(
        st.integers(0, X - 1).map(lambda k: ("x", k)),
        st.floats(-3, 3, allow_nan=False).map(lambda c: ("number", round(c, 2))),
        st.floats(0.5, 2).map(lambda c: ("parameter", round(c, 2))),
    )


def branches(children):
    pair = st.tuples(children, children)
    return st.one_of(
        pair.map(lambda ab: ("+", *ab)),
        pair.map(lambda ab: ("-", *ab)),
        pair.map(lambda ab: ("*", *ab)),
        pair.map(lambda ab: ("/", *ab)),
        children.map(lambda a: ("neg", a)),
        children.map(lambda a: ("named", a)),
        st.tuples(children, st.sampled_from([0, 1, 2, 3, -1, 0.5, 1.7])).map(
            lambda ab: ("pow", *ab)
        ),
        st.tuples(children, children).map(lambda ab: ("x**y", *ab)),
        st.tuples(
            st.sampled_from(["sin", "cos", "tan", "exp", "log", "sqrt", "abs", "atan"]), children
        ).map(lambda fa: ("call", *fa)),
    )


EXPRESSIONS = st.recursive(leaves(), branches, max_leaves=10)


def make(tree, m):
    """A Pyomo expression, its functions kept inside their domains."""
    kind, *parts = tree
    if kind == "x":
        return m.x[parts[0]]
    if kind == "number":
        return parts[0]
    if kind == "parameter":
        m.p.add_component(
            f"p{len(list(m.p.component_objects()))}",
            p := pyo.Param(initialize=parts[0], mutable=True),
        )
        return p
    if kind == "call":
        name, inner = parts[0], make(parts[1], m)
        inside = {"log": 1.3 + inner**2, "sqrt": 1.3 + inner**2, "tan": 0.4 * pyo.sin(inner)}
        function = abs if name == "abs" else getattr(pyo, name)
        return function(inside.get(name, pyo.sin(inner) + 2))
    if kind == "pow":
        base, exponent = make(parts[0], m), parts[1]
        return base**exponent if exponent in (0, 1, 2, 3) else (1.2 + base**2) ** exponent
    operands = [make(part, m) for part in parts]
    if kind == "named":
        m.e.add_component(
            f"e{len(list(m.e.component_objects()))}", e := pyo.Expression(expr=operands[0])
        )
        return e
    return {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / (1.5 + b**2),
        "neg": lambda a: -a,
        "x**y": lambda a, b: (1.2 + a**2) ** pyo.sin(b),
    }[kind](*operands)


@settings(max_examples=150, deadline=None)
@given(
    trees=st.lists(EXPRESSIONS, min_size=1, max_size=5),
    objective=EXPRESSIONS,
    fixed=st.sets(st.integers(0, X - 1), max_size=2),
    point=st.lists(st.floats(-1.5, 1.5), min_size=X, max_size=X),
    sense=st.sampled_from([pyo.minimize, pyo.maximize]),
)
def test_random_models_agree_with_finite_differences_and_with_pyomo(
    trees, objective, fixed, point, sense
):
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(X), initialize=dict(enumerate(point)))
    m.p, m.e = pyo.Block(), pyo.Block()
    m.free = pyo.Var(initialize=0.4)
    m.rows = pyo.ConstraintList()
    for k, tree in enumerate(trees):
        body = make(tree, m) + 7.31 * m.free
        m.rows.add([body == 1, body <= 2, (-5, body, 5)][k % 3])
    m.objective = pyo.Objective(expr=make(objective, m) + m.x[0], sense=sense)
    for k in fixed:
        m.x[k].fix()
    nlp = NLP(m)
    x = np.array([v.value for v in nlp.variables])
    check_values(nlp, x)
    sign = -1 if sense == pyo.maximize else 1
    assert nlp.objective(x) == pytest.approx(sign * pyo.value(m.objective), rel=1e-9, abs=1e-9)
    if np.abs(nlp.constraints(x)).max(initial=0) < 1e3 and abs(nlp.objective(x)) < 1e3:
        check_derivatives(nlp, x, tolerance=1e-5)


@pytest.mark.parametrize("case", [name for name in bundled.names() if "300" not in name])
def test_derivatives_of_bundled_cases(case):
    problem = scopf.build(scopf.load_case(case))
    nlp = NLP(problem.model)
    rng = np.random.default_rng(1)
    x = nlp.start + rng.uniform(-0.05, 0.05, nlp.n)
    check_values(nlp, x)
    check_derivatives(nlp, x)


# -- particular models ---------------------------------------------


def model_of(rows, objective=None):
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(3), initialize=0.5, bounds=(-2, 2))
    m.row = pyo.Constraint(range(1), rule=lambda m, _: rows(m))
    m.objective = pyo.Objective(expr=(objective or (lambda m: m.x[0] + m.x[1] + m.x[2]))(m))
    return m


def test_atoms_on_the_same_variables_are_one_kernel_whatever_the_size():
    for case in ("case39", "case118"):
        nlp = NLP(scopf.build(scopf.load_case(case), criterion="none").model)
        assert len(nlp._kernels) <= 4


def test_a_fixed_variable_is_a_constant_everywhere():
    m = model_of(lambda m: m.x[0] * m.x[1] + pyo.sin(m.x[0]) <= 1)
    m.x[0].fix(0.7)
    nlp = NLP(m)
    assert [v.name for v in nlp.variables] == ["x[1]", "x[2]"]
    assert jacobian(nlp, np.array([0.3, 0.1])) == pytest.approx(np.array([[0.7, 0.0]]))
    assert not len(nlp.hessianstructure()[0])


def test_a_row_whose_variables_are_all_fixed_is_dropped_if_it_holds():
    m = model_of(lambda m: m.x[0] ** 2 <= 1)
    m.x[0].fix(0.5)
    assert NLP(m).m == 0
    m.x[0].fix(1.5)
    m.also = pyo.Constraint(expr=m.x[0] >= 2)
    nlp = NLP(m)
    assert (nlp.m, nlp.unmet.tolist(), nlp.row_names) == (2, [0, 1], ["row[0]", "also"])
    assert nlp.constraints(nlp.start).tolist() == [2.25, 1.5]
    assert not len(nlp.jacobianstructure()[0])
    m.x[0].fix(0.9)
    assert not nlp.refresh()
    nlp = NLP(m)
    assert (nlp.unmet.tolist(), nlp.row_names) == ([0], ["also"])
    m.odd = pyo.Constraint(expr=1 / (m.x[0] - 0.9) <= 1)
    with pytest.raises(scopf.ScopfError, match="odd"):
        NLP(m)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: setattr(m, "b", pyo.Constraint(expr=m.y <= 1)), "continuous.*y"),
        (lambda m: setattr(m, "s", pyo.SOSConstraint(var=m.x, sos=1)), r"s \(SOSConstraint\)"),
        (lambda m: setattr(m, "o", pyo.Objective(expr=m.x[0])), "one active objective.*o"),
        (lambda m: m.objective.deactivate(), "one active objective"),
        (lambda m: setattr(m, "c", pyo.Constraint(expr=pyo.ceil(m.x[0]) <= 1)), "c .*ceil"),
        (
            lambda m: setattr(
                m, "i", pyo.Constraint(expr=pyo.Expr_if(m.x[0] >= 0, m.x[1], m.x[2]) <= 1)
            ),
            "^i cannot be compiled",
        ),
    ],
)
def test_what_cannot_be_compiled_is_refused_by_name(spoil, said):
    m = model_of(lambda m: m.x[0] <= 1)
    m.y = pyo.Var(domain=pyo.Integers)
    spoil(m)
    with pytest.raises(scopf.ScopfError, match=said):
        NLP(m)


def test_deactivated_parts_are_left_out():
    m = model_of(lambda m: m.x[0] <= 1)
    m.block = pyo.Block()
    m.block.inner = pyo.Constraint(expr=m.x[1] <= 0)
    m.off = pyo.Constraint(expr=m.x[2] <= 0)
    m.off.deactivate()
    m.block.deactivate()
    assert [row.name for row in NLP(m).rows] == ["row[0]"]


def test_evaluation_that_is_no_number_is_named():
    m = model_of(lambda m: pyo.log(m.x[0]) <= 1)
    nlp = NLP(m)
    assert nlp.not_finite(np.array([-1.0, 0.0, 0.0])) == ["row[0]"]
