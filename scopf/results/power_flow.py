"""The result of a power flow: voltages, powers and flows, and the limits that they exceed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
from scopf.arrays import Complexes, Flags, Floats, Ints
from scopf.dynamics.droop import FREQUENCY
from scopf.dynamics.set_points import Slack
from scopf.errors import ScopfError, counted, listing
from scopf.model.choices import Limit
from scopf.network.islands import first_references
from scopf.network.network import Network
from scopf.network.powers import branch_currents, branch_powers
from scopf.results import dispatch, exceeded, flow_table

if TYPE_CHECKING:
    import pandas as pd

_GEN = {
    "gen": ("gen", "{:d}"),
    "bus": ("bus", "{:d}"),
    "p_set_mw": ("P set [MW]", "{:.1f}"),
    "p_mw": ("P [MW]", "{:.1f}"),
    "q_mvar": ("Q [MVAr]", "{:.1f}"),
    "vm": ("vm [p.u.]", "{:.4f}"),
}
_ISLAND = {
    "island": ("island", "{:d}"),
    "reference": ("reference", "{:d}"),
    "converged": ("converged", "{}"),
    "frequency_pu": ("f - f0 [p.u.]", "{:.6f}"),
    "p_gen_mw": ("generation [MW]", "{:.1f}"),
    "p_load_mw": ("load [MW]", "{:.1f}"),
    "p_taken_mw": ("taken up [MW]", "{:.2f}"),
}
_EXCEEDED = {
    "what": ("limit on", "{}"),
    "element": ("of", "{}"),
    "value": ("value", "{:.4f}"),
    "limit": ("limit", "{:.4f}"),
    "unit": ("unit", "{}"),
}


@dataclass(frozen=True, eq=False)
class PowerFlow:
    """Result of `scopf.power_flow`; per unit and rad but for the tables.

    What is in an island that did not converge is NaN.

    Attributes:
        slack: who takes up the active power that is missing: "droop", "distributed", "reference".
        converged: whether every island balances.
        message: the same as a sentence, with the largest mismatch if not.
        iterations: of Newton's method, from all starts together, of the island with the most.
        start: whose voltages the last run started from.
        outage: name of the outage, "" for the network as it was given.
        frequency: deviation of each AC island; zero unless the slack is "droop", NaN in an island
            without an inverter.
        vm, va: voltages of the buses.
        pg, qg: output of the generators.
        at_limit: numbers of the buses whose generators are at a limit of reactive power, and no
            longer hold the voltage (`q_limits=True`).
        limit: of branches by their ratings, "power" or "current".
        given: the network that was given,
        operated: and its energized part, whose rows are those of the tables.
        settled: mask of the islands that converged.
    """

    slack: Slack
    converged: bool
    message: str
    iterations: int
    start: str
    outage: str
    frequency: Floats = field(repr=False)
    vm: Floats = field(repr=False)
    va: Floats = field(repr=False)
    pg: Floats = field(repr=False)
    qg: Floats = field(repr=False)
    at_limit: Ints = field(repr=False)
    limit: Limit = field(repr=False)
    given: Network = field(repr=False)
    operated: Network = field(repr=False)
    settled: Flags = field(repr=False)

    def frequency_hz(self, nominal: float = FREQUENCY) -> Floats:
        """Frequency of each AC island in Hz.

        Args:
            nominal: in Hz; no case format that is read has it.
        """
        return nominal * (1.0 + self.frequency)

    # -- tables -------------------------------------------

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltages, and what the loads draw, by bus."""
        import pandas as pd

        net = self.operated
        p, q = (part * net.base_mva for part in net.bus.demand(self.vm))
        return pd.DataFrame(
            {
                "bus": net.bus.id,
                **self._island(np.arange(len(net.bus))),
                "vm": self.vm,
                "va_deg": np.degrees(self.va),
                "p_load_mw": p,
                "q_load_mvar": q,
            }
        )

    @cached_property
    def gens(self) -> pd.DataFrame:
        """Output by generator, and `p_set_mw`, the set point that it started from."""
        import pandas as pd

        net, base = self.operated, self.operated.base_mva
        return pd.DataFrame(
            {
                "gen": net.gen.id,
                "bus": net.gen.bus,
                **self._island(net.gen_at),
                "p_mw": self.pg * base,
                "q_mvar": self.qg * base,
                "p_set_mw": net.gen.pg * base,
            }
        )

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Flows into both ends, losses and loading by branch, as `Solution.branches` has them."""
        import pandas as pd

        net, (start, end) = self.operated, self._flows
        flows = np.array([start.real, start.imag, end.real, end.imag])
        island = self._island(net.branch_from)
        return pd.DataFrame(flow_table.columns(net, flows, self._loading, island))

    @cached_property
    def dclines(self) -> pd.DataFrame:
        """Powers at both ends of the DC lines, which are those of the dispatch."""
        import pandas as pd

        line, base = self.operated.dcline, self.operated.base_mva
        pt = line.received(line.pf)
        return pd.DataFrame(
            {
                "dcline": line.id,
                "from_bus": line.from_bus,
                "to_bus": line.to_bus,
                "pf_mw": line.pf * base,
                "qf_mvar": line.qf * base,
                "pt_mw": pt * base,
                "qt_mvar": line.qt * base,
                "p_loss_mw": (line.pf - pt) * base,
            }
        )

    @cached_property
    def islands(self) -> pd.DataFrame:
        """One row for each AC island: frequency, generation, load, and what was taken up.

        `p_taken_mw` is by how much the generation is above the sum of its set points.
        """
        import pandas as pd

        net, base = self.operated, self.operated.base_mva

        def total(values: Floats, at: Ints) -> Floats:
            return np.asarray(np.bincount(net.island[at] - 1, values, net.islands) * base)

        every = np.arange(len(net.bus))
        generation = total(self.pg, net.gen_at)
        return pd.DataFrame(
            {
                "island": np.arange(net.islands) + 1,
                "buses": np.bincount(net.island - 1, minlength=net.islands),
                "reference": net.bus.id[self._references],
                "converged": self.settled,
                "frequency_pu": self.frequency,
                "p_gen_mw": generation,
                "p_load_mw": total(net.bus.demand(self.vm)[0], every),
                "p_taken_mw": generation - total(net.gen.pg, net.gen_at),
            }
        )

    @cached_property
    def violations(self) -> pd.DataFrame:
        """Limits that are exceeded by more than 1e-6 p.u. or rad, one row each.

        These are limits of voltages, of active and reactive powers of generators, of the loading of
        branches, and of angles across them.
        """
        point = exceeded.Point(self.vm, self.va, self.pg, self.qg, self._loading)
        return exceeded.table(self.operated, point)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name; that of DC lines only if there are any."""
        names = ["buses", "gens", "branches", "islands", "violations"]
        names += ["dclines"] if len(self.operated.dcline) else []
        return {name: getattr(self, name) for name in names}

    # -- sums and networks -------------------------------------------

    @property
    def loss_mw(self) -> float:
        """Active power lost in branches, bus shunts and DC lines, MW."""
        net = self.operated
        start, end = self._flows
        line = net.dcline
        lost = (start + end).real.sum() + (net.bus.gs * self.vm**2).sum()
        return float(lost + (line.pf - line.received(line.pf)).sum()) * net.base_mva

    @cached_property
    def net(self) -> Network:
        """The network at this operating point, which is a power flow of it by any slack.

        Generators have their P, Q and voltage set points, buses their voltages. What is out of
        service, or in a dead island, is there as it was given.

        Raises:
            ScopfError: when the power flow did not converge.
        """
        return dispatch.whole(self.given, self.energized)

    @cached_property
    def energized(self) -> Network:
        """The part of `net` that is energized; its rows are those of the tables."""
        if not self.converged:
            raise ScopfError(f"there is no operating point: {self.message}")
        net = self.operated
        return net.replace(
            bus={"vm": self.vm, "va": self.va},
            gen={"pg": self.pg, "qg": self.qg, "vg": self.vm[net.gen_at]},
            dcline={"vf": self.vm[net.dcline_from], "vt": self.vm[net.dcline_to]},
        )

    # -- parts -------------------------------------------

    def _island(self, at: Ints) -> dict[str, Ints]:
        """The column `island` of what is at these buses (positions), where there are several."""
        net = self.operated
        return {"island": net.island[at]} if net.islands > 1 else {}

    @property
    def _references(self) -> Ints:
        net = self.operated
        found: Ints = first_references(net.island, net.bus)
        return found

    @cached_property
    def _voltage(self) -> Complexes:
        return np.asarray(self.vm * np.exp(1j * self.va))

    @cached_property
    def _flows(self) -> tuple[Complexes, Complexes]:
        return branch_powers(self.operated, self._voltage)

    @cached_property
    def _loading(self) -> Floats:
        """Share of the rating at the more loaded end of every branch; zero without one."""
        net = self.operated
        into = self._flows if self.limit == "power" else branch_currents(net, self._voltage)
        return np.asarray(np.maximum(*np.abs(into)) / net.branch.rate)

    # -- text -------------------------------------------

    def _blocks(self) -> list[display.Block]:
        net, base = self.operated, self.operated.base_mva
        after = f" after {self.outage}" if self.outage else ""
        lines: list[display.Block] = [
            f"{net.name}{after}: {len(net.bus)} buses, {len(net.gen)} generators, "
            f"{len(net.branch)} branches; power flow, slack {self.slack}",
            self.message,
            *filter(None, [net.unserved.text(base)]),
        ]
        if not self.settled.any():
            return lines
        load, generation = np.nansum(net.bus.demand(self.vm)[0]), np.nansum(self.pg)
        lines.append(f"load {load * base:.1f} MW, generation {generation * base:.1f} MW")
        if self.converged:
            lines[-1] = f"{lines[-1]}, losses {self.loss_mw:.2f} MW"
        if net.islands > 1:
            lines += ["", display.Table(self.islands, _ISLAND, "islands")]
        elif self.slack == "droop":
            lines.append(f"frequency {self.frequency[0]:+.6f} p.u. from nominal")
        if len(self.at_limit):
            names = listing(self.at_limit, most=8)
            lines.append(f"at a limit of reactive power, voltage not held: bus {names}")
        shown = self.gens.assign(vm=self.vm[net.gen_at])
        lines += ["", display.Table(shown, _GEN, "generators"), ""]
        found = self.violations
        if found.empty:
            return [*lines, "no limit is exceeded"]
        head = f"{counted(len(found), 'limit is', 'limits are')} exceeded"
        return [*lines, head, display.Table(found, _EXCEEDED, "limits")]

    def __str__(self) -> str:
        return display.text(self._blocks())

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the summary, without the tables."""
        net = self.operated
        return {
            "case": net.name,
            "base_mva": net.base_mva,
            "unserved": net.unserved.as_dict(net.base_mva),
            "outage": self.outage or None,
            "slack": self.slack,
            "converged": self.converged,
            "message": self.message,
            "iterations": self.iterations,
            "start": self.start,
            "frequency_pu": self.frequency.tolist(),
            "loss_mw": self.loss_mw,
            "at_limit": self.at_limit.tolist(),
        }
