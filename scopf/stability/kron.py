"""Kron reduction of the network to its inverter buses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph, linalg

from scopf.faults import ScopfError

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.network import Network

_BLOCK = 256  # right-hand sides solved at once: bounds the memory at n x 256 complex numbers


def reduced_susceptance(net: Network, keep: Ints) -> Floats:
    """Susceptance matrix B = -Im(Y) of the network reduced to the buses at positions `keep`.

    Loads count as the shunts that they are at 1 p.u. voltage, P_D - j Q_D; taps are kept
    (Wang and Geng 2026, section II). With Y partitioned in kept (G) and eliminated (L) buses,
    Y_red = Y_GG - Y_GL Y_LL^-1 Y_LG.

    Args:
        net: an energized network of n buses.
        keep: positions of the g buses to keep.

    Returns:
        Dense matrix of shape (g, g), per unit; B_ii > 0 in a grid of inductive lines.

    Raises:
        ScopfError: when the eliminated part is singular.
    """
    loads = sparse.diags_array(net.bus.pd - 1j * net.bus.qd)
    admittance = sparse.csc_array(net.ybus() + loads)
    rest = np.setdiff1d(np.arange(len(net.bus)), keep)
    reduced: npt.NDArray[np.complex128] = admittance[keep][:, keep].toarray()
    if len(rest):
        to_rest = admittance[keep][:, rest].tocsr()
        from_rest = admittance[rest][:, keep].tocsc()
        try:
            factors = linalg.splu(admittance[rest][:, rest].tocsc())
        except RuntimeError as error:
            text = "the network cannot be reduced to its inverter buses: the admittance matrix of "
            raise ScopfError(text + "the other buses is singular") from error
        for start in range(0, len(keep), _BLOCK):
            block = slice(start, start + _BLOCK)
            reduced[:, block] -= to_rest @ factors.solve(from_rest[:, block].toarray())
    susceptance: Floats = -reduced.imag
    return susceptance


def reduced_neighbors(net: Network, keep: Ints) -> Flags:
    """Which kept buses are neighbours in the reduced network: symmetric (g, g), False diagonal.

    Two are when a branch joins them or when both touch the same connected group of eliminated
    buses. This is the graph's own answer, free of rounding.
    """
    n, g = len(net.bus), len(keep)
    f, t = net.branch_from, net.branch_to
    kept = np.zeros(n, dtype=bool)
    kept[keep] = True
    inside = ~kept[f] & ~kept[t]
    links = sparse.coo_array((np.ones(inside.sum()), (f[inside], t[inside])), shape=(n, n))
    groups, group = csgraph.connected_components(links, directed=False)
    place = np.zeros(n, dtype=np.int64)
    place[keep] = np.arange(g)
    direct = kept[f] & kept[t] & (f != t)
    near = np.zeros((g, g), dtype=bool)
    near[place[f[direct]], place[t[direct]]] = True
    touches = sparse.coo_array(
        (
            np.ones(2 * len(f)),
            (
                np.concatenate([np.where(kept[f], place[f], g), np.where(kept[t], place[t], g)]),
                np.concatenate([group[t], group[f]]),
            ),
        ),
        shape=(g + 1, groups),
    ).tocsr()[:g]
    eliminated = np.unique(group[~kept])
    touches = touches[:, eliminated]
    near |= (touches @ touches.T).toarray() > 0
    near |= near.T
    np.fill_diagonal(near, False)
    return near
