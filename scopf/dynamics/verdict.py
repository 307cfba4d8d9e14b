"""The verdict on an operating point: from counts and modes to a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.network.powers import MISMATCH

if TYPE_CHECKING:
    from scopf.arrays import Complexes
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.modes import Spectrum
    from scopf.network.network import Network


def missing_power(net: Network, inverters: Inverters, left: Complexes, *, given: bool) -> str:
    """A sentence on the bus where most power is missing; "" for a power flow.

    Unless it is given, the power of generators and inverters is whatever balances their buses.
    """
    missing = abs(left)
    if not given:
        missing[np.concatenate([net.bus_positions(inverters.bus), net.gen_at])] = 0.0
    worst = int(missing.argmax())
    if missing[worst] <= MISMATCH:
        return ""
    return (
        f"undecided: {missing[worst]:.3g} p.u. of power is missing at bus {net.bus.id[worst]}, so "
        "the point is no power flow of the network; what a model has beyond the network's tables "
        "belongs into them, as a load or a shunt"
    )


def verdict(negative: int | None, past: int | None, found: Spectrum) -> tuple[bool | None, str]:
    """Whether the point is stable, None if that is undecided, and the verdict as a sentence."""
    if past:
        text = "the loads of buses without an inverter are past the nose of their PV curve"
        return False, f"not stable: {text} ({found.unstable} growing modes besides)"
    growing = found.unstable if negative is None else negative
    if growing:
        return False, f"not stable: {growing} growing mode{'s' if growing > 1 else ''}"
    if past is None:
        return None, (
            "undecided: whether the loads of buses without an inverter are past the nose of their "
            "PV curve was not found; look at the point at another load scale, or with loads that "
            "follow the voltage"
        )
    if found.undamped:
        count = f"{found.undamped} mode{'s' if found.undamped > 1 else ''}"
        return None, (
            f"no growing mode: {count} within {found.tolerance:g} rad/s of the imaginary axis, "
            "which the linear equations do not decide"
        )
    if negative is None and found.edge > 0:
        text = 'was given up before its end; use method="dense"'
        return None, f"undecided: the search for growing modes {text}"
    rightmost = f"the rightmost decays at {-found.rightmost:.4g} rad/s"
    if found.method == "arnoldi" and found.rightmost < found.edge:
        rightmost = f"all modes decay, at {-found.edge:.4g} rad/s or faster"
    return True, f"stable: {rightmost}"
