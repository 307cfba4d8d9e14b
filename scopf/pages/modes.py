"""Modes of a verified solution for the script of its page: eigenvalues, and tables of them."""

from __future__ import annotations

from typing import Any

from scopf.dynamics.verified import Verification
from scopf.errors import ScopfError
from scopf.pages import figure as f
from scopf.pages.table import plain_table
from scopf.plots import plane
from scopf.results.verified import VerifiedStates

Verified = Verification | VerifiedStates

_STATES = 50  # that can be chosen
_VALUES = 2000  # eigenvalues of a figure, those furthest to the right
_SHARES = 3  # of a mode, in its hover
_DIGITS = {
    "real": 5, "imag": 5, "frequency_hz": 5, "damping": 5, "share": 4,
}  # fmt: skip


def checks(verified: Verified) -> dict[str, Verification]:
    """The checks by state; one without a name of its own is called "intact".

    Raises:
        ScopfError: for something else.
    """
    if isinstance(verified, Verification):
        return {"intact": verified}
    if isinstance(verified, VerifiedStates):
        return dict(verified.checks)
    kind = type(verified).__name__
    raise ScopfError(f"verified is what sol.verify() or sol.verify_states() returns, got {kind}")


def data(verified: Verified, labels: dict[str, str]) -> dict[str, Any]:
    """Eigenvalues and modes of each state, the one nearest to instability first.

    Args:
        verified: the checks.
        labels: of states, by name.
    """
    found = checks(verified)
    names = list(found)
    if isinstance(verified, VerifiedStates) and names:
        names.sort(key=lambda name: name != verified.worst)
    drawn = [_state(labels.get(name, name), found[name]) for name in names[:_STATES]]
    return {
        "states": drawn,
        "left": max(0, len(names) - _STATES),
        "damping": [float(ratio) for ratio in plane.DAMPING],
    }


def _state(name: str, check: Verification) -> dict[str, Any]:
    values, reported = plane.upper(check), len(check.modes)
    shown = values[:_VALUES]  # the rightmost first
    modes = check.modes.round(_DIGITS)
    return {
        "name": name,
        "verdict": check.verdict,
        "real": f.numbers(shown.real.tolist(), 6),
        "imag": f.numbers(shown.imag.tolist(), 6),
        "hover": _hovers(check)[: min(reported, len(shown))],
        "left": len(values) - len(shown),
        "modes": plain_table(modes),
        "participation": plain_table(check.participation.round({"share": 4})),
    }


def _hovers(check: Verification) -> list[str]:
    """The reported modes in lines: frequency, damping, and who takes part."""
    parts = check.participation.groupby("mode", sort=True)
    shares = {
        str(mode): ", ".join(
            f"{row.device} {row.bus} {row.share:.0%}" for row in rows.head(_SHARES).itertuples()
        )
        for mode, rows in parts
    }
    return [
        f"mode {row.mode}: {row.frequency_hz:.3f} Hz, damping {row.damping:.1%}\n"
        f"{row.moves}: {shares.get(str(row.mode), '')}"
        for row in check.modes.itertuples()
    ]
