"""Output of the generators within their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Flags, Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Variable
from scopf.model import relaxation
from scopf.model.part import Part
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.network.tables import Gens


@dataclass(frozen=True, eq=False)
class Generation(Part):
    """`gen_pg` and `gen_qg`, per unit.

    Attributes:
        net: the network.
        p, q: the powers.
        free: mask of the generators whose active power something else limits.
    """

    net: Network
    p: Variable
    q: Variable
    free: Flags

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        start: dict[str, Floats],
        free: Flags | None = None,
    ) -> Self:
        """Declare `gen_pg` and `gen_qg` in their bounds.

        A load of constant power factor has its Q by `scopf.model.pq_curves`; a bound would say the
        same as that of P.

        Args:
            f: the formulation.
            net: the network.
            start: where the powers start.
            free: mask of the generators whose active power something else limits; None for none.
        """
        index, gen = f.indices["gen"], net.gen
        open_ = np.zeros(len(gen), dtype=bool) if free is None else free
        pmin, pmax = _bounds(gen, open_)
        low, high = (
            np.where(gen.constant_pf, end, q)
            for end, q in ((-np.inf, gen.qmin), (np.inf, gen.qmax))
        )
        p = f.variable("gen_pg", index, lower=pmin, upper=pmax, start=start["gen_pg"])
        q = f.variable("gen_qg", index, lower=low, upper=high, start=start["gen_qg"])
        return cls(net, p, q, open_)

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Limits on P and Q of the generators."""
        gen = self.net.gen
        return {self.p: _bounds(gen, self.free), self.q: (gen.qmin, gen.qmax)}

    def relaxations(self) -> Sequence[Relaxation]:
        """Pmin, Pmax, Qmin and Qmax of every generator."""
        found, labels, base = list[Relaxation](), self.net.gen.labels, self.net.base_mva
        for letter, kind, unit, output in (
            ("P", "active", "MW", self.p),
            ("Q", "reactive", "MVAr", self.q),
        ):
            names, group = (f"{letter}min", f"{letter}max"), f"limits on {kind} power"
            size = relaxation.size_of(output)
            found += relaxation.of_bounds(output, names, group, labels, size, unit, base)
        return found


def _bounds(gen: Gens, free: Flags) -> tuple[Floats, Floats]:
    """Pmin and Pmax; infinite where something else limits the power."""
    return np.where(free, -np.inf, gen.pmin), np.where(free, np.inf, gen.pmax)
