"""A first solve imports what it needs: Pyomo and pandas come with the model and with tables."""

import subprocess
import sys
from pathlib import Path

SOLVED = """
import sys
import scopf

def loaded():
    heavy = ("pyomo", "pandas", "scipy.stats", "networkx", "matplotlib")
    return {name for name in heavy if name in sys.modules}

for criterion in CRITERIA:
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, criterion=criterion, eta_q=0.1)
    solution = scopf.solve(problem)
    assert solution.solved
    assert loaded() == set(), (criterion, loaded())
"""
TABLE = """
assert len(solution.buses) == 39
assert loaded() == {"pandas"}, loaded()
"""
MODEL = """
assert 0.9 < problem.model.bus_vm[39].value < 1.1
assert "pyomo" in loaded()
problem.model.bus_vm[39].setub(1.0)
assert scopf.solve(problem).solved and problem.model.bus_vm[39].value < 1.0 + 1e-6
"""


def run(*criteria, then=""):
    root = Path(__file__).parents[1]
    code = SOLVED.replace("CRITERIA", repr(criteria)) + then
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_solve_imports_neither_pyomo_nor_pandas():
    run("none", "voltage-difference", "weighted", "lossy", "C1")


def test_a_table_brings_pandas_and_the_model_brings_pyomo():
    run("voltage-difference", then=TABLE + MODEL)
