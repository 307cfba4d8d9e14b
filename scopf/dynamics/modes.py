"""Eigenvalues of E x' = A x, E = diag(1, ..., 1, 0, ..., 0), and participation in each mode.

Two ways. *Dense*: the algebraic variables are eliminated by sparse LU, LAPACK finds every
eigenvalue. *Arnoldi*, for thousands of states: the right half-plane, with a strip to the left of
the imaginary axis, is cut into squares, each covered by the disk around it. From the centre c of a
square, Arnoldi's method on (A - c E)^-1 finds the eigenvalues in the disk; a square on which it
does not converge is cut in four. A bound limits the search upwards and to the right.

**The bound.** On the inverters, with J = S + K the derivative of (P, Q/V) over (theta, V), the
other buses eliminated, S symmetric, K antisymmetric, an eigenvalue lambda = s + j w has an x with

    x* (D + J) x = 0,  D = diag(lambda (1 + lambda tau_p) / (w_b k_p), (1 + lambda tau_q) / (k_q V))

whose imaginary part is w x* diag((1 + 2 s tau_p) / (w_b k_p), tau_q / (k_q V)) x = -Im x* K x. For
s >= 0, |w| is therefore at most the largest eigenvalue of j K over W = diag(1 / (w_b k_p), tau_q /
(k_q V)); for s >= -a with 2 a tau_p < 1, at most 1 / (1 - 2 a tau_p) times that. K comes from
losses and from active loads that follow the voltage: in a lossless network K = 0, so unstable
eigenvalues are real there. From the real part: if S + diag(0, 1/(k_q V)) >= -mu W, then s <=
max(mu, |w|).

With machines or grid-following inverters it is another one, see `scopf.dynamics.numerical_range`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as dense
from scipy import sparse

from scopf.dynamics.numerical_range import bounds
from scopf.errors import ScopfError, listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.arrays import Complexes, Floats
    from scopf.dynamics.dae import System

log = logging.getLogger(__name__)

METHODS = ("auto", "dense", "arnoldi")
DENSE, DENSE_LOSSY = 3000, 6000  # states up to which "auto" computes all eigenvalues

_DEPTH = 0.1  # width of the strip left of the axis, over 1 / (largest tau_p)
_REACH = 0.8  # radius of a disk over the side of its square; half the diagonal is 0.707
_STEPS = (40, 70, 100)  # of Arnoldi's method, after which its values are looked at
_SETTLED = 1e-9  # relative residual of an eigenvalue of the inverse
_SQUARES = 4000  # looked at before the search is given up
_SAFETY = 1.05  # on bounds that Lanczos' method approaches from below
ON_AXIS = 1e-6  # rad/s: a mode of a grid with devices that is nearer to the axis may be on it
_STRIP, _SQUARE = 0.02, 12.0  # rad/s: depth of the strip and largest square at it, with devices


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues, the rightmost first; of a complex pair the one with positive imaginary part.

    Attributes:
        values: eigenvalues, rad/s.
        method: "dense", which finds all, or "arnoldi".
        edge: every eigenvalue with a real part above this is among them.
        tolerance: largest real part that counts as zero.
    """

    values: Complexes = field(repr=False)
    method: str
    edge: float
    tolerance: float = 0.0

    @property
    def unstable(self) -> int:
        """Number of eigenvalues with positive real part, both of a pair counted."""
        return _count(self.values[self.values.real > self.tolerance])

    @property
    def undamped(self) -> int:
        """Number of eigenvalues on the imaginary axis, within the tolerance; 0 if that is zero."""
        return _count(self.values[abs(self.values.real) < self.tolerance])

    @property
    def rightmost(self) -> float:
        """Largest real part, rad/s; the edge of the search when nothing was found."""
        return float(self.values[0].real) if len(self.values) else self.edge


def _count(values: Complexes) -> int:
    return int(np.where(values.imag > 0, 2, 1).sum())


def spectrum(system: System, method: str = "auto") -> Spectrum:
    """Eigenvalues of the linear equations.

    Args:
        system: the linear equations.
        method: "dense", "arnoldi", or "auto": dense up to 3000 states, or 6000 with losses, where
            the search has more to look at.

    Raises:
        ScopfError: for another method.
        SingularError: when the balance of the buses without an inverter is singular.
    """
    if method not in METHODS:
        raise ScopfError(f"method is {listing(METHODS)}, got {method!r}")
    most = DENSE if system.conserves_energy else DENSE_LOSSY
    tolerance = ON_AXIS if len(system.devices) else 0.0
    if method == "dense" or (method == "auto" and system.states <= most):
        values = _upper(dense.eigvals(state_matrix(system)))
        return Spectrum(values, "dense", -np.inf, tolerance)
    return _searched(system, tolerance)


def state_matrix(system: System) -> Floats:
    """The matrix of x' = A x of the states alone, the other variables eliminated; dense."""
    k, a = system.states, system.matrix
    top: Floats = a[:k, :k].toarray()
    if a.shape[0] == k:
        return top
    coupling = a[k:, :k]
    used = np.flatnonzero(np.diff(coupling.indptr))  # a frequency does not enter a power balance
    inner = system.inner.solve(coupling[:, used].toarray())
    top[:, used] -= a[:k, k:] @ inner
    return top


def _upper(values: Complexes) -> Complexes:
    """The rightmost first, without the lower of each pair."""
    values = values[values.imag >= 0]
    return values[np.lexsort((values.imag, -values.real))]


# -- vectors -----------------------------------------------


def participation(system: System, value: complex) -> Floats:
    """Share of each inverter and then of each device in a mode; positive, their sum is 1.

    Sum over its states of |left * right|, the entries of the left and the right eigenvector: of an
    inverter angle, frequency and voltage. Angles are absolute here, so the shares do not depend on
    the one that the others are relative to: that one is w_b dw / lambda, its entry of the left
    vector minus the sum of the others' in its island.
    """
    return shares(system, value)[0]


def shares(system: System, value: complex) -> tuple[Floats, str]:
    """`participation`, and what has the largest share: "swing", "frequency", "voltage" ..."""
    k, (right, left) = system.states, eigenvectors(system, value)
    size = np.zeros(len(system.inverters) + len(system.devices))
    place, bus = system.angles
    first = np.flatnonzero(place < 0)
    turning, island = place >= 0, system.net.island[bus]
    turned = system.speed * right[system.reference[bus]] / _near(value)
    turned[turning] += right[place[turning]]
    weight = np.zeros(len(place), dtype=np.complex128)
    weight[turning] = left[place[turning]]
    total = np.zeros(1 + system.net.islands, dtype=np.complex128)
    np.add.at(total, island, weight)
    weight[first] = -total[island[first]]
    of_angles = abs(weight * turned)
    others = np.setdiff1d(np.arange(k), place)
    of_others = abs(left[others] * right[others])
    size += of_angles
    np.add.at(size, system.owner[others], of_others)
    words = np.concatenate([system.angle_moves, system.moves[others]])
    each, total_of = np.unique(words.astype(str), return_inverse=True)
    most = np.bincount(total_of, np.concatenate([of_angles, of_others])).argmax()
    return size / size.sum(), str(each[most])


def _near(value: complex) -> complex:
    """A number beside an eigenvalue."""
    return value + 1e-7 * (1 + abs(value)) * (1 + 1j)


def eigenvectors(system: System, value: complex) -> tuple[Complexes, Complexes]:
    """Right and left eigenvector of the states, each of length 1."""
    from scipy.sparse import linalg

    k, a = system.states, system.matrix
    e = sparse.diags_array(np.r_[np.ones(k), np.zeros(a.shape[0] - k)])
    lu = linalg.splu((a - _near(value) * e).tocsc())
    rng = np.random.default_rng(0)

    def eigenvector(transposed: str) -> Complexes:
        x: Complexes = rng.standard_normal(a.shape[0]) + 0j
        for _ in range(3):
            x[k:] = 0
            x = lu.solve(x / np.linalg.norm(x), transposed)
        return x[:k] / np.linalg.norm(x[:k])

    return eigenvector("N"), eigenvector("T")


# -- search -----------------------------------------------


def _searched(system: System, tolerance: float) -> Spectrum:
    """Eigenvalues near and right of the imaginary axis."""
    if len(system.devices):
        depth, left_out = _STRIP, _SQUARE
        top, right = bounds(system)
    else:
        depth = _DEPTH / system.inverters.tau_p.max()
        top, right = _bounds(system, depth)
        left_out = 1.2 / system.inverters.tau_p.max()  # a larger one there has too much in it
    side = max(right + depth, top, 8.0)
    squares, found, looked = [(-depth, 0.0, side)], [], 0
    edge = -depth
    while squares:
        s, w, h = squares.pop()
        if w > top or s > max(right, min(top, w + h)):
            continue
        if looked == _SQUARES:
            log.warning("%s: the search for modes was given up", system.net.name)
            edge = np.inf
            break
        far = len(system.devices) > 0 and w >= h  # from the real axis, where many of them are
        if s > -depth or h <= left_out or far:
            looked += 1
            values = _in_disk(system, complex(s + h / 2, w + h / 2), _REACH * h)
            if values is not None:
                found.append(values)
                continue
        half = h / 2
        squares += [(s + i * half, w + j * half, half) for i in (1, 0) for j in (1, 0)]
    log.info("%s: modes up to %.4g rad/s from %d shifts", system.net.name, top, looked)
    values = np.concatenate(found) if found else np.empty(0, dtype=np.complex128)
    return Spectrum(_distinct(values), "arnoldi", edge, tolerance)


def _distinct(values: Complexes) -> Complexes:
    """Eigenvalues that several disks share, once each."""
    values = np.where(abs(values.imag) < 1e-7 * (1 + abs(values)), values.real, values)
    values = values.real + 1j * abs(values.imag)
    kept: list[complex] = []
    for value in values[np.lexsort((values.imag, -values.real))].tolist():
        if all(abs(value - other) > 1e-6 * (1 + abs(value)) for other in kept[-50:]):
            kept.append(value)
    return np.array(kept, dtype=np.complex128)


def _in_disk(system: System, centre: complex, radius: float) -> Complexes | None:
    """Eigenvalues by Arnoldi's method, all of those in a disk; None if it does not converge.

    A value of the inverse is 1 / (lambda - centre), so that those in the disk are the largest.
    """
    from scipy.sparse import linalg

    k, a = system.states, system.matrix
    e = sparse.diags_array(np.r_[np.ones(k), np.zeros(a.shape[0] - k)])
    try:
        lu = linalg.splu((a - centre * e).tocsc())
    except RuntimeError:  # on an eigenvalue
        lu = linalg.splu((a - centre * (1 + 1e-6) * e).tocsc())
        centre *= 1 + 1e-6
    padded = np.zeros(a.shape[0], dtype=np.complex128)

    def inverse(x: Complexes) -> Complexes:
        padded[:k] = x
        solved: Complexes = lu.solve(padded)[:k]
        return solved

    for values, gaps in _arnoldi(inverse, k):
        settled = gaps <= _SETTLED * abs(values)
        if settled[abs(values) * radius >= 0.95].all():
            inside: Complexes = centre + 1 / values[settled]
            return inside
    return None


def _arnoldi(apply: Callable[[Complexes], Complexes], size: int) -> Any:
    """Approximate eigenvalues of a linear map and their residuals, after some steps and after more.

    Yields:
        Values and norms of the residuals of their vectors.
    """
    rng = np.random.default_rng(0)
    most = min(_STEPS[-1], size)
    basis = np.zeros((most + 1, size), dtype=np.complex128)
    h = np.zeros((most + 1, most), dtype=np.complex128)
    start = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    basis[0] = start / np.linalg.norm(start)
    for step in range(most):
        x = apply(basis[step])
        length = np.linalg.norm(x)
        for _ in range(2):  # once more, against rounding
            along = (basis[: step + 1] @ x.conj()).conj()
            x -= along @ basis[: step + 1]
            h[: step + 1, step] += along
        rest = np.linalg.norm(x)
        done = rest <= 1e-14 * length or step + 1 == most
        if not done:
            h[step + 1, step] = rest
            basis[step + 1] = x / rest
        if done or step + 1 in _STEPS:
            values, vectors = np.linalg.eig(h[: step + 1, : step + 1])
            exhausted = rest <= 1e-14 * length or step + 1 == size
            last = 0.0 if exhausted else rest
            yield values, last * abs(vectors[-1])
        if done:
            return


def _bounds(system: System, depth: float) -> tuple[float, float]:
    """Bounds on the imaginary and the real part of eigenvalues right of -depth, rad/s."""
    from scipy.sparse import linalg

    inv, vm = system.inverters, system.vm[system.at]
    m, apply, transposed = len(inv), *system.reduced_jacobian()
    weight = np.r_[1 / (system.speed * inv.mp * inv.beta_p), inv.tau_q / (inv.k * vm)]
    root = 1 / np.sqrt(weight)
    still = np.r_[np.zeros(m), 1 / (inv.k * vm)]

    def skew(x: Complexes) -> Complexes:
        x = root * x.ravel()
        turned: Complexes = -0.5j * root * (apply(x) - transposed(x))
        return turned

    def symmetric(x: Floats) -> Floats:
        x = root * x.ravel()
        stretched: Floats = root * (0.5 * (apply(x) + transposed(x)) + still * x)
        return stretched

    def extreme(dtype: type, action: Any, which: str) -> float:
        operator = linalg.LinearOperator((2 * m, 2 * m), matvec=action, dtype=dtype)
        start: Any = np.random.default_rng(0).standard_normal(2 * m).astype(dtype)
        options = {"v0": start, "return_eigenvectors": False, "tol": 1e-2, "ncv": min(2 * m, 40)}
        try:
            return float(linalg.eigsh(operator, 1, which=which, maxiter=300, **options)[0])
        except linalg.ArpackNoConvergence:  # then the largest of either sign, which is easier
            log.info("a bound on the modes is not sharp")
            size = abs(float(linalg.eigsh(operator, 1, which="LM", **options)[0]))
            return size if which == "LA" else -size

    if m == 1:  # too small for Lanczos' method
        eye = np.eye(2)
        columns = np.stack([apply(eye[0] + 0j), apply(eye[1] + 0j)], axis=1).real
        j = root[:, None] * columns * root
        high = abs(j[0, 1] - j[1, 0]) / 2
        low = np.linalg.eigvalsh((j + j.T) / 2 + np.diag(still * root**2))[0]
    else:
        high, low = extreme(np.complex128, skew, "LA"), extreme(np.float64, symmetric, "SA")
    largest = abs(system.balance).max() * root.max() ** 2
    top = _SAFETY * max(high, 1e-12 * largest) / (1 - 2 * depth * inv.tau_p.max())
    return top, max(-_SAFETY * low, 0.0)
