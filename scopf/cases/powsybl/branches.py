"""Lines, transformers, tie lines and boundary lines of a pypowsybl network as two-ports.

Impedances are in ohms, admittances in S; those of a transformer, and of a leg, are seen from its
second side, which of a leg is the star point. `rho` and `alpha` (degrees) are the ratio of the
voltage there to that of the first side and its phase shift. The shunt of a boundary line is at its
bus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Complexes, Floats, Ints, Strings, texts
from scopf.cases.powsybl.ratings import Ratings
from scopf.cases.powsybl.tables import Tables
from scopf.cases.twoports import TwoPorts, joined

_SIDES = ("ONE", "TWO")


@dataclass(frozen=True)
class Inner:
    """Buses that pypowsybl does not have: star points and ends of boundary lines.

    Attributes:
        id: their numbers.
        home: number of the bus beside each.
        kilovolts: nominal voltage of each.
        name: of each.
    """

    id: Ints
    home: Ints
    kilovolts: Floats
    name: Strings


def all_of(tables: Tables, ratings: Ratings) -> tuple[TwoPorts, Inner]:
    """Every branch, and the inner buses of some."""
    stars, ends = _stars(tables), boundary_ends(tables)
    parts = [_lines(tables, ratings), _two_windings(tables, ratings)]
    parts += [_leg(tables, ratings, stars, k) for k in (1, 2, 3)]
    parts += [_ties(tables, ratings), _boundary(tables, ratings, ends)]
    pairs = zip((stars.id, stars.home, stars.kilovolts, stars.name),
                (ends.id, ends.home, ends.kilovolts, ends.name), strict=True)  # fmt: skip
    return joined(parts), Inner(*(np.concatenate(pair) for pair in pairs))


def boundary_ends(tables: Tables) -> Inner:
    """The far ends of boundary lines that are connected and in no tie line."""
    lines = _unpaired(tables)
    first = 1 + len(tables.bus) + len(tables["3_windings_transformers"])
    return Inner(
        first + np.arange(len(lines)),
        tables.numbers(lines["bus_id"]),
        tables.kilovolts(lines["voltage_level_id"]),
        texts(f"end of {name}" for name in lines.index),
    )


def _unpaired(tables: Tables) -> pd.DataFrame:
    lines = tables["boundary_lines"]
    return lines[~lines["paired"].astype(bool) & (lines["bus_id"] != "")]


def _stars(tables: Tables) -> Inner:
    units = tables["3_windings_transformers"]
    legs = np.array([tables.numbers(units[f"bus{k}_id"]) for k in (1, 2, 3)], dtype=np.int64)
    return Inner(
        1 + len(tables.bus) + np.arange(len(units)),
        legs.max(axis=0, initial=-1),
        units["rated_u0"].to_numpy(dtype=np.float64),
        texts(f"star point of {name}" for name in units.index),
    )


# -- kinds of branches -----------------------------------------------


def _lines(tables: Tables, ratings: Ratings) -> TwoPorts:
    lines = tables["lines"]
    y = 1.0 / _safe(_complex(lines, "r", "x"))
    shunts = _complex(lines, "g1", "b1"), _complex(lines, "g2", "b2")
    return _between(tables, ratings, lines, y, shunts, zero=_complex(lines, "r", "x") == 0)


def _between(
    tables: Tables,
    ratings: Ratings,
    ends: pd.DataFrame,
    y: Complexes,
    shunts: tuple[Complexes, Complexes],
    zero: Any,
) -> TwoPorts:
    """Two-ports without a transformer; a difference of the nominal voltages acts as shunts.

    Args:
        tables: of the network.
        ratings: its limits.
        ends: the columns of buses and voltage levels.
        y: series admittance, S.
        shunts: at both ends, S.
        zero: mask of the branches without impedance.
    """
    one, two = (tables.kilovolts(ends[f"voltage_level{k}_id"]) for k in (1, 2))
    apart = np.where(zero, 0.0, y) * (one - two)
    return TwoPorts(
        from_bus=tables.numbers(ends["bus1_id"]),
        to_bus=tables.numbers(ends["bus2_id"]),
        in_service=np.ones(len(ends), dtype=bool),
        z=np.where(zero, 0.0, tables.base / (y * one * two)),
        y_from=(shunts[0] * one**2 + apart * one) / tables.base,
        y_to=(shunts[1] * two**2 - apart * two) / tables.base,
        ratio=np.ones(len(ends), dtype=np.complex128),
        rate=_least(ratings.mva(ends.index, side, kv)
                    for side, kv in zip(_SIDES, (one, two), strict=True)),
        name=texts(ends.index),
    )  # fmt: skip


def _two_windings(tables: Tables, ratings: Ratings) -> TwoPorts:
    units = tables["2_windings_transformers"]
    one, two = (tables.kilovolts(units[f"voltage_level{k}_id"]) for k in (1, 2))
    z, y, ratio = _transformer(units, "", one, two, tables.base)
    return TwoPorts(
        from_bus=tables.numbers(units["bus1_id"]),
        to_bus=tables.numbers(units["bus2_id"]),
        in_service=np.ones(len(units), dtype=bool),
        z=z,
        y_from=y,
        y_to=np.zeros_like(y),
        ratio=ratio,
        rate=_least(ratings.mva(units.index, side, kv)
                    for side, kv in zip(_SIDES, (one, two), strict=True)),
        name=texts(units.index),
    )  # fmt: skip


def _leg(tables: Tables, ratings: Ratings, stars: Inner, k: int) -> TwoPorts:
    """The legs of number k of all three-winding transformers, from a bus to the star point."""
    units = tables["3_windings_transformers"]
    kilovolts = tables.kilovolts(units[f"voltage_level{k}_id"])
    z, y, ratio = _transformer(units, str(k), kilovolts, stars.kilovolts, tables.base)
    return TwoPorts(
        from_bus=tables.numbers(units[f"bus{k}_id"]),
        to_bus=stars.id,
        in_service=np.ones(len(units), dtype=bool),
        z=z,
        y_from=y,
        y_to=np.zeros_like(y),
        ratio=ratio,
        rate=ratings.mva(units.index, ("ONE", "TWO", "THREE")[k - 1], kilovolts),
        name=texts(f"{name} {k}" for name in units.index),
    )


def _transformer(
    units: pd.DataFrame, k: str, one: Floats, two: Floats, base: float
) -> tuple[Complexes, Complexes, Complexes]:
    """Series impedance, shunt and ratio per unit, at the present taps.

    Args:
        units: table with columns such as `r_at_current_tap`, or `r1_at_current_tap`.
        k: number of the leg, or "".
        one: nominal voltages of the first side,
        two: and of the second.
        base: MVA.
    """
    z = _complex(units, f"r{k}_at_current_tap", f"x{k}_at_current_tap") * base / two**2
    y = _complex(units, f"g{k}_at_current_tap", f"b{k}_at_current_tap") * two**2 / base
    turns = units[f"rho{k}"].to_numpy() * np.exp(1j * np.radians(units[f"alpha{k}"].to_numpy()))
    return z, y, np.asarray(1.0 / (turns * one / two))


def _boundary(tables: Tables, ratings: Ratings, ends: Inner) -> TwoPorts:
    lines, kv = _unpaired(tables), ends.kilovolts
    y = _complex(lines, "g", "b") * kv**2 / tables.base
    return TwoPorts(
        from_bus=ends.home,
        to_bus=ends.id,
        in_service=np.ones(len(lines), dtype=bool),
        z=_complex(lines, "r", "x") * tables.base / kv**2,
        y_from=y,
        y_to=np.zeros_like(y),
        ratio=np.ones(len(lines), dtype=np.complex128),
        rate=ratings.mva(lines.index, "NONE", kv),
        name=texts(lines.index),
    )


def _ties(tables: Tables, ratings: Ratings) -> TwoPorts:
    """Tie lines, each its two boundary lines in series, whose shunts are at the ends."""
    ties, lines = tables["tie_lines"], tables["boundary_lines"]
    halves = [lines.loc[ties[f"boundary_line{k}_id"]] for k in (1, 2)]
    z = _complex(halves[0], "r", "x") + _complex(halves[1], "r", "x")
    shunts = _complex(halves[0], "g", "b"), _complex(halves[1], "g", "b")
    columns = {
        f"{key}{k}_id": halves[k - 1][f"{key}_id"].to_numpy()
        for key in ("bus", "voltage_level")
        for k in (1, 2)
    }
    ends = pd.DataFrame(columns, index=ties.index)
    found = _between(tables, ratings, ends, 1.0 / _safe(z), shunts, zero=z == 0)
    kv = [tables.kilovolts(half["voltage_level_id"]) for half in halves]
    rate = _least(
        ratings.mva(half.index, "NONE", one) for half, one in zip(halves, kv, strict=True)
    )
    return found.replaced(rate=rate)


# -- numbers -----------------------------------------------


def _complex(table: pd.DataFrame, real: str, imaginary: str) -> Complexes:
    return np.asarray(table[real].to_numpy() + 1j * table[imaginary].to_numpy(), np.complex128)


def _safe(z: Complexes) -> Complexes:
    return np.where(z == 0, 1.0, z)


def _least(values: Any) -> Floats:
    found: Floats = np.minimum(*values)
    return found
