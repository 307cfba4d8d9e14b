"""Settings that all scenarios of a study share, as a spec has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scopf.dynamics import loads
from scopf.errors import ScopfError, listing
from scopf.sweeps.checking import Checking

LATER = ("plain", "verify", "certify")  # settings that older run folders do not know

_Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_Flag = Annotated[bool, Field(strict=True)]
_Lost = Annotated[int, Field(strict=True)] | str  # a branch's number, or a name as "gen 3"


def _checks(value: Any) -> Any:
    """`true` is exact checks with the usual settings, `false` none."""
    if isinstance(value, bool):
        return {} if value else None
    if value is None or isinstance(value, (Mapping, Checks)):
        return value
    raise ValueError(f"is true or a table of {listing(Checks.model_fields)}, got {value!r}")


def _load(value: Any) -> Any:
    """A load model in plain values; buses are texts, as JSON and TOML have them."""
    if value is None:
        return None
    if hasattr(value, "items"):
        if strange := [bus for bus in value if not str(bus).isdecimal()]:
            raise ValueError(f"has {strange[0]!r} where a bus number should stand")
        return {str(bus): _load(one) for bus, one in value.items()}
    try:
        loads.pair(value)
    except ScopfError as error:
        raise ValueError(str(error).removeprefix("load ").removeprefix("load: ")) from error
    return list(value) if isinstance(value, (tuple, list)) else value


class Checks(BaseModel):
    """Settings of exact checks, as in `Solution.verify`; None for what is usual there.

    Attributes:
        load: how loads follow the voltage: a word, an exponent, two, or these by bus number.
        frequency: nominal, Hz.
        min_damping: damping ratio that every oscillation shall have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    load: Annotated[Any, BeforeValidator(_load)] = None
    frequency: _Positive | None = None
    min_damping: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        """Those that were given, as keywords of `Solution.verify`."""
        found: dict[str, Any] = self.model_dump(exclude_none=True)
        if isinstance(found.get("load"), dict):
            found["load"] = {int(bus): one for bus, one in found["load"].items()}
        return found


class Settings(BaseModel):
    """Settings that all scenarios share.

    Attributes:
        title: of the study.
        case: bundled case or path.
        dispatch_dc, dynamics, ignore_unsupported, dead_islands: as in `scopf.load_case`.
        inverters: CSV table, as in `Inverters.at_generators`.
        beta_q, mp, droop_base, rating_mva, rating_factor: as there.
        combine: "grid" for all combinations of the axes, "zip" for axes that go together.
        chain: scenarios in a row that start from each other; None for what suits their number.
        form, options, max_iter, time_limit: as in `scopf.solve`.
        outages, emergency, voltage_band, frequency_band, on_infeasible, soft: as in `scopf.build`,
            for every dispatch.
        hours, storage, ramps: as there; hours are a CSV table or load factors, storage a CSV table,
            ramps a number, a CSV table, or numbers by generator.
        devices: as there, a CSV table or a bundled one.
        plain: whether each scenario is solved without stability rows as well.
        verify: exact check of each solution; None for none.
        certify: the same, with the droop margin raised until it passes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    case: str = ""
    dispatch_dc: bool = False
    dynamics: str | None = None
    ignore_unsupported: bool = False
    dead_islands: Literal["drop", "refuse"] = "drop"
    inverters: str | None = None
    beta_q: _Positive | None = None
    mp: _Positive | None = None
    droop_base: Literal["system", "rating"] = "system"
    rating_mva: _Positive | None = None
    rating_factor: _Positive | None = None
    combine: Literal["grid", "zip"] = "grid"
    chain: Annotated[int, Field(ge=1)] | None = None
    form: Literal["auto", "reduced", "lifted"] = "auto"
    options: dict[str, str | int | float] = {}
    max_iter: Annotated[int, Field(ge=0)] | None = None
    time_limit: _Positive | None = None
    outages: str | list[_Lost | list[_Lost]] | None = None
    emergency: _NotNegative | None = None
    voltage_band: _NotNegative | None = None
    frequency_band: _NotNegative | None = None
    on_infeasible: Literal["drop", "penalty", "stop"] | None = None
    soft: dict[str, _NotNegative] | None = None
    hours: str | list[_NotNegative] | None = None
    storage: str | None = None
    ramps: str | _NotNegative | dict[str, _NotNegative] | None = None
    devices: str | None = None
    plain: _Flag = False
    verify: Annotated[Checks | None, BeforeValidator(_checks)] = None
    certify: Annotated[Checks | None, BeforeValidator(_checks)] = None

    @property
    def checking(self) -> Checking:
        """Exact checks of the scenarios."""
        given = [one for one in (self.verify, self.certify) if one is not None]
        how = {name: value for one in given for name, value in one.keywords.items()}
        return Checking(self.verify is not None, self.certify is not None, how)

    @property
    def further(self) -> tuple[str, ...]:
        """Columns that the table of scenarios has because of these settings."""
        plain = ("plain_cost", "stability_cost") if self.plain else ()
        return (*plain, *self.checking.columns)
