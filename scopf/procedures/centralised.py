"""The centralised baseline: an optimal power flow under the exact condition of a lossless network.

Decentralized criteria cost something: they cut off stable points, and some admit unstable ones. How
much, only the optimum among all stable points can tell. `solve_centralised` looks for it with the
border rows of `scopf.stability.bordered`, on the full network and with every bus's data in one
place:

1. solve the plain OPF; if its optimum is stable, that is the answer;
2. else make borders of the directions in which it is unstable, solve with them, and check the
   inertia at the optimum found;
3. if that fails, walk: the plain optimum is stable at smaller droops, so raise them in steps from
   there to those asked for, each optimum the start and the source of borders of the next. A step
   that fails is halved.

Like every method for this problem it finds local optima. A network that has losses has no energy
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
from scopf.dynamics.loads import transit
from scopf.dynamics.reserve import Reserve, reserve
from scopf.engine.nlp import NLP
from scopf.errors import ScopfError, number, spelled
from scopf.model.problem import Problem, build
from scopf.model.quantities import Each
from scopf.network.network import Network
from scopf.network.susceptances import Grid
from scopf.procedures.solver import solve
from scopf.results.solution import Solution, heeded
from scopf.stability.bordered import Border

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats, Ints
    from scopf.diagnosis.text import Diagnosis

log = logging.getLogger(__name__)

_NEAR = 0.05  # a reserve below this may be lost on the way to the optimum: it gets a border
_ENOUGH = 0.5  # share of the margin that an optimum has to have: rows are met to a tolerance
_BORDERS = 4  # at most; each makes the problem larger by the size of the network
_ITERATIONS = 150  # after which a step of the walk counts as failed
_SHORTEST = 0.01  # step of the walk, as a share of the droops, below which it gives up


@dataclass(frozen=True)
class Round:
    """One solve on the way.

    Attributes:
        share: of the droops asked for.
        cost: of the optimum, currency per hour; NaN without one.
        reserve: its `Reserve.least` at these droops, NaN without an optimum.
        borders: in the problem.
        iterations: interior-point iterations.
        seconds: wall time, of building and compiling too.
    """

    share: float
    cost: float
    reserve: float
    borders: int
    iterations: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Central:
    """What the search for the cheapest stable point came to.

    Attributes:
        solution: the answer if `stable`; else the optimum for the largest share of the droops for
            which one was found.
        reserve: of its point at the droops asked for; None when even the plain OPF has no solution.
        inverter_data: the inverters.
        rounds: every solve, the plain OPF first.
        seconds: wall time of everything.
    """

    solution: Solution = field(repr=False)
    reserve: Reserve | None = field(repr=False)
    inverter_data: Inverters = field(repr=False)
    rounds: tuple[Round, ...]
    seconds: float

    @property
    def stable(self) -> bool:
        """Whether `solution` is stable with the droops asked for."""
        found = self.reserve
        return found is not None and found.least > 0.0 and not found.loads

    @property
    def cost(self) -> float:
        """Cost of the optimum, currency per hour; NaN if none was found that is stable."""
        return self.solution.cost if self.stable else float("nan")

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """Why there is no stable optimum; None if there is one.

        Where even the plain OPF has no solution: which of its limits conflict. Otherwise, that it
        has one, and the largest share of the droops for which a stable optimum was found.
        """
        if self.stable:
            return None
        if self.reserve is None:
            return self.solution.diagnosis
        from scopf.diagnosis.limits import Limit
        from scopf.diagnosis.text import Change, Diagnosis

        stable = [one.share for one in self.rounds[1:] if one.reserve > 0]
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

        `price_per_stiffness` is -dJ*/d(1/k_i) with k_i = m_q,i beta_q,i, the counterpart of the
        NSSP for the exact condition, and `dcost_dmq` is the same as dJ*/dm_q,i.
        """
        import pandas as pd

        inverters, solution = self.inverter_data, self.solution
        found, none = solution.stability, np.full(len(inverters), np.nan)
        return pd.DataFrame(
            {
                "bus": inverters.bus,
                "mq": inverters.mq,
                "vm": solution.point.vm[solution.problem.reduction.keep],
                "price_per_stiffness": found.nssp if self.stable else none,
                "dcost_dmq": found.dcost_dmq if self.stable else none,
            }
        )


@spelled
def solve_centralised(
    net: Network,
    inverters: Inverters | None = None,
    *,
    margin: float = 1e-4,
    eta_q: float = 0.0,
    d: Each | None = None,
    time_limit: float | None = None,
) -> Central:
    """The cheapest operating point that is small-signal stable, loads drawing constant power.

    Args:
        net: network without conductances (`net.lossless()`, or r and gs set to zero); grid strength
            is that of the network, see `net.scaled(susceptance=...)`.
        inverters: grid-forming inverters; default one at every generator bus. What else generates
            injects constant power.
        margin: share of the droops' stiffness that has to be left over: the point stays stable with
            all droops multiplied by 1/(1 - margin).
        eta_q: reactive power cost relative to active, as in `build`.
        d: reactive power cost instead, as in `build`.
        time_limit: wall time in s after which no further solve begins.

    Returns:
        The result; `.stable` says whether the search succeeded.

    Raises:
        ScopfError: for a network with conductances or constant-current loads, or a margin that is
            not between 0 and 1.
    """
    began = time.perf_counter()
    plain = build(net, inverters, criterion="none", eta_q=eta_q, d=d)
    if plain.base.has_losses:
        text = "the exact condition is that of a network without conductances: use net.lossless(), "
        raise ScopfError(f"{plain.base.name}: {text}or set r of branches and gs of buses to zero")
    if plain.base.bus.has_current:
        text = "the exact condition here is that of loads of constant power, not constant current"
        raise ScopfError(f"{plain.base.name}: {text}")
    if not 0 < number("margin", margin) < 1:
        raise ScopfError(f"margin must be between 0 and 1, got {margin}")
    end = np.inf if time_limit is None else began + number("time_limit", time_limit)
    walk = _Walk(plain.base, plain.inverters, margin, {"eta_q": eta_q, "d": d})
    solution = heeded(solve(plain, time_limit=time_limit))
    walk.note(solution, 1.0, 0, began)
    found = None
    if solution.solved:
        solution = walk.go(solution, end)
        found = walk.reserve(solution, 1.0)
    seconds = time.perf_counter() - began
    result = Central(solution, found, plain.inverters, tuple(walk.rounds), seconds)
    if not result.stable:
        log.warning("%s: no stable optimum was found at these droops", plain.base.name)
    return result


class _Walk:
    """From the plain optimum, stable at a share of the droops, to an optimum stable at all."""

    def __init__(
        self, net: Network, inverters: Inverters, margin: float, costs: dict[str, Any]
    ) -> None:
        self._net, self._inverters, self._margin, self._costs = net, inverters, margin, costs
        self._grid = Grid.full(net)
        self._at: Ints = net.bus_positions(inverters.bus)
        self._transit = transit(net, self._at)
        self.rounds: list[Round] = []

    def reserve(self, solution: Solution, share: float) -> Reserve:
        """Of a solution's point at a share of the droops."""
        vm, va = solution.point.vm, solution.point.va
        return reserve(self._grid, vm, va, self._at, self._stiffness(share), self._transit)

    def _stiffness(self, share: float) -> Floats:
        return 1.0 / (share * self._inverters.k)

    def note(self, solution: Solution, share: float, borders: int, began: float) -> bool:
        """Log a solve; whether its optimum is stable enough."""
        left = self.reserve(solution, share).least if solution.solved else float("nan")
        seconds = time.perf_counter() - began
        made = Round(share, solution.cost, left, borders, solution.iterations, seconds)
        self.rounds.append(made)
        text = "%s: share %.4f, cost %.4f, reserve %.6f, %d borders, %d iterations, %.2f s"
        log.info(text, self._net.name, *dataclasses.astuple(made))
        return left >= _ENOUGH * self._margin

    def go(self, plain: Solution, end: float) -> Solution:
        """All the way at once, or in steps; the last optimum that was stable at its share.

        Args:
            plain: optimum without stability.
            end: time after which no further solve begins.
        """
        reached, least = plain, self.rounds[-1].reserve
        if least == -np.inf:
            log.warning("%s: unstable whatever the droops: angles are too wide", self._net.name)
            return plain
        share = min(1.0, (1.0 - self._margin) / (1.0 - least)) if least < 1.0 else 1.0
        step = 1.0 - share
        while share < 1.0 and time.perf_counter() < end:
            aim = min(1.0, share + step)
            found = self._attempt(aim, reached, None if reached is plain else reached, end)
            if found is not None:
                reached, share, step = found, aim, 2.0 * step
            elif (step := 0.5 * (aim - share)) < _SHORTEST:
                break
        return reached

    def _attempt(
        self, share: float, near: Solution, start: Solution | None, end: float
    ) -> Solution | None:
        """Solve at a share of the droops, with borders of a point nearby; None if that fails."""
        began = time.perf_counter()
        found = self.reserve(near, share)
        count = int(np.clip((found.values < _NEAR).sum(), 1, _BORDERS))
        border = Border.at(found, near.point.vm, self._at, self._stiffness(share), count)
        inverters = self._inverters.replace(mq=share * self._inverters.mq)
        problem = build(self._net, inverters, criterion=border, margin=self._margin, **self._costs)
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
    """A solution to start another problem from, which has the same OPF but other borders."""
    nlp = problem.compiled[False] = NLP(problem.formulation)
    iterate = start.iterate
    n, count = len(problem.base.bus), len(problem.formulation.indices["border"])
    columns, rows = nlp.n - 2 * n * count, nlp.m - (2 * n + 1) * count  # borders come last
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
