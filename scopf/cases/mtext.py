"""The text of a MATPOWER case file as its statements, without comments.

The struct of a file may have any name, and a file of version 1 has none but variables; both are
read as if they were fields of `mpc`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scopf.errors import Fault

VARIABLES = ("baseMVA", "bus", "gen", "branch", "areas", "gencost")  # version 1, in this order

# Possessive (`*+`), so that what does not match is looked at once, not once for each beginning.
_STATEMENT = re.compile(
    r"\s*+(?:"
    r"mpc\.(?P<key>\w++(?:\.\w++)*+)[ \t]*+=\s*+"
    r"(?P<body>\[[^\]\[=]*+\]|\{[^}{=]*+\}|[^\[\{;\n]++)[ \t]*+(?:;|(?=\n)|\Z)"
    r"|function\b(?:[ \t]*+\[[^\]\n]*+\])?+[^\n=;,(]*+(?:=[^\n=;,(]*+)?+(?:\([^)\n]*+\))?+"
    r"[ \t]*+(?:[;,]|(?=\n)|\Z)"
    r"|(?:end(?:function)?|return|define_constants)\b[ \t]*+;?"
    r"|;)"
)
_HEADER = re.compile(
    r"\s*+function\b[ \t]*+(?:\[([^\]\n]*+)\]|([^\n=;,(\[]*+))[ \t]*+=[ \t]*+(\w++)"
)
_FIELD = re.compile(r"^[ \t]*+([A-Za-z]\w*+)\.(?:bus|baseMVA|version)[ \t]*+=", re.MULTILINE)
_LINE = re.compile(r"\s*+([^\n]++)")
_OPEN = re.compile(r"\s*+(mpc\.)?(\w++(?:\.\w++)*+)[ \t]*+=\s*+([\[{])")
_REST = re.compile(r"([^;\n]*+);?+")
_CONDITION = re.compile(r"\s*+if[ \t]*+\(?+[ \t]*+(\w++)[ \t]*+\)?+[ \t]*+(?:[,;]|(?=\n))")
_BLOCK = re.compile(r"^[ \t]*+(?:(if|for|while|switch|try)|(else|elseif|end))\b", re.MULTILINE)
_CONTINUED = re.compile(r"\.\.\.[^\n]*+(\n?+)")
QUOTED = r"'[^'\n]*+(?:''[^'\n]*+)*'|\"[^\"\n]*+\""
_SPECIAL = "%;,[]{}=."
_MASK = {ord(c): chr(0xE000 + k) for k, c in enumerate(_SPECIAL)}
NO_NUMBER = "\ue0ff"  # put before a cell that only Python would take for a number
_UNMASK: dict[int, str | None] = {0xE000 + k: c for k, c in enumerate(_SPECIAL)}
_UNMASK[ord(NO_NUMBER)] = None
_SHOWN = 60  # characters of a statement


@dataclass(frozen=True)
class Statement:
    """One statement of a file.

    Attributes:
        text: of a statement that is no assignment of a table, special characters in quotes masked.
        key: the field of the struct that it assigns, or "".
        body: what it assigns to it, masked as well, or "".
        rest: what follows the bracket of the body, such as the sign of a transpose.
    """

    text: str = ""
    key: str = ""
    body: str = ""
    rest: str = ""


def unmasked(text: str) -> str:
    """A text with the characters that its quotes have."""
    return text.translate(_UNMASK)


def shown(statement: str) -> str:
    """A statement in a message, cut where it is long."""
    text = " ".join(unmasked(statement).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


class Source:
    """A case file's text.

    Attributes:
        function: name of the function that it defines, "" without one.
        variables: whether it has the variables of version 1, and no struct.
        faults: of the text.
    """

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        text = _CONTINUED.sub(lambda m: " " if m[1] else m[0], self._masked(text))
        header = _HEADER.match(text)
        self.function = header[3] if header else ""
        outputs = re.findall(r"\w+", header[1] or header[2] or "") if header else []
        structs = dict.fromkeys(match[1] for match in _FIELD.finditer(text))
        self.variables = not structs and len(outputs) >= len(VARIABLES) - 2
        if self.variables:
            text = _with_fields(text, outputs)
        elif structs and "mpc" not in structs:
            name = next((one for one in outputs if one in structs), next(iter(structs)))
            text = re.sub(rf"\b{name}\.(?=\w)", "mpc.", text)
        self._text = text.rstrip()
        self._closing: dict[int, int] | None = None
        self._skips = True  # until a block has alternatives or no end: each costs a look ahead

    def _masked(self, text: str) -> str:
        """The text without comments, characters inside quotes masked."""
        text = self._without_blocks(text.replace("\r", ""))
        text = re.sub(QUOTED, lambda m: m[0].translate(_MASK), text)
        return re.sub(r"%[^\n]*", "", text)

    def _without_blocks(self, text: str) -> str:
        """The text without block comments, which may hold others."""
        if "%{" not in text:
            return text
        kept, opened = [], 0
        for line in text.split("\n"):
            mark = line.strip(" \t")
            opened += mark == "%{"
            kept.append("" if opened else line)
            opened -= mark == "%}" and opened > 0
        if opened:
            self.faults.append(Fault("a block comment, %{, is not closed"))
        return "\n".join(kept)

    def statements(self) -> Iterator[Statement]:
        """The statements one by one; unclosed brackets are faults."""
        at, text = 0, self._text
        zero = set[str]()  # names of numbers that are zero
        while at < len(text):
            match = _STATEMENT.match(text, at)
            if match is not None:
                at = match.end()
                if match["key"]:
                    yield Statement(key=match["key"], body=match["body"].strip())
                continue
            condition = _CONDITION.match(text, at)
            if condition and condition[1] in zero and self._skips:
                after = self._skipped(condition.end())
                self._skips = after > 0
                if after:
                    at = after
                    continue
            at, statement = self._other(at)
            if statement is not None:
                named = re.fullmatch(r"(\w+)[ \t]*=[ \t]*([^;]*?)[ \t]*;?[ \t]*", statement.text)
                if named:
                    (zero.add if named[2] == "0" else zero.discard)(named[1])
                yield statement

    def _other(self, at: int) -> tuple[int, Statement | None]:
        """End of a statement that is not plain content, and the statement."""
        text = self._text
        opened = _OPEN.match(text, at)
        if opened:
            field, key, start = opened[1], opened[2], opened.start(3)
            end = self._closes(start)
            if end is not None:
                rest = _REST.match(text, end + 1)
                after, last = (rest[1].strip(), rest.end()) if rest else ("", len(text))
                if field:
                    body = text[start : end + 1]
                    return last, Statement(key=key, body=body, rest=after)
                return last, Statement(text[at:last].strip())
            if field:
                advice = "its bracket is not closed, or something other than `;` follows it"
                self.faults.append(Fault(advice, f"mpc.{key}"))
                following = text.find("mpc.", opened.end())
                return (following if following >= 0 else len(text)), None
        line = _LINE.match(text, at)
        if line is None:
            return len(text), None
        return line.end(), Statement(line[1].strip())

    def _closes(self, start: int) -> int | None:
        """Place at which the bracket at `start` is closed."""
        if self._closing is None:
            self._closing, opened = {}, list[tuple[str, int]]()
            for match in re.finditer(r"[\[\]{}]", self._text):
                if match[0] in "[{":
                    opened.append((match[0], match.start()))
                elif opened and opened[-1][0] + match[0] in ("[]", "{}"):
                    self._closing[opened.pop()[1]] = match.start()
        return self._closing.get(start)

    def _skipped(self, at: int) -> int:
        """The place after the end of a block without alternatives, or 0."""
        depth = 1
        for match in _BLOCK.finditer(self._text, at):
            if match[1]:
                depth += 1
            elif match[2] == "end":
                depth -= 1
                if not depth:
                    return match.end()
            elif depth == 1:
                return 0
        return 0


def _with_fields(text: str, outputs: list[str]) -> str:
    """The text with its outputs as fields of mpc; six or four outputs have MATPOWER's order."""
    keys = {name: name for name in outputs if name in VARIABLES}
    if len(outputs) in (len(VARIABLES) - 2, len(VARIABLES)):
        keys = dict(zip(outputs, VARIABLES, strict=False))
    if not keys:
        return text
    names = "|".join(keys)
    assigned = re.compile(rf"(^|;)([ \t]*+)({names})\b(?=[ \t]*+=(?!=))", re.MULTILINE)
    return assigned.sub(lambda m: f"{m[1]}{m[2]}mpc.{keys[m[3]]}", text)
