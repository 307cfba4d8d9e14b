"""Solutions as set points and results of the PyPSA network that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.cases.pypsa.snapshots import place
from scopf.errors import ScopfError
from scopf.results.missing import Missing

if TYPE_CHECKING:
    from scopf.results.tables import Result

_UNITS = ("generators", "storage_units")
_BRANCHES = ("lines", "transformers")


def write(solution: Result, net: Any, snapshot: object = None) -> None:
    """Fill a PyPSA network at one snapshot; `Solution.to_pypsa` has the details."""
    if not solution.solved:
        raise ScopfError(f"there is no operating point to write: {solution.message}")
    _Dispatch(solution, net, _label(net, snapshot)).put()


def _label(net: Any, snapshot: object) -> Any:
    """The label of the snapshot; the first one where none is given."""
    known = getattr(net, "snapshots", None)
    if known is None or not hasattr(net, "generators_t"):
        raise ScopfError(f"to_pypsa takes a PyPSA network, not {type(net).__name__}")
    return known[place(known, snapshot)]


class _Dispatch:
    """A solution by the components of PyPSA."""

    def __init__(self, solution: Result, net: Any, label: Any) -> None:
        self.net, self.label, self.solution = net, label, solution
        self.base = solution.problem.base
        self.missing = Missing("the PyPSA network")
        self.bus_name = dict(zip(self.base.bus.id.tolist(), self.base.bus.name, strict=True))

    def put(self) -> None:
        """Find all elements, then write."""
        self.missing.check("buses", self.base.bus.name.tolist(), self.net.buses.index)
        self.missing.check("links", self.base.dcline.name.tolist(), self.net.links.index)
        units, branches = self._units(), self._branches()
        self.missing.refuse()
        self._put_buses()
        self._put_units(units)
        self._put_branches(branches)
        self._put_links()

    def _units(self) -> list[str]:
        """The list that each generator is in: generators, then storage units of the same name."""
        taken, found = set[tuple[str, str]](), list[str]()
        for name in self.base.gen.name.tolist():
            lists = (key for key in _UNITS if name in getattr(self.net, key).index)
            key = next((key for key in lists if (key, name) not in taken), "")
            if not key:
                self.missing.note("generators", name)
            taken.add((key, name))
            found.append(key)
        return found

    def _branches(self) -> list[tuple[str, bool]]:
        """The list that each branch is in, and whether its from bus is bus0."""
        found, branch = list[tuple[str, bool]](), self.base.branch
        rows = zip(branch.name, branch.from_bus.tolist(), branch.to_bus.tolist(), strict=True)
        for name, f, t in rows:
            ends = self.bus_name[f], self.bus_name[t]
            kind = next((one for one in map(self._ends_in, _BRANCHES, [name] * 2)
                         if one[1:] in (ends, ends[::-1])), ("", "", ""))  # fmt: skip
            if not kind[0]:
                self.missing.note("lines or transformers", name)
            found.append((kind[0], kind[1] == ends[0]))
        return found

    def _ends_in(self, key: str, name: str) -> tuple[str, str, str]:
        """A list, and the buses of the element of this name there; blank if there is none."""
        table = getattr(self.net, key)
        if name not in table.index:
            return "", "", ""
        return key, str(table.at[name, "bus0"]), str(table.at[name, "bus1"])

    # -- writing -----------------------------------------------

    def _put_buses(self) -> None:
        table, names = self.solution.buses, self.base.bus.name.tolist()
        for key in ("v_mag_pu", "v_mag_pu_set"):
            self._set("buses", key, names, table["vm"])
        self._set("buses", "v_ang", names, np.radians(table["va_deg"]))
        self._set("buses", "marginal_price", names, table["lmp_p_per_mwh"])

    def _put_units(self, lists: Sequence[str]) -> None:
        table, names = self.solution.gens, self.base.gen.name
        for key in _UNITS:
            rows = np.array([one == key for one in lists], dtype=bool)
            own = names[rows].tolist()
            sign = getattr(self.net, key)["sign"].reindex(own).to_numpy(dtype=np.float64)
            for letter, column in (("p", "p_mw"), ("q", "q_mvar")):
                values = table[column].to_numpy()[rows] / sign
                self._set(key, letter, own, values)
                self._set(key, f"{letter}_set", own, values)

    def _put_branches(self, lists: Sequence[tuple[str, bool]]) -> None:
        table, names = self.solution.branches, self.base.branch.name
        forth = np.array([way for _, way in lists], dtype=bool)
        for key in _BRANCHES:
            rows = np.array([one == key for one, _ in lists], dtype=bool)
            for letter, unit in (("p", "mw"), ("q", "mvar")):
                f, t = (table[f"{letter}{end}_{unit}"].to_numpy() for end in "ft")
                own = names[rows].tolist()
                self._set(key, f"{letter}0", own, np.where(forth, f, t)[rows])
                self._set(key, f"{letter}1", own, np.where(forth, t, f)[rows])

    def _put_links(self) -> None:
        names, table = self.base.dcline.name.tolist(), self.solution.dclines
        for key in ("p0", "p_set"):
            self._set("links", key, names, table["pf_mw"])
        self._set("links", "p1", names, -table["pt_mw"])

    def _set(self, table: str, key: str, names: Sequence[str], values: Any) -> None:
        """Write values of some elements at the snapshot; others keep what they have."""
        if not len(names):
            return
        varying = getattr(self.net, f"{table}_t")
        frame = varying[key].copy()
        static = getattr(self.net, table)
        for name in (name for name in names if name not in frame):
            frame[name] = static.at[name, key] if key in static else np.nan
        frame = frame.astype(dict.fromkeys(names, np.float64))
        frame.loc[[self.label], list(names)] = np.asarray(values, dtype=np.float64)[None, :]
        varying[key] = frame
