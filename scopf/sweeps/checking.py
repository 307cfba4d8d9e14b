"""Exact checks of the scenarios of a sweep: settings, and the columns that they give.

`stable` has three values: True, False, and missing where a check is undecided or could not be made,
which `verdict` explains; of a scenario without a solution all of them are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.dynamics.damping import below
from scopf.errors import ScopfError, out_of_memory
from scopf.procedures.solver import solve
from scopf.results.checks import of_result

if TYPE_CHECKING:
    import pandas as pd

    from scopf.dynamics.verified import Verification
    from scopf.model.problem import Problem
    from scopf.optimizer.status import Iterate
    from scopf.optimizer.strategy import Start
    from scopf.results.checks import Check
    from scopf.results.solution import Solution
    from scopf.results.verified import VerifiedStates

COLUMNS = {
    "stable": "boolean", "damping": "float64", "least_damped_hz": "float64", "damped": "boolean",
    "certified": "bool", "droop_margin_used": "float64", "verdict": "object",
}  # fmt: skip
LONGEST = 10_000  # characters of a verdict that are kept


@dataclass(frozen=True)
class Checking:
    """Settings of the exact checks.

    Attributes:
        verify: whether each solution is checked.
        certify: whether the droop margin is raised until it passes.
        how: keywords of `Solution.verify`.
    """

    verify: bool = False
    certify: bool = False
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table of scenarios."""
        if not (self.verify or self.certify):
            return ()
        left_out = set[str]() if self.certify else {"certified", "droop_margin_used"}
        left_out |= set() if self.how.get("min_damping") else {"damped"}
        return tuple(name for name in COLUMNS if name not in left_out)

    def solved(
        self, problem: Problem, start: Start | Iterate, solving: Mapping[str, Any]
    ) -> tuple[Solution, str]:
        """The solution of a problem, certified if that is asked for; and why it is not checked.

        Args:
            problem: to solve.
            start: point.
            solving: further keywords of `solve`.
        """
        if self.certify:
            try:
                return solve(problem, start=start, certify=self._keywords, **solving), ""
            except Exception as error:  # of a check the scenario is not lost, of a solve it will be
                return solve(problem, start=start, **solving), _text(error)
        return solve(problem, start=start, **solving), ""

    @property
    def _keywords(self) -> dict[str, Any]:
        """A proof beside the eigenvalues takes longer than all else, and changes no verdict."""
        return {"proof": False, **self.how}

    def row(self, solution: Solution, broken: str = "") -> dict[str, Any]:
        """Values of the columns, of a solution.

        Args:
            solution: of the scenario.
            broken: why it could not be certified.
        """
        found: dict[str, Any] = {}
        if self.certify:
            found["certified"] = solution.certified is True
        if not (self.verify or self.certify) or not solution.solved:
            return found
        if broken:
            return {**found, "verdict": f"not checked: {broken}"[:LONGEST]}
        exact: Verification | VerifiedStates | Check
        try:
            if self.certify:
                exact = of_result(solution.checks, solution.cost)
                found["droop_margin_used"] = exact.droop_margin
            elif solution.several:
                exact = solution.verify_states(**self._keywords)
            else:
                exact = solution.verify(**self._keywords)
        except Exception as error:  # the scenario itself is not lost
            return {**found, "verdict": f"not checked: {_text(error)}"[:LONGEST]}
        damping, hz = exact.damping, exact.least_damped_hz
        found |= {"stable": exact.stable, "verdict": exact.verdict[:LONGEST]}
        found |= {"damping": None if np.isnan(damping) else damping}
        found |= {"least_damped_hz": None if np.isnan(hz) else hz}
        return found | ({"damped": exact.damped} if self.how.get("min_damping") else {})


def _text(error: Exception) -> str:
    """An error in words."""
    if isinstance(error, ScopfError):
        return str(error)
    return out_of_memory(error) or f"{type(error).__name__}: {error}"


def about(scenarios: pd.DataFrame, where: Callable[[int], str], asked: float = 0.0) -> list[str]:
    """Sentences on how many scenarios are stable, damped and certified; none without checks.

    Args:
        scenarios: the table of scenarios.
        where: function that gives the scenario in a row in words, as the end of a sentence.
        asked: damping ratio that was asked for; 0 for none.
    """
    if "stable" not in scenarios:
        return []
    solved = scenarios.loc[scenarios["solved"]]
    if solved.empty:
        return ["No scenario was checked: none has a solution."]
    count, stable = len(solved), int(solved["stable"].fillna(value=False).sum())
    are, open_ = "is" if stable == 1 else "are", int(solved["stable"].isna().sum())
    text = f"{stable} of {count} solved scenarios {are} stable"
    text += f", {open_} undecided" if open_ else ""
    if asked and "damped" in solved:
        damped = int(solved["damped"].fillna(value=False).sum())
        text += f", {damped} with a damping ratio of {asked:g} or more"
    if "certified" in solved:
        text += f"; {int(solved['certified'].sum())} certified"
    damping = scenarios["damping"].to_numpy(dtype=np.float64)
    if np.isnan(damping).all():
        return [f"{text}."]
    row = int(np.nanargmin(damping))
    hz = scenarios["least_damped_hz"].iloc[row]
    return [
        f"{text}; the least damping ratio is {below(damping[row], asked)} at {hz:.3g} Hz"
        f"{where(row)}."
    ]


def asked_damping(manifest: Mapping[str, Any]) -> float:
    """The damping ratio that a sweep asked for; 0 for none."""
    settings = (manifest.get("spec") or {}).get("settings") or {}
    given = [settings.get(name) or {} for name in ("verify", "certify")]
    return max((one.get("min_damping") or 0.0 for one in given), default=0.0)
