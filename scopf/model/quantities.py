"""Every number that a user may give, update, sweep, put on a flag or draw as an axis.

`Numbers` is the one table: a name, the type that is taken, and the `Quantity` that says all the
rest. `scopf.build`, `Problem.update`, sweeps, the command line and the axes of pictures loop over
it. A new number is one line here, and the part of the model that its Params belong to.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, TypeVar, cast, get_type_hints

import numpy as np

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.symbols import Parameter
from scopf.errors import ScopfError, number, spelled
from scopf.model import given_costs
from scopf.model.codesign import DesignedStiffness, GivenStiffness, stiffness_cost
from scopf.model.opf import OPF
from scopf.network.network import Network
from scopf.stability.criterion import Criterion
from scopf.stability.setting import Setting

Each = float | Mapping[int, float]  # one number for all, or by bus or generator number

Writes = list[tuple[Parameter, Floats]]


@dataclass(frozen=True)
class State:
    """A problem, as far as its Params depend on it.

    Attributes:
        opf: the model.
        net: the network, loads scaled, strength 1.
        inverters: the inverters.
        criterion, setting: the criterion and its numbers.
        numbers: all numbers.
    """

    opf: OPF
    net: Network
    inverters: Inverters
    criterion: Criterion
    setting: Setting
    numbers: Numbers


@dataclass(frozen=True)
class Quantity:
    """A number that a user may give.

    Attributes:
        text: one line about it, for help and docstrings.
        writes: values of the Params that follow from it.
        default: where nothing is given.
        least: smallest value allowed.
        above: values have to be larger than this.
        each: what may have a value of its own, "bus" or "gen"; empty for one number only.
        part: whether a problem has it only if it was built with it (0, say).
        instead: the quantity that this one takes the place of.
        moves_limits: whether Gamma depends on it.
    """

    text: str
    writes: Callable[[State], Writes]
    default: Any = 0.0
    least: float | None = None
    above: float | None = None
    each: str = ""
    part: bool = False
    instead: str = ""
    moves_limits: bool = False

    def check(self, name: str, value: Any) -> None:
        """Refuse a value out of range.

        Raises:
            ScopfError: naming the number.
        """
        if not isinstance(value, (int, float)):
            return
        if self.above is not None and not value > self.above:
            raise ScopfError(f"{name} must be positive, got {value}")
        if self.least is not None and value < self.least:
            raise ScopfError(f"{name} must be zero or positive, got {value}")


# -- values of Params -----------------------------------------------


def _quadratic(s: State) -> Writes:
    d = given_costs.quadratic(s.net, s.numbers["eta_q"], s.numbers["d"])
    return [(s.opf.generation_cost.d, d)]


def _absolute(s: State) -> Writes:
    part, given = s.opf.absolute_cost, s.numbers["q_price"]
    if part is None or given is None:
        return []
    return [(part.price, given_costs.absolute(s.net, given))]


def _opportunity(s: State) -> Writes:
    part, given = s.opf.opportunity_cost, s.numbers["opportunity_price"]
    if part is None or given is None:
        return []
    return [(part.price, given_costs.opportunity(s.net, s.inverters, given))]


def _droops(s: State) -> Writes:
    part = s.opf.stiffness
    return [(part.symbol, 1.0 / s.inverters.mq)] if isinstance(part, GivenStiffness) else []


def _strength(s: State) -> Writes:
    return [(s.opf.flows.alpha, np.array([s.numbers["alpha"]]))]


def _loads(s: State) -> Writes:
    return [(symbol, getattr(s.net.bus, key)) for key, symbol in s.opf.balance.loads.items()]


def _margin(s: State) -> Writes:
    margin = s.opf.stability.declared.margin
    return [] if margin is None else [(margin, np.array([s.numbers["margin"]]))]


def _limits(s: State) -> Writes:
    declared = s.opf.stability.declared.parameters
    values = s.criterion.parameters(s.setting)
    return [(declared[name], column) for name, column in values.items()]


def _stiffness_cost(s: State) -> Writes:
    part = s.opf.stiffness
    if not isinstance(part, DesignedStiffness):
        return []
    return [(part.price, stiffness_cost(s.inverters, s.numbers["stiffness_cost"]))]


# -- the table -----------------------------------------------


class Numbers(TypedDict, total=False):
    """The numbers of a problem by name."""

    eta_q: Annotated[
        float,
        Quantity(
            "reactive over active power cost, d_i = eta_q c_i", _quadratic, least=0, instead="d"
        ),
    ]
    d: Annotated[
        Each | None,
        Quantity(
            "quadratic reactive power cost per MVAr^2 and h, instead of eta_q", _quadratic,
            default=None, least=0, each="gen", instead="eta_q",
        ),
    ]  # fmt: skip
    q_price: Annotated[
        Each | None,
        Quantity("cost of |Q| per MVArh", _absolute, default=None, least=0, each="gen", part=True),
    ]
    opportunity_price: Annotated[
        Each | None,
        Quantity(
            "price per MWh of the active power p (S - sqrt(S^2 - Q^2)) that an inverter's reactive "
            "power takes away", _opportunity, default=None, least=0, each="bus",
            part=True,
        ),
    ]  # fmt: skip
    mq: Annotated[
        Each | None,
        Quantity(
            "reactive droop m_q of every inverter on the system base, or by bus", _droops,
            default=None, above=0, each="bus",
        ),
    ]  # fmt: skip
    alpha: Annotated[
        float,
        Quantity(
            "grid strength: factor on the series admittance of every branch", _strength,
            default=1.0, above=0, moves_limits=True,
        ),
    ]  # fmt: skip
    load_scale: Annotated[
        Each,
        Quantity("factor on all loads", _loads, default=1.0, each="bus", moves_limits=True),
    ]
    margin: Annotated[
        float,
        Quantity("slack that every stability row has to leave, p.u. voltage", _margin, least=0),
    ]
    droop_margin: Annotated[
        float | None,
        Quantity(
            "share by which the criterion counts droops as larger than they are", _limits,
            default=None, least=0, moves_limits=True,
        ),
    ]  # fmt: skip
    stiffness_cost: Annotated[
        Each,
        Quantity(
            "co-design: cost per hour and unit of stiffness 1/m_q", _stiffness_cost, each="bus"
        ),
    ]


_HINTS = get_type_hints(Numbers, include_extras=True)
QUANTITIES: dict[str, Quantity] = {name: hint.__metadata__[0] for name, hint in _HINTS.items()}
DEFAULTS = cast(Numbers, {name: one.default for name, one in QUANTITIES.items()})


def given(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as a user gave them, checked and copied; None is left out.

    Raises:
        ScopfError: naming a number that is none, or out of range.
    """
    found: dict[str, Any] = {}
    for name, value in numbers.items():
        if value is None:
            continue
        quantity = QUANTITIES[name]
        if hasattr(value, "items"):  # a mapping or a pandas Series: what it says now
            if not quantity.each:
                raise ScopfError(f"{name} is one number, got {value!r}")
            found[name] = dict(value.items())
        else:
            found[name] = number(name, value)
        quantity.check(name, found[name])
    return found


def changed(before: Numbers, changes: Mapping[str, Any]) -> Numbers:
    """The numbers after a change: what is not given stays, and some take the place of others."""
    after: dict[str, Any] = {**before, **changes}
    for name in changes:
        other = QUANTITIES[name].instead
        if other and other not in changes:
            after[other] = QUANTITIES[other].default
    return cast(Numbers, after)


def writes(state: State, names: Mapping[str, Any] | None = None) -> Writes:
    """Values of the Params that follow from some numbers, or from all."""
    of = QUANTITIES if names is None else {name: QUANTITIES[name] for name in names}
    functions = [one.writes for one in of.values()]
    if any(one.moves_limits for one in of.values()):
        functions.append(_limits)
    return [pair for function in dict.fromkeys(functions) for pair in function(state)]


# -- functions that take numbers as keywords -----------------------------------------------

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_numbers(function: Function) -> Function:
    """Show every number among the keywords of a function that takes `**numbers`.

    Its signature and its docstring get an entry for each, and a mistyped name is an error that
    says what was meant.
    """
    own = inspect.signature(function)
    parameters = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters += [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint.__origin__ | None
        )
        for name, hint in _HINTS.items()
    ]

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        return function(*args, **keywords)

    call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__doc__ = _documented(function.__doc__)
    return cast(Function, spelled(call))


def _documented(text: str | None) -> str | None:
    """A docstring with a line on every number after its entry `**numbers`."""
    if text is None or (found := re.search(r"^( *)\*\*numbers: .*\n", text, re.M)) is None:
        return text
    lines = [f"{found[1]}    {name}: {one.text}.\n" for name, one in QUANTITIES.items()]
    return text[: found.end()] + "".join(lines) + text[found.end() :]
