"""How far a point is from what the original, unscaled problem asks for: violations, row by row.

The package's own rows are recomputed from the tables of the network: balances out of the admittance
matrix, thermal limits out of complex currents, boxes and angle limits as the case has them. Nothing
of the compiled problem goes into these. Rows that a user added or rewrote, and rows of which the
tables know nothing, are taken from the compiled problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from scopf.engine.symbols import Constraint, Expression, Variable
from scopf.model.capability import units
from scopf.model.piecewise_costs import costs
from scopf.network import piecewise
from scopf.network.powers import injections
from scopf.network.tables import positions
from scopf.stability.criterion import STIFFNESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scopf.arrays import Complexes, Flags, Floats
    from scopf.engine.formulation import Formulation
    from scopf.engine.nlp import NLP
    from scopf.engine.symbols import Symbol
    from scopf.model.problem import Problem
    from scopf.stability.criterion import Stability

OTHER = "other rows"  # of users, and definitions of lifted variables
BOUNDS = "other bounds"  # of users' variables
MARGIN = "stability margin"  # of the inverters, as the criterion computes it


@dataclass(frozen=True)
class Family:
    """Rows or bounds of one kind, and the worst of them.

    Attributes:
        name: of the constraint or variable on the Pyomo model.
        rows: how many there are.
        violation: largest, in the unit of the row (per unit, rad), of users' rows and bounds
            relative to a limit above 1; 0 where all are met.
        where: name of that row; empty where all are met.
    """

    name: str
    rows: int
    violation: float
    where: str


def families(problem: Problem, nlp: NLP, x: Floats, stability: Stability) -> list[Family]:
    """Every family of rows and bounds, at the formulation's present values.

    Args:
        problem: what was solved.
        nlp: the compiled problem.
        x: the point, shape (n,), which the formulation has taken over.
        stability: the criterion at that point.
    """
    f = problem.formulation
    # A named expression that a user rewrote stands in rows that look untouched.
    known = _rows(problem) if _as_declared(f, "") else {}
    found, rest = [], np.ones(nlp.m, dtype=bool)
    compiled = _relative(nlp.constraints(x), nlp.g_lower, nlp.g_upper)
    for symbol in f.of_kind(Constraint):
        places, replaced = nlp.row_numbers(symbol.name), nlp.replaced(symbol.name)
        own = (places >= 0) & ~replaced
        rest[places[own]] = False
        if not own.any():
            continue
        # A row that this module knows is judged by its own value, any other by the compiled one.
        excess = known.get(symbol.name)
        if excess is None or len(excess) != len(own):
            excess = np.append(compiled, 0.0)[places]
        found.append(_worst(symbol.name, np.where(own, excess, 0.0), symbol.index.keys, own))
    found += _margins(problem, stability)
    for name, excess, present in _boxes(problem, nlp):
        found.append(_worst(name, excess, f[name].index.keys, present))
    if rest.any():
        excess = np.where(rest, compiled, 0.0)
        worst = _place(excess)
        where = nlp.row_names[worst] if _wrong(excess[worst]) else ""
        found.append(Family(OTHER, int(rest.sum()), float(excess[worst]), where))
    return found + _other_bounds(problem, nlp, x)


def _worst(name: str, excess: Floats, keys: Sequence[Any], present: Flags) -> Family:
    worst = _place(excess)
    where = _label(name, keys[worst]) if _wrong(excess[worst]) else ""
    return Family(name, int(present.sum()), float(excess[worst]), where)


def member(symbol: Symbol, position: int) -> str:
    """Name of a member of a family, as on the Pyomo model."""
    return _label(symbol.name, symbol.index.keys[position]) if symbol.index else symbol.name


def _label(name: str, key: Any) -> str:
    return f"{name}[{','.join(map(str, key)) if isinstance(key, tuple) else key}]"


def _place(excess: Floats) -> int:
    """The largest; NaN is larger than any number."""
    return int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))


def _wrong(value: float) -> bool:
    return not value <= 0.0


def _excess(value: Floats, lower: Floats, upper: Floats) -> Floats:
    """By how much values are outside their limits; NaN for a value that is none."""
    found: Floats = np.maximum(np.maximum(lower - value, value - upper), 0.0)
    return found


def _relative(value: Floats, lower: Floats, upper: Floats) -> Floats:
    """The same, relative to a limit whose size is above 1."""
    below = (lower - value) / np.maximum(1.0, np.where(np.isinf(lower), 1.0, np.abs(lower)))
    above = (value - upper) / np.maximum(1.0, np.where(np.isinf(upper), 1.0, np.abs(upper)))
    found: Floats = np.maximum(np.maximum(below, above), 0.0)
    return found


# -- the package's own rows -----------------------------------------------


def _rows(problem: Problem) -> dict[str, Floats]:
    """Violations of the rows that the tables tell, by family, for every member."""
    f, net = problem.formulation, problem.base
    alpha = float(f["alpha"].values[0])
    if not alpha > 0:  # by hand, on the Pyomo model: no network of the tables is like this
        return {}
    strong = net.scaled(susceptance=alpha)
    vm, va = f["bus_vm"].value, f["bus_va"].value
    gen, n = f["gen_pg"].value + 1j * f["gen_qg"].value, len(net.bus)
    into = np.bincount(net.gen_at, gen.real, n) + 1j * np.bincount(net.gen_at, gen.imag, n)
    demand = f["bus_pd"].values + 1j * f["bus_qd"].values
    if "bus_pd_current" in f:
        demand = demand + vm * (f["bus_pd_current"].values + 1j * f["bus_qd_current"].values)
    if "dcline_pf" in f:
        demand = demand - net.dcline_sum(*(f[f"dcline_{x}"].value for x in ("pf", "qf", "qt")))
    left = into - demand - injections(strong.ybus(), vm, va)
    found = {"bus_balance_p": np.abs(left.real), "bus_balance_q": np.abs(left.imag)}
    y, v = strong.admittances, vm * np.exp(1j * va)
    v_from, v_to = v[net.branch_from], v[net.branch_to]
    current = {
        "from": (y.gff + 1j * y.bff) * v_from + (y.gft + 1j * y.bft) * v_to,
        "to": (y.gtt + 1j * y.btt) * v_to + (y.gtf + 1j * y.btf) * v_from,
    }
    branch = net.branch
    limited, angled = np.isfinite(branch.rate), np.isfinite(branch.angmin)
    angled |= np.isfinite(branch.angmax)
    for side, end in (("from", v_from), ("to", v_to)):
        loading = np.abs(end * current[side])[limited]
        found[f"branch_limit_{side}"] = np.maximum(loading - branch.rate[limited], 0.0)
    across = (va[net.branch_from] - va[net.branch_to])[angled]
    found["branch_angle"] = _excess(across, branch.angmin[angled], branch.angmax[angled])
    if "inverter_capability" in f:
        unit, owner = units(net, problem.inverters)
        p, q = (np.bincount(owner, part[unit]) for part in (gen.real, gen.imag))
        rating = f["inverter_rating"].values
        found["inverter_capability"] = np.maximum(np.hypot(p, q) - rating, 0.0)
    return found | _of_generators(problem, gen)


def _of_generators(problem: Problem, power: Complexes) -> dict[str, Floats]:
    """P-Q curves (how far Q is beyond the line), power factors, and costs below a segment."""
    f, net = problem.formulation, problem.base
    gen, p, q, found = net.gen, power.real, power.imag, {}
    for side, sign in (("min", -1.0), ("max", 1.0)):
        name, first, second = f"gen_curve_{side}", *(getattr(gen, f"qc{k}{side}") for k in (1, 2))
        if name in f:
            at = positions(gen.id, f[name].index.keys)
            slope = (second - first)[at] / (gen.pc2 - gen.pc1)[at]
            beyond = sign * (q[at] - first[at] - slope * (p - gen.pc1)[at])
            found[name] = np.maximum(beyond, 0.0) / np.hypot(slope, 1.0)
    if "gen_power_factor" in f:
        at, ratio = np.flatnonzero(gen.constant_pf), gen.pf_ratio[gen.constant_pf]
        found["gen_power_factor"] = np.abs(q[at] - ratio * p[at]) / np.hypot(ratio, 1.0)
    for name, cost in costs(net).items():
        if f"{name}_level" in f:
            found[f"{name}_segment"] = cost.below(f[name].value, f[f"{name}_level"].value)
    return found


def _margins(problem: Problem, stability: Stability) -> list[Family]:
    """By how much inverters miss the margin that is asked for; the criterion computes it anew."""
    room = stability.margin - stability.required
    present = ~np.isnan(room)
    if not present.any():
        return []
    missing = np.where(present, np.maximum(-room, 0.0), 0.0)
    return [_worst(MARGIN, missing, problem.inverters.bus.tolist(), present)]


def _boxes(problem: Problem, nlp: NLP) -> Iterator[tuple[str, Floats, Flags]]:
    """Violations of the bounds of free variables: family, of each member, which are free."""
    f = problem.formulation
    tables = _limits(problem) if f.rendering is None else {}  # a user may have moved bounds
    for symbol in f.of_kind(Variable):
        lower, upper = tables.get(symbol.name, (symbol.lower, symbol.upper))
        free = (nlp.columns(symbol.name) >= 0) & (np.isfinite(lower) | np.isfinite(upper))
        if free.any():
            excess = _excess(symbol.value, lower, upper)
            yield symbol.name, np.where(free, excess, 0.0), free


def _other_bounds(problem: Problem, nlp: NLP, x: Floats) -> list[Family]:
    rest = np.ones(nlp.n + 1, dtype=bool)
    for symbol in problem.formulation.of_kind(Variable):
        rest[nlp.columns(symbol.name)] = False  # -1, for one that is fixed, is the spare place
    rest = rest[:-1] & (np.isfinite(nlp.x_lower) | np.isfinite(nlp.x_upper))
    if not rest.any():
        return []
    excess = np.where(rest, _relative(x, nlp.x_lower, nlp.x_upper), 0.0)
    worst = _place(excess)
    where = nlp.variables[worst].name if _wrong(excess[worst]) else ""
    return [Family(BOUNDS, int(rest.sum()), float(excess[worst]), where)]


def _limits(problem: Problem) -> dict[str, tuple[Floats, Floats]]:
    bus, gen, line = problem.base.bus, problem.base.gen, problem.base.dcline
    return {
        "bus_vm": (bus.vmin, bus.vmax),
        "gen_pg": (gen.pmin, gen.pmax),
        "gen_qg": (gen.qmin, gen.qmax),
        "dcline_pf": (line.pmin, line.pmax),
        "dcline_qf": (line.qminf, line.qmaxf),
        "dcline_qt": (line.qmint, line.qmaxt),
    }


# -- cost -----------------------------------------------


def cost(problem: Problem) -> float:
    """Cost of the formulation's present point out of the tables, currency/h.

    NaN where the objective is not the package's own.
    """
    f, gen = problem.formulation, problem.base.gen
    if not _own_objective(f):
        return float("nan")
    pg, qg = f["gen_pg"].value, f["gen_qg"].value
    total = _cost(gen.cost_p, gen.cost_p_points, pg) + _cost(gen.cost_q, gen.cost_q_points, qg)
    if "dcline_pf" in f:
        line = problem.base.dcline
        total += _cost(line.cost, line.cost_points, f["dcline_pf"].value)
    total += float(f["gen_d"].values @ qg**2)
    if "gen_q_price" in f:
        total += float(f["gen_q_price"].values @ np.abs(qg))
    if "inverter_cost_q" in f:
        unit, owner = units(problem.base, problem.inverters)
        rating = f["inverter_rating"].values
        q = np.bincount(owner, qg[unit], len(rating))
        left = np.sqrt(np.maximum(rating**2 - q**2, 0.0))
        total += float(f["inverter_opportunity_price"].values @ (rating - left))
    if STIFFNESS in f:
        total += float(f["inverter_stiffness_cost"].values @ f[STIFFNESS].value)
    return total


def _cost(coefficients: Floats, points: Floats, x: Floats) -> float:
    """Sum over generators of sum_k c_k x^k, by Horner's rule, or of what their points give."""
    value = np.zeros(len(x))
    for column in coefficients.T[::-1]:
        value = value * x + column
    return float((value + piecewise.value(points, x)).sum())


def _own_objective(f: Formulation) -> bool:
    """Whether the objective and the named costs in it are what the package declared."""
    if f.rendering is None:
        return True
    (made,), (member,) = f.rendering.expressions["total_cost"], f.rendering.members["total_cost"]
    component = f.model.component("total_cost")
    if component is not member or not member.active or member.expr is not made:
        return False
    return _as_declared(f, "_cost")


def _as_declared(f: Formulation, part: str) -> bool:
    """Whether all named expressions with this in their name are what the package declared."""
    rendering = f.rendering
    if rendering is None:
        return True
    names = [symbol.name for symbol in f.of_kind(Expression) if part in symbol.name]
    return all(
        member.expr is given or (isinstance(given, int | float) and pyo.value(member.expr) == given)
        for name in names
        for member, given in zip(rendering.members[name], rendering.expressions[name], strict=True)
    )
