"""Transformers in per unit of the system, from the units that CW, CZ and CM choose.

PSS/E's two-winding transformer is, from bus I to bus J, an ideal transformer t1:1 with phase shift,
the impedance z, and an ideal transformer 1:t2, with the magnetizing admittance at bus I; the t are
per unit of the bus base voltages. Ours has its only ideal transformer at the from bus: ratio t1/t2
and impedance t2^2 z. A three-winding transformer is three of them that meet in a star bus.

Nominal winding voltages (NOMV) count where CW is 3 and where CM is 2, and not for impedances: those
lie between the two ideal transformers, where the nominal voltage is one per unit on either side.
"""

from __future__ import annotations

import numpy as np

from scopf.arrays import Complexes, Floats, Ints

PER_UNIT, KILOVOLTS, NOMINAL = 1, 2, 3  # CW
ON_SYSTEM, ON_OWN, WATTS = 1, 2, 3  # CZ
ADMITTANCE, NO_LOAD_TEST = 1, 2  # CM
_ROUNDING = 1e-14  # of the sum of the impedances that a star is made of


def ratio(cw: Ints, windv: Floats, nomv: Floats, base_kv: Floats) -> Floats:
    """Turns ratio of a winding, per unit of the bus base voltage.

    Args:
        cw: unit of `windv`: of the bus base voltage, kV, or of the nominal winding voltage.
        windv: WINDV, NaN where left out.
        nomv: nominal winding voltage in kV, 0 where it is that of the bus.
        base_kv: of the bus.
    """
    nominal = np.where(nomv == 0, 1.0, nomv / base_kv)
    unit = np.choose(cw - 1, [np.ones_like(base_kv), 1.0 / base_kv, nominal])
    left_out = np.where(cw == KILOVOLTS, base_kv, 1.0)
    return np.asarray(np.where(np.isnan(windv), left_out, windv) * unit)


def impedance(cz: Ints, r: Floats, x: Floats, sbase: Floats, system: float) -> Complexes:
    """Impedance between two windings, per unit on the system base.

    Args:
        cz: unit of r and x: per unit on the system base, per unit on `sbase`, or load loss in W and
            magnitude of the impedance per unit on `sbase`.
        r: R1-2 and its like.
        x: X1-2 and its like.
        sbase: MVA of the pair of windings.
        system: MVA of the system.
    """
    loss = r * 1e-6 / sbase
    tested = loss + 1j * np.sqrt(x**2 - loss**2)
    own = system / sbase
    return np.asarray(np.choose(cz - 1, [r + 1j * x, (r + 1j * x) * own, tested * own]))


def magnetizing(
    cm: Ints,
    mag: tuple[Floats, Floats],
    sbase: Floats,
    nomv: Floats,
    base_kv: Floats,
    system: float,
) -> Complexes:
    """Admittance at bus I, per unit on the system base.

    Args:
        cm: unit of MAG1 and MAG2: conductance and susceptance per unit on the system base, or
            no-load loss in W and exciting current per unit on `sbase` and `nomv`.
        mag: MAG1 and MAG2.
        sbase: MVA of windings 1 and 2.
        nomv: nominal voltage of winding 1 in kV, 0 where it is that of the bus.
        base_kv: of bus I.
        system: MVA of the system.
    """
    loss, current = mag[0] * 1e-6 / sbase, mag[1]
    own = sbase / system * np.where(nomv == 0, 1.0, base_kv / nomv) ** 2
    tested = (loss - 1j * np.sqrt(current**2 - loss**2)) * own
    return np.asarray(np.where(cm == NO_LOAD_TEST, tested, mag[0] + 1j * mag[1]))


def star(z12: Complexes, z23: Complexes, z31: Complexes) -> tuple[Complexes, Complexes, Complexes]:
    """Impedances from each winding to the star point, from those between pairs of windings.

    What is left of a sum by rounding is zero.
    """
    legs = (z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2
    pairs = z12, z23, z31
    real, imaginary = (sum(abs(part(z)) for z in pairs) * _ROUNDING for part in (np.real, np.imag))

    def rounded(leg: Complexes) -> Complexes:
        return np.asarray(
            np.where(abs(leg.real) <= real, 0.0, leg.real)
            + 1j * np.where(abs(leg.imag) <= imaginary, 0.0, leg.imag)
        )

    return rounded(legs[0]), rounded(legs[1]), rounded(legs[2])
