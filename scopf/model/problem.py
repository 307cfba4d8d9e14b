"""A problem: a network, its inverters and a criterion, and the optimisation model made of them."""

from __future__ import annotations

import dataclasses
import logging
import reprlib
import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from scopf.arrays import Floats
from scopf.devices import mbase, ratings
from scopf.devices.gfm import Inverters
from scopf.dynamics.settled import Settled
from scopf.engine.formulation import Formulation
from scopf.engine.gc_off import collector_off
from scopf.engine.symbols import Parameter
from scopf.errors import ScopfError, listing, spelled
from scopf.model import capability as circles
from scopf.model import codesign, costs, quantities
from scopf.model.opf import OPF
from scopf.model.part import Inputs, Writes
from scopf.model.quantities import OF_INVERTERS, QUANTITIES, Numbers, takes_numbers
from scopf.model.scenario import Scenario
from scopf.network.kron import Reduction
from scopf.network.network import Network
from scopf.network.outages import Outage
from scopf.stability.criterion import Criterion
from scopf.stability.setting import Setting

if TYPE_CHECKING:
    import pyomo.environ as pyo

log = logging.getLogger(__name__)

_AT_ONCE = 5  # outages whose states are all in the model from the beginning


class Problem:
    """An optimisation model that is solved, changed and solved again; `build` makes it.

    Threads take turns: one at a time solves, updates or diagnoses it.

    Attributes:
        given: the network that it was built from.
        base: the part of it that is energized; of all hours side by side, if there are several.
        horizon: the hours; None for a single one.
        inverters: the inverters that the criterion constrains, of all hours.
        own_inverters: those of one hour, without storage.
        criterion: the stability criterion.
        scenario: the numbers that `update` changes.
        opf: (P1) with handles of all its parts; `model` is the same as a Pyomo model.
        states: the outages after which there are states in it; `solve` adds those that bind.
        reduction: the network reduced to its inverters.
        setting: the network, droops and margins that the criterion is about, as they were given.
        present: the same, with what was set by hand on the Pyomo model (see `adopt`).
        in_use: whether the Pyomo model was asked for, so that it may have been changed.
        lock: held by whoever solves, updates or diagnoses it.
    """

    def __init__(
        self, given: Network, inverters: Inverters, criterion: Criterion, scenario: Scenario
    ) -> None:
        self.given, self.horizon = given, scenario.horizon(given)
        self.base = given.energized() if self.horizon is None else self.horizon.net
        self.own_inverters, self.criterion = inverters, criterion
        self.inverters = self._of_all_hours(inverters)
        self.scenario, numbers = scenario, scenario.numbers
        net = self._scaled(numbers)
        self.reduction = Reduction(net, net.bus_positions(self.inverters.bus))
        self.setting = self.present = self._setting(self.reduction, self.inverters, numbers)
        if scenario.capability:
            bus = self.inverters.bus
            own = bus if self.horizon is None else self.horizon.own(bus)
            circles.check(net, self.inverters, own)
        self.states, self.in_use = self.at_first, False
        self._declare()
        if numbers["margin"] or numbers["droop_margin"]:
            self._warn_without_margin()
        self.lock = threading.RLock()
        self._candidates: tuple[Inverters, Settled] | None = None

    def _setting(self, reduction: Reduction, inverters: Inverters, numbers: Numbers) -> Setting:
        margins = numbers["margin"], numbers["droop_margin"] or 0.0
        devices = self.scenario.devices
        if devices is not None and self.horizon is not None:
            devices = self.horizon.devices(devices)
        return Setting(reduction, inverters, numbers["alpha"], *margins, devices=devices)

    def _of_all_hours(self, inverters: Inverters) -> Inverters:
        return inverters if self.horizon is None else self.horizon.side_by_side(inverters)

    def _scaled(self, numbers: Numbers) -> Network:
        """The network with its loads times their factors; of all hours."""
        load = numbers["load_scale"]
        return (self.base if self.horizon is None else self.horizon).scaled(load=load)

    def _declare(self) -> None:
        """Declare the model with its present numbers and states."""
        scenario, inputs, settled, bounds = self.scenario, self.inputs(), None, None
        if scenario.mq_bounds is not None:
            bounds = codesign.bounds(self.inverters, scenario.mq_bounds)
        if self.states:
            there = self.states, scenario.bands, inputs.net, self.inverters, scenario.devices
            settled = Settled.after(*there, sheds=self._sheds)
        choices = scenario.capability, scenario.limit
        prices = scenario.soft_prices(inputs.net)
        with collector_off():
            self.opf = OPF.declare(inputs, self.criterion, *choices, bounds, settled, prices)
        self.compiled: dict[bool, Any] = {}  # kept by `solve`: reduced (False) and lifted (True)
        self._by_hand: tuple[str, ...] = ()  # Params that were set by hand, when last looked at
        self._written: dict[str, Floats] = {}  # values that were given to Params on the model
        self._seen: tuple[Setting, dict[str, Floats]] | None = None  # by `adopt` when last called

    @property
    def candidates(self) -> Settled:
        """The states after all outages that were asked for."""
        scenario = self.scenario
        given = self.outages, scenario.bands, self.base, self.inverters, scenario.devices
        if self._candidates is None or self._candidates[0] is not self.inverters:
            all_of_them = Settled.after(*given, sheds=self._sheds)
            self._candidates = self.inverters, all_of_them
        return self._candidates[1]

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The outages that were asked for and after which a generator is left."""
        asked = self.scenario.outages
        return tuple(outage for outage in asked if outage.leaves_generation(self.base))

    @property
    def _sheds(self) -> bool:
        return self.scenario.numbers["voll"] is not None

    @property
    def at_first(self) -> tuple[Outage, ...]:
        """The states that it is declared with: all of a few, else those that `solve` adds."""
        outages = self.outages
        return outages if len(outages) <= _AT_ONCE else ()

    def restart(self) -> None:
        """Declare the model with the states that it had at first."""
        self.states = self.at_first
        self._declare()

    def include(self, outages: Collection[Outage]) -> None:
        """Put states after these outages into the model, which is declared again.

        Once the Pyomo model has been asked for, all are in it.
        """
        wanted = {*self.states, *outages}
        if len(wanted) > len(self.states):
            self.states = tuple(one for one in self.outages if one in wanted)
            self._declare()

    def exclude(self, outages: Collection[Outage]) -> None:
        """Take the states after these outages out of the model, which is declared again."""
        self.states = tuple(one for one in self.states if one not in outages)
        self._declare()

    def __reduce__(self) -> tuple[type[Problem], tuple[Any, ...]]:
        if self.formulation.rendering is not None:
            log.warning(
                "%s: the copy is as it was built; what was done to the Pyomo model is not in it",
                self.base.name,
            )
        return Problem, (self.given, self.own_inverters, self.criterion, self.scenario)

    def __repr__(self) -> str:
        texts = {name: reprlib.repr(value) for name, value in self.scenario.flat.items()}
        before = Scenario().flat | {"droop_margin": 0.0}
        changed = [f"{name}={text}" for name, text in texts.items() if text != repr(before[name])]
        net = self.base if self.horizon is None else self.given.energized()
        return f"Problem({', '.join([repr(net), self.criterion.name, *changed])})"

    @property
    def formulation(self) -> Formulation:
        """The model by families."""
        return self.opf.formulation

    @property
    def net(self) -> Network:
        """The network of the present scenario: loads and series admittances scaled."""
        return self.reduction.at_strength(self.scenario.numbers["alpha"]).net

    @property
    def model(self) -> pyo.ConcreteModel:
        """The Pyomo ConcreteModel; add variables, constraints and objective terms as you like.

        It is made when it is first asked for. From then on it is what `solve` solves, with whatever
        was changed on it. With outages it has the states after all of them.
        """
        if not self.in_use:
            self.include(self.outages)
            self.in_use = True
        return self.formulation.model

    @spelled
    @takes_numbers("float", "float | Mapping[int, float]")
    def update(self, *, inverter_share: float | None = None, **numbers: Unpack[Numbers]) -> Problem:
        """Change numbers of the problem; nothing is rebuilt, the next solve starts at once.

        What is not given stays as it is. The result is the problem that `build` would make of these
        numbers. Params of the model are overwritten, whatever was set by hand: `gen_d` by eta_q and
        d, those of loads by load_scale, `alpha` by alpha, `stability_margin` by margin,
        `gen_q_price` by q_price, `inverter_opportunity_price` by opportunity_price,
        `inverter_stiffness` by mq and droop_percent, and the criterion's own
        (`inverter_gamma_unit`) by alpha, load_scale and droop_margin: a reduced network depends on
        alpha and on the loads, which are part of the reduction.

        Args:
            inverter_share: always refused: machines and inverters have other variables and rows.
            **numbers: any of these, mq on the system base; a mapping by bus or generator replaces
                all that was given before, but for mq and droop_percent, where buses that it does
                not name keep what they have.

        Returns:
            The problem itself.

        Raises:
            ScopfError: for a value that does not fit; then nothing has changed.
        """
        if inverter_share is not None:
            raise ScopfError(
                "inverter_share: machines and inverters have other variables and rows, which no "
                "update changes: build the problem again with it"
            )
        changes = quantities.given(numbers)
        with self.lock:
            droops = {name: changes.pop(name) for name in OF_INVERTERS if name in changes}
            for name, given in droops.items():
                if hasattr(given, "items"):  # a mapping or a pandas Series
                    droops[name] = self.base.unserved.without(dict(given.items()))
            if "droop_percent" in droops:
                ratings.warn(self.given, mbase.by_mbase(self.given, self.own_inverters))
            return self.change(self.own_inverters.with_droops(**droops), changes)

    def try_droop_margin(self, droop_margin: float) -> Problem:
        """Set the droop margin for the time being; Params that were set by hand keep their values.

        Args:
            droop_margin: as `update` takes it; it does not count as given by the user.

        Returns:
            The problem itself.
        """
        return self.change(self.own_inverters, {"droop_margin": droop_margin}, temporary=True)

    def change(
        self, inverters: Inverters, numbers: Mapping[str, Any], *, temporary: bool = False
    ) -> Problem:
        """`update` with droops as other inverters have them.

        Args:
            inverters: those of the problem, of one hour, with other m_q and beta_q.
            numbers: as `update` takes them, without mq and droop_percent.
            temporary: whether numbers do not count as given, and Params that were set by hand stay.

        Returns:
            The problem itself.

        Raises:
            ScopfError: as `update` raises it.
        """
        changes = quantities.given(numbers)
        names = {*changes} if inverters is self.own_inverters else {*changes, "mq"}
        self._refuse_what_it_was_not_built_with(names)
        after = quantities.changed(self.scenario.numbers, changes)
        own = self.scenario.own_droop_margin or ("droop_margin" in changes and not temporary)
        scenario = dataclasses.replace(self.scenario, numbers=after, own_droop_margin=own)
        reduction, before = self.reduction, self.scenario.numbers
        if after["load_scale"] != before["load_scale"]:
            reduction = Reduction(self._scaled(after), reduction.keep)
        every = self.inverters
        if inverters is not self.own_inverters:
            every = self._of_all_hours(inverters)
        setting = self._setting(reduction, every, after)
        if not np.array_equal(every.beta_q, self.inverters.beta_q):
            names |= {"beta_q"}
        inputs = Inputs(reduction.net, every, setting, after, self.horizon)
        pairs = self.opf.writes(inputs, names)
        if after["eta_q"] and not before["eta_q"]:
            costs.warn_without_quadratic(self.given.energized())
        self.scenario, self.own_inverters, self.inverters = scenario, inverters, every
        self.reduction, self.setting, self.present = reduction, setting, setting
        if changes.keys() & {"margin", "droop_margin"}:
            self._warn_without_margin()
        self._write(pairs, keep=temporary)
        return self

    def _refuse_what_it_was_not_built_with(self, names: Collection[str]) -> None:
        """A part of the model has variables of its own, so that it cannot come with an update."""
        for name in names:
            if text := quantities.misfit(name, self.scenario.mq_bounds is not None):
                raise ScopfError(text)
            if QUANTITIES[name].needs_build and getattr(self.scenario, name) is None:
                raise ScopfError(
                    f"{name}: the problem was built without this cost; give `build` {name}=0 to "
                    "change it later"
                )

    def inputs(self) -> Inputs:
        """All that the Params of the problem follow from, as it stands."""
        at = self.present
        return Inputs(at.net, at.inverters, at, self.scenario.numbers, self.horizon)

    def adopt(self) -> None:
        """Let the criterion follow what was set by hand on the Pyomo model.

        A Param is set by hand where it differs from what `build` or `update` gave it. It holds, and
        where the grid strength, a load or a stiffness was set, the criterion's own Params follow,
        but for those that were set by hand themselves.
        """
        made = self.formulation.rendering
        if made is None:
            return
        symbols = self.formulation.of_kind(Parameter)
        values = {one.name: made.values(one) for one in symbols}
        by_hand = tuple(
            one.name
            for one in symbols
            if not np.array_equal(values[one.name], self._written.get(one.name, one.values))
        )
        for one in symbols:
            self._written.setdefault(one.name, one.values.copy())
        if not by_hand and not self._by_hand:
            return
        before, self._seen = self._seen, (self.setting, values)
        if before is not None and before[0] is self.setting and _equal(before[1], values):
            return
        self.present = self._adopted(values, by_hand)
        inputs = self.inputs()
        if by_hand and by_hand != self._by_hand:
            ours = {one.name for one, _ in self.opf.writes(inputs)}
            if overridden := [name for name in by_hand if name in ours]:
                text = "%s: set by hand on the Pyomo model: %s"
                log.warning(text, self.base.name, listing(overridden))
        self._by_hand = by_hand
        limits = self.opf.writes(inputs, {"beta_q"})  # of the criterion alone
        self._write(limits, keep=True)
        values |= {one.name: one.values.copy() for one, _ in limits}

    def _adopted(self, values: Mapping[str, Floats], by_hand: Collection[str]) -> Setting:
        """The setting with these values of the Params that were set by hand."""
        opf, setting = self.opf, self.setting
        loads = {key: one.name for key, one in opf.loads.params.items() if one.name in by_hand}
        if loads:
            net = setting.net.replace(bus={key: values[name] for key, name in loads.items()})
            reduction = Reduction(net, setting.reduction.keep)
            setting = dataclasses.replace(setting, reduction=reduction)
        alpha = float(values[opf.flows.alpha.name][0])
        if opf.flows.alpha.name in by_hand and alpha > 0:
            setting = dataclasses.replace(setting, alpha=alpha)
        stiffness = values.get(opf.stiffness.symbol.name)  # a variable in co-design
        if opf.stiffness.symbol.name in by_hand and stiffness is not None and (stiffness > 0).all():
            inverters = setting.inverters.replace(mq=1.0 / stiffness)
            setting = dataclasses.replace(setting, inverters=inverters)
        return setting

    def _warn_without_margin(self) -> None:
        if self.opf.stability.declared.margin is None:
            text = "%s: the criterion %s has no rows that could leave a margin"
            log.warning(text, self.base.name, self.criterion.name)

    def _write(self, pairs: Writes, *, keep: bool) -> None:
        """Give Params their values, on the model as well if there is one.

        Args:
            pairs: Params and values.
            keep: whether what was set by hand on the model stays.
        """
        made = self.formulation.rendering
        for parameter, column in pairs:
            if made is None:
                parameter.values[:] = column
                continue
            now = made.values(parameter)
            by_hand = now != self._written.get(parameter.name, parameter.values)
            parameter.values[:] = np.where(by_hand & keep, now, column)
            made.write(parameter)
            self._written[parameter.name] = np.broadcast_to(column, now.shape).copy()


def _equal(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)
