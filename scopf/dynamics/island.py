"""The equations of one island on its inverters alone, and Hermitian forms of them.

With u the logarithm of the voltage, A, B, C, E the blocks of the derivative of (P, Q) over
(theta, u) once all other buses are eliminated, T = 1/(w_b m_p beta_p) and D = V/k, a motion with
the rate s has

    (A + T s (1 + tau_p s)) theta + B u = 0,      C theta + (E + D + D tau_q s) u = 0

Let the row pi be the left null vector of A, rho = pi T / sum(pi T) and N a basis of rho^T theta =
0, and tau_p common to the inverters. Then pi times the first equation splits off the common angle,
whose rates are 0 and -1/tau_p, and all others are the roots of

    det [[N^T Pi (A + T s (1 + tau_p s)) N,  N^T Pi B],  [C N,  E + D + D tau_q s]]

(Leaving out an inverter's angle instead would mix the common angle into the form.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as dense
from scipy import sparse

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats, Ints
    from scopf.dynamics.dae import System

_ALIKE = 1e-12  # relative difference of time constants that is rounding
_NULL = 1e-9  # relative residual up to which pi is a null vector
_DENSE = 600  # rows up to which the largest eigenvalue is computed densely
_ROUNDING = 4.0  # on the bound of rounding errors, for the factors beside n


@dataclass(frozen=True, eq=False)
class Multipliers:
    """z, and p and q of each of m inverters: rows of the equations are combined by them.

    The rows of angles get z pi, and q times those of voltages is added; the rows of voltages get p.
    """

    z: complex
    p: Complexes
    q: Complexes

    @property
    def in_quadrant(self) -> bool:
        """Whether z and all p lie in the closed fourth quadrant and are not zero."""
        every = np.r_[self.z, self.p]
        return bool((every.real >= 0).all() and (every.imag <= 0).all() and every.all())

    @property
    def real(self) -> bool:
        """Whether all are real, z and p positive."""
        every = np.r_[self.z, self.p]
        return bool((every.real > 0).all() and not every.imag.any() and not self.q.imag.any())


@dataclass(frozen=True, eq=False)
class Island:
    """m inverters of one island at an operating point.

    Attributes:
        bus: their numbers.
        jacobian: derivative of (P, Q) over (theta, u), other buses eliminated, shape (2m, 2m).
        inertia: T, shape (m,).
        stiffness: D, shape (m,).
        lag: D tau_q, shape (m,).
        taus: tau_p of each, s.
    """

    bus: Ints
    jacobian: Floats
    inertia: Floats
    stiffness: Floats
    lag: Floats
    taus: Floats

    def __len__(self) -> int:
        return len(self.bus)

    @property
    def tau(self) -> float:
        """The common tau_p."""
        return float(self.taus[0])

    @cached_property
    def unmet(self) -> str:
        """Condition of the certificate that this island does not meet, a clause; "" if none."""
        for name, values in (("m_p", self.inertia), ("m_q", self.stiffness), ("tau_q", self.lag)):
            if not (values > 0).all():
                return f"{name} at bus {self.bus[np.argmin(values > 0)]} is not positive"
        if not self.taus.min() > 0:
            return f"tau_p at bus {self.bus[np.argmin(self.taus)]} is not positive"
        if self.taus.max() - self.taus.min() > _ALIKE * self.taus.max():
            low, high = int(np.argmin(self.taus)), int(np.argmax(self.taus))
            return (
                "the inverters have no common tau_p (the proof needs one): "
                f"{self.taus[low]:g} s at bus {self.bus[low]}, {self.taus[high]:g} s at bus "
                f"{self.bus[high]}"
            )
        if not self.pi.min() > 0:
            bus = self.bus[np.argmin(self.pi)]
            return f"the left null vector of dP/dtheta is not positive, at bus {bus}"
        return ""

    @cached_property
    def pi(self) -> Floats:
        """Left null vector of A, of mean 1; NaN where it is not found."""
        m = len(self)
        angles = self.jacobian[:m, :m]
        found = np.ones(m)
        if m > 1:
            try:
                found[1:] = np.linalg.solve(angles[1:, 1:].T, -angles[0, 1:])
            except np.linalg.LinAlgError:
                return np.full(m, np.nan)
        residual = abs(found @ angles).max()
        if not residual <= _NULL * abs(found).max() * abs(self.jacobian).max():
            return np.full(m, np.nan)
        return np.asarray(found / found.mean())

    @cached_property
    def both(self) -> Floats:
        """The vector pi, of the rows of angles and of those of voltages, shape (2m,)."""
        return np.concatenate([self.pi, self.pi])

    @cached_property
    def basis(self) -> Floats:
        """N and a unit for each voltage, columns scaled; shape (2m, 2m - 1)."""
        m, rho = len(self), self.pi * self.inertia
        reflector = np.eye(m)[0] * np.linalg.norm(rho) + rho  # Householder's
        angles = np.eye(m) - 2 * np.outer(reflector, reflector) / (reflector @ reflector)
        found = dense.block_diag(angles[:, 1:], np.eye(m))
        form = found.T @ (self.both[:, None] * self.matrix(0.0).real) @ found
        size = abs(np.diag(form))
        return np.asarray(found / np.sqrt(np.maximum(size, 1e-6 * size.max(initial=0.0))))

    @cached_property
    def antisymmetric(self) -> Floats:
        """K, the antisymmetric part of diag(pi, pi) times the Jacobian."""
        weighted = self.both[:, None] * self.jacobian
        return np.asarray(0.5 * (weighted - weighted.T))

    @cached_property
    def weights(self) -> Floats:
        """Of w in the form beyond `last`: pi T and pi D tau_q."""
        return np.asarray(self.both * np.r_[self.inertia, self.lag])

    @cached_property
    def last(self) -> float:
        """w_N, rad/s: at it and beyond the multipliers z = -j, p = -j pi, q = 0 hold.

        They make the form -j K + w diag(pi T, pi D tau_q), and it is checked here at w_N; it grows
        with w.

        Raises:
            ArithmeticError: when no such frequency was found.
        """
        root = 1 / np.sqrt(self.weights)
        scaled = root[:, None] * self.antisymmetric * root
        frequency = 1.01 * norm(scaled) + 1e-3
        for _ in range(20):
            if positive(frequency * np.eye(len(scaled)) - 1j * scaled, 0.0):
                return frequency
            frequency *= 1.2
        raise ArithmeticError("no frequency beyond which the multipliers -j hold")

    def matrix(self, frequency: float) -> Complexes:
        """Matrix of the equations at s = j w, shape (2m, 2m)."""
        s = 1j * frequency
        diagonal = np.r_[self.inertia * s * (1 + self.tau * s), self.stiffness + self.lag * s]
        return np.asarray(self.jacobian + np.diag(diagonal))

    def holds(self, frequency: float, by: Multipliers) -> bool:
        """Whether multipliers make the Hermitian form positive definite, rounding considered."""
        m, whole, basis = len(self), self.matrix(frequency), self.basis
        matrix = whole @ basis
        upper, lower = (by.z * self.pi)[:, None] * matrix[:m], matrix[m:]
        rows = np.vstack([upper + by.q[:, None] * lower, by.p[:, None] * lower])
        form = basis.T @ rows
        sizes = abs(whole) @ abs(basis)  # where strong couplings cancel in the product
        more = abs(by.q)[:, None] * sizes[m:], abs(by.p)[:, None] * sizes[m:]
        sizes = np.vstack([(abs(by.z) * self.pi)[:, None] * sizes[:m] + more[0], more[1]])
        size = abs(basis).T @ sizes
        return positive(form, float(max(size.sum(axis=0).max(), size.sum(axis=1).max())))


def positive(form: Any, size: float) -> bool:
    """Whether the Hermitian part of a matrix is positive definite despite rounding errors.

    4 n eps times a norm is taken off its diagonal first, and then Cholesky's factors have to exist:
    this covers the errors of forming the matrix, and those of the factors, which its trace bounds
    (Rump 2006, Verification of positive definiteness).

    Args:
        form: n by n.
        size: norm of the absolute values that it was added up from; at least its own counts, and
            its trace.
    """
    n = len(form)
    own = float(abs(form).sum(axis=1).max(initial=0.0)), float(abs(np.diag(form)).sum())
    bound = max(size, *own)
    if not (np.isfinite(form).all() and np.isfinite(bound)):  # Cholesky's method lets NaN pass
        return False
    shift = _ROUNDING * n * np.finfo(np.float64).eps * bound
    try:
        np.linalg.cholesky(0.5 * (form + form.conj().T) - shift * np.eye(n))
    except np.linalg.LinAlgError:
        return False
    return True


def norm(matrix: Floats) -> float:
    """Spectral norm of an antisymmetric matrix; of a large one an estimate from below."""
    if len(matrix) <= _DENSE:
        return float(np.linalg.norm(matrix, 2))
    from scipy.sparse import linalg

    start = np.random.default_rng(0).standard_normal(len(matrix))
    size = len(matrix), len(matrix)
    squared = linalg.LinearOperator(size, matvec=lambda x: matrix.T @ (matrix @ x.ravel()))
    try:
        found = linalg.eigsh(squared, 1, which="LA", tol=1e-4, v0=start, return_eigenvectors=False)
    except linalg.ArpackError:
        return float(np.linalg.norm(matrix, 2))
    return float(np.sqrt(found[0]))


def islands(system: System) -> list[Island]:
    """The islands of a system of inverters without other devices, each on its inverters.

    Raises:
        SingularError: when the balance of the other buses is singular.
    """
    n, at, rest, vm, inv = (
        len(system.net.bus), system.at, system.rest, system.vm, system.inverters,
    )  # fmt: skip
    by_logarithm = sparse.diags_array(np.r_[np.ones(n), vm])
    rows = (system.balance @ by_logarithm).tocsr()
    own, others = np.r_[at, n + at], np.r_[rest, n + rest]
    reduced = rows[own][:, own].toarray()
    if len(rest):
        back = system.balance[others][:, own] @ sparse.diags_array(np.r_[np.ones(len(at)), vm[at]])
        reduced -= system.balance[own][:, others] @ system.inner.solve(back.toarray())
    found, island = [], system.net.island[at]
    stiffness = vm[at] / inv.k
    for number in np.unique(island):
        place = np.flatnonzero(island == number)
        both = np.r_[place, len(at) + place]
        found.append(
            Island(
                inv.bus[place],
                reduced[np.ix_(both, both)],
                1 / (system.speed * inv.mp * inv.beta_p)[place],
                stiffness[place],
                (stiffness * inv.tau_q)[place],
                inv.tau_p[place],
            )
        )
    return found
