"""The tables of a pandapower net that are read: their columns, and what may stand in them.

Element parameters are those of pandapower's documentation (chapter "Datastructure and Elements").
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import LARGEST_WHOLE, Flags, Floats, Ints
from scopf.errors import Fault

_NOTHING = ("", "nan", "None")  # texts that pandapower itself writes for a blank
_LARGEST_INDEX = 10_000_000  # pandapower's tables of positions are as long as the largest index
_LIMITS = {f"{end}_{power}": np.nan for end in ("min", "max") for power in ("p_mw", "q_mvar")}
_VOLTAGES = {"min_vm_pu": np.nan, "max_vm_pu": np.nan}
_TAP = {
    key: np.nan
    for tap in ("tap", "tap2")
    for key in (f"{tap}_pos", f"{tap}_neutral", f"{tap}_step_percent", f"{tap}_step_degree")
}
_SHARES = {f"const_{kind}_{power}_percent": 0.0 for kind in "zi" for power in "pq"}
_COST = dict.fromkeys(
    ("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2",
     "cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2"), 0.0
)  # fmt: skip
_ON: Mapping[str, bool | None] = {"in_service": None}


@dataclass(frozen=True)
class Element:
    """Columns of one table.

    Attributes:
        buses: columns that name a bus.
        finite: columns of finite numbers.
        positive: columns of finite numbers above zero.
        blank: columns of numbers that may be left out, with what holds then.
        flags: columns that say yes or no, with what holds where they are left out; None where they
            must not be.
        texts: columns of words, with the words that are known; None stands for a blank.
        kept: columns handed on as they are, if they are there.
    """

    buses: tuple[str, ...] = ()
    finite: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    blank: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, bool | None] = field(default_factory=lambda: _ON)
    texts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    @property
    def numeric(self) -> tuple[str, ...]:
        """Every column of numbers."""
        return (*self.finite, *self.positive, *self.blank)


def _power(*, controllable: bool) -> Element:
    flags: dict[str, bool | None] = {"in_service": None, "controllable": controllable}
    blank = {**_LIMITS, "sn_mva": np.nan, "scaling": 1.0}
    return Element(("bus",), ("p_mw", "q_mvar"), (), blank, flags)


def _phases(*, controllable: bool = False) -> Element:
    powers = tuple(f"{power}_{phase}_{unit}" for power, unit in (("p", "mw"), ("q", "mvar"))
                   for phase in "abc")  # fmt: skip
    return Element(("bus",), powers, (), {"scaling": 1.0})


_CHANGERS = (None, "Ratio", "Symmetrical", "Ideal", "Tabular")
_TABULAR: Mapping[str, bool | None] = {"in_service": None, "tap_dependency_table": False}
_SOURCE = _power(controllable=False)

ELEMENTS: Mapping[str, Element] = {
    "bus": Element((), (), ("vn_kv",), _VOLTAGES),
    "ext_grid": Element(
        ("bus",), ("va_degree",), ("vm_pu",), _LIMITS, {**_ON, "controllable": False}
    ),
    "gen": Element(
        ("bus",), ("p_mw",), ("vm_pu",), {**_LIMITS, **_VOLTAGES, "sn_mva": np.nan, "scaling": 1.0},
        {**_ON, "controllable": True, "slack": False, "reactive_capability_curve": False},
    ),
    "sgen": Element(
        _SOURCE.buses, _SOURCE.finite, (), _SOURCE.blank,
        {**_SOURCE.flags, "reactive_capability_curve": False},
    ),
    "load": Element(_SOURCE.buses, _SOURCE.finite, (), {**_SOURCE.blank, **_SHARES}, _SOURCE.flags),
    "storage": _SOURCE,
    "motor": Element(
        ("bus",), ("pn_mech_mw", "loading_percent"), ("cos_phi", "efficiency_percent"),
        {"scaling": 1.0},
    ),
    "asymmetric_load": _phases(),
    "asymmetric_sgen": _phases(),
    "shunt": Element(
        ("bus",), ("p_mw", "q_mvar", "step"), (), {"vn_kv": np.nan},
        {**_ON, "step_dependency_table": False}, kept=("id_characteristic_table",),
    ),
    "ward": Element(("bus",), ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar")),
    "xward": Element(
        ("bus",), ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar", "r_ohm", "x_ohm"), ("vm_pu",)
    ),
    "svc": Element(
        ("bus",), ("x_l_ohm", "x_cvar_ohm", "thyristor_firing_angle_degree"), ("set_vm_pu",), {},
        {**_ON, "controllable": True},
    ),
    "ssc": Element(
        ("bus",), ("r_ohm", "x_ohm"), ("set_vm_pu", "vm_internal_pu"), {},
        {**_ON, "controllable": True},
    ),
    "tcsc": Element(
        ("from_bus", "to_bus"), ("x_l_ohm", "x_cvar_ohm", "thyristor_firing_angle_degree"), (), {},
        {**_ON, "controllable": True},
    ),
    "line": Element(
        ("from_bus", "to_bus"),
        ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"), ("length_km",),
        {"g_us_per_km": 0.0, "df": 1.0, "parallel": 1.0, "max_loading_percent": np.nan,
         "max_i_ka": np.nan},
    ),
    "trafo": Element(
        ("hv_bus", "lv_bus"),
        ("vk_percent", "vkr_percent", "pfe_kw", "i0_percent", "shift_degree"),
        ("sn_mva", "vn_hv_kv", "vn_lv_kv"),
        {**_TAP, "parallel": 1.0, "df": 1.0, "max_loading_percent": np.nan,
         "leakage_resistance_ratio_hv": 0.5, "leakage_reactance_ratio_hv": 0.5},
        _TABULAR,
        {"tap_side": (None, "hv", "lv"), "tap2_side": (None, "hv", "lv"),
         "tap_changer_type": _CHANGERS, "tap2_changer_type": _CHANGERS},
        ("id_characteristic_table",),
    ),
    "trafo3w": Element(
        ("hv_bus", "mv_bus", "lv_bus"),
        ("vk_hv_percent", "vk_mv_percent", "vk_lv_percent",
         "vkr_hv_percent", "vkr_mv_percent", "vkr_lv_percent", "pfe_kw", "i0_percent",
         "shift_mv_degree", "shift_lv_degree"),
        ("sn_hv_mva", "sn_mv_mva", "sn_lv_mva", "vn_hv_kv", "vn_mv_kv", "vn_lv_kv"),
        {**{key: value for key, value in _TAP.items() if "tap2" not in key},
         "max_loading_percent": np.nan},
        {**_TABULAR, "tap_at_star_point": False},
        {"tap_side": (None, "hv", "mv", "lv"), "tap_changer_type": _CHANGERS},
        ("id_characteristic_table",),
    ),
    "impedance": Element(
        ("from_bus", "to_bus"), ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu"), ("sn_mva",),
        {"gf_pu": 0.0, "bf_pu": 0.0, "gt_pu": 0.0, "bt_pu": 0.0},
    ),
    "switch": Element(
        ("bus",), ("element",), (), {"z_ohm": 0.0}, {"closed": None},
        {"et": ("b", "l", "t", "t3")},
    ),
    "dcline": Element(
        ("from_bus", "to_bus"), ("p_mw", "loss_percent", "loss_mw"), ("vm_from_pu", "vm_to_pu"),
        dict.fromkeys(("max_p_mw", "min_q_from_mvar", "max_q_from_mvar",
                       "min_q_to_mvar", "max_q_to_mvar"), np.nan),
    ),
    "poly_cost": Element(
        (), ("element",), (), _COST, {},
        {"et": ("ext_grid", "gen", "sgen", "load", "storage", "dcline")},
    ),
    "pwl_cost": Element(
        (), ("element",), (), {}, {},
        {"et": ("ext_grid", "gen", "sgen", "load", "storage", "dcline"), "power_type": ("p", "q")},
        ("points",),
    ),
}  # fmt: skip

# Switches on branches: by `et`, the table they are on and its ends.
SWITCHED = {
    "l": ("line", ("from_bus", "to_bus")),
    "t": ("trafo", ("hv_bus", "lv_bus")),
    "t3": ("trafo3w", ("hv_bus", "mv_bus", "lv_bus")),
}


def cleaned(net: Any, faults: list[Fault]) -> dict[str, pd.DataFrame]:
    """Every table that is read, with exactly the columns of `ELEMENTS`, in their types.

    Blanks are filled in, and tables that are not there are empty. What is wrong is added to
    `faults`; the tables are then only good for finding more.
    """
    tables = {name: _table(net, name, faults) for name in ELEMENTS}
    for name, element in ELEMENTS.items():
        for column in element.buses:
            known = np.isin(tables[name][column], tables["bus"].index)
            text = f"{column} {{}} is no bus of the net"
            faults += row_faults(
                name, tables[name], ~known, text, tables[name][column], column=column
            )
    return tables


def row_faults(
    name: str, table: pd.DataFrame, bad: Any, text: str, *values: Any, column: str = ""
) -> Iterator[Fault]:
    """One fault for each row where `bad`, its text filled with that row's values."""
    columns = [np.asarray(value) for value in values]
    for row in np.flatnonzero(np.asarray(bad)).tolist():
        shown = text.format(*(column[row] for column in columns))
        yield Fault(shown, name, row + 1, f"{name} {table.index[row]}", column)


def _table(net: Any, name: str, faults: list[Fault]) -> pd.DataFrame:
    element, given = ELEMENTS[name], _modern(net.get(name))
    if given is not None and not isinstance(given, pd.DataFrame):
        faults.append(Fault(f"is a {type(given).__name__} and no table", name))
    if not isinstance(given, pd.DataFrame) or not len(given):
        given = pd.DataFrame(index=pd.Index([], dtype=np.int64))
    columns = (*element.buses, *element.numeric, *element.flags, *element.texts, *element.kept)
    twice = [key for key in columns if list(given.columns).count(key) > 1]
    if twice:
        faults.append(Fault(f"column {', '.join(twice)} occurs twice", name))
        given = given.loc[:, ~given.columns.duplicated()]
    rows = pd.DataFrame(index=_index(name, given, faults))
    need = (*element.buses, *element.finite, *element.positive)
    need += tuple(key for key, value in element.flags.items() if value is None)
    need += tuple(key for key, words in element.texts.items() if None not in words)
    for key in need if len(given) else ():
        if key not in given:
            faults.append(Fault(f"has no column {key}", name, column=key))
    whole = (*element.buses, *(("element",) if "element" in element.finite else ()))
    found: dict[str, Any] = {}
    for key in element.buses + element.numeric:
        values = _numbers(name, rows, given, key, faults, blank=key in element.blank)
        if key in element.blank:
            values = np.where(np.isnan(values), element.blank[key], values)
        found[key] = _whole(name, rows, key, values, faults) if key in whole else values
    for key in element.positive:
        text = f"{key} must be positive, got {{:g}}"
        faults += row_faults(name, rows, found[key] <= 0, text, found[key], column=key)
    for key, default in element.flags.items():
        found[key] = _yes(name, rows, given, key, default, faults)
    for key, words in element.texts.items():
        found[key] = _words(name, rows, given, key, words, faults)
    for key in element.kept:
        found[key] = given[key].to_numpy() if key in given else np.full(len(given), pd.NA)
    return pd.DataFrame(found, index=rows.index)


def _modern(given: Any) -> Any:
    """A table with the columns of today: types of tap changers, and shares of loads by P and Q."""
    for kind in "zi":
        share, by_power = f"const_{kind}_percent", [f"const_{kind}_{x}_percent" for x in "pq"]
        if isinstance(given, pd.DataFrame) and share in given and not set(by_power) & {*given}:
            given = given.assign(**dict.fromkeys(by_power, given[share]))
    for tap in ("tap", "tap2"):
        new, old = f"{tap}_changer_type", f"{tap}_phase_shifter"
        if isinstance(given, pd.DataFrame) and old in given and new not in given:
            shifts = [not _blank(cell) and cell == 1 for cell in _cells(given[old])]
            given = given.assign(**{new: ["Ideal" if shift else "Ratio" for shift in shifts]})
    return given


def _index(name: str, given: pd.DataFrame, faults: list[Fault]) -> Any:
    """The table's own numbers; 0, 1, 2, ... where they are none."""
    values = list(given.index)
    whole = [isinstance(value, numbers.Integral) and not isinstance(value, bool)
             for value in values]  # fmt: skip
    fault = ""
    if not all(whole):
        fault = f"the index must be of whole numbers, got {values[whole.index(False)]!r}"
    elif values and (min(values) < 0 or max(values) > _LARGEST_INDEX):
        fault = (
            f"the index must be between 0 and {_LARGEST_INDEX}, got {min(values)} to {max(values)}"
        )
    elif given.index.has_duplicates:
        fault = f"the index {given.index[given.index.duplicated()][0]} occurs twice"
    if fault:
        faults.append(Fault(fault, name, column="index"))
        return pd.RangeIndex(len(values))
    return pd.Index(values, dtype=np.int64)


def _numbers(
    name: str, rows: pd.DataFrame, given: Any, key: str, faults: list[Fault], *, blank: bool
) -> Floats:
    """A column of numbers; NaN where it has none, which is a fault where it may not be blank."""
    if key not in given:
        return np.full(len(given), np.nan)
    column = given[key]
    if column.dtype.kind in "iuf":
        values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
        bad: Flags = np.isinf(values) if blank else ~np.isfinite(values)
        bad &= ~(np.isinf(values) & key.startswith(("min_", "max_")))
    else:
        cells = column.to_list()
        real = [isinstance(cell, numbers.Real) and not isinstance(cell, (bool, np.bool_))
                for cell in cells]  # fmt: skip
        values = np.array([_float(cell) if ok else np.nan for cell, ok in
                           zip(cells, real, strict=True)], dtype=np.float64)  # fmt: skip
        empty = np.array([_blank(cell) for cell in cells], dtype=bool)
        bad = ~np.isfinite(values) & ~(empty & blank)
        bad &= ~(np.isinf(values) & key.startswith(("min_", "max_")))
    text = f"{key} must be a number, got {{!r}}"
    faults += row_faults(name, rows, bad, text, _cells(column), column=key)
    return np.where(bad, np.nan, values)


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return np.nan


def _cells(column: Any) -> Any:
    cells = np.empty(len(column), dtype=object)
    cells[:] = column.to_list()
    return cells


def _blank(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and cell != cell)


def _whole(name: str, rows: pd.DataFrame, key: str, values: Floats, faults: list[Fault]) -> Ints:
    bad = np.isfinite(values) & ~((np.abs(values) < LARGEST_WHOLE) & (values == np.round(values)))
    text = f"{key} must be a whole number, got {{:g}}"
    faults += row_faults(name, rows, bad, text, values, column=key)
    return np.where(np.isfinite(values) & ~bad, values, -1).astype(np.int64)


def _yes(
    name: str, rows: pd.DataFrame, given: Any, key: str, default: bool | None, faults: list[Fault]
) -> Flags:
    found = np.full(len(given), bool(default))
    if key not in given:
        return found
    if given[key].dtype == np.bool_:
        return np.asarray(given[key], dtype=np.bool_)
    cells, bad = _cells(given[key]), np.zeros(len(given), dtype=bool)
    for row, cell in enumerate(cells):
        number = isinstance(cell, (numbers.Real, np.bool_)) and cell in (0, 1)
        bad[row] = not number and not (default is not None and _blank(cell))
        found[row] = bool(cell) if number else bool(default)
    text = f"{key} must be true or false, got {{!r}}"
    faults += row_faults(name, rows, bad, text, cells, column=key)
    return found


def _words(
    name: str,
    rows: pd.DataFrame,
    given: Any,
    key: str,
    words: tuple[str | None, ...],
    faults: list[Fault],
) -> Any:
    blank = None if None in words else ""
    found = np.full(len(given), blank, dtype=object)
    if key not in given:
        return found
    cells, bad = _cells(given[key]), np.zeros(len(given), dtype=bool)
    for row, cell in enumerate(cells):
        known = isinstance(cell, str) and cell in words
        nothing = None in words and (_blank(cell) or (isinstance(cell, str) and cell in _NOTHING))
        bad[row] = not known and not nothing
        found[row] = str(cell) if known else blank
    listed = ", ".join(word for word in words if word)
    text = f"{key} must be one of {listed}, got {{!r}}"
    faults += row_faults(name, rows, bad, text, cells, column=key)
    return found
