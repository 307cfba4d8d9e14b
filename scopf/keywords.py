"""Names that a user mistyped: the error says which one was meant."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


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


def spelled(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function, whose TypeError for an unknown keyword says which ones it has."""
    parameters = inspect.signature(function).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    known = [one.name for one in parameters if one.kind not in positional]
    known = [name for name in known if name not in ("self", "cls")]
    allowed = frozenset(known)

    @functools.wraps(function)
    def call(*args: Given.args, **keywords: Given.kwargs) -> Result:
        if not allowed.issuperset(keywords):
            wrong = next(name for name in keywords if name not in allowed)
            near = nearest(wrong, known)
            hint = f"did you mean {near}?" if near else f"it has {', '.join(known)}"
            raise TypeError(f"{function.__qualname__} has no keyword {wrong!r}; {hint}")
        return function(*args, **keywords)

    return call
