"""Multipliers that make Hermitian forms positive definite: a small linear matrix inequality.

The largest t is sought with F(x) >= t at one or two frequencies, F linear in the multipliers x,
of which z and p are not negative and add up to a constant. The method is that of barriers: Newton's
on -weight t - sum of log det (F - t) - sum of log x, the weight growing. It ends as soon as
the multipliers pass the check of `Island.holds`, or when the weight shows that t stays below 0.

All matrices but those of z have rank 2, F_i = (a c^* + c a^*)/2, so that a step takes as many
operations as a few products of matrices of the size of F. (A general solver for semidefinite
programs factors a matrix of n^2 rows.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as dense

from scopf.dynamics.island import Multipliers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scopf.arrays import Complexes, Floats
    from scopf.dynamics.island import Island

_STEPS = 200  # of Newton's method
_GROWTH = 5.0  # of the weight
_CENTRED = 0.5  # Newton decrement up to which a point counts as on the path
_BEYOND = 1e-9  # bound on t at which the search ends


def multipliers(island: Island, frequencies: Sequence[float]) -> Multipliers | None:
    """Multipliers that hold at these frequencies; None when none were found.

    Args:
        island: that meets the conditions of the certificate.
        frequencies: one or two; at 0 alone the multipliers are real.
    """
    real = not any(frequencies)
    forms = [_Form(island, frequency, real) for frequency in frequencies]
    search = _Search(forms, (1 + len(island)) * (1 if real else 2))
    for x in search:
        found = _multipliers(island, x, real)
        if all(island.holds(frequency, found) for frequency in frequencies):
            return found
    return None


def _multipliers(island: Island, x: Floats, real: bool) -> Multipliers:
    """From variables: z, then p over pi, then q, each with its real before its imaginary part."""
    m, parts = len(island), 1 if real else 2
    z, p, q = np.split(x, [parts, parts * (1 + m)])
    quadrant = np.array([1, -1j])[:parts]
    p, q = p.reshape(parts, m), q.reshape(parts, m)
    of_p, of_q = (np.asarray(quadrant @ part, np.complex128) for part in (p, q))
    return Multipliers(complex(quadrant @ z), island.pi * of_p, of_q)


class _Form:
    """F at one frequency as a linear function of the variables."""

    def __init__(self, island: Island, frequency: float, real: bool) -> None:
        m, basis = len(island), island.basis
        matrix: Complexes = island.matrix(frequency) @ basis  # real at 0
        self.n = 2 * m - 1
        self._phases = np.array([1.0] if real else [1.0, -1j])
        self._upper = basis[:m].T @ (island.pi[:, None] * matrix[:m])  # of z
        self._left = np.hstack([basis[m:].T * island.pi, basis[:m].T])  # a, of p and of q
        self._right: Complexes = matrix[m:]  # c^* of both
        places = np.arange(2 * m).reshape(2, 1, m)
        self._place = np.repeat(places, len(self._phases), axis=1).ravel()  # in a, of a variable
        self._phase = np.tile(np.repeat(self._phases, m), 2)

    @property
    def size(self) -> int:
        """Number of variables."""
        return len(self._phases) + len(self._place)

    def matrix(self, x: Floats) -> Complexes:
        """F of the variables without t."""
        d, m = len(self._phases), len(self._right)
        both = (x[d:] * self._phase).reshape(2, d, m).sum(axis=1)
        combined = self._left[:, :m] * both[0] + self._left[:, m:] * both[1]
        form: Complexes = (self._phases @ x[:d]) * self._upper + combined @ self._right
        return np.asarray(_hermitian(form))

    def derivatives(self, inverse: Complexes) -> tuple[Floats, Floats]:
        """Gradient and Hessian of -log det (F - t), by the inverse of that; t comes last."""
        d, m, place, phase = len(self._phases), len(self._right), self._place, self._phase
        last, row = self.size, self._place % m
        gradient, hessian = np.zeros(last + 1), np.zeros((last + 1, last + 1))
        rows = self._right @ inverse
        across, of_rows = rows @ self._left, rows @ self._right.conj().T
        of_columns = self._left.T @ inverse @ self._left
        low_rank, bilinear = slice(d, last), across[np.ix_(row, place)] * phase[:, None]
        gradient[low_rank] = -np.diag(bilinear).real
        squares = (of_rows[np.ix_(row, row)] * np.outer(phase, phase.conj())) * (
            of_columns[np.ix_(place, place)].conj()
        )
        hessian[low_rank, low_rank] = 0.5 * (bilinear * bilinear.T + squares).real
        turned = inverse @ self._upper @ inverse
        dense_ones = [_hermitian(factor * self._upper) for factor in self._phases]
        products = [_hermitian(factor * turned) for factor in self._phases]
        dense_ones.append(-np.eye(self.n))
        products.append(-inverse @ inverse)
        dense_places = [*range(d), last]
        for i, one, product in zip(dense_places, dense_ones, products, strict=True):
            gradient[i] = -(inverse.T * one).sum().real
            mixed = np.einsum("ij,ji->i", (self._right @ product)[row], self._left[:, place])
            hessian[i, low_rank] = hessian[low_rank, i] = (phase * mixed).real
            for j, other in zip(dense_places, dense_ones, strict=True):
                hessian[i, j] = (product.T * other).sum().real
        return gradient, hessian


def _hermitian(matrix: Any) -> Any:
    return 0.5 * (matrix + matrix.conj().T)


@dataclass
class _Search:
    """Points of the central path with t above 0.

    Attributes:
        forms: F at each frequency.
        bounded: number of variables that are not negative, the first ones.
    """

    forms: list[_Form]
    bounded: int

    def __iter__(self) -> Any:
        x = np.zeros(self.forms[0].size + 1)
        x[: self.bounded] = 1.0
        least = min(float(np.linalg.eigvalsh(form.matrix(x[:-1]))[0]) for form in self.forms)
        x[-1] = least - max(1.0, abs(least))
        order = sum(form.n for form in self.forms) + self.bounded
        weight = 0.0
        for _ in range(_STEPS):
            gradient, hessian = self._derivatives(x)
            weight = weight or float(gradient[-1])
            gradient[-1] -= weight
            step, decrement = self._newton(gradient, hessian)
            x = self._moved(x, step, decrement)
            if x[-1] > 0:
                yield x[:-1]
            if decrement < _CENTRED:
                if x[-1] + 2 * order / weight < _BEYOND:
                    return
                weight *= _GROWTH

    def _derivatives(self, x: Floats) -> tuple[Floats, Floats]:
        """Of the barrier, without the weight."""
        gradient, hessian = np.zeros(len(x)), np.zeros((len(x), len(x)))
        for form in self.forms:
            shifted = form.matrix(x[:-1]) - x[-1] * np.eye(form.n)
            parts = form.derivatives(_hermitian(np.linalg.inv(shifted)))
            gradient, hessian = gradient + parts[0], hessian + parts[1]
        own = np.arange(self.bounded)
        gradient[own] -= 1 / x[own]
        hessian[own, own] += 1 / x[own] ** 2
        return gradient, hessian

    def _newton(self, gradient: Floats, hessian: Floats) -> tuple[Floats, float]:
        """Step that keeps the sum of the bounded variables, and Newton's decrement."""
        constant = np.zeros(len(gradient))
        constant[: self.bounded] = 1.0
        diagonal = np.diag(hessian)  # 0 of the q of an inverter alone, which have no effect
        scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        scaled = hessian * np.outer(scale, scale)
        scaled[np.diag_indices(len(scale))] += 1e-13
        both = scale[:, None] * np.stack([gradient, constant], axis=1)
        solved = scale[:, None] * dense.solve(scaled, both, assume_a="sym")
        ratio = (constant @ solved[:, 0]) / (constant @ solved[:, 1])
        step: Floats = -solved[:, 0] + ratio * solved[:, 1]
        return step, math.sqrt(max(-float(gradient @ step), 0.0))

    def _moved(self, x: Floats, step: Floats, decrement: float) -> Floats:
        """The point after a step, as long as stays inside."""
        length = 1.0 if decrement < 0.25 else min(1.0, 2.0 / (1.0 + decrement))
        while length > 1e-12:
            moved = x + length * step
            if (moved[: self.bounded] > 0).all() and self._inside(moved):
                return moved
            length *= 0.5
        return x

    def _inside(self, x: Floats) -> bool:
        for form in self.forms:
            try:
                np.linalg.cholesky(form.matrix(x[:-1]) - x[-1] * np.eye(form.n))
            except np.linalg.LinAlgError:
                return False
        return True
