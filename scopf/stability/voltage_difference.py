"""The paper's voltage-difference criterion, (3), in its split form (4)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from scopf.faults import ScopfError
from scopf.stability.criterion import PairRows
from scopf.stability.kron import reduced_neighbors, reduced_susceptance

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.inverters import Inverters
    from scopf.network import Network


log = logging.getLogger(__name__)

_MANY_ROWS = 100_000


def difference(v_i: Any, v_j: Any) -> Any:
    """Left side of (4): how far neighbour j's voltage lies above inverter i's."""
    return v_j - v_i


def gamma(k: Any, b_ii: Any) -> Any:
    """Right side of (3), Gamma_i = 1 / (2 m_q,i beta_q,i |B_ii^red|), with k_i = m_q,i beta_q,i."""
    return 1.0 / (2.0 * k * abs(b_ii))


class VoltageDifference:
    """V_j - V_i <= Gamma_i for every neighbour j of inverter i in the Kron-reduced network."""

    name = "voltage-difference"
    proven = False
    assumptions = (
        "conservative at small angles and not sufficient at large ones; the reduced network's "
        "transfer conductance is taken as negligible"
    )
    source = "Wang and Geng 2026, (3) and (4); Siahaan, Mallada and Geng, PESGM 2024"

    def add_rows(
        self, m: pyo.ConcreteModel, net: Network, inverters: Inverters, alpha: float
    ) -> None:
        """Add `inverter_stability[i, j]`; Gamma is the mutable Param `inverter_gamma[i]`.

        Raises:
            ScopfError: when there is no inverter, or one is coupled to nothing.
        """
        if not len(inverters):
            raise ScopfError(
                "there is no inverter to constrain; use the criterion none for a plain OPF"
            )
        buses = inverters.bus.tolist()
        keep = net.bus_positions(inverters.bus)
        b_ii = np.diag(reduced_susceptance(net, keep))
        if (b_ii == 0).any():
            raise ScopfError(
                f"inverter at bus {buses[int(np.argmin(np.abs(b_ii)))]}: B_ii^red is zero"
            )
        limits = gamma(inverters.k, alpha * b_ii)
        i, j = np.nonzero(reduced_neighbors(net, keep))
        if len(i) > _MANY_ROWS:
            log.warning("%d stability rows, one a pair of inverters: this takes long", len(i))
        pairs = list(zip(inverters.bus[i].tolist(), inverters.bus[j].tolist(), strict=True))
        m.inverter = pyo.Set(initialize=buses, dimen=1)
        m.inverter_pair = pyo.Set(initialize=pairs, dimen=2)
        m.inverter_gamma = pyo.Param(
            m.inverter,
            mutable=True,
            initialize=dict(zip(buses, limits.tolist(), strict=True)),
            within=pyo.Reals,
        )
        m.inverter_stability = pyo.Constraint(
            m.inverter_pair,
            rule=lambda m, i, j: difference(m.bus_vm[i], m.bus_vm[j]) <= m.inverter_gamma[i],
        )

    def rows(self, m: pyo.ConcreteModel, inverters: Inverters, vm: Floats) -> PairRows:
        """The active rows at inverter voltages `vm`, with the model's present Gamma."""
        place = {bus: k for k, bus in enumerate(inverters.bus.tolist())}
        component = m.component("inverter_stability")  # None once the user has deleted it
        rows = component.items() if component is not None else ()
        active = {pair: row for pair, row in rows if row.active}
        pairs = np.array([(place[i], place[j]) for i, j in active], dtype=np.int64)
        i, j = pairs.reshape(-1, 2).T
        limit = np.array([pyo.value(m.inverter_gamma[b]) for b in inverters.bus.tolist()])
        return PairRows(tuple(active.values()), i, j, difference(vm[i], vm[j]), limit[i])
