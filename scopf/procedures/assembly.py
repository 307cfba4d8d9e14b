"""A Solution from a result of the solver."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Expression
from scopf.model.problem import Problem
from scopf.optimizer.status import Attempt, Iterate, Outcome
from scopf.procedures.verdict import Examined
from scopf.results import claims, prices, uniqueness
from scopf.results.hourly import Hourly
from scopf.results.point import Point
from scopf.results.slopes import Slopes
from scopf.results.solution import Solution
from scopf.results.states import AfterOutages

_VIOLATED = 1e-6  # p.u.: what is less than this is the solver's tolerance


def solution(
    problem: Problem,
    nlp: NLP,
    outcome: Outcome,
    examined: Examined,
    attempts: tuple[Attempt, ...],
    seconds: float,
    cold: int,
) -> Solution:
    """The point, prices and accuracy of a result.

    Args:
        problem: that was solved.
        nlp: the same, compiled; its variables have the values of the result.
        outcome: the result.
        examined: the same, checked in the original problem.
        attempts: all that were made.
        seconds: wall time of all of them.
        cold: iterations that a cold start took.
    """
    x, solved, soft = outcome.x, outcome.status.solved, problem.opf.soft
    point = _point(problem, nlp, x)
    loading = problem.opf.thermal.loading(point.flows, point.vm)
    cost = -nlp.objective(x) if nlp.maximize else nlp.objective(x)
    return Solution(
        status=outcome.status,
        message=outcome.message,
        cost=cost if solved else float("nan"),
        iterations=sum(attempt.iterations for attempt in attempts),
        seconds=seconds,
        attempts=attempts,
        problem=problem,
        scenario=problem.scenario,
        inverter_data=examined.setting.inverters,
        point=point,
        prices=prices.read(problem, examined.multipliers, examined.stability, x, loading),
        stability=examined.stability,
        after=AfterOutages.read(problem, nlp, examined.multipliers, x, point),
        machine_prices=_machine_prices(problem, examined),
        hourly=Hourly.read(problem, examined.multipliers),
        violated=() if soft is None else tuple(soft.violations(_VIOLATED)),
        unique=uniqueness.unique_prices(
            examined.multipliers,
            x,
            problem.opf.stability.declared.rows,
            len(examined.setting.inverters),
        ),
        accuracy=examined.accuracy,
        setting=examined.setting,
        rewritten=claims.rewritten(problem, nlp),
        iterate=Iterate(
            nlp.signature, nlp.lift, x, outcome.rows, outcome.lower, outcome.upper, cold
        ),
        slopes=Slopes.read(problem.opf, examined.multipliers, x),
        fingerprint=nlp.fingerprint(x),
    )


def _machine_prices(problem: Problem, examined: Examined) -> Floats:
    """What more of the steady-state limit of its load angle is worth to each machine."""
    rows = problem.opf.stability.declared.load_angles
    return np.zeros(0) if rows is None else examined.multipliers.price(rows, lower=True)


def _point(problem: Problem, nlp: NLP, x: Floats) -> Point:
    """Voltages, powers, flows and costs; the formulation's variables have the values x."""
    opf, flows = problem.opf, problem.opf.flows
    lines, opportunity = opf.dclines, opf.opportunity_cost

    def now(of: Expression) -> Floats:
        return nlp.values_of(of.name, x)

    of_lines = np.zeros((5, 0))
    if lines is not None and opf.dcline_cost is not None:
        values = lines.pf.value, lines.qf.value, now(lines.pt), lines.qt.value
        of_lines = np.array([*values, now(opf.dcline_cost.total)])
    shed = np.zeros(len(problem.base.bus)) if opf.shedding is None else opf.shedding.of_buses()
    rating = problem.inverters.rating if opf.ratings is None else opf.ratings.rating.values
    costs = opf.generation_cost
    return Point(
        vm=opf.voltages.vm.value.copy(),
        va=opf.voltages.va.value.copy(),
        pg=opf.generation.p.value.copy(),
        qg=opf.generation.q.value.copy(),
        loads={key: load.values * (1.0 - shed) for key, load in opf.loads.params.items()},
        nominal={key: load.values.copy() for key, load in opf.loads.params.items()},
        shed=np.array([power * shed for power in opf.loads.demand(opf.voltages.vm.value)]),
        alpha=float(flows.alpha.values[0]),
        flows=np.array([now(f) for f in flows.into]),
        dclines=of_lines,
        costs=now(costs.of_p) + now(costs.of_q),
        rating=rating.copy(),
        opportunity=np.zeros(len(rating)) if opportunity is None else now(opportunity.total),
    )
