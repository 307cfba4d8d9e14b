"""PyOptInterface with Ipopt, in the formulation of its own optimal power flow example.

Branch flows are variables, bounded by the rating, with one nonlinear equation each; a branch's four
equations share a graph, as in the example. Graphs shared more widely have been seen to give wrong
flows (0.6.1), so the flows are computed again from the voltages afterwards, outside the clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import scopf
from benchmarks.arms import ipopt_log, stability_rows, stages
from benchmarks.arms.stages import MissingError, Result, Stages, Task, UnsupportedError
from scopf.model.starts import flat

_WRONG = 1e-6

PACKAGES = ("pyoptinterface", "llvmlite", "cyipopt", "casadi", "numpy", "scopf")


def solve(task: Task, clock: Stages) -> Result:
    try:
        import pyoptinterface as poi
        from pyoptinterface import ipopt
    except ImportError as error:
        raise MissingError("pyoptinterface[nlp]") from error
    library = ipopt_log.libipopt()
    if not ipopt.load_library(library):
        raise MissingError("PyOptInterface does not load cyipopt's libipopt")
    clock.add("import", stages.imported())
    with clock("read"):
        net = scopf.load_case(task.case)
    rows = stability_rows.rows(net.energized(), task.mq) if task.stability else stability_rows.NONE
    with clock("build"):
        model = ipopt.Model()
        voltages, flows = formulate(model, net.energized(), rows)
    log = stages.scratch("ipopt.txt")
    for name, value in ipopt_log.options(log, task.tuned).items():
        model.set_raw_parameter(name, value)
    clock.watch(model, "_find_similar_graphs", "compile")
    clock.watch(model, "_compile_evaluators", "compile")
    with clock("solve"):
        model.optimize()
    found, iterations = ipopt_log.read(log)
    clock.add("kkt", found["kkt"])
    clock.add("evaluate", found["evaluate"])
    reached = model.get_model_attribute(poi.ModelAttribute.TerminationStatus)
    status = "optimal" if reached == poi.TerminationStatusCode.LOCALLY_SOLVED else reached.name
    if status == "optimal" and mismatch(model, net.energized(), voltages, flows) > _WRONG:
        status = "wrong flows"
    return Result(
        status=status,
        objective=model.get_model_attribute(poi.ModelAttribute.ObjectiveValue),
        iterations=iterations,
        compiles_in_solve=True,
        details={
            "stability_rows": rows.count,
            "ipopt": found["algorithm"],
            "libipopt": ipopt_log.loaded(),
        },
    )


def mismatch(model: Any, net: scopf.Network, voltages: Any, flows: Any) -> float:
    """Largest difference between flow variables and the flows at the voltages.

    Each difference counts relative to the branch's admittance: Ipopt puts voltages back into their
    bounds, which it relaxes by 1e-8, when it is done.
    """
    vm, va, *values = (
        np.array([model.get_value(v) for v in variables]) for variables in (*voltages, *flows)
    )
    y, f, t = net.admittances, net.branch_from, net.branch_to
    v = vm * np.exp(1j * va)
    s_from = v[f] * ((y.gff + 1j * y.bff) * v[f] + (y.gft + 1j * y.bft) * v[t]).conj()
    s_to = v[t] * ((y.gtf + 1j * y.btf) * v[f] + (y.gtt + 1j * y.btt) * v[t]).conj()
    true = (s_from.real, s_from.imag, s_to.real, s_to.imag)
    scale = 1.0 + np.abs(y.gff + 1j * y.bff)
    return max((np.abs(a - b) / scale).max() for a, b in zip(values, true, strict=True))


def formulate(model: Any, net: scopf.Network, rows: stability_rows.Rows) -> tuple[Any, Any]:
    """AC-OPF with flow variables; returns (vm, va) and the four lists of flows."""
    import pyoptinterface as poi

    bus, gen, branch = net.bus, net.gen, net.branch
    if gen.cost_p[:, 3:].any() or gen.cost_q[:, 3:].any():
        raise UnsupportedError("costs beyond quadratic")
    start = flat(net)
    va_low = np.where(bus.type == 3, bus.va, -np.inf)
    va_high = np.where(bus.type == 3, bus.va, np.inf)
    vm = _variables(model, bus.vmin, bus.vmax, start["bus_vm"])
    va = _variables(model, va_low, va_high, start["bus_va"])
    pg = _variables(model, gen.pmin, gen.pmax, start["gen_pg"])
    qg = _variables(model, gen.qmin, gen.qmax, start["gen_qg"])
    zero = np.zeros(len(branch))
    flows = [_variables(model, -branch.rate, branch.rate, zero) for _ in range(4)]

    balance_p = [poi.ExprBuilder(-load) for load in bus.pd.tolist()]
    balance_q = [poi.ExprBuilder(-load) for load in bus.qd.tolist()]
    for at, p, q in zip(net.gen_at.tolist(), pg, qg, strict=True):
        balance_p[at] += p
        balance_q[at] += q
    _add_branches(model, net, vm, va, flows, balance_p, balance_q)
    for i, (g, b) in enumerate(zip(bus.gs.tolist(), bus.bs.tolist(), strict=True)):
        if g:
            balance_p[i] -= g * vm[i] * vm[i]
        if b:
            balance_q[i] += b * vm[i] * vm[i]
        for expression, shunt in ((balance_p[i], g), (balance_q[i], b)):
            add = model.add_quadratic_constraint if shunt else model.add_linear_constraint
            add(expression, poi.Eq, 0.0)
    _add_stability(model, vm, rows)
    cost = poi.ExprBuilder()
    for variables, coefficients in ((pg, gen.cost_p), (qg, gen.cost_q)):
        for x, (c0, c1, c2) in zip(variables, coefficients[:, :3].tolist(), strict=True):
            if c2:
                cost += c2 * x * x
            if c1:
                cost += c1 * x
            cost += c0
    model.set_objective(cost)
    return (vm, va), flows


def _variables(model: Any, low: Any, high: Any, start: Any) -> list[Any]:
    boxes = zip(low.tolist(), high.tolist(), start.tolist(), strict=True)
    return [model.add_variable(lb=lb, ub=ub, start=value) for lb, ub, value in boxes]


def _add_branches(
    model: Any, net: scopf.Network, vm: Any, va: Any, flows: Any, balance_p: Any, balance_q: Any
) -> None:
    import pyoptinterface as poi
    from pyoptinterface import nl

    branch, y = net.branch, net.admittances
    ends = zip(net.branch_from.tolist(), net.branch_to.tolist(), strict=True)
    admittance = np.column_stack([y.gff, y.bff, y.gft, y.bft, y.gtf, y.btf, y.gtt, y.btt]).tolist()
    rates = branch.rate.tolist()
    limits = np.column_stack([branch.angmin, branch.angmax]).tolist()
    for k, (f, t) in enumerate(ends):
        gff, bff, gft, bft, gtf, btf, gtt, btt = admittance[k]
        pf, qf, pt, qt = (variables[k] for variables in flows)
        balance_p[f] -= pf
        balance_q[f] -= qf
        balance_p[t] -= pt
        balance_q[t] -= qt
        with nl.graph():
            c, s = nl.cos(va[f] - va[t]), nl.sin(va[f] - va[t])
            vv = vm[f] * vm[t]
            model.add_nl_constraint(gff * vm[f] ** 2 + vv * (gft * c + bft * s) - pf, poi.Eq, 0.0)
            model.add_nl_constraint(-bff * vm[f] ** 2 + vv * (gft * s - bft * c) - qf, poi.Eq, 0.0)
            model.add_nl_constraint(gtt * vm[t] ** 2 + vv * (gtf * c - btf * s) - pt, poi.Eq, 0.0)
            model.add_nl_constraint(-btt * vm[t] ** 2 - vv * (gtf * s + btf * c) - qt, poi.Eq, 0.0)
        rate = rates[k]
        if np.isfinite(rate):
            model.add_quadratic_constraint(pf * pf + qf * qf, poi.Leq, rate * rate)
            model.add_quadratic_constraint(pt * pt + qt * qt, poi.Leq, rate * rate)
        low, high = limits[k]
        if np.isfinite(low) or np.isfinite(high):
            model.add_linear_constraint(va[f] - va[t], (low, high))


def _add_stability(model: Any, vm: Any, rows: stability_rows.Rows) -> None:
    import pyoptinterface as poi

    for i, j in rows.pairs:
        model.add_linear_constraint(vm[j] - vm[i], poi.Leq, rows.limits[i])
    for group in rows.groups:
        top = model.add_variable(start=1.0)
        for i in group:
            model.add_linear_constraint(top - vm[i], (0.0, rows.limits[i]))


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
