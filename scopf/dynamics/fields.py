"""Machines in a power flow: reactive power by the field voltage, or its regulator.

At the set points of a dispatch a machine has a field voltage E_0. In a power flow it delivers the
active power that its governor leaves it, and the reactive power that belongs to the field

    E = E_0 + K_A (V_0 - V)

(a classical machine has its constant E' instead). Both the load angle and Q follow from P, E and V.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scopf.devices import machine

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats, Ints
    from scopf.devices.machine import Machines


class Reactive(NamedTuple):
    """Reactive power of machines, and its derivatives by the voltage and by w; per unit."""

    q: Floats
    by_vm: Floats
    by_w: Floats


@dataclass(frozen=True, eq=False)
class Fields:
    """N machines at the set points of a dispatch, per unit.

    Attributes:
        machines: the machines.
        gen: positions of their generators.
        bus: positions of their buses.
        power: P + jQ at the set points.
        vm: V_0 of their terminals.
        share: by which P falls with w.
    """

    machines: Machines
    gen: Ints
    bus: Ints
    power: Complexes
    vm: Floats
    share: Floats

    @cached_property
    def _first(self) -> tuple[Floats, Floats]:
        """E_0, and the load angle, rad."""
        p, q, of = self.power.real, self.power.imag, self.machines
        phi = machine.load_angle(p, q, self.vm, of.xq)
        e_0 = machine.field(p, q, self.vm, phi, of.steady)
        return e_0, np.arctan2(phi.sin, phi.cos)

    def at(self, vm: Floats, w: Floats) -> Reactive:
        """Reactive power of the machines; NaN where their fields cannot hold the active power.

        Args:
            vm: voltages of their terminals, shape (n,).
            w: deviation of the frequency of each.
        """
        of, (e_0, first) = self.machines, self._first
        p, e = self.power.real - self.share * w, e_0 + of.ka * (self.vm - vm)
        phi = machine.angle_at(p, e, vm, of.steady, of.xq, first)
        q = machine.delivered(e, vm, phi, of.steady, of.xq).q
        with np.errstate(invalid="ignore"):
            curved = machine.curvature(p, q, vm, of.steady, of.xq)
            slope = machine.regulated(p, q, vm, of.steady, of.xq, of.ka)
        return Reactive(q, -slope / vm, self.share * curved.fx / curved.ff)
