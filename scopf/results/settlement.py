"""Who pays and who earns at the balance prices, and what the surplus between them is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
from scopf.arrays import Floats
from scopf.model.current_limits import limited
from scopf.results.payments import Trades
from scopf.results.surplus import CURRENT, STABILITY, Split, by_kind

if TYPE_CHECKING:
    import pandas as pd

    from scopf.devices.gfm import Inverters
    from scopf.model.horizon import Horizon
    from scopf.network.network import Network
    from scopf.results.record import Record
    from scopf.results.slopes import Slopes

_LEAST = 1e-6  # currency/h: accounts of single elements below this are in the sums only
_ACCOUNTS = {
    "kind": ("", "{}"),
    "name": ("account", "{}"),
    "amount_per_h": ("amount [/h]", "{:.2f}"),
}
_SURPLUS = {
    "kind": ("surplus", "{}"),
    "element": ("element", "{}"),
    "state": ("state", "{}"),
    "amount_per_h": ("amount [/h]", "{:.2f}"),
}
_WORTH_A_LINE = 0.005  # currency/h
_OUTAGES = 5  # in the text, each with its account
_TOGETHER = 2  # more than these are summed up
_SHOWN = 8  # elements in the text


@dataclass(frozen=True, eq=False)
class Settlement:
    """Payments and revenues at the balance prices, currency/h, active and reactive power together.

    Loads pay and generators earn dJ*/d(load) with the limits held, in the intact network and after
    each outage in the dispatch. After a solve that failed every amount is NaN.
    """

    _solution: Record = field(repr=False)

    @classmethod
    def of(cls, solution: Record) -> Settlement:
        """The settlement of a solution; its tables are made when they are asked for."""
        return cls(solution)

    @property
    def _slopes(self) -> Slopes:
        return self._solution.slopes

    @cached_property
    def _trades(self) -> Trades:
        return Trades.of(self._solution, self._slopes)

    @cached_property
    def _split(self) -> Split:
        return Split(self._slopes, self._trades)

    # -- tables -------------------------------------------

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """All accounts: `kind`, `name`, `amount_per_h`.

        "payment" less "revenue" is the sum of "surplus": one for each kind of limit that binds in
        the intact network, one for each outage, and what is not closed. Accounts of the kind
        "cost" are the parts of the cost. "apart" is paid to nobody: what loads would pay beyond
        that at the full price, which has the part `lmp_..._limits` as well.
        """
        import pandas as pd

        return pd.DataFrame(self._accounts(), columns=["kind", "name", f"amount{self._per}"])

    @cached_property
    def loads(self) -> pd.DataFrame:
        """What the load of each bus pays.

        `energy_per_h` and `reactive_per_h` in the intact network, `outages_per_h` after outages,
        `payment_per_h` in all. `limits_per_h` is apart: what the limits' following this load costs.
        With a value of lost load, `lost_load_per_h` is what the load that is shed is worth.
        """
        import pandas as pd

        net, trades, per = self._net, self._trades, self._per
        (energy, reactive), later = trades.summed("payments", "bus")
        through, after = trades.summed("through_limits", "bus")
        served = trades.over_hours(np.abs(trades.intact.served))
        has_load = (served != 0).any(axis=0) | (self._lost_load != 0)
        frame = pd.DataFrame(
            {
                "bus": net.bus.id,
                f"energy{per}": energy,
                f"reactive{per}": reactive,
                **self._if_outages({"outages_per_h": later}),
                f"payment{per}": energy + reactive + later,
                f"limits{per}": through.sum(axis=0) + after,
                **({} if self._slopes.voll is None else {f"lost_load{per}": self._lost_load}),
            }
        )
        return self._known(frame[has_load].reset_index(drop=True))

    @cached_property
    def gens(self) -> pd.DataFrame:
        """What each generator earns, and what it costs; those of an inverter say at which bus."""
        found, horizon = self._sources, self._horizon
        if horizon is not None:
            found = found[~np.isin(horizon.one.gen.id, horizon.storage_gen)]
        return self._known(found.reset_index(drop=True))

    @cached_property
    def storage(self) -> pd.DataFrame:
        """What storage earns by its active and reactive power; no rows without any.

        `inverter` is the bus of the inverter that it is a unit of; missing without a droop.
        """
        found, horizon = self._sources, self._horizon
        if horizon is None or horizon.storage is None:
            return self._known(found[:0].rename(columns={"gen": "storage"}))
        own = np.isin(horizon.one.gen.id, horizon.storage_gen)
        table = found[own].assign(gen=horizon.storage.id).rename(columns={"gen": "storage"})
        return self._known(table.reset_index(drop=True))

    @cached_property
    def _sources(self) -> pd.DataFrame:
        """Generators, and storage among them."""
        import pandas as pd

        net, trades, per = self._net, self._trades, self._per
        (energy, reactive), later = trades.summed("revenues", "gen")
        revenue, cost = energy + reactive + later, trades.over_hours(self._solution.point.costs)
        return pd.DataFrame(
            {
                "gen": net.gen.id,
                "bus": net.gen.bus,
                "inverter": self._of_inverter,
                f"energy{per}": energy,
                f"reactive{per}": reactive,
                **self._if_outages({"outages_per_h": later}),
                f"revenue{per}": revenue,
                f"cost{per}": cost,
                f"profit{per}": revenue - cost,
            }
        )

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """What the generators of each inverter earn, and the surplus that its rows collect.

        `cost_per_h` has its lost opportunity as well. `stability_per_h` and, where an inverter has
        a limit `imax`, `current_per_h` are parts of the surplus, which the inverter does not earn.
        """
        import pandas as pd

        inverters, gens, per = self._inverter_data, self._sources, self._per
        lost = self._trades.over_hours(self._solution.point.opportunity)
        sums = {
            name: inverters.total(self._net, gens[name].to_numpy()) for name in self._amounts(gens)
        }
        sums[f"cost{per}"] = sums[f"cost{per}"] + lost
        sums[f"profit{per}"] = sums[f"profit{per}"] - lost
        frame = pd.DataFrame(
            {
                "bus": inverters.bus,
                **sums,
                f"stability{per}": self._collected(STABILITY),
                **({f"current{per}": self._collected(CURRENT)} if limited(inverters).any() else {}),
            }
        )
        return self._known(frame)

    @cached_property
    def dclines(self) -> pd.DataFrame:
        """What each DC line earns by moving power from one price to another, and what it costs."""
        import pandas as pd

        per, cost = self._per, self._trades.over_hours(self._solution.point.dclines[4])
        (energy, reactive), later = self._trades.summed("line_revenues", "line")
        revenue = energy + reactive + later
        frame = pd.DataFrame(
            {
                "dcline": self._net.dcline.id,
                f"energy{per}": energy,
                f"reactive{per}": reactive,
                **self._if_outages({"outages_per_h": later}),
                f"revenue{per}": revenue,
                f"cost{per}": cost,
                f"profit{per}": revenue - cost,
            }
        )
        return self._known(frame)

    @cached_property
    def surplus(self) -> pd.DataFrame:
        """What binds, and what it collects: `kind`, `element`, `state`, `amount_per_h`.

        Largest amounts first; amounts below 1e-6 are in the sums of `accounts` only.
        """
        import pandas as pd

        names = self._slopes.states
        found = self._split.accounts if self._solution.solved else []
        found = [one for one in found if abs(one.amount) >= _LEAST]
        found.sort(key=lambda one: -abs(one.amount))
        rows = [(one.kind, one.element, names[one.state], one.amount) for one in found]
        return pd.DataFrame(rows, columns=["kind", "element", "state", "amount_per_h"])

    @cached_property
    def states(self) -> pd.DataFrame:
        """The settlement of each state of the dispatch.

        `payments_per_h` less `revenues_per_h` (of generators and DC lines) is `surplus_per_h`: the
        sum of the state's rows of `surplus`, `limits_per_h`, and of `carried_per_h`, what rows that
        have voltages of two states carry over from the other one.
        """
        import pandas as pd

        count, trades, names = len(self._slopes.states), self._trades, self._slopes.states
        payments = trades.by_state("payments", None, count)
        revenues = trades.by_state("revenues", "gen_at", count)
        revenues += trades.by_state("line_revenues", "line_from", count)
        limits, carried = np.zeros(count), np.zeros(count)
        if self._solution.solved:
            for one in self._split.accounts:
                limits[one.state] += one.amount
            carried = self._split.carried
        frame = pd.DataFrame(
            {
                "state": list(names),
                **({} if self._horizon is None else {"duration_h": self._slopes.hours}),
                "payments_per_h": payments,
                "revenues_per_h": revenues,
                "surplus_per_h": payments - revenues,
                "limits_per_h": limits,
                "carried_per_h": carried,
            }
        )
        return self._known(frame)

    @cached_property
    def residual(self) -> float:
        """What the accounts leave open, currency/h or over all hours: the solver's tolerance."""
        states = self.states
        return self._over_states(states["surplus_per_h"] - states["limits_per_h"])

    # -- parts -------------------------------------------

    def _accounts(self) -> list[tuple[str, str, float]]:
        states, revenue, cost = self.states, *self._by_owner()
        rows = [("payment", "loads", self._over_states(states["payments_per_h"]))]
        rows += [("revenue", name, amount) for name, amount in revenue.items()]
        rows += [("surplus", name, amount) for name, amount in self._surpluses()]
        rows += [("cost", name, amount) for name, amount in cost.items()]
        apart = float(self.loads[f"limits{self._per}"].sum(skipna=False))
        return [*rows, ("apart", "limits that follow loads", apart)]

    def _by_owner(self) -> tuple[dict[str, float], dict[str, float]]:
        """Revenues, and the parts of the cost."""
        gens, inverters, lines = self.gens, self.inverters, self.dclines
        others = gens[gens["inverter"].isna()]
        tables = {"inverters": inverters, "other generators": others, "DC lines": lines}
        if len(self.storage):  # of its own, whether it makes up an inverter or not
            own, storage = gens[gens["inverter"].notna()], self.storage
            tables = {"inverters": own, "other generators": others, "storage": storage} | {
                "DC lines": lines
            }
        there = {name: table for name, table in tables.items() if len(table)}
        revenue, cost = (
            {name: float(table[column].sum(skipna=False)) for name, table in there.items()}
            for column in (f"revenue{self._per}", f"cost{self._per}")
        )
        if (
            len(self.storage) and "inverters" in cost
        ):  # these units do not have the lost opportunity
            lost = self._trades.over_hours(self._solution.point.opportunity)
            cost["inverters"] += float(lost.sum())
        slopes = self._slopes
        if slopes.voll is not None:
            cost["lost load"] = float(self._lost_load.sum())
        if slopes.violated is not None:
            cost["violated limits"] = slopes.violated
        if np.isnan(self._solution.accuracy.cost):  # an objective of the user's own
            cost["further costs"] = self._solution.cost - sum(cost.values())
        missing = float("nan")
        if not self._solution.solved:
            cost = dict.fromkeys(cost, missing)
        return revenue, cost

    def _surpluses(self) -> list[tuple[str, float]]:
        """Of the intact network by kind, of each outage, and what is open."""
        if not self._solution.solved:
            return [("all limits", float("nan"))]
        if self._horizon is not None:
            sums = by_kind(self._split.accounts, self._slopes.hours)
            return [*sums.items(), ("not closed", self.residual)]
        states, only_intact = self.states, np.ones(1)
        found = list(by_kind(self._split.accounts, only_intact).items())
        found += zip(self._after, states["limits_per_h"][1:].tolist(), strict=True)
        return [*found, ("not closed", self.residual)]

    @property
    def _of_inverter(self) -> Any:
        """Bus of the inverter of each generator; missing for others."""
        import pandas as pd

        data, gen = self._inverter_data, self._net.gen
        bus = dict(
            zip(data.units.gen.tolist(), data.bus[data.units.inverter].tolist(), strict=True)
        )
        return pd.array([bus.get(one) for one in gen.id.tolist()], dtype="Int64")

    def _collected(self, kind: str) -> Floats:
        """Surplus of this kind by inverter, over all states."""
        found = dict[str, float]()
        if self._solution.solved:
            for one in self._split.accounts:
                if one.kind == kind:
                    amount = one.amount * self._slopes.hours[one.state]
                    found[one.element] = found.get(one.element, 0.0) + amount
        labels = self._inverter_data.labels
        return np.array([found.get(label, 0.0) for label in labels], dtype=np.float64)

    @cached_property
    def _lost_load(self) -> Floats:
        """What the load that each bus sheds is worth, over all states."""
        solution, voll = self._solution, self._slopes.voll
        count = len(self._net.bus)
        if voll is None:
            return np.zeros(count)
        if self._horizon is not None:
            return self._trades.over_hours(voll * solution.point.shed[0])
        shed = solution.point.shed[0].copy()
        if (after := solution.after) is not None:
            shed += np.bincount(after.settled.bus, after.shed[0], count)
        found: Floats = voll * shed
        return found

    def _if_outages(self, columns: dict[str, Floats]) -> dict[str, Floats]:
        return columns if self._solution.scenario.outages else {}

    def _known(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The table, its amounts NaN without a solution."""
        if not self._solution.solved:
            return frame.assign(**dict.fromkeys(self._amounts(frame), np.nan))
        return frame

    # -- hours -------------------------------------------

    @property
    def _horizon(self) -> Horizon | None:
        return self._solution.problem.horizon

    @property
    def _per(self) -> str:
        """End of the names of amounts: those of hours are over all of them."""
        return "_per_h" if self._horizon is None else ""

    @property
    def _net(self) -> Network:
        """The network, of one hour if there are several, storage among its generators."""
        horizon = self._horizon
        return self._solution.problem.base if horizon is None else horizon.one

    @property
    def _inverter_data(self) -> Inverters:
        """The inverters, of one hour if there are several."""
        data, horizon = self._solution.inverter_data, self._horizon
        return data if horizon is None else horizon.inverters(data, 0)

    def _over_states(self, amounts: pd.Series) -> float:
        """The sum of amounts by state; of hours times their durations."""
        return float((amounts * self._slopes.hours).sum(skipna=False))

    @staticmethod
    def _amounts(frame: pd.DataFrame) -> list[str]:
        """Columns of money."""
        others = {"bus", "gen", "storage", "dcline", "inverter", "state", "duration_h"}
        return [name for name in frame.columns if name not in others]

    # -- text -------------------------------------------

    def __str__(self) -> str:
        return display.text(self._blocks())

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def _blocks(self) -> list[display.Block]:
        """Accounts, and the limits that collect most."""
        if not self._solution.solved:
            return ["Settlement", "no prices, so that nobody pays or earns: the solve failed"]
        columns, when = _ACCOUNTS, "per hour"
        if self._horizon is not None:
            columns = {
                "kind": ("", "{}"),
                "name": ("account", "{}"),
                "amount": ("amount", "{:.2f}"),
            }
            when = f"over {self._slopes.hours.sum():g} h"
        lines: list[display.Block] = [f"Settlement at the balance prices, {when}"]
        lines += [display.Table(self._shortened, columns, "accounts")]
        most = self.surplus[self.surplus["amount_per_h"].abs() >= _WORTH_A_LINE].head(_SHOWN)
        if len(most):
            lines += ["", "What collects most", display.Table(most, _SURPLUS, "limits")]
        return lines

    @property
    def _shortened(self) -> pd.DataFrame:
        """The accounts, small ones of outages together."""
        import pandas as pd

        accounts = self.accounts
        if self._horizon is not None:
            return accounts
        outages = accounts[(accounts["kind"] == "surplus") & accounts["name"].isin(self._after)]
        small = outages["amount_per_h"].abs().sort_values(kind="stable").index[:-_OUTAGES]
        if len(small) < _TOGETHER:
            return accounts
        total = accounts["amount_per_h"][small].sum()
        name = f"after {len(small)} further outages"
        row = pd.DataFrame([("surplus", name, total)], columns=list(accounts.columns))
        last = int(outages.index[-1]) + 1
        parts = [accounts[:last].drop(index=small), row, accounts[last:]]
        return pd.concat(parts, ignore_index=True)

    @property
    def _after(self) -> list[str]:
        """Names of the accounts of outages."""
        return [f"after {name}" for name in self._slopes.states[1:]]
