"""`scopf.build`: a problem of what users give, checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Unpack, get_args

from scopf.arrays import Floats
from scopf.cases import machines
from scopf.devices import device_table, mbase, ratings
from scopf.devices import inverter_share as shares
from scopf.devices.fitting import chosen, fitting, inverters_beside
from scopf.devices.gfm import Inverters
from scopf.devices.storage import Storage
from scopf.dynamics.settled import Bands
from scopf.errors import ScopfError, listing, not_negative, number, spelled
from scopf.model import costs, quantities
from scopf.model import soft as soft_of
from scopf.model.choices import Limit, check_limit
from scopf.model.codesign import Bounds
from scopf.model.problem import Problem
from scopf.model.quantities import DEFAULTS, Numbers, takes_numbers
from scopf.model.scenario import OnInfeasible, Scenario
from scopf.network import outages as outages_of
from scopf.network import ramps as ramps_of
from scopf.network.hours import Hours
from scopf.network.network import Network
from scopf.stability import registry
from scopf.stability.criterion import Criterion

log = logging.getLogger(__name__)


@spelled
@takes_numbers("float", "float | Mapping[int, float]")
def build(
    net: Network,
    inverters: Inverters | None = None,
    *,
    criterion: str | Criterion = "voltage-difference",
    mq_bounds: Bounds = None,
    capability: bool = False,
    limit: Limit = "power",
    outages: outages_of.Given | None = None,
    emergency: float | None = None,
    voltage_band: float = 0.05,
    frequency_band: float = 0.01,
    on_infeasible: OnInfeasible = "drop",
    soft: Mapping[str, float] | None = None,
    hours: Any = None,
    storage: Any = None,
    ramps: Any = None,
    devices: Any = None,
    inverter_share: float | None = None,
    inverter_gens: Iterable[int] | None = None,
    **numbers: Unpack[Numbers],
) -> Problem:
    """Formulate the stability-constrained optimal power flow (P1).

    Args:
        net: the network; what is out of service or in a dead island is left out.
        inverters: grid-forming inverters; default one at every generator bus, of the generators
            that `devices` does not name, or of a network with `dynamics` those that it has.
        criterion: name of a stability criterion ("voltage-difference" of the paper, "weighted",
            "lossy", "lossy-every-mp", "C0", "C1", "C2", or "none" for the plain AC-OPF), or a
            `scopf.Criterion` of your own.
        mq_bounds: co-design: least and largest m_q of every inverter, or by bus number; their
            stiffness 1/m_q is then a variable, `inverter_stiffness`.
        capability: whether every inverter keeps within its capability circle, P^2 + Q^2 <= S^2 with
            S its rating (the case's mBase is often a nominal 100: see `rating_mva` and
            `rating_factor` of `Inverters.at_generators`).
        limit: of branches, by their ratings: "power" for |S| <= rating, as in MATPOWER and
            PowerModels, or "current" for |I| <= rating at 1 p.u. voltage, as in pandapower.
        outages: that the dispatch survives, stable, as it settles by its droops: branch numbers,
            names as "gen 3", tuples of what is lost together, "n-1", "n-1-gens", "n-1-all", a
            contingency file of PSS/E (.con), or a table (see `scopf.network.outages.read`).
        emergency: factor on rating A after an outage; None for rating B, or A where there is none.
        voltage_band: p.u. by which voltage limits are wider after an outage.
        frequency_band: p.u. that the frequency may deviate by after an outage.
        on_infeasible: "drop" to leave out and name outages that no dispatch survives beside the
            others, "penalty" to let all limits after outages be violated, at the prices of
            `scopf.model.soft.default_prices` or of `soft`, "stop" for no solution then.
        soft: prices at which limits may be violated, by family: "ratings" (of branches, currency/h
            per MVA), "voltages" (per p.u.), "stability" (per p.u., as the NSSP), "active_power" and
            "reactive_power" (of generators, per MW and MVAr), "capability" (per MVA), "pq_curves"
            (per MVAr), "currents" (of inverters) and "frequency" (per p.u.).
        hours: of one dispatch, whose costs add up: a table (CSV file, DataFrame, or a list of load
            factors) with `hour`, `duration_h`, loads, costs and availability by hour (see
            `scopf.network.hours.Hours.read`); None for a single hour, costs per hour.
        storage: that shifts energy between hours: a table with `bus`, `p_mw`, `e_mwh`, `eta_c`,
            `eta_d`, `e0_mwh`, `s_mva` and `mq` (see `scopf.devices.storage.Storage.read`).
        ramps: largest change of active power from hour to hour, MW per h: a number for all
            generators, by generator, or a table (see `scopf.network.ramps.read`).
        devices: machines and grid-following inverters, whose slopes the rows of "weighted" take,
            and other criteria ignore: a table (CSV file, DataFrame, or the name of a bundled one,
            "case39_machines") with `bus` or `gen`, `device`, and numbers per unit on `s_mva` (see
            `scopf.devices.device_table.read`). All others are inverters or constant power. None
            takes those of `net.dynamics` that are no inverters.
        inverter_share: of Pmax, 0 to 1: machines of `devices` are inverters instead, the smallest
            first, until inverters have this share. Units are whole: `Solution.inverter_share` is
            what came out.
        inverter_gens: numbers of the generators that are these inverters, in the order in which
            they are taken; without `inverter_share` all of them.
        **numbers: any of these, which `Problem.update` may change; mq is on the system base:

    The reduced network counts as alpha B^red, so Gamma is divided by alpha; this is what the
    paper's figures over alpha show. (`net.scaled(susceptance=...)` reduces the changed network
    again, its loads unscaled, which gives slightly other limits.) By default the droop margin is
    the one that the criterion wants on this network, 6 % for "weighted" with losses, else none. All
    costs of reactive power add up, those of the case included. Where opportunity_price is positive,
    |Q| is at most the rating.

    Returns:
        The problem; its `.model` is a Pyomo model and is meant to be extended.

    Raises:
        ScopfError: for an unknown criterion, or costs or inverters that do not fit the network.
    """
    if not isinstance(net, Network):
        raise ScopfError(f"net must be a Network (see load_case), not {type(net).__name__}")
    whole, net = net, net.energized()
    rule = registry.get(criterion) if isinstance(criterion, str) else criterion
    registry.check(rule)
    if not isinstance(capability, bool):
        raise ScopfError(f"capability is True or False, got {capability!r}")
    check_limit(limit)
    if on_infeasible not in get_args(OnInfeasible):
        text = listing(map(repr, get_args(OnInfeasible)))
        raise ScopfError(f"on_infeasible is one of {text}, got {on_infeasible!r}")
    given, table, by_default = quantities.given(numbers), None, inverters is None
    asked = {"inverter_share": inverter_share, "inverter_gens": inverter_gens}
    if devices is None and any(one is not None for one in asked.values()):
        devices = whole.energized().dynamics
    if devices is None:
        shares.refuse_without_devices(asked)
        inverters = chosen(inverters, net)
        table = device_table.of_network(whole, inverters)
    else:
        table = device_table.read_table(machines.found(devices), whole)
        inverters = None if inverters is None else chosen(inverters, net)
        if inverters is not None and isinstance(given.get("mq"), float):
            inverters = inverters.with_droops(given["mq"])  # units that join them have it as well
        table, inverters = shares.applied(table, inverters, whole, inverter_share, inverter_gens)
        own = {}
        if inverters is None:
            own = {name: given.pop(name) for name in quantities.OF_INVERTERS if name in given}
        inverters = inverters_beside(table, inverters, net, **own)
    if mq_bounds is None:
        for name in given:
            if given[name] and (text := quantities.misfit(name, False)):
                raise ScopfError(text)
    droops = {name: given.pop(name) for name in quantities.OF_INVERTERS if name in given}
    inverters = fitting(inverters.with_droops(**droops), net)
    if "droop_percent" in droops and by_default:
        ratings.refuse(net, mbase.by_mbase(net, inverters))
    elif "droop_percent" in droops or capability or given.get("opportunity_price"):
        ratings.warn(net, mbase.by_mbase(net, inverters))
    own_margin = "droop_margin" in given
    if not own_margin:
        given["droop_margin"] = number("droop_margin", rule.droop_margin(net))
    given_bounds: Any = mq_bounds
    if hasattr(given_bounds, "items"):  # a mapping or a pandas Series: what it says now
        mq_bounds = net.unserved.without(dict(given_bounds.items()))
    scenario = Scenario(
        quantities.changed(DEFAULTS, given),
        mq_bounds,
        capability,
        limit,
        own_margin,
        () if outages is None else tuple(outages_of.read(outages, whole)),
        _bands(emergency, voltage_band, frequency_band),
        on_infeasible,
        soft_of.checked(soft),
        *coupled(whole, hours, storage, ramps),
        table.devices if table is not None and table.rows else None,
    )
    if scenario.devices is not None:
        _warn_of_devices(rule)
    if scenario.hours is not None:
        check_beside_hours(scenario.outages, scenario.mq_bounds)
    if scenario.numbers["eta_q"] > 0:
        costs.warn_without_quadratic(net)
    return Problem(whole, inverters, rule, scenario)


def coupled(
    net: Network, hours: Any, storage: Any, ramps: Any
) -> tuple[Hours | None, Storage | None, Floats | None]:
    """Hours, storage and ramps as users give them.

    Raises:
        ScopfError: for storage or ramps of a single hour.
        CaseError: listing every fault of a table.
    """
    if hours is None:
        for name, given in (("storage", storage), ("ramps", ramps)):
            if given is not None:
                raise ScopfError(f"{name}: there is a single hour; give `hours` too")
        return None, None, None
    return (
        Hours.read(hours, net),
        None if storage is None else Storage.read(storage, net),
        None if ramps is None else ramps_of.read(ramps, net),
    )


def check_beside_hours(outages: object, mq_bounds: object = None) -> None:
    """Refuse what is not made for several hours.

    Raises:
        ScopfError: naming it.
    """
    if outages:
        raise ScopfError(
            "outages and hours in one dispatch are not supported: dispatch the hours, and then "
            "every hour with its outages"
        )
    if mq_bounds is not None:
        raise ScopfError("co-design (mq_bounds) is of a single hour: its droops hold in all hours")


def _warn_of_devices(criterion: Criterion) -> None:
    """Warn of rows that do not know them."""
    if not criterion.of_devices and criterion.name != "none":
        log.warning(
            "the rows of %s do not know machines and grid-following inverters, and take them for "
            "constant power; those of weighted know them",
            criterion.name,
        )


def _bands(emergency: object, voltage_band: object, frequency_band: object) -> Bands:
    """What is allowed after outages.

    Raises:
        ScopfError: for what is no number, or below zero.
    """
    factor = None if emergency is None else not_negative("emergency", emergency)
    if factor == 0:
        raise ScopfError("emergency must be above zero: it is a factor on rating A")
    wider = not_negative("voltage_band", voltage_band)
    return Bands(factor, wider, not_negative("frequency_band", frequency_band))
