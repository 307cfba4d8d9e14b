"""What ties the reactive to the active power of a generator: P-Q curves, constant power factors.

A P-Q curve is two lines that bound Q, through (pc1, qc1) and (pc2, qc2) (MATPOWER manual, section
6.4.3). The rows are scaled to a normal of length 1, and there are only those that cut into the box
of P and Q. A load of constant power factor has Q = (Qlim / Pmin) P (section 6.4.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.network.network import Network
from scopf.network.tables import Gens

SIDES = {"min": -1.0, "max": 1.0}  # of Q, and the sign with which it is bounded from above


def line(a: Any, b: Any, p: Any, q: Any) -> Any:
    """Left side of a P Q^T."""
    return a * p + b * q


def curve(gen: Gens, side: str) -> tuple[Ints, Floats, Floats, Floats]:
    """The rows a P + b Q <= c of one side: generators that have one (positions), a, b and c."""
    sign, first, second = SIDES[side], *(getattr(gen, f"qc{k}{side}") for k in (1, 2))
    at = np.flatnonzero(gen.has_curve & (gen.pc1 != gen.pc2))
    run, rise = (gen.pc2 - gen.pc1)[at], (second - first)[at]
    box = sign * getattr(gen, f"q{side}")[at]
    cuts: Flags = np.zeros(len(at), dtype=bool)
    with np.errstate(invalid="ignore"):
        for end in (gen.pmin[at], gen.pmax[at]):
            allowed = first[at] + np.where(rise == 0, 0.0, (end - gen.pc1[at]) * rise / run)
            cuts |= sign * allowed < box
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


def add_curves(f: Formulation, net: Network) -> None:
    """`gen_curve_{min,max}` and `gen_power_factor`, each only if there is one."""
    gen, p, q = net.gen, f["gen_pg"], f["gen_qg"]
    for side in SIDES:
        at, a, b, c = curve(gen, side)
        if len(at):
            index = f.index(f"gen_curved_{side}", gen.id[at].tolist())
            row = line(f.data(a), f.data(b), p[at], q[at])
            f.constraint(f"gen_curve_{side}", index, row, upper=c)
    at, a, b = power_factor(gen)
    if len(at):
        index = f.index("gen_constant_pf", gen.id[at].tolist())
        row, zero = line(f.data(a), f.data(b), p[at], q[at]), np.zeros(len(at))
        f.constraint("gen_power_factor", index, row, lower=zero, upper=zero)
