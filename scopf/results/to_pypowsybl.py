"""Solutions as targets and voltages of the pypowsybl network that they are of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scopf.cases.powsybl.tables import physical_units
from scopf.errors import ScopfError, listing
from scopf.results.missing import Missing

if TYPE_CHECKING:
    from scopf.results.tables import Result

log = logging.getLogger(__name__)

_INNER = ("star point of ", "end of ")  # names of buses that pypowsybl does not have
_OF_BOUNDARY = " generation"
_REGULATION = "voltageRegulation"  # extension of batteries
_UNITS = ("generators", "batteries", "static_var_compensators")
_WITH_VOLTAGE = ("generators", "static_var_compensators")
_FORTH = "SIDE_1_RECTIFIER_SIDE_2_INVERTER"
_BACK = "SIDE_1_INVERTER_SIDE_2_RECTIFIER"
_PRICES = ("lmp_p_per_mwh", "lmp_q_per_mvarh")


def write(solution: Result, network: Any) -> pd.DataFrame:
    """Fill a pypowsybl network; `Solution.to_pypowsybl` has the details."""
    if not hasattr(network, "get_generators"):
        raise ScopfError(f"to_pypowsybl takes a pypowsybl network, not {type(network).__name__}")
    if not solution.solved:
        raise ScopfError(f"there is no operating point to write: {solution.message}")
    with physical_units(network):
        return _Dispatch(solution, network).put()


class _Dispatch:
    """A solution by the elements of pypowsybl."""

    def __init__(self, solution: Result, network: Any) -> None:
        self.solution, self.network = solution, network
        base = solution.problem.base
        units = solution.gens.set_axis(base.gen.name.tolist())
        ends = network.get_boundary_lines(attributes=[]).index
        boundary = units.index.isin([f"{name}{_OF_BOUNDARY}" for name in ends])
        self.boundary, self.units = units.index[boundary].tolist(), units[~boundary]
        self.lines = solution.dclines.set_axis(base.dcline.name.tolist())
        names = pd.Index(base.bus.name.tolist())
        levels = network.get_voltage_levels(attributes=["nominal_v"])["nominal_v"]
        known = network.get_buses(attributes=["voltage_level_id"])
        inner = names.str.startswith(_INNER) & ~names.isin(known.index)
        self.buses = solution.buses.set_axis(names)[~inner]
        self.nominal = pd.Series(levels.loc[known["voltage_level_id"]].to_numpy(), known.index)

    def put(self) -> pd.DataFrame:
        """Write everything; the prices of the buses."""
        tables = {key: self._table(key, "regulated_bus_id") for key in _WITH_VOLTAGE}
        tables["batteries"] = self.network.get_batteries(attributes=["bus_id"])
        hvdc = self.network.get_hvdc_lines(all_attributes=True)
        self._check(tables, hvdc)
        for key in _UNITS:
            self._put_units(key, tables[key])
        self._put_hvdc(hvdc)
        kilovolts = self.buses["vm"] * self.nominal.reindex(self.buses.index)
        self.network.update_buses(
            pd.DataFrame({"v_mag": kilovolts, "v_angle": self.buses["va_deg"]})
        )
        if self.boundary:
            text = "%s: generation at boundary lines keeps its targets: %s"
            log.warning(text, self.solution.problem.base.name, listing(self.boundary, most=5))
        prices: pd.DataFrame = self.buses[list(_PRICES)].rename_axis("id")
        return prices

    def _check(self, tables: dict[str, pd.DataFrame], hvdc: pd.DataFrame) -> None:
        missing = Missing("the pypowsybl network")
        missing.check("buses", self.buses.index, self.nominal.index)
        units = {name for table in tables.values() for name in table.index}
        missing.check("units", self.units.index, units)
        missing.check("HVDC lines", self.lines.index, hvdc.index)
        missing.refuse()

    def _table(self, key: str, *more: str) -> pd.DataFrame:
        """Elements with the bus that they are at."""
        table: pd.DataFrame = getattr(self.network, f"get_{key}")(attributes=["bus_id", *more])
        return table

    def _put_units(self, key: str, table: pd.DataFrame) -> None:
        found = self.units[self.units.index.isin(table.index)]
        if not len(found):
            return
        if key == "static_var_compensators":
            targets = pd.DataFrame({"target_q": -found["q_mvar"]})  # what they draw
        else:
            targets = pd.DataFrame({"target_p": found["p_mw"], "target_q": found["q_mvar"]})
        if key in _WITH_VOLTAGE:
            targets["target_v"] = self._voltage(table.loc[found.index])
        getattr(self.network, f"update_{key}")(targets.rename_axis("id"))

        if key == "batteries":
            self._put_regulation(table.loc[found.index])

    def _put_regulation(self, batteries: pd.DataFrame) -> None:
        """Voltage of batteries that regulate one, which is in an extension."""
        regulation = self.network.get_extensions(_REGULATION)
        regulation = regulation[regulation.index.isin(batteries.index)]
        if not len(regulation):
            return
        bus = self.network.get_injections(attributes=["bus_id"])["bus_id"]
        at = batteries.loc[regulation.index].assign(
            regulated_bus_id=bus.reindex(regulation["regulated_element_id"]).to_numpy()
        )
        targets = pd.DataFrame({"target_v": self._voltage(at)}, index=regulation.index)
        self.network.update_extensions(_REGULATION, targets)

    def _voltage(self, table: pd.DataFrame) -> Any:
        """Voltage where each element regulates, kV; of its own bus if that one is not there."""
        at = table["regulated_bus_id"].where(
            table["regulated_bus_id"].isin(self.buses.index), table["bus_id"]
        )
        return (self.buses["vm"].reindex(at) * self.nominal.reindex(at)).to_numpy()

    def _put_hvdc(self, hvdc: pd.DataFrame) -> None:
        """Powers of HVDC lines, which turn round where the power does, and Q of their stations."""
        if not len(self.lines):
            return
        hvdc = hvdc.loc[self.lines.index]
        back = self.lines["pf_mw"].to_numpy() < 0
        forth = (hvdc["converters_mode"] == _FORTH).to_numpy()
        drawn = np.where(back, -self.lines["pt_mw"], self.lines["pf_mw"])
        targets = pd.DataFrame({"target_p": drawn}, index=self.lines.index)
        targets["converters_mode"] = np.where(forth != back, _FORTH, _BACK)
        self.network.update_hvdc_lines(targets.rename_axis("id"))
        one, two = (hvdc[f"converter_station{k}_id"].to_numpy() for k in (1, 2))
        q = {
            **dict(zip(np.where(forth, one, two), self.lines["qf_mvar"], strict=True)),
            **dict(zip(np.where(forth, two, one), self.lines["qt_mvar"], strict=True)),
        }
        stations = self._table("vsc_converter_stations", "regulated_bus_id")
        stations = stations[stations.index.isin(list(q))]
        if len(stations):
            found = pd.DataFrame({"target_q": [q[name] for name in stations.index]}, stations.index)
            found["target_v"] = self._voltage(stations)
            self.network.update_vsc_converter_stations(found.rename_axis("id"))
