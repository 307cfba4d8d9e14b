"""Readers that `benchmarks.fuzz` and the tests put texts into, and what has to come out.

Another reader is one more entry of `readers`: the texts to begin with, and a function that reads
one. The function returns normally for what is accepted, raises CaseError for what is refused, and
raises AssertionError where content was lost or the result is not what it says.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import scopf
from benchmarks import nets
from scopf.cases import bundled, native
from scopf.sweeps.spec import Settings
from scopf.sweeps.study import Study

_RICH = b"""function mpc = rich
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;
\t2\t1\t90\t30\t2\t19\t1\t1\t0\t12\t1\t1.1\t0.9;
\t5\t2\t10\t5\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t50\t0\t300\t-300\t1\t100\t1\t250\t10\t0\t200\t-30\t30\t-15\t15\t1\t2\t3\t4\t0.5;
\t5\t40\t0\t200\t-200\t1\t80\t1\t120\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;
\t5\t-5\t-2\t0\t-4\t1\t100\t1\t0\t-10\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;
];
mpc.branch = [
\t1\t2\t0.01\t0.1\t0.2\t250\t260\t0\t0\t0\t1\t-360\t360;
\t2\t5\t0.02\t0.2\t0\t0\t0\t0\t0.95\t30\t1\t-30\t45;
\t5\t1\t0.03\t0.3\t0.1\t100\t0\t0\t0\t0\t1\t0\t0;
];
mpc.gencost = [
\t1\t10\t5\t3\t0\t0\t100\t2500\t250\t7000;
\t2\t0\t0\t3\t0.11\t5\t150\t0\t0\t0;
\t1\t0\t0\t2\t-10\t-300\t0\t0\t0\t0;
\t2\t0\t0\t3\t0.2\t0\t0\t0\t0\t0;
\t1\t0\t0\t3\t-200\t400\t0\t0\t200\t400;
\t2\t0\t0\t1\t0\t0\t0\t0\t0\t0;
];
mpc.dcline = [
\t1\t5\t1\t10\t8.9\t0\t0\t1.01\t1\t-10\t10\t-10\t10\t-Inf\tInf\t1\t0.01;
\t2\t5\t0\t2\t1.96\t0\t0\t1\t1\t2\t10\t0\t0\t0\t0\t0\t0;
];
mpc.dclinecost = [
\t2\t0\t0\t2\t7.3\t0\t0\t0;
\t1\t0\t0\t2\t0\t0\t10\t50;
];
mpc.bus_name = {'a'; 'b ''c'; ''};
mpc.gen_name = {'x'; ''; 'y'};
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD] = idx_bus;
Vbase = mpc.bus(1, PD) * 1e3;
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""
_TABLES = (
    b"bus,mq,beta_q,mp,beta_p,tau_p,tau_q,rating_mva,inverter\n30,.1,1,.05,1,.1,.1,900,1\n31,,,,,,,,0\n",
    b"gen,mq\n1,0.2\n2,0.3\n10,0.05\n",
    b"bus,mq # droops\n\n30,0.21\n32,\n 39 , 1e-2 \n",
    b'"bus","inverter"\r\n33,1\r\n34,0\r\n',
)
_COSTS = (
    b"bus,id,c2,c1,c0\n101,1,0.02,20,0\n102,W2,,18,\n",
    b"bus,id,points,d2,pmin,pmax\n101,1,0:0 50:600 150:2400,0.1,30,140\n102,'1',,,0,50 # MW\n",
    b'"bus","c1"\r\n101,20\r\n',
)
_EXAMPLES = Path(__file__).resolve().parents[1] / "tests" / "data"
_SPECS = (
    b"case = 'case9'\nlossless = [true, false]\n[mq]\n1 = [0.05, 0.1]\n2 = 0.06\n",
    b"case = 'case9'\ncriterion = ['none', 'weighted']\nmq = { geomspace = [0.01, 0.1, 3] }\n",
    b"case = 'case39'\ncombine = 'zip'\nmq = [0.1, 0.2]\nload_scale = [1, 1.02]\nchain = 2\n",
    b"case = 'case9'\noutage = [2, 3]\nmax_iter = 90\n[options]\nmu_init = 1e-3\n",
    b"case = 'case9'\n[[scenarios]]\neta_q = 0.1\nmq_2 = 0.2\n[[scenarios]]\neta_q = 0.2\n",
)


@dataclass(frozen=True)
class Reader:
    """Something that reads text.

    Attributes:
        seeds: texts to begin with.
        read: reads a file; whether to ignore unsupported content is its second argument.
        suffix: of the file's name.
    """

    seeds: Sequence[bytes]
    read: Callable[[Path, bool], object]
    suffix: str = ".m"


def readers(data: Iterable[Path] = (), largest: int = 60_000) -> dict[str, Reader]:
    """All readers by name.

    Args:
        data: folders of more `.m` and `.raw` files to begin with.
        largest: bytes of a seed; larger files take long and have nothing new.
    """
    cases = [entry.path for entry in bundled.entries().values()]
    cases += [path for folder in data for path in sorted(Path(folder).rglob("*.m"))]
    texts = [path.read_bytes() for path in cases if path.stat().st_size <= largest]
    raw = sorted(_EXAMPLES.glob("*.raw"))
    raw += [path for folder in data for path in sorted(Path(folder).rglob("*.raw"))]
    raws = [path.read_bytes() for path in raw if path.stat().st_size <= largest]
    specs = [path.read_bytes() for path in bundled.studies().values()]
    return {
        "case": Reader([_RICH] * 3 + texts, _case),
        "network": Reader(_networks(), _network, ".json"),
        "inverters": Reader(_TABLES, _inverters, ".csv"),
        "sweep": Reader([*_SPECS, *specs], _sweep, ".toml"),
        "raw": Reader(raws, _raw, ".raw"),
        "costs": Reader(_COSTS, _costs, ".csv"),
        "pandapower": Reader(nets.seeds(), _pandapower, ".txt"),
    }


def outcome(reader: Reader, text: bytes, ignore: bool) -> str:
    """What became of a text: "accepted", "refused", or what should not have happened."""
    path = _scratch().with_suffix(reader.suffix)
    path.write_bytes(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            reader.read(path, ignore)
        except scopf.CaseError as error:
            return "refused" if error.faults else "refused without a reason"
        except AssertionError as error:
            return f"wrong: {error}".partition("\n")[0]
        except Exception as error:
            return f"raised {type(error).__name__}: {error}".partition("\n")[0][:100]
    return "accepted"


@cache
def _scratch() -> Path:
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    return folder / f"scopf-fuzz-{os.getpid()}"


# -- cases -----------------------------------------------


def _case(path: Path, ignore: bool) -> None:
    net = scopf.load_case(path, ignore_unsupported=ignore)
    faults = net.validate()
    assert not faults, f"accepted with a fault, {faults[0]}"
    base = (net.bus.pd, net.bus.vmin, net.gen.cost_p.ravel(), net.branch.x)
    assert all(np.isfinite(part).all() for part in base), "not finite"
    rows = accounted(path.read_bytes().decode("utf-8-sig", "replace"), ignore)
    for key, found in net.tables.items():
        assert rows.get(key, 0) == len(found), (
            f"{rows.get(key, 0)} rows of mpc.{key} in the text, {len(found)} read"
        )


# -- scopf's own JSON -----------------------------------------------


@cache
def _networks() -> tuple[bytes, ...]:
    """Seeds: everything that a network can have, and a plain one."""
    path = _scratch().with_suffix(".m")
    path.write_bytes(_RICH)
    rich = scopf.load_case(path)
    loads = {"pd_current": [0, 0.1, 0], "qd_current": [0, 0.05, -0.02]}
    texts = []
    for net in (rich.replace(bus=loads), scopf.load_case("case9"), scopf.load_case("two_bus_q")):
        native.write(net, path)
        texts.append(path.read_bytes())
    return tuple(texts)


def _network(path: Path, ignore: bool) -> None:
    net = native.read(path)
    faults = net.validate()
    assert not faults, f"accepted with a fault, {faults[0]}"
    content = json.loads(path.read_bytes().decode("utf-8-sig"))
    for key, table in net.tables.items():
        given = content.get(key, {})
        strange = given.keys() - vars(table).keys()
        assert not strange, f"{key} {strange} was dropped"
        assert all(len(column) == len(table) for column in given.values()), f"rows of {key} lost"
    native.write(net, path)
    again = native.read(path)
    assert again == net, "written and read back as another network"
    assert again.name == net.name, "written and read back by another name"


# An account of a case file that shares nothing with the reader: character by character.
_QUOTE_BEFORE = set("=[{(,;\n \t")


def uncommented(text: str) -> str:
    """The text without comments and continuations, quoted strings as '_'."""
    lines, depth = [], 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        bare = line.strip(" \t")
        if bare == "%{":
            depth += 1
        elif bare == "%}" and depth:
            depth -= 1
        elif not depth:
            lines.append(line)
    found = []
    for line in lines:
        kept, at, goes_on = "", 0, False
        while at < len(line):
            c = line[at]
            if c == "%":
                break
            if line.startswith("...", at):
                goes_on = True
                break
            if c in "'\"":
                end = at + 1
                while end < len(line) and (line[end] != c or line[end : end + 2] == c + c == "''"):
                    end += 2 if line[end : end + 2] == "''" and c == "'" else 1
                if end < len(line):
                    kept, at = kept + "'_'", end + 1
                    continue
            kept, at = kept + c, at + 1
        found.append(kept + (" " if goes_on else "\n"))
    return "".join(found)


def accounted(text: str, ignore: bool) -> dict[str, int]:
    """Rows of each table of a case that was accepted, after every character was accounted for."""
    rest = uncommented(text)
    rows: dict[str, int] = {}

    def take(match: re.Match[str]) -> str:
        body = match["body"]
        lines = re.split(r"[;\n]", body[1:-1]) if body[:1] in "[{" else [body]
        count = sum(1 for line in lines if line.replace(",", " ").split())
        assert match["key"] not in rows, f"mpc.{match['key']} is there twice"
        rows[match["key"]] = count
        return ""

    pattern = r"mpc\.(?P<key>[\w.]+)\s*=\s*(?P<body>\[[^\[\]]*\]|\{[^{}]*\}|[^;\n\[{]+)"
    rest = re.sub(pattern, take, rest)
    head = (
        r"function\b(?:[ \t]*\[[^\]\n]*\])?[^\n=;,(]*(?:=[^\n=;,(]*)?(?:\([^)\n]*\))?(?=[;,\n]|\Z)"
    )
    rest = re.sub(head + r"|\b(?:end|endfunction|return|define_constants)\b", "", rest)
    computed = (
        r"^[^\S\n]*(?:\[[\w, \t]+\]|[A-Za-z]\w*|mpc\.(?:bus|gen|branch)[ \t]*\(:,[^=\n;]*\))"
        r"[ \t]*=[^=\n;]*;?[ \t]*$"
    )
    rest = re.sub(computed, "", rest, flags=re.MULTILINE)
    rest = (
        rest.replace(";", "")
        .replace(",", "")
        .strip("\ufeff \t\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029")
    )
    assert not rest.split(), f"left over: {rest.split()[0][:40]!r}"
    assert {"bus", "gen", "branch", "gencost", "baseMVA"} <= rows.keys(), "a table is missing"
    return rows


# -- PSS/E files -----------------------------------------------


def _raw(path: Path, ignore: bool) -> None:
    net = scopf.load_case(path, ignore_unsupported=ignore)
    faults = net.validate()
    assert not faults, f"accepted with a fault, {faults[0]}"
    bus, gen, branch = net.bus, net.gen, net.branch
    base = (bus.pd, bus.qd, bus.pd_current, bus.gs, bus.bs, gen.pg, gen.mbase, branch.r, branch.x)
    assert all(np.isfinite(part).all() for part in base), "not finite"
    revision, sections = _sections(path.read_bytes().decode("utf-8-sig", "replace"))
    for said in net.approximations:  # of sections that are not those of the first line's revision
        if other := re.search(r"sections are those of (?:revision )?(\d\d)$", said):
            revision = int(other[1])
    at = {22: (0, 1, 2, 99), 24: (0, 2, 3, 99), 28: (0, 2, 3, 4), 31: (0, 3, 4, 5)}
    at |= {34: (1, 4, 5, 7), 36: (1, 5, 7, 9)}  # the place 99 is empty
    k = at[max(first for first in at if first <= max(revision, 22))]
    stars = len(bus) - len(sections[k[0]])
    assert 0 <= stars <= len(sections[k[3]]) // 5, "buses lost or made up"
    units = sum(name.startswith("FACTS '") for name in gen.name)
    assert len(gen) - units == len(sections[k[1]]), "machines lost or made up"
    lines = len(sections[k[2]]) + (len(sections[k[2] + 1]) if revision >= 34 else 0)
    lines += sum(name.startswith("FACTS '") for name in branch.name)
    two = (len(sections[k[3]]) - 5 * stars) // 4
    assert len(branch) == lines + two + 3 * stars, "branches lost or made up"


def _sections(text: str) -> tuple[int, list[list[str]]]:
    """Revision, and the lines of each section: an account that shares nothing with the reader.

    A line with nothing but 0 and words in front of the slash ends a section, a Q all of them; no
    line of a transformer is blank in what is accepted.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line for line in lines if not line.lstrip().startswith("@!")]
    while lines and not lines[0].strip():
        del lines[0]
    head, _, comment = lines[0].partition("/")
    cells = [cell for part in head.split(",") for cell in part.split() or ["0"]]
    revision = float(cells[2]) if len(cells) > 2 and float(cells[2]) else 0.0
    if not revision:
        revision = float([*re.findall(r"PSS.*?E.*?(\d\d)", comment, re.IGNORECASE), 0][0])
    sections: list[list[str]] = [[]]
    for line in lines[3:]:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "_", line).partition("/")[0].replace(",", " ").split()
        if bare in (["Q"], ["q"]):
            break
        if bare and set(bare[0].rstrip('"')) == {"0"} and all(c[0].isalpha() for c in bare[1:]):
            sections.append([])
        elif bare:
            sections[-1].append(line)
    return int(revision), sections + [[]] * 100


def _costs(path: Path, ignore: bool) -> None:
    net = scopf.load_case(_EXAMPLES / "seven_buses_33.raw", costs=path)
    gen = net.gen
    assert np.isfinite(gen.cost_p).all(), "a cost that is not finite"
    assert np.isfinite(gen.cost_q).all(), "a reactive cost that is not finite"
    text = path.read_bytes().decode("utf-8-sig")
    header, *rows = (line for line in text.splitlines() if line.partition("#")[0].strip(' \t,"'))
    names = [name.strip(' \t"').lower() for name in header.partition("#")[0].split(",")]
    assert len(set(names)) == len(names), "a column twice"
    assert len(rows) <= len(gen), "more rows than machines"
    priced = gen.cost_p.any(axis=1) | ~np.isnan(gen.cost_p_points).all(axis=(1, 2))
    assert priced.sum() <= len(rows), "a cost that no row has"


# -- inverters -----------------------------------------------


@cache
def _net() -> scopf.Network:
    return scopf.load_case("case39")


def _inverters(path: Path, ignore: bool) -> None:
    found = scopf.Inverters.at_generators(_net(), table=path)
    for name in ("mq", "beta_q", "mp", "beta_p", "tau_p", "tau_q", "rating"):
        values = getattr(found, name)
        assert (np.isfinite(values) & (values > 0)).all(), f"{name} is out of range"
    assert len(found) <= len(_net().gen), "too many inverters"
    assert np.isin(found.bus, _net().gen.bus).all(), "an inverter at an unknown bus"
    lines = path.read_bytes().decode("utf-8-sig").splitlines()
    rows = [line.partition("#")[0] for line in lines]
    header, *rows = [row for row in rows if row.strip(' \t,"')]
    plain = r"\s*(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?\s*"
    for cell in (cell for row in rows if '"' not in row for cell in row.split(",")):
        assert re.fullmatch(plain, cell.replace("\xa0", " "), re.ASCII), f"read {cell[:30]!r}"
    names = [name.strip(' \t"') for name in header.split(",")]
    assert len(set(names)) == len(names), "a column twice"


# -- sweeps -----------------------------------------------


def _sweep(path: Path, ignore: bool) -> None:
    given = {"ignore_unsupported": True} if ignore else {}
    spec = Study.of(path, given, None, None).spec
    for column, values in spec.identity.items():
        if column not in Settings.model_fields and column != "axes":
            assert values, f"{column} without a value"
    content = tomllib.loads(path.read_bytes().decode("utf-8"))
    told = {*Settings.model_fields, *spec.columns, *(name.split("_")[0] for name in spec.columns)}
    lost = [key for key in content if key not in told | {"scenarios", "load_series"}]
    assert not [key for key in lost if f"{key}_" not in " ".join(spec.columns)], f"{lost} was lost"
    for column in set(content) & set(spec.columns):
        if isinstance(content[column], list):
            axis = next(axis for axis in spec.axes if column in axis.columns)
            found = {row[axis.columns.index(column)] for row in axis.rows}
            assert found >= set(content[column]), f"{column}: values were lost"


# -- pandapower nets -----------------------------------------------


def _pandapower(path: Path, ignore: bool) -> None:
    net = nets.net(path.read_bytes())
    found = scopf.load_case(net, ignore_unsupported=ignore)
    faults = found.validate()
    assert not faults, f"accepted with a fault, {faults[0]}"
    chosen = [
        f"{table} {row}" for table in ("ext_grid", "gen", "xward") for row in net[table].index
    ]
    for table in ("sgen", "load", "storage"):
        if "controllable" in net[table]:
            cells = net[table]["controllable"]
            chosen += [f"{table} {row}" for row, cell in cells.items() if cell == 1]
    assert sorted(found.gen.name.tolist()) == sorted(chosen), "generators are not what is chosen"
    assert sorted(found.dcline.id.tolist()) == sorted(net["dcline"].index), "DC lines are missing"
    kept = {name.split(" ")[1] for name in found.branch.name if name.startswith("line ")}
    assert kept <= {str(row) for row in net["line"].index}, "a line that there is not"
