"""The command `scopf sweep`."""

from __future__ import annotations

import inspect
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.cli import completion, options
from scopf.errors import ScopfError
from scopf.sweeps.quantities import QUANTITIES, is_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.sweeps.results import Sweep

NONE_SOLVED, BAD_INPUT, INTERRUPTED = 1, 2, 130

_PANEL = [quantity for quantity in QUANTITIES if quantity.kind is not bool]  # those are switches


def _with_axes(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for each quantity to a command that takes them as `axes`."""
    own = inspect.signature(command, eval_str=True)
    flags = [
        inspect.Parameter(
            quantity.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(f"--{quantity.name.replace('_', '-')}", help=_help(quantity.text)),
            ],
        )
        for quantity in _PANEL
    ]

    def with_flags(**given: Any) -> None:
        axes = {quantity.name: given.pop(quantity.name) for quantity in _PANEL}
        command(axes=axes, **given)

    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        if name != "axes"
    ]
    parameters = [*kept[:3], *flags, *kept[3:]]
    with_flags.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {p.name: p.annotation for p in parameters}
    with_flags.__doc__, with_flags.__name__ = command.__doc__, command.__name__
    return with_flags


def _help(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


@_with_axes
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
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Set branch resistance, charging and shunts to zero.")
    ] = False,
    capability: Annotated[
        bool, typer.Option("--capability", help="Keep inverters within their capability circles.")
    ] = False,
    *,
    axes: dict[str, str | None],
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
    inverters: Annotated[
        Path | None, typer.Option(help="CSV table by `bus` or `gen`, as for `scopf solve`.")
    ] = None,
    beta_q: Annotated[float | None, typer.Option(help="Gain of the reactive droop.")] = None,
    mp: Annotated[float | None, typer.Option(help="Active droop m_p, p.u.")] = None,
    droop_base: Annotated[
        str | None, typer.Option(help="Base of the droops: system, or rating.")
    ] = None,
    rating_mva: Annotated[
        float | None, typer.Option(help="Rated apparent power of every unit, MVA.")
    ] = None,
    rating_factor: Annotated[
        float | None, typer.Option(help="Rated apparent power of each unit over its Pmax.")
    ] = None,
    chain: Annotated[
        int | None, typer.Option(help="Most scenarios in a row that start from each other.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 1 is this one.", min=1)] = 1,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler to use instead, such as tcp://host:8786.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder: journal, log, manifest, tables.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in the run folder.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write the tables as CSV as well.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no bar.")] = False,
    max_iter: Annotated[
        int | None, typer.Option(help="Iteration limit of each scenario.", min=0)
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Time limit of each scenario in seconds.")
    ] = None,
    option: options.IpoptOptions = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
) -> None:
    """Solve many scenarios of one study, in parallel, in a folder that survives a kill.

    Each axis is a value, values separated by commas, or FIRST:LAST:POINTS; the scenarios are all
    combinations. A scenario that fails is a row with a status. After a kill or Ctrl-C, the same
    command with --resume goes on.

    Exit code: 0 finished, 1 finished and no scenario solved, 2 usage or bad input, 130 interrupted.

    Example: scopf sweep case39 --lossless --eta-q 0:2:21 --mq 0.05:0.45:41 --workers 2 --out runs/q
    """
    import scopf

    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)
    try:
        if out is None:
            raise ScopfError("--out is missing: the folder for the results")
        given = {name: values(text, name) for name, text in axes.items() if text is not None}
        given |= dict(_axis(text) for text in axis or [])
        switches = {"lossless": lossless, "capability": capability}
        given |= {name: True for name, on in switches.items() if on}
        found = scopf.sweep(
            study,
            **given,
            combine="zip" if zipped else None,
            scenarios=scenarios,
            load_series=load_series,
            inverters=inverters,
            beta_q=beta_q,
            mp=mp,
            droop_base=droop_base,
            rating_mva=rating_mva,
            rating_factor=rating_factor,
            chain=chain,
            workers=workers,
            dask=dask,
            out=out,
            resume=resume,
            csv=csv,
            progress=False if no_progress else None,
            max_iter=max_iter,
            time_limit=time_limit,
            options=dict(_option(text) for text in option) if option else None,
            ignore_unsupported=ignore_unsupported or None,
        )
    except (ScopfError, ImportError) as error:
        typer.echo(f"scopf: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        from scopf.sweeps.spec import outside

        again = f"`{_again(out, workers, dask, csv=csv)}`"
        if option and outside(dict(_option(text) for text in option)):  # not taken from the folder
            again = "the same command with --resume"
        typer.echo(f"scopf: interrupted; {again} goes on where it stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(summary(found))
    if not found.scenarios["solved"].any():
        raise typer.Exit(NONE_SOLVED)


def _again(out: Path | None, workers: int, dask: str | None, *, csv: bool) -> str:
    """The command that goes on with an interrupted sweep."""
    words = ["scopf", "sweep", "--resume", "--out", str(out)]
    words += ["--workers", str(workers)] if workers > 1 else []
    words += ["--dask", dask] if dask else []
    return shlex.join([*words, "--csv"] if csv else words)


def summary(found: Sweep) -> str:
    """What came of a sweep, in a few lines."""
    manifest = found.manifest
    counts = ", ".join(f"{count} {status}" for status, count in manifest["counts"].items())
    warm = int((found.scenarios["start"] == "warm").sum())
    lines = [
        f"{manifest['case']['name']}: {manifest['scenarios']} scenarios in "
        f"{manifest['seconds']:.1f} s: {counts}",
        f"{warm} started warm; tables, log and manifest are in {found.folder}",
    ]
    return "\n".join(lines)


def values(text: str, name: str = "") -> Any:
    """Values as they are written on the command line.

    Args:
        text: as written.
        name: of the axis; `none` is a criterion, but for outages it is no outage.

    Raises:
        ScopfError: when they cannot be read.
    """
    if text.count(":") == 2:
        first, last, points = (_value(part) for part in text.split(":"))
        return {"linspace": [first, last, points]}
    parts = [_value(part) for part in text.split(",")]
    if name == "outage":
        parts = [None if str(part).lower() == "none" else part for part in parts]
    return parts[0] if parts == ["all"] else parts


def _value(text: str) -> Any:
    text = text.strip()
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _axis(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not (equals and value and is_column(name)):
        raise ScopfError(f"--axis takes NAME=VALUES with the name of an axis, got {text!r}")
    return name, values(value, name)


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ScopfError(f"--option takes NAME=VALUE, got {text!r}")
    return name, _value(value)
