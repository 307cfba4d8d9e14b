"""The base case of a sweep, out of which a worker makes any of its problems."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices import device_table
from scopf.devices import inverter_share as shares
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.devices.parameters import refuse_both
from scopf.devices.units import Units
from scopf.errors import ScopfError
from scopf.model.building import build
from scopf.model.problem import Problem
from scopf.model.quantities import OF_INVERTERS, PAIRS, QUANTITIES
from scopf.model.scenario import Scenario
from scopf.network import outages
from scopf.network.network import Network
from scopf.network.outages import Outage
from scopf.stability.criterion import Criterion
from scopf.sweeps.checking import Checking
from scopf.sweeps.columns import Value, split
from scopf.sweeps.hour_settings import Coupled

if TYPE_CHECKING:
    import pandas as pd

_KEPT = 100_000  # droops that are kept for scenarios to come
INVALID = "invalid"  # status of a scenario that there is no problem for


class Unsolvable(Exception):  # noqa: N818 - it says what the scenario is, not what went wrong
    """There is no problem to solve: a status and a sentence."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Topology:
    """Choices that make a problem of its own; None is as in the base case."""

    lossless: bool | None = None
    criterion: str | None = None
    capability: bool | None = None
    limit: str | None = None
    outage: int | None = None
    inverter_share: float | None = None

    def out(self, net: Network) -> Outage | None:
        """The branch that is out in all scenarios.

        Raises:
            Unsolvable: when there is no such branch.
        """
        if self.outage is None:
            return None
        try:
            (found,) = outages.read([self.outage], net.energized())
        except ScopfError as error:
            text = f"there is no branch {self.outage} in service"
            raise Unsolvable(INVALID, text) from error
        return found


@dataclass(frozen=True, eq=False)
class Base:
    """The base case.

    Attributes:
        net: the network.
        inverters: at which buses, with which droops; None for every generator, by `keywords`.
        keywords: for `Inverters.at_generators`.
        criterion: name or object.
        scenario: numbers of the base case; None for those of `build`.
        solving: keyword arguments of `solve`.
        declared: quantities that every problem has to be built with, to be updated later.
        given: a problem that the user has extended, which is what is solved then.
        security: outages in every dispatch, and soft limits, as keywords of `build`.
        coupled: hours of every dispatch, with storage and ramps; None for a single hour.
        devices: machines and grid-following inverters of every dispatch; None without any.
        plain: whether each scenario is solved without stability rows as well.
        checking: exact checks of the scenarios.
    """

    net: Network
    inverters: Inverters | None = None
    keywords: Mapping[str, Any] = field(default_factory=dict)
    criterion: str | Criterion = "voltage-difference"
    scenario: Scenario | None = None
    solving: Mapping[str, Any] = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    given: Problem | None = None
    security: Mapping[str, Any] = field(default_factory=dict)
    coupled: Coupled | None = None
    devices: Devices | None = None
    plain: bool = False
    checking: Checking = field(default_factory=Checking)

    def network(self, topology: Topology) -> Network:
        """The network of a topology.

        Raises:
            Unsolvable: when it cannot be made lossless, or there is no such branch.
        """
        try:
            net = self.net.lossless() if topology.lossless else self.net
        except ScopfError as error:
            raise Unsolvable(INVALID, str(error)) from error
        out = topology.out(net)
        return net if out is None else out.applied(net)

    def units(self, net: Network) -> Inverters:
        """The inverters."""
        if self.inverters is None:
            return Inverters.at_generators(net, **self.keywords)
        return self.inverters

    def units_by_percent(self, net: Network) -> Inverters:
        """The inverters with droops in per cent of their ratings.

        Raises:
            ScopfError: when their ratings are none.
        """
        return Inverters.at_generators(net, **self.keywords, droop_percent=1.0)

    def with_share(self, wanted: float) -> tuple[Inverters, Devices | None]:
        """Inverters and devices where inverters have a share of Pmax, in the base case's network.

        Raises:
            ScopfError: when there are no devices, or the inverters that were given differ.
        """
        if self.devices is None:
            shares.refuse_without_devices({"inverter_share": wanted})
        table = device_table.read_table(self.devices, self.net)
        table, inverters = shares.applied(table, self.inverters, self.net, wanted)
        if inverters is None:
            units = {**self.keywords, "without": list(table.rows)}
            inverters = Inverters.at_generators(self.net, **units)
        return inverters, table.devices

    def problem(self, topology: Topology) -> Problem:
        """Build the problem of a topology, its numbers those of the base case.

        Raises:
            Unsolvable: when there is none.
        """
        if self.given is not None:
            return self.given
        net = self.network(topology)
        criterion = topology.criterion or self.criterion
        numbers: dict[str, Any] = {}
        if (
            self.scenario is not None
        ):  # a droop margin only if it was given: the criterion may differ
            numbers = self.scenario.keywords
        numbers |= self.security
        if numbers.get("outages"):  # those of what is out already are none
            there = net.energized()
            numbers["outages"] = [one for one in numbers["outages"] if one.is_of(there)] or None
        if self.coupled is not None:
            numbers |= self.coupled.keywords(net)
        for name in self.declared:
            if numbers.get(name) is None:
                numbers[name] = 0.0
        for choice in ("capability", "limit"):
            if (value := getattr(topology, choice)) is not None:
                numbers[choice] = value
        try:
            if topology.inverter_share is None:
                units, devices = self.units(self.net), self.devices
            else:
                units, devices = self.with_share(topology.inverter_share)
            return build(net, units, criterion=criterion, **numbers | {"devices": devices})
        except ScopfError as error:
            raise Unsolvable(INVALID, str(error)) from error

    @cached_property
    def hash(self) -> str:
        """Equal for base cases of the same numbers."""
        digest = hashlib.sha256(repr(self.net.base_mva).encode())
        for table in (*self.net.tables.values(), self.inverters):
            _feed(digest, table)
        for key, value in sorted(self.keywords.items()):
            digest.update(f"{key}={_text(value)}".encode())
        rule = self.criterion if isinstance(self.criterion, str) else identity(self.criterion)
        digest.update(f"{rule} {self.scenario}".encode())
        if self.devices is not None:
            _feed(digest, self.devices.machines)
            _feed(digest, self.devices.followers)
        if self.net.dynamics is not None:
            digest.update(self.net.dynamics.to_csv(index=False).encode())
        if self.security:
            digest.update(repr(sorted(self.security.items())).encode())
        return digest.hexdigest()

    @property
    def comparable(self) -> bool:
        """Whether another process would find the same hash."""
        return isinstance(self.criterion, str) or identity(self.criterion) is not None


class Changes:
    """Gives a problem the values of a scenario; holds no state of its own.

    Every value is given every time, so a scenario does not depend on the one before it.
    """

    def __init__(self, base: Base, problem: Problem) -> None:
        self._base = base
        self._net = problem.base if problem.horizon is None else problem.given.energized()
        self._initial, self._inverters = problem.scenario, problem.own_inverters
        self._droops: dict[tuple[str, float], Inverters] = {}

    def apply(self, problem: Problem, values: Mapping[str, Value]) -> Problem:
        """The problem, updated.

        Args:
            problem: to update, or one that was built in the same way.
            values: of the scenario's columns; None for what the base case has.

        Raises:
            ScopfError: as `Problem.update` raises it.
        """
        found: dict[str, Any] = {}
        each: dict[str, dict[int, float]] = {}
        for column, value in values.items():
            name, own = split(column)
            if name not in QUANTITIES:
                continue
            found.setdefault(name, values.get(name))
            if own is not None and value is not None and not self._is_idle(name, own):
                each.setdefault(name, {})[own] = float(value)
        given = {name for name, value in found.items() if value is not None} | each.keys()
        inverters = problem.own_inverters
        if not found.keys().isdisjoint(OF_INVERTERS):
            inverters = self._with_droops(
                {name: found.pop(name, None) for name in OF_INVERTERS},
                {name: each.pop(name, None) for name in OF_INVERTERS},
            )
        changes = {
            name: getattr(self._initial, name) if value is None else value
            for name, value in found.items()
        }
        for name, numbers in each.items():
            changes[name] = self._spread(name, changes[name]) | numbers
        self._one_of_each_pair(changes, given)
        return problem.change(inverters, changes)

    def _is_idle(self, name: str, own: int) -> bool:
        """Whether a bus or unit is not energized, or no inverter, in this topology."""
        out = self._net.unserved
        if QUANTITIES[name].owner == "inverter" and own not in self._inverters.bus:
            return True
        return own in (out.gen if QUANTITIES[name].owner == "gen" else out.bus)

    def restore(self, problem: Problem, columns: Iterable[str]) -> None:
        """Give a problem the numbers of the base case again, those of these columns."""
        self.apply(problem, dict.fromkeys(columns))
        problem.scenario = self._initial

    def _with_droops(self, every: Mapping[str, Any], own: Mapping[str, Any]) -> Inverters:
        """The inverters with this droop of every unit, and these of whole inverters.

        Args:
            every: m_q and droop in per cent, by the names of `OF_INVERTERS`, or None.
            own: the same by bus.
        """
        found, base = self._inverters, self._base.keywords.get("droop_base", "system")
        refuse_both(*(every[name] or own[name] for name in OF_INVERTERS))
        for name, value in every.items():
            if value is None:
                continue
            if (name, value) not in self._droops:
                if len(self._droops) * len(found) > _KEPT:
                    self._droops.clear()
                self._droops[name, value] = found.with_droops(droop_base=base, **{name: value})
            found = self._droops[name, value]
        return found.with_droops(droop_base=base, **own) if any(own.values()) else found

    def _spread(self, name: str, value: Any) -> dict[int, float]:
        """A number by bus, inverter or generator."""
        if isinstance(value, Mapping):
            return dict(value)
        owners = {"inverter": self._inverters.bus, "gen": self._net.gen.id, "bus": self._net.bus.id}
        ids = np.asarray(owners[QUANTITIES[name].owner]).tolist()
        return {} if value is None else dict.fromkeys(ids, value)

    def _one_of_each_pair(self, changes: dict[str, Any], given: Collection[str]) -> None:
        """Keep one of two numbers that exclude each other: the scenario's, else the base case's."""
        for first, second in PAIRS:
            if (
                first in OF_INVERTERS
                or {first, second}.isdisjoint(changes)
                or {first, second} <= set(given)
            ):
                continue  # `update` refuses both
            of_base = first not in given and getattr(self._initial, second)
            kept, left = (second, first) if second in given or of_base else (first, second)
            changes.setdefault(kept, getattr(self._initial, kept))
            changes.pop(left, None)


def identity(criterion: Criterion) -> str | None:
    """Class, name and attributes of a criterion; None where that does not say what it does."""
    kind = type(criterion)
    parts = [f"{kind.__module__}.{kind.__qualname__}", getattr(criterion, "name", "")]
    slots = [name for one in kind.__mro__ for name in vars(one).get("__slots__", ())]
    own = {name: getattr(criterion, name) for name in slots if hasattr(criterion, name)}
    try:
        parts.append(_canonical({**own, **getattr(criterion, "__dict__", {})}))
    except TypeError:
        return None
    return " ".join(parts)


def _canonical(value: Any) -> str:
    """A text that is equal for equal values, in every process.

    Raises:
        TypeError: when there is none.
    """
    if value is None or isinstance(value, (str, int, float)):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"{value.dtype}{value.shape}{digest}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_canonical, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(map(_canonical, value)))}}}"
    if isinstance(value, Mapping):
        pairs = sorted(f"{_canonical(k)}:{_canonical(v)}" for k, v in value.items())
        return f"{{{','.join(pairs)}}}"
    raise TypeError(type(value).__name__)


def _feed(digest: Any, table: Any) -> None:
    if table is None:
        return
    for part in dataclasses.fields(table):
        value = getattr(table, part.name)
        digest.update(part.name.encode())
        if isinstance(value, np.ndarray) and value.dtype != object:
            digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, np.ndarray):  # of texts
            digest.update(repr(value.tolist()).encode())
        elif isinstance(value, Units):
            _feed(digest, value)
        else:
            digest.update(repr(value).encode())


def _text(value: Any) -> str:
    if hasattr(value, "to_csv"):
        frame: pd.DataFrame = value
        text = io.StringIO()
        frame.to_csv(text, index=False)
        return text.getvalue()
    return repr(value)
