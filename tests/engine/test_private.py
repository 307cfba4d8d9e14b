"""Doors into SciPy and Pyomo: each does what the public way does, or names the version."""

import importlib

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from scopf.engine import private
from tests.doors import door

pytestmark = pytest.mark.core


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_scipy_adds_a_product_to_an_array(kind):
    matrix = sparse.random_array(
        (7, 5), density=0.4, format="csr", random_state=np.random.default_rng(1)
    )
    x, out = np.arange(5.0), np.ones(7)
    places = matrix.indptr.astype(kind), matrix.indices.astype(kind)
    with door("scipy", "scipy.sparse._sparsetools.csr_matvec"):
        private.add_product(matrix.shape, *places, matrix.data, x, out)
        assert out == pytest.approx(1 + matrix @ x)


@pytest.fixture
def m():
    model = pyo.ConcreteModel()
    model.s = pyo.Set(initialize=[3, 4])
    model.x = pyo.Var(model.s, initialize=2.0)
    return model


def written(model, tmp_path):
    """The model as Pyomo writes it: components and data objects are sound if it can."""
    path = tmp_path / "model.nl"
    model.write(str(path))
    return path.read_text().split("\n", 1)[1]


def test_pyomo_takes_data_objects_into_a_component(m):
    with door("pyomo", "_data and _index of indexed components"):
        m.c = pyo.Constraint(m.s)
        members = private.constraints(m.c, [m.x[key] <= 1 for key in m.s])
        private.fill(m.c, list(m.s), members)
        assert [m.c[key] for key in m.s] == members
        assert [row.index() for row in members] == [3, 4]
        assert [row.name for row in members] == ["c[3]", "c[4]"]
        assert list(m.component_data_objects(pyo.Constraint, active=True)) == members


def test_pyomo_has_parameters_with_values(m):
    with door("pyomo", "ParamData"):
        m.p = pyo.Param(m.s, mutable=True, within=pyo.Reals)
        private.fill(m.p, [3, 4], private.parameters(m.p, [0.5, 7.0]))
        assert [pyo.value(m.p[key]) for key in m.s] == [0.5, 7.0]
        m.p[4].set_value(8.0)
        assert pyo.value(m.p[4] * m.x[3]) == 16.0


def test_pyomo_has_variables_with_bounds_and_values(m):
    with door("pyomo", "VarData"):
        m.y = pyo.Var(m.s, dense=False)
        private.fill(m.y, [3, 4], private.variables(m.y, [None, -1.0], [2.0, None], [0.5, 7.0]))
        assert [v.bounds for v in m.y.values()] == [(None, 2.0), (-1.0, None)]
        assert [v.value for v in m.y.values()] == [0.5, 7.0]
        assert all(v.domain is pyo.Reals and not v.fixed for v in m.y.values())
        m.y[3].fix(1.0)
        m.y[4].setub(9.0)
        assert (m.y[3].fixed, m.y[4].ub) == (True, 9.0)


def test_pyomo_has_named_expressions(m):
    with door("pyomo", "ExpressionData"):
        m.e = pyo.Expression(m.s)
        bodies = [m.x[key] ** 2 for key in m.s]
        private.fill(m.e, [3, 4], private.expressions(m.e, bodies))
        assert [m.e[key].expr is body for key, body in zip(m.s, bodies, strict=True)] == [True] * 2
        assert pyo.value(m.e[3]) == 4.0
        assert m.e[4].is_named_expression_type()
        assert m.e[4].parent_component() is m.e
        m.e[3].set_value(m.x[4])
        assert m.e[3].expr is m.x[4]


def test_pyomo_has_constraints_with_expressions(m, tmp_path):
    with door("pyomo", "ConstraintData"):
        m.obj = pyo.Objective(expr=m.x[3] + m.x[4])
        other = m.clone()
        relations = [m.x[3] + m.x[4] == 3, pyo.inequality(0, m.x[3] * m.x[4], 1)]
        m.c = pyo.Constraint(m.s)
        private.fill(m.c, [3, 4], private.constraints(m.c, relations))
        assert [m.c[key].expr is r for key, r in zip(m.s, relations, strict=True)] == [True] * 2
        assert [pyo.value(m.c[key].body) for key in m.s] == [4, 4]
        assert (m.c[3].equality, m.c[4].equality) == (True, False)
        assert m.c[4].active
        other.c = pyo.Constraint(other.s)
        other.c[3] = other.x[3] + other.x[4] == 3
        other.c[4] = pyo.inequality(0, other.x[3] * other.x[4], 1)
        assert written(m, tmp_path) == written(other, tmp_path)


@pytest.mark.parametrize("package", ["scipy", "pyomo"])
def test_a_door_that_breaks_is_told_with_its_version(package):
    version = importlib.metadata.version(package)
    with (
        pytest.raises(pytest.fail.Exception, match=f"{package} {version} has another thing than"),
        door(package, "thing"),
    ):
        raise AttributeError("gone")
