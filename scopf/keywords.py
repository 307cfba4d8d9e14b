"""Names that a user mistyped: the error says which one was meant."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar, cast

from scopf.faults import ScopfError

Function = TypeVar("Function", bound=Callable[..., Any])


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like `name`, capitals aside; "" when none is.

    >>> nearest("mQ", ["alpha", "mq"])
    'mq'
    """
    plain = {one.lower().replace("_", ""): one for one in known}
    wanted = name.lower().replace("_", "")
    near = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.6)
    near = near or [one for one in plain if wanted and one.startswith(wanted)][:1]
    return plain[near[0]] if near else ""


def check_names(whose: str, kind: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are not known.

    Args:
        whose: names they are: "table bus".
        kind: of thing that is named: "column".
        given: names.
        known: what there is.

    Raises:
        ScopfError: naming the first that there is not, and what may have been meant.
    """
    for name in given:
        if name not in known:
            raise ScopfError(f"{whose} has no {kind} {name!r}; {_hint(name, known)}")


def _hint(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"it has {', '.join(known)}"


def spelled(function: Function) -> Function:
    """The function, whose TypeError for an unknown keyword says which ones it has."""
    parameters = inspect.signature(function).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    known = [one.name for one in parameters if one.kind not in positional]
    known = [name for name in known if name not in ("self", "cls")]
    allowed = frozenset(known)

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        if not allowed.issuperset(keywords):
            wrong = next(name for name in keywords if name not in allowed)
            text = f"{function.__qualname__} has no keyword {wrong!r}; {_hint(wrong, known)}"
            raise TypeError(text)
        return function(*args, **keywords)

    return cast(Function, call)
