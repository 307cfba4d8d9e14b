"""The networks, droops and margins that a stability criterion is about."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.network.kron import Reduction
from scopf.network.network import Network
from scopf.network.susceptances import Grid


@dataclass(frozen=True)
class View:
    """A network as a criterion looks at it.

    Islands without an inverter are no part of it.

    Attributes:
        grid: its n buses and lines.
        buses: position in the whole network of each bus, shape (n,).
        lines: position in the table of branches of each line; None in the reduced network.
        inverters: position among these of each inverter.
        k: droop that the criterion has to cover at each bus, infinite without an inverter.
    """

    grid: Grid
    buses: Ints
    lines: Ints | None
    inverters: Ints
    k: Floats


@dataclass(frozen=True)
class Setting:
    """The network, its inverters and the margins of a problem.

    Attributes:
        reduction: the grid at strength 1 (`.net`), and its reduction to the inverters.
        inverters: that the criterion constrains.
        alpha: grid strength; the model's series admittances are alpha times those of the grid.
        margin: p.u. voltage that every row has to leave.
        droop_margin: share by which every droop counts as larger than it is.
        left: share of the stiffness of an inverter of the intact network that this one has, each;
            below 1 after the loss of a unit.
        devices: machines and grid-following inverters; None without any.
    """

    reduction: Reduction
    inverters: Inverters
    alpha: float = 1.0
    margin: float = 0.0
    droop_margin: float = 0.0
    left: Floats | float = 1.0
    devices: Devices | None = None

    @property
    def net(self) -> Network:
        """The whole network, at strength 1."""
        return self.reduction.net

    @property
    def beta_q(self) -> Floats:
        """Gains of the reactive droops, the droop margin included."""
        return self.inverters.beta_q * (1.0 + self.droop_margin)

    @property
    def k(self) -> Floats:
        """Droops k = m_q beta_q that the criterion has to cover."""
        return self.inverters.k * (1.0 + self.droop_margin)

    @property
    def present_reduction(self) -> Reduction:
        """The network of present strength, and its reduction to the inverters."""
        return self.reduction.at_strength(self.alpha)

    @property
    def present(self) -> Network:
        """The network of present strength."""
        return self.present_reduction.net

    @property
    def sources(self) -> Ints:
        """Positions of the buses whose inverters or machines hold voltage and frequency."""
        if self.devices is None:
            return self.reduction.keep
        machines = self.net.bus_positions(self.devices.machines.bus)
        return np.union1d(self.reduction.keep, machines)

    @cached_property
    def full(self) -> View:
        """The whole network."""
        net, at = self.net, self.reduction.keep
        k = np.full(len(net.bus), np.inf)
        k[at] = self.k
        held = np.isin(net.island, net.island[self.sources])
        turning = np.zeros(len(net.bus))
        turning[at] = 1.0 / (self.inverters.mp * self.inverters.beta_p)
        grid = dataclasses.replace(Grid.full(self.present), turning=turning)
        lines = held[net.branch_from]
        if not held.all():
            grid = grid.take(held, lines)
        buses = np.flatnonzero(held)
        return View(grid, buses, np.flatnonzero(lines), np.searchsorted(buses, at), k[held])

    @cached_property
    def reduced(self) -> View:
        """The network of present strength Kron-reduced to the inverters."""
        at = self.reduction.keep
        grid = Grid.reduced(self.present_reduction)
        return View(grid, at, None, np.arange(len(at)), self.k)

    def view(self, network: Literal["reduced", "full"]) -> View:
        """The full or the reduced network."""
        return self.full if network == "full" else self.reduced
