"""Kron reduction of the network to its inverter buses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import linalg

from scopf.errors import ScopfError
from scopf.network import islands

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.network import Network

    Complexes = npt.NDArray[np.complex128]

_BLOCK = 256  # right-hand sides solved at once: bounds the memory at n x 256 complex numbers
_SMALL = 50_000  # unknowns in all right-hand sides up to which solving for them is the quicker way
_FEW = 1_000_000  # pairs of neighbours up to which they are kept
_PIVOT = 1e-4  # a diagonal entry is the pivot down to this part of its column's largest


class Reduction:
    """The network reduced to its inverters; computed on demand, once.

    Attributes:
        net: an energized network.
        keep: positions of the buses to keep.
    """

    def __init__(self, net: Network, keep: Ints) -> None:
        self.net, self.keep = net, keep
        self._other: tuple[float, Reduction] | None = None

    @cached_property
    def self_susceptance(self) -> Floats:
        """B_ii of the reduced network, shape (g,)."""
        return reduced_self_susceptance(self.net, self.keep)

    @cached_property
    def alone(self) -> Flags:
        """Mask of the buses to keep that no branch joins to another, shape (g,)."""
        ends = np.concatenate([self.net.branch_from, self.net.branch_to])
        return ~np.isin(self.keep, ends)

    @cached_property
    def admittance(self) -> Complexes:
        """Y of the reduced network, dense, shape (g, g)."""
        return reduced_admittance(self.net, self.keep)

    @property
    def susceptance(self) -> Floats:
        """B = -Im Y of the reduced network, dense, shape (g, g); B_ii > 0 with inductive lines."""
        values: Floats = -self.admittance.imag
        return values

    def at_strength(self, alpha: float) -> Reduction:
        """Reduction of the network with series admittances times alpha; the last one is kept."""
        if alpha == 1.0:
            return self
        if self._other is None or self._other[0] != alpha:
            self._other = alpha, Reduction(self.net.scaled(susceptance=alpha), self.keep)
        return self._other[1]

    @cached_property
    def neighbors(self) -> Neighbors:
        """Pairs of inverters that are neighbours in the reduced network."""
        return reduced_groups(self.net, self.keep)

    def by_loads(self, weights: Any) -> tuple[Floats, Floats]:
        """Derivatives of sum_ij weights_ij B_ij by the active and reactive load of every bus.

        Args:
            weights: of the entries of B, shape (g, g), sparse; or of B_ii alone, shape (g,).
        """
        if isinstance(weights, np.ndarray):
            if len(self.net.bus) * len(self.keep) <= _SMALL:
                rest, slopes = self._own_slopes
                term = np.zeros(len(self.net.bus), dtype=np.complex128)
                term[self.keep], term[rest] = weights, slopes @ weights
                return 0.0 - term.imag, term.real
            weights = sparse.diags_array(weights).tocsr()
            weights.eliminate_zeros()
        return load_derivatives(self.net, self.keep, weights)

    @cached_property
    def _own_slopes(self) -> tuple[Ints, Complexes]:
        """Positions of m eliminated buses, and dY_red,ii/dY_ll of each and each i, shape (m, g)."""
        parts = _Parts.of(self.net, self.keep)
        if not len(parts.rest):
            return parts.rest, np.zeros((0, len(self.keep)), dtype=np.complex128)
        factors = _factors(parts.inner)
        left = factors.solve(parts.to_rest.T.toarray(), trans="T")
        return parts.rest, left * factors.solve(parts.from_rest.toarray())


def reduced_admittance(net: Network, keep: Ints) -> Complexes:
    """Admittance matrix of the network reduced to the buses at positions `keep`.

    Loads count as the shunts that they are at 1 p.u. voltage, P_D - j Q_D; taps are kept
    (Wang and Geng 2026, section II). With Y partitioned in kept (G) and eliminated (L) buses,
    Y_red = Y_GG - Y_GL Y_LL^-1 Y_LG.

    Args:
        net: an energized network of n buses.
        keep: positions of the g buses to keep.

    Returns:
        Dense complex matrix of shape (g, g), per unit.

    Raises:
        ScopfError: when the eliminated part is singular.
    """
    parts = _Parts.of(net, keep)
    reduced: Complexes = parts.kept.toarray()
    if parts.inner.shape[0]:
        factors = _factors(parts.inner)
        for start in range(0, len(keep), _BLOCK):
            block = slice(start, start + _BLOCK)
            solved = factors.solve(parts.from_rest[:, block].toarray())
            reduced[:, block] -= parts.to_rest @ solved
    return reduced


def load_derivatives(net: Network, keep: Ints, weights: Any) -> tuple[Floats, Floats]:
    """Derivatives of f = sum_ij W_ij B_ij by the loads, B = -Im Y_red, without those of each B_ij.

    A load P + jQ more at bus l adds y = P - jQ to Y_ll. At an eliminated bus

        dY_red,ij = K_il y L_lj,   K = Y_GL Y_LL^-1,   L = Y_LL^-1 Y_LG,

    and y itself is added to Y_red,ll at a kept one. With s_l = sum_ij W_ij K_il L_lj, or W_ll, so
    df = -Im(s_l (dP - j dQ)). Every row i of W that is not empty takes a pair of solves, one for
    K_i and one for sum_j W_ij L_j.

    Args:
        net: an energized network of n buses.
        keep: positions of the g buses to keep.
        weights: W, shape (g, g), sparse, real.

    Returns:
        df/dP and df/dQ of every bus, shape (n,) each, for loads per unit.

    Raises:
        ScopfError: when the eliminated part is singular.
    """
    parts, weights = _Parts.of(net, keep), sparse.csr_array(weights)
    term = np.zeros(len(net.bus), dtype=np.complex128)
    term[keep] = weights.diagonal()
    rows = np.flatnonzero(np.diff(weights.indptr))
    if len(rows) and len(parts.rest):
        factors = _factors(parts.inner)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            left = factors.solve(parts.to_rest[block].T.toarray(), trans="T")
            right = factors.solve((parts.from_rest @ weights[block].T).toarray())
            term[parts.rest] += (left * right).sum(axis=1)
    return 0.0 - term.imag, term.real


def reduced_self_susceptance(net: Network, keep: Ints) -> Floats:
    """The diagonal B_ii of the reduced network, without the matrix: for grids of any size.

    Bus i needs the entries of Y_LL^-1 between its own eliminated neighbours and no others. All of
    them lie in the pattern of the factors of Y_LL (with a few zeros added), where the Takahashi
    equations find them by one sweep over the elimination tree.

    Args:
        net: an energized network of n buses.
        keep: positions of the g buses to keep, each once.

    Returns:
        Array of shape (g,), per unit, in the order of `keep`.

    Raises:
        ScopfError: when the eliminated part is singular.
    """
    parts = _Parts.of(net, keep)
    own: Complexes = parts.kept.diagonal()
    eliminated = parts.inner.shape[0]
    if not eliminated:
        reduced = own
    elif eliminated * len(keep) <= _SMALL:
        reduced = _solved(parts, own, _factors(parts.inner))
    else:
        factors = _factors(
            _padded(parts),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=_PIVOT,
            options={"SymmetricMode": True},
        )
        # Rows are exchanged when a diagonal is next to nothing, at a series resonance. Then there
        # is no tree to sweep; whole columns take half a minute where the sweep takes a second.
        symmetric = np.array_equal(factors.perm_r, factors.perm_c)
        reduced = (_swept if symmetric else _solved)(parts, own, factors)
    susceptance: Floats = -reduced.imag
    return susceptance


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Neighbours in the reduced network: kept buses that share a group, and single pairs.

    Kept buses are numbered by their place in `keep`. All members of a group are neighbours of each
    other: a group of 10 000 inverters is 10 000 numbers here, and would be 10^8 pairs in a list.

    Attributes:
        kept: number of kept buses.
        group: the connected group of eliminated buses, 0, 1, ..., of every membership; sorted.
        inverter: the kept bus that touches it, sorted within the group; every group has two or
            more.
        direct: ordered pairs, shape (k, 2), sorted, of kept buses that a branch joins and no group.
    """

    kept: int
    group: Ints
    inverter: Ints
    direct: Ints

    def pairs(self) -> tuple[Ints, Ints]:
        """Every ordered pair (i, j) of neighbours once, sorted by i, then by j."""
        return self._few if self.pair_count <= _FEW else self._pairs()

    @cached_property
    def _few(self) -> tuple[Ints, Ints]:
        return self._pairs()

    def _pairs(self) -> tuple[Ints, Ints]:
        touches = _incidence(self.inverter, self.group, self.kept)
        joined = sparse.coo_array(
            (np.ones(len(self.direct), dtype=bool), tuple(self.direct.T)),
            shape=(self.kept, self.kept),
        )
        # Symmetric, so that column by column will do; to columns is also the quickest sort.
        near = (touches @ touches.T + joined.tocsr()).tocsc().tocoo()
        i, j = near.col, near.row
        apart = i != j
        return i[apart].astype(np.int64), j[apart].astype(np.int64)

    @cached_property
    def pair_count(self) -> int:
        """Number of ordered pairs of neighbours, from the sizes of the groups."""
        size = np.bincount(self.group)
        return int((size * (size - 1)).sum()) + len(self.direct) - self._repeated()

    def _repeated(self) -> int:
        """Number of repetitions of pairs that several groups have in common.

        Both buses of such a pair touch two or more groups, and few buses do.
        """
        several = np.bincount(self.inverter)[self.inverter] > 1
        touches = _incidence(self.inverter[several], self.group[several], self.kept)
        shared = (touches.astype(np.int64) @ touches.T).tocoo()
        times = shared.data[shared.row != shared.col]
        return int((times - 1).sum())


def reduced_groups(net: Network, keep: Ints) -> Neighbors:
    """Neighbours in the network reduced to the buses at positions `keep`, in sparse form.

    Two kept buses are neighbours when a branch joins them or when both touch the same connected
    group of eliminated buses. This follows from the graph alone, without rounding.

    Args:
        net: an energized network.
        keep: positions of the g buses to keep, each once.
    """
    n, g = len(net.bus), len(keep)
    place = np.full(n, -1)
    place[keep] = np.arange(g)
    f, t = net.branch_from, net.branch_to
    links = (place[f] < 0) & (place[t] < 0)
    label = islands.numbers(n, f[links], t[links])

    a, b = np.concatenate([f, t]), np.concatenate([t, f])  # every branch from either end
    touching = (place[a] >= 0) & (place[b] < 0)
    group, inverter = np.divmod(np.unique(label[b[touching]] * g + place[a[touching]]), g)
    shared = np.bincount(group)[group] > 1
    inverter, group = inverter[shared], np.unique(group[shared], return_inverse=True)[1]

    joined = (place[a] >= 0) & (place[b] >= 0) & (a != b)
    i, j = np.divmod(np.unique(place[a[joined]] * g + place[b[joined]]), g)
    touches = _incidence(inverter, group, g)
    apart = touches[i].multiply(touches[j]).sum(axis=1) == 0
    return Neighbors(g, group, inverter, np.stack([i[apart], j[apart]], axis=1))


def _incidence(inverter: Ints, group: Ints, kept: int) -> Any:
    """Sparse array of flags: a kept bus (row) touches a group (column)."""
    shape = (kept, int(group.max(initial=-1)) + 1)
    return sparse.coo_array(
        (np.ones(len(group), dtype=bool), (inverter, group)), shape=shape
    ).tocsr()


@dataclass(frozen=True, eq=False)
class _Parts:
    """The admittance matrix, loads as shunts, partitioned in kept and eliminated buses."""

    rest: Ints  # positions of the eliminated buses, those in islands of kept ones
    kept: Any  # Y_GG
    to_rest: Any  # Y_GL, by rows
    from_rest: Any  # Y_LG, by columns
    inner: Any  # Y_LL

    @classmethod
    def of(cls, net: Network, keep: Ints) -> _Parts:
        p, q = net.bus.demand(1.0)
        loads = sparse.diags_array(p - 1j * q)
        admittance = sparse.csr_array(net.ybus() + loads)
        joined = np.isin(net.island, net.island[keep])  # other islands have nothing to reduce to
        joined[keep] = False
        rest = np.flatnonzero(joined)
        upper, lower = admittance[keep], admittance[rest]
        return cls(
            rest,
            upper[:, keep],
            upper[:, rest].tocsr(),
            lower[:, keep].tocsc(),
            lower[:, rest].tocsc(),
        )


def _factors(matrix: Any, **options: Any) -> Any:
    """The LU factors of Y_LL.

    Raises:
        ScopfError: when it is singular.
    """
    try:
        return linalg.splu(matrix, **options)
    except RuntimeError as error:
        text = "the network cannot be reduced to its inverter buses: the admittance matrix of "
        raise ScopfError(text + "the other buses is singular") from error


def _solved(parts: _Parts, own: Complexes, factors: Any) -> Complexes:
    """Diagonal of Y_red from whole columns of Y_LL^-1 Y_LG."""
    reduced = own.copy()
    for start in range(0, len(own), _BLOCK):
        block = slice(start, start + _BLOCK)
        solved = factors.solve(parts.from_rest[:, block].toarray())
        rows = parts.to_rest[block].tocoo()
        np.subtract.at(reduced[block], rows.row, rows.data * solved[rows.col, rows.row])
    return reduced


def _padded(parts: _Parts) -> Any:
    """Y_LL with a zero stored between any two neighbours of one kept bus.

    The order of elimination then accounts for the entries that `_swept` needs. Without these zeros
    that is fifty times as much work at 25 000 buses.
    """
    near = abs(parts.to_rest) + abs(parts.from_rest.T)
    inner, clique = parts.inner.tocoo(), (near.T @ near).tocoo()
    data = np.concatenate([inner.data, np.zeros(clique.nnz)])
    row, col = (np.concatenate(x) for x in ((inner.row, clique.row), (inner.col, clique.col)))
    return sparse.coo_array((data, (row, col)), shape=inner.shape).tocsc()


def _swept(parts: _Parts, own: Complexes, factors: Any) -> Complexes:
    """Diagonal of Y_red from symmetrically permuted factors of Y_LL, by the Takahashi equations.

    With Y_LL = L U, Z its inverse and S the rows below the diagonal in column j of L,

        Z_Sj = -Z_SS L_Sj,  Z_jS = -V_jS Z_SS,  Z_jj = 1/U_jj + V_jS Z_SS L_Sj,  V_jS = U_jS/U_jj.

    The first p of S is j's parent in the elimination tree, and S lies within {p} and p's own S, so
    that p's block of Z holds all of Z_SS. A kept bus i is one more node, eliminated before all
    others, with L_Si = Y_Si, V_iS = Y_iS and -Y_ii in the place of 1/U_ii: Z_ii is then -Y_red,ii.

    Source: Takahashi, Fagan and Chen, PICA 1973; Erisman and Tinney, CACM 18(3), 1975.
    """
    g, pivot = len(own), factors.U.diagonal()
    n, place = g + len(pivot), g + factors.perm_c
    low, up = sparse.tril(factors.L, -1).tocoo(), sparse.triu(factors.U, 1).tocoo()
    to_rest, from_rest = parts.to_rest.tocoo(), parts.from_rest.tocoo()
    node = np.concatenate([from_rest.col, g + low.col, to_rest.row, g + up.row])
    row = np.concatenate([place[from_rest.row], g + low.row, place[to_rest.col], g + up.col])
    pattern = sparse.coo_array((np.ones(len(node)), (node, row)), shape=(n, n)).tocsr()
    tree = _elimination_tree(pattern, g)

    # L and V in one pattern: every node itself, both triangles' entries, all the tree calls for.
    sizes = [len(rows) for rows in tree.values()]
    node = np.concatenate([np.arange(n), node, np.repeat(np.array(list(tree)), sizes)])
    row = np.concatenate([np.arange(n), row, np.concatenate(list(tree.values()))])
    below = np.concatenate([from_rest.data, low.data])
    beside = np.concatenate([to_rest.data, up.data / pivot[up.row]])
    lower = np.concatenate([-own, 1 / pivot, below, np.zeros(len(beside) + sum(sizes))])
    upper = np.concatenate([np.zeros(n + len(below)), beside, np.zeros(sum(sizes))])
    L, V = (sparse.coo_array((x, (node, row)), shape=(n, n)).tocsr() for x in (lower, upper))
    start = L.indptr.tolist()

    reduced = np.empty_like(own)
    blocks: dict[int, Complexes] = {}  # Z on each node and its S
    for j in reversed(tree):
        rest = slice(start[j] + 1, start[j + 1])
        l_j, v_j = L.data[rest], V.data[rest]
        z = np.empty((len(l_j) + 1, len(l_j) + 1), dtype=complex)
        if len(l_j):
            p = tree[j][1]
            at = L.indices[start[p] : start[p + 1]].searchsorted(L.indices[rest])
            z[1:, 1:] = blocks[p][at[:, None], at]
        z[1:, 0], z[0, 1:] = -z[1:, 1:] @ l_j, -v_j @ z[1:, 1:]
        z[0, 0] = L.data[start[j]] - v_j @ z[1:, 0]
        if j < g:
            reduced[j] = -z[0, 0]
        else:
            blocks[j] = z
    return reduced


def _elimination_tree(pattern: Any, g: int) -> dict[int, list[int]]:
    """Every node with a kept bus at or below it, in order: itself, its parent, the rest of S.

    `pattern` has in row j the later nodes that elimination of node j joins; nodes 0..g-1 are the
    kept buses. Factors leave out the entries that happen to be zero, so that a child's S is
    handed on to its parent here.
    """
    start, later = pattern.indptr.tolist(), pattern.indices.tolist()
    tree: dict[int, list[int]] = {}
    inherited: dict[int, set[int]] = {j: set() for j in range(g)}
    for j in range(pattern.shape[0]):
        if j in inherited:
            rows = sorted(inherited.pop(j).union(later[start[j] : start[j + 1]]))
            tree[j] = [j, *rows]
            if rows:
                inherited.setdefault(rows[0], set()).update(rows[1:])
    return tree
