"""Power balance of every bus, and the loads as limits of last resort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.pyomo_types import Node
from scopf.engine.symbols import Constraint, Parameter, Symbol
from scopf.model.flows import Flows
from scopf.model.part import Follows, OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation
from scopf.model.voltages import Voltages
from scopf.network.network import LOADS, Network
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
        loads: mutable Params by column of the bus table: pd, qd and, if there are any,
            pd_current and qd_current.
        place: position of each bus in these.
    """

    net: Network
    p: Constraint
    q: Constraint
    loads: dict[str, Parameter]
    place: Ints

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        voltages: Voltages,
        generation: Output,
        dclines: Injected | None,
        flows: Flows,
        loads_of: tuple[Balance, Ints] | None = None,
    ) -> Self:
        """Declare both balances, loads the mutable Params `bus_pd`, `bus_qd`, ...

        Args:
            f: the formulation.
            net: the network.
            voltages: of the buses.
            generation: output of the generators.
            dclines: what they draw, if there are any.
            flows: into the branches.
            loads_of: another balance whose loads these are, and positions there of the buses.
        """
        bus, n = f.indices["bus"], len(net.bus)
        if loads_of is None:
            columns = [key for key in LOADS if net.bus.has_current or key in ("pd", "qd")]
            loads = {key: f.parameter(f"bus_{key}", bus, getattr(net.bus, key)) for key in columns}
            place = np.arange(n)
        else:
            loads, place = loads_of[0].loads, loads_of[1]
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
            if current := loads.get(f"{letter}d_current"):
                drawn = drawn + current[place] * voltages.vm[:]
            row, right = balance(supplied, drawn, f.data(shunt) * vv), loads[f"{letter}d"][place]
            rows.append(f.constraint(f"bus_balance_{letter}", bus, row, lower=right, upper=right))
        return cls(net, rows[0], rows[1], loads, place)

    def demand(self, vm: Floats) -> tuple[Floats, Floats]:
        """Active and reactive load of every bus at these voltages, per unit."""
        values = {key: one.values[self.place] for key, one in self.loads.items()}
        p, q = values["pd"], values["qd"]
        if "pd_current" not in values:
            return p, q
        return p + values["pd_current"] * vm, q + values["qd_current"] * vm

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Power that is missing at each bus, out of the admittance matrix."""
        net, n = at.net, len(at.vm)
        into = np.bincount(net.gen_at, at.power.real, n)
        into = into + 1j * np.bincount(net.gen_at, at.power.imag, n)
        p, q = self.demand(at.vm)
        left = into - (p + 1j * q) + net.dcline_sum(*at.dclines)
        left = left - injections(net.ybus(), at.vm, at.va)
        return {self.p: np.abs(left.real), self.q: np.abs(left.imag)}

    def follows(self) -> Sequence[Follows]:
        """Loads times their factors."""
        loads = self.loads.items()
        return [
            Follows(
                {"load_scale"},
                lambda s: [(symbol, getattr(s.net.bus, key)) for key, symbol in loads],
            )
        ]

    def loads_as_limits(self) -> Sequence[Relaxation]:
        """More or less load at every bus."""
        found, base, labels = list[Relaxation](), self.net.base_mva, self.net.bus.labels
        everything, n = np.arange(len(labels)), len(labels)
        for rows, key, name, unit in (
            (self.p, "pd", "active load", "MW"),
            (self.q, "qd", "reactive load", "MVAr"),
        ):
            load = self.loads[key].values.copy()
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
