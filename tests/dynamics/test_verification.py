"""Verification of operating points: the exact condition, eigenvalues, published limits, the CLI."""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.dynamics.dae import System
from scopf.dynamics.energy import hessian
from scopf.dynamics.loads import Loads
from scopf.dynamics.verification import verify
from scopf.network.susceptances import Grid
from tests.small_networks import balanced, network, random_network


def solved(case, *, lossless=False, **droops):
    net = scopf.load_case(case)
    net = net.lossless() if lossless else net
    inv = scopf.Inverters.at_generators(net, **droops)
    return scopf.solve(scopf.build(net, inv, criterion="none"))


@pytest.fixture(scope="module")
def lossless_39():
    return solved("case39", lossless=True, mq=0.34)


def dense_counts(net, inv, vm, va, n_q):
    """Negative eigenvalues of H without the common angle, and of its part at load buses."""
    n, at = len(vm), net.bus_positions(inv.bus)
    stiffness = np.zeros(n)
    stiffness[at] = 1 / inv.k
    h = hessian(Grid.full(net), vm, va, stiffness, n_q * net.bus.qd / vm).toarray()
    rest = np.setdiff1d(np.arange(n), at)
    loads = np.concatenate([rest, n + rest])
    parts = h[1:, 1:], h[np.ix_(loads, loads)]
    return [int((np.linalg.eigvalsh(part) < 0).sum()) for part in parts]


def test_h_counts_the_growing_modes_of_lossless_networks_whatever_m_p_and_the_filters_are():
    rng, unstable, past = np.random.default_rng(1), 0, 0
    for trial in range(300):
        net, inv, vm, va = random_network(rng, everywhere=trial % 2 == 0)
        n_q = float(rng.choice([0.0, 2.0]))
        found = verify(net, inv, vm, va, load=(0, n_q))
        negative, at_loads = dense_counts(net, inv, vm, va, n_q)
        assert found.lossless
        assert (found.negative, found.past_nose) == (negative, at_loads)
        assert found.unstable == negative - at_loads
        assert found.stable == (negative == 0)
        unstable, past = unstable + (found.unstable > 0), past + (at_loads > 0)
    assert unstable > 30
    assert past > 10


def test_with_losses_or_active_load_that_follows_the_voltage_there_is_no_exact_condition():
    net, inv, vm, va = random_network(np.random.default_rng(0))
    assert verify(net, inv, vm, va).negative is not None
    for other, load in (
        (net.replace(branch={"r": net.branch.x * 0.01}), "power"),
        (net.replace(bus={"gs": 0.01 + 0 * vm}), "power"),
        (net, "impedance"),
    ):
        found = verify(balanced(other, inv, vm, va), inv, vm, va, load=load)
        assert not found.lossless
        assert found.negative is None
        assert found.stable == (found.unstable == 0 and not found.past_nose)


def test_the_critical_droop_of_the_lossless_39_bus_system(lossless_39):
    """Published .1854 for the criterion; the exact limit at the same kind of point is .3303.

    The point lies within a flat face of optima, so the fourth digit is the solver's.
    """
    found = lossless_39.verify()
    assert found.critical_mq == pytest.approx(0.3302, abs=2e-4)
    assert (found.stable, found.negative, found.unstable) == (False, 1, 1)
    assert found.largest_participation == 39
    limit = found.critical_mq
    for factor, stable in ((0.999, True), (1.001, False)):
        inv = found.system.inverters.replace(mq=np.full(10, factor * limit))
        args = lossless_39.net, inv, lossless_39.point.vm, lossless_39.point.va
        assert verify(*args).stable == stable
    slow = found.system.inverters.replace(mp=np.full(10, 1.0), tau_q=np.full(10, 3.0))
    assert verify(*args[:1], slow, *args[2:]).critical_mq == pytest.approx(limit, rel=1e-8)
    for load in ("impedance", "current"):
        assert lossless_39.verify(load=load).stable
    assert lossless_39.verify(load="impedance").critical_mq == np.inf


def test_the_critical_droop_of_the_39_bus_system_with_losses():
    """At the power flow that the case carries: .2049, .2041 without the conductance."""
    net = scopf.load_case("case39")
    inv = scopf.Inverters.at_generators(net)
    args = inv, net.bus.vm, net.bus.va
    found = verify(net, *args)
    assert found.negative is None
    assert found.critical_mq == pytest.approx(0.2049, abs=5e-5)
    r, x = net.branch.r, net.branch.x
    without = net.replace(branch={"r": 0 * r, "x": (r**2 + x**2) / x})
    assert verify(balanced(without, *args), *args).critical_mq == pytest.approx(0.2041, abs=5e-5)
    fast = inv.replace(mp=np.full(10, 0.5))
    assert verify(net, fast, *args[1:]).critical_mq == pytest.approx(0.2049, abs=2e-4)


def test_droops_that_differ_have_a_critical_factor_and_no_critical_mq(lossless_39):
    """Both of a factor below one and of one above; the units of a bus count one by one."""
    net, point = lossless_39.net, lossless_39.point
    inv = lossless_39.inverter_data
    for scale in (0.2, 1.0, 3.0):
        mq = scale * np.linspace(0.2, 0.5, 10)
        found = verify(net, inv.replace(mq=mq), point.vm, point.va)
        factor = found.critical_factor
        assert found.stable == (factor > 1)
        assert np.isnan(found.critical_mq)
        for share, stable in ((0.999, True), (1.001, False)):
            other = inv.replace(mq=mq * factor * share)
            assert verify(net, other, point.vm, point.va).stable is stable
        assert f"critical factor on the droops at this point: {factor:.6g}" in str(found)
        assert "critical m_q" not in str(found)
        assert found.as_dict()["critical_mq"] is None
        assert found.largest_factor(1.0) == (np.inf if found.stable else pytest.approx(factor))
    uniform = lossless_39.verify()
    assert uniform.critical_mq == pytest.approx(0.34 * uniform.critical_factor)
    assert lossless_39.verify(load="impedance").critical_factor == np.inf
    rows = np.repeat(np.arange(10), 1 + (net.gen.bus == 32))
    two = net.replace(gen=net.gen.take(rows).replace(id=1 + np.arange(11)))
    for mq, same in ((0.3, True), (dict.fromkeys(net.gen.bus.tolist(), 0.3), False)):
        inverters = scopf.Inverters.at_generators(two, mq=mq)
        found = verify(two, inverters, point.vm, point.va)
        assert np.isfinite(found.critical_mq) == same
        assert np.isfinite(found.critical_factor)


def test_the_critical_droop_by_search_is_that_by_lapack():
    net, inv, vm, va = random_network(np.random.default_rng(12), losses=0.1)
    args = net, inv, vm, va
    one, other = (verify(*args, method=how).critical_factor for how in ("dense", "arnoldi"))
    assert 0 < one < np.inf
    assert other == pytest.approx(one, rel=1e-5)


def test_a_solution_is_verified_with_its_own_scenario():
    net = scopf.load_case("case39")
    inv = scopf.Inverters.at_generators(net, mq=0.1)
    problem = scopf.build(net, inv, alpha=1.2).update(load_scale=0.9)
    solution = scopf.solve(problem)
    problem.update(alpha=0.5, load_scale=1.0, mq=3)
    found = solution.verify(frequency=50)
    system = found.system
    assert system.net.branch.x == pytest.approx(net.branch.x / 1.2)
    assert system.inverters.mq.tolist() == [0.1] * 10
    assert system.speed == pytest.approx(100 * np.pi)
    power, _ = system.output  # what generators put out, so the operating point is one
    of_gens = np.bincount(net.gen_at, solution.point.pg, minlength=39)
    assert power == pytest.approx(of_gens, abs=1e-5)


def test_tables_and_text_name_modes_and_inverters(lossless_39):
    found = lossless_39.verify(modes=4)
    modes, shares = found.modes, found.participation
    assert modes["mode"].tolist() == [1, 2, 3, 4]
    assert (modes["real"].diff().dropna() <= 0).all()
    size = np.hypot(modes["real"], modes["imag"])
    assert modes["damping"].to_numpy() == pytest.approx(-modes["real"] / size)
    assert modes["frequency_hz"].to_numpy() == pytest.approx(modes["imag"] / (2 * np.pi))
    assert shares.groupby("mode")["share"].sum().tolist() == pytest.approx([1.0] * 4)
    first = shares.groupby("mode").first()
    assert first["bus"].tolist() == modes["bus"].tolist()
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    for part in ("not stable: 1 growing mode", "1 negative", "Inverter 39 has the largest share"):
        assert part in text
    assert "critical" not in text
    assert f"critical m_q at this point: {found.critical_mq:.6g}" in found.text()
    assert f"the droops at this point: {found.critical_factor:.6g}" in found.text()
    json.dumps(found.as_dict(), allow_nan=False)


def at_an_angle(angle, gens=(1,), r=0.0):
    """A line to a load of hardly any reactive power; beyond 45 degrees it is past the nose."""
    net = network(2, [(1, 2, r, 1.0)], list(gens), loads={2: 0.5})
    inv = scopf.Inverters.at_generators(net, buses=[1])
    point = np.array([1.0, np.cos(angle)]), np.array([0.0, -angle])
    return verify(balanced(net, inv, *point), inv, *point)


def test_loads_at_and_past_the_nose_are_reported_as_not_stable():
    assert at_an_angle(0.7).stable
    nose = at_an_angle(np.pi / 4)
    assert not nose.stable
    assert (nose.unstable, nose.method, nose.critical_mq) == (None, None, 0)
    assert nose.largest_participation is None
    assert "at bus 2" in nose.verdict
    assert nose.modes.empty
    assert nose.participation.empty
    json.dumps(nose.as_dict(), allow_nan=False)
    for r in (0.0, 1e-4):
        beyond = at_an_angle(0.9, r=r)
        assert (beyond.stable, beyond.past_nose, beyond.critical_mq) == (False, 1, 0)
        assert "past the nose" in str(beyond)
    # A generator that is no inverter holds no voltage: its constant powers change nothing.
    assert at_an_angle(0.9, gens=(1, 2)).past_nose == 1


def test_several_units_per_bus_and_a_subset_of_buses():
    solution = solved("case118", mq=0.05)
    net, point = solution.net, solution.point
    some = scopf.Inverters.at_generators(net, buses=[10, 25, 69])
    found = verify(net, some, point.vm, point.va)
    assert found.system.states == 8
    assert set(found.participation["bus"]) == {10, 25, 69}
    single = scopf.load_case("case9")
    twice = single.replace(gen=single.gen.take(np.ones(3, dtype=bool)))
    assert verify(
        twice, scopf.Inverters.at_generators(twice, buses=[2]), twice.bus.vm, twice.bus.va
    )


def test_what_cannot_be_verified_is_refused():
    net = scopf.load_case("case9")
    failed = scopf.solve(scopf.build(net.scaled(load=9)))
    with pytest.raises(scopf.ScopfError, match="no operating point"):
        failed.verify()
    solution = solved("case9")
    for arguments, said in (
        ({"load": "motor"}, "power, current, impedance"),
        ({"frequency": -50}, "frequency"),
        ({"modes": 0}, "modes"),
        ({"method": "qr"}, "auto, dense, arnoldi"),
    ):
        with pytest.raises(scopf.ScopfError, match=said):
            solution.verify(**arguments)
    with pytest.raises(scopf.ScopfError, match="9 buses"):
        verify(net, solution.inverter_data, np.ones(3), np.zeros(3))


def run(arguments):
    return CliRunner().invoke(app, arguments.split(), env={"COLUMNS": "1000", "NO_COLOR": "1"})


def test_the_command_solves_and_verifies():
    good = run("verify case39 --lossless --mq 0.2 --modes 3 --critical")
    assert good.exit_code == 0, good.output
    assert "stable: the rightmost decays" in good.stdout
    assert re.search(r"critical m_q at this point: 0\.3\d+", good.stdout)
    assert re.search(r"critical factor on the droops at this point: 1\.\d+", good.stdout)
    assert good.stdout.splitlines()[-1].split()[0] == "3"
    bad = run("verify case39 --lossless --mq 0.34 --criterion none --json")
    assert bad.exit_code == 1
    found = json.loads(bad.stdout)
    assert (found["stable"], found["solved"], found["largest_participation"]) == (False, True, 39)
    assert found["settings"]["mq"] == 0.34
    assert len(found["modes"]) == 10
    assert run("verify case39 --lossless --mq 0.34 --criterion none --load 0,2").exit_code == 0
    stuck = run("verify case9 --load-scale 9")
    assert stuck.exit_code == 1
    assert "nothing to verify" in stuck.stdout
    assert json.loads(run("verify case9 --load-scale 9 --json").stdout)["stable"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("verify case_39", "did you mean case39"),
        ("verify case9 --load motor", "load is power"),
        ("verify case9 --frequency 0", "frequency"),
        ("verify case9 --modes 0", "--modes"),
        ("verify case9 --method qr", "method is"),
        ("verify case9 --out here", "out"),
        ("verify", "(?i)missing argument"),
    ],
)
def test_bad_input_of_the_command_is_refused(arguments, said):
    result = run(arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.search(said, result.stderr)


def test_the_command_has_the_options_of_solve_and_says_something_about_each():
    import typer

    commands = typer.main.get_command(app).commands
    of_solve = {parameter.name for parameter in commands["solve"].params}
    own = {parameter.name for parameter in commands["verify"].params}
    assert own - of_solve == {"modes", "method", "critical", "proof"}
    assert own & of_solve >= {"load", "frequency", "min_damping", "certify"}
    assert of_solve - own == {"out", "save", "explain", "plot"}
    shown = run("verify --help").stdout
    for parameter in commands["verify"].params:
        if parameter.name != "case":
            (option,) = [name for name in parameter.opts if name.startswith("--")]
            assert re.search(rf"^\s*(-\w, )?{option}\b.*\s{{2,}}\w", shown, re.M), option


@pytest.mark.parametrize("lossless", [True, False])
def test_a_series_capacitor_between_lines_is_not_a_load_past_its_nose(lossless):
    """The 300-bus case has one; with its star point the part without inverters is indefinite."""
    net = scopf.load_case("case300")
    if lossless:  # charging and capacitors are needed there
        net = net.lossless(charging=True)
    assert (net.branch.x < 0).any()
    inverters = scopf.Inverters.at_generators(net, mq=0.001, mp=0.001)
    found = scopf.solve(scopf.build(net, inverters, criterion="none")).verify()
    assert found.past_nose == 0
    assert found.negative == (0 if lossless else None)
    assert found.stable == (found.unstable == 0)
    if lossless:
        assert found.stable


@pytest.mark.parametrize("r", [0.0, 1e-4, 0.02])
def test_two_loads_past_the_nose_do_not_cancel(r):
    """Two radial feeders, both loads on the low-voltage branch: the determinant is positive."""
    net = network(3, [(1, 2, r, 1.0), (1, 3, r, 1.0)], [1], loads={2: 0.19, 3: 0.19})
    for low, high, past in ((0.1, 0.5, 2), (0.6, 1.0, 0)):
        held = net.replace(bus={"vmin": np.array([1, low, low]), "vmax": np.array([1, high, high])})
        inverters = scopf.Inverters.at_generators(held, mq=0.01)
        problem = scopf.build(held, inverters, criterion="none")
        solution = scopf.solve(problem, start="flat", certify=True)
        assert solution.solved
        assert solution.certified is (past == 0)
        found = solution.verify()
        assert (found.past_nose, found.stable) == (past, past == 0)


def loads_alone(net, inv, vm, va):
    """d(P, Q)/d(theta, ln V) of the buses that have a load and no inverter, dense."""
    system = System(net, inv, vm, va, Loads.of(net, vm, "power"))
    n, rest = len(vm), np.setdiff1d(system.rest, system.junctions)
    complete = system.balance.toarray() * np.r_[np.ones(n), vm]
    both = [np.concatenate([place, n + place]) for place in (rest, system.junctions)]
    own, across, back, inner = (complete[np.ix_(i, j)] for i in both for j in both)
    return own - across @ np.linalg.solve(inner, back)


def test_loads_past_the_nose_are_counted_on_random_networks_with_losses():
    rng, counts = np.random.default_rng(8), []
    for _ in range(300):
        net, inv, vm, va = random_network(rng, losses=float(rng.uniform(0, 1)))
        x = np.where(rng.random(len(net.branch)) < 0.1, -0.02, net.branch.x)
        net = balanced(net.replace(branch={"x": x}), inv, vm, va)
        values = np.linalg.eigvals(loads_alone(net, inv, vm, va))
        found = verify(net, inv, vm, va)
        counts.append(found.past_nose)
        assert found.past_nose == (values.real < 0).sum()
        assert not (found.stable and found.past_nose)
    assert min(counts) == 0
    assert {2, 3} <= set(counts)


def test_what_is_too_large_to_count_is_undecided(monkeypatch):
    monkeypatch.setattr("scopf.dynamics.inertia._DENSE", 0)
    low = at_an_angle(0.9, r=0.01)
    assert (low.stable, low.past_nose) == (None, None)
    assert low.verdict.startswith("undecided: whether the loads")
    assert np.isnan(low.critical_mq)
    assert at_an_angle(0.7, r=0.01).stable


# -- points without a verdict -----------------------------------------------


def undecided(check, bus):
    """The sentence of a check that has no verdict because power is missing at a bus."""
    assert check.stable is None
    assert f"power is missing at bus {bus}" in check.verdict
    assert (check.unstable, check.past_nose, check.largest_participation) == (None, None, None)
    assert np.isnan([check.critical_factor, check.critical_mq]).all()
    assert check.modes.empty
    found = json.loads(json.dumps(check.as_dict(), allow_nan=False))
    assert (found["stable"], found["critical_mq"]) == (None, None)
    assert "nan" not in str(check)
    return str(check)


@pytest.mark.parametrize("bus", [4, 30, 38])
def test_power_that_is_missing_at_any_bus_leaves_no_verdict(lossless_39, bus):
    net, point, inv = lossless_39.net, lossless_39.point, lossless_39.inverter_data
    shunt = net.replace(bus={"bs": np.where(net.bus.id == bus, 0.3, 0.0)})
    args, power = (inv, point.vm, point.va), (point.pg, point.qg)
    assert verify(net, *args, power=power).stable is False
    assert "a shunt" in undecided(verify(shunt, *args, power=power), bus)
    if bus == 4:
        undecided(verify(shunt, *args), bus)
    else:  # what the generator puts out is not known
        assert verify(shunt, *args).stable is not None
    with pytest.raises(scopf.ScopfError, match="of the 10 generators"):
        verify(net, *args, power=(point.pg, point.vm))


@pytest.mark.parametrize("bus", [4, 30, 38])
@pytest.mark.parametrize("criterion", ["weighted", "none"])
def test_a_device_that_the_network_does_not_have_is_never_certified(bus, criterion):
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    problem = scopf.build(net, inverters, criterion=criterion)
    row = problem.model.bus_balance_q[bus]
    row.set_value(row.body + 0.3 * problem.model.bus_vm[bus] ** 2 == row.upper)
    solution = scopf.solve(problem, certify=True)
    assert solution.solved
    undecided(solution.verify(), bus)
    assert solution.certified is False
    (check,) = solution.checks
    assert check.stable is None
    assert np.isnan(check.factor)
    assert "NOT passed" in str(solution)
    assert "undecided" in str(solution.diagnosis)


def test_a_device_without_power_at_the_optimum_leaves_no_verdict():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), criterion="none")
    held = float(scopf.solve(problem).point.vm[3])
    problem.model.bus_vm[4].fix(held)
    row = problem.model.bus_balance_q[4]
    row.set_value(row.body + 5 * (problem.model.bus_vm[4] - held) == row.upper)
    check = scopf.solve(problem).verify()
    assert check.stable is None
    assert "bus_balance_q was rewritten or switched off at bus 4" in check.verdict


def test_a_search_that_was_given_up_is_undecided(monkeypatch):
    monkeypatch.setattr("scopf.dynamics.modes._SQUARES", 0)
    solution = solved("case39", mq=0.1)
    check = solution.verify(method="arnoldi")
    assert check.stable is None
    assert 'use method="dense"' in check.verdict
    problem = solution.problem
    assert scopf.solve(problem, certify={"method": "arnoldi"}).certified is False
    bad = run("verify case39 --mq 0.1 --method arnoldi --json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["stable"] is None
    assert run("verify case39 --mq 0.1 --method arnoldi").exit_code == 1
    assert run("verify case39 --mq 0.1").exit_code == 0
