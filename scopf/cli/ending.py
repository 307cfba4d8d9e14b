"""The end of commands: exit codes, and errors as one line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer

from scopf.errors import ScopfError

NOT_SOLVED, BAD_INPUT, INTERRUPTED = 1, 2, 130
NOT_STABLE = NOT_SOLVED


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with errors as one line and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **keywords: Any) -> None:
        try:
            command(*args, **keywords)
        except (ScopfError, ImportError) as error:
            typer.echo(f"scopf: {error}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            typer.echo("scopf: interrupted, nothing was written", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return run
