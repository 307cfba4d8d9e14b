"""SUNDIALS' IDAS, through CasADi, on the equations of one interval."""

from __future__ import annotations

from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING

import casadi as ca
import numpy as np
from scipy import sparse
from scipy.sparse import linalg

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.dynamics.simulation.motion import Motion

LINEAR_SOLVER = "qr"  # CasADi's own sparse one: see benchmarks/README.md for the others
_ITERATIONS = 50  # of Newton's method
_SETTLED, _ENOUGH = 1e-11, 1e-8  # p.u. of power: where it ends, and where less is rounding
_STEPS = 10_000  # of the integrator between two outputs
_LOW = 0.1  # a voltage is not taken below this part of itself in one step


class LostError(Exception):
    """The algebraic equations have no solution nearby, or the integrator found none.

    Attributes:
        z: as far as Newton's method came; None from the integrator.
    """

    def __init__(self, text: str, z: Floats | None = None) -> None:
        super().__init__(text)
        self.z = z


class Integrator:
    """Integrates a motion over spans of any length, from any point.

    Args:
        motion: the equations.
        points: number of outputs of a span, at equal distances; the last at its end.
        tolerance: relative tolerance; the absolute one is a hundredth of it.
        steps: that it takes at most between two outputs.
    """

    def __init__(self, motion: Motion, points: int, tolerance: float, steps: int = _STEPS) -> None:
        span = ca.SX.sym("span")
        dae = {"x": motion.x, "z": motion.z, "p": span, "ode": span * motion.f, "alg": motion.g}
        options = {
            "reltol": tolerance,
            "abstol": tolerance / 100,
            "linear_solver": LINEAR_SOLVER,
            "max_num_steps": steps,
            "disable_internal_warnings": True,
            "show_eval_warnings": False,
        }
        at = (np.arange(1, points + 1) / points).tolist()
        self._run = ca.integrator("motion", "idas", dae, 0.0, at, options)

    def __call__(self, x: Floats, z: Floats, span: float) -> tuple[Floats, Floats]:
        """Points of x and z, shapes (points, nx) and (points, nz).

        Args:
            x: where it starts.
            z: that fit.
            span: s.

        Raises:
            LostError: when the integrator does not come to the end.
        """
        try:
            with redirect_stderr(StringIO()):  # SUNDIALS' own lines
                found = self._run(x0=x, z0=z, p=span)
        except RuntimeError as error:
            raise LostError(str(error)) from error
        xf, zf = found["xf"].full().T, found["zf"].full().T
        if not (np.isfinite(xf).all() and np.isfinite(zf).all()):
            raise LostError("not finite")
        return xf, zf


def consistent(motion: Motion, x: Floats, z: Floats) -> Floats:
    """The z nearby that fits x, by Newton's method.

    Raises:
        LostError: when there is none.
    """
    if not len(z):
        return z
    split = len(z) // 2
    residual, matrix = _balance(motion, x, z)
    for _ in range(_ITERATIONS):
        size = np.abs(residual).max()
        if size <= _SETTLED:
            return z
        try:
            step = -linalg.splu(matrix).solve(residual)
        except RuntimeError as error:
            raise LostError("singular", z) from error
        falls = -step[split:] / z[split:]
        part = min(1.0, (1 - _LOW) / max(falls.max(initial=0.0), 1e-300))
        for _ in range(30):
            new = z + part * step
            there, slope = _balance(motion, x, new)
            if np.abs(there).max() < (1 - 1e-4 * part) * size:
                break
            part /= 2
        else:
            if size <= _ENOUGH:
                return z
            raise LostError("no descent", z)
        z, residual, matrix = new, there, slope
    raise LostError("no convergence", z)


def loosest(motion: Motion, x: Floats, z: Floats) -> Ints:
    """Buses of z, positions in the intact network, from the one whose voltage is held least.

    That is the order of their parts in the direction in which the balance changes least.
    """
    matrix = _balance(motion, x, z)[1]
    count = matrix.shape[0]
    nudged = linalg.splu((matrix + 1e-10 * sparse.eye_array(count)).tocsc())
    direction = np.ones(count)
    for _ in range(3):
        direction = nudged.solve(direction, "N")
        direction /= np.abs(direction).max()
    return motion.magnitudes()[np.argsort(-np.abs(direction[count // 2 :]), kind="stable")]


def _balance(motion: Motion, x: Floats, z: Floats) -> tuple[Floats, sparse.csc_array]:
    g, slope = motion.balance(x, z)
    rows, starts = slope.sparsity().row(), slope.sparsity().colind()
    shape = slope.shape
    matrix = sparse.csc_array((np.array(slope.nonzeros()), rows, starts), shape=shape)
    return g.full()[:, 0], matrix
