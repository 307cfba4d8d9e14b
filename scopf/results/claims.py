"""The claim of a criterion about a solution, and whatever stands against it.

A claim rests on the point and the network as they are, not on how the model was built: the power
balance of the network's tables, the conditions of the criterion's proof on that network, and the
criterion's rows in NumPy with the droops as they are, without margins.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from scopf.engine.symbols import Expression, Parameter
from scopf.errors import listing
from scopf.network.kron import Reduction
from scopf.network.powers import MISMATCH, mismatch
from scopf.results.violations import as_declared
from scopf.stability import device_claims

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.engine.nlp import NLP
    from scopf.model.horizon import Horizon
    from scopf.model.problem import Problem
    from scopf.network.network import Network
    from scopf.results.point import Point
    from scopf.stability.criterion import Criterion
    from scopf.stability.setting import Setting

_OF_CRITERIA = ("stability_", "inverter_", "bordered_")  # named expressions of these are evaluated


def rewritten(problem: Problem, nlp: NLP) -> list[str]:
    """Changes by hand that no network and no droops have, a clause each.

    What was written into a power balance may follow the voltage, whatever its value here.
    """
    found = []
    for rows in (problem.opf.balance.p, problem.opf.balance.q):
        active = (nlp.row_numbers(rows.name) >= 0) | nlp.settled(rows.name)
        changed = np.flatnonzero(nlp.replaced(rows.name) | ~active)
        if len(changed):
            assert rows.index is not None
            buses = listing(rows.index.keys[k] for k in changed.tolist())
            found.append(f"{rows.name} was rewritten or switched off at bus {buses}")
    if problem.formulation.rendering is None:
        return found
    stiffness = problem.opf.stiffness.symbol
    if isinstance(stiffness, Parameter) and not (stiffness.values > 0).all():
        without = problem.inverters.bus[~(stiffness.values > 0)]
        found.append(f"the stiffness at bus {listing(without)} is none that a droop has")
    for symbol in problem.formulation.of_kind(Expression):
        if "_cost" in symbol.name or symbol.name.startswith(_OF_CRITERIA):
            continue
        if not as_declared([symbol], problem.formulation):
            found.append(f"{symbol.name} was rewritten")
    return found


def without_proof(criterion: Criterion) -> str:
    """The reason why a criterion claims nothing on any network; "" for one that has a proof."""
    if criterion.name == "none":
        return "there are no stability rows"
    return "" if criterion.claim is not None else f"{criterion.name} is not proven sufficient"


def unmet(
    criterion: Criterion,
    setting: Setting,
    net: Network,
    voltage: tuple[Floats, Floats],
    power: tuple[Floats, Floats],
) -> tuple[str, ...]:
    """Assumptions of a criterion's claim that a point does not meet, a clause each.

    Args:
        criterion: that makes the claim.
        setting: the network and droops as they are.
        net: the same network, at its strength, with the powers of its DC lines.
        voltage: vm and va of the buses, per unit and rad.
        power: P and Q of the generators, per unit.
    """
    (vm, va), exact = voltage, dataclasses.replace(setting, margin=0.0, droop_margin=0.0)
    found = list(criterion.unmet(exact))
    without = np.setdiff1d(net.island, net.island[setting.sources])
    if len(without):
        neither = "no inverter" if setting.devices is None else "neither an inverter nor a machine"
        found.append(f"island {listing(without)} has {neither}")
    missing = np.abs(mismatch(net, vm, va, power[0] + 1j * power[1]))
    worst = int(np.argmax(missing))
    if not missing[worst] <= MISMATCH:
        bus = net.bus.id[worst]
        found.append(f"{missing[worst]:.3g} p.u. of power is missing at bus {bus}")
    view = exact.view(criterion.network)
    found += device_claims.unmet(criterion, setting.devices)
    slack = device_claims.slack(criterion, exact, net, voltage, power)
    worst = int(np.argmin(slack))
    if not slack[worst] > 0:
        shared = len(slack) > 1 and (slack == slack[0]).all()  # by rows with the best weights
        where = "" if shared else f" at bus {net.bus.id[view.buses[worst]]}"
        found.append(f"the rows do not hold{where} (slack {slack[worst]:.2g})")
    return tuple(found)


def unmet_in_hours(
    horizon: Horizon, criterion: Criterion, setting: Setting, net: Network, point: Point
) -> tuple[str, ...]:
    """Assumptions that the points of hours do not meet, a clause each, with the hours.

    Args:
        horizon: the hours.
        criterion: that makes the claim.
        setting: the networks of all hours and droops as they are.
        net: the same networks, at their strength, with the powers of their DC lines.
        point: of all hours.
    """
    clauses = dict[str, list[str]]()
    for k, name in enumerate(horizon.hours.names):
        inverters = horizon.inverters(setting.inverters, k)
        before = horizon.stack.part(setting.net, k)
        reduction = Reduction(before, before.bus_positions(inverters.bus))
        one = dataclasses.replace(setting, reduction=reduction, inverters=inverters)
        bus, gen = (horizon.stack.slice(table, k) for table in ("bus", "gen"))
        at = (point.vm[bus], point.va[bus]), (point.pg[gen], point.qg[gen])
        for clause in unmet(criterion, one, horizon.stack.part(net, k), *at):
            clauses.setdefault(clause, []).append(name)
    return tuple(
        text if len(names) == len(horizon) else f"{text} in hour {listing(names, most=5)}"
        for text, names in clauses.items()
    )
