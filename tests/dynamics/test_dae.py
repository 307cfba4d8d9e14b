"""The equations of the dynamics against finite differences, hand calculations and simulation."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.optimize import root

import scopf
from scopf.dynamics import modes
from scopf.dynamics.dae import SingularError, System
from scopf.dynamics.inertia import left_eigenvalues, negatives, schur_complement
from scopf.dynamics.loads import Loads, exponents
from tests.small_networks import network, random_network


def system(net, inv, vm, va, load="power"):
    return System(net, inv, vm, va, Loads.of(net, vm, load))


def stored(case, load="power", buses=None, **droops):
    """A case at the operating point that it carries."""
    net = scopf.load_case(case).energized()
    inv = scopf.Inverters.at_generators(net, buses=buses, **droops)
    return system(net, inv, net.bus.vm, net.bus.va, load)


def shifted(load):
    """Losses, phase shifters, shunts, charging, inverters at some buses."""
    net, inv, vm, va = random_network(np.random.default_rng(5), losses=0.4)
    shunts = {"gs": np.linspace(0.1, 0.3, len(vm))}
    return system(net.replace(bus=shunts), inv, vm, va, load)


MIXED = {4: "impedance", 7: (1.5, 0.3)}
LOADS = ["power", "current", "impedance", 1.4, (0.7, 2.5)]
SYSTEMS = [(case, load) for case in ("case39", "case30", "shifted") for load in LOADS]


@pytest.mark.parametrize(("case", "load"), [*SYSTEMS, ("case39", MIXED)])
def test_the_matrix_is_the_derivative_of_the_equations(case, load):
    s = shifted(load) if case == "shifted" else stored(case, load, mq=0.13, beta_p=1.7)
    x, matrix = s.equilibrium, s.matrix.toarray()
    assert abs(s.rates(x)).max() < 1e-12
    assert matrix.shape == (len(x), len(x))
    for column in range(len(x)):
        step = 1e-6 * np.eye(len(x))[column]
        difference = (s.rates(x + step) - s.rates(x - step)) / 2e-6
        assert matrix[:, column] == pytest.approx(difference, rel=1e-5, abs=2e-4), column


def test_the_output_of_an_inverter_is_injection_plus_load():
    """With a constant-impedance load at its own bus an inverter sees it as a shunt there."""
    lines, vm, va = [(1, 2, 0.02, 0.1), (2, 3, 0.01, 0.2)], np.array([1, 0.98, 1.01]), np.zeros(3)
    load = 0.5 + 0.2j
    with_load = network(3, lines, [1, 3], loads={1: load, 2: load})
    with_shunt = network(
        3, lines, [1, 3], shunts={1: load.conjugate(), 2: load.conjugate() / 0.98**2}
    )
    one, other = (
        system(net, scopf.Inverters.at_generators(net), vm, va, "impedance")
        for net in (with_load, with_shunt)
    )
    assert one.matrix.toarray() == pytest.approx(other.matrix.toarray(), abs=1e-10)


def test_loads_by_bus_leave_the_others_at_constant_power():
    net = scopf.load_case("case39")
    n_p, n_q = exponents(net, MIXED)
    at = net.bus_positions([4, 7])
    assert n_p[at].tolist() == [2, 1.5]
    assert n_q[at].tolist() == [2, 0.3]
    assert n_p.sum() == 3.5


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("motor", "power, current, impedance"),
        ((1, 2, 3), "two numbers"),
        (float("nan"), "finite"),
        ({99: 1}, "no bus 99"),
        ({4: "motor"}, "motor"),
    ],
)
def test_a_load_model_that_is_none_is_refused(load, said):
    with pytest.raises(scopf.ScopfError, match=said):
        exponents(scopf.load_case("case39"), load)


def two_inverters():
    """A line of b = 5 without loads, both voltages 1: active and reactive power are decoupled."""
    net = network(2, [(1, 2, 0, 0.2)], [1, 2])
    inv = scopf.Inverters.at_generators(net, tau_p=0.1, tau_q=0.2)
    inv = inv.replace(mq=np.array([0.1, 0.3]), mp=np.array([0.2, 0.6]))
    return system(net, inv, np.ones(2), np.zeros(2))


def test_two_inverters_by_hand():
    """V: tau lambda = -1 and -1 - (k1 + k2) b; angles: tau l^2 + l + w_b (mp1 + mp2) b = 0.

    The shares are 1/k_i over their sum in the common mode of the voltages, k_i over their sum in
    their differential mode, and mp_i over their sum in the swing.
    """
    s = two_inverters()
    swing = -5 + 1j * np.sqrt(2 * np.pi * 60 * 0.8 * 5 / 0.1 - 25)
    shares = {-5: [0.75, 0.25], -15: [0.25, 0.75], swing: [0.25, 0.75]}
    found = modes.spectrum(s).values
    # The common mode of the frequencies is lambda = -1 / tau_p; 1 / mp_i over their sum.
    shares[-10] = [0.75, 0.25]
    assert sorted(found, key=abs) == pytest.approx(sorted(shares, key=abs))
    for value, expected in shares.items():
        assert modes.participation(s, value) == pytest.approx(expected, abs=1e-6)


def test_shares_are_those_of_absolute_angles_whichever_inverter_is_the_first():
    """Against the textbook: eigenvectors of the full matrix with all angles, its zero included."""
    s = stored("case39", mq=0.15)
    m = len(s.at)
    apply, _ = s.reduced_jacobian()
    j = np.stack([apply(column) for column in np.eye(2 * m)], axis=1)
    j[m:] *= s.vm[s.at][:, None]
    inv, eye, none = s.inverters, np.eye(m), np.zeros((m, m))
    full = np.block(
        [
            [none, s.speed * eye, none],
            [-j[:m, :m] * (inv.mp / inv.tau_p)[:, None], -np.diag(1 / inv.tau_p),
             -j[:m, m:] * (inv.mp / inv.tau_p)[:, None]],
            [-j[m:, :m] * (inv.k / inv.tau_q)[:, None], none,
             -np.diag(1 / inv.tau_q) - j[m:, m:] * (inv.k / inv.tau_q)[:, None]],
        ]
    )  # fmt: skip
    values, right = np.linalg.eig(full)
    left = np.linalg.inv(right)
    found = modes.spectrum(s).values
    for value in found[:12].tolist():
        k = np.argmin(abs(values - value))
        assert values[k] == pytest.approx(value, rel=1e-6)
        shares = abs(left[k] * right[:, k]).reshape(3, m).sum(axis=0)
        assert modes.participation(s, value) == pytest.approx(shares / shares.sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("case", "mq", "load"),
    [("case39", 0.3, "power"), ("case57", 0.05, "power"), ("case39", 1.5, (2, 0))],
)
def test_the_search_finds_what_lapack_finds(case, mq, load):
    s = stored(case, load, mq=mq)
    dense, searched = modes.spectrum(s, "dense"), modes.spectrum(s, "arnoldi")
    assert (dense.method, searched.method) == ("dense", "arnoldi")
    assert searched.edge == -1.0
    expected = dense.values[dense.values.real > searched.edge]
    found = searched.values[searched.values.real > searched.edge]
    assert found == pytest.approx(expected, rel=1e-6)
    assert searched.unstable == dense.unstable
    for value in searched.values[:20]:  # what is left of the edge is not complete, but right
        assert abs(dense.values - value).min() < 1e-5 * abs(value)


def test_the_search_finds_what_lapack_finds_in_random_networks():
    rng, growing, oscillating = np.random.default_rng(8), 0, 0
    for _ in range(40):
        net, inv, vm, va = random_network(rng, losses=rng.uniform(0, 1))
        s = system(net, inv.replace(tau_p=np.full(len(inv), 0.1)), vm, va, rng.uniform(0, 2))
        dense, searched = modes.spectrum(s, "dense"), modes.spectrum(s, "arnoldi")
        assert searched.unstable == dense.unstable
        expected = dense.values[dense.values.real > searched.edge]
        found = searched.values[searched.values.real > searched.edge]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
        growing += dense.unstable > 0
        oscillating += bool((dense.values[dense.values.real > 0].imag > 0).any())
    assert growing > 10
    assert oscillating > 0


def test_growing_modes_lie_within_the_bounds():
    rng, tight = np.random.default_rng(3), 0.0
    for _ in range(300):
        net, inv, vm, va = random_network(rng, losses=rng.uniform(0, 1.5))
        s = system(net, inv, vm, va, rng.uniform(0, 2))
        values = modes.spectrum(s, "dense").values
        growing = values[values.real > 0]
        if len(growing):
            top, right = modes._bounds(s, 0.0)
            assert growing.imag.max() <= top * (1 + 1e-9)
            assert (growing.real <= np.maximum(right, growing.imag) * (1 + 1e-9) + 1e-9).all()
            tight = max(tight, growing.imag.max() / top)
    assert tight > 0.2  # so a bound that is much too small would have been noticed


def simulated(s, start, until):
    """States over time of the nonlinear equations; the algebraic ones are solved at each step."""
    k = s.states
    guess = s.equilibrium[k:].copy()

    def rate(_, state):
        def mismatch(y):
            return s.rates(np.concatenate([state, y]))[k:]

        y = root(mismatch, guess, tol=1e-13).x if len(guess) else guess
        guess[:] = y
        return s.rates(np.concatenate([state, y]))[:k]

    return solve_ivp(rate, (0, until), start, method="BDF", rtol=1e-8, atol=1e-12).y[:, -1]


@pytest.mark.parametrize(("mq", "grows"), [(0.5, False), (2.5, True)])
def test_a_simulation_grows_or_decays_as_the_modes_say(mq, grows):
    """Nonlinear, with losses and load buses: a small push along a mode follows exp(lambda t)."""
    lines = [(1, 3, 0.01, 0.12, 0.05), (2, 3, 0.02, 0.2), (1, 2, 0.03, 0.3)]
    net = network(3, lines, [1, 2], loads={3: 1.2 + 0.7j})
    inv = scopf.Inverters.at_generators(net, mq=mq, mp=0.02)
    s = system(net, inv, np.array([1.0, 0.98, 0.88]), np.array([0.0, -0.02, -0.12]))
    values, vectors = np.linalg.eig(modes.state_matrix(s))
    k = np.argmax(values.real)
    rightmost = modes.spectrum(s).values[0]
    assert values[k].real + 1j * abs(values[k].imag) == pytest.approx(rightmost, rel=1e-6)
    assert (values[k].real > 0) == grows
    until = 1.0 / abs(values[k].real)
    push, start = 1e-5 * vectors[:, k], s.equilibrium[: s.states]
    after = simulated(s, start + push.real, until) - start
    expected = (push * np.exp(values[k] * until)).real
    assert after == pytest.approx(expected, rel=0.01, abs=0.01 * abs(expected).max())


def test_signs_of_symmetric_matrices_are_those_of_their_eigenvalues():
    rng = np.random.default_rng(2)
    for size in rng.integers(1, 40, 100).tolist():
        full = rng.standard_normal((size, size)) * (rng.random((size, size)) < 0.3)
        full = full + full.T + np.diag(rng.standard_normal(size))
        assert negatives(sparse.csc_array(full)) == (np.linalg.eigvalsh(full) < 0).sum()
    swap = sparse.csc_array(np.array([[0.0, 1], [1, 0]]))  # no pivot on the diagonal
    assert negatives(swap) == 1


def test_eigenvalues_on_the_left_are_counted_and_variables_eliminated():
    rng, counts = np.random.default_rng(4), set()
    for size in rng.integers(1, 12, 60).tolist():
        full = rng.standard_normal((size, size)) + rng.uniform(0, 4) * np.eye(size)
        places = rng.choice(size, int(rng.integers(0, size + 1)), replace=False)
        kept = np.setdiff1d(np.arange(size), places)
        left = schur_complement(sparse.csc_array(full), places)
        if len(kept):
            inverse = np.linalg.inv(full)[np.ix_(kept, kept)]
            assert left.toarray() @ inverse == pytest.approx(np.eye(len(kept)), abs=1e-8)
        count = left_eigenvalues(left)
        assert count == (np.linalg.eigvals(left.toarray()).real < 0).sum()
        counts.add(count)
    assert {0, 1, 2, 3} <= counts
    assert schur_complement(sparse.csc_array(np.ones((3, 3))), np.array([0, 1])) is None


def at_the_nose(angle):
    """A line of x = 1 to a load without reactive power; at 45 degrees it carries the most."""
    net = network(2, [(1, 2, 0, 1.0)], [1], loads={2: 0.5})
    inv = scopf.Inverters.at_generators(net)
    return system(net, inv, np.array([1.0, np.cos(angle)]), np.array([0.0, -angle]))


def test_a_load_at_the_nose_is_an_error_that_names_its_bus():
    with pytest.raises(SingularError, match="at bus 2 ") as caught:
        _ = at_the_nose(np.pi / 4).inner
    assert caught.value.bus == 2
    assert at_the_nose(0.7).inner is not None


def test_what_makes_no_dynamics_is_refused():
    s = two_inverters()
    with pytest.raises(scopf.ScopfError, match="no inverter"):
        dataclasses.replace(s, inverters=scopf.Inverters.at_generators(s.net, buses=[]))
    with pytest.raises(scopf.ScopfError, match="frequency must be positive"):
        dataclasses.replace(s, frequency=0)
    with pytest.raises(scopf.ScopfError, match="auto, dense, arnoldi"):
        modes.spectrum(s, "qr")


def test_one_inverter_has_two_states():
    net = network(2, [(1, 2, 0.01, 0.1)], [1], loads={2: 0.5 + 0.1j})
    s = system(net, scopf.Inverters.at_generators(net), np.array([1, 0.98]), np.array([0, -0.05]))
    assert s.states == 2
    assert modes.spectrum(s, "dense").values == pytest.approx(modes.spectrum(s, "arnoldi").values)
    assert modes.participation(s, modes.spectrum(s).values[0]) == pytest.approx([1.0])
