"""The commands `scopf solve` and `scopf verify`."""

# Annotations are not postponed here: the flags of commands are read from them.

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.cases.files import save_case, writer
from scopf.cli import completion, options
from scopf.cli.ending import NOT_SOLVED, NOT_STABLE, interrupted
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError, require
from scopf.model.quantities import QUANTITIES

if TYPE_CHECKING:
    from scopf.diagnosis.text import Diagnosis
    from scopf.dynamics.verified import Verification
    from scopf.model.problem import Problem
    from scopf.results.solution import Solution
    from scopf.results.verified import VerifiedStates

log = logging.getLogger(__name__)

NUMBERS = options.of_numbers({name: one.text for name, one in QUANTITIES.items()}, float)


def _problem(
    case: options.Case,
    costs: options.Costs = None,
    dispatch_dc: options.DispatchDc = False,
    dynamics: options.Dynamics = None,
    lossless: options.Lossless = False,
    criterion: Annotated[
        str,
        typer.Option(
            help="Stability criterion: voltage-difference (the paper's), weighted, lossy, C0, C1, "
            "C2, or none for a plain OPF.",
            autocompletion=completion.criteria,
        ),
    ] = "voltage-difference",
    beta_q: options.BetaQ = None,
    mp: options.Mp = None,
    droop_base: options.DroopBase = None,
    inverters: options.InverterTable = None,
    capability: options.Capability = False,
    limit: options.Limit = "power",
    rating_factor: options.RatingFactor = None,
    mq_min: Annotated[
        float | None,
        typer.Option(help="Co-design: least m_q; with --mq-max, droops become variables."),
    ] = None,
    mq_max: Annotated[float | None, typer.Option(help="Co-design: largest m_q.")] = None,
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
    ignore_unsupported: options.IgnoreUnsupported = False,
    dead_islands: options.DeadIslands = "drop",
    *,
    numbers: dict[str, float | None],
) -> "Problem":
    """Read a case and build its problem."""
    import scopf
    from scopf.cases import machines
    from scopf.devices import device_table
    from scopf.devices.fitting import units_beside

    net = scopf.load_case(
        case,
        costs=costs,
        dispatch_dc=dispatch_dc,
        dynamics=dynamics,
        ignore_unsupported=ignore_unsupported,
        dead_islands=dead_islands,
    )
    net = net.lossless() if lossless else net
    of_units: dict[str, Any] = {
        "table": inverters, "mq": numbers["mq"], "beta_q": beta_q, "mp": mp,
        "droop_base": droop_base or "system", "rating_factor": rating_factor,
    }  # fmt: skip
    further: dict[str, Any] = {**numbers, "mq": None}  # the units have it
    if devices is not None:
        table = device_table.read_table(machines.found(devices), net)
        further["devices"], of_units = table.devices, units_beside(table, of_units)
    units = scopf.Inverters.at_generators(net, **of_units)
    if (mq_min is None) != (mq_max is None):
        raise ScopfError("co-design needs both --mq-min and --mq-max")
    bounds = None if mq_min is None or mq_max is None else (mq_min, mq_max)
    further |= {"criterion": criterion, "capability": capability, "limit": limit}
    further |= options.security(
        {
            "outages": outages, "emergency": emergency, "voltage_band": voltage_band,
            "frequency_band": frequency_band, "on_infeasible": on_infeasible, "soft": soft,
        }
    )  # fmt: skip
    further |= options.coupled({"hours": hours, "storage": storage, "ramps": ramps})
    return scopf.build(net, units, mq_bounds=bounds, **further)


def _solution(
    start: Annotated[
        str,
        typer.Option(
            help="Start point: dc, flat, middle (of the bounds) or power-flow.",
            autocompletion=completion.starts,
        ),
    ] = "dc",
    form: Annotated[
        str,
        typer.Option(help="Branch flows as expressions (reduced), as variables (lifted), or auto."),
    ] = "auto",
    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            help="Check the result exactly and raise the droop margin until it is stable.",
        ),
    ] = False,
    max_iter: options.MaxIter = None,
    time_limit: options.TimeLimit = None,
    option: options.IpoptOptions = None,
    ipopt_options: options.IpoptOptionFile = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the solver's iterations and more.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, whatever it takes.")
    ] = False,
    diagnosis: Annotated[
        bool, typer.Option(help="Say which limits conflict when there is no solution.")
    ] = True,
    *,
    problem: "Problem",
    explain: bool = False,
) -> "tuple[Solution, Diagnosis | None]":
    """Solve a problem; without a solution, or one that is certified, say why as well."""
    from scopf.optimizer.status import Status
    from scopf.procedures.solver import solve
    from scopf.results import explanation

    show = not (quiet or verbose)
    how: dict[str, Any] = {
        "start": start, "form": form, "certify": certify, "max_iter": max_iter,
        "time_limit": time_limit, "options": options.of_ipopt(option, ipopt_options),
        "explain": explain,
    }  # fmt: skip
    found = solve(problem, **how, verbose=verbose, progress=show)
    stopped = found.status is Status.ITERATION_LIMIT and max_iter is None
    if not (diagnosis and (found.solved or found.status.conflicting or stopped)):
        return found, None  # max_iter may be the reason, not the limits
    return found, explanation.explain(found, progress=show)


_PROBLEM, _SOLUTION = options.of(_problem), options.of(_solution)


def _solved(given: dict[str, Any], *, explain: bool = False) -> "tuple[Solution, Diagnosis | None]":
    level = logging.INFO if given["verbose"] else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("scopf").setLevel(level)
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)  # its errors reach us as exceptions
    numbers = options.only(NUMBERS, given)
    problem = _problem(**options.only(_PROBLEM, given), numbers=numbers)
    return _solution(**options.only(_SOLUTION, given), problem=problem, explain=explain)


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """The flags that results depend on, as results have them."""
    how = {"max_iter", "time_limit", "option", "ipopt_options", "verbose", "quiet", "diagnosis"}
    flags = [*_PROBLEM, *NUMBERS, *_SOLUTION]
    asked = options.only([one for one in flags if one.name not in how], given)
    return {name: str(x) if isinstance(x, Path) else x for name, x in asked.items()}


def _saved(solution: "Solution", path: Path) -> str:
    """Write the network of a solution, if there is one; a sentence on it."""
    if not solution.solved:
        return f"there is no solution to write to {path}"
    save_case(solution.net, path)
    return f"the network at the solution was written to {path}"


@options.takes(_PROBLEM, NUMBERS, _SOLUTION)
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
    as_json: options.Json = False,
    **given: Any,
) -> None:
    """Solve one case and print its Nodal Stability Shadow Prices.

    Exit code: 0 solved, 1 not solved (or not certified), 2 usage or bad input, 130
    or 143 interrupted.

    Example: scopf solve case39 --lossless --mq 0.2 --eta-q 0.1 --out results
    """
    if out is not None:
        require("pyarrow")  # rather now than after the solve
    if save is not None:
        if given["hours"] is not None:
            raise ScopfError(
                "--save writes the network at one operating point, and --hours makes one for every "
                "hour: --out writes the tables of all of them"
            )
        writer(save)
    solution, why = _solved(given, explain=explain)
    from scopf.results import export

    settings, written = {**_settings(given), "explain": explain}, ""
    if out is not None:
        with Writing(out) as writing:
            count = len(export.write(solution, out, settings, why))
            writing.done(written := f"{count} files written to {out}")
    if as_json:
        typer.echo(export.as_json(solution, settings, why))
    else:
        typer.echo(str(solution))
        if why is not None:
            typer.echo(f"\n{why}")
        if written:
            typer.echo(f"\n{written}")
    if save is not None:  # after the output, which stays if the format cannot hold the network
        with Writing(save) as writing:
            text = _saved(solution, save)
            writing.done("; ".join(filter(None, [written, text])))
        typer.echo(f"\n{text}" if not as_json else text, err=as_json)
    _exit_if_interrupted(solution)
    if explain and solution.solved and solution.explained is None:
        interrupted()
    if not solution.solved or solution.certified is False:
        raise typer.Exit(NOT_SOLVED)


def _verified(
    load: Annotated[
        str,
        typer.Option(
            help="How loads follow the voltage: power, current, impedance, an exponent, or two for "
            "active and reactive power (0,2)."
        ),
    ] = "power",
    frequency: Annotated[
        float | None, typer.Option(help="Nominal frequency in Hz. [default: 60]")
    ] = None,
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
    from scopf.dynamics.droop import FREQUENCY

    how: dict[str, Any] = {
        "load": _load(load), "frequency": FREQUENCY if frequency is None else frequency,
        "modes": modes, "method": method, "proof": proof,
    }  # fmt: skip
    states = None
    if solution.scenario.outages or solution.problem.horizon is not None:
        states = solution.verify_states(progress=show, **how)
    if solution.problem.horizon is not None:
        return None, states
    found = solution.verify(**how) if states is None else states.checks["intact"]
    if critical:
        log.info("critical factor %g, m_q %g", found.critical_factor, found.critical_mq)
    return found, states


def _load(text: str) -> Any:
    """A load model as `Solution.verify` takes it."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


_VERIFIED = options.of(_verified)


@options.takes(_PROBLEM, NUMBERS, _SOLUTION, _VERIFIED)
def verify(as_json: options.Json = False, **given: Any) -> None:
    """Solve one case and check by its dynamics whether the result is stable.

    With outages, every state is checked; with hours, every hour.

    Exit code: 0 stable, 1 not solved, not stable or undecided, 2 usage or bad input, 130
    or 143 interrupted.

    Example: scopf verify case39 --lossless --mq 0.2 --load impedance
    """
    how = options.only(_VERIFIED, given)
    if how["critical"] and given["hours"] is not None:
        raise ScopfError(
            "--critical is of one operating point, and --hours makes one for every hour: "
            "sol.verify_states().checks has their critical_factor"
        )
    solution, why = _solved(given)
    found, states = None, None
    if solution.solved:
        show = not (given["quiet"] or given["verbose"])
        found, states = _verified(**how, solution=solution, show=show)
    stable = found.stable if found is not None and states is None else None
    stable = stable if states is None else states.stable
    if as_json:
        from scopf.results import export

        result = {**export.as_dict(solution), "settings": {**_settings(given), **how}}
        result |= found.as_dict() if found is not None else {"stable": None}
        result |= {} if states is None else {"verified": states.as_dict(), "stable": stable}
        result |= {} if why is None else {"diagnosis": why.as_dict()}
        typer.echo(json.dumps(result, allow_nan=False))
    elif found is None and states is None:
        typer.echo(f"{solution.status}: {solution.message}; there is nothing to verify")
        typer.echo("" if why is None else f"\n{why}", nl=why is not None)
    else:
        from scopf.results import text

        typer.echo(f"criterion {solution.problem.criterion.name}, cost {solution.cost:.4f}")
        for line in [*text.checks(solution), *([] if found is None else [found.text()])]:
            typer.echo(line)
        typer.echo("" if states is None else f"\n{states}", nl=states is not None)
    _exit_if_interrupted(solution)
    if not stable:
        raise typer.Exit(NOT_STABLE)


def _exit_if_interrupted(solution: "Solution") -> None:
    """With the exit code of the signal, after what there is has been shown."""
    last = solution.checks[-1].status if solution.checks else solution.status
    if str(last) == "interrupted":
        interrupted()
