"""scopf through Ipopt's C interface in place of cyipopt."""

from __future__ import annotations

from functools import partial

from benchmarks.arms import scopf, stages

if __name__ == "__main__":
    stages.main(partial(scopf.solve, interface="library"), scopf.PACKAGES)
