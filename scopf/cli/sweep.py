"""The command `scopf sweep`."""

# Annotations are not postponed here: the flags of commands are read from them.

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.cli import completion, interrupts, options, terminal
from scopf.cli.ending import interrupted
from scopf.devices.parameters import PERCENT
from scopf.errors import ScopfError, counted, nearest
from scopf.sweeps.columns import COLUMNS, is_column, kind
from scopf.sweeps.heartbeat import TIMEOUT

if TYPE_CHECKING:
    import pandas as pd

    from scopf.sweeps.results import Sweep

NONE_SOLVED = 1
_AXES_SHOWN = 4  # in a sentence on one scenario

_AXES = options.of_numbers(
    {name: one.text for name, one in COLUMNS.items() if kind(name) is not bool}, str
)  # the others are switches


@options.takes(_AXES)
def sweep(
    study: Annotated[
        str | None,
        typer.Argument(
            help="Bundled case, path of a .m, .raw or .json file, spec of a study (.toml), or a "
            "bundled study. May be left out with --resume.",
            show_default=False,
            autocompletion=completion.studies,
        ),
    ] = None,
    lossless: options.Lossless = False,
    capability: options.Capability = False,
    axis: Annotated[
        list[str] | None,
        typer.Option(help="Any other axis as NAME=VALUES, such as mq_32=0.1:0.2:5 for one bus."),
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="Let the axes go together instead of combining them.")
    ] = False,
    scenarios: Annotated[
        Path | None, typer.Option(help="CSV file of scenarios, a column for each quantity.")
    ] = None,
    load_series: Annotated[
        Path | None,
        typer.Option(help="CSV file of load factors: a row per step, columns by bus or `all`."),
    ] = None,
    inverters: options.InverterTable = None,
    beta_q: options.BetaQ = None,
    mp: options.Mp = None,
    droop_base: options.DroopBase = None,
    rating_mva: options.RatingMva = None,
    rating_factor: options.RatingFactor = None,
    outages: options.Outages = None,
    emergency: options.Emergency = None,
    voltage_band: options.VoltageBand = None,
    frequency_band: options.FrequencyBand = None,
    on_infeasible: options.OnInfeasible = None,
    soft: options.Soft = None,
    hours: options.Hours = None,
    storage: options.Storage = None,
    ramps: options.Ramps = None,
    devices: options.Devices = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Solve each scenario without stability rows as well: what stability costs.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Check each solution exactly, by the dynamics: is it stable?"
        ),
    ] = False,
    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            help="Check each result exactly and raise the droop margin until it is stable.",
        ),
    ] = False,
    load: options.LoadModel = None,
    frequency: options.Frequency = None,
    min_damping: options.MinDamping = None,
    chain: Annotated[
        int | None, typer.Option(help="Most scenarios in a row that start from each other.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 1 is this one.", min=1)] = 1,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler to use instead, such as tcp://host:8786.")
    ] = None,
    stall_timeout: Annotated[
        float,
        typer.Option(
            help="Seconds without a heartbeat after which the work of a worker goes to another one."
        ),
    ] = TIMEOUT,
    out: Annotated[
        Path | None, typer.Option(help="Run folder: journal, log, manifest, tables.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in the run folder.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write the tables as CSV as well.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no bar.")] = False,
    max_iter: options.MaxIter = None,
    time_limit: options.TimeLimit = None,
    option: options.IpoptOptions = None,
    ipopt_options: options.IpoptOptionFile = None,
    dispatch_dc: options.DispatchDc = False,
    dynamics: options.Dynamics = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    dead_islands: Annotated[
        str | None,
        typer.Option(help="Dead islands: drop or refuse, as in `scopf solve`. [default: drop]"),
    ] = None,
    *,
    context: typer.Context,
    **_: Any,
) -> None:
    """Solve many scenarios of one study, in parallel, in a folder that survives a kill.

    Each axis is a value, values separated by commas, or FIRST:LAST:POINTS; the scenarios are all
    combinations, the last axis fastest. A scenario that fails is a row with a status. After a kill
    or Ctrl-C, the same command with --resume goes on.

    Exit code: 0 finished, 1 finished and no scenario solved, 2 usage or bad input, 130
    or 143 interrupted.

    Example: scopf sweep case39 --lossless --eta-q 0:2:21 --mq 0.05:0.45:41 --workers 2 --out runs/q
    """
    import scopf
    from scopf.optimizer import option_file
    from scopf.sweeps import manifest, store  # noqa: F401, needed by `_kept` at any moment

    if out is None:
        raise ScopfError("--out is missing: the folder for the results")
    if study is None and not resume:
        raise ScopfError(
            "the study is missing: a case, a spec (.toml) or a bundled study; only with --resume "
            "it may be left out"
        )
    flags = options.only(_AXES, context.params)  # in the order in which they were typed
    axes = {
        name: values(text, name, of_flag=True) for name, text in flags.items() if text is not None
    }
    switches = {"lossless": lossless, "capability": capability}
    axes |= {name: True for name, on in switches.items() if on}
    for name, value in map(_axis, axis or []):
        if name in axes:
            raise ScopfError(f"--axis: {name} is given twice")
        axes[name] = value
    solver_options = options.of_ipopt(option, ipopt_options) or None
    checks = options.checks({"load": load, "frequency": frequency, "min_damping": min_damping})
    if checks and not (verify or certify):
        flags_of = " and ".join(f"--{name.replace('_', '-')}" for name in checks)
        raise ScopfError(f"{flags_of}: only exact checks use this; give --verify or --certify too")
    outside = option_file.outside(solver_options)  # these are not taken from the folder
    again = "" if outside else _again(out, workers, dask, stall_timeout, csv=csv)
    interrupts.keeps(lambda: _kept(out, again))
    try:
        found = scopf.sweep(
            study,
            **axes,
            combine="zip" if zipped else None,
            scenarios=scenarios,
            load_series=load_series,
            inverters=inverters,
            beta_q=beta_q,
            mp=mp,
            droop_base=droop_base,
            rating_mva=rating_mva,
            rating_factor=rating_factor,
            **options.security(context.params),
            **options.coupled({"hours": hours, "storage": storage, "ramps": ramps}),
            devices=devices,
            plain=plain or None,
            verify=(checks or True) if verify else None,
            certify=(checks or True) if certify else None,
            chain=chain,
            workers=workers,
            dask=dask,
            stall_timeout=stall_timeout,
            out=out,
            resume=resume,
            csv=csv,
            progress=False if no_progress else None,
            max_iter=max_iter,
            time_limit=time_limit,
            options=solver_options,
            dispatch_dc=dispatch_dc or None,
            dynamics=dynamics,
            ignore_unsupported=ignore_unsupported or None,
            dead_islands=dead_islands,
        )
    except KeyboardInterrupt as stop:
        interrupted(_kept(out, again, str(stop)))
    interrupts.keeps(lambda: f"the sweep is finished, and its tables are in {out}")
    terminal.say(summary(found))
    if not found.scenarios["solved"].any():
        raise typer.Exit(NONE_SOLVED)


def _kept(out: Path, again: str, finished: str = "") -> str:
    """A sentence on the results of an interrupted sweep, and on how to go on.

    Args:
        out: its folder.
        again: the command that goes on; "" if the folder does not have all that it takes.
        finished: says how much is finished; "" if that is not known.
    """
    from scopf.sweeps.manifest import MANIFEST
    from scopf.sweeps.store import JOURNAL

    if not (out / JOURNAL).exists():
        return interrupts.NOTHING
    resumable = again and (out / MANIFEST).exists()
    again = f"`{again}`" if resumable else "the same command with --resume"
    finished = finished or f"what was finished is kept in {out}"
    return f"{finished}: {again} goes on where it stopped"


def _again(out: Path, workers: int, dask: str | None, stall_timeout: float, *, csv: bool) -> str:
    """The command that goes on with an interrupted sweep."""
    words = ["scopf", "sweep", "--resume", "--out", str(out)]
    words += ["--workers", str(workers)] if workers > 1 else []
    words += ["--dask", dask] if dask else []
    words += ["--stall-timeout", f"{stall_timeout:g}"] if stall_timeout != TIMEOUT else []
    return shlex.join([*words, "--csv"] if csv else words)


def summary(found: "Sweep") -> str:
    """The result of a sweep, in a few lines."""
    from scopf.sweeps import checking
    from scopf.sweeps.manifest import about_constant_power
    from scopf.sweeps.rows import about_islands

    manifest = found.manifest
    counts = ", ".join(f"{count} {status}" for status, count in manifest["counts"].items())
    warm = int((found.scenarios["start"] == "warm").sum())
    lines = [
        f"{manifest['case']['name']}: {counted(manifest['scenarios'], 'scenario', 'scenarios')} "
        f"in {manifest['seconds']:.1f} s: {counts}",
        f"{warm} started warm; tables, log and manifest are in {found.folder}",
    ]
    if not found.scenarios["solved"].any():
        reason = found.scenarios["message"].mode()[0]
        reason = reason.replace("verbose=True", "scopf solve --verbose")  # sweeps have no such flag
        lines.append(f"the most frequent reason: {reason}")
    lines += about_islands(found.scenarios)
    table = found.scenarios
    lines += checking.about(table, partial(_row, table), checking.asked_damping(manifest))
    return "\n".join([*lines, *about_constant_power(manifest)])


def _row(table: "pd.DataFrame", row: int) -> str:
    """A scenario with its values of the axes that vary, in brackets."""
    from scopf.sweeps.rows import ROW

    names = [name for name in table if name not in ROW and table[name].nunique(dropna=False) > 1]
    parts = [f"{name} {table[name].iloc[row]}" for name in names if name != "scenario"]
    shown = [f"row {table['scenario'].iloc[row]}", ", ".join(parts[:_AXES_SHOWN])]
    return f" ({': '.join(filter(None, shown))})"


def values(text: str, name: str = "", *, of_flag: bool = False) -> Any:
    """Values as they are written on the command line.

    Args:
        text: as written.
        name: of the axis; `none` is a criterion, but for outages it is no outage.
        of_flag: given by its own flag, where the droop is 5% or 0.05, and not by --axis.

    Raises:
        ScopfError: when they cannot be read.
    """
    one = options.percent if of_flag and name == PERCENT else _value
    if not of_flag and name.startswith(PERCENT):  # per cent either way
        text = text.replace("%", "")
    if ":" in text:
        ends = text.split(":")
        if len(ends) != 3:
            raise ScopfError(f"{name or 'an axis'} takes FIRST:LAST:POINTS, got {text!r}")
        return {"linspace": [one(ends[0]), one(ends[1]), _value(ends[2])]}
    parts = [one(part) for part in text.split(",")]
    if name == "outage":
        parts = [None if str(part).lower() == "none" else part for part in parts]
    return parts[0] if parts == ["all"] else parts


def _value(text: str) -> Any:
    found = options.value_of(text.strip())
    return {"true": True, "false": False}.get(str(found).lower(), found)


def _axis(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not (equals and value and is_column(name)):
        near = nearest(name, COLUMNS)
        hint = f"; did you mean {near}?" if near else ""
        raise ScopfError(f"--axis takes NAME=VALUES with the name of an axis, got {text!r}{hint}")
    return name, values(value, name)
