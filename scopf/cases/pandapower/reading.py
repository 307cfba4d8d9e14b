"""pandapower nets as networks."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats, Ints, texts
from scopf.cases import dclosses
from scopf.cases.approximations import Approximations
from scopf.cases.pandapower import costs, elements, facts, impedances, sources
from scopf.cases.pandapower.elements import row_faults
from scopf.errors import CaseError, Fault, listing
from scopf.network.network import Network
from scopf.network.piecewise import PointsError
from scopf.network.tables import Branches, Buses, Gens

_UNSUPPORTED = {
    "vsc": "converters between AC and DC grids",
    "vsc_stacked": "converters between AC and DC grids",
    "vsc_bipolar": "converters between AC and DC grids",
    "b2b_vsc": "converters between AC and DC grids",
    "line_dc": "DC grids",
    "load_dc": "DC grids",
    "source_dc": "DC grids",
}
_NO_GRID = {  # tables of a net that carry no current
    "bus_dc", "measurement", "controller", "group", "bus_geodata", "line_geodata",
    "characteristic", "q_capability_characteristic", "q_capability_curve_table",
    "trafo_characteristic_table", "shunt_characteristic_table", "trafo_characteristic_spline",
}  # fmt: skip
_DRAWING = ("load", "sgen", "storage", "asymmetric_load", "asymmetric_sgen")
_AT_A_BUS = (*sources.SIGNS, "asymmetric_load", "asymmetric_sgen", "motor", "ward", "xward")
_ENDS = ("bus", "from_bus", "hv_bus")


def read(net: Any, *, ignore_unsupported: bool = False, refuse_dead: bool = False) -> Network:
    """Read a pandapower net into a validated per-unit network.

    Args:
        net: the net, left as it is.
        ignore_unsupported: log content that the model does not represent instead of refusing it.
        refuse_dead: refuse a net with load or generation that nothing supplies, which is left out
            otherwise.

    Raises:
        CaseError: listing every fault with table, row and index.
    """
    with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
        parsed = ParsedNet(net, ignore_unsupported=ignore_unsupported)
        network = parsed.network()
    sources.explain_idle(parsed.tables, parsed.costs, parsed.notes)
    impedances.explain(parsed.tables, parsed.notes)
    facts.explain(parsed.tables, parsed.notes)
    if text := parsed.unsupplied(network):
        if refuse_dead:
            raise CaseError(parsed.name, [Fault(text)])
        parsed.notes.add(f"{text}, which is left out")
    return parsed.notes.of(network)


class ParsedNet:
    """A pandapower net, parsed; `network` makes a Network of it.

    Attributes:
        name, base: of the net, MVA.
        notes: sentences on what is changed or left out.
        tables: its tables, cleaned.
        facts: these with FACTS devices among the other elements.
        converted: by pandapower's converter.
        number: the network's bus number of each row of the converter's bus matrix, -1 where it has
            none.
    """

    def __init__(self, net: Any, *, ignore_unsupported: bool = False) -> None:
        faults: list[Fault] = []
        name = net.get("name")
        self.name = name if isinstance(name, str) and name else "pandapower net"
        self.notes = Approximations(self.name)
        self.base = _positive(net, "sn_mva", faults)
        _positive(net, "f_hz", faults)
        self.tables = elements.cleaned(net, faults)
        if not len(self.tables["bus"]):
            faults.append(Fault("has no rows", "bus"))
        faults += _more_faults(self.tables)
        unsupported = list(_unsupported(net, self.tables))
        self.costs = costs.read(self.tables, faults)
        if not ignore_unsupported:
            faults += unsupported
        if faults:
            raise CaseError(self.name, faults)
        for fault in unsupported:
            self.notes.add(f"ignored: {fault}")
        self.facts = facts.among_others(self.tables, self.base)
        self.converted = impedances.convert(net, self.facts.tables, self.name, self.facts.names)
        self.ports = impedances.two_ports(self.converted)
        self.number = self._numbers()

    def network(self) -> Network:
        """The network.

        Raises:
            CaseError: listing every fault, by the names of pandapower's elements.
        """
        try:
            gen = self._gens()
            lines = sources.dclines(self.tables["dcline"], self.bus_numbers, self.costs, self.base)
            lines = dclosses.not_negative(lines, self.base, self.notes)
        except PointsError as error:
            faults = [Fault(str(error), "pwl_cost", column="points")]
            raise CaseError(self.name, faults) from error
        try:
            buses, branches = self._buses(), self._branches()
            return Network(self.name, self.base, buses, gen, branches, lines)
        except CaseError as error:
            names = {"gen": gen.name, "branch": self._branches().name}
            raise CaseError(self.name, [_renamed(fault, names) for fault in error.faults]) from None

    def unsupplied(self, network: Network) -> str:
        """A sentence on what is in service at buses that nothing supplies; "" for nothing."""
        bus, left = self.tables["bus"], network.bus.id[~network.bus.in_service]
        dead = bus.index[bus["in_service"] & self.bus_numbers.isin(left)]
        tables = {name: self.tables[name] for name in _AT_A_BUS}
        names = [
            f"{name} {number}"
            for name, table in tables.items()
            for number in table.index[table["in_service"] & table["bus"].isin(dead)]
        ]
        return f"no ext_grid and no gen with slack supplies {listing(names)}" if names else ""

    @property
    def bus_numbers(self) -> pd.Series[int]:
        """The network's bus number of each pandapower bus."""
        row = self.converted.row
        return pd.Series(self.number[row], index=row.index)

    def _numbers(self) -> Ints:
        """Fused buses go by their lowest number with a generator, else by their lowest.

        Inner buses (star points, open ends of branches) are numbered on from the highest.
        """
        row = self.converted.row
        number = np.full(len(self.converted.bus), -1, dtype=np.int64)
        with_gen = np.isin(row.index, sources.at(self.tables))
        for group in (row[~with_gen], row[with_gen]):
            backwards = group.sort_index(ascending=False)
            number[backwards.to_numpy()] = backwards.index
        ends = np.concatenate([self.ports["f"], self.ports["t"]])
        inner = np.unique(np.concatenate([ends, self.converted.star, self.converted.inside]))
        inner = inner[number[inner] < 0]
        number[inner] = row.index.max() + 1 + np.arange(len(inner))
        return number

    # -- buses -----------------------------------------------

    def _buses(self) -> Buses:
        from pandapower.pypower import idx_bus as k

        matrix, base, row = self.converted.bus, self.base, self.converted.row
        n = len(matrix)
        shunt = (matrix[:, k.GS] + 1j * matrix[:, k.BS]) / base
        load = (matrix[:, k.PD] + 1j * matrix[:, k.QD]) / base  # motors and wards
        current = np.zeros(n, dtype=np.complex128)
        for table in _DRAWING:
            at = row.loc[self.tables[table]["bus"]].to_numpy(dtype=np.int64)
            power, impedance, constant_current = sources.fixed(table, self.tables[table])
            np.add.at(load, at, power / base)
            np.add.at(shunt, at, impedance.conj() / base)
            np.add.at(current, at, constant_current / base)
        for end, bus in (("at_from", "f"), ("at_to", "t")):
            np.add.at(shunt, self.ports[bus], np.where(self._on, self.ports[end], 0))
        np.add.at(shunt, self.ports["f"], np.where(self._on & self._loop, self._through(), 0))
        vmin, vmax = self._voltage_limits()
        names = np.full(n, "", dtype=object)
        kept = self.number[row] == row.index
        names[row[kept]] = [f"bus {number}" for number in row.index[kept]]
        self._name_inner(names)
        there = np.argsort(self.number, kind="stable")
        there = there[self.number[there] >= 0]
        return Buses(
            id=self.number[there],
            type=matrix[there, k.BUS_TYPE].astype(np.int64),
            pd=load.real[there],
            qd=load.imag[there],
            gs=shunt.real[there],
            bs=shunt.imag[there],
            vm=matrix[there, k.VM],
            va=np.radians(matrix[there, k.VA]),
            base_kv=matrix[there, k.BASE_KV],
            vmin=vmin[there],
            vmax=vmax[there],
            area=np.ones(len(there), dtype=np.int64),
            zone=np.ones(len(there), dtype=np.int64),
            name=texts(names[there]),
            pd_current=current.real[there],
            qd_current=current.imag[there],
        )

    def _voltage_limits(self) -> tuple[Floats, Floats]:
        """The tightest limits of the buses that are one and of its gens; set points are both."""
        low, high = np.zeros(len(self.number)), np.full(len(self.number), 2.0)
        bus, gen = self.tables["bus"], self.tables["gen"]
        for table, at in ((bus, bus.index), (gen, gen["bus"])):
            on = table["in_service"].to_numpy() & bus["in_service"].loc[at].to_numpy()
            rows = self.converted.row.loc[at[on]].to_numpy()
            np.fmax.at(low, rows, table["min_vm_pu"].to_numpy()[on])
            np.fmin.at(high, rows, table["max_vm_pu"].to_numpy()[on])
        alone = ~bus["in_service"].to_numpy()  # and what is off keeps its limits
        rows = self.converted.row[alone].to_numpy()
        low[rows] = bus["min_vm_pu"].fillna(0.0).to_numpy()[alone]
        high[rows] = bus["max_vm_pu"].fillna(2.0).to_numpy()[alone]
        rows, set_points = self._set_points()
        low[rows], high[rows] = -np.inf, np.inf
        np.fmax.at(low, rows, set_points)
        np.fmin.at(high, rows, set_points)
        return low, high

    def _set_points(self) -> tuple[Ints, Floats]:
        """Rows of buses whose voltage is not to be chosen, and their voltages."""
        rows, voltages = [], []
        for name in ("ext_grid", "gen"):
            table = self.tables[name]
            live = table["in_service"] & self.tables["bus"]["in_service"].loc[table["bus"]].array
            fixed = table[live & ~table["controllable"]]
            rows.append(self.converted.row.loc[fixed["bus"]].to_numpy())
            voltages.append(fixed["vm_pu"].to_numpy())
        wards, holding = self.facts.tables["xward"], self.facts.holding
        on = (wards["in_service"] & ~wards.index.isin(self.facts.free)).to_numpy()
        rows.append(self.converted.inside[on])
        voltages.append(wards["vm_pu"].to_numpy()[on])
        holding = holding[holding["in_service"]]
        rows.append(self.converted.row.loc[holding["bus"]].to_numpy())
        voltages.append(holding["set_vm_pu"].to_numpy())
        return np.concatenate(rows), np.concatenate(voltages)

    def _name_inner(self, names: Any) -> None:
        for table, rows, what in (
            ("trafo3w", self.converted.star, "star point of"),
            ("xward", self.converted.inside, "inside"),
        ):
            known = [f"{table} {number}" for number in self.facts.tables[table].index]
            names[rows] = [f"{what} {self.facts.names.get(name, name)}" for name in known]
        for end in ("f", "t"):
            rows = self.ports[end]
            blank = names[rows] == ""
            names[rows[blank]] = [f"open end of {name}"
                                  for name in self.converted.branch_names[blank]]  # fmt: skip

    # -- branches and generators -----------------------------------------------

    @property
    def _loop(self) -> Any:
        """Branches with both ends at one bus, because its buses are fused."""
        return self.ports["f"] == self.ports["t"]

    @property
    def _on(self) -> Any:
        return self.ports["in_service"]

    def _through(self) -> Any:
        """Admittance of each branch whose ends are one bus, without its `at_from` and `at_to`."""
        y = 1.0 / (self.ports["r"] + 1j * self.ports["x"])
        ratio = self.ports["tap"] * np.exp(1j * self.ports["shift"])
        own = (y + 0.5j * self.ports["b"]) * (1.0 + 1.0 / np.abs(ratio) ** 2)
        return own - y / ratio.conj() - y / ratio

    def _branches(self) -> Branches:
        kept, ports = ~self._loop, self.ports
        m = int(kept.sum())
        return Branches(
            id=np.arange(1, m + 1),
            from_bus=self.number[ports["f"][kept]],
            to_bus=self.number[ports["t"][kept]],
            in_service=ports["in_service"][kept],
            r=ports["r"][kept],
            x=ports["x"][kept],
            b=ports["b"][kept],
            rate=ports["rate"][kept] / self.base,
            tap=ports["tap"][kept],
            shift=ports["shift"][kept],
            angmin=np.full(m, -np.inf),
            angmax=np.full(m, np.inf),
            name=self.converted.branch_names[kept],
        )

    def _gens(self) -> Gens:
        inside = self.number[self.converted.inside]
        wards, svc = self.facts.tables["xward"], self.facts.sources
        names = [f"xward {number}" for number in wards.index]
        holding = [
            sources.holding([self.facts.names.get(n, n) for n in names], wards, inside, self.base),
            sources.holding(
                [f"svc {number}" for number in svc.index],
                svc.rename(columns={"set_vm_pu": "vm_pu"}),
                np.asarray(self.bus_numbers.loc[svc["bus"]], dtype=np.int64),
                self.base,
            ),
        ]
        return sources.gens(self.tables, self.bus_numbers, holding, self.costs, self.base)


# -- faults -----------------------------------------------


def _positive(net: Any, key: str, faults: list[Fault]) -> float:
    given = net.get(key)
    try:
        value = float(given) if np.ndim(given) == 0 else np.nan
    except (TypeError, ValueError, OverflowError):
        value = np.nan
    if not (np.isfinite(value) and value > 0):
        faults.append(Fault(f"{key} must be a positive number, got {reprlib.repr(given)}"))
        return 1.0
    return value


def _more_faults(tables: dict[str, pd.DataFrame]) -> Iterator[Fault]:
    """Faults that no column shows alone."""
    switch = tables["switch"]
    of_buses = (switch["et"] == "b") & ~switch["element"].isin(tables["bus"].index)
    yield from row_faults("switch", switch, of_buses, "there is no bus {}", switch["element"])
    for et, (name, ends) in elements.SWITCHED.items():
        table, these = tables[name], switch["et"] == et
        unknown = these & ~switch["element"].isin(table.index)
        yield from row_faults(
            "switch", switch, unknown, f"there is no {name} {{}}", switch["element"]
        )
        on = table.reindex(switch["element"])
        away = np.all([on[end].to_numpy() != switch["bus"].to_numpy() for end in ends], axis=0)
        text = f"bus {{}} is no end of {name} {{}}"
        away &= (these & ~unknown).to_numpy()
        yield from row_faults("switch", switch, away, text, switch["bus"], switch["element"])
    load = tables["load"]
    for power in "pq":
        share = load[f"const_z_{power}_percent"] + load[f"const_i_{power}_percent"]
        text = f"the constant-impedance and constant-current shares of {power} are {{:g}} percent"
        yield from row_faults("load", load, share > 100, text, share)
    motor = tables["motor"]
    yield from row_faults(
        "motor", motor, motor["cos_phi"] > 1, "cos_phi is above 1", column="cos_phi"
    )
    referenced = tables["ext_grid"]["in_service"].any()
    referenced |= (tables["gen"]["in_service"] & tables["gen"]["slack"]).any()
    if not referenced:
        text = "there is no ext_grid in service and no gen with slack: nothing sets the angle"
        yield Fault(text, "ext_grid")


def _unsupported(net: Any, tables: dict[str, pd.DataFrame]) -> Iterator[Fault]:
    """Content that the model does not represent."""
    for name in list(net.keys()):
        table = net[name]
        known = name in elements.ELEMENTS or name in _NO_GRID
        if known or str(name).startswith(("res_", "_")) or not isinstance(table, pd.DataFrame):
            continue
        if name not in _UNSUPPORTED and not set(_ENDS) & set(map(str, table.columns)):
            continue
        on = np.ones(len(table), dtype=bool)
        if list(table.columns).count("in_service") == 1:
            on = np.array([cell is None or bool(cell == cell and cell)
                           for cell in table["in_service"]], dtype=bool)  # fmt: skip
        what = _UNSUPPORTED.get(name, f"elements of the table {name}")
        text = f"{what} are not represented; take it out of service to leave it out"
        yield from row_faults(str(name), table, on, text)
    for name in ("gen", "sgen"):
        table = tables[name]
        curved = table["in_service"] & table["controllable"] & table["reactive_capability_curve"]
        text = "reactive capability curves are not represented, only min_q_mvar and max_q_mvar"
        yield from row_faults(name, table, curved, text, column="reactive_capability_curve")
    for name in ("trafo", "trafo3w"):
        given, column = net.get(name), "tap_dependent_impedance"
        splines = np.zeros(len(tables[name]), dtype=bool)
        if isinstance(given, pd.DataFrame) and list(given.columns).count(column) == 1:
            cells = given[column].to_list()
            splines[:] = [cell is not pd.NA and cell == 1 for cell in cells]
        text = "tap_dependent_impedance with splines is not represented, only tap_dependency_table"
        yield from row_faults(name, tables[name], splines, text, column=column)
    yield from impedances.uneven(tables["impedance"])
    poly, pwl = tables["poly_cost"], tables["pwl_cost"]
    reactive = ["cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2"]
    text = "costs of a dcline's reactive power are not represented"
    for name, table, of_q in (
        ("poly_cost", poly, (poly[reactive] != 0).any(axis=1)),
        ("pwl_cost", pwl, pwl["power_type"] == "q"),
    ):
        yield from row_faults(name, table, of_q & (table["et"] == "dcline"), text)


def _renamed(fault: Fault, names: dict[str, Any]) -> Fault:
    """A fault of the network in the words of pandapower, by the element that it is about."""
    text = fault.text.replace("isolate it (bus type 4)", "take its ext_grid out of service")
    if fault.row is None or fault.table not in names:
        return dataclasses.replace(fault, text=text)
    label = f"{names[fault.table][fault.row - 1]}; {fault.label}"
    return dataclasses.replace(fault, text=text, label=label)
