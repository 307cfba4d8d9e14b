"""Operating states after outages: how the grid settles by its droops, and what holds there.

Set points stay where the dispatch put them. After the outage c, on the network that is left,

    P_g^c = P_g - w^c / (m_p,g beta_p,g)                    units of inverters, w^c p.u. frequency
    V_i^c = V_i + m_q,i beta_q,i (Q_i - Q_i^c)              inverters
    P_g^c = P_g - w^c (1/r_g + d_g)                         machines: governor and damping
    E_g^c = E_g + K_A,g (V - V^c)                           machines: field, or its regulator
    P_g^c = P_g, Q_g^c = Q_g + k_v,g (V - V^c)              grid-following inverters
    P_g^c = P_g, V^c = V with Q_g^c free in its bounds      other generators

with the power balances, limits and stability rows of that network. Each AC island has a frequency.
The families of these states have the prefix `state_`; their keys begin with the state's name:
`m.state_bus_vm["branch 6", 39]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.dynamics.settled import Settled
from scopf.engine.formulation import Formulation, Scope
from scopf.engine.symbols import Constraint, Expression, Symbol, Variable
from scopf.engine.templates import Node
from scopf.model import relaxation, starts
from scopf.model.balance import Balance
from scopf.model.capability import Capability, Ratings
from scopf.model.choices import Limit
from scopf.model.codesign import DesignedStiffness, GivenStiffness
from scopf.model.current_limits import CurrentLimits, limited
from scopf.model.dclines import DcLines
from scopf.model.flows import Flows
from scopf.model.generation import Generation
from scopf.model.limits import AngleLimits, ThermalLimits
from scopf.model.loads import Loads, Shedding
from scopf.model.part import Follows, Inputs, OperatingPoint, Part, Satisfiable, Writes
from scopf.model.pq_curves import PqCurves
from scopf.model.relaxation import Effect, Relaxation, Violation
from scopf.model.settling import Before, Settling, StateOutput, active_droop
from scopf.model.stability import StabilityRows
from scopf.model.voltages import Voltages
from scopf.network.kron import Reduction
from scopf.stability.criterion import Criterion
from scopf.stability.rows import Dispatch
from scopf.stability.setting import Setting


@dataclass(frozen=True, eq=False)
class Base:
    """Parts of the intact network that states refer to."""

    voltages: Voltages
    generation: Generation
    dclines: DcLines | None
    loads: Loads
    shedding: Shedding | None
    flows: Flows
    stiffness: GivenStiffness | DesignedStiffness

    @property
    def before(self) -> Before:
        """Parts of the intact network that rows of settling refer to."""
        return Before(self.voltages, self.generation, self.stiffness)


@dataclass(frozen=True, eq=False)
class KeptLines:
    """DC lines in all states: they go on as in the intact network.

    Attributes:
        settled: the states.
        pf, pt, qf, qt: their powers.
    """

    settled: Settled
    pf: Expression
    pt: Expression
    qf: Expression
    qt: Expression

    @classmethod
    def declare(cls, f: Formulation, settled: Settled, lines: DcLines) -> Self:
        """Declare `state_dcline_{pf,pt,qf,qt}`."""
        index, at = f.index("dcline", settled.net.dcline.id.tolist()), settled.dcline
        pf, pt, qf, qt = (
            f.expression(f"dcline_{name}", index, getattr(lines, name)[at])
            for name in ("pf", "pt", "qf", "qt")
        )
        return cls(settled, pf, pt, qf, qt)

    def drawn_p(self) -> Node:
        """Active power that they draw from every bus."""
        net, n = self.settled.net, len(self.settled.net.bus)
        return self.pf.total(net.dcline_from, n) - self.pt.total(net.dcline_to, n)

    def drawn_q(self) -> Node:
        """Reactive power that they draw."""
        net, n = self.settled.net, len(self.settled.net.bus)
        return -self.qf.total(net.dcline_from, n) - self.qt.total(net.dcline_to, n)


@dataclass(frozen=True, eq=False)
class States(Part):
    """All states of a problem.

    Attributes:
        settled: their networks, and what belongs to what in the intact one.
        base: parts of the intact network.
        voltages, flows, balance, thermal, angles, curves, stability: as in the intact network.
        capability, currents: circles and current limits of the inverters; None without.
        output: of the generators.
        frequency: `state_frequency`, p.u. deviation of each island with inverters or machines.
        settling: the rows by which the grid settles.
    """

    settled: Settled
    base: Base
    voltages: Voltages
    output: StateOutput
    frequency: Variable
    flows: Flows
    balance: Balance
    thermal: ThermalLimits
    angles: AngleLimits
    curves: PqCurves
    capability: Capability | None
    currents: CurrentLimits | None
    settling: Settling
    stability: StabilityRows

    @classmethod
    def declare(
        cls,
        whole: Formulation,
        settled: Settled,
        base: Base,
        inputs: Inputs,
        criterion: Criterion,
        limit: Limit,
        capability: bool,
    ) -> Self:
        """Declare all states.

        Args:
            whole: the formulation of the problem.
            settled: the states.
            base: parts of the intact network.
            inputs: network, inverters and numbers of the intact network.
            criterion: the stability criterion.
            limit: whether ratings limit apparent power or current.
            capability: whether inverters have capability circles.
        """
        net = settled.net
        f = Scope(whole, "state_", settled.key)
        start = starts.flat(net)
        bus = f.index("bus", net.bus.id.tolist())
        gen = f.index("gen", net.gen.id.tolist())
        branch = f.index("branch", net.branch.id.tolist())
        inverter = f.index("inverter", settled.inverters.bus.tolist())
        island = f.index("island", settled.islands)

        v = Voltages.declare(f, net, start)
        band = settled.frequency_band
        w = f.variable("frequency", island, lower=-band, upper=band, start=np.zeros(len(band)))
        p = base.generation.p[settled.gen]
        share = settled.share
        with_droop = p
        if len(band):
            with_droop = active_droop(p, w[settled.gen_island], f.data(share))
        output = StateOutput(
            f.expression("gen_pg", gen, with_droop),
            f.variable(
                "gen_qg", gen, lower=net.gen.qmin, upper=net.gen.qmax, start=start["gen_qg"]
            ),
        )
        lines = None
        if base.dclines is not None and len(net.dcline):
            lines = KeptLines.declare(f, settled, base.dclines)
        flows = Flows.declare(f, net, v, base.flows.alpha)
        loads, shedding = base.loads.at(settled.bus), None
        if base.shedding is not None:
            shedding = Shedding.declare(f, net, loads, v, base.shedding.price)
        balance = Balance.declare(f, net, v, output, lines, flows, loads, shedding)
        thermal = ThermalLimits.declare(f, net, flows, limit)
        angles = AngleLimits.declare(f, net, v)
        curves = PqCurves.declare(f, net, output)
        circles = currents = None
        with_currents = bool(limited(settled.inverters).any())
        if capability or with_currents:
            vv = flows.vv if with_currents else None
            ratings = Ratings.declare(f, net, settled.inverters, output, capability, vv)
            circles = Capability.declare(f, ratings) if capability else None
            currents = CurrentLimits.declare(f, ratings) if with_currents else None
        left = settled.left(inputs.inverters)
        settling = Settling.declare(f, settled, base.before, v, output, left)

        def output_now() -> tuple[Floats, Floats]:
            return _active(settled, base.generation.p.value, w), output.q.value

        dispatch = Dispatch(
            f, bus, branch, inverter, v.vm, v.va, base.stiffness.symbol, settled.inverter,
            p=output.p, q=output.q, output_now=output_now,
        )  # fmt: skip
        stability = StabilityRows.declare(criterion, dispatch, setting(settled, inputs))
        return cls(
            settled, base, v, output, w, flows, balance, thermal, angles, curves, circles, currents,
            settling, stability,
        )  # fmt: skip

    # -- what it says of itself -------------------------------------------

    @property
    def _parts(self) -> Sequence[Part]:
        found = (
            self.voltages, self.flows, self.balance, self.thermal, self.angles, self.curves,
            self.capability, self.currents, self.stability,
        )  # fmt: skip
        return [part for part in found if part is not None]

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows by which the grid settles, whatever limits are relaxed."""
        return (*self.settling.definitions, *self.stability.definitions)

    @property
    def on_call(self) -> Sequence[Constraint]:
        """Limits of branches, of all states."""
        return (*self.thermal.on_call, *self.angles.on_call)

    @property
    def satisfiable(self) -> Satisfiable | None:
        """Stability rows of all states."""
        return self.stability.satisfiable

    def point(self, at: OperatingPoint) -> OperatingPoint:
        """The present values of all states side by side.

        Args:
            at: the present point of the intact network.
        """
        settled = self.settled
        net = settled.with_numbers(at.net)
        p = _active(settled, at.power.real, self.frequency)
        line = settled.dcline
        pf, qf, qt = (values[line] for values in at.dclines)
        vm, va = self.voltages.vm.value, self.voltages.va.value
        return OperatingPoint(net, vm, va, p + 1j * self.output.q.value, (pf, qf, qt))

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Violations of all rows of all states, from the tables of their networks."""
        here, found = self.point(at), dict[Constraint, Floats]()
        for part in self._parts:
            found |= part.residuals(here)
        return found | self.settling.residuals(here, at, self.stiffness)

    @property
    def stiffness(self) -> Floats:
        """1/m_q in the intact network of the inverter of each state."""
        symbol = self.base.stiffness.symbol
        values = symbol.value if isinstance(symbol, Variable) else symbol.values
        return np.asarray(values[self.settled.inverter])

    @property
    def costs(self) -> Sequence[Expression]:
        """Of loads that are shed."""
        return () if self.balance.shedding is None else self.balance.shedding.costs

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Of loads that are shed."""
        shedding = self.balance.shedding
        return {} if shedding is None else shedding.cost(self.point(at))

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Limits on voltages, reactive power and frequency, and on shares of load."""
        gen, band = self.settled.net.gen, self.settled.frequency_band
        shedding = self.balance.shedding
        return {
            **({} if shedding is None else shedding.bounds()),
            **self.voltages.bounds(),
            self.output.q: (gen.qmin, gen.qmax),
            self.frequency: (-band, band),
        }

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Voltages and reactive power of the intact network; the criterion's variables fit them."""
        settled = self.settled
        given = {"bus_vm": settled.bus, "bus_va": settled.bus, "gen_qg": settled.gen}
        own = {f"state_{name}": found[name][at] for name, at in given.items() if name in found}
        return own | self.stability.starts(own)

    def relaxations(self) -> Sequence[Relaxation]:
        """The limits of all states."""
        found = [one for part in self._parts for one in part.relaxations()]
        gen, base = self.settled.net.gen, self.settled.net.base_mva
        size = relaxation.size_of(self.output.q)
        found += relaxation.of_bounds(
            self.output.q,
            ("Qmin", "Qmax"),
            "limits on reactive power",
            gen.labels,
            size,
            "MVAr",
            base,
        )
        found += self._ranges()
        if self.capability is not None:
            found.append(self.capability.ratings.relaxed([self.capability.rows]))
        named = [
            dataclasses.replace(one, labels=[self.settled.label(label) for label in one.labels])
            for one in found
        ]
        band, islands = self.settled.frequency_band, self.settled.islands
        labels = [f"island {number} after {name}" for name, number in islands]
        names, group = ("lowest frequency", "highest frequency"), "frequency"
        return [
            *named,
            *relaxation.of_bounds(
                self.frequency, names, group, labels, np.ones(len(band)), "p.u.", 1.0
            ),
        ]

    def _ranges(self) -> list[Relaxation]:
        """Pmin and Pmax of what follows the frequency."""
        k, gen, base = self.settled.ranged, self.settled.net.gen, self.settled.net.base_mva
        labels = [gen.label(row) for row in k.tolist()]
        size = relaxation.size_of(self.base.generation.p)[self.settled.gen[k]]
        found = []
        for name, ends, side, sign in (
            ("Pmin", gen.pmin[k], "<=", 1.0), ("Pmax", gen.pmax[k], ">=", -1.0),
        ):  # fmt: skip

            def needed(i: int, t: float, ends: Floats = ends, sign: float = sign) -> float:
                return float(ends[i] - sign * size[i] * t) * base

            effect = Effect(self.settling.range_p, np.arange(len(k)), sign * size)
            found.append(
                Relaxation(
                    name, "limits on active power", name, "MW", side, labels, ends * base, needed,
                    (effect,), violation=Violation(size, "MW", base),
                )
            )  # fmt: skip
        return found

    def follows(self) -> Sequence[Follows]:
        """The criterion's own numbers on the networks of the states."""

        def moved(rule: Follows) -> Follows:
            def values(s: Inputs) -> Writes:
                there = setting(self.settled, s)
                return rule.values(Inputs(there.net, there.inverters, there, s.numbers))

            return Follows(rule.names, values)

        def droops(s: Inputs) -> Writes:
            beta_q = self.settled.with_droops(s.inverters).beta_q
            left = self.settled.left(s.inverters)
            return [(self.settling.left, left), (self.settling.beta_q, beta_q)]

        rules = [moved(rule) for rule in self.stability.follows()]
        return [*rules, Follows({"mq", "beta_q"}, droops)]


def setting(settled: Settled, inputs: Inputs) -> Setting:
    """The criterion's setting on the networks of the states.

    Args:
        settled: the states.
        inputs: of the intact network.
    """
    reduction = Reduction(settled.with_numbers(inputs.net), settled.keep)
    before, those = inputs.setting, settled.with_droops(inputs.inverters)
    left = settled.left(inputs.inverters)
    margins = before.alpha, before.margin, before.droop_margin
    devices = settled.devices if len(settled.devices) else None
    return Setting(reduction, those, *margins, left, devices)


def _active(settled: Settled, before: Floats, frequency: Variable) -> Floats:
    """Active power of all generators of all states.

    Args:
        settled: the states.
        before: of the generators of the intact network.
        frequency: `state_frequency`.
    """
    w = np.append(frequency.value, 0.0)  # without an inverter there is none
    found: Floats = before[settled.gen] - w[settled.gen_island] * settled.share
    return found
