"""Voltages of the buses within their limits; the angle of the reference is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Variable
from scopf.model import relaxation
from scopf.model.part import Part
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.network.tables import REFERENCE

_LEAST = 0.05  # p.u., that a voltage limit may be relaxed to


@dataclass(frozen=True, eq=False)
class Voltages(Part):
    """`bus_vm` and `bus_va`, per unit and rad."""

    net: Network
    vm: Variable
    va: Variable

    @classmethod
    def declare(cls, f: Formulation, net: Network, start: dict[str, Floats]) -> Self:
        """Declare `bus_vm` in its bounds, and `bus_va`, fixed at the reference."""
        index, bus = f.indices["bus"], net.bus
        vm = f.variable("bus_vm", index, lower=bus.vmin, upper=bus.vmax, start=start["bus_vm"])
        angle, fixed = start["bus_va"], bus.type == REFERENCE
        va = f.variable("bus_va", index, lower=-np.inf, upper=np.inf, start=angle, fixed=fixed)
        return cls(net, vm, va)

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Vmin and Vmax of the buses."""
        return {self.vm: (self.net.bus.vmin, self.net.bus.vmax)}

    def relaxations(self) -> Sequence[Relaxation]:
        """Vmin and Vmax of every bus."""
        labels, size = self.net.bus.labels, np.ones(len(self.vm))
        names, group = ("Vmin", "Vmax"), "voltage limits"
        return relaxation.of_bounds(self.vm, names, group, labels, size, "p.u.", 1.0, _LEAST)
