"""Seconds that simulations take, and IDAS' linear solvers compared.

    python -m benchmarks.simulation [--cases 39 118 300 1354 2869] [--until S] [--repeats N]
                                    [--machines] [--solvers [NAME ...]] [--limit S] [--data DIR]
                                    [--out FILE]

Each case is dispatched without stability rows, loses a branch at 1 s, and is simulated for 10 s.
Every generator is an inverter of m_q .05, m_p .02 per unit of its rating and filters of .02 s; with
`--machines` the half with the largest Pmax are machines with typical values, regulators and
governors (R .05 of the rating). The operating point is verified first. The branch is the first one
whose loss leaves one island and a power flow.

- verified: whether eigenvalues say that the point is stable.
- build: seconds of CasADi's symbols and functions, before and after the outage.
- run: seconds of the whole simulation, building included; the least of the repeats.
- steps: of IDAS; factorisations: of its linear solver.

With `--solvers` the span after the outage alone is integrated with each linear solver, in a process
that ends after `--limit` seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from benchmarks import environment

os.environ.update(environment.THREADS)

import casadi as ca
import numpy as np
import pandas as pd

import scopf
from benchmarks.bench import find
from scopf.dynamics.simulation import idas
from scopf.dynamics.simulation.motion import Motion
from scopf.network.outages import read

SOLVERS = ("qr", "mumps", "csparse", "lapacklu", "lapackqr")  # ldl needs a symmetric matrix
NAMES = {
    "39": "case39", "118": "pglib_opf_case118_ieee", "300": "pglib_opf_case300_ieee",
    "1354": "pglib_opf_case1354_pegase", "2869": "pglib_opf_case2869_pegase",
}  # fmt: skip
AT = 1.0  # s, of the outage


def solved(path: str, machines: bool) -> scopf.Solution:
    """A dispatch of inverters, or of these and machines."""
    net = scopf.load_case(path).energized()
    gen = net.gen
    limits = np.abs([gen.pmin, gen.pmax, gen.qmin, gen.qmax]).max(axis=0)
    rating = pd.Series(np.maximum(1.2 * limits * net.base_mva, 1.0), gen.id)
    table, without = None, list[int]()
    if machines:
        large = (gen.pmax >= np.median(gen.pmax)) & (gen.pmin < gen.pmax) & ~gen.constant_pf
        without = gen.id[large].tolist()
        own = rating[without].to_numpy()
        table = pd.DataFrame({"gen": without, "device": "avr", "s_mva": own, "d": 2.0, "r": 0.05})
    left = rating.drop(without)
    inverters = scopf.Inverters.at_generators(
        net, without=without, droop_base="rating", mq=0.05, mp=0.02, tau_p=0.02, tau_q=0.02,
        table=pd.DataFrame({"gen": left.index, "rating_mva": left.to_numpy()}),
    )  # fmt: skip
    return scopf.solve(scopf.build(net, inverters, criterion="none", devices=table))


def outage_of(solution: scopf.Solution) -> str:
    """The first branch whose loss leaves the network whole and settled."""
    net = solution.energized
    for number in net.branch.id[5:].tolist():
        (outage,) = read([number], net)
        if outage.network(net).islands > net.islands:
            continue
        (flow,) = scopf.power_flow(solution, outages=[number])
        if flow.converged:
            return f"branch {number}"
    raise SystemExit(f"{net.name}: no outage settles")


def counted(run: Any, until: float) -> dict[str, int]:
    """Steps and factorisations of IDAS, span after span."""
    found = {"steps": 0, "factorisations": 0}
    for piece, end in zip(run.pieces, [AT, until], strict=True):
        motion = piece.motion
        x, z = motion.packed(first(piece))
        integrator = idas.Integrator(motion, 1, 1e-7)
        integrator(x, z, end - piece.times[0])
        stats = integrator._run.stats()
        found["steps"] += int(stats["nsteps"])
        found["factorisations"] += int(stats["nlinsetups"])
    return found


def first(piece: Any) -> Any:
    """The point right after an event."""
    state = piece.state
    return type(state)(state.vm[0], state.va[0], state.dw[0], state.devices[0])


def measured(case: str, path: str, machines: bool, until: float, repeats: int) -> dict[str, Any]:
    """A line of the first table."""
    solution = solved(path, machines)
    verified = solution.verify(modes=2, proof=False)
    outage = outage_of(solution)
    seconds, built = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        run = solution.simulate(outage=outage, at=AT, until=until)
        seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        for piece in run.pieces:
            again = Motion(run.origin, piece.motion._asked)
            _ = again.balance, again.output
            idas.Integrator(again, 20, 1e-7)
        built.append(time.perf_counter() - begin)
    return {
        "case": case, "buses": len(run.origin.net.bus), "inverters": len(run.origin.inverters),
        "machines": len(run.origin.devices), "verified": verified.stable, "outage": outage,
        "status": run.status, "build": round(min(built), 2), "run": round(min(seconds), 2),
        "states": int(run.pieces[-1].motion.x.numel()), **counted(run, until),
    }  # fmt: skip


def of_solver(path: str, name: str, until: float, machines: bool, pipe: Any) -> None:
    """Seconds of one linear solver for the span after the outage."""
    solution = solved(path, machines)
    run = solution.simulate(outage=outage_of(solution), at=AT, until=AT + 0.1, step=0.1)
    piece = run.pieces[-1]
    x, z = piece.motion.packed(first(piece))
    idas.LINEAR_SOLVER = name
    begin = time.perf_counter()
    integrator = idas.Integrator(piece.motion, 20, 1e-7)
    made = time.perf_counter()
    try:
        integrator(x, z, until - AT)
    except idas.LostError as error:
        pipe.send(str(error)[:60])
        return
    pipe.send([round(made - begin, 2), round(time.perf_counter() - made, 2)])


def solvers(path: str, names: list[str], until: float, machines: bool, limit: float) -> Any:
    """A row of the second table: seconds to make and to run, by solver."""
    row: dict[str, Any] = {}
    for name in names:
        if not ca.has_linsol(name):
            row[name] = "not there"
            continue
        ours, theirs = multiprocessing.Pipe()
        args = path, name, until, machines, theirs
        process = multiprocessing.Process(target=of_solver, args=args)
        process.start()
        theirs.close()
        try:
            row[name] = ours.recv() if ours.poll(limit) else f"> {limit:g} s"
        except EOFError:
            row[name] = "failed"
        process.terminate()
        process.join()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=["39", "118", "300", "1354", "2869"])
    parser.add_argument("--until", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--machines", action="store_true")
    parser.add_argument("--solvers", nargs="*", help=f"default {' '.join(SOLVERS)}")
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    for case in given.cases:
        name = NAMES.get(case, case)
        path = find(name, (name,), [environment.ROOT / "cases", *given.data])
        if path is None:
            row: dict[str, Any] = {"case": case, "status": "no such file"}
        elif given.solvers is None:
            row = measured(case, str(path), given.machines, given.until, given.repeats)
        else:
            names = given.solvers or list(SOLVERS)
            row = {"case": case}
            row |= solvers(str(path), names, given.until, given.machines, given.limit)
        rows.append(row)
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if given.out:
        text = json.dumps({"environment": environment.describe(), "rows": rows}, indent=1)
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
