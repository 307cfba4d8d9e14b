"""The weighted criterion: the weights themselves are variables, one on every bus.

With the best weights the rows say no less than that M is positive definite (see
`scopf.stability.line_sums`), which is all but exact: on a tree it is the exact condition. Rows use
neighbours only, on the full network, so it stays sparse at any size. The variables are logarithms
u = ln w, in which each row is convex; u is 0 at one bus of each island, since only ratios count.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.arrays import Floats
from scopf.engine.functions import exp
from scopf.engine.symbols import Variable
from scopf.engine.templates import Node
from scopf.network.islands import firsts
from scopf.network.network import Network
from scopf.network.susceptances import Grid
from scopf.stability import limits
from scopf.stability.criterion import OWN, SCALE, B
from scopf.stability.device_rows import STEADY
from scopf.stability.held import held_buses
from scopf.stability.line_sums import LineSums
from scopf.stability.rows import Declared, Dispatch
from scopf.stability.setting import Setting

_LOSSY = 0.06  # droop margin that covered networks with r/x up to .2, angles up to 30 degrees
_DENSE = 300  # buses up to which all eigenvalues are the quicker way
_ENTRIES = 4_000_000  # of dense matrices at once: bounds the memory


class Weighted(LineSums):
    """sum_j b_ij/(2 scale_i) V_j sec theta_ij (1 + w_j/w_i) - ... < Gamma_i at every bus."""

    name = "weighted"
    nssp_unit = "stiffness 1/k"
    network: Literal["reduced", "full"] = "full"
    claim = "stable"
    conditions = (
        "holds for a lossless network whose active loads draw constant power, and reactive ones "
        "power that does not fall as voltage rises; with losses it is a heuristic, good up to r/x "
        "of about .2 at ordinary angles"
    )
    source = "scopf, docs/criteria.md, M w > 0"
    of_devices = True
    fits = True

    def ratio(self, v_i: Node, v_j: Node, u_i: Node, u_j: Node) -> Node:
        """w_j/w_i = exp(u_j - u_i)."""
        return exp(u_j - u_i)

    def add_weights(self, d: Dispatch, setting: Setting, kind: str = STEADY) -> Variable:
        """`bus_log_weight`, 0 at the inverter of each island whose stiffness is the least.

        In an island of machines it is 0 at the first bus.
        """
        view = setting.full
        softest = view.inverters[np.argsort(-view.k[view.inverters], kind="stable")]
        fixed = np.zeros(len(view.grid), dtype=bool)
        ranked = np.r_[softest, np.setdiff1d(np.arange(len(view.grid)), softest)]
        fixed[ranked[firsts(view.grid.island[ranked])]] = True
        return d.formulation.variable(
            f"bus_log_weight{kind}",
            held_buses(d, view),
            lower=-np.inf,
            upper=np.inf,
            start=0.0,
            fixed=fixed,
        )

    def fitted(self, declared: Declared, vm: Floats, va: Floats) -> dict[str, Floats] | None:
        """Weights w with N w = 1, where these are positive: each row then leaves 1/w_i.

        N w > 0 is the rows: their slack at w = 1 is the sum of each row of N. Without capacitive
        lines N has no positive entry beside the diagonal. Then it is an M-matrix, and weights
        exist, just where N^-1 1 is positive.
        """
        grid, limit, even = declared.grid, declared.limits, np.zeros(len(declared.rows[0].owner))
        weights, owner = declared.weights[0], declared.rows[0].owner
        if grid is None or limit is None or weights is None:
            return None
        b, own, scale = (declared.parameters[name].values for name in (B, OWN, SCALE))
        vm, va = vm[declared.buses], va[declared.buses]
        diagonal = np.full(len(grid), -self.strict)
        diagonal[owner >= 0] += limit.values[owner[owner >= 0]] - limit.required
        there, here = (0.5 * end for end in self._ends(grid, b, vm, va, even))
        diagonal += grid.per_bus(there, here) / scale - self._values(
            grid, b, own, scale, vm, va, even
        )
        i, j, every = grid.start, grid.end, np.arange(len(grid))
        entries = np.concatenate([diagonal, -there / scale[i], -here / scale[j]])
        places = np.concatenate([every, i, j]), np.concatenate([every, j, i])
        matrix = sparse.coo_array((entries, places), shape=(len(grid), len(grid))).tocsc()
        try:
            w = linalg.splu(matrix).solve(np.ones(len(grid)))
        except RuntimeError:  # it is singular
            return None
        if not (w > 0).all():
            return None
        u, zero = np.log(w), np.zeros(grid.island.max() + 1)
        zero[grid.island[weights.fixed]] = u[weights.fixed]
        return {weights.name: u - zero[grid.island]}

    def droop_margin(self, net: Network) -> float:
        """6 % where there are losses."""
        return _LOSSY if net.has_losses else 0.0

    def nssp(self, setting: Setting, limit: Floats, price: Floats) -> Floats:
        """-dJ*/d(1/k_i), per p.u. of stiffness: Gamma_i is proportional to 1/k_i."""
        return price * limit * setting.inverters.k

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """The slack that the best weights leave, the same at every bus, shape (..., n).

        It is the least eigenvalue of the rows' matrix N = M / (2 scale_i V_i), whose eigenvector
        are the best weights (Perron and Frobenius).
        """
        shape = np.broadcast_shapes(vm.shape, va.shape, k.shape)
        points = [np.broadcast_to(x, shape).reshape(-1, shape[-1]) for x in (k, vm, va)]
        step = max(1, _ENTRIES // len(grid) ** 2)
        many = len(points[0])
        least = [_least(grid, *(x[at : at + step] for x in points)) for at in range(0, many, step)]
        found = np.concatenate(least) if least else np.zeros(0)
        return np.broadcast_to(found.reshape(*shape[:-1], 1), shape)


def _least(grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
    """Least eigenvalue of N at each of p points, shape (p,); -inf with an angle beyond 90 deg."""
    n, i, j = len(grid), grid.start, grid.end
    angle = grid.angle(va)
    narrow = np.abs(angle) < np.pi / 2
    a = grid.b * vm[:, i] * vm[:, j] / np.cos(np.where(narrow, angle, 0.0))
    twice = 2 * grid.scale * vm
    own = vm * (2 * grid.scale * limits.gamma(k, grid.scale) + 2 * grid.own * vm)
    beside = -a / np.sqrt(twice[:, i] * twice[:, j])
    diagonal = (own - grid.per_bus(a, a)) / twice
    if n > _DENSE:
        least = np.array([_least_sparse(grid, *row) for row in zip(diagonal, beside, strict=True)])
    else:
        matrices = np.zeros((len(vm), n, n))
        places: Any = (slice(None), i, j)
        np.add.at(matrices, places, beside)  # lines may be parallel
        matrices += matrices.swapaxes(1, 2)
        matrices[:, range(n), range(n)] += diagonal
        least = np.linalg.eigvalsh(matrices)[:, 0]
    return np.where(narrow.all(axis=1), least, -np.inf)


def _least_sparse(grid: Grid, diagonal: Floats, beside: Floats) -> float:
    """Least eigenvalue of the sparse symmetric matrix with these entries."""
    i, j, every = grid.start, grid.end, np.arange(len(grid))
    entries = np.concatenate([beside, beside, diagonal])
    places = np.concatenate([i, j, every]), np.concatenate([j, i, every])
    matrix = sparse.coo_array((entries, places), shape=(len(grid), len(grid))).tocsc()
    below = float((matrix.diagonal() * 2 - abs(matrix).sum(axis=1)).min()) - 1e-3  # Gershgorin
    found = linalg.eigsh(matrix, k=1, sigma=below, which="LM", return_eigenvectors=False)
    return float(found[0])


CRITERIA = (Weighted(),)
