"""MATPOWER case files (.m, version 2) as networks, and networks as case files.

Column meanings and defaults follow the MATPOWER User's Manual, appendix B.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matpowercaseframes.constants import COLUMNS

from scopf.arrays import Flags, Floats, Ints
from scopf.cases.mfile import AT_LEAST, FORMAT, REQUIRED, Tables, parse
from scopf.faults import CaseError, Fault
from scopf.network import Network
from scopf.tables import Branches, Buses, Gens

log = logging.getLogger(__name__)

_POLYNOMIAL = 2
_UNLIMITED_ANGLE = 360.0
_ALMOST_ZERO_ANGLE = 1e-9  # rad; limits of 0 and 0 would mean no limit
_LARGEST_NUMBER = 2.0**53  # of whole numbers that a float holds exactly
_DEGREE = 180.0 / np.pi  # degrees in a rad


def read(path: str | Path, *, ignore_unsupported: bool = False) -> Network:
    """Read a case file into a validated per-unit network.

    Args:
        path: a `.m` file in MATPOWER's version 2 format.
        ignore_unsupported: log content that the model does not represent instead of refusing it.

    Raises:
        CaseError: listing every fault with table, row and ids.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(str(path), [Fault(f"cannot be read: {reason}")]) from error
    tables = parse(text, source=str(path))
    if ignore_unsupported:
        for fault in tables.unsupported:
            log.warning("%s: ignored: %s", path, fault)
    else:
        tables.faults += tables.unsupported
    return network(tables, name=path.stem)


# -- tables to network -----------------------------------------------


def network(tables: Tables, name: str) -> Network:
    """Build the per-unit network from a file's tables.

    Raises:
        CaseError: listing the faults met while reading and those of the network.
    """
    faults = list(tables.faults)
    missing = [key for key in REQUIRED if not len(tables.rows.get(key, ()))]
    if "branch" in tables.rows:  # a network of one bus has an empty one
        missing = [key for key in missing if key != "branch"]
    base = tables.base_mva if np.isfinite(tables.base_mva) else 1.0
    with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
        return _network(tables, name, missing, base, faults)


def _network(
    tables: Tables, name: str, missing: list[str], base: float, faults: list[Fault]
) -> Network:
    rows = {key: tables.rows.get(key, np.zeros((0, AT_LEAST[key]))) for key in REQUIRED}
    if "bus" not in missing:
        costs = _costs(rows["gencost"], len(rows["gen"]), base, faults, "gencost" in missing)
        bus, gen = (
            _buses(tables, rows["bus"], base, faults),
            _gens(rows["gen"], costs, base, faults),
        )
        branch = _branches(rows["branch"], base, faults)
        try:
            net = Network(name, base, bus, gen, branch)
        except CaseError as error:
            told = {fault.cell for fault in faults}
            faults += [
                fault
                for fault in error.faults
                if fault.cell not in told and not (fault.row is None and fault.table in missing)
            ]
    if faults:
        raise CaseError(tables.source, faults)
    _log_out_of_service(net)
    return net


def _column(table: str, rows: Floats, column: str, default: float = np.nan) -> Floats:
    k = COLUMNS[table].index(FORMAT[table][column])
    return rows[:, k] if k < rows.shape[1] else np.full(len(rows), default)


def _whole(table: str, rows: Floats, column: str, faults: list[Fault]) -> Ints:
    """A column of whole numbers; a cell that is none is a fault, and unique and negative."""
    values = _column(table, rows, column).copy()
    told = {fault.cell for fault in faults}
    for row in np.flatnonzero(~((np.abs(values) < _LARGEST_NUMBER) & (values == np.round(values)))):
        shown = FORMAT[table][column]
        text = f"{shown} must be a whole number, got {values[row]:g}"
        if (table, int(row) + 1, column) not in told:
            faults.append(Fault(text, table, int(row) + 1, column=column))
        values[row] = -1.0 - row
    return values.astype(np.int64)


def _status(table: str, rows: Floats, faults: list[Fault]) -> Flags:
    values = _column(table, rows, "in_service")
    told = {fault.cell for fault in faults}
    for row in np.flatnonzero(~np.isfinite(values)):
        if (table, int(row) + 1, "in_service") not in told:
            text = f"the status must be a number, got {values[row]:g}"
            faults.append(Fault(text, table, int(row) + 1, column="in_service"))
    return np.asarray(values > 0)


def _number_of(column: str, rows: Floats) -> Ints:
    """Areas and zones, which mean nothing to the model; 0 where there is no such number."""
    values = _column("bus", rows, column)
    return np.where(np.abs(values) < _LARGEST_NUMBER, values, 0.0).astype(np.int64)


def _buses(tables: Tables, rows: Floats, base: float, faults: list[Fault]) -> Buses:
    def column(name: str) -> Floats:
        return _column("bus", rows, name)

    names = tables.bus_name or ("",) * len(rows)
    if len(names) != len(rows):
        text = f"has {len(names)} names for {len(rows)} buses"
        faults.append(Fault(text, "mpc.bus_name"))
        names = ("",) * len(rows)
    return Buses(
        id=_whole("bus", rows, "id", faults),
        type=_whole("bus", rows, "type", faults),
        pd=column("pd") / base,
        qd=column("qd") / base,
        gs=column("gs") / base,
        bs=column("bs") / base,
        vm=column("vm"),
        va=column("va") / _DEGREE,
        base_kv=column("base_kv"),
        vmin=column("vmin"),
        vmax=column("vmax"),
        area=_number_of("area", rows),
        zone=_number_of("zone", rows),
        name=np.array(names, dtype=np.str_),
    )


def _gens(rows: Floats, costs: tuple[Floats, Floats], base: float, faults: list[Fault]) -> Gens:
    def column(name: str) -> Floats:
        return _column("gen", rows, name)

    mbase = column("mbase")
    return Gens(
        id=np.arange(1, len(rows) + 1),
        bus=_whole("gen", rows, "bus", faults),
        in_service=_status("gen", rows, faults),
        pg=column("pg") / base,
        qg=column("qg") / base,
        pmin=column("pmin") / base,
        pmax=column("pmax") / base,
        qmin=column("qmin") / base,
        qmax=column("qmax") / base,
        vg=column("vg"),
        mbase=np.where(mbase == 0, base, mbase),
        cost_p=costs[0],
        cost_q=costs[1],
    )


def _branches(rows: Floats, base: float, faults: list[Fault]) -> Branches:
    def column(name: str, default: float = np.nan) -> Floats:
        return _column("branch", rows, name, default)

    rate, tap = column("rate") / base, column("tap")
    angmin, angmax = column("angmin", 0.0), column("angmax", 0.0)
    unset = (angmin == 0) & (angmax == 0)
    free_below = unset | (angmin <= -_UNLIMITED_ANGLE)
    free_above = unset | (angmax >= _UNLIMITED_ANGLE)
    return Branches(
        id=np.arange(1, len(rows) + 1),
        from_bus=_whole("branch", rows, "from_bus", faults),
        to_bus=_whole("branch", rows, "to_bus", faults),
        in_service=_status("branch", rows, faults),
        r=column("r"),
        x=column("x"),
        b=column("b"),
        rate=np.where(rate == 0, np.inf, rate),
        tap=np.where(tap == 0, 1.0, tap),
        shift=column("shift") / _DEGREE,
        angmin=np.where(free_below, -np.inf, angmin / _DEGREE),
        angmax=np.where(free_above, np.inf, angmax / _DEGREE),
    )


def _costs(
    rows: Floats, gens: int, base: float, faults: list[Fault], missing: bool
) -> tuple[Floats, Floats]:
    """Coefficients of P^k and Q^k (per unit) from ng or 2 ng cost rows."""
    none = np.zeros((gens, 3))
    if missing:
        return none, none
    if len(rows) not in (gens, 2 * gens):
        text = f"has {len(rows)} rows for {gens} generators (one a generator, or two with reactive)"
        faults.append(Fault(text, "gencost"))
        return none, none
    coefficients = [_polynomial(row, number, faults) for number, row in enumerate(rows, 1)]
    width = max([3, *(k + 1 for row in coefficients for k, c in enumerate(row) if c)])
    table = np.array([(c + [0.0] * width)[:width] for c in coefficients])
    table = table.reshape(len(rows), width) * _cost_units(base, width)
    return table[:gens], table[gens:] if len(rows) > gens else np.zeros((gens, width))


def _cost_units(base: float, width: int) -> Floats:
    """base^k: what turns a coefficient of (MW)^k into one of (p.u.)^k."""
    return np.power(base, np.arange(width))


def _polynomial(row: Floats, number: int, faults: list[Fault]) -> list[float]:
    """Coefficients of one polynomial cost row, constant first."""
    model, count = row[0], row[3]
    fault = ""
    if model != _POLYNOMIAL:
        fault = f"cost model {model:g} is not supported, only polynomial costs (2)"
        if model == 1:
            fault = "piecewise-linear costs (model 1) are not supported, only polynomials (2)"
    elif not (count >= 1 and count == np.round(count)):
        fault = f"the number of coefficients must be 1 or more, got {count:g}"
    elif not 4 + count <= len(row):
        fault = f"has {len(row) - 4} coefficients where NCOST says {count:g}"
    elif not np.isfinite(row[4 : 4 + int(count)]).all():
        fault = "a coefficient is not a finite number"
    if fault:
        faults.append(Fault(fault, "gencost", number))
        return [0.0]
    return [float(c) for c in row[3 + int(count) : 3 : -1]]


def _log_out_of_service(net: Network) -> None:
    live = net.energized()
    left = {
        "buses": len(net.bus) - len(live.bus),
        "generators": len(net.gen) - len(live.gen),
        "branches": len(net.branch) - len(live.branch),
    }
    if any(left.values()):
        parts = ", ".join(f"{count} {kind}" for kind, count in left.items() if count)
        log.info("%s: out of service: %s", net.name, parts)


# -- network to text -----------------------------------------------


def write(net: Network, path: str | Path, notes: Iterable[str] = ()) -> None:
    """Write a network as a MATPOWER case file that reads back as the same network.

    Numbers are written with the fewest digits that give the same per-unit value again (up to the
    last bit, where no decimal number gives it exactly). Generators and branches are numbered by
    row, so those of an `energized()` network are numbered anew; a branch whose angle limits are
    both zero, which the format cannot say, gets 1e-9 rad.

    Args:
        net: the network, elements out of service included.
        path: file to write; its stem becomes the case's name.
        notes: lines for the head of the file, such as title and source.
    """
    path = Path(path)
    path.write_text(_text(net, path.stem, notes), encoding="utf-8")


def _text(net: Network, name: str, notes: Iterable[str]) -> str:
    bus, gen, branch, base = net.bus, net.gen, net.branch, net.base_mva
    function = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not function[:1].isalpha():
        function = f"case_{function}"
    remarks = [line for note in notes for line in note.splitlines() or [""]]
    lines = [f"function mpc = {function}", *(f"% {line}" for line in remarks)]
    lines += ["mpc.version = '2';", f"mpc.baseMVA = {base:.17g};", ""]
    lines += _matrix(
        "bus",
        "bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin",
        [_cells(v) for v in (bus.id, bus.type)]
        + [_cells(v, base) for v in (bus.pd, bus.qd, bus.gs, bus.bs)]
        + [_cells(bus.area), _cells(bus.vm), _cells(bus.va, _DEGREE), _cells(bus.base_kv)]
        + [_cells(v) for v in (bus.zone, bus.vmax, bus.vmin)],
    )
    lines += _matrix(
        "gen",
        "bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin",
        [_cells(gen.bus)]
        + [_cells(v, base) for v in (gen.pg, gen.qg, gen.qmax, gen.qmin)]
        + [_cells(gen.vg), _cells(gen.mbase), _cells(gen.in_service.astype(int))]
        + [_cells(v, base) for v in (gen.pmax, gen.pmin)],
    )
    zero = ["0"] * len(branch)
    lines += _matrix(
        "branch",
        "fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax",
        [_cells(v) for v in (branch.from_bus, branch.to_bus, branch.r, branch.x, branch.b)]
        + [_cells(np.where(np.isinf(branch.rate), 0.0, branch.rate), base), zero, zero]
        + [_cells(np.where(branch.tap == 1, 0.0, branch.tap)), _cells(branch.shift, _DEGREE)]
        + [_cells(branch.in_service.astype(int)), *_angle_limits(branch)],
    )
    lines += _matrix("gencost", "2 startup shutdown n c(n-1) ... c0", _cost_cells(gen, base))
    if any(bus.name):
        lines += [
            "mpc.bus_name = {",
            *("\t'" + _one_line(name).replace("'", "''") + "';" for name in bus.name.tolist()),
            "};",
            "",
        ]
    return "\n".join(lines)


def _one_line(name: str) -> str:
    return " ".join(name.splitlines())


def _angle_limits(branch: Branches) -> list[list[str]]:
    """Limits as the format can say them: 360 degrees for none, almost zero where both are zero."""
    both = (branch.angmin == 0) & (branch.angmax == 0)
    cells = []
    for limits, side in ((branch.angmin, -1.0), (branch.angmax, 1.0)):
        written = np.where(np.isinf(limits), side * _UNLIMITED_ANGLE / _DEGREE, limits)
        cells.append(_cells(np.where(both, side * _ALMOST_ZERO_ANGLE, written), _DEGREE))
    return cells


def _cost_cells(gen: Gens, base: float) -> list[list[str]]:
    table = np.vstack([gen.cost_p, gen.cost_q]) if gen.cost_q.any() else gen.cost_p
    used = np.flatnonzero(table.any(axis=0))
    width = max(3, int(used[-1]) + 1 if len(used) else 0)
    per = _cost_units(base, width).tolist()
    head = [[str(v)] * len(table) for v in (_POLYNOMIAL, 0, 0, width)]
    return head + [_cells(table[:, k], per=per[k]) for k in range(width - 1, -1, -1)]


def _cells(values: npt.NDArray[np.generic], unit: float = 1.0, per: float = 1.0) -> list[str]:
    """Each value times unit / per, in the fewest digits that read back as the same float."""
    return [_digits(value, unit, per) for value in values.tolist()]


def _digits(value: float, unit: float, per: float) -> str:
    if isinstance(value, int):
        return str(value)
    if not np.isfinite(value):
        return "Inf" if value > 0 else "-Inf"
    for digits in (15, 16, 17):
        text = f"{value * unit / per:.{digits}g}"
        if float(text) / unit * per == value:
            break
    return text


def _matrix(key: str, header: str, columns: list[list[str]]) -> list[str]:
    rows = ["\t" + "\t".join(cells) + ";" for cells in zip(*columns, strict=True)]
    names = "\t".join(header.split())
    return [f"%\t{names}", f"mpc.{key} = [", *rows, "];", ""]
