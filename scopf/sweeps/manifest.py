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
from scopf.errors import ScopfError, listing
from scopf.sweeps.spec import Spec
from scopf.sweeps.store import unwritable
from scopf.sweeps.worker import MANY_PAIRS
from scopf.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.arrays import Ints
    from scopf.devices.gfm import Inverters
    from scopf.model.problem import Scenario
    from scopf.network.network import Network
    from scopf.stability.criterion import Criterion

MANIFEST = "manifest.json"
FORMAT = 2
_KEYS = {
    "status": str, "case": dict, "spec": dict, "scenarios": int, "counts": dict, "runs": list,
    "network": dict,
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


def network(net: Network, inverters: Ints) -> dict[str, Any]:
    """Buses, branches and inverters, for a drawing."""
    net = net.energized()
    ends = zip(net.branch.id, net.branch.from_bus, net.branch.to_bus, strict=True)
    return {
        "name": net.name,
        "base_mva": net.base_mva,
        "buses": net.bus.id.tolist(),
        "branches": [{"id": int(k), "from_bus": int(f), "to_bus": int(t)} for k, f, t in ends],
        "inverters": inverters.tolist(),
    }


def base(criterion: str | Criterion, scenario: Scenario | None, units: Inverters) -> dict[str, Any]:
    """The base case: criterion, numbers and inverters."""
    name = criterion if isinstance(criterion, str) else str(criterion.name)
    numbers = None if scenario is None else scenario.flat
    return {"criterion": name, "scenario": plain(numbers), "inverters": plain(units.columns)}


def constant_power(net: Network, units: Inverters) -> dict[str, Any] | None:
    """Generators without an inverter, taken for constant power; None if there are none."""
    net = net.energized()
    found = devices.constant_power(net, units, np.full(len(net.gen), np.nan))
    return None if found is None else found.as_dict()


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
    except (OSError, ValueError) as error:
        raise ScopfError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ScopfError(f"{folder / MANIFEST} is damaged: it is no JSON object")
    if found.get("format") != FORMAT:
        text = f"is of format {found.get('format')!r}; this version of scopf reads {FORMAT}"
        raise ScopfError(f"{folder / MANIFEST} {text}")
    bad = [key for key, kind in _KEYS.items() if not isinstance(found.get(key), kind)]
    bad += [] if _is_constant_power(found.get("constant_power")) else ["constant_power"]
    bad += [] if "case" in bad or isinstance(found["case"].get("name"), str) else ["case.name"]
    if bad or not all(isinstance(run, dict) for run in found["runs"]):
        raise ScopfError(f"{folder / MANIFEST} is damaged: see {listing(bad or ['runs'])}")
    return found


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
        return Spec.from_dict(manifest["spec"])
    except (LookupError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ScopfError(f"{folder / MANIFEST} is damaged: its spec: {reason}") from error
