"""scopf: stability-constrained optimal power flow for inverter-based grids.

>>> import scopf
>>> net = scopf.load_case("case39").lossless()
>>> sol = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2)))
>>> sol.inverters[["bus", "margin", "nssp_per_pu"]]
"""

from __future__ import annotations

from importlib import import_module

from scopf.version import __version__ as __version__

TYPE_CHECKING = False  # `typing` takes a while, and signals can be handled only after this file
if TYPE_CHECKING:
    from typing import Any

    from scopf import plots
    from scopf.cases.files import load_case, save_case
    from scopf.cases.hours import hours_table
    from scopf.cases.machines import devices_table
    from scopf.cases.series import load_factors
    from scopf.cases.storages import storage_table
    from scopf.devices.gfm import Inverters
    from scopf.diagnosis.diagnose import diagnose
    from scopf.diagnosis.text import Diagnosis
    from scopf.dynamics.simulation.events import Event
    from scopf.dynamics.simulation.simulated import Simulation
    from scopf.errors import CaseError, Fault, ScopfError
    from scopf.model.building import build
    from scopf.model.problem import Problem
    from scopf.network.network import Network
    from scopf.optimizer.memory import tune_malloc
    from scopf.optimizer.status import Status
    from scopf.pages.report import report
    from scopf.procedures.centralised import solve_centralised
    from scopf.procedures.loading import load_solution
    from scopf.procedures.power_flow import power_flow
    from scopf.procedures.solver import solve
    from scopf.results.power_flow import PowerFlow
    from scopf.results.solution import Solution
    from scopf.stability.criterion import Criterion
    from scopf.sweeps.analysis.comparison import Comparison
    from scopf.sweeps.api import sweep
    from scopf.sweeps.comparing import compare
    from scopf.sweeps.results import Sweep, load_sweep

_HOME = {  # where each public name lives; imported when first used
    "CaseError": "scopf.errors",
    "Comparison": "scopf.sweeps.analysis.comparison",
    "Criterion": "scopf.stability.criterion",
    "Diagnosis": "scopf.diagnosis.text",
    "Event": "scopf.dynamics.simulation.events",
    "Fault": "scopf.errors",
    "Inverters": "scopf.devices.gfm",
    "Network": "scopf.network.network",
    "PowerFlow": "scopf.results.power_flow",
    "Problem": "scopf.model.problem",
    "ScopfError": "scopf.errors",
    "Solution": "scopf.results.solution",
    "Status": "scopf.optimizer.status",
    "Sweep": "scopf.sweeps.results",
    "build": "scopf.model.building",
    "compare": "scopf.sweeps.comparing",
    "devices_table": "scopf.cases.machines",
    "diagnose": "scopf.diagnosis.diagnose",
    "hours_table": "scopf.cases.hours",
    "load_case": "scopf.cases.files",
    "load_factors": "scopf.cases.series",
    "load_solution": "scopf.procedures.loading",
    "load_sweep": "scopf.sweeps.results",
    "power_flow": "scopf.procedures.power_flow",
    "Simulation": "scopf.dynamics.simulation.simulated",
    "report": "scopf.pages.report",
    "save_case": "scopf.cases.files",
    "solve": "scopf.procedures.solver",
    "solve_centralised": "scopf.procedures.centralised",
    "storage_table": "scopf.cases.storages",
    "sweep": "scopf.sweeps.api",
    "tune_malloc": "scopf.optimizer.memory",
}
__all__ = ["CaseError", "Fault", "Inverters", "Network", "Problem", "ScopfError", "Solution"]
__all__ += ["Status", "Sweep", "build", "load_case", "load_sweep", "solve", "solve_centralised"]
__all__ += ["Criterion", "Diagnosis", "diagnose", "load_factors", "load_solution", "plots"]
__all__ += [
    "Comparison",
    "Event",
    "PowerFlow",
    "Simulation",
    "compare",
    "devices_table",
    "hours_table",
    "power_flow",
    "report",
    "save_case",
    "storage_table",
    "sweep",
    "tune_malloc",
]


def __getattr__(name: str) -> Any:
    if name == "plots":
        return import_module("scopf.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'scopf' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ImportError as error:
        from scopf.errors import installation, out_of_memory

        if out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise installation(error) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    ours = {*globals(), *_HOME, "plots"}
    return sorted(ours - {"Any", "TYPE_CHECKING", "annotations", "import_module"})
