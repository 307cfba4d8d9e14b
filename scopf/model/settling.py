"""Rows by which the grid settles after outages: droops, governors, fields, and what stays.

Each part refers to the intact network: set points stay where the dispatch put them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.devices import machine
from scopf.engine.symbols import Constraint, Expression, Parameter, Variable
from scopf.model.limits import excess

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.devices.machine import Machines
    from scopf.dynamics.settled import Settled
    from scopf.engine.formulation import Scope
    from scopf.engine.templates import Node
    from scopf.model.codesign import DesignedStiffness, GivenStiffness
    from scopf.model.generation import Generation
    from scopf.model.part import OperatingPoint
    from scopf.model.voltages import Voltages


def active_droop(p: Node, w: Node, share: Node) -> Node:
    """Active power of a unit at the frequency deviation w, share = 1/(m_p beta_p) or 1/r + d."""
    return p - w * share


def reactive_droop(
    stiffness: Node, beta_q: Node, v: Node, v_before: Node, q: Node, q_before: Node
) -> Node:
    """Left side of V^c - V + m_q beta_q (Q^c - Q) = 0, times the stiffness 1/m_q."""
    return stiffness * (v - v_before) + beta_q * (q - q_before)


def field_at(of: Machines, xd: Node, xq: Node, p: Node, q: Node, v: Node) -> Node:
    """E_fd of machines, E' of classical ones, whose reactance `xd` is x'd."""
    return machine.field(p, q, v, machine.load_angle(p, q, v, xq), xd)


@dataclass(frozen=True, eq=False)
class StateOutput:
    """Output of the generators in all states.

    Attributes:
        p: `state_gen_pg`, which follows from that of the intact network and the frequency.
        q: `state_gen_qg`.
    """

    p: Expression
    q: Variable


@dataclass(frozen=True, eq=False)
class Before:
    """Parts of the intact network that states refer to."""

    voltages: Voltages
    generation: Generation
    stiffness: GivenStiffness | DesignedStiffness


@dataclass(frozen=True, eq=False)
class Settling:
    """The rows.

    Attributes:
        settled: the states.
        range_p: `state_gen_range`, bounds on the active power of what follows the frequency.
        same_q: `state_gen_same_q`, of generators whose reactive power stays.
        same_v: `state_bus_same_vm`, voltage of buses that generators without a device hold.
        droop: `state_droop`, of each inverter.
        fields: `state_machine_field`, of each machine; None without any.
        support: `state_follower_support`, of each grid-following inverter; None without any.
        left, beta_q: Params `state_inverter_left`, the share of its stiffness that each inverter
            has, and `state_inverter_beta_q`, the gain of its droop.
    """

    settled: Settled
    range_p: Constraint
    same_q: Constraint
    same_v: Constraint
    droop: Constraint
    fields: Constraint | None
    support: Constraint | None
    left: Parameter
    beta_q: Parameter

    @classmethod
    def declare(
        cls,
        f: Scope,
        settled: Settled,
        before: Before,
        voltages: Voltages,
        output: StateOutput,
        left: Floats,
    ) -> Self:
        """Declare the rows.

        Args:
            f: the formulation of the states.
            settled: the states.
            before: the intact network.
            voltages: of the states.
            output: of their generators.
            left: share of its stiffness that each inverter has.
        """
        made = _Rows(f, settled, before, voltages, output)
        inverter, devices = f.indices["inverter"], settled.devices
        given = f.parameter("inverter_left", inverter, left)
        beta_q = f.parameter("inverter_beta_q", inverter, settled.inverters.beta_q)
        return cls(
            settled, made.range_p(), made.same_q(), made.same_v(), made.droop(given, beta_q),
            made.fields() if len(devices.machines) else None,
            made.support() if len(devices.followers) else None, given, beta_q,
        )  # fmt: skip

    @property
    def definitions(self) -> Sequence[Constraint]:
        """The equations, which hold whatever limits are relaxed."""
        rows = (self.same_q, self.same_v, self.droop, self.fields, self.support)
        return tuple(one for one in rows if one is not None)

    def residuals(
        self, here: OperatingPoint, at: OperatingPoint, stiffness: Floats
    ) -> dict[Constraint, Floats]:
        """Violations of all rows, from the tables of the networks.

        Args:
            here: the point of the states,
            at: and of the intact network.
            stiffness: 1/m_q in the intact network of the inverter of each state.
        """
        settled, gen = self.settled, here.net.gen
        p, q, before = here.power.real, here.power.imag, at.power[settled.gen]
        rise = here.vm - at.vm[settled.bus]
        k, same, held = settled.ranged, settled.same_q, settled.held
        found = {
            self.range_p: excess(p[k], gen.pmin[k], gen.pmax[k]),
            self.same_q: np.abs((q - before.imag)[same]),
            self.same_v: np.abs(rise[held]),
        }
        units, count = settled.units, len(settled.keep)
        more = np.bincount(settled.owner[units], (q - before.imag)[units], count)
        k_q = self.beta_q.values / (stiffness * self.left.values)
        found[self.droop] = np.abs(rise[settled.keep] + k_q * more)
        if self.fields is not None:
            of, those = settled.devices.machines, settled.machine_gen
            bus = here.net.gen_at[those]
            e, e_0 = (
                field_at(of, of.steady, of.xq, power.real, power.imag, v)
                for power, v in (
                    (here.power[those], here.vm[bus]),
                    (before[those], at.vm[settled.bus[bus]]),
                )
            )
            found[self.fields] = np.abs(e - e_0 + of.ka * rise[bus]) / (1 + of.ka)
        if self.support is not None:
            those = settled.follower_gen
            kv = settled.devices.followers.kv
            gap = (q - before.imag)[those] + kv * rise[here.net.gen_at[those]]
            found[self.support] = np.abs(gap)
        return found


class _Rows:
    """Declares the rows."""

    def __init__(
        self, f: Scope, settled: Settled, before: Before, voltages: Voltages, output: StateOutput
    ) -> None:
        self._f, self._settled, self._before = f, settled, before
        self._voltages, self._output = voltages, output

    def range_p(self) -> Constraint:
        """Pmin <= P^c <= Pmax."""
        k, gen = self._settled.ranged, self._settled.net.gen
        index = self._f.index("gen_ranged", gen.id[k].tolist())
        p = self._output.p[k]
        return self._f.constraint("gen_range", index, p, lower=gen.pmin[k], upper=gen.pmax[k])

    def same_q(self) -> Constraint:
        """Q^c = Q."""
        k, gen = self._settled.same_q, self._settled.net.gen
        index = self._f.index("gen_kept", gen.id[k].tolist())
        row = self._output.q[k] - self._before.generation.q[self._settled.gen[k]]
        return self._equal("gen_same_q", "gen_kept", row, len(index))

    def same_v(self) -> Constraint:
        """V^c = V."""
        k, bus = self._settled.held, self._settled.net.bus
        index = self._f.index("bus_held", bus.id[k].tolist())
        row = self._voltages.vm[k] - self._before.voltages.vm[self._settled.bus[k]]
        return self._equal("bus_same_vm", "bus_held", row, len(index))

    def droop(self, left: Parameter, beta_q: Parameter) -> Constraint:
        """V^c - V + m_q beta_q (Q^c - Q) = 0."""
        f, settled = self._f, self._settled
        there, units, n = settled.keep, settled.units, len(settled.keep)
        owner = np.full(len(settled.net.gen), -1)
        owner[units] = settled.owner[units]
        stiffness = self._before.stiffness.symbol[settled.inverter] * left[:]
        q = self._output.q.total(owner, n)
        before = f.expression(
            "gen_qg_before", f.indices["gen"], self._before.generation.q[settled.gen]
        ).total(owner, n)
        vm, vm_before = self._voltages.vm[there], self._before.voltages.vm[settled.bus[there]]
        row = reactive_droop(stiffness, beta_q[:], vm, vm_before, q, before)
        return self._equal("droop", "inverter", row, n)

    def fields(self) -> Constraint:
        """E(P^c, Q^c, V^c) - E(P, Q, V) + K_A (V^c - V) = 0."""
        f, settled, before = self._f, self._settled, self._before
        of, k = settled.devices.machines, settled.machine_gen
        bus, gen = settled.net.gen_at[k], settled.gen[k]
        first = settled.bus[bus]
        f.index("machine", settled.net.gen.id[k].tolist())
        xd, xq = f.data(of.steady), f.data(of.xq)
        v, v_0 = self._voltages.vm[bus], before.voltages.vm[first]
        e = field_at(of, xd, xq, self._output.p[k], self._output.q[k], v)
        e_0 = field_at(of, xd, xq, before.generation.p[gen], before.generation.q[gen], v_0)
        row = e - e_0 + f.data(of.ka) * (v - v_0) if of.ka.any() else e - e_0
        return self._equal("machine_field", "machine", row / f.data(1 + of.ka), len(k))

    def support(self) -> Constraint:
        """Q^c - Q + k_v (V^c - V) = 0."""
        f, settled, before = self._f, self._settled, self._before
        k = settled.follower_gen
        bus = settled.net.gen_at[k]
        f.index("follower", settled.net.gen.id[k].tolist())
        rise = self._voltages.vm[bus] - before.voltages.vm[settled.bus[bus]]
        more = self._output.q[k] - before.generation.q[settled.gen[k]]
        row = more + f.data(settled.devices.followers.kv) * rise
        return self._equal("follower_support", "follower", row, len(k))

    def _equal(self, name: str, index: str, row: Node, count: int) -> Constraint:
        zero = np.zeros(count)
        return self._f.constraint(name, self._f.indices[index], row, lower=zero, upper=zero)
