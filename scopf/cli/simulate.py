"""The command `scopf simulate`."""

# Annotations are not postponed here: the flags of commands are read from them.

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from scopf.arrays import plain
from scopf.cli import completion, interrupts, options, pictures, solving, terminal
from scopf.cli.ending import NOT_SOLVED, interrupted
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError, require

if TYPE_CHECKING:
    from scopf.dynamics.simulation.events import Event
    from scopf.dynamics.simulation.simulated import Simulation
    from scopf.model.problem import Problem
    from scopf.results.solution import Solution

Parsed = TypeVar("Parsed")

_LOAD_STEP = "BUS:MW:MVAR, as 8:100:20"
_SET_POINT = 'BUS:NAME=VALUE,... with p_mw, q_mvar, vm, as 31:p_mw=500,vm=1.02, or "gen 3:..."'


def _disturbance(
    outage: Annotated[
        str | None,
        typer.Option(
            help='Branches and generators that are lost together: 6, "branch 6", "gen 3", '
            '"branch 6 + gen 3".'
        ),
    ] = None,
    load_step: Annotated[
        list[str] | None,
        typer.Option(metavar="BUS:MW:MVAR", help="Power that a load draws more; may be repeated."),
    ] = None,
    set_point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUS:NAME=VALUE,...",
            help="New set points p_mw, q_mvar and vm of the device at a bus, as "
            '31:p_mw=500,vm=1.02, or of a generator ("gen 3:p_mw=500"); may be repeated.',
        ),
    ] = None,
    at: Annotated[float, typer.Option(help="Time of all these, s.")] = 1.0,
    reclose_at: Annotated[
        float | None, typer.Option(help="When the branches of --outage come back, s.")
    ] = None,
) -> "list[Event]":
    """The events of the flags.

    Raises:
        ScopfError: naming all flags that have another form.
    """
    from scopf.results import simulating

    faults = list[str]()
    loads = _each(load_step, _load, "--load-step", _LOAD_STEP, faults)
    points = _each(set_point, _set, "--set-point", _SET_POINT, faults)
    if faults:
        raise ScopfError("; ".join(faults))
    return simulating.first_events(outage, loads, points, at, reclose_at)


def _each(
    texts: Iterable[str] | None,
    read: Callable[[str], tuple[Any, Parsed]],
    flag: str,
    form: str,
    faults: list[str],
) -> dict[Any, Parsed]:
    """The values of a flag by bus; those of another form are added to the faults."""
    found = dict[Any, Parsed]()
    for text in texts or ():
        try:
            place, values = read(text)
        except ValueError:
            faults.append(f"{flag} takes {form}, got {text!r}")
            continue
        if place in found:
            faults.append(f"{flag} names {place} twice")
        found[place] = values
    return found


def _load(text: str) -> tuple[int, tuple[float, float]]:
    bus, p, q = text.split(":")
    return int(bus), (float(p), float(q))


def _set(text: str) -> tuple[int | str, dict[str, float]]:
    place, values = text.split(":")
    pairs = [part.split("=") for part in values.split(",")]
    found = {name.strip(): float(value) for name, value in pairs}
    known = set(found) <= {"p_mw", "q_mvar", "vm"} and len(found) == len(pairs)
    gen = re.fullmatch(r"\s*gen\s+(\d+)\s*", place)
    if not known:
        raise ValueError
    return (f"gen {gen[1]}" if gen else int(place)), found


def _simulated(
    state: Annotated[
        str | None,
        typer.Option(
            help="State to start from: an hour, or one after an outage of --outages. "
            "[default: the intact network]"
        ),
    ] = None,
    until: Annotated[float, typer.Option(help="End, s; the dispatch is at 0.")] = 10.0,
    step: Annotated[
        float | None, typer.Option(help="Between outputs, s. [default: a thousandth of --until]")
    ] = None,
    load: options.LoadModel = None,
    impedance_below: Annotated[
        float,
        typer.Option(
            help="Voltage, p.u., below which constant powers and currents become constant "
            "impedances; 0 for never."
        ),
    ] = 0.7,
    frequency: options.Frequency = None,
    *,
    solution: "Solution",
    events: "list[Event]",
    time_limit: float | None,
    show: bool,
) -> "Simulation":
    """Simulate from a solution on."""
    from scopf.dynamics.droop import FREQUENCY

    how: dict[str, Any] = {"step": step, "load": options.load_model(load), "state": state}
    how |= {"frequency": FREQUENCY if frequency is None else frequency, "time_limit": time_limit}
    how |= {"impedance_below": impedance_below, "progress": show}
    return solution.simulate(events=events, until=until, **how)


_EVENTS, _HOW = options.of(_disturbance), options.of(_simulated)
_WITH_FILES = {"time_limit", "verbose", "quiet"}  # flags of a solve that mean something without


@options.takes(*solving.FLAGS, _EVENTS, _HOW)
def simulate(
    case: Annotated[
        str,
        typer.Argument(
            help="Bundled case or path of one, as of `scopf solve`; or a file of `Solution.save`, "
            "which is not solved again.",
            autocompletion=completion.cases,
        ),
    ],
    time_limit: Annotated[
        float | None,
        typer.Option(help="Time limit of each solve, and of the simulation, in seconds."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables, as CSV and Parquet.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="File for a picture of the response: .png, .svg, .pdf.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the summary.")
    ] = False,
    **given: Any,
) -> None:
    """Solve one case and simulate what an outage, a step or a reclosure does to it.

    The equations of all devices are integrated in time, from the dispatch on.

    Exit code: 0 simulated to the end, 1 not solved, or the simulation ended before (collapsed,
    unstable, time limit), 2 usage or bad input, 130 or 143 interrupted.

    Example: scopf simulate case39 --lossless --mq 0.1 --outage "branch 6" --reclose-at 5
    """
    if out is not None:
        require("pyarrow")  # rather now than after the solve
    pictures.check(plot)
    given |= {"case": case, "time_limit": time_limit}
    solving.refuse_without_certify(given, ["min_damping"])
    events = _disturbance(**options.only(_EVENTS, given))
    solution, why = _stored_or_solved(given, events)
    from scopf.results import export, text

    head = {**export.as_dict(solution), "settings": _settings(given, events)}
    if not solution.solved:
        head |= {"simulation": None} | ({} if why is None else {"diagnosis": why.as_dict()})
        line = f"{solution.status}: {solution.message}; there is nothing to simulate"
        if as_json:
            typer.echo(json.dumps(plain(head), allow_nan=False))
        else:
            terminal.say(line)
        if why is not None and not as_json:
            terminal.say(f"\n{why}")
        solving.exit_if_interrupted(solution)
        raise typer.Exit(NOT_SOLVED)
    show, how = not (given["quiet"] or given["verbose"]), options.only(_HOW, given)
    run = _simulated(**how, solution=solution, events=events, time_limit=time_limit, show=show)
    head = plain({**head, "simulation": run.as_dict()})
    if as_json:
        typer.echo(json.dumps(head, allow_nan=False))
    else:
        terminal.say(f"criterion {solution.problem.criterion.name}, cost {solution.cost:.4f}")
        for line in [*text.checks(solution), "", str(run)]:
            terminal.say(line)
    _write(run, head, out, plot, to_stderr=as_json)
    solving.exit_if_interrupted(solution)
    if run.status == "interrupted" and interrupts.pending():
        interrupted()
    if not run.completed:
        raise typer.Exit(NOT_SOLVED)


def _stored_or_solved(given: dict[str, Any], events: "list[Event]") -> "tuple[Solution, Any]":
    """The solution in a file, or that of a case."""
    from scopf.dynamics.simulation import faults

    if not _is_solution(given["case"]):

        def before(problem: "Problem") -> None:
            faults.check(events, problem.base.energized())

        return solving.solved(given, before=before)
    import scopf

    flags = [one for group in solving.FLAGS for one in group]
    own = {"case", *_WITH_FILES, *(one.name for one in _HOW)}
    other = [one for one in flags if one.name not in own]
    changed = [one.name for one in other if given[one.name] != one.default]
    if refused := [f"--{name.replace('_', '-')}" for name in changed]:
        raise ScopfError(
            f"{given['case']} has been solved already, so {', '.join(refused)} cannot change it"
        )
    solving.set_logging(given["verbose"])
    return scopf.load_solution(given["case"]), None


def _is_solution(case: str) -> bool:
    """Whether a file is one of `Solution.save`: JSON that begins with its format."""
    path = Path(case)
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b'"scopf-solution"' in file.read(200)


def _settings(given: dict[str, Any], events: "list[Event]") -> dict[str, Any]:
    """The flags that results depend on; of a file, those of the simulation."""
    of_case = {"case": given["case"]} if _is_solution(given["case"]) else solving.settings(given)
    found = of_case | options.only([*_EVENTS, *_HOW], given)
    return {**found, "load": found["load"] or "power"}


def _write(
    run: "Simulation", head: dict[str, Any], out: Path | None, plot: Path | None, *, to_stderr: bool
) -> None:
    """Write the tables and the picture that are asked for, and say so."""
    from scopf.results import export

    written = list[str]()
    if out is not None:
        tables = {"buses": run.buses, "devices": run.devices, "events": run.events}
        with Writing(out) as writing:
            count = len(export.write_tables(out, tables, "summary.json", head))
            writing.done(f"{count} files written to {out}")
        written.append(f"{count} files written to {out}")
    if plot is not None:
        from scopf import plots

        with Writing(plot) as writing:
            pictures.save(plots.response(run)[0].figure, plot)
            written.append(f"the picture was written to {plot}")
            writing.done("; ".join(written))
    if written:
        lines = "\n".join(written)
        terminal.say(lines if to_stderr else f"\n{lines}", err=to_stderr)
