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

        return pd.DataFrame(self._accounts(), columns=["kind", "name", "amount_per_h"])

    @cached_property
    def loads(self) -> pd.DataFrame:
        """What the load of each bus pays.

        `energy_per_h` and `reactive_per_h` in the intact network, `outages_per_h` after outages,
        `payment_per_h` in all. `limits_per_h` is apart: what the limits' following this load costs.
        With a value of lost load, `lost_load_per_h` is what the load that is shed is worth.
        """
        import pandas as pd

        net, trades = self._solution.problem.base, self._trades
        (energy, reactive), later = trades.summed("payments", "bus")
        through, after = trades.summed("through_limits", "bus")
        has_load = (trades.intact.served != 0).any(axis=0) | (self._lost_load != 0)
        frame = pd.DataFrame(
            {
                "bus": net.bus.id,
                "energy_per_h": energy,
                "reactive_per_h": reactive,
                **self._if_outages({"outages_per_h": later}),
                "payment_per_h": energy + reactive + later,
                "limits_per_h": through.sum(axis=0) + after,
                **({} if self._slopes.voll is None else {"lost_load_per_h": self._lost_load}),
            }
        )
        return self._known(frame[has_load].reset_index(drop=True))

    @cached_property
    def gens(self) -> pd.DataFrame:
        """What each generator earns, and what it costs; those of an inverter say at which bus."""
        import pandas as pd

        net, trades = self._solution.problem.base, self._trades
        (energy, reactive), later = trades.summed("revenues", "gen")
        revenue, cost = energy + reactive + later, self._solution.point.costs
        frame = pd.DataFrame(
            {
                "gen": net.gen.id,
                "bus": net.gen.bus,
                "inverter": self._of_inverter,
                "energy_per_h": energy,
                "reactive_per_h": reactive,
                **self._if_outages({"outages_per_h": later}),
                "revenue_per_h": revenue,
                "cost_per_h": cost,
                "profit_per_h": revenue - cost,
            }
        )
        return self._known(frame)

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """What the generators of each inverter earn, and the surplus that its rows collect.

        `cost_per_h` has its lost opportunity as well. `stability_per_h` and, where an inverter has
        a limit `imax`, `current_per_h` are parts of the surplus, which the inverter does not earn.
        """
        import pandas as pd

        inverters, gens = self._solution.inverter_data, self.gens
        net, point = self._solution.problem.base, self._solution.point
        amounts = [name for name in gens.columns if name.endswith("_per_h")]
        sums = {name: inverters.total(net, gens[name].to_numpy()) for name in amounts}
        sums["cost_per_h"] = sums["cost_per_h"] + point.opportunity
        sums["profit_per_h"] = sums["profit_per_h"] - point.opportunity
        frame = pd.DataFrame(
            {
                "bus": inverters.bus,
                **sums,
                "stability_per_h": self._collected(STABILITY),
                **({"current_per_h": self._collected(CURRENT)} if limited(inverters).any() else {}),
            }
        )
        return self._known(frame)

    @cached_property
    def dclines(self) -> pd.DataFrame:
        """What each DC line earns by moving power from one price to another, and what it costs."""
        import pandas as pd

        (energy, reactive), later = self._trades.summed("line_revenues", "line")
        revenue, cost = energy + reactive + later, self._solution.point.dclines[4]
        frame = pd.DataFrame(
            {
                "dcline": self._solution.problem.base.dcline.id,
                "energy_per_h": energy,
                "reactive_per_h": reactive,
                **self._if_outages({"outages_per_h": later}),
                "revenue_per_h": revenue,
                "cost_per_h": cost,
                "profit_per_h": revenue - cost,
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
        """What the accounts leave open, currency/h: the solver's tolerance."""
        states = self.states
        return float((states["surplus_per_h"] - states["limits_per_h"]).sum(skipna=False))

    # -- parts -------------------------------------------

    def _accounts(self) -> list[tuple[str, str, float]]:
        states, revenue, cost = self.states, *self._by_owner()
        rows = [("payment", "loads", float(states["payments_per_h"].sum(skipna=False)))]
        rows += [("revenue", name, amount) for name, amount in revenue.items()]
        rows += [("surplus", name, amount) for name, amount in self._surpluses()]
        rows += [("cost", name, amount) for name, amount in cost.items()]
        apart = float(self.loads["limits_per_h"].sum(skipna=False))
        return [*rows, ("apart", "limits that follow loads", apart)]

    def _by_owner(self) -> tuple[dict[str, float], dict[str, float]]:
        """Revenues, and the parts of the cost."""
        gens, inverters, lines = self.gens, self.inverters, self.dclines
        others = gens[gens["inverter"].isna()]
        tables = {"inverters": inverters, "other generators": others, "DC lines": lines}
        there = {name: table for name, table in tables.items() if len(table)}
        revenue, cost = (
            {name: float(table[column].sum(skipna=False)) for name, table in there.items()}
            for column in ("revenue_per_h", "cost_per_h")
        )
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
        intact, states = np.zeros(1, dtype=np.int64), self.states
        found = list(by_kind(self._split.accounts, intact).items())
        found += zip(self._after, states["limits_per_h"][1:].tolist(), strict=True)
        return [*found, ("not closed", self.residual)]

    @property
    def _of_inverter(self) -> Any:
        """Bus of the inverter of each generator; missing for others."""
        import pandas as pd

        data, gen = self._solution.inverter_data, self._solution.problem.base.gen
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
                    found[one.element] = found.get(one.element, 0.0) + one.amount
        labels = self._solution.inverter_data.labels
        return np.array([found.get(label, 0.0) for label in labels], dtype=np.float64)

    @cached_property
    def _lost_load(self) -> Floats:
        """What the load that each bus sheds is worth, over all states."""
        solution, voll = self._solution, self._slopes.voll
        count = len(solution.problem.base.bus)
        if voll is None:
            return np.zeros(count)
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
            amounts = [name for name in frame.columns if name.endswith("_per_h")]
            frame[amounts] = np.nan
        return frame

    # -- text -------------------------------------------

    def __str__(self) -> str:
        return display.text(self._blocks())

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def _blocks(self) -> list[display.Block]:
        """Accounts, and the limits that collect most."""
        if not self._solution.solved:
            return ["Settlement", "no prices, so that nobody pays or earns: the solve failed"]
        lines: list[display.Block] = ["Settlement at the balance prices, per hour"]
        lines += [display.Table(self._shortened, _ACCOUNTS, "accounts")]
        most = self.surplus[self.surplus["amount_per_h"].abs() >= _WORTH_A_LINE].head(_SHOWN)
        if len(most):
            lines += ["", "What collects most", display.Table(most, _SURPLUS, "limits")]
        return lines

    @property
    def _shortened(self) -> pd.DataFrame:
        """The accounts, small ones of outages together."""
        import pandas as pd

        accounts = self.accounts
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
