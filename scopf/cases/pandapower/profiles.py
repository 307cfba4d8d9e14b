"""Profiles of loads in the controllers of a pandapower net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scopf.arrays import Complexes, Floats, Ints
from scopf.cases.pandapower import sources
from scopf.cases.pandapower.reading import ParsedNet
from scopf.errors import CaseError, Fault, listing

if TYPE_CHECKING:
    from scopf.network.network import Network

_ELEMENTS = ("load", "sgen")
_VARIABLES = ("p_mw", "q_mvar", "scaling")


def loads(net: Any, network: Network) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loads at buses over time.

    Args:
        net: the pandapower net; of two profiles of a value, that of the later controller counts.
        network: as it was read from it.

    Returns:
        Active power in MW and reactive power in MVAr at 1 p.u., a row for each time, a column for
        each bus with a profile, whose number names it.

    Raises:
        CaseError: listing every controller that is none of profiles, or has no such values.
    """
    parsed = ParsedNet(net, ignore_unsupported=True)
    controls, faults = _controls(net)
    times = controls[0].data_source.df.index if controls else pd.Index([])
    changed = {
        element: {name: _static(parsed.tables[element], name, len(times)) for name in _VARIABLES}
        for element in _ELEMENTS
    }
    for control in controls:
        faults += _put(control, parsed.tables[control.element], changed[control.element], times)
    if not controls and not faults:
        faults = [Fault("no ConstControl of the net has a profile of a load or static generator")]
    if faults:
        raise CaseError(parsed.name, faults)
    columns, power = _total(parsed, network, controls, changed)
    index = pd.Index(times, name=times.name or "time")
    return pd.DataFrame(power.real, index, columns), pd.DataFrame(power.imag, index, columns)


def _total(
    parsed: ParsedNet, network: Network, controls: list[Any], changed: dict[str, dict[str, Floats]]
) -> tuple[Ints, Complexes]:
    """Numbers of the buses with a profile, and MVA of all loads there, a row for each time."""
    tables, numbers = parsed.tables, parsed.bus_numbers
    touched = {
        element: np.unique(
            [row for one in controls if one.element == element for row in _rows(one)]
        )
        for element in _ELEMENTS
    }
    at_bus = {
        element: numbers.loc[tables[element].loc[rows, "bus"]].to_numpy(dtype=np.int64)
        for element, rows in touched.items()
    }
    columns: Ints = np.unique(np.concatenate(list(at_bus.values())))
    bus, at = network.bus, np.searchsorted(network.bus.id, columns)
    static = bus.pd + bus.pd_current + 1j * (bus.qd + bus.qd_current)
    steps = len(next(iter(changed.values()))["p_mw"])
    power: Complexes = np.tile(static[at] * network.base_mva, (steps, 1))
    for element, rows in touched.items():
        table = tables[element].loc[rows]
        where = tables[element].index.get_indexer(pd.Index(rows))
        now = {name: values[:, where] for name, values in changed[element].items()}
        of_p, of_q = (
            _drawn(element, table.assign(p_mw=p, q_mvar=q, scaling=1.0))
            for p, q in ((1, 0), (0, 1))
        )
        more = now["scaling"] * (now["p_mw"] * of_p + now["q_mvar"] * of_q) - _drawn(element, table)
        np.add.at(power.T, np.searchsorted(columns, at_bus[element]), more.T)
    return columns, power


def _rows(control: Any) -> list[Any]:
    found: list[Any] = np.atleast_1d(control.element_index).tolist()
    return found


def _controls(net: Any) -> tuple[list[Any], list[Fault]]:
    """Controllers in service that have a profile, and a fault for each that is something else."""
    found, faults = list[Any](), list[Fault]()
    table = net["controller"] if "controller" in net else pd.DataFrame()
    for number in table.index[table["in_service"].astype(bool)] if len(table) else ():
        control: Any = table.at[number, "object"]
        kind, element = type(control).__name__, getattr(control, "element", "")
        variable = getattr(control, "variable", "")
        if kind != "ConstControl":
            faults.append(Fault(f"{kind} is no profile of loads", "controller", number))
        elif element not in _ELEMENTS or variable not in _VARIABLES:
            text = f"{element}.{variable} is none of {listing(_VARIABLES)} of loads and sgens"
            faults.append(Fault(text, "controller", number))
        elif not isinstance(getattr(control.data_source, "df", None), pd.DataFrame):
            text = "its data source has no DataFrame `df`, as DFData has"
            faults.append(Fault(text, "controller", number))
        else:
            found.append(control)
    return found, faults


def _static(table: pd.DataFrame, name: str, count: int) -> Floats:
    return np.tile(table[name].to_numpy(dtype=np.float64), (count, 1))


def _put(
    control: Any,
    table: pd.DataFrame,
    changed: dict[str, Floats],
    times: pd.Index[Any],
) -> list[Fault]:
    """Write the values of a profile; faults where there are none."""
    rows = _rows(control)
    names = control.profile_name
    names = list(names) if isinstance(names, (list, tuple, np.ndarray, pd.Index)) else [names]
    names = names * len(rows) if len(names) == 1 else names
    number, frame = control.index, control.data_source.df
    where = table.index.get_indexer(pd.Index(rows))
    if (where < 0).any():
        return [Fault(f"{control.element} {listing(rows)} is not in the net", "controller", number)]
    if len(names) != len(rows) or not set(names) <= set(frame.columns):
        text = f"its data have no profile {listing(map(str, names))} for {len(rows)} elements"
        return [Fault(text, "controller", number)]
    if not frame.index.equals(times):
        return [Fault("its data have other time steps than the first", "controller", number)]
    try:
        values = frame[names].to_numpy(dtype=np.float64) * control.scale_factor
    except (TypeError, ValueError):
        return [Fault("its profile has cells that are no numbers", "controller", number)]
    changed[control.variable][:, where] = values
    return _unscaled(control, table.loc[rows])


def _unscaled(control: Any, table: pd.DataFrame) -> list[Fault]:
    """Faults for loads that no load factor scales."""
    chosen = sources.decided(control.element, table)
    shunts = sum(
        table[f"const_z_{x}_percent"].to_numpy() for x in "pq" if control.element == "load"
    )
    found = []
    for rows, text in (
        (chosen, "is controllable, so that it is no load but a variable"),
        (
            np.asarray(shunts) > 0,
            "is a constant impedance in part, which a load factor leaves as it is",
        ),
    ):
        if (
            names := [f"{control.element} {row}" for row in table.index[rows]]
            if np.any(rows)
            else []
        ):
            found.append(Fault(f"{listing(names, most=5)} {text}", "controller", control.index))
    return found


def _drawn(element: str, table: pd.DataFrame) -> Complexes:
    """Power at 1 p.u. without the part of constant impedance, which no load factor scales."""
    power, _, current = sources.fixed(element, table)
    return power + current
