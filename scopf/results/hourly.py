"""Hours of a dispatch: what each costs and stores, and what storage and ramps are worth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.model.horizon import Horizon
from scopf.model.problem import Problem
from scopf.results.prices import Multipliers, of_square

if TYPE_CHECKING:
    import pandas as pd

    from scopf.results.point import Point

_AT_ONCE = 1e-5  # p.u. of charging beside discharging that is worth a word


@dataclass(frozen=True, eq=False)
class Hourly:
    """Numbers of hours; per unit and p.u. h, arrays of storage have the shape (hours, storage).

    Prices are those of the cost of all hours together, not per hour.

    Attributes:
        horizon: the hours.
        costs: of each hour, currency per h.
        power: P + jQ that storage gives to the grid.
        charge, discharge, energy: of storage; energy at the end of each hour.
        value: of energy in storage at the end of each hour, currency per p.u. h.
        of_energy, of_power, of_rating: value of more capacity of the storage in each hour.
        change: of active power into each hour, by row of the ramps.
        of_ramps: value of a larger change, by row of the ramps.
        solved: whether there is a solution.
    """

    horizon: Horizon
    costs: Floats
    power: np.ndarray[Any, np.dtype[np.complex128]]
    charge: Floats
    discharge: Floats
    energy: Floats
    value: Floats
    of_energy: Floats
    of_power: Floats
    of_rating: Floats
    change: Floats
    of_ramps: Floats
    solved: bool

    @classmethod
    def read(cls, problem: Problem, multipliers: Multipliers) -> Hourly | None:
        """The hours at the formulation's present point; None for a problem without.

        Args:
            problem: that was solved.
            multipliers: of the solver.
        """
        horizon, opf = problem.horizon, problem.opf
        if horizon is None:
            return None
        p, q = opf.generation.p.value, opf.generation.q.value
        power = np.asarray((p + 1j * q)[horizon.storage_at])
        shape, storage = power.shape, opf.storage
        nothing = np.zeros(shape)
        numbers = dict.fromkeys(("charge", "discharge", "energy", "value"), nothing)
        numbers |= dict.fromkeys(("of_energy", "of_power", "of_rating"), nothing)
        if storage is not None:
            most = [
                multipliers.of_bounds(one, in_all=True)[1].reshape(shape)
                for one in (storage.charge, storage.discharge, storage.energy)
            ]
            value = multipliers.of_rows(storage.balance, 0.0, in_all=True)
            numbers = {
                "charge": storage.charge.value.reshape(shape),
                "discharge": storage.discharge.value.reshape(shape),
                "energy": storage.energy.value.reshape(shape),
                "value": value.reshape(shape),
                "of_energy": most[2],
                "of_power": most[0] + most[1],
                "of_rating": _of_rating(problem, multipliers, power),
            }
            numbers |= _net(horizon, numbers)
        change = of_ramps = np.zeros(0)
        if (ramps := opf.ramps) is not None:
            change = p[ramps.after] - p[ramps.before]
            of_ramps = np.abs(multipliers.of_rows(ramps.rows, 0.0, in_all=True))
        missing = 0.0 if multipliers.solved else np.nan
        prices = "value", "of_energy", "of_power", "of_rating"
        numbers |= {name: numbers[name] + missing for name in prices}
        return cls(
            horizon,
            _costs(problem) + missing,
            power,
            **numbers,
            change=change,
            of_ramps=of_ramps + missing,
            solved=multipliers.solved,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the hours."""
        return self.horizon.hours.names

    @property
    def base(self) -> float:
        """System base, MVA."""
        return self.horizon.net.base_mva

    # -- tables -------------------------------------------

    @cached_property
    def at_once(self) -> Floats:
        """Power that is charged and discharged at once, p.u.; zero where it is nothing."""
        both = np.minimum(self.charge, self.discharge)
        return np.where(both > _AT_ONCE, both, 0.0)

    def by_hour(self, prices: tuple[Floats, Floats]) -> pd.DataFrame:
        """Storage by hour: powers, energy, and prices of its limits in this hour.

        Args:
            prices: of active and reactive power at its bus with the limits held, currency/MWh and
                currency/MVArh, by hour.
        """
        import pandas as pd

        of, base, n = self.horizon.storage, self.base, self.power.shape[1]
        assert of is not None
        columns = {
            "p_mw": self.power.real * base,
            "q_mvar": self.power.imag * base,
            "p_charge_mw": self.charge * base,
            "p_discharge_mw": self.discharge * base,
            "at_once_mw": self.at_once * base,
            "e_mwh": self.energy * base,
            "lmp_p_balance_per_mwh": prices[0],
            "lmp_q_balance_per_mvarh": prices[1],
            "value_per_mwh": self.value / base,
            "mu_e_per_mwh": self.of_energy / base,
            "mu_p_per_mw": self.of_power / base,
            "mu_s_per_mva": self.of_rating / base,
        }
        return pd.DataFrame(
            {
                "state": np.repeat(np.array(self.names, dtype=object), n),
                "storage": np.tile(of.id, len(self.names)),
                "bus": np.tile(of.bus, len(self.names)),
                **{name: column.ravel() for name, column in columns.items()},
            }
        )

    def storage(self, prices: tuple[Floats, Floats]) -> pd.DataFrame:
        """Storage over all hours: energies, earnings, and the value of more of it.

        Args:
            prices: as `by_hour` takes them.
        """
        import pandas as pd

        of, base = self.horizon.storage, self.base
        assert of is not None
        hours = self.horizon.hours.duration[:, None]

        def total(power: Floats) -> Floats:
            return np.asarray((hours * power).sum(axis=0) * base)

        discharged, missing = total(self.discharge), np.nan if not self.solved else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            cycles = discharged / (of.energy * base)
        return pd.DataFrame(
            {
                "storage": of.id,
                "bus": of.bus,
                "e_mwh": of.energy * base,
                "charged_mwh": total(self.charge),
                "discharged_mwh": discharged,
                "cycles": np.where(of.energy > 0, cycles, 0.0),
                "at_once_mwh": total(self.at_once),
                "earned": total(prices[0] * self.power.real + prices[1] * self.power.imag)
                + missing,
                "value_per_mwh": self.of_energy.sum(axis=0) / base,
                "value_per_mw": self.of_power.sum(axis=0) / base,
                "value_per_mva": self.of_rating.sum(axis=0) / base,
            }
        )

    def ramps_by_hour(self) -> pd.DataFrame:
        """Generators with a ramp rate by hour, from the second on."""
        import pandas as pd

        limited, hours = self._limited, self.horizon.hours.duration[1:]
        gen, rate = self._gens(limited), self._rates[limited]
        return pd.DataFrame(
            {
                "state": np.repeat(np.array(self.names[1:], dtype=object), len(limited)),
                **{name: np.tile(column, len(hours)) for name, column in gen.items()},
                "change_mw": self.change * self.base,
                "limit_mw": np.repeat(hours, len(limited)) * np.tile(rate, len(hours)) * self.base,
                "mu_per_mw": self.of_ramps / self.base,
            }
        )

    def ramps(self) -> pd.DataFrame:
        """Generators with a ramp rate: how often it binds, and the value of a larger one."""
        import pandas as pd

        limited, hours = self._limited, self.horizon.hours.duration[1:]
        shape = len(hours), len(limited)
        price, change = self.of_ramps.reshape(shape), np.abs(self.change).reshape(shape)
        rate = self._rates[limited]
        share = np.divide(
            change, hours[:, None] * rate, out=np.ones(shape), where=hours[:, None] * rate > 0
        )
        return pd.DataFrame(
            {
                **self._gens(limited),
                "ramp_mw_per_h": rate * self.base,
                "largest_percent": 100 * share.max(axis=0, initial=0.0),
                "value_per_mw_per_h": (hours[:, None] * price).sum(axis=0) / self.base,
            }
        )

    @property
    def _rates(self) -> Floats:
        assert self.horizon.ramps is not None
        return self.horizon.ramps

    @property
    def _limited(self) -> Ints:
        return np.flatnonzero(np.isfinite(self._rates))

    def _gens(self, limited: Ints) -> dict[str, Any]:
        gen = self.horizon.one.gen
        return {"gen": gen.id[limited], "bus": gen.bus[limited]}

    def hours(self, point: Point, lmp: Floats, stability: dict[str, Any]) -> pd.DataFrame:
        """One row for each hour.

        Args:
            point: of all hours.
            lmp: price of active power of all buses, currency/MWh.
            stability: further columns.
        """
        import pandas as pd

        stack, base, count = self.horizon.stack, self.base, len(self.names)
        part, load = stack.bus_part, point.demand[0]
        served = np.bincount(part, load, count)
        lost = np.bincount(stack.part_of("branch"), point.flows[0] + point.flows[2], count)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(part, load * lmp, count) / served
        storage: dict[str, Floats] = {}
        if self.horizon.storage is not None:
            storage = {
                "p_storage_mw": self.power.real.sum(axis=1) * base,
                "e_mwh": self.energy.sum(axis=1) * base,
            }
        hours = self.horizon.hours.duration
        return pd.DataFrame(
            {
                "state": np.array(self.names, dtype=object),
                "duration_h": hours,
                "p_load_mw": served * base,
                "p_loss_mw": lost * base,
                **storage,
                "cost_per_h": self.costs,
                "cost": self.costs * hours,
                "lmp_p_per_mwh": mean,
                **stability,
            }
        )


def _net(horizon: Horizon, numbers: dict[str, Floats]) -> dict[str, Floats]:
    """Charge and discharge of storage without losses less what is in both, which is nothing."""
    of = horizon.storage
    assert of is not None
    both = np.where(of.eta_c * of.eta_d == 1.0, 1.0, 0.0)
    both = both * np.minimum(numbers["charge"], numbers["discharge"])
    return {name: numbers[name] - both for name in ("charge", "discharge")}


def _of_rating(
    problem: Problem, multipliers: Multipliers, power: np.ndarray[Any, np.dtype[np.complex128]]
) -> Floats:
    """Value of more rating of the converters of storage in each hour."""
    horizon, storage, capability = problem.horizon, problem.opf.storage, problem.opf.capability
    assert horizon is not None
    assert horizon.storage is not None
    assert storage is not None
    found = np.zeros(power.size)
    found[storage.circled] = multipliers.of_rows(storage.circle, 0.0, in_all=True)
    if capability is not None and not storage.circled.all():
        gens = problem.inverters.gens
        of = {group[0]: k for k, group in enumerate(gens) if len(group) == 1}
        rows = multipliers.of_rows(capability.rows, 0.0, in_all=True)
        ids = horizon.net.gen.id[horizon.storage_at.ravel()]
        for k in np.flatnonzero(~storage.circled).tolist():
            found[k] = rows[of[int(ids[k])]]
    shares = np.abs(power) / horizon.storage.rating
    return np.asarray(np.maximum(found.reshape(power.shape), 0.0) * of_square(shares))


def _costs(problem: Problem) -> Floats:
    """Cost of each hour per h, by the tables of the network; NaN where there is no network."""
    horizon, opf = problem.horizon, problem.opf
    assert horizon is not None
    at, found = opf.point(problem.present.reduction), np.zeros(len(horizon))
    if at is None:
        return found + np.nan
    for part in opf.parts:
        for symbol, cost in part.cost(at).items():
            found += np.bincount(horizon.positions(symbol), cost, len(horizon))
    return found
