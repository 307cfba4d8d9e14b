"""The generating units of inverters, and what several in parallel are together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints

    Numbers = Ints | Floats

OPTIONAL = ("imax",)  # NaN for none
_UNLIMITED: Any = np.nan
_SAME = 1e-13  # relative difference that is rounding


@dataclass(frozen=True, eq=False, kw_only=True)
class Droops:
    """Numbers that an inverter and a unit of one have alike; `Inverters` says what they are."""

    mq: Floats
    beta_q: Floats
    mp: Floats
    beta_p: Floats
    tau_p: Floats
    tau_q: Floats
    rating: Floats
    imax: Floats = _UNLIMITED

    @property
    def numbers(self) -> dict[str, Floats]:
        """These columns by name."""
        return {name: getattr(self, name) for name in NUMBERS}


NUMBERS = tuple(field.name for field in dataclasses.fields(Droops))


@dataclass(frozen=True, eq=False)
class Units(Droops):
    """The generating units of inverters, per unit on the system base, each array of shape (u,).

    Units of one inverter are in parallel, see `parallel`. They are in the order of the inverters.

    Attributes:
        gen: id of the generator.
        inverter: position of its inverter.
        mq, beta_q, mp, beta_p, tau_p, tau_q, rating, imax: its own, as an inverter has them.
    """

    gen: Ints
    inverter: Ints

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind: type = np.float64 if field.name in NUMBERS else np.int64
            column: Numbers = np.array(getattr(self, field.name), dtype=kind)
            freeze(self, field.name, column if column.ndim else np.full(len(self.gen), column))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Units.__post_init__(self)  # arrays that come out of a pickle can be written to

    def __len__(self) -> int:
        return len(self.gen)

    @classmethod
    def alike(cls, gens: tuple[tuple[int, ...], ...]) -> Self:
        """Units with equal parts, all numbers one."""
        gen, inverter = _members(gens)
        return cls(gen, inverter, **dict.fromkeys(NUMBERS, np.ones(len(gen))))

    def are(self, gens: tuple[tuple[int, ...], ...]) -> bool:
        """Whether these are the units of inverters with these generators."""
        gen, inverter = _members(gens)
        return np.array_equal(self.gen, gen) and np.array_equal(self.inverter, inverter)

    def combined(self, count: int) -> dict[str, Floats]:
        """Columns of `count` inverters that these units make up."""
        return parallel(self.numbers, self.inverter, count)

    def scaled(self, whole: Mapping[str, Floats]) -> Self:
        """Units that make up inverters of these columns, in proportion to what they have now.

        Every column of `parallel` is scaled by the factor that all its units are scaled by. Where
        there was no current limit, or is none now, units have that of their inverter.
        """
        now, changed = self.combined(len(whole["mq"])), {}
        for name in NUMBERS:
            factor, none = whole[name] / now[name], np.isnan(whole[name])
            same = (np.abs(factor - 1) <= _SAME) | (none & np.isnan(now[name]))
            if name not in OPTIONAL:
                same |= np.isnan(factor)
            if not same.all():
                scaled = getattr(self, name) * np.where(same, 1.0, factor)[self.inverter]
                alike = (np.isnan(factor) & ~same)[self.inverter]
                changed[name] = np.where(alike, whole[name][self.inverter], scaled)
        return dataclasses.replace(self, **changed) if changed else self


def parallel(units: Mapping[str, Floats], inverter: Ints, count: int) -> dict[str, Floats]:
    """Columns of inverters whose units are in parallel.

    Ratings, current limits and stiffnesses 1/mq, 1/(mq beta_q) add up; a filter time constant is
    the mean of those of the units, weighted by their stiffnesses 1/(mq beta_q). The same holds for
    P. An inverter with a unit that has no current limit has none.

    Args:
        units: columns of the units, shape (u,).
        inverter: position of each unit's inverter, shape (u,).
        count: number of inverters.

    Returns:
        The same columns, shape (count,).
    """

    def total(values: Floats) -> Floats:
        return np.bincount(inverter, values, minlength=count).astype(np.float64)

    single = np.bincount(inverter, minlength=count)[inverter] == 1
    mq, mp = 1 / total(1 / units["mq"]), 1 / total(1 / units["mp"])
    kq = 1 / total(1 / (units["mq"] * units["beta_q"]))
    kp = 1 / total(1 / (units["mp"] * units["beta_p"]))
    found = {
        "mq": mq,
        "beta_q": kq / mq,
        "mp": mp,
        "beta_p": kp / mp,
        "tau_p": total(units["tau_p"] / (units["mp"] * units["beta_p"])) * kp,
        "tau_q": total(units["tau_q"] / (units["mq"] * units["beta_q"])) * kq,
        "rating": total(units["rating"]),
        "imax": total(units["imax"] * units["rating"]) / total(units["rating"]),
    }
    for name, column in found.items():
        column[inverter[single]] = units[name][single]  # without rounding
    return found


def freeze(of: Droops, name: str, column: Numbers) -> None:
    """Keep a column that nobody can write to, in a frozen dataclass."""
    column.setflags(write=False)
    object.__setattr__(of, name, column)


def _members(gens: tuple[tuple[int, ...], ...]) -> tuple[Ints, Ints]:
    """Every generator of these groups, and the position of its group."""
    gen = np.array([one for group in gens for one in group])
    return gen, np.repeat(np.arange(len(gens)), [len(group) for group in gens])
