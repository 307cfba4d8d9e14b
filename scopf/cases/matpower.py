"""MATPOWER case files (.m, versions 1 and 2) as networks.

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

import logging
from pathlib import Path
from typing import Any

import numpy as np

from scopf.arrays import LARGEST_WHOLE, Flags, Floats, Ints, Strings, texts
from scopf.cases import dclosses, decoding, mcosts
from scopf.cases.approximations import Approximations
from scopf.cases.gencosts import GenCosts
from scopf.cases.mfile import Tables, parse
from scopf.cases.mformat import AT_LEAST, COLUMNS, FORMAT, POLYNOMIAL, REQUIRED
from scopf.cases.psse import costs
from scopf.errors import CaseError, Fault, counted, listing
from scopf.network.network import Network
from scopf.network.tables import Branches, Buses, DcLines, Gens

log = logging.getLogger(__name__)

UNLIMITED_ANGLE = 360.0
PGLIB = "pglib_opf_"  # functions whose generators are never dispatchable loads
DEGREE = 180.0 / np.pi  # degrees in a rad


def read(
    path: str | Path,
    *,
    costs_from: costs.Source | None = None,
    ignore_unsupported: bool = False,
) -> Network:
    """Read a case file into a validated per-unit network.

    Args:
        path: a `.m` file in MATPOWER's version 2 format, or version 1.
        costs_from: table of costs, a CSV file or a DataFrame, for the generators that it names;
            None takes `grid.costs.csv` beside a `grid.m` without `gencost`.
        ignore_unsupported: log content that the model does not represent instead of refusing it.

    Raises:
        CaseError: listing every fault with table, row and ids.
    """
    path = Path(path)
    notes = Approximations(str(path))
    tables = parse(decoding.text(path, notes), source=str(path))
    for text, level in tables.notes:
        notes.add(text, level)
    if ignore_unsupported:
        for fault in tables.unsupported:
            notes.add(f"ignored: {fault}")
    else:
        tables.faults += tables.unsupported
    given = GenCosts(costs_from, path, missing=not len(tables.rows.get("gencost", ())))
    with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
        return notes.of(_Builder(tables, given, notes).network(path.stem))


# -- tables to network -----------------------------------------------


class _Builder:
    """Makes the tables of the network; faults are collected."""

    def __init__(self, tables: Tables, given: GenCosts, notes: Approximations) -> None:
        self._tables, self._given, self._notes = tables, given, notes
        self._faults = list(tables.faults)
        self._base = tables.base_mva if np.isfinite(tables.base_mva) else 1.0

    def network(self, name: str) -> Network:
        """The network.

        Raises:
            CaseError: listing the faults met while reading and those of the network.
        """
        rows, faults = self._tables.rows, self._faults
        missing = [key for key in REQUIRED if not len(rows.get(key, ()))]
        if "branch" in rows:  # a network of one bus has an empty one
            missing = [key for key in missing if key != "branch"]
        if "bus" not in missing:
            bus, gen = self._buses(), self._gens()
            branch, dcline = self._branches(), self._dclines()
            faults += self._given.faults
            try:
                net = Network(name, self._base, bus, gen, branch, dcline)
            except CaseError as error:
                known = {fault.cell for fault in faults}
                faults += [
                    fault
                    for fault in error.faults
                    if fault.cell not in known
                    and not (fault.row is None and fault.table in missing)
                ]
        if faults:
            raise CaseError(self._tables.source, faults)
        _log_out_of_service(net)
        self._note_free(net)
        self._note_loads(net)
        return net

    def _rows(self, key: str) -> Floats:
        return self._tables.rows.get(key, np.zeros((0, AT_LEAST[key])))

    def _whole(self, table: str, column: str) -> Ints:
        """A column of whole numbers; a cell that is none is a fault, and unique and negative."""
        values = _column(table, self._rows(table), column).copy()
        known = {fault.cell for fault in self._faults}
        wrong = ~((np.abs(values) < LARGEST_WHOLE) & (values == np.round(values)))
        for row in np.flatnonzero(wrong):
            shown = FORMAT[table][column]
            text = f"{shown} must be a whole number, got {values[row]:g}"
            if (table, int(row) + 1, column) not in known:
                self._faults.append(Fault(text, table, int(row) + 1, column=column))
            values[row] = -1.0 - row
        return values.astype(np.int64)

    def _status(self, table: str) -> Flags:
        values = _column(table, self._rows(table), "in_service")
        known = {fault.cell for fault in self._faults}
        for row in np.flatnonzero(~np.isfinite(values)):
            if (table, int(row) + 1, "in_service") not in known:
                text = f"the status must be a number, got {values[row]:g}"
                self._faults.append(Fault(text, table, int(row) + 1, column="in_service"))
        return np.asarray(values > 0)

    def _names(self, table: str) -> Strings:
        """The first column of a table of names; names of another number are left out."""
        key, count = f"{table}_name", len(self._rows(table))
        rows = self._tables.names.get(key, [])
        if len(rows) == 1 and len(rows[0]) == count:
            rows = [[name] for name in rows[0]]
        if rows and len(rows) != count:
            of = {"bus": "buses", "gen": "generators", "branch": "branches"}[table]
            names = counted(len(rows), "name", "names")
            self._notes.add(f"mpc.{key} has {names} for {count} {of} and is left out")
            rows = []
        return texts([row[0] for row in rows] if rows else ("",) * count)

    def _area(self, column: str) -> Ints:
        """Areas and zones, which mean nothing to the model; 0 where there is no such number."""
        values = _column("bus", self._rows("bus"), column)
        whole = (np.abs(values) < LARGEST_WHOLE) & (values == np.round(values))
        if not whole.all():
            cells = counted(int(np.count_nonzero(~whole)), "cell", "cells")
            text = f"bus: 0 stands for {cells} of column {column} without a whole number"
            self._notes.add(text, logging.INFO)
        return np.where(whole, values, 0.0).astype(np.int64)

    def _buses(self) -> Buses:
        rows, base = self._rows("bus"), self._base

        def column(name: str) -> Floats:
            return _column("bus", rows, name)

        return Buses(
            id=self._whole("bus", "id"),
            type=self._whole("bus", "type"),
            pd=column("pd") / base,
            qd=column("qd") / base,
            gs=column("gs") / base,
            bs=column("bs") / base,
            vm=column("vm"),
            va=column("va") / DEGREE,
            base_kv=column("base_kv"),
            vmin=column("vmin"),
            vmax=column("vmax"),
            area=self._area("area"),
            zone=self._area("zone"),
            name=self._names("bus"),
        )

    def _gens(self) -> Gens:
        rows, base = self._rows("gen"), self._base

        def column(name: str, default: float = np.nan) -> Floats:
            return _column("gen", rows, name, default)

        n, mbase, bus = len(rows), column("mbase"), self._whole("gen", "bus")
        load = _is_load(*(column(key) for key in ("pmin", "pmax", "qmin", "qmax")))
        limits = {"pmin": column("pmin") / base, "pmax": column("pmax") / base}
        of_costs = self._given.over(self._gen_costs(n) | limits, bus, base)
        return Gens(
            id=np.arange(1, n + 1),
            bus=bus,
            in_service=self._status("gen"),
            pg=column("pg") / base,
            qg=column("qg") / base,
            qmin=column("qmin") / base,
            qmax=column("qmax") / base,
            vg=column("vg"),
            mbase=np.where(mbase == 0, base, mbase),
            constant_pf=load & (not self._tables.function.startswith(PGLIB)),
            name=self._names("gen"),
            **{key: column(key, 0.0) / base for key in (*CURVE, *RAMPS)},
            apf=column("apf", 0.0),
            **of_costs,
        )

    def _gen_costs(self, n: int) -> dict[str, Any]:
        """Columns of the costs of n generators."""
        rows = self._rows("gencost") if len(self._rows("gencost")) else _free(n)
        if len(rows) not in (n, 2 * n):
            text = (
                f"has {counted(len(rows), 'row', 'rows')} for {n} generators (one a generator, or "
                "two with reactive)"
            )
            self._faults.append(Fault(text, "gencost"))
            rows = rows[:0]
        polynomials, points = self._costs("gencost", rows)
        given = slice(0, n), slice(n, 2 * n)
        polynomial_p, polynomial_q = (_filled(polynomials[part], n, 0.0) for part in given)
        points_p, points_q = (_filled(points[part], n, np.nan) for part in given)
        startup, shutdown = rows[:n, 1:3].T if len(rows) else np.zeros((2, n))
        return {
            "cost_p": polynomial_p,
            "cost_q": polynomial_q,
            "cost_p_points": points_p,
            "cost_q_points": points_q,
            "startup": startup,
            "shutdown": shutdown,
        }

    def _costs(self, table: str, rows: Floats) -> tuple[Floats, Floats]:
        return mcosts.arrays(table, rows, self._base, self._faults, self._notes)

    def _dclines(self) -> DcLines:
        rows, base = self._rows("dcline"), self._base

        def column(name: str) -> Floats:
            return _column("dcline", rows, name)

        n, given = len(rows), self._tables.rows.get("dclinecost")
        if given is None or (len(given) and len(given) != n):
            if given is not None:
                text = f"has {len(given)} rows for {n} DC lines"
                self._faults.append(Fault(text, "dclinecost"))
            given = _free(n)
        polynomials, points = self._costs("dclinecost", given)
        if len(polynomials) != n:
            polynomials, points = np.zeros((n, 3)), np.zeros((n, 0, 2))
        loss0, loss1 = column("loss0") / base, column("loss1")
        limits = {key: column(key) / base for key in ("pmin", "pmax")}
        powers: dict[str, Any] = {
            key: column(key) / base
            for key in ("pf", "qf", "qt", "qminf", "qmaxf", "qmint", "qmaxt")
        }
        table = DcLines(
            id=np.arange(1, n + 1),
            from_bus=self._whole("dcline", "from_bus"),
            to_bus=self._whole("dcline", "to_bus"),
            in_service=self._status("dcline"),
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
        return dclosses.not_negative(table, base, self._notes, **limits)

    def _branches(self) -> Branches:
        rows, base = self._rows("branch"), self._base

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
            from_bus=self._whole("branch", "from_bus"),
            to_bus=self._whole("branch", "to_bus"),
            in_service=self._status("branch"),
            r=column("r"),
            x=column("x"),
            b=column("b"),
            rate=rate,
            rate_b=rate_b,
            rate_c=rate_c,
            name=self._names("branch"),
            tap=np.where(tap == 0, 1.0, tap),
            shift=column("shift") / DEGREE,
            angmin=np.where(free_below, -np.inf, angmin / DEGREE),
            angmax=np.where(free_above, np.inf, angmax / DEGREE),
        )

    def _note_free(self, net: Network) -> None:
        """Say which generators have no costs."""
        if text := self._given.without(net.gen.in_service):
            self._notes.add(text)

    def _note_loads(self, net: Network) -> None:
        """Say which generators look like dispatchable loads but have no power factor."""
        gen = net.gen
        looks = (
            gen.in_service & (gen.pmin < 0) & (gen.pmax == 0) & (gen.qmin != 0) & (gen.qmax != 0)
        )
        if looks.any():
            self._notes.add(
                f"gen {listing(gen.id[looks])}: Pmin < 0 and Pmax = 0 like a dispatchable load, "
                "but with two limits on Q that give no power factor; its Q is free between them"
            )


def _column(table: str, rows: Floats, column: str, default: float = np.nan) -> Floats:
    k = COLUMNS[table].index(FORMAT[table][column])
    return rows[:, k] if k < rows.shape[1] else np.full(len(rows), default)


def _free(n: int) -> Floats:
    """Cost rows of zero."""
    rows = np.zeros((n, 5))
    rows[:, [0, 3]] = POLYNOMIAL, 1
    return rows


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


def at_from(limit: Floats, loss0: Floats, loss1: Floats) -> Floats:
    """Limits on the flow of DC lines at the from bus; the format's negative ones are at the to."""
    return np.where(limit < 0, (limit + loss0) / (1.0 - loss1), limit)


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
