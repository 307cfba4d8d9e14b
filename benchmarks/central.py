"""Decentralized criteria against the centralised optimum, on the same lossless cases.

    python -m benchmarks.central [--cases 39 118 300 1354 2869] [--factors 1.05 1.2]
                                 [--criteria voltage-difference] [--data DIR] [--out FILE]

Uniform droops are a factor times the critical droop of the plain optimum, so that stability
matters. Each line has the cost above the plain OPF's, the seconds of building and solving (for the
centralised optimum of all solves, the plain one included), and the stiffness margin of the result
by the exact condition, 1 - m_q / m_q,crit, negative if unstable. A criterion with a result of
negative stiffness margin has certified an unstable point.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time
from pathlib import Path
from typing import Any

import scopf
from benchmarks import environment
from benchmarks.bench import find
from scopf.dynamics.gain_margin import GainMargin, gain_margin
from scopf.network.susceptances import Grid

# Without charging and capacitors 300 and 2869 buses have no feasible point: they keep them.
CASES = {
    "39": ("case39", False),
    "118": ("case118", False),
    "300": ("case300", True),
    "1354": ("pglib_opf_case1354_pegase", False),
    "2869": ("pglib_opf_case2869_pegase", True),
}
COLUMNS = ("case", "mq", "factor", "criterion", "status", "increase", "seconds", "solves",
           "iterations", "stiffness_margin")  # fmt: skip


def network(wanted: str, folders: list[Path]) -> scopf.Network | None:
    """The case without conductances; None where its file is not there."""
    name, capacitors = CASES[wanted]
    path = find(name, (name,), [environment.ROOT / "cases", *folders])
    if path is None:
        return None
    net = scopf.load_case(str(path)).energized()
    if not capacitors:
        return net.lossless()
    return net.lossless(charging=True)


def exact(net: scopf.Network, solution: Any, inverters: scopf.Inverters) -> GainMargin:
    """Gain margin of a solution, by the exact condition."""
    at, point = net.bus_positions(inverters.bus), solution.point
    return gain_margin(Grid.full(net), point.vm, point.va, at, 1 / inverters.k)


def row(
    net: scopf.Network, inverters: scopf.Inverters, base: float, common: dict[str, Any],
    criterion: str, solution: Any, seconds: float, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """One line: what a solve came to, `base` being the cost of the plain optimum."""
    solved = solution.solved
    return common | {
        "criterion": criterion, "status": str(solution.status),
        "increase": solution.cost - base if solved else None, "seconds": seconds,
        "solves": len(solution.attempts), "iterations": solution.iterations,
        "stiffness_margin": exact(net, solution, inverters).stiffness_margin if solved else None,
    } | more  # fmt: skip


def lines(net: scopf.Network, factors: list[float], criteria: list[str], limit: float) -> Any:
    """Results of one case, one by one."""
    began = time.perf_counter()
    plain = scopf.solve(scopf.build(net, criterion="none"))
    seconds = time.perf_counter() - began
    if not plain.solved:
        yield {"case": net.name, "criterion": "none", "status": str(plain.status)}
        return
    unit = scopf.Inverters.at_generators(net, mq=0.1)
    critical = 0.1 * exact(net, plain, unit).factor
    for factor in factors:
        inverters = scopf.Inverters.at_generators(net, mq=factor * critical)
        common = {"case": net.name, "mq": factor * critical, "factor": factor}
        line = functools.partial(row, net, inverters, plain.cost, common)
        yield line("none", plain, seconds)
        for criterion in criteria:
            began = time.perf_counter()
            problem = scopf.build(net, inverters, criterion=criterion)
            solution = scopf.solve(problem, time_limit=limit)
            yield line(criterion, solution, time.perf_counter() - began)
        result = scopf.solve_centralised(net, inverters, time_limit=limit)
        share = max((r.share for r in result.rounds if r.stiffness_margin > 0), default=0.0)
        yield line(
            "centralised", result.solution, result.seconds, solves=len(result.rounds),
            iterations=sum(r.iterations for r in result.rounds),
            **({} if result.stable else {"status": f"unstable, reached {share:.3f} of mq"}),
        )  # fmt: skip


def text(line: dict[str, Any]) -> str:
    """A line of the table."""
    styles = {"mq": ".5f", "factor": "g", "increase": ".2f", "seconds": ".2f",
              "stiffness_margin": "+.4f"}  # fmt: skip
    cells = [
        "" if line.get(key) is None else format(line[key], styles.get(key, "")) for key in COLUMNS
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--factors", nargs="+", type=float, default=[1.05, 1.2])
    parser.add_argument("--criteria", nargs="*", default=["voltage-difference"])
    parser.add_argument("--time-limit", type=float, default=120.0, help="per line, s")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--out", type=Path, help="JSON file with every line and the environment")
    given = parser.parse_args()
    if os.environ.get("SCOPF_BENCH_DATA"):
        given.data.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    found = []
    scopf.solve(scopf.build(scopf.load_case("case9")))  # imports are not on anybody's clock
    for wanted in given.cases:
        net = network(wanted, given.data)
        if net is None:
            print(f"| {CASES[wanted][0]}: no such file; give its folder by --data |")
            continue
        for line in lines(net, given.factors, given.criteria, given.time_limit):
            found.append(line)
            print(text(line), flush=True)
    if given.out:
        result = {"environment": environment.describe(), "lines": found}
        given.out.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
