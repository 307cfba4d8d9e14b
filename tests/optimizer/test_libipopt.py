"""Ipopt's C interface, which stands in for cyipopt, against cyipopt."""

import gc
import signal
import sys
import weakref

import numpy as np
import pytest

import scopf
from scopf.optimizer import interfaces, libipopt
from scopf.optimizer.status import Status

pytestmark = pytest.mark.core


@pytest.fixture
def without_cyipopt(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    assert interfaces.bound().problem is libipopt.Problem


class Parabola:
    """min (x - 3)^2 + (y - 1)^2 with x + y = 2: x = 2, y = 0, multiplier 2."""

    def objective(self, x):
        return (x[0] - 3) ** 2 + (x[1] - 1) ** 2

    def gradient(self, x):
        return np.array([2 * (x[0] - 3), 2 * (x[1] - 1)])

    def constraints(self, x):
        return np.array([x[0] + x[1]])

    def jacobian(self, x):
        return np.ones(2)

    def jacobianstructure(self):
        return np.array([0, 0]), np.array([0, 1])

    def hessian(self, x, multipliers, factor):
        return np.full(2, 2.0 * factor)

    def hessianstructure(self):
        return np.array([0, 1]), np.array([0, 1])


def problem(callbacks, lower=-10.0):
    bounds, side = np.full(2, 10.0), np.array([2.0])
    made = libipopt.Problem(2, 1, callbacks, np.full(2, lower), bounds, side, side)
    for name, value in {"print_level": 0, "sb": "yes", "tol": 1e-10}.items():
        made.add_option(name, value)
    return made


def test_a_known_optimum_and_its_multipliers():
    x, info = problem(Parabola()).solve(np.zeros(2))
    assert info["status"] == 0
    np.testing.assert_allclose(x, [2, 0], atol=1e-8)
    np.testing.assert_allclose(info["mult_g"], [2], atol=1e-8)
    np.testing.assert_allclose(info["g"], [2], atol=1e-8)
    assert info["obj_val"] == pytest.approx(2)


def test_the_multiplier_of_a_bound():
    x, info = problem(Parabola(), lower=0.5).solve(np.zeros(2))
    np.testing.assert_allclose(x, [1.5, 0.5], atol=1e-8)
    np.testing.assert_allclose(info["mult_x_L"], [0, 2], atol=1e-7)  # 2 (y - 1) + 3 = zl


@pytest.mark.parametrize("case", ["case9", "case118"])
def test_both_interfaces_end_at_the_same_bits(case, monkeypatch):
    pytest.importorskip("cyipopt")
    net = scopf.load_case(case)
    solved = scopf.solve(scopf.build(net, eta_q=0.5))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cyipopt", None)
        again = scopf.solve(scopf.build(net, eta_q=0.5))
    assert again.status is Status.OPTIMAL
    assert again.cost == solved.cost
    assert again.inverters.equals(solved.inverters)
    assert again.buses.equals(solved.buses)


@pytest.mark.usefixtures("without_cyipopt")
def test_a_warm_start_takes_the_multipliers():
    net = scopf.load_case("case39")
    prob = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.1))
    first = scopf.solve(prob)
    again = scopf.solve(prob.update(mq=0.101), start=first)
    assert again.status is Status.OPTIMAL
    assert again.iterations < first.iterations


@pytest.mark.parametrize(
    "name", ["objective", "gradient", "constraints", "jacobian", "hessian", "intermediate"]
)
def test_what_a_callback_raises_comes_out_of_solve(name):
    def broken(*_):
        raise ZeroDivisionError(name)

    callbacks = Parabola()
    setattr(callbacks, name, broken)
    with pytest.raises(ZeroDivisionError, match=name):
        problem(callbacks).solve(np.zeros(2))


def test_intermediate_ends_a_solve():
    callbacks = Parabola()
    callbacks.intermediate = lambda *_: False
    assert problem(callbacks).solve(np.zeros(2))[1]["status"] == 5


@pytest.mark.usefixtures("without_cyipopt")
def test_ctrl_c_ends_with_the_last_iterate():
    def press(iteration, *_):
        if iteration == 3:
            signal.raise_signal(signal.SIGINT)

    solution = scopf.solve(scopf.build(scopf.load_case("case118")), progress=press)
    assert solution.status is Status.INTERRUPTED
    assert solution.buses["vm"].notna().all()


@pytest.mark.usefixtures("without_cyipopt")
def test_what_ipopt_refuses_is_said():
    prob = scopf.build(scopf.load_case("case9"))
    with pytest.raises(scopf.ScopfError, match="no_such"):
        scopf.solve(prob, options={"no_such": 1})
    with pytest.raises(scopf.ScopfError, match="mu_strategy"):
        scopf.solve(prob, options={"mu_strategy": 7})


def test_memory_is_given_back_without_the_garbage_collector():
    gc.disable()
    try:
        made = problem(Parabola())
        made.solve(np.zeros(2))
        gone = weakref.ref(made)
        del made
        assert gone() is None
    finally:
        gc.enable()


def test_a_problem_is_solved_twice_and_after_an_exception():
    callbacks = Parabola()
    made = problem(callbacks)
    first, _ = made.solve(np.zeros(2))
    callbacks.gradient = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        made.solve(np.zeros(2))
    del callbacks.gradient
    again, info = made.solve(np.zeros(2))
    assert info["status"] == 0
    assert again.tolist() == first.tolist()


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="2 numbers"):
        problem(Parabola()).solve(np.zeros(3))


@pytest.mark.usefixtures("without_cyipopt")
def test_without_any_ipopt_the_sentence_says_what_to_install(monkeypatch):
    libipopt.load.cache_clear()
    monkeypatch.setattr(libipopt, "_files", list)
    with pytest.raises(ImportError, match=r"there is no Ipopt.*conda install"):
        scopf.solve(scopf.build(scopf.load_case("case9")))
