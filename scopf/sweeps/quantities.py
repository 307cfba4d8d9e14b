"""What a sweep can vary: one line each, for the spec, the command line and the workers alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

Value = float | int | str | bool | None

_BY_BUS = re.compile(r"(?P<name>[a-z_]+)_(?P<bus>[0-9]{1,18})")


@dataclass(frozen=True)
class Quantity:
    """Something that scenarios differ in.

    Attributes:
        name: keyword of `scopf.build` and `Problem.update`, key of a spec, flag, column.
        text: what it is, for help.
        kind: of its values.
        least: smallest value allowed.
        above: values have to be larger than this.
        by_bus: whether a bus may have a value of its own, `<name>_<bus>`.
        rebuilds: whether another value makes another problem, which has to be built.
        declared: whether a problem has it only if it was built with it.
    """

    name: str
    text: str
    kind: type = float
    least: float | None = None
    above: float | None = None
    by_bus: bool = False
    rebuilds: bool = False
    declared: bool = False


QUANTITIES = (
    Quantity("eta_q", "reactive over active power cost, d_i = eta_q c_i", least=0),
    Quantity("d", "quadratic reactive power cost per MVAr^2 and h, instead", least=0),
    Quantity("q_price", "cost of |Q| per MVArh", least=0, declared=True),
    Quantity(
        "opportunity_price",
        "price per MWh of active power that reactive power takes away",
        least=0,
        declared=True,
    ),
    Quantity("mq", "reactive droop m_q of every generating unit", above=0, by_bus=True),
    Quantity("alpha", "grid strength: factor on all branch susceptances", above=0),
    Quantity("load_scale", "factor on all loads", by_bus=True),
    Quantity("margin", "room that every stability row has to leave, p.u. voltage", least=0),
    Quantity("droop_margin", "share by which droops count as larger than they are", least=0),
    Quantity("stiffness_cost", "co-design: cost per hour and unit of stiffness 1/m_q"),
    Quantity("criterion", "stability criterion", kind=str, rebuilds=True),
    Quantity("lossless", "branch resistance, charging and shunts zero", kind=bool, rebuilds=True),
    Quantity("capability", "inverters keep within their circles", kind=bool, rebuilds=True),
    Quantity("outage", "branch out of service", kind=int, rebuilds=True),
)
BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}
STEP = "step"  # column that numbers the rows of a time series; changes nothing by itself


def split(column: str) -> tuple[str, int | None]:
    """The name of a column's quantity and its bus, if it is a bus's own: mq_32 is ("mq", 32)."""
    found = _BY_BUS.fullmatch(column)
    if found and found["name"] in BY_NAME and BY_NAME[found["name"]].by_bus:
        return found["name"], int(found["bus"])
    return column, None


def is_column(name: object) -> bool:
    """Whether scenarios can have a column of this name."""
    return isinstance(name, str) and split(name)[0] in BY_NAME
