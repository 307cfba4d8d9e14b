"""The limits of a problem: what can be in conflict, and what it takes to loosen each.

A limit is what its owner would call one: the largest voltage of a bus, the rating of a branch at
both of its ends, all stability rows of an inverter. Loosened by t, its rows read
g(x) - c t <= upper or g(x) + c t >= lower, and its boxes alike. The numbers c make one per cent of
a rating, of an output or of a user's row, .01 p.u. voltage and .01 rad the same t = .01, so that
the sum of all t is a fair price of loosening.

Power balances, the reference angle, equations and variables of the user are no limits: they hold.
Where nothing else helps, loads may count as limits of their buses, at a price far above the others.

Two numbers move many rows at once and are asked for on their own: a factor on all loads, and one on
all droops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scopf.stability.angles import WIDEST
from scopf.stability.criterion import GAMMA, STIFFNESS
from scopf.tables import Branches, Table, positions

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.model.problem import Problem
    from scopf.nlp import NLP

STABILITY = "stability rows"

_FAMILY = {
    "Vmin": "voltage limits",
    "Vmax": "voltage limits",
    "Pmin": "limits on active power",
    "Pmax": "limits on active power",
    "Qmin": "limits on reactive power",
    "Qmax": "limits on reactive power",
    "thermal limit": "thermal limits",
    "angmin": "angle limits",
    "angmax": "angle limits",
    "capability circle": "capability circles",
    STABILITY: "stability rows",
    "stability row": "stability rows",
    "stability angle row": "stability rows",
    "least m_q": "bounds of droops",
    "active load": "",
    "reactive load": "",
}
_NARROW = np.deg2rad(89.9)  # stability rows divide by cosines: past 90 degrees they mean nothing
_LEAST_VOLTAGE = 0.05  # p.u., that a voltage limit may be loosened to
_SMALL = 0.1  # share of the mean size of generators below which none counts as smaller
_LAST = 100.0  # price of what gives way only where nothing else helps
_LEVER = 10.0  # a change of all loads, or droops, by so much counts as t = 1
_EQUATIONS = ("stability_angle_max", "stability_angle_min", "inverter_group_vm_low")  # definitions


@dataclass(frozen=True, eq=False)
class Kind:
    """Limits of one kind, n of them.

    Attributes:
        name: such as "Vmax" or "stability rows".
        quantity: that loosens them, such as "m_q".
        unit: of the quantity.
        side: ">=" when a larger value loosens them, else "<=".
        labels: the elements, such as "bus 36".
        present: values now.
        needed: value of the i-th when it is loosened by t.
        most: largest t that makes sense for each.
        rows, boxes: (limit, row or column, c) of their rows and boxes; c < 0 on an upper side.
        price: of loosening one, against other limits.
        lever: whether it is no limit, but a number that acts on many rows at once.
        tried: whether it makes sense to ask what it takes to loosen it.
    """

    name: str
    quantity: str
    unit: str
    side: str
    labels: Sequence[str]
    present: Floats
    needed: Callable[[int, float], float]
    most: Floats
    rows: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    boxes: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    price: float = 1.0
    lever: bool = False
    tried: bool = True

    @property
    def family(self) -> str:
        """What it belongs to, with others; empty for what is on its own."""
        return _FAMILY.get(self.name, "" if self.lever else "further rows")


@dataclass(frozen=True, eq=False)
class Effects:
    """What loosening does: place[e] (a row or a column) feels c[e] times t of limit[e]."""

    place: Ints
    limit: Ints
    c: Floats


@dataclass(frozen=True, eq=False)
class Limit:
    """One limit, as it is reported; see `Kind`."""

    name: str
    element: str
    quantity: str
    unit: str
    side: str
    present: float

    def __str__(self) -> str:
        return f"{self.name} of {self.element}" if self.element else self.name


class Limits:
    """All limits of a compiled problem.

    Args:
        problem: what they are limits of.
        nlp: the same, compiled.
        loads: whether the load of every bus is a limit as well.

    Attributes:
        most: largest t of each, shape (k,).
        price: of loosening each.
        lever: which are levers.
        tried: which it makes sense to ask about.
        rows, boxes: c by row, or column, and limit.
    """

    def __init__(self, problem: Problem, nlp: NLP, loads: bool = False) -> None:
        self._problem, self._nlp = problem, nlp
        self._claimed = np.zeros(nlp.m, dtype=bool)
        self.kinds: list[Kind] = []
        self._add_voltages()
        self._add_outputs()
        self._add_thermal()
        self._add_angles()
        self._add_ratings()
        self._add_stability()
        self._add_others()
        if loads:
            self._add_loads()
        self._add_levers()
        sizes = [len(kind.present) for kind in self.kinds]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.most = np.concatenate([np.zeros(0), *(kind.most for kind in self.kinds)])
        self.price = np.repeat([kind.price for kind in self.kinds], sizes)
        self.lever = np.repeat([kind.lever for kind in self.kinds], sizes)
        self.tried = np.repeat([kind.tried for kind in self.kinds], sizes)
        self.rows = self._gathered([kind.rows for kind in self.kinds])
        self.boxes = self._gathered([kind.boxes for kind in self.kinds])
        there = np.zeros(len(self.most), dtype=bool)
        there[self.rows.limit] = there[self.boxes.limit] = True
        self.most[~there] = 0.0  # nothing to loosen: an infinite bound, or no row

    def __len__(self) -> int:
        return len(self.most)

    def __getitem__(self, number: int) -> Limit:
        kind, i = self._of(number)
        label, present = kind.labels[i], float(kind.present[i])
        return Limit(kind.name, label, kind.quantity, kind.unit, kind.side, present)

    def needed(self, number: int, t: float) -> float:
        """Value of a limit when it is loosened by t."""
        kind, i = self._of(number)
        return kind.needed(i, t)

    def families(self) -> dict[str, Flags]:
        """Which limits belong to each family."""
        found: dict[str, Flags] = {}
        for kind, first in zip(self.kinds, self._first, strict=False):
            if kind.family:
                flags = found.setdefault(kind.family, np.zeros(len(self), dtype=bool))
                flags[first : first + len(kind.present)] = True
        return found

    def _of(self, number: int) -> tuple[Kind, int]:
        k = int(np.searchsorted(self._first, number, side="right")) - 1
        return self.kinds[k], number - int(self._first[k])

    def _gathered(self, parts: list[list[tuple[Ints, Ints, Floats]]]) -> Effects:
        """Effects of all kinds."""
        none = np.zeros(0, dtype=np.int64)
        place, limit, c = [none], [none], [np.zeros(0)]
        for first, kind in zip(self._first, parts, strict=False):
            for of, at, effect in kind:
                place.append(at)
                limit.append(first + of)
                c.append(effect)
        return Effects(np.concatenate(place), np.concatenate(limit), np.concatenate(c))

    # -- kinds -------------------------------------------

    def _add_box(
        self,
        variable: str,
        names: tuple[str, str],
        labels: Sequence[str],
        size: Floats,
        unit: str,
        base: float,
        least: float = -np.inf,
    ) -> None:
        """Two limits of each member: the lower and the upper end of its box."""
        columns = self._nlp.columns(variable)
        for name, ends, side, sign in (
            (names[0], self._nlp.x_lower, "<=", 1.0),
            (names[1], self._nlp.x_upper, ">=", -1.0),
        ):
            present = np.append(ends, np.nan)[columns]
            at = np.flatnonzero(np.isfinite(present))
            most = (present - least) / size if sign > 0 else np.full(len(size), np.inf)

            def needed(i: int, t: float, present: Floats = present, sign: float = sign) -> float:
                return float(present[i] - sign * size[i] * t) * base

            boxes = [(at, columns[at], sign * size[at])]
            kind = Kind(name, name, unit, side, labels, present * base, needed, most, boxes=boxes)
            self.kinds.append(kind)

    def _add_voltages(self) -> None:
        bus = self._problem.base.bus
        labels, size = _labels(bus), np.ones(len(bus))
        self._add_box("bus_vm", ("Vmin", "Vmax"), labels, size, "p.u.", 1.0, _LEAST_VOLTAGE)

    def _add_outputs(self) -> None:
        net, f = self._problem.base, self._problem.formulation
        for letter, unit in (("p", "MW"), ("q", "MVAr")):
            symbol = f[f"gen_{letter}g"]
            ends = [np.where(np.isfinite(x), np.abs(x), 0) for x in (symbol.lower, symbol.upper)]
            size = np.maximum(*ends)
            size = np.maximum(size, _SMALL * size.mean()) if size.any() else np.ones(len(size))
            names = f"{letter.upper()}min", f"{letter.upper()}max"
            self._add_box(f"gen_{letter}g", names, _labels(net.gen), size, unit, net.base_mva)

    def _add_thermal(self) -> None:
        net = self._problem.base
        limited = np.flatnonzero(np.isfinite(net.branch.rate))
        names = "branch_limit_from", "branch_limit_to"
        labels = _branches(net.branch, limited)
        self._add_squares("thermal limit", "rating", names, labels, net.branch.rate[limited])

    def _add_ratings(self) -> None:
        f, bus = self._problem.formulation, self._problem.inverters.bus
        names = [name for name in ("inverter_capability", "inverter_opportunity") if name in f]
        if names:
            labels, rating = _inverters(bus), f["inverter_rating"].values.copy()
            self._add_squares("capability circle", "rating", names, labels, rating)

    def _add_squares(
        self, name: str, quantity: str, rows: Sequence[str], labels: Sequence[str], rating: Floats
    ) -> None:
        """Rows |S|^2/r <= r: with 2 r t more room, |S| is at most r sqrt(1 + 2 t)."""
        base = self._problem.base.base_mva
        entries = []
        for family in rows:
            numbers = self._take(family)
            at = np.flatnonzero(numbers >= 0)
            entries.append((at, numbers[at], -2.0 * rating[at]))

        def needed(i: int, t: float) -> float:
            return float(rating[i] * base * np.sqrt(1.0 + 2.0 * t))

        present, most = rating * base, np.full(len(rating), np.inf)
        kind = Kind(name, quantity, "MVA", ">=", labels, present, needed, most, rows=entries)
        self.kinds.append(kind)

    def _add_angles(self) -> None:
        f, branch = self._problem.formulation, self._problem.base.branch
        limited = np.isin(branch.id, f.indices["branch_angle_limited"].keys)
        labels = _branches(branch, np.flatnonzero(limited))
        self._add_spans("branch_angle", ("angmin", "angmax"), ("angmin", "angmax"), labels)
        if "stability_angle" not in f:
            return
        index = f["stability_angle"].index.keys
        if "branch_wide" in f.indices:
            labels = _branches(branch, positions(branch.id, index))
        else:
            labels = [f"the inverters of group {number}" for number in index]
        names, quantities = ("stability angle row",) * 2, ("least angle", "widest angle")
        self._add_spans("stability_angle", names, quantities, labels, _NARROW - WIDEST)
        if "stability_angle_direct" in f:
            pairs = f["stability_angle_direct"].index.keys
            labels = [f"inverters {i} and {j}" for i, j in pairs]
            self._add_spans("stability_angle_direct", names, quantities, labels, _NARROW - WIDEST)

    def _add_spans(
        self,
        family: str,
        names: Sequence[str],
        quantities: Sequence[str],
        labels: Sequence[str],
        most: float = np.inf,
    ) -> None:
        """Rows of angles between two limits."""
        numbers = self._take(family)
        sides = zip(names, quantities, _sides(self._nlp), ("<=", ">="), (1, -1), strict=True)
        for name, quantity, ends, side, sign in sides:
            present = np.append(ends, np.nan)[numbers]
            at = np.flatnonzero(np.isfinite(present))

            def needed(i: int, t: float, present: Floats = present, sign: int = sign) -> float:
                return float(np.degrees(present[i] - sign * t))

            rows = [(at, numbers[at], np.full(len(at), float(sign)))]
            limit = np.full(len(present), most)
            degrees = np.degrees(present)
            kind = Kind(name, quantity, "degrees", side, labels, degrees, needed, limit, rows=rows)
            self.kinds.append(kind)

    def _add_stability(self) -> None:
        f, problem = self._problem.formulation, self._problem
        bus, n = problem.inverters.bus, len(problem.inverters)
        if STIFFNESS in f:  # droops are variables: their own bounds are the limits, rows hold
            self._add_stiffness()
            for name in ("inverter_stability", "inverter_stability_direct"):
                if name in f:
                    self._take(name)
        elif GAMMA in f:
            place = {number: i for i, number in enumerate(bus.tolist())}
            rows = []
            for name in ("inverter_stability", "inverter_stability_direct", "bus_stability"):
                if name not in f:
                    continue
                keys = f[name].index.keys
                owner = np.array(
                    [place.get(key[0] if isinstance(key, tuple) else key, -1) for key in keys],
                    dtype=np.int64,
                )
                numbers = self._take(name)
                at = np.flatnonzero((numbers >= 0) & (owner >= 0))
                rows.append((owner[at], numbers[at], np.full(len(at), -1.0)))
                if (owner < 0).any():
                    self._add_ownerless(numbers[owner < 0], np.array(keys)[owner < 0])
            limit = f[GAMMA].values.copy()
            # A limit that was set by hand is that of another droop than was given.
            mq = problem.inverters.mq * problem.criterion.parameters(problem.setting)[GAMMA] / limit

            def needed(i: int, t: float) -> float:
                return float(mq[i] * limit[i] / (limit[i] + t))

            labels, most = _inverters(bus), np.full(n, np.inf)
            self.kinds.append(
                Kind(STABILITY, "m_q", "p.u.", "<=", labels, mq, needed, most, rows=rows)
            )

    def _add_ownerless(self, numbers: Ints, buses: Ints) -> None:
        """Stability rows of buses without an inverter: room that they would have to be given."""
        labels = [f"bus {number} (without an inverter)" for number in buses.tolist()]
        at, n = np.flatnonzero(numbers >= 0), len(numbers)
        rows = [(at, numbers[at], np.full(len(at), -1.0))]
        kind = Kind(
            "stability row", "room", "p.u.", ">=", labels, np.zeros(n),
            lambda _, t: t, np.full(n, np.inf), rows=rows, price=_LAST, tried=False,
        )  # fmt: skip
        self.kinds.append(kind)

    def _add_stiffness(self) -> None:
        """Co-design: least m_q that an inverter may be given."""
        columns = self._nlp.columns(STIFFNESS)
        stiffness = np.append(self._nlp.x_upper, np.nan)[columns]
        at = np.flatnonzero(np.isfinite(stiffness))

        def needed(i: int, t: float) -> float:
            return float(1.0 / (stiffness[i] * (1.0 + t)))

        boxes = [(at, columns[at], -stiffness[at])]
        labels, most = _inverters(self._problem.inverters.bus), np.full(len(columns), np.inf)
        mq = 1.0 / stiffness
        name = "least m_q"
        self.kinds.append(Kind(name, name, "p.u.", "<=", labels, mq, needed, most, boxes=boxes))

    def _add_others(self) -> None:
        """Every other inequality, of the user or of a criterion that is not known here."""
        for name in _EQUATIONS:
            if name in self._problem.formulation:
                self._take(name)
        lower, upper = _sides(self._nlp)
        other = np.flatnonzero(~self._claimed & (lower < upper))
        if not len(other):
            return
        names = self._nlp.row_names
        labels = [names[row] for row in other.tolist()]
        for ends, side, sign in ((lower, "<=", 1.0), (upper, ">=", -1.0)):
            present = ends[other]
            at = np.flatnonzero(np.isfinite(present))
            size = np.maximum(1.0, np.where(np.isfinite(present), np.abs(present), 0.0))

            def needed(
                i: int, t: float, present: Floats = present, size: Floats = size, sign: float = sign
            ) -> float:
                return float(present[i] - sign * size[i] * t)

            rows = [(at, other[at], sign * size[at])]
            most, end = np.full(len(other), np.inf), "lower side" if sign > 0 else "upper side"
            self.kinds.append(Kind(end, end, "", side, labels, present, needed, most, rows=rows))

    def _add_loads(self) -> None:
        """What a bus draws, more or less of it."""
        f, net = self._problem.formulation, self._problem.base
        labels, n, base = _labels(net.bus), len(net.bus), net.base_mva
        for letter, name, unit in (("p", "active load", "MW"), ("q", "reactive load", "MVAr")):
            numbers = self._take(f"bus_balance_{letter}")
            at, load = np.flatnonzero(numbers >= 0), f[f"bus_{letter}d"].values.copy()
            for side, sign in (("<=", 1.0), (">=", -1.0)):
                rows = [(at, numbers[at], np.full(len(at), sign))]

                def needed(i: int, t: float, load: Floats = load, sign: float = sign) -> float:
                    return float(load[i] - sign * t) * base

                most = np.full(n, np.inf)
                kind = Kind(
                    name, name, unit, side, labels, load * base, needed, most, rows, price=_LAST
                )
                self.kinds.append(kind)

    def _add_levers(self) -> None:
        """Factors on all loads and on all droops."""
        f, one = self._problem.formulation, np.ones(1)
        rows = []
        for letter in "pq":
            numbers, load = self._take(f"bus_balance_{letter}"), f[f"bus_{letter}d"].values
            at = np.flatnonzero((numbers >= 0) & (load != 0))
            rows.append((np.zeros(len(at), dtype=np.int64), numbers[at], _LEVER * load[at]))
        name = "factor on all loads"
        kind = Kind(
            name, name, "", "<=", [""], one, lambda _, t: 1.0 - _LEVER * t, one / _LEVER, rows,
            lever=True,
        )  # fmt: skip
        self.kinds.append(kind)
        stability = [kind for kind in self.kinds if kind.name == STABILITY]
        if stability:
            limit = f[GAMMA].values
            rows = [(0 * of, row, -_LEVER * limit[of]) for of, row, _ in stability[0].rows]
            name, most = "factor on all droops", np.full(1, np.inf)
            kind = Kind(
                name, name, "", "<=", [""], one, lambda _, t: 1.0 / (1.0 + _LEVER * t), most, rows,
                lever=True,
            )  # fmt: skip
            self.kinds.append(kind)

    def _take(self, family: str) -> Ints:
        """Row numbers of a family whose meaning is known; -1 for what is not our row any more."""
        numbers = self._nlp.row_numbers(family)
        kept = (numbers >= 0) & ~self._nlp.replaced(family)
        self._claimed[numbers[kept]] = True
        return np.where(kept, numbers, -1)


def _sides(nlp: NLP) -> tuple[Floats, Floats]:
    return nlp.g_lower, nlp.g_upper


def _labels(table: Table) -> list[str]:
    return [table.label(row) for row in range(len(table))]


def _branches(branch: Branches, rows: Ints) -> list[str]:
    ends = branch.id, branch.from_bus, branch.to_bus
    columns = (column[rows].tolist() for column in ends)
    return [f"branch {number} ({f}-{t})" for number, f, t in zip(*columns, strict=True)]


def _inverters(bus: Ints) -> list[str]:
    return [f"inverter {number}" for number in bus.tolist()]
