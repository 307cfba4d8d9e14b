"""Contingency files of PSS/E (.con): outages of branches and machines by bus and identifier.

A transformer of three windings is the three branches to its star point, which the reader of .raw
files names after it. Circuits and machines of other cases are numbered, see
`scopf.network.identifiers`.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from scopf import files
from scopf.errors import CaseError, Fault
from scopf.network import statements
from scopf.network.named_elements import Member, NamedElements
from scopf.network.network import Network
from scopf.network.statements import Statement, Word

log = logging.getLogger(__name__)

_MOST = 100_000  # outages of a statement
_FILE = (statements.BEGIN, statements.END, *statements.AUTOMATIC, *statements.WITHOUT_EFFECT)
_CASE = (*statements.EVENTS, statements.END)
_ONE = "1"  # the circuit where none is given
_Pairs = Iterator[tuple[Member, ...]]


@dataclass(frozen=True)
class Contingency:
    """Elements that are lost together.

    Attributes:
        name: "" for one that a statement for many has made.
        branches, gens: ids, without repetition.
    """

    name: str = ""
    branches: tuple[int, ...] = ()
    gens: tuple[int, ...] = ()


def read(path: str | os.PathLike[str], net: Network) -> list[Contingency]:
    """The contingencies of a file.

    Args:
        path: of the file.
        net: the network, elements out of service included.

    Raises:
        CaseError: listing all that is not understood or not there, with the line.
    """
    source = os.fspath(path)
    reader = _Reader(NamedElements(net))
    try:
        reader.read(_text(source))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(source, [Fault(f"cannot be read: {reason}")]) from error
    if not reader.found and not reader.faults:
        reader.faults.append(Fault("there is no contingency in this file"))
    if reader.faults:
        raise CaseError(source, reader.faults)
    return reader.found


def _text(source: str) -> str:
    try:
        return files.text(source)
    except UnicodeDecodeError:  # in names and comments
        return files.text(source, encoding="latin-1", errors="replace")


class _Block:
    """The contingency that is being read."""

    def __init__(self, line: int) -> None:
        self.line, self.name = line, ""
        self.branches, self.gens = dict[int, None](), dict[int, None]()
        self.sound = True  # whether all its lines could be read


class _Reader:
    """Reads line by line, and collects contingencies and faults."""

    def __init__(self, elements: NamedElements) -> None:
        self.found, self.faults = list[Contingency](), list[Fault]()
        self._elements = elements
        self._block: _Block | None = None
        self._names, self._made = set[str](), set[Contingency]()
        self._ended = False

    def read(self, text: str) -> None:
        """All lines."""
        for number, line in enumerate(text.split("\n"), 1):
            try:
                words = statements.words(line)
                if words and self._ended:
                    self._fault(number, "there is more after the END of the file")
                    return
                if words:
                    self._line(number, words)
            except ValueError as error:
                self._fault(number, str(error))
        self._not_ended()

    def _line(self, number: int, words: list[Word]) -> None:
        if words[0].is_keyword("CONTINGENCY"):
            self._not_ended()
            self._block = _Block(number)
            self._begin(self._block, words)
        elif self._block is not None:
            given = statements.statement(words, _CASE)
            if given.form == statements.END:
                self._end(self._block)
            else:
                self._event(self._block, given)
        elif words[0].is_keyword("OPEN", "TRIP", "DISCONNECT", "REMOVE"):
            raise ValueError(f"this stands in no contingency; one begins with {statements.BEGIN}")
        else:
            given = statements.statement(words, _FILE)
            self._ended = given.form == statements.END
            if given.form in statements.AUTOMATIC:
                self._automatic(number, given)

    def _begin(self, block: _Block, words: list[Word]) -> None:
        block.name = statements.statement(words, (statements.BEGIN,)).fields["name"]
        if block.name in self._names:
            raise ValueError("a contingency of this name is there twice")
        self._names.add(block.name)

    def _end(self, block: _Block) -> None:
        if block.branches or block.gens:
            lost = Contingency(block.name, tuple(block.branches), tuple(block.gens))
            self.found.append(lost)
        elif block.sound:
            self._fault(block.line, "no branch and no machine is lost")
        self._block = None

    def _not_ended(self) -> None:
        if self._block is not None:
            self._fault(self._block.line, "no END ends this contingency")
            self._block = None

    def _event(self, block: _Block, given: Statement) -> None:
        elements = self._elements
        i, j, k = (given.number(letter) for letter in "ijk")
        circuit = given.fields.get("c", _ONE)
        branches, gens = list[int](), list[int]()
        if given.form == statements.MACHINE:
            gens = [elements.machine(i, given.fields["m"])]
        elif given.form == statements.WINDING:
            branches = [elements.winding(i, j, k, circuit)]
        elif given.form == statements.BUS:
            branches, gens = elements.at_bus(i)
        elif "k" in given.fields:
            branches = elements.transformer(i, j, k, circuit)
        else:
            branches = [elements.branch(i, j, circuit)]
        block.branches |= dict.fromkeys(branches)
        block.gens |= dict.fromkeys(gens)

    def _automatic(self, number: int, given: Statement) -> None:
        of_machines = given.form in statements.OF_MACHINES
        members = self._members(given)
        groups = list(itertools.islice(_together(given.keywords[0], members), _MOST + 1))
        if len(groups) > _MOST:
            raise ValueError(f"these are more than {_MOST} outages, the most that are read")
        if not groups:
            log.warning("line %d of the contingencies makes no outage", number)
        for group in groups:
            ids = tuple(dict.fromkeys(one for member in group for one in member.ids))
            lost = Contingency("", () if of_machines else ids, ids if of_machines else ())
            if lost not in self._made:  # two areas have the same ties
                self._made.add(lost)
                self.found.append(lost)

    def _members(self, given: Statement) -> list[Member]:
        """Branches or machines that a statement is about, at a bus or within its place."""
        kind = next((one for one in ("bus", "area", "zone") if one.upper() in given.keywords), "")
        number = given.number("i") or given.number("n")
        inside = self._elements.buses(kind or "system", number)
        if given.form in statements.OF_MACHINES:
            return self._elements.machines_at(inside)
        found = []
        for one in self._elements.lines:
            here = len(one.ends & inside)
            whole = here == len(one.ends)
            wanted = here > 0 if kind == "bus" else whole
            if (here > 0 and not whole) if given.form == statements.TIES else wanted:
                found.append(one)
        return found

    def _fault(self, number: int, text: str) -> None:
        label = ""
        if self._block is not None:
            self._block.sound = False
            label = self._block.name
        self.faults.append(Fault(text, f"line {number}", label=label))


def _together(order: str, members: list[Member]) -> _Pairs:
    """Members that are lost together: each, all pairs, pairs at a bus, or in parallel."""
    if order == "SINGLE":
        return ((one,) for one in members)
    if order == "DOUBLE":
        return itertools.combinations(members, 2)
    return _near(members, parallel=order == "PARALLEL")


def _near(members: list[Member], *, parallel: bool) -> _Pairs:
    """Pairs between the same buses, or with a bus in common."""
    groups = defaultdict[object, list[int]](list)
    for place, one in enumerate(members):
        for key in [one.ends] if parallel else sorted(one.ends):
            groups[key].append(place)
    seen = set[tuple[int, int]]()
    for places in groups.values():
        for pair in itertools.combinations(places, 2):
            if pair not in seen:
                seen.add(pair)
                yield members[pair[0]], members[pair[1]]
