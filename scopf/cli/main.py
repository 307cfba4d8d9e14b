"""The command line: `scopf solve`, `verify`, `simulate`, `power-flow`, `sweep`, `info`, ..."""

from __future__ import annotations

from typing import Annotated

import typer

from scopf import __version__
from scopf.cli import ending, interrupts, studies, terminal
from scopf.cli.cases import cases
from scopf.cli.compare import compare
from scopf.cli.convert import convert
from scopf.cli.ending import guarded
from scopf.cli.info import info
from scopf.cli.power_flow import power_flow
from scopf.cli.report import report
from scopf.cli.simulate import simulate
from scopf.cli.solve import solve, verify
from scopf.cli.sweep import sweep
from scopf.optimizer import signals
from scopf.optimizer.memory import tune_malloc

app = typer.Typer(
    name="scopf",
    help="Stability-constrained optimal power flow for inverter-based grids.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command that was typed; the entry point listens to signals before that."""
    interrupts.listen()
    interrupts.deliver_to(signals.deliver)
    tune_malloc()
    terminal.keep_stdout()
    try:
        app(prog_name="scopf", **terminal.of_help())
    except SystemExit as end:
        interrupts.listen_no_more()
        if interrupts.pending() and end.code == interrupts.exit_code():
            interrupts.see_to_the_end()
        raise
    except MemoryError as error:  # outside a command
        terminal.say(f"scopf: {ending.explained(error)}", err=True)
        raise SystemExit(ending.BAD_INPUT) from None


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


_COMMANDS = (
    solve, verify, simulate, power_flow, sweep, info, cases, *studies.COMMANDS, report, compare,
    convert,
)  # fmt: skip

for _command in _COMMANDS:
    _sentence = (_command.__doc__ or "").partition("\n\n")[0]  # the list of commands has it whole
    app.command(short_help=" ".join(_sentence.split()))(guarded(_command))
