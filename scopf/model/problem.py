"""A problem: a network, its inverters and a criterion, and the optimisation model made of them."""

from __future__ import annotations

import dataclasses
import logging
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.gc_off import collector_off
from scopf.engine.symbols import Parameter
from scopf.errors import ScopfError, by_number, listing, number, spelled
from scopf.model import capability as circles
from scopf.model import codesign
from scopf.model import costs as reactive_costs
from scopf.model.codesign import Bounds
from scopf.model.costs import (
    Coefficients,
    ReactiveCosts,
    add_objective,
    reactive,
    warn_without_quadratic,
)
from scopf.model.opf import ac_opf
from scopf.network.kron import Reduction
from scopf.network.network import LOADS, Network
from scopf.stability import registry
from scopf.stability.criterion import MARGIN, Criterion, Setting

log = logging.getLogger(__name__)

Droop = float | Mapping[int, float]


@dataclass(frozen=True)
class Scenario:
    """The numbers that `Problem.update` changes.

    Attributes:
        eta_q, d: reactive power cost, as given to `build`.
        load_scale: factor on every load, or by bus number.
        alpha: grid strength.
        margin: room that stability rows have to leave, p.u. voltage.
        droop_margin: share by which droops count as larger than they are.
        mq_bounds: least and largest m_q in co-design; None when the droops are given.
        stiffness_cost: of 1/m_q in co-design, currency/h.
        q_price: cost of |Q|, as given to `build`; None when the problem does not have it.
        opportunity_price: price of lost opportunity, likewise.
        capability: whether there are capability circles; `update` leaves that as it is.
        own_droop_margin: whether droop_margin was given, and is not what the criterion wants here.
    """

    eta_q: float = 0.0
    d: Coefficients = None
    load_scale: float | Mapping[int, float] = 1.0
    alpha: float = 1.0
    margin: float = 0.0
    droop_margin: float = 0.0
    mq_bounds: Bounds = None
    stiffness_cost: float | Mapping[int, float] = 0.0
    q_price: Coefficients = None
    opportunity_price: Coefficients = None
    capability: bool = False
    own_droop_margin: bool = False

    def __post_init__(self) -> None:
        for name in (
            "d", "load_scale", "mq_bounds", "stiffness_cost", "q_price", "opportunity_price",
        ):  # fmt: skip
            given: Any = getattr(self, name)
            if hasattr(given, "items"):  # a mapping or a pandas Series: what it says now
                object.__setattr__(self, name, dict(given.items()))


class Problem:
    """What `build` made: an optimisation model that is solved, changed and solved again.

    Attributes:
        base: the energized network that it was built from.
        inverters: the inverters that the criterion constrains.
        criterion: the stability criterion.
        scenario: the numbers that `update` changes.
        formulation: the model by families; `model` is the same as a Pyomo model.
        reduction: the network as its inverters see each other.
    """

    def __init__(
        self, base: Network, inverters: Inverters, criterion: Criterion, scenario: Scenario
    ) -> None:
        self.base, self.inverters, self.criterion = base, inverters, criterion
        self.scenario = scenario
        net = base.scaled(load=scenario.load_scale)
        self.reduction = Reduction(net, net.bus_positions(inverters.bus))
        with collector_off():
            costs = ReactiveCosts(
                reactive(net, scenario.eta_q, scenario.d),
                reactive_costs.of_size(net, scenario.q_price),
                reactive_costs.opportunity(net, inverters, scenario.opportunity_price),
            )
            if scenario.capability:
                circles.check(net, inverters)
            self.formulation = ac_opf(net, inverters, costs, scenario.alpha, scenario.capability)
            if scenario.mq_bounds is not None:
                box = codesign.bounds(inverters, scenario.mq_bounds)
                cost = codesign.stiffness_cost(inverters, scenario.stiffness_cost)
                codesign.add_stiffness(self.formulation, inverters, box, cost)
            add_objective(self.formulation)
            criterion.add_rows(self.formulation, self.setting)
            if scenario.margin or scenario.droop_margin:
                self._warn_without_margin()
        self.compiled: dict[bool, Any] = {}  # kept by `solve`: reduced (False) and lifted (True)

    def __reduce__(self) -> tuple[type[Problem], tuple[Any, ...]]:
        if self.formulation.rendering is not None:
            log.warning(
                "%s: the copy is as it was built; what was done to the Pyomo model is not in it",
                self.base.name,
            )
        return Problem, (self.base, self.inverters, self.criterion, self.scenario)

    def __repr__(self) -> str:
        usual, now = vars(Scenario()), vars(self.scenario)
        texts = {name: reprlib.repr(value) for name, value in now.items()}
        changed = [f"{name}={text}" for name, text in texts.items() if text != repr(usual[name])]
        return f"Problem({', '.join([repr(self.base), self.criterion.name, *changed])})"

    @property
    def net(self) -> Network:
        """The network of the present scenario: loads and series admittances scaled."""
        s = self.scenario
        return self.base.scaled(load=s.load_scale, susceptance=s.alpha)

    @property
    def setting(self) -> Setting:
        """What the criterion is about."""
        return _setting(self.reduction, self.inverters, self.scenario)

    @property
    def model(self) -> pyo.ConcreteModel:
        """The Pyomo ConcreteModel; add variables, constraints and objective terms as you like.

        It is made when it is first asked for. From then on it is what `solve` solves, with whatever
        was changed on it.
        """
        return self.formulation.model

    @spelled
    def update(
        self,
        *,
        eta_q: float | None = None,
        d: Coefficients = None,
        mq: Droop | None = None,
        load_scale: float | Mapping[int, float] | None = None,
        alpha: float | None = None,
        margin: float | None = None,
        droop_margin: float | None = None,
        stiffness_cost: float | Mapping[int, float] | None = None,
        q_price: Coefficients = None,
        opportunity_price: Coefficients = None,
    ) -> Problem:
        """Change numbers of the problem; nothing is rebuilt, the next solve starts at once.

        What is not given stays as it is. The result is the problem that `build` would make of these
        numbers. Params of the model are overwritten, whatever was set by hand: `gen_d` by eta_q and
        d, those of loads by load_scale, `alpha` by alpha, `stability_margin` by margin,
        `gen_q_price` by q_price, `inverter_opportunity_price` by opportunity_price, and the
        criterion's own (`inverter_gamma`) by mq, alpha, load_scale and droop_margin: a reduced
        network depends on alpha and on the loads, which are part of the reduction.

        Args:
            eta_q: reactive power cost relative to active; replaces `d`.
            d: quadratic reactive power cost, as in `build`; replaces `eta_q`.
            mq: droop of each inverter on the system base: one number, or by bus number.
            load_scale: factor on every load of the network that was given to `build`; or by bus
                number, which replaces all factors given before (1 at buses that it does not name).
            alpha: grid strength, as in `build`.
            margin: room that stability rows have to leave, p.u. voltage.
            droop_margin: share by which the criterion counts droops as larger than they are.
            stiffness_cost: cost of 1/m_q in co-design, as in `build`.
            q_price: cost of |Q|, as in `build`, which must have been given one (0, say).
            opportunity_price: price of lost opportunity, likewise.

        Returns:
            The problem itself.

        Raises:
            ScopfError: for a value that does not fit; then nothing has changed.
        """
        given = {
            "alpha": alpha, "margin": margin, "droop_margin": droop_margin,
            "eta_q": 0.0 if d is not None and eta_q is None else eta_q,
        }  # fmt: skip
        changes: dict[str, Any] = {
            key: number(key, value) for key, value in given.items() if value is not None
        }
        if droop_margin is not None:
            changes["own_droop_margin"] = True
        if load_scale is not None:
            by_bus = hasattr(load_scale, "items")
            changes["load_scale"] = load_scale if by_bus else number("load_scale", load_scale)
        if eta_q is not None or d is not None:
            changes["d"] = d
        forms = {"q_price": q_price, "opportunity_price": opportunity_price}
        changes |= {name: value for name, value in forms.items() if value is not None}
        self._refuse_without_form(changes)
        if self.scenario.mq_bounds is None and stiffness_cost is not None:
            raise ScopfError("stiffness_cost: droops are given here; build with mq_bounds")
        if self.scenario.mq_bounds is not None and mq is not None:
            raise ScopfError("mq: droops are variables here; change bounds of inverter_stiffness")
        if stiffness_cost is not None:
            changes["stiffness_cost"] = stiffness_cost
        scenario = dataclasses.replace(self.scenario, **changes)
        checked(scenario)
        inverters = self.inverters if mq is None else self._with_droop(mq)
        reduction = self.reduction
        net = reduction.net
        if scenario.load_scale != self.scenario.load_scale:
            net = self.base.scaled(load=scenario.load_scale)
            reduction = Reduction(net, reduction.keep)
        values: dict[str, Any] = {}
        if "eta_q" in changes:
            values["gen_d"] = reactive(net, scenario.eta_q, scenario.d)
            if scenario.eta_q and not self.scenario.eta_q:
                warn_without_quadratic(net)
        if q_price is not None:
            values["gen_q_price"] = reactive_costs.of_size(net, scenario.q_price)
        if opportunity_price is not None:
            prices = reactive_costs.opportunity(net, inverters, scenario.opportunity_price)
            values["inverter_opportunity_price"] = prices
        if "load_scale" in changes:
            values |= {
                f"bus_{key}": getattr(net.bus, key)
                for key in LOADS
                if f"bus_{key}" in self.formulation
            }
        if "alpha" in changes:
            values["alpha"] = np.array([scenario.alpha])
        if "margin" in changes:
            values[MARGIN] = np.array([scenario.margin])
        if stiffness_cost is not None:
            values[codesign.COST] = codesign.stiffness_cost(inverters, stiffness_cost)
        if mq is not None or changes.keys() & {"load_scale", "alpha", "droop_margin"}:
            values |= self.criterion.parameters(_setting(reduction, inverters, scenario))
        self.scenario, self.inverters, self.reduction = scenario, inverters, reduction
        self._set(values)
        return self

    def _with_droop(self, mq: Droop) -> Inverters:
        values: Any = mq
        if not hasattr(values, "items"):  # a mapping or a pandas Series has them
            return self.inverters.replace(mq=np.full(len(self.inverters), number("mq", values)))
        given = by_number("mq", "bus", values)
        buses = self.inverters.bus.tolist()
        unknown = sorted(set(given) - set(buses))
        if unknown:
            raise ScopfError(f"mq: there is no inverter at bus {listing(unknown)}")
        old = self.inverters.mq.tolist()
        return self.inverters.replace(
            mq=np.array([given.get(bus, was) for bus, was in zip(buses, old, strict=True)])
        )

    def _refuse_without_form(self, changes: Mapping[str, Any]) -> None:
        """A form of cost has variables of its own, so that it cannot come with an update."""
        for name in ("q_price", "opportunity_price"):
            if name in changes and getattr(self.scenario, name) is None:
                raise ScopfError(
                    f"{name}: the problem was built without this cost; give `build` {name}=0 to "
                    "change it later"
                )

    def _warn_without_margin(self) -> None:
        if MARGIN not in self.formulation:
            text = "%s: the criterion %s has no rows that could leave a margin"
            log.warning(text, self.base.name, self.criterion.name)

    def _set(self, values: Mapping[str, Floats]) -> None:
        """Set parameters, on the model as well if there is one."""
        for name, column in values.items():
            if name == MARGIN and name not in self.formulation:
                self._warn_without_margin()
                continue
            parameter: Parameter = self.formulation[name]
            parameter.values[:] = column
            if self.formulation.rendering is not None:
                self.formulation.rendering.write(parameter)


@spelled
def build(
    net: Network,
    inverters: Inverters | None = None,
    *,
    criterion: str | Criterion = "voltage-difference",
    eta_q: float = 0.0,
    d: Coefficients = None,
    alpha: float = 1.0,
    margin: float = 0.0,
    droop_margin: float | None = None,
    mq_bounds: Bounds = None,
    stiffness_cost: float | Mapping[int, float] = 0.0,
    capability: bool = False,
    q_price: Coefficients = None,
    opportunity_price: Coefficients = None,
) -> Problem:
    """Formulate the stability-constrained optimal power flow (P1).

    Args:
        net: the network; what is out of service is left out.
        inverters: grid-forming inverters; default one at every generator bus.
        criterion: name of a stability criterion ("voltage-difference" of the paper, "weighted",
            "C0", "C1", "C2", or "none" for the plain AC-OPF), or a criterion object.
        eta_q: reactive power cost relative to active, d_i = eta_q c_i.
        d: quadratic reactive power cost in currency/h per MVAr^2, one number or by generator id,
            instead of eta_q. Either is added to reactive costs that the case itself carries.
        alpha: grid strength: every branch's series admittance times alpha. The reduced network
            counts as alpha B^red, so Gamma is divided by alpha; this is what the paper's figures
            over alpha show. (`net.scaled(susceptance=...)` reduces the changed network anew, its
            loads unscaled, which gives slightly other limits.)
        margin: room that every stability row has to leave, p.u. voltage.
        droop_margin: share by which the criterion counts droops as larger than they are, .06 for
            6 %; by default what the criterion wants on this network (6 % for "weighted" with
            losses, else none).
        mq_bounds: co-design: least and largest m_q of every inverter, or by bus number; their
            stiffness 1/m_q is then a variable, `inverter_stiffness`.
        stiffness_cost: co-design: cost in currency/h per unit of 1/m_q, one number or by bus.
        capability: whether every inverter keeps within its capability circle, P^2 + Q^2 <= S^2 with
            S its rating (the case's mBase is often a nominal 100: see `rating_mva` and
            `rating_factor` of `Inverters.at_generators`).
        q_price: cost of |Q| in currency per MVArh, one number or by generator id.
        opportunity_price: price p in currency per MWh of the active power that an inverter's
            reactive power takes away, p (S - sqrt(S^2 - Q^2)); one number or by bus number. Where
            it is positive, |Q| is at most S. All costs of reactive power add up.

    Returns:
        The problem; its `.model` is a Pyomo model and is meant to be extended.

    Raises:
        ScopfError: for an unknown criterion, or costs or inverters that do not fit the network.
    """
    if not isinstance(net, Network):
        raise ScopfError(f"net must be a Network (see load_case), not {type(net).__name__}")
    net = net.energized()
    rule = registry.get(criterion) if isinstance(criterion, str) else criterion
    if not hasattr(rule, "add_rows") or isinstance(rule, type):
        raise ScopfError(f"criterion must be a name ({listing(registry.names())}) or a criterion")
    if not isinstance(capability, bool):
        raise ScopfError(f"capability is True or False, got {capability!r}")
    if inverters is None:
        inverters = Inverters.at_generators(net)
    if not isinstance(inverters, Inverters):
        raise ScopfError("inverters must be made by Inverters.at_generators(net, ...)")
    if stiffness_cost and mq_bounds is None:
        raise ScopfError("stiffness_cost needs mq_bounds: droops are given otherwise")
    scenario = Scenario(
        eta_q=number("eta_q", eta_q),
        d=d,
        alpha=number("alpha", alpha),
        margin=number("margin", margin),
        droop_margin=rule.droop_margin(net)
        if droop_margin is None
        else number("droop_margin", droop_margin),
        mq_bounds=mq_bounds,
        stiffness_cost=stiffness_cost,
        q_price=q_price,
        opportunity_price=opportunity_price,
        capability=capability,
        own_droop_margin=droop_margin is not None,
    )
    checked(scenario)
    if scenario.eta_q > 0:
        warn_without_quadratic(net)
    at = dict(zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True))
    pairs = zip(inverters.bus.tolist(), inverters.gens, strict=True)
    strange = [bus for bus, gens in pairs if any(at.get(gen) != bus for gen in gens)]
    if strange:
        text = f"inverters at bus {listing(strange)}: {net.name} does not have these generators"
        raise ScopfError(f"{text} there, in service; make the inverters from the same network")
    return Problem(net, inverters, rule, scenario)


def checked(scenario: Scenario) -> None:
    """Refuse numbers out of range.

    Raises:
        ScopfError: naming the number.
    """
    if not scenario.alpha > 0:
        raise ScopfError(f"alpha must be positive, got {scenario.alpha}")
    for name in ("margin", "droop_margin"):
        if getattr(scenario, name) < 0:
            raise ScopfError(f"{name} must be zero or positive, got {getattr(scenario, name)}")


def _setting(reduction: Reduction, inverters: Inverters, scenario: Scenario) -> Setting:
    return Setting(
        reduction,
        inverters,
        scenario.alpha,
        scenario.margin,
        scenario.droop_margin,
        scenario.mq_bounds is not None,
    )
