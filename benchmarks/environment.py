"""What a benchmark ran on: machine, versions, libraries, threads."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# More threads cost time on sparse problems of this size, and make arms disturb each other.
_THREADED = ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")
THREADS = {f"{library}_NUM_THREADS": "1" for library in _THREADED}
THREADS["VECLIB_MAXIMUM_THREADS"] = THREADS.pop("VECLIB_NUM_THREADS")


def describe() -> dict[str, Any]:
    """The machine as it is now; no host name and no path of the user's."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": THREADS,
        "load_average": load(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_files": len((_git("status", "--porcelain", "scopf") or "").splitlines()),
    }


def load() -> list[float] | None:
    """Load averages over 1, 5 and 15 minutes, where the system has them."""
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _git(*arguments: str) -> str | None:
    try:
        run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None
