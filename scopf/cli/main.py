"""The command line: `scopf solve`, `verify`, `sweep`, `report`, `convert`, `cases`, studies."""

from __future__ import annotations

import functools
import json
import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from scopf import __version__
from scopf.cli import completion, options, studies
from scopf.cli.convert import convert
from scopf.cli.report import report
from scopf.cli.sweep import sweep
from scopf.errors import ScopfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scopf.diagnosis.text import Diagnosis
    from scopf.results.solution import Solution

NOT_SOLVED, BAD_INPUT, INTERRUPTED = 1, 2, 130
NOT_STABLE = NOT_SOLVED

log = logging.getLogger(__name__)

app = typer.Typer(
    name="scopf",
    help="Stability-constrained optimal power flow for inverter-based grids.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Entry point of the command `scopf`."""
    app(prog_name="scopf")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scopf {__version__}")
        raise typer.Exit


def _listed(command: Callable[..., None]) -> Callable[..., None]:
    """Make it a command; the list of commands has its first sentence, whole."""
    sentence = (command.__doc__ or "").partition("\n\n")[0]
    return app.command(short_help=" ".join(sentence.split()))(command)


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stability-constrained optimal power flow for inverter-based grids."""


@_listed
def solve(
    case: options.Case,
    costs: Annotated[
        Path | None,
        typer.Option(
            help="CSV table of costs for a .raw file: bus, id, c2, c1, c0, ... [default: "
            "grid.costs.csv beside grid.raw]"
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Set branch resistance, charging and shunts to zero.")
    ] = False,
    criterion: Annotated[
        str,
        typer.Option(
            help="Stability criterion: voltage-difference (the paper's), weighted, C0, C1, C2, or "
            "none for a plain OPF.",
            autocompletion=completion.criteria,
        ),
    ] = "voltage-difference",
    mq: Annotated[
        float | None,
        typer.Option(help="Reactive droop m_q of every generating unit, p.u. [default: 0.05]"),
    ] = None,
    beta_q: Annotated[
        float | None, typer.Option(help="Gain of the reactive droop. [default: 1]")
    ] = None,
    mp: Annotated[float | None, typer.Option(help="Active droop m_p, p.u. [default: 0.05]")] = None,
    droop_base: Annotated[
        str, typer.Option(help="Base of the droops: system, or rating (each inverter's own).")
    ] = "system",
    inverters: Annotated[
        Path | None,
        typer.Option(
            help="CSV table by `bus` or `gen` with any of mq, beta_q, mp, beta_p, tau_p, tau_q, "
            "rating_mva, inverter (0 = none there); overrides the flags."
        ),
    ] = None,
    eta_q: Annotated[
        float, typer.Option(help="Reactive over active power cost: d_i = eta_q c_i.")
    ] = 0.0,
    d: Annotated[
        float | None,
        typer.Option("--d", help="Quadratic reactive power cost per MVAr^2 and h, instead."),
    ] = None,
    load_scale: Annotated[float, typer.Option(help="Factor on all loads.")] = 1.0,
    alpha: Annotated[
        float, typer.Option(help="Grid strength: factor on all branch susceptances.")
    ] = 1.0,
    margin: Annotated[
        float, typer.Option(help="Room that every stability row has to leave, p.u. voltage.")
    ] = 0.0,
    capability: Annotated[
        bool,
        typer.Option("--capability", help="Keep P^2 + Q^2 of every inverter within its rating."),
    ] = False,
    rating_factor: Annotated[
        float | None,
        typer.Option(help="Rating of each unit over its Pmax. [default: the case's mBase]"),
    ] = None,
    q_price: Annotated[
        float | None, typer.Option(help="Cost of |Q| of every generator, per MVArh.")
    ] = None,
    opportunity_price: Annotated[
        float | None,
        typer.Option(help="Price per MWh of active power that an inverter's Q takes away."),
    ] = None,
    droop_margin: Annotated[
        float | None,
        typer.Option(
            help="Share by which droops count as larger than they are. [default: 0.06 for weighted "
            "with losses, else 0]"
        ),
    ] = None,
    mq_min: Annotated[
        float | None,
        typer.Option(help="Co-design: least m_q; with --mq-max, droops become variables."),
    ] = None,
    mq_max: Annotated[float | None, typer.Option(help="Co-design: largest m_q.")] = None,
    stiffness_cost: Annotated[
        float, typer.Option(help="Co-design: cost per hour and unit of stiffness 1/m_q.")
    ] = 0.0,
    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            help="Check the result exactly and raise the droop margin until it is stable.",
        ),
    ] = False,
    start: Annotated[
        str,
        typer.Option(
            help="Start point: dc, flat, middle (of the boxes) or power-flow.",
            autocompletion=completion.starts,
        ),
    ] = "dc",
    form: Annotated[
        str,
        typer.Option(help="Branch flows as expressions (reduced), as variables (lifted), or auto."),
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables, as CSV and Parquet.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the summary.")
    ] = False,
    diagnosis: Annotated[
        bool, typer.Option(help="Say which limits conflict when there is no solution.")
    ] = True,
    max_iter: Annotated[int | None, typer.Option(help="Iteration limit.", min=0)] = None,
    time_limit: Annotated[float | None, typer.Option(help="Time limit in seconds.")] = None,
    option: options.IpoptOptions = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the solver's iterations and more.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, whatever it takes.")
    ] = False,
) -> None:
    """Solve one case and print its Nodal Stability Shadow Prices.

    Exit code: 0 solved, 1 not solved (or not certified), 2 usage or bad input, 130 interrupted.

    Example: scopf solve case39 --lossless --mq 0.2 --eta-q 0.1 --out results
    """
    _listen(verbose)
    settings = {
        "case": case, "costs": str(costs) if costs else None, "lossless": lossless,
        "criterion": criterion, "mq": mq, "beta_q": beta_q,
        "mp": mp, "droop_base": droop_base, "inverters": str(inverters) if inverters else None,
        "eta_q": eta_q, "d": d, "load_scale": load_scale, "alpha": alpha, "margin": margin,
        "droop_margin": droop_margin, "mq_min": mq_min, "mq_max": mq_max,
        "stiffness_cost": stiffness_cost, "certify": certify, "start": start, "form": form,
        "capability": capability, "rating_factor": rating_factor, "q_price": q_price,
        "opportunity_price": opportunity_price,
    }  # fmt: skip
    with _ending():
        show = not (quiet or verbose)
        running = (ignore_unsupported, max_iter, time_limit, option or [], verbose, show)
        solution = _solve(settings, *running)
        from scopf.results import export

        found = _diagnosis(solution, max_iter, show) if diagnosis else None
        written = export.write(solution, out, settings, found) if out else []
        if as_json:
            typer.echo(export.as_json(solution, settings, found))
        else:
            typer.echo(str(solution))
            if found is not None:
                typer.echo(f"\n{found}")
            if written:
                typer.echo(f"\n{len(written)} files written to {out}")
    _exit_if_interrupted(solution)
    if not solution.solved or solution.certified is False:
        raise typer.Exit(NOT_SOLVED)


@_listed
@options.as_in(solve, leave_out=("out",))
def verify(
    load: Annotated[
        str,
        typer.Option(
            help="How loads follow the voltage: power, current, impedance, an exponent, or two for "
            "active and reactive power (0,2)."
        ),
    ] = "power",
    frequency: Annotated[float, typer.Option(help="Nominal frequency in Hz.")] = 60.0,
    modes: Annotated[int, typer.Option(help="Number of modes to report.", min=1)] = 10,
    method: Annotated[
        str, typer.Option(help="Of finding eigenvalues: dense, arnoldi or auto.")
    ] = "auto",
    critical: Annotated[
        bool, typer.Option("--critical", help="Find the largest uniform m_q at the point as well.")
    ] = False,
    **given: Any,
) -> None:
    """Solve one case and check by its dynamics whether the result is stable.

    Exit code: 0 stable, 1 not solved or not stable, 2 usage or bad input, 130 interrupted.

    Example: scopf verify case39 --lossless --mq 0.2 --load impedance
    """
    _listen(given["verbose"])
    running = ("ignore_unsupported", "max_iter", "time_limit", "option", "verbose")
    apart = (*running, "as_json", "diagnosis", "quiet")
    settings = {key: value for key, value in given.items() if key not in apart}
    show = not (given["quiet"] or given["verbose"])
    for table in ("inverters", "costs"):
        settings[table] = str(given[table]) if given[table] else None
    with _ending():
        how: dict[str, Any] = {"frequency": frequency, "modes": modes, "method": method}
        how["load"] = _load(load)
        ignore_unsupported, max_iter, time_limit, option, verbose = (given[key] for key in running)
        solution = _solve(
            settings, ignore_unsupported, max_iter, time_limit, option or [], verbose, show
        )
        why = _diagnosis(solution, max_iter, show) if given["diagnosis"] else None
        found = solution.verify(**how) if solution.solved else None
        if found is not None and critical:
            log.info("critical m_q %g", found.critical_mq)  # the text has it from now on
        if given["as_json"]:
            from scopf.results import export

            result = {**export.as_dict(solution), "settings": {**settings, **how}}
            result |= found.as_dict() if found is not None else {"stable": None}
            result |= {} if why is None else {"diagnosis": why.as_dict()}
            typer.echo(json.dumps(result, allow_nan=False))
        elif found is None:
            typer.echo(f"{solution.status}: {solution.message}; there is nothing to verify")
            typer.echo("" if why is None else f"\n{why}", nl=why is not None)
        else:
            from scopf.results import text

            typer.echo(f"criterion {solution.problem.criterion.name}, cost {solution.cost:.4f}")
            typer.echo("\n".join([*text.checks(solution), found.text()]))
    _exit_if_interrupted(solution)
    if found is None or not found.stable:
        raise typer.Exit(NOT_STABLE)


def _exit_if_interrupted(solution: Solution) -> None:
    """With the exit code of Ctrl-C, after what there is has been shown."""
    last = solution.checks[-1].status if solution.checks else solution.status
    if str(last) == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _diagnosis(solution: Solution, max_iter: int | None, show: bool) -> Diagnosis | None:
    """Why there is no solution, if limits may be the reason and not max_iter or time_limit."""
    from scopf.optimizer.status import Status

    status = solution.status
    stopped = status is Status.ITERATION_LIMIT and max_iter is None
    if not (solution.solved or status.conflicting or stopped):
        return None
    from scopf.results.explanation import explain

    return explain(solution, progress=show)


def _load(text: str) -> Any:
    """A load model as `Solution.verify` takes it."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _listen(verbose: bool) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("scopf").setLevel(level)
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)  # its errors reach us as exceptions


@contextmanager
def _ending() -> Iterator[None]:
    """How a command ends that cannot finish."""
    try:
        yield
    except (ScopfError, ImportError) as error:
        _refuse(error)
    except KeyboardInterrupt:
        typer.echo("scopf: interrupted, nothing was written", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _solve(
    settings: dict[str, Any],
    ignore_unsupported: bool,
    max_iter: int | None,
    time_limit: float | None,
    options: list[str],
    verbose: bool,
    show: bool,
) -> Solution:
    import scopf

    case, costs = settings["case"], settings["costs"]
    net = scopf.load_case(case, costs=costs, ignore_unsupported=ignore_unsupported)
    net = net.lossless() if settings["lossless"] else net
    net = net.scaled(load=settings["load_scale"])
    keywords = {key: settings[key] for key in ("mq", "beta_q", "mp", "droop_base")}
    keywords["rating_factor"] = settings["rating_factor"]
    units = scopf.Inverters.at_generators(net, table=settings["inverters"], **keywords)
    names = (
        "criterion", "eta_q", "d", "alpha", "margin", "droop_margin", "stiffness_cost",
        "capability", "q_price", "opportunity_price",
    )  # fmt: skip
    low, high = settings["mq_min"], settings["mq_max"]
    if (low is None) != (high is None):
        raise ScopfError("co-design needs both --mq-min and --mq-max")
    bounds = None if low is None else (low, high)
    problem = scopf.build(net, units, mq_bounds=bounds, **{key: settings[key] for key in names})
    return scopf.solve(
        problem,
        start=settings["start"],
        form=settings["form"],
        certify=settings["certify"],
        options=dict(_option(text) for text in options),
        max_iter=max_iter,
        time_limit=time_limit,
        verbose=verbose,
        progress=show,
    )


def _option(text: str) -> tuple[str, str | int | float]:
    """NAME=VALUE with the value as the narrowest type it reads as."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ScopfError(f"--option takes NAME=VALUE, got {text!r}")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"scopf: {error}", err=True)
    raise typer.Exit(BAD_INPUT)


_listed(sweep)


@_listed
def cases() -> None:
    """List the bundled cases."""
    from scopf.cases import bundled

    rows = [("name", "buses", "gens", "branches", "what it is")]
    for entry in bundled.entries().values():
        net = bundled.load(entry.name)
        sizes = (str(len(net.bus)), str(len(net.gen)), str(len(net.branch)))
        rows.append((entry.name, *sizes, entry.title))
    width = max(len(row[0]) for row in rows)
    for name, buses, gens, branches, title in rows:
        typer.echo(f"{name:<{width}}  {buses:>5}  {gens:>4}  {branches:>8}  {title}")


def _guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with errors as one line and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **keywords: Any) -> None:
        with _ending():
            command(*args, **keywords)

    return run


for _command in (*studies.COMMANDS, report, convert):
    _listed(_guarded(_command))
