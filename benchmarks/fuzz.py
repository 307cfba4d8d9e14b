"""Spoilt input for every reader: a valid result or one CaseError, and nothing else.

    python -m benchmarks.fuzz [--inputs N] [--seed S] [--workers W] [--readers case inverters raw]
                              [--data FOLDER ...] [--keep FOLDER]

Input number k of a seed is always the same, whatever the number of workers; `--only K` reads one
and raises what it raises.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.mutations import mutate
from benchmarks.readers import Reader, outcome, readers

HANG = 10.0  # s
GOOD = ("accepted", "refused")


class HangError(BaseException):
    """A reader took too long."""


def made(all_readers: dict[str, Reader], seed: int, number: int) -> tuple[str, bytes, bool]:
    """Input of this number: reader, text, and whether unsupported content is ignored."""
    rng = np.random.default_rng([seed, number])
    names = list(all_readers)
    name = (
        names[0]
        if rng.random() < 0.7 or len(names) == 1
        else names[int(rng.integers(1, len(names)))]
    )
    seeds = all_readers[name].seeds
    weight = 1.0 / np.sqrt([len(text) + 100.0 for text in seeds])
    text = seeds[int(rng.choice(len(seeds), p=weight / weight.sum()))]
    return name, mutate(rng, text, seeds), bool(rng.random() < 0.5)


def tried(all_readers: dict[str, Reader], seed: int, number: int) -> tuple[str, str, float]:
    """Reader, outcome and seconds of one input."""
    name, text, ignore = made(all_readers, seed, number)

    def ring(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    began = time.perf_counter()
    try:
        found = outcome(all_readers[name], text, ignore)
    except HangError:
        found = f"longer than {HANG:g} s"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return name, found, time.perf_counter() - began


_READERS: dict[str, Reader] = {}


def _begin(data: list[Path], wanted: list[str] | None) -> None:
    logging.getLogger("scopf").setLevel(logging.ERROR)  # warnings of ignored content
    found = readers(data)
    _READERS.update({name: found[name] for name in wanted or found})


def _one(task: tuple[int, int]) -> tuple[int, tuple[str, str, float]]:
    return task[1], tried(_READERS, *task)


def results(given: argparse.Namespace) -> Iterator[tuple[int, tuple[str, str, float]]]:
    """Results of all inputs as they come."""
    tasks = zip(itertools.repeat(given.seed), range(given.first, given.first + given.inputs))
    begin: tuple[Any, ...] = (given.data, given.readers)
    if given.workers == 1:
        _begin(*begin)
        yield from map(_one, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(given.workers, _begin, begin) as pool:
        yield from pool.imap_unordered(_one, tasks, chunksize=100)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--readers", nargs="+")
    parser.add_argument(
        "--data", nargs="*", type=Path, default=[], help="folders of .m and .raw files"
    )
    parser.add_argument("--keep", type=Path, help="folder for the inputs that went wrong")
    parser.add_argument("--only", type=int, help="read this input only")
    given = parser.parse_args()
    if given.only is not None:
        _begin(given.data, given.readers)
        name, text, ignore = made(_READERS, given.seed, given.only)
        path = Path(f"fuzz-{given.seed}-{given.only}{_READERS[name].suffix}")
        path.write_bytes(text)
        print(f"{name}, {len(text)} bytes, written to {path}")
        print(_READERS[name].read(path, ignore))
        return
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], int] = {}
    slowest = (0.0, -1)
    bar = tqdm(results(given), total=given.inputs, unit=" inputs", smoothing=0, mininterval=2)
    for number, (name, found, seconds) in bar:
        counts[name, found] += 1
        examples.setdefault((name, found), number)
        slowest = max(slowest, (seconds, number))
        if found not in GOOD:
            bad = sum(n for (_, what), n in counts.items() if what not in GOOD)
            bar.set_postfix(bad=bad, refresh=False)
            if given.keep and examples[name, found] == number:
                given.keep.mkdir(parents=True, exist_ok=True)
                _begin(given.data, given.readers) if not _READERS else None
                text = made(_READERS, given.seed, number)[1]
                (given.keep / f"{given.seed}-{number}.{name}").write_bytes(text)
    print(f"\n{'reader':<10}  {'outcome':<70}  {'inputs':>8}  first")
    for (name, found), count in sorted(counts.items()):
        print(f"{name:<10}  {found:<70}  {count:>8}  {examples[name, found]}")
    print(f"slowest: input {slowest[1]}, {slowest[0]:.2f} s")
    if any(found not in GOOD for _, found in counts):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
