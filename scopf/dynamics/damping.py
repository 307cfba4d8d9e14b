"""Damping ratios -Re(lambda)/|lambda| of oscillations, and the least one that is asked for.

An oscillation lambda = s + j w, w > 0, has at least the ratio z where s + z/sqrt(1 - z^2) w <= 0:
it lies left of a line through the origin. A mode that does not oscillate only has to decay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scopf.arrays import Complexes, Flags, Floats, Ints
    from scopf.dynamics.modes import Spectrum

_MOST = 0.1  # of the largest share: devices with less of it are not named
_NAMED = 3  # devices in a sentence


def checked(value: Any) -> float:
    """A damping ratio that is asked for.

    Raises:
        ScopfError: when it is no number from 0 to below 1.
    """
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not 0 <= value < 1:
        text = "min_damping is a damping ratio from 0 to below 1 (0.05 is 5 %)"
        raise ScopfError(f"{text}, got {value!r}")
    return float(value)


def ratios(values: Complexes) -> Floats:
    """Damping ratio of each mode; 0 of a mode that is zero."""
    size = np.where(values == 0, 1.0, abs(values))
    return np.asarray(-values.real / size)


def abscissa(values: Complexes, least: float) -> Floats:
    """Real part plus z/sqrt(1 - z^2) times |imaginary part|: not positive where z is reached."""
    return np.asarray(values.real + least / np.sqrt(1 - least**2) * abs(values.imag))


def meets(values: Complexes, least: float) -> Flags:
    """Whether each mode decays, and an oscillation with at least this ratio."""
    return np.asarray(np.where(values.imag == 0, values.real < 0, ratios(values) >= least))


def least_damped(found: Spectrum | None) -> int | None:
    """Position of the oscillation with the least ratio; None without one, or if it is not known.

    Where the search had an edge, a mode beyond it may have the least.
    """
    if found is None or found.method != "dense":
        return None
    places = np.flatnonzero(found.values.imag > 0)
    return int(places[ratios(found.values[places]).argmin()]) if len(places) else None


def reached(found: Spectrum, least: float) -> bool | None:
    """Whether all oscillations have at least this ratio; None where not all modes were found."""
    swings = found.values[found.values.imag > 0]
    if not meets(swings, least).all():
        return False
    return True if found.method == "dense" else None


def short(values: Complexes, count: int, least: float) -> Ints:
    """Positions of the modes to report: the first `count`, and as many others at most that miss.

    Args:
        values: of all modes, the rightmost first.
        count: modes to report.
        least: ratio that is asked for; 0 for none.
    """
    first = np.arange(min(count, len(values)))
    if not least:
        return first
    missing = np.flatnonzero(~meets(values, least))
    missing = missing[missing >= count]
    worst = missing[np.argsort(ratios(values[missing]), kind="stable")[:count]]
    return np.concatenate([first, np.sort(worst)])


def sentence(verdict: str, found: Spectrum, least: float, labels: Sequence[str], at: Any) -> str:
    """The verdict on a stable point where a damping ratio is asked for.

    Args:
        verdict: without it.
        found: the modes.
        least: ratio that is asked for.
        labels: of inverters and devices.
        at: function that gives their shares in a mode.
    """
    places = np.flatnonzero(found.values.imag > 0)
    come = reached(found, least)
    if come is None:
        return (
            f"{verdict}; undecided: whether modes further left have a damping ratio of {least:g} "
            'was not looked at; use method="dense"'
        )
    if not len(places):
        return f"{verdict}; no mode oscillates"
    worst = found.values[places[ratios(found.values[places]).argmin()]]
    ratio, hz = ratios(np.array([worst]))[0], worst.imag / (2 * np.pi)
    if come:
        text = f"the least damping ratio is {ratio:.3g} (mode at {hz:.3g} Hz)"
        return f"{verdict}; {text}, and {least:g} is asked for"
    shares = at(worst)
    order = np.argsort(-shares, kind="stable")[:_NAMED]
    names = [labels[k] for k in order.tolist() if shares[k] > _MOST * shares[order[0]]]
    takes = "takes" if len(names) == 1 else "take"
    text = f"stable, but the mode at {hz:.3g} Hz has a damping ratio of {below(ratio, least)}"
    return f"{text}, below {least:g}; {_joined(names)} {takes} most part in it"


def below(ratio: float, least: float) -> str:
    """A ratio in three digits, or as many as show that it is below another one."""
    if ratio >= least:
        return f"{ratio:.3g}"
    for digits in range(3, 16):
        if float(text := f"{ratio:.{digits}g}") < least:
            return text
    return repr(float(ratio))


def _joined(labels: Sequence[str]) -> str:
    """Labels in a sentence; inverters share the word: "inverters 32 and 33"."""
    word = "inverter "
    if len(labels) > 1 and all(label.startswith(word) for label in labels):
        return "inverters " + _joined([label.removeprefix(word) for label in labels])
    return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
