"""Tables of a network: frozen columns of equal length that keep the user's own numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags, Floats, Ints, Strings, texts
from scopf.errors import ScopfError, check_names

REFERENCE, ISOLATED = 3, 4  # bus types, numbered as MATPOWER numbers them
_TYPES = {"Floats": np.float64, "Ints": np.int64, "Flags": np.bool_, "Strings": np.object_}

# Rows of the columns that may be left out.
_ZERO: Any = 0.0
_BLANK: Any = ""
_OPEN: Any = np.inf
_FREE: Any = np.nan
_POLYNOMIAL: Any = (0.0, 0.0, 0.0)
_NO_POINTS: Any = ()

_ROUNDING = 1e-12  # p.u. of a loss


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
            column: Any = getattr(self, field.name)
            kind = _TYPES[str(field.type)]
            if column is field.default:  # left out
                row: Any = field.default
                column = np.full((len(self), *np.shape(row)), row, dtype=kind)
            try:
                column = _texts(column) if kind is np.object_ else np.array(column, dtype=kind)
            except (TypeError, ValueError) as error:
                raise ScopfError(f"{self.key}: column {field.name}: {error}") from error
            if not column.ndim:
                raise ScopfError(
                    f"{self.key}: column {field.name} has to have a value for each row"
                )
            if field.name.endswith("points"):
                column = _trimmed(column)
            column.setflags(write=False)
            object.__setattr__(self, field.name, column)
        lengths = {f.name: len(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if len(set(lengths.values())) > 1:
            other = [f"{name} has {n}" for name, n in lengths.items() if n != len(self)]
            text = (
                f"{self.key}: columns differ in length: {', '.join(other)}, not {len(self)} as id"
            )
            raise ScopfError(text)

    def __len__(self) -> int:
        return len(self.id)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name), f.type == "Floats")
            for f in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def label(self, row: int) -> str:
        """The user's name of a row, such as "bus 12"."""
        return f"{self.key} {self.id[row]}"

    @property
    def labels(self) -> list[str]:
        """The user's name of every row."""
        return [self.label(row) for row in range(len(self))]

    def replace(self, **columns: Any) -> Self:
        """A copy with other values in the named columns.

        Raises:
            ScopfError: naming a column that there is not, or that has another length.
        """
        check_names(
            f"table {self.key}", "column", columns, [f.name for f in dataclasses.fields(self)]
        )
        return dataclasses.replace(self, **columns)

    def take(self, rows: Flags) -> Self:
        """The same table with only the rows where `rows` is true."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


@dataclass(frozen=True, eq=False)
class Buses(Table):
    """Bus table, n rows. Powers and voltages per unit, angles in rad.

    `gs + j bs` is the shunt admittance (bs > 0 for a capacitor); `pd`, `qd` the constant-power
    load; `pd_current`, `qd_current` the constant-current load, which draws pd_current V, its power
    at 1 p.u.; `vm`, `va` the operating point that the case carries.
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
    pd_current: Floats = _ZERO
    qd_current: Floats = _ZERO

    @property
    def in_service(self) -> Flags:
        """False for isolated buses (MATPOWER type 4)."""
        return np.asarray(self.type != ISOLATED)

    @property
    def has_current(self) -> bool:
        """Whether there is a constant-current load."""
        return bool(self.pd_current.any() or self.qd_current.any())

    def demand(self, vm: Any) -> tuple[Any, Any]:
        """Active and reactive load of every bus at these voltages, per unit."""
        return self.pd + self.pd_current * vm, self.qd + self.qd_current * vm


@dataclass(frozen=True, eq=False)
class Gens(Table):
    """Generator table, n rows. Powers per unit; `id` is the row in the case, counted from 1.

    `cost_p[:, k]` and `cost_q[:, k]` are the coefficients of P^k and Q^k (P, Q in per unit) in the
    case's currency per hour. A generator with points in `cost_p_points` (power, cost per hour), of
    shape (n, k, 2) and filled up with NaN, has the piecewise-linear cost through them instead, its
    first and last segment extended; `cost_q_points` are the same for Q. `mbase` is the machine's
    rating in MVA.

    The P-Q curve, if pc1 or pc2 is not zero, is two lines that bound Q: the upper one through
    (pc1, qc1max) and (pc2, qc2max), the lower one through (pc1, qc1min) and (pc2, qc2min).

    `constant_pf` marks a dispatchable load with Q = (Qlim / Pmin) P, where Qlim is that one of qmin
    and qmax that is not zero. Ramp rates (per unit; per minute `ramp_agc` and `ramp_q`), the
    participation factor `apf` and the costs of `startup` and `shutdown` have no effect; they are
    kept for those who write the case again.
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
    pc1: Floats = _ZERO
    pc2: Floats = _ZERO
    qc1min: Floats = _ZERO
    qc1max: Floats = _ZERO
    qc2min: Floats = _ZERO
    qc2max: Floats = _ZERO
    cost_p_points: Floats = _NO_POINTS
    cost_q_points: Floats = _NO_POINTS
    constant_pf: Flags = _ZERO
    name: Strings = _BLANK
    ramp_agc: Floats = _ZERO
    ramp_10: Floats = _ZERO
    ramp_30: Floats = _ZERO
    ramp_q: Floats = _ZERO
    apf: Floats = _ZERO
    startup: Floats = _ZERO
    shutdown: Floats = _ZERO

    @property
    def has_curve(self) -> Flags:
        """Mask of the generators that have a P-Q curve."""
        return np.asarray((self.pc1 != 0) | (self.pc2 != 0))

    @property
    def pf_ratio(self) -> Floats:
        """Q / P of the loads with constant power factor; zero for others."""
        limit = np.where(self.qmin != 0, self.qmin, self.qmax)
        ratio = np.zeros(len(self))
        return np.divide(limit, self.pmin, out=ratio, where=self.constant_pf)

    def label(self, row: int) -> str:
        """Number and bus of a generator, such as "gen 3 at bus 12"."""
        return f"{super().label(row)} at bus {self.bus[row]}"


@dataclass(frozen=True, eq=False)
class Branches(Table):
    """Branch table, n rows. Per unit, angles in rad; `id` is the row in the case, counted from 1.

    The tap is on the `from_bus` side (1 for a line); `rate` and the angle limits are infinite where
    the case sets none. `b` is the total charging susceptance. The short-term ratings `rate_b` and
    `rate_c` have no effect; they are kept for those who write the case again.
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
    name: Strings = _BLANK
    rate_b: Floats = _OPEN
    rate_c: Floats = _OPEN

    def names(self, rows: Ints) -> list[str]:
        """Number and ends of branches, such as "branch 7 (4-9)"."""
        columns = (column[rows].tolist() for column in (self.id, self.from_bus, self.to_bus))
        return [f"branch {number} ({f}-{t})" for number, f, t in zip(*columns, strict=True)]

    def label(self, row: int) -> str:
        """Number and ends of a branch, such as "branch 7, 4-9"."""
        return f"{super().label(row)}, {self.from_bus[row]}-{self.to_bus[row]}"


@dataclass(frozen=True, eq=False)
class DcLines(Table):
    """DC lines, n rows, each two coupled injections. Per unit; `id` as in `Gens`.

    `pf` leaves the from bus and pt = pf - (loss0 + loss1 pf) arrives at the to bus, with
    pmin <= pf <= pmax; either sign is a direction. Losses are never negative within these limits.
    `qf` and `qt` are injected into the two buses, each free within its limits; where `tan_phi_f` or
    `tan_phi_t` is a number (it is NaN by default), a converter draws reactive power in that ratio
    to its active power: qf = -tan_phi_f pf, qt = -tan_phi_t pt. `pf`, `qf`, `qt`, `vf` and `vt` are
    the operating point that the case carries. Costs are of pf, as those of a generator are of P.
    """

    key = "dcline"
    from_bus: Ints
    to_bus: Ints
    in_service: Flags
    pf: Floats
    qf: Floats
    qt: Floats
    vf: Floats
    vt: Floats
    pmin: Floats
    pmax: Floats
    qminf: Floats
    qmaxf: Floats
    qmint: Floats
    qmaxt: Floats
    loss0: Floats = _ZERO
    loss1: Floats = _ZERO
    cost: Floats = _POLYNOMIAL
    cost_points: Floats = _NO_POINTS
    tan_phi_f: Floats = _FREE
    tan_phi_t: Floats = _FREE
    name: Strings = _BLANK

    @classmethod
    def none(cls) -> Self:
        """No lines."""
        nothing: Any = np.zeros(0)
        return cls(*[nothing] * 16)

    def label(self, row: int) -> str:
        """Number and ends of a line, such as "dcline 1, 30-4"."""
        return f"{super().label(row)}, {self.from_bus[row]}-{self.to_bus[row]}"

    def received(self, pf: Any) -> Any:
        """Active power that arrives at the to buses of all lines, per unit."""
        return received(pf, self.loss0, self.loss1)

    @property
    def least_loss(self) -> Floats:
        """Least loss of each line between its limits, per unit."""
        with np.errstate(invalid="ignore"):
            ends = [np.where(self.loss1 != 0, self.loss1 * p, 0.0) for p in (self.pmin, self.pmax)]
        return np.asarray(self.loss0 + np.minimum(*ends))

    @property
    def gains_energy(self) -> Flags:
        """Mask of the lines in service whose losses are negative somewhere between their limits."""
        return np.asarray(self.in_service & (self.least_loss < -_ROUNDING))


def received(pf: Any, loss0: Any, loss1: Any) -> Any:
    """Power received of the power pf sent into DC lines; numbers, arrays or expressions."""
    return (1 - loss1) * pf - loss0


def _texts(column: Any) -> Strings:
    """A column of texts; a single one stays single."""
    if isinstance(column, str) or np.ndim(column) == 0:
        return np.array(column, dtype=object)
    return texts(column)


def _trimmed(points: Floats) -> Floats:
    """Cost points without columns that only fill up."""
    if not points.size:
        return points.reshape(len(points), 0, 2)
    if points.ndim != 3:
        return points
    used = np.flatnonzero(~np.isnan(points).all(axis=(0, 2)))
    return points[:, : used[-1] + 1 if len(used) else 0]


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
