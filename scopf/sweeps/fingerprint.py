"""The identity of a study (settings, case and values), and the digest of each scenario."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from scopf.arrays import plain
from scopf.sweeps.plan import Plan
from scopf.sweeps.spec import Spec


class Fingerprint:
    """The identity of a study and of its scenarios.

    Args:
        spec: of the study.
        plan: its scenarios.
        case: hash of the base case.
        hours: hash of hours, storage and ramps; "" of a single hour.

    Attributes:
        identity: settings, values of each axis and hash of the case, in plain values.
    """

    def __init__(self, spec: Spec, plan: Plan, case: str, hours: str = "") -> None:
        self._plan = plan
        self.identity: dict[str, Any] = plain({**spec.identity, "case": case})
        if hours:
            self.identity["hours"] = hours
        common = {key: v for key, v in self.identity.items() if key not in spec.columns}
        self._common = hashlib.sha256(json.dumps(common, sort_keys=True).encode())

    def __len__(self) -> int:
        return len(self._plan)

    def inputs(self, scenario: int) -> str:
        """A digest of all that the result of a scenario depends on; 128 bits in hexadecimal."""
        digest = self._common.copy()
        digest.update(json.dumps(self._plan.rows[scenario]).encode())
        return digest.hexdigest()[:32]

    def changed(self, before: dict[str, Any]) -> list[str]:
        """Entries that differ from an earlier identity, in the words of a spec."""
        names = [k for k in {**before, **self.identity} if before.get(k) != self.identity.get(k)]
        own = {"case": "the case, its inverters or devices", "axes": "the order of the axes",
               "hours": "hours, storage or ramps"}  # fmt: skip
        named = [name for name in names if name != "axes"] or names
        return [own.get(name, name) for name in named]
