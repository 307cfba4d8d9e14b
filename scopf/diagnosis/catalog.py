"""The limits of a problem, kind by kind.

The numbers c of a limit (see `scopf.diagnosis.limits`) make one per cent of a rating, of an output
or of a user's row, .01 p.u. voltage and .01 rad the same t = .01, so that the sum of all t is a
fair price of loosening.

Power balances, the reference angle, equations and variables of the user are no limits: they hold.
Where nothing else helps, loads may count as limits of their buses, at a price far above the others.

Two numbers move many rows at once and are asked for on their own: a factor on all loads, and one on
all droops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.limits import STABILITY, Kind
from scopf.model.pq_curves import SIDES, curve
from scopf.network.tables import Branches, Table, positions
from scopf.stability.angles import WIDEST
from scopf.stability.criterion import GAMMA, STIFFNESS

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.engine.nlp import NLP
    from scopf.engine.symbols import Variable
    from scopf.model.problem import Problem

_NARROW = np.deg2rad(89.9)  # stability rows divide by cosines: past 90 degrees they mean nothing
_LEAST_VOLTAGE = 0.05  # p.u., that a voltage limit may be loosened to
_SMALL = 0.1  # share of the mean size of generators below which none counts as smaller
_LAST = 100.0  # price of what gives way only where nothing else helps
_LEVER = 10.0  # a change of all loads, or droops, by so much counts as t = 1
_EQUATIONS = (  # definitions; a cost above its segments is one as well
    "stability_angle_max", "stability_angle_min", "inverter_group_vm_low", "gen_pg_segment",
    "gen_qg_segment", "dcline_pf_segment",
)  # fmt: skip


class Catalog:
    """Lists the limits.

    Args:
        problem: what they are limits of.
        nlp: the same, compiled.
        loads: whether the load of every bus is a limit as well.

    Attributes:
        kinds: of limits.
    """

    def __init__(self, problem: Problem, nlp: NLP, loads: bool = False) -> None:
        self._problem, self._nlp = problem, nlp
        self._claimed = np.zeros(nlp.m, dtype=bool)
        self.kinds: list[Kind] = []
        self._add_voltages()
        self._add_outputs()
        self._add_curves()
        self._add_dclines()
        self._add_thermal()
        self._add_angles()
        self._add_ratings()
        self._add_stability()
        self._add_others()
        if loads:
            self._add_loads()
        self._add_levers()

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
            names = f"{letter.upper()}min", f"{letter.upper()}max"
            size = _size(symbol)
            self._add_box(f"gen_{letter}g", names, _labels(net.gen), size, unit, net.base_mva)

    def _add_dclines(self) -> None:
        net, f = self._problem.base, self._problem.formulation
        for name, unit in (("pf", "MW"), ("qf", "MVAr"), ("qt", "MVAr")):
            if f"dcline_{name}" not in f:
                return
            labels, size = _labels(net.dcline), _size(f[f"dcline_{name}"])
            names = f"DC line {name[0].upper()}min", f"DC line {name[0].upper()}max"
            if name != "pf":
                end = net.dcline.from_bus if name == "qf" else net.dcline.to_bus
                labels = [f"{label} at bus {bus}" for label, bus in zip(labels, end, strict=True)]
            self._add_box(f"dcline_{name}", names, labels, size, unit, net.base_mva)

    def _add_curves(self) -> None:
        """Rows a P + b Q <= c: how far the curve has to be moved along Q."""
        net, base = self._problem.base, self._problem.base.base_mva
        for side in SIDES:
            name = f"gen_curve_{side}"
            if name not in self._problem.formulation:
                continue
            at, _, b, _ = curve(net.gen, side)
            numbers, labels = self._take(name), [net.gen.label(row) for row in at.tolist()]
            there = np.flatnonzero(numbers >= 0)
            sign, present = SIDES[side], getattr(net.gen, f"qc1{side}")[at]
            size = np.maximum(np.abs(present), _SMALL)

            def needed(
                i: int, t: float, present: Floats = present, size: Floats = size, sign: float = sign
            ) -> float:
                return float(present[i] + sign * size[i] * t) * base

            rows = [(there, numbers[there], -(size * np.abs(b))[there])]
            way, most = ">=" if sign > 0 else "<=", np.full(len(at), np.inf)
            quantity = f"Qc1{side} (and Qc2{side} by as much)"
            kind = Kind(
                "P-Q curve", quantity, "MVAr", way, labels, present * base, needed, most, rows
            )
            self.kinds.append(kind)

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
        """All rows of an inverter; where its droop is a variable, they hold and that has bounds."""
        f, bus = self._problem.formulation, self._problem.inverters.bus
        if GAMMA not in f:
            return
        place = {number: i for i, number in enumerate(bus.tolist())}
        rows = []
        for name in ("inverter_stability", "inverter_stability_direct", "bus_stability"):
            if name not in f:
                continue
            keys = [key[0] if isinstance(key, tuple) else key for key in f[name].index.keys]
            owner = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
            numbers = self._take(name)
            at = np.flatnonzero((numbers >= 0) & (owner >= 0))
            rows.append((owner[at], numbers[at], np.full(len(at), -1.0)))
            if (owner < 0).any():
                self._add_ownerless(numbers[owner < 0], np.array(keys)[owner < 0])
        if STIFFNESS in f:
            self._add_stiffness()
        else:
            self._add_droops(rows)

    def _add_droops(self, rows: list[tuple[Ints, Ints, Floats]]) -> None:
        """Rows value <= Gamma - margin, with Gamma in proportion to 1/m_q."""
        problem = self._problem
        limit = problem.formulation[GAMMA].values.copy()
        # A limit that was set by hand is that of another droop than was given.
        given = problem.criterion.parameters(problem.setting)[GAMMA]
        mq = problem.inverters.mq * given / limit

        def needed(i: int, t: float) -> float:
            return float(mq[i] * limit[i] / (limit[i] + t))

        labels, most = _inverters(problem.inverters.bus), np.full(len(mq), np.inf)
        self.kinds.append(Kind(STABILITY, "m_q", "p.u.", "<=", labels, mq, needed, most, rows=rows))

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
            if f"bus_{letter}d_current" in f:  # as at 1 p.u.
                load = load + f[f"bus_{letter}d_current"].values
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


def _size(symbol: Variable) -> Floats:
    """Size of the boxes of powers, at least a share of the mean; 1 where all are open."""
    ends = [np.where(np.isfinite(x), np.abs(x), 0) for x in (symbol.lower, symbol.upper)]
    size = np.maximum(*ends)
    return np.maximum(size, _SMALL * size.mean()) if size.any() else np.ones(len(size))


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
