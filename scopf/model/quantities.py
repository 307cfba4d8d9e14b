"""Every number that a user may give, update, sweep, put on a flag or draw as an axis.

`Table` is the one table: a name, the type that is taken, and the `Quantity` that says all the rest.
`scopf.build`, `Problem.update`, sweeps, the command line and the axes of pictures loop over it. A
new number is one entry here, and the part of the model whose Params follow from it
(`scopf.model.part.Part.follows`).
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypedDict, TypeVar, cast, get_args, get_type_hints

from scopf.devices.parameters import refuse_both
from scopf.errors import ScopfError, number

Each = float | Mapping[int, float]  # one number for all, or by bus or generator number


@dataclass(frozen=True)
class Quantity:
    """A number that a user may give.

    Attributes:
        text: one line about it, for help and docstrings.
        label, unit: for axes and tables; an underscore begins an index.
        default: where nothing is given.
        least: smallest value allowed.
        above: values have to be larger than this.
        each: kind of element that may have a value of its own: "bus", "inverter" (by the number
            of its bus) or "gen"; empty for one number only.
        part: whether a problem has it only if it was built with it (0, say).
        instead: another one that it excludes, and takes the place of.
    """

    text: str
    label: str
    unit: str = ""
    default: Any = 0.0
    least: float | None = None
    above: float | None = None
    owner: str = ""
    needs_build: bool = False
    excludes: str = ""
    codesign: bool | None = None

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


# -- the table -----------------------------------------------

One = TypeVar("One")  # type of a number
Some = TypeVar("Some")  # type of a number that each bus, inverter or generator may have one of


class Table(TypedDict, Generic[One, Some], total=False):
    """Entries by name; the order is that of preference for a horizontal axis."""

    mq: Annotated[
        Some | None,
        Quantity(
            "reactive droop m_q of every generating unit, per unit",
            "m_q", "p.u.", default=None, above=0, owner="inverter", codesign=False,
        ),
    ]  # fmt: skip
    droop_percent: Annotated[
        Some | None,
        Quantity(
            "reactive droop of every generating unit in per cent of its rating, instead of mq",
            "droop", "%", default=None, above=0, owner="inverter", excludes="mq", codesign=False,
        ),
    ]  # fmt: skip
    alpha: Annotated[
        One,
        Quantity(
            "grid strength: factor on the series admittance of every branch",
            "α", default=1.0, above=0,
        ),
    ]  # fmt: skip
    load_scale: Annotated[
        Some, Quantity("factor on all loads", "load scale", default=1.0, least=0, owner="bus")
    ]
    eta_q: Annotated[
        One,
        Quantity("reactive over active power cost, d_i = eta_q c_i", "η_q", least=0),
    ]
    d: Annotated[
        Some | None,
        Quantity(
            "quadratic reactive power cost per MVAr^2 and h, instead of eta_q",
            "d", "currency/h per MVAr²", default=None, least=0, owner="gen", excludes="eta_q",
        ),
    ]  # fmt: skip
    q_price: Annotated[
        Some | None,
        Quantity(
            "cost of |Q| of every generator, per MVArh",
            "reactive price", "currency/MVArh",
            default=None, least=0, owner="gen", needs_build=True,
        ),
    ]  # fmt: skip
    opportunity_price: Annotated[
        Some | None,
        Quantity(
            "price per MWh of the active power p (S - sqrt(S^2 - Q^2)) that an inverter's reactive "
            "power takes away",
            "opportunity price", "currency/MWh",
            default=None, least=0, owner="inverter", needs_build=True,
        ),
    ]  # fmt: skip
    voll: Annotated[
        Some | None,
        Quantity(
            "value of lost load per MWh: load may be shed at this price",
            "value of lost load", "currency/MWh",
            default=None, least=0, owner="bus", needs_build=True,
        ),
    ]  # fmt: skip
    margin: Annotated[
        One,
        Quantity(
            "slack that every stability row has to leave, p.u. voltage",
            "required margin", "p.u. voltage", least=0,
        ),
    ]  # fmt: skip
    droop_margin: Annotated[
        One | None,
        Quantity(
            "share by which the criterion counts droops as larger than they are; if not given what "
            "the criterion wants, .06 for weighted with losses, else 0",
            "droop margin", default=None, least=0,
        ),
    ]  # fmt: skip
    stiffness_cost: Annotated[
        Some,
        Quantity(
            "co-design: cost per hour and unit of stiffness 1/m_q",
            "stiffness cost", "currency/h", least=0, owner="inverter", codesign=True,
        ),
    ]  # fmt: skip


_HINTS = get_type_hints(Table, include_extras=True)
QUANTITIES: dict[str, Quantity] = {name: hint.__metadata__[0] for name, hint in _HINTS.items()}


class Numbers(Table[float, Each], total=False):
    """The numbers of a problem, as `build` and `update` take them."""


OF_INVERTERS = "mq", "droop_percent"  # the inverters have these
_NUMBERED = {"bus": "bus", "inverter": "bus", "gen": "gen"}  # whose number the keys are
PAIRS = tuple((one.excludes, name) for name, one in QUANTITIES.items() if one.excludes)
DEFAULTS = cast(
    Numbers, {name: one.default for name, one in QUANTITIES.items() if name not in OF_INVERTERS}
)


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
            if not quantity.owner:
                raise ScopfError(f"{name} is one number, got {value!r}")
            found[name] = dict(value.items())
            for key, one in found[name].items():
                quantity.check(f"{name} of {_NUMBERED[quantity.owner]} {key}", one)
        else:
            found[name] = number(name, value)
            quantity.check(name, found[name])
    refuse_both(*(found.get(name) for name in OF_INVERTERS))
    return found


def misfit(name: str, designs: bool) -> str:
    """Why a problem cannot have this number, with or without co-design; empty if it can."""
    if QUANTITIES[name].codesign in (None, designs):
        return ""
    if designs:
        return f"{name}: droops are variables here; change bounds of inverter_stiffness"
    return f"{name}: droops are given here; build with mq_bounds"


def changed(before: Numbers, changes: Mapping[str, Any]) -> Numbers:
    """The numbers after changes; a number that excludes another resets it to its default."""
    after: dict[str, Any] = {**before, **changes}
    for pair in PAIRS:
        if pair == OF_INVERTERS:
            continue
        left = [name for name in pair if name not in changes]
        if len(left) == 1:
            after[left[0]] = QUANTITIES[left[0]].default
    return cast(Numbers, after)


# -- functions that take the table as keywords -----------------------------------------------

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_numbers(one: str, some: str) -> Callable[[Function], Function]:
    """Show every number among the keywords of a function that takes `**numbers`.

    Its signature and its docstring get an entry for each.

    Args:
        one: type of a number, as the function's module knows it.
        some: type of a number that each bus, inverter or generator may have one of.
    """
    keywords = []
    for name, hint in _HINTS.items():
        kind = some if Some in (hint.__origin__, *get_args(hint.__origin__)) else one
        by_name = inspect.Parameter.KEYWORD_ONLY
        keywords.append(inspect.Parameter(name, by_name, default=None, annotation=f"{kind} | None"))

    def decorate(function: Function) -> Function:
        own = inspect.signature(function)
        shown = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        signature = own.replace(parameters=[*shown, *keywords])
        function.__signature__ = signature  # type: ignore[attr-defined]
        function.__doc__ = _documented(function.__doc__)
        return function

    return decorate


_ENTRY = re.compile(r"^( *)\*\*numbers: .*\n(\1    .*\n)*", re.M)


def _documented(text: str | None) -> str | None:
    """A docstring with a list of the numbers in its entry `**numbers`."""
    if text is None or (found := _ENTRY.search(text)) is None:
        return text
    entry, further = f"{found[1]}    - ", f"{found[1]}      "
    owners = {
        "": "", "bus": " (or by bus)", "gen": " (or by generator)",
        "inverter": " (or by bus: of the inverter there)",
    }  # fmt: skip
    texts = [f"{name}: {one.text}{owners[one.owner]}." for name, one in QUANTITIES.items()]
    lines = [
        textwrap.fill(text, 100, initial_indent=entry, subsequent_indent=further) for text in texts
    ]
    return "\n".join([text[: found.end()], *lines, text[found.end() :]])
