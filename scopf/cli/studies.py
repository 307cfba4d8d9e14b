"""The studies on the command line: `scopf gap`, `scopf conservatism`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf import display
from scopf.cli import completion, options, terminal
from scopf.cli.filenames import file_name
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError
from scopf.version import __version__

if TYPE_CHECKING:
    import pandas as pd

_OUT = Annotated[Path | None, typer.Option(help="Folder for tables (CSV, Parquet) and pictures.")]
_CRITERION = typer.Option(
    help="voltage-difference, C0, C1, C2, weighted, lossy, lossy-every-mp, or all; may be "
    "repeated.",
    show_default=False,
    autocompletion=completion.criteria,
)


def gap(criterion: Annotated[list[str] | None, _CRITERION] = None, out: _OUT = None) -> None:
    """Gap between a criterion and the exact condition, on the paper's two-bus grid.

    For each line susceptance B and both droops m_q from 1 to 5: xi, the share of the stable points
    that the criterion does not certify, and the share of the points it certifies that are unstable.
    Without --criterion: the paper's, voltage-difference.

    Example: scopf gap --criterion voltage-difference --criterion C2 --out results
    """
    import pandas as pd

    from scopf.studies.gap import MQ
    from scopf.studies.gap import gap as study

    names = _names(criterion) if criterion else ["voltage-difference"]
    found = [study(name, progress=True) for name in names]
    low, high = f"{MQ[0]:g}", f"{MQ[-1]:g}"
    heads = ["B", "xi min", "mean", "max"]
    heads += [f"false ({low}, {low})", f"({low}, {high})", f"({high}, {high})"]
    terminal.say("xi: share of the stable points that are not certified, over all (m_q1, m_q2)")
    terminal.say("false: share of the certified points that are unstable, at three (m_q1, m_q2)")
    for result in found:
        terminal.say(f"\n{result.criterion}, {result.points} points in each cell")
        summary = result.summary().set_axis(heads, axis=1)
        terminal.say(_text(summary.assign(B=[f"{b:g}" for b in summary["B"]])))
    if out is None:
        return
    tables = [r.table.assign(criterion=r.criterion) for r in found]
    pictures: dict[str, Callable[[Path], object]] = {}
    try:
        from scopf import plots
        from scopf.plots import style

        style.leave_folder_aside()
        for result in found:
            figure = plots.gap(result)
            pictures[f"gap_{file_name(result.criterion)}.png"] = partial(figure.savefig, dpi=150)
    except ScopfError as error:
        terminal.say(f"scopf: no pictures: {error}", err=True)
    table = pd.concat(tables, ignore_index=True)
    terminal.say(f"\n{_write(out, 'gap', {'gap': table}, pictures)}")


def conservatism(
    case: options.Case = "case39",
    criterion: Annotated[list[str] | None, _CRITERION] = None,
    mq: Annotated[
        list[float] | None,
        typer.Option(help="Uniform droop m_q for the table of costs; may be repeated."),
    ] = None,
    losses: Annotated[
        bool, typer.Option("--losses", help="Keep branch resistance, charging and shunts.")
    ] = False,
    inverters: options.InverterTable = None,
    rating_factor: options.RatingFactor = None,
    capability: options.Capability = False,
    costs: options.Costs = None,
    out: _OUT = None,
) -> None:
    """Cost of each criterion on a case, and stability of its optima by eigenvalues.

    Costs are increases over the plain OPF per hour. An optimum is marked u where it is unstable
    with loads of constant power, U where it is also unstable with loads of constant impedance,
    and ? where its check with constant power is undecided.
    Without --criterion: all of them. With --inverters, a row `own` has the droops of the table.

    Example: scopf conservatism case39 --criterion weighted --mq 0.35 --out results
    """
    from scopf.cases.files import load_case
    from scopf.devices.gfm import Inverters
    from scopf.studies.conservatism import MQ
    from scopf.studies.conservatism import conservatism as study

    net = load_case(case, costs=costs)
    net = net if losses else net.lossless()
    names = _names(criterion) if criterion else None
    given: dict[str, Any] = {"table": inverters, "rating_factor": rating_factor}
    how: dict[str, Any] = {
        "criteria": names,
        "mq": [*([] if inverters is None else [math.nan]), *(mq or MQ)],
        "inverters": Inverters.at_generators(net.energized(), **given),
        "capability": capability,
    }
    found = study(net, **how, progress=True)
    kind = ", lossless" if net.is_lossless else ""
    terminal.say(f"{found.case}{kind}: plain OPF {found.cost:.2f} per hour\n")
    terminal.say("Largest uniform m_q: at no cost, and at the plain optimum that the solver found")
    heads = ["criterion", "loads: constant", "at no cost", "at the optimum"]
    terminal.say(_text(found.limits.set_axis(heads, axis=1), ".4f"))
    terminal.say("\nCost increase per hour over m_q")
    increases = found.costs.assign(cell=[_cell(row) for row in found.costs.to_dict("records")])
    increases["m_q"] = ["own" if x != x else f"{x:g}" for x in increases["mq"]]
    table = increases.pivot(index="m_q", columns="criterion", values="cell")
    table = table.loc[increases["m_q"].unique(), increases["criterion"].unique()].reset_index()
    terminal.say(_text(table))
    terminal.say("u: unstable with constant-power loads; U: with constant-impedance loads as well")
    if increases["stable_power"].isna().where(found.costs["status"] == "optimal", False).any():
        terminal.say("?: the check with constant-power loads is undecided")
    if out is not None:
        tables = {"conservatism_limits": found.limits, "conservatism_costs": found.costs}
        terminal.say(f"\n{_write(out, 'conservatism', tables)}")


def inverter_share(
    case: options.Case = "case39",
    devices: options.Devices = None,
    share: Annotated[
        list[float] | None,
        typer.Option(help="Share of Pmax, 0 to 1; may be repeated. [default: 0, 0.1, ..., 1]"),
    ] = None,
    criterion: Annotated[
        str, typer.Option(help="Of the dispatches.", autocompletion=completion.criteria)
    ] = "weighted",
    mq: Annotated[float, typer.Option(help="Droop m_q of every unit.")] = 0.2,
    rating_factor: options.RatingFactor = None,
    capability: options.Capability = False,
    costs: options.Costs = None,
    losses: Annotated[
        bool, typer.Option("--losses", help="Keep branch resistance, charging and shunts.")
    ] = False,
    outages: options.Outages = None,
    emergency: options.Emergency = None,
    hours: options.Hours = None,
    out: _OUT = None,
) -> None:
    """Cost of stability, prices, critical droop, modes and inertia over the share of inverters.

    For each share the smallest of the machines in --devices are grid-forming inverters, until these
    have it; units are whole. Without --devices: the bundled table of the case.

    Example: scopf inverter-share case39 --mq 0.1 --share 0.2 --share 0.5 --out results
    """
    from scopf.cases.files import load_case
    from scopf.studies.inverter_share import SHARES
    from scopf.studies.inverter_share import inverter_share as study

    net = load_case(case, costs=costs)
    net = net if losses else net.lossless()
    asked = dict.fromkeys(("voltage_band", "frequency_band", "on_infeasible", "soft"))
    given = options.security({**asked, "outages": outages, "emergency": emergency})
    given |= {} if hours is None else {"hours": hours}
    given["capability"] = capability
    how: dict[str, Any] = {"shares": share or SHARES, "criterion": criterion, "mq": mq,
                           "rating_factor": rating_factor}  # fmt: skip
    found = study(net, devices, **how, progress=True, **given)
    kind = ", lossless" if net.is_lossless else ""
    terminal.say(
        f"{found.case}{kind}: {found.criterion} at m_q {mq:g}, over the share of inverters"
    )
    terminal.say(_text_of_shares(found.table.drop_duplicates("inverters")))
    terminal.say("stable without: the dispatch that no criterion restricts, by the dynamics")
    if out is not None:
        terminal.say(f"\n{_write(out, 'inverter_share', {'inverter_share': found.table})}")


def _text_of_shares(table: pd.DataFrame) -> str:
    """The table of shares with heads and a style for each column."""

    def digits(count: int) -> Callable[[Any], str]:
        nothing = f"{-0.0:.{count}f}"
        return lambda x: nothing[1:] if f"{x:.{count}f}" == nothing else f"{x:.{count}f}"

    def mark(x: Any) -> str:
        return "yes" if x else "no"

    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "share": ("share", digits(3)),
        "inverters": ("inverters at", str),
        "status": ("status", str),
        "stability_cost": ("stability costs", digits(2)),
        "nssp_max": ("NSSP", digits(2)),
        "nssp_bus": ("at", str),
        "critical_mq": ("critical m_q", digits(4)),
        "real": ("rightmost [rad/s]", digits(4)),
        "frequency_hz": ("f [Hz]", digits(2)),
        "plain_stable": ("stable without", mark),
        "inertia_s": ("inertia [s]", digits(2)),
        "scr_min": ("least SCR", digits(2)),
    }
    plain = table.astype(object).where(table.notna(), None)
    cells = {
        head: ["-" if x in (None, "") else style(x) for x in plain[key]]
        for key, (head, style) in shown.items()
    }
    return display.columns([list(cells), *map(list, zip(*cells.values(), strict=True))])


COMMANDS = (gap, conservatism, inverter_share)


def _names(given: list[str]) -> list[str]:
    """The names of criteria; `all` means all that have rows, but for those made for losses."""
    from scopf.stability import registry

    rules = [registry.get(name) for name in registry.names() if name != "none"]
    known = [rule.name for rule in rules if not rule.for_losses]
    return [name for text in given for name in (known if text.lower() == "all" else [text])]


def _cell(row: dict[Any, Any]) -> str:
    """Cost increase and verdict of one optimum."""
    if row["status"] != "optimal":
        return str(row["status"])
    import pandas as pd

    power, impedance = row["stable_power"], row["stable_impedance"]
    if pd.isna(power):
        mark = "?"
    else:
        mark = " " if power else "u" if pd.isna(impedance) or impedance else "U"
    increase = f"{row['increase']:.2f}"
    return f"{'0.00' if increase == '-0.00' else increase} {mark}"


def _text(table: pd.DataFrame, style: str = ".3f") -> str:
    """A table with numbers in one style, two blanks between its columns."""

    def cell(x: Any) -> str:
        return ("-" if x != x else format(x, style)) if isinstance(x, float) else str(x)

    rows = table.astype(object).to_numpy().tolist()
    return display.columns([list(map(str, table)), *([cell(x) for x in row] for row in rows)])


def _write(
    folder: Path,
    study: str,
    tables: dict[str, pd.DataFrame],
    pictures: dict[str, Callable[[Path], object]] | None = None,
) -> str:
    """Write tables, pictures, and a manifest of the name of the study; say how many files.

    Raises:
        ScopfError: when the folder cannot be made or written to.
    """
    from scopf.results import export

    head = {"study": study, "scopf": __version__}
    with Writing(folder) as writing:
        count = len(export.write_tables(folder, tables, f"{study}.json", head, pictures))
        text = f"{count} files written to {folder}"
        writing.done(text)
    return text
