"""Rows that tie the reactive to the active power of a generator: P-Q curves, power factors.

A P-Q curve is two lines that bound Q, through (pc1, qc1) and (pc2, qc2) (MATPOWER manual, section
6.4.3). The rows are scaled to a normal of length 1, and there are only those that cut off part
of the range of P and Q. A load of constant power factor has Q = (Qlim / Pmin) P (section 6.4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint
from scopf.engine.templates import Node
from scopf.model.balance import Output
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation, Violation
from scopf.network.network import Network
from scopf.network.tables import Gens

_SMALL = 0.1  # p.u.; size of a limit on Q below which none counts as smaller
SIDES = {"min": -1.0, "max": 1.0}  # of Q, and the sign with which it is bounded from above


def line(a: Node, b: Node, p: Node, q: Node) -> Node:
    """Left side of a P Q^T."""
    return a * p + b * q


def curve(gen: Gens, side: str) -> tuple[Ints, Floats, Floats, Floats]:
    """The rows a P + b Q <= c of one side: generators that have one (positions), a, b and c."""
    sign, first, second = SIDES[side], *(getattr(gen, f"qc{k}{side}") for k in (1, 2))
    at = np.flatnonzero(gen.has_curve & (gen.pc1 != gen.pc2))
    run, rise = (gen.pc2 - gen.pc1)[at], (second - first)[at]
    bound = sign * getattr(gen, f"q{side}")[at]
    cuts: Flags = np.zeros(len(at), dtype=bool)
    with np.errstate(invalid="ignore"):
        for end in (gen.pmin[at], gen.pmax[at]):
            allowed = first[at] + np.where(rise == 0, 0.0, (end - gen.pc1[at]) * rise / run)
            cuts |= sign * allowed < bound
    at, run, rise = at[cuts], run[cuts], rise[cuts]
    a, b = -sign * rise, sign * run
    length = np.hypot(a, b)
    return at, a / length, b / length, (a * gen.pc1[at] + b * first[at]) / length


def power_factor(gen: Gens) -> tuple[Ints, Floats, Floats]:
    """The rows a P + b Q = 0 of loads with constant power factor: positions, a and b."""
    at = np.flatnonzero(gen.constant_pf)
    ratio = gen.pf_ratio[at]
    length = np.hypot(ratio, 1.0)
    return at, -ratio / length, 1.0 / length


@dataclass(frozen=True, eq=False)
class CurveSide:
    """The rows a P + b Q <= c of one side.

    Attributes:
        side: "min" or "max" of Q.
        gens: positions of the generators.
        a, b: of each row.
        rows: `gen_curve_{min,max}`.
    """

    side: str
    gens: Ints
    a: Floats
    b: Floats
    rows: Constraint


@dataclass(frozen=True, eq=False)
class PqCurves(Part):
    """`gen_curve_{min,max}` and `gen_power_factor`, each only if there is one.

    Attributes:
        net: the network.
        sides: of the curves.
        power_factor: rows of loads with constant power factor.
    """

    net: Network
    sides: tuple[CurveSide, ...]
    power_factor: Constraint | None

    @classmethod
    def declare(cls, f: Formulation, net: Network, generation: Output) -> Self:
        """Declare the rows."""
        gen, p, q = net.gen, generation.p, generation.q
        sides = []
        for side in SIDES:
            at, a, b, c = curve(gen, side)
            if len(at):
                index = f.index(f"gen_curved_{side}", gen.id[at].tolist())
                row = line(f.data(a), f.data(b), p[at], q[at])
                rows = f.constraint(f"gen_curve_{side}", index, row, upper=c)
                sides.append(CurveSide(side, at, a, b, rows))
        at, a, b = power_factor(gen)
        if not len(at):
            return cls(net, tuple(sides), None)
        index = f.index("gen_constant_pf", gen.id[at].tolist())
        row, zero = line(f.data(a), f.data(b), p[at], q[at]), np.zeros(len(at))
        equal = f.constraint("gen_power_factor", index, row, lower=zero, upper=zero)
        return cls(net, tuple(sides), equal)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Distance of (P, Q) beyond the line through the two corners; P times the ratio, less Q."""
        gen, p, q = at.net.gen, at.power.real, at.power.imag
        found = {}
        for one in self.sides:
            k, sign = one.gens, SIDES[one.side]
            first, second = (getattr(gen, f"qc{n}{one.side}")[k] for n in (1, 2))
            slope = (second - first) / (gen.pc2 - gen.pc1)[k]
            beyond = sign * (q[k] - first - slope * (p - gen.pc1)[k])
            found[one.rows] = np.maximum(beyond, 0.0) / np.hypot(slope, 1.0)
        if self.power_factor is not None:
            k = np.flatnonzero(gen.constant_pf)
            ratio = gen.pf_ratio[k]
            found[self.power_factor] = np.abs(q[k] - ratio * p[k]) / np.hypot(ratio, 1.0)
        return found

    def relaxations(self) -> Sequence[Relaxation]:
        """Relaxations that move each curve along Q."""
        gen, base, found = self.net.gen, self.net.base_mva, list[Relaxation]()
        for one in self.sides:
            sign, present = SIDES[one.side], getattr(gen, f"qc1{one.side}")[one.gens]
            size = np.maximum(np.abs(present), _SMALL)

            def needed(
                i: int, t: float, present: Floats = present, size: Floats = size, sign: float = sign
            ) -> float:
                return float(present[i] + sign * size[i] * t) * base

            labels = [gen.label(row) for row in one.gens.tolist()]
            quantity = f"Qc1{one.side} (and Qc2{one.side} by as much)"
            effect = Effect(one.rows, np.arange(len(one.gens)), -size * np.abs(one.b))
            found.append(
                Relaxation(
                    "P-Q curve", "P-Q curves", quantity, "MVAr", ">=" if sign > 0 else "<=",
                    labels, present * base, needed, (effect,),
                    violation=Violation(size, "MVAr", base),
                )
            )  # fmt: skip
        return found
