"""Networks as MATPOWER case files (.m, version 2); see `scopf.cases.matpower` for the format."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scopf import files
from scopf.arrays import Flags, Floats
from scopf.cases.digits import cells_of, digits
from scopf.cases.matpower import (
    CURVE,
    DEGREE,
    PGLIB,
    RAMPS,
    UNLIMITED_ANGLE,
    at_from,
    dispatchable,
)
from scopf.cases.mcosts import cost_units
from scopf.cases.mformat import PIECEWISE, POLYNOMIAL
from scopf.errors import CaseError, Fault, listing
from scopf.network.network import Network
from scopf.network.tables import Branches, DcLines, Gens, received

log = logging.getLogger(__name__)

_ALMOST_ZERO_ANGLE = 1e-9  # rad; limits of 0 and 0 would mean no limit
_STEPS = 4  # floats on either side that are tried for one that reads back as the same
_ROUNDING = 1e-9  # p.u. of a limit


def write(net: Network, path: str | Path, notes: Iterable[str] = ()) -> None:
    """Write a network as a MATPOWER case file that reads back as the same network.

    Numbers are written with the fewest digits that give the same per-unit value again (up to the
    last bit, where no decimal number gives it exactly). Generators and branches are numbered by
    row, so those of an `energized()` network are numbered again; a branch whose angle limits are
    both zero, which the format cannot express, gets 1e-9 rad.

    Args:
        net: the network, elements out of service included.
        path: file to write; its stem becomes the case's name. The function in it is called
            pglib_opf_... only if the network has no dispatchable loads, as such a name implies.
        notes: lines for the head of the file, such as title and source.

    Raises:
        CaseError: listing what the format cannot hold; then nothing is written.
    """
    path = Path(path)
    function = _function(net, path.stem)
    faults = inexpressible(net, function)
    if faults:
        raise CaseError(str(path), faults)
    _warn_of_change(net)
    text = _text(net, function, notes)
    files.replace(path, lambda part: part.write_text(text, encoding="utf-8"), follow=True)


def _warn_of_change(net: Network) -> None:
    """Say what reads back as something else: numbers of rows, and some names."""
    for key, table in net.tables.items():
        if key != "bus" and not np.array_equal(table.id, np.arange(1, len(table) + 1)):
            log.warning("%s: a case file numbers %s rows from 1", net.name, key)
    if net.dynamics is not None:
        log.warning("%s: a case file does not say what generators are (net.dynamics)", net.name)
    line = net.dcline
    if any(line.name):
        log.warning("%s: a case file has no names of DC lines", net.name)
    if (fixed := _constant_pf(line)).any():
        text = "%s: reactive power in a fixed ratio to a fixed power is written as fixed Q: %s"
        log.warning(text, net.name, listing(line.labels[k] for k in np.flatnonzero(fixed)))
    for table in (net.bus, net.gen, net.branch):
        changed = [name for name in table.name.tolist() if name != _one_line(name).strip()]
        if changed:
            text = "%s: names of one line, without blanks around: %s"
            log.warning(text, net.name, listing(map(repr, changed)))


def _function(net: Network, name: str) -> str:
    """A name for the function in the file, which starts as PGLib's only if that is right."""
    function = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not function[:1].isalpha() or (function.startswith(PGLIB) and net.gen.constant_pf.any()):
        return f"case_{function}"
    return function


def inexpressible(net: Network, function: str = "") -> list[Fault]:
    """Content of the network that a file with this function cannot express."""
    bus, gen, line = net.bus, net.gen, net.dcline
    found = []
    for name, column in (("P", bus.pd_current), ("Q", bus.qd_current)):
        for row in np.flatnonzero(column):
            text = f"a constant-current {name} load has no place in a case file; write .json"
            found.append(Fault(text, "bus", int(row) + 1, bus.label(int(row)), "pd_current"))
    for row in np.flatnonzero(gen.constant_pf & ~dispatchable(gen)):
        text = "a dispatchable load has Pmax = 0 in a case file; write .json"
        found.append(Fault(text, "gen", int(row) + 1, gen.label(int(row)), "pmax"))
    loads = dispatchable(gen) & (not function.startswith(PGLIB))
    for row in np.flatnonzero(loads & ~gen.constant_pf):
        text = "its limits make it a load of constant power factor in a case file; write .json"
        found.append(Fault(text, "gen", int(row) + 1, gen.label(int(row)), "constant_pf"))
    for name in ("pmin", "pmax"):
        limit = getattr(line, name)
        for row in np.flatnonzero((limit < 0) & (line.received(limit) >= 0)):
            text = f"a {name} below zero at which power arrives cannot be written in a case file"
            found.append(Fault(text, "dcline", int(row) + 1, line.label(int(row)), name))
    varies = _constant_pf(line) & (line.pmin != line.pmax)
    for row in np.flatnonzero(varies):
        text = "a ratio of Q to a P that varies has no place in a case file; write .json"
        which = "tan_phi_t" if np.isnan(line.tan_phi_f[row]) else "tan_phi_f"
        found.append(Fault(text, "dcline", int(row) + 1, line.label(int(row)), which))
    fixed = _with_fixed_q(line)
    for end in "ft":
        q = getattr(fixed, f"q{end}")
        least, most = getattr(line, f"qmin{end}"), getattr(line, f"qmax{end}")
        beyond = ~varies & _constant_pf(line) & line.in_service
        beyond &= (q < least - _ROUNDING) | (q > most + _ROUNDING)
        for row in np.flatnonzero(beyond & ~np.isnan(getattr(line, f"tan_phi_{end}"))):
            text = "the fixed ratio of Q to P is beyond the limits on Q, which the file would lose"
            found.append(
                Fault(text, "dcline", int(row) + 1, line.label(int(row)), f"tan_phi_{end}")
            )
    return found


def _constant_pf(line: DcLines) -> Flags:
    """Mask of the DC lines with a fixed ratio of Q to P at an end."""
    return np.asarray(~np.isnan(line.tan_phi_f) | ~np.isnan(line.tan_phi_t))


def _text(net: Network, function: str, notes: Iterable[str]) -> str:
    bus, gen, branch, base = net.bus, net.gen, net.branch, net.base_mva
    remarks = [line for note in notes for line in note.splitlines() or [""]]
    lines = [f"function mpc = {function}", *(f"% {line}" for line in remarks)]
    lines += ["mpc.version = '2';", f"mpc.baseMVA = {base:.17g};", ""]
    lines += _matrix(
        "bus",
        "bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin",
        [cells_of(v) for v in (bus.id, bus.type)]
        + [cells_of(v, base) for v in (bus.pd, bus.qd, bus.gs, bus.bs)]
        + [cells_of(bus.area), cells_of(bus.vm), cells_of(bus.va, DEGREE), cells_of(bus.base_kv)]
        + [cells_of(v) for v in (bus.zone, bus.vmax, bus.vmin)],
    )
    further = [getattr(gen, key) for key in (*CURVE, *RAMPS)]
    some = any(column.any() for column in (*further, gen.apf))
    lines += _matrix(
        "gen",
        "bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin"
        + f" {' '.join((*CURVE, *RAMPS))} apf".replace(" p", " P").replace(" q", " Q") * some,
        [cells_of(gen.bus)]
        + [cells_of(v, base) for v in (gen.pg, gen.qg, gen.qmax, gen.qmin)]
        + [cells_of(gen.vg), cells_of(gen.mbase), cells_of(gen.in_service.astype(int))]
        + [cells_of(v, base) for v in (gen.pmax, gen.pmin)]
        + ([cells_of(v, base) for v in further] + [cells_of(gen.apf)]) * some,
    )
    lines += _matrix(
        "branch",
        "fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax",
        [cells_of(v) for v in (branch.from_bus, branch.to_bus, branch.r, branch.x, branch.b)]
        + [
            cells_of(np.where(np.isinf(rate), 0.0, rate), base)
            for rate in (branch.rate, branch.rate_b, branch.rate_c)
        ]
        + [cells_of(np.where(branch.tap == 1, 0.0, branch.tap)), cells_of(branch.shift, DEGREE)]
        + [cells_of(branch.in_service.astype(int)), *_angle_limits(branch)],
    )
    lines += _matrix("gencost", _COST, _gen_costs(gen, base))
    if len(net.dcline):
        lines += _dclines(net.dcline, base)
    for table in (bus, gen, branch):
        if any(table.name):
            names = (_one_line(name).replace("'", "''") for name in table.name.tolist())
            quoted = [f"\t'{name}';" for name in names]
            lines += [f"mpc.{table.key}_name = {{", *quoted, "};", ""]
    return "\n".join(lines)


def _one_line(name: str) -> str:
    return " ".join(name.splitlines())


def _angle_limits(branch: Branches) -> list[list[str]]:
    """Limits as the format can say them: 360 degrees for none, almost zero where both are zero."""
    both = (branch.angmin == 0) & (branch.angmax == 0)
    cells = []
    for limits, side in ((branch.angmin, -1.0), (branch.angmax, 1.0)):
        written = np.where(np.isinf(limits), side * UNLIMITED_ANGLE / DEGREE, limits)
        cells.append(cells_of(np.where(both, side * _ALMOST_ZERO_ANGLE, written), DEGREE))
    return cells


_COST = "model startup shutdown n c(n-1)_or_x1 ..."


def _gen_costs(gen: Gens, base: float) -> list[list[str]]:
    of_q = bool(gen.cost_q.any() or gen.cost_q_points.size)
    rows = _cost_rows(gen.cost_p, gen.cost_p_points, base)
    rows += _cost_rows(gen.cost_q, gen.cost_q_points, base) * of_q
    more = np.zeros(len(gen)) if of_q else np.zeros(0)
    return _cost_cells(rows, *(np.append(cost, more) for cost in (gen.startup, gen.shutdown)))


def _cost_rows(polynomial: Floats, points: Floats, base: float) -> list[list[str]]:
    """Model, number and numbers of each row."""
    used = np.flatnonzero(polynomial.any(axis=0))
    width = max(3, int(used[-1]) + 1 if len(used) else 0)
    per, found = cost_units(base, width).tolist(), []
    for coefficients, given in zip(polynomial, points, strict=True):
        pairs = given[~np.isnan(given[:, 0])].tolist()
        if pairs:
            cells = [
                digits(v, u, 1.0) for pair in pairs for v, u in zip(pair, (base, 1.0), strict=True)
            ]
            found.append([str(PIECEWISE), str(len(pairs)), *cells])
        else:
            cells = [digits(float(coefficients[k]), 1.0, per[k]) for k in range(width - 1, -1, -1)]
            found.append([str(POLYNOMIAL), str(width), *cells])
    return found


def _cost_cells(rows: list[list[str]], startup: Floats, shutdown: Floats) -> list[list[str]]:
    """Columns of a cost table, filled up with zeros."""
    width = max((len(row) for row in rows), default=0)
    cells = [
        [
            model,
            digits(float(start), 1.0, 1.0),
            digits(float(stop), 1.0, 1.0),
            *rest,
            *["0"] * (width - 1 - len(rest)),
        ]
        for (model, *rest), start, stop in zip(rows, startup, shutdown, strict=True)
    ]
    return [list(column) for column in zip(*cells, strict=True)]


def _dclines(line: DcLines, base: float) -> list[str]:
    line = _with_fixed_q(line)
    arrives = line.received(line.pf)
    limits = []
    for end in (line.pmin, line.pmax):
        values = zip(end.tolist(), line.loss0.tolist(), line.loss1.tolist(), strict=True)
        limits.append([_limit(*one, base) for one in values])
    lines = _matrix(
        "dcline",
        "fbus tbus status Pf Pt Qf Qt Vf Vt Pmin Pmax QminF QmaxF QminT QmaxT loss0 loss1",
        [cells_of(line.from_bus), cells_of(line.to_bus), cells_of(line.in_service.astype(int))]
        + [cells_of(v, base) for v in (line.pf, arrives, line.qf, line.qt)]
        + [cells_of(line.vf), cells_of(line.vt), *limits]
        + [cells_of(v, base) for v in (line.qminf, line.qmaxf, line.qmint, line.qmaxt, line.loss0)]
        + [cells_of(line.loss1)],
    )
    if line.cost.any() or line.cost_points.size:
        rows, none = _cost_rows(line.cost, line.cost_points, base), np.zeros(len(line))
        lines += _matrix("dclinecost", _COST, _cost_cells(rows, none, none))
    return lines


def _with_fixed_q(line: DcLines) -> DcLines:
    """Limits on Q at its only value, where it is in a fixed ratio to a fixed P."""
    columns = {}
    for end, tan_phi, p in (
        ("f", line.tan_phi_f, line.pmin),
        ("t", line.tan_phi_t, line.received(line.pmin)),
    ):
        for name in (f"q{end}", f"qmin{end}", f"qmax{end}"):
            columns[name] = np.where(np.isnan(tan_phi), getattr(line, name), -tan_phi * p)
    return line.replace(**columns)


def _limit(limit: float, loss0: float, loss1: float, base: float) -> str:
    """A limit on the flow at the from bus as the format has it: a negative one at the to bus."""
    if limit >= 0 or not np.isfinite(limit):
        return digits(limit, base, 1.0)
    near = received(limit, loss0, loss1) * base
    tried = [near]
    for way in (-np.inf, np.inf):
        value = near
        for _ in range(_STEPS):
            value = float(np.nextafter(value, way))
            tried.append(value)
    one = [np.array([number]) for number in (loss0, loss1)]
    away = [abs(float(at_from(np.array([value]) / base, *one)[0]) - limit) for value in tried]
    return f"{tried[int(np.argmin(away))]:.17g}"


def _matrix(key: str, header: str, columns: list[list[str]]) -> list[str]:
    rows = ["\t" + "\t".join(cells) + ";" for cells in zip(*columns, strict=True)]
    names = "\t".join(header.split())
    return [f"%\t{names}", f"mpc.{key} = [", *rows, "];", ""]
