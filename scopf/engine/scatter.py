"""Fixed sparse maps from atoms and their derivatives to rows, Jacobian and Hessian.

rows     = A x + C a + k
Jacobian = A + C Da,  its pattern and for each nonzero the sum of terms that make it up
Hessian  = sum over atoms of weight times second derivative, by a map of the same kind
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from scopf.arrays import Floats, Ints
from scopf.engine import private
from scopf.engine.kernels import Kernel
from scopf.engine.triplets import Matrix


class Product:
    """Sparse matrix times vector into a buffer that exists."""

    def __init__(self, matrix: sparse.csr_array) -> None:
        self.data: Floats = matrix.data
        self._shape, self._indptr, self._indices = matrix.shape, matrix.indptr, matrix.indices

    def add(self, x: Floats, out: Floats) -> None:
        """Add the product with x to `out`."""
        private.add_product(self._shape, self._indptr, self._indices, self.data, x, out)


class Scatter:
    """The maps of one NLP.

    Args:
        linear, nonlinear: A over all columns and C over all atoms, the objective as last row.
        kernels: whose atoms these are.
        starts: positions of the first value, first and second derivative of each kernel.
        free: number of free variables; A's columns from there on are fixed.

    Attributes:
        jacobian, gradient: overwritten by `fill_jacobian`.
        jacobian_at, hessian_at: (row, column) of the nonzeros.
    """

    def __init__(
        self, linear: Matrix, nonlinear: Matrix, kernels: Sequence[Kernel], starts: Ints, free: int
    ) -> None:
        self._linear, self._nonlinear = linear, nonlinear
        mine = linear.cols < free
        self._mine = np.flatnonzero(mine)
        self._a = _product(linear.rows[mine], linear.cols[mine], linear.data[mine], linear.shape)
        self._c = _product(nonlinear.rows, nonlinear.cols, nonlinear.data, nonlinear.shape)
        order = np.lexsort((nonlinear.rows, nonlinear.cols))
        self._turned = order
        self._ct = _product(
            nonlinear.cols[order],
            nonlinear.rows[order],
            nonlinear.data[order],
            nonlinear.shape[::-1],
        )
        self._first_derivatives(kernels, starts, free)
        self._second_derivatives(kernels, starts, free)
        self.refresh()

    def _first_derivatives(self, kernels: Sequence[Kernel], starts: Ints, free: int) -> None:
        """Pattern of the Jacobian (with the gradient as last row) and its map from atoms."""
        linear, nonlinear = self._linear, self._nonlinear
        none = np.zeros(0, dtype=np.int64)
        rows, cols = [linear.rows[self._mine]], [linear.cols[self._mine]]
        source, factor, sign = [none], [none], [np.zeros(0)]
        for kernel, start in zip(kernels, starts, strict=True):
            atom = nonlinear.cols - start[0]
            inside = np.flatnonzero((atom >= 0) & (atom < kernel.rows * kernel.outputs))
            row, output = kernel.row_and_output(atom[inside])
            slots = kernel.functions.first_at
            for (of, variable), slot, plus in zip(
                slots.places, slots.source, slots.sign, strict=True
            ):
                hit = np.flatnonzero(output == of)
                column = kernel.columns[row[hit], variable]
                hit, column = hit[column < free], column[column < free]
                rows.append(nonlinear.rows[inside[hit]])
                cols.append(column)
                source.append(start[1] + kernel.place(row[hit], slot, slots.count))
                factor.append(inside[hit])
                sign.append(np.full(len(hit), plus))
        i, j = np.concatenate(rows), np.concatenate(cols)
        key, slots_of = np.unique(i * max(free, 1) + j, return_inverse=True)
        row, col = np.divmod(key, max(free, 1))
        last = linear.shape[0] - 1
        split: int = int(np.searchsorted(row, last))
        self.jacobian_at = row[:split], col[:split]
        self._gradient_at = col[split:]
        self.gradient = np.zeros(free)
        self._derivatives = np.empty(len(key))
        self.jacobian = self._derivatives[:split]
        moving = slots_of[len(self._mine) :]
        self._constant_slot = slots_of[: len(self._mine)]
        s, order = np.concatenate(source), np.argsort(moving, kind="stable")
        self._factor, self._sign = np.concatenate(factor)[order], np.concatenate(sign)[order]
        size = int(starts[-1, 1] + kernels[-1].sizes[1]) if kernels else 0
        self._d = _product(moving[order], s[order], self._sign, (len(key), size))
        self._offset = np.zeros(len(key))

    def _second_derivatives(self, kernels: Sequence[Kernel], starts: Ints, free: int) -> None:
        """Pattern of the Hessian's lower triangle and its map from atoms."""
        none = np.zeros(0, dtype=np.int64)
        rows, cols, source, sign = [none], [none], [none], [np.zeros(0)]
        for kernel, start in zip(kernels, starts, strict=True):
            slots = kernel.functions.second_at
            everything = np.arange(kernel.rows)
            for (one, other), slot, plus in zip(
                slots.places, slots.source, slots.sign, strict=True
            ):
                a, b = kernel.columns[:, one], kernel.columns[:, other]
                inside = np.flatnonzero((a < free) & (b < free))
                a, b = a[inside], b[inside]
                rows.append(np.maximum(a, b))
                cols.append(np.minimum(a, b))
                source.append(start[2] + kernel.place(everything[inside], slot, slots.count))
                # two placeholders on one variable: both halves of the square fall on the diagonal
                sign.append(np.where((a == b) & (one != other), 2.0, 1.0) * plus)
        i, j = np.concatenate(rows), np.concatenate(cols)
        key, slot = np.unique(i * max(free, 1) + j, return_inverse=True)
        self.hessian_at = np.divmod(key, max(free, 1))
        order = np.argsort(slot, kind="stable")
        size = int(starts[-1, 2] + kernels[-1].sizes[2]) if kernels else 0
        self._h = _product(
            slot[order],
            np.concatenate(source)[order],
            np.concatenate(sign)[order],
            (len(key), size),
        )
        self._hessian = np.empty(len(key))

    def refresh(self) -> None:
        """Take the present coefficients of A and C."""
        self._a.data[:] = self._linear.data[self._mine]
        self._c.data[:] = self._nonlinear.data
        self._ct.data[:] = self._nonlinear.data[self._turned]
        self._d.data[:] = self._nonlinear.data[self._factor] * self._sign
        self._offset[:] = np.bincount(
            self._constant_slot, self._linear.data[self._mine], minlength=len(self._offset)
        )

    def values(self, x: Floats, atoms: Floats, constant: Floats, out: Floats) -> None:
        """All rows at the free variables x (longer vectors are cut)."""
        np.copyto(out, constant)
        self._a.add(x, out)
        self._c.add(atoms, out)

    def fill_jacobian(self, first: Floats) -> None:
        """Jacobian and gradient out of the atoms' first derivatives."""
        np.copyto(self._derivatives, self._offset)
        self._d.add(first, self._derivatives)
        self.gradient[self._gradient_at] = self._derivatives[len(self.jacobian) :]

    def weights(self, multipliers: Floats, out: Floats) -> None:
        """Weight of each atom in the Lagrangian."""
        out.fill(0.0)
        self._ct.add(multipliers, out)

    def hessian(self, second: Floats) -> Floats:
        """Hessian out of the atoms' weighted second derivatives."""
        self._hessian.fill(0.0)
        self._h.add(second, self._hessian)
        return self._hessian


def _product(rows: Ints, cols: Ints, data: Floats, shape: tuple[int, int]) -> Product:
    """From elements sorted by row."""
    indptr = np.searchsorted(rows, np.arange(shape[0] + 1))
    kind = np.int32 if max(len(rows), *shape) < 2**31 else np.int64
    matrix = sparse.csr_array((np.array(data), cols.astype(kind), indptr.astype(kind)), shape=shape)
    return Product(matrix)
