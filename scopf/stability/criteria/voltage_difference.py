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
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.symbols import Constraint
from scopf.engine.templates import Node
from scopf.errors import ScopfError
from scopf.network.kron import Neighbors
from scopf.network.susceptances import Grid
from scopf.stability import limits
from scopf.stability.criterion import Criterion
from scopf.stability.rows import NOBODY, Declared, Dispatch, Limits, OwnedRows, RowPrices, Stability
from scopf.stability.setting import Setting
from scopf.stability.voltage_pairs import Direct, Voltages, Within

log = logging.getLogger(__name__)

_ABOVE = 0.03  # how far above the highest voltage a group's maximum starts: inside its rows
_FEW = 200  # pairs up to which the rows are written pair by pair


def difference(v_i: Node, v_j: Node) -> Node:
    """Left side of (4): how far neighbour j's voltage lies above inverter i's."""
    return v_j - v_i


@dataclass(frozen=True, eq=False)
class Pairwise(Declared):
    """The rows of this criterion.

    Attributes:
        within: one row for each inverter and group of mutual neighbours, U - V_i <= Gamma_i; None
            where all rows are pair by pair.
        above: rows 0 <= U - V_i, the same ones unless droops are variables.
        direct: rows of single pairs.
    """

    within: Constraint | None = None
    above: Constraint | None = None
    direct: Constraint | None = None


class VoltageDifference(Criterion):
    """V_j - V_i <= Gamma_i for every neighbour j of inverter i in the Kron-reduced network.

    Args:
        rows: "pairs" for one row per ordered pair, "maximum" for one per inverter and group; by
            default whichever suits the number of inverters.
    """

    name = "voltage-difference"
    conditions = (
        "conservative at small angles and not sufficient at large ones; the reduced network's "
        "transfer conductance is taken as negligible"
    )
    source = "Wang and Geng 2026, (3) and (4); Siahaan, Mallada and Geng, PESGM 2024"

    def __init__(self, rows: Literal["pairs", "maximum"] | None = None) -> None:
        if rows not in (None, "pairs", "maximum"):
            raise ScopfError(f'rows is "pairs" or "maximum", got {rows!r}')
        self._rows = rows

    def declare(self, d: Dispatch, setting: Setting) -> Declared:
        """Declare `inverter_stability`, with Gamma as in `scopf.stability.limits`.

        Pair by pair the rows are `inverter_stability[i, j]`. With maxima they are
        `inverter_stability[i, g]` for each group g, whose variable is `inverter_group_vm[g]`, and
        `inverter_stability_direct[i, j]` for pairs that only a branch joins.

        Raises:
            ScopfError: when there is no inverter, or one is coupled to nothing.
        """
        limit = limits.declare(d, setting, self._scale(setting))
        own = {limits.UNIT: limit.unit}
        near, at = setting.reduction.neighbors, setting.reduction.keep
        few = near.pair_count <= _FEW if self._rows is None else self._rows == "pairs"
        if few:
            pairs = _add_pairs(d, limit, "inverter_stability", at, *near.pairs())
            return Pairwise(limit.margin, limit, (pairs,), parameters=own, direct=pairs.constraint)
        within, above = _add_maxima(d, limit, at, near)
        direct = _add_pairs(d, limit, "inverter_stability_direct", at, *near.direct.T)
        return Pairwise(
            limit.margin,
            limit,
            (within, direct),
            definitions=() if above is within.constraint else (above,),
            parameters=own,
            within=within.constraint,
            above=above,
            direct=direct.constraint,
        )

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Gamma of every inverter."""
        return limits.parameters(setting, self._scale(setting))

    def _scale(self, setting: Setting) -> Floats:
        """|B_ii^red| at the present strength, or 1 at a bus without branches, which has no row."""
        reduction = setting.reduction
        return np.where(reduction.alone, 1.0, setting.alpha * reduction.self_susceptance)

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Gamma less the largest voltage difference to a neighbour, shape (..., n)."""
        shape = np.broadcast_shapes(vm.shape, va.shape, k.shape)
        rise = np.full((shape[-1], *vm.shape[:-1]), -np.inf)
        for i, j in ((grid.start, grid.end), (grid.end, grid.start)):
            np.maximum.at(rise, i, np.moveaxis(difference(vm[..., i], vm[..., j]), -1, 0))
        found: Floats = limits.gamma(k, grid.scale) - np.moveaxis(rise, 0, -1)
        return np.broadcast_to(found, shape)

    def read(
        self, declared: Declared, d: Dispatch, setting: Setting, prices: RowPrices
    ) -> Stability:
        """Limits, margins and prices at the present values of the model."""
        limit, near = declared.limits, setting.reduction.neighbors
        assert isinstance(declared, Pairwise)
        assert limit is not None
        assert declared.direct is not None
        vm, bus = d.vm.value[setting.reduction.keep], setting.inverters.bus
        gamma, rows = limit.values, declared.within
        if rows is None or declared.above is None:
            within = Within.empty()
            i, j = near.pairs()
        else:
            active = prices.active(rows)
            if not active.all():
                log.warning(
                    "inverters whose row is inactive are out of their group: neither limited nor "
                    "counted as neighbours (raise inverter_gamma_offset to switch off a limit)"
                )
            price = prices.price(rows), prices.price(declared.above, lower=True)
            within = Within(near.inverter, near.group, active, *price)
            i, j = near.direct.T
        direct = Direct(i, j, prices.active(declared.direct), prices.price(declared.direct))
        found = Voltages(bus, vm, gamma, within, direct)
        has_rows = found.neighbor >= 0
        return Stability(
            limit=np.where(has_rows, gamma, np.nan),
            margin=gamma - found.rise,
            neighbor=np.where(has_rows, bus[found.neighbor], NOBODY),
            price=found.nssp,
            nssp=found.nssp,
            dcost_dmq=limits.droop_prices(found.nssp, limit),
            required=limit.required,
            list_rows=partial(found.rows, limit.required),
            load_prices=partial(
                _load_prices,
                setting,
                found.nssp,
                limits.scale_prices(
                    found.nssp, limit, self.parameters(setting), self._scale(setting)
                ),
            ),
        )


def _load_prices(
    setting: Setting, price: Floats, by_scale: Floats, least: float
) -> tuple[Floats, Floats]:
    """dJ*/d(load) through Gamma: the scale of inverter i is alpha B_ii^red."""
    weights = np.where(price <= least, 0.0, setting.alpha * by_scale)  # NaN stays NaN
    return setting.reduction.by_loads(weights)


def _add_pairs(d: Dispatch, limit: Limits, name: str, at: Ints, i: Ints, j: Ints) -> OwnedRows:
    """Rows V_j - V_i <= Gamma_i - margin of ordered pairs."""
    keys = d.inverter.keys
    pairs = [(keys[a], keys[b]) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
    own = "inverter_pair" if name == "inverter_stability" else "inverter_direct_pair"
    index = d.formulation.index(own, pairs)
    row = difference(d.vm[at[i]], d.vm[at[j]])
    return OwnedRows(limits.constrain(d, limit, name, index, row, i), i)


def _add_maxima(
    d: Dispatch, limit: Limits, at: Ints, near: Neighbors
) -> tuple[OwnedRows, Constraint]:
    """Rows 0 <= U - V_i <= Gamma_i - margin of groups: the upper sides, and the lower ones."""
    f, of, group = d.formulation, near.inverter, near.group
    groups = f.numbered("inverter_group", int(group.max(initial=-1)) + 1)
    members = [(d.inverter.keys[i], k) for i, k in zip(of.tolist(), group.tolist(), strict=True)]
    index = f.index("inverter_in_group", members)
    highest = np.full(len(groups), -np.inf)
    np.maximum.at(highest, group, d.vm.value[at[of]])
    start = highest + _ABOVE
    top = f.variable("inverter_group_vm", groups, lower=-np.inf, upper=np.inf, start=start)
    row, zero = difference(d.vm[at[of]], top[group]), np.zeros(len(of))
    rows = limits.constrain(d, limit, "inverter_stability", index, row, of, lower=zero)
    if rows.lower is not None:
        return OwnedRows(rows, of), rows
    return OwnedRows(rows, of), f.constraint("inverter_group_vm_low", index, row, lower=zero)


CRITERIA = (VoltageDifference(),)
