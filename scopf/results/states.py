"""Operating states after outages: their tables, and their parts of the prices."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Flags, Floats, Strings
from scopf.devices import kinds
from scopf.devices.mixed import taken
from scopf.devices.strength import short_circuit_ratios
from scopf.dynamics.settled import Settled
from scopf.engine.nlp import NLP
from scopf.model.problem import Problem
from scopf.model.states import setting
from scopf.results import device_states, dispatch, flow_table
from scopf.results.point import Point
from scopf.results.prices import TRACE, Multipliers, of_square
from scopf.stability.rows import NOBODY, Stability

if TYPE_CHECKING:
    import pandas as pd

    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network


@dataclass(frozen=True, eq=False)
class AfterOutages:
    """All states after outages at one point, side by side; per unit, rad and currency/h.

    Attributes:
        settled: the states.
        vm, va: voltages of the buses.
        pg, qg: output of the generators.
        flows: into the branches, rows p_from, q_from, p_to, q_to.
        loading: of both ends of the branches, share of the emergency rating.
        before: the operating point of the intact network.
        loads: of the buses by column of their table, as far as they are served.
        demand: active and reactive load of the buses that is served.
        shed: that is not served, rows p and q.
        frequency: deviation of each island.
        balance: parts of dJ*/d(load P) and dJ*/d(load Q) with the limits held, per p.u.
        solved: whether prices mean anything.
        ratings: -dJ*/d(rating) at both ends of the branches.
        voltages: prices of Vmin and Vmax of the buses.
        stability: the criterion on these networks.
        by_droop: part of dJ*/dm_q that the settling by droops has, by inverter.
        load_angles: prices of K >= 0 of the machines.
    """

    settled: Settled
    vm: Floats
    va: Floats
    pg: Floats
    qg: Floats
    flows: Floats
    loading: tuple[Floats, Floats]
    before: Point
    loads: dict[str, Floats]
    demand: tuple[Floats, Floats]
    shed: Floats
    frequency: Floats
    balance: Floats
    solved: bool
    ratings: Floats
    voltages: tuple[Floats, Floats]
    stability: Stability
    by_droop: Floats
    load_angles: Floats

    @classmethod
    def read(
        cls, problem: Problem, nlp: NLP, multipliers: Multipliers, x: Floats, point: Point
    ) -> AfterOutages | None:
        """The states at the formulation's present point; None for a problem without.

        Args:
            problem: that was solved.
            nlp: the same, compiled.
            multipliers: of the solver.
            x: the point.
            point: the same, of the intact network.
        """
        states = problem.opf.states
        if states is None:
            return None
        settled, missing = states.settled, np.nan if not multipliers.solved else 0.0
        inputs = problem.inputs()
        stability = states.stability.read(setting(settled, inputs), multipliers)
        flows = np.array([nlp.values_of(f.name, x) for f in states.flows.into])
        vm = states.voltages.vm.value.copy()
        loading = states.thermal.loading(flows, vm)
        balances, loads = (states.balance.p, states.balance.q), states.balance.loads
        shedding = states.balance.shedding
        share = np.zeros(len(vm)) if shedding is None else shedding.of_buses()
        served = {key: one.values[loads.place] * (1.0 - share) for key, one in loads.params.items()}
        shed = np.array([power * share for power in loads.demand(vm)])
        ratings = np.zeros((2, len(settled.net.branch)))
        for row, (rows, share) in enumerate(
            zip((states.thermal.at_from, states.thermal.at_to), loading, strict=True)
        ):
            at = states.thermal.branches
            ratings[row, at] = np.maximum(multipliers.of_rows(rows, 0.0), 0) * of_square(share[at])
        q, before = states.output.q.value, problem.opf.generation.q.value[settled.gen]
        units = settled.units
        moved = np.bincount(settled.owner[units], (q - before)[units], len(settled.inverters))
        rows, beta_q = states.settling.droop, states.settling.beta_q
        droop = multipliers.of_rows(rows, 0.0) * beta_q.values * moved
        droop = droop * states.stiffness
        angles, limits = np.zeros(len(settled.devices.machines)), states.stability.declared
        if limits.load_angles is not None:
            angles = multipliers.price(limits.load_angles, lower=True)
        return cls(
            settled, vm, states.voltages.va.value.copy(), nlp.values_of(states.output.p.name, x),
            q.copy(), flows, loading, point, served, states.balance.demand(vm), shed,
            states.frequency.value.copy(),
            np.array([missing - multipliers.of_rows(one, np.nan) for one in balances]),
            multipliers.solved,
            missing + ratings, multipliers.of_bounds(states.voltages.vm), stability,
            missing + droop, missing + angles,
        )  # fmt: skip

    @cached_property
    def device(self) -> Strings:
        """The device of each generator of each state; see `scopf.devices.kinds.of_gens`."""
        of = self.settled
        return kinds.of_gens(of.net.gen, of.inverters.units.gen, of.devices)

    # -- sums over states -------------------------------------------

    @cached_property
    def lmp(self) -> Floats:
        """Parts of dJ*/d(load) by bus of each state, limits that follow the loads included."""
        by_load = self.stability.load_prices
        if by_load is None or not self.solved:
            return self.balance
        return self.balance + np.array(by_load(TRACE))

    def load_prices(self) -> Floats:
        """Sum of the states' parts of dJ*/d(load), shape (2, n) of the intact network."""
        at, n = self.settled.bus, len(self.settled.intact.bus)
        return np.array([np.bincount(at, row, n) for row in self.lmp])

    def by_inverter(self, values: Floats, count: int) -> Floats:
        """Sums over the states of values of their inverters, by inverter of the intact network."""
        found: Floats = np.bincount(self.settled.inverter, values, count).astype(np.float64)
        return found

    @property
    def load_angles_by_gen(self) -> dict[int, float]:
        """Sums over the states of the prices of K >= 0, by generator."""
        found = dict[int, float]()
        gens = self.settled.devices.machines.gen % self.settled.stack.step
        for gen, price in zip(gens.tolist(), self.load_angles.tolist(), strict=True):
            found[gen] = found.get(gen, 0.0) + price
        return found

    @cached_property
    def dcost_dmq(self) -> Floats:
        """Part of dJ*/dm_q of every inverter of every state: of its rows, and of its droop."""
        rows = np.nan_to_num(self.stability.dcost_dmq)
        return rows + self.by_droop

    # -- tables -------------------------------------------

    def state(self, name: str, binding: Flags) -> State:
        """The tables of a state."""
        part = self.settled.names.index(name)
        return State(self, part, binding)


@dataclass(frozen=True, eq=False)
class State:
    """The tables of one state after an outage, in the user's own numbers and units.

    The prices are this state's parts: summed over all states and the intact network they are those
    of the dispatch.
    """

    _all: AfterOutages
    _part: int
    _binding: Flags

    @property
    def name(self) -> str:
        """Of the state: "branch 6"."""
        return self._all.settled.names[self._part]

    def __repr__(self) -> str:
        return f"State({self.name!r})"

    def _of(self, table: str) -> Flags:
        return np.asarray(self._all.settled.stack.part_of(table) == self._part)

    @cached_property
    def net(self) -> Network:
        """The network at this operating point, energized, its limits those after the outage."""
        after, stack = self._all, self._all.settled.stack
        there = {key: stack.slice(key, self._part) for key in ("bus", "gen", "branch", "dcline")}
        intact = dispatch.energized(after.settled.intact, after.before)
        at = {key: getattr(after.settled, key)[there[key]] for key in ("branch", "dcline")}
        net = stack.parts[self._part]
        vm = after.vm[there["bus"]]
        loads = {key: column[there["bus"]] for key, column in after.loads.items()}
        line = {key: getattr(intact.dcline, key)[at["dcline"]] for key in ("pf", "qf", "qt")}
        line |= {"vf": vm[net.dcline_from], "vt": vm[net.dcline_to]}
        return net.replace(
            bus={**loads, "vm": vm, "va": after.va[there["bus"]]},
            gen={"pg": after.pg[there["gen"]], "qg": after.qg[there["gen"]], "vg": vm[net.gen_at]},
            branch={key: getattr(intact.branch, key)[at["branch"]] for key in ("r", "x")},
            dcline=line,
        )

    def inverters_of(self, intact: Inverters) -> Inverters:
        """The inverters that are left, with droops as those of the intact network have them."""
        return self._all.settled.inverters_after(self._part, intact)

    @cached_property
    def branch(self) -> Flags:
        """Mask of its branches among those of all states."""
        return self._of("branch")

    @cached_property
    def inverter(self) -> Flags:
        """Mask of its inverters."""
        part = self._all.settled.inverters.bus // self._all.settled.stack.step
        return np.asarray(part == self._part)

    @property
    def frequency(self) -> Floats:
        """P.u. deviation of the frequency of each of its islands with inverters or machines."""
        keys = self._all.settled.islands
        here = np.array([name == self.name for name, _ in keys], dtype=bool)
        return np.asarray(self._all.frequency[here])

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltages, loads and prices by bus."""
        import pandas as pd

        here, net = self._of("bus"), self._all.settled.stack.parts[self._part]
        base, after = net.base_mva, self._all
        return pd.DataFrame(
            {
                "bus": net.bus.id,
                **({"island": net.island} if net.islands > 1 else {}),
                "vm": after.vm[here],
                "va_deg": np.degrees(after.va[here]),
                "p_load_mw": after.demand[0][here] * base,
                "q_load_mvar": after.demand[1][here] * base,
                **self._shed(here),
                "lmp_p_per_mwh": after.lmp[0][here] / base,
                "lmp_q_per_mvarh": after.lmp[1][here] / base,
                "mu_vm_min_per_pu": after.voltages[0][here],
                "mu_vm_max_per_pu": after.voltages[1][here],
            }
        )

    def _shed(self, here: Flags) -> dict[str, Floats]:
        """Load that is not served, where any is shed."""
        p, q = self._all.shed[:, here] * self._all.settled.stack.net.base_mva
        return {"p_shed_mw": p, "q_shed_mvar": q} if self._all.shed.any() else {}

    @cached_property
    def gens(self) -> pd.DataFrame:
        """Output by generator."""
        import pandas as pd

        here, of = self._of("gen"), self._all.settled
        gen, base = of.stack.parts[self._part].gen, of.net.base_mva
        return pd.DataFrame(
            {
                "gen": gen.id,
                "bus": gen.bus,
                "device": self._all.device[here],
                "p_mw": self._all.pg[here] * base,
                "q_mvar": self._all.qg[here] * base,
            }
        )

    @cached_property
    def devices(self) -> pd.DataFrame:
        """Machines and grid-following inverters, as `Solution.devices` has them."""
        after, settled = self._all, self._all.settled
        devices, step = settled.devices, settled.stack.step
        here = devices.gens // step == self._part
        at = np.concatenate([settled.machine_gen, settled.follower_gen])[here]
        price = after.load_angles[here[: len(devices.machines)]]
        power, v = (after.pg[at], after.qg[at]), after.vm[settled.net.gen_at[at]]
        own = settled.stack.net.base_mva
        found = device_states.frame(devices.take(here), power, v, price, own)
        return found.assign(gen=found["gen"] % step, bus=found["bus"] % step)

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Flows, loading by the emergency rating and prices of the ratings, by branch."""
        import pandas as pd

        here, net = self.branch, self._all.settled.stack.parts[self._part]
        loading = np.maximum(*(side[here] for side in self._all.loading))
        mu_from, mu_to = self._all.ratings[:, here] / net.base_mva
        return pd.DataFrame(
            {
                **flow_table.columns(net, self._all.flows[:, here], loading, {}),
                "mu_s_from_per_mvah": mu_from,
                "mu_s_to_per_mvah": mu_to,
            }
        )

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """Output, limit, margin and prices by inverter, as `Solution.inverters` has them."""
        import pandas as pd

        here, after, settled = self.inverter, self._all, self._all.settled
        net = settled.stack.parts[self._part]
        found, step = after.stability, settled.stack.step
        at, units = settled.keep[here], settled.units
        count = len(settled.inverters)
        p, q = (
            np.bincount(settled.owner[units], power[units], count)[here] * net.base_mva
            for power in (after.pg, after.qg)
        )
        neighbor = found.neighbor[here]
        known = np.where(neighbor == NOBODY, 0, neighbor % step)
        return pd.DataFrame(
            {
                "bus": settled.inverters.bus[here] % step,
                "vm": after.vm[at],
                "p_mw": p,
                "q_mvar": q,
                "limit_pu": found.limit[here],
                "margin": found.margin[here],
                "neighbor": pd.arrays.IntegerArray(known, neighbor == NOBODY),
                "binding": self._binding[here],
                "nssp_per_pu": found.nssp[here],
                "dcost_dmq": after.dcost_dmq[here],
                "scr": self._strength(),
            }
        )

    def _strength(self) -> Floats:
        """Short-circuit ratios of the inverters that are left, in what is left of the network."""
        settled, alpha = self._all.settled, self._all.before.alpha
        of, here, step = settled.inverters, self.inverter, settled.stack.step
        if not alpha > 0:
            return np.full(int(here.sum()), np.nan)
        net = settled.stack.parts[self._part].scaled(susceptance=alpha)
        machines = settled.devices.machines
        machines = taken(machines, machines.gen // step == self._part)
        machines = dataclasses.replace(machines, bus=machines.bus % step)
        return short_circuit_ratios(net, of.bus[here] % step, of.rating[here], machines)
