"""Multipliers beside those of a general solver for semidefinite programs, Clarabel."""

import numpy as np
import pytest
from scipy import sparse

from scopf.dynamics import multipliers
from scopf.dynamics.island import islands
from scopf.dynamics.verification import verify
from tests.dynamics.test_multipliers import oscillating

clarabel = pytest.importorskip("clarabel")


def test_it_finds_multipliers_at_the_same_frequencies():
    net, inverters, vm, va = oscillating()
    (island,) = islands(verify(net, inverters, vm, va).system)
    m, basis = len(island), island.basis
    n = 2 * m - 1

    def largest(frequency):
        """Largest t with F >= t, z and p in the quadrant and their parts of sum 1."""
        matrix, columns = island.matrix(frequency), []
        for place in range(1 + 2 * m):
            for phase in (1, -1j):
                z = np.zeros((2 * m, 2 * m), complex)
                if place == 0:
                    z[:m, :m] = phase * np.diag(island.pi)
                elif place <= m:
                    z[m + place - 1, m + place - 1] = phase
                else:
                    z[place - m - 1, place - 1] = phase
                form = basis.T @ z @ matrix @ basis
                form = 0.5 * (form + form.conj().T)
                columns.append(np.block([[form.real, -form.imag], [form.imag, form.real]]))
        columns.append(-np.eye(2 * n))
        column, row = np.tril_indices(2 * n)
        weight = np.where(row == column, 1.0, np.sqrt(2))
        cone = -np.array([weight * form[row, column] for form in columns]).T
        bounded, size = 2 * (1 + m), len(columns)
        total = np.r_[np.ones(bounded), np.zeros(size - bounded)][None]
        a = np.vstack([total, -np.eye(bounded, size), cone])
        b = np.r_[1.0, np.zeros(len(a) - 1)]
        cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(bounded),
                 clarabel.PSDTriangleConeT(2 * n)]  # fmt: skip
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        none = sparse.csc_matrix((size, size))
        objective = -np.eye(size)[-1]
        solver = clarabel.DefaultSolver(none, objective, sparse.csc_matrix(a), b, cones, settings)
        return solver.solve().x[-1]

    mode = verify(net, inverters, vm, va).spectrum.values[0].imag
    for frequency in (1.0, mode - 3, mode, mode + 1, island.last):
        found = multipliers.multipliers(island, (frequency,))
        assert (found is not None) == (largest(frequency) > 1e-7)
