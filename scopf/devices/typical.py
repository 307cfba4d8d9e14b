"""Typical values of machines and grid-following inverters, for cells of a table that are blank.

Per unit on the rating of the device. Reactances, inertia and T'd0 are those of the round-rotor
machines in Kundur, Power System Stability and Control (1994), examples 12.6 (x_d, x_q, x'd, T'd0)
and 3.1 (H); gain and lag of the regulator those of Sauer and Pai, Power System Dynamics and
Stability (1998), table 7.3. A current control of 600 rad/s is within the closed-loop time constants
of .5 to 5 ms that Yazdani and Iravani, Voltage-Sourced Converters in Power Systems (2010), choose,
and the phase-locked loop is ten times slower. The coupling reactance of a grid-forming inverter is
the upper end of the range of .05 to .15 that the specification of the model REGFM_A1 names (Pacific
Northwest National Laboratory, Model Specification of Droop-Controlled, Grid-Forming Inverters,
2023); only the short-circuit ratio uses it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scopf.devices.machine import CLASSICAL, REGULATED
from scopf.errors import listing

REACTANCES = {"xd": 1.8, "xq": 1.7, "xd1": 0.3}
VALUES = {
    **REACTANCES, "h": 3.5, "td0": 8.0, "ka": 20.0, "ta": 0.2, "tg": 0.5,
    "bw_pll": 60.0, "bw_i": 600.0, "tv": 0.02,
}  # fmt: skip
COUPLING = 0.15
_UNITS = {"h": "s", "td0": "s", "ta": "s", "tg": "s", "tv": "s",
          "bw_pll": "rad/s", "bw_i": "rad/s"}  # fmt: skip
NONE = {"d": 0.0, "ka": 0.0, "ta": 0.0, "r": math.inf, "tg": 0.0, "kv": 0.0, "tv": 0.0}
POWERS = {  # of rating / base, by which a value on the rating is multiplied
    "xd": -1, "xq": -1, "xd1": -1, "r": -1, "mq": -1, "mp": -1, "h": 1, "d": 1, "kv": 1,
}  # fmt: skip


def on_base(name: str, value: float, rating: float, base: float) -> float:
    """A value per unit on another base than the rating that it is on, both in MVA."""
    return value * (rating / base) ** POWERS.get(name, 0)


@dataclass
class Filled:
    """Values of one device.

    Attributes:
        values: all of its kind, per unit on the base of the row.
        typical: the typical ones among them that matter, as text: "h 3.5 s", "xq 0.944 xd".
        by_rating: whether any of these depends on the rating.
    """

    values: dict[str, float]
    typical: list[str] = field(default_factory=list)
    by_rating: bool = False


def machine(kind: str, given: Mapping[str, float], rating: float, base: float) -> Filled:
    """Values of a machine.

    Missing reactances are in the typical proportion to one that is given. A classical machine is
    not salient unless its x_q is given; its x_d and T'd0 have no effect.

    Args:
        kind: "one-axis", "classical" or "avr".
        given: per unit on `base`.
        rating: of the machine, MVA.
        base: of its numbers, MVA.
    """
    found = Filled({**NONE, **given})
    missing = ["xd1", "h"] if kind == CLASSICAL else [*REACTANCES, "h", "td0"]
    missing += ["ka", "ta"] if kind == REGULATED else []
    missing += ["tg"] if "r" in given else []
    _fill(found, given, missing, rating, base)
    if kind == CLASSICAL:
        own = found.values
        found.values = {"xd": own["xd1"], "xq": own["xd1"], "td0": VALUES["td0"], **own}
    return found


def follower(given: Mapping[str, float], rating: float, base: float) -> Filled:
    """Values of a grid-following inverter; arguments as those of `machine`."""
    found = Filled({"kv": 0.0, "tv": 0.0, **given})
    missing = ["bw_pll", "bw_i", *(["tv"] if found.values["kv"] > 0 else [])]
    _fill(found, given, missing, rating, base)
    return found


def _fill(
    found: Filled, given: Mapping[str, float], names: Iterable[str], rating: float, base: float
) -> None:
    like = next((name for name in REACTANCES if name in given), "")
    for name in names:
        if name in given:
            continue
        if name in REACTANCES and like:
            share = REACTANCES[name] / REACTANCES[like]
            found.values[name] = given[like] * share
            found.typical.append(f"{name} {share:.3g} {like}")
            continue
        found.typical.append(f"{name} {VALUES[name]:g} {_UNITS.get(name, '')}".rstrip())
        found.values[name] = on_base(name, VALUES[name], rating, base)
        found.by_rating |= name in POWERS


def explained(kind: str, by_place: Mapping[str, Filled]) -> str:
    """A line that says which devices of a kind have which typical values; "" for none.

    Args:
        kind: of the devices.
        by_place: values by place, such as "bus 31".
    """
    texts = dict.fromkeys(text for one in by_place.values() for text in one.typical)
    parts = []
    for text in texts:
        places = [place for place, one in by_place.items() if text in one.typical]
        which = "all" if len(places) == len(by_place) else listing(places, most=5)
        parts.append(f"{text} ({which})")
    if not parts:
        return ""
    return f"{kind}: typical values, per unit on the rating: {', '.join(parts)}"
