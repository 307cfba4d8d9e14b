"""Exact checks of all operating states: the intact network, and after every outage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
from scopf.dynamics.damping import below
from scopf.errors import listing

if TYPE_CHECKING:
    import pandas as pd

    from scopf.dynamics.verified import Verification

_SHOWN = 5  # states in a text
_TABLE = {
    "state": ("state", "{}"),
    "stable": ("stable", "{}"),
    "proof": ("proof", "{}"),
    "real": ("rightmost [rad/s]", "{:.4f}"),
    "frequency_hz": ("f [Hz]", "{:.3f}"),
    "damping": ("damping", "{:.4f}"),
    "bus": ("inverter", "{}"),
}


@dataclass(frozen=True, eq=False)
class VerifiedStates:
    """Stability of every state by its dynamics.

    Attributes:
        checks: by name of the state, "intact" first.
        left_out: states that have no operating point, and why, such as outages that no dispatch
            survives.
    """

    checks: dict[str, Verification] = field(repr=False)
    left_out: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def stable(self) -> bool | None:
        """Whether every state is stable: False where one is not, else None where one is undecided.

        What is left out has no verdict.
        """
        return _together([check.stable for check in self.checks.values()])

    @property
    def damped(self) -> bool | None:
        """Whether every state is stable and its oscillations have the damping asked for."""
        return _together([check.damped for check in self.checks.values()])

    @property
    def min_damping(self) -> float:
        """Damping ratio that oscillations shall have; 0 where none was asked for."""
        return max((check.min_damping for check in self.checks.values()), default=0.0)

    @property
    def least_damped(self) -> str | None:
        """The state with the least damped oscillation.

        None where nothing oscillates, or not all modes of all states were computed.
        """
        known = all(check.method == "dense" for check in self.checks.values())
        found = {
            name: one.damping for name, one in self.checks.items() if one.damping == one.damping
        }
        return min(found, key=lambda name: found[name]) if known and found else None

    @property
    def damping(self) -> float:
        """Least damping ratio of the oscillations of all states; NaN where it is not known."""
        name = self.least_damped
        return float("nan") if name is None else self.checks[name].damping

    @property
    def least_damped_hz(self) -> float:
        """Frequency of that oscillation, Hz."""
        name = self.least_damped
        return float("nan") if name is None else self.checks[name].least_damped_hz

    @property
    def proof(self) -> str | None:
        """Proof, beside the eigenvalues, that every state is stable; None without one.

        "energy", or "multipliers" if some state has losses.
        """
        found = {check.proof for check in self.checks.values()}
        if None in found or not found:
            return None
        return "multipliers" if "multipliers" in found else "energy"

    @property
    def oscillates(self) -> bool:
        """Whether modes grow in some state, and wherever they do all are oscillations."""
        unstable = [check for check in self.checks.values() if check.stable is False]
        return bool(unstable) and all(check.oscillates for check in unstable)

    @property
    def worst(self) -> str:
        """The state whose rightmost mode is furthest to the right; of unstable ones, if any."""
        return max(self.checks, key=lambda name: self._order(name))

    def _order(self, name: str) -> tuple[int, float]:
        check = self.checks[name]
        verdict = {False: 2, None: 1, True: 0}[check.stable]
        return verdict, _rightmost(check)

    def largest_factor(self, most: float, *, damped: bool = False) -> float:
        """Largest factor on all droops with which all states are stable, looked for up to `most`.

        NaN where a state is undecided.

        Args:
            most: end of the range.
            damped: whether oscillations have to have the damping asked for as well.
        """
        every = self.checks.values()
        asked = [one for one in every if (one.damped if damped else one.stable) is not True]
        return min((one.largest_factor(most, damped=damped) for one in asked), default=np.inf)

    @property
    def verdict(self) -> str:
        """The result as a sentence."""
        names = {
            verdict: [name for name, check in self.checks.items() if check.stable is verdict]
            for verdict in (False, None)
        }
        count = len(self.checks)
        if names[False]:
            return f"unstable in {len(names[False])} of {count} states: {listing(names[False], 5)}"
        if names[None]:
            return f"undecided in {len(names[None])} of {count} states: {listing(names[None], 5)}"
        found = f"stable in all {count} states; nearest to instability: {self.worst}"
        return f"{found}{self._about_damping()}" if self.min_damping else found

    def _about_damping(self) -> str:
        """The end of the verdict on stable states where a damping ratio was asked for."""
        least, where = f"{self.min_damping:g}", ""
        if self.least_damped is not None:
            of = self.checks[self.least_damped]
            where = f", the least {below(of.damping, self.min_damping)} in {self.least_damped} "
            where += f"(mode at {of.least_damped_hz:.3g} Hz)"
        missed = [name for name, check in self.checks.items() if check.damped is False]
        if missed:
            states = "all" if len(missed) == len(self.checks) else str(len(missed))
            text = f"; but in {states} of them an oscillation has a damping ratio below {least}"
            return f"{text}{where}: {listing(missed, 5)}"
        if self.damped is None:
            return f'; undecided whether all modes have a damping ratio of {least}: method="dense"'
        return f"; all oscillations have a damping ratio of {least} or more{where}"

    @property
    def table(self) -> pd.DataFrame:
        """One row for each state: verdict, proof, rightmost mode and least damping ratio.

        Where one was asked for, `damped` says whether the state has it. Real part in rad/s,
        `frequency_hz`, `damping` -Re/|lambda| and the inverter with the
        largest share in the mode; NaN where there are no modes.
        """
        import pandas as pd

        return pd.DataFrame(list(self._rows()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for name, check in self.checks.items():
            mode = check.modes.iloc[0] if len(check.modes) else None
            missing = float("nan")
            yield {
                "state": name,
                "stable": check.stable,
                "proof": check.proof,
                "real": missing if mode is None else float(mode["real"]),
                "frequency_hz": missing if mode is None else float(mode["frequency_hz"]),
                "damping": missing if mode is None else float(mode["damping"]),
                "bus": None if mode is None else int(mode["bus"]),
                "least_damping": check.damping,
                **({"damped": check.damped} if self.min_damping else {}),
                "verdict": check.verdict,
            }

    def __repr__(self) -> str:
        return f"VerifiedStates({self.verdict!r})"

    def __str__(self) -> str:
        return display.text(self._blocks())

    def _blocks(self) -> list[display.Block]:
        lines: list[display.Block] = [self.verdict]
        if self.left_out:
            lines.append(f"without a verdict: {listing(self.left_out, _SHOWN)}")
        table, columns = self.table.drop(columns="verdict"), dict(_TABLE)
        if self.min_damping:
            columns |= {"least_damping": ("least damping", "{:.4f}")}
            columns |= {"damped": (f">= {self.min_damping:g}", "{}")}
            columns = {
                key: columns[key] for key in columns if key not in ("frequency_hz", "damping")
            }
        order = sorted(range(len(table)), key=lambda k: self._order(table["state"][k]))[::-1]
        shown = table.iloc[order[:_SHOWN]]
        lines += [
            "",
            "States nearest to instability, or beyond it",
            display.Table(shown, columns, ""),
        ]
        if len(table) > _SHOWN:
            lines.append(f"and {len(table) - _SHOWN} more")
        return lines

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        rows = [
            {key: None if value != value else value for key, value in row.items()}
            for row in self._rows()
        ]
        found: dict[str, Any] = {
            "stable": self.stable,
            "proof": self.proof,
            "verdict": self.verdict,
        }
        found |= {"damped": self.damped, "min_damping": self.min_damping}
        found["damping"] = None if np.isnan(self.damping) else self.damping
        return {**found, "states": rows, "left_out": self.left_out}


def _together(verdicts: list[bool | None]) -> bool | None:
    """False if any is, else None if any is."""
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _rightmost(check: Verification) -> float:
    """Real part of the rightmost mode; -inf where there are no modes."""
    if check.spectrum is None or not len(check.spectrum.values):
        return -np.inf
    return float(check.spectrum.values[0].real)
