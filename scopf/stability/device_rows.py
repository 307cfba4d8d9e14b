"""What machines and grid-following inverters add to the rows of their buses.

A device whose angle and internal state are eliminated leaves the slope s = -V dQ/dV of its
reactive power at its terminal, and the row of the bus has s_i where an inverter has V_i/k_i:

    (s_i + 2 B_ii V_i^2) w_i > sum_j a_ij (w_i + w_j)

The steady slope is at constant field (or with the regulator at rest), the transient one at constant
flux. Without regulator or lag they say the same, and the steady one is enough; with one, rows of
both kinds hold, each with weights of its own. A machine has K > 0 as a row, its steady-state limit
of the load angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices import machine
from scopf.engine.symbols import Constraint, Expression
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.devices.gfl import Followers
    from scopf.devices.machine import Machines
    from scopf.devices.mixed import Devices
    from scopf.engine.templates import Node
    from scopf.network.network import Network
    from scopf.stability.rows import Dispatch
    from scopf.stability.setting import Setting

STEADY, TRANSIENT = "", "_transient"  # ends of the names of rows of each kind
SLOPES = ("steady", "transient")  # what users see of them, in this order
ANGLE = 1e-4  # p.u. that K keeps from zero


@dataclass(frozen=True, eq=False)
class DeviceSlopes:
    """Slopes of the devices on a model.

    Attributes:
        parts: s / (2 V) of machines and of grid-following inverters, by kind of the rows, with the
            position in the network of the bus of each.
        limits: K > 0 of the machines; None without one.
    """

    parts: dict[str, list[tuple[Expression, Ints]]]
    limits: Constraint | None

    def total(self, kind: str, row_of: Ints, rows: int) -> Node:
        """Sum over the devices of each row's bus.

        Args:
            kind: of the rows.
            row_of: row of each bus of the network, -1 for none.
            rows: their number.
        """
        return sum(each.total(row_of[bus], rows) for each, bus in self.parts[kind])


def kinds(devices: Devices | None) -> tuple[str, ...]:
    """Kinds of rows that a grid with these devices needs."""
    if devices is None:
        return (STEADY,)
    machines, followers = devices.machines, devices.followers
    lagging = (machines.ka > 0).any() or ((followers.kv > 0) & (followers.tv > 0)).any()
    return (STEADY, TRANSIENT) if lagging else (STEADY,)


def declare(d: Dispatch, setting: Setting) -> DeviceSlopes | None:
    """Declare `machine_slope` and `follower_slope` by kind, and the rows `machine_load_angle`.

    Args:
        d: the model.
        setting: with the devices.
    """
    devices = setting.devices
    if devices is None:
        return None
    parts: dict[str, list[tuple[Expression, Ints]]] = {kind: [] for kind in kinds(devices)}
    limits = None
    if len(devices.machines):
        limits = _machines(d, setting, devices.machines, parts)
    if len(devices.followers):
        _followers(d, setting, devices.followers, parts)
    return DeviceSlopes(parts, limits)


def _machines(
    d: Dispatch,
    setting: Setting,
    machines: Machines,
    parts: dict[str, list[tuple[Expression, Ints]]],
) -> Constraint:
    f, at = d.formulation, positions(setting.net.gen.id, machines.gen)
    assert d.p is not None
    assert d.q is not None
    bus = setting.net.gen_at[at]
    index = f.indices.get("machine") or f.index("machine", machines.gen.tolist())
    p, q, v, xq = d.p[at], d.q[at], d.vm[bus], f.data(machines.xq)
    steady, transient = f.data(machines.steady), f.data(machines.xd1)
    for kind, found in parts.items():
        reactance = transient if kind == TRANSIENT else steady
        if kind == STEADY and machines.ka.any():
            slope = machine.regulated(p, q, v, reactance, xq, f.data(machines.ka))
        else:
            slope = machine.slope(machine.curvature(p, q, v, reactance, xq))
        found.append((f.expression(f"machine_slope{kind}", index, slope / (2 * v)), bus))
    stiffness = machine.curvature(p, q, v, steady, xq).ff
    lower = np.full(len(machines), ANGLE)
    return f.constraint("machine_load_angle", index, stiffness, lower=lower)


def _followers(
    d: Dispatch,
    setting: Setting,
    followers: Followers,
    parts: dict[str, list[tuple[Expression, Ints]]],
) -> None:
    f = d.formulation
    bus = setting.net.gen_at[positions(setting.net.gen.id, followers.gen)]
    index = f.indices.get("follower") or f.index("follower", followers.gen.tolist())
    for kind, found in parts.items():
        lags = (kind == TRANSIENT) & (followers.tv > 0)
        half = f.data(np.where(lags, 0.0, 0.5 * followers.kv))
        found.append((f.expression(f"follower_slope{kind}", index, half), bus))


# -- at a point -----------------------------------------------


def at_buses(
    devices: Devices, net: Network, power: tuple[Floats, Floats], vm: Floats, kind: str
) -> Floats:
    """Sum of s / (2 V) over the devices of every bus; minus infinity where K is not above zero.

    Args:
        devices: at generators of the network.
        net: the network.
        power: P and Q of its generators, per unit.
        vm: voltages of its buses.
        kind: of the rows.
    """
    found, at = np.zeros(len(net.bus)), positions(net.gen.id, devices.gens)
    bus = net.gen_at[at]
    v = vm[bus]
    np.add.at(found, bus, slopes(devices, (power[0][at], power[1][at]), v, kind) / (2 * v))
    return found


def slopes(devices: Devices, power: tuple[Floats, Floats], v: Floats, kind: str) -> Floats:
    """S of every device; minus infinity where K is not above zero.

    Args:
        devices: machines, then grid-following inverters.
        power: P and Q that they deliver, per unit.
        v: voltage of the terminal of each.
        kind: of the rows.
    """
    of, followers, n = devices.machines, devices.followers, len(devices.machines)
    p, q, at_machines = power[0][:n], power[1][:n], v[:n]
    curved = machine.curvature(p, q, at_machines, of.steady, of.xq)
    if kind == TRANSIENT:
        slope = machine.slope(machine.curvature(p, q, at_machines, of.xd1, of.xq))
    else:
        slope = machine.regulated(p, q, at_machines, of.steady, of.xq, of.ka)
    slope = np.where(curved.ff > 0, slope, -np.inf)
    lags = (kind == TRANSIENT) & (followers.tv > 0)
    return np.append(slope, np.where(lags, 0.0, followers.kv * v[n:]))
