"""The engine against another route: Pyomo's .nl file, read and differentiated by CasADi.

The two share nothing but Pyomo's expression tree (and, inside, CasADi's elementary derivatives).
"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import casadi as ca
import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyomo.opt import WriterFactory
from scipy import sparse

import scopf
from scopf.cases import bundled
from scopf.engine.nlp import NLP
from tests.engine.random_models import (
    EXPRESSIONS,
    FUNCTIONS,
    RECIPES,
    ROWS,
    Ingredients,
    expression,
    model,
    relation,
)

TOLERANCE = 1e-9  # relative to the largest number of its kind, or to 1


class Route:
    """A Pyomo model by way of its .nl file, with dense derivatives."""

    def __init__(self, m):
        stream = io.StringIO()
        # The writer may move constants from bodies into bounds, and reorders rows and variables.
        names = WriterFactory("nl").write(m, stream, linear_presolve=False)
        self.variables, self.rows = names.variables, names.constraints
        nl = ca.NlpBuilder()
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.nl"
            path.write_text(stream.getvalue())
            nl.import_nl(str(path))
        imported = ca.Function("nl", [ca.veccat(*nl.x)], [nl.f, ca.veccat(*nl.g)]).expand()
        x, w = ca.SX.sym("x", len(nl.x)), ca.SX.sym("w", len(nl.g) + 1)
        f, g = imported(x)
        lagrangian = ca.dot(w, ca.vertcat(g, f))
        outputs = [f, g, ca.gradient(f, x), ca.jacobian(g, x), ca.hessian(lagrangian, x)[0]]
        self._all = ca.Function("all", [x, w], outputs)
        self.x_lower, self.x_upper = np.array(nl.x_lb), np.array(nl.x_ub)
        self.g_lower, self.g_upper = np.array(nl.g_lb), np.array(nl.g_ub)

    def evaluate(self, x, w):
        f, *rest = (part.full() for part in self._all(x, w))
        g, gradient, jacobian, hessian = rest
        n, m = len(self.variables), len(self.rows)
        return float(f[0, 0]), g.ravel(), gradient.ravel(), jacobian.reshape(m, n), hessian


class Engine(NLP):
    """The engine, with dense derivatives."""

    def evaluate(self, x, w):
        jacobian = sparse.coo_array(
            (self.jacobian(x).copy(), self.jacobianstructure()), shape=(self.m, self.n)
        )
        lower = sparse.coo_array(
            (self.hessian(x, w[:-1], w[-1]).copy(), self.hessianstructure()), shape=(self.n, self.n)
        ).toarray()
        hessian = lower + np.tril(lower, -1).T
        f, g, gradient = self.objective(x), self.constraints(x).copy(), self.gradient(x).copy()
        return f, g, gradient, jacobian.toarray(), hessian


def union(first, second):
    """All members of two lists of Pyomo data, and the place of each list's members among them."""
    members = list({id(data): data for data in (*first, *second)}.values())
    place = {id(data): k for k, data in enumerate(members)}
    return members, [np.array([place[id(d)] for d in part], dtype=int) for part in (first, second)]


def agree(ours, theirs, what):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert np.isfinite(theirs).all(), what
    scale = max(1.0, np.abs(theirs).max(initial=0.0))
    assert np.abs(ours - theirs).max(initial=0.0) <= TOLERANCE * scale, what


def compare(m, points=1, spread=0.3, seed=0):
    """Compile a model both ways and compare everything, at points around the variables' values.

    Either side may leave out what does not matter: a variable without influence, or a row without
    variables.
    """
    engine, route = Engine(m), Route(m)
    variables, places = union(engine.variables, route.variables)
    rows, row_places = union(engine.rows, route.rows)
    assert not any(v.fixed for v in variables)
    assert all(row.active for row in rows)
    n, k = len(variables), len(rows)
    _compare_variable_bounds(engine, route)
    shift = _shifts(engine, route, rows, row_places)
    rng = np.random.default_rng(seed)
    centre = np.array([0.0 if v.value is None else v.value for v in variables])
    for _ in range(points):
        x, w = centre + rng.uniform(-spread, spread, n), rng.normal(size=k + 1)
        found = []
        for side, at, row_at in zip((engine, route), places, row_places, strict=True):
            f, g, gradient, jacobian, hessian = side.evaluate(x[at], w[np.append(row_at, k)])
            full = np.zeros(k), np.zeros(n), np.zeros((k, n)), np.zeros((n, n))
            full[0][row_at], full[1][at] = g, gradient
            full[2][np.ix_(row_at, at)], full[3][np.ix_(at, at)] = jacobian, hessian
            found.append((f, *full))
        (f, g, *ours), (f_nl, g_nl, *theirs) = found
        agree(f, f_nl, "objective")
        both = np.intersect1d(*row_places)
        agree((g - shift)[both], g_nl[both], "rows")
        for a, b, what in zip(ours, theirs, ("gradient", "Jacobian", "Hessian"), strict=True):
            agree(a, b, what)
    return engine, route


def _compare_variable_bounds(engine, route):
    theirs = {id(v): k for k, v in enumerate(route.variables)}
    for v, low, high in zip(engine.variables, engine.x_lower, engine.x_upper, strict=True):
        if (k := theirs.get(id(v))) is not None:
            assert (low, high) == pytest.approx((route.x_lower[k], route.x_upper[k])), v.name


def _shifts(engine, route, rows, row_places):
    """How far a row's bounds, and so its body, are apart on the two sides: a moved constant."""
    bounds = np.full((2, 2, len(rows)), np.nan)
    for side, at, values in zip((engine, route), row_places, bounds, strict=True):
        values[0, at], values[1, at] = side.g_lower, side.g_upper
    shift = np.zeros(len(rows))
    for k in np.intersect1d(*row_places):
        (low, high), (low_nl, high_nl) = bounds[0, :, k], bounds[1, :, k]
        assert [np.isfinite(low), np.isfinite(high)] == [np.isfinite(low_nl), np.isfinite(high_nl)]
        apart = [ours - nl for ours, nl in ((low, low_nl), (high, high_nl)) if np.isfinite(ours)]
        assert apart, rows[k].name
        assert max(apart) - min(apart) <= TOLERANCE * max(1.0, abs(apart[0])), rows[k].name
        shift[k] = apart[0]
    return shift


# -- random models -----------------------------------------------


@settings(max_examples=100, deadline=None)
@given(recipe=RECIPES)
def test_random_models(recipe):
    compare(model(recipe), points=2, seed=recipe.seed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_by_itself_and_inside_another(name):
    function = abs if name == "abs" else getattr(pyo, name)
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(3), initialize=0.45, bounds=(0, 1))
    m.o = pyo.Objective(expr=function(m.x[0]) * m.x[1] + function(m.x[2] * m.x[1]))
    m.c = pyo.Constraint(expr=function(0.5 + 0.3 * function(m.x[0])) ** 2 / m.x[2] <= 9)
    compare(m, points=3, spread=0.3)


def test_terms_of_one_shape_on_the_same_variables_keep_their_numbers_and_signs():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(3), initialize=0.5)
    pairs = [(0, 1), (1, 0), (1, 2), (2, 0)]
    m.rows = pyo.Constraint(
        range(3),
        rule=lambda m, k: (
            sum((i + 2) * (-pyo.sin((k + 1.5) * m.x[i])) * m.x[j] ** (k + 1.5) for i, j in pairs)
            <= 1
        ),
    )
    m.o = pyo.Objective(expr=pyo.sin(2 * m.x[0]) - pyo.sin(3 * m.x[0]) * (-m.x[1]))
    compare(m, points=2)


def test_constant_rows_and_variables_without_influence_are_left_out():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(4), initialize=0.5)
    m.p = pyo.Param(initialize=0.0, mutable=True)
    m.x[3].fix(2)
    m.gone = pyo.Constraint(expr=m.x[3] ** 2 <= 5)
    m.none = pyo.Constraint(expr=m.p * m.x[1] <= 5)
    m.kept = pyo.Constraint(expr=m.x[0] * m.x[3] + 3 >= m.x[3])
    m.cancelled = pyo.Constraint(expr=m.x[0] * m.x[1] - m.x[1] * m.x[0] + m.x[2] == 1)
    m.o = pyo.Objective(expr=m.x[0] ** 2 + m.x[3], sense=pyo.maximize)
    engine, route = compare(m)
    for side in (engine, route):
        # A row whose only coefficient is a Param may stay: the Param can become something else.
        assert {row.name for row in side.rows} - {"none"} == {"kept", "cancelled"}


# -- the package's own models -----------------------------------------------


@pytest.mark.parametrize("criterion", ["none", "voltage-difference"])
@pytest.mark.parametrize("case", bundled.entries())
def test_bundled_cases(case, criterion):
    net = scopf.load_case(case)
    m = scopf.build(net, criterion=criterion, eta_q=0.1).model
    compare(m, points=1 if len(net.bus) > 60 else 3, spread=0.05)


@settings(max_examples=30, deadline=None)
@given(
    case=st.sampled_from(["case9", "case14"]),
    rows=st.lists(ROWS, max_size=4),
    named=st.lists(EXPRESSIONS, max_size=2),
    cost=EXPRESSIONS,
    maximize=st.booleans(),
    seed=st.integers(0, 999),
)
def test_random_additions_to_the_package_s_models(case, rows, named, cost, maximize, seed):
    rng = np.random.default_rng(seed)
    criterion = str(rng.choice(["none", "voltage-difference"]))
    m = scopf.build(scopf.load_case(case), criterion=criterion, eta_q=0.2).model
    m.mine = pyo.Block()
    m.mine.z = pyo.Var(range(2), initialize=0.3, bounds=(-1, 4))
    m.mine.p = pyo.Param(range(3), initialize=1.2, mutable=True)
    m.mine.e = pyo.Expression(range(len(named)))

    def some(*components, count):
        members = [data for component in components for data in component.values()]
        return [members[k] for k in rng.choice(len(members), count, replace=False)]

    for parameter in some(m.bus_pd, m.bus_qd, m.gen_d, count=4):
        parameter.set_value(pyo.value(parameter) + float(rng.uniform(0, 0.5)))
    for variable in some(m.bus_vm, m.bus_va, m.gen_pg, m.gen_qg, count=3):
        variable.fix(variable.value + float(rng.uniform(0.01, 0.04)))
    flows = (m.branch_p_from, m.branch_q_from, m.branch_p_to, m.branch_q_to, m.branch_wr, m.bus_vv)
    variables = [*some(m.bus_vm, m.bus_va, m.gen_pg, m.gen_qg, count=5), *m.mine.z.values()]
    has = Ingredients(m.mine, variables[::-1], [*m.mine.p.values()], some(*flows, count=3))
    for k, tree in enumerate(named):
        m.mine.e[k] = expression(tree, has)
        has.named.append(m.mine.e[k])
    m.mine.rows = pyo.ConstraintList()
    for row in rows:
        added = m.mine.rows.add(relation(row, has))
        if not row.active:
            added.deactivate()
    m.total_cost.expr = m.total_cost.expr + expression(cost, has)
    m.total_cost.sense = pyo.maximize if maximize else pyo.minimize
    off = some(m.bus_balance_p, m.bus_balance_q, m.branch_limit_from, m.branch_angle, count=4)
    for row in off:
        row.deactivate()
    compare(m, spread=0.1, seed=seed)
