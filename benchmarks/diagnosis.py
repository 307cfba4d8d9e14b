"""What a diagnosis takes: python -m benchmarks.diagnosis [CASE SPOIL ...].

SPOIL is what makes the case infeasible: load=1.2 (factor on all loads), rating=0.3 (factor on the
ratings of all branches at the bus with the largest load), or mq=0.5 (lossless, with stability rows
for this droop). Seconds are of this process's CPU, not of a clock on the wall; the ratio is to a
solve of the plain OPF of the same case, unspoilt.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import scopf
from scopf.model.problem import Problem
from scopf.network.network import Network

_INSTANCES = (
    ("case39", "mq=0.5"),
    ("case57", "mq=2"),
    ("case118", "mq=1"),
)


def spoilt(net: Network, how: str) -> Problem:
    """The instance; see above."""
    name, _, text = how.partition("=")
    value = float(text)
    if name == "mq":
        net = net.lossless()
        return scopf.build(net, scopf.Inverters.at_generators(net, mq=value))
    if name == "load":
        return scopf.build(net.scaled(load=value), criterion="none")
    if name != "rating":
        raise SystemExit(f"{how}: one of load=, rating=, mq=")
    energized = net.energized()
    largest = energized.bus.id[np.argmax(energized.bus.pd)]
    at = (net.branch.from_bus == largest) | (net.branch.to_bus == largest)
    rate = np.where(at, value * net.branch.rate, net.branch.rate)
    return scopf.build(net.replace(branch={"rate": rate}), criterion="none")


def main(arguments: list[str]) -> None:
    """Print a line for each instance."""
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True)) or list(_INSTANCES)
    print(
        "| case | spoilt by | plain solve, s | first re-solve | diagnosis | ratio | re-solves | |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case, how in pairs:
        net = scopf.load_case(case, ignore_unsupported=True)
        began = time.process_time()
        scopf.solve(scopf.build(net, criterion="none"))
        plain = time.process_time() - began
        problem = spoilt(net, how)
        began = time.process_time()
        scopf.diagnose(problem, max_solves=1, time_limit=3600)
        first = time.process_time() - began
        began = time.process_time()
        found = scopf.diagnose(problem, time_limit=3600)
        whole = time.process_time() - began
        text = f"{max(1, len(found.together))} conflicts, {len(found.changes)} limits named"
        if found.feasible is not False:
            text = "feasible" if found.feasible else "no answer"
        numbers = f"{plain:.2f} | {first:.2f} | {whole:.2f} | {whole / plain:.1f} | {found.solves}"
        print(f"| {net.name} | {how} | {numbers} | {text} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
