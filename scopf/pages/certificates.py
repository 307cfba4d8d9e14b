"""Table of all that is proven of a solution, by what, and under which assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scopf.errors import listing
from scopf.results.checks import of_result

if TYPE_CHECKING:
    from scopf.dynamics.verified import Verification
    from scopf.results.solution import Solution

HEAD = ("statement", "answer", "by", "assumptions")
_PROOFS = {
    "energy": "the energy function: its Hessian has no negative eigenvalue",
    "multipliers": "multipliers, for all frequencies",
}
_SHOWN = 30  # states

Row = tuple[str, str, str, str]


def rows(solution: Solution, checks: dict[str, Verification], labels: dict[str, str]) -> list[Row]:
    """Rows of the table; none for a plain OPF that was not verified.

    Args:
        solution: solved.
        checks: exact checks by state.
        labels: of states, by name.
    """
    found = [*_of_criterion(solution), *_of_certification(solution)]
    for name, check in list(checks.items())[:_SHOWN]:
        where = f" ({labels.get(name, name)})" if len(checks) > 1 else ""
        answer = {True: "yes", False: "no", None: "undecided"}[check.stable]
        assumed = [] if check.constant_power is None else [str(check.constant_power)]
        found.append(
            (f"every small disturbance decays{where}", f"{answer}: {check.verdict}",
             _by(check), "; ".join(["the equations of the devices, linearised here", *assumed]))
        )  # fmt: skip
    if len(checks) > _SHOWN:
        found.append((f"{len(checks) - _SHOWN} more states", "", "", ""))
    return found


def _of_criterion(solution: Solution) -> list[Row]:
    criterion = solution.problem.criterion
    if criterion.name == "none":
        return []
    claim, unmet = solution.claim, solution.unmet
    statement = f"points that keep the rows of {criterion.name}: {criterion.claim or 'stable'}"
    if criterion.claim is None:
        return [(statement, "not proven sufficient", criterion.source, criterion.conditions)]
    answer = "holds" if claim is not None else f"a heuristic here: {'; '.join(unmet)}"
    constant = solution.constant_power
    assumed = [criterion.conditions, *([] if constant is None else [str(constant)])]
    return [(statement, answer, criterion.source, "; ".join(filter(None, assumed)))]


def _of_certification(solution: Solution) -> list[Row]:
    if not solution.checks:
        return []
    own = of_result(solution.checks, solution.cost)
    answer = "passed" if solution.certified else f"not passed: {own.verdict}"
    tried = f"{len(solution.checks)} solves, droop margin {own.droop_margin:.2%}"
    proof = listing([_PROOFS[own.proof]] if own.proof else ["eigenvalues"])
    return [("certified by the exact check", answer, proof, tried)]


def _by(check: Verification) -> str:
    if check.proof:
        return _PROOFS[check.proof]
    if check.spectrum is None:
        return "no eigenvalues were computed"
    edge = check.spectrum.edge
    return (
        "all eigenvalues" if check.method == "dense" else f"eigenvalues right of {edge:.3g} rad/s"
    )
