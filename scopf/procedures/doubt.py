"""Whether limits conflict: asked while attempts fail, and answered without a further attempt.

Attempts at a problem whose limits conflict take many iterations and end in all kinds of ways, so
their statuses say little. The elastic problem (`scopf.diagnosis.violation`) has feasible points
whatever the limits are; it takes about as many iterations as a solve that goes well, of a larger
problem. So it is asked once two attempts have failed, unless they were given up at once (another
start costs less then). Loads above the capacity of generators are seen after the first one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from scopf.diagnosis.violation import Verdict, least_violation, proven
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled
from scopf.optimizer.interfaces import Interface
from scopf.optimizer.status import STEPS, Attempt
from scopf.procedures.limits import Limits

NAME = "least violation"  # of the attempt that it counts as
_ATTEMPTS, _ITERATIONS = 2, 15  # after which it is asked
_FEASIBLE = 1e-6  # violation of the constraints from which an attempt has met all limits
_MOST = 100  # iterations of the elastic problem from each start
_TIMES, _LEAST = 10.0, 10.0  # times what the attempts took, s: what it may take


class Doubt:
    """Asks once whether the limits of a problem conflict.

    Args:
        problem: that is to be solved.
        limits: of all attempts together.
        interface: the way to Ipopt.
    """

    def __init__(self, problem: Problem, limits: Limits, interface: Interface | None) -> None:
        self._problem, self._limits, self._interface = problem, limits, interface
        self._capacity_seen = self._asked = False

    def verdict(self, attempts: Sequence[Attempt], relaxed: Collection[str]) -> Verdict | None:
        """The answer, where it is time to ask; None where not.

        Args:
            attempts: so far, none of which has solved the problem.
            relaxed: names of those that left rows out; what they met was not all limits.
        """
        if not self._capacity_seen:
            self._capacity_seen = True
            short = proven(self._problem)
            if short is not None:
                return short
        if self._asked or not _due(attempts, relaxed):
            return None
        self._asked = True
        left = self._limits.left(list(attempts))
        seconds = max(_LEAST, _TIMES * sum(one.seconds for one in attempts))
        seconds = min(seconds, float(left.get("max_wall_time", seconds)))
        most = float(left.get("max_iter", math.inf))
        try:
            return least_violation(self._problem, seconds, _MOST, most, self._interface)
        except KeyboardInterrupt:
            x = compiled(self._problem, False).start
            return Verdict(None, "stopped on request", x, interrupted=True)


def _due(attempts: Sequence[Attempt], relaxed: Collection[str]) -> bool:
    cold = [one for one in attempts if one.name != "warm"]
    enough = len(cold) >= _ATTEMPTS and sum(one.iterations for one in cold) >= _ITERATIONS
    return enough and not any(_met_all_limits(one) for one in cold if one.name not in relaxed)


def _met_all_limits(attempt: Attempt) -> bool:
    """Whether it came by a point that meets all limits, in Ipopt's scaling."""
    violation = attempt.steps[:, STEPS.index("primal_infeasibility")]
    searching = attempt.steps[:, STEPS.index("restoration")] > 0
    return bool((violation[~searching] < _FEASIBLE).any())
