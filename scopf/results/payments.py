"""What loads pay and generators earn at the balance prices, in every state.

A price here is dJ*/d(load) with the limits held, that of the state: loads pay and generators earn
in the intact network and after every outage in the dispatch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.results.prices import TRACE
from scopf.results.slopes import BALANCE, STATE, Slopes

if TYPE_CHECKING:
    from scopf.model.horizon import Horizon
    from scopf.results.prices import Prices
    from scopf.results.record import Record
    from scopf.results.states import AfterOutages

_BALANCES = f"{BALANCE}p", f"{BALANCE}q"


@dataclass(frozen=True, eq=False)
class Trade:
    """Power that is drawn and supplied in one network, or in the networks of all states.

    All of it is per unit, and prices are currency/h per p.u.; the first axis is P and Q.

    Attributes:
        balances: names of the rows of P and of Q.
        state: position of the state of every bus.
        price: of the buses.
        served: loads.
        current: the part of these that is proportional to the voltage.
        output: of the generators.
        injected: by the DC lines at their from end, and at their to end.
        bus, gen, line: position in the intact network of buses, generators and DC lines.
        gen_at, line_from, line_to: bus of each.
        limits: makes the parts of the prices that come from limits following the loads.
        hours: duration of every state.
    """

    balances: tuple[str, str]
    state: Ints
    price: Floats
    served: Floats
    current: Floats
    output: Floats
    injected: tuple[Floats, Floats]
    bus: Ints
    gen: Ints
    line: Ints
    gen_at: Ints
    line_from: Ints
    line_to: Ints
    limits: Callable[[], Floats] = field(repr=False)
    hours: Floats

    # -- money per hour -------------------------------------------

    def worth(self, price: Floats, power: Floats, at: Ints | None = None) -> Floats:
        """Currency/h of powers (P, Q) at the prices of their buses; what is zero is worth zero."""
        prices = price if at is None else price[:, at]
        hours = self.hours[self.state if at is None else self.state[at]]
        with np.errstate(invalid="ignore"):
            return np.where(power == 0.0, 0.0, prices * power) / hours

    @property
    def payments(self) -> Floats:
        """Of the loads, by bus."""
        return self.worth(self.price, self.served)

    @property
    def revenues(self) -> Floats:
        """Of the generators."""
        return self.worth(self.price, self.output, self.gen_at)

    @property
    def line_revenues(self) -> Floats:
        """Of the DC lines."""
        at_from, at_to = self.injected
        return self.worth(self.price, at_from, self.line_from) + self.worth(
            self.price, at_to, self.line_to
        )

    @property
    def through_limits(self) -> Floats:
        """What loads would pay for the limits that follow them, by bus."""
        return self.worth(self.limits(), self.served)

    @property
    def net(self) -> Floats:
        """Supply less load of every bus: what its branches and its shunt draw."""
        n = len(self.state)
        return np.array(
            [
                np.bincount(self.gen_at, self.output[k], n)
                + np.bincount(self.line_from, self.injected[0][k], n)
                + np.bincount(self.line_to, self.injected[1][k], n)
                - self.served[k]
                for k in (0, 1)
            ]
        )


@dataclass(frozen=True, eq=False)
class Trades:
    """The trade in the intact network, and the one in all states after outages, if any.

    Of a dispatch of hours it is one, of all of them side by side.

    Attributes:
        each: the trades.
        horizon: the hours; None for a single one.
    """

    each: tuple[Trade, ...]
    horizon: Horizon | None = None

    @classmethod
    def of(cls, solution: Record, slopes: Slopes) -> Trades:
        """All of a solution."""
        intact = _intact(solution, slopes)
        if (horizon := solution.problem.horizon) is not None:
            return cls((_of_hours(intact, horizon),), horizon)
        return cls((intact,) if solution.after is None else (intact, _after(solution, slopes)))

    @cached_property
    def intact(self) -> Trade:
        """That of the intact network."""
        return self.each[0]

    def summed(self, of: str, at: str) -> tuple[Floats, Floats]:
        """Amounts by element: in the intact network, P and Q; and after outages, P and Q together.

        Of hours they are over all of them, in currency.

        Args:
            of: name of the amounts, such as "payments".
            at: name of their positions in the intact network, such as "bus".
        """
        own = self.over_hours(getattr(self.intact, of))
        later = np.zeros(own.shape[1])
        for trade in self.each[1:]:
            later += np.bincount(getattr(trade, at), getattr(trade, of).sum(axis=0), len(later))
        return own, later

    def over_hours(self, amounts: Floats) -> Floats:
        """Amounts per hour of elements of all hours as those of elements over all hours.

        Args:
            amounts: the last axis is elements, hour by hour; without hours they are the result.
        """
        if self.horizon is None:
            return amounts
        hours = self.horizon.hours.duration
        by_hour = amounts.reshape((*amounts.shape[:-1], len(hours), -1))
        return np.asarray((hours[:, None] * by_hour).sum(axis=-2))

    def by_state(self, of: str, at: str | None, count: int) -> Floats:
        """Sums of amounts by state.

        Args:
            of: name of the amounts.
            at: name of the buses of the elements; None for amounts of buses.
            count: number of states.
        """
        found = np.zeros(count)
        for trade in self.each:
            state = trade.state if at is None else trade.state[getattr(trade, at)]
            found += np.bincount(state, getattr(trade, of).sum(axis=0), count)
        return found


def _intact(solution: Record, slopes: Slopes) -> Trade:
    net, point = solution.problem.base, solution.point
    base = net.base_mva
    pf, qf, pt, qt, _ = point.dclines
    zero = np.zeros(len(net.bus))
    currents = [point.loads.get(f"{letter}d_current", zero) * point.vm for letter in "pq"]
    return Trade(
        balances=_BALANCES,
        state=np.zeros(len(net.bus), dtype=np.int64),
        price=solution.prices.balance * base,
        served=np.array(point.demand),
        current=np.array(currents),
        output=np.array([point.pg, point.qg]),
        injected=(np.array([-pf, qf]), np.array([pt, qt])),
        bus=np.arange(len(net.bus)),
        gen=np.arange(len(net.gen)),
        line=np.arange(len(net.dcline)),
        gen_at=net.gen_at,
        line_from=net.dcline_from,
        line_to=net.dcline_to,
        limits=partial(_limits_of_intact, solution.prices, base),
        hours=slopes.hours,
    )


def _of_hours(trade: Trade, horizon: Horizon) -> Trade:
    """The trade of all hours; its prices are those of the cost of all of them."""
    state = horizon.stack.bus_part
    hours = trade.hours[state]
    limits = partial(_limits_of_hours, trade.limits, hours)
    return dataclasses.replace(trade, state=state, price=trade.price * hours, limits=limits)


def _after(solution: Record, slopes: Slopes) -> Trade:
    after = solution.after
    assert after is not None
    settled = after.settled
    net, zero = settled.net, np.zeros(len(settled.net.bus))
    pf, qf, pt, qt, _ = solution.point.dclines[:, settled.dcline]
    currents = [after.loads.get(f"{letter}d_current", zero) * after.vm for letter in "pq"]

    return Trade(
        balances=(f"{STATE}{_BALANCES[0]}", f"{STATE}{_BALANCES[1]}"),
        state=1 + settled.stack.bus_part,
        price=after.balance,
        served=np.array(after.demand),
        current=np.array(currents),
        output=np.array([after.pg, after.qg]),
        injected=(np.array([-pf, qf]), np.array([pt, qt])),
        bus=settled.bus,
        gen=settled.gen,
        line=settled.dcline,
        gen_at=net.gen_at,
        line_from=net.dcline_from,
        line_to=net.dcline_to,
        limits=partial(_limits_after, after),
        hours=slopes.hours,
    )


def _limits_of_intact(prices: Prices, base_mva: float) -> Floats:
    return prices.limits() * base_mva


def _limits_of_hours(per_hour: Callable[[], Floats], hours: Floats) -> Floats:
    return per_hour() * hours


def _limits_after(after: AfterOutages) -> Floats:
    by_load = after.stability.load_prices
    return np.zeros_like(after.balance) if by_load is None else np.array(by_load(TRACE))
