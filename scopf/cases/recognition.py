"""The format of a case file: by its suffix, or else by the first line that says something."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

from scopf import files
from scopf.cases.powsybl import recognition as powsybl

Format = Literal["matpower", "psse", "native", "powsybl", ""]

SUFFIXES: dict[str, Format] = {".m": "matpower", ".raw": "psse", ".json": "native"}
NAMES = {*SUFFIXES, *powsybl.SUFFIXES}  # suffixes that a name of a file has
_RAWX = "this is a RAWX file, which is not read; export the case from PSS/E as .raw"
_MAT = "this is a MATLAB data file, which is not read; load it and write a .m with savecase"
_HEAD = 20_000  # bytes that are looked at
_KINDS = {
    "matpower": "a MATPOWER case",
    "psse": "a PSS/E .raw file",
    "native": "a case of scopf",
}
_NUMBER = re.compile(r"[\d+.,/'\"-]", re.ASCII)
_ASSIGNED = re.compile(
    r"\bfunction\b|\b(?:version|baseMVA|bus|gen|branch)[ \t]*(?:\([^()\n=]{0,99}\))?[ \t]*="
)
_MATPOWER = re.compile(r"function\b|[A-Za-z]\w*\.(?:version|baseMVA|bus)[ \t]*=")
_PSSE = re.compile(
    r"[01](?:[ \t]*,[ \t]*|[ \t]+)\d+\.?\d*(?:[EeDd][+-]?\d+)?(?:[ \t]*[,/]|[ \t]+\d\d\b)", re.ASCII
)


def of(path: Path) -> Format:
    """The format of a file, or "" where it is none that is read."""
    suffix = path.suffix.lower()
    if known := SUFFIXES.get(suffix):
        return known
    head = _head(path)
    return _of_content(head) or ("powsybl" if powsybl.reads(suffix, head) else "")


def refusal(path: Path) -> str:
    """A sentence on a file of no format that is read."""
    head = _head(path)
    if path.suffix.lower() == ".rawx" or (head.startswith("{") and '"network"' in head):
        return _RAWX
    if path.suffix.lower() == ".mat" or head.startswith("MATLAB"):
        return _MAT
    if kind := files.not_text(_bytes(path) or b""):
        return f"this is {kind}, not a case"
    if not head:
        return "the file is empty"
    return (
        "its format is not known: neither the suffix nor the first line is that of a MATPOWER .m, "
        "a PSS/E .raw or a scopf .json file, nor is the suffix one for pypowsybl "
        f"({' '.join(powsybl.SUFFIXES)})"
    )


def misfit(path: Path, format: Format) -> str:
    """A sentence on a file that cannot be one of its format; "" for others."""
    if format in ("powsybl", ""):
        return ""
    content = _bytes(path)
    if content is None:
        return ""  # the reader says why
    if kind := files.not_text(content):
        return f"this is {kind}, not {_KINDS[format]}"
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        return "the file is empty"
    if format == "psse" and not _NUMBER.match(_head(path)):
        return "does not begin as a PSS/E .raw file does, with `0, 100.0, 33, ...`"
    if format == "matpower" and _head(path) and not _assigns(path):
        text = "nothing is assigned to bus, gen or branch (`mpc.bus = [...]`)"
        return f"this is not {_KINDS[format]}: {text}"
    return ""


def _assigns(path: Path) -> bool:
    """Whether there is a function, or a table of a case, in a file."""
    texts = (text(path) for text in (_head, partial(files.text, errors="replace")))
    return any(_ASSIGNED.search(text) for text in texts)  # most files need the head alone


def _bytes(path: Path) -> bytes | None:
    """The first bytes of a file; None when it is unreadable."""
    try:
        files.check(path)
        with files.opened(path) as file:
            return file.read(_HEAD)
    except OSError:
        return None


def _head(path: Path) -> str:
    """The beginning of a file, without comments before its first line; "" when it is unreadable."""
    content = _bytes(path) or b""
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if utf16 else "utf-8-sig", errors="replace").lstrip()
    lines = (line.strip() for line in text.splitlines())
    first = next((k for k, line in enumerate(lines) if line and line[:1] not in "%@"), None)
    return "" if first is None else "\n".join(text.splitlines()[first:]).lstrip()


def _of_content(head: str) -> Format:
    if _MATPOWER.match(head):
        return "matpower"
    if _PSSE.match(head):
        return "psse"
    return "native" if head.startswith("{") and '"scopf' in head else ""
