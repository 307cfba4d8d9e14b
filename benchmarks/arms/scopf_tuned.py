"""scopf after `scopf.tune_malloc()`, as its command line and the workers of sweeps run."""

from __future__ import annotations

from benchmarks.arms import scopf, stages
from scopf import tune_malloc

if __name__ == "__main__":
    tune_malloc()
    stages.main(scopf.solve, scopf.PACKAGES)
