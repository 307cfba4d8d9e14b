"""Kernels of many rows run as NumPy calls, those of few rows in CasADi: the same numbers."""

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scopf.engine import kernels, vectorized
from scopf.engine.formulation import Formulation
from scopf.engine.nlp import NLP
from tests.engine.portrait import same
from tests.engine.random_models import EXPRESSIONS, Ingredients, expression

ROWS = 7


def both(source, block=4):
    """A model compiled to NumPy calls, on blocks of a few rows, and to CasADi's machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "MANY", 1)
        patch.setattr(vectorized, "BLOCK", block)
        numpy = NLP(source)
        patch.setattr(kernels, "MANY", np.inf)
        machine = NLP(source)
    assert all(kernel._program is not None for kernel in numpy._kernels)
    assert all(kernel._program is None for kernel in machine._kernels)
    return numpy, machine


def check(source, tolerance=1e-9, **options):
    """At several points and back, so that nothing is left over from the one before."""
    numpy, machine = both(source, **options)
    same(numpy, machine, seeds=(0, 1, 0), tolerance=tolerance)
    return numpy


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees=st.lists(EXPRESSIONS, min_size=1, max_size=3), fixed=st.sets(st.integers(0, ROWS - 1)))
def test_random_expressions(trees, fixed):
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(ROWS), initialize=lambda m, k: 0.9 - 0.27 * k)
    m.p = pyo.Param(range(ROWS), initialize=lambda m, k: 0.7 + 0.15 * k, mutable=True)
    m.pantry = pyo.Block()

    def row(m, which, k):
        x = [m.x[(k + shift) % ROWS] for shift in (0, 1, 3)]
        has = Ingredients(m.pantry, x, [m.p[k], m.p[(k + 2) % ROWS]], [])
        return 0.01 * x[0] + expression(trees[which], has) <= 1e6

    m.rows = pyo.Constraint(range(len(trees)), range(ROWS), rule=row)
    m.o = pyo.Objective(expr=pyo.quicksum(m.x.values()) ** 2)
    for k in fixed:
        m.x[k].fix()
    if len(fixed) < ROWS - 4:
        check(m)


FUNCTIONS = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "exp", "log", "log10", "sqrt", "abs",
]  # fmt: skip


def function(name, x):
    return (abs if name == "abs" else getattr(pyo, name))(x + 1 if name == "acosh" else x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function(name):
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(ROWS), initialize=lambda m, k: 0.3 + 0.05 * k)
    inner = range(ROWS - 1)
    m.alone = pyo.Constraint(range(ROWS), rule=lambda m, k: function(name, m.x[k]) <= 1)
    m.times = pyo.Constraint(inner, rule=lambda m, k: function(name, m.x[k]) * m.x[k + 1] <= 1)
    m.nested = pyo.Constraint(
        inner, rule=lambda m, k: function(name, 0.2 + 0.3 * pyo.sin(m.x[k]) * m.x[k + 1]) ** 2 <= 1
    )
    m.o = pyo.Objective(expr=sum(m.x[k] for k in range(ROWS)))
    numpy = check(m)
    x = np.array([v.value for v in numpy.variables])
    assert numpy.constraints(x)[:ROWS] == pytest.approx(
        [pyo.value(r.body) for r in m.alone.values()]
    )


SHAPES = {
    "a constant first derivative": lambda x, y, p: x * y,
    "equal and opposite derivatives": lambda x, y, p: np.sin(x - y),
    "equal second derivatives": lambda x, y, p: (x + y) ** 2,
    "opposite second derivatives": lambda x, y, p: (x - y) ** 2 * p,
    "a constant second derivative": lambda x, y, p: 3 * x**2 - 0.5 * y**2,
    "a negative constant": lambda x, y, p: -(x**2) * 4 + y,
    "value is also a derivative": lambda x, y, p: np.exp(x) * y,
    "derivative is a variable": lambda x, y, p: x * y + y * x / 2,
    "derivative is a parameter": lambda x, y, p: np.sin(p * x) + y * p,
    "powers": lambda x, y, p: (x + 2) ** 1.7 * (y + 2) ** -2 + (x + 2) ** 0.5 + (y + 3) ** p,
    "variable exponents": lambda x, y, p: (x + 2) ** y + 2.0**x,
    "quotients": lambda x, y, p: x / (y + 3) + 1 / (x + 2) + p / (x * y + 5),
    "abs and signs": lambda x, y, p: abs(x - 0.1) * y + abs(-y),
    "twice": lambda x, y, p: (x + x) * np.cos(x + x) - 2 * (y * y),
    "deep": lambda x, y, p: np.log(2 + np.sin(np.exp(x * y) / (1 + np.sqrt(1 + x**2))) ** 2),
    "several on the same": lambda x, y, p: x * y + np.sin(x * y) + x**2 * y**2 + np.exp(-x * y),
}


def family_model(shape, rows):
    """Rows on pairs of variables, a parameter and a number each."""
    f = Formulation("rows")
    rng = np.random.default_rng(rows)
    columns, index = f.index("k", range(rows + 1)), f.index("i", range(rows))
    start = rng.uniform(-0.9, 0.9, rows + 1)
    fixed = rng.random(rows + 1) < 0.1
    f.variable("x", columns, lower=-2, upper=2, start=start, fixed=fixed)
    f.variable("free", f.index("one", [0]), lower=-1, upper=1, start=0.5)
    f.parameter("p", index, rng.uniform(0.5, 1.5, rows))
    turn = np.arange(rows)
    x, y, p = f["x"][turn], f["x"][turn + 1], f["p"][:]
    free = f["free"][np.zeros(rows, dtype=int)]
    body = f.data(rng.uniform(1, 2, rows)) * shape(x, y, p) + 0.1 * x + free
    f.constraint("rows", index, body, upper=np.ones(rows))
    f.objective("cost", f["x"].total() + f["free"].total())
    return f


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_families(shape):
    f = family_model(SHAPES[shape], rows=11)
    numpy = check(f)
    f["p"].values[:] *= 1.2  # parameters are read again into the same buffers
    assert numpy.refresh()
    same(numpy, NLP(f))


@pytest.mark.parametrize("shape", ["deep", "several on the same", "derivative is a parameter"])
@pytest.mark.parametrize("rows", [2047, 2049, 5000])
def test_rows_of_several_blocks(shape, rows):
    f = family_model(SHAPES[shape], rows)
    check_sums(*both(f, block=2048))


def check_sums(numpy, machine):
    """Arrays themselves: both compile the same formulation, so the order is the same."""
    rng = np.random.default_rng(1)
    for _ in range(2):
        x, w = numpy.start + rng.uniform(-0.05, 0.05, numpy.n), rng.normal(size=numpy.m)
        for name in ("constraints", "jacobian", "gradient"):
            ours, theirs = getattr(numpy, name)(x), getattr(machine, name)(x)
            assert np.abs(ours - theirs).max() < 1e-12 * np.abs(theirs).max()
        ours, theirs = numpy.hessian(x, w, 0.3), machine.hessian(x, w, 0.3)
        assert np.abs(ours - theirs).max() < 1e-12 * np.abs(theirs).max()


def test_what_numpy_does_not_know_runs_in_casadi():
    import casadi as ca

    x = ca.SX.sym("x")
    assert vectorized.Program.read(ca.Function("f", [x], [ca.erf(x)])) is None
    assert vectorized.Program.read(ca.Function("f", [x], [ca.sin(x)])) is not None
