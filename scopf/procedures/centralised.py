"""The centralised baseline: an optimal power flow under the exact condition of a lossless network.

Decentralized criteria exclude some stable points, which costs money, and some criteria admit
unstable ones. The reference for that cost is the cheapest of all stable points. `solve_centralised`
searches for it with the singularity test functions of `scopf.stability.bordered`, on the full
network:

1. Solve the plain OPF. If its optimum is stable, that is the answer.
2. Otherwise add a test function for each direction in which it is unstable, solve again, and check
   the inertia at the optimum.
3. If that fails, go in steps: the plain optimum is stable at smaller droops, so raise them from
   there to the given ones. Each optimum is the start of the next step, and its eigenvectors define
   the next test functions. A step that fails is halved.

Like every method for this problem it finds local optima. A network with losses has no energy
function and is refused.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices.gfm import Inverters
from scopf.dynamics.gain_margin import GainMargin, gain_margin
from scopf.dynamics.loads import junctions
from scopf.engine.nlp import NLP
from scopf.errors import ScopfError, listing, number, spelled
from scopf.model.building import build
from scopf.model.problem import Problem
from scopf.model.quantities import Each
from scopf.network.network import Network
from scopf.network.susceptances import Grid
from scopf.procedures.solver import solve
from scopf.results.solution import Solution, heeded
from scopf.stability.bordered import SingularityTests

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats, Ints
    from scopf.diagnosis.text import Diagnosis

log = logging.getLogger(__name__)

_NEAR = 0.05  # an eigenvalue below this may turn negative in a step: it gets a test function
_ENOUGH = 0.5  # share of the margin that an optimum must have: rows hold to a tolerance only
_TESTS = 4  # at most; each makes the problem larger by the size of the network
_ITERATIONS = 150  # after which a step counts as failed
_SHORTEST = 0.01  # step, as a share of the droops, below which the search gives up


@dataclass(frozen=True)
class Round:
    """One solve of the search.

    Attributes:
        share: droops of this solve over the given ones.
        cost: of the optimum, currency per hour; NaN without one.
        stiffness_margin: of its point at these droops (see `scopf.dynamics.gain_margin`), NaN
            without an optimum.
        test_functions: their number in the problem.
        iterations: interior-point iterations.
        seconds: wall time, with building and compiling.
    """

    share: float
    cost: float
    stiffness_margin: float
    test_functions: int
    iterations: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Central:
    """Result of the search for the cheapest stable point.

    Attributes:
        solution: the cheapest stable optimum found if `stable`; else the one for the largest share
            of the given droops for which there was one.
        gain_margin: of its point at the given droops; None when even the plain OPF has no solution.
        inverter_data: the inverters.
        rounds: every solve, the plain OPF first.
        seconds: wall time in all.
    """

    solution: Solution = field(repr=False)
    gain_margin: GainMargin | None = field(repr=False)
    inverter_data: Inverters = field(repr=False)
    rounds: tuple[Round, ...]
    seconds: float

    @property
    def stable(self) -> bool:
        """True when `solution` is stable at the given droops."""
        margin = self.gain_margin
        return margin is not None and margin.stiffness_margin > 0.0 and not margin.past_nose

    @property
    def cost(self) -> float:
        """Cost of the stable optimum, currency per hour; NaN if none was found."""
        return self.solution.cost if self.stable else float("nan")

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """The reason why there is no stable optimum; None if there is one.

        If even the plain OPF has no solution: its limits that conflict. Otherwise the statement
        that it has one, and the largest share of the droops with a stable optimum.
        """
        if self.stable:
            return None
        if self.gain_margin is None:
            return self.solution.diagnosis
        from scopf.diagnosis.limits import Limit
        from scopf.diagnosis.text import Change, Diagnosis

        stable = [one.share for one in self.rounds[1:] if one.stiffness_margin > 0]
        droops = Limit("factor on all droops", "", "factor on all droops", "", "<=", 1.0)
        return Diagnosis(
            "the limits do not conflict: there is a solution without stability, but none was found "
            "that is stable with these droops",
            False,
            factors=(Change(0, droops, max(stable)),) if stable else (),
            solves=len(self.rounds),
            seconds=self.seconds,
        )

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """Droop, voltage and prices of stability, by inverter; NaN without a stable optimum.

        `price_per_stiffness` is -dJ*/d(1/k_i) with k_i = m_q,i beta_q,i: the counterpart of the
        NSSP for the exact condition. `dcost_dmq` is dJ*/dm_q,i.
        """
        import pandas as pd

        inverters, solution = self.inverter_data, self.solution
        stability, none = solution.stability, np.full(len(inverters), np.nan)
        return pd.DataFrame(
            {
                "bus": inverters.bus,
                "mq": inverters.mq,
                "vm": solution.point.vm[solution.problem.reduction.keep],
                "price_per_stiffness": stability.nssp if self.stable else none,
                "dcost_dmq": stability.dcost_dmq if self.stable else none,
            }
        )


@spelled
def solve_centralised(
    net: Network,
    inverters: Inverters | None = None,
    *,
    stiffness_margin: float = 1e-4,
    eta_q: float = 0.0,
    d: Each | None = None,
    time_limit: float | None = None,
) -> Central:
    """The cheapest small-signal stable operating point, loads drawing constant power.

    Args:
        net: network without conductances (`net.lossless()`, or r and gs set to zero); grid strength
            is that of the network, see `net.scaled(susceptance=...)`.
        inverters: grid-forming inverters; default one at every generator bus. Other generators
            inject constant power.
        stiffness_margin: required margin: the point stays stable with all droops multiplied by
            1/(1 - stiffness_margin).
        eta_q: reactive power cost relative to active, as in `build`.
        d: reactive power cost instead, as in `build`.
        time_limit: wall time in s after which no further solve begins.

    Returns:
        The result; `.stable` is True when the search succeeded.

    Raises:
        ScopfError: for a network with conductances or constant-current loads, or a stiffness margin
            that is not between 0 and 1.
    """
    began = time.perf_counter()
    plain = build(net, inverters, criterion="none", eta_q=eta_q, d=d)
    if plain.base.has_losses:
        text = "the exact condition is that of a network without conductances: use net.lossless(), "
        raise ScopfError(f"{plain.base.name}: {text}or set r of branches and gs of buses to zero")
    if plain.base.bus.has_current:
        text = "the exact condition here is that of loads of constant power, not constant current"
        raise ScopfError(f"{plain.base.name}: {text}")
    at = plain.base.bus_positions(plain.inverters.bus)
    if len(without := np.setdiff1d(plain.base.island, plain.base.island[at])):
        text = f"island {listing(without)} has no inverter, so that there is no exact condition"
        raise ScopfError(f"{plain.base.name}: {text}")
    if not 0 < number("stiffness_margin", stiffness_margin) < 1:
        raise ScopfError(f"stiffness_margin must be between 0 and 1, got {stiffness_margin}")
    end = np.inf if time_limit is None else began + number("time_limit", time_limit)
    search = _Search(plain.base, plain.inverters, stiffness_margin, {"eta_q": eta_q, "d": d})
    solution = heeded(solve(plain, time_limit=time_limit))
    search.note(solution, 1.0, 0, began)
    margin = None
    if solution.solved:
        solution = search.run(solution, end)
        margin = search.gain_margin(solution, 1.0)
    seconds = time.perf_counter() - began
    result = Central(solution, margin, plain.inverters, tuple(search.rounds), seconds)
    if not result.stable:
        log.warning("%s: no stable optimum was found at these droops", plain.base.name)
    return result


class _Search:
    """The search from the plain optimum to one that is stable at the given droops."""

    def __init__(
        self, net: Network, inverters: Inverters, margin: float, costs: dict[str, Any]
    ) -> None:
        self._net, self._inverters, self._margin, self._costs = net, inverters, margin, costs
        self._grid = Grid.full(net)
        self._at: Ints = net.bus_positions(inverters.bus)
        self._junctions = junctions(net, self._at)
        self.rounds: list[Round] = []

    def gain_margin(self, solution: Solution, share: float) -> GainMargin:
        """Gain margin of a solution's point at a share of the droops."""
        vm, va = solution.point.vm, solution.point.va
        stiffness = self._stiffness(share)
        return gain_margin(self._grid, vm, va, self._at, stiffness, self._junctions)

    def _stiffness(self, share: float) -> Floats:
        return 1.0 / (share * self._inverters.k)

    def note(self, solution: Solution, share: float, tests: int, began: float) -> bool:
        """Record a solve; True when its optimum has enough of the required margin."""
        left = float("nan")
        if solution.solved:
            left = self.gain_margin(solution, share).stiffness_margin
        seconds = time.perf_counter() - began
        made = Round(share, solution.cost, left, tests, solution.iterations, seconds)
        self.rounds.append(made)
        text = "%s: share %.4f, cost %.4f, stiffness margin %.6f, %d tests, %d iterations, %.2f s"
        log.info(text, self._net.name, *dataclasses.astuple(made))
        return left >= _ENOUGH * self._margin

    def run(self, plain: Solution, end: float) -> Solution:
        """The stable optimum at the largest share of the droops, reached at once or in steps.

        Args:
            plain: optimum without stability.
            end: time after which no further solve begins.
        """
        reached, least = plain, self.rounds[-1].stiffness_margin
        if least == -np.inf:
            log.warning("%s: unstable whatever the droops: angles are too wide", self._net.name)
            return plain
        share = min(1.0, (1.0 - self._margin) / (1.0 - least)) if least < 1.0 else 1.0
        step = 1.0 - share
        while share < 1.0 and time.perf_counter() < end:
            aim = min(1.0, share + step)
            optimum = self._attempt(aim, reached, None if reached is plain else reached, end)
            if optimum is not None:
                reached, share, step = optimum, aim, 2.0 * step
            elif (step := 0.5 * (aim - share)) < _SHORTEST:
                break
        return reached

    def _attempt(
        self, share: float, near: Solution, start: Solution | None, end: float
    ) -> Solution | None:
        """Optimum at a share of the droops, tests from a point nearby; None if there is none."""
        began = time.perf_counter()
        margin = self.gain_margin(near, share)
        count = int(np.clip((margin.eigenvalues < _NEAR).sum(), 1, _TESTS))
        stiffness = self._stiffness(share)
        tests = SingularityTests.at(margin, near.point.vm, self._at, stiffness, count)
        inverters = self._inverters.replace(mq=share * self._inverters.mq)
        problem = build(self._net, inverters, criterion=tests, margin=self._margin, **self._costs)
        left = None if end == np.inf else max(end - began, 1e-3)
        solution = solve(
            problem,
            start="dc" if start is None else _carried(start, problem),
            form="reduced",
            max_iter=_ITERATIONS,
            time_limit=left,
        )
        return solution if self.note(heeded(solution), share, count, began) else None


def _carried(start: Solution, problem: Problem) -> Solution:
    """The solution as a warm start of the same OPF with other test functions."""
    nlp = problem.compiled[False] = NLP(problem.formulation)
    iterate = start.iterate
    n, count = len(problem.base.bus), len(problem.formulation.indices["bordered"])
    columns, rows = nlp.n - 2 * n * count, nlp.m - (2 * n + 1) * count  # these come last
    x = np.concatenate([iterate.x[:columns], nlp.start[columns:]])

    def padded(values: Floats, kept: int, size: int) -> Floats:
        return np.concatenate([values[:kept], np.zeros(size - kept)])

    carried = dataclasses.replace(
        iterate,
        signature=nlp.signature,
        x=x,
        rows=padded(iterate.rows, rows, nlp.m),
        lower=padded(iterate.lower, columns, nlp.n),
        upper=padded(iterate.upper, columns, nlp.n),
    )
    return dataclasses.replace(start, iterate=carried)
