"""The manifest of a run: what was asked, of which case, with what, where and how long."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import files
from scopf.arrays import plain
from scopf.devices import constant_power as devices
from scopf.devices import kinds
from scopf.errors import ScopfError, listing
from scopf.network import identifiers
from scopf.results import standing
from scopf.sweeps import stored_spec
from scopf.sweeps.fingerprint import Fingerprint
from scopf.sweeps.hour_settings import are_hours
from scopf.sweeps.plan import Plan
from scopf.sweeps.spec import Spec
from scopf.sweeps.store import unwritable
from scopf.sweeps.worker import MANY_PAIRS
from scopf.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.arrays import Ints
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.model.scenario import Scenario
    from scopf.network.network import Network
    from scopf.stability.criterion import Criterion

MANIFEST = "manifest.json"
FORMAT = 3
_KEYS = {
    "status": str, "case": dict, "spec": dict, "scenarios": int, "counts": dict, "runs": list,
    "network": dict, "run": dict,
}  # fmt: skip
_PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "pyomo", "casadi", "cyipopt", "pydantic")


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of Python, scopf and the packages that it calls."""
    found = {"python": platform.python_version(), "scopf": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """System, processor and number of CPUs of this machine."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
    }


def network(net: Network, inverters: Ints, others: Devices | None = None) -> dict[str, Any]:
    """Buses, branches, and what stands at the buses, for a drawing.

    Args:
        net: with what is out of service, since circuits between two buses count all of them.
        inverters: buses with an inverter in any scenario.
        others: devices that are no grid-forming inverters.

    Returns:
        Plain values. `kinds` are the buses with other generators by what these are, also where an
        inverter takes their place in some scenarios.
    """
    circuits = dict(zip(net.branch.id.tolist(), identifiers.circuits(net), strict=True))
    net = net.energized()
    first = kinds.first_at(net, kinds.of_gens(net.gen, np.zeros(0, dtype=np.int64), others))
    there = [kind for kind in kinds.WORDS if kind != kinds.NOTHING and kind in first]
    columns = (net.branch.id, net.branch.from_bus, net.branch.to_bus)
    ends = zip(*(column.tolist() for column in columns), strict=True)
    return {
        "name": net.name,
        "base_mva": net.base_mva,
        "buses": net.bus.id.tolist(),
        "branches": [
            {"id": k, "from_bus": f, "to_bus": t, "circuit": circuits[k]} for k, f, t in ends
        ],
        "inverters": inverters.tolist(),
        "kinds": {kind: net.bus.id[first == kind].tolist() for kind in there},
    }


def base(criterion: str | Criterion, scenario: Scenario | None, units: Inverters) -> dict[str, Any]:
    """The base case: criterion, numbers and inverters."""
    name = criterion if isinstance(criterion, str) else str(criterion.name)
    numbers = None if scenario is None else scenario.flat
    return {"criterion": name, "scenario": plain(numbers), "inverters": plain(units.columns)}


def constant_power(
    net: Network, units: Inverters, others: Devices | None = None
) -> dict[str, Any] | None:
    """Generators without a device, taken for constant power; None if there are none."""
    net = net.energized()
    gens = None if others is None else others.gens
    found = devices.constant_power(net, units, np.full(len(net.gen), np.nan), gens)
    return None if found is None else found.as_dict()


def conditions(net: Network) -> dict[str, str]:
    """Loads over the voltage in the base case, and its losses, in sentences."""
    net = net.energized()
    return {"loads": standing.loads(net), "losses": standing.losses(net)}


def add_shares(manifest: dict[str, Any], rows: Iterable[dict[str, Any]]) -> None:
    """Add the least and the largest share of the dispatch that they have in any scenario."""
    if manifest.get("constant_power") is not None:
        shares = [row.get("constant_power_share") for row in rows]
        known = [share for share in shares if share is not None and share == share]
        between = [min(known), max(known)] if known else None
        manifest["constant_power"]["share_of_dispatch"] = between


def about_constant_power(manifest: dict[str, Any]) -> list[str]:
    """A sentence on the generators that are taken for constant power, if there are any."""
    found = manifest.get("constant_power")
    if not found:
        return []
    text = f"Generators taken for constant power: {found['generators']}"
    if not found["share_of_dispatch"]:
        return [f"{text}."]
    low, high = (devices.percent(share) for share in found["share_of_dispatch"])
    return [f"{text}, {low if low == high else f'{low} to {high}'} % of the dispatch."]


def about_pairs() -> str:
    """A sentence on the rows that the table `pairs` leaves out."""
    text = f"all rows of problems that have up to {MANY_PAIRS}; of larger ones those that bind"
    return f"{text} or have a price"


def counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Scenarios by status."""
    return dict(Counter(row["status"] for row in rows).most_common())


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, so that there is always a whole one.

    Raises:
        ScopfError: when the folder cannot be written to.
    """
    text = json.dumps(manifest, indent=1) + "\n"
    try:
        files.replace(folder / MANIFEST, lambda part: part.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise unwritable(folder, error) from error


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        ScopfError: when there is none, or it lacks what every manifest has.
    """
    try:
        found: Any = json.loads(files.text(folder / MANIFEST))
    except FileNotFoundError as error:
        raise ScopfError(f"there is no sweep in {folder}: it has no {MANIFEST}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ScopfError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ScopfError(f"{folder / MANIFEST} is damaged: it is no JSON object")
    if found.get("format") != FORMAT:
        text = f"is of format {found.get('format')!r}; this version of scopf reads {FORMAT}"
        raise ScopfError(f"{folder / MANIFEST} {text}")
    bad = [key for key, kind in _KEYS.items() if not isinstance(found.get(key), kind)]
    bad += [] if _is_constant_power(found.get("constant_power")) else ["constant_power"]
    bad += [] if "case" in bad or _has_texts(found["case"], "name", "source", "hash") else ["case"]
    bad += [] if "run" in bad or _is_run(found["run"]) else ["run"]
    bad += [] if "counts" in bad or _are_counts(found["counts"]) else ["counts"]
    bad += [] if "runs" in bad or all(map(_is_past, found["runs"])) else ["runs"]
    bad += [] if _are_conditions(found.get("conditions")) else ["conditions"]
    bad += [] if are_hours(found.get("hours")) else ["hours"]
    bad += [] if "network" in bad or _is_network(found["network"]) else ["network"]
    if bad:
        raise ScopfError(f"{folder / MANIFEST} is damaged: see {listing(bad)}")
    return found


def _has_texts(part: dict[str, Any], *names: str) -> bool:
    return all(isinstance(part.get(name), str) for name in names)


def _is_run(run: dict[str, Any]) -> bool:
    """Whether that has an id, and digests of files by name."""
    digests = run.get("sha256")
    return _has_texts(run, "id") and isinstance(digests, dict) and _has_texts(digests, *digests)


def _are_counts(counts: dict[str, Any]) -> bool:
    return all(type(count) is int for count in counts.values())


def _is_past(run: Any) -> bool:
    """Whether that is a run of a sweep, with a duration if it has ended."""
    return isinstance(run, dict) and type(run.get("seconds", 0.0)) in (int, float)


def _is_network(network: dict[str, Any]) -> bool:
    """Whether that has numbers of buses, inverters and branches, and branches between buses."""
    branches = network.get("branches")
    if not isinstance(branches, list) or not all(isinstance(one, dict) for one in branches):
        return False
    ends = [one.get(end) for one in branches for end in ("from_bus", "to_bus")]
    ids = [one["id"] for one in branches if "id" in one]
    lists = [network.get("buses"), network.get("inverters"), ends, ids]
    told = network.get("kinds", {})
    if not isinstance(told, dict) or not all(kind in kinds.WORDS for kind in told):
        return False
    lists += told.values()
    return all(
        isinstance(numbers, list) and all(type(n) is int and abs(n) < 2**63 for n in numbers)
        for numbers in lists
    )


def _are_conditions(found: Any) -> bool:
    """Whether that is what a manifest may say of loads and losses; older ones say nothing."""
    return found is None or (isinstance(found, dict) and _has_texts(found, "loads", "losses"))


def _is_constant_power(found: Any) -> bool:
    """Whether that is what a manifest may say of generators that are taken for constant power."""
    if not isinstance(found, dict):
        return found is None
    share = found.get("share_of_dispatch")
    shares = [] if share is None else share
    return isinstance(found.get("generators"), int) and (
        isinstance(shares, list)
        and len(shares) in (0, 2)
        and all(isinstance(one, float | int) for one in shares)
    )


def spec(folder: Path, manifest: dict[str, Any]) -> Spec:
    """The spec in a manifest.

    Raises:
        ScopfError: when it is none.
    """
    try:
        return stored_spec.read(manifest["spec"])
    except (LookupError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ScopfError(f"{folder / MANIFEST} is damaged: its spec: {reason}") from error


def hash_of_hours(manifest: dict[str, Any]) -> str:
    """The hash of hours, storage and ramps; "" of a single hour."""
    return str((manifest.get("hours") or {}).get("hash", ""))


def fingerprint(folder: Path, manifest: dict[str, Any]) -> tuple[Plan, Fingerprint]:
    """Scenarios and fingerprint of the study in a manifest.

    Raises:
        ScopfError: when its spec is none, or is one of another number of scenarios.
    """
    asked = spec(folder, manifest)
    plan = Plan(asked)
    if len(plan) != manifest["scenarios"]:
        text = f"is damaged: it says {manifest['scenarios']} scenarios, its spec has {len(plan)}"
        raise ScopfError(f"{folder / MANIFEST} {text}")
    return plan, Fingerprint(asked, plan, manifest["case"]["hash"], hash_of_hours(manifest))
