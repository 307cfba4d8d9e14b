"""Content of a pypowsybl network that the model does not represent, or holds as it is."""

from __future__ import annotations

from typing import Any

from scopf.cases.approximations import Approximations
from scopf.cases.powsybl.tables import Tables
from scopf.errors import Fault, listing

_DETAILED = {  # tables of networks of direct current
    "voltage_source_converters": "a converter of a DC network is not represented",
    "dc_lines": "a line of a DC network is not represented, only HVDC lines",
}

_HELD = (  # table, column that says whether it regulates, sentence
    ("ratio_tap_changers", "regulating", "ratio tap changers stay at their positions"),
    ("phase_tap_changers", "regulating", "phase tap changers stay at their positions"),
    (
        "shunt_compensators",
        "voltage_regulation_on",
        "shunt compensators stay at their numbers of sections",
    ),
)


def faults(net: Any) -> list[Fault]:
    """A fault for each element that is not represented."""
    return [
        Fault(text, table, row, str(name))
        for table, text in _DETAILED.items()
        for row, name in enumerate(getattr(net, f"get_{table}")(attributes=[]).index, 1)
    ]


def explain(tables: Tables, notes: Approximations) -> None:
    """Sentences on regulation that is not represented."""
    for table, column, text in _HELD:
        rows = tables[table]
        on = rows.index[rows[column].astype(bool)] if len(rows) else rows.index
        names = [name[0] if isinstance(name, tuple) else name for name in on]
        if names:
            notes.add(f"{text}: {listing(names, most=5)}")
