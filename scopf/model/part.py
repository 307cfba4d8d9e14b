"""Parts of (P1): one kind of variables, rows or costs, and all that the package asks of it.

A part is declared once, by its class method `declare`, and returns handles of what it declared. It
says everything about itself in one file: the model's equations, how they are checked without the
model, what they cost, where they start, and how their limits can be relaxed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Complexes, Floats
from scopf.devices.gfm import Inverters
from scopf.engine.symbols import Constraint, Expression, Parameter, Symbol, Variable
from scopf.errors import ScopfError, by_number, listing
from scopf.model.horizon import Horizon
from scopf.model.quantities import QUANTITIES, Numbers
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.stability.setting import Setting

Writes = Sequence[tuple[Parameter, Floats]]  # Params, and the values that they get


@dataclass(frozen=True)
class Inputs:
    """All that the Params of a problem follow from.

    Attributes:
        net: the network, loads scaled, strength 1.
        inverters: the inverters.
        setting: numbers of the criterion.
        numbers: all numbers.
        horizon: the hours, whose networks stand side by side; None for a single one.
    """

    net: Network
    inverters: Inverters
    setting: Setting
    numbers: Numbers
    horizon: Horizon | None = None

    def each(self, name: str) -> Floats:
        """A number by bus, inverter or generator, as its quantity says; zero where not given.

        What is given for a part of the case that is not energized has no effect.

        Raises:
            ScopfError: for an unknown id, or a value out of range.
        """
        quantity, given = QUANTITIES[name], self.numbers[name]  # type: ignore[literal-required]
        out = self.net.unserved
        kind, ids, idle, unknown = {
            "bus": ("bus", self.net.bus.id, out.bus, "there is no bus"),
            "inverter": ("bus", self.inverters.bus, out.bus, "there is no inverter at bus"),
            "gen": ("gen", self.net.gen.id, out.gen, "no generator in service has number"),
        }[quantity.owner]
        if self.horizon is not None:
            ids = self.horizon.numbers(kind, ids)
        if not isinstance(given, Mapping):
            return np.full(len(ids), given or 0.0)
        numbers = by_number(name, kind, given)
        if others := sorted(set(numbers) - set(ids.tolist()) - set(idle.tolist())):
            raise ScopfError(f"{name}: {unknown} {listing(others)}")
        for one, value in numbers.items():
            quantity.check(f"{name} of {kind} {one}", value)
        return np.array([numbers.get(one, 0.0) for one in ids.tolist()], dtype=np.float64)


@dataclass(frozen=True)
class Follows:
    """Params that follow from numbers of the problem.

    Attributes:
        names: of the numbers, in `Numbers` (or "beta_q", which units share in their own way).
        values: the Params and their values, from the inputs.
    """

    names: Collection[str]
    values: Callable[[Inputs], Writes]


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """The present values of a model's variables, for checks that do not use its equations.

    Attributes:
        net: the network at its present strength.
        vm, va: voltages of the buses, per unit and rad.
        power: P + jQ of the generators, per unit.
        dclines: pf, qf and qt of the DC lines, per unit.
    """

    net: Network
    vm: Floats
    va: Floats
    power: Complexes
    dclines: tuple[Floats, Floats, Floats]

    @property
    def voltage(self) -> Complexes:
        """Complex voltages of the buses, per unit."""
        return np.asarray(self.vm * np.exp(1j * self.va))


@dataclass(frozen=True)
class Satisfiable:
    """Rows that can be fulfilled at many points by variables which nothing else depends on.

    Attributes:
        rows: the rows.
        variables: of their own.
        fit: values of the variables that fulfil all rows where other variables have the values that
            it is given (both by name); None where it finds none.
    """

    rows: Sequence[Constraint]
    variables: Sequence[Variable]
    fit: Callable[[Mapping[str, Floats]], dict[str, Floats] | None]


class Part:
    """Base of all parts; what a part does not have it does not override."""

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows that define variables; they hold whatever limits are relaxed."""
        return ()

    @property
    def on_call(self) -> Sequence[Constraint]:
        """Limits of which few bind, so that a solve may leave them out until they are violated."""
        return ()

    @property
    def satisfiable(self) -> Satisfiable | None:
        """Rows that a solve may leave out as long as variables can be found that fulfil them."""
        return None

    @property
    def costs(self) -> Sequence[Expression]:
        """Costs in currency per hour, which the objective adds up."""
        return ()

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Violation of each member of the part's rows, from the tables of the network alone."""
        return {}

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Lower and upper bounds of the part's variables as the tables of the network have them."""
        return {}

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """The part's costs in currency per hour, from the tables of the network alone.

        Of each member of a family.
        """
        return {}

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Values of the part's own variables that fit a start point (values by variable name)."""
        return {}

    def relaxations(self) -> Sequence[Relaxation]:
        """The part's limits, and how they can be relaxed."""
        return ()

    def follows(self) -> Sequence[Follows]:
        """How the part's Params follow from the numbers that users give."""
        return ()
