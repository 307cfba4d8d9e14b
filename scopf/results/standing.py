"""Sentences at the head of every report: what a criterion's rows prove here, and under what.

They say the criterion, whether it is proven and which assumptions are unmet, how loads follow the
voltage, which losses the network has, and how much of the generation is constant power.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices import constant_power
from scopf.errors import counted
from scopf.results import claims

if TYPE_CHECKING:
    from scopf.dynamics.loads import Loads
    from scopf.dynamics.simulation.simulated import Simulation
    from scopf.network.network import Network
    from scopf.results.tables import Result

_EXPONENTS = {0.0: "constant power", 1.0: "constant current", 2.0: "constant impedance"}
NO_CONSTANT_POWER = "no generation is taken for constant power"


def sentences(solution: Result, *, report: bool = False) -> list[str]:
    """All of them, of a solution.

    Args:
        solution: that is solved.
        report: whether to say as well that no generation is constant power.
    """
    problem, constant = solution.problem, solution.constant_power
    net = solution.setting.net
    out = net.unserved.text(net.base_mva)
    network = problem.base if problem.horizon is None else problem.horizon.one
    return [
        *of_criterion(solution),
        *([str(constant)] if constant is not None else [NO_CONSTANT_POWER] * report),
        f"{loads(network)}; {losses(network)}",
        *filter(None, [out]),
    ]


def of_criterion(solution: Result) -> list[str]:
    """The criterion's claim on this network, in a sentence."""
    criterion, unmet = solution.problem.criterion, solution.unmet
    if criterion.name == "none":
        return [f"{claims.without_proof(criterion)}: nothing is claimed of stability"]
    if criterion.claim is None:
        check = "verify_states" if solution.several else "verify"
        return [f"{claims.without_proof(criterion)}: see `scopf verify`, `sol.{check}()`"]
    if not unmet:
        return [
            f"{criterion.name} is proven for {_steady(solution.problem.base)}: {solution.claim}"
        ]
    margin = solution.scenario.droop_margin
    more = f"; droop margin {margin:.0%}" if margin else ""
    return [f"{criterion.name} is a heuristic here: {', '.join(unmet)}{more}"]


def of_simulation(run: Simulation) -> str:
    """The same of a simulation, which has no criterion."""
    origin = run.origin
    pg, gens = origin.power.real, origin.devices.gens
    constant = constant_power.constant_power(origin.net, origin.inverters, pg, gens)
    return (
        "The equations themselves decide, no criterion; "
        f"{loads(origin.net, origin.loads)}; {losses(origin.net)}; "
        f"{NO_CONSTANT_POWER if constant is None else constant}."
    )


def loads(net: Network, follow: Loads | None = None) -> str:
    """The loads over the voltage, in the criterion or, if they are given, in the equations."""
    has_current = bool(net.bus.pd_current.any() or net.bus.qd_current.any())
    of_lines = " and DC lines" if len(net.dcline) else ""
    if follow is None:
        kinds = ["constant power"]
    else:
        drawn = (net.bus.pd != 0) | (net.bus.qd != 0)
        pairs = {*zip(follow.n_p[drawn].tolist(), follow.n_q[drawn].tolist(), strict=True)}
        kinds = [_kind(*pair) for pair in sorted(pairs)] or ["constant power"]
    kinds += ["constant current"] if has_current and "constant current" not in kinds else []
    if of_lines and kinds != ["constant power"]:
        return f"loads draw {_and(kinds)}, DC lines constant power"
    return f"loads{of_lines} draw {_and(kinds)}"


def losses(net: Network) -> str:
    """The losses of a network, and where they are."""
    lossy, shunts = int(np.count_nonzero(net.branch.r)), int(np.count_nonzero(net.bus.gs))
    parts = [f"resistance of {lossy} of {counted(len(net.branch), 'branch', 'branches')}"] * (
        lossy > 0
    )
    parts += [f"shunt conductance at {counted(shunts, 'bus', 'buses')}"] * (shunts > 0)
    return f"losses: {_and(parts)}" if parts else "no losses in branches and shunts"


def _kind(n_p: float, n_q: float) -> str:
    """A load over the voltage, by its two exponents."""
    if n_p == n_q:
        return _EXPONENTS.get(n_p, f"power with the exponent {n_p:g} of the voltage")
    return f"power with the exponents {n_p:g} (P) and {n_q:g} (Q) of the voltage"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _steady(net: Network) -> str:
    """Subject of a claim: the network, and how its loads and DC lines follow the voltage."""
    lines = len(net.dcline) > 0
    if not (net.bus.pd_current.any() or net.bus.qd_current.any()):
        return f"this network and loads{' and DC lines' if lines else ''} of constant power"
    more = ", and DC lines of constant power" if lines else ""
    return f"this network and loads of constant power and constant current{more}"
