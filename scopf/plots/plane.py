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
_APART = 0.055  # of the picture: labels closer than that would touch


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
    ratios = list(damping)
    wrong = [ratio for ratio in ratios if not 0 < ratio < 1]
    if wrong:
        raise ScopfError(f"damping ratios lie between 0 and 1, got {wrong[0]}")
    above = upper(verification)
    values = np.concatenate([above, above[above.imag > 0].conj()])
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
    rows = _rays(ax, ratios)
    left, right = ax.get_xlim()
    ax.axvline(0, color=style.INK, linewidth=0.9, zorder=1.5)
    ax.axvspan(0, max(right, 0), color=style.VERMILLION, alpha=0.07, linewidth=0, zorder=0.5)
    ax.set_xlim(left, right)
    shown = verification.verdict if title is None else title
    style.dress(ax, shown, "real part (rad/s)", "imaginary part (rad/s)", pad=9 * (rows + 1))
    inside = (values.real >= left) & (values.real <= right)
    inside &= (values.imag >= ax.get_ylim()[0]) & (values.imag <= ax.get_ylim()[1])
    if not inside.all():
        style.note(ax, f"{int((~inside).sum())} eigenvalues lie outside")
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


def _rays(ax: Any, ratios: list[float]) -> int:
    """Lines of equal damping from the origin, with their ratio where they leave the picture.

    Returns:
        How many rows of labels stand above the picture.
    """
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    if left >= 0:
        return 0
    rows: list[list[float]] = []  # of labels, by their places along the edge of the picture
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
            at = (x - left) / (right - left) + (y - top) / (top - bottom)
            if edge != top:
                continue
            beside = y < top  # it leaves through the left edge, else through the upper one
            row = 0
            if not beside:
                near = (k for k, row in enumerate(rows) if abs(at - row[-1]) >= _APART)
                row = next(near, len(rows))
                rows[row:] = [[*(rows[row] if row < len(rows) else []), at], *rows[row + 1 :]]
            ax.annotate(
                f"{ratio:.0%}", (x, y), xytext=(3, 3) if beside else (0, 2 + 9 * row),
                textcoords="offset points", fontsize=style.SMALL - 0.5, color=style.SOFT,
                ha="left" if beside else "center", va="bottom",
            )  # fmt: skip
    return len(rows)
