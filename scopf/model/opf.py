"""(P1) of Wang and Geng (arXiv 2604.17603): AC optimal power flow with stability rows per inverter.

    minimise    sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2
    over        P, Q of generators; V, theta of buses
    subject to  power balance at every bus
                bounds on P, Q, V; reference angle fixed
                |S| <= rate (or |I| <= rate) at both branch ends; limits on angle differences
                DC lines, P-Q curves and constant power factors, where the case has them
                P^2 + Q^2 <= S^2 of every inverter, if asked for
                |I| <= imax S of every inverter that has such a limit
                the stability criterion, one set of rows per inverter

Indices are the user's own: bus numbers, generator ids, branch ids. Quantities are per unit, angles
in rad, costs in currency per hour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Floats
from scopf.devices.gfm import Inverters
from scopf.dynamics.settled import Settled
from scopf.engine.formulation import Formulation, Scope
from scopf.engine.symbols import Symbol
from scopf.model.balance import Balance
from scopf.model.capability import Capability, Ratings
from scopf.model.choices import Limit
from scopf.model.codesign import DesignedStiffness, GivenStiffness
from scopf.model.costs import GenerationCost
from scopf.model.current_limits import CurrentLimits, limited
from scopf.model.dclines import DcLineCost, DcLines
from scopf.model.flows import Flows
from scopf.model.generation import Generation
from scopf.model.horizon import Horizon
from scopf.model.limits import AngleLimits, ThermalLimits
from scopf.model.loads import Loads, Shedding
from scopf.model.part import Inputs, OperatingPoint, Part, Writes
from scopf.model.pq_curves import PqCurves
from scopf.model.quantities import QUANTITIES
from scopf.model.ramps import Ramps
from scopf.model.reactive_costs import AbsoluteCost, OpportunityCost
from scopf.model.relaxation import Relaxation
from scopf.model.soft import HARD, SoftLimits, SoftPrices
from scopf.model.stability import StabilityRows
from scopf.model.starts import flat
from scopf.model.states import Base, States
from scopf.model.storage import StorageUnits
from scopf.model.voltages import Voltages
from scopf.network.kron import Reduction
from scopf.stability.criterion import Criterion
from scopf.stability.rows import Dispatch


@dataclass(frozen=True, eq=False)
class OPF:
    """The parts of (P1) as they were declared, with handles of all variables, rows and Params.

    None stands for a part that this problem does not have.
    """

    formulation: Formulation
    voltages: Voltages
    generation: Generation
    dclines: DcLines | None
    loads: Loads
    shedding: Shedding | None
    flows: Flows
    stiffness: GivenStiffness | DesignedStiffness
    ratings: Ratings | None
    absolute_cost: AbsoluteCost | None
    generation_cost: GenerationCost
    dcline_cost: DcLineCost | None
    opportunity_cost: OpportunityCost | None
    balance: Balance
    thermal: ThermalLimits
    angles: AngleLimits
    curves: PqCurves
    capability: Capability | None
    currents: CurrentLimits | None
    stability: StabilityRows
    states: States | None
    storage: StorageUnits | None = None
    ramps: Ramps | None = None
    soft: SoftLimits | None = None
    horizon: Horizon | None = None

    @classmethod
    def declare(
        cls,
        inputs: Inputs,
        criterion: Criterion,
        capability: bool,
        limit: Limit,
        mq_bounds: tuple[Floats, Floats] | None,
        settled: Settled | None = None,
        soft: SoftPrices = HARD,
    ) -> OPF:
        """Declare the whole problem, and give its Params their values.

        Args:
            inputs: network, inverters and numbers. A cost is declared where its price is a number.
            criterion: the stability criterion.
            capability: whether the inverters have capability circles.
            limit: whether ratings of branches limit their apparent power or their current.
            mq_bounds: co-design: least and largest m_q of every inverter.
            settled: operating states after outages.
            soft: prices at which limits may be violated.
        """
        net, inverters, numbers = inputs.net, inputs.inverters, inputs.numbers
        horizon, whole, start = inputs.horizon, Formulation(net.name), flat(net)
        f = whole if horizon is None else Scope(whole, "", horizon.key)
        bus = f.index("bus", net.bus.id.tolist())
        f.index("gen", net.gen.id.tolist())
        branch = f.index("branch", net.branch.id.tolist())
        inverter = f.index("inverter", inverters.bus.tolist())
        opportune = numbers["opportunity_price"] is not None

        # over
        v = Voltages.declare(f, net, start)
        g = Generation.declare(f, net, start, None if horizon is None else horizon.is_storage)
        dc = DcLines.declare(f, net, start) if len(net.dcline) else None
        loads = Loads.declare(f, net)
        shedding = None
        if numbers["voll"] is not None:
            shedding = Shedding.declare(f, net, loads, v)
        flows = Flows.declare(f, net, v)
        stiffness: GivenStiffness | DesignedStiffness
        if mq_bounds is None:
            stiffness = GivenStiffness.declare(f, inverters)
        else:
            stiffness = DesignedStiffness.declare(f, inverters, mq_bounds)
        ratings = None
        with_currents = bool(limited(inverters).any())
        if capability or opportune or with_currents:
            vv = flows.vv if with_currents else None
            ratings = Ratings.declare(f, net, inverters, g, capability, vv)

        # minimise
        absolute = AbsoluteCost.declare(f, g) if numbers["q_price"] is not None else None
        further = () if absolute is None else (absolute.term,)
        generation_cost = GenerationCost.declare(f, net, g, further)
        dcline_cost = None if dc is None else DcLineCost.declare(f, net, dc)
        opportunity = None
        if ratings is not None and opportune:
            opportunity = OpportunityCost.declare(f, ratings)

        # subject to
        balance = Balance.declare(f, net, v, g, dc, flows, loads, shedding)
        thermal = ThermalLimits.declare(f, net, flows, limit)
        angles = AngleLimits.declare(f, net, v)
        curves = PqCurves.declare(f, net, g)
        circles = None
        if ratings is not None and capability:
            circles = Capability.declare(f, ratings)
        currents = None
        if ratings is not None and with_currents:
            currents = CurrentLimits.declare(f, ratings)
        dispatch = Dispatch(f, bus, branch, inverter, v.vm, v.va, stiffness.symbol, p=g.p, q=g.q)
        stability = StabilityRows.declare(criterion, dispatch, inputs.setting)

        states = None
        if settled is not None:
            base = Base(v, g, dc, loads, shedding, flows, stiffness)
            states = States.declare(f, settled, base, inputs, criterion, limit, capability)

        storage = ramps = None
        if horizon is not None and horizon.storage is not None:
            circled = (
                _without_circle(horizon, inverters) if circles else np.ones(len(horizon.storage))
            )
            storage = StorageUnits.declare(whole, horizon, g, v, circled.astype(bool))
        if horizon is not None and horizon.ramps is not None:
            ramps = Ramps.declare(f, horizon, g)

        opf = cls(
            whole, v, g, dc, loads, shedding, flows, stiffness, ratings, absolute, generation_cost,
            dcline_cost, opportunity, balance, thermal, angles, curves, circles, currents,
            stability, states, storage, ramps, horizon=horizon,
        )  # fmt: skip
        if soft.intact or soft.states:
            opf = dataclasses.replace(opf, soft=opf.softened(soft))
        objective(whole, opf.parts, horizon)
        for parameter, column in opf.writes(inputs):
            parameter.values[:] = column
        return opf

    @property
    def parts(self) -> Sequence[Part]:
        """All parts that this problem has, in the order of their declaration."""
        return [part for part in vars(self).values() if isinstance(part, Part)]

    # -- what the parts say of themselves -------------------------------------------

    def writes(self, inputs: Inputs, names: Collection[str] = QUANTITIES) -> Writes:
        """Params and their values, of those that follow from these numbers only."""
        rules = (rule for part in self.parts for rule in part.follows())
        asked = (rule for rule in rules if any(name in names for name in rule.names))
        return [pair for rule in asked for pair in rule.values(inputs)]

    def point(self, reduction: Reduction) -> OperatingPoint | None:
        """The present values of the variables, for checks by the tables of the network.

        None when the grid strength was set by hand to what no network has.

        Args:
            reduction: of the present network at strength 1, which knows it at other strengths.
        """
        alpha = float(self.flows.alpha.values[0])
        if not alpha > 0:
            return None
        net = reduction.at_strength(alpha).net
        power = self.generation.p.value + 1j * self.generation.q.value
        nothing = np.zeros(0)
        lines = (nothing, nothing, nothing)
        if self.dclines is not None:
            lines = (self.dclines.pf.value, self.dclines.qf.value, self.dclines.qt.value)
        return OperatingPoint(net, self.voltages.vm.value, self.voltages.va.value, power, lines)

    def softened(self, prices: SoftPrices) -> SoftLimits:
        """Limits that may be violated at these prices; their rows and bounds are changed."""
        after = [] if self.states is None else self.states.relaxations()
        intact, states = (self._of_intact(), prices.intact), (after, prices.states)
        return SoftLimits.declare(self.formulation, intact, states)

    def relaxations(self) -> list[Relaxation]:
        """All limits."""
        return [*self._of_intact(), *(() if self.states is None else self.states.relaxations())]

    def cost(self, at: OperatingPoint) -> float:
        """The cost at a point out of the tables of the network; over all hours, if there are any.

        Args:
            at: the point.
        """
        costs = [pair for part in self.parts for pair in part.cost(at).items()]
        return float(sum(self.hours(symbol) @ cost for symbol, cost in costs))

    def hours(self, symbol: Symbol) -> Floats:
        """Duration for which the costs of each member of a family count, h; 1 without hours."""
        if self.horizon is None:
            return np.ones(len(symbol))
        return self.horizon.duration(symbol)

    def _of_intact(self) -> list[Relaxation]:
        hourly = (self.storage, self.ramps)
        others = (self.states, *hourly)
        parts = (part for part in self.parts if part not in others)
        found = [one for part in parts for one in part.relaxations()]
        circles = (self.capability, self.opportunity_cost)
        rows = [part.rows for part in circles if part is not None]
        if self.ratings is not None and rows:
            found.append(self.ratings.relaxed(rows))
        if self.horizon is None:
            return found
        named = [
            dataclasses.replace(one, labels=[self.horizon.label(label) for label in one.labels])
            for one in found
        ]
        return [*named, *(one for part in hourly if part is not None for one in part.relaxations())]

    def factors(self) -> list[Relaxation]:
        """Numbers that act on many rows at once."""
        loads, droops = self.balance.load_factor(), self.stability.droop_factor()
        found = [loads, *([] if droops is None else [droops])]
        if self.states is None:
            return found
        states = self.states.balance.load_factor(), self.states.stability.droop_factor()
        return [
            one if more is None else dataclasses.replace(one, effects=[*one.effects, *more.effects])
            for one, more in zip(found, states, strict=False)
        ]


def objective(f: Formulation, parts: Sequence[Part | None], horizon: Horizon | None = None) -> None:
    """`total_cost`: the costs of these parts, currency per hour, or over the durations of hours."""
    costs = [cost for part in parts if part is not None for cost in part.costs]
    if horizon is not None:
        weights = [horizon.duration(cost) for cost in costs]
        costs = [
            cost
            if (hours == 1.0).all() or cost.index is None
            else f.expression(f"{cost.name}_of_hours", cost.index, f.data(hours) * cost[:])
            for cost, hours in zip(costs, weights, strict=True)
        ]
    f.objective("total_cost", sum(cost.total() for cost in costs))


def _without_circle(horizon: Horizon, inverters: Inverters) -> Flags:
    """Mask of the storage that does not make up an inverter, whose circle it is, by itself."""
    single = {group[0] for group in inverters.gens if len(group) == 1}  # of the first hour as well
    return np.array([number not in single for number in horizon.storage_gen.tolist()])
