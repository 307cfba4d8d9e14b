"""Tables of a network: frozen columns of equal length that keep the user's own numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags, Floats, Ints, Strings

REFERENCE, ISOLATED = 3, 4  # bus types, numbered as MATPOWER numbers them
_TYPES = {"Floats": np.float64, "Ints": np.int64, "Flags": np.bool_, "Strings": np.str_}


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, made read-only; the first is the user's number of each row.

    Attributes:
        key: name of the table.
        id: the user's own numbers.
    """

    key: ClassVar[str]
    id: Ints

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            column: npt.NDArray[Any] = np.array(
                getattr(self, field.name), dtype=_TYPES[str(field.type)]
            )
            column.setflags(write=False)
            object.__setattr__(self, field.name, column)
        lengths = {f.name: len(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{type(self).__name__}: columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, dataclasses.fields(self)[0].name))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name))
            for f in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def label(self, row: int) -> str:
        """The user's name of a row, such as "bus 12"."""
        return f"{self.key} {self.id[row]}"

    def take(self, rows: Flags) -> Self:
        """The same table with only the rows where `rows` is true."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


@dataclass(frozen=True, eq=False)
class Buses(Table):
    """Bus table, n rows. Powers and voltages per unit, angles in rad.

    `gs + j bs` is the shunt admittance (bs > 0 for a capacitor); `pd`, `qd` the constant-power
    load; `vm`, `va` the operating point that the case carries.
    """

    key = "bus"
    type: Ints
    pd: Floats
    qd: Floats
    gs: Floats
    bs: Floats
    vm: Floats
    va: Floats
    base_kv: Floats
    vmin: Floats
    vmax: Floats
    area: Ints
    zone: Ints
    name: Strings

    @property
    def in_service(self) -> Flags:
        """False for isolated buses (MATPOWER type 4)."""
        return np.asarray(self.type != ISOLATED)


@dataclass(frozen=True, eq=False)
class Gens(Table):
    """Generator table, n rows. Powers per unit; `id` is the row in the case, counted from 1.

    `cost_p[:, k]` and `cost_q[:, k]` are the coefficients of P^k and Q^k (P, Q in per unit) in the
    case's currency per hour. `mbase` is the machine's rating in MVA.
    """

    key = "gen"
    bus: Ints
    in_service: Flags
    pg: Floats
    qg: Floats
    pmin: Floats
    pmax: Floats
    qmin: Floats
    qmax: Floats
    vg: Floats
    mbase: Floats
    cost_p: Floats
    cost_q: Floats

    def label(self, row: int) -> str:
        """Number and bus of a generator, such as "gen 3 at bus 12"."""
        return f"{super().label(row)} at bus {self.bus[row]}"


@dataclass(frozen=True, eq=False)
class Branches(Table):
    """Branch table, n rows. Per unit, angles in rad; `id` is the row in the case, counted from 1.

    The tap is on the `from_bus` side (1 for a line); `rate` and the angle limits are infinite where
    the case sets none. `b` is the total charging susceptance.
    """

    key = "branch"
    from_bus: Ints
    to_bus: Ints
    in_service: Flags
    r: Floats
    x: Floats
    b: Floats
    rate: Floats
    tap: Floats
    shift: Floats
    angmin: Floats
    angmax: Floats

    def label(self, row: int) -> str:
        """Number and ends of a branch, such as "branch 7, 4-9"."""
        return f"{super().label(row)}, {self.from_bus[row]}-{self.to_bus[row]}"


def positions(ids: Ints, wanted: npt.ArrayLike) -> Ints:
    """Place in `ids` of each wanted number; -1 for one that is not there."""
    wanted = np.asarray(wanted, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    place = np.searchsorted(ranked, wanted)
    found = place < len(ranked)
    found[found] = ranked[place[found]] == wanted[found]
    result = np.full(wanted.shape, -1, dtype=np.int64)
    result[found] = order[place[found]]
    return result
