"""Power balances and operating limits of (P1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.engine.formulation import Formulation
from scopf.model import dclines
from scopf.network.network import Network


def balance(supplied: Any, drawn: Any, shunt: Any) -> Any:
    """Left side of the power balance of a bus; the load is on the right."""
    return supplied - drawn - shunt


def add_balance(f: Formulation, net: Network) -> None:
    """Power balance of every bus: generation - flows - shunt = load, `bus_balance_{p,q}`.

    The loads are the mutable Params `bus_pd`, `bus_qd` on the right-hand side, so the multiplier is
    the price of load. Constant-current loads, if there are any, are `bus_pd_current` and
    `bus_qd_current`, and stand on the left because they follow the voltage.
    """
    bus, n = f.indices["bus"], len(net.bus)
    vv = f["bus_vv"][:]
    for letter, load, shunt in (("p", net.bus.pd, net.bus.gs), ("q", net.bus.qd, -net.bus.bs)):
        supplied = f[f"gen_{letter}g"].total(net.gen_at, n)
        out = f[f"branch_{letter}_from"].total(net.branch_from, n)
        into = f[f"branch_{letter}_to"].total(net.branch_to, n)
        demand = f.parameter(f"bus_{letter}d", bus, load)[:]
        drawn = out + into
        if len(net.dcline):
            drawn = drawn + dclines.drawn(f, net, letter)
        if net.bus.has_current:
            current = getattr(net.bus, f"{letter}d_current")
            drawn = drawn + f.parameter(f"bus_{letter}d_current", bus, current)[:] * f["bus_vm"][:]
        row = balance(supplied, drawn, f.data(shunt) * vv)
        f.constraint(f"bus_balance_{letter}", bus, row, lower=demand, upper=demand)


def apparent_power(p: Any, q: Any, rate: Any) -> Any:
    """Left side of the thermal limit |S|^2 / rate <= rate, which is scaled like a power."""
    return (p**2 + q**2) / rate


def add_thermal_limits(f: Formulation, net: Network) -> None:
    """|S| <= rate at both ends of every limited branch, `branch_limit_{from,to}`."""
    limited = np.flatnonzero(np.isfinite(net.branch.rate))
    index = f.index("branch_limited", net.branch.id[limited].tolist())
    rate = f.data(net.branch.rate[limited])
    for side in ("from", "to"):
        p, q = f[f"branch_p_{side}"][limited], f[f"branch_q_{side}"][limited]
        f.constraint(f"branch_limit_{side}", index, apparent_power(p, q, rate), upper=rate)


def add_angle_limits(f: Formulation, net: Network) -> None:
    """Angmin <= theta_f - theta_t <= angmax of every branch that limits it, `branch_angle`."""
    branch = net.branch
    limited = np.flatnonzero(np.isfinite(branch.angmin) | np.isfinite(branch.angmax))
    index = f.index("branch_angle_limited", branch.id[limited].tolist())
    va = f["bus_va"]
    difference = va[net.branch_from[limited]] - va[net.branch_to[limited]]
    lower, upper = branch.angmin[limited], branch.angmax[limited]
    f.constraint("branch_angle", index, difference, lower=lower, upper=upper)
