"""Storage: energy that is charged in one hour and discharged in another.

    P = p_d - p_c - p_loss - r (P^2 + Q^2) / V^2      into the grid, p_c and p_d >= 0
    e_t = e_t-1 + h (eta_c p_c - p_d / eta_d)         e_0 given, 0 <= e <= E, e_T given or free
    P^2 + Q^2 <= S^2                                  its converter

h is the duration of the hour. Charging and discharging at once is not excluded: it pays only where
energy has a negative price, and is reported then (`Solution.storage`). The standing loss p_loss and
the resistance r are those of PowerModels' storage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Flags, Floats
from scopf.devices.storage import Storage
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Variable
from scopf.model import relaxation
from scopf.model.capability import circle
from scopf.model.generation import Generation
from scopf.model.horizon import Horizon
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation
from scopf.model.voltages import Voltages


@dataclass(frozen=True, eq=False)
class StorageUnits(Part):
    """`storage_charge`, `storage_discharge` and `storage_energy` by hour and storage, per unit.

    Attributes:
        horizon: hours and storage; n members of each family, hour by hour.
        generation, voltages: of all hours.
        charge, discharge: p_c and p_d.
        energy: e at the end of each hour, p.u. h.
        power: `storage_power`, the first equation, times V^2 where there is a resistance.
        balance: `storage_balance`, the second.
        end: `storage_end`, e_T where it is given.
        circle: `storage_circle`, the third, of the converters in `circled`.
        circled: mask of the members whose circle is no other row.
    """

    horizon: Horizon
    generation: Generation
    voltages: Voltages
    charge: Variable
    discharge: Variable
    energy: Variable
    power: Constraint
    balance: Constraint
    end: Constraint
    circle: Constraint
    circled: Flags

    @classmethod
    def declare(
        cls,
        f: Formulation,
        horizon: Horizon,
        generation: Generation,
        voltages: Voltages,
        circled: Flags,
    ) -> Self:
        """Declare storage.

        Args:
            f: the formulation, with the model's own keys.
            horizon: hours and storage.
            generation: of all hours, storage among the generators.
            voltages: of all hours.
            circled: mask of the storage that needs a circle of its own.
        """
        of, hours, net = _storage(horizon), horizon.hours, horizon.net
        count, n = len(hours.names), len(of)
        keys = [(name, one) for name in hours.names for one in of.id.tolist()]
        index, at = f.index("storage", keys), horizon.storage_at.ravel()

        def each(values: Floats) -> Floats:
            return np.tile(values, count)

        size = count * n
        pc, pd = (
            f.variable(name, index, lower=0.0, upper=each(most), start=np.zeros(size))
            for name, most in (
                ("storage_charge", of.charge),
                ("storage_discharge", of.discharge),
            )
        )
        e = f.variable(
            "storage_energy", index, lower=0.0, upper=each(of.energy), start=each(of.start)
        )
        p, q = generation.p, generation.q
        net_power = p[at] - pd[:] + pc[:] + f.data(each(of.p_loss))
        if of.r.any():
            vv = voltages.vm[net.gen_at[at]] ** 2
            net_power = net_power * vv + f.data(each(of.r)) * (p[at] ** 2 + q[at] ** 2)
        zero = np.zeros(size)
        power = f.constraint("storage_power", index, net_power, lower=zero, upper=zero)

        h = np.repeat(hours.duration, n)
        first = np.arange(size) < n
        before = np.where(first, np.arange(size), np.arange(size) - n)
        gained = f.data(h * each(of.eta_c)) * pc[:] - f.data(h / each(of.eta_d)) * pd[:]
        row = e[:] - f.data(np.where(first, 0.0, 1.0)) * e[before] - gained
        right = np.where(first, each(of.start), 0.0)
        balance = f.constraint("storage_balance", index, row, lower=right, upper=right)
        known = np.flatnonzero(~np.isnan(of.end))
        last = f.index("storage_known_end", [of.id[k].item() for k in known.tolist()])
        ends = of.end[known]
        end = f.constraint("storage_end", last, e[size - n + known], lower=ends, upper=ends)
        mask = np.tile(circled, count)
        there = np.flatnonzero(mask)
        round_ = f.index("storage_circled", [keys[k] for k in there.tolist()])
        s = f.data(each(of.rating)[there])
        body = circle(p[at[there]] ** 2, q[at[there]] ** 2, s)
        rating = each(of.rating)[there]
        rows = f.constraint("storage_circle", round_, body, upper=rating)
        return cls(horizon, generation, voltages, pc, pd, e, power, balance, end, rows, mask)

    # -- what it says of itself -------------------------------------------

    @property
    def definitions(self) -> Sequence[Constraint]:
        """What links powers and energies."""
        return self.power, self.balance

    def _each(self, values: Floats) -> Floats:
        return np.tile(values, len(self.horizon))

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Limits on powers and energies."""
        of = _storage(self.horizon)
        limits = (self.charge, of.charge), (self.discharge, of.discharge), (self.energy, of.energy)
        return {one: (np.zeros(len(one)), self._each(most)) for one, most in limits}

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Powers, energies and circles out of the table of storage."""
        of, places = _storage(self.horizon), self.horizon.storage_at
        power, vm = at.power[places], at.vm[self.horizon.net.gen_at[places]]
        n = len(of)
        pc, pd, e = (one.value.reshape(-1, n) for one in (self.charge, self.discharge, self.energy))
        losses = of.p_loss + of.r * np.abs(power) ** 2 / vm**2
        missing = np.abs(power.real - pd + pc + losses)
        hours = self.horizon.hours.duration[:, None]
        stored = of.start + np.cumsum(hours * (of.eta_c * pc - pd / of.eta_d), axis=0)
        wrong = e - stored  # of all hours before as well
        drift = np.abs(np.diff(wrong, axis=0, prepend=0.0))
        known = ~np.isnan(of.end)
        over = np.maximum(np.abs(power) - of.rating, 0.0).ravel()
        return {
            self.power: missing.ravel(),
            self.balance: drift.ravel(),
            self.end: np.abs(e[-1, known] - of.end[known]),
            self.circle: over[self.circled],
        }

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Powers that fit where the generators start; energies as at the beginning."""
        of, p = _storage(self.horizon), self.generation.p
        power = found.get(p.name, p.start)[self.horizon.storage_at.ravel()]
        return {
            self.charge.name: np.clip(-power, 0.0, self._each(of.charge)),
            self.discharge.name: np.clip(power, 0.0, self._each(of.discharge)),
            self.energy.name: self._each(np.clip(of.start, 0.0, of.energy)),
        }

    def relaxations(self) -> Sequence[Relaxation]:
        """Powers, energy and rating of every storage, and its energy at the end."""
        of, base = _storage(self.horizon), self.horizon.net.base_mva
        where = zip(of.id.tolist(), of.bus.tolist(), strict=True)
        own = [f"storage {number} at bus {bus}" for number, bus in where]
        labels = [f"{one} in hour {name}" for name in self.horizon.hours.names for one in own]
        found, group = list[Relaxation](), "limits of storage"
        for variable, name, unit in (
            (self.charge, "largest charging power", "MW"),
            (self.discharge, "largest discharging power", "MW"),
            (self.energy, "largest stored energy", "MWh"),
        ):
            size = relaxation.size_of(variable)
            _, most = relaxation.of_bounds(variable, ("", name), group, labels, size, unit, base)
            found.append(most)
        rating = self._each(of.rating)[self.circled]
        circled = [one for one, there in zip(labels, self.circled.tolist(), strict=True) if there]
        rows = [self.circle]
        found.append(relaxation.of_squares("rating", group, "rating", circled, rating, base, rows))
        known = np.flatnonzero(~np.isnan(of.end))
        end, name = of.end[known], "energy at the end"

        kept, rows_of = [own[k] for k in known.tolist()], np.arange(len(end))
        for side, sign, limit in (("<=", 1.0, end), (">=", -1.0, of.energy[known] - end)):

            def needed(i: int, t: float, by: Floats = -sign * limit) -> float:
                return float(end[i] + by[i] * t) * base

            effects = (Effect(self.end, rows_of, sign * limit),)
            found.append(
                Relaxation(name, group, name, "MWh", side, kept, end * base, needed, effects, 1.0)
            )
        return found


def _storage(horizon: Horizon) -> Storage:
    assert horizon.storage is not None
    return horizon.storage
