"""The tables of a pypowsybl network that are read, as pandas tables by element id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats, Ints
from scopf.cases.twoports import OPEN

LARGEST = 1e30  # pypowsybl writes the largest float for no limit

_Q_LIMITS = ("min_q", "max_q", "min_q_at_target_p", "max_q_at_target_p", "reactive_limits_kind")
_TRANSFORMER = ("rho", "alpha", *(f"{key}_at_current_tap" for key in "rxgb"))
_BRANCH = ("bus1_id", "bus2_id", "voltage_level1_id", "voltage_level2_id")
_LEG = ("bus{}_id", "voltage_level{}_id", "rho{}", "alpha{}",
        *(f"{key}{{}}_at_current_tap" for key in "rxgb"))  # fmt: skip
_DC = ("converter_station1_id", "converter_station2_id", "connected1", "connected2")

COLUMNS: dict[str, tuple[str, ...]] = {
    "voltage_levels": ("nominal_v", "low_voltage_limit", "high_voltage_limit"),
    "buses": ("v_mag", "v_angle", "synchronous_component", "voltage_level_id",
              "fictitious_p0", "fictitious_q0"),
    "loads": ("p0", "q0", "bus_id"),
    "generators": ("target_p", "target_q", "target_v", "min_p", "max_p", *_Q_LIMITS,
                   "regulated_bus_id", "voltage_regulator_on", "rated_s", "bus_id"),
    "batteries": ("target_p", "target_q", "min_p", "max_p", *_Q_LIMITS, "bus_id"),
    "shunt_compensators": ("g", "b", "voltage_regulation_on", "bus_id"),
    "static_var_compensators": ("b_min", "b_max", "target_v", "target_q", "regulation_mode",
                                "regulating", "regulated_bus_id", "bus_id"),
    "lines": ("r", "x", "g1", "b1", "g2", "b2", *_BRANCH),
    "2_windings_transformers": (*_BRANCH, *_TRANSFORMER),
    "3_windings_transformers": ("rated_u0", *(key.format(k) for k in (1, 2, 3) for key in _LEG)),
    "ratio_tap_changers": ("regulating",),
    "phase_tap_changers": ("regulating", "regulation_mode"),
    "boundary_lines": ("r", "x", "g", "b", "p0", "q0", "paired", "bus_id", "voltage_level_id"),
    "boundary_lines_generation": (),
    "tie_lines": ("boundary_line1_id", "boundary_line2_id"),
    "hvdc_lines": ("converters_mode", "target_p", "max_p", "nominal_v", "r", *_DC),
    "vsc_converter_stations": ("loss_factor", *_Q_LIMITS, "target_v", "target_q",
                               "regulated_bus_id", "voltage_regulator_on", "bus_id"),
    "lcc_converter_stations": ("loss_factor", "power_factor", "bus_id"),
    "reactive_capability_curve_points": ("p", "min_q", "max_q"),
    "loading_limits": (),
}  # fmt: skip


@contextmanager
def physical_units(net: Any) -> Iterator[None]:
    """Tables of a pypowsybl network in MW, MVAr and kV, whatever its setting `per_unit` is."""
    per_unit, net.per_unit = net.per_unit, False
    try:
        yield
    finally:
        net.per_unit = per_unit


class Tables:
    """The tables, and the network's number of each bus of the bus view.

    Args:
        net: the pypowsybl network.

    Attributes:
        base: MVA of the per-unit system.
        bus: the buses, with `number`, and `nominal_v` and the voltage limits of their levels.
    """

    def __init__(self, net: Any) -> None:
        self._net, self._read = net, dict[str, pd.DataFrame]()
        self.base = float(net.nominal_apparent_power)
        levels = self["voltage_levels"]
        buses = self["buses"].astype({"voltage_level_id": object})  # float64 where there are none
        self.bus = buses.join(levels, on="voltage_level_id")
        self.bus["number"] = np.arange(1, len(self.bus) + 1)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """A table by the name that pypowsybl's `get_...` has."""
        if name not in self._read:
            columns, get = COLUMNS[name], getattr(self._net, f"get_{name}")
            self._read[name] = get(attributes=list(columns)) if columns else get()
        return self._read[name]

    def extension(self, name: str) -> pd.DataFrame:
        """The table of an extension, empty where the network has none."""
        found: pd.DataFrame = self._net.get_extensions(name)
        return found

    def xml(self) -> str:
        """The network as XIIDM, for what has no table."""
        found: str = self._net.save_to_string("XIIDM")
        return found

    def numbers(self, buses: pd.Series[str]) -> Ints:
        """Numbers of buses by their ids; OPEN for what is not connected."""
        found = self.bus["number"].reindex(buses).fillna(OPEN)
        return found.to_numpy(dtype=np.int64)

    def kilovolts(self, levels: pd.Series[str]) -> Floats:
        """Nominal voltages of voltage levels."""
        found: Floats = self["voltage_levels"]["nominal_v"].loc[levels].to_numpy(dtype=np.float64)
        return found


def limited(values: Any) -> Floats:
    """Numbers, infinite where pypowsybl has the largest that there is."""
    given = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(given) > LARGEST, np.copysign(np.inf, given), given)
