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
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scopf.faults import ScopfError
from scopf.stability.criterion import Stability
from scopf.stability.pairs import Direct, Voltages, Within

if TYPE_CHECKING:
    from scopf.algebra import Formulation
    from scopf.arrays import Floats, Ints
    from scopf.stability.criterion import RowPrices, Setting
    from scopf.stability.kron import Neighbors

log = logging.getLogger(__name__)

_ABOVE = 0.03  # how far above the highest voltage a group's maximum starts: inside its rows
_FEW = 200  # pairs up to which the rows are written pair by pair
PAIRS = WITHIN = "inverter_stability"
DIRECT, HIGHEST = "inverter_stability_direct", "inverter_group_vm"


def difference(v_i: Any, v_j: Any) -> Any:
    """Left side of (4): how far neighbour j's voltage lies above inverter i's."""
    return v_j - v_i


def gamma(k: Any, b_ii: Any) -> Any:
    """Right side of (3), Gamma_i = 1 / (2 m_q,i beta_q,i |B_ii^red|), with k_i = m_q,i beta_q,i."""
    return 1.0 / (2.0 * k * abs(b_ii))


class VoltageDifference:
    """V_j - V_i <= Gamma_i for every neighbour j of inverter i in the Kron-reduced network.

    Args:
        rows: "pairs" for one row per ordered pair, "maximum" for one per inverter and group; by
            default whichever suits the number of inverters.
    """

    name = "voltage-difference"
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
        index = f.index("inverter", buses)
        f.parameter("inverter_gamma", index, self.parameters(setting)["inverter_gamma"])
        f.parameter("stability_margin", None, setting.margin)
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
        room = f["inverter_gamma"][i] - f["stability_margin"][:]
        f.constraint(name, index, difference(vm[at[i]], vm[at[j]]), upper=room)

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
        room = f["inverter_gamma"][near.inverter] - f["stability_margin"][:]
        f.constraint(WITHIN, index, row, lower=np.zeros(len(members)), upper=room)

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Gamma of every inverter."""
        inverters = setting.inverters
        if not len(inverters):
            raise ScopfError(
                "there is no inverter to constrain; use the criterion none for a plain OPF"
            )
        b_ii = setting.reduction.self_susceptance
        if (b_ii == 0).any():
            bus = inverters.bus[int(np.argmin(np.abs(b_ii)))]
            raise ScopfError(f"inverter at bus {bus}: B_ii^red is zero")
        return {"inverter_gamma": gamma(inverters.k, setting.alpha * b_ii)}

    def read(self, f: Formulation, setting: Setting, vm: Floats, rows: RowPrices) -> Stability:
        """Limits, margins and prices at inverter voltages `vm`, with the model's present Gamma."""
        limit = f["inverter_gamma"].values.copy()
        near = setting.reduction.neighbors
        if HIGHEST in f:
            if not rows.active(WITHIN).all():
                log.warning(
                    "inverters whose row is inactive are out of their group: neither limited nor "
                    "counted as neighbours (raise inverter_gamma to switch off a limit alone)"
                )
            price = rows.price(WITHIN), rows.price(WITHIN, lower=True)
            within = Within(near.inverter, near.group, rows.active(WITHIN), *price)
            i, j, name = *near.direct.T, DIRECT
        else:
            within = Within.empty()
            i, j, name = *near.pairs(), PAIRS
        direct = Direct(i, j, rows.active(name), rows.price(name))
        found = Voltages(vm, limit, within, direct)
        return Stability(
            limit=np.where(found.neighbor >= 0, limit, np.nan),
            margin=limit - found.rise,
            neighbor=found.neighbor,
            nssp=found.nssp,
            required=float(f["stability_margin"].values[0]),
            list_pairs=found.pairs,
        )
