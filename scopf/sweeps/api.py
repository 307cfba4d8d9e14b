"""`scopf.sweep`: from what was asked for to a run folder with results."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from numpy.typing import ArrayLike

from scopf.devices.gfm import Inverters
from scopf.devices.parameters import Given
from scopf.errors import ScopfError, listing, require
from scopf.model.choices import Limit
from scopf.model.problem import Problem
from scopf.model.quantities import Table, takes_numbers
from scopf.model.scenario import OnInfeasible
from scopf.network.network import Network
from scopf.optimizer.signals import terminable
from scopf.stability.criterion import Criterion
from scopf.sweeps import heartbeat, pool, results
from scopf.sweeps import manifest as manifests
from scopf.sweeps.base_case import Changes
from scopf.sweeps.driver import Driver
from scopf.sweeps.progress import Progress
from scopf.sweeps.results import Sweep
from scopf.sweeps.store import JOURNAL, RESTORE, Store, unwritable
from scopf.sweeps.study import Study
from scopf.version import __version__

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

# a value, a list or array of values, {"linspace": [first, last, points]}, or these by number
Values = ArrayLike | Mapping[Any, Any]


class Axes(Table[Values, Values], total=False):
    """Values of the numbers of a problem, by name."""


@takes_numbers("Values", "Values")
def sweep(
    study: Problem | Network | str | os.PathLike[str] | None = None,
    *,
    criterion: str | Sequence[str] | Criterion | None = None,
    lossless: bool | Sequence[bool] | None = None,
    capability: bool | Sequence[bool] | None = None,
    limit: Limit | Sequence[Limit] | None = None,
    outage: Values | None = None,
    inverter_share: Values | None = None,
    scenarios: Any = None,
    load_series: str | os.PathLike[str] | pd.DataFrame | None = None,
    combine: str | None = None,
    inverters: Inverters | str | os.PathLike[str] | pd.DataFrame | None = None,
    beta_q: Given | None = None,
    mp: Given | None = None,
    droop_base: str | None = None,
    rating_mva: float | None = None,
    rating_factor: float | None = None,
    dispatch_dc: bool | None = None,
    dynamics: str | os.PathLike[str] | None = None,
    ignore_unsupported: bool | None = None,
    dead_islands: str | None = None,
    outages: Any = None,
    emergency: float | None = None,
    voltage_band: float | None = None,
    frequency_band: float | None = None,
    on_infeasible: OnInfeasible | None = None,
    soft: Mapping[str, float] | None = None,
    hours: Any = None,
    storage: Any = None,
    ramps: Any = None,
    devices: Any = None,
    plain: bool | None = None,
    verify: bool | Mapping[str, Any] | None = None,
    certify: bool | Mapping[str, Any] | None = None,
    title: str | None = None,
    form: str | None = None,
    options: Mapping[str, str | int | float] | None = None,
    max_iter: int | None = None,
    time_limit: float | None = None,
    chain: int | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    dask: str | None = None,
    stall_timeout: float = heartbeat.TIMEOUT,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    csv: bool = False,
    progress: bool | None = None,
    **numbers: Unpack[Axes],
) -> Sweep:
    """Solve many scenarios of one study.

    Every axis is a value, a list or an array of values, or {"linspace": [first, last, points]}
    (or geomspace). The scenarios are all combinations of the axes, the last one fastest. A number
    that buses, inverters or generators may have of their own is given as {32: [...], "all": .2} or
    as `mq_32=[...]`. A problem is built once for every criterion, outage, share of inverters, and
    lossless or not;
    within these, each scenario is an update of arrays and starts from its neighbour. A scenario
    that fails is a row with a status.

    Args:
        study: a Problem (whose numbers are the base case; one whose Pyomo model was asked for is
            swept in this process only, and cannot be resumed), a Network, a case as `load_case`
            takes it, or a spec: a TOML file with any of these arguments, or the name of a bundled
            one. None with `resume`: the study in `out`.
        criterion: name or names of stability criteria, or one criterion object.
        lossless: True, False, or both.
        capability: True, False, or both: inverters keep within their capability circles.
        limit: "power", "current", or both: what ratings of branches limit, as in `build`.
        outage: ids of branches to take out one at a time, or "all", with a dispatch of its own for
            each; the case with none out is the first scenario.
        inverter_share: of Pmax, 0 to 1: machines of `devices` are inverters instead, as `build`
            takes it; the column `inverter_share_reached` is what came out.
        scenarios: rows of their own: a list of mappings, a DataFrame or a CSV file, with a column
            for each quantity; blank cells are as in the base case.
        load_series: load factors as a time series: CSV file or DataFrame, a row for each step, a
            column for each bus number, or `all`.
        combine: "zip" to let the axes go together instead of combining them.
        inverters: Inverters, or a table as `Inverters.at_generators` takes it; an axis mq is that
            of every unit, whatever the table says.
        beta_q: gain of the reactive droop, as `Inverters.at_generators` takes it.
        mp: active droop, as there.
        droop_base: base of mp and of the axes mq and mq_32, as there.
        rating_mva: rated apparent power of every unit, as there.
        rating_factor: the same over its Pmax, as there.
        dispatch_dc: as `load_case` takes it.
        dynamics: a .dyr file, as there.
        ignore_unsupported: as there.
        dead_islands: as there.
        outages: that every dispatch survives, as `build` takes them (a table as a CSV file).
        emergency: factor on rating A after an outage, as there.
        voltage_band: p.u. by which voltage limits are wider then.
        frequency_band: p.u. that the frequency may deviate by.
        on_infeasible: what becomes of outages that no dispatch survives.
        soft: prices at which limits may be violated, by family.
        hours: that every dispatch has, as `build` takes them; costs are then those of all hours,
            and the tables of inverters, pairs and buses have a column `state` with the hour.
        storage: that shifts energy between them, as there.
        ramps: of generators, as there.
        devices: machines and grid-following inverters of every dispatch, as there.
        plain: solve each scenario without its stability rows as well, all else the same: columns
            `plain_cost` and `stability_cost`, the cost less that.
        verify: check each solution exactly, by the dynamics: columns `stable`, `damping` (the least
            damping ratio of all oscillations, after outages and in all hours too),
            `least_damped_hz` and `verdict`. A mapping is any of `load`, `frequency` and
            `min_damping`, as in `Solution.verify`; with `min_damping` there is a column `damped`.
        certify: the same, and raise the droop margin of each scenario until it passes, as `solve`
            does: columns `certified` and `droop_margin_used` as well.
        title: of the study, for reports.
        form: of the model, as `solve` takes it.
        options: of Ipopt; those that name files or libraries are taken from here only, not from a
            spec file or a run folder.
        max_iter: iteration limit of each scenario.
        time_limit: time limit of each scenario in s.
        chain: most scenarios in a row that start from each other; the default suits their number.
        workers: processes of this machine; 1 is this process itself.
        executor: any `concurrent.futures.Executor` to use instead.
        dask: address of a Dask scheduler to use instead, such as "tcp://host:8786".
        stall_timeout: s without a heartbeat after which a worker counts as stalled, and its work
            goes to another one; infinity for never. Slow solves are not stalled. An `executor` has
            no heartbeats.
        out: run folder for journal, log, manifest and tables; without it results are in memory.
        resume: go on with the sweep in `out`, which has to be the same study.
        csv: write tables as CSV as well.
        progress: show a bar; by default where there is a terminal.
        **numbers: axes; at a bus, an inverter or a generator its own number holds instead of that
            for all. stiffness_cost is for a Problem built for co-design.

    Returns:
        The results, as tables.

    Raises:
        CaseError: listing everything that is wrong with the spec, with key and line.
        ScopfError: when `out` cannot be used, or is the folder of another study.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; what is finished is in the run folder.
    """
    given = {
        **numbers, "criterion": criterion, "lossless": lossless, "capability": capability,
        "limit": limit, "outage": outage, "inverter_share": inverter_share,
        "scenarios": scenarios, "load_series": load_series,
        "combine": combine,
        "beta_q": beta_q, "mp": mp, "droop_base": droop_base, "rating_mva": rating_mva,
        "rating_factor": rating_factor, "dispatch_dc": dispatch_dc,
        "dynamics": None if dynamics is None else os.fspath(dynamics),
        "ignore_unsupported": ignore_unsupported, "dead_islands": dead_islands, "title": title,
        "form": form, "options": options, "max_iter": max_iter, "time_limit": time_limit,
        "chain": chain, "outages": _plain(outages), "emergency": emergency,
        "voltage_band": voltage_band, "frequency_band": frequency_band,
        "on_infeasible": on_infeasible, "soft": soft, "hours": hours, "storage": storage,
        "ramps": ramps, "devices": devices, "plain": plain,
        "verify": verify, "certify": certify,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    if sum((workers != 1, executor is not None, dask is not None)) > 1:
        raise ScopfError("give one of workers, executor and dask")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ScopfError(f"workers must be a whole number of processes, got {workers!r}")
    stall_timeout = heartbeat.checked(stall_timeout)
    if resume and out is None:
        raise ScopfError("resume needs out, the folder of the sweep to go on with")
    require("pyarrow")  # the tables are made of it
    made = Study.of(study, given, inverters, Path(out) if resume and out is not None else None)
    if made.base.given is not None:
        made.alone(workers, executor or dask, resume)
    run = _Run(made, csv=csv, progress=progress, stall_timeout=stall_timeout)
    with terminable():
        if dask is not None:
            with pool.dask(dask) as cluster:
                return run.go(out, 1, cluster, f"dask {dask}", resume)
        return run.go(out, workers, executor, type(executor).__name__, resume)


def _plain(outages: Any) -> Any:
    """Outages as a spec has them: a text, or lists of numbers and texts."""
    if hasattr(outages, "tolist"):
        return outages.tolist()
    return os.fspath(outages) if isinstance(outages, os.PathLike) else outages


class _Run:
    """A study on its way to results."""

    def __init__(
        self, study: Study, *, csv: bool, progress: bool | None, stall_timeout: float
    ) -> None:
        self._study, self._csv, self._shown = study, csv, progress
        self._stall_timeout = stall_timeout

    def go(
        self, out: Any, workers: int, executor: Executor | None, kind: str, resume: bool
    ) -> Sweep:
        """Run in a folder, or in one that is thrown away."""
        where = kind if executor is not None else f"{workers} processes" if workers > 1 else "here"
        if out is None:
            with tempfile.TemporaryDirectory(prefix="scopf-") as name:
                found = self._run(Path(name), workers, executor, where, resume, durable=False)
                found.folder = None
                return found._keep()
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error
        _check_folder(folder, resume)
        return self._run(folder, workers, executor, where, resume, durable=True)

    def _run(
        self,
        folder: Path,
        workers: int,
        executor: Executor | None,
        where: str,
        resume: bool,
        *,
        durable: bool,
    ) -> Sweep:
        began, study = time.perf_counter(), self._study
        extended = study.base.given
        base_case = None if extended is None else Changes(study.base, extended)
        with Store(folder, study.fingerprint, durable=durable) as store:
            manifest, lost = self._manifest(folder, store, where, resume)
            manifests.write(folder, manifest)
            this: dict[str, Any] = manifest["runs"][-1]
            before = store.rows()
            log_folder = folder if durable else None
            progress = Progress(len(study.plan), before.values(), self._shown, log_folder)
            progress.say(f"{len(study.plan)} scenarios of {study.base.net.name}, {where}")
            if lost:
                progress.warn(log, lost)
            if before:
                progress.say(f"resumed: {len(before)} of them are finished")
            status = "failed"
            try:
                driver = Driver(study.base, study.plan, store, progress, self._stall_timeout)
                driver.run(workers, executor)
                _, digests = results.write(store, study.plan, folder, csv=self._csv)
                manifest["run"]["sha256"] |= digests
                status = "finished"
                progress.say(f"finished in {time.perf_counter() - began:.1f} s: {progress.counts}")
            except KeyboardInterrupt as stop:
                status = "interrupted"
                text = f"{len(store.rows())} of {len(study.plan)} scenarios are finished"
                progress.say(f"interrupted: {text}")
                stop.args = (f"{text} and kept in {folder}" if durable else text,)
                raise
            except ScopfError as error:
                progress.say(str(error), logging.ERROR)
                raise
            finally:
                progress.close()
                if extended is not None and base_case is not None:
                    base_case.restore(extended, study.spec.columns)
                found = store.rows()
                this |= {
                    "finished": manifests.now(),
                    "seconds": round(time.perf_counter() - began, 3),
                    "scenarios": len(found) - len(before),
                }
                manifest |= {
                    "status": status,
                    "finished": this["finished"],
                    "seconds": round(sum(run.get("seconds", 0.0) for run in manifest["runs"]), 3),
                    "solve_seconds": round(sum(row["seconds"] for row in found.values()), 3),
                    "counts": manifests.counts(found.values()),
                }
                manifests.add_shares(manifest, found.values())
                if status != "failed":  # then the disk may be the reason, which has been reported
                    manifests.write(folder, manifest)
        return Sweep(folder, manifest, folder, study)

    def _manifest(
        self, folder: Path, store: Store, where: str, resume: bool
    ) -> tuple[dict[str, Any], str]:
        """The manifest of a new run, or of one that goes on; and what it has lost, if anything.

        Raises:
            ScopfError: when manifest or journal are of another study, or do not belong together.
        """
        spec, base = self._study.spec, self._study.base
        path, before, lost = folder / manifests.MANIFEST, None, ""
        if resume and path.is_file():
            before = manifests.read(folder)
            _, earlier = manifests.fingerprint(folder, before)
            self._compare(folder, earlier.identity)
        if store.run:
            self._compare(folder, store.identity)
        run: dict[str, Any] = {
            "started": manifests.now(),
            "where": where,
            "scopf": __version__,
            "machine": manifests.machine(),
        }
        if before is not None:
            if not store.run:
                store.begin(before["run"]["id"])
                before["run"]["sha256"] = {}
                lost = f"{store.path} was missing or empty; all scenarios are solved again"
            elif store.run != before["run"]["id"]:
                text = f"{store.path} is of another run than {path.name} beside it"
                raise ScopfError(f"{text}; {RESTORE}")
            before["runs"].append(run)
            return {**before, "status": "running"}, lost
        if not store.run:
            store.begin()
        net = base.net.energized()
        return {
            "format": manifests.FORMAT,
            "run": {"id": store.run, "sha256": {}},
            "status": "running",
            "title": spec.settings.title,
            "case": {"name": net.name, "source": spec.settings.case, "hash": base.hash},
            "base": manifests.base(base.criterion, base.scenario, self._study.units),
            "spec": spec.as_dict(),
            "spec_hash": spec.hash,
            "scenarios": len(self._study.plan),
            "counts": {},
            "started": run["started"],
            "versions": manifests.versions(),
            "machine": run["machine"],
            "options": dict(base.solving),
            "constant_power": manifests.constant_power(net, self._study.units, base.devices),
            "conditions": manifests.conditions(net),
            "pairs": manifests.about_pairs(),
            "runs": [run],
            "hours": None if base.coupled is None else base.coupled.as_dict(),
            "network": manifests.network(base.net, self._study.inverters, base.devices),
        }, ""

    def _compare(self, folder: Path, before: dict[str, Any]) -> None:
        """Refuse to go on with another study."""
        text = f"the sweep in {folder} cannot be resumed"
        if not self._study.base.comparable:
            what = "its criterion holds what cannot be compared with the one before"
            raise ScopfError(f"{text}: {what}; start again")
        if changed := self._study.fingerprint.changed(before):
            what = f"{listing(changed)} changed since it was started"
            raise ScopfError(f"{text}: {what}; restore that, or start again in another folder")


def _check_folder(folder: Path, resume: bool) -> None:
    there = (folder / JOURNAL).exists() or (folder / manifests.MANIFEST).exists()
    if there and not resume:
        text = f"there is a sweep in {folder} already: resume it (resume=True), or"
        raise ScopfError(f"{text} choose another folder")
