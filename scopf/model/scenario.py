"""What a problem was built with, and the numbers that may be changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from scopf.arrays import Floats
from scopf.devices.mixed import Devices
from scopf.devices.storage import Storage
from scopf.dynamics.settled import Bands
from scopf.model.choices import Limit
from scopf.model.codesign import Bounds
from scopf.model.horizon import Horizon
from scopf.model.quantities import DEFAULTS, Numbers
from scopf.model.soft import SoftPrices, default_prices
from scopf.network.hours import Hours
from scopf.network.network import Network
from scopf.network.outages import Outage

OnInfeasible = Literal["drop", "penalty", "stop"]


@dataclass(frozen=True)
class Scenario:
    """The numbers of a problem that `Problem.update` changes, and what it was built with.

    Every one of its numbers is an attribute as well: `scenario.alpha`.

    Attributes:
        numbers: by name, all but mq and droop_percent, which the inverters have.
        mq_bounds: least and largest m_q in co-design; None when the droops are given.
        capability: whether there are capability circles.
        limit: whether ratings of branches limit their apparent power or their current.
        own_droop_margin: whether droop_margin was given, and is not what the criterion wants here.
        outages: that the dispatch has to survive.
        bands: what is allowed after them.
        on_infeasible: what becomes of those that no dispatch survives.
        soft: prices at which limits may be violated, by family.
        hours: of the dispatch; None for a single one.
        storage: that shifts energy between them.
        ramps: of all generators of the network, p.u. per h.
        devices: machines and grid-following inverters; None without any.
    """

    numbers: Numbers = field(default_factory=lambda: Numbers(**DEFAULTS))
    mq_bounds: Bounds = None
    capability: bool = False
    limit: Limit = "power"
    own_droop_margin: bool = False
    outages: tuple[Outage, ...] = ()
    bands: Bands = field(default_factory=Bands)
    on_infeasible: OnInfeasible = "drop"
    soft: Mapping[str, float] = field(default_factory=dict)
    hours: Hours | None = None
    storage: Storage | None = None
    ramps: Floats | None = None
    devices: Devices | None = None

    def __getattr__(self, name: str) -> Any:
        if name in DEFAULTS:
            return self.numbers[name]  # type: ignore[literal-required]
        raise AttributeError(name)

    @property
    def flat(self) -> dict[str, Any]:
        """All attributes by name, the numbers among them."""
        return {
            **self.numbers,
            "mq_bounds": self.mq_bounds,
            "capability": self.capability,
            "limit": self.limit,
            "own_droop_margin": self.own_droop_margin,
            "outages": [outage.name for outage in self.outages],
            "on_infeasible": self.on_infeasible,
            "soft": dict(self.soft),
            **vars(self.bands),
            "hours": None if self.hours is None else len(self.hours),
            "storage": None if self.storage is None else len(self.storage),
            "ramps": None if self.ramps is None else int(np.isfinite(self.ramps).sum()),
            "devices": None if self.devices is None else self._devices,
        }

    @property
    def _devices(self) -> int:
        assert self.devices is not None
        return len(self.devices.machines) + len(self.devices.followers)

    @property
    def keywords(self) -> dict[str, Any]:
        """The same as keywords of `build`."""
        found: dict[str, Any] = {name: x for name, x in self.numbers.items() if x is not None}
        if not self.own_droop_margin:
            del found["droop_margin"]
        names = "mq_bounds", "capability", "limit", "hours", "storage", "ramps", "devices"
        choices = {name: getattr(self, name) for name in names}
        return {**found, **choices, **self.security}

    @property
    def security(self) -> dict[str, Any]:
        """Outages, what is allowed after them, and soft limits, as keywords of `build`."""
        found = {"outages": list(self.outages) or None, "on_infeasible": self.on_infeasible}
        return {**found, "soft": dict(self.soft) or None, **dataclasses.asdict(self.bands)}

    def horizon(self, net: Network) -> Horizon | None:
        """The hours of a network; None for a single one."""
        if self.hours is None:
            return None
        return Horizon.of(net, self.hours, self.storage, self.ramps)

    def soft_prices(self, net: Network) -> SoftPrices:
        """Prices at which limits of the intact network and after outages may be violated."""
        if self.on_infeasible != "penalty":
            return SoftPrices(self.soft, self.soft)
        return SoftPrices(self.soft, {**default_prices(net), **self.soft})
