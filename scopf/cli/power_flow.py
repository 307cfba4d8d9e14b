"""The command `scopf power-flow`."""

# Annotations are not postponed here: the flags of commands are read from them.

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scopf.arrays import plain
from scopf.cases.files import save_case, writer
from scopf.cli import options, terminal
from scopf.cli.ending import NOT_SOLVED
from scopf.cli.interrupts import Writing
from scopf.dynamics.flow_run import Start
from scopf.dynamics.set_points import Slack
from scopf.errors import require

if TYPE_CHECKING:
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network
    from scopf.results.power_flow import PowerFlow


def _network(
    case: options.Case,
    costs: options.Costs = None,
    dispatch_dc: options.DispatchDc = False,
    dynamics: options.Dynamics = None,
    lossless: options.Lossless = False,
    load_scale: Annotated[
        float | None, typer.Option(help="Factor on all loads.", show_default=False)
    ] = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    dead_islands: options.DeadIslands = "drop",
) -> "Network":
    """Read a case."""
    from scopf.cases.files import load_case

    net = load_case(
        case,
        costs=costs,
        dispatch_dc=dispatch_dc,
        dynamics=dynamics,
        ignore_unsupported=ignore_unsupported,
        dead_islands=dead_islands,
    )
    net = net.lossless() if lossless else net
    return net if load_scale is None else net.scaled(load=load_scale)


def _inverters(
    mq: Annotated[float | None, typer.Option(help="Reactive droop m_q. [default: 0.05]")] = None,
    droop_percent: options.Droop = None,
    beta_q: options.BetaQ = None,
    mp: options.Mp = None,
    droop_base: options.DroopBase = None,
    rating_mva: options.RatingMva = None,
    rating_factor: options.RatingFactor = None,
    inverters: options.InverterTable = None,
    devices: options.Devices = None,
    *,
    net: "Network",
) -> "tuple[Inverters | None, Devices | None]":
    """The inverters and other devices, if a flag is about them."""
    from scopf.cases import machines
    from scopf.devices import device_table
    from scopf.devices.fitting import units_beside
    from scopf.devices.gfm import Inverters

    given: dict[str, Any] = {"mq": mq, "beta_q": beta_q, "mp": mp, "table": inverters,
                             "rating_mva": rating_mva, "rating_factor": rating_factor}  # fmt: skip
    if droop_percent is not None:
        given["droop_percent"] = options.percent(droop_percent)
    given = {name: value for name, value in given.items() if value is not None}
    given |= {} if droop_base is None else {"droop_base": droop_base}
    if devices is None:
        return Inverters.at_generators(net, **given) if given else None, None
    table = device_table.read_table(machines.found(devices), net)
    return Inverters.at_generators(net, **units_beside(table, given)), table.devices


def _asked(
    slack: Annotated[
        Slack,
        typer.Option(
            help="Who takes up the active power that is missing: the inverters by their droops, "
            "all generators by weight (distributed), or the reference bus."
        ),
    ] = "droop",
    start: Annotated[
        Start, typer.Option(help="Voltages to start from: stored, dc or flat.")
    ] = "stored",
    q_limits: Annotated[
        bool,
        typer.Option("--q-limits", help="Keep the reactive limits of generators that hold V."),
    ] = False,
    limit: options.Limit = "power",
    *,
    net: "Network",
    inverters: "Inverters | None",
    devices: "Devices | None",
) -> "PowerFlow":
    """Solve the power flow."""
    from scopf.procedures.power_flow import power_flow as solve

    given: dict[str, Any] = {"start": start, "q_limits": q_limits, "limit": limit}
    found: PowerFlow = solve(net, inverters, slack, devices=devices, **given)
    return found


_NETWORK, _INVERTERS, _ASKED = (options.of(one) for one in (_network, _inverters, _asked))


@options.takes(_NETWORK, _INVERTERS, _ASKED)
def power_flow(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables, as CSV and Parquet.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="File for the network at the operating point: .m, .json or .raw."),
    ] = None,
    as_json: options.Json = False,
    **given: Any,
) -> None:
    """Solve the power flow at the set points of a case.

    They are the P, Q and voltages of its generators, its loads and the powers of its DC lines.

    Exit code: 0 converged, 1 not converged, 2 usage or bad input.

    Example: scopf power-flow case39 --slack reference
    """
    from scopf.results import export

    if out is not None:
        require("pyarrow")
    if save is not None:
        writer(save)
    net = _network(**options.only(_NETWORK, given))
    units, devices = _inverters(**options.only(_INVERTERS, given), net=net)
    asked = options.only(_ASKED, given)
    found = _asked(**asked, net=net, inverters=units, devices=devices)
    head = plain(found.as_dict())
    if as_json:
        tables = {name: plain(frame.to_dict("records")) for name, frame in found.tables.items()}
        typer.echo(json.dumps({**head, **tables}, allow_nan=False))
    else:
        terminal.say(str(found))
    if out is not None:
        with Writing(out) as writing:
            count = len(export.write_tables(out, found.tables, "summary.json", head))
            writing.done(text := f"{count} files written to {out}")
        terminal.say(f"\n{text}" if not as_json else text, err=as_json)
    if save is not None:
        text = f"there is no operating point to write to {save}"
        if found.converged:
            with Writing(save) as writing:
                save_case(found.net, save)
                writing.done(text := f"the network at the operating point was written to {save}")
        terminal.say(f"\n{text}" if not as_json else text, err=as_json)
    if not found.converged:
        raise typer.Exit(NOT_SOLVED)
