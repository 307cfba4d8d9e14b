"""Loads of the buses as Params, and shares of them that are shed at the value of lost load.

Of the load of a bus a share between 0 and 1 may be shed, of its active and reactive power alike, at
`voll` per MWh that is not served. After an outage it is a share of its own, and costs the same. A
bus without a price sheds nothing: its share then stands in no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Expression, Parameter, Symbol, Variable
from scopf.model.part import Follows, OperatingPoint, Part
from scopf.model.priced import where_priced
from scopf.model.voltages import Voltages
from scopf.network.network import LOADS, Network


@dataclass(frozen=True, eq=False)
class Loads(Part):
    """`bus_pd`, `bus_qd` and, if there are any, `bus_pd_current` and `bus_qd_current`.

    Attributes:
        params: mutable Params by column of the bus table.
        place: position of each bus in these.
    """

    params: dict[str, Parameter]
    place: Ints

    @classmethod
    def declare(cls, f: Formulation, net: Network) -> Self:
        """Declare the Params."""
        columns = [key for key in LOADS if net.bus.has_current or key in ("pd", "qd")]
        bus = f.indices["bus"]
        params = {key: f.parameter(f"bus_{key}", bus, getattr(net.bus, key)) for key in columns}
        return cls(params, np.arange(len(net.bus)))

    def at(self, place: Ints) -> Loads:
        """The loads of buses of other networks, by their positions here."""
        return Loads(self.params, place)

    def demand(self, vm: Floats) -> tuple[Floats, Floats]:
        """Active and reactive load of every bus at these voltages, per unit, nothing shed."""
        values = {key: one.values[self.place] for key, one in self.params.items()}
        p, q = values["pd"], values["qd"]
        if "pd_current" not in values:
            return p, q
        return p + values["pd_current"] * vm, q + values["qd_current"] * vm

    def follows(self) -> Sequence[Follows]:
        """Loads times their factors."""
        params = self.params.items()
        return [
            Follows(
                {"load_scale"},
                lambda s: [(symbol, getattr(s.net.bus, key)) for key, symbol in params],
            )
        ]


@dataclass(frozen=True, eq=False)
class Shedding(Part):
    """`bus_shed`, the share of its load that a bus sheds; buses that draw no power have none.

    Attributes:
        buses: positions of the buses that have it.
        size: of the network, buses.
        share: the variables.
        price: mutable Param `bus_voll` of all loads, currency/h per p.u.
        p, q: `bus_shed_p` and `bus_shed_q`, per unit.
        total: `bus_shed_cost`, currency per hour.
        loads: that are shed.
    """

    buses: Ints
    size: int
    share: Variable
    price: Parameter
    p: Expression
    q: Expression
    total: Expression
    loads: Loads

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        loads: Loads,
        voltages: Voltages,
        price: Parameter | None = None,
    ) -> Self:
        """Declare shares, powers and costs.

        Args:
            f: the formulation.
            net: the network.
            loads: of its buses.
            voltages: of its buses.
            price: the Param, if it has been declared.
        """
        buses = np.flatnonzero(loads.demand(np.ones(len(net.bus)))[0] > 0)
        if price is None:
            price = f.parameter("bus_voll", f.indices["bus"], np.zeros(len(loads.place)))
        index = f.index("bus_load", net.bus.id[buses].tolist())
        share = f.variable("bus_shed", index, lower=0.0, upper=1.0, start=np.zeros(len(buses)))
        at, powers = loads.place[buses], list[Expression]()
        on = where_priced(price[at])
        for letter in "pq":
            load = loads.params[f"{letter}d"][at]
            if current := loads.params.get(f"{letter}d_current"):
                load = load + current[at] * voltages.vm[buses]
            powers.append(f.expression(f"bus_shed_{letter}", index, load * share[:] * on))
        total = f.expression("bus_shed_cost", index, price[at] * powers[0][:])
        return cls(buses, len(net.bus), share, price, powers[0], powers[1], total, loads)

    def of_buses(self) -> Floats:
        """The share that is shed at every bus."""
        found = np.zeros(self.size)
        priced = self.price.values[self.loads.place[self.buses]] > 0
        found[self.buses] = np.where(priced, self.share.value, 0.0)
        return found

    @property
    def costs(self) -> Sequence[Expression]:
        """Of what is not served."""
        return (self.total,)

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Price of lost load times what is not served."""
        price = self.price.values[self.loads.place]
        cost = price * self.loads.demand(at.vm)[0] * self.of_buses()
        return {self.total: cost[self.buses]}

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Between nothing and all."""
        return {self.share: (np.zeros(len(self.share)), np.ones(len(self.share)))}

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """All load is served."""
        return {self.share.name: np.zeros(len(self.share))}

    def follows(self) -> Sequence[Follows]:
        """Value of lost load per MWh, in currency/h per p.u."""
        return [Follows({"voll"}, lambda s: [(self.price, s.each("voll") * s.net.base_mva)])]
