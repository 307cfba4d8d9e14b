"""Content of a network that a .raw file and the table of costs beside it do not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scopf.cases.psse import contents, vscwriter
from scopf.cases.psse.records import LONGEST_NAME, shortened
from scopf.errors import Fault, listing
from scopf.network import identifiers
from scopf.network.network import Network
from scopf.network.tables import REFERENCE, Table

_LARGEST_BUS = 999_997
_NO_EFFECT = ("ramp_agc", "ramp_10", "ramp_30", "ramp_q", "apf", "startup", "shutdown")
_ROUNDING = 1e-12  # p.u.


def faults(net: Network) -> list[Fault]:
    """Content for which the format has no numbers."""
    found = []
    for row in np.flatnonzero((net.bus.id > _LARGEST_BUS) | (net.bus.id < 1)).tolist():
        text = f"numbers of buses are 1 to {_LARGEST_BUS} in a .raw file"
        found.append(Fault(text, "bus", row + 1, net.bus.label(row), "id"))
    given: tuple[tuple[Table, list[str]], ...] = (
        (net.gen, identifiers.machines(net)), (net.branch, identifiers.circuits(net)),
    )  # fmt: skip
    for table, own_of in given:
        for row, own in enumerate(own_of):
            if not own:
                text = "a .raw file has no identifier of two letters left for it"
                found.append(Fault(text, table.key, row + 1, table.label(row)))
    return found


def sentences(net: Network) -> list[str]:
    """A clause on everything that is left out, or that reads back as something else."""
    return [*_of_branches(net), *_of_generators(net), *_of_dclines(net), *_of_names(net)]


def _named(text: str, table: Table, where: Any) -> Iterator[str]:
    """A clause about the rows of a mask, if there are any."""
    if where.any():
        labels = (table.label(row) for row in np.flatnonzero(where).tolist())
        yield f"{text} ({listing(labels, most=5)})"


def _of_branches(net: Network) -> Iterator[str]:
    branch, bus = net.branch, net.bus
    limited = np.isfinite(branch.angmin) | np.isfinite(branch.angmax)
    yield from _named("angle limits", branch, limited & branch.in_service)
    text = "charging of transformers, which becomes shunts at their buses, beyond their ratings"
    yield from _named(text, branch, contents.charged(net))
    yield from _named("upper limits of voltage that are infinite", bus, np.isinf(bus.vmax))
    held = np.isin(bus.id, net.gen.bus[net.gen.in_service])
    text = "angles of reference buses, which a machine has to hold"
    yield from _named(text, bus, (bus.type == REFERENCE) & ~held)
    places = np.argsort(contents.are_transformers(net), kind="stable")
    if not np.array_equal(branch.id[places], np.arange(1, len(branch) + 1)):
        yield "the numbers of branches, which are counted again, lines first"


def _of_generators(net: Network) -> Iterator[str]:
    gen = net.gen
    yield from _named("P-Q curves", gen, gen.has_curve & gen.in_service)
    yield from _named("constant power factors of loads", gen, gen.constant_pf & gen.in_service)
    beyond = gen.cost_p[:, 3:].any(axis=1) | gen.cost_q[:, 3:].any(axis=1)
    yield from _named("costs of a higher order than 2", gen, beyond)
    curved = ~np.isnan(gen.cost_q_points).all(axis=(1, 2))
    yield from _named("piecewise-linear costs of reactive power", gen, curved)
    there = np.any([getattr(gen, name) != 0 for name in _NO_EFFECT], axis=0)
    if net.dynamics is not None:
        yield "what generators are (net.dynamics), which is in .json"
    yield from _named("ramp rates, participation factors and costs of startup", gen, there)
    infinite = [np.isinf(getattr(gen, name)) for name in ("pmin", "pmax", "qmin", "qmax")]
    yield from _named("infinite limits of P and Q", gen, np.any(infinite, axis=0))
    if not np.array_equal(gen.id, np.arange(1, len(gen) + 1)):
        yield "the numbers of generators, which are counted again"


def _of_dclines(net: Network) -> Iterator[str]:
    line, sent = net.dcline, vscwriter.power(net)
    if not len(line):
        return
    on = vscwriter.in_service(net)
    yield from _named("the kind of DC lines, which all have voltage source converters", line, on)
    ranges = (line.pmin != line.pmax) | (sent != line.pf)
    text = "ranges of power of DC lines, which are fixed at their present power and losses"
    yield from _named(text, line, on & ranges)
    costly = line.cost.any(axis=1) | ~np.isnan(line.cost_points).all(axis=(1, 2))
    yield from _named("costs of DC lines", line, costly)
    text = "directions of DC lines, which begin where power is drawn"
    yield from _named(text, line, on & (sent < 0))
    gains = line.received(sent) > sent + _ROUNDING
    yield from _named("losses of DC lines below zero", line, on & gains)


def _of_names(net: Network) -> Iterator[str]:
    cut = [name for name in net.bus.name.tolist() if shortened(name, LONGEST_NAME) != name]
    if cut:
        text = f"names of buses beyond {LONGEST_NAME} letters, or with quotes or blanks around"
        yield f"{text} ({listing(map(repr, cut), most=5)})"
    written = vscwriter.names(net)
    pairs = zip(net.dcline.name.tolist(), written, strict=True)
    if changed := [name for name, own in pairs if name and name != own]:
        yield f"names of DC lines ({listing(map(repr, changed), most=5)})"
    of_machines, of_circuits = identifiers.names(net)
    lost = [*_lost(net.gen.name, of_machines), *_lost(net.branch.name, of_circuits)]
    if lost:
        yield f"names of generators and branches ({listing(map(repr, lost), most=5)})"


def _lost(names: Any, read: Iterable[str]) -> list[str]:
    return [name for name, own in zip(names.tolist(), read, strict=True) if name and name != own]
