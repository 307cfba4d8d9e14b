"""Networks from cases, and networks to files, in the format that a name or a suffix asks for."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from scopf import files
from scopf.cases import bundled, recognition
from scopf.cases.pandapower.recognition import holds_net, is_net, not_from_file
from scopf.cases.powsybl import recognition as powsybl_recognition
from scopf.cases.pypsa import recognition as pypsa_recognition
from scopf.errors import CaseError, Fault, ScopfError, listing, nearest

if TYPE_CHECKING:  # each reader is imported when it is used: the command line asks for names only
    from collections.abc import Callable

    import pandas as pd
    import pypowsybl.network as powsybl
    import pypsa
    from pandapower import pandapowerNet

    from scopf.cases.psse.writing import Revision
    from scopf.network.network import Network

log = logging.getLogger(__name__)

DeadIslands = Literal["drop", "refuse"]
_GOES_WITH = {
    "costs": (
        "costs go with a PSS/E .raw or a MATPOWER .m file, and with a network or a file of "
        "pypowsybl; other cases have their own"
    ),
    "dispatch_dc": (
        "dispatch_dc goes with a PSS/E .raw file, and with a network or a file of pypowsybl; in "
        "other cases DC lines have limits of their own"
    ),
    "dynamics": "dynamics, a .dyr file, go with a PSS/E .raw file",
    "snapshot": "snapshot goes with a PyPSA network; other cases have one operating point",
}


@dataclass(frozen=True)
class _Options:
    """Arguments of `load_case` beside the source."""

    costs: str | os.PathLike[str] | pd.DataFrame | None
    dispatch_dc: bool
    dynamics: str | os.PathLike[str] | None
    snapshot: object
    ignore_unsupported: bool
    refuse_dead: bool

    def only(self, *taken: str) -> None:
        """Refuse what a source of this kind does not take."""
        for name, text in _GOES_WITH.items():
            value = getattr(self, name)
            if name not in taken and value is not None and value is not False:
                raise ScopfError(text)


def load_case(
    source: str | os.PathLike[str] | pandapowerNet | powsybl.Network | pypsa.Network,
    *,
    costs: str | os.PathLike[str] | pd.DataFrame | None = None,
    dispatch_dc: bool = False,
    dynamics: str | os.PathLike[str] | None = None,
    snapshot: object = None,
    ignore_unsupported: bool = False,
    dead_islands: DeadIslands = "drop",
) -> Network:
    """Read a network from a bundled case, a file, or an object of another package.

    Args:
        source: name of a bundled case ("case39", "pglib_opf_case5_pjm" or
            "case5_pjm"; `scopf cases` lists them) or path of a MATPOWER `.m` file (format versions
            1 and 2), of a `.raw` file of PSS/E (revisions 23 to 36), or of a `.json` file that
            `scopf convert` wrote; a file with another suffix is known by its first line. A name
            that is both a bundled case and an existing file without suffix means the bundled case;
            write `./case39` for the file. A file that pypowsybl reads: CGMES `.zip`, `.xiidm`,
            `.iidm`, `.jiidm`, `.biidm`, `.xml`, UCTE `.uct`, IEEE-CDF `.txt` or `.cdf`,
            PowerFactory `.dgs`. Or a pandapower net (`docs/pandapower.md`), a pypowsybl network
            (`docs/pypowsybl.md`) or a PyPSA network (`docs/pypsa.md`).
        costs: of sources that have none, a `.raw` file and those of pypowsybl, or of generators of
            a `.m` file: a CSV file or a DataFrame with the columns `bus`, `id` (of a `.m` file
            `bus` or `gen`, of pypowsybl `id` only) and some of `c2`, `c1`, `c0` (per MW), `points`,
            `d2`, `d1`, `d0` (per MVAr), `pmin`, `pmax` (MW); None takes `grid.costs.csv` beside
            `grid.raw`, or beside a `grid.m` without costs.
        dispatch_dc: whether the power of DC lines is a variable, which it is fixed at otherwise: of
            a `.raw` file between zero and the schedule, of pypowsybl between zero and `max_p`.
        dynamics: a .dyr file that says what the machines of a `.raw` file are: synchronous
            machines, grid-following or grid-forming inverters (`docs/dyr.md`). `net.dynamics` has
            them, and `build` takes them from there.
        snapshot: of a PyPSA network, the label of the snapshot that is read; None for the first.
        ignore_unsupported: log a warning instead of raising for content that the model does not
            represent (the page on each source says what that is).
        dead_islands: "drop" leaves out AC islands where nothing generates or nothing consumes, with
            a warning that says which load is not served; "refuse" raises an error.

    Returns:
        The network, per unit, with the user's own bus numbers.

    Raises:
        CaseError: listing every fault of the source with table, row and ids.
    """
    if dead_islands not in get_args(DeadIslands):
        known = listing(map(repr, get_args(DeadIslands)))
        raise ScopfError(f"dead_islands is one of {known}, got {dead_islands!r}")
    refuse = dead_islands == "refuse"
    net = _read(
        source, _Options(costs, dispatch_dc, dynamics, snapshot, ignore_unsupported, refuse)
    )
    if dead := net.dead_islands():
        if refuse:
            raise CaseError(net.name, dead)
        if text := net.energized().unserved.text(net.base_mva):
            log.warning("%s: %s", net.name, text)
    return net


def _read(source: Any, options: _Options) -> Network:
    if net := _of_object(source, options):
        return net
    try:
        name = os.fspath(source)
    except TypeError as error:
        text = (
            "load_case takes the name of a bundled case, the path of a file, or a network of "
            "pandapower, pypowsybl or PyPSA, not "
        )
        raise ScopfError(text + type(source).__name__) from error
    known, path = bundled.find(name), Path(name)
    if known:
        options.only()
        return bundled.load(known)
    if path.suffix.lower() not in recognition.NAMES and not os.path.isfile(path):
        path = Path(name + ".m")  # unlike Path, for any name at all
    if os.path.isdir(name):
        raise CaseError(name, [Fault("this is a folder; name the file in it")])
    if not os.path.isfile(path):
        text = next(filter(None, map(files.refusal, (name, path))), "")
        text = (
            f"cannot be read: {text}"
            if text
            else f"neither a file nor a bundled case; {_hint(name)}"
        )
        raise CaseError(name, [Fault(text)])
    if holds_net(path):
        raise CaseError(name, [Fault(not_from_file(name))])
    return _of_file(path, recognition.of(path), options)


def _of_object(source: Any, options: _Options) -> Network | None:
    """The network that an object of another package describes; None where it is no such object."""
    ignore = options.ignore_unsupported
    if is_net(source):
        from scopf.cases.pandapower import reading as pandapower

        options.only()
        return pandapower.read(source, ignore_unsupported=ignore, refuse_dead=options.refuse_dead)
    if powsybl_recognition.is_network(source):
        from scopf.cases.powsybl import reading as powsybl

        options.only("costs", "dispatch_dc")
        return powsybl.read(
            source,
            costs_from=options.costs,
            dispatch_dc=options.dispatch_dc,
            ignore_unsupported=ignore,
        )
    if pypsa_recognition.is_network(source):
        from scopf.cases.pypsa import reading as pypsa

        options.only("snapshot")
        return pypsa.read(source, snapshot=options.snapshot, ignore_unsupported=ignore)
    return None


def _of_file(path: Path, format: recognition.Format, options: _Options) -> Network:
    ignore = options.ignore_unsupported
    if text := recognition.misfit(path, format):
        raise CaseError(str(path), [Fault(text)])
    if format in ("psse", "powsybl"):
        from scopf.cases.powsybl import reading as powsybl
        from scopf.cases.psse import files as psse

        own = ("dynamics",) if format == "psse" else ()
        options.only("costs", "dispatch_dc", *own)
        read = powsybl.load
        if format == "psse":
            read = partial(psse.read, dynamics=options.dynamics)
        return read(
            path,
            costs_from=options.costs,
            dispatch_dc=options.dispatch_dc,
            ignore_unsupported=ignore,
        )
    if format == "matpower":
        from scopf.cases import matpower

        options.only("costs")
        return matpower.read(path, costs_from=options.costs, ignore_unsupported=ignore)
    if format == "native":
        from scopf.cases import native

        options.only()
        return native.read(path)
    raise CaseError(str(path), [Fault(recognition.refusal(path))])


def _hint(name: str) -> str:
    """A known name close to one that is none, or the folder that was searched."""
    if near := bundled.similar(name):
        return f"did you mean {near}?"
    if Path(name).suffix.lower() not in recognition.NAMES:
        return "`scopf cases` lists the bundled ones"
    folder = Path(name).parent.absolute()
    try:
        beside = {
            one.stem: one.name
            for one in folder.iterdir()
            if one.suffix.lower() in recognition.NAMES
        }
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return f"there is no folder {folder}"
    near = nearest(Path(name).stem, beside)
    return f"did you mean {beside[near]}?" if near else f"there is none of that name in {folder}"


def save_case(
    net: Network, path: str | os.PathLike[str], *, revision: Revision | None = None
) -> None:
    """Write a network in the format that the suffix of the file names.

    Args:
        net: the network, elements out of service included.
        path: `.json` (scopf's own, which holds everything), `.m` (MATPOWER) or `.raw` (PSS/E, with
            the costs in `grid.costs.csv` beside `grid.raw`); a link is followed.
        revision: of a `.raw` file, 33 (the default) or 35.

    Raises:
        CaseError: listing what the format cannot hold; then nothing is written.
        ScopfError: for another suffix or revision, or a file that cannot be written.
    """
    path = Path(path)
    write = writer(path, revision)
    try:
        write(net, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write {path}: {reason}") from error


def writer(path: Path, revision: Revision | None = None) -> Callable[[Network, Path], None]:
    """The writer of files of this suffix; arguments and errors are `save_case`'s."""
    from scopf.cases import mwriter, native
    from scopf.cases.psse import writing

    writers: dict[str, Callable[[Network, Path], None]] = {
        ".m": mwriter.write,
        ".json": native.write,
        ".raw": partial(writing.write, revision=33 if revision is None else revision),
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        known = listing(writers)
        raise ScopfError(f"{path}: the suffix names the format to write, one of {known}")
    if revision is not None and suffix != ".raw":
        raise ScopfError(f"{path}: a revision is one of the format of .raw files")
    return writers[suffix]
