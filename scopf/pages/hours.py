"""What the page of a solution shows of its hours: dispatch, storage and prices over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scopf.pages import figure as f
from scopf.plots import hour_content
from scopf.plots.hour_content import OTHERS, STORAGE
from scopf.sweeps.analysis.units import per

if TYPE_CHECKING:
    from scopf.results.solution import Solution


def data(solution: Solution) -> dict[str, Any]:
    """Curves over the hours for the script of the page; {} of a single hour."""
    if solution.problem.horizon is None:
        return {}
    content = hour_content.of(solution, "hours")
    mean, low, high = (f.numbers(values.tolist(), 6) for values in content.lmp)
    return {
        "names": [*content.names],
        "edges": f.numbers(content.edges.tolist(), 8),
        "generation": [
            {"name": name, "kind": name if name in (OTHERS, STORAGE) else "gen",
             "values": f.numbers(power.tolist(), 6)}
            for name, power in content.generation.items()
        ],
        "load": f.numbers(content.load.tolist(), 6),
        "energy": [
            {"name": name, "values": f.numbers(energy.tolist(), 6)}
            for name, energy in content.energy.items()
        ],
        "lmp": mean, "low": low, "high": high,
        "nssp": f.numbers(content.nssp.tolist(), 6) if content.stable else None,
        "unit": per(solution.problem.criterion.nssp_unit),
        "named": [*content.named],
    }  # fmt: skip
