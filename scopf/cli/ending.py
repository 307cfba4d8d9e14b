"""The end of commands: exit codes, and errors as one line."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from scopf.cli import interrupts, terminal
from scopf.errors import out_of_memory, sentence

NOT_SOLVED, BAD_INPUT = 1, 2
NOT_STABLE = NOT_SOLVED


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with errors as one line and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **keywords: Any) -> None:
        terminal.log_warnings()
        try:
            command(*args, **keywords)
        except Exception as error:
            text = explained(error)
            if not text:
                raise
            terminal.say(f"scopf: {_with_flags(text)}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            interrupted()

    return run


def explained(error: Exception) -> str:
    """A sentence for an error that is no fault of the program; "" for others."""
    memory = out_of_memory(error)
    return f"{memory}; {interrupts.written()}" if memory else sentence(error)


def interrupted(more: str = "") -> NoReturn:
    """End with the sentence and the exit code of a signal.

    Args:
        more: what was written, and what to do; by default what is known of it.
    """
    terminal.say(interrupts.sentence(more), err=True)
    raise typer.Exit(interrupts.exit_code()) from None


def _with_flags(text: str) -> str:
    """A message with the flag --a-b where it names the keyword a_b=True."""
    return re.sub(r"\b([a-z]\w*)=True\b", lambda of: f"--{of[1].replace('_', '-')}", text)
