"""HVDC lines of a pypowsybl network at their schedule, as DC lines.

With P the power that the rectifier draws, K1 and K2 the loss factors of rectifier and inverter, R
the resistance and V the nominal DC voltage, the inverter feeds (1 - K2) (D - R (D/V)^2) into the
network, D = (1 - K1) P, as in pypowsybl's power flow. Losses of a line whose power is a variable
are on the straight line from none to those of its largest power.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Flags, Floats, texts
from scopf.cases.approximations import Approximations
from scopf.cases.powsybl import units
from scopf.cases.powsybl.tables import Tables, limited
from scopf.cases.twoports import OPEN
from scopf.errors import Fault, listing
from scopf.network.tables import DcLines

_FROM_ONE = "SIDE_1_RECTIFIER_SIDE_2_INVERTER"
_FREE = np.nan  # no ratio of Q to P


def table(tables: Tables, dispatch: bool, notes: Approximations, faults: list[Fault]) -> DcLines:
    """The table; with `dispatch` the power may be anything between zero and its maximum."""
    lines = tables["hvdc_lines"]
    stations = _stations(tables, notes)
    forth = (lines["converters_mode"] == _FROM_ONE).to_numpy()
    names = [lines[f"converter_station{k}_id"].to_numpy() for k in (1, 2)]
    sends = stations.loc[np.where(forth, *names)]
    receives = stations.loc[np.where(forth, *names[::-1])]
    kept: Flags = np.asarray((sends["bus"] != OPEN).to_numpy() & (receives["bus"] != OPEN))
    if not kept.all():
        off = listing(lines.index[~kept], most=5)
        notes.add(f"HVDC lines with a station that is not connected are left out: {off}")
    lines, sends, receives = lines[kept], sends[kept], receives[kept]
    target = lines["target_p"].to_numpy()
    _emulating(tables, notes)
    most = np.maximum(lines["max_p"].to_numpy(), target) if dispatch else target
    lost = _losses(most, sends, receives, lines)
    slope = np.divide(lost, most, out=np.zeros(len(lines)), where=most > 0)
    faults += [
        Fault("more power is lost than is sent", "hvdc_lines", label=str(name))
        for name in lines.index[slope >= 1]
    ]
    columns: dict[str, Any] = {"f": sends, "t": receives}
    found = {
        f"{key}{side}": ends[of].to_numpy() / scale
        for side, ends in columns.items()
        for key, of, scale in (
            ("v", "vm", 1.0), ("qmin", "qmin", tables.base), ("qmax", "qmax", tables.base),
            ("tan_phi_", "tan_phi", 1.0),
        )
    }  # fmt: skip
    powers = {"f": target, "t": target * (1.0 - slope)}
    found |= {f"q{side}": _reactive(columns[side], powers[side]) / tables.base for side in "ft"}
    return DcLines(
        id=np.arange(1, len(lines) + 1),
        from_bus=sends["bus"].to_numpy(),
        to_bus=receives["bus"].to_numpy(),
        in_service=np.ones(len(lines), dtype=bool),
        pf=target / tables.base,
        pmin=(0.0 if dispatch else 1.0) * target / tables.base,
        pmax=most / tables.base,
        loss1=np.where(slope < 1, slope, 0.0),
        name=texts(lines.index),
        **found,
    )


def _losses(
    power: Floats, sends: pd.DataFrame, receives: pd.DataFrame, lines: pd.DataFrame
) -> Floats:
    """Losses at powers of the rectifiers, MW."""
    direct = (1.0 - sends["loss"].to_numpy()) * power
    nominal = lines["nominal_v"].to_numpy()
    arrives = direct - lines["r"].to_numpy() * (direct / nominal) ** 2
    return np.asarray(power - (1.0 - receives["loss"].to_numpy()) * arrives)


def _stations(tables: Tables, notes: Approximations) -> pd.DataFrame:
    """Bus, loss per power, limits of Q in MVAr, ratio of Q to P, and voltage of every station."""
    vsc, lcc = tables["vsc_converter_stations"], tables["lcc_converter_stations"]
    parts = []
    for stations in (vsc, lcc):
        part = pd.DataFrame({"bus": tables.numbers(stations["bus_id"])}, index=stations.index)
        part["loss"] = stations["loss_factor"] / 100.0
        parts.append(part.assign(qmin=-np.inf, qmax=np.inf, tan_phi=_FREE, vm=1.0, q=0.0))
    if len(vsc):
        curved = vsc["reactive_limits_kind"] == "CURVE"
        for key, bound in (("qmin", "min_q"), ("qmax", "max_q")):
            parts[0][key] = limited(np.where(curved, vsc[f"{bound}_at_target_p"], vsc[bound]))
        parts[0]["vm"] = units.target_vm(tables, vsc)
        parts[0]["q"] = vsc["target_q"].fillna(0.0)
        if curved.any():
            notes.add(
                "reactive capability curves of VSC stations are their limits at the target of P: "
                + listing(vsc.index[curved], most=5)
            )
    parts[1]["tan_phi"] = np.sqrt(1.0 / lcc["power_factor"] ** 2 - 1.0)
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _reactive(ends: pd.DataFrame, power: Floats) -> Floats:
    """Reactive power injected at the schedule, within its limits."""
    ratio = ends["tan_phi"].to_numpy()
    free = np.clip(ends["q"].to_numpy(), ends["qmin"].to_numpy(), ends["qmax"].to_numpy())
    return np.asarray(np.where(np.isnan(ratio), free, -np.nan_to_num(ratio) * power))


def _emulating(tables: Tables, notes: Approximations) -> None:
    droop = tables.extension("hvdcAngleDroopActivePowerControl")
    if len(droop) and len(on := droop.index[droop["enabled"].astype(bool)]):
        notes.add(
            "HVDC lines that follow the angle of their ends keep their target of P: "
            + listing(on, most=5)
        )
