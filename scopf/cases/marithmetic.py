"""Arithmetic as MATLAB reads it: numbers and names, + - * / ^, brackets, functions of one number.

Texts come from files, so nothing is ever executed, and length and depth are bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 300  # characters of an expression
_DEEPEST = 20  # brackets in brackets
_TOKEN = re.compile(
    r"[ \t]*+(?:(?P<number>(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?)"
    r"|(?P<name>[A-Za-z]\w*+)|(?P<sign>[-+*/^()]))",
    re.ASCII,
)
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "acos": math.acos,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "Inf": math.inf, "inf": math.inf}


class NotArithmeticError(ValueError):
    """A text that is something else, or has no value."""


def value(text: str, names: Mapping[str, Any] | None = None) -> Any:
    """Value of an expression.

    Args:
        text: the expression.
        names: values of names, floats or arrays. Of arrays only what is the same for every cell in
            MATLAB as well: they are added, subtracted and multiplied, and divided by a number.

    Raises:
        NotArithmeticError: when it is no such expression, or has no real value.
    """
    if len(text) > LONGEST:
        raise NotArithmeticError("too long")
    parser = _Parser(_tokens(text), {**_CONSTANTS, **(names or {})})
    try:
        found = parser.sum()
    except (ArithmeticError, ValueError) as error:
        raise NotArithmeticError(text) from error
    if parser.next:
        raise NotArithmeticError(text)
    return found


def number(text: str) -> float:
    """Value of an expression of numbers only, finite or Inf where the text says Inf.

    Raises:
        NotArithmeticError: when it is something else.
    """
    found = value(text)
    if math.isnan(found):
        raise NotArithmeticError(text)
    return float(found)


def _tokens(text: str) -> list[str]:
    found, at, text = list[str](), 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotArithmeticError(text)
        found.append(match[0].strip())
        at = match.end()
    return found


class _Parser:
    """Reads tokens one by one; each method returns the value of what it has read."""

    def __init__(self, tokens: list[str], names: Mapping[str, Any]) -> None:
        self._tokens, self._at, self._depth, self._names = tokens, 0, 0, names

    @property
    def next(self) -> str:
        """The next token, "" at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self.next
        self._at += 1
        return token

    def sum(self) -> Any:
        found = self._product()
        while self.next in ("+", "-"):
            sign, other = self._take(), self._product()
            found = found + other if sign == "+" else found - other
        return found

    def _product(self) -> Any:
        found = self._signed(self._power)
        while self.next in ("*", "/"):
            sign, other = self._take(), self._signed(self._power)
            found = found * other if sign == "*" else found / _single(other)
        return found

    def _signed(self, read: Callable[[], Any]) -> Any:
        minus = False
        while self.next in ("+", "-"):
            minus ^= self._take() == "-"
        found = read()
        return -found if minus else found

    def _power(self) -> Any:
        found = self._atom()
        if self.next == "^":
            self._take()
            found = _single(_single(found) ** _single(self._signed(self._atom)))
            if self.next == "^":  # MATLAB reads a chain from the left, mathematics from the right
                raise NotArithmeticError("a chain of powers")
        return found

    def _atom(self) -> Any:
        token = self._take()
        if token == "(":
            return self._bracket()
        if token in FUNCTIONS and self.next == "(":
            self._take()
            return FUNCTIONS[token](_single(self._bracket()))
        if token in self._names:
            return self._names[token]
        if not token[:1].isdigit() and not token.startswith("."):
            raise NotArithmeticError(token)
        return float(token)

    def _bracket(self) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotArithmeticError("brackets are nested too deep")
        found = self.sum()
        if self._take() != ")":
            raise NotArithmeticError("a bracket is not closed")
        self._depth -= 1
        return found


def _single(found: Any) -> float:
    if not isinstance(found, float):  # columns, or complex
        raise NotArithmeticError("no number")
    return found
