"""Criteria with one row per bus, a sum over its lines.

They come from the exact condition: completing the square line by line bounds the Hessian of the
energy below by the symmetric matrix M with

    M_ij = -a_ij,   M_ii = V_i/k_i + 2 B_ii V_i^2 - sum_j a_ij,   a_ij = b_ij V_i V_j / cos theta_ij

No entry beside the diagonal is positive, so M is positive definite, and the point stable, when some
weights w > 0 have M w > 0. Row i of that, divided by 2 scale_i V_i w_i, is

    sum_j b_ij/(2 scale_i) V_j / cos theta_ij (1 + w_j/w_i) - B_ii/scale_i V_i  <  Gamma_i

with Gamma_i = 1/(2 k_i scale_i), 0 at a bus without an inverter. Constant-power loads add nothing,
any other load whose reactive power rises with voltage is on the safe side. A criterion is a choice
of weights. All |theta_ij| have to be below 90 degrees, which rows of their own see to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scopf.engine.functions import cos
from scopf.stability import criterion
from scopf.stability.angles import WIDEST, add_spreads, add_widths
from scopf.stability.criterion import MARGIN, NOBODY, Rows, Stability

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats
    from scopf.engine.formulation import Formulation
    from scopf.network.network import Network
    from scopf.network.susceptances import Grid
    from scopf.stability.criterion import RowPrices, Seen, Setting

_EQUAL = 1e-9  # relative: parameters that differ by less are the same
STRICT = 1e-6  # p.u. voltage that every row keeps from equality, where M could be singular
_SHARES = "stability_share_start", "stability_share_end", "stability_share_own"
_PULL, WEIGHTS = "stability_pull", "bus_log_weight"
_ROWS = {"full": "bus_stability", "reduced": "inverter_stability"}


def pull(share: Any, v_j: Any, sec: Any, ratio: Any) -> Any:
    """What a line adds to the row of bus i: share V_j sec theta_ij (1 + w_j/w_i)."""
    return share * v_j * sec * (1 + ratio)


def _shares(grid: Grid) -> tuple[Floats, Floats, Floats]:
    """What a line counts in the rows at its start and its end, and what a bus in its own."""
    half = grid.b / 2
    return half / grid.scale[grid.start], half / grid.scale[grid.end], grid.own / grid.scale


class LineSums(ABC):
    """Base of the criteria of this kind; a subclass sets the attributes and chooses the weights."""

    name: str
    nssp_unit = "voltage"
    network: Literal["reduced", "full"]
    proven = False  # for the author of a subclass to say
    assumptions: str
    source: str

    @abstractmethod
    def ratio(self, v_i: Any, v_j: Any, u_i: Any, u_j: Any) -> Any:
        """w_j/w_i from the voltages, or from the weights' own variables.

        It has to be a ratio: that of (j, i) is one over that of (i, j), or nothing is proven.
        """

    def add_weights(self, f: Formulation, setting: Setting) -> Any:
        """Declare the weights' variables, one for each bus of the grid; None without any."""
        return None

    def droop_margin(self, net: Network) -> float:
        """None by default."""
        return 0.0

    def doubts(self, setting: Setting) -> list[str]:
        """What keeps the proof from holding for this network."""
        net = setting.net
        found = []
        if net.branch.r.any():
            with np.errstate(divide="ignore"):
                largest = np.abs(net.branch.r / net.branch.x).max()
            found.append(f"losses, r/x up to {largest:.2g}")
        if net.bus.gs.any():
            found.append("shunt conductances")
        bus = net.bus
        following = int(((bus.pd_current != 0) | (bus.qd_current < 0)).sum())
        if following:
            found.append(f"constant-current loads at {following} buses")
        capacitive = int((self._seen(setting).grid.b < 0).sum())
        if capacitive:
            found.append(f"{capacitive} capacitive lines in the {self.network} network")
        return found

    def _seen(self, setting: Setting) -> Seen:
        return setting.seen(self.network)

    # -- rows -------------------------------------------

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Gamma, and every line's share in the rows at its two ends."""
        seen = self._seen(setting)
        limits = criterion.limits(setting, seen.grid.scale[seen.inverters])
        return limits | dict(zip(_SHARES, _shares(seen.grid), strict=True))

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Add `inverter_stability[i]`, or `bus_stability[i]` on the full network.

        A line's contributions are `stability_pull_start` and `stability_pull_end`, its shares the
        mutable Params `stability_share_start` and `stability_share_end`.
        """
        seen = self._seen(setting)
        grid, buses = seen.grid, seen.buses
        limit = criterion.add_limits(f, setting, grid.scale[seen.inverters])[:] - f[MARGIN][:]
        values, n, lines = self.parameters(setting), len(grid), self._lines(f, setting)
        limit = f.expression("inverter_limit", f.indices["inverter"], limit)
        index = f.indices["bus"] if self.network == "full" else f.indices["inverter"]
        share_start, share_end, own = (
            f.parameter(name, at, values[name])[:]
            for name, at in zip(_SHARES, (lines, lines, index), strict=True)
        )

        i, j, vm = grid.start, grid.end, f["bus_vm"]
        angle = self._add_angles(f, setting)
        sec, v_i, v_j = 1 / cos(angle), vm[buses[i]], vm[buses[j]]
        u = self.add_weights(f, setting)
        u_i, u_j = (0, 0) if u is None else (u[i], u[j])
        there, back = self.ratio(v_i, v_j, u_i, u_j), self.ratio(v_j, v_i, u_j, u_i)
        start = f.expression(f"{_PULL}_start", lines, pull(share_start, v_j, sec, there))
        end = f.expression(f"{_PULL}_end", lines, pull(share_end, v_i, sec, back))
        pulls = start.total(i, n) + end.total(j, n)
        value = pulls - own * vm[buses] - limit.total(seen.inverters, n)
        f.constraint(_ROWS[self.network], index, value, upper=np.full(n, -STRICT))

    def _lines(self, f: Formulation, setting: Setting) -> Any:
        """The index of lines."""
        if self.network == "full":
            return f.indices["branch"]
        grid, bus = self._seen(setting).grid, setting.inverters.bus
        pairs = zip(bus[grid.start].tolist(), bus[grid.end].tolist(), strict=True)
        return f.index("inverter_line", pairs)

    def _add_angles(self, f: Formulation, setting: Setting) -> Any:
        """Rows that keep every angle across a line below 90 degrees; placeholder of the angles."""
        grid, buses, va = self._seen(setting).grid, self._seen(setting).buses, f["bus_va"]
        across = va[buses[grid.start]] - va[buses[grid.end]]
        if self.network == "full":
            angle = across - f.data(grid.shift) if grid.shift.any() else across
            branch, shift = setting.net.branch, grid.shift
            loose = (branch.angmin - shift < -WIDEST) | (branch.angmax - shift > WIDEST)
            add_widths(f, np.flatnonzero(loose), grid)
            return angle
        add_spreads(f, setting.reduction.neighbors, buses, setting.inverters.bus)
        return across

    # -- at a point -------------------------------------------

    def room(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Gamma - value of every bus's row, shape (..., n); -inf with angles beyond 90 degrees."""
        found: Floats = criterion.gamma(k, grid.scale)
        return found - self._values(grid, _shares(grid), vm, va, None)

    def _values(
        self,
        grid: Grid,
        shares: tuple[Floats, ...],
        vm: Floats,
        va: Floats,
        u: Floats | None,
    ) -> Floats:
        """Left sides of all rows at points of shape (..., n)."""
        i, j, (share_start, share_end, own) = grid.start, grid.end, shares
        angle = grid.angle(va)
        narrow = np.abs(angle) < np.pi / 2
        sec = 1 / cos(np.where(narrow, angle, 0.0))
        v_i, v_j = vm[..., i], vm[..., j]
        u_i, u_j = (0, 0) if u is None else (u[..., i], u[..., j])
        start = pull(share_start, v_j, sec, self.ratio(v_i, v_j, u_i, u_j))
        end = pull(share_end, v_i, sec, self.ratio(v_j, v_i, u_j, u_i))
        found: Floats = grid.per_bus(start, end) - own * vm
        return np.where(narrow.all(axis=-1, keepdims=True), found, np.inf)

    def read(self, f: Formulation, setting: Setting, rows: RowPrices) -> Stability:
        """Every row at the formulation's present values, with its present parameters."""
        seen, name = self._seen(setting), _ROWS[self.network]
        grid, buses, inverters = seen.grid, seen.buses, seen.inverters
        vm, va = f["bus_vm"].value[buses], f["bus_va"].value[buses]
        u = f[WEIGHTS].value if WEIGHTS in f else None
        value = self._values(grid, tuple(f[name].values for name in _SHARES), vm, va, u)
        limit, required = np.zeros(len(grid)), np.full(len(grid), STRICT)
        limit[inverters] = criterion.present_limits(f)
        required[inverters] += criterion.present_margin(f)
        active, price = rows.active(name), rows.price(name)
        of_inverter, own_limit = price[inverters], np.where(active, limit, np.nan)[inverters]
        return Stability(
            limit=own_limit,
            margin=np.where(active, limit - value, np.nan)[inverters],
            neighbor=np.full(len(inverters), NOBODY),
            price=of_inverter,
            nssp=self.nssp(setting, limit[inverters], of_inverter),
            dcost_dmq=criterion.droop_prices(of_inverter, own_limit, setting.inverters.mq),
            required=criterion.present_margin(f) + STRICT,
            doubts=(*self.doubts(setting), *self._loosened(f, setting, active)),
            list_rows=partial(
                Rows,
                bus=setting.net.bus.id[buses][active],
                neighbor=np.full(int(active.sum()), NOBODY),
                value=value[active],
                limit=limit[active],
                price=price[active],
                required=required[active],
            ),
        )

    def _loosened(self, f: Formulation, setting: Setting, active: Flags) -> list[str]:
        """What the user has taken away from the rows on the model."""
        found = [] if active.all() else [f"{int((~active).sum())} stability rows are switched off"]
        own = self.parameters(setting)
        for name in own.keys() & f.symbols.keys():
            there, meant = f[name].values, own[name]
            change = np.abs(there - meant) if name in _SHARES else there - meant
            if (change > _EQUAL * np.abs(meant)).any():
                found.append(f"{name} was set by hand")
        if criterion.present_margin(f) < 0:
            found.append("the margin is negative")
        return sorted(found)

    def nssp(self, setting: Setting, limit: Floats, price: Floats) -> Floats:
        """The NSSP of each inverter from the price of its limit: the price itself, -dJ*/dGamma."""
        return price
