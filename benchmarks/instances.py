"""Hard instances of the optimal power flow, made of any network in the manner of PGLib-OPF.

The Power Grid Library's report (Babaeinejadsarookolaee et al., arXiv 1908.02788) completes cases
and derives two harder variants of each. This is an imitation of its way, with optimisation problems
that scopf solves itself; it does not give the library's own numbers:

- `typical`: angle differences within 30 degrees (and a phase shifter's own shift more), and a
  thermal limit on every branch: where the case has none, what its angle limit and voltages allow.
  Where nearly all units cost the same, which leaves nothing but losses to optimise, each gets a
  price of its own. The operating point that a case carries is wiped out, as the library's files do
  not have one: voltages of 1 p.u. at one angle, units in the middle of their boxes.
- `api`, heavy load: active loads times nearly the largest uniform factor at which the network still
  has a feasible point when every unit that can generate may generate as much as it likes; then a
  unit's Pmax is what it has there, or the case's, if that is more.
- `sad`, small angles: nearly the smallest bound on all angle differences that is still feasible.

The instances are deterministic: the same network, solver and room give the same file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import scopf
from scopf.cases import mwriter
from scopf.model.starts import flat

VARIANTS = ("typical", "api", "sad")
ANGLE = math.radians(30.0)
ALIKE = 0.9  # share of units with the same cost that makes a case's costs useless
ROOM = 0.005  # distance of an instance from the edge of feasibility, relative


class NoEdgeError(Exception):
    """An edge of feasibility that was not found."""


def make(source: Path, variant: str, target: Path) -> dict[str, Any]:
    """Write the variant of a case file, and say what was found on the way."""
    net = typical(scopf.load_case(source, ignore_unsupported=True).energized())
    facts: dict[str, Any] = {"buses": len(net.bus), "branches": len(net.branch)}
    if variant == "api":
        net, facts["load"] = heavily_loaded(net)
    elif variant == "sad":
        net, facts["angle_deg"] = small_angles(net)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    notes = [f"{source.stem}, {variant} variant by scopf's benchmarks.instances, room {ROOM:g}"]
    mwriter.write(net, part, notes)
    part.replace(target)
    return facts


def typical(net: scopf.Network) -> scopf.Network:
    """The network with limits on all angle differences and all flows.

    The thermal limit of a branch without one is |y| V sqrt(Vf^2 + Vt^2 - 2 Vf Vt cos d), with the
    largest voltages at its ends, V the larger of them, and d its angle limit.
    """
    branch = net.branch
    wide = ANGLE + abs(branch.shift)
    net = net.replace(
        branch={
            "angmin": np.maximum(branch.angmin, -wide),
            "angmax": np.minimum(branch.angmax, wide),
        }
    )
    branch = net.branch
    f, t = net.bus.vmax[net.branch_from], net.bus.vmax[net.branch_to]
    across = np.maximum(abs(branch.angmin), abs(branch.angmax))
    distance = np.sqrt(f**2 + t**2 - 2.0 * f * t * np.cos(across))
    most = np.maximum(f, t) * distance / np.hypot(branch.r, branch.x)
    net = net.replace(branch={"rate": np.where(np.isfinite(branch.rate), branch.rate, most)})
    return _priced(_without_point(net))


def _without_point(net: scopf.Network) -> scopf.Network:
    """The network with nothing left of the operating point that the case carries."""
    start, ones = flat(net), np.ones(len(net.bus))
    unit = {"pg": start["gen_pg"], "qg": start["gen_qg"], "vg": np.ones(len(net.gen))}
    return net.replace(bus={"vm": ones, "va": start["bus_va"]}, gen=unit)


def _priced(net: scopf.Network) -> scopf.Network:
    """The network with prices of 5 to 50 per MWh if nine units in ten have the same cost."""
    cost = net.gen.cost_p
    alike = np.unique(cost, axis=0, return_counts=True)[1].max()
    if len(cost) == 1 or alike < ALIKE * len(cost):
        return net
    cost = np.zeros_like(cost)
    cost[:, 1] = np.random.default_rng(0).uniform(5.0, 50.0, len(cost)) * net.base_mva
    return net.replace(gen={"cost_p": cost})


def heavily_loaded(net: scopf.Network) -> tuple[scopf.Network, float]:
    """The network with active loads near the largest that it can carry, and their factor."""
    import pyomo.environ as pyo

    dispatched = net.gen.pmax > 0
    problem = _problem(net.replace(gen={"pmax": np.where(dispatched, np.inf, net.gen.pmax)}))
    m = problem.model
    load = np.where(net.bus.pd > 0, net.bus.pd, 0.0)
    if not load.any():
        raise NoEdgeError("there is no load")
    m.load_factor = pyo.Var(initialize=1.0, bounds=(0.0, None))
    m.bus_balance_p.deactivate()
    given = dict(zip(net.bus.id.tolist(), (net.bus.pd - load).tolist(), strict=True))
    grows = dict(zip(net.bus.id.tolist(), load.tolist(), strict=True))
    m.heavy_balance = pyo.Constraint(
        m.bus, rule=lambda m, i: m.bus_balance_p[i].body - grows[i] * m.load_factor == given[i]
    )
    m.total_cost.deactivate()
    m.most = pyo.Objective(expr=-m.load_factor)
    _solve(problem, "load")
    factor = float(m.load_factor.value) * (1.0 - ROOM)
    output = np.array([m.gen_pg[k].value for k in net.gen.id.tolist()])
    pmax = np.where(dispatched, np.maximum(net.gen.pmax, output), net.gen.pmax)
    pd = np.where(load > 0, factor * load, net.bus.pd)
    return net.replace(bus={"pd": pd}, gen={"pmax": pmax}), factor


def small_angles(net: scopf.Network) -> tuple[scopf.Network, float]:
    """The network with its angle differences bounded nearly as much as it can bear, and the bound.

    A phase shifter's own shift is not counted.
    """
    import pyomo.environ as pyo

    problem = _problem(net)
    m, branch = problem.model, net.branch
    m.angle_bound = pyo.Var(initialize=ANGLE, bounds=(0.0, ANGLE))
    ends = zip(branch.from_bus.tolist(), branch.to_bus.tolist(), branch.shift.tolist(), strict=True)
    m.angle_rows = pyo.ConstraintList()
    for f, t, shift in ends:
        difference = m.bus_va[f] - m.bus_va[t] - shift
        m.angle_rows.add(difference - m.angle_bound <= 0.0)
        m.angle_rows.add(difference + m.angle_bound >= 0.0)
    m.total_cost.deactivate()
    m.least = pyo.Objective(expr=m.angle_bound)
    _solve(problem, "angle")
    bound = float(m.angle_bound.value) * (1.0 + ROOM)
    limits = {
        "angmin": np.maximum(branch.angmin, branch.shift - bound),
        "angmax": np.minimum(branch.angmax, branch.shift + bound),
    }
    return net.replace(branch=limits), math.degrees(bound)


def _problem(net: scopf.Network) -> scopf.Problem:
    return scopf.build(net, criterion="none")


def _solve(problem: scopf.Problem, what: str) -> None:
    """Solve to the edge, by whatever start leads there."""
    messages = []
    for start in ("dc", "flat", "power-flow"):
        solution = scopf.solve(problem, start=start, time_limit=600.0)
        if solution.status.solved:
            return
        messages.append(f"{start}: {solution.message}")
    raise NoEdgeError(f"no edge of {what} was found ({'; '.join(messages)})")
