"""Powers that buses inject into the network, and their derivatives by the voltages.

S_i is the sum over j of the terms T_ij = V_i conj(Y_ij V_j). Hence dS_i/dtheta_j = -j T_ij and
dS_i/d|V_j| = T_ij / |V_j|; on the diagonal j S_i and S_i / |V_i| are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats
    from scopf.network.network import Network

MISMATCH = 1e-4  # p.u. of power that may be missing at a bus of an operating point


def injections(y: Any, vm: Floats, va: Floats) -> Complexes:
    """Complex power P + jQ that each bus injects into the network, per unit, shape (..., n).

    Args:
        y: bus admittance matrix, per unit: sparse, n x n (`Network.ybus`), or dense ones of shape
            (..., n, n).
        vm: voltage magnitudes, per unit, shape (..., n).
        va: angles, rad.
    """
    v = vm * np.exp(1j * va)
    power: Complexes = v * (y @ v[..., None])[..., 0].conj()
    return power


def mismatch(net: Network, vm: Floats, va: Floats, power: Complexes) -> Complexes:
    """Power P + jQ that is left over at each bus, per unit, shape (n,).

    Args:
        net: the network, with its loads and the powers of its DC lines.
        vm: voltage magnitudes, per unit, shape (n,).
        va: angles, rad.
        power: P + jQ of the generators, per unit.
    """
    (p, q), line = net.bus.demand(vm), net.dcline
    found = net.dcline_sum(line.pf, line.qf, line.qt) - (p + 1j * q)
    np.add.at(found, net.gen_at, power)
    left: Complexes = found - injections(net.ybus(), vm, va)
    return left


def branch_currents(net: Network, v: Complexes) -> tuple[Complexes, Complexes]:
    """Currents into every branch at its from and at its to end, per unit, each of shape (m,).

    Args:
        net: the network, all branches in service.
        v: complex voltages of its buses, per unit.
    """
    y, v_from, v_to = net.admittances, v[net.branch_from], v[net.branch_to]
    return (
        (y.gff + 1j * y.bff) * v_from + (y.gft + 1j * y.bft) * v_to,
        (y.gtt + 1j * y.btt) * v_to + (y.gtf + 1j * y.btf) * v_from,
    )


def branch_powers(net: Network, v: Complexes) -> tuple[Complexes, Complexes]:
    """Powers P + jQ into every branch at both ends, per unit; see `branch_currents`."""
    into_from, into_to = branch_currents(net, v)
    return v[net.branch_from] * into_from.conj(), v[net.branch_to] * into_to.conj()


def jacobian(y: Any, vm: Floats, va: Floats, load: Any = 0.0) -> sparse.csr_array:
    """Derivatives of the injections, P above Q, by angles and then magnitudes, shape (2n, 2n).

    Args:
        y: sparse bus admittance matrix, n x n, per unit.
        vm: voltage magnitudes, per unit, shape (n,).
        va: angles, rad.
        load: derivative of the power P + jQ that is drawn at each bus, by the bus's magnitude,
            shape (n,); it is added.
    """
    y, v, n = y.tocoo(), vm * np.exp(1j * va), len(vm)
    by_term = _term_slopes(v[y.row], y.data, v[y.col], vm[y.col])
    by_angle, by_magnitude = _power_slopes(injections(y, vm, va), vm)
    by_power = by_angle, by_magnitude + load
    angle, magnitude = (np.concatenate(pair) for pair in zip(by_term, by_power, strict=True))
    i, j = (np.concatenate([place, np.arange(n)]) for place in (y.row, y.col))
    data = np.concatenate([angle.real, magnitude.real, angle.imag, magnitude.imag])
    places = np.concatenate([i, i, i + n, i + n]), np.concatenate([j, j + n, j, j + n])
    return sparse.coo_array((data, places), shape=(2 * n, 2 * n)).tocsr()


def jacobians(y: Complexes, vm: Floats, va: Floats) -> Floats:
    """The same of dense admittance matrices, shape (..., n, n), as arrays (..., 2n, 2n)."""
    v, eye = vm * np.exp(1j * va), np.eye(vm.shape[-1])
    by_term = _term_slopes(v[..., None], y, v[..., None, :], vm[..., None, :])
    by_power = _power_slopes(injections(y, vm, va), vm)
    both = [term + own[..., None] * eye for term, own in zip(by_term, by_power, strict=True)]
    complete = np.concatenate(both, axis=-1)
    return np.concatenate([complete.real, complete.imag], axis=-2)


def _term_slopes(v_i: Any, y_ij: Any, v_j: Any, vm_j: Any) -> tuple[Any, Any]:
    """Derivatives of a term of S_i by the angle and by the magnitude of V_j."""
    term = v_i * (y_ij * v_j).conj()
    return -1j * term, term / vm_j


def _power_slopes(power: Complexes, vm: Floats) -> tuple[Any, Any]:
    """Contribution of S_i itself to its derivatives by the angle and by the magnitude of V_i."""
    return 1j * power, power / vm
