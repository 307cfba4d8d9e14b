"""Commands that a page shows, the files that it shows with `cat`, and what it says they print.

A block of commands is indented by four spaces or fenced as `console`. Where lines begin with `$ `
these are the commands, and what follows each is its output; else every line is a command. Commands
whose output the build puts in are comments that begin with `output`; the build runs them itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OUTPUT = re.compile(
    r"^<!-- output(?:, first (?P<first>\d+))?(?:, last (?P<last>\d+))?: (?P<command>.*?) -->$",
    re.M | re.S,
)
_FENCED = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.S | re.M)
_INDENTED = re.compile(r"(?:^    .*\n(?:\n+(?=    ))?)+", re.M)
_PROGRAMS = ("scopf", "python", "pip", "make", "export", "dask", "conda")
_ANYTHING = "..."


@dataclass(frozen=True)
class Shown:
    """A command on a page.

    Attributes:
        command: on one line, without the prompt.
        output: what the page says it prints, "" where it says nothing.
    """

    command: str
    output: str = ""


def commands(text: str) -> list[Shown]:
    """Commands of a page in the order in which they stand."""
    found: list[tuple[int, list[Shown]]] = []
    for match in _FENCED.finditer(text):
        if match["kind"] == "console":
            found.append((match.start(), _of(match["body"])))
    rest = _FENCED.sub(lambda match: "\n" * len(match[0]), text)
    for match in _INDENTED.finditer(rest):
        found.append((match.start(), _of(re.sub(r"^    ", "", match[0], flags=re.M))))
    return [one for _, block in sorted(found, key=lambda pair: pair[0]) for one in block]


def files(text: str) -> dict[str, str]:
    """Contents of the files that a page shows with `cat`, by name."""
    return {
        one.command.removeprefix("cat "): one.output + "\n"
        for one in commands(text)
        if one.command.startswith("cat ")
    }


def agrees(said: str, printed: str) -> bool:
    """Whether what a page says is what was printed; `...` stands for anything, also for lines."""
    pattern = ""
    for line in _lines(said):
        if line.strip() == _ANYTHING:
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*".join(map(re.escape, line.split(_ANYTHING))) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in _lines(printed))) is not None


def cut(printed: str, first: int | None, last: int | None) -> str:
    """The first and the last lines of an output, `...` for others; all without numbers."""
    lines = printed.rstrip().splitlines()
    if (first is None and last is None) or len(lines) <= (first or 0) + (last or 0):
        return "\n".join(lines)
    head, tail = lines[: first or 0], lines[len(lines) - last :] if last else []
    return "\n".join([*head, _ANYTHING, *tail])


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _of(block: str) -> list[Shown]:
    block = block.replace("\\\n", " ")
    lines = block.strip("\n").splitlines()
    if not any(line.startswith("$ ") for line in lines):
        typed = [line for line in lines if line.split(" ")[0] in _PROGRAMS]
        return [Shown(_bare(line)) for line in typed]
    found: list[Shown] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Shown(_bare(line.removeprefix("$ "))))
        elif found:
            found[-1] = Shown(found[-1].command, f"{found[-1].output}{line}\n")
    return [Shown(one.command, one.output.rstrip("\n")) for one in found]


def _bare(line: str) -> str:
    """A command without the comment after it."""
    return re.sub(r"\s{2,}#.*", "", line).strip()
