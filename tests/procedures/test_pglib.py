"""Published optima of PGLib-OPF v23.07 (IEEE PES Power Grid Library, CC BY 4.0; see tests/data)."""

from pathlib import Path

import pandas as pd
import pytest

import scopf

BASELINE = pd.read_csv(Path(__file__).parents[1] / "data" / "pglib_v23_07_baseline.csv").set_index(
    "case"
)


@pytest.mark.parametrize("case", BASELINE.index)
def test_optimum_agrees_with_the_published_one(case):
    problem = scopf.build(scopf.load_case(case), criterion="none")
    solution = scopf.solve(problem)
    assert solution.status == "optimal"
    assert solution.cost == pytest.approx(BASELINE.loc[case, "ac_cost_per_h"], rel=1e-4)


def test_every_bundled_pglib_case_is_tested():
    from scopf.cases import bundled

    assert {name for name in bundled.names() if name.startswith("pglib")} == set(BASELINE.index)
