"""Rated powers of generating units, as far as a case knows them: its mBase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags
    from scopf.network.tables import Gens

_NOMINAL = 100.0  # MVA: mBase of a case that does not know its ratings
_LEAST = 0.5  # least Pmax over mBase, of every unit, for which one mBase may be the rating of all
_ROUNDING = 1e-9


def nominal(gen: Gens, base_mva: float) -> float | None:
    """The mBase that every unit has and that is hardly a rating, MVA; None where there is none.

    It is 100 MVA or the system base on every unit, though Pmax is not between half of it and all of
    it on every unit. Dispatchable loads do not count.
    """
    units = ~gen.constant_pf
    mbase, pmax = gen.mbase[units], gen.pmax[units] * base_mva
    if not len(mbase) or not (mbase == mbase[0]).all() or mbase[0] not in (_NOMINAL, base_mva):
        return None
    fits = (pmax >= _LEAST * mbase) & (pmax <= mbase * (1 + _ROUNDING))
    return None if fits.all() else float(mbase[0])


def below_pmax(gen: Gens, base_mva: float) -> Flags:
    """Units with an mBase below their Pmax, which is no rating, shape of the generator table."""
    below: Flags = gen.mbase * (1 + _ROUNDING) < gen.pmax * base_mva
    return below & ~gen.constant_pf & np.isfinite(gen.pmax)
