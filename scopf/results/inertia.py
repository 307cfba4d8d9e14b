"""Inertia of a grid: kinetic energy of its machines over its load, in seconds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.devices.machine import Machines
    from scopf.model.problem import Problem
    from scopf.network.network import Network
    from scopf.results.point import Point


@dataclass(frozen=True)
class Inertia:
    """Inertia of an island with machines or without; as text, a line.

    The loss of a power P makes the frequency f fall at first by f P / (2 `kinetic_energy_mws`) per
    second. Inverters have no kinetic energy.

    Attributes:
        seconds: H, `kinetic_energy_mws` over `load_mw`.
        kinetic_energy_mws: sum of H S of the machines in service, MW s.
        load_mw: active power of the loads as they are served, dispatchable ones included.
        island: its number; None where there is a single island.
        hour: its name; None for a dispatch of a single one.
    """

    seconds: float
    kinetic_energy_mws: float
    load_mw: float
    island: int | None = None
    hour: str | None = None

    @classmethod
    def least(cls, problem: Problem, machines: Machines, point: Point) -> Self | None:
        """That of the island, of the hours the one, with the least seconds.

        Args:
            problem: that was solved.
            machines: of its network, of all hours if there are several.
            point: the operating point.

        Returns:
            The inertia; None without machines, or where no island has a load.
        """
        net, horizon = problem.base, problem.horizon
        if not len(machines):
            return None
        at = net.island[net.bus_positions(machines.bus)]
        energy = np.bincount(at, machines.h, net.islands + 1) * net.base_mva
        load = _loads(net, point) * net.base_mva
        seconds = np.divide(energy, load, out=np.full(len(load), np.inf), where=load > 0)
        k = int(np.argmin(seconds))
        if not np.isfinite(seconds[k]):
            return None
        several, hour, island = net.islands, None, k
        if horizon is not None:
            several = horizon.one.islands
            part, island = divmod(k - 1, several)
            hour, island = horizon.hours.names[part], island + 1
        return cls(
            float(seconds[k]),
            float(energy[k]),
            float(load[k]),
            island if several > 1 else None,
            hour,
        )

    def __str__(self) -> str:
        where = "" if self.island is None else f" in island {self.island}"
        where += "" if self.hour is None else f" in hour {self.hour}"
        least = f"{where}, the least" if where else ""
        energy, load = f"{self.kinetic_energy_mws:.0f} MW s", f"{self.load_mw:.0f} MW"
        return (
            f"inertia {self.seconds:.3g} s{least}: kinetic energy {energy} of machines, load {load}"
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the same by name."""
        return dataclasses.asdict(self)


def _loads(net: Network, point: Point) -> Floats:
    """Active power that the loads of each island draw, by its number, per unit."""
    drawn = np.where(net.gen.constant_pf, -point.pg, 0.0)
    place = np.concatenate([net.island, net.island[net.gen_at]])
    power = np.concatenate([point.demand[0], drawn])
    return np.bincount(place, power, net.islands + 1).astype(np.float64)
