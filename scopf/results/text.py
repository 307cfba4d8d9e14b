"""A solution, or a network, in a few lines and tables that fit a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scopf.devices.constant_power import percent
from scopf.display import Block, Table
from scopf.errors import counted, listing
from scopf.network import labels
from scopf.results import hour_text, outage_text, standing
from scopf.results.checks import of_result

if TYPE_CHECKING:
    import pandas as pd

    from scopf.optimizer.status import Attempt
    from scopf.results.tables import Result

_SHED = 1e-3  # MW

_INVERTER = {
    "bus": ("bus", "{:d}"),
    "gens": ("gens", "{}"),
    "mq": ("mq", "{:.4g}"),
    "vm": ("vm [p.u.]", "{:.4f}"),
    "p_mw": ("P [MW]", "{:.1f}"),
    "q_mvar": ("Q [MVAr]", "{:.1f}"),
    "limit_pu": ("limit", "{:.5f}"),
    "margin": ("margin", "{:.5f}"),
    "nssp_per_pu": ("NSSP", "{:.2f}"),
    "dcost_dmq": ("dJ/dm_q", "{:.2f}"),
}
_CIRCLE = {
    "loading_percent": ("load [%]", "{:.1f}"),
    "mu_s_per_mvah": ("mu_s", "{:.3f}"),
}
_CURRENT = {
    "current_pu": ("I [p.u.]", "{:.3f}"),
    "mu_imax_per_pu": ("mu_imax", "{:.2f}"),
}
_GEN = {
    "gen": ("gen", "{:d}"),
    "bus": ("bus", "{:d}"),
    "p_mw": ("P [MW]", "{:.1f}"),
    "q_mvar": ("Q [MVAr]", "{:.1f}"),
    "cost_per_h": ("cost [/h]", "{:.2f}"),
}
_PAIR = {
    "bus": ("inverter", "{:d}"),
    "neighbor": ("neighbour", "{:d}"),
    "limit_pu": ("limit", "{:.5f}"),
    "price_per_pu": ("price", "{:.2f}"),
}


def blocks(solution: Result) -> list[Block]:
    """Status, cost, time, the inverters by price, and the binding pairs."""
    lines: list[Block] = [*head(solution)]
    if not solution.solved:
        return [*lines, "no cost and no prices: the solve failed"]
    if solution.problem.horizon is not None:
        return [*lines, *hour_text.blocks(solution)]
    if solution.problem.criterion.name == "none":
        gens, heads = solution.gens, _GEN
        if gens["device"].nunique() > 1:
            heads = {**dict(list(_GEN.items())[:2]), "device": ("device", "{}"), **_GEN}
        return [*lines, "", "Dispatch", Table(gens, _with_island(heads, gens), "generators")]
    return [*lines, "", *_stability(solution)]


def head(solution: Result) -> list[str]:
    """The problem, how the solve ended, the cost, claims, conditions and outages, in lines."""
    problem = solution.problem
    horizon, net, inverters = problem.horizon, problem.base, len(problem.inverters)
    hours = ""
    if horizon is not None:
        net, inverters = problem.given.energized(), inverters // len(horizon)
        hours = f"{hour_text.size(horizon)}; "
    name = f"{net.name}, lossless" if net.is_lossless else net.name
    islands = f" in {net.islands} AC islands" if net.islands > 1 else ""
    lines = [
        f"{name}: {len(net.bus)} buses{islands}, {len(net.gen)} generators, "
        f"{len(net.branch)} branches, {inverters} inverters{_share(solution)}; {hours}"
        f"criterion {problem.criterion.name}"
        + ("; ratings limit currents" if solution.scenario.limit == "current" else ""),
        f"{solution.status}: {solution.message}",
        f"{solution.iterations} iterations, {solution.seconds:.2f} s{_solver(solution)}",
    ]
    if len(solution.attempts) > 1:
        lines += [f"  {_attempt(attempt)}" for attempt in solution.attempts]
    if not solution.solved:
        return lines
    if horizon is None:
        lines.append(f"cost {solution.cost:.4f} per hour")
    else:
        total = horizon.hours.duration.sum()
        lines.append(f"cost {solution.cost:.4f} over {total:g} h")
    lines += standing.sentences(solution)
    lines += [*([] if (inertia := solution.inertia) is None else [str(inertia)])]
    lines += checks(solution)
    return [*lines, *_at_a_price(solution), *outage_text.lines(solution), *costs(solution)]


def _share(solution: Result) -> str:
    """Share of Pmax that inverters have, where there are other devices."""
    if solution.scenario.devices is None:
        return ""
    return f" ({percent(solution.inverter_share)} % of Pmax)"


def _at_a_price(solution: Result) -> list[str]:
    """Limits that are violated and loads that are shed, at their price."""
    found, table = list[str](), solution.violations
    if len(table):
        first = table.iloc[0]
        count = counted(len(table), "limit is", "limits are")
        paid, when = table["cost_per_h"].sum(), "per hour"
        if solution.problem.horizon is not None and solution.slopes.violated is not None:
            paid, when = solution.slopes.violated, "over all hours"
        found += [
            f"{count} violated at a price, {paid:.4g} {when}",
            f"  {first['limit']} of {first['element']} by {first['violation']:.4g} {first['unit']}",
        ]
    shed = solution.point.shed[0] * solution.problem.base.base_mva
    if (horizon := solution.problem.horizon) is not None:
        energy = float(shed @ horizon.hours.duration[horizon.stack.bus_part])
        return [*found, f"load that is shed: {energy:.2f} MWh"] if energy > _SHED else found
    shed = shed.sum()
    after = 0.0 if solution.after is None else solution.after.shed[0].sum()
    after *= solution.problem.base.base_mva
    if shed > _SHED or after > _SHED:
        more = f", {after:.2f} MW after outages" if after > _SHED else ""
        found.append(f"load that is shed: {shed:.2f} MW{more}")
    return found


def _droops(percent: list[float]) -> list[str]:
    """A sentence on the droops of inverters whose ratings are known."""
    if not percent:
        return []
    ends = dict.fromkeys(f"{one:.3g}" for one in (min(percent), max(percent)))
    return ["", f"Droops are {' to '.join(ends)} % of the ratings."]


def _with_island(
    columns: dict[str, tuple[str, str]], table: pd.DataFrame
) -> dict[str, tuple[str, str]]:
    """Columns to show, `island` among them after `bus` where the table has it."""
    if "island" not in table:
        return columns
    until = list(columns).index("bus") + 1
    pairs = list(columns.items())
    return dict([*pairs[:until], ("island", ("island", "{:d}")), *pairs[until:]])


def _solver(solution: Result) -> str:
    """Solver of the last attempt, for the end of a line; "" if none ran."""
    solver = solution.attempts[-1].solver
    return f", {solver}" if solver else ""


def _attempt(attempt: Attempt) -> str:
    """One line on one try."""
    return f"{attempt.name}: {attempt.message} ({attempt.iterations} iterations)"


_PROOFS = {None: "", "energy": "; proven by the energy", "multipliers": "; proven by multipliers"}


def checks(solution: Result) -> list[str]:
    """The exact checks, one line each, and what they come to."""
    if not solution.checks:
        return []
    lines = [
        f"  droop margin {check.droop_margin:.2%}: "
        + (f"cost {check.cost:.4f}; " if check.status.solved else "")
        + check.verdict
        + _PROOFS[check.proof]
        for check in solution.checks
    ]
    verdict = "passed" if solution.certified else "NOT passed: the operating point is not certified"
    kept = of_result(solution.checks, solution.cost)
    if solution.solved and not solution.certified and kept is not solution.checks[-1]:
        verdict += f"; it is the one with a droop margin of {kept.droop_margin:.2%}"
    return ["exact check by the dynamics", *lines, verdict]


def costs(solution: Result) -> list[str]:
    """What stability rows and outages cost, if that was asked for."""
    if solution.explained is None:
        return []
    named = labels.sentences(solution.scenario.outages, solution.problem.given)
    return solution.explained.lines(named)


def _stability(solution: Result) -> list[Block]:
    inverters = solution.inverters
    if inverters.empty:
        return ["There is no inverter, so there is no NSSP; sol.devices has the machines."]
    binding = solution.pairs[solution.pairs["binding"]]
    ranked = inverters.sort_values(["nssp_per_pu", "margin"], ascending=[False, True])
    unit = solution.problem.criterion.nssp_unit
    head = f"Nodal Stability Shadow Prices (per hour and p.u. {unit}; margin in p.u. voltage)"
    if solution.after is not None:
        head += "\nNSSP and dJ/dm_q are sums over the intact network and the states after outages"
    columns = _with_island(_INVERTER, inverters)
    columns = columns | (_CIRCLE if solution.scenario.capability else {})
    columns = columns | (_CURRENT if "imax" in inverters else {})
    lines: list[Block] = [head, Table(ranked, columns, "inverters")]
    several = inverters.loc[inverters["units"] > 1, "bus"]
    if len(several):
        lines += ["", f"Several units act as one inverter at bus {listing(several)}."]
    lines += _droops(inverters["droop_percent"].dropna().tolist())
    priced = inverters["nssp_per_pu"].notna()
    kinks = inverters.loc[priced & ~inverters["price_unique"], "bus"]
    if len(kinks):
        text = f"The price of bus {listing(kinks)} is one of many: the cost has a kink there."
        lines += ["", text]
    if solution.pairs.empty:
        return [*lines, "", "There is no active stability row."]
    after = outage_text.binding(solution)
    if binding.empty and after:
        return [*lines, "", "No stability row of the intact network binds.", *after]
    if binding.empty:
        nearest = inverters.sort_values("margin").iloc[0]
        text = f"No stability row binds; inverter {nearest['bus']} is nearest to its limit."
        return [*lines, "", text]
    dearest = binding.sort_values("price_per_pu", ascending=False)
    if binding["neighbor"].isna().all():
        text = f"{len(binding)} of {len(solution.pairs)} stability rows bind."
        return [*lines, "", text, *after]
    return [
        *lines, "", f"Binding pairs ({len(binding)})", Table(dearest, _PAIR, "pairs"),
        *(["", *after] if after else []),
    ]  # fmt: skip
