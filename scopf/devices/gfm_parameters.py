"""Numbers of grid-forming inverters as they are given: by unit, by bus, in a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices import ratings, typical
from scopf.devices.parameters import PERCENT, RATING, Given, Parameters
from scopf.devices.table import POSITIVE, Column
from scopf.devices.units import OPTIONAL, Units, parallel
from scopf.network import csvtable, dynamics

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags, Floats
    from scopf.network.network import Network

COLUMNS = (
    Column("mq", csvtable.number, "", POSITIVE),
    Column("beta_q", csvtable.number, "", POSITIVE),
    Column("mp", csvtable.number, "", POSITIVE),
    Column("beta_p", csvtable.number, "", POSITIVE),
    Column("tau_p", csvtable.number, "s", POSITIVE),
    Column("tau_q", csvtable.number, "s", POSITIVE),
    Column(RATING, csvtable.number, "MVA", POSITIVE),
    Column("imax", csvtable.number, "p.u.", POSITIVE),
    Column(PERCENT, csvtable.number, "%", POSITIVE),
)
DEFAULTS = {"mq": 0.05, "beta_q": 1.0, "mp": 0.05, "beta_p": 1.0, "tau_p": 0.1, "tau_q": 0.1}
_DROOPS = ("mq", "mp")


def parameters(
    net: Network,
    keywords: Mapping[str, Given | None],
    *,
    buses: Iterable[int] | None,
    without: Iterable[int] | None,
    table: str | os.PathLike[str] | pd.DataFrame | None,
    rating_factor: float | None,
    own_base: bool,
) -> Parameters:
    """Numbers given for every unit and every bus; see `Inverters.at_generators`.

    Args:
        net: the network, energized.
        keywords: of these columns, by name; None where nothing is given.
        buses: as there.
        without: as there.
        table: as there.
        rating_factor: as there.
        own_base: whether droops are per unit of each inverter's own rating.

    Raises:
        CaseError: listing every unknown bus or generator and every value that cannot be read.
    """
    defaults: dict[str, float | Floats] = {**DEFAULTS, RATING: net.gen.mbase}
    defaults |= dict.fromkeys((*OPTIONAL, PERCENT), np.nan)
    forming = None
    if without is None and net.dynamics is not None:
        forming = dynamics.grid_forming(net.dynamics)
        defaults |= _of_dynamics(net, forming, own_base=own_base)
    given = Parameters(net, "inverter", COLUMNS, defaults, (*OPTIONAL, PERCENT))
    given.leave_out(without or ())
    if forming is not None:
        given.count_as_rated(gen for gen, row in forming.items() if "s_mva" in row)
        given.chosen &= np.isin(net.gen.id, list(forming))
    for key, value in keywords.items():
        if value is not None:
            given.give(key, value)
    if buses is not None:
        given.select(buses)
    if table is not None:
        given.override(table)
    with np.errstate(all="ignore"):  # what overflows is no positive number, and that is found
        if rating_factor is not None:
            given.rate(rating_factor)
    given.check()
    return given


def inverters(given: Parameters, *, own_base: bool) -> dict[str, Any]:
    """Columns of inverters, one per bus out of its units; what was given for a bus overrides them.

    Args:
        given: from `parameters`, without faults so far.
        own_base: whether droops are per unit of each inverter's own rating.

    Raises:
        CaseError: listing every unit with a number that is not positive.
        ScopfError: for per cent of ratings that cannot be any.
    """
    net, on, base = given.net, given.chosen, given.net.base_mva
    given.share_ratings()
    given.check_units()
    _check_ratings(given, own_base=own_base)
    own = {name: values[on] for name, values in given.unit.items()}
    own["rating"] = own.pop(RATING)
    if own_base:
        for name in _DROOPS:
            own[name] = own[name] * base / own["rating"]
    percent, gain = own.pop(PERCENT), own["beta_q"].copy()
    for bus, value in given.at_bus["beta_q"].items():
        gain[net.gen.bus[on] == bus] = value
    on_data_sheet = percent * base / (100.0 * own["rating"] * gain)
    own["mq"] = np.where(np.isnan(percent), own["mq"], on_data_sheet)
    at, inverter = np.unique(net.gen_at[on], return_inverse=True)
    columns = parallel(own, inverter, len(at))
    place = {bus: i for i, bus in enumerate(net.bus.id[at].tolist())}
    for name in (RATING, *DEFAULTS, *OPTIONAL):  # the rating is the base of the droops
        column = columns["rating" if name == RATING else name]
        for bus, value in given.at_bus[name].items():
            if bus in place:
                i = place[bus]
                on_rating = own_base and name in _DROOPS
                column[i] = value * base / columns["rating"][i] if on_rating else value
    for bus, value in given.at_bus[PERCENT].items():
        if bus in place and not np.isnan(value):
            i = place[bus]
            columns["mq"][i] = value * base / (100 * columns["rating"][i] * columns["beta_q"][i])
    columns["rating"] = columns["rating"] / base
    order = np.argsort(inverter, kind="stable")
    ids = net.gen.id[on]
    groups: list[list[int]] = [[] for _ in at]
    for i, gen in zip(inverter.tolist(), ids.tolist(), strict=True):
        groups[i].append(gen)
    gens = tuple(tuple(group) for group in groups)
    own = {name: values[order] for name, values in own.items()}
    own["rating"] = own["rating"] / base
    units = Units(ids[order], inverter[order], **own)
    return {"bus": net.bus.id[at], "gens": gens, **columns, "units": units}


def _check_ratings(given: Parameters, *, own_base: bool) -> None:
    """Refuse or warn of ratings that are none, where droops or limits of currents are on them."""
    net, chosen, bus = given.net, given.chosen, given.net.gen.bus

    def own(name: str) -> Flags:
        values = {key for key, value in given.at_bus[name].items() if not np.isnan(value)}
        there: Flags = ~np.isnan(given.unit[name]) | np.isin(bus, list(values))
        return chosen & there

    ratings.refuse(net, own(PERCENT) & given.by_mbase)
    ratings.warn(net, (chosen if own_base else own("imax")) & given.by_mbase)


def _of_dynamics(
    net: Network, forming: Mapping[int, Mapping[str, float]], *, own_base: bool
) -> dict[str, Floats]:
    """Numbers of units out of the network's own table, where it has them; by name."""
    found = {name: np.full(len(net.gen), value) for name, value in DEFAULTS.items()}
    found[PERCENT] = np.full(len(net.gen), np.nan)
    found[RATING] = net.gen.mbase.copy()
    for at, gen in enumerate(net.gen.id.tolist()):
        row = {**forming.get(gen, {})}
        rating = row.get("s_mva", net.base_mva)
        found[RATING][at] = row.get("s_mva", found[RATING][at])
        if PERCENT in row and "s_mva" in row:
            row["mq"] = row.pop(PERCENT) / (100.0 * row.get("beta_q", 1.0))
        found[PERCENT][at] = row.get(PERCENT, np.nan)  # of the rating, whatever that will be
        for name in DEFAULTS.keys() & row.keys():
            base = rating if own_base else net.base_mva
            found[name][at] = typical.on_base(name, row[name], rating, base)
    return found
