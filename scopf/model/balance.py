"""Power balance of every bus, and the loads as limits of last resort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Symbol
from scopf.engine.templates import Node
from scopf.model.flows import Flows
from scopf.model.loads import Loads, Shedding
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation
from scopf.model.voltages import Voltages
from scopf.network.network import Network
from scopf.network.powers import injections

LAST = 100.0  # price of what is relaxed only where nothing else helps
_FACTOR = 10.0  # a change of all loads by so much counts as t = 1


def balance(supplied: Node, drawn: Node, shunt: Node) -> Node:
    """Left side of the power balance of a bus; the load is on the right."""
    return supplied - drawn - shunt


class Output(Protocol):
    """Active and reactive power of every generator."""

    @property
    def p(self) -> Symbol:
        """Active power, per unit."""

    @property
    def q(self) -> Symbol:
        """Reactive power, per unit."""


class Injected(Protocol):
    """DC lines."""

    def drawn_p(self) -> Node:
        """Active power that they draw from every bus."""

    def drawn_q(self) -> Node:
        """Reactive power that they draw from every bus."""


@dataclass(frozen=True, eq=False)
class Balance(Part):
    """`bus_balance_p` and `bus_balance_q`: generation - flows - shunt = load.

    The multiplier is the price of load with all limits held, because loads are on the right-hand
    side. Constant-current loads, if there are any, stand on the left because they follow the
    voltage.

    Attributes:
        net: the network.
        p, q: the rows.
        loads: of its buses.
        shedding: of these; None where all is served.
    """

    net: Network
    p: Constraint
    q: Constraint
    loads: Loads
    shedding: Shedding | None

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        voltages: Voltages,
        generation: Output,
        dclines: Injected | None,
        flows: Flows,
        loads: Loads,
        shedding: Shedding | None,
    ) -> Self:
        """Declare both balances.

        Args:
            f: the formulation.
            net: the network.
            voltages: of the buses.
            generation: output of the generators.
            dclines: what they draw, if there are any.
            flows: into the branches.
            loads: of the buses.
            shedding: of these, if they may be shed.
        """
        bus, n = f.indices["bus"], len(net.bus)
        params, place = loads.params, loads.place
        vv, at_from, at_to = flows.vv[:], net.branch_from, net.branch_to
        rows = []
        for letter, output, out, into, shunt in (
            ("p", generation.p, flows.p_from, flows.p_to, net.bus.gs),
            ("q", generation.q, flows.q_from, flows.q_to, -net.bus.bs),
        ):
            supplied = output.total(net.gen_at, n)
            drawn = out.total(at_from, n) + into.total(at_to, n)
            if dclines is not None:
                drawn = drawn + (dclines.drawn_p() if letter == "p" else dclines.drawn_q())
            if current := params.get(f"{letter}d_current"):
                drawn = drawn + current[place] * voltages.vm[:]
            if shedding is not None:
                shed = shedding.p if letter == "p" else shedding.q
                drawn = drawn - shed.total(shedding.buses, n)
            row, right = balance(supplied, drawn, f.data(shunt) * vv), params[f"{letter}d"][place]
            rows.append(f.constraint(f"bus_balance_{letter}", bus, row, lower=right, upper=right))
        return cls(net, rows[0], rows[1], loads, shedding)

    def demand(self, vm: Floats) -> tuple[Floats, Floats]:
        """Active and reactive load of every bus that is served at these voltages, per unit."""
        p, q = self.loads.demand(vm)
        if self.shedding is None:
            return p, q
        left = 1.0 - self.shedding.of_buses()
        return p * left, q * left

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Power that is missing at each bus, out of the admittance matrix."""
        net, n = at.net, len(at.vm)
        into = np.bincount(net.gen_at, at.power.real, n)
        into = into + 1j * np.bincount(net.gen_at, at.power.imag, n)
        p, q = self.demand(at.vm)
        left = into - (p + 1j * q) + net.dcline_sum(*at.dclines)
        left = left - injections(net.ybus(), at.vm, at.va)
        return {self.p: np.abs(left.real), self.q: np.abs(left.imag)}

    def loads_as_limits(self) -> Sequence[Relaxation]:
        """More or less load at every bus."""
        found, base, labels = list[Relaxation](), self.net.base_mva, self.net.bus.labels
        everything, n = np.arange(len(labels)), len(labels)
        for rows, key, name, unit in (
            (self.p, "pd", "active load", "MW"),
            (self.q, "qd", "reactive load", "MVAr"),
        ):
            load = self.loads.params[key].values.copy()
            for side, sign in (("<=", 1.0), (">=", -1.0)):

                def needed(i: int, t: float, load: Floats = load, sign: float = sign) -> float:
                    return float(load[i] - sign * t) * base

                effect = Effect(rows, everything, np.full(n, sign))
                found.append(
                    Relaxation(
                        name, "", name, unit, side, labels, load * base, needed, (effect,),
                        price=LAST,
                    )
                )  # fmt: skip
        return found

    def load_factor(self) -> Relaxation:
        """One factor on all loads (those that follow the voltage as at 1 p.u.)."""
        effects = []
        for rows, load in zip((self.p, self.q), self.demand(np.ones(1)), strict=True):
            limit = np.where(load != 0, 0, -1)
            effects.append(Effect(rows, limit, _FACTOR * load))
        name = "factor on all loads"
        return Relaxation(
            name, "", name, "", "<=", [""], np.ones(1), lambda _, t: 1.0 - _FACTOR * t, effects,
            most=np.ones(1) / _FACTOR, factor=True,
        )  # fmt: skip
