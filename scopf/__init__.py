"""scopf: stability-constrained optimal power flow for inverter-based grids.

>>> import scopf
>>> net = scopf.load_case("case39").lossless()
>>> sol = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2)))
>>> sol.inverters[["bus", "margin", "nssp_per_pu"]]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scopf import plots
    from scopf.cases import load_case
    from scopf.cases.conversion import save_case
    from scopf.central import solve_centralised
    from scopf.diagnosis import Diagnosis, diagnose
    from scopf.faults import CaseError, Fault, ScopfError
    from scopf.inverters import Inverters
    from scopf.model import Problem, build
    from scopf.network import Network
    from scopf.outcome import Status
    from scopf.solution import Solution
    from scopf.solver import solve
    from scopf.sweeps import Sweep, load_sweep, sweep

__version__ = "0.1.0"

_HOME = {  # where each public name lives; imported when first used
    "CaseError": "scopf.faults",
    "Diagnosis": "scopf.diagnosis",
    "Fault": "scopf.faults",
    "Inverters": "scopf.inverters",
    "Network": "scopf.network",
    "Problem": "scopf.model",
    "ScopfError": "scopf.faults",
    "Solution": "scopf.solution",
    "Status": "scopf.outcome",
    "Sweep": "scopf.sweeps",
    "build": "scopf.model",
    "diagnose": "scopf.diagnosis",
    "load_case": "scopf.cases",
    "load_sweep": "scopf.sweeps",
    "save_case": "scopf.cases.conversion",
    "solve": "scopf.solver",
    "solve_centralised": "scopf.central",
    "sweep": "scopf.sweeps",
}
__all__ = ["CaseError", "Fault", "Inverters", "Network", "Problem", "ScopfError", "Solution"]
__all__ += ["Status", "Sweep", "build", "load_case", "load_sweep", "solve", "solve_centralised"]
__all__ += ["Diagnosis", "diagnose", "plots", "save_case", "sweep"]


def __getattr__(name: str) -> Any:
    if name == "plots":
        return import_module("scopf.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'scopf' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    ours = {*globals(), *_HOME, "plots"}
    return sorted(ours - {"Any", "TYPE_CHECKING", "annotations", "import_module"})
