"""Eigenvalues in the complex plane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Complexes
from scopf.errors import ScopfError
from scopf.plots import style

if TYPE_CHECKING:
    from scopf.dynamics.verified import Verification

DAMPING = (0.05, 0.1, 0.2, 0.5)
_APART = 0.062  # of the picture: labels closer than that would touch
_ROW = 9.0  # points


def eigenvalues(
    verification: Any,
    *,
    damping: Iterable[float] = DAMPING,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """Eigenvalues of an operating point, with lines of equal damping -Re/|lambda|.

    Both of a complex pair are drawn. Decaying modes are blue circles, growing ones red crosses, and
    the right half-plane is shaded. Below the axes is the legend.

    Args:
        verification: from `solution.verify()`.
        damping: ratios of the lines, between 0 and 1.
        xlim: real parts to show, rad/s; None for all that was found.
        ylim: imaginary parts to show, rad/s; None for all that was found.
        ax: axes to draw into; a new figure if None.
        title: above; None for the verdict.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: without matplotlib; when no eigenvalues were computed; for a damping that is
            none.
    """
    from scopf.dynamics.verified import Verification

    if not isinstance(verification, Verification):
        kind = type(verification).__name__
        text = "plots.eigenvalues draws a Verification, which solution.verify() returns, got "
        raise ScopfError(text + kind)
    if not len(upper(verification)):
        raise ScopfError(f"there are no eigenvalues to draw: {verification.verdict}")
    ratios = sorted(set(damping))
    wrong = [ratio for ratio in ratios if not 0 < ratio < 1]
    if wrong:
        raise ScopfError(f"damping ratios lie between 0 and 1, got {wrong[0]}")
    half = upper(verification)
    values = np.concatenate([half, half[half.imag > 0].conj()])
    grows = values.real > 0
    ax = style.axes(ax, (6.0, 4.4))
    for chosen, marker, color, name in (
        (~grows, "o", style.BLUE, "decaying"),
        (grows, "X", style.VERMILLION, "growing"),
    ):
        if chosen.any():
            ax.scatter(
                values.real[chosen], values.imag[chosen], marker=marker, color=color,
                s=26 if marker == "o" else 52, linewidths=0.6, edgecolors="white", zorder=3,
                label=f"{name} ({int(chosen.sum())})",
            )  # fmt: skip
    _limits(ax, values, xlim, ylim)
    above = _rays(ax, ratios)
    left, right = ax.get_xlim()
    ax.axvline(0, color=style.INK, linewidth=0.9, zorder=1.5)
    ax.axvspan(0, max(right, 0), color=style.VERMILLION, alpha=0.07, linewidth=0, zorder=0.5)
    ax.set_xlim(left, right)
    bottom, top = ax.get_ylim()
    inside = (values.real >= left) & (values.real <= right)
    inside &= (values.imag >= bottom) & (values.imag <= top)
    outside = bool(above) and not inside.all()
    shown = verification.verdict if title is None else title
    pad = _ROW * (1 + above + outside)
    style.dress(ax, shown, "real part (rad/s)", "imaginary part (rad/s)", pad=pad)
    if not inside.all():
        note = style.note(ax, f"{int((~inside).sum())} eigenvalues lie outside")
        note.xyann = (0, 3 + _ROW * above)
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return ax


def upper(verification: Verification) -> Complexes:
    """Eigenvalues with an imaginary part of zero or more, the rightmost first; may be none."""
    spectrum = verification.spectrum
    return np.zeros(0, dtype=np.complex128) if spectrum is None else spectrum.values


def _limits(ax: Any, values: Any, xlim: Any, ylim: Any) -> None:
    low, high = float(values.real.min()), float(values.real.max())
    pad = 0.06 * max(high - low, 1e-6 * max(abs(low), 1.0), abs(low) * 0.05)
    ax.set_xlim(xlim or (low - pad, max(high, 0.0) + pad + 0.02 * (max(high, 0.0) - low)))
    most = max(float(np.abs(values.imag).max()) * 1.12, 0.25 * abs(low), 1e-3)
    ax.set_ylim(ylim or (-most, most))


def _rays(ax: Any, ratios: list[float]) -> bool:
    """Lines of equal damping from the origin, with their ratio where they leave the picture.

    Returns:
        Whether labels stand above the picture.
    """
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    if left >= 0:
        return False
    above: list[tuple[str, float]] = []  # labels, and places along the upper edge
    beside: list[tuple[str, float]] = []  # and along the left one
    for ratio in sorted(ratios, reverse=True):
        slope = np.sqrt(1 - ratio**2) / ratio  # |Im| over -Re
        for edge in (top, bottom):
            if not edge:
                continue
            x = max(left, -abs(edge) / slope)
            y = np.sign(edge) * min(abs(edge), slope * -x)
            ax.plot(
                [0, x], [0, y], color=style.SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1,
                label=f"_damping {ratio:g}",
            )  # fmt: skip
            if edge == top and y < top:
                beside.append((_percent(ratio), (y - bottom) / (top - bottom)))
            elif edge == top:
                above.append((_percent(ratio), (x - left) / (right - left)))
    look = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom",
            "fontsize": style.SMALL - 0.5, "color": style.SOFT}  # fmt: skip
    for place, (text, _) in zip(_apart([at for _, at in above]), above, strict=True):
        ax.annotate(text, (place, 1.0), xytext=(0, 2), ha="center", **look)
    for place, (text, _) in zip(_apart([at for _, at in beside]), beside, strict=True):
        ax.annotate(text, (0.0, place), xytext=(3, 3), ha="left", **look)
    return bool(above)


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.3g}%"


def _apart(places: list[float]) -> list[float]:
    """Places along an edge, in rising order, moved as little as keeps labels from touching."""
    groups: list[list[float]] = []  # places of labels that would touch
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _first(groups[-1]) - _last(groups[-2]) < _APART:
            last = groups.pop()
            groups[-1] += last
    return [_first(group) + k * _APART for group in groups for k in range(len(group))]


def _first(group: list[float]) -> float:
    """Place of the first label of a group, around the mean of its places."""
    return sum(group) / len(group) - _APART * (len(group) - 1) / 2


def _last(group: list[float]) -> float:
    return _first(group) + _APART * (len(group) - 1)
