"""Places for labels beside markers, where they overlap neither each other nor anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.plots import style

_DIGIT, _HEIGHT = 0.64, 0.85  # of a character, shares of the size of the font
_GAP = 1.5  # points between a marker and its label
_AROUND = (  # north first; between east and north-east a label is nearer than north-east itself
    (0, 1), (1, 0.6), (1, 0), (1, -0.6), (0, -1), (-1, -0.6), (-1, 0), (-1, 0.6),
)  # fmt: skip
_STEP = 3.0  # points between the samples of a line
_MOST_SAMPLES = 20_000


class Labels:
    """Labels in axes whose limits and layout are final; all sizes are in points."""

    def __init__(self, ax: Any, place: Floats, areas: Floats, lines: Floats) -> None:
        """Set the obstacles.

        Args:
            ax: the axes.
            place: of the markers, in data coordinates, shape (n, 2).
            areas: of the markers, points squared, shape (n,).
            lines: ends of lines that labels had better not cross, shape (m, 2, 2).
        """
        self.ax = ax
        ax.figure.canvas.figure.draw_without_rendering()  # the whole, if it has figures inside
        self._dots = 72.0 / ax.figure.dpi
        self.at = self._points(place)
        self.reach = np.sqrt(areas) / 2
        reach = self.reach[:, None]
        self._markers = np.column_stack([self.at - reach, self.at + reach])
        self._written = list[Floats]()
        self._samples = self._sampled(self._points(lines.reshape(-1, 2)).reshape(-1, 2, 2))
        frame = ax.get_window_extent()
        self._frame = self._dots * np.array([frame.x0, frame.y0, frame.x1, frame.y1])

    def _points(self, place: Floats) -> Floats:
        if not len(place):
            return np.zeros((0, 2))
        found: Floats = self._dots * self.ax.transData.transform(place)
        return found

    @staticmethod
    def _sampled(lines: Floats) -> Floats:
        """Points along the lines; none where there would be too many."""
        lengths = np.hypot(*(lines[:, 1] - lines[:, 0]).T) if len(lines) else np.zeros(0)
        counts = np.maximum(2, np.ceil(lengths / _STEP)).astype(np.int64)
        if not len(lines) or counts.sum() > _MOST_SAMPLES:
            return np.zeros((0, 2))
        parts = [a + np.linspace(0, 1, n)[:, None] * (b - a)
                 for (a, b), n in zip(lines, counts.tolist(), strict=True)]  # fmt: skip
        return np.concatenate(parts)

    def occupied(self, box: Floats) -> tuple[int, int]:
        """Numbers of labels and of markers that a box (left, bottom, right, top) overlaps.

        Outside of the axes counts as a label.
        """
        x0, y0, x1, y1 = box
        left, bottom, right, top = self._frame
        outside = x0 < left or y0 < bottom or x1 > right or y1 > top
        found = []
        for boxes in (self._written, self._markers):
            of = np.array(boxes).reshape(-1, 4)
            over = (of[:, 0] < x1) & (of[:, 2] > x0) & (of[:, 1] < y1) & (of[:, 3] > y0)
            found.append(int(over.sum()))
        return found[0] + outside, found[1]

    def beside(
        self, rows: Ints, texts: Sequence[str], *, loose: bool = False, every: bool = False
    ) -> None:
        """Write texts beside markers, the first ones first, as far as there is room.

        Args:
            rows: of the markers.
            texts: one for each.
            loose: whether they may cover markers.
            every: whether they are written where there is no room, too.
        """
        for k, text in zip(rows.tolist(), texts, strict=True):
            size = np.array([_DIGIT * len(text), _HEIGHT]) * style.SMALL
            away = self.reach[k] + _GAP + size / 2
            best: tuple[tuple[int, int, int], Floats] | None = None
            for direction in _AROUND:
                middle = self.at[k] + away * np.array(direction)
                box = np.concatenate([middle - size / 2, middle + size / 2])
                over = self.occupied(box)
                if (over[0] and not every) or (over[1] and not (every or loose)):
                    continue
                rank = (*over, self._crossed(box))
                if best is None or rank < best[0]:
                    best = rank, middle
            if best is not None:
                self.write(text, best[1], size)

    def free(self, text: str, anchors: Floats, size: float) -> bool:
        """Write a text at the first of some places that are free and cross the fewest lines.

        Args:
            text: what to write.
            anchors: its middles, points, as `at` has them, shape (n, 2).
            size: of its font.

        Returns:
            Whether any was.
        """
        extent = np.array([_DIGIT * len(text), _HEIGHT]) * size
        free = []
        for middle in anchors:
            box = np.concatenate([middle - extent / 2, middle + extent / 2])
            if not any(self.occupied(box)):
                free.append((self._crossed(box), middle))
        if free:
            _, middle = min(free, key=lambda one: one[0])
            self.write(text, middle, extent, fontsize=size, fontweight="bold")
        return bool(free)

    def _crossed(self, box: Floats) -> int:
        """Number of samples of lines in a box."""
        x, y = self._samples.T
        return int(((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])).sum())

    def write(self, text: str, middle: Floats, size: Floats, **look: Any) -> None:
        """Write a text at a place, which is occupied from then on."""
        from matplotlib import patheffects

        self._written.append(np.concatenate([middle - size / 2, middle + size / 2]))
        nearest = int(np.argmin(np.hypot(*(self.at - middle).T)))
        anchor = self.ax.transData.inverted().transform(self.at[nearest] / self._dots)
        self.ax.annotate(
            text, anchor, xytext=middle - self.at[nearest], textcoords="offset points",
            ha="center", va="center", color=style.INK, zorder=4,
            path_effects=[patheffects.withStroke(linewidth=2.2, foreground="white")],
            **({"fontsize": style.SMALL} | look),
        )  # fmt: skip
