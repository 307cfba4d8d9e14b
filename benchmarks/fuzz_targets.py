"""Readers that `benchmarks.fuzz` and the tests put spoilt input into, and what has to come out.

Another reader is one more entry of `READERS`: inputs to begin with, a function that spoils one, and
a function that reads one. The latter returns normally for what is accepted, raises ScopfError for
what is refused, and AssertionError where content was lost or the result is not what it says.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import resource
import shutil
import signal
import tempfile
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import scopf
from benchmarks import accounts, corpus, net_mutations, run_folders, seeds
from benchmarks.mutations import Files, Rng, put, spoil
from scopf.cases import native
from scopf.devices import device_table
from scopf.optimizer import option_file
from scopf.sweeps import stored_spec
from scopf.sweeps.spec import Settings
from scopf.sweeps.study import Study

LATE = 10.0  # s of processor time that an input may take
MEMORY = 2 * 2**30  # bytes of address space that it may take

Read = Callable[[Any, bool, Path], None]


@dataclass(frozen=True)
class Reader:
    """Something that reads.

    Attributes:
        seeds: inputs that are accepted.
        spoil: makes a spoilt one.
        read: reads an input; whether to ignore unsupported content, and the folder where it lies.
        put: writes an input into a folder and says what it is.
        corpus: inputs that broke a reader before, by name.
    """

    seeds: Sequence[Any]
    spoil: Callable[[Rng], Any]
    read: Read
    put: Callable[[Any, Path], str] = put
    corpus: Mapping[str, Any] = field(default_factory=dict)


@cache
def reader_of(name: str, data: tuple[Path, ...] = ()) -> Reader:
    """The reader of a name.

    Args:
        name: one of `READERS`.
        data: folders of more `.m` and `.raw` files to begin with.
    """
    return READERS[name](data)


def outcome(reader: Reader, given: Any, ignore: bool) -> tuple[str, float]:
    """What became of an input, and seconds of processor time.

    It was "accepted" or "refused", or something happened that should not have.
    """
    folder = _emptied()
    reader.put(given, folder)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _outcome(reader, given, ignore, folder)
    return found, time.process_time() - began


def _outcome(reader: Reader, given: Any, ignore: bool, folder: Path) -> str:
    try:
        with limits():
            reader.read(given, ignore, folder)
    except scopf.ScopfError as error:
        told = str(error) and (not isinstance(error, scopf.CaseError) or error.faults)
        return "refused" if told else "refused without a reason"
    except AssertionError as error:
        return f"wrong: {error}".partition("\n")[0][:100]
    except LateError:
        return f"longer than {LATE:g} s"
    except Exception as error:
        return f"raised {type(error).__name__}: {error}".partition("\n")[0][:100]
    return "accepted"


class LateError(BaseException):
    """A reader took too long."""


@contextmanager
def limits() -> Iterator[None]:
    """Limits of time and memory; who waits for ever is killed by `benchmarks.fuzz`."""

    def ring(*_: object) -> None:
        raise LateError

    handler = signal.signal(signal.SIGPROF, ring)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    except OSError:
        pages = 2**40  # no limit of memory but on Linux
    most = pages * resource.getpagesize() + MEMORY
    if most < 2**48:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    signal.setitimer(signal.ITIMER_PROF, LATE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def scratch(process: int) -> Path:
    """A folder of a process, in memory where there is such."""
    memory = Path("/dev/shm")
    folder = memory if memory.is_dir() else Path(tempfile.gettempdir())
    return folder / f"scopf-fuzz-{process}"


@cache
def _own() -> Path:
    folder = scratch(os.getpid())
    folder.mkdir(exist_ok=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _emptied() -> Path:
    for entry in os.scandir(_own()):
        shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)
    return _own()


# -- networks -----------------------------------------------


def _valid(net: scopf.Network, folder: Path) -> None:
    """Nothing wrong, and the same once more when it is written and read."""
    faults = net.validate()
    assert not faults, f"accepted with a fault, {faults[0]}"
    bus, gen, branch = net.bus, net.gen, net.branch
    base = (bus.pd, bus.qd, bus.pd_current, bus.gs, bus.bs, bus.vmin, gen.pg, gen.mbase)
    base += (gen.cost_p.ravel(), branch.r, branch.x)
    assert all(np.isfinite(part).all() for part in base), "not finite"
    path = folder / "again.json"
    native.write(net, path)
    again = native.read(path)
    assert again == net, "written and read back as another network"
    assert again.name == net.name, "written and read back by another name"


def _case(given: Files, ignore: bool, folder: Path) -> None:
    net = scopf.load_case(folder / "case.m", ignore_unsupported=ignore)
    _valid(net, folder)
    rows = accounts.accounted(accounts.decoded(given["case.m"]))
    for key, found in net.tables.items():
        assert rows.get(key, 0) == len(found), (
            f"{rows.get(key, 0)} rows of mpc.{key} in the text, {len(found)} read"
        )


def _raw(given: Files, ignore: bool, folder: Path) -> None:
    net = scopf.load_case(folder / "case.raw", ignore_unsupported=ignore)
    _valid(net, folder)
    revision, sections = accounts.sections(accounts.decoded(given["case.raw"]))
    for said in net.approximations:  # of sections that are not those of the first line's revision
        if other := re.search(r"sections are those of (?:revision )?(\d\d)$", said):
            revision = int(other[1])
    if not revision:  # found by the layout of the sections
        return
    at = {22: (0, 1, 2, 99), 24: (0, 2, 3, 99), 28: (0, 2, 3, 4), 31: (0, 3, 4, 5)}
    at |= {34: (1, 4, 5, 7), 36: (1, 5, 7, 9)}  # the place 99 is empty
    k = at[max(first for first in at if first <= max(revision, 22))]
    stars = len(net.bus) - len(sections[k[0]])
    assert 0 <= stars <= len(sections[k[3]]) // 5, "buses lost or made up"
    units = sum(name.startswith("FACTS '") for name in net.gen.name)
    assert len(net.gen) - units == len(sections[k[1]]), "machines lost or made up"
    lines = len(sections[k[2]]) + (len(sections[k[2] + 1]) if revision >= 34 else 0)
    lines += sum(name.startswith("FACTS '") for name in net.branch.name)
    two = (len(sections[k[3]]) - 5 * stars) // 4
    assert len(net.branch) == lines + two + 3 * stars, "branches lost or made up"


def _network(given: Files, ignore: bool, folder: Path) -> None:
    net = scopf.load_case(folder / "case.json")
    _valid(net, folder)
    content = json.loads(accounts.decoded(given["case.json"]))
    for key, table in net.tables.items():
        columns = content.get(key) or {}
        unknown = columns.keys() - vars(table).keys()
        assert not unknown, f"{key} {unknown} was dropped"
        assert all(len(column) == len(table) for column in columns.values()), f"rows of {key} lost"


def _net(given: Any, ignore: bool, folder: Path) -> None:
    found = scopf.load_case(given, ignore_unsupported=ignore)
    _valid(found, folder)
    net_mutations.check(given, found)


# -- tables -----------------------------------------------


@cache
def _case39() -> scopf.Network:
    return scopf.load_case("case39")


def _inverters(given: Files, ignore: bool, folder: Path) -> None:
    found = scopf.Inverters.at_generators(_case39(), table=folder / "table.csv")
    for name in ("mq", "beta_q", "mp", "beta_p", "tau_p", "tau_q", "rating"):
        values = getattr(found, name)
        assert (np.isfinite(values) & (values > 0)).all(), f"{name} is out of range"
    assert len(found) <= len(_case39().gen), "too many inverters"
    assert np.isin(found.bus, _case39().gen.bus).all(), "an inverter at an unknown bus"
    header, *rows = _rows(given["table.csv"])
    plain = r"(?:(?i:true|false)|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)?"
    for cell in (cell for row in rows if '"' not in row for cell in row.split(",")):
        assert re.fullmatch(plain, cell.strip(), re.ASCII), f"read {cell[:30]!r}"
    names = [name.strip(' \t"') for name in header.split(",")]
    assert len(set(names)) == len(names), "a column twice"


def _costs(given: Files, ignore: bool, folder: Path) -> None:
    net = scopf.load_case(seeds.EXAMPLES / "seven_buses_33.raw", costs=folder / "costs.csv")
    _valid(net, folder)
    gen = net.gen
    assert np.isfinite(gen.cost_q).all(), "a reactive cost that is not finite"
    header, *rows = _rows(given["costs.csv"])
    names = [name.strip(' \t"').lower() for name in header.split(",")]
    assert len(set(names)) == len(names), "a column twice"
    assert len(rows) <= len(gen), "more rows than machines"
    priced = gen.cost_p.any(axis=1) | ~np.isnan(gen.cost_p_points).all(axis=(1, 2))
    assert priced.sum() <= len(rows), "a cost that no row has"


def _dynamics(given: Files, ignore: bool, folder: Path) -> None:
    net = scopf.load_case(seeds.MACHINES, dynamics=folder / "case.dyr")
    _valid(net, folder)
    table = scopf.devices_table(net)
    gens = table["gen"].tolist()
    assert len(set(gens)) == len(gens), "a generator twice"
    assert len(gens) <= given["case.dyr"].count(b"/"), "more devices than records"
    again = native.read(folder / "again.json")
    assert scopf.devices_table(again).equals(table), "written and read back as other devices"
    own = device_table.of_network(net, scopf.Inverters.at_generators(net))
    forming = int((table["device"] == "gfm").sum())
    found = 0 if own is None else len(own.devices)
    assert found + forming == len(table), "devices were lost"


def _rows(table: bytes, blank: str = ',"') -> list[str]:
    """Lines of a table that are not blank, without comments."""
    found = re.split(r"\r\n|\r|\n", accounts.decoded(table))
    lines = (line.partition("#")[0] for line in found)
    return [line for line in lines if "".join(line.split()).strip(blank)]


# -- sweeps -----------------------------------------------


def _spec(given: Files, ignore: bool, folder: Path) -> None:
    more = {"ignore_unsupported": True} if ignore else {}
    spec = Study.of(folder / "study.toml", more, None, None).spec
    for column, values in spec.identity.items():
        if column not in Settings.model_fields and column != "axes":
            assert values, f"{column} without a value"
    assert stored_spec.read(json.loads(json.dumps(spec.as_dict()))) == spec, "not what it says"
    content = tomllib.loads(given["study.toml"].decode("utf-8"))
    told = {*Settings.model_fields, *spec.columns, *(name.split("_")[0] for name in spec.columns)}
    lost = [key for key in content if key not in told | {"scenarios", "load_series"}]
    assert not [key for key in lost if f"{key}_" not in " ".join(spec.columns)], f"{lost} was lost"
    for column in set(content) & set(spec.columns):
        if isinstance(content[column], list):
            axis = next(axis for axis in spec.axes if column in axis.columns)
            found = {_plain(row[axis.columns.index(column)]) for row in axis.rows}
            assert found >= set(map(_plain, content[column])), f"{column}: values were lost"
    for key in ("scenarios", "load_series"):
        if isinstance(content.get(key), str) and b'"' not in given[content[key]]:
            rows = len(_rows(given[content[key]], blank=' "')) - 1
            assert any(len(axis.rows) == rows for axis in spec.axes), f"rows of {key} were lost"


def _plain(value: Any) -> Any:
    """A number as it is kept."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _options(given: Files, ignore: bool, folder: Path) -> None:
    found = option_file.read(folder / "ipopt.opt")
    assert not option_file.outside(found), "an option that reaches outside"
    lines = re.split(r"\r\n|\r|\n", accounts.decoded(given["ipopt.opt"]))
    lines = [line for line in lines if line.partition("#")[0].strip()]
    assert len(found) == len(lines), "options were lost"


# -- all of them -----------------------------------------------


def _of_files(
    name: str, read: Read, files: Callable[[Sequence[Path]], list[Files]], data: Sequence[Path]
) -> Reader:
    """A reader of files that are spoilt as texts."""
    begin = files(data)
    return Reader(begin, partial(spoil, seeds=begin), read, corpus=corpus.of(name))


def _of_nets(data: Sequence[Path]) -> Reader:
    begin = net_mutations.seeds()
    return Reader(begin, net_mutations.spoil, _net, net_mutations.put)


def _of_runs(data: Sequence[Path]) -> Reader:
    begin = run_folders.seeds()
    return Reader(begin, run_folders.spoil, run_folders.read, corpus=corpus.of("run"))


READERS: dict[str, Callable[[Sequence[Path]], Reader]] = {
    "case": partial(_of_files, "case", _case, seeds.cases),
    "raw": partial(_of_files, "raw", _raw, seeds.raws),
    "network": partial(_of_files, "network", _network, lambda _: seeds.networks()),
    "inverters": partial(_of_files, "inverters", _inverters, lambda _: seeds.tables()),
    "costs": partial(_of_files, "costs", _costs, lambda _: seeds.costs()),
    "dynamics": partial(_of_files, "dynamics", _dynamics, lambda _: seeds.dynamics()),
    "spec": partial(_of_files, "spec", _spec, lambda _: seeds.specs()),
    "options": partial(_of_files, "options", _options, lambda _: seeds.options()),
    "net": _of_nets,
    "run": _of_runs,
}
