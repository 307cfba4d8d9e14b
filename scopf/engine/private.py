"""Doors into private parts of SciPy and Pyomo; each has a test that names the version."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from weakref import ref

from scipy.sparse import _sparsetools

from scopf.arrays import Floats, Ints
from scopf.engine.pyomo_types import Component, Member, Node


def add_product(
    shape: tuple[int, int], indptr: Ints, indices: Ints, data: Floats, x: Floats, out: Floats
) -> None:
    """Add a sparse matrix (CSR) times x to `out`; SciPy's `@` would allocate an array each time."""
    _sparsetools.csr_matvec(*shape, indptr, indices, data, x, out)


# -- data objects of Pyomo's indexed components: rules would take ten times as long --


def fill(component: Component, keys: Sequence[Hashable], members: Sequence[Member]) -> None:
    """Give an empty indexed component its data objects, as Pyomo does after a rule for each key."""
    for key, data in zip(keys, members, strict=True):
        data._index = key
    component._data.update(zip(keys, members, strict=True))


def parameters(component: Component, values: Sequence[float]) -> list[Member]:
    """Data of a mutable Param with these values."""
    from pyomo.core.base.param import ParamData

    members = [ParamData(component) for _ in values]
    for data, value in zip(members, values, strict=True):
        data._value = value
    return members


def variables(
    component: Component,
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    values: Sequence[float],
) -> list[Member]:
    """Data of a real Var with these bounds, None where there is none, and values."""
    from pyomo.core.base.set import Reals
    from pyomo.core.base.var import VarData

    members = [VarData(component) for _ in values]
    for data, lb, ub, value in zip(members, lower, upper, values, strict=True):
        data._domain = Reals
        data._lb, data._ub, data._value = lb, ub, value
    return members


def expressions(component: Component, bodies: Iterable[Node]) -> list[Member]:
    """Data of a named Expression."""
    from pyomo.core.base.expression import ExpressionData

    members = []
    for body in bodies:
        data = ExpressionData()
        data._component = ref(component)
        data._args_ = (body,)
        members.append(data)
    return members


def constraints(component: Component, relations: Iterable[Node]) -> list[Member]:
    """Data of a Constraint with these relational expressions."""
    from pyomo.core.base.constraint import ConstraintData

    members = []
    for relation in relations:
        data = ConstraintData(component=component)
        data._expr = relation
        members.append(data)
    return members
