"""The lifted problem, whose inner expressions are variables, is the reduced one in other words."""

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

import scopf
from scopf.engine.nlp import NLP
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.engine.portrait import same
from tests.engine.test_nlp import check_derivatives, check_values


def net_of(case, lossless=False):
    net = scopf.load_case(case)
    return net.lossless() if lossless else net


def dense(nlp, x, w=None, factor=1.0):
    """Jacobian, or with multipliers the symmetric Hessian."""
    if w is None:
        where, data, shape = nlp.jacobianstructure(), nlp.jacobian(x), (nlp.m, nlp.n)
    else:
        where, data, shape = nlp.hessianstructure(), nlp.hessian(x, w, factor), (nlp.n, nlp.n)
    found = sparse.coo_array((data.copy(), where), shape=shape).toarray()
    return found if w is None else found + np.tril(found, -1).T


def check_elimination(model_or_formulation, spread=0.05):
    """With the lifted variables eliminated, values and both derivatives are those of the reduced.

    Own variables come first on both sides, and own rows, in the same order.
    """
    reduced, lifted = (NLP(model_or_formulation, lift) for lift in (False, True))
    n, m = reduced.n, reduced.m
    assert lifted.n - n == lifted.m - m > 0
    assert [v.name for v in lifted.variables] == [v.name for v in reduced.variables]
    assert np.isinf(lifted.x_lower[n:]).all()
    assert np.isinf(lifted.x_upper[n:]).all()
    assert not lifted.g_lower[m:].any()
    assert not lifted.g_upper[m:].any()
    for name, count in (("x_lower", n), ("x_upper", n), ("g_lower", m), ("g_upper", m)):
        assert np.array_equal(getattr(lifted, name)[:count], getattr(reduced, name))
    rng = np.random.default_rng(n)
    x = reduced.start + rng.uniform(-spread, spread, n)
    full = lifted.consistent(np.append(x, np.zeros(lifted.n - n)))
    assert np.array_equal(full[:n], x)
    assert np.abs(lifted.constraints(full)[m:]).max() < 1e-12
    assert lifted.constraints(full)[:m] == pytest.approx(reduced.constraints(x), rel=1e-9, abs=1e-9)
    assert lifted.objective(full) == pytest.approx(reduced.objective(x), rel=1e-12)

    jacobian, gradient = dense(lifted, full), lifted.gradient(full).copy()
    slopes = -np.linalg.solve(jacobian[m:, n:], jacobian[m:, :n])  # dy/dx
    total = np.vstack([np.eye(n), slopes])
    scale = np.abs(jacobian).max()
    assert jacobian[:m] @ total == pytest.approx(dense(reduced, x), abs=1e-11 * scale)
    size = np.abs(gradient).max()
    assert gradient @ total == pytest.approx(reduced.gradient(x), abs=1e-11 * size)

    w, factor = rng.normal(size=m), 0.3
    beside = factor * gradient[n:] + w @ jacobian[:m, n:]
    definitions = -np.linalg.solve(jacobian[m:, n:].T, beside)
    curvature = dense(lifted, full, np.append(w, definitions), factor)
    expected = dense(reduced, x, w, factor)
    size = np.abs(curvature).max()
    assert total.T @ curvature @ total == pytest.approx(expected, abs=1e-10 * size)
    return reduced, lifted


@pytest.mark.parametrize(
    ("case", "lossless", "rows"),
    [("case9Q", False, None), ("case30", True, "pairs"), ("pglib_opf_case39_epri", False, None)],
)
def test_the_reduced_problem_is_the_lifted_one_with_its_variables_eliminated(case, lossless, rows):
    problem = scopf.build(
        net_of(case, lossless), criterion=VoltageDifference(rows), eta_q=0.2, alpha=1.05
    )
    check_elimination(problem.formulation)
    if case == "case9Q":
        check_elimination(problem.model)
        check_elimination(problem.model.clone())


@pytest.mark.parametrize("case", ["case9Q", "pglib_opf_case5_pjm"])
def test_lifted_derivatives_are_those_of_finite_differences(case):
    nlp = NLP(scopf.build(scopf.load_case(case), eta_q=0.3).formulation, lift=True)
    x = nlp.start + np.random.default_rng(3).uniform(-0.05, 0.05, nlp.n)
    check_derivatives(nlp, x)


def test_names_of_definitions_say_what_they_define():
    nlp = NLP(scopf.build(scopf.load_case("case9")).formulation, lift=True)
    assert [n for n in nlp.row_names if n.startswith("definition")][:2] == [
        "definition of branch_p_from[1]", "definition of branch_p_from[2]",
    ]  # fmt: skip
    x = nlp.start.copy()
    x[-1] = np.nan
    assert nlp.not_finite(x)[-1] == "definition of branch_q_to[9]"


# -- optima -----------------------------------------------


@pytest.mark.parametrize(
    ("case", "lossless", "keywords"),
    [
        ("case9Q", False, {}),
        ("case39", True, {"mq": 0.25, "eta_q": 0.1}),
        ("case39", False, {"mq": 0.35, "eta_q": 0.1}),
        ("case30", False, {"eta_q": 0.1}),
        ("pglib_opf_case5_pjm", False, {"criterion": "none"}),
        ("pglib_opf_case30_ieee", False, {"rows": "maximum"}),
    ],
)
def test_optimum_and_prices_are_those_of_the_reduced_form(case, lossless, keywords):
    given = {"criterion": VoltageDifference(keywords.pop("rows", None)), **keywords}
    net = net_of(case, lossless)
    inverters = scopf.Inverters.at_generators(net, mq=given.pop("mq", 0.05))
    problem = scopf.build(net, inverters, **given)
    reduced, lifted = (
        scopf.solve(problem, form=form, options={"tol": 1e-9}) for form in ("reduced", "lifted")
    )
    assert (reduced.status, reduced.attempt) == ("optimal", "reduced")
    assert (lifted.status, lifted.attempt) == ("optimal", "lifted")
    assert len(lifted.iterate.x) > len(reduced.iterate.x)
    assert lifted.cost == pytest.approx(reduced.cost, rel=1e-8)
    thermal = reduced.branches[["mu_s_from_per_mvah", "mu_s_to_per_mvah"]].to_numpy()
    if case in ("case30", "pglib_opf_case5_pjm", "pglib_opf_case30_ieee"):
        assert thermal.max() > 0.1, "a thermal limit should bind here"
    if case == "case39":
        assert reduced.inverters["nssp_per_pu"].max() > 100
    priced = ("lmp", "mu", "nssp", "price")
    if lossless and case == "case39":  # neighbours at their highest voltage share the price freely
        priced = ("lmp", "mu_p", "mu_q", "mu_s", "nssp")
    for name, table in reduced.tables.items():
        for column in table.columns:
            if column.startswith(priced):
                ours, theirs = lifted.tables[name][column].to_numpy(), table[column].to_numpy()
                scale = max(1.0, np.abs(theirs).max(initial=0.0))
                assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-4 * scale), (name, column)
    assert lifted.branches["pf_mw"].to_numpy() == pytest.approx(
        reduced.branches["pf_mw"].to_numpy(), abs=1e-2
    )


# -- a user's own expressions -----------------------------------------------


def test_a_square_of_a_long_sum_is_a_square_of_one_variable():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(400), initialize=lambda m, k: 0.1 + k / 4000, bounds=(0, 1))
    m.plain = pyo.Constraint(expr=pyo.quicksum(m.x.values()) >= 3)
    m.o = pyo.Objective(expr=pyo.quicksum(m.x[k] ** 2 for k in m.x))
    before = NLP(m)
    m.square = pyo.Constraint(expr=(sum((1 + k / 99) * m.x[k] for k in m.x) - 4) ** 2 <= 9e5)
    nlp = NLP(m)
    assert (nlp.n, nlp.m) == (before.n + 1, before.m + 2)
    assert len(nlp.variables) == 400
    assert len(nlp.hessianstructure()[0]) == 401  # one square each: no dense block of 400 x 400
    x = nlp.consistent(nlp.start + 0.01)
    check_values_of_own(nlp, x)
    jacobian, row = dense(nlp, x), nlp.row_numbers([m.square])[0]
    (definition,) = set(range(nlp.m)) - set(nlp.row_numbers([m.plain, m.square]).tolist())
    weights = 1 + np.arange(400) / 99
    inner = weights @ x[:400] - 4
    assert jacobian[definition, :400] == pytest.approx(weights)
    assert jacobian[row, 400] == pytest.approx(2 * (inner if x[400] == inner else x[400]))
    through = (
        jacobian[row, :400]
        - jacobian[row, 400] * jacobian[definition, :400] / (jacobian[definition, 400])
    )
    assert through == pytest.approx(2 * inner * weights)


def check_values_of_own(nlp, x):
    """The user's rows, with the definitions left aside."""
    for variable, value in zip(nlp.variables, x, strict=False):
        variable.set_value(value)
    for row, value in zip(nlp.rows, nlp.constraints(x), strict=False):
        assert value == pytest.approx(pyo.value(row.body), rel=1e-9), row.name


def test_a_long_sum_in_a_user_s_row_is_solved_with():
    problem = scopf.build(scopf.load_case("case118"))
    m = problem.model
    free = scopf.solve(problem)
    total = np.sum(free.point.vm)
    m.level = pyo.Constraint(expr=(pyo.quicksum(m.bus_vm.values()) - total + 1) ** 2 <= 0.25)
    bound = scopf.solve(problem)
    assert bound.status == "optimal"
    assert bound.point.vm.sum() == pytest.approx(total - 0.5, abs=1e-5)
    assert len(bound.iterate.x) == len(free.iterate.x) + 1
    assert bound.cost > free.cost


def nested_model():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(4), initialize=lambda m, k: 0.3 + 0.1 * k, bounds=(-2, 2))
    m.inner = pyo.Expression(expr=m.x[0] * m.x[1] + m.x[2])
    m.middle = pyo.Expression(expr=pyo.sin(m.inner) + m.x[3] ** 2 - m.x[0])
    m.outer = pyo.Expression(expr=2 * m.middle + 1)
    m.linear = pyo.Expression(expr=m.x[0] + m.x[1])
    m.first = pyo.Constraint(expr=m.outer**2 + m.inner <= 50)
    m.second = pyo.Constraint(expr=pyo.exp(m.middle) * m.x[1] + m.linear**2 <= 50)
    m.o = pyo.Objective(expr=m.inner**2 + m.middle + pyo.cos(m.linear))
    return m


def test_nested_named_expressions_are_lifted_each():
    reduced, lifted = check_elimination(nested_model())
    definitions = [name for name in lifted.row_names if name.startswith("definition")]
    assert "definition of inner" in definitions
    assert "definition of middle" in definitions
    assert "definition of linear" not in definitions  # a linear one is no help
    check_derivatives(lifted, lifted.consistent(lifted.start) + 0.01)
    check_values(reduced, reduced.start)


def test_a_consistent_start_satisfies_every_definition():
    m = nested_model()
    m.x[2].fix(0.7)
    nlp = NLP(m, lift=True)
    x = nlp.consistent(nlp.start)
    values = dict(zip(nlp.row_names, nlp.constraints(x), strict=True))
    assert max(abs(v) for name, v in values.items() if name.startswith("definition")) < 1e-15
    names = [name for name in values if name.startswith("definition")]
    column = dict(zip(names, nlp._definition_columns, strict=True))
    assert x[column["definition of inner"]] == pytest.approx(pyo.value(m.inner))
    assert x[column["definition of middle"]] == pytest.approx(pyo.value(m.middle))
    assert np.array_equal(nlp.consistent(x), x)


@pytest.mark.parametrize("lift", [False, True])
def test_a_start_of_the_reduced_form_needs_nothing(lift):
    problem = scopf.build(scopf.load_case("case9"))
    nlp = NLP(problem.formulation, lift)
    x = nlp.start + 0.01
    again = nlp.consistent(x)
    assert np.array_equal(again[: len(nlp.variables)], x[: len(nlp.variables)])
    assert np.array_equal(again, x) == (not lift)


def test_a_user_s_row_on_flows_is_lifted_with_them():
    problem = scopf.build(scopf.load_case("case9"))
    m = problem.model
    m.own = pyo.Constraint(expr=m.branch_p_from[1] * pyo.exp(m.bus_vm[1]) <= 3)
    m.deep = pyo.Constraint(expr=(m.branch_wr[2] + m.branch_q_to[3]) ** 2 <= 9)
    _, lifted = check_elimination(m)
    row = lifted.row_numbers([m.own])[0]
    rows, cols = lifted.jacobianstructure()
    assert {int(c) >= len(lifted.variables) for c in cols[rows == row]} == {False, True}
    assert (rows == row).sum() == 2


def test_a_consistent_start_of_deep_definitions():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(initialize=0.5, bounds=(0, 1))
    m.e = pyo.Expression(range(12))
    last = m.x**2
    for k in range(12):
        m.e[k] = last
        last = pyo.sin(m.e[k]) + 0.3 * m.x
    m.c = pyo.Constraint(expr=last <= 5)
    m.o = pyo.Objective(expr=m.x)
    nlp = NLP(m, lift=True)
    assert np.abs(nlp.constraints(nlp.consistent(nlp.start))[1:]).max() < 1e-12


def test_a_lifted_copy_is_the_lifted_model():
    made = scopf.build(scopf.load_case("case9Q"))
    arrays = NLP(made.formulation, lift=True)
    same(arrays, NLP(made.model.clone(), lift=True))
