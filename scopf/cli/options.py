"""Flags that commands share, and commands that are made of functions with flags."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from scopf.cli import completion
from scopf.devices.parameters import PERCENT
from scopf.errors import ScopfError
from scopf.model.choices import Limit as _Limit
from scopf.network.outages import FILES, WORDS

Case = Annotated[
    str,
    typer.Argument(
        help="Bundled case (see `scopf cases`), or path of a .m (MATPOWER), .raw "
        "(PSS/E) or .json (scopf convert) file, or of one for pypowsybl (.xiidm, .zip, .uct, ...).",
        autocompletion=completion.cases,
    ),
]
Costs = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of costs for a .raw file (bus, id, c2, c1, c0, ...), a .m file (gen or "
        "bus, c2, ...) or a file for pypowsybl (id, c2, ...) [default: grid.costs.csv beside a "
        "grid without costs]"
    ),
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="Set branch resistance, charging and shunts to zero.")
]
Capability = Annotated[
    bool, typer.Option("--capability", help="Keep P^2 + Q^2 of every inverter within its rating.")
]
Limit = Annotated[
    _Limit,
    typer.Option(help="Ratings of branches limit: power (|S|), or current (|I|), as pandapower's."),
]
InverterTable = Annotated[
    Path | None,
    typer.Option(
        help="CSV table by `bus` or `gen` with any of mq, droop_percent, beta_q, mp, beta_p, "
        "tau_p, tau_q, rating_mva, imax, inverter (0 = none there); overrides the flags."
    ),
]
BetaQ = Annotated[float | None, typer.Option(help="Gain of the reactive droop. [default: 1]")]
Mp = Annotated[float | None, typer.Option(help="Active droop m_p, p.u. [default: 0.05]")]
DroopBase = Annotated[
    str | None,
    typer.Option(
        help="Base of the droops: system, or rating (each inverter's own). [default: system]"
    ),
]
Droop = Annotated[
    str | None,
    typer.Option(
        "--droop",
        help="Reactive droop of every unit as data sheets have it, 5% (or 0.05) of its rating, "
        "instead of --mq.",
        show_default=False,
    ),
]
RatingMva = Annotated[
    float | None,
    typer.Option(help="Rated apparent power of every unit, MVA. [default: the case's mBase]"),
]
RatingFactor = Annotated[
    float | None,
    typer.Option(help="Rating of each unit over its Pmax. [default: the case's mBase]"),
]
Outages = Annotated[
    str | None,
    typer.Option(
        help="Outages that the dispatch survives: n-1, n-1-gens, n-1-all, branch numbers and names "
        "separated by commas (6,gen 3,12+13), or a file (.csv, or .con of PSS/E)."
    ),
]
Emergency = Annotated[
    float | None,
    typer.Option(help="Factor on rating A after an outage. [default: rating B]", min=0),
]
VoltageBand = Annotated[
    float | None,
    typer.Option(help="P.u. by which voltage limits are wider then. [default: 0.05]", min=0),
]
FrequencyBand = Annotated[
    float | None,
    typer.Option(help="P.u. that the frequency may deviate by then. [default: 0.01]", min=0),
]
OnInfeasible = Annotated[
    Literal["drop", "penalty", "stop"] | None,
    typer.Option(
        help="Outages that no dispatch survives: leave out and name them (drop), let their limits "
        "be violated at a price (penalty), or no solution (stop). [default: drop]"
    ),
]
Soft = Annotated[
    list[str] | None,
    typer.Option(
        help="Price at which limits may be violated, FAMILY=PRICE: ratings, voltages, stability, "
        "...; may be repeated."
    ),
]
Hours = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of hours that are dispatched together: hour, duration_h, load_scale, "
        "p_mw_<bus>, availability_<gen>, ... Costs are then those of all hours."
    ),
]
Storage = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of storage, with --hours: bus, p_mw, e_mwh, eta_c, eta_d, mq, ..."
    ),
]
Ramps = Annotated[
    str | None,
    typer.Option(
        help="Largest change of active power from hour to hour, with --hours: MW per h for every "
        "generator, or a CSV table (gen, ramp_mw_per_h).",
        autocompletion=completion.files,
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        help="CSV table of machines and grid-following inverters by `bus` or `gen`: device "
        "(one-axis, classical, avr, gfl, gfm), s_mva, xd, xq, ...; or a bundled one, "
        "case39_machines. All other generators are inverters.",
        autocompletion=completion.devices,
    ),
]
InverterShare = Annotated[
    float | None,
    typer.Option(
        help="Share of Pmax, 0 to 1: machines of --devices are inverters instead, the smallest "
        "first, until inverters have this share."
    ),
]
InverterGens = Annotated[
    str | None,
    typer.Option(
        help="Numbers of the generators that are these inverters, separated by commas, in the "
        "order in which they are taken; without --inverter-share all of them."
    ),
]
LoadModel = Annotated[
    str | None,
    typer.Option(
        help="How loads follow the voltage in the dynamics: power, current, impedance, an "
        "exponent, or two for active and reactive power (0,2). [default: power]"
    ),
]
Frequency = Annotated[float | None, typer.Option(help="Nominal frequency in Hz. [default: 60]")]
MinDamping = Annotated[
    float | None,
    typer.Option(
        help="Damping ratio that every oscillation shall have, 0 to 1, such as 0.05. [default: 0]"
    ),
]
Dynamics = Annotated[
    Path | None,
    typer.Option(
        help="Dynamics file (.dyr) of PSS/E, which says what the machines of a .raw file are; "
        "inverters are then its grid-forming ones, and what --inverters names."
    ),
]
MaxIter = Annotated[int | None, typer.Option(help="Iteration limit of each solve.", min=0)]
TimeLimit = Annotated[float | None, typer.Option(help="Time limit of each solve in seconds.")]
SolverInterface = Annotated[
    str | None,
    typer.Option(help="Way to Ipopt: cyipopt, or library (its C interface). [default: cyipopt]"),
]
IpoptOptions = Annotated[
    list[str] | None, typer.Option(help="Ipopt option NAME=VALUE; may be repeated.")
]
IpoptOptionFile = Annotated[
    Path | None,
    typer.Option(
        "--ipopt-options",
        help="File of Ipopt options, NAME VALUE on each line; --option overrides it.",
    ),
]
DispatchDc = Annotated[
    bool,
    typer.Option(
        "--dispatch-dc",
        help="Let the power of each DC line be anything from zero to its schedule (.raw), or to "
        "its maximum (files for pypowsybl).",
    ),
]
DeadIslands = Annotated[
    Literal["drop", "refuse"],
    typer.Option(
        help="Islands where nothing generates or nothing consumes: drop (and say what is lost), or "
        "refuse."
    ),
]
IgnoreUnsupported = Annotated[
    bool,
    typer.Option("--ignore-unsupported", help="Warn about content that cannot be represented."),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the summary.")]

CHECKS = ("load", "frequency", "min_damping")  # flags of exact checks
Flags = Sequence[inspect.Parameter]
Command = TypeVar("Command", bound=Callable[..., None])


def of_numbers(texts: Mapping[str, str], kind: Any) -> Flags:
    """A flag for each name, --eta-q for eta_q, None by default; with its one line as help.

    The droop in per cent is `Droop`, a text.
    """
    found = []
    for name, text in texts.items():
        flag = f"--{name.replace('_', '-')}"
        option = typer.Option(flag, help=f"{text[0].upper()}{text[1:]}.", show_default=False)
        by_name = inspect.Parameter.KEYWORD_ONLY
        annotation = Droop if name == PERCENT else Annotated[kind | None, option]
        found.append(inspect.Parameter(name, by_name, default=None, annotation=annotation))
    return found


def percent(text: str) -> float:
    """Per cent that --droop says: 5 for 5% and for 0.05.

    Raises:
        ScopfError: for a text of another form, and for 1 and more without a % sign.
    """
    number, sign, rest = text.strip().partition("%")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if rest or not math.isfinite(value):
        raise ScopfError(f"--droop takes per cent of the rating, such as 5% or 0.05, got {text!r}")
    if sign:
        return value
    if value >= 1:
        raise ScopfError(
            f"--droop {text}: without a % sign it is a share of the rating, and {value:g} is "
            f"{100 * value:g} %; write {value:g}% or {value / 100:g}"
        )
    return float(f"{100 * value:.12g}")  # 0.07 is 7


def of(function: Callable[..., Any]) -> Flags:
    """The arguments and options that a function takes: what is annotated for the command line."""
    parameters = inspect.signature(function).parameters.values()
    return [one for one in parameters if hasattr(one.annotation, "__metadata__")]


def takes(*groups: Flags) -> Callable[[Command], Command]:
    """Decorate a command that takes `**given`: it has the flags of these groups, then its own.

    Typer reads them from the signature, so what is added to a group is there in every command of
    it, with the same help and default.
    """

    def decorate(command: Command) -> Command:
        flags = {one.name: one for group in (*groups, of(command)) for one in group}
        by_name = inspect.Parameter.KEYWORD_ONLY
        parameters = [one.replace(kind=by_name) for one in flags.values()]
        own = inspect.signature(command).parameters.values()
        parameters += [one for one in own if one.annotation is typer.Context]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def only(flags: Flags, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these flags."""
    return {name: value for name, value in given.items() if name in {one.name for one in flags}}


def named(texts: Iterable[str] | None, flag: str = "--option") -> dict[str, Any]:
    """NAME=VALUE, each with the value as the narrowest type it reads as.

    Raises:
        ScopfError: for a text of another form.
    """
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ScopfError(f"{flag} takes NAME=VALUE, got {text!r}")
        found[name] = value_of(value)
    return found


def of_ipopt(texts: Iterable[str] | None, file: Path | None) -> dict[str, Any]:
    """Options of Ipopt: those in a file, and on top of them NAME=VALUE.

    Raises:
        ScopfError: for a text of another form, or what a file may not say.
    """
    if file is None:
        return named(texts)
    from scopf.optimizer import option_file

    return {**option_file.read(file), **named(texts)}


def security(given: Mapping[str, Any]) -> dict[str, Any]:
    """Outages, what is allowed after them, and soft limits, as keywords of `build` or `sweep`.

    Raises:
        ScopfError: for a text of another form.
    """
    found = {name: given[name] for name in ("emergency", "voltage_band", "frequency_band",
                                            "on_infeasible")}  # fmt: skip
    found["outages"] = _outages(given["outages"])
    found["soft"] = named(given["soft"], "--soft") or None
    return {name: value for name, value in found.items() if value is not None}


def coupled(given: Mapping[str, Any]) -> dict[str, Any]:
    """Hours, and what couples them, as keywords of `build` or `sweep`."""
    ramps = given["ramps"]
    found = {"hours": given["hours"], "storage": given["storage"],
             "ramps": ramps if ramps is None else value_of(ramps)}  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def generators(text: str | None) -> list[int] | None:
    """Numbers of generators, separated by commas.

    Raises:
        ScopfError: for a text of another form.
    """
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError as error:
        text = f"--inverter-gens takes generator numbers separated by commas, got {text!r}"
        raise ScopfError(text) from error


def checks(given: Mapping[str, Any]) -> dict[str, Any]:
    """`--load`, `--frequency` and `--min-damping` that were given, as `Solution.verify` takes them.

    Raises:
        ScopfError: for a damping ratio that is none.
    """
    from scopf.dynamics import damping

    found = {name: given[name] for name in CHECKS if given[name] is not None}
    if "load" in found:
        found["load"] = load_model(found["load"])
    if "min_damping" in found:
        damping.checked(found["min_damping"])
    return found


def load_model(text: str | None) -> Any:
    """A load model as `Solution.verify` takes it; constant power by default."""
    if text is None:
        return "power"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _outages(text: str | None) -> Any:
    """A word or a file as it is; else a list, with lists of what is lost together."""
    if text is None or text in WORDS or text.lower().endswith(FILES):
        return text
    parts = [[one.strip() for one in part.split("+")] for part in text.split(",")]
    return [one[0] if len(one) == 1 else one for one in parts]


def value_of(text: str) -> Any:
    """A whole number, a number, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
