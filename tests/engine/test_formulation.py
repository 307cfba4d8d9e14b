"""The arrays that are solved and the Pyomo model that is shown say the same."""

import pickle

import numpy as np
import pyomo.dae as dae
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.engine.formulation import Formulation, origin
from scopf.engine.functions import exp, sin
from scopf.engine.nlp import NLP
from scopf.engine.templates import FUNCTIONS
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.engine.portrait import apart, portrait, same
from tests.engine.random_models import EXPRESSIONS, Ingredients, expression

pytestmark = pytest.mark.core

CASES = [
    ("case9Q", False), ("case14", True), ("case30", False), ("case39", True), ("case57", False),
    ("pglib_opf_case5_pjm", False), ("pglib_opf_case30_ieee", True),
    ("pglib_opf_case118_ieee", False),
]  # fmt: skip


def problem(case="case9", lossless=False, rows=None, **keywords):
    net = scopf.load_case(case)
    net = net.lossless() if lossless else net
    scenario = {"eta_q": 0.2, "alpha": 1.07, "margin": 0.003, **keywords}
    return scopf.build(net, criterion=VoltageDifference(rows), **scenario)


def walked(model):
    """A copy of a model, which is read row by row because nothing says where it came from."""
    nlp = NLP(model.clone())
    assert nlp._parsed.families is None
    return nlp


# -- as built -----------------------------------------------


@pytest.mark.parametrize(
    ("case", "lossless", "rows"),
    [(*case, "pairs") for case in CASES] + [(*case, "maximum") for case in CASES],
)
def test_the_arrays_say_what_the_model_says(case, lossless, rows):
    made = problem(case, lossless, rows)
    arrays = NLP(made.formulation)
    assert made.formulation.rendering is None
    by_rows = walked(made.model)
    same(arrays, by_rows, seeds=(0, 1))
    with_origin = NLP(made.model)
    assert with_origin._parsed.families is not None
    same(with_origin, by_rows)
    assert [v.name for v in with_origin.variables] == [v.name for v in arrays.variables]
    assert [row.name for row in arrays.rows] == arrays.row_names


@pytest.mark.parametrize("case", ["case9Q", "case39", "pglib_opf_case5_pjm"])
def test_lifted_arrays_stay_the_same_when_the_model_is_made(case):
    made = problem(case)
    arrays = NLP(made.formulation, lift=True)
    assert made.formulation.rendering is None
    same(NLP(made.model, lift=True), arrays)
    assert arrays.n - len(arrays.variables) == 4 * len(made.base.branch)


def test_costs_by_generator_and_the_plain_criterion_are_rendered_too():
    net = scopf.load_case("case9")
    made = scopf.build(net, criterion="none", d={1: 0.5, 3: 0.25})
    same(NLP(made.formulation), walked(made.model))
    assert pyo.value(made.model.gen_d[1]) == 0.5 * net.base_mva**2


def test_components_are_indexed_by_the_user_s_own_numbers():
    made = problem("pglib_opf_case5_pjm", rows="pairs")
    m, net = made.model, made.base
    assert list(m.bus_vm) == list(m.bus) == net.bus.id.tolist()
    assert all(row.index() == key for key, row in m.inverter_stability.items())
    assert m.bus_balance_p[net.bus.id[0]].name == f"bus_balance_p[{net.bus.id[0]}]"
    assert m.bus_vm[net.bus.id[0]].parent_component() is m.bus_vm
    assert pyo.value(m.bus_balance_p[net.bus.id[1]].upper) == net.bus.pd[1]


# -- touched -----------------------------------------------


def user_row(m):
    m.corridor = pyo.Constraint(
        expr=(-1.0, m.branch_p_from[1] * pyo.exp(m.bus_vm[1] - 1) + m.branch_q_to[2] ** 2, 0.9)
    )


def user_variable(m):
    m.spread = pyo.Var([1, 2], bounds=(0, 3), initialize=0.4)
    m.above = pyo.Constraint(
        m.gen, rule=lambda m, g: m.gen_pg[g] <= 5.5 + m.spread[1] + m.spread[2] * m.gen_cost_p[g]
    )


def user_block(m):
    m.mine = pyo.Block()
    m.mine.p = pyo.Param(initialize=1.25, mutable=True)
    m.mine.half = pyo.Expression(expr=m.branch_p_from[3] * m.mine.p / 2 + m.bus_vv[2])
    m.mine.rows = pyo.ConstraintList()
    m.mine.rows.add(m.mine.half**2 + m.branch_wr[1] <= 4 * m.mine.p)
    m.mine.rows.add(m.mine.half == 0.5 * m.bus_vm[2])


def new_objective(m):
    m.total_cost.deactivate()
    m.welfare = pyo.Objective(
        expr=1e4 - pyo.quicksum(m.gen_cost_p.values()) ** 2 * 1e-4, sense=pyo.maximize
    )


def chain(*changes):
    def all_of_them(m):
        for change in changes:
            change(m)

    return all_of_them


TOUCHES = {
    "row deactivated": lambda m: m.bus_balance_q[5].deactivate(),
    "rows deactivated": lambda m: m.inverter_stability.deactivate(),
    "row deleted": lambda m: m.branch_limit_from.__delitem__(3),
    "row replaced": lambda m: m.branch_limit_to[2].set_value(m.branch_p_to[2] ** 2 <= 2.0),
    "row equal to a variable": lambda m: m.bus_balance_p[4].set_value(m.bus_vm[4] == m.bus_vm[5]),
    "component deleted": lambda m: m.del_component(m.branch_limit_from),
    "user's row": user_row,
    "user's variable": user_variable,
    "user's block": user_block,
    "objective extended": lambda m: m.total_cost.set_value(
        m.total_cost.expr + 300 * m.bus_vm[5] ** 2 + m.gen_cost_q[2] * m.bus_vm[1]
    ),
    "objective of the user's": new_objective,
    "objective maximised": lambda m: m.total_cost.set_sense(pyo.maximize),
    "named expression changed": lambda m: m.branch_p_from[1].set_value(
        0.5 * m.branch_p_from[1].expr + m.bus_va[4]
    ),
    "cost expression changed": lambda m: m.gen_cost_p[1].set_value(m.gen_cost_p[1].expr**2 + 5),
    "variable fixed": lambda m: m.bus_vm[5].fix(1.03),
    "reference freed": lambda m: m.bus_va[1].unfix(),
    "bounds changed": lambda m: chain(m.bus_vm[5].setlb, m.bus_va[3].setub)(0.97),
    "bounds removed": lambda m: m.gen_pg[1].setub(None),
    "domain with a bound": lambda m: setattr(m.bus_va[7], "domain", pyo.NonNegativeReals),
    "load changed": lambda m: m.bus_pd.__setitem__(5, 1.75),
    "limit changed": lambda m: m.inverter_gamma_unit.__setitem__(2, 0.02),
    "strength changed": lambda m: m.alpha.set_value(0.8),
    "margin changed": lambda m: m.stability_margin.set_value(0.25),
    "cost changed": lambda m: m.gen_d.__setitem__(3, 77.0),
    "value changed": lambda m: m.bus_vm[6].set_value(1.01),
    "rows and costs": chain(user_row, user_block, new_objective, lambda m: m.gen_qg[2].fix(0.1)),
    "everything at once": chain(
        user_variable, user_row, lambda m: m.bus_balance_q[5].deactivate(),
        lambda m: m.branch_q_from[2].set_value(m.branch_q_from[2].expr * m.bus_vm[1]),
    ),
}  # fmt: skip


ONLY_NUMBERS = (
    "bounds", "domain", "load", "limit changed", "strength", "margin", "cost changed", "value",
)  # fmt: skip


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_model_that_was_touched_is_what_is_compiled(touch):
    """A compiled problem reads new numbers itself, or says that it has to be compiled again."""
    made = problem()
    nlp = NLP(made.formulation)
    untouched = portrait(nlp)
    made.model  # noqa: B018 - rendered from here on
    assert nlp.refresh()
    TOUCHES[touch](made.model)
    by_rows = walked(made.model)
    assert apart(portrait(by_rows), untouched), "the touch should make a difference"
    same(NLP(made.model), by_rows)
    assert nlp.refresh() == touch.startswith(ONLY_NUMBERS)
    if touch.startswith(ONLY_NUMBERS):
        same(nlp, by_rows)


@pytest.mark.parametrize("touch", ["user's row", "user's block", "objective extended"])
def test_additions_leave_the_families_to_the_arrays(touch):
    made = problem()
    TOUCHES[touch](made.model)
    assert NLP(made.model)._parsed.families is not None
    assert len(NLP(made.model)._parsed.walker.variables) == 0


def test_a_user_s_named_expression_that_changes_is_seen():
    made = problem()
    user_block(made.model)
    nlp = NLP(made.model)
    assert nlp.refresh()
    made.model.mine.p.set_value(2.5)
    assert nlp.refresh()
    same(nlp, walked(made.model))
    made.model.mine.half.set_value(made.model.bus_vv[3])
    assert not nlp.refresh()


def test_a_whole_number_is_refused():
    made = problem()
    made.model.bus_vm[5].domain = pyo.Integers
    for source in (made.model, made.formulation):
        with pytest.raises(scopf.ScopfError, match=r"continuous.*bus_vm\[5\]"):
            NLP(source)


def test_a_component_that_does_not_compile_is_refused():
    made = problem()
    made.model.s = pyo.SOSConstraint(var=made.model.bus_vm, sos=1)
    with pytest.raises(scopf.ScopfError, match=r"s \(SOSConstraint\)"):
        NLP(made.formulation)


def test_what_carries_no_rows_compiles():
    made = problem()
    m = made.model
    m.time = dae.ContinuousSet(bounds=(0, 1))
    m.flag = pyo.BooleanVar()
    m.pairs = pyo.Set(initialize=[1, 2]) * pyo.RangeSet(2)
    m.stock = pyo.Var(m.time, bounds=(0, 1), initialize=0.5)
    assert NLP(made.formulation).n == NLP(problem().formulation).n
    m.filling = dae.DerivativeVar(m.stock, wrt=m.time)
    with pytest.raises(scopf.ScopfError, match=r"filling \(DerivativeVar\)"):
        NLP(made.formulation)
    m.fill = pyo.Constraint(m.time, rule=lambda m, t: m.filling[t] == m.gen_pg[1])
    pyo.TransformationFactory("dae.finite_difference").apply_to(m, nfe=3)
    assert scopf.solve(made).solved


# -- copies -----------------------------------------------


@pytest.mark.parametrize("copied", [lambda m: m.clone(), lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_stands_for_itself(copied):
    made = problem()
    copy = copied(made.model)
    assert origin(made.model) is made.formulation
    assert origin(copy) is None
    copy.bus_pd[5] = 3.0
    copy.bus_vm[5].setub(1.01)
    del copy.branch_limit_to[1]
    original = NLP(made.model)
    assert original.m == NLP(copy).m + 1
    place = original.row_numbers([made.model.bus_balance_p[5]])[0]
    assert original.g_lower[place] == made.base.bus.pd[4]
    same(NLP(copy), walked(copy))
    assert apart(portrait(NLP(copy)), portrait(original))


# -- any family -----------------------------------------------

N = 5  # rows of the random families


def has_no_parameter_of_its_own(tree):
    """Templates compute numbers by sums, products and quotients only."""
    text = str(tree)
    return not any(kind in text for kind in ("'own'", "'parameter'", "p**", "**p", "'/p'", "'p/x'"))


TREES = EXPRESSIONS.filter(has_no_parameter_of_its_own)


def call(name, x):
    return next(function for function, its in FUNCTIONS.items() if its == name)(x)


def family(tree, f, shift):
    """The template of a tree on rotated variables, with numbers and parameters of each row."""
    turn = np.arange(N)
    one, other = (turn + shift) % N, (2 * turn + shift + 1) % N  # in one row they are the same
    x = [f["x"][one], f["x"][other], f["y"][(turn * 2 + shift) % 3]]
    if "square" in f:
        x.append(f["square"][(turn + 1) % N])
    p = [f["p"][turn], f["p"][(turn + 1) % N], f["s"][:]]
    return f.data(turn - 1.5) * expression(tree, Ingredients(None, x, p, [], call)) + p[0] * x[0]


def test_two_places_of_a_template_may_hold_one_variable():
    f = Formulation("diagonal")
    i = f.index("i", range(3))
    x = f.variable("x", i, lower=-1, upper=2, start=[0.2, 0.5, 0.7])
    a, b = x[np.array([0, 1, 2])], x[np.array([0, 2, 1])]
    f.constraint("rows", i, a * b + sin(a) * b**3 + exp(a + b), upper=np.ones(3))
    f.objective("cost", x.total())
    same(NLP(f), walked(f.model), seeds=(0, 1))


@settings(max_examples=30, deadline=None)
@given(trees=st.lists(TREES, min_size=3, max_size=3), fixed=st.sets(st.integers(0, N - 1)))
def test_random_families(trees, fixed):
    f = Formulation("random")
    index, few = f.index("i", range(10, 10 + N)), f.index("k", "abc")
    mask = np.isin(np.arange(N), list(fixed))
    start = np.linspace(-0.8, 0.9, N)
    f.variable("x", index, lower=-2, upper=np.where(mask, np.inf, 3.0), start=start, fixed=mask)
    f.variable("y", few, lower=[-np.inf, 0, 1], upper=5, start=[0.3, 0.6, 1.2])
    f.parameter("p", index, np.linspace(0.6, 1.8, N))
    f.parameter("s", None, 1.3)
    square = f.expression("square", index, family(trees[0], f, 1))
    sums = f.expression("sums", few, square.total(np.array([0, 2, 0, 2, 2]), 3) - f["y"][:])
    body = (
        family(trees[1], f, 0)
        + f.data(np.arange(N)) * square[::-1]
        + 0.1 * f["y"][np.arange(N) % 3]
    )
    f.constraint("rows", index, body, lower=f["p"][:] - 3.0, upper=f["s"][:] * f["p"][:])
    f.constraint("few", few, sums[:] * 0.5 + f["x"].total(np.arange(N) % 3, 3), upper=np.ones(3))
    f.objective("cost", square.total() + sums.total() * 2 + f["x"].total())
    arrays, lifted = NLP(f), NLP(f, lift=True)
    tolerance = 1e-9
    same(arrays, walked(f.model), tolerance=tolerance)
    f["p"].values[:] *= 1.1
    f.rendering.write(f["p"])
    f.model.s.set_value(0.9)
    for nlp in (arrays, lifted):
        assert nlp.refresh() or fixed
    same(NLP(f), walked(f.model), tolerance=tolerance)
    if arrays.refresh():
        same(arrays, walked(f.model), tolerance=tolerance)


@pytest.mark.parametrize(
    "touch", ["row deactivated", "user's row", "named expression changed", "limit changed"]
)
def test_a_touched_model_with_maxima_is_what_is_compiled(touch):
    made = problem(rows="maximum")
    TOUCHES[touch](made.model)
    same(NLP(made.formulation), walked(made.model))


def test_a_number_in_several_places_is_one_symbol_and_follows_its_param():
    f, rng = Formulation("twice"), np.random.default_rng(3)
    index = f.numbered("k", 90)
    x = f.variable("x", index, lower=-2.0, upper=2.0, start=rng.uniform(0.5, 1.5, 90))
    g = f.parameter("g", index, rng.uniform(1.0, 2.0, 90))
    h = f.parameter("h", index, g.values.copy())  # equal now, and another number
    inner = sin(g[:] * x[:])
    f.constraint("first", index, g[:] * inner**2 + 0.5 * exp(g[:] * x[:]), upper=np.full(90, 9.0))
    f.constraint("second", index, inner / (h[:] + 7.3 * x[:] ** 2), upper=np.full(90, 9.0))
    f.objective("cost", x.total())
    nlp = NLP(f)
    (kernel,) = nlp._kernels
    assert len(kernel._numbers) == 3  # g, h and 7.3; halves and squares are the function's own
    same(nlp, walked(f.model))
    for moved in (g, h):
        moved.values[:] += 0.1
        f.rendering.write(moved)
        assert nlp.refresh()
        same(nlp, walked(f.model))


def test_families_of_a_kind_are_in_the_order_of_their_declaration():
    f = Formulation("small")
    x = f.variable("x", f.index("i", [1, 2]), lower=0.0, upper=1.0, start=0.5)
    first = f.constraint("first", x.index, x[:], lower=np.zeros(2))
    second = f.constraint("second", x.index, 2 * x[:], lower=np.zeros(2))
    assert f.of_kind(type(first)) == [first, second]
    f.add_to(first, x[:])
    assert f.of_kind(type(first)) == [second, first]
    third = f.constraint("third", x.index, 3 * x[:], lower=np.zeros(2))
    assert f.of_kind(type(first)) == [second, first, third]


def test_places_of_families_follow_a_model_that_a_user_changes():
    made = problem()
    nlp = NLP(made.formulation)
    before = nlp.row_numbers("bus_balance_p")
    assert not before.flags.writeable
    assert nlp.row_numbers("bus_balance_p") is before
    assert not nlp.replaced("branch_limit_from").any()
    m = made.model
    row = next(iter(m.branch_limit_from.values()))
    row.set_value(row.body * 2 <= 3)
    assert nlp.replaced("branch_limit_from").sum() == 1
