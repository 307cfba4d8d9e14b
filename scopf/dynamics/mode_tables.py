"""Tables of modes: frequencies, damping ratios, and who takes part in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics import damping
from scopf.dynamics.modes import shares

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Complexes, Floats, Ints, Strings
    from scopf.dynamics.dae import System

MODE = {
    "mode": ("mode", "{:d}"),
    "eigenvalue": ("eigenvalue [rad/s]", "{}"),
    "frequency_hz": ("f [Hz]", "{:.3f}"),
    "damping": ("damping", "{:.4f}"),
    "bus": ("inverter", "{:d}"),
    "share": ("share", "{:.3f}"),
}
BY_DEVICE = {
    **{key: column for key, column in MODE.items() if key not in ("bus", "share")},
    "moves": ("moves", "{}"),
    "device": ("device", "{}"),
    "bus": ("bus", "{:d}"),
    "share": MODE["share"],
}


@dataclass(frozen=True, eq=False)
class ModeTables:
    """Some modes of a system.

    Attributes:
        system: the equations.
        values: eigenvalues, rad/s, the rightmost first; of a pair the one above the axis.
        min_damping: damping ratio that oscillations shall have; 0 where none was asked for.
    """

    system: System
    values: Complexes
    min_damping: float

    @cached_property
    def shares(self) -> tuple[Floats, list[str]]:
        """Participation of each inverter and device in each reported mode, and what moves there."""
        values = self.values.tolist()
        found = [shares(self.system, value) for value in values]
        rows = np.array([row for row, _ in found]).reshape(len(found), len(self.carriers[0]))
        return rows, [moves for _, moves in found]

    @cached_property
    def carriers(self) -> tuple[Strings, Ints, list[str]]:
        """Kind, bus and label of each inverter and then of each device."""
        inverters, devices = self.system.inverters, self.system.devices
        kinds = ["inverter"] * len(inverters) + devices.kinds
        bus = np.concatenate([inverters.bus, devices.bus])
        return np.array(kinds, dtype=object), bus, inverters.labels + devices.labels

    @cached_property
    def modes(self) -> pd.DataFrame:
        """Rows of the modes, as `Verification.modes` has them."""
        import pandas as pd

        values, least = self.values, self.min_damping
        rows, moves = self.shares
        kinds, buses, _ = self.carriers
        most = rows.argmax(axis=1) if len(values) else np.empty(0, np.int64)
        return pd.DataFrame(
            {
                "mode": 1 + np.arange(len(values)),
                "real": values.real,
                "imag": values.imag,
                "frequency_hz": values.imag / (2 * np.pi),
                "damping": damping.ratios(values),
                **({"damped": damping.meets(values, least)} if least else {}),
                "moves": moves,
                "device": kinds[most],
                "bus": buses[most],
                "share": rows[np.arange(len(values)), most],
            }
        )

    @cached_property
    def participation(self) -> pd.DataFrame:
        """Shares of all inverters and devices in the reported modes, the largest of each first."""
        import pandas as pd

        rows, _ = self.shares
        kinds, buses, _ = self.carriers
        count = len(rows)
        order = np.argsort(-rows, axis=1, kind="stable")
        return pd.DataFrame(
            {
                "mode": np.repeat(1 + np.arange(count), len(buses)),
                "device": kinds[order].ravel(),
                "bus": buses[order].ravel(),
                "share": np.take_along_axis(rows, order, axis=1).ravel(),
            }
        )


def complex_text(value: complex) -> str:
    """An eigenvalue, or a pair of them, as text."""
    return f"{value.real:.5g} +- {value.imag:.5g}j" if value.imag else f"{value.real:.5g}"
