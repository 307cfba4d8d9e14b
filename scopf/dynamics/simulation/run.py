"""A simulation under way: from event to event, in spans of the integrator."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.simulation.ends import end_of, lost
from scopf.dynamics.simulation.grid import State
from scopf.dynamics.simulation.idas import Integrator, LostError, consistent
from scopf.dynamics.simulation.motion import DarkError, Motion
from scopf.dynamics.simulation.simulated import COLLAPSED, Piece

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.dynamics.simulation.grid import Asked, Origin

Watch = Callable[[float], str]

_POINTS = 20  # outputs of one span
_STEPS_AT_END = 2000  # of the integrator, where it creeps towards an end
_FINE = 1e-4  # s to which the end of a trajectory is found


@dataclass
class Run:
    """A simulation under way.

    Attributes:
        state: where it is.
        status: "" while it goes on.
        message: a sentence where it could not go on.
        pieces: what there is of it.
    """

    origin: Origin
    step: float
    tolerance: float
    watch: Watch | None
    state: State

    def __post_init__(self) -> None:
        self.status, self.message = "", ""
        self.pieces: list[Piece] = []
        self._idle: frozenset[int] = frozenset()

    def through(self, begin: float, end: float, asked: Asked) -> None:
        """Go from one event to the next."""
        try:
            motion = self._motion(asked)
        except DarkError:
            self.status = COLLAPSED
            self.message = (
                f"at {begin:.4g} s no inverter and no machine is left to hold a voltage: the "
                "network is dead"
            )
            return
        x, z = motion.packed(self.state)
        try:
            z = consistent(motion, x, z)
        except LostError as error:
            z = z if error.z is None else error.z
            self.status, self.message = COLLAPSED, lost(begin, motion, x, z, at_event=True)
            return
        times, points = [np.array([begin])], [motion.unpacked(x[None], z[None])]
        outputs = [_outputs(motion, x[None], z[None])]
        count = max(int(end > begin), math.ceil((end - begin) / self.step - 1e-9))
        runs: dict[int, Integrator] = {}
        done, now = 0, begin
        while done < count and not self.status:
            size = min(_POINTS, count - done)
            if size not in runs:
                runs[size] = Integrator(motion, size, self.tolerance)
            after = begin + (end - begin) * (done + size) / count
            try:
                xs, zs = runs[size](x, z, after - now)
                at = np.linspace(now, after, size + 1)[1:]
            except LostError:
                at, xs, zs = self._piecemeal(motion, x, z, now, after, size)
                if not len(at) or at[-1] < after:
                    last = (xs[-1], zs[-1]) if len(at) else (x, z)
                    begin_of_end = float(at[-1]) if len(at) else now
                    self.status = COLLAPSED
                    self.message = lost(begin_of_end, motion, *last, at_event=False)
            if len(at):
                early = end_of(self.origin, at, motion.unpacked(xs, zs))
                if early:
                    self.status, self.message = early.status, early.message
                    at, xs, zs = at[: early.points], xs[: early.points], zs[: early.points]
            if len(at):
                times.append(at)
                points.append(motion.unpacked(xs, zs))
                outputs.append(_outputs(motion, xs, zs))
                x, z, now, done = xs[-1], zs[-1], float(at[-1]), done + size
            if self.watch is not None and not self.status:
                self.status = self.watch(now)
        together = State.joined(points)
        self.state = together.last()
        self.pieces.append(Piece(np.concatenate(times), together, np.concatenate(outputs), motion))

    def _motion(self, asked: Asked) -> Motion:
        """The equations; generators that had lost their network stay out when it comes back.

        Raises:
            DarkError: when nothing holds a voltage any more.
        """
        gens = tuple(sorted({*asked.out.gens, *self._idle}))
        asked = asked.replace(out=dataclasses.replace(asked.out, gens=gens))
        motion = Motion(self.origin, asked)
        left = set(self.origin.net.gen.id.tolist()) - set(gens)
        self._idle |= left - set(motion.net.gen.id.tolist())
        return motion

    def _piecemeal(
        self, motion: Motion, x: Floats, z: Floats, now: float, after: float, count: int
    ) -> tuple[Floats, Floats, Floats]:
        """As far as the integrator comes, by `count` spans that get shorter where it fails."""
        one = Integrator(motion, 1, self.tolerance, _STEPS_AT_END)
        times: list[float] = []
        xs: list[Floats] = []
        zs: list[Floats] = []
        span = (after - now) / count
        while span > _FINE and now < after:
            then = after if now + 1.001 * span >= after else now + span
            try:
                found = one(x, z, then - now)
            except LostError:
                span /= 2
                continue
            x, z, now = found[0][-1], found[1][-1], then
            times.append(now)
            xs.append(x)
            zs.append(z)
        return np.array(times), np.array(xs), np.array(zs)


def _outputs(motion: Motion, x: Floats, z: Floats) -> Floats:
    """Values of `Motion.powers` at points, shape (k, values)."""
    found: Floats = motion.output(x.T, z.T).full().T
    return found
