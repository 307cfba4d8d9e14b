"""The study that was asked for: its spec and its base case, from whatever was given."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scopf import files
from scopf.arrays import Ints
from scopf.cases import bundled, machines
from scopf.cases.files import load_case
from scopf.devices import device_table, mbase, ratings
from scopf.devices.fitting import inverters_beside, units_beside
from scopf.devices.gfm import Inverters
from scopf.dynamics.loads import exponents
from scopf.errors import CaseError, Fault, ScopfError, listing
from scopf.model import soft
from scopf.model.problem import Problem
from scopf.model.quantities import QUANTITIES, misfit
from scopf.network import csvtable, outages
from scopf.network.network import Network
from scopf.optimizer.option_file import outside, unknown
from scopf.stability.criterion import Criterion
from scopf.sweeps import manifest as manifests
from scopf.sweeps.base_case import Base, Changes, Unsolvable
from scopf.sweeps.columns import CHOICES, split
from scopf.sweeps.fingerprint import Fingerprint
from scopf.sweeps.hour_settings import NAMES, Coupled, refuse_tables, taken_apart
from scopf.sweeps.plan import Plan, resolved
from scopf.sweeps.settings import Settings
from scopf.sweeps.spec import Line, Spec, check, overridden, read_toml

_IN_USE = "the Pyomo model of this problem is in use, so that it"
_OF_FILE = ("dispatch_dc", "dynamics", "ignore_unsupported", "dead_islands")
_OF_CASE = ("case", *_OF_FILE)
_OF_SECURITY = (
    "outages", "emergency", "voltage_band", "frequency_band", "on_infeasible", "soft",
)  # fmt: skip
_OF_UNITS = ("beta_q", "mp", "droop_base", "rating_mva", "rating_factor")


class Study:
    """A spec and its base case."""

    def __init__(
        self, spec: Spec, base: Base, source: str = "", line: Line = lambda _: None
    ) -> None:
        _refuse(source or "sweep", unknown(spec.settings.options), line)
        net = base.net.energized()
        self.units = base.units(net)
        self._most = self.units.bus  # buses with an inverter in any scenario
        if (largest := spec.largest("inverter_share")) is not None:
            self._most = np.union1d(self._most, base.with_share(largest)[0].bus)
        self.spec = resolved(spec, net, self._most.tolist(), source, line)
        used = dict.fromkeys(split(column)[0] for column in self.spec.columns)
        if "droop_percent" in used and base.inverters is None:
            base.units_by_percent(net)
        elif "droop_percent" in used:
            ratings.warn(net, mbase.by_mbase(net, self.units))
        designs = base.scenario is not None and base.scenario.mq_bounds is not None
        numbers = [name for name in used if name in QUANTITIES]
        for name in numbers:
            if text := misfit(name, designs):
                raise ScopfError(text)
        declared = tuple(name for name in numbers if QUANTITIES[name].needs_build)
        plain = self.spec.settings.plain
        if plain and base.given is not None:
            raise ScopfError(f"{_IN_USE} cannot be rebuilt without stability rows: leave out plain")
        checking = self.spec.settings.checking
        if "load" in checking.how:
            exponents(net, checking.how["load"])  # says what is wrong with it
        base = dataclasses.replace(base, plain=plain, checking=checking)
        self.base = dataclasses.replace(base, declared=declared)
        self.plan = Plan(self.spec)
        hours = "" if base.coupled is None else base.coupled.hash
        self.fingerprint = Fingerprint(self.spec, self.plan, self.base.hash, hours)

    @classmethod
    def of(cls, study: Any, given: dict[str, Any], inverters: Any, before: Path | None) -> Study:
        """Put together what was given; what is missing comes from the run folder `before`."""
        criterion = given.get("criterion")
        own = criterion if isinstance(criterion, Criterion) else None
        if own is not None:
            del given["criterion"]
        given_units = isinstance(inverters, Inverters)
        table = None if isinstance(inverters, (str, os.PathLike)) else inverters
        if table is None and inverters is not None:
            given["inverters"] = os.fspath(inverters)
        tables = {"inverters": table, **taken_apart(given), **_devices_apart(given)}
        source, line = "sweep", None
        if isinstance(study, (str, os.PathLike)):
            path = _spec_file(os.fspath(study))
            if path is None:
                given["case"] = os.fspath(study)
            else:
                content, line = read_toml(path)
                if "options" not in given:
                    _refuse(str(path), outside(content.get("options")), line)
                source, given = str(path), overridden(content, given)
        elif study is None and before is not None:
            spec = _of_before(before, given)
            return cls(spec, _from_case(spec.settings, tables, own))
        elif not isinstance(study, (Problem, Network)):
            kind = type(study).__name__
            raise ScopfError(f"sweep takes a Problem, a Network, a case or a spec, got {kind}")
        idle = _without_effect(study, given_units)
        spec = _anywhere(check(given, source, line or (lambda _: None), idle))
        if isinstance(study, Problem):
            if inverters is not None:
                raise ScopfError("inverters: the problem has its own; build it with others")
            fixed = {name: one for name, one in tables.items() if name != "inverters"}
            refuse_tables(fixed, idle["hours"])
            return cls(spec, _from_problem(study, spec.settings, own))
        if isinstance(study, Network):
            return cls(spec, _from_network(study, spec.settings, tables, own))
        base = _from_case(spec.settings, tables, own, source)
        return cls(spec, base, source, line) if line else cls(spec, base)

    @property
    def inverters(self) -> Ints:
        """Buses with an inverter in any scenario, that of storage among them."""
        coupled = self.base.coupled
        return self._most if coupled is None else np.union1d(self._most, coupled.inverters)

    def problem(self, scenario: int) -> Problem:
        """The problem of a scenario.

        Raises:
            ScopfError: when there is none, with the reason; or no scenario of this number.
        """
        chain = next((c for c in self.plan.chains if scenario in c.scenarios), None)
        if chain is None:
            raise ScopfError(f"there is no scenario {scenario!r}, only 0 to {len(self.plan) - 1}")
        try:
            problem = self.base.problem(chain.topology)
        except Unsolvable as none:
            raise ScopfError(f"scenario {scenario} is {none.status}: {none.message}") from none
        return Changes(self.base, problem).apply(problem, self.plan.values(scenario))

    def alone(self, workers: int, executor: Any, resume: bool) -> None:
        """Refuse what a problem with the user's own additions cannot do: leave this process."""
        rebuilt = [name for name in self.spec.columns if name in CHOICES]
        if rebuilt:
            raise ScopfError(f"{_IN_USE} cannot be rebuilt for other {listing(rebuilt)}")
        if workers > 1 or executor:
            raise ScopfError(f"{_IN_USE} cannot be sent to workers; use workers=1")
        if resume:
            raise ScopfError(f"{_IN_USE} cannot be compared with the one before; start again")


def _spec_file(name: str) -> Path | None:
    """The spec file of this name, or a bundled study; None for a case."""
    if name.endswith(".toml"):
        return Path(name)
    known = bundled.studies()
    return known.get(name) if not bundled.find(name) else None


def _without_effect(study: Any, units: bool) -> dict[str, str]:
    """Settings that say what was decided when the study was made, and who decided it."""
    if isinstance(study, Problem):
        of_problem = (*_OF_CASE, *_OF_UNITS, *_OF_SECURITY, *NAMES, "devices")
        return dict.fromkeys(of_problem, "a Problem; build it so")
    idle = dict.fromkeys(_OF_CASE, "a Network; load it so") if isinstance(study, Network) else {}
    return idle | (dict.fromkeys(_OF_UNITS, "Inverters; make them so") if units else {})


def _anywhere(spec: Spec) -> Spec:
    """The spec with whole paths, so that its sweep may be resumed from another folder."""
    case, table = spec.settings.case, spec.settings.inverters
    changes = {}
    if case and not bundled.find(case):
        named = next((name for name in (case, f"{case}.m") if os.path.isfile(name)), None)
        changes["case"] = os.path.abspath(named) if named else case
    if table and not files.refusal(table):
        changes["inverters"] = os.path.abspath(table)
    for name in ("outages", *NAMES, "devices", "dynamics"):
        named = getattr(spec.settings, name)
        if isinstance(named, str) and os.path.isfile(named):
            changes[name] = os.path.abspath(named)
    return dataclasses.replace(spec, settings=spec.settings.model_copy(update=changes))


def _solving(settings: Settings) -> dict[str, Any]:
    found = {
        "form": settings.form,
        "options": dict(settings.options),
        "max_iter": settings.max_iter,
        "time_limit": settings.time_limit,
    }
    return {key: value for key, value in found.items() if value is not None}


def _from_problem(problem: Problem, settings: Settings, criterion: Criterion | None) -> Base:
    extended = problem.formulation.rendering is not None
    if extended and criterion is not None:
        raise ScopfError(f"{_IN_USE} cannot be rebuilt for other criterion")
    net, scenario = problem.given.energized(), problem.scenario
    coupled = Coupled.of_problem(problem.given, scenario)
    return Base(
        net,
        problem.own_inverters,
        criterion=criterion or problem.criterion,
        scenario=dataclasses.replace(scenario, hours=None, storage=None, ramps=None, devices=None),
        solving=_solving(settings),
        given=problem if extended else None,
        coupled=coupled,
        devices=scenario.devices,
    )


def _from_network(
    net: Network, settings: Settings, tables: Mapping[str, Any], criterion: Criterion | None
) -> Base:
    of_all: dict[str, Any] = {
        "criterion": criterion or "voltage-difference", "solving": _solving(settings),
        "security": _security(net, settings), "coupled": Coupled.read(net, settings, tables),
    }  # fmt: skip
    inverters, devices = tables["inverters"], _devices(net, settings, tables)
    if devices is not None:
        of_all["devices"] = devices.devices
    if isinstance(inverters, Inverters):
        if devices is not None:
            inverters_beside(devices, inverters, net)
        return _with_own(Base(net, inverters, **of_all))
    table = settings.inverters if inverters is None else inverters
    if isinstance(table, str):  # workers elsewhere may not have the file
        Inverters.at_generators(net, table=table)  # says what is wrong with it
        table = csvtable.read(table, "inverters").frame()
    keywords: dict[str, Any] = {
        "table": table,
        "beta_q": settings.beta_q,
        "mp": settings.mp,
        "droop_base": settings.droop_base,
        "rating_mva": settings.rating_mva,
        "rating_factor": settings.rating_factor,
    }
    if devices is not None:
        keywords = units_beside(devices, keywords)
    keywords = {key: value for key, value in keywords.items() if value is not None}
    return _with_own(Base(net, keywords=keywords, **of_all))


def _with_own(base: Base) -> Base:
    """With the devices of the network's own table, where no others are given."""
    if base.devices is not None:
        return base
    own = device_table.of_network(base.net, base.units(base.net))
    return base if own is None else dataclasses.replace(base, devices=own.devices)


def _devices(
    net: Network, settings: Settings, tables: Mapping[str, Any]
) -> device_table.DeviceTable | None:
    """Machines and grid-following inverters of every dispatch; None without any.

    Raises:
        CaseError: listing every fault of their table.
    """
    given = tables.get("devices", settings.devices)
    if given is None:
        return None
    return device_table.read_table(machines.found(given), net)


def _devices_apart(given: dict[str, Any]) -> dict[str, Any]:
    """Devices among the keywords of a sweep, if they are no file, taken out of them."""
    value = given.get("devices")
    if isinstance(value, (str, os.PathLike)):
        given["devices"] = os.fspath(value)
        return {}
    return {} if value is None else {"devices": given.pop("devices")}


def _security(net: Network, settings: Settings) -> dict[str, Any]:
    """Outages in every dispatch and soft limits, as keywords of `build`."""
    found = {name: getattr(settings, name) for name in _OF_SECURITY}
    if found["outages"] is not None:
        found["outages"] = outages.read(found["outages"], net)
    soft.checked(found["soft"])
    return {name: value for name, value in found.items() if value is not None}


def _from_case(
    settings: Settings,
    tables: Mapping[str, Any],
    criterion: Criterion | None,
    source: str = "sweep",
) -> Base:
    if not settings.case:
        text = "which case? Name it in the spec (case = ...), or give it as it was given before"
        raise CaseError(source, [Fault(text)])
    if settings.case.isidentifier() and not bundled.similar(settings.case):
        near = difflib.get_close_matches(settings.case, bundled.studies(), n=1)
        if near and not any(os.path.isfile(f"{settings.case}{end}") for end in ("", ".m")):
            text = f"neither a file nor a bundled case or study; did you mean {near[0]}?"
            names = sorted(bundled.studies(), key=_natural)
            text += f" (bundled studies: {listing(names, 20)})"
            raise CaseError(settings.case, [Fault(text)])
    net = load_case(settings.case, **{name: getattr(settings, name) for name in _OF_FILE})
    return _from_network(net, settings, tables, criterion)


def _natural(name: str) -> tuple[int, str]:
    """Names in the order of people: fig9 before fig10."""
    return len(name), name


def _of_before(folder: Path, given: Mapping[str, Any]) -> Spec:
    if given:
        text = "to resume a sweep with flags or keywords, give the case or spec as well as at first"
        raise ScopfError(f"{text}; or leave out {listing(given)}")
    spec = manifests.spec(folder, manifests.read(folder))
    _refuse(str(folder / manifests.MANIFEST), outside(spec.settings.options))
    return spec


def _refuse(source: str, options: Mapping[str, str], line: Line = lambda _: None) -> None:
    """Refuse options of Ipopt, each with its reason."""
    faults = []
    for name, text in options.items():
        at = line(("options", name))
        faults.append(Fault(text, f"options.{name}", label="" if at is None else f"line {at}"))
    if faults:
        raise CaseError(source, faults)
