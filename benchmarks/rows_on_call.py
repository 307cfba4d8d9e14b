"""Rows on call against all rows from the start: CPU of one solve, iterations, objective.

    python -m benchmarks.rows_on_call [CASE ...] [--criteria none voltage-difference weighted]

Both are the reduced form from the DC start, compiled beforehand, and the memory of the process is
kept (`scopf.tune_malloc`). Medians over `--repeats` rounds, interleaved.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import scopf
from scopf.optimizer.compiled import compiled

WAYS = {"all rows": "reduced", "on call": "auto"}


def seconds(problem: scopf.Problem, form: str) -> tuple[float, scopf.Solution]:
    began = time.process_time()
    found = scopf.solve(problem, form=form)
    return time.process_time() - began, found


def measure(case: str, criterion: str, mq: float, repeats: int) -> str:
    net = scopf.load_case(case)
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion)
    rows = compiled(problem, False).m
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        found = {}
        for way, form in WAYS.items():
            one, found[way] = seconds(problem, form)
            taken[way].append(one)
    whole, call = (found[way] for way in WAYS)
    before, now = (statistics.median(taken[way]) for way in WAYS)
    made = " + ".join(f"{one.iterations}" for one in call.attempts)
    gap = (call.cost - whole.cost) / whole.cost
    return (
        f"| {Path(case).stem.removeprefix('pglib_opf_')} | {criterion} | {rows} | {before:.2f} "
        f"| {now:.2f} | {now / before:.2f} | {whole.iterations} | {made} | {gap:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["pglib_opf_case300_ieee"])
    parser.add_argument("--criteria", nargs="+", default=["none", "voltage-difference", "weighted"])
    parser.add_argument("--mq", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    scopf.tune_malloc()
    scopf.solve(scopf.build(scopf.load_case("case9"), criterion="none"))  # imports
    print("| case | criterion | rows | all rows, CPU s | on call | ratio "
          "| iterations, all rows | on call | cost |")  # fmt: skip
    print("| --- | --- | --: | --: | --: | --: | --: | --: | --: |")
    for case in given.cases:
        for criterion in given.criteria:
            print(measure(case, criterion, given.mq, given.repeats), flush=True)


if __name__ == "__main__":
    main()
