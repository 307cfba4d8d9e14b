"""Where networks come from: bundled cases, MATPOWER files, scopf's own JSON, pandapower nets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scopf.cases import bundled, matpower, native
from scopf.cases.pandapower.recognition import NOT_FROM_FILE, holds_net, is_net
from scopf.faults import CaseError, Fault, ScopfError
from scopf.network import Network

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["load_case"]


def load_case(
    source: str | os.PathLike[str] | pandapowerNet, *, ignore_unsupported: bool = False
) -> Network:
    """Read a network from a bundled case, a MATPOWER file, scopf's own JSON or a pandapower net.

    Args:
        source: name of a bundled case ("case39", "pglib_opf_case5_pjm" or
            "case5_pjm"; `scopf cases` lists them); path of a `.m` file
            in MATPOWER's version 2 format, or of a `.json` file that `scopf convert` wrote; or a
            pandapower net (docs/pandapower.md).
            A name that is both a bundled case and an existing file
            without suffix means the bundled case; write `./case39` for the file.
        ignore_unsupported: log a warning instead of raising for content that the model does not
            represent (user constraints, reserves).

    Returns:
        The network, per unit, with the user's own bus numbers.

    Raises:
        CaseError: listing every fault of the source with table, row and ids.
    """
    if is_net(source):
        from scopf.cases.pandapower.reading import read

        return read(source, ignore_unsupported=ignore_unsupported)
    try:
        name = os.fspath(source)
    except TypeError as error:
        text = (
            "load_case takes the name of a bundled case, the path of a file or a pandapower net, "
            "not "
        )
        raise ScopfError(text + type(source).__name__) from error
    known = bundled.find(name)
    if known:
        return bundled.load(known)
    path = Path(name)
    if path.suffix != ".m" and not os.path.isfile(path):  # unlike Path, for any name at all
        path = Path(name + ".m")
    if not os.path.isfile(path):
        near = bundled.similar(name)
        hint = f"; did you mean {near}?" if near else "; `scopf cases` lists the bundled ones"
        text = f"neither a file nor a bundled case{hint}"
        raise CaseError(name, [Fault(text)])
    if holds_net(path):
        raise CaseError(name, [Fault(NOT_FROM_FILE)])
    if path.suffix.lower() == ".json":
        return native.read(path)
    return matpower.read(path, ignore_unsupported=ignore_unsupported)
