"""Random lossless networks and operating points, many of one size at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.energy import definite, hessians
from scopf.network.susceptances import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scopf.arrays import Flags, Floats, Ints

SIZES = range(2, 9)  # buses
SUSCEPTANCE = 1.0, 30.0  # of a line, log-uniform
VOLTAGE = 0.91, 1.09
SPREAD = 1.25  # rad: angles of a network are apart by up to a number between 0 and this
TREES = 1 / 3  # share of networks without a loop; the others get lines beside their tree
DENSITY = 0.5  # most of the possible lines that a mesh has beside its tree, as a share
LIMIT = 0.03, 1.5  # Gamma_i = 1/(2 k_i B_ii) of a network's inverters, log-uniform,
EACH = 1.5  # and each inverter's between this factor below and above it
LOADS = 0.5  # share of buses without an inverter in networks that have such buses


@dataclass(frozen=True, eq=False)
class Batch:
    """Networks of n buses, each at an operating point.

    Attributes:
        lines: buses that every possible line joins, shape (m,) twice.
        b: susceptances, shape (networks, m), 0 where there is no line.
        vm, va: operating points, shape (networks, n).
        k: droops, shape (networks, n); infinite at a bus without an inverter.
    """

    lines: tuple[Ints, Ints]
    b: Floats
    vm: Floats
    va: Floats
    k: Floats

    def __len__(self) -> int:
        return len(self.b)

    @property
    def trees(self) -> Flags:
        """Flags of the networks without a loop."""
        flags: Flags = (self.b > 0).sum(axis=1) == self.vm.shape[1] - 1
        return flags

    @property
    def stable(self) -> Flags:
        """Flags of the stable operating points, by the exact condition: H positive definite."""
        own = own_susceptance(self.lines, self.b, self.vm.shape[1])
        return definite(hessians(self.lines, self.b, own, self.vm, self.va, 1 / self.k))

    def grid(self, network: int) -> Grid:
        """One of the networks."""
        there = np.flatnonzero(self.b[network])
        b, (start, end) = self.b[network, there], (ends[there] for ends in self.lines)
        own = own_susceptance((start, end), b, self.vm.shape[1])
        return Grid(start, end, b, np.zeros(len(b)), own, own)


def draw(
    networks: int, seed: int, *, loads: bool = False, spread: float = SPREAD
) -> Iterator[Batch]:
    """Random networks, in batches of one size.

    Trees are grown by joining each bus to an earlier one; meshes have further lines between any
    buses. The constants of this module say what numbers are drawn from.

    Args:
        networks: how many in all.
        seed: of the random numbers.
        loads: with buses that have no inverter; by default every bus has one.
        spread: the widest that a network's angles can be apart, rad.
    """
    random = np.random.default_rng(seed)
    for size, part in zip(SIZES, np.array_split(np.arange(networks), len(SIZES)), strict=True):
        if len(part):
            yield _batch(random, size, len(part), loads, spread)


def _batch(random: np.random.Generator, n: int, many: int, loads: bool, spread: float) -> Batch:
    lines = np.triu_indices(n, 1)
    density = DENSITY * random.random(many) * (random.random(many) >= TREES)
    there = random.random((many, len(lines[0]))) < density[:, None]
    place = np.zeros((n, n), dtype=np.int64)
    place[lines] = np.arange(len(lines[0]))
    for bus in range(1, n):
        there[np.arange(many), place[random.integers(0, bus, many), bus]] = True
    b = np.where(there, _log_uniform(random, SUSCEPTANCE, there.shape), 0.0)
    vm = random.uniform(*VOLTAGE, (many, n))
    va = random.random((many, n)) * random.uniform(0, spread, (many, 1))
    limit = _log_uniform(random, LIMIT, (many, 1))
    limit = limit * _log_uniform(random, (1 / EACH, EACH), (many, n))
    k = 1 / (2 * limit * own_susceptance(lines, b, n))
    if loads:
        without = random.random((many, n)) < LOADS
        without[np.arange(many), random.integers(0, n, many)] = False  # one inverter at least
        k = np.where(without, np.inf, k)
    return Batch(lines, b, vm, va, k)


def own_susceptance(lines: tuple[Ints, Ints], b: Floats, n: int) -> Floats:
    """B_ii of each bus without shunts: the sum of its lines, shape (..., n)."""
    own = np.zeros((*b.shape[:-1], n))
    for ends in lines:
        for line, bus in enumerate(ends):
            own[..., bus] += b[..., line]
    return own


def _log_uniform(
    random: np.random.Generator, bounds: tuple[float, float], shape: tuple[int, ...]
) -> Floats:
    low, high = np.log(bounds).tolist()
    values: Floats = np.exp(random.uniform(low, high, shape))
    return values
