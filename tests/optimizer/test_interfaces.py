"""The way to Ipopt: which one is taken, and what the result says of it."""

import sys

import cyipopt
import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.optimizer import interfaces, ipopt
from scopf.optimizer.status import Status
from scopf.results.export import as_dict


def problem(case="case9"):
    return scopf.build(scopf.load_case(case))


@pytest.mark.parametrize("interface", [None, "cyipopt", "library"])
def test_the_result_names_what_ran(interface):
    found = scopf.solve(problem(), interface=interface)
    version = ".".join(map(str, cyipopt.IPOPT_VERSION))
    way = "its C interface" if interface == "library" else f"cyipopt {cyipopt.__version__}"
    assert found.attempts[-1].solver == f"Ipopt {version} through {way}, mumps"
    assert found.attempts[-1].solver in str(found)
    assert as_dict(found)["attempts"][-1]["solver"] == found.attempts[-1].solver


def test_the_solver_is_kept_with_the_solution(tmp_path):
    found = scopf.solve(problem(), interface="library")
    found.save(tmp_path / "found.json")
    again = scopf.load_solution(tmp_path / "found.json")
    assert again.attempts[-1].solver == found.attempts[-1].solver != ""


def test_both_ways_take_the_same_steps():
    one, other = (scopf.solve(problem("case118"), interface=way) for way in ("cyipopt", "library"))
    np.testing.assert_array_equal(one.trace.to_numpy(), other.trace.to_numpy())
    assert one.cost == other.cost


def test_the_library_where_there_is_no_cyipopt(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    assert "through its C interface" in scopf.solve(problem()).attempts[-1].solver
    with pytest.raises(ImportError, match=r"cyipopt cannot be imported.*interface=\"library\""):
        scopf.solve(problem(), interface="cyipopt")


def test_the_library_on_the_command_line():
    words = ["solve", "case9", "--interface", "library"]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0
    assert "through its C interface, mumps" in run.stdout
    run = CliRunner().invoke(app, [*words[:-1], "libary"])
    assert run.exit_code == 2
    assert "did you mean library?" in run.stderr


def test_more_equations_than_variables_take_the_same_way():
    prob = problem()
    prob.model  # noqa: B018 - from now on it gets the values of solutions
    scopf.solve(prob)
    prob.model.gen_pg.fix()
    found = scopf.solve(prob, interface="library")
    assert "through its C interface" in found.attempts[-1].solver


class _WithoutMumps:
    """An Ipopt that was built without MUMPS."""

    def __init__(self, **problem):
        self._made = interfaces.bound().problem(**problem)

    def add_option(self, name, value):
        if "mumps" in name or (name, value) == ("linear_solver", "mumps"):
            raise TypeError(name)
        self._made.add_option(name, value)

    def solve(self, start, **multipliers):
        return self._made.solve(start, **multipliers)


def test_an_ipopt_without_mumps_takes_its_own_linear_solver(monkeypatch):
    binding = interfaces.Binding(_WithoutMumps, "Ipopt")
    monkeypatch.setattr(ipopt, "bound", lambda _=None: binding)
    found = scopf.solve(problem())
    assert found.status is Status.OPTIMAL
    assert found.attempts[-1].solver == "Ipopt"
