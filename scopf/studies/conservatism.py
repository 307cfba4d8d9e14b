"""Cost of each criterion on a case, and stability of its optima.

All inverters have the same droop, but for costs at the droops of their own. The droop from which a
criterion costs anything is found from the optimal cost against that of the plain OPF, not from the
margin at the plain optimum: with active power costs alone that optimum is one point of a flat face,
and others on it may have more slack.

A criterion on the full network is about loads of constant power, as in the OPF; one on the
Kron-reduced network about loads of constant impedance. Optima are checked with both by
`Solution.verify`: for constant power by the Hessian of the energy where the network is lossless,
otherwise by eigenvalues. Active power that follows the voltage is not lossless, so for constant
impedance it is always eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scopf.cases.files import load_case
from scopf.devices.gfm import Inverters
from scopf.dynamics import critical
from scopf.errors import ScopfError
from scopf.model.building import build
from scopf.network.kron import Reduction
from scopf.network.susceptances import Grid
from scopf.optimizer.progress import watched
from scopf.procedures.solver import solve
from scopf.results.solution import heeded
from scopf.studies.montecarlo import chosen

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Ints
    from scopf.network.network import Network
    from scopf.stability.criterion import Criterion

MQ = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.48)
TOLERANCE = 1e-8  # of the cost: less counts as none, and the solver's noise is less
WIDTH = 1e-4  # of the bracket around a critical droop, relative
_GROWTH = 2.0  # from one droop to the next: solves far beyond feasibility are slow
LOADS = {"full": "power", "reduced": "impedance"}


@dataclass(frozen=True, eq=False)
class Conservatism:
    """Limits and costs of the criteria on a case.

    Attributes:
        case: its name.
        cost: of the plain OPF, currency/h.
        limits: a row for each criterion, and two for the exact condition: `criterion`, `loads` that
            it is about ("power" or "impedance": constant), `critical_mq`, the largest uniform
            droop that costs nothing, and `optimum_mq`, the largest with which the plain optimum
            that the solver found is certified (stable, for the exact condition). Infinite where
            there is no limit up to 100; NaN where it is unknown.
        costs: a row for each criterion and droop: `criterion`, `loads`, `mq`, `status`, `increase`
            of the cost, currency/h, and whether the optimum is `stable_power` and
            `stable_impedance`, with loads of constant power and of constant impedance; missing
            where the solve failed or the check is undecided.
    """

    case: str
    cost: float
    limits: pd.DataFrame
    costs: pd.DataFrame


def conservatism(
    net: str | Network = "case39",
    *,
    criteria: Sequence[str | Criterion] | None = None,
    mq: Sequence[float] = MQ,
    inverters: Inverters | None = None,
    capability: bool = False,
    tolerance: float = TOLERANCE,
    progress: bool = False,
) -> Conservatism:
    """Limits on a uniform droop, and cost increases, of each criterion, without a droop margin.

    Args:
        net: a network; of a case given by name or path, its lossless variant.
        criteria: names or criteria; by default all that are registered and have rows, but for
            those that are made for losses.
        mq: droops of all generating units for the table of costs; NaN for those of `inverters`.
        inverters: where they are, with gains and ratings; None for one at every generator, with
            beta_q = 1.
        capability: whether P^2 + Q^2 of every inverter stays within its rating.
        tolerance: relative increase of the cost that counts as none.
        progress: whether to show a progress bar.

    Raises:
        ScopfError: for an unknown criterion, or when the plain OPF has no solution.
    """
    import pandas as pd

    network = load_case(net).lossless() if isinstance(net, str) else net
    study = _Study(network.energized(), chosen(criteria, None), inverters, capability, tolerance)
    steps = len(study.rules)
    limits = [study.limits(rule) for rule in watched(study.rules, "limits", steps, progress)]
    limits += study.exact_limits()
    cells = [(rule, float(droop)) for rule in study.rules for droop in mq]
    costs = [study.costs(*cell) for cell in watched(cells, "costs", None, progress)]
    table = pd.DataFrame(costs).astype({"stable_power": "boolean", "stable_impedance": "boolean"})
    return Conservatism(network.name, study.cost, pd.DataFrame(limits), table)


class _Study:
    def __init__(
        self,
        net: Network,
        rules: list[Criterion],
        inverters: Inverters | None,
        capability: bool,
        tolerance: float,
    ) -> None:
        self.net, self.rules, self.tolerance = net, rules, tolerance
        self.inverters = Inverters.at_generators(net, mq=1.0) if inverters is None else inverters
        self.at: Ints = net.bus_positions(self.inverters.bus)
        plain = heeded(solve(build(net, self.inverters, criterion="none", capability=capability)))
        if not plain.solved:
            raise ScopfError(f"{net.name}: the plain OPF has no solution: {plain.message}")
        self.plain, self.cost = plain, plain.cost
        self.vm, self.va = plain.point.vm, plain.point.va
        self.problems = {
            rule.name: build(
                net, self.inverters, criterion=rule, droop_margin=0.0, capability=capability
            )
            for rule in rules
        }

    @cached_property
    def grid(self) -> Grid:
        return Grid.full(self.net)

    @cached_property
    def reduced(self) -> Grid:
        return Grid.reduced(Reduction(self.net, self.at))

    # -- limits -------------------------------------------

    def limits(self, rule: Criterion) -> dict[str, object]:
        """Limits of one criterion."""

        def free(mq: float) -> bool:
            solution = heeded(solve(self.problems[rule.name].update(mq=mq)))
            return solution.solved and solution.cost <= self.cost * (1 + self.tolerance)

        def certified(mq: float) -> bool:
            k = self.inverters.with_droops(mq).k
            if rule.network == "full":
                everywhere = np.full(len(self.net.bus), np.inf)  # infinite without an inverter
                everywhere[self.at] = k
                slack = rule.slack(self.grid, everywhere, self.vm, self.va)
            else:
                slack = rule.slack(self.reduced, k, self.vm[self.at], self.va[self.at])
            return bool((slack > 0).all())

        return {
            "criterion": rule.name,
            "loads": LOADS[rule.network],
            "critical_mq": critical.largest(free, WIDTH, growth=_GROWTH),
            "optimum_mq": critical.largest(certified, WIDTH, growth=_GROWTH),
        }

    def exact_limits(self) -> list[dict[str, object]]:
        """Limits of the exact condition at the plain optimum."""
        return [
            {
                "criterion": "exact",
                "loads": loads,
                "critical_mq": np.nan,
                "optimum_mq": self.plain.verify(load=loads).critical_mq,
            }
            for loads in LOADS.values()
        ]

    # -- costs -------------------------------------------

    def costs(self, rule: Criterion, mq: float) -> dict[str, object]:
        """Cost and verdicts of one criterion with one droop; NaN for those of the inverters."""
        problem = self.problems[rule.name]
        own = dict(zip(self.inverters.bus.tolist(), self.inverters.mq.tolist(), strict=True))
        solution = heeded(solve(problem.update(mq=own if np.isnan(mq) else mq)))
        verdicts = {
            f"stable_{loads}": solution.verify(load=loads).stable if solution.solved else None
            for loads in LOADS.values()
        }
        return {
            "criterion": rule.name,
            "loads": LOADS[rule.network],
            "mq": mq,
            "status": str(solution.status),
            "increase": solution.cost - self.cost,
            **verdicts,
        }
