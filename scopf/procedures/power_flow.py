"""The power flow at the set points of a dispatch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, overload

import numpy as np

from scopf.cases import machines
from scopf.devices import device_table
from scopf.devices.fitting import chosen, fitting, inverters_beside
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.dynamics.flow_run import Run, Start, Voltages, run
from scopf.dynamics.set_points import SetPoints, Slack
from scopf.errors import ScopfError, by_number, counted, listing, nearest, not_negative, spelled
from scopf.model.choices import Limit, check_limit
from scopf.network import outages as outages_of
from scopf.network.network import Network
from scopf.results.power_flow import PowerFlow
from scopf.results.solution import Solution

_VOLTAGES = {
    "given": "the voltages before the outage",
    "stored": "the stored voltages",
    "dc": "the DC power flow",
    "flat": "flat voltages",
}


@overload
def power_flow(
    net: Network | Solution, inv: Inverters | None = ..., slack: Slack = ..., *,
    weights: Mapping[int, float] | None = ..., start: Start = ..., q_limits: bool = ...,
    limit: Limit = ..., outages: None = ..., devices: Any = ...,
) -> PowerFlow: ...  # fmt: skip
@overload
def power_flow(
    net: Network | Solution, inv: Inverters | None = ..., slack: Slack = ..., *,
    weights: Mapping[int, float] | None = ..., start: Start = ..., q_limits: bool = ...,
    limit: Limit = ..., outages: outages_of.Given, devices: Any = ...,
) -> list[PowerFlow]: ...  # fmt: skip
@spelled
def power_flow(
    net: Network | Solution,
    inv: Inverters | None = None,
    slack: Slack = "droop",
    *,
    weights: Mapping[int, float] | None = None,
    start: Start = "stored",
    q_limits: bool = False,
    limit: Limit = "power",
    outages: outages_of.Given | None = None,
    devices: Any = None,
) -> PowerFlow | list[PowerFlow]:
    """Solve the AC power flow at the set points of a dispatch, by Newton's method.

    Set points are the P, Q and voltage (Vg) of generators, the loads and the powers of DC lines as
    the network has them. Each AC island finds its voltages and one number w:

        P_g = P_set - w share_g
        Q_g = Q_set - (V - V_set) / (m_q beta_q)       units of inverters
        V = V_set                                      where another generator holds the voltage

    - `slack="droop"`: w is the deviation of the frequency, p.u., and share = 1/(m_p beta_p) for
      units of inverters, 1/r + d for machines, zero for other generators; a unit without a range of
      active power, such as a condenser, has neither droop nor governor. An island where no share is
      above zero has no w: it has to balance at its set points, to 1e-4 p.u. The reactive power of a
      machine is what its field gives, or its regulator, that of a grid-following inverter falls by
      k_v (V - V_set).
    - `slack="distributed"`: -w is the active power that is missing at the set points, losses
      included, and share the part of it that each generator takes: `weights` over their sum, or
      else the case's participation factors (`apf`) in an island that has any, or else Pmax.
    - `slack="reference"`: the generators at the reference bus take all of it (several there in
      proportion to Pmax), as in MATPOWER and pandapower. Where there are none, those at the bus of
      the island's largest generator do. Several reference buses keep their angles, each with a w.

    Generators at buses of type 2 and 3 hold the voltage (but for units of inverters, and what
    shares their bus); those at type 1 and dispatchable loads keep Q. Voltage set points of a bus
    are those of its first generator. Generators that hold a voltage together give reactive power at
    the same fraction of their ranges. Limits are not kept, but for `q_limits`: see
    `PowerFlow.violations`.

    Args:
        net: the network; what is out of service or in a dead island is left out. Or a solution:
            the set points are those of its dispatch, the inverters its own.
        inv: grid-forming inverters, for "droop" alone; default one at every generator bus, of the
            generators that `devices` does not name.
        slack: who takes up the active power that is missing.
        weights: of generators by number, for "distributed" alone; others take nothing.
        start: point to start from: "stored" (the voltages of the network), "dc" (angles of the DC
            power flow) or "flat" (1 p.u., one angle). Islands that do not converge try the others.
        q_limits: whether generators that hold a voltage keep their limits of reactive power: beyond
            them, those of a bus stay at the limit for good, and its voltage follows.
        limit: what ratings of branches limit, "power" or "current", as in `build`.
        outages: for a list of results, the network after each one, every outage by itself: branch
            numbers, names as "gen 3", tuples of what is lost together, "n-1", "n-1-gens",
            "n-1-all", or a table (see `scopf.network.outages.read`).
        devices: machines and grid-following inverters, for "droop" alone: a table as `build` takes
            it; of a solution, its own.

    Returns:
        The operating point. A power flow that does not converge is a result as well, with
        `PowerFlow.converged` False and a message.

    Raises:
        ScopfError: for arguments that make no sense or do not fit the network.
        CaseError: listing every outage that there cannot be.
    """
    net, inv, devices, limit = _of_solution(net, inv, devices, slack, limit)
    _check(slack, start, q_limits)
    _check_goes_with(slack, inverters=inv, devices=devices, weights=weights)
    check_limit(limit)
    operated, inverters, others = net.energized(), None, Devices.none()
    if slack == "droop":
        inverters, others = _units(net, operated, inv, devices)
    given = None if weights is None else _weights(weights, operated)
    ask = _Asked(slack, inverters, others, given, start, q_limits, limit)
    if outages is None:
        return ask.flow(net)
    read = outages_of.read(outages, operated)
    base = ask.flow(net)
    return [ask.after(outage, net, base) for outage in read]


@dataclasses.dataclass(frozen=True, eq=False)
class _Asked:
    """The arguments, checked."""

    slack: Slack
    inverters: Inverters | None
    devices: Devices
    weights: Mapping[int, float] | None
    start: Start
    q_limits: bool
    limit: Limit

    def flow(self, net: Network, first: PowerFlow | None = None, name: str = "") -> PowerFlow:
        """The power flow of a network, from the voltages of another one if that is given."""
        operated = net.energized()
        starts = sorted(get_args(Start), key=lambda one: one != self.start)
        begin = None if first is None else _voltages(first, operated)
        points = self._points(operated)
        found = run(points, starts, first=begin, q_limits=self.q_limits)
        return self._result(net, points, found, name)

    def after(self, outage: outages_of.Outage, net: Network, base: PowerFlow) -> PowerFlow:
        """The power flow after an outage."""
        lost = self
        if self.inverters is not None:
            lost = dataclasses.replace(self, inverters=self.inverters.without_units(outage.gens))
        return lost.flow(outage.applied(net), base if base.converged else None, outage.name)

    def _points(self, net: Network) -> SetPoints:
        if self.inverters is not None:
            gone = np.setdiff1d(self.inverters.bus, net.bus.id)
            inverters, devices = self.inverters.without(gone), self.devices.left_in(net)
            return SetPoints.droop(net, inverters, devices)
        if self.slack == "distributed":
            return SetPoints.distributed(net, self.weights)
        return SetPoints.reference(net)

    def _result(self, net: Network, points: SetPoints, found: Run, name: str) -> PowerFlow:
        operated, at, part = points.net, found.at, found.equations.part
        done = at.converged[part]
        pg, qg = points.output(at, found.equations)
        known = done[operated.gen_at]
        w = np.where(found.equations.alone | ~at.converged[part[points.anchors]], np.nan, at.w)
        droop = self.slack == "droop"
        return PowerFlow(
            slack=self.slack,
            converged=bool(at.converged.all()),
            message=_message(points, found),
            iterations=int(found.iterations.max(initial=0)),
            start=found.start,
            outage=name,
            frequency=w if droop else np.zeros(operated.islands),
            vm=np.where(done, at.vm, np.nan),
            va=np.where(done, at.va, np.nan),
            pg=np.where(known, pg, np.nan),
            qg=np.where(known, qg, np.nan),
            at_limit=operated.bus.id[found.at_limit],
            limit=self.limit,
            given=net,
            operated=operated,
            settled=at.converged,
        )


def _units(
    net: Network, operated: Network, inv: Inverters | None, devices: Any
) -> tuple[Inverters, Devices]:
    """The inverters and other devices of a network, checked."""
    if devices is None:
        inverters = fitting(chosen(inv, operated), operated)
        own = device_table.of_network(net, inverters)
        found = Devices.none() if own is None else own.devices.fitting(operated, inverters)
        return inverters, found
    table = device_table.read_table(machines.found(devices), net)
    inverters = fitting(inverters_beside(table, inv, operated), operated)
    return inverters, table.devices.fitting(operated, inverters)


def _of_solution(
    net: Network | Solution, inv: Inverters | None, devices: Any, slack: Slack, limit: Limit
) -> tuple[Network, Inverters | None, Any, Limit]:
    """The network, inverters, devices and limit of a solution; those given for a network."""
    if isinstance(net, Solution):
        if not net.solved:
            raise ScopfError(f"there is no dispatch to take set points from: {net.message}")
        droop, limit = slack == "droop", net.scenario.limit if limit == "power" else limit
        inv = net.inverter_data if inv is None and droop else inv
        devices = net.setting.devices if devices is None and droop else devices
        return net.net, inv, devices, limit
    if not isinstance(net, Network):
        kind = type(net).__name__
        raise ScopfError(f"net must be a Network (see load_case) or a Solution, not {kind}")
    return net, inv, devices, limit


def _check(slack: Any, start: Any, q_limits: Any) -> None:
    """Refuse arguments that are unknown."""
    for name, value, known in (
        ("slack", slack, get_args(Slack)),
        ("start", start, get_args(Start)),
    ):
        if value not in known:
            near = nearest(str(value), known)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ScopfError(f"{name} is one of {listing(map(repr, known))}, got {value!r}{hint}")
    if not isinstance(q_limits, bool):
        raise ScopfError(f"q_limits is True or False, got {q_limits!r}")


def _check_goes_with(slack: Slack, *, inverters: Any, devices: Any, weights: Any) -> None:
    """Refuse arguments that do not go together."""
    for name, given in (("devices", devices), ("inverters", inverters)):
        if given is not None and slack != "droop":
            text = f'{name} go with slack="droop"; with {slack!r} nobody follows a droop'
            raise ScopfError(text)
    if weights is not None and slack != "distributed":
        raise ScopfError(f'weights go with slack="distributed", not with {slack!r}')


def _weights(weights: Any, net: Network) -> dict[int, float]:
    """Weights by number of the generator."""
    if not hasattr(weights, "items"):
        raise ScopfError(f"weights must be a mapping by generator, got {type(weights).__name__}")
    given = by_number("weights", "generator", weights)
    unknown = sorted(set(given) - set(net.gen.id[~net.gen.constant_pf].tolist()))
    if unknown:
        raise ScopfError(f"weights: there is no generator {listing(unknown)} in service")
    for number, value in given.items():
        not_negative(f"weight of generator {number}", value)
    if not any(given.values()):
        raise ScopfError("weights: at least one has to be above zero")
    return given


def _voltages(flow: PowerFlow, net: Network) -> Voltages:
    """The voltages of a power flow at the buses of a network that has lost something."""
    at = flow.operated.bus_positions(net.bus.id)
    return flow.vm[at], flow.va[at]


def _message(points: SetPoints, found: Run) -> str:
    """How the power flow ended, in a sentence."""
    net, at = points.net, found.at
    steps = counted(int(found.iterations.max(initial=0)), "iteration", "iterations")
    if at.converged.all():
        return f"converged in {steps} from {_VOLTAGES[found.start]}"
    lost = np.flatnonzero(~at.converged)
    worst = int(lost[np.argmax(at.mismatch[lost])])
    which = f"island {worst + 1} of {net.islands}: " if net.islands > 1 else ""
    missing = at.mismatch[worst]
    if not np.isfinite(missing):
        return f"{which}no convergence in {steps} to voltages above zero"
    size = f"{missing:.3g} p.u. ({missing * net.base_mva:.3g} MVA)"
    bus = net.bus.id[at.bus[worst]]
    if at.unmatched[worst]:
        return f"{which}nothing there takes up active power, and {size} are missing at bus {bus}"
    return f"{which}no convergence in {steps}; at the best iterate {size} are missing at bus {bus}"
