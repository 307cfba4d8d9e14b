"""The commands `scopf solve` and `scopf verify`."""

# Annotations are not postponed here: the flags of commands are read from them.

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.cases.files import save_case, writer
from scopf.cli import options, pictures, solving, terminal
from scopf.cli.ending import NOT_SOLVED, NOT_STABLE, interrupted
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError, require

if TYPE_CHECKING:
    from scopf.diagnosis.text import Diagnosis
    from scopf.dynamics.verified import Verification
    from scopf.results.solution import Solution
    from scopf.results.verified import VerifiedStates

log = logging.getLogger(__name__)


def _saved(solution: "Solution", path: Path) -> str:
    """Write the network of a solution, if there is one; a sentence on it."""
    if not solution.solved:
        return f"there is no solution to write to {path}"
    save_case(solution.net, path)
    return f"the network at the solution was written to {path}"


@options.takes(*solving.FLAGS)
def solve(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables, as CSV and Parquet.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="File for the network at the solution (set points, voltages): .m, .json or .raw."
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say what stability rows, outages and each outage that binds cost: solve again "
            "without each of them.",
        ),
    ] = False,
    report: pictures.Report = None,
    plot: Annotated[
        Path | None, typer.Option(help="File for a map of the network: .png, .svg, .pdf.")
    ] = None,
    as_json: options.Json = False,
    **given: Any,
) -> None:
    """Solve one case and print its Nodal Stability Shadow Prices.

    Exit code: 0 solved, 1 not solved (or not certified), 2 usage or bad input, 130
    or 143 interrupted.

    Example: scopf solve case39 --lossless --mq 0.2 --eta-q 0.1 --out results
    """
    solving.refuse_without_certify(given)
    if out is not None:
        require("pyarrow")  # rather now than after the solve
    pictures.check(plot, report)
    if plot is not None and given["hours"] is not None:
        raise ScopfError(
            "--plot draws the network at one operating point, and --hours makes one for every "
            "hour: --report shows all of them"
        )
    if save is not None:
        if given["hours"] is not None:
            raise ScopfError(
                "--save writes the network at one operating point, and --hours makes one for every "
                "hour: --out writes the tables of all of them"
            )
        writer(save)
    solution, why = solving.solved(given, explain=explain)
    from scopf.results import export

    settings, written = {**solving.settings(given), "explain": explain}, ""
    if out is not None:
        with Writing(out) as writing:
            count = len(export.write(solution, out, settings, why))
            writing.done(written := f"{count} files written to {out}")
    if as_json:
        typer.echo(export.as_json(solution, settings, why))
    else:
        terminal.say(str(solution))
        if why is not None:
            terminal.say(f"\n{why}")
        if written:
            terminal.say(f"\n{written}")
    if save is not None:  # after the output, which stays if the format cannot hold the network
        with Writing(save) as writing:
            text = _saved(solution, save)
            writing.done("; ".join(filter(None, [written, text])))
        terminal.say(f"\n{text}" if not as_json else text, err=as_json)
        written = "; ".join(filter(None, [written, text]))
    _drawn(solution, why, report, plot, written, to_stderr=as_json)
    solving.exit_if_interrupted(solution)
    if explain and solution.solved and solution.explained is None:
        interrupted()
    if not solution.solved or solution.certified is False:
        raise typer.Exit(NOT_SOLVED)


def _drawn(
    solution: "Solution",
    why: "Diagnosis | None",
    report: Path | None,
    plot: Path | None,
    written: str,
    *,
    to_stderr: bool,
) -> None:
    """Write the page and the picture that are asked for, and say so."""
    for target in filter(None, (report, plot)):
        with Writing(target) as writing:
            text = _page(solution, why, target) if target is report else _picture(solution, target)
            written = "; ".join(filter(None, [written, text]))
            writing.done(written)
        terminal.say(text if to_stderr else f"\n{text}", err=to_stderr)


def _page(solution: "Solution", why: "Diagnosis | None", target: Path, verified: Any = None) -> str:
    """Write the page of a solution; a sentence on it."""
    from scopf.pages.report import report

    how = {"verified": verified} if solution.solved else {"diagnosis": why}
    report(solution, target, **how)
    return f"the report was written to {target}"


def _picture(solution: "Solution", target: Path) -> str:
    """Write a map of the network, if there is a solution; a sentence on it."""
    if not solution.solved:
        return f"there is no solution to draw in {target}"
    from scopf import plots
    from scopf.plots import style

    style.leave_folder_aside()
    pictures.save(plots.network(solution).figure, target)
    return f"the map of the network was written to {target}"


def _verified(
    load: options.LoadModel = None,
    frequency: options.Frequency = None,
    min_damping: options.MinDamping = None,
    modes: Annotated[int, typer.Option(help="Number of modes to report.", min=1)] = 10,
    method: Annotated[
        str, typer.Option(help="Of finding eigenvalues: dense, arnoldi or auto.")
    ] = "auto",
    critical: Annotated[
        bool,
        typer.Option(
            "--critical",
            help="Find the largest factor on all droops at the point as well, and m_q if uniform.",
        ),
    ] = False,
    proof: Annotated[
        bool | None,
        typer.Option(
            "--proof/--no-proof",
            help="With losses, look for a proof of stability beside the eigenvalues. "
            "[default: where it takes little time]",
        ),
    ] = None,
    *,
    solution: "Solution",
    show: bool,
) -> "tuple[Verification | None, VerifiedStates | None]":
    """Verify a solution, and what is left after outages if there are any; or every hour."""
    how: dict[str, Any] = {"modes": modes, "method": method, "proof": proof}
    how |= options.checks({"load": load, "frequency": frequency, "min_damping": min_damping})
    states = None
    if solution.scenario.outages or solution.problem.horizon is not None:
        states = solution.verify_states(progress=show, **how)
    if solution.problem.horizon is not None:
        return None, states
    found = solution.verify(**how) if states is None else states.checks["intact"]
    if critical:
        log.info("critical factor %g, m_q %g", found.critical_factor, found.critical_mq)
    return found, states


_VERIFIED = options.of(_verified)


@options.takes(*solving.FLAGS, _VERIFIED)
def verify(report: pictures.Report = None, as_json: options.Json = False, **given: Any) -> None:
    """Solve one case and check by its dynamics whether the result is stable.

    With outages, every state is checked; with hours, every hour.

    Exit code: 0 stable (and with --min-damping so damped), 1 not solved, not stable, not so damped
    or undecided, 2 usage or bad input, 130 or 143 interrupted.

    Example: scopf verify case39 --lossless --mq 0.2 --load impedance
    """
    how = options.only(_VERIFIED, given)
    options.checks(given)  # rather now than after the solve
    if how["critical"] and given["hours"] is not None:
        raise ScopfError(
            "--critical is of one operating point, and --hours makes one for every hour: "
            "sol.verify_states().checks has their critical_factor"
        )
    pictures.check(None, report)
    solution, why = solving.solved(given)
    found, states = None, None
    if solution.solved:
        show = not (given["quiet"] or given["verbose"])
        found, states = _verified(**how, solution=solution, show=show)
    exact = found if states is None else states
    stable, damped = (None, None) if exact is None else (exact.stable, exact.damped)
    if as_json:
        from scopf.results import export

        result = {
            **export.as_dict(solution),
            "settings": {**solving.settings(given), **how, "load": how["load"] or "power"},
        }
        result |= found.as_dict() if found is not None else {"stable": None}
        result |= (
            {}
            if states is None
            else {"verified": states.as_dict(), "stable": stable, "damped": damped}
        )
        result |= {} if why is None else {"diagnosis": why.as_dict()}
        typer.echo(json.dumps(result, allow_nan=False))
    elif found is None and states is None:
        terminal.say(f"{solution.status}: {solution.message}; there is nothing to verify")
        if why is not None:
            terminal.say(f"\n{why}")
    else:
        from scopf.results import text

        terminal.say(f"criterion {solution.problem.criterion.name}, cost {solution.cost:.4f}")
        for line in [*text.checks(solution), *([] if found is None else [found.text()])]:
            terminal.say(line)
        if states is not None:
            terminal.say(f"\n{states}")
    if report is not None:
        with Writing(report) as writing:
            line = _page(solution, why, report, found if states is None else states)
            writing.done(line)
        terminal.say(line if as_json else f"\n{line}", err=as_json)
    solving.exit_if_interrupted(solution)
    if not damped:
        raise typer.Exit(NOT_STABLE)
