"""Every criterion on random networks against the exact condition.

    python -m benchmarks.montecarlo [--networks N] [--lossy N] [--seed S]

Three tables: an inverter at every bus of lossless networks; lossless networks with constant-power
load buses; networks with losses. How they are drawn: scopf/studies/networks.py.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from scopf.studies.lossy import RATIOS, lossy
from scopf.studies.montecarlo import montecarlo


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=45_000)
    parser.add_argument("--lossy", type=int, default=3000, help="networks for each r/x")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for loads in (False, True):
        if not given.networks:
            break
        begin = time.perf_counter()
        found = montecarlo(given.networks, loads=loads, seed=given.seed, progress=True)
        what = "with constant-power load buses" if loads else "an inverter at every bus"
        unstable = found.networks - found.stable
        print(f"\n{found.networks} lossless networks, {what}, seed {given.seed}:")
        print(f"{found.stable} stable, {unstable} unstable; {found.trees} trees")
        print(found.table.to_string(index=False, float_format="{:.4f}".format))
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)
    for degrees in (30, 70):
        if not given.lossy:
            break
        begin = time.perf_counter()
        spread = np.deg2rad(degrees)
        result = lossy(networks=given.lossy, spread=spread, seed=given.seed, progress=True)
        print(f"\nweighted with losses, {given.lossy} networks for each r/x in {RATIOS},")
        print(f"angles up to {degrees} degrees apart; covered by a margin of {result.margin:.0%}")
        print(result.table.to_string(index=False, float_format="{:.4f}".format))
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
