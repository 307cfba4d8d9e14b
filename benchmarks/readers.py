"""Readers that `benchmarks.fuzz` and the tests put texts into, and what has to come out.

Another reader is one more entry of `readers`: the texts to begin with, and a function that reads
one. The function returns normally for what is accepted, raises CaseError for what is refused, and
raises AssertionError where content was lost or the result is not what it says.
"""

from __future__ import annotations

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
from scopf.cases import bundled
from scopf.sweeps.spec import Settings
from scopf.sweeps.study import Study

_TABLES = (
    b"bus,mq,beta_q,mp,beta_p,tau_p,tau_q,rating_mva,inverter\n30,.1,1,.05,1,.1,.1,900,1\n31,,,,,,,,0\n",
    b"gen,mq\n1,0.2\n2,0.3\n10,0.05\n",
    b"bus,mq # droops\n\n30,0.21\n32,\n 39 , 1e-2 \n",
    b'"bus","inverter"\r\n33,1\r\n34,0\r\n',
)
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
        data: folders of more `.m` files to begin with.
        largest: bytes of a seed; larger files take long and have nothing new.
    """
    cases = [entry.path for entry in bundled.entries().values()]
    cases += [path for folder in data for path in sorted(Path(folder).rglob("*.m"))]
    texts = [path.read_bytes() for path in cases if path.stat().st_size <= largest]
    specs = [path.read_bytes() for path in bundled.studies().values()]
    return {
        "case": Reader(texts, _case),
        "inverters": Reader(_TABLES, _inverters, ".csv"),
        "sweep": Reader([*_SPECS, *specs], _sweep, ".toml"),
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
    for key, found in (("bus", net.bus), ("gen", net.gen), ("branch", net.branch)):
        assert rows[key] == len(found), (
            f"{rows[key]} rows of mpc.{key} in the text, {len(found)} read"
        )


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
    rest = (
        rest.replace(";", "")
        .replace(",", "")
        .strip("\ufeff \t\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029")
    )
    assert not rest.split(), f"left over: {rest.split()[0][:40]!r}"
    assert {"bus", "gen", "branch", "gencost", "baseMVA"} <= rows.keys(), "a table is missing"
    return rows


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
