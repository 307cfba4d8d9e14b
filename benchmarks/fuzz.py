"""Spoilt input for every reader: a valid result or one ScopfError, and nothing else.

    python -m benchmarks.fuzz [--readers case raw net ...] [--inputs N] [--seed S] [--workers W]
                              [--data FOLDER ...] [--out FILE]

Input number k of a reader and a seed is always the same; negative numbers are the corpus, what
broke a reader before. `--readers case --only K` writes one into a folder, and raises what it
raises. An input may take 10 s of processor time and 2 GiB. Readers run in processes of their own,
so that a crash of one is a fault that is counted like any other. Ctrl-C and SIGTERM end a reader
early, and its counts are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import corpus, environment
from benchmarks.fuzz_targets import LATE, READERS, Reader, outcome, reader_of, scratch

GOOD = ("accepted", "refused")
_STUCK = 12 * LATE  # seconds by the clock after which a process that is stuck is killed


def made(reader: Reader, seed: int, number: int) -> tuple[Any, bool]:
    """Input of this number, and whether unsupported content is ignored."""
    if number < 0:
        return list(reader.corpus.values())[number], True  # which goes on to more of it
    rng = np.random.default_rng([seed, number])
    return reader.spoil(rng), bool(rng.random() < 0.5)


def tried(reader: Reader, seed: int, number: int) -> tuple[str, float]:
    """Outcome and seconds of processor time of one input."""
    return outcome(reader, *made(reader, seed, number))


def _work(
    results: Connection, name: str, seed: int, numbers: range, data: tuple[Path, ...]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("scopf").setLevel(logging.CRITICAL)  # warnings of ignored content
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Ipopt says itself which options it does not have
    reader = reader_of(name, data)
    for number in numbers:
        results.send(tried(reader, seed, number))


def results(given: argparse.Namespace, name: str) -> Iterator[tuple[int, str, float]]:
    """Number, outcome and seconds of all inputs of a reader, as they come."""
    context = multiprocessing.get_context("spawn")  # nothing of this process in them
    at_work: dict[Connection, tuple[Any, range, float]] = {}

    def start(numbers: range) -> None:
        ours, theirs = context.Pipe(duplex=False)
        task = (theirs, name, given.seed, numbers, tuple(given.data))
        process = context.Process(target=_work, args=task, daemon=True)
        process.start()
        theirs.close()
        at_work[ours] = process, numbers, time.monotonic()

    first = given.first or -len(corpus.of(name))
    numbers = range(first, given.first + given.inputs)
    for k in range(given.workers):
        start(numbers[k :: given.workers])
    try:
        while at_work:
            for ready in wait(list(at_work), timeout=1):
                assert isinstance(ready, Connection)
                process, left, _ = at_work.pop(ready)
                try:
                    found, seconds = ready.recv()
                except EOFError:
                    process.join()
                    shutil.rmtree(scratch(process.pid), ignore_errors=True)
                    if left:
                        yield left[0], f"the process ended, {process.exitcode}", 0.0
                        start(left[1:])
                    continue
                at_work[ready] = process, left[1:], time.monotonic()
                yield left[0], found, seconds
            for process, _, since in at_work.values():
                if time.monotonic() - since > _STUCK:
                    process.kill()
    finally:
        for process, _, _ in at_work.values():
            process.kill()


def tally(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """All inputs of a reader: outcomes, the first input of each, and the slowest."""
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    slowest, began, about = (0.0, 0), time.perf_counter(), environment.describe()
    bar = tqdm(results(given, name), name, given.inputs, unit=" inputs", mininterval=5)
    with contextlib.suppress(KeyboardInterrupt):
        for number, found, seconds in bar:
            counts[found] += 1
            first[found] = min(first.get(found, number), number)
            slowest = max(slowest, (seconds, number))
    return {
        "environment": about,
        "seed": given.seed,
        "first": given.first,
        "inputs": counts.total(),
        **{good: counts[good] for good in GOOD},
        "faults": {
            found: {"inputs": count, "first": first[found]}
            for found, count in counts.most_common()
            if found not in GOOD
        },
        "slowest_cpu_s": round(slowest[0], 3),
        "slowest_input": slowest[1],
        "elapsed_s": round(time.perf_counter() - began, 1),
    }


def show(given: argparse.Namespace, number: int) -> None:
    """Write an input into a folder, and read it."""
    for name in given.readers:
        reader = reader_of(name, tuple(given.data))
        spoilt, ignore = made(reader, given.seed, number)
        folder = Path(f"fuzz-{name}-{given.seed}-{number}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        print(f"{name}: {reader.put(spoilt, folder)}, ignoring what is unsupported: {ignore}")
        reader.read(spoilt, ignore, folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="for each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument(
        "--data", nargs="*", type=Path, default=[], help="folders of .m and .raw files"
    )
    parser.add_argument("--only", type=int, help="read this input only")
    parser.add_argument("--out", type=Path, help="JSON file; readers that are not run stay in it")
    given = parser.parse_args()
    if given.only is not None:
        show(given, given.only)
        return
    found = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    bad = False
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in the background
        signal.signal(number, signal.default_int_handler)
    for name in given.readers:
        found[name] = counts = tally(given, name)
        bad |= bool(counts["faults"])
        print("{}: {inputs} inputs, {accepted} accepted, {refused} refused, slowest "
              "{slowest_cpu_s} s (input {slowest_input})".format(name, **counts))  # fmt: skip
        for fault, where in counts["faults"].items():
            print("    {}: {inputs} inputs, the first {first}".format(fault, **where))
        if given.out:
            given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
