"""Facts about a network that matter before its first solve."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from scopf import display
from scopf.arrays import Flags, Floats, Ints
from scopf.errors import Fault, counted
from scopf.network import dynamics, ratings
from scopf.network.islands import Unserved
from scopf.network.tables import Branches, Buses, DcLines, Gens, positions

if TYPE_CHECKING:
    import pandas as pd

SMALL, LARGE = 1e-4, 10.0  # p.u.: impedances beyond these are often mistakes, and strain solvers
_DROOP, _FACTOR = 5.0, 1.1  # per cent of a rating; rating over Pmax where mBase is nominal
_FIRST, _MOST = 3, 6  # buses of an island, and islands, that are named
_WIDTH, _LABEL = 80, 14  # characters of a line, and of its label


class Described(Protocol):
    """The attributes and methods of a network that facts are made of."""

    @property
    def name(self) -> str:
        """Of the case."""

    @property
    def base_mva(self) -> float:
        """System base."""

    @property
    def bus(self) -> Buses:
        """Table of buses."""

    @property
    def gen(self) -> Gens:
        """Table of generators."""

    @property
    def branch(self) -> Branches:
        """Table of branches."""

    @property
    def dcline(self) -> DcLines:
        """Table of DC lines."""

    @property
    def unserved(self) -> Unserved:
        """Buses, loads, units and DC lines that are not energized."""

    @property
    def approximations(self) -> tuple[str, ...]:
        """Sentences on what was changed or left out."""

    @property
    def dynamics(self) -> pd.DataFrame | None:
        """Table of devices, or None."""

    @property
    def island(self) -> Ints:
        """Number of each bus's AC island."""

    @property
    def islands(self) -> int:
        """Number of AC islands."""

    def dead_islands(self) -> list[Fault]:
        """A fault for each."""

    def energized(self) -> Self:
        """The part that is operated."""


@dataclass(frozen=True, eq=False)
class Info:
    """Facts about a network; they are of its energized part, but for the sizes of the case.

    Attributes:
        facts: by subject, plain values.
    """

    facts: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The facts, for JSON: MW, MVAr, MVA and per unit; None for what does not exist."""
        return self.facts

    def _blocks(self) -> Sequence[display.Block]:
        f = self.facts
        sizes = [counted(f["sizes"][key]["energized"], *names) for key, names in _NAMES.items()]
        lines: list[display.Block] = [f"{f['case']}: {', '.join(sizes)}; {f['base_mva']:g} MVA"]
        for label, text in _lines(f):
            indent = " " * (2 + _LABEL)
            first = f"  {label:<{_LABEL}}"
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent=first, subsequent_indent=indent,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
        return lines

    def __str__(self) -> str:
        return display.text(self._blocks())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.html(self._blocks())


_NAMES = {
    "bus": ("bus", "buses"),
    "gen": ("unit", "units"),
    "branch": ("branch", "branches"),
    "dcline": ("DC line", "DC lines"),
}


def info(net: Described) -> Info:
    """Facts about a network, without a solve."""
    live, base = net.energized(), net.base_mva
    sizes = {
        key: {"case": len(getattr(net, key)), "energized": len(getattr(live, key))}
        for key in _NAMES
    }
    p, q = (base * float(part.sum()) for part in live.bus.demand(1.0))
    pmax = live.gen.pmax[np.isfinite(live.gen.pmax)]
    return Info(
        {
            "case": net.name,
            "base_mva": base,
            "sizes": sizes,
            "islands": live.islands,
            "island_sizes": _islands(live),
            "dead_islands": len(net.dead_islands()),
            "unserved": live.unserved.as_dict(base),
            "load": {
                "p_mw": p,
                "q_mvar": q,
                "capacity_mw": base * float(pmax.sum()),
                "units_without_pmax": len(live.gen) - len(pmax),
            },
            "ratings": {"missing": int(np.isinf(live.branch.rate).sum())},
            **_impedances(live.branch),
            "q_limits": _q_limits(live.gen),
            "mbase_mva": _mbase(live),
            "droop": _droop(live),
            "costs": _costs(live.gen),
            "dclines": {
                "fixed": int((live.dcline.pmin == live.dcline.pmax).sum()),
                "capacity_mw": _finite(base * float(live.dcline.pmax.sum())),
            },
            "dynamics": dynamics.kinds(live.dynamics, len(live.gen)),
            "approximations": list(net.approximations),
        }
    )


def _islands(live: Described) -> list[dict[str, Any]]:
    """Buses, units, load and first buses of each AC island."""
    found, demand = [], live.base_mva * live.bus.demand(1.0)[0]
    at = live.island[positions(live.bus.id, live.gen.bus)]
    for number in range(1, live.islands + 1):
        mine = live.island == number
        found.append(
            {
                "island": number,
                "buses": int(mine.sum()),
                "first_buses": live.bus.id[mine][:_FIRST].tolist(),
                "units": int((at == number).sum()),
                "load_mw": float(demand[mine].sum()),
            }
        )
    return found


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _range(values: Floats) -> dict[str, float] | None:
    if not len(values):
        return None
    return {"least": float(values.min()), "largest": float(values.max())}


def _mbase(live: Described) -> dict[str, Any] | None:
    """Least and largest mBase, whether it is nominal, and how many units have a larger Pmax."""
    found = _range(live.gen.mbase)
    if found is None:
        return None
    nominal = ratings.nominal(live.gen, live.base_mva) is not None
    below = int(ratings.below_pmax(live.gen, live.base_mva).sum())
    return {**found, "nominal": nominal, "below_pmax": below}


def _droop(live: Described) -> dict[str, Any] | None:
    """The m_q that a droop in per cent of the ratings is, of one inverter at every generator bus.

    Ratings are 1.1 times Pmax where mBase is nominal; units that have none then are left out.
    """
    gen, base = live.gen, live.base_mva
    factor = None if ratings.nominal(gen, base) is None else _FACTOR
    rating = gen.mbase / base if factor is None else factor * gen.pmax
    units = ~gen.constant_pf & np.isfinite(rating) & (rating > 0)
    if not units.any():
        return None
    at = np.unique(gen.bus[units], return_inverse=True)[1]
    mq = _DROOP / 100.0 / np.bincount(at, rating[units])
    left_out = int((~gen.constant_pf).sum() - units.sum())
    return {"percent": _DROOP, "rating_factor": factor, **(_range(mq) or {}), "left_out": left_out}


def _impedances(branch: Branches) -> dict[str, Any]:
    """Ratio r/x, and sizes of series impedances, each extreme with its branch."""
    z = np.hypot(branch.r, branch.x)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(branch.r) / np.abs(branch.x)

    def at(values: Floats, row: int) -> dict[str, Any]:
        ends = {"from_bus": int(branch.from_bus[row]), "to_bus": int(branch.to_bus[row])}
        return {"value": _finite(float(values[row])), "branch": int(branch.id[row]), **ends}

    if not len(branch):
        return {"r_over_x": None, "impedance_pu": None}
    return {
        "r_over_x": {"median": _finite(float(np.median(ratio))), **at(ratio, int(ratio.argmax()))},
        "impedance_pu": {
            "below": int((z < SMALL).sum()),
            "above": int((z > LARGE).sum()),
            "negative_x": int((branch.x < 0).sum()),
            "least": at(z, int(z.argmin())),
            "largest": at(z, int(z.argmax())),
        },
    }


def _q_limits(gen: Gens) -> dict[str, int]:
    """Units with limits of reactive power that are missing, both zero, or equal and not zero."""
    zero = (gen.qmin == 0) & (gen.qmax == 0)
    return {
        "missing": int((np.isinf(gen.qmin) | np.isinf(gen.qmax)).sum()),
        "zero": int(zero.sum()),
        "equal": int(((gen.qmin == gen.qmax) & ~zero).sum()),
    }


def _costs(gen: Gens) -> dict[str, int]:
    """Units by the form of their cost of active power, and those with one of reactive power."""
    piecewise = _has_points(gen.cost_p_points)
    order = np.where(gen.cost_p != 0, np.arange(gen.cost_p.shape[1]), 0).max(axis=1, initial=0)
    of_q = _has_points(gen.cost_q_points) | (gen.cost_q[:, 1:] != 0).any(axis=1)
    return {
        "none": int((~piecewise & (order == 0)).sum()),
        "linear": int((~piecewise & (order == 1)).sum()),
        "quadratic": int((~piecewise & (order == 2)).sum()),
        "higher": int((~piecewise & (order > 2)).sum()),
        "piecewise": int(piecewise.sum()),
        "reactive": int(of_q.sum()),
    }


def _has_points(points: Floats) -> Flags:
    return np.asarray(np.isfinite(points).any(axis=tuple(range(1, points.ndim))), dtype=np.bool_)


# -- as text -----------------------------------------------


def _lines(f: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and sentence of each subject."""
    number = {key: f["sizes"][key]["energized"] for key in _NAMES}
    units, branches = (counted(number[key], *_NAMES[key]) for key in ("gen", "branch"))
    out, load = f["unserved"], f["load"]
    islands = counted(f["islands"], "island", "islands")
    dead = counted(f["dead_islands"], "dead island", "dead islands") if f["dead_islands"] else ""
    lines = [("AC islands", f"{islands}, and {dead}" if dead else islands)]
    if f["islands"] > 1:
        lines += [("", _island(one)) for one in f["island_sizes"][:_MOST]]
        more = f["islands"] - _MOST
        lines += [("", f"{counted(more, 'island', 'islands')} more")] if more > 0 else []
    if out["buses"]:
        text = f"{counted(out['buses'], 'bus', 'buses')} with {out['load_mw']:.1f} MW and "
        text += f"{out['load_mvar']:.1f} MVAr of load, {counted(out['units'], 'unit', 'units')}, "
        lines.append(("not energized", text + counted(out["dclines"], "DC line", "DC lines")))
    text = f"{load['p_mw']:.1f} MW and {load['q_mvar']:.1f} MVAr; capacity of the units "
    text += f"{load['capacity_mw']:.1f} MW"
    if load["units_without_pmax"]:
        text += f", without the {load['units_without_pmax']} that have no Pmax"
    lines.append(("load", text))
    lines.append(("ratings", f"missing on {f['ratings']['missing']} of {branches}"))
    ratio, z = f["r_over_x"], f["impedance_pu"]
    if ratio is not None:
        median = f"median {_number(ratio['median'])}, largest {_number(ratio['value'])}"
        lines.append(("r/x", f"{median} at {_place(ratio)}"))
        text = f"{_number(z['least']['value'])} p.u. at {_place(z['least'])} to "
        text += f"{_number(z['largest']['value'])} p.u. at {_place(z['largest'])}"
        for count, what in ((z["below"], f"below {SMALL:g} p.u."), (z["above"], f"above {LARGE:g}"),
                            (z["negative_x"], "with negative x")):  # fmt: skip
            text += f"; {count} {what}" if count else ""
        lines.append(("impedances", text))
    parts = [f"{n} {kind}" for kind, n in f["q_limits"].items() if n]
    lines.append(("Q limits", f"of {units}: {', '.join(parts) or 'a range on each'}"))
    lines += [("mBase", _ratings(f["mbase_mva"]))] if number["gen"] else []
    lines += [("droops", _droops(f["droop"]))] if f["droop"] else []
    parts = [f"{n} {kind}" for kind, n in f["costs"].items() if n and kind != "reactive"]
    lines.append(
        ("costs", f"{', '.join(parts) or 'no units'}; {f['costs']['reactive']} of reactive power")
    )
    if count := number["dcline"]:
        most = _number(f["dclines"]["capacity_mw"])
        lines.append(("DC lines", f"{count}, {f['dclines']['fixed']} of fixed power; {most} MW"))
    if kinds := f["dynamics"]:
        parts = [f"{n} {kind}" for kind, n in kinds.items() if n]
        lines.append(("dynamics", f"of {units}: {', '.join(parts)}"))
    notes = f["approximations"] or ["nothing"]
    return [*lines, *zip(("approximated", *[""] * (len(notes) - 1)), notes, strict=True)]


def _island(one: dict[str, Any]) -> str:
    """An island with its first buses, which tell it from the others."""
    first, left = one["first_buses"], one["buses"] - len(one["first_buses"])
    some = ", ".join(map(str, first)) + (f", ... {left} more" if left else "")
    units = counted(one["units"], *_NAMES["gen"])
    return f"island {one['island']}: bus {some}; {units}, {one['load_mw']:.1f} MW of load"


def _ratings(mbase: dict[str, Any]) -> str:
    least, largest, below = mbase["least"], mbase["largest"], mbase["below_pmax"]
    text = f"{least:g} MVA on every unit" if least == largest else f"{least:g} to {largest:g} MVA"
    small = f", below the Pmax of {counted(below, 'unit', 'units')}" if below else ""
    if mbase["nominal"]:
        return f"{text}: nominal, not their ratings{small}; give --rating-factor or rating_mva"
    return text + small


def _droops(droop: dict[str, Any]) -> str:
    least, largest, factor = (droop[key] for key in ("least", "largest", "rating_factor"))
    of = "mBase" if factor is None else f"{factor:g} Pmax"
    ends = f"{least:.3g}" if least == largest else f"{least:.3g} to {largest:.3g}"
    text = f"{droop['percent']:g} % of the ratings ({of}) is m_q {ends}"
    if droop["left_out"]:
        text += f", without {counted(droop['left_out'], 'unit', 'units')} of no rating"
    return text


def _number(value: float | None) -> str:
    return "unlimited" if value is None else f"{value:.3g}"


def _place(where: dict[str, Any]) -> str:
    return f"branch {where['branch']} ({where['from_bus']} to {where['to_bus']})"
