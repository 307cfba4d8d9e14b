"""The criterion's rows as a part of (P1): whose they are, and how droops relax them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.symbols import Constraint, Parameter
from scopf.model import relaxation
from scopf.model.balance import LAST
from scopf.model.part import Follows, Inputs, Part, Satisfiable, Writes
from scopf.model.relaxation import Effect, Relaxation, Violation
from scopf.stability.angles import WIDEST
from scopf.stability.criterion import Criterion
from scopf.stability.device_rows import ANGLE, SLOPES, TRANSIENT
from scopf.stability.rows import Declared, Dispatch, RowPrices, Stability
from scopf.stability.setting import Setting

_GROUP = "stability rows"
_NARROW = np.deg2rad(89.9)  # rows divide by cosines: past 90 degrees they mean nothing
_FACTOR = 10.0  # a change of all droops by so much counts as t = 1


@dataclass(frozen=True, eq=False)
class StabilityRows(Part):
    """All that a criterion has declared on the model.

    Attributes:
        criterion: whose rows they are.
        dispatch: the parts of the model that they refer to.
        declared: the rows.
        inverters: the inverters.
    """

    criterion: Criterion
    dispatch: Dispatch
    declared: Declared
    inverters: Inverters

    @classmethod
    def declare(cls, criterion: Criterion, dispatch: Dispatch, setting: Setting) -> Self:
        """Declare the rows of a criterion."""
        declared = criterion.declare(dispatch, setting)
        return cls(criterion, dispatch, declared, setting.inverters)

    def read(self, setting: Setting, prices: RowPrices) -> Stability:
        """The criterion at the present values of the model."""
        return self.criterion.read(self.declared, self.dispatch, setting, prices)

    @property
    def satisfiable(self) -> Satisfiable | None:
        """Rows whose weights the criterion finds by itself."""
        variables = [one for one in self.declared.weights if one is not None]
        fits = self.criterion.fits and self.declared.grid is not None
        if not (self._droops_are_given and variables and fits):
            return None

        def fit(values: Mapping[str, Floats]) -> dict[str, Floats] | None:
            d = self.dispatch
            return self.criterion.fitted(self.declared, values[d.vm.name], values[d.va.name])

        return Satisfiable([one.constraint for one in self.declared.rows], variables, fit)

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """The criterion's own variables, as they fit the voltages of the start point."""
        d = self.dispatch
        vm, va = (found.get(one.name, one.start) for one in (d.vm, d.va))
        return self.criterion.starts(self.declared, d, vm, va)

    def follows(self) -> Sequence[Follows]:
        """The margin, and limits: a reduced network depends on the grid strength and on loads."""
        declared, margin = self.declared, self.declared.margin

        def limits(s: Inputs) -> Writes:
            values = self.criterion.parameters(s.setting)
            return [(declared.parameters[name], column) for name, column in values.items()]

        found = [Follows({"alpha", "load_scale", "droop_margin", "beta_q"}, limits)]
        if margin is not None:
            names = {"margin"}
            found.append(Follows(names, lambda s: [(margin, np.array([s.numbers["margin"]]))]))
        return found

    @property
    def _droops_are_given(self) -> bool:
        return isinstance(self.dispatch.stiffness, Parameter)

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows of the criterion's own variables; where droops are variables, all rows of inverters.

        These hold then, and the bounds of the droops are the limits.
        """
        rows = () if self._droops_are_given else tuple(one.constraint for one in self.declared.rows)
        return (*self.declared.definitions, *rows)

    def relaxations(self) -> Sequence[Relaxation]:
        """Angles, all rows of an inverter by its m_q, and rows of buses without an inverter."""
        found = list[Relaxation]()
        for one in self.declared.angles:
            quantities, most = ("least angle", "widest angle"), _NARROW - WIDEST
            names = ("stability angle row", "stability angle row")
            found += relaxation.of_angles(
                one.constraint, names, _GROUP, quantities, one.labels(), most
            )
        found += self._without_inverter()
        if self.declared.load_angles is not None:
            found.append(self._load_angles(self.declared.load_angles))
        if self._droops_are_given and self.declared.limits is not None and len(self.inverters):
            found.append(self._droops())
        return found

    def _droops(self) -> Relaxation:
        """Rows value <= Gamma - margin, with Gamma = unit / m_q (and what was added by hand)."""
        limits = self.declared.limits
        assert limits is not None
        unit = limits.unit.values.copy()
        own = unit * limits.stiffness_now  # zero: no m_q helps, or none was given
        present = np.divide(unit, own, out=np.full(len(unit), np.nan), where=own > 0)

        def needed(i: int, t: float) -> float:
            return float(unit[i] / (own[i] + t))

        effects = [
            Effect(one.constraint, one.owner, np.full(len(one.owner), -1.0))
            for one in self.declared.rows
        ]
        return Relaxation(
            "stability rows", _GROUP, "m_q", "p.u.", "<=", self.inverters.labels, present, needed,
            effects, violation=Violation(np.ones(len(unit)), "p.u.", 1.0),
        )  # fmt: skip

    def _without_inverter(self) -> Sequence[Relaxation]:
        """Slack that rows of buses without an inverter would have to be given."""
        found = []
        for one in self.declared.rows:
            members = np.flatnonzero(one.owner < 0)
            index = one.constraint.index
            if not len(members) or index is None:
                continue
            within = f", {SLOPES[1]} slopes" if one.constraint.name.endswith(TRANSIENT) else ""
            end = f"(without an inverter{within})"
            labels = [f"bus {index.ids[k]} {end}" for k in members.tolist()]
            limit = np.full(len(one.owner), -1)
            limit[members] = np.arange(len(members))
            effect = Effect(one.constraint, limit, np.full(len(limit), -1.0))
            found.append(
                Relaxation(
                    "stability row", _GROUP, "slack", "p.u.", ">=", labels, np.zeros(len(members)),
                    lambda _, t: t, (effect,), price=LAST, asked=False,
                    violation=Violation(np.ones(len(members)), "p.u.", 1.0),
                )
            )  # fmt: skip
        return found

    def _load_angles(self, rows: Constraint) -> Relaxation:
        """Less of K = d^2 W / d phi^2 than the load angle of a machine has to leave."""
        assert rows.index is not None
        labels = [f"machine of gen {number}" for number in rows.index.ids]
        least = np.full(len(labels), ANGLE)
        effect = Effect(rows, np.arange(len(labels)), np.ones(len(labels)))
        return Relaxation(
            "load angle", _GROUP, "K", "p.u.", "<=", labels, least, lambda _, t: ANGLE - t,
            (effect,), price=LAST, asked=False,
        )  # fmt: skip

    def droop_factor(self) -> Relaxation | None:
        """One factor on all droops; None where they are variables or limit nothing."""
        limits = self.declared.limits
        if limits is None or not len(self.inverters) or not self._droops_are_given:
            return None
        own = limits.unit.values * limits.stiffness_now
        effects = [
            Effect(one.constraint, np.where(one.owner >= 0, 0, -1), -_FACTOR * own[one.owner])
            for one in self.declared.rows
        ]
        name = "factor on all droops"
        return Relaxation(
            name, "", name, "", "<=", [""], np.ones(1), lambda _, t: 1.0 / (1.0 + _FACTOR * t),
            effects, factor=True,
        )  # fmt: skip
