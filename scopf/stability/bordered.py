"""The exact condition of a lossless network as smooth rows: singularity test functions of H.

The operating point is stable if and only if H(x), the Hessian of the energy, is positive definite
(`scopf.dynamics.energy`). Its smallest eigenvalue is no smooth function of the point, and where it
is, its second derivatives involve the eigenvector's. A test function t takes its place: the
solution (y, t) of the system bordered by a vector b,

    H(x) y = t b,    b^T y = 1,    that is    t = 1 / (b^T H(x)^-1 b),

is smooth, and t changes sign with the eigenvalue whose eigenvector is nearest to b. Where H is
positive definite t is positive, whatever b, so that the row t >= 0 cuts off no stable point. It is
necessary only. The inertia of H at the optimum decides; if H is not positive definite there, its
eigenvectors give further test functions (`scopf.procedures.centralised`).

H is taken with the droops' stiffness less a margin, (1 - margin)/k_i, and a bordering vector is
b = K d, with K = diag(0, 1/(k_i V_i)) and d an eigenvector of H d = lambda K d at some point; there
t = lambda and y = d. The condition couples all buses: it is no decentralized criterion but the
measure of those. With mu the multiplier of a row, dJ*/d(1/k_i) = -(1 - margin) mu y_i^2/V_i,
summed over the rows, since t = y^T H y at a stationary y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.dynamics.energy import bus_product, line_product
from scopf.dynamics.gain_margin import GainMargin, gain_margin
from scopf.engine.symbols import Constraint, Index, Parameter, Variable
from scopf.engine.templates import Node
from scopf.errors import ScopfError
from scopf.network.islands import firsts
from scopf.network.susceptances import Grid
from scopf.stability.criterion import Criterion
from scopf.stability.limits import MARGIN
from scopf.stability.rows import NOBODY, Declared, Dispatch, RowPrices, Rows, Stability
from scopf.stability.setting import Setting

GAIN = "bordered_stiffness"


@dataclass(frozen=True, eq=False)
class BorderedSystems(Declared):
    """The rows and variables of the bordered systems.

    Attributes:
        positive: rows t >= 0.
        y_va, y_vm, t: the solutions.
    """

    positive: Constraint | None = None
    y_va: Variable | None = None
    y_vm: Variable | None = None
    t: Variable | None = None


class SingularityTests(Criterion):
    """Rows t >= 0, one per bordered system, on the full network without its conductances.

    Args:
        directions: rows d = (angles, voltages) of all energized buses, shape (c, 2 n_bus); where
            the search for y starts, too.
        vectors: bordering vectors b on the voltages of all buses, shape (c, n_bus), zero without an
            inverter.
        values: t that belong to them, shape (c,).
    """

    name = "singularity-test"
    nssp_unit = "stiffness 1/k"
    network = "full"
    conditions = (
        "necessary, and sufficient if H is positive definite at the optimum; the network is "
        "lossless and its loads draw constant power"
    )
    source = "energy function and inertia theorem, see scopf.dynamics.energy"

    def __init__(self, directions: Floats, vectors: Floats, values: Floats) -> None:
        self.directions, self.vectors, self.values = directions, vectors, values

    @classmethod
    def at(cls, point: GainMargin, vm: Floats, at: Ints, stiffness: Floats, count: int) -> Self:
        """Test functions for the smallest eigenvalues at a point.

        Args:
            point: gain margin of the point, with its eigenvalues and eigenvectors.
            vm: its voltages, shape (n_bus,).
            at: buses (positions) with an inverter.
            stiffness: 1/k of each inverter.
            count: number of test functions.
        """
        directions, n = point.eigenvectors[:count], len(vm)
        vectors = np.zeros((len(directions), n))
        vectors[:, at] = directions[:, n + at] * stiffness / vm[at]
        return cls(directions, vectors, point.eigenvalues[: len(directions)])

    def declare(self, d: Dispatch, setting: Setting) -> Declared:
        """Declare `inverter_stability[c]`, and the variables and equations of y and t.

        The variables are `bordered_va[c, bus]`, `bordered_vm[c, bus]` and `bordered_test[c]`, the
        stiffnesses 1/k_i the Params `bordered_stiffness`.

        Raises:
            ScopfError: when there is no inverter, or a grid strength other than 1.
        """
        f = d.formulation
        gain = f.parameter(GAIN, d.inverter, self.parameters(setting)[GAIN])
        margin = f.parameter(MARGIN, None, setting.margin)
        net, at = setting.reduction.net, setting.reduction.keep
        count, n = len(self.values), len(net.bus)
        numbers = range(1, count + 1)
        system = f.index("bordered", numbers)
        place = f.index("bordered_bus", [(c, bus) for c in numbers for bus in d.bus.keys])
        grid = Grid.full(net)
        y_va, y_vm, t = self._add_variables(d, place, system, grid)
        angles, voltages = _add_lines(d, grid, (y_va, y_vm), count)
        voltages = voltages + _add_droops(d, gain, margin, y_vm, at, count)

        b = f.data(self.vectors.ravel())
        owner = np.repeat(np.arange(count), n)
        zero, one = np.zeros(count * n), np.ones(count)
        voltages = voltages - b * t[owner]
        rows_vm = f.constraint("bordered_balance_vm", place, voltages, lower=zero, upper=zero)
        left = f.expression("bordered_left_va", place, angles)
        free = np.flatnonzero(~y_va.fixed)  # an island's rows of angles add up to 0 = 0
        kept = f.index("bordered_free_bus", [place.keys[k] for k in free])
        rows_va = f.constraint(
            "bordered_balance_va", kept, left[free], lower=zero[free], upper=zero[free]
        )
        product = f.expression("bordered_product", place, b * y_vm[:])
        scale = f.constraint(
            "bordered_scale", system, product.total(owner, count), lower=one, upper=one
        )
        positive = f.constraint("inverter_stability", system, t[:], lower=np.zeros(count))
        return BorderedSystems(
            margin=margin,
            definitions=(rows_vm, rows_va, scale),
            parameters={GAIN: gain},
            positive=positive,
            y_va=y_va,
            y_vm=y_vm,
            t=t,
        )

    def _add_variables(
        self, d: Dispatch, place: Index, system: Index, grid: Grid
    ) -> tuple[Variable, Variable, Variable]:
        """Variables y (angles and voltages) and t, from the directions.

        One angle of each island is fixed: its common angle is in the kernel of H.
        """
        f, free = d.formulation, {"lower": -np.inf, "upper": np.inf}
        angles, voltages = self.directions[:, : len(grid)], self.directions[:, len(grid) :]
        fixed, first = np.zeros(angles.shape, dtype=bool), firsts(grid.island)
        fixed[:, first] = True
        start = (angles - angles[:, first[grid.island - 1]]).ravel()
        return (
            f.variable("bordered_va", place, start=start, fixed=fixed.ravel(), **free),
            f.variable("bordered_vm", place, start=voltages.ravel(), **free),
            f.variable("bordered_test", system, start=self.values, **free),
        )

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Stiffness 1/k of every inverter.

        Raises:
            ScopfError: when there is no inverter, or a grid strength other than 1.
        """
        if not len(setting.inverters):
            raise ScopfError("there is no inverter to constrain; use the criterion none")
        if setting.alpha != 1.0:
            raise ScopfError(
                "the singularity test holds at grid strength 1; change the network itself, "
                "net.scaled(susceptance=...)"
            )
        return {GAIN: 1.0 / setting.inverters.k}

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """The stiffness margin of each point, the same at every bus: the exact condition itself."""
        shape, at = np.broadcast_shapes(vm.shape, va.shape), np.flatnonzero(np.isfinite(k))
        flat = [np.broadcast_to(x, shape).reshape(-1, shape[-1]) for x in (vm, va)]
        points = [gain_margin(grid, v, a, at, 1.0 / k[at]) for v, a in zip(*flat, strict=True)]
        margins = np.reshape([point.stiffness_margin for point in points], (*shape[:-1], 1))
        return np.broadcast_to(margins, shape)

    def read(
        self, declared: Declared, d: Dispatch, setting: Setting, prices: RowPrices
    ) -> Stability:
        """Prices -dJ*/d(1/k_i); the rows belong to no inverter, so there are no limits."""
        assert isinstance(declared, BorderedSystems)
        assert declared.margin is not None
        assert declared.positive is not None
        assert declared.y_vm is not None
        inverters, required = setting.inverters, float(declared.margin.values[0])
        count, vm = len(inverters), d.vm.value[setting.reduction.keep]
        y = declared.y_vm.value.reshape(len(self.values), -1)[:, setting.reduction.keep]
        price = (1 - required) * (prices.price(declared.positive, lower=True) @ y**2) / vm
        return Stability(
            limit=np.full(count, np.nan),
            margin=np.full(count, np.nan),
            neighbor=np.full(count, NOBODY),
            price=price,
            nssp=price,
            dcost_dmq=price / (inverters.k * inverters.mq),
            required=required,
            list_rows=Rows.empty,
        )


def _add_lines(
    d: Dispatch, grid: Grid, y: tuple[Variable, Variable], count: int
) -> tuple[Node, Node]:
    """H y without the droops: its rows of angles and of voltages, for each system and bus.

    Adds `bordered_line_va` and `bordered_line_vm_{from,to}`, the contributions of the lines.
    """
    f, vm, va, (d_va, d_vm) = d.formulation, d.vm, d.va, y
    n, m = len(grid), len(grid.b)
    owner, line = np.repeat(np.arange(count), m), np.tile(np.arange(m), count)
    i, j = grid.start[line], grid.end[line]
    at_i, at_j = owner * n + i, owner * n + j
    keys = [(c, branch) for c in range(1, count + 1) for branch in d.branch.keys]
    index = f.index("bordered_branch", keys)
    angle = va[i] - va[j] - f.data(grid.shift[line])
    change = d_va[at_i] - d_va[at_j], d_vm[at_i], d_vm[at_j]
    products = line_product(f.data(grid.b[line]), vm[i], vm[j], angle, *change)
    names = "bordered_line_va", "bordered_line_vm_from", "bordered_line_vm_to"
    across, at_from, at_to = (
        f.expression(name, index, product) for name, product in zip(names, products, strict=True)
    )
    rows, bus = count * n, np.tile(np.arange(n), count)
    own = bus_product(0.0, f.data(grid.own[bus]), 0.0, vm[bus], d_vm[:])
    angles = across.total(at_i, rows) - across.total(at_j, rows)
    return angles, at_from.total(at_i, rows) + at_to.total(at_j, rows) + own


def _add_droops(
    d: Dispatch, gain: Parameter, margin: Parameter, y_vm: Variable, at: Ints, count: int
) -> Node:
    """The droops' part, less the margin, in the rows of voltages: `bordered_droop`."""
    f, g, n = d.formulation, len(at), len(d.bus)
    owner, inverter = np.repeat(np.arange(count), g), np.tile(np.arange(g), count)
    place = owner * n + at[inverter]
    keys = [(c, bus) for c in range(1, count + 1) for bus in d.inverter.keys]
    kept = gain[inverter] * (1 - margin[:])
    product = bus_product(kept, 0.0, 0.0, d.vm[at[inverter]], y_vm[place])
    droop = f.expression("bordered_droop", f.index("bordered_inverter", keys), product)
    return droop.total(place, count * n)
