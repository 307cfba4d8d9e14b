"""The voltage-difference rows for the peers, in their smallest exact form.

    V_j - V_i <= Gamma_i   for all inverters i, j that are neighbours in the reduced network

Inverters around one connected group of eliminated buses are all neighbours of each other, so g of
them have g (g - 1) rows. With a variable M, 0 <= M - V_i <= Gamma_i says the same in g rows. Pairs
that only a branch joins keep their own row. These are the rows that scopf itself writes for many
inverters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import scopf
from scopf.network.kron import reduced_groups, reduced_self_susceptance


@dataclass(frozen=True)
class Rows:
    """Positions are those of buses in the energized network."""

    limits: dict[int, float]  # Gamma of the inverter at a bus
    pairs: list[tuple[int, int]]  # (i, j): V_j - V_i <= Gamma_i
    groups: list[list[int]]

    @property
    def count(self) -> int:
        return len(self.pairs) + sum(len(group) for group in self.groups)


NONE = Rows({}, [], [])


def rows(net: scopf.Network, mq: float) -> Rows:
    """The rows of an energized network with an inverter at every generator bus."""
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    keep = net.bus_positions(inverters.bus)
    stiffness = np.abs(reduced_self_susceptance(net, keep))
    limits = dict(zip(keep.tolist(), (0.5 / (inverters.k * stiffness)).tolist(), strict=True))
    near = reduced_groups(net, keep)
    ends = np.searchsorted(near.group, np.arange(1, int(near.group.max(initial=-1)) + 1))
    groups = [keep[part].tolist() for part in np.split(near.inverter, ends) if len(part)]
    return Rows(limits, [(i, j) for i, j in keep[near.direct].tolist()], groups)
