"""The result of a solve: its tables, and what can be asked of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scopf import display
from scopf.dynamics.droop import FREQUENCY
from scopf.errors import ScopfError, spelled
from scopf.network.outages import INTACT
from scopf.optimizer.progress import watched
from scopf.optimizer.status import Status
from scopf.results import text
from scopf.results.hour_states import HourState
from scopf.results.outages import IntactState
from scopf.results.states import State
from scopf.results.tables import Result
from scopf.results.verified import VerifiedStates

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.diagnosis.text import Diagnosis
    from scopf.dynamics.loads import Load
    from scopf.dynamics.simulation.events import Event, Power
    from scopf.dynamics.simulation.simulated import Simulation
    from scopf.dynamics.verified import Verification
    from scopf.network.network import Network


class Solution(Result):
    """Result of `scopf.solve`; a snapshot that later changes of the model do not touch."""

    @spelled
    def verify(
        self,
        *,
        devices: Devices | None = None,
        load: Load = "power",
        frequency: float = FREQUENCY,
        modes: int = 10,
        method: str = "auto",
        proof: bool | None = None,
        min_damping: float = 0.0,
    ) -> Verification:
        """Check with the dynamics of the full network whether the operating point is stable.

        The network is `energized`, that of the tables. There is no verdict (`stable` is None)
        where the solution's powers do not balance in it, or the balance was rewritten on the Pyomo
        model.

        Args:
            devices: synchronous machines and grid-following inverters, of generators that are no
                unit of a grid-forming inverter; None for those that the problem was built with.
            load: how loads follow the voltage: "power", "current", "impedance", an exponent, a pair
                (n_p, n_q), or any of these by bus number (other buses then have constant power).
            frequency: nominal, Hz.
            modes: number of modes to report.
            method: of finding eigenvalues, "dense", "arnoldi" or "auto".
            proof: with losses, whether to look for a proof of stability beside the eigenvalues;
                None does so where it takes little time (see `scopf.dynamics.verification.verify`).
            min_damping: damping ratio -Re/|lambda| that every oscillation shall have, from 0 to
                below 1; `damped` of the result says whether they do, `stable` is as without.

        Raises:
            ScopfError: after a solve that failed; without an inverter or a machine; for an argument
                that makes no sense.
        """
        from scopf.dynamics.verification import verify

        if not self.solved:
            raise ScopfError(f"there is no operating point to verify: {self.message}")
        if self.problem.horizon is not None:
            count = len(self.states)
            raise ScopfError(f"there are {count} operating points, one an hour: verify_states()")
        point = self.point
        devices = self.setting.devices if devices is None else devices
        settings: dict[str, Any] = {"frequency": frequency, "modes": modes, "method": method}
        settings |= {
            "proof": proof,
            "min_damping": min_damping,
            "load": load,
            "power": (point.pg, point.qg),
            "devices": devices,
        }
        found = verify(self.energized, self.inverter_data, point.vm, point.va, **settings)
        if not self.rewritten or found.stable is None:
            return found
        return dataclasses.replace(found, stable=None, verdict=self._undecided)

    def verify_states(
        self, names: Sequence[str] | None = None, *, progress: bool = False, **how: Any
    ) -> VerifiedStates:
        """Check every operating state with its dynamics: intact and after outages, or every hour.

        After an outage without a state in the model, the grid is where it settles by its droops.

        Args:
            names: of the states; None for "intact" and all outages that were asked for, or for all
                hours.
            progress: whether to show a bar.
            **how: keywords of `verify`.

        Raises:
            ScopfError: after a solve that failed; for an unknown state; for an argument that makes
                no sense.
        """
        if not self.solved:
            raise ScopfError(f"there is no operating point to verify: {self.message}")
        asked = [INTACT, *(outage.name for outage in self.scenario.outages)]
        if self.problem.horizon is not None:
            asked = list(self.states)
        checks: dict[str, Verification] = {}
        left_out = dict[str, str]()
        for name in watched(asked if names is None else list(names), "states", None, progress):
            if name == INTACT and name in asked and self.problem.horizon is None:
                checks[name] = self.verify(**how)
                continue
            try:
                checks[name] = self._verified(self.state(name), how)
            except ScopfError as error:
                if name not in asked:
                    raise
                left_out[name] = str(error)
        return VerifiedStates(checks, left_out)

    @spelled
    def simulate(
        self,
        *,
        outage: Any = None,
        load_step: Mapping[int, Power] | None = None,
        set_point: Mapping[int | str, Mapping[str, float]] | None = None,
        at: float = 1.0,
        reclose_at: float | None = None,
        events: Sequence[Event] = (),
        until: float = 10.0,
        step: float | None = None,
        state: object = None,
        devices: Devices | None = None,
        load: Load = "power",
        impedance_below: float = 0.7,
        frequency: float = FREQUENCY,
        tolerance: float = 1e-7,
        time_limit: float | None = None,
        progress: bool = False,
    ) -> Simulation:
        """Integrate the equations of all devices from the dispatch on, through events.

        The equations are those of `verify`, all of them nonlinear: inverters with their droops and
        filters, machines with governors and regulators, grid-following inverters, static loads.

        Args:
            outage: branches and generators that are lost: "branch 6", "gen 3", "branch 6 + gen 3",
                a branch number, or a list of them.
            load_step: power that loads draw more, (MW, MVAr) by bus.
            set_point: new set points `p_mw`, `q_mvar` and `vm` by bus, or by generator ("gen 3").
            at: time of these, s; the dispatch is at 0.
            reclose_at: when the branches of `outage` come back, s.
            events: further ones, `scopf.Event(time, ...)`.
            until: end, s.
            step: between outputs, s; a thousandth of `until` by default.
            state: the state to start from: an hour, or one after an outage; None for the intact
                network.
            devices: as in `verify`.
            load: how loads follow the voltage, as in `verify`.
            impedance_below: voltage, p.u., below which constant powers and currents become constant
                impedances; 0 for never.
            frequency: nominal, Hz.
            tolerance: relative tolerance of the integrator.
            time_limit: wall time, s, after which it ends where it is.
            progress: whether to show a bar.

        Raises:
            ScopfError: after a solve that failed; for a dispatch whose powers do not balance in the
                network's tables, or whose model was rewritten by hand; for an argument that makes
                no sense, all unknown places of events at once.
        """
        from scopf.results import simulating

        if not self.solved:
            raise ScopfError(f"there is no operating point to start from: {self.message}")
        if self.rewritten:
            raise ScopfError(
                "the dynamics know the network's tables only, and the model has been rewritten: "
                f"{', '.join(self.rewritten)}"
            )
        asked = simulating.first_events(outage, load_step, set_point, at, reclose_at)
        asked = simulating.all_events(asked, events)
        point = self.point
        if state is None or (state == INTACT and self.problem.horizon is None):
            if self.problem.horizon is not None:
                count = len(self.states)
                raise ScopfError(f"there are {count} operating points; give one as state=")
            devices = self.setting.devices if devices is None else devices
            start: tuple[Any, ...] = self.energized, self.inverter_data, point.vm, point.va
            power = point.pg, point.qg
        else:
            chosen = self.state(state)
            assert not isinstance(chosen, IntactState)
            *rest, devices = self._operating_point(chosen, devices)
            start, power = tuple(rest), (chosen.net.gen.pg, chosen.net.gen.qg)
        how: dict[str, Any] = {"load": load, "frequency": frequency, "tolerance": tolerance}
        how |= {"impedance_below": impedance_below, "step": step, "power": power}
        args = (*start, devices), asked, until, time_limit, progress
        return simulating.simulated(*args, **how)

    def _operating_point(
        self, state: State | HourState, devices: Devices | None
    ) -> tuple[Network, Inverters, Floats, Floats, Devices | None]:
        """Network, inverters, voltages and devices of a state after an outage, or of an hour."""
        net = state.net
        if isinstance(state, State):
            inverters = state.inverters_of(self.inverter_data)
        else:
            inverters = state.inverter_data
        devices = self.scenario.devices if devices is None else devices
        left = None if devices is None else devices.left_in(net)  # without those it takes
        return net, inverters, net.bus.vm, net.bus.va, left

    def _verified(
        self, state: IntactState | State | HourState, how: dict[str, Any]
    ) -> Verification:
        """The check of a state after an outage, or of an hour."""
        from scopf.dynamics.verification import verify

        assert not isinstance(state, IntactState)
        net, inverters, vm, va, devices = self._operating_point(state, how.get("devices"))
        power = net.gen.pg, net.gen.qg
        found = verify(net, inverters, vm, va, **{**how, "devices": devices}, power=power)
        if not self.rewritten or found.stable is None:
            return found
        return dataclasses.replace(found, stable=None, verdict=self._undecided)

    def _one_state(self, what: str) -> None:
        """Refuse a dispatch of several hours.

        Raises:
            ScopfError: saying so.
        """
        if self.problem.horizon is not None:
            raise ScopfError(
                f"{what} writes one operating point, and this dispatch has {len(self.states)} "
                "hours; their tables are sol.table(...) and sol.state(hour)"
            )

    @property
    def _undecided(self) -> str:
        return f"undecided, as the dynamics know the network only: {', '.join(self.rewritten)}"

    def to_pandapower(self, net: Any, *, setpoints: bool = False) -> None:
        """Fill the result tables of the pandapower net that was solved.

        The tables res_bus, res_line, res_trafo, ... are those of pandapower's own power flow at
        this dispatch, which has to be at the same voltages. The prices lam_p and lam_q of res_bus
        are those with the stability limits held (`lmp_p_balance_per_mwh`), as an OPF without them
        would have them. res_cost is the cost, and res_inverter the table `inverters`, indexed by
        bus, with the names of pandapower's elements.

        Args:
            net: the net that the network was read from, unchanged since.
            setpoints: write the dispatch into the tables of elements too (p_mw, q_mvar and vm_pu of
                what may be controlled), so that `pandapower.runpp` finds the same operating point;
                a gen with slack that is not the reference has it no longer, which is logged.

        Raises:
            ScopfError: after a solve that failed; when the net is not what was solved, as after
                `lossless()`, with scaled loads, or after a change.
        """
        self._one_state("to_pandapower")
        from scopf.results.to_pandapower import write

        write(self, net, setpoints=setpoints)

    def to_pypowsybl(self, network: Any) -> pd.DataFrame:
        """Write the dispatch into a pypowsybl network: targets of its units, voltages of its buses.

        Generators, batteries and static VAR compensators get `target_p`, `target_q` and `target_v`
        (the voltage where they regulate), HVDC lines and VSC stations theirs, buses `v_mag` and
        `v_angle`. pypowsybl's power flow, without a distributed slack, stays there.

        Args:
            network: the network that was solved; its elements are found by their ids, which are the
                names of `net`, and its buses by those of the bus view.

        Returns:
            `lmp_p_per_mwh` and `lmp_q_per_mvarh` of the buses, by id: pypowsybl has no place for
            prices.

        Raises:
            ScopfError: after a solve that failed; naming all elements that the network lacks.
        """
        self._one_state("to_pypowsybl")
        from scopf.results.to_pypowsybl import write

        return write(self, network)

    def to_pypsa(self, n: Any, snapshot: object = None) -> None:
        """Write the dispatch into a PyPSA network at one snapshot.

        Results are `p` and `q` of generators and storage units, `p0`, `q0`, `p1`, `q1` of lines and
        transformers, `p0` and `p1` of links, `v_mag_pu`, `v_ang` and `marginal_price` (the price of
        active power, `lmp_p_per_mwh`) of buses. Set points are `p_set`, `q_set` and `v_mag_pu_set`,
        so that `n.pf()` finds the same. Flows are those of `branches`: what a branch has of
        conductance is a shunt of its bus there.

        Args:
            n: the network that was solved; its elements are found by their names.
            snapshot: label of the snapshot; None for the first one.

        Raises:
            ScopfError: after a solve that failed; naming all elements that the network lacks, or a
                snapshot that it does not have.
        """
        self._one_state("to_pypsa")
        from scopf.results.to_pypsa import write

        write(self, n, snapshot)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution to a file that `scopf.load_solution` reads: JSON, without any code.

        It holds the network, the inverters, what `build` was given, and the iterate; tables and
        prices follow from these.

        Args:
            path: of the file, such as "solution.json"; it replaces one of that name.

        Raises:
            ScopfError: for a criterion of your own, for a Pyomo model that was changed by hand, or
                when the file cannot be written.
        """
        from scopf.results.stored import write

        write(self, path)

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """Limits that conflict, found by re-solves when it is first asked for; None if solved.

        For a solution that was not certified: which limits conflict with the least droop margin
        that had no solution any more, or in a sentence why there was no such margin.

        `scopf.diagnose(problem)` is the same with options, of the problem as it stands now.

        Raises:
            ScopfError: when the problem, or its Pyomo model, has been changed since the solve.
        """
        from scopf.results.explanation import explain

        return explain(self, progress=True)

    def __str__(self) -> str:
        return display.text(text.blocks(self))

    def _repr_html_(self) -> str:
        return display.html(text.blocks(self))


def heeded(solution: Solution) -> Solution:
    """The solution, for code that solves on and on: one that was interrupted ends it all.

    Raises:
        KeyboardInterrupt: when the solve was interrupted.
    """
    if solution.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return solution
