"""Stability of every operating state, against a Jacobian by finite differences."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import optimize
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.dynamics.verification import verify


@pytest.fixture(scope="module")
def solution():
    net = scopf.load_case("case39").lossless().scaled(load=0.9)
    inverters = scopf.Inverters.at_generators(net, mq=0.25)
    keywords = {"outages": [6, 13, "gen 8"], "emergency": 2.0}
    keywords |= {"voltage_band": 0.2, "frequency_band": 0.05, "criterion": "none"}
    return scopf.solve(scopf.build(net, inverters, **keywords))


def eigenvalues(net, inverters):
    """Of the droop equations with algebraic loads, by finite differences: no code of the package.

    Frequency and voltage of every inverter follow its filtered powers; the network is solved for
    the voltages of all other buses.
    """
    ybus = net.ybus().toarray()
    at = net.bus_positions(inverters.bus)
    rest = np.setdiff1d(np.arange(len(net.bus)), at)
    n, m = len(at), len(rest)
    v0 = net.bus.vm * np.exp(1j * net.bus.va)
    load = net.bus.pd + 1j * net.bus.qd
    others = np.zeros(len(net.bus), complex)
    mine = np.isin(net.gen.id, inverters.units.gen)
    np.add.at(others, net.gen_at[~mine], (net.gen.pg + 1j * net.gen.qg)[~mine])

    def out(theta, vm):
        v = np.array(v0)
        v[at] = vm * np.exp(1j * theta)

        def left(x):
            v[rest] = x[:m] * np.exp(1j * x[m:])
            missing = (v * (ybus @ v).conj() + load - others)[rest]
            return np.concatenate([missing.real, missing.imag])

        start = np.concatenate([np.abs(v0[rest]), np.angle(v0[rest])])
        found = optimize.fsolve(left, start, xtol=1e-13)
        v[rest] = found[:m] * np.exp(1j * found[m:])
        power = (v * (ybus @ v).conj() + load - others)[at]
        return power.real, power.imag

    tau_p, tau_q = inverters.tau_p, inverters.tau_q
    p0, q0 = out(np.angle(v0[at]), np.abs(v0[at]))

    def right(state):
        theta, w, vm = state[:n], state[n : 2 * n], state[2 * n :]
        p, q = out(theta, vm)
        base = 2 * np.pi * 60
        dw = (-w - inverters.mp * inverters.beta_p * (p - p0)) / tau_p
        dv = (-(vm - np.abs(v0[at])) - inverters.k * (q - q0)) / tau_q
        return np.concatenate([base * w, dw, dv])

    at_rest = np.concatenate([np.angle(v0[at]), np.zeros(n), np.abs(v0[at])])
    h, columns = 1e-6, []
    for k in range(3 * n):
        step = np.zeros(3 * n)
        step[k] = h
        columns.append((right(at_rest + step) - right(at_rest - step)) / (2 * h))
    return np.linalg.eigvals(np.array(columns).T)


@pytest.mark.parametrize("name", ["branch 6", "gen 8"])
def test_modes_after_an_outage_are_those_of_its_own_equations(solution, name):
    state, found = solution.state(name), solution.verify_states()
    check = found.checks[name]
    values = eigenvalues(state.net, state.inverters_of(solution.inverter_data))
    values = values[np.abs(values) > 1e-3]  # without the angle that all have in common
    reference = values[np.argmax(values.real)]
    assert check.modes.real[0] == pytest.approx(reference.real, rel=1e-4, abs=1e-4)


def test_all_states_have_a_row_and_the_worst_decides(solution):
    found = solution.verify_states()
    assert list(found.checks) == ["intact", "branch 6", "branch 13", "gen 8"]
    assert found.stable is True
    table = found.table.set_index("state")
    assert found.worst == table.real.idxmax()
    assert found.worst in found.verdict
    assert found.checks["intact"].modes.real[0] == solution.verify().modes.real[0]
    json.dumps(found.as_dict(), allow_nan=False)
    assert all(len(line) <= 80 for line in str(found).splitlines())


def test_one_unstable_state_is_enough():
    """Droops so soft that the intact network is unstable, and after the outage just not."""
    net = scopf.load_case("case39").lossless()
    net = net.replace(gen={"qmax": net.gen.qmax * 1.5, "qmin": net.gen.qmin - 2.0})
    inverters = scopf.Inverters.at_generators(net, mq=0.42)
    wide = {"emergency": 9.0, "voltage_band": 0.9, "frequency_band": 0.5}
    found = scopf.solve(scopf.build(net, inverters, criterion="none", outages=[6], **wide))
    verdict = found.verify_states()
    assert list(verdict.checks) == ["intact", "branch 6"]
    for name, check in verdict.checks.items():
        at = found.net if name == "intact" else found.state(name).net
        values = eigenvalues(at, found.inverter_data)
        assert check.stable == (values[np.abs(values) > 1e-3].real.max() < 0)
    assert verdict.stable is False
    assert verdict.worst == "intact"
    assert "unstable in 1 of 2 states: intact" in verdict.verdict
    assert verdict.largest_factor(1.0) < 1.0


def test_an_outage_that_no_dispatch_survives_is_left_out():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    found = scopf.solve(scopf.build(net, inverters, outages=[25, 13], emergency=1.2))
    verdict = found.verify_states()
    assert list(verdict.checks) == ["intact", "branch 13"]
    assert list(verdict.left_out) == ["branch 25"]
    with pytest.raises(scopf.ScopfError, match="no state"):
        found.verify_states(["branch 99"])


def test_a_screened_state_is_verified_where_the_grid_settles():
    net = scopf.load_case("case39").lossless().scaled(load=0.7)
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    lost = [1, 2, 4, 6, 9, 13, 15]
    found = scopf.solve(scopf.build(net, inverters, outages=lost, emergency=1.3))
    outside = [f"branch {k}" for k in lost if f"branch {k}" not in found.states]
    assert outside
    flow = scopf.power_flow(found, inverters, outages=[outside[0]])[0]
    state = found.state(outside[0])
    np.testing.assert_allclose(state.net.bus.vm, flow.buses.vm, atol=1e-8)
    check = found.verify_states([outside[0]]).checks[outside[0]]
    again = verify(state.net, inverters, state.net.bus.vm, state.net.bus.va)
    assert check.modes.real[0] == pytest.approx(again.modes.real[0], rel=1e-6)


def test_certify_looks_at_all_states():
    """Rows of the paper admit a point that is unstable after an outage; the margin excludes it."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    problem = scopf.build(net, inverters, outages=[6, 13], emergency=1.2)
    found = scopf.solve(problem, certify=True)
    assert found.certified is True
    assert found.checks[-1].verdict.startswith("stable in all 3 states")


def test_command_line():
    flags = "verify case39 --lossless --mq 0.1 --outages 6,13 --emergency 1.2 -q"
    done = CliRunner().invoke(app, flags.split())
    assert done.exit_code == 0, done.output
    assert "stable in all 3 states" in done.output
    done = CliRunner().invoke(app, [*flags.split(), "--json"])
    result = json.loads(done.output)
    assert result["stable"] is True
    assert [row["state"] for row in result["verified"]["states"]] == [
        "intact", "branch 6", "branch 13",
    ]  # fmt: skip


def test_the_network_of_a_state_balances_at_its_grid_strength():
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    problem = scopf.build(net, inverters, alpha=1.2, outages=[13], emergency=1.5)
    found = scopf.solve(problem, options={"tol": 1e-10})
    for solution in (found, dataclasses.replace(found, after=None)):  # in the model, and screened
        state = solution.state("branch 13")
        at = state.net
        v = at.bus.vm * np.exp(1j * at.bus.va)
        left = -v * (at.ybus() @ v).conj() - (at.bus.pd + 1j * at.bus.qd)
        np.add.at(left, at.gen_at, at.gen.pg + 1j * at.gen.qg)
        assert np.abs(left).max() < 1e-7
        np.testing.assert_allclose(state.branches.p_loss_mw.sum(), left_over(at), rtol=1e-7)


def left_over(net):
    """Generation less load and shunts, MW."""
    shunts = (net.bus.gs * net.bus.vm**2).sum()
    return (net.gen.pg.sum() - net.bus.pd.sum() - shunts) * net.base_mva
