"""Limits that may be violated at a price.

A limit g(x) <= upper becomes g(x) <= upper + s with s >= 0 and the cost p s, so that its price is
at most p. Ratings limit a size, |S| <= r + s, written (|S|^2 - s^2)/r - 2 s <= r; bounds of
variables become rows. How s stands in rows is what the parts of the model say about relaxing their
limits (`scopf.model.relaxation`).

MATPOWER has the same as soft limits; the prices of `default_price` are like its defaults.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Symbol, Variable
from scopf.errors import ScopfError, check_names, not_negative
from scopf.model.limits import excess
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation, Violation
from scopf.network.network import Network

log = logging.getLogger(__name__)

Prices = Mapping[str, float]  # by family, currency/h per MVA, MW, MVAr or p.u.

FAMILIES = {  # and the kinds of limits that they are, as parts of the model name them
    "ratings": "thermal limits",
    "voltages": "voltage limits",
    "stability": "stability rows",
    "active_power": "limits on active power",
    "reactive_power": "limits on reactive power",
    "capability": "capability circles",
    "currents": "current limits",
    "pq_curves": "P-Q curves",
    "frequency": "frequency",
}
_LEAST = 1000.0  # currency/MWh, of a violation that is not to be worth its price
_TIMES = 2.0  # the largest marginal cost
_PER_FREQUENCY = 100.0  # a p.u. of frequency counts as so many of voltage


@dataclass(frozen=True)
class SoftPrices:
    """Prices of limits by family, of the intact network and after outages."""

    intact: Prices = field(default_factory=dict)
    states: Prices = field(default_factory=dict)


HARD = SoftPrices()


def checked(soft: object) -> dict[str, float]:
    """Prices by family as a user gives them.

    Raises:
        ScopfError: for what is no mapping, an unknown family or a price below zero.
    """
    if soft is None:
        return {}
    if not isinstance(soft, Mapping):
        text = ", ".join(FAMILIES)
        raise ScopfError(f"soft is a price by family ({text}), got {soft!r}")
    check_names("soft", "family", soft, FAMILIES)
    return {name: not_negative(f"soft: price of {name}", price) for name, price in soft.items()}


def default_prices(net: Network) -> dict[str, float]:
    """A price for every family, above what keeping a limit is worth.

    Twice the largest marginal cost of the generators at Pmax, at least 1000 per MW, MVAr or MVA; of
    a p.u. of voltage as much as of the system base.
    """
    power = max(_LEAST, _TIMES * _largest_marginal_cost(net))
    voltage = power * net.base_mva
    return {
        name: {
            "voltages": voltage,
            "stability": voltage,
            "currents": voltage,
            "frequency": _PER_FREQUENCY * voltage,
        }.get(name, power)
        for name in FAMILIES
    }


def _largest_marginal_cost(net: Network) -> float:
    """Slope of the costs at Pmax, or of the last piece, currency/MWh."""
    gen = net.gen
    slopes = [0.0]
    top = np.where(np.isfinite(gen.pmax), gen.pmax, 0.0)
    degree = np.arange(1, gen.cost_p.shape[1])
    slopes += ((gen.cost_p[:, 1:] * degree) * top[:, None] ** (degree - 1)).sum(axis=1).tolist()
    points = gen.cost_p_points
    if points.shape[1] > 1:
        with np.errstate(all="ignore"):
            pieces = np.diff(points[:, :, 1], axis=1) / np.diff(points[:, :, 0], axis=1)
        slopes += pieces[np.isfinite(pieces)].tolist()
    return max(slopes) / net.base_mva


@dataclass(frozen=True, eq=False)
class SoftKind:
    """Limits of one kind that may be violated.

    Attributes:
        family: as in `FAMILIES`.
        name: of the limits, such as "Vmax".
        members: positions of the limits among all of that name.
        labels: of the limits.
        violation: units.
        s: `soft_...`, p.u.
        price: currency/h per p.u., one number.
        cost: `soft_..._cost`, currency/h.
        effects: on rows: family, position in `s` of each member (-1 for none), share of s that its
            limit moves by.
    """

    family: str
    name: str
    members: Ints
    labels: Sequence[str]
    violation: Violation
    s: Variable
    price: float
    cost: Expression
    effects: Sequence[tuple[Constraint, Ints, Floats]]


@dataclass(frozen=True, eq=False)
class SoftLimits(Part):
    """All limits that may be violated, of the intact network and of the states after outages.

    Attributes:
        kinds: of limits.
        bounds_of: rows that stand for bounds of variables, by the variables: positions, rows.
        definitions: these rows.
    """

    kinds: Sequence[SoftKind]
    bounds_of: Mapping[Variable, tuple[Ints, Constraint]]

    @classmethod
    def declare(
        cls,
        f: Formulation,
        intact: tuple[Sequence[Relaxation], Prices],
        states: tuple[Sequence[Relaxation], Prices],
    ) -> Self:
        """Soften limits that have been declared.

        Args:
            f: the formulation.
            intact: limits of the intact network, and prices per unit that users know.
            states: the same after outages.
        """
        maker = _Maker(f)
        families = {group: family for family, group in FAMILIES.items()}
        kinds = []
        for prefix, (limits, prices) in (("soft", intact), ("state_soft", states)):
            for one in limits:
                price = prices.get(families.get(one.group, ""))
                if price is not None and one.violation is not None:
                    kinds.append(maker.soften(prefix, families[one.group], one, price))
        return cls([kind for kind in kinds if kind is not None], maker.rows_for_bounds())

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """What is left of bounds of which some are rows."""
        return {variable: (variable.lower, variable.upper) for variable in self.bounds_of}

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows in place of bounds."""
        return [rows for _, rows in self.bounds_of.values()]

    @property
    def costs(self) -> Sequence[Expression]:
        """Of violations."""
        return [kind.cost for kind in self.kinds]

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Price times violation."""
        return {kind.cost: kind.price * kind.s.value for kind in self.kinds}

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Bounds that are rows."""
        found = {}
        for variable, (members, rows) in self.bounds_of.items():
            low, high = (np.asarray(ends, dtype=np.float64) for ends in (rows.lower, rows.upper))
            found[rows] = excess(variable.value[members], low, high)
        return found

    def allowed(self) -> dict[Constraint, Floats]:
        """By how much each row of each family may be violated, in the unit of its check."""
        found = dict[Constraint, Floats]()
        for kind in self.kinds:
            for rows, place, share in kind.effects:
                more = np.where(place >= 0, np.append(kind.s.value, 0.0)[place], 0.0) * share
                found[rows] = found.get(rows, 0.0) + np.maximum(more, 0.0)
        return found

    def of_inverters(self, count: int) -> Floats:
        """By how much the stability rows of each inverter of the intact network may be violated."""
        found = np.zeros(count)
        for kind in self.kinds:
            if kind.s.name == "soft_stability_rows":
                at = kind.members
                found[at] = kind.s.value
        return found

    def violations(self, least: float) -> list[dict[str, Any]]:
        """Limits that are violated by more than `least` p.u., largest costs first."""
        found = []
        for kind in self.kinds:
            for k in np.flatnonzero(kind.s.value > least).tolist():
                size = float(kind.s.value[k])
                found.append(
                    {
                        "family": kind.family,
                        "limit": kind.name,
                        "element": kind.labels[k],
                        "violation": size * kind.violation.base,
                        "unit": kind.violation.unit,
                        "price_per_unit": kind.price / kind.violation.base,
                        "cost_per_h": kind.price * size,
                    }
                )
        return sorted(found, key=lambda one: -one["cost_per_h"])


class _Maker:
    """Rewrites rows and bounds."""

    def __init__(self, f: Formulation) -> None:
        self._f = f
        self._bounds: dict[Variable, list[tuple[Variable, Ints, Floats, list[Any]]]] = {}

    def soften(self, prefix: str, family: str, limits: Relaxation, price: float) -> SoftKind | None:
        """Soften limits of one kind; None where there are none."""
        f, violation = self._f, limits.violation
        assert violation is not None
        there = np.flatnonzero(np.isfinite(limits.present))
        if not len(there):
            return None
        place = np.full(len(limits.labels) + 1, -1)
        place[there] = np.arange(len(there))
        name = f"{prefix}_{limits.name.lower().replace(' ', '_').replace('-', '_')}"
        if name in f:  # of several shapes, such as P-Q curves of two sides
            name += "_further"
        labels = [limits.labels[k] for k in there.tolist()]
        index = f.index(f"{name}_limit", labels)
        s = f.variable(name, index, lower=0.0, upper=np.inf, start=np.zeros(len(there)))
        per_unit = price * violation.base
        cost = f.expression(f"{name}_cost", index, per_unit * s[:])
        size = violation.size[there]
        effects = list[tuple[Constraint, Ints, Floats]]()
        for effect in limits.effects:
            at = place[effect.limit]
            if isinstance(effect.family, Constraint):
                effects.append(self._row(effect, effect.family, at, s, size, violation.square))
            else:
                known = self._bounds.setdefault(effect.family, [])
                known.append((s, at, np.sign(effect.c), effects))
        return SoftKind(family, limits.name, there, labels, violation, s, per_unit, cost, effects)

    def _row(
        self, effect: Effect, rows: Constraint, at: Ints, s: Variable, size: Floats, square: bool
    ) -> tuple[Constraint, Ints, Floats]:
        """Add s to rows, and say by how much it moves their limits."""
        f, used = self._f, at >= 0
        own, sizes = np.where(used, at, 0), np.append(size, 1.0)[at]
        share = np.where(used, effect.c / sizes, 0.0)
        term = f.data(share) * s[own]
        if square:
            term = term + f.data(np.where(used, -1.0 / sizes, 0.0)) * s[own] ** 2
            f.add_to(rows, term)
            return rows, at, used.astype(np.float64)
        f.add_to(rows, term)
        return rows, at, np.abs(share)

    def rows_for_bounds(self) -> dict[Variable, tuple[Ints, Constraint]]:
        """Rows lower <= x + s_lower - s_upper <= upper in place of bounds."""
        f, found = self._f, dict[Variable, tuple[Ints, Constraint]]()
        for variable, parts in self._bounds.items():
            mask = np.any([at >= 0 for _, at, _, _ in parts], axis=0)
            members = np.flatnonzero(mask & ~variable.fixed)
            low, high = np.full(len(members), -np.inf), np.full(len(members), np.inf)
            body = variable[members]
            for s, at, sign, _ in parts:
                own, lower = at[members], sign[0] > 0
                used = own >= 0
                body = body + f.data(np.where(used, sign[members], 0.0)) * s[np.where(used, own, 0)]
                ends, kept = (variable.lower, low) if lower else (variable.upper, high)
                kept[used] = ends[members[used]]
                ends[members[used]] = -np.inf if lower else np.inf
            keys = [variable.keys[k] for k in members.tolist()]
            index = f.index(f"{variable.name}_softened", keys)
            rows = f.constraint(f"{variable.name}_bounds", index, body, lower=low, upper=high)
            for _, at, _, effects in parts:
                effects.append((rows, at[members], np.ones(len(members))))
            found[variable] = members, rows
        return found
