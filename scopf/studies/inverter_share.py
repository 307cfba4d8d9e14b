"""Inverters in the place of machines, more and more of them: a table against their share of Pmax.

For each share the smallest machines are grid-forming inverters (`scopf.build(inverter_share=)`).
Each grid is dispatched twice, with a stability criterion and without one. What is said of stability
beside the cost is from the dynamics, `Solution.verify`: of every hour, and after every outage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.cases import machines
from scopf.cases.files import load_case
from scopf.devices import device_table
from scopf.devices import inverter_share as shared
from scopf.devices.fitting import units_beside
from scopf.devices.gfm import Inverters
from scopf.model.building import build
from scopf.optimizer.progress import watched
from scopf.procedures.solver import solve
from scopf.results.prices import TRACE
from scopf.results.solution import Solution, heeded

if TYPE_CHECKING:
    import pandas as pd

    from scopf.dynamics.verified import Verification
    from scopf.network.network import Network
    from scopf.stability.criterion import Criterion

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MQ = 0.2


@dataclass(frozen=True, eq=False)
class InverterShare:
    """A table against the share of inverters.

    Attributes:
        case: its name.
        criterion: of the dispatches.
        table: a row for each share:

            - `wanted`, the share that was asked for, `share`, that of whole units, both of Pmax,
              and the buses of the `inverters`, as text;
            - `status` with the criterion, `cost` of this dispatch and `stability_cost`, that over
              the dispatch without a criterion, currency per h or over all hours; NaN without a
              solution. `unsurvived` counts outages that no dispatch survives, which are left out;
              where others are without a criterion, `stability_cost` is NaN as well;
            - `nssp_max`, the largest price per p.u., with `nssp_bus` and `nssp_state` (the hour)
              where it is; missing where none is priced;
            - `stable`, by the dynamics in all states, `critical_mq`, the largest m_q of all units
              with which this dispatch is, and the rightmost mode's `real` part in rad/s and
              `frequency_hz`; missing without a solution;
            - `plain_stable`, the verdict on the dispatch without a criterion;
            - `inertia_s`, kinetic energy of the machines over the load, as `Solution.inertia`, and
              `scr_min`, the least short-circuit ratio of an inverter; of the dispatch without a
              criterion, where there is no other.
        mq: droop of the inverters' units.
    """

    case: str
    criterion: str
    table: pd.DataFrame
    mq: float = MQ


def inverter_share(
    net: str | Network = "case39",
    devices: Any = None,
    *,
    shares: Sequence[float] = SHARES,
    criterion: str | Criterion = "weighted",
    mq: float = MQ,
    rating_factor: float | None = None,
    progress: bool = False,
    **given: Any,
) -> InverterShare:
    """Cost of stability, prices, critical droop, modes and inertia over the share of inverters.

    Args:
        net: a network; of a case given by name or path, its lossless variant.
        devices: machines, as `scopf.build` takes them; None for the bundled ones of the case.
        shares: of Pmax, 0 to 1.
        criterion: of the dispatches.
        mq: droop of every inverter's unit.
        rating_factor: rating of every inverter's unit over its Pmax, which the short-circuit ratio
            is for; None for the case's mBase.
        progress: whether to show a progress bar.
        **given: further keywords of `scopf.build`, such as `hours` or `outages`.

    Raises:
        ScopfError: for what `build` refuses.
    """
    import pandas as pd

    network = load_case(net).lossless() if isinstance(net, str) else net
    given_devices = machines.devices_table(network.name) if devices is None else devices
    table = device_table.read_table(machines.found(given_devices), network)
    of_units = {"mq": mq, "rating_factor": rating_factor}
    rows, name = list[dict[str, Any]](), ""
    known = dict[tuple[int, ...], dict[str, Any]]()  # units are whole: some shares have the same
    for wanted in watched(list(shares), "shares", None, progress):
        left, _ = shared.applied(table, None, network, wanted)
        inverters = Inverters.at_generators(network, **units_beside(left, of_units))
        problem = build(network, inverters, criterion=criterion, devices=left, **given)
        name, units = problem.criterion.name, tuple(inverters.units.gen.tolist())
        if units not in known:
            free = build(network, inverters, criterion="none", devices=left, **given)
            known[units] = _row(heeded(solve(problem)), heeded(solve(free)))
        rows.append({"wanted": float(wanted), **known[units]})
    found = pd.DataFrame(rows).astype(
        {"stable": "boolean", "plain_stable": "boolean", "nssp_bus": "Int64"}
    )
    return InverterShare(network.name, name, found, mq)


def _row(found: Solution, free: Solution) -> dict[str, Any]:
    """The row of a dispatch with the criterion and of one without."""
    units, alike = found.problem.own_inverters, [*found.unsurvived] == [*free.unsurvived]
    return {
        "share": found.inverter_share,
        "inverters": " ".join(map(str, units.bus.tolist())),
        "status": str(found.status),
        "cost": found.cost,
        "stability_cost": found.cost - free.cost if alike else np.nan,
        "unsurvived": len(found.unsurvived),
        **_prices(found),
        **_dynamics(found),
        "plain_stable": _stable(free),
        **_strength(found if found.solved else free),
    }


def _prices(found: Solution) -> dict[str, Any]:
    """The largest price of an inverter, and where it is."""
    row: dict[str, Any] = {"nssp_max": np.nan, "nssp_bus": None, "nssp_state": None}
    if not found.solved:
        return row
    for state, table in _tables(found):
        priced = table[table["nssp_per_pu"] > max(TRACE, np.nan_to_num(row["nssp_max"]))]
        if len(priced):
            most = priced.loc[priced["nssp_per_pu"].idxmax()]
            row = {
                "nssp_max": float(most["nssp_per_pu"]),
                "nssp_bus": int(most["bus"]),
                "nssp_state": state or None,
            }
    return row


def _dynamics(found: Solution) -> dict[str, Any]:
    """Verdict, critical droop and rightmost mode of the worst state."""
    checks = _checks(found)
    if not checks:
        return dict.fromkeys(("stable", "critical_mq", "real", "frequency_hz"))
    modes = [check.modes.iloc[0] for check in checks if len(check.modes)]
    worst = max(modes, key=lambda mode: float(mode["real"]), default=None)
    return {
        "stable": _verdict(checks),
        "critical_mq": float(np.min([check.critical_mq for check in checks])),
        "real": np.nan if worst is None else float(worst["real"]),
        "frequency_hz": np.nan if worst is None else float(worst["frequency_hz"]),
    }


def _stable(found: Solution) -> bool | None:
    checks = _checks(found)
    return _verdict(checks) if checks else None


def _verdict(checks: list[Verification]) -> bool | None:
    verdicts = [check.stable for check in checks]
    return False if False in verdicts else None if None in verdicts else True


def _checks(found: Solution) -> list[Verification]:
    """Checks of all states; none without a solution."""
    return list(found.verify_states().checks.values()) if found.solved else []


def _strength(found: Solution) -> dict[str, float]:
    """Inertia, and the least short-circuit ratio of an inverter; NaN without a solution."""
    if not found.solved:
        return {"inertia_s": np.nan, "scr_min": np.nan}
    devices, inertia = found.scenario.devices, found.inertia
    machines = 0 if devices is None else len(devices.machines)
    missing = np.nan if machines else 0.0
    ratios = [table["scr"].min() for _, table in _tables(found)]
    return {
        "inertia_s": missing if inertia is None else inertia.seconds,
        "scr_min": float(np.min(ratios)),
    }


def _tables(found: Solution) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables of the inverters of every hour, by its name; one without a name of a single hour."""
    if found.problem.horizon is None:
        yield "", found.inverters
        return
    for hour in found.states:
        yield hour, found.state(hour).inverters
