"""The paper's voltage-difference criterion, (3), in its split form (4).

Few inverters have one row per ordered pair, as the paper writes it. Many inverters that all see
each other would have millions; for them each group of mutual neighbours has a variable U, no lower
than any voltage in the group, and one row per member

    0 <= U - V_i <= Gamma_i - margin

which leaves exactly the voltages that the pairs leave, as long as every Gamma_i is above the
margin. The price of inverter i's rows in the group is that of its upper side here, so the NSSP is
the same. What binds is shared out to the pairs that do: lambda_ij is the price of i's upper side
times the share of j's lower side in U, unique unless several inverters bind against several
neighbours at once, where the pairs' own multipliers are not unique either.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scopf.engine.symbols import Parameter
from scopf.errors import ScopfError
from scopf.stability import criterion
from scopf.stability.criterion import MARGIN, NOBODY, Stability
from scopf.stability.voltage_pairs import Direct, Voltages, Within

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.engine.formulation import Formulation
    from scopf.network.kron import Neighbors
    from scopf.network.network import Network
    from scopf.network.susceptances import Grid
    from scopf.stability.criterion import RowPrices, Setting

log = logging.getLogger(__name__)

_ABOVE = 0.03  # how far above the highest voltage a group's maximum starts: inside its rows
_FEW = 200  # pairs up to which the rows are written pair by pair
PAIRS = WITHIN = "inverter_stability"
DIRECT, HIGHEST, BELOW = "inverter_stability_direct", "inverter_group_vm", "inverter_group_vm_low"


def difference(v_i: Any, v_j: Any) -> Any:
    """Left side of (4): how far neighbour j's voltage lies above inverter i's."""
    return v_j - v_i


class VoltageDifference:
    """V_j - V_i <= Gamma_i for every neighbour j of inverter i in the Kron-reduced network.

    Args:
        rows: "pairs" for one row per ordered pair, "maximum" for one per inverter and group; by
            default whichever suits the number of inverters.
    """

    name = "voltage-difference"
    nssp_unit = "voltage"
    network: Literal["reduced", "full"] = "reduced"
    proven = False
    assumptions = (
        "conservative at small angles and not sufficient at large ones; the reduced network's "
        "transfer conductance is taken as negligible"
    )
    source = "Wang and Geng 2026, (3) and (4); Siahaan, Mallada and Geng, PESGM 2024"

    def __init__(self, rows: Literal["pairs", "maximum"] | None = None) -> None:
        if rows not in (None, "pairs", "maximum"):
            raise ScopfError(f'rows is "pairs" or "maximum", got {rows!r}')
        self._rows = rows

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Add `inverter_stability`; Gamma is the mutable Param `inverter_gamma[i]`.

        Pair by pair the rows are `inverter_stability[i, j]`. With maxima they are
        `inverter_stability[i, g]` for each group g, whose variable is `inverter_group_vm[g]`, and
        `inverter_stability_direct[i, j]` for pairs that only a branch joins.

        Raises:
            ScopfError: when there is no inverter, or one is coupled to nothing.
        """
        buses = setting.inverters.bus.tolist()
        criterion.add_limits(f, setting, self._scale(setting))
        near, at = setting.reduction.neighbors, setting.reduction.keep
        few = near.pair_count <= _FEW if self._rows is None else self._rows == "pairs"
        if few:
            self._add_pairs(f, PAIRS, buses, at, *near.pairs())
        else:
            self._add_maxima(f, buses, at, near)
            self._add_pairs(f, DIRECT, buses, at, *near.direct.T)

    def _add_pairs(
        self, f: Formulation, name: str, buses: list[int], at: Ints, i: Ints, j: Ints
    ) -> None:
        vm = f["bus_vm"]
        pairs = [(buses[a], buses[b]) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
        index = f.index("inverter_pair" if name == PAIRS else "inverter_direct_pair", pairs)
        _limit(f, name, index, difference(vm[at[i]], vm[at[j]]), i)

    def _add_maxima(self, f: Formulation, buses: list[int], at: Ints, near: Neighbors) -> None:
        vm = f["bus_vm"]
        groups = f.index("inverter_group", range(int(near.group.max(initial=-1)) + 1))
        members = [
            (buses[i], g) for i, g in zip(near.inverter.tolist(), near.group.tolist(), strict=True)
        ]
        index = f.index("inverter_in_group", members)
        highest = np.full(len(groups), -np.inf)
        np.maximum.at(highest, near.group, vm.value[at[near.inverter]])
        top = f.variable(HIGHEST, groups, lower=-np.inf, upper=np.inf, start=highest + _ABOVE)
        row = difference(vm[at[near.inverter]], top[near.group])
        _limit(f, WITHIN, index, row, near.inverter, lower=np.zeros(len(members)))

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Gamma of every inverter."""
        return criterion.limits(setting, self._scale(setting))

    def _scale(self, setting: Setting) -> Floats:
        """|B_ii^red| at the present strength."""
        return setting.alpha * setting.reduction.self_susceptance

    def droop_margin(self, net: Network) -> float:
        """None by default: the paper has none."""
        return 0.0

    def doubts(self, setting: Setting) -> list[str]:
        """There is no proof to doubt."""
        return []

    def room(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Gamma less the largest voltage difference to a neighbour, shape (..., n)."""
        shape = np.broadcast_shapes(vm.shape, va.shape, k.shape)
        rise = np.full((shape[-1], *vm.shape[:-1]), -np.inf)
        for i, j in ((grid.start, grid.end), (grid.end, grid.start)):
            np.maximum.at(rise, i, np.moveaxis(difference(vm[..., i], vm[..., j]), -1, 0))
        found: Floats = criterion.gamma(k, grid.scale) - np.moveaxis(rise, 0, -1)
        return np.broadcast_to(found, shape)

    def read(self, f: Formulation, setting: Setting, rows: RowPrices) -> Stability:
        """Limits, margins and prices at the formulation's present values."""
        limit, near = criterion.present_limits(f), setting.reduction.neighbors
        vm, bus = f["bus_vm"].value[setting.reduction.keep], setting.inverters.bus
        if HIGHEST in f:
            if not rows.active(WITHIN).all():
                log.warning(
                    "inverters whose row is inactive are out of their group: neither limited nor "
                    "counted as neighbours (raise inverter_gamma to switch off a limit alone)"
                )
            price = rows.price(WITHIN), rows.price(BELOW if BELOW in f else WITHIN, lower=True)
            within = Within(near.inverter, near.group, rows.active(WITHIN), *price)
            i, j, name = *near.direct.T, DIRECT
        else:
            within = Within.empty()
            i, j, name = *near.pairs(), PAIRS
        direct = Direct(i, j, rows.active(name), rows.price(name))
        found = Voltages(bus, vm, limit, within, direct)
        required = criterion.present_margin(f)
        own = np.where(found.neighbor >= 0, limit, np.nan)
        return Stability(
            limit=own,
            margin=limit - found.rise,
            neighbor=np.where(found.neighbor >= 0, bus[found.neighbor], NOBODY),
            price=found.nssp,
            nssp=found.nssp,
            dcost_dmq=criterion.droop_prices(found.nssp, own, setting.inverters.mq),
            required=required,
            doubts=(),
            list_rows=partial(found.rows, required),
        )


def _limit(
    f: Formulation, name: str, index: Any, row: Any, i: Ints, lower: Floats | None = None
) -> None:
    """Rows lower <= row <= Gamma_i - margin."""
    limit, margin = f[criterion.GAMMA], f[MARGIN][:]
    if isinstance(limit, Parameter):
        f.constraint(name, index, row, lower=lower, upper=limit[i] - margin)
        return
    f.constraint(name, index, row - limit[i], upper=-margin)  # Gamma is no number in co-design
    if lower is not None:
        f.constraint(BELOW, index, row, lower=lower)


CRITERIA = (VoltageDifference(),)
