"""Files made worse, for `benchmarks.fuzz` and the tests: seeded, so that each can be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator
Files = dict[str, bytes]  # content by name; one that ends in .fifo is a pipe
Mutation = Callable[[Rng, bytes, Sequence[bytes]], bytes]

NUMBERS = (
    b"0", b"-0", b"-1", b"1", b"NaN", b"nan", b"Inf", b"-Inf", b"inf", b"1e308", b"-1e308",
    b"1e309", b"1e-320", b"5e-324", b"9007199254740993", b"99999999999999999999", b"1e16",
    b"2147483648", b"-9223372036854775808", b"0.5", b"1.5", b"1e", b"1e+", b".", b"-", b"+1",
    b"0x1F", b"1_0", b"1,5", b"1/3", b"2*3", b"1i", b"pi", b"1e5000", b"9" * 5000, b"360", b"-360",
    b"1d3", b"1.0D2", b"2.D-3", b"0.0", b"00", b"-0.0", b"33", b"35",
    b"TRUE", b"\xd9\xa1\xd9\xa2", b"\xef\xbc\x91", b"\xe2\x88\x9e", b"\xe2\x88\x921",
)  # fmt: skip
PIECES = (
    b"%", b"%{\n", b"%}\n", b"#", b"...", b"...\n", b"'", b'"', b"''", b"[", b"]", b"{", b"}", b"(",
    b")", b";", b",", b"=", b"==", b"\n", b"\r\n", b"\r", b"\t", b"\x00", b"\x0b", b"\x0c", b"\x1a",
    b"\x85", b" ", b"]';", b"].*2;", b"];\nmpc.bus(1,3) = 9;\n", b"end\n", b"return;\n",
    b"function mpc = x\n", b"mpc = struct();\n", b"mpc.version = '1';\n", b"mpc.version = 2;\n",
    b"mpc.baseMVA = 0;\n", b"mpc.bus = [];\n", b"mpc.gen = [];\n", b"mpc.branch = [];\n",
    b"mpc.gencost = [];\n", b"mpc.bus_name = {'a'; 'b'};\n", b"mpc.gen_name = {'%}'; '];'};\n",
    b"mpc.dcline = [1 2 1 0 0 0 0 1 1 0 10 0 0 0 0 0 0];\n", b"mpc.dcline = [];\n",
    b"mpc.dcline = [1 4 1 9 8.9 0 0 1 1 -10 10 -5 5 -5 5 0.1 0.01];\n",
    b"mpc.dclinecost = [2 0 0 2 7.3 0];\n", b"mpc.dclinecost = [1 0 0 2 0 0 10 50];\n",
    b"1 0 0 3 0 0 10 20 20 50;\n", b" 0 100 -30 30 -15 15 0 0 0 0 0", b"-10 10",
    b"mpc.branch_name = {'a'};\n", b"mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;\n",
    b"[F_BUS, T_BUS, BR_R] = idx_brch;\n", b"Vbase = mpc.bus(1, BASE_KV) * 1e3;\n",
    b"mpc.branch(:, BR_R) = mpc.branch(:, BR_X) * (2^3 / Vbase);\n", b"pf = 9^9^9;\n",
    b'"format": "scopf-network",', b'"version": 1,', b'"id": [1, 2],', b"null", b"true", b'"inf"',
    b"mpc.storage = [1 0 0];\n", b"mpc.A = sparse(3);\n", b"mpc.reserves.cost = [1];\n",
    b"mpc.userfcn = 'x';\n", b"mpc.case.x = 1;\n", b"if 1\n", b"clear all;\n", b"!rm x\n",
    b"system('x');\n", b"eval('x');\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\x28",
    b"\xf0\x9f\x94\x8c",
    b"\xe2\x80\xa8", b"\xe2\x80\x8b", b"\xc2\xa0", b"\xed\xa0\x80", b"\xe2\x80\x99",
    b"/", b"'a,/'", b"Q\n", b" q / x\n", b"0\n", b"0 / END OF BUS DATA, BEGIN LOAD DATA\n",
    b" 0 /\n", b"0,0,0\n", b"@!\n", b"@! ", b",,,,,,,,,,,,,,,,", b"0, 100.0, 35 / PSS/E-35\n",
    b"GENERAL, THRSHZ=0\n", b"101,'X',1\n", b"bus,id,points\n", b"0:0 1:1", b":",
    b"mq = [0.1, 0.2]\n", b"mq.2 = [0.3]\n", b"[mq]\n", b"[[scenarios]]\n", b"[[]]",
    b"{ linspace = [0, 1, 3] }", b"{ geomspace = [-1, 1e300, 9] }", b"{ from = 0, to = 1 }",
    b"{ linspace = [0, 1, 1e12] }", b"{ linspace = [0, 1, 300000] }",
    b"case = '/dev/zero'\n", b"inverters = 'x.csv'\n", b"load_series = '.'\n", b"true", b"[1, [2]]",
    b"eta_q = [[1]]\n", b"outage = [1]\n", b"options.hsllib = 'x'\n", b"1979-05-27T07:32:00Z",
    b"bus,mq\n", b"gen,mq\n", b"inverter", b"rating_mva", b"bus", b"\"a\nb\"",
)  # fmt: skip


JSON: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -0.0, 2**31, 2**53 + 1, 2**63, -(2**64), 10**400,
    float("nan"), float("inf"), "", "x", "inf", "1", "\0", "\ud800", "9" * 5000, "x" * 100_000,
    "/dev/zero", "../x", "http://127.0.0.1:9/x", [], [[]], [0], [None], ["x"], [[1, 2], [3]], {},
    {"": 0}, {"x": {}}, {"id": [1, 2]}, list(range(2000)), [[[[[[0]]]]]],
)  # fmt: skip


def put(files: Files, folder: Path) -> str:
    """Write files into a folder; where they are."""
    for name, content in files.items():
        if name.endswith(".fifo"):
            os.mkfifo(folder / name)
        else:
            (folder / name).write_bytes(content)
    return f"{folder}: {', '.join(files)}"


def spoil(rng: Rng, seeds: Sequence[Files]) -> Files:
    """Files of which one is spoilt."""
    weight = 1.0 / np.sqrt([sum(map(len, files.values())) + 100.0 for files in seeds])
    files = seeds[int(rng.choice(len(seeds), p=weight / weight.sum()))]
    name = list(files)[int(rng.integers(len(files)))]
    others = [other[name] for other in seeds if name in other]
    return {**files, name: mutate(rng, files[name], others)}


def mutate(rng: Rng, seed: bytes, others: Sequence[bytes]) -> bytes:
    """A text with a few mutations, mostly one or two."""
    text = seed
    known = (*MUTATIONS, *[edit_json] * 25) if seed.startswith(b"{") else MUTATIONS
    for _ in range(int(rng.geometric(0.5))):
        text = known[int(rng.integers(len(known)))](rng, text, others)
    return text


def _between(rng: Rng, size: int) -> tuple[int, int]:
    """A slice, mostly a short one."""
    start = int(rng.integers(size + 1))
    length = int(min(size, np.exp(rng.uniform(0, np.log(size + 1.0)))))
    return start, min(size, start + length)


def _pick(rng: Rng, of: Sequence[bytes]) -> bytes:
    return of[int(rng.integers(len(of)))]


def flip_bytes(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """Bits of some bytes."""
    found = bytearray(text)
    for _ in range(int(rng.integers(1, 5)) if found else 0):
        found[int(rng.integers(len(found)))] ^= 1 << int(rng.integers(8))
    return bytes(found)


def truncate(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """An end, or a beginning, cut off."""
    at = int(rng.integers(len(text) + 1))
    return text[:at] if rng.random() < 0.7 else text[at:]


def delete(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A slice left out."""
    start, end = _between(rng, len(text))
    return text[:start] + text[end:]


def repeat(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A slice twice, or very often where it is short."""
    start, end = _between(rng, len(text))
    times = int(rng.choice([1, 2, 10000])) if end - start < 8 else 1
    return text[:end] + text[start:end] * times + text[end:]


def splice(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A slice of another text put in."""
    other = _pick(rng, others)
    start, end = _between(rng, len(other))
    at = int(rng.integers(len(text) + 1))
    return text[:at] + other[start:end] + text[at:]


def insert(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A piece of syntax put in, mostly at the beginning of a line."""
    at = int(rng.integers(len(text) + 1))
    if rng.random() < 0.6:
        at = text.rfind(b"\n", 0, at) + 1
    return text[:at] + _pick(rng, PIECES) + text[at:]


def append(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A piece of syntax at the end."""
    return text + b"\n" + _pick(rng, PIECES)


def edit_lines(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A line left out, doubled, or exchanged with another one."""
    lines = text.split(b"\n")
    i, j = (int(k) for k in rng.integers(len(lines), size=2))
    kind = rng.integers(3)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _tokens(line: bytes) -> list[bytes]:
    return line.replace(b"\t", b" ").replace(b",", b" , ").replace(b";", b" ; ").split(b" ")


def edit_tokens(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """Cells of a line replaced by extremes, exchanged, left out, doubled."""
    lines = text.split(b"\n")
    rows = [k for k, line in enumerate(lines) if any(c in line for c in b"0123456789")]
    if not rows:
        return text
    at = rows[int(rng.integers(len(rows)))]
    cells = _tokens(lines[at])
    i, j = (int(k) for k in rng.integers(len(cells), size=2))
    kind = rng.random()
    if kind < 0.6:
        cells[i] = _pick(rng, NUMBERS)
    elif kind < 0.75:
        cells[i], cells[j] = cells[j], cells[i]
    elif kind < 0.85:
        del cells[i]
    else:
        cells.insert(j, cells[i])
    lines[at] = b" ".join(cells)
    return b"\n".join(lines)


def edit_column(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """The same cell of many lines replaced by one extreme."""
    lines = text.split(b"\n")
    start, end = sorted(int(k) for k in rng.integers(len(lines) + 1, size=2))
    number, k = _pick(rng, NUMBERS), int(rng.integers(14))
    for at in range(start, end):
        cells = _tokens(lines[at])
        if k < len(cells) > 2:
            cells[k] = number
            lines[at] = b" ".join(cells)
    return b"\n".join(lines)


def double_section(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A whole assignment, or a section of a .raw file, once more, or left out."""
    starts, mark = [0], b"\nmpc." if b"\nmpc." in text else b"\n0 / END"
    while (found := text.find(mark, starts[-1] + 1)) >= 0:
        starts.append(found)
    k = int(rng.integers(len(starts)))
    start, end = starts[k], [*starts, len(text)][k + 1]
    if rng.random() < 0.5:
        return text[:end] + text[start:end] + text[end:]
    return text[:start] + text[end:]


def recode(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """Other line ends, or another encoding."""
    kind = rng.integers(4)
    if kind == 0:
        return text.replace(b"\n", b"\r\n")
    if kind == 1:
        return text.replace(b"\n", b"\r")
    decoded = text.decode("utf-8", "replace")
    return decoded.encode("utf-16" if kind == 2 else "utf-8-sig", "replace")


def edit_json(rng: Rng, text: bytes, others: Sequence[bytes]) -> bytes:
    """A value of a JSON text replaced, left out, doubled, or exchanged with another one."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(edit_value(rng, content)).encode("utf-8", "surrogatepass")


def edit_value(rng: Rng, content: Any) -> Any:
    """The same for what JSON holds, which is changed."""
    where, key = _place(rng, content)
    other, key2 = _place(rng, content)
    if where is None:
        return JSON[int(rng.integers(len(JSON)))]
    kind = rng.random()
    if kind < 0.6 or other is None:
        where[key] = JSON[int(rng.integers(len(JSON)))]
    elif kind < 0.75:
        del where[key]
    elif kind < 0.9:
        where[key] = other[key2]
    elif isinstance(where, list):
        where.insert(key, where[key])
    else:
        where["x"] = where.pop(key)
    try:
        json.dumps(content)
    except ValueError:  # it holds itself
        where[key] = 0
    return content


def _place(rng: Rng, content: Any) -> tuple[Any, Any]:
    """A place in a value: what holds it, and its key there; mostly not a deep one."""
    holder, key = None, None
    while isinstance(content, (dict, list)) and content and (holder is None or rng.random() < 0.7):
        holder = content
        keys = list(content) if isinstance(content, dict) else range(len(content))
        key = keys[int(rng.integers(len(keys)))]
        content = content[key]
    return holder, key


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes, truncate, delete, repeat, splice, insert, append, edit_lines, edit_tokens,
    edit_tokens, edit_tokens, edit_column, double_section, recode,
)  # fmt: skip
