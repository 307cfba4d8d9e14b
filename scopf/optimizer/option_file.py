"""Files of Ipopt's options, read by us: Ipopt would take those that reach outside as well."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from scopf import files
from scopf.errors import CaseError, Fault
from scopf.optimizer import ipopt

Value = str | int | float

# Options by which Ipopt loads a library, reads options from a file, or writes one.
_OUTSIDE = re.compile(r"lib|file|dump|write|out_of_core", re.IGNORECASE)
_PAIR = re.compile(r'(?P<name>[^\s"]+)\s+(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))')
_WHOLE = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eEdD][+-]?\d+)?", re.ASCII)


def outside(options: Any) -> dict[str, str]:
    """Options of Ipopt that reach outside the solver, each with a sentence that refuses it.

    Whoever types such an option means it. One that lies in a file, or in a run folder from
    somewhere else, could run code of others or overwrite files, unseen.
    """
    names = options if isinstance(options, Mapping) else {}
    text = (
        "names a file or a library, which is not taken from a file; "
        "give options in the command itself (--option, options=...), with the case or spec"
    )
    return {str(name): text for name in names if _OUTSIDE.search(str(name))}


def unknown(options: Mapping[str, Any]) -> dict[str, str]:
    """Options that Ipopt does not have, if there are any and it is here to ask."""
    try:
        return ipopt.refusals(options) if options else {}
    except ImportError:  # it need not be, where the solving is done elsewhere
        return {}


def read(path: str | os.PathLike[str]) -> dict[str, Value]:
    """The options in a file: a name and a value on each line, after `#` a comment.

    Raises:
        CaseError: listing every line that is wrong, or that names a file or a library.
    """
    source = os.fspath(path)
    try:
        text = files.text(path, files.LARGEST_SPEC)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(source, [Fault(f"cannot be read: {reason}")]) from error
    except UnicodeDecodeError as error:
        raise CaseError(source, [Fault("is no text in UTF-8")]) from error
    options: dict[str, Value] = {}
    lines: dict[str, int] = {}
    faults: list[tuple[int, Fault]] = []
    for number, line in enumerate(text.split("\n"), 1):
        pair = line.partition("#")[0].strip()
        if not pair:
            continue
        found = _PAIR.fullmatch(pair)
        if found is None or "\0" in pair:
            faults.append((number, Fault("should be a name and a value", f"line {number}")))
            continue
        name = found["name"]
        if name in options:
            faults.append((number, Fault("is given twice", name, label=f"line {number}")))
        options[name] = _value(found["bare"]) if found["quoted"] is None else found["quoted"]
        lines.setdefault(name, number)
    refused = outside(options)
    rest = {name: value for name, value in options.items() if name not in refused}
    for name, reason in {**refused, **unknown(rest)}.items():
        fault = Fault(reason, name, label=f"line {lines[name]}")
        faults.append((lines[name], fault))
    if faults:
        raise CaseError(source, [fault for _, fault in sorted(faults, key=lambda one: one[0])])
    return options


def _value(text: str) -> Value:
    """A whole number, a number, or the text itself."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text.lower().replace("d", "e"))
    return text
