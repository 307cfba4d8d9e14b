"""CasADi with Ipopt: the direct formulation, in SX with sparse incidence matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

import scopf
from benchmarks.arms import ipopt_log, stability_rows, stages
from benchmarks.arms.stages import Result, Stages, Task
from scopf.model.starts import flat

PACKAGES = ("casadi", "numpy", "scipy", "scopf")


def solve(task: Task, clock: Stages) -> Result:
    import casadi as ca

    ca.nlpsol("warm", "ipopt", _nothing(ca), {"print_time": False, "ipopt": ipopt_log.COMMON})
    clock.add("import", stages.imported())
    with clock("read"):
        net = scopf.load_case(task.case)
    rows = stability_rows.rows(net.energized(), task.mq) if task.stability else stability_rows.NONE
    with clock("build"):
        problem, bounds = formulate(ca, net.energized(), rows)
    log = stages.scratch("ipopt.txt")
    with clock("compile"):
        options = {"print_time": False, "ipopt": ipopt_log.options(log, task.tuned)}
        solver = ca.nlpsol("opf", "ipopt", problem, options)
    with clock("solve"):
        solution = solver(**bounds)
    found, iterations = ipopt_log.read(log)
    clock.add("kkt", found["kkt"])
    clock.add("evaluate", found["evaluate"])
    status = solver.stats()["return_status"]
    return Result(
        status="optimal" if status == "Solve_Succeeded" else status,
        objective=float(solution["f"]),
        iterations=iterations,
        details={
            "stability_rows": rows.count,
            "ipopt": found["algorithm"],
            "libipopt": ipopt_log.loaded(),
        },
    )


def _nothing(ca: Any) -> dict[str, Any]:
    """A problem of one variable: making a solver of it loads the Ipopt plugin."""
    x = ca.SX.sym("x")
    return {"x": x, "f": x * x}


def formulate(ca: Any, net: scopf.Network, rows: stability_rows.Rows) -> tuple[Any, Any]:
    """The problem as `nlpsol` wants it, and bounds with the start."""
    bus, gen, branch, y = net.bus, net.gen, net.branch, net.admittances
    f, t = net.branch_from, net.branch_to
    vm, va = ca.SX.sym("vm", len(bus)), ca.SX.sym("va", len(bus))
    pg, qg = ca.SX.sym("pg", len(gen)), ca.SX.sym("qg", len(gen))
    top = ca.SX.sym("top", len(rows.groups))

    v_f, v_t, angle = _take(vm, f), _take(vm, t), _take(va, f) - _take(va, t)
    wr, wi = v_f * v_t * ca.cos(angle), v_f * v_t * ca.sin(angle)
    p_f = y.gft * wr + y.bft * wi + y.gff * v_f**2
    q_f = -y.bft * wr + y.gft * wi - y.bff * v_f**2
    p_t = y.gtf * wr - y.btf * wi + y.gtt * v_t**2
    q_t = -y.btf * wr - y.gtf * wi - y.btt * v_t**2

    at_gen, at_from, at_to = (_incidence(ca, at, len(bus)) for at in (net.gen_at, f, t))
    balance_p = at_gen @ pg - at_from @ p_f - at_to @ p_t - bus.gs * vm**2
    balance_q = at_gen @ qg - at_from @ q_f - at_to @ q_t + bus.bs * vm**2
    limited = np.flatnonzero(np.isfinite(branch.rate))
    bent = np.flatnonzero(np.isfinite(branch.angmin) | np.isfinite(branch.angmax))
    square = branch.rate[limited] ** 2
    free = np.full(len(limited), -np.inf)
    constraints = [
        (balance_p, bus.pd, bus.pd),
        (balance_q, bus.qd, bus.qd),
        (_take(p_f, limited) ** 2 + _take(q_f, limited) ** 2, free, square),
        (_take(p_t, limited) ** 2 + _take(q_t, limited) ** 2, free, square),
        (_take(angle, bent), branch.angmin[bent], branch.angmax[bent]),
        *_stability(vm, top, rows),
    ]
    reference, start = bus.type == 3, flat(net)
    boxes = [
        (bus.vmin, bus.vmax, start["bus_vm"]),
        (
            np.where(reference, bus.va, -np.inf),
            np.where(reference, bus.va, np.inf),
            start["bus_va"],
        ),
        (gen.pmin, gen.pmax, start["gen_pg"]),
        (gen.qmin, gen.qmax, start["gen_qg"]),
        (np.full(len(rows.groups), -np.inf), np.full(len(rows.groups), np.inf),
         np.ones(len(rows.groups))),
    ]  # fmt: skip
    problem = {
        "x": ca.vertcat(vm, va, pg, qg, top),
        "f": _cost(ca, gen.cost_p, pg) + _cost(ca, gen.cost_q, qg),
        "g": ca.vertcat(*(body for body, _, _ in constraints)),
    }
    bounds = {
        "lbx": np.concatenate([low for low, _, _ in boxes]),
        "ubx": np.concatenate([high for _, high, _ in boxes]),
        "x0": np.concatenate([start for _, _, start in boxes]),
        "lbg": np.concatenate([low for _, low, _ in constraints]),
        "ubg": np.concatenate([high for _, _, high in constraints]),
    }
    return problem, bounds


def _take(vector: Any, positions: Any) -> Any:
    return vector[np.asarray(positions).tolist(), 0]


def _incidence(ca: Any, at: Any, n: int) -> Any:
    ones = np.ones(len(at))
    return ca.DM(sparse.csc_matrix((ones, (at, np.arange(len(at)))), shape=(n, len(at))))


def _stability(vm: Any, top: Any, rows: stability_rows.Rows) -> list[Any]:
    found = []
    if rows.pairs:
        i, j = np.array(rows.pairs).T
        limits = np.array([rows.limits[at] for at in i.tolist()])
        found.append((_take(vm, j) - _take(vm, i), np.full(len(i), -np.inf), limits))
    if rows.groups:
        member = np.concatenate([np.array(group) for group in rows.groups])
        group = np.repeat(np.arange(len(rows.groups)), [len(group) for group in rows.groups])
        gap = _take(top, group) - _take(vm, member)
        limits = np.array([rows.limits[at] for at in member.tolist()])
        # 0 <= M - V_i <= Gamma_i: two rows in one range.
        found.append((gap, np.zeros(len(member)), limits))
    return found


def _cost(ca: Any, coefficients: Any, x: Any) -> Any:
    used = [k for k in range(coefficients.shape[1]) if coefficients[:, k].any()]
    terms = [ca.dot(ca.DM(coefficients[:, k]), x**k) if k else coefficients[:, 0].sum()
             for k in used]  # fmt: skip
    return sum(terms)


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
