"""Solutions as result tables of the pandapower net that they are of."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats
from scopf.cases.pandapower.impedances import imported, quietly
from scopf.cases.pandapower.names import units
from scopf.cases.pandapower.reading import ParsedNet
from scopf.cases.pandapower.recognition import is_net
from scopf.cases.pandapower.sources import SIGNS
from scopf.errors import ScopfError, listing
from scopf.network.network import Network
from scopf.network.tables import REFERENCE

if TYPE_CHECKING:
    from scopf.results.tables import Result

log = logging.getLogger(__name__)

STARTS = ("results", "dc", "flat")  # the first one has no voltages at open ends of branches
_SAME = 1e-5  # p.u. and rad: how far pandapower's power flow may be from the solution
_BACK = 1e-9  # MW that a dcline keeps which sends backwards: without, it would turn round
_COMPARED = {  # columns that make a net the one that was solved
    "bus": ("id", "pd", "qd", "gs", "bs", "pd_current", "qd_current"),
    "gen": ("name", "bus"),
    "branch": ("name", "from_bus", "to_bus", "r", "x", "b", "tap", "shift"),
    "dcline": ("id", "from_bus", "to_bus", "loss0", "loss1"),
}
_SIDES = {
    "line": ("from", "to"), "trafo": ("hv", "lv"), "trafo3w": ("hv", "mv", "lv", "internal"),
    "xward": ("bus", "internal"),
}  # fmt: skip
_POLAR = (("vm", "pu"), ("va", "degree"))
_OF_OTHER_STUDIES = ("_est", "_sc", "_3ph")


def write(solution: Result, net: Any, *, setpoints: bool = False) -> None:
    """Fill the result tables of a net; `Solution.to_pandapower` has the details."""
    if not is_net(net):
        raise ScopfError(f"to_pandapower takes a pandapower net, not {type(net).__name__}")
    if not solution.solved:
        raise ScopfError(f"there is no operating point to write: {solution.message}")
    with quietly():
        parsed = ParsedNet(net, ignore_unsupported=True)
        there = parsed.network().energized()
    _compare(solution.energized, there)
    dispatch = _Dispatch(solution, parsed)
    flow = copy.deepcopy(net)
    dispatch.freeze_loads(flow)
    if len(dispatch.parsed.tables["tcsc"]):
        flow["tcsc"]["controllable"] = False  # the reactance that was solved with
    dispatch.put(flow)
    dispatch.one_reference(flow, there)
    dispatch.power_flow(flow)
    if setpoints:
        dispatch.put(net)
        freed = dispatch.one_reference(net, there)
        if freed:
            text = "%s: gen %s: slack is taken away, because it would hold another angle"
            log.warning(text, dispatch.parsed.name, listing(freed))
    for key in list(flow.keys()):
        if str(key).startswith("res_") and not str(key).endswith(_OF_OTHER_STUDIES):
            net[key] = flow[key]
    dispatch.results(net)


def _compare(solved: Network, there: Network) -> None:
    """Raise when the net is not the network that was solved."""
    differing = []
    for table, columns in _COMPARED.items():
        ours, theirs = getattr(solved, table), getattr(there, table)
        if len(ours) != len(theirs):
            differing.append(f"{len(ours)} rows of {table} and {len(theirs)} now")
            continue
        for column in columns:
            a, b = getattr(ours, column), getattr(theirs, column)
            same = np.allclose(a, b, rtol=1e-9, atol=1e-12) if a.dtype.kind == "f" else (a == b)
            if not np.all(same):
                differing.append(f"{column} of {table}")
    if solved.base_mva != there.base_mva:
        differing.append("sn_mva")
    if differing:
        raise ScopfError(
            "the net is not what was solved (after lossless(), with loads or a grid strength of "
            f"the scenario, or because it was changed); it differs in {listing(differing)}"
        )


class _Dispatch:
    """A solution by the elements of pandapower."""

    def __init__(self, solution: Result, parsed: ParsedNet) -> None:
        self.solution, self.parsed = solution, parsed
        net, point = solution.problem.base, solution.point
        self.base = net.base_mva
        self.number = parsed.bus_numbers
        self.vm = pd.Series(point.vm, index=net.bus.id)
        self.va = pd.Series(np.degrees(point.va), index=net.bus.id)
        self.units = units(net).assign(p_mw=point.pg * self.base, q_mvar=point.qg * self.base)

    def of(self, table: str) -> pd.DataFrame:
        """Power injected by the elements of a table, by their index."""
        found = self.units[self.units["table"] == table].set_index("element")
        return found.assign(vm=self.vm.loc[found["bus"]].array, va=self.va.loc[found["bus"]].array)

    def at(self, buses: Any) -> Floats:
        """Voltage magnitudes at buses of pandapower; 1 where there is none."""
        numbers = self.number.reindex(np.asarray(buses)).to_numpy()
        return np.asarray(self.vm.reindex(numbers).fillna(1.0), dtype=np.float64)

    def freeze_loads(self, net: Any) -> None:
        """Turn loads that follow the voltage into constant ones of their power at the solution."""
        load, cleaned = net["load"], self.parsed.tables["load"]
        for power, column in (("p", "p_mw"), ("q", "q_mvar")):
            _set(load, cleaned.index, column, cleaned[column] * self._share(power))
            for kind in "zi":
                load[f"const_{kind}_{power}_percent"] = 0.0

    def _share(self, power: str, table: Any = None) -> Any:
        """Power of loads at the solution over that at 1 p.u."""
        load = self.parsed.tables["load"] if table is None else table
        z, i = (load[f"const_{kind}_{power}_percent"] / 100.0 for kind in "zi")
        vm = self.at(load["bus"])
        return 1.0 - z - i + i * vm + z * vm**2

    def put(self, net: Any) -> None:
        """Write what was chosen into the tables of elements."""
        for table, sign in SIGNS.items():
            found = self.of(table)
            if not len(found):
                continue
            if table in ("ext_grid", "gen"):
                _set(net[table], found.index, "vm_pu", found["vm"])
            if table == "ext_grid":
                _set(net[table], found.index, "va_degree", found["va"])
                continue
            scaling = self._scaling(net[table], found.index)
            for column in ("p_mw",) if table == "gen" else ("p_mw", "q_mvar"):
                values = sign * found[column] / scaling
                if table == "load":
                    shares = _given(net["load"], found.index)
                    values = values / self._share(column[0], shares)
                _set(net[table], found.index, column, values)
        self._put_dclines(net)

    def _scaling(self, table: pd.DataFrame, index: Any) -> Any:
        """Scaling of elements; what is scaled to nothing gets the scaling 1."""
        if "scaling" not in table:
            return 1.0
        found = table["scaling"].loc[index].astype(np.float64).fillna(1.0)
        found[found == 0] = 1.0
        _set(table, index, "scaling", found)
        return found

    def _put_dclines(self, net: Any) -> None:
        lines, table = self.solution.problem.base.dcline, net["dcline"]
        if not len(lines):
            return
        back = self.parsed.tables["dcline"].loc[lines.id, "p_mw"].to_numpy() < 0
        pf = np.maximum(self.solution.point.dclines[0], 0.0) * self.base
        _set(table, lines.id, "p_mw", np.where(back, -np.maximum(pf, _BACK), pf))
        for end in ("from", "to"):
            _set(table, lines.id, f"vm_{end}_pu", self.at(table.loc[lines.id, f"{end}_bus"]))
        for column, loss in (("loss_mw", lines.loss0), ("loss_percent", lines.loss1)):
            _set(table, lines.id[loss == 0], column, 0.0)  # those below zero were read as zero

    def one_reference(self, net: Any, there: Network) -> list[int]:
        """Let no gen but the reference's hold an angle (an ext_grid holds the solution's).

        Returns:
            The gens whose slack was taken away.
        """
        gen, references = self.parsed.tables["gen"], there.bus.id[there.bus.type == REFERENCE]
        at = self.number.loc[gen["bus"]].to_numpy()
        others = gen.index[gen["slack"] & gen["in_service"] & ~np.isin(at, references)]
        if len(others):
            net["gen"].loc[others, "slack"] = False
        return [int(number) for number in others]

    def power_flow(self, net: Any) -> None:
        """Run pandapower's power flow from the solution, or if that fails from other starts.

        Raises:
            ScopfError: when it does not converge, or elsewhere.
        """
        self._start(net)
        vm, va = net["res_bus"]["vm_pu"].to_numpy(), net["res_bus"]["va_degree"].to_numpy()
        net["user_pf_options"] = {}
        failures = []
        for start in STARTS:
            failure = _ran(net, start) or _elsewhere(net, vm, va)
            if not failure:
                return
            failures.append(failure)
        raise ScopfError(failures[0])

    def _start(self, net: Any) -> None:
        """Leave the voltages of all buses, inner ones too, where pandapower looks for a start."""
        branch = self.solution.problem.base.branch
        found: dict[str, pd.DataFrame] = {}
        for table, sides in _SIDES.items():
            columns = [f"{q}_{side}_{u}" for side in sides for q, u in _POLAR]
            if len(net[table]):  # the result table of what is absent keeps its columns
                found[table] = pd.DataFrame(np.nan, index=net[table].index, columns=columns)
        names = [name.split(" ") for name in branch.name.tolist()]
        for (table, number, *side), f, t in zip(
            names, branch.from_bus.tolist(), branch.to_bus.tolist(), strict=True
        ):
            ends = {"hv": ("hv", "internal"), "mv": ("internal", "mv"), "lv": ("internal", "lv")}
            sides = ends[side[0]] if side else _SIDES.get(table, ())
            for end, bus in zip(sides, (f, t), strict=False):
                row = int(number)
                found[table].at[row, f"vm_{end}_pu"] = self.vm[bus]
                found[table].at[row, f"va_{end}_degree"] = self.va[bus]
        numbers = self.number.loc[net["bus"].index].to_numpy()
        found["bus"] = pd.DataFrame(
            {"vm_pu": self.vm.reindex(numbers).array, "va_degree": self.va.reindex(numbers).array},
            index=net["bus"].index,
        )
        for table, values in found.items():
            net[f"res_{table}"] = values

    def results(self, net: Any) -> None:
        """Results beyond pandapower's power flow: prices, cost, inverters, Q of each machine."""
        base, prices = self.solution.problem.base, self.solution.prices.balance
        numbers = self.number.loc[net["bus"].index].to_numpy()
        for column, price in zip(("lam_p", "lam_q"), prices, strict=True):
            by_bus = pd.Series(price, index=base.bus.id)
            net["res_bus"][column] = by_bus.reindex(numbers).to_numpy()
        for table in ("ext_grid", "gen"):
            found = self.of(table)
            for column in ("p_mw", "q_mvar"):
                _set(net[f"res_{table}"], found.index, column, found[column])
        self._dcline_results(net)
        name = dict(zip(base.gen.id.tolist(), base.gen.name.tolist(), strict=True))
        of_inverters = self.solution.inverter_data.gens
        inverters = self.solution.inverters.rename(columns={"gens": "elements", "vm": "vm_pu"})
        inverters["elements"] = ["+".join(name[gen] for gen in group) for group in of_inverters]
        net["res_inverter"] = inverters.set_index("bus")
        net["res_cost"] = self.solution.cost
        net["converged"] = net["OPF_converged"] = True

    def _dcline_results(self, net: Any) -> None:
        """Reactive power of DC lines that share a bus with a machine."""
        lines = self.solution.problem.base.dcline
        back = self.parsed.tables["dcline"].loc[lines.id, "p_mw"].to_numpy() < 0
        _, qf, _, qt, _ = self.solution.point.dclines * self.base
        for end, values in (("from", np.where(back, qt, qf)), ("to", np.where(back, qf, qt))):
            _set(net["res_dcline"], lines.id, f"q_{end}_mvar", -values)


def _ran(net: Any, start: str) -> str:
    """Run pandapower's power flow; why there is none, "" if there is."""
    pandapower = imported()
    try:
        with quietly():
            pandapower.runpp(
                net, calculate_voltage_angles=True, init=start, max_iteration=20,
                tolerance_mva=1e-8,
            )  # fmt: skip
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        text = "pandapower finds no power flow at this dispatch"
        return f"{text} ({type(error).__name__}: {reason})"
    return ""


def _elsewhere(net: Any, vm: Floats, va_deg: Floats) -> str:
    """Distance of a power flow from these voltages of the buses, "" if there is none."""
    found = net["res_bus"].loc[net["bus"].index]
    v, w = (m * np.exp(1j * np.radians(a)) for m, a in (
        (vm, va_deg), (found["vm_pu"].to_numpy(), found["va_degree"].to_numpy())
    ))  # fmt: skip
    live = np.isfinite(vm)
    off = np.nan_to_num(np.abs(v - w)[live], nan=np.inf)
    if (off <= _SAME).all():
        return ""
    worst = net["bus"].index[live][np.argmax(off)]
    return (
        f"pandapower's power flow at this dispatch is elsewhere: {np.max(off):.2g} p.u. "
        f"apart at bus {worst}; has the net changed since it was read?"
    )


def _given(load: pd.DataFrame, index: Any) -> pd.DataFrame:
    """Buses and shares of loads, zero where they are not given."""
    shares = [f"const_{kind}_{power}_percent" for kind in "zi" for power in "pq"]
    found: pd.DataFrame = load.reindex(columns=["bus", *shares]).loc[index].fillna(0.0)
    return found


def _set(table: pd.DataFrame, index: Any, column: str, values: Any) -> None:
    """Write numbers into some rows of a column, as floats."""
    whole = table[column].astype(np.float64) if column in table else pd.Series(np.nan, table.index)
    whole.loc[index] = np.asarray(values, dtype=np.float64)
    table[column] = whole
