"""The gap between a criterion and the exact condition on the paper's two-bus line.

Two inverters at the ends of a lossless line of susceptance B (Wang and Geng 2026, figures 1 and 2):
of all operating points on a grid, S_eig are stable and S_dec are certified by the criterion.

    xi = |S_eig minus S_dec| / |S_eig|             stable points that the criterion gives away
    false share = |S_dec minus S_eig| / |S_dec|    certified points that are unstable

The paper reports the first alone, which cannot tell a sound criterion from one that is not. Whether
a point is stable does not depend on m_p, tau_p and tau_q (see `scopf.dynamics.energy`). A point on
the very boundary of a criterion is certified, as (3) has it, V_j - V_i <= Gamma_i: the grid of
voltages has many such points (Gamma = .05 is 15 steps), which rounding must not decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.energy import hessians
from scopf.errors import ScopfError, number
from scopf.network.susceptances import Grid
from scopf.optimizer.progress import watched
from scopf.stability import registry

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags, Floats
    from scopf.stability.criterion import Criterion

B = (2.0, 4.0, 6.0, 8.0)
MQ = np.linspace(1.0, 5.0, 9)
VM = np.linspace(0.95, 1.05, 31)
ANGLE = np.linspace(-0.525, 0.525, 61)
TIE = 1e-12  # p.u. voltage: room that is zero but for rounding
_LINE = np.array([0]), np.array([1])


@dataclass(frozen=True, eq=False)
class Gap:
    """The gap of one criterion.

    Attributes:
        criterion: its name.
        points: operating points for each line and pair of droops.
        table: a row each: `b`, `mq1`, `mq2`, `xi`, `false_share`, and the numbers of points that
            are `stable` and `certified`. A share of no points at all is NaN.
    """

    criterion: str
    points: int
    table: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """A row for each B.

        `xi_min`, `xi_mean`, `xi_max`, and the false share at the corners: both droops at their
        least (`false_low`), the one least and the other largest (`false_mixed`), both largest
        (`false_high`).
        """
        import pandas as pd

        low, high = self.table["mq1"].min(), self.table["mq1"].max()
        rows = []
        for b, part in self.table.groupby("b"):
            xi, at = part["xi"], part.set_index(["mq1", "mq2"])["false_share"]
            corners = (at[low, low], at[low, high], at[high, high])
            rows.append((b, xi.min(), xi.mean(), xi.max(), *corners))
        columns = ["b", "xi_min", "xi_mean", "xi_max", "false_low", "false_mixed", "false_high"]
        return pd.DataFrame(rows, columns=columns)


def gap(
    criterion: str | Criterion = "voltage-difference",
    *,
    b: Sequence[float] = B,
    mq: Sequence[float] | Floats = MQ,
    vm: Sequence[float] | Floats = VM,
    angle: Sequence[float] | Floats = ANGLE,
    progress: bool = False,
) -> Gap:
    """The gap of a criterion; the default grids are the paper's.

    Args:
        criterion: name of a registered criterion, or a criterion object.
        b: susceptances of the line, per unit.
        mq: droops m_q of either inverter, beta_q = 1.
        vm: voltages of either bus.
        angle: angles across the line, rad.
        progress: whether to show a progress bar.

    Raises:
        ScopfError: for an unknown criterion, or numbers that are not positive.
    """
    import pandas as pd

    rule = registry.get(criterion) if isinstance(criterion, str) else criterion
    for name, given in (("b", b), ("mq", mq), ("vm", vm)):
        values = [number(name, value) for value in given]
        if not values or min(values) <= 0:
            raise ScopfError(f"{name}: positive numbers, at least one, got {values}")
    v_1, v_2, across = np.meshgrid(vm, vm, angle, indexing="ij")
    voltages = np.stack([v_1.ravel(), v_2.ravel()], axis=-1)
    angles = np.stack([np.zeros(across.size), -across.ravel()], axis=-1)
    pairs = list(itertools.product(np.asarray(mq, dtype=np.float64).tolist(), repeat=2))
    cells = [(float(line), *pair) for line in b for pair in pairs]
    rows = []
    for line, mq_1, mq_2 in watched(cells, rule.name, None, progress):
        if (mq_1, mq_2) == pairs[0]:
            own = np.full(2, line)
            grid = Grid(*_LINE, own[:1], np.zeros(1), own, own)
            h = hessians(_LINE, grid.b, own, voltages, angles, np.zeros(2))
            energy = _voltage_part(h)
        k = np.array([mq_1, mq_2])
        stable = _stable(energy, 1 / (k * voltages))
        certified: Flags = np.all(rule.slack(grid, k, voltages, angles) >= -TIE, axis=-1)
        rows.append((line, mq_1, mq_2, *_shares(stable, certified)))
    columns = ["b", "mq1", "mq2", "xi", "false_share", "stable", "certified"]
    return Gap(rule.name, len(voltages), pd.DataFrame(rows, columns=columns))


def _voltage_part(h: Floats) -> tuple[Floats, ...]:
    """What the angle leaves of H without droops: entries 11, 22 and 12 over (V_1, V_2).

    -inf where H is not positive in the angle, so that no droop makes it so.
    """
    theta, coupling = h[:, 0, 0], h[:, 0, 1:]
    rest = h[:, 1:, 1:] - coupling[:, :, None] * coupling[:, None, :] / theta[:, None, None]
    return np.where(theta > 0, rest[:, 0, 0], -np.inf), rest[:, 1, 1].copy(), rest[:, 0, 1].copy()


def _stable(energy: tuple[Floats, ...], droop: Floats) -> Flags:
    """Where H with the droops' part 1/(k V) added is positive definite."""
    first, second = energy[0] + droop[:, 0], energy[1] + droop[:, 1]
    found: Flags = (first > 0) & (first * second > energy[2] ** 2)
    return found


def _shares(stable: Flags, certified: Flags) -> tuple[float, float, int, int]:
    """xi, false share, and the numbers of stable and of certified points."""
    s, c = int(stable.sum()), int(certified.sum())
    both = int((stable & certified).sum())
    return (s - both) / s if s else np.nan, (c - both) / c if c else np.nan, s, c
