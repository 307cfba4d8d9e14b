"""Criteria on a network with losses: what a stable dispatch costs by each, and what then is proven.

All inverters have the same droop: a share of the largest one at which the optimum of the plain OPF
is stable, by eigenvalues. Below 1 a criterion that costs anything is too careful, above 1 something
has to give way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.cases.files import load_case
from scopf.devices.gfm import Inverters
from scopf.errors import ScopfError, number
from scopf.model.building import build
from scopf.optimizer.progress import watched
from scopf.procedures.solver import solve
from scopf.results.solution import Solution, heeded
from scopf.stability import registry

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network
    from scopf.stability.criterion import Criterion

log = logging.getLogger(__name__)

CRITERIA = ("none", "voltage-difference", "weighted", "lossy")
SHARES = (0.95, 1.05)
_COLUMNS = ["mq", "criterion", "status", "increase", "iterations", "seconds", "ratio", "claim",
            "stable", "proof"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class WithLosses:
    """Dispatches of one case.

    Attributes:
        case: its name.
        buses: their number.
        cost: of the plain OPF, currency/h.
        critical_mq: largest uniform m_q at which the plain optimum is stable.
        table: a row for each droop and criterion: `mq`, `criterion`, `status` ("refused" where a
            criterion does not take the network), `increase` of the cost over the plain one,
            currency/h, `iterations`, `seconds` of building and solving, `ratio` of these to the
            plain OPF's, `claim` of the criterion at the optimum (empty for none), `stable` by
            eigenvalues, and `proof` of that ("multipliers"; empty for none).
    """

    case: str
    buses: int
    cost: float
    critical_mq: float
    table: pd.DataFrame


def with_losses(
    net: str | Network = "case39",
    *,
    criteria: Sequence[str | Criterion] = CRITERIA,
    shares: Sequence[float] = SHARES,
    mq: Sequence[float] = (),
    proof: bool | None = None,
    time_limit: float | None = None,
    progress: bool = False,
) -> WithLosses:
    """Cost, time and verdict of each criterion, with the droop margin that it wants by itself.

    Args:
        net: a network, or a case by name or path.
        criteria: names or criteria.
        shares: of the critical droop of the plain optimum, for the droops of all generating units.
        mq: droops instead of these.
        proof: whether to look for a proof, as `Solution.verify` takes it.
        time_limit: of one solve, s; without, each has the time that it takes.
        progress: whether to show a progress bar.

    Raises:
        ScopfError: for an unknown criterion; when the plain OPF has no solution, or no droop is
            critical and none was given.
    """
    import pandas as pd

    network = (load_case(net) if isinstance(net, str) else net).energized()
    rules = [registry.get(one) if isinstance(one, str) else one for one in criteria]
    _timed(network, registry.get("none"), 0.05)  # the first one waits for imports
    plain, seconds = _timed(network, registry.get("none"), 0.05)
    if not plain.solved:
        raise ScopfError(f"{network.name}: the plain OPF has no solution: {plain.message}")
    droops, critical = _positive("mq", mq), np.nan
    if not droops:
        critical = plain.verify(modes=1, proof=False).critical_mq
        if not 0 < critical < np.inf:
            raise ScopfError(f"{network.name}: no droop is critical at the plain optimum; give mq")
        droops = [share * critical for share in _positive("shares", shares)]
    cells = [(droop, rule) for droop in droops for rule in rules]
    rows = [
        _row(network, rule, droop, plain.cost, seconds, proof, time_limit)
        for droop, rule in watched(cells, network.name, None, progress)
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS).astype({"stable": "boolean"})
    return WithLosses(network.name, len(network.bus), plain.cost, critical, table)


def _positive(name: str, given: Sequence[float]) -> list[float]:
    values = [number(name, value) for value in given]
    if values and min(values) <= 0:
        raise ScopfError(f"{name}: positive numbers, got {values}")
    return values


def _timed(
    net: Network, rule: Criterion, mq: float, limit: float | None = None
) -> tuple[Solution, float]:
    """A dispatch, and the seconds that it took."""
    begin = time.perf_counter()
    inverters = Inverters.at_generators(net, mq=mq)
    found = heeded(solve(build(net, inverters, criterion=rule), time_limit=limit))
    return found, time.perf_counter() - begin


def _row(
    net: Network,
    rule: Criterion,
    mq: float,
    cost: float,
    plain: float,
    proof: bool | None,
    limit: float | None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"mq": mq, "criterion": rule.name}
    try:
        found, seconds = _timed(net, rule, mq, limit)
    except ScopfError as error:
        log.info("%s: %s: %s", net.name, rule.name, error)
        return {**row, "status": "refused", "claim": "", "stable": None, "proof": ""}
    check = found.verify(modes=1, proof=proof) if found.solved else None
    return {
        **row,
        "status": str(found.status),
        "increase": found.cost - cost,
        "iterations": found.iterations,
        "seconds": seconds,
        "ratio": seconds / plain,
        "claim": (found.claim or "") if found.solved else "",
        "stable": None if check is None else check.stable,
        "proof": "" if check is None else check.proof or "",
    }
