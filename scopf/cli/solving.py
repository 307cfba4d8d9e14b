"""Reading a case, building its problem and solving it: the flags, and what they do."""

# Annotations are not postponed here: the flags of commands are read from them.

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.cli import completion, options, terminal
from scopf.cli.ending import interrupted
from scopf.errors import ScopfError
from scopf.model.quantities import QUANTITIES

if TYPE_CHECKING:
    from scopf.diagnosis.text import Diagnosis
    from scopf.model.problem import Problem
    from scopf.results.solution import Solution

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
    rating_mva: options.RatingMva = None,
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
    inverter_share: options.InverterShare = None,
    inverter_gens: options.InverterGens = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    dead_islands: options.DeadIslands = "drop",
    *,
    numbers: dict[str, Any],
) -> "Problem":
    """Read a case and build its problem."""
    import scopf
    from scopf.cases import machines
    from scopf.devices import device_table
    from scopf.devices import inverter_share as shares
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
    droop = None if (text := numbers["droop_percent"]) is None else options.percent(text)
    of_units: dict[str, Any] = {
        "table": inverters, "mq": numbers["mq"], "droop_percent": droop, "beta_q": beta_q, "mp": mp,
        "droop_base": droop_base or "system", "rating_mva": rating_mva,
        "rating_factor": rating_factor,
    }  # fmt: skip
    further: dict[str, Any] = {**numbers, "mq": None, "droop_percent": None}  # the units have them
    gens = options.generators(inverter_gens)
    if devices is None:
        shares.refuse_without_devices({"inverter_share": inverter_share, "inverter_gens": gens})
    else:
        table = device_table.read_table(machines.found(devices), net)
        table, _ = shares.applied(table, None, net, inverter_share, gens)
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
    load: options.LoadModel = None,
    frequency: options.Frequency = None,
    min_damping: options.MinDamping = None,
    max_iter: options.MaxIter = None,
    time_limit: options.TimeLimit = None,
    interface: options.SolverInterface = None,
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
    checks = options.checks({"load": load, "frequency": frequency, "min_damping": min_damping})
    how: dict[str, Any] = {
        "start": start, "form": form, "certify": certify and (checks or True),
        "max_iter": max_iter, "interface": interface,
        "time_limit": time_limit, "options": options.of_ipopt(option, ipopt_options),
        "explain": explain,
    }  # fmt: skip
    found = solve(problem, **how, verbose=verbose, progress=show)
    stopped = found.status is Status.ITERATION_LIMIT and max_iter is None
    if not (diagnosis and (found.solved or found.status.conflicting or stopped)):
        return found, None  # max_iter may be the reason, not the limits
    return found, explanation.explain(found, progress=show)


PROBLEM, SOLUTION = options.of(_problem), options.of(_solution)
FLAGS = PROBLEM, NUMBERS, SOLUTION


def refuse_without_certify(given: dict[str, Any], names: Sequence[str] = options.CHECKS) -> None:
    """Refuse flags that only an exact check has a use for.

    Raises:
        ScopfError: naming them.
    """
    idle = [f"--{name.replace('_', '-')}" for name in names if given[name] is not None]
    if idle and not given["certify"]:
        belong = "belongs" if len(idle) == 1 else "belong"
        raise ScopfError(
            f"{' and '.join(idle)} {belong} to the exact check of a solution: give --certify too, "
            "or use scopf verify"
        )


def solved(
    given: dict[str, Any],
    *,
    explain: bool = False,
    before: "Callable[[Problem], None] | None" = None,
) -> "tuple[Solution, Diagnosis | None]":
    """The solution of a case, and why there is none.

    Args:
        given: values of all flags.
        explain: whether to say what stability and outages cost.
        before: called with the problem before it is solved.
    """
    set_logging(given["verbose"])
    numbers = options.only(NUMBERS, given)
    problem = _problem(**options.only(PROBLEM, given), numbers=numbers)
    if before is not None:
        before(problem)
    return _solution(**options.only(SOLUTION, given), problem=problem, explain=explain)


def set_logging(verbose: bool) -> None:
    """Show warnings on stderr, and more if it is wished."""
    terminal.log_warnings(logging.INFO if verbose else logging.WARNING)


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """The flags that results depend on, as results have them."""
    how = {
        "interface",
        "max_iter",
        "time_limit",
        "option",
        "ipopt_options",
        "verbose",
        "quiet",
        "diagnosis",
    }
    flags = [one for group in FLAGS for one in group if one.name not in how]
    asked = options.only(flags, given)
    return {name: str(x) if isinstance(x, Path) else x for name, x in asked.items()}


def exit_if_interrupted(solution: "Solution") -> None:
    """With the exit code of the signal, after what there is has been shown."""
    last = solution.checks[-1].status if solution.checks else solution.status
    if str(last) == "interrupted":
        interrupted()
