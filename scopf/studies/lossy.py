"""Criteria on networks with losses, where most claim nothing.

`weighted` takes the susceptances alone, `lossy` the losses too. In random networks with an inverter
at every bus, all lines of one ratio r/x, all droops are raised together. The study compares the
criterion's limit with the exact one, where the rightmost eigenvalue of the dynamics crosses zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.critical import bisected
from scopf.network.two_ports import TwoPorts
from scopf.optimizer.progress import watched
from scopf.stability import registry
from scopf.studies.linear import rightmost
from scopf.studies.networks import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from scopf.arrays import Floats
    from scopf.stability.criterion import Criterion
    from scopf.studies.networks import Batch

RATIOS = (0.05, 0.1, 0.2, 0.5)
MARGIN = 0.06
FREQUENCY = 50.0  # Hz, nominal
SPREAD = 0.525  # rad, as wide as the angles of the paper's two-bus grid
_FACTORS = np.geomspace(1e-3, 1e3, 49)  # on the droops that were drawn: where limits are sought
_PRECISION = 4e-7  # of a limit, relative


@dataclass(frozen=True, eq=False)
class Lossy:
    """The criterion's limits on the droops over the exact ones.

    Attributes:
        margin: droop margin that is to cover the excess.
        table: a row for each r/x: `r_over_x`, `networks` that have a limit, `none` without one,
            `excess_max`, `excess_mean` and `excess_min`, critical droop by the criterion over the
            exact one less 1, and `covered`, share of the networks where the margin is enough.
    """

    margin: float
    table: pd.DataFrame


def lossy(
    criterion: str | Criterion = "weighted",
    *,
    ratios: Sequence[float] = RATIOS,
    networks: int = 60,
    margin: float = MARGIN,
    spread: float = SPREAD,
    mp: float = 0.02,
    tau: float = 0.1,
    seed: int = 1,
    progress: bool = False,
) -> Lossy:
    """Excess of a criterion's critical droop over the exact one.

    Args:
        criterion: name of a criterion, or a criterion.
        ratios: r/x of all lines.
        networks: random ones for each ratio, drawn as in `scopf.studies.networks`; their lines'
            x/(r^2 + x^2) is what is drawn there.
        margin: droop margin.
        spread: the widest that a network's angles can be apart, rad.
        mp: active droop, p.u. frequency (of 50 Hz) per p.u. power. With a large one lossy networks
            have another limit, of angles and frequencies, which no criterion here has rows for.
        tau: time constant of both filters, s.
        seed: of the random numbers.
        progress: whether to show a progress bar.

    Raises:
        ScopfError: for an unknown criterion.
    """
    import pandas as pd

    rule = registry.get(criterion) if isinstance(criterion, str) else criterion
    rows = []
    for ratio in ratios:
        cases = [
            (batch, i) for batch in draw(networks, seed, spread=spread) for i in range(len(batch))
        ]
        limits = np.array(
            [
                _limits(rule, batch, i, ratio, mp, tau)
                for batch, i in watched(cases, f"r/x {ratio:g}", None, progress)
            ]
        )
        limits = limits[np.isfinite(limits).all(axis=1)]
        excess = limits[:, 0] / limits[:, 1] - 1
        shares = (excess.max(), excess.mean(), excess.min()) if len(excess) else (np.nan,) * 3
        covered = float((excess <= margin).mean()) if len(excess) else np.nan
        rows.append((ratio, len(excess), networks - len(excess), *shares, covered))
    columns = ["r_over_x", "networks", "none", "excess_max", "excess_mean", "excess_min", "covered"]
    return Lossy(margin, pd.DataFrame(rows, columns=columns))


def _limits(
    rule: Criterion, batch: Batch, network: int, ratio: float, mp: float, tau: float
) -> tuple[float, float]:
    """Largest factors on one network's droops, by the criterion and by the dynamics."""
    grid, (vm, va, k) = batch.grid(network), (x[network] for x in (batch.vm, batch.va, batch.k))
    n = len(grid)
    y = np.zeros((n, n), dtype=np.complex128)
    series = grid.b * (ratio - 1j)
    np.add.at(y, (grid.start, grid.end), -series)
    y += y.T
    y -= np.diag(y.sum(axis=1))
    grid = dataclasses.replace(grid, losses=TwoPorts.of_admittance(y))

    def certified(factor: Floats) -> Floats:
        least: Floats = rule.slack(grid, k * factor[:, None], vm, va).min(axis=-1)
        return least

    def damped(factor: Floats) -> Floats:
        droops = k * factor[:, None]
        many = (len(factor), n)
        points = np.broadcast_to(vm, many), np.broadcast_to(va, many)
        real = rightmost(
            y, *points, np.arange(n), droops, mp=mp, tau_p=tau, tau_q=tau, frequency=FREQUENCY
        )
        return -real

    return _first_root(certified), _first_root(damped)


def _first_root(good: Callable[[Floats], Floats]) -> float:
    """Factor at which a function of factors first turns negative; infinite without one.

    NaN where it is negative from the first.
    """
    bad = good(_FACTORS) <= 0
    if not bad.any():
        return np.inf
    first = int(bad.argmax())
    if first == 0:
        return np.nan
    low, high = _FACTORS[first - 1 : first + 1].tolist()
    return bisected(lambda factor: bool(good(np.array([factor]))[0] > 0), low, high, _PRECISION)
