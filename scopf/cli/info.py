"""The command `scopf info`."""

# Annotations are not postponed here: the flags of commands are read from them.

import json
import logging

import typer

from scopf.cli import options, terminal


def info(
    case: options.Case,
    costs: options.Costs = None,
    dispatch_dc: options.DispatchDc = False,
    dynamics: options.Dynamics = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    as_json: options.Json = False,
) -> None:
    """Say what a case has and lacks, without solving it.

    Sizes, AC islands, load and capacity, ratings, impedances, limits of reactive power, costs, and
    what was approximated or left out when the case was read.

    Example: scopf info case118
    """
    from scopf.cases.files import load_case

    log = logging.getLogger("scopf")
    level = log.level
    log.setLevel(logging.ERROR)  # what is logged is in the answer
    try:
        net = load_case(
            case,
            costs=costs,
            dispatch_dc=dispatch_dc,
            dynamics=dynamics,
            ignore_unsupported=ignore_unsupported,
        )
    finally:
        log.setLevel(level)
    found = net.info()
    if as_json:
        typer.echo(json.dumps(found.as_dict(), allow_nan=False))
    else:
        terminal.say(str(found))
