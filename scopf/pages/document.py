"""Parts of a page that every page has: assets, scripts, the policy, and how it is written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from scopf import files
from scopf.errors import ScopfError
from scopf.pages.markup import labelled

_MISSING = (
    "the report needs {name}, which is not installed; it comes with the extra `report`: "
    "pip install 'scopf[report]'"
)


def put(text: str, target: Path) -> None:
    """Write a page; the file is whole old or whole new.

    Raises:
        ScopfError: when it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.replace(target, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write the report to {target}: {reason}") from error


def embedded(data: dict[str, Any]) -> Any:
    """JSON that cannot end the script element it stands in, as markup."""
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def policy(*scripts: str) -> str:
    """Content Security Policy: these scripts run and no others, and nothing is fetched."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def asset(name: str) -> str:
    """Text of a file under `assets/`."""
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Template:
    """A template of a page, with what every page has; what is put into it is escaped."""

    _made: Any
    _library: str

    def page(self, data: dict[str, Any], scripts: Iterable[str], **content: Any) -> str:
        """The page as text.

        Args:
            data: for its scripts.
            scripts: files under `assets/`, in their order.
            **content: what the template names.
        """
        script = "\n".join(asset(name) for name in scripts)
        always = {
            "style": asset("page.css"),
            "data": embedded(data),
            "library": self._library,
            "script": script,
            "policy": policy(self._library, script),
        }
        return str(self._made.render(**always, **content))


def template(name: str) -> Template:
    """A template under `assets/`.

    Raises:
        ScopfError: without jinja2 or plotly.
    """
    try:
        import jinja2
        import markupsafe
    except ImportError as error:
        raise ScopfError(_MISSING.format(name="jinja2")) from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["labelled"] = lambda text: markupsafe.Markup(labelled(text))
    return Template(environment.get_template(name), plotly())


def plotly() -> str:
    """The source of plotly.js, without line ends of another system.

    Raises:
        ScopfError: without plotly.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ScopfError(_MISSING.format(name="plotly")) from error
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
