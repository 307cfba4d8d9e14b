"""Networks as PSS/E power flow files (.raw), with a table of costs beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from scopf import files
from scopf.cases.digits import digits
from scopf.cases.psse import contents, layout, omissions, records, vscwriter
from scopf.errors import CaseError, ScopfError, listing
from scopf.network.network import Network

log = logging.getLogger(__name__)

Revision = Literal[33, 35]
_SECTIONS: dict[str, Callable[[Network], contents.Cells]] = {
    "bus": contents.buses,
    "load": contents.loads,
    "fixed shunt": contents.shunts,
    "generator": contents.machines,
    "branch": contents.lines,
    "transformer": contents.transformers,
    "vsc dc": vscwriter.columns,
}
_TWO_WINDINGS = (99, 3, 99, 2)  # the most fields of the lines of a record
_TITLE = 60  # letters of a line of the head
_HERTZ = 60  # BASFRQ, which a network does not have


def write(net: Network, path: str | Path, revision: Revision = 33) -> None:
    """Write a network as a .raw file, and its costs as a table that lies beside it.

    What neither of them holds is named in one line of the log.

    Args:
        net: the network, elements out of service included.
        path: file to write; `grid.costs.csv` is written beside `grid.raw`.
        revision: of the format, 33 or 35.

    Raises:
        CaseError: listing elements that the format has no numbers for; then nothing is written.
        ScopfError: for another revision, or where the table would replace one of another case.
    """
    path = Path(path)
    if revision not in get_args(Revision):
        raise ScopfError(f"revision is one of {listing(get_args(Revision))}, got {revision!r}")
    if faults := omissions.faults(net):
        raise CaseError(str(path), faults)
    target = path.resolve() if path.is_symlink() else path
    beside = costs_beside(target)
    if beside.exists() and not target.exists():
        text = (
            "is there already, and would be replaced by the costs of this case; give another name"
        )
        raise ScopfError(f"{path}: {beside.name} beside it {text}")
    if left_out := omissions.sentences(net):
        log.warning("%s: a .raw file does not hold: %s", net.name, "; ".join(left_out))
    text, costs = _text(net, revision), contents.costs(net)
    with files.together(target.parent) as batch:
        batch.add(beside.name, lambda part: part.write_text(costs, encoding="utf-8"))
        batch.add(target.name, lambda part: part.write_text(text, encoding="utf-8"))


def costs_beside(path: Path) -> Path:
    """The table of costs of a .raw file."""
    return path.with_name(f"{path.stem}.costs.csv")


def _text(net: Network, revision: int) -> str:
    title = records.shortened(net.name, _TITLE)
    lines = [
        f"0, {digits(net.base_mva)}, {revision}, 0, 0, {_HERTZ}.0 / written by scopf",
        title,
        "",
    ]
    sections = layout.sections(revision)
    for section, following in zip(sections, [*sections[1:], ""], strict=True):
        if section in _SECTIONS:
            widths = _TWO_WINDINGS if section == "transformer" else ()
            lines += records.of(section, revision, _SECTIONS[section](net), widths)
        begin = f", BEGIN {_title(following)}" if following else ""
        lines.append(f"0 / END OF {_title(section)}{begin}")
    return "\n".join([*lines, "Q", ""])


def _title(section: str) -> str:
    name = layout.NAMES[section][0].removesuffix(" DATA")
    return f"{name} DATA"
