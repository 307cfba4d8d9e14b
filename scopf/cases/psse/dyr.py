"""Dynamics files of PSS/E (.dyr) as tables of devices for the machines of a .raw file."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf.cases import decoding
from scopf.cases.approximations import Approximations
from scopf.cases.psse import lexing
from scopf.cases.psse.dyr_models import EXCITER, GOVERNOR, MACHINE, MODELS, Model, Parameters
from scopf.cases.psse.reading import Records
from scopf.devices.device_table import LAYOUT
from scopf.devices.machine import CLASSICAL, ONE_AXIS, REGULATED
from scopf.errors import CaseError, Fault, counted, listing
from scopf.network.network import Network

if TYPE_CHECKING:
    import pandas as pd

_MOST = 5  # machines or models that a sentence names
_USER = "USRMDL"  # a record that has the name of its model, and six numbers on it, behind ID
_HEAD, _USER_HEAD = 3, 10  # fields before the parameters
_CHECKS = {column.name: column for column in LAYOUT.columns}
Key = tuple[int, str]  # bus and identifier of a machine


@dataclass
class _Record:
    """One record.

    Attributes:
        line: its first one.
        fields: all of it, as `lexing.Line` has them.
    """

    line: int
    fields: list[str] = field(default_factory=list)

    @property
    def model(self) -> str:
        """Name of the model, that of a user's model included."""
        words = [lexing.words(one).upper() for one in self.fields[1:4:2]]
        if words[0] == _USER and len(words) > 1:
            return words[1]
        return words[0]

    @property
    def parameters(self) -> list[str]:
        """Fields of its parameters."""
        wrapped = lexing.words(self.fields[1]).upper() == _USER
        return self.fields[_USER_HEAD if wrapped else _HEAD :]

    def label(self) -> str:
        """The model and the machine: "GENROU 101 '1'"."""
        bus, own = lexing.shown(self.fields[0]), lexing.words(self.fields[2])
        return f"{self.model} {bus} '{own}'"


def read(path: str | os.PathLike[str], machines: Records, net: Network) -> Network:
    """The network with the devices of a .dyr file, and a sentence on all that is left out.

    Args:
        path: the file.
        machines: generator records of the .raw file.
        net: the network of that file, whose first generators are these machines.

    Raises:
        CaseError: listing every fault of the file with line and record.
    """
    path = Path(path)
    notes = Approximations(str(path))
    reader = _Reader(path.name, machines, net)
    reader.read(decoding.text(path, notes))
    if reader.faults:
        raise CaseError(str(path), reader.faults)
    table = reader.table()
    for text in reader.sentences():
        notes.add(text)
    return notes.of(net.replace(dynamics=table))


class _Reader:
    """Devices out of records, with all faults."""

    def __init__(self, name: str, machines: Records, net: Network) -> None:
        self.name, self.net = name, net
        buses, own = machines.wholes("I").tolist(), machines.texts("ID")
        live = set(net.energized().gen.id.tolist())
        self.gens: dict[Key, int] = {key: k for k, key in enumerate(zip(buses, own, strict=True))}
        self.reactance = machines.floats("ZX", default=1.0).tolist()
        self.mbase = net.gen.mbase.tolist()
        self.live = [gen in live for gen in net.gen.id.tolist()]
        self.faults: list[Fault] = []
        self.found: dict[Key, dict[str, tuple[_Record, dict[str, Any]]]] = defaultdict(dict)
        self.used: dict[str, list[Key]] = defaultdict(list)
        self.unmapped: dict[str, list[str]] = defaultdict(list)
        self.absent, self.idle = list[str](), list[str]()
        self.without_effect: dict[str, list[str]] = defaultdict(list)

    def read(self, text: str) -> None:
        """All records."""
        record = _Record(0)
        for number, content in lexing.lines(text)[0]:
            line = lexing.line(number, content)
            if line.fault:
                self._fault(line.fault, _Record(number))
            if line.fields and not record.fields:
                record.line = number
            record.fields += line.fields
            if line.closed:
                if record.fields:
                    self._record(record)
                record = _Record(0)
        if record.fields:
            self._fault("the record is not closed by a /", record)

    def _record(self, record: _Record) -> None:
        if len(record.fields) < _HEAD:
            self._fault("a record has a bus, a model and an identifier", record)
            return
        name = record.model
        model = MODELS.get(name)
        if model is None:
            place = f"{lexing.shown(record.fields[0])} '{lexing.words(record.fields[2])}'"
            self.unmapped[name].append(place)
            return
        try:
            bus = lexing.whole(record.fields[0])
        except ValueError as error:
            self._fault(f"{error} (the bus)", record)
            return
        key = bus, lexing.words(record.fields[2])
        values = self._values(model, record, self.gens.get(key))
        if key not in self.gens:
            self.absent.append(record.label())
        elif not self.live[self.gens[key]]:
            self.idle.append(record.label())
        elif model.role in self.found[key]:
            first = self.found[key][model.role][0]
            text = f"the machine has another {model.role} model, {first.label()} in line "
            self._fault(f"{text}{first.line}", record)
        elif values is not None:
            self.found[key][model.role] = record, values
            self.used[name].append(key)

    def _values(self, model: Model, record: _Record, row: int | None) -> dict[str, Any] | None:
        """The device that a record describes; None after a fault."""
        given = record.parameters
        start = model.first(len(given))
        if start < 0:
            least = f"at least {len(model.names)}"
            if model.icons:
                least = " or ".join(str(n + len(model.names)) for n in sorted(model.icons))
            self._fault(
                f"has {counted(len(given), 'parameter', 'parameters')}, not {least}", record
            )
            return None
        before, found = len(self.faults), Parameters()
        for name, token in zip(model.names, given[start:], strict=False):
            try:
                if not token:
                    raise ValueError(f"{name} is missing")
                found[name] = lexing.number(token)
            except ValueError as error:
                text = str(error)
                self._fault(text if name in text else f"{text} ({name})", record, name)
        if len(self.faults) > before:
            return None
        known = row is not None
        found["MBASE"] = self.mbase[row] if known else self.net.base_mva
        found["ZX"] = self.reactance[row] if known else 1.0
        try:
            values = model.values(found)
        except (ValueError, OverflowError) as error:
            self._fault(str(error), record)
            return None
        numbers = {n: x for n, x in values.items() if n != "device"}
        for name, value in numbers.items():
            if not math.isfinite(value) or (name == "gain" and value < 0):
                self._fault(f"gives a {name} of {value:g}", record)
            elif name in _CHECKS and (text := _CHECKS[name].fault(value)):
                self._fault(f"{name} {text}", record)
        return values if len(self.faults) == before else None

    def _fault(self, text: str, record: _Record, column: str = "") -> None:
        label = record.label() if len(record.fields) >= _HEAD else ""
        self.faults.append(Fault(text, f"line {record.line}", label=label, column=column))

    # -- the table -------------------------------------------

    def table(self) -> pd.DataFrame:
        """A row for each machine in service that has a model."""
        import pandas as pd

        made = [self._row(key, parts) for key, parts in self.found.items()]
        rows = sorted(filter(None, made), key=lambda row: row["gen"])
        names = ["gen", "device", *(n for n in _CHECKS if n != "device")]
        used = [name for name in names if any(name in row for row in rows)]
        table = pd.DataFrame(rows, columns=used if rows else names[:2], dtype=object)
        return table.where(table.notna(), None)

    def _row(self, key: Key, parts: dict[str, Any]) -> dict[str, Any] | None:
        """One device of up to three records."""
        if MACHINE not in parts:
            for record, _ in parts.values():
                self.without_effect["no generator model"].append(record.label())
            return None
        at = self.gens[key]
        row = {"gen": int(self.net.gen.id[at]), **parts[MACHINE][1], "s_mva": self.mbase[at]}
        kind = row["device"]
        for role, kinds in ((EXCITER, (ONE_AXIS,)), (GOVERNOR, (ONE_AXIS, CLASSICAL))):
            if role in parts and kind not in kinds:
                text = f"a device {kind} has no {role}"
                self.without_effect[text].append(parts[role][0].label())
        if kind == ONE_AXIS and EXCITER in parts:
            record, regulator = parts[EXCITER]
            if regulator["ka"] > 0:
                row |= {"device": REGULATED, **regulator}
            else:
                self.without_effect["no gain"].append(record.label())
        if kind in (ONE_AXIS, CLASSICAL) and GOVERNOR in parts:
            record, governor = parts[GOVERNOR]
            row["d"] += governor.get("d", 0.0)
            if governor["gain"] > 0:
                row |= {"r": 1 / governor["gain"], "tg": governor["tg"]}
            else:
                self.without_effect["no droop"].append(record.label())
        return row

    # -- what is left out -------------------------------------------

    def sentences(self) -> Iterable[str]:
        """A sentence for models that are read alike, and on what is not used."""
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, keys in self.used.items():
            model = MODELS[name]
            alike[model.device, model.left_out].append(f"{len(keys)} {name}")
        for (device, left_out), names in alike.items():
            yield f"{listing(names, most=40)}: read as {device}, without {left_out}"
        infinite = [key for key, parts in self.found.items() if _infinite(parts)]
        if infinite:
            text = "H is 0, an infinite machine: an inertia of 100000 s stands for it"
            yield f"{text} at {listing(map(_machine, infinite), _MOST)}"
        if self.unmapped:
            parts = [
                f"{len(places)} {name} ({listing(places, _MOST)})"
                for name, places in self.unmapped.items()
            ]
            yield f"models that are left out, their machines kept: {listing(parts, most=40)}"
        for why, labels in self.without_effect.items():
            yield (
                f"{counted(len(labels), 'record has', 'records have')} no effect ({why}): "
                f"{listing(labels, _MOST)}"
            )
        for what, labels in (
            ("that the .raw file does not have", self.absent),
            ("out of service", self.idle),
        ):
            if labels:
                count = counted(len(labels), "record is of a machine", "records are of machines")
                yield f"{count} {what}: {listing(labels, _MOST)}"
        yield from self._without_record()

    def _without_record(self) -> Iterable[str]:
        modelled = {self.gens[key] for key, parts in self.found.items() if MACHINE in parts}
        names = self.net.gen.name
        bare = [str(names[k]) for k, on in enumerate(self.live) if on and k not in modelled]
        if bare:
            one = "generator in service has no generator model and counts"
            several = "generators in service have no generator model and count"
            text = counted(len(bare), one, several)
            yield f"{text} as constant power: {listing(bare, _MOST)}"


def _infinite(parts: dict[str, Any]) -> bool:
    """Whether a machine has no inertia in its record."""
    if MACHINE not in parts:
        return False
    record, values = parts[MACHINE]
    return values["device"] == CLASSICAL and lexing.number(record.parameters[0]) == 0


def _machine(key: Key) -> str:
    return f"{key[0]} '{key[1]}'"
