"""The command line: `scopf solve`, `scopf sweep`, `scopf cases`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from scopf import __version__
from scopf.faults import ScopfError
from scopf.sweeps.command import sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.solution import Solution

NOT_SOLVED, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="scopf",
    help="Stability-constrained optimal power flow for inverter-based grids.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Entry point of the command `scopf`."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scopf {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stability-constrained optimal power flow for inverter-based grids."""


@app.command()
def solve(
    case: Annotated[
        str, typer.Argument(help="Bundled case (see `scopf cases`) or path of a MATPOWER .m file.")
    ],
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Set branch resistance, charging and shunts to zero.")
    ] = False,
    criterion: Annotated[
        str,
        typer.Option(
            help="Stability criterion: voltage-difference (the paper's), weighted, C0, C1, C2, or "
            "none for a plain OPF."
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
    start: Annotated[
        str, typer.Option(help="Start point: dc, flat, middle (of the boxes) or power-flow.")
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
    max_iter: Annotated[int | None, typer.Option(help="Iteration limit.", min=0)] = None,
    time_limit: Annotated[float | None, typer.Option(help="Time limit in seconds.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Ipopt option NAME=VALUE; may be repeated.")
    ] = None,
    ignore_unsupported: Annotated[
        bool,
        typer.Option("--ignore-unsupported", help="Warn about content that cannot be represented."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the solver's iterations and more.")
    ] = False,
) -> None:
    """Solve one case and print its Nodal Stability Shadow Prices.

    Exit code: 0 solved, 1 not solved, 2 usage or bad input, 130 interrupted.

    Example: scopf solve case39 --lossless --mq 0.2 --eta-q 0.1 --out results
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("scopf").setLevel(level)
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)  # its errors reach us as exceptions
    settings = {
        "case": case, "lossless": lossless, "criterion": criterion, "mq": mq, "beta_q": beta_q,
        "mp": mp, "droop_base": droop_base, "inverters": str(inverters) if inverters else None,
        "eta_q": eta_q, "d": d, "load_scale": load_scale, "alpha": alpha, "margin": margin,
        "droop_margin": droop_margin, "mq_min": mq_min, "mq_max": mq_max,
        "stiffness_cost": stiffness_cost, "start": start, "form": form,
    }  # fmt: skip
    try:
        solution = _solve(settings, ignore_unsupported, max_iter, time_limit, option or [], verbose)
        from scopf import export, summary

        written = export.write(solution, out, settings) if out else []
        if as_json:
            typer.echo(export.as_json(solution, settings))
        else:
            typer.echo(summary.text(solution))
            if written:
                typer.echo(f"\n{len(written)} files written to {out}")
    except (ScopfError, ImportError) as error:
        _refuse(error)
    except KeyboardInterrupt:
        typer.echo("scopf: interrupted, nothing was written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if not solution.solved:
        raise typer.Exit(NOT_SOLVED)


def _solve(
    settings: dict[str, Any],
    ignore_unsupported: bool,
    max_iter: int | None,
    time_limit: float | None,
    options: list[str],
    verbose: bool,
) -> Solution:
    import scopf

    net = scopf.load_case(settings["case"], ignore_unsupported=ignore_unsupported)
    net = net.lossless() if settings["lossless"] else net
    net = net.scaled(load=settings["load_scale"])
    keywords = {key: settings[key] for key in ("mq", "beta_q", "mp", "droop_base")}
    units = scopf.Inverters.at_generators(net, table=settings["inverters"], **keywords)
    names = ("criterion", "eta_q", "d", "alpha", "margin", "droop_margin", "stiffness_cost")
    low, high = settings["mq_min"], settings["mq_max"]
    if (low is None) != (high is None):
        raise ScopfError("co-design needs both --mq-min and --mq-max")
    bounds = None if low is None else (low, high)
    problem = scopf.build(net, units, mq_bounds=bounds, **{key: settings[key] for key in names})
    show = sys.stderr.isatty() and not verbose
    return scopf.solve(
        problem,
        start=settings["start"],
        form=settings["form"],
        options=dict(_option(text) for text in options),
        max_iter=max_iter,
        time_limit=time_limit,
        verbose=verbose,
        progress=_progress() if show else None,
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


def _progress() -> Callable[[int, float, float], None]:
    """A line on the terminal that follows the solver; it is wiped at the next output."""

    def show(iteration: int, cost: float, violation: float) -> None:
        text = f"iteration {iteration}: cost {cost:.6g}, violation {violation:.1e}"
        sys.stderr.write(f"\r{text:<70}\r")
        sys.stderr.flush()

    return show


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"scopf: {error}", err=True)
    raise typer.Exit(BAD_INPUT)


app.command()(sweep)


@app.command()
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
