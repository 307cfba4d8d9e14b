"""Short-circuit ratio: how strong the grid is at a grid-forming inverter, without its own part.

    SCR_i = 1 / (|Z_ii| S_i)

Z is the inverse of the bus admittance matrix with the sources to ground: every machine 1/(j x'd),
every other grid-forming inverter 1/(j x) with the coupling reactance x of `typical.COUPLING` on its
rating. Inverter i itself is left out, so that |Z_ii| is the impedance of the rest of the grid. As
in IEC 60909, loads, bus shunts and branch charging are left out, and voltages are 1 p.u.;
resistances, taps and phase shifters stay. Grid-following inverters and generators without a device
are no sources. Nothing limits a current here.

With all sources in, the diagonal Z'_ii comes out of one sparse factorisation. Source i is taken out
by a rank-one update: 1/Z_ii = 1/Z'_ii - y_i.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.devices import typical

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats, Ints
    from scopf.devices.machine import Machines
    from scopf.network.network import Network

_COLUMNS = 32  # that are solved for at a time


def short_circuit_ratios(
    net: Network, bus: Ints, rating: Floats, machines: Machines | None = None
) -> Floats:
    """SCR of grid-forming inverters, of no unit, shape (n,).

    It is 0 where no other source is in the island, and NaN where the admittance matrix is singular.

    Args:
        net: energized network; several side by side cost as much as each by itself.
        bus: number of each inverter's bus, at most one inverter per bus, shape (n,).
        rating: of the inverters, per unit on the system base.
        machines: at buses of the network; None for none.
    """
    at, own = net.bus_positions(bus), rating / typical.COUPLING
    places, sources = at, own
    if machines is not None:
        places = np.concatenate([at, net.bus_positions(machines.bus)])
        sources = np.concatenate([own, 1 / machines.xd1])
    alone = np.bincount(net.island[places])[net.island[at]] == 1
    diagonal = _impedances(net, places, sources, at)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.abs(1 / diagonal + 1j * own) / rating
    found: Floats = np.where(alone, 0.0, rest).astype(np.float64)
    return found


def _impedances(net: Network, places: Ints, sources: Floats, at: Ints) -> Complexes:
    """Diagonal of the impedance matrix at some buses; NaN where there is no such matrix.

    Args:
        net: the network.
        places: positions of the sources.
        sources: their susceptances, positive.
        at: positions of the buses, in islands with a source.
    """
    n, m = len(net.bus), len(net.branch)
    nothing = np.zeros(n)
    bare = net.replace(bus={"gs": nothing, "bs": nothing}, branch={"b": np.zeros(m)})
    joined = np.flatnonzero(np.isin(net.island, net.island[places]))  # the rest is not grounded
    grounded = sparse.coo_array((-1j * sources, (places, places)), shape=(n, n))
    admittance = sparse.csc_array(bare.ybus() + grounded)[joined][:, joined].tocsc()
    found = np.full(len(at), complex(np.nan, np.nan))
    try:
        factors = linalg.splu(admittance)
    except RuntimeError:  # "Factor is exactly singular"
        return found
    row, column = np.searchsorted(joined, at), _places_within(net.island[at])
    for start in range(0, int(column.max(initial=-1)) + 1, _COLUMNS):
        here = np.flatnonzero((column >= start) & (column < start + _COLUMNS))
        own = row[here], column[here] - start
        unit = np.zeros((len(joined), int(own[1].max()) + 1), dtype=complex)
        unit[own] = 1.0
        found[here] = factors.solve(unit)[own]
    return found


def _places_within(group: Ints) -> Ints:
    """Place of each element among those of its group, from 0 on.

    Islands do not meet, so that one column can have a unit in each of them.
    """
    order = np.argsort(group, kind="stable")
    _, first, size = np.unique(group[order], return_index=True, return_counts=True)
    found = np.empty(len(group), dtype=np.int64)
    found[order] = np.arange(len(group)) - np.repeat(first, size)
    return found
