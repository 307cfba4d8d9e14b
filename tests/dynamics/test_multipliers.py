"""The multiplier certificate: figures, what it refuses, and what it says."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.sparse import linalg
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.devices.gfl import Followers
from scopf.devices.machine import Machines
from scopf.devices.mixed import Devices
from scopf.dynamics import lmi, multipliers
from scopf.dynamics.island import Multipliers, islands, norm, positive
from scopf.dynamics.multipliers import ContradictionError, covered
from scopf.dynamics.swept import swept
from scopf.dynamics.verification import verify
from tests.small_networks import balanced, network, random_network


def verified_39(mq, mp=0.05, **how):
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=mq, mp=mp)
    return verify(net, inverters, net.bus.vm, net.bus.va, **how)


def oscillating(mq=0.048):
    """Two inverters, a line with r = x, m_p .5 and .1: an oscillation grows from m_q .0471 on."""
    net = network(2, [(1, 2, 0.05, 0.05, 0.0)], [1, 2])
    inverters = scopf.Inverters.at_generators(net).replace(
        mq=np.full(2, mq), mp=np.array([0.5, 0.1]), tau_p=np.full(2, 0.2), tau_q=np.full(2, 0.2)
    )
    return net, inverters, np.array([1.0, 0.95]), np.array([0.0, 0.1])


def lossy(rng, **changes):
    """A random network with losses, one tau_p, and droops that are rarely far from the limit."""
    net, inverters, vm, va = random_network(rng, losses=rng.uniform(0.3, 1.5))
    droop = np.exp(rng.uniform(np.log(0.02), 0.0))
    changes = {"tau_p": np.full(len(inverters), 0.1), "mq": droop * inverters.beta_q, **changes}
    inverters = inverters.replace(**changes)
    return balanced(net, inverters, vm, va), inverters, vm, va


@pytest.mark.parametrize("mp", [0.01, 0.05, 0.2])
def test_the_limits_of_the_39_bus_system_at_the_point_stored_in_the_case(mp):
    """Exact .2049 whatever m_p, multipliers .2048, the swept form .2045."""
    below, above = verified_39(0.2048, mp), verified_39(0.205, mp, proof=True)
    assert below.proof == "multipliers"
    assert below.certificate.intervals <= 7
    assert above.stable is False
    assert above.proof is None
    for mq, proven in ((0.2045, True), (0.2046, False)):
        (island,) = islands(verified_39(mq, mp, proof=False).system)
        assert (swept(island) is not None) == proven


def test_the_form_has_the_rates_of_the_dynamics_as_its_roots():
    """But for the common angle, whose rates are 0 (left out of the dynamics) and -1/tau_p."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        net, inverters, vm, va = lossy(rng)
        check = verify(net, inverters, vm, va, proof=False)
        (island,) = islands(check.system)
        values = check.spectrum.values
        every = np.r_[values, values[values.imag > 0].conj()]
        assert abs(every + 10).min() < 1e-6
        rates = np.delete(every, abs(every + 10).argmin())

        def ratio(frequency, island=island, rates=rates):
            form = island.basis.T @ (island.both[:, None] * island.matrix(frequency)) @ island.basis
            return np.linalg.det(form) / np.prod(1j * frequency - rates)

        assert ratio(7.0) == pytest.approx(ratio(0.5), rel=1e-7)


def test_unstable_points_are_never_proven_and_most_stable_ones_are():
    rng, count = np.random.default_rng(5), {True: 0, False: 0}
    proven = oscillations = 0
    while count[False] < 12:
        net, inverters, vm, va = lossy(rng)
        check = verify(net, inverters, vm, va, proof=True)  # raises if they do not agree
        count[check.stable] += 1
        proven += check.proof is not None
        oscillations += check.oscillates
        assert not (check.certificate.holds and (check.unstable or check.past_nose))
    assert proven > 0.7 * count[True] > 5
    assert oscillations > 1


def test_at_single_frequencies_an_unstable_network_has_multipliers_and_in_between_it_has_none():
    net, inverters, vm, va = oscillating()
    check = verify(net, inverters, vm, va)
    assert check.stable is False
    assert check.oscillates
    (island,) = islands(check.system)
    grid = np.linspace(0.0, island.last, 20)
    assert all(multipliers.multipliers(island, (frequency,)) for frequency in grid)
    assert covered(island) is None
    net, inverters, vm, va = oscillating(mq=0.046)
    assert verify(net, inverters, vm, va).proof == "multipliers"


def test_multipliers_hold_between_two_frequencies_and_lie_in_the_quadrant():
    (island,) = islands(verified_39(0.2, proof=False).system)
    found = multipliers.multipliers(island, (0.0, island.last))
    assert found.in_quadrant
    assert all(island.holds(w, found) for w in np.linspace(0, island.last, 30))
    assert multipliers.multipliers(island, (0.0,)).real
    turned = Multipliers(1j * found.z, found.p, found.q)
    assert not turned.in_quadrant
    beyond = Multipliers(-1j, -1j * island.pi, 0 * found.q)
    assert all(island.holds(w, beyond) for w in island.last * np.array([1, 1.5, 10, 1e4]))
    assert not island.holds(island.last / 2, beyond)


def test_what_rounding_could_have_made_positive_is_not_positive():
    assert positive(np.diag([1.0, 1e-14]), 0.0)
    assert not positive(np.diag([1.0, 1e-16]), 0.0)
    assert not positive(np.diag([1.0, 1e-14]), 1e3)
    assert not positive(np.diag([1.0, np.nan]), 1.0)
    assert not positive(np.array([[1.0, 2j], [-2j, 1.0]]), 0.0)
    assert not positive(np.diag([*np.ones(99), 1e-13]), 0.0)  # as large as errors of the factors


def test_a_norm_that_does_not_converge_is_computed_densely(monkeypatch):
    def never(*_, **__):
        raise linalg.ArpackNoConvergence("none", np.empty(0), np.empty(0))

    matrix = np.array([[0.0, 3.0], [-3.0, 0.0]])
    monkeypatch.setattr(linalg, "eigsh", never)
    monkeypatch.setattr("scopf.dynamics.island._DENSE", 1)
    assert norm(matrix) == pytest.approx(3.0)


def test_each_island_has_a_proof_of_its_own():
    lines = [(1, 2, 0.05, 0.1, 0.0), (3, 4, 0.02, 0.1, 0.0)]
    net = network(4, lines, [1, 2, 3], loads={1: 0.1, 4: 0.5 + 0.1j}).energized()
    inverters = scopf.Inverters.at_generators(net)
    vm, va = np.array([1.0, 1.0, 1.0, 0.97]), np.array([0.0, 0.1, 0.0, -0.05])
    inverters = inverters.replace(tau_p=np.array([0.1, 0.1, 0.3]))  # common in each island
    net = balanced(net, inverters, vm, va)
    check = verify(net, inverters, vm, va)
    assert [len(island) for island in islands(check.system)] == [2, 1]
    assert check.proof == "multipliers"
    assert check.certificate.intervals >= 2


def test_what_the_proof_lacks_is_a_sentence():
    rng = np.random.default_rng(5)
    net, inverters, vm, va = lossy(rng, mq=0.02)
    taus = np.linspace(0.1, 0.2, len(inverters))
    check = verify(net, inverters.replace(tau_p=taus), vm, va)
    assert check.stable
    assert check.proof is None
    first, last = inverters.bus[[0, -1]]
    said = f"no common tau_p (the proof needs one): 0.1 s at bus {first}, 0.2 s at bus {last}"
    assert said in check.certificate.reason
    assert said in str(check)
    assert check.as_dict()["proof"] is None
    assert said in check.as_dict()["no_proof"]
    assert verify(net, inverters, vm, va, proof=False).certificate is None
    with pytest.raises(scopf.ScopfError, match="proof is"):
        verify(net, inverters, vm, va, proof="multipliers")


def test_a_machine_has_no_proof_and_is_named():
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, buses=range(30, 39))
    gen = net.gen.id[net.gen.bus == 39]
    of = {"xd": 0.02, "xq": 0.019, "xd1": 0.006, "h": 500, "d": 2, "td0": 7}
    of |= {"ka": 0, "ta": 0, "r": 0.005, "tg": 0.5}
    columns = {key: np.array([1.0 * x]) for key, x in of.items()}
    machine = Machines(gen, np.array([39]), np.array(["one-axis"]), **columns)
    none = Devices.none().followers
    assert isinstance(none, Followers)
    check = verify(net, inverters, net.bus.vm, net.bus.va, Devices(machine, none))
    assert check.stable
    assert check.proof is None
    assert "machine at bus 39 is no grid-forming inverter" in str(check)
    assert verify(net, inverters, net.bus.vm, net.bus.va).proof == "multipliers"  # constant power


def test_without_losses_the_energy_is_the_proof():
    net = scopf.load_case("case39").lossless()
    found = scopf.solve(scopf.build(net, criterion="none", mq=0.2))
    assert found.verify(proof=True).certificate is None
    assert found.verify().as_dict()["proof"] == "energy"
    assert found.verify(load="impedance").proof == "multipliers"  # active loads follow the voltage
    assert scopf.solve(found.problem, certify=True).checks[0].proof == "energy"


def test_a_proof_that_contradicts_the_eigenvalues_is_an_error(monkeypatch):
    monkeypatch.setattr(multipliers, "covered", lambda island, free: 1)
    with pytest.raises(ContradictionError, match=r"2 eigenvalues .* report"):
        verify(*oscillating(), proof=True)


def test_a_proof_decides_where_the_search_for_modes_was_given_up(monkeypatch):
    monkeypatch.setattr("scopf.dynamics.modes._SQUARES", 0)
    assert verified_39(0.1, method="arnoldi").stable is None
    check = verified_39(0.1, method="arnoldi", proof=True)
    assert check.stable
    assert "proven" in check.verdict


def test_reported_by_certified_solves_and_on_the_command_line():
    net = scopf.load_case("case39")
    certified = scopf.solve(
        scopf.build(net, scopf.Inverters.at_generators(net, mq=0.15), criterion="none"),
        certify=True,
    )
    assert certified.checks[0].proof == "multipliers"
    assert "proven by multipliers" in str(certified)
    words = "verify case39 --mq 0.15 --criterion none"
    shown = CliRunner().invoke(app, words.split())
    assert "proven by multipliers: 1 interval of frequencies up to" in shown.stdout
    result = json.loads(CliRunner().invoke(app, f"{words} --no-proof --json".split()).stdout)
    assert result["stable"] is True
    assert result["proof"] is result["no_proof"] is None


def test_multipliers_count_only_where_they_hold_at_both_ends_and_lie_in_the_quadrant(monkeypatch):
    """The 39-bus system at m_q .2046, which the swept form does not prove."""
    (island,) = islands(verified_39(0.2046, proof=False).system)
    ends = 0.0, island.last
    assert covered(island)
    holds = type(island).holds
    monkeypatch.setattr(type(island), "holds", lambda *of: of[1] == 0.0 and holds(*of))
    assert lmi.multipliers(island, ends) is None
    monkeypatch.undo()

    def outside(given, frequencies):
        found = lmi.multipliers(given, frequencies)
        if found is None or len(frequencies) == 1:
            return found
        return dataclasses.replace(found, z=found.z.conjugate() + 1j)

    monkeypatch.setattr(multipliers, "multipliers", outside)
    assert covered(island) is None
