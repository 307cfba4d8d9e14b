"""Faults in what the user handed over, collected first and reported together."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


class ScopfError(ValueError):
    """Base of every error that scopf raises about its input."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes:
        text: what is wrong and, where it helps, what to do.
        table: the table it stands in ("bus", "gen", ...), or "" for the whole input.
        row: row of that table, counted from 1, or None for the whole table.
        label: the user's own name of the row, such as "bus 12" or "branch 4-9".
        column: name of the column, or "".
    """

    text: str
    table: str = ""
    row: int | None = None
    label: str = ""
    column: str = ""

    @property
    def cell(self) -> tuple[str, int | None, str]:
        """Where the fault sits: (table, row, column)."""
        return self.table, self.row, self.column

    def __str__(self) -> str:
        where = self.table
        if self.row is not None:
            where += f" row {self.row}"
        if self.label:
            where += f" ({self.label})"
        return f"{where}: {self.text}" if where else self.text


class CaseError(ScopfError):
    """A case, or a table that goes with it, cannot be used. Lists every fault found.

    Attributes:
        source: file or object that the faults are in.
        faults: every fault, in the order of the tables.
    """

    shown = 50

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        count = len(self.faults)
        lines = [f"{source}: {count} fault{'s' if count != 1 else ''}"]
        lines += [f"  {fault}" for fault in self.faults[: self.shown]]
        if count > self.shown:
            lines.append(f"  ... and {count - self.shown} more (see .faults of this error)")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, tuple[Fault, ...]]]:
        return type(self), (self.source, self.faults)


class InstallationError(ScopfError, ImportError):
    """A package that scopf needs is not installed, or cannot be loaded."""


def installation(error: ImportError) -> InstallationError:
    """The error for an import that failed: which package, why, and what to do."""
    name = (error.name or "").partition(".")[0]
    missing = isinstance(error, ModuleNotFoundError) and not _is_installed(name)
    if isinstance(error, InstallationError):
        return error
    if missing:
        text = f"the package {name} is not installed; `pip install {name}` or "
        return InstallationError(text + f"`conda install -c conda-forge {name}` brings it")
    name = _importing(error) or name or "that it belongs to"
    text = f"the package {name} is installed, but cannot be loaded ({error}); install it again: "
    text += f"`pip install --force-reinstall {name}` or "
    return InstallationError(text + f"`conda install -c conda-forge --force-reinstall {name}`")


def _is_installed(name: str) -> bool:
    try:
        return bool(name) and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _importing(error: ImportError) -> str:
    """The package in whose files an import failed: the innermost one that is not our own."""
    trace, places = error.__traceback__, list[str]()
    while trace is not None:
        places.append(trace.tb_frame.f_globals.get("__name__", "").partition(".")[0])
        trace = trace.tb_next
    own = ("", "scopf", "importlib", "__main__", "runpy", "typer")
    return next((place for place in reversed(places) if place not in own), "")


def require(package: str) -> None:
    """Import a package that will be needed, before the work that would be lost without it.

    Raises:
        InstallationError: when it is missing or broken.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise installation(error) from error


def out_of_memory(error: BaseException) -> str:
    """A sentence if this is what an error comes from, else ""."""
    text = str(error)
    signs = ("bad_alloc", "Cannot allocate memory", "failed to map segment")
    if not isinstance(error, MemoryError) and not (
        isinstance(error, (RuntimeError, OSError, ImportError)) and any(s in text for s in signs)
    ):
        return ""
    lines = [line for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if any(s in line for s in signs)] or lines  # NumPy's are many
    detail = f" ({lines[0].strip()})" if lines else ""
    advice = "a smaller case or fewer workers need less, other programs may hold much, and "
    return f"out of memory{detail}: {advice}a job may have a limit of its own (ulimit -v, --mem)"


def sentence(error: Exception) -> str:
    """A sentence on an error that is no fault of the program; "" for others."""
    if memory := out_of_memory(error):
        return memory
    if isinstance(error, ImportError):
        error = installation(error)
    return str(error) if isinstance(error, ScopfError) else ""


def by_number(name: str, kind: str, values: Mapping[Any, object]) -> dict[int, float]:
    """A mapping (or a pandas Series) that the user gave, as finite numbers by whole number.

    Args:
        name: of the argument.
        kind: of element that the keys number: "bus", "gen".
        values: the mapping.

    Raises:
        ScopfError: naming keys that are no whole numbers, or values that are no numbers.
    """
    found = {}
    for key, value in values.items():
        try:
            whole = int(key)
        except (TypeError, ValueError):
            whole = None
        if whole is None or whole != key:
            raise ScopfError(f"{name}: {key!r} is not a {kind} number")
        found[whole] = number(f"{name} of {kind} {whole}", value)
    return found


def number(name: str, value: object) -> float:
    """A finite number that the user gave, as a float.

    Raises:
        ScopfError: when it is none.
    """
    try:
        result = math.nan if isinstance(value, (str, bool)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise ScopfError(f"{name} must be a finite number, got {value!r}")
    return result


def not_negative(name: str, value: object) -> float:
    """A finite number, zero or more, that the user gave, as a float.

    Raises:
        ScopfError: when it is none.
    """
    result = number(name, value)
    if result < 0:
        raise ScopfError(f"{name} must be zero or positive, got {value!r}")
    return result


def listing(items: Iterable[object], most: int = 10) -> str:
    """Join items with commas, cutting a long list short and saying how many are left out."""
    given = list(items)
    names = [str(item) for item in given[:most]]
    if len(given) > most:
        names.append(f"... {len(given) - most} more")
    return ", ".join(names)


# -- names that were mistyped -------------------------------------------


def counted(count: int, one: str, several: str) -> str:
    """A number with its word: "1 bus", "3 buses"."""
    return f"{count} {one if count == 1 else several}"


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
