"""A linear solver that is not Ipopt's own: a user's library of HSL, here one that we compile."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import scopf

SOURCE = Path(__file__).with_name("ma27.c")


@pytest.fixture(scope="module")
def hsl(tmp_path_factory):
    """Path of a library with MA27 in it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("hsl") / "libhsl.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-w", "-o", library, SOURCE, "-lm"]
    subprocess.run(command, check=True)
    return str(library)


@pytest.mark.parametrize("interface", ["cyipopt", "library"])
@pytest.mark.parametrize("case", ["case9", "case30"])
def test_the_optimum_is_the_same(hsl, interface, case):
    problem = scopf.build(scopf.load_case(case))
    options = {"linear_solver": "ma27", "hsllib": hsl}
    found = scopf.solve(problem, interface=interface, options=options)
    expected = scopf.solve(problem)
    assert found.attempts[-1].solver.endswith(", ma27")
    assert expected.attempts[-1].solver.endswith(", mumps")
    assert found.cost == pytest.approx(expected.cost, rel=1e-8)
    np.testing.assert_allclose(found.buses["vm"], expected.buses["vm"], atol=1e-5)


def test_a_solver_that_the_library_does_not_have(hsl):
    problem = scopf.build(scopf.load_case("case9"))
    with pytest.raises(scopf.ScopfError, match=r"ma57 is in a library.*the option hsllib"):
        scopf.solve(problem, options={"linear_solver": "ma57", "hsllib": hsl})
