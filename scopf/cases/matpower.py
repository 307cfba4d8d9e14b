"""MATPOWER case files (.m, version 2) as networks.

Column meanings and defaults follow the MATPOWER User's Manual, appendix B, and so do these rules:

- A generator with Pmin < 0, Pmax = 0 and exactly one of Qmin and Qmax not zero is a dispatchable
  load of constant power factor (section 6.4.2). Where neither is zero MATPOWER stops; here it is a
  generator like any other, which is what PowerModels takes it for, and this is logged. PGLib's
  optima are those of PowerModels, so that its files (functions `pglib_opf_...`) have none of these.
- A lower limit on the flow of a DC line that is negative holds for the power at its to bus, and so
  does an upper one that is negative (section 7.6.3); a network has both at the from bus.
- Every DC line counts; in MATPOWER that takes toggle_dcline. One whose losses would be negative
  between its limits has none, which is logged.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
from matpowercaseframes.constants import COLUMNS

from scopf import files
from scopf.arrays import LARGEST_WHOLE, Flags, Floats, Ints, Strings, texts
from scopf.cases import dclosses
from scopf.cases.approximations import Approximations
from scopf.cases.mfile import (
    AT_LEAST,
    FORMAT,
    NAMES,
    PIECEWISE,
    POLYNOMIAL,
    REQUIRED,
    Tables,
    parse,
)
from scopf.errors import CaseError, Fault, listing
from scopf.network.network import Network
from scopf.network.tables import Branches, Buses, DcLines, Gens

log = logging.getLogger(__name__)

UNLIMITED_ANGLE = 360.0
PGLIB = "pglib_opf_"  # functions whose generators are never dispatchable loads
DEGREE = 180.0 / np.pi  # degrees in a rad


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
        text = files.text(path, errors="replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(str(path), [Fault(f"cannot be read: {reason}")]) from error
    tables, notes = parse(text, source=str(path)), Approximations(str(path))
    if ignore_unsupported:
        for fault in tables.unsupported:
            notes.add(f"ignored: {fault}")
    else:
        tables.faults += tables.unsupported
    return notes.of(network(tables, path.stem, notes))


# -- tables to network -----------------------------------------------


def network(tables: Tables, name: str, notes: Approximations) -> Network:
    """Build the per-unit network from a file's tables.

    Args:
        tables: of the file.
        name: of the network.
        notes: gets a sentence on what is changed.

    Raises:
        CaseError: listing the faults met while reading and those of the network.
    """
    faults = list(tables.faults)
    missing = [key for key in REQUIRED if not len(tables.rows.get(key, ()))]
    if "branch" in tables.rows:  # a network of one bus has an empty one
        missing = [key for key in missing if key != "branch"]
    base = tables.base_mva if np.isfinite(tables.base_mva) else 1.0
    with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
        return _network(tables, name, missing, base, faults, notes)


def _network(
    tables: Tables,
    name: str,
    missing: list[str],
    base: float,
    faults: list[Fault],
    notes: Approximations,
) -> Network:
    rows = {key: tables.rows.get(key, np.zeros((0, AT_LEAST[key]))) for key in REQUIRED}
    if "bus" not in missing:
        names = {
            key: _names(tables, key, len(rows[key.removesuffix("_name")]), faults) for key in NAMES
        }
        bus = _buses(rows["bus"], names["bus_name"], base, faults)
        cost_rows = None if "gencost" in missing else rows["gencost"]
        gen = _gens(rows["gen"], cost_rows, names["gen_name"], base, faults)
        if tables.function.startswith(PGLIB):
            gen = dataclasses.replace(gen, constant_pf=np.zeros(len(gen), dtype=bool))
        branch = _branches(rows["branch"], names["branch_name"], base, faults)
        lines = tables.rows.get("dcline", np.zeros((0, AT_LEAST["dcline"])))
        dcline = _dclines(lines, tables.rows.get("dclinecost"), base, notes, faults)
        try:
            net = Network(name, base, bus, gen, branch, dcline)
        except CaseError as error:
            known = {fault.cell for fault in faults}
            faults += [
                fault
                for fault in error.faults
                if fault.cell not in known and not (fault.row is None and fault.table in missing)
            ]
    if faults:
        raise CaseError(tables.source, faults)
    _log_out_of_service(net)
    _warn_of_loads(net)
    return net


def _column(table: str, rows: Floats, column: str, default: float = np.nan) -> Floats:
    k = COLUMNS[table].index(FORMAT[table][column])
    return rows[:, k] if k < rows.shape[1] else np.full(len(rows), default)


def _whole(table: str, rows: Floats, column: str, faults: list[Fault]) -> Ints:
    """A column of whole numbers; a cell that is none is a fault, and unique and negative."""
    values = _column(table, rows, column).copy()
    known = {fault.cell for fault in faults}
    for row in np.flatnonzero(~((np.abs(values) < LARGEST_WHOLE) & (values == np.round(values)))):
        shown = FORMAT[table][column]
        text = f"{shown} must be a whole number, got {values[row]:g}"
        if (table, int(row) + 1, column) not in known:
            faults.append(Fault(text, table, int(row) + 1, column=column))
        values[row] = -1.0 - row
    return values.astype(np.int64)


def _status(table: str, rows: Floats, faults: list[Fault]) -> Flags:
    values = _column(table, rows, "in_service")
    known = {fault.cell for fault in faults}
    for row in np.flatnonzero(~np.isfinite(values)):
        if (table, int(row) + 1, "in_service") not in known:
            text = f"the status must be a number, got {values[row]:g}"
            faults.append(Fault(text, table, int(row) + 1, column="in_service"))
    return np.asarray(values > 0)


def _number_of(column: str, rows: Floats) -> Ints:
    """Areas and zones, which mean nothing to the model; 0 where there is no such number."""
    values = _column("bus", rows, column)
    return np.where(np.abs(values) < LARGEST_WHOLE, values, 0.0).astype(np.int64)


def _names(tables: Tables, key: str, count: int, faults: list[Fault]) -> Strings:
    names = tables.names.get(key) or ("",) * count
    if len(names) != count:
        of = {"bus_name": "buses", "gen_name": "generators", "branch_name": "branches"}[key]
        faults.append(Fault(f"has {len(names)} names for {count} {of}", f"mpc.{key}"))
        names = ("",) * count
    return texts(names)


def _buses(rows: Floats, names: Strings, base: float, faults: list[Fault]) -> Buses:
    def column(name: str) -> Floats:
        return _column("bus", rows, name)

    return Buses(
        id=_whole("bus", rows, "id", faults),
        type=_whole("bus", rows, "type", faults),
        pd=column("pd") / base,
        qd=column("qd") / base,
        gs=column("gs") / base,
        bs=column("bs") / base,
        vm=column("vm"),
        va=column("va") / DEGREE,
        base_kv=column("base_kv"),
        vmin=column("vmin"),
        vmax=column("vmax"),
        area=_number_of("area", rows),
        zone=_number_of("zone", rows),
        name=names,
    )


def _gens(
    rows: Floats, costs: Floats | None, names: Strings, base: float, faults: list[Fault]
) -> Gens:
    def column(name: str, default: float = np.nan) -> Floats:
        return _column("gen", rows, name, default)

    n, mbase = len(rows), column("mbase")
    if costs is None:
        costs = np.zeros((n, 5))
        costs[:, [0, 3]] = POLYNOMIAL, 1
    if len(costs) not in (n, 2 * n):
        text = f"has {len(costs)} rows for {n} generators (one a generator, or two with reactive)"
        faults.append(Fault(text, "gencost"))
        costs = costs[:0]
    polynomials, points = _costs("gencost", costs, base, faults)
    given = slice(0, n), slice(n, 2 * n)
    polynomial_p, polynomial_q = (_filled(polynomials[part], n, 0.0) for part in given)
    points_p, points_q = (_filled(points[part], n, np.nan) for part in given)
    startup, shutdown = costs[:n, 1:3].T if len(costs) else np.zeros((2, n))
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
        cost_p=polynomial_p,
        cost_q=polynomial_q,
        cost_p_points=points_p,
        cost_q_points=points_q,
        constant_pf=_is_load(*(column(key) for key in ("pmin", "pmax", "qmin", "qmax"))),
        name=names,
        **{key: column(key, 0.0) / base for key in (*CURVE, *RAMPS)},
        apf=column("apf", 0.0),
        startup=startup,
        shutdown=shutdown,
    )


def _filled(table: Floats, n: int, value: float) -> Floats:
    """The table, or n rows of a value where it has none."""
    return table if len(table) else np.full((n, *table.shape[1:]), value)


CURVE = ("pc1", "pc2", "qc1min", "qc1max", "qc2min", "qc2max")
RAMPS = ("ramp_agc", "ramp_10", "ramp_30", "ramp_q")


def _is_load(pmin: Floats, pmax: Floats, qmin: Floats, qmax: Floats) -> Flags:
    """Dispatchable loads of constant power factor."""
    return np.asarray((pmin < 0) & (pmax == 0) & ((qmin == 0) != (qmax == 0)))


def dispatchable(gen: Gens) -> Flags:
    """Mask of the generators that a case file makes loads of constant power factor."""
    return _is_load(gen.pmin, gen.pmax, gen.qmin, gen.qmax)


def _dclines(
    rows: Floats, costs: Floats | None, base: float, notes: Approximations, faults: list[Fault]
) -> DcLines:
    def column(name: str) -> Floats:
        return _column("dcline", rows, name)

    n = len(rows)
    if costs is None or (len(costs) and len(costs) != n):
        if costs is not None:
            faults.append(Fault(f"has {len(costs)} rows for {n} DC lines", "dclinecost"))
        costs = np.zeros((n, 5))
        costs[:, [0, 3]] = POLYNOMIAL, 1
    polynomials, points = _costs("dclinecost", costs, base, faults)
    if len(polynomials) != n:
        polynomials, points = np.zeros((n, 3)), np.zeros((n, 0, 2))
    loss0, loss1 = column("loss0") / base, column("loss1")
    limits = {key: column(key) / base for key in ("pmin", "pmax")}
    powers: dict[str, Any] = {
        key: column(key) / base for key in ("pf", "qf", "qt", "qminf", "qmaxf", "qmint", "qmaxt")
    }
    table = DcLines(
        id=np.arange(1, n + 1),
        from_bus=_whole("dcline", rows, "from_bus", faults),
        to_bus=_whole("dcline", rows, "to_bus", faults),
        in_service=_status("dcline", rows, faults),
        vf=column("vf"),
        vt=column("vt"),
        pmin=at_from(limits["pmin"], loss0, loss1),
        pmax=at_from(limits["pmax"], loss0, loss1),
        loss0=loss0,
        loss1=loss1,
        cost=polynomials,
        cost_points=points,
        **powers,
    )
    return dclosses.not_negative(table, base, notes, **limits)


def at_from(limit: Floats, loss0: Floats, loss1: Floats) -> Floats:
    """Limits on the flow of DC lines at the from bus; the format's negative ones are at the to."""
    return np.where(limit < 0, (limit + loss0) / (1.0 - loss1), limit)


def _branches(rows: Floats, names: Strings, base: float, faults: list[Fault]) -> Branches:
    def column(name: str, default: float = np.nan) -> Floats:
        return _column("branch", rows, name, default)

    rates = [column(key) / base for key in ("rate", "rate_b", "rate_c")]
    rate, rate_b, rate_c = (np.where(rate == 0, np.inf, rate) for rate in rates)
    tap = column("tap")
    angmin, angmax = column("angmin", 0.0), column("angmax", 0.0)
    unset = (angmin == 0) & (angmax == 0)
    free_below = unset | (angmin <= -UNLIMITED_ANGLE)
    free_above = unset | (angmax >= UNLIMITED_ANGLE)
    return Branches(
        id=np.arange(1, len(rows) + 1),
        from_bus=_whole("branch", rows, "from_bus", faults),
        to_bus=_whole("branch", rows, "to_bus", faults),
        in_service=_status("branch", rows, faults),
        r=column("r"),
        x=column("x"),
        b=column("b"),
        rate=rate,
        rate_b=rate_b,
        rate_c=rate_c,
        name=names,
        tap=np.where(tap == 0, 1.0, tap),
        shift=column("shift") / DEGREE,
        angmin=np.where(free_below, -np.inf, angmin / DEGREE),
        angmax=np.where(free_above, np.inf, angmax / DEGREE),
    )


def _costs(table: str, rows: Floats, base: float, faults: list[Fault]) -> tuple[Floats, Floats]:
    """Coefficients of x^k and points (x, cost) of every row, x in per unit."""
    found = [_cost(table, row, number, faults) for number, row in enumerate(rows, 1)]
    linear = [row[0] == PIECEWISE for row in rows]
    width = max(
        [
            3,
            *(
                k + 1
                for row, one in zip(found, linear, strict=True)
                if not one
                for k, c in enumerate(row)
                if c
            ),
        ]
    )
    most = max([0, *(len(row) // 2 for row, one in zip(found, linear, strict=True) if one)])
    coefficients, points = np.zeros((len(rows), width)), np.full((len(rows), most, 2), np.nan)
    for k, (row, one) in enumerate(zip(found, linear, strict=True)):
        if one:
            points[k, : len(row) // 2] = np.reshape(row, (-1, 2))
        else:
            coefficients[k, : len(row)] = row[:width]
    points[:, :, 0] /= base
    return coefficients * cost_units(base, width), points


def cost_units(base: float, width: int) -> Floats:
    """base^k: what turns a coefficient of (MW)^k into one of (p.u.)^k."""
    return np.power(base, np.arange(width))


def _cost(table: str, row: Floats, number: int, faults: list[Fault]) -> list[float]:
    """Coefficients of one polynomial cost row, constant first, or x1, y1, x2, y2, ... of points."""
    model, count = row[0], row[3]
    points = model == PIECEWISE
    what, least = ("points", 2) if points else ("coefficients", 1)
    fault = ""
    if model not in (PIECEWISE, POLYNOMIAL):
        fault = f"cost model {model:g} is neither piecewise-linear (1) nor polynomial (2)"
    elif not (count >= least and count == np.round(count)):
        fault = f"the number of {what} must be {least} or more, got {count:g}"
    elif not 4 + count * (1 + points) <= len(row):
        there = (len(row) - 4) // (1 + points)
        fault = f"has {there} {what} where NCOST says {count:g}"
    elif not np.isfinite(row[4 : 4 + int(count) * (1 + points)]).all():
        fault = f"a {what[:-1]} is not a finite number"
    if fault:
        faults.append(Fault(fault, table, number))
        return []
    if points:
        return [float(c) for c in row[4 : 4 + 2 * int(count)]]
    return [float(c) for c in row[3 + int(count) : 3 : -1]]


def _log_out_of_service(net: Network) -> None:
    live = net.energized()
    left = {
        "buses": len(net.bus) - len(live.bus),
        "generators": len(net.gen) - len(live.gen),
        "branches": len(net.branch) - len(live.branch),
        "DC lines": len(net.dcline) - len(live.dcline),
    }
    if any(left.values()):
        parts = ", ".join(f"{count} {kind}" for kind, count in left.items() if count)
        log.info("%s: out of service: %s", net.name, parts)


def _warn_of_loads(net: Network) -> None:
    """Say which generators look like dispatchable loads but have no power factor."""
    gen = net.gen
    looks = gen.in_service & (gen.pmin < 0) & (gen.pmax == 0) & (gen.qmin != 0) & (gen.qmax != 0)
    if looks.any():
        text = (
            "%s: gen %s: Pmin < 0 and Pmax = 0 like a dispatchable load, but with two limits on Q "
            "that give no power factor; its Q is free between them"
        )
        log.warning(text, net.name, listing(gen.id[looks]))
