"""Arguments and options that commands share: one command takes over those of another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Annotated, TypeVar

import typer

from scopf.cli import completion

Case = Annotated[
    str,
    typer.Argument(
        help="Bundled case (see `scopf cases`), or path of a .m (MATPOWER), .raw "
        "(PSS/E) or .json (scopf convert) file.",
        autocompletion=completion.cases,
    ),
]

IgnoreUnsupported = Annotated[
    bool,
    typer.Option("--ignore-unsupported", help="Warn about content that cannot be represented."),
]
IpoptOptions = Annotated[
    list[str] | None, typer.Option(help="Ipopt option NAME=VALUE; may be repeated.")
]

Command = TypeVar("Command", bound=Callable[..., None])


def as_in(
    command: Callable[..., None], *, leave_out: Collection[str] = ()
) -> Callable[[Command], Command]:
    """Decorate a command that takes `**given`: it gets the parameters of another, then its own.

    Typer reads parameters from the signature, so what is added to the one command is there in the
    other as well, with the same help and default.

    Args:
        command: whose parameters to take.
        leave_out: names of those that the decorated command does not have.
    """

    def decorate(function: Command) -> Command:
        shared = inspect.signature(command, eval_str=True).parameters.values()
        own = inspect.signature(function, eval_str=True).parameters.values()
        parameters = [one for one in shared if one.name not in leave_out]
        parameters += [
            one.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for one in own
            if one.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {one.name: one.annotation for one in parameters}
        return function

    return decorate
