"""Templates read like formulas, and what is zero or one does not stand in them."""

import operator

import numpy as np
import pyomo.environ as pyo
import pytest

from scopf.engine import templates
from scopf.engine.formulation import Formulation
from scopf.engine.functions import cos, exp, sin
from scopf.engine.nlp import NLP
from tests.engine.portrait import same


@pytest.fixture
def f():
    made = Formulation("templates")
    index = made.index("i", [10, 20, 30])
    made.variable("x", index, lower=-2.0, upper=2.0, start=[0.3, 0.6, 1.2])
    made.parameter("p", index, [0.5, 1.0, 2.0])
    made.expression("e", index, made["x"][:] ** 2)
    return made


FORMULAS = {
    "x + p": lambda x, p, e: x + p,
    "x - p - 2": lambda x, p, e: x - p - 2,
    "-x": lambda x, p, e: -x,
    "e + 2 * x": lambda x, p, e: e + 2 * x - 0,
    "p * 2 * x": lambda x, p, e: x * (p * 2),
    "0.5 * x": lambda x, p, e: x / 2,
    "(x + e)**2": lambda x, p, e: (x + e) ** 2,
    "cos(x - p) * (x + 1)": lambda x, p, e: cos(x - p) * (x + 1),
    "exp(x) / (x * e)": lambda x, p, e: exp(x) / (x * e),
    "p**x": lambda x, p, e: p**x,
    "-(x + e) * e": lambda x, p, e: -(x + e) * e,
    "sqrt(abs(sin(x)))": lambda x, p, e: np.sqrt(abs(sin(x))),
    "x[1, ...] - x[2]": lambda x, p, e: x,
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_template_reads_like_a_formula(f, formula):
    x, p, e = (f[name][:] for name in "xpe")
    if "[" in formula:
        assert repr(f["x"][[1, 2]] - f["x"][[2]]) == formula
    else:
        assert repr(FORMULAS[formula](x, p, e)) == formula


@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0), np.int64(0)])
def test_zero_and_one_do_not_stand_in_a_template(f, zero):
    x, one = f["x"][:], zero + 1
    for same_as_x in (x + zero, zero + x, x - zero, x * one, one * x, x / one, x**one, +x):
        assert same_as_x is x
    assert (x * zero, zero * x, zero / x, x**zero) == (0, 0, 0, 1)
    with pytest.raises(ZeroDivisionError):
        x / zero


def test_sums_and_numbers_of_a_term_are_gathered(f):
    x, p = f["x"][:], f["p"][:]
    total = (x + p) + (x**2 + 3)
    assert total.kind == templates.SUM
    assert len(total.args) == 4
    term = 3 * (-(p * x)) / 2
    assert term.kind == templates.PRODUCT
    assert templates.is_constant(term.args[0])
    assert term.args[1] is x
    assert term.args[0].numbers.values().tolist() == [-0.75, -1.5, -3.0]


@pytest.mark.parametrize("operation", [operator.add, operator.mul, operator.sub, operator.truediv])
def test_an_array_has_to_become_a_placeholder(f, operation):
    array = np.ones(3)
    for a, b in ((array, f["x"][:]), (f["x"][:], array)):
        with pytest.raises(TypeError, match=r"x and an array: `data\(array\)`"):
            operation(a, b)
    assert operation(f.data(array), f["x"][:]).args


def test_pyomo_s_functions_and_variables_refuse_a_placeholder(f):
    m = pyo.ConcreteModel()
    m.x = pyo.Var()
    for wrong in (lambda x: pyo.sin(x), lambda x: m.x * x, lambda x: m.x + x):
        with pytest.raises(TypeError, match=r"scopf\.engine\.functions"):
            wrong(f["x"][:])


def test_numbers_are_no_powers(f):
    with pytest.raises(TypeError, match=r"p\*\*2: numbers are sums, products and quotients"):
        templates.numbers(f["p"][:] ** 2)
    with pytest.raises(TypeError, match="x has no numbers of its own"):
        templates.numbers(f["x"][:])


@pytest.mark.parametrize("name", templates.FUNCTIONS.values())
def test_every_function_compiles_and_is_rendered(f, name):
    function = next(ufunc for ufunc, its in templates.FUNCTIONS.items() if its == name)
    x = f["x"][:]
    inner = 1.0 + x**2 if name == "acosh" else 0.1 + 0.3 * x**2
    f.constraint(
        "rows", f["x"].index, function(inner) * x + 2 * x / (1 + f["p"][:]), upper=9.0 * np.ones(3)
    )
    f.objective("cost", f["e"].total())
    same(NLP(f), NLP(f.model.clone()), seeds=(0,))
