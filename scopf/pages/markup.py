"""Text as markup: escaped, with symbols in italics and their indices below the line."""

from __future__ import annotations

import html
import re


def escaped(text: object) -> str:
    """Text for a label, in which Plotly would read some markup."""
    return html.escape(str(text), quote=False)


def labelled(text: str) -> str:
    """Escaped text in which m_q, α and their like are symbols."""
    symbol = r"(?<!\w)(?:([mηβ])_([qp])|(α|d))(?!\w)"
    return re.sub(symbol, _symbol, html.escape(text))


def _symbol(found: re.Match[str]) -> str:
    letter, index, alone = found.groups()
    return f"<i>{letter}</i><sub>{index}</sub>" if index else f"<i>{alone}</i>"
