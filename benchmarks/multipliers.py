"""The multiplier certificate on random networks with losses, against eigenvalues.

    python -m benchmarks.multipliers [--networks N] [--first K] [--seed S] [--parts .3 1]
                                     [--tight N] [--workers N] [--out FILE]

Each part is a largest r/x, and half of the networks go to each, from number K on. Network k of a
part is drawn with the seeds (S, 1000 r/x, k): n from 3 to 10 buses, a random tree and up to n more
lines (meshed unless there are none), x from .03 to .3 p.u. and r/x up to the largest, each line its
own; an inverter at every bus or at about two thirds of them, constant power at the others; voltages
.95 to 1.05 p.u. and angles within a number of up to .4 rad, and powers as they follow. Droops m_q
are alike within a factor of 2; m_p from .01 to .05, in every third network from .05 to 2 (there
oscillations are found); tau_p common and tau_q of each inverter from .02 to .5 s.

All droops m_q are multiplied by a factor, at the same point. The exact limit is the first factor,
of a scan upwards in steps of 1.5, at which an eigenvalue of the dynamics gets to the right, found
by bisection. Networks past the nose, or without a limit from .001 to 1000, are drawn but not
counted.

- At 1.005, 1.03 and 1.3 times the limit the certificate is asked for wherever the eigenvalues say
  that the point is unstable: `false` has to be 0.
- `tightness`, of the first `--tight` networks of a part: the largest of .98, .95, .9, .8, .6, .4,
  .2, .1, .05 times the limit at which the certificate holds, 0 if at none; for the swept form alone
  as well.

The eigenvalues are computed here from the admittances, not by the package.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import environment

os.environ.update(environment.THREADS)

import numpy as np

from scopf.dynamics.island import Island
from scopf.dynamics.multipliers import covered
from scopf.dynamics.swept import swept

SPEED = 2 * np.pi * 60
TRIED = (0.98, 0.95, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05)
BEYOND = (1.005, 1.03, 1.3)
_FACTORS = 1.5 ** np.arange(-17, 18)


@dataclass(frozen=True)
class Drawn:
    """Inverters around a point, other buses eliminated; droops before the factor."""

    jacobian: Any
    vm: Any
    mp: Any
    k: Any
    tau_p: float
    tau_q: Any

    def island(self, factor: float) -> Island:
        stiffness = self.vm / (factor * self.k)
        number, inertia = np.arange(1, len(self.vm) + 1), 1 / (SPEED * self.mp)
        taus = np.full(len(self.vm), self.tau_p)
        return Island(number, self.jacobian, inertia, stiffness, stiffness * self.tau_q, taus)

    def rightmost(self, factor: float) -> complex:
        """Eigenvalue with the largest real part; angles relative to the first inverter's."""
        m = len(self.vm)
        angles, k = np.r_[1:m, m : 2 * m], (factor * self.k / self.vm)[:, None]
        power = self.jacobian[:, angles]
        a = np.zeros((3 * m - 1, 3 * m - 1))  # relative angles, ln V, dw
        a[: m - 1, 2 * m - 1] = -SPEED
        a[: m - 1, 2 * m :] = SPEED * np.eye(m - 1)
        a[m - 1 : 2 * m - 1, : 2 * m - 1] = -k * power[m:]
        a[m - 1 : 2 * m - 1, m - 1 : 2 * m - 1] -= np.eye(m)
        a[m - 1 : 2 * m - 1] /= self.tau_q[:, None]
        a[2 * m - 1 :, : 2 * m - 1] = -self.mp[:, None] * power[:m] / self.tau_p
        a[2 * m - 1 :, 2 * m - 1 :] = -np.eye(m) / self.tau_p
        values = np.linalg.eigvals(a)
        return complex(values[values.real.argmax()])


def log_uniform(rng: np.random.Generator, low: float, high: float, size: Any = None) -> Any:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def draw(ratio: float, seed: Any) -> Drawn | None:
    """A network; None where its loads are past the nose."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 11))
    ends = [(i, int(rng.integers(i))) for i in range(1, n)]
    ends += [tuple(rng.choice(n, 2, replace=False)) for _ in range(int(rng.integers(0, n + 1)))]
    i, j = np.array(ends).T
    x = log_uniform(rng, 0.03, 0.3, len(i))
    series = 1 / (x * (rng.uniform(0, ratio, len(i)) + 1j))
    y = np.zeros((n, n), complex)
    for places, values in (
        ((i, j), -series),
        ((j, i), -series),
        ((i, i), series),
        ((j, j), series),
    ):
        np.add.at(y, places, values)
    everywhere = rng.random() < 0.5
    at = np.arange(n) if everywhere else np.sort(rng.choice(n, max(2, 2 * n // 3), replace=False))
    vm, va = rng.uniform(0.95, 1.05, n), rng.uniform(0, 1, n) * rng.uniform(0, 0.4)
    v = vm * np.exp(1j * va)
    s, across = v * (y @ v).conj(), v[:, None] * (y * v).conj()
    by_angle, by_logarithm = 1j * (np.diag(s) - across), np.diag(s) + across
    whole = np.block([[by_angle.real, by_logarithm.real], [by_angle.imag, by_logarithm.imag]])
    rest = np.setdiff1d(np.arange(n), at)
    own, others = np.r_[at, n + at], np.r_[rest, n + rest]
    jacobian = whole[np.ix_(own, own)]
    if len(rest):
        inner = whole[np.ix_(others, others)]
        if np.linalg.eigvals(inner).real.min() <= 0:
            return None
        back = np.linalg.solve(inner, whole[np.ix_(others, own)])
        jacobian = jacobian - whole[np.ix_(own, others)] @ back
    m = len(at)
    oscillating = rng.random() < 1 / 3
    mp = log_uniform(rng, *((0.05, 2.0) if oscillating else (0.01, 0.05)), m)
    k = log_uniform(rng, 1.0, 2.0, m)
    tau_p = float(log_uniform(rng, 0.02, 0.5))
    return Drawn(jacobian, vm[at], mp, k, tau_p, log_uniform(rng, 0.02, 0.5, m))


def limit(drawn: Drawn) -> float | None:
    """First factor at which a mode grows; None without one."""
    low = float(_FACTORS[0])
    if drawn.rightmost(low).real >= 0:
        return None
    for high in _FACTORS[1:].tolist():
        if drawn.rightmost(high).real < 0:
            low = high
            continue
        while high > low * (1 + 1e-7):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if drawn.rightmost(middle).real < 0 else (low, middle)
        return low
    return None


def holds(island: Island, proof: Callable[[Island], Any]) -> bool:
    return not island.unmet and proof(island) is not None


def measured(task: tuple[float, Any, bool]) -> dict[str, Any] | None:
    """What is measured of a network, with its tightness or without; None if it does not count."""
    *of, tight = task
    drawn = draw(*of)
    exact = None if drawn is None else limit(drawn)
    if drawn is None or exact is None:
        return None
    line: dict[str, Any] = {"seed": task[1], "inverters": len(drawn.vm), "limit": exact}
    line |= {"unstable": 0, "oscillating": 0, "false": []}
    for factor in BEYOND:
        mode = drawn.rightmost(factor * exact)
        if mode.real > 0:
            line["unstable"] += 1
            line["oscillating"] += abs(mode.imag) > 1e-6
            if holds(drawn.island(factor * exact), covered):
                line["false"].append(factor)
    line["unmet"] = drawn.island(exact).unmet
    for name, proof in (("swept", swept), ("multipliers", covered)) if tight else ():
        good = (f for f in TRIED if holds(drawn.island(f * exact), proof))
        line[name] = next(good, 0.0)
    return line


def summary(lines: list[dict[str, Any]]) -> str:
    """Counts, and the distribution of tightness."""
    total = {key: sum(line[key] for line in lines) for key in ("unstable", "oscillating")}
    false = [line["seed"] for line in lines if line["false"]]
    text = [
        f"{total['unstable']} unstable points ({total['oscillating']} oscillating), "
        f"{len(false)} networks with a false certificate {false[:5] or ''}"
    ]
    for name in ("swept", "multipliers"):
        values = np.array([line[name] for line in lines if name in line])
        if not len(values):
            continue
        text.append(
            f"{name}: median {np.median(values):.2f}, mean {values.mean():.3f}, lower decile "
            f"{np.quantile(values, 0.1):.2f}, .98 on {(values == TRIED[0]).sum()} of {len(values)},"
            f" none on {(values == 0).sum()}"
        )
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first of a part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=float, nargs="+", default=[0.3, 1.0])
    parser.add_argument("--tight", type=int, default=10_000, help="networks of a part")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file with every network")
    given = parser.parse_args()
    place, result = environment.describe(), list[dict[str, Any]]()
    for ratio in given.parts:
        begin, share = time.perf_counter(), given.networks // len(given.parts)
        tasks = [
            (ratio, (given.seed, round(1000 * ratio), given.first + k), k < given.tight)
            for k in range(share)
        ]
        with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(measured, tasks, chunksize=20))
        lines = [line for line in found if line is not None]
        usual = [line for line in lines if not line["unmet"]]
        print(f"\nr/x <= {ratio:g}: {len(lines)} of {share} networks have a limit; "
              f"{len(lines) - len(usual)} of them do not meet the conditions")  # fmt: skip
        print(summary(lines))
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)
        result += [{"r_over_x": ratio, **line} for line in lines]
    if given.out:
        place["load_average_after"] = environment.load()
        text = json.dumps({"environment": place, "networks": result}, indent=1)
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
