"""FACTS devices of a pandapower net, held at their set points, as elements that the model has.

- A static VAr compensator (svc) that is controllable holds the voltage of its bus with a source of
  reactive power; one that is not is a shunt, with the susceptance of its firing angle.
- A static synchronous compensator (ssc) is such a source behind its impedance, as in an xward. It
  holds the voltage of its bus, or if it is not controllable its own.
- A thyristor-controlled series capacitor (tcsc) is the reactance of its firing angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scopf.arrays import Floats
from scopf.cases.approximations import Approximations
from scopf.errors import listing

_NO_LIMIT = 1e6  # MVA: the size of an impedance is its rating, unless it is as large as this


@dataclass(frozen=True)
class Facts:
    """The tables of a net with the devices among other elements.

    Attributes:
        tables: shunts, xwards and impedances stand for devices too.
        names: of the devices by that of the element that stands for them, such as "xward 3".
        free: indices of the xwards whose inner voltage is free.
        holding: svc and ssc whose bus has a given voltage: columns bus and set_vm_pu.
    """

    tables: dict[str, pd.DataFrame]
    names: dict[str, str]
    free: list[int]
    holding: pd.DataFrame

    @property
    def sources(self) -> pd.DataFrame:
        """The svc that hold a voltage."""
        svc = self.tables["svc"]
        return svc[svc["controllable"]]


def susceptance(angle_degree: Floats, x_l: Floats, x_c: Floats) -> Floats:
    """Inductive susceptance of a reactor behind thyristors beside a capacitor, one over ohms.

    Args:
        angle_degree: firing angle.
        x_l: reactance of the reactor in ohms.
        x_c: of the capacitor, negative.
    """
    angle = np.radians(angle_degree)
    found: Floats = (2 * (np.pi - angle) + np.sin(2 * angle)) / (np.pi * x_l) + 1.0 / x_c
    return found


def among_others(tables: dict[str, pd.DataFrame], base: float) -> Facts:
    """Put the devices among the tables of elements.

    Args:
        tables: cleaned, without a fault.
        base: MVA.
    """
    svc, ssc, tcsc = (tables[name] for name in ("svc", "ssc", "tcsc"))
    kv, names = tables["bus"]["vn_kv"], dict[str, str]()
    fixed = svc[~svc["controllable"]]
    volts = kv.loc[fixed["bus"]].to_numpy()
    shunts = fixed[["bus", "in_service"]].assign(
        p_mw=0.0, q_mvar=_inductive(fixed) * volts**2, vn_kv=volts, step=1.0,
        step_dependency_table=False, id_characteristic_table=None,
    )  # fmt: skip
    wards = ssc[["bus", "in_service", "r_ohm", "x_ohm"]].assign(
        ps_mw=0.0, qs_mvar=0.0, pz_mw=0.0, qz_mvar=0.0, vm_pu=ssc["vm_internal_pu"]
    )  # fmt: skip
    x_pu = base / (_inductive(tcsc) * kv.loc[tcsc["from_bus"]].to_numpy() ** 2)
    series = tcsc[["from_bus", "to_bus", "in_service"]].assign(
        rft_pu=0.0, xft_pu=x_pu * _NO_LIMIT / base, rtf_pu=0.0, xtf_pu=x_pu * _NO_LIMIT / base,
        sn_mva=_NO_LIMIT, gf_pu=0.0, bf_pu=0.0, gt_pu=0.0, bt_pu=0.0,
    )  # fmt: skip
    found = dict(tables)
    for name, rows, device in (
        ("shunt", shunts, "svc"),
        ("xward", wards, "ssc"),
        ("impedance", series, "tcsc"),
    ):
        if not len(rows):
            continue
        own = tables[name]
        first = 1 + max(own.index, default=-1)
        places = pd.RangeIndex(first, first + len(rows))
        names |= {
            f"{name} {place}": f"{device} {number}"
            for place, number in zip(places, rows.index, strict=True)
        }
        rows = rows.set_axis(places)[list(own.columns)]
        found[name] = pd.concat([own, rows]) if len(own) else rows
    free = list(found["xward"].index[len(tables["xward"]) :][ssc["controllable"]])
    columns = ["bus", "in_service", "set_vm_pu"]
    holding = [table.loc[table["controllable"], columns] for table in (svc, ssc)]
    return Facts(found, names, free, pd.concat(holding))


def _inductive(table: pd.DataFrame) -> Floats:
    angle, x_l, x_c = (
        table[key].to_numpy() for key in ("thyristor_firing_angle_degree", "x_l_ohm", "x_cvar_ohm")
    )
    return susceptance(angle, x_l, x_c)


def explain(tables: dict[str, pd.DataFrame], notes: Approximations) -> None:
    """Say what devices in service are taken for."""
    for name, controllable, text in (
        ("svc", True, "keeps its set point of voltage, with reactive power of any size"),
        ("svc", False, "is a shunt at its firing angle"),
        ("ssc", True, "keeps its set point of voltage, with reactive power of any size"),
        ("ssc", False, "keeps its own voltage, with reactive power of any size"),
        ("tcsc", True, "is a reactance at its firing angle; its set point of power is not kept"),
        ("tcsc", False, "is a reactance at its firing angle"),
    ):
        table = tables[name]
        those = table.index[table["in_service"] & (table["controllable"] == controllable)]
        if len(those):
            notes.add(f"{listing(f'{name} {number}' for number in those)} {text}")
