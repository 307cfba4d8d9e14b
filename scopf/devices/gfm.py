"""Inverters: droop, filters and rating of every grid-forming inverter, one per bus."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from scopf.devices import gfm_parameters
from scopf.devices.parameters import PERCENT, RATING, Given, refuse_both
from scopf.devices.units import NUMBERS, OPTIONAL, Droops, Units, freeze
from scopf.errors import (
    CaseError,
    Fault,
    ScopfError,
    by_number,
    check_names,
    listing,
    number,
    spelled,
)
from scopf.network.tables import positions

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats, Ints
    from scopf.network.network import Network

DroopBase = Literal["system", "rating"]

_ALIKE: Any = None  # units that are left out


@dataclass(frozen=True, eq=False)
class Inverters(Droops):
    """Grid-forming inverters, at most one per bus, in the order of the network's buses.

    The Q-V droop of the paper (section II) is tau_q dV/dt = -(V - V0) + mq beta_q (Q0 - Q), and the
    P-f droop is the same with mp, beta_p, tau_p. Droops are per unit on the *system* base.

    Attributes:
        bus: bus number of each inverter, shape (n,).
        gens: ids of the generators that act together as the inverter at that bus.
        mq, beta_q: reactive droop (p.u. voltage per p.u. reactive power) and its gain.
        mp, beta_p: active droop (p.u. frequency per p.u. active power) and its gain.
        tau_p, tau_q: power filter time constants in s.
        rating: rated apparent power, per unit on the system base.
        imax: current limit, per unit of the rating at 1 p.u. voltage; NaN for none.
        units: the generating units, whose parallel connection has these numbers. Those of an
            inverter are alike when they are left out, or are not those of `gens`. When a number of
            an inverter changes, those of its units change in proportion.
    """

    bus: Ints
    gens: tuple[tuple[int, ...], ...]
    units: Units = _ALIKE

    def __post_init__(self) -> None:
        freeze(self, "bus", np.array(self.bus, dtype=np.int64))
        for name in NUMBERS:
            column = np.array(getattr(self, name), dtype=np.float64)
            freeze(self, name, column if column.ndim else np.full(len(self.bus), column))
        faults = self._faults()
        if faults:
            raise CaseError("inverters", faults)
        units = self.units
        if units is None or not units.are(self.gens):
            units = Units.alike(self.gens)
        with np.errstate(all="ignore"):
            object.__setattr__(self, "units", units.scaled(self.numbers))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("bus", *NUMBERS):  # arrays that come out of a pickle can be written to
            freeze(self, name, getattr(self, name))

    @property
    def columns(self) -> dict[str, Any]:
        """The columns by name, without the units."""
        return {"bus": self.bus, "gens": self.gens, **self.numbers}

    def _faults(self) -> list[Fault]:
        found = []
        for name in ("gens", *NUMBERS):
            values = getattr(self, name)
            if len(values) != len(self.bus):
                found.append(Fault(f"{len(values)} values for {len(self.bus)} inverters", name))
            elif name != "gens":
                wrong = ~((values > 0) & np.isfinite(values))
                if name in OPTIONAL:
                    wrong &= ~np.isnan(values)
                for i in np.flatnonzero(wrong):
                    text = f"must be a positive number, got {values[i]:g}"
                    found.append(Fault(text, name, label=f"bus {self.bus[i]}"))
        return found

    def __len__(self) -> int:
        return len(self.bus)

    def __repr__(self) -> str:
        return f"Inverters({len(self)} at bus {listing(self.bus)})"

    @property
    def k(self) -> Floats:
        """Effective reactive droop k = mq beta_q, shape (n,)."""
        return self.mq * self.beta_q

    @property
    def droop_percent(self) -> Floats:
        """Drop of voltage at reactive power as large as the rating, per cent, shape (n,)."""
        return 100.0 * self.k * self.rating

    @property
    def labels(self) -> list[str]:
        """A name for each, such as "inverter 32"."""
        return [f"inverter {bus}" for bus in self.bus.tolist()]

    def total(self, net: Network, values: Floats) -> Floats:
        """Sums of the values of generators of `net` over the units of each inverter, shape (n,)."""
        unit = positions(net.gen.id, self.units.gen)
        total = np.bincount(self.units.inverter, values[unit], minlength=len(self))
        return total.astype(np.float64)

    def replace(self, **columns: Any) -> Self:
        """A copy with other values in the named columns.

        Raises:
            ScopfError: naming a column that there is not.
        """
        check_names("Inverters", "column", columns, [f.name for f in dataclasses.fields(self)])
        return dataclasses.replace(self, **columns)

    def without(self, buses: Ints) -> Self:
        """A copy without the inverters at these buses."""
        kept = ~np.isin(self.bus, buses)
        if kept.all():
            return self
        of, place = self.units, np.cumsum(kept) - 1
        units = kept[of.inverter]
        columns = {name: getattr(of, name)[units] for name in ("gen", *NUMBERS)}
        numbers = {name: values[kept] for name, values in self.numbers.items()}
        gens = tuple(group for group, stays in zip(self.gens, kept.tolist(), strict=True) if stays)
        return type(self)(
            self.bus[kept],
            gens,
            **numbers,
            units=Units(inverter=place[of.inverter[units]], **columns),
        )

    def without_units(self, gens: Iterable[int]) -> Self:
        """A copy after the loss of these generators: droop, damping, rating, current are gone.

        An inverter all of whose units are lost is gone as well.
        """
        of = self.units
        kept = ~np.isin(of.gen, list(gens))
        if kept.all():
            return self
        left = np.bincount(of.inverter[kept], minlength=len(self))
        lost = self.bus[left == 0]
        units = Units(
            **{field.name: getattr(of, field.name)[kept] for field in dataclasses.fields(Units)}
        )
        members = [tuple(units.gen[units.inverter == i].tolist()) for i in range(len(self))]
        stays = self.without(lost)
        place = np.cumsum(left > 0) - 1
        units = dataclasses.replace(units, inverter=place[units.inverter])
        groups = tuple(group for group in members if group)
        return stays.replace(gens=groups, **units.combined(len(stays)), units=units)

    def with_droops(
        self,
        mq: Given | None = None,
        droop_base: DroopBase = "system",
        *,
        droop_percent: Given | None = None,
    ) -> Self:
        """A copy with another m_q of every unit, or of the whole inverters at some buses.

        Args:
            mq: one number for every unit, or by bus number; inverters that it does not name keep
                what they have. None to leave all as they are.
            droop_base: base of these numbers, as `at_generators` takes it.
            droop_percent: the same in per cent of the ratings, as there.

        Raises:
            ScopfError: naming a bus without an inverter, or a value that is not positive; for both.
        """
        refuse_both(mq, droop_percent)
        if droop_percent is not None:
            bases = (100.0 * x.rating * x.beta_q for x in (self.units, self))
            return self._with(PERCENT, droop_percent, *bases)
        on_rating = droop_base == "rating"
        bases = (x.rating if on_rating else np.ones(len(x)) for x in (self.units, self))
        return self if mq is None else self._with("mq", mq, *bases)

    def _with(self, name: str, given: Given, of_units: Floats, of_inverters: Floats) -> Self:
        """A copy with another m_q, the given value over these bases."""
        if not hasattr(given, "items"):
            value = number(name, given)
            if value <= 0:
                raise ScopfError(f"{name} must be positive, got {value:g}")
            units = dataclasses.replace(self.units, mq=value / of_units)
            return self.replace(**units.combined(len(self)), units=units)
        own = by_number(name, "bus", dict(given.items()))  # a mapping or a pandas Series
        if unknown := sorted(own.keys() - set(self.bus.tolist())):
            raise ScopfError(f"{name}: there is no inverter at bus {listing(unknown)}")
        changed = self.mq.copy()
        for i, bus in enumerate(self.bus.tolist()):
            if bus in own:
                changed[i] = own[bus] / of_inverters[i]
        return dataclasses.replace(self, mq=changed)

    @classmethod
    @spelled
    def at_generators(
        cls,
        net: Network,
        *,
        buses: Iterable[int] | None = None,
        without: Iterable[int] | None = None,
        table: str | os.PathLike[str] | pd.DataFrame | None = None,
        droop_base: DroopBase = "system",
        mq: Given | None = None,
        beta_q: Given | None = None,
        mp: Given | None = None,
        beta_p: Given | None = None,
        tau_p: Given | None = None,
        tau_q: Given | None = None,
        rating_mva: Given | None = None,
        rating_factor: float | None = None,
        imax: Given | None = None,
        droop_percent: Given | None = None,
    ) -> Self:
        """An inverter at every generator bus, or at `buses` only.

        A number holds for each generating unit. Units on one bus act as one inverter, in parallel:
        their stiffnesses 1/(mq beta_q) add up, and so do their ratings and current limits. A value
        given for a bus (a mapping by bus number, or a table keyed by bus) is that of the whole
        inverter there.

        Args:
            net: the network; generators out of service are left out.
            buses: bus numbers that have an inverter, whatever the network says of the generators
                there; when None, all generator buses, or of a network with `dynamics` those of its
                grid-forming inverters. Dispatchable loads are no generators here.
            without: numbers of generators that are none, but devices of other kinds; None for
                those of `net.dynamics`, where there is such a table.
            table: CSV file or DataFrame with one key column, `bus` or `gen`, and any of the columns
                mq, droop_percent, beta_q, mp, beta_p, tau_p, tau_q, rating_mva, imax, and
                `inverter` (0: the machine there is no inverter). It overrides the keywords; blank
                cells and rows that are not there leave them as they are.
            droop_base: "system" when mq and mp are per unit on the system base, as in the paper;
                "rating" when they are per unit of each inverter's own rating.
            mq: reactive droop, default 0.05.
            beta_q: gain of the reactive droop, default 1.
            mp: active droop, default 0.05.
            beta_p: gain of the active droop, default 1.
            tau_p: filter time constant of active power in s, default 0.1.
            tau_q: filter time constant of reactive power in s, default 0.1.
            rating_mva: rated apparent power, default the case's machine base (mBase).
            rating_factor: rated apparent power of each unit over its Pmax, where rating_mva does
                not say it.
            imax: current limit, per unit of the rating at 1 p.u. voltage; NaN, the default, for
                none.
            droop_percent: reactive droop as data sheets have it, instead of mq: the drop of voltage
                in per cent when Q is as large as the rating, so that mq beta_q is
                droop_percent/100 of the system base over the rating.

        Raises:
            CaseError: listing every unknown bus or generator and every value that is out of range.
            ScopfError: for both mq and droop_percent; for droop_percent where the ratings are an
                mBase that is one nominal number on every unit and below the Pmax of one.
        """
        refuse_both(mq, droop_percent)
        if droop_base not in ("system", "rating"):
            raise ScopfError(f'droop_base is "system" or "rating", got {droop_base!r}')
        own_base = droop_base == "rating"
        keywords = {
            "mq": mq, "beta_q": beta_q, "mp": mp, "beta_p": beta_p,
            "tau_p": tau_p, "tau_q": tau_q, RATING: rating_mva, "imax": imax,
            PERCENT: droop_percent,
        }  # fmt: skip
        given = gfm_parameters.parameters(
            net.energized(), keywords, buses=buses, without=without, table=table,
            rating_factor=rating_factor, own_base=own_base,
        )  # fmt: skip
        with np.errstate(all="ignore"):  # what overflows is no positive number, and that is found
            return cls(**gfm_parameters.inverters(given, own_base=own_base))

    def frame(self) -> pd.DataFrame:
        """The inverters as a table, one row each, per unit on the system base."""
        import pandas as pd

        gens = ["+".join(map(str, group)) for group in self.gens]
        return pd.DataFrame({**self.columns, "gens": gens})
