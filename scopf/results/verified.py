"""Exact checks of all operating states: the intact network, and after every outage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
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
        found = [check.stable for check in self.checks.values()]
        if False in found:
            return False
        return None if None in found else True

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

    def largest_factor(self, most: float) -> float:
        """Largest factor on all droops with which all states are stable, looked for up to `most`.

        NaN where a state is undecided.
        """
        asked = [check for check in self.checks.values() if check.stable is not True]
        return min((check.largest_factor(most) for check in asked), default=np.inf)

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
        return f"stable in all {count} states; nearest to instability: {self.worst}"

    @property
    def table(self) -> pd.DataFrame:
        """One row for each state: verdict, proof and rightmost mode.

        Real part in rad/s, `frequency_hz`, `damping` -Re/|lambda| and the inverter with the
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
        table = self.table.drop(columns="verdict")
        order = sorted(range(len(table)), key=lambda k: self._order(table["state"][k]))[::-1]
        shown = table.iloc[order[:_SHOWN]]
        lines += [
            "",
            "States nearest to instability, or beyond it",
            display.Table(shown, _TABLE, ""),
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
        found = {"stable": self.stable, "proof": self.proof, "verdict": self.verdict}
        return {**found, "states": rows, "left_out": self.left_out}


def _rightmost(check: Verification) -> float:
    """Real part of the rightmost mode; -inf where there are no modes."""
    if check.spectrum is None or not len(check.spectrum.values):
        return -np.inf
    return float(check.spectrum.values[0].real)
