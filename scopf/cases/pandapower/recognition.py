"""Recognises a pandapower net without importing pandapower."""

from __future__ import annotations

from pathlib import Path

from scopf import files

_NOT_FROM_FILE = """\
this is a pandapower net in a file, which scopf does not open, because pandapower imports what such
a file names; if you trust it, read it yourself:
  net = pandapower.from_json({!r})
  grid = scopf.load_case(net)"""


def not_from_file(name: str) -> str:
    """The reason why a net in a file of this name is refused, with the lines that read it."""
    return _NOT_FROM_FILE.format(name)


def is_net(source: object) -> bool:
    """Whether an object is a pandapower net."""
    return any(
        kind.__name__ == "pandapowerNet" and kind.__module__.partition(".")[0] == "pandapower"
        for kind in type(source).__mro__
    )


def holds_net(path: Path) -> bool:
    """Whether a file begins as pandapower's JSON files do; false when it cannot be read."""
    try:
        with files.opened(path) as file:
            head = file.read(1000)
    except OSError:
        return False
    return head.lstrip().startswith(b"{") and b"pandapowerNet" in head
