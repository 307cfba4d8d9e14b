"""Congested and small-angle networks solve from the default start, as well as in other ways."""

import math

import numpy as np
import pytest

import scopf
from benchmarks import hard, instances

CASES = ["case14", "case39", "case57", "case118", "case300"]


@pytest.fixture(scope="module")
def network():
    """A variant of a bundled case, made once."""
    made = {}

    def give(case, variant):
        if (case, variant) not in made:
            net = instances.typical(scopf.load_case(case).energized())
            if variant == "api":
                net, _ = instances.heavily_loaded(net)
            elif variant == "sad":
                net, _ = instances.small_angles(net)
            made[case, variant] = net
        return made[case, variant]

    return give


def solve(net, **keywords):
    return scopf.solve(scopf.build(net, criterion="none"), **keywords)


@pytest.mark.parametrize("variant", instances.VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_default_ends_where_other_ways_end(case, variant, network):
    net = network(case, variant)
    found = solve(net)
    assert found.status == "optimal", found.message
    other = solve(net, **hard.WAYS["lifted, flat"])
    assert other.status == "optimal", other.message
    assert found.cost <= other.cost * (1 + hard.GAP)


def test_typical_networks_have_all_limits():
    given = scopf.load_case("case14")
    assert np.isinf(given.branch.rate).any()
    net = instances.typical(given)
    branch = net.branch
    assert np.degrees(branch.angmax - abs(branch.shift)) == pytest.approx(30.0)
    assert (branch.angmin == -branch.angmax).all()
    assert np.isfinite(branch.rate).all()
    narrow = given.replace(branch={"angmax": np.full(20, 0.1), "angmin": np.full(20, -0.2)})
    kept = instances.typical(narrow).branch
    assert (kept.angmax == 0.1).all()
    assert (kept.angmin == -0.2).all()
    rated = given.replace(branch={"rate": np.full(20, 0.7)})
    assert (instances.typical(rated).branch.rate == 0.7).all()


def test_a_thermal_limit_that_is_not_given_does_not_bind_before_the_angle():
    """It is the largest flow of the line within its angle limit and voltages."""
    net = instances.typical(scopf.load_case("case14"))
    line = 0
    f, t = net.branch_from[line], net.branch_to[line]
    y = 1.0 / (net.branch.r[line] + 1j * net.branch.x[line])
    v, w = net.bus.vmax[f], net.bus.vmax[t] * np.exp(-1j * net.branch.angmax[line])
    assert net.branch.rate[line] == pytest.approx(max(abs(v), abs(w)) * abs(y * (v - w)))


def test_the_operating_point_of_a_case_is_wiped_out():
    given = scopf.load_case("case39")
    net = instances.typical(given)
    assert (net.bus.vm == 1.0).all()
    assert (net.gen.vg == 1.0).all()
    assert net.gen.pg == pytest.approx(0.5 * (given.gen.pmin + given.gen.pmax))
    assert not np.allclose(net.gen.pg, given.gen.pg)
    assert np.ptp(net.bus.va) == 0.0


def test_costs_that_differ_are_kept_and_others_made_to_differ():
    given = scopf.load_case("case39")
    alike = given.replace(gen={"cost_p": np.tile([0.0, 100.0, 0.0], (len(given.gen), 1))})
    prices = instances.typical(alike).gen.cost_p
    assert len(np.unique(prices[:, 1])) == len(given.gen)
    assert (prices[:, [0, 2]] == 0.0).all()
    mixed = alike.gen.cost_p.copy()
    mixed[:3, 1] = 200.0, 300.0, 400.0
    assert (instances.typical(given.replace(gen={"cost_p": mixed})).gen.cost_p == mixed).all()


def test_heavy_load_is_near_the_edge(network):
    base, net = network("case39", "typical"), network("case39", "api")
    heavier = base.bus.pd > 0
    factor = (net.bus.pd[heavier] / base.bus.pd[heavier])[0]
    assert factor > 1.2
    assert net.bus.pd[heavier] == pytest.approx(factor * base.bus.pd[heavier])
    assert (net.bus.qd == base.bus.qd).all()
    assert (net.gen.pmax >= base.gen.pmax).all()
    beyond = net.replace(bus={"pd": net.bus.pd * (1 + 2 * instances.ROOM)})
    assert not solve(beyond, form="reduced").solved


def test_small_angles_are_near_the_edge(network):
    net = network("case39", "sad")
    bound = net.branch.angmax.max()
    assert bound < math.radians(15)
    assert net.branch.angmax == pytest.approx(bound)
    narrower = net.replace(
        branch={
            "angmax": net.branch.angmax * (1 - 2 * instances.ROOM),
            "angmin": net.branch.angmin * (1 - 2 * instances.ROOM),
        }
    )
    assert not solve(narrower, form="reduced").solved


def test_an_instance_is_a_file_and_the_same_again(tmp_path):
    from scopf.cases import bundled

    source = tmp_path / "case14.m"
    source.write_text(bundled.entries()["case14"].path.read_text())
    files = [tmp_path / name / "x.m" for name in "ab"]
    facts = [instances.make(source, "sad", file) for file in files]
    assert facts[0] == facts[1]
    assert files[0].read_text() == files[1].read_text()
    bound = np.degrees(scopf.load_case(files[0]).branch.angmax)
    assert bound == pytest.approx(facts[0]["angle_deg"])


def test_a_network_without_load_has_no_heavy_instance():
    net = scopf.load_case("case9")
    nothing = np.zeros(len(net.bus))
    with pytest.raises(instances.NoEdgeError, match="no load"):
        instances.heavily_loaded(net.replace(bus={"pd": nothing, "qd": nothing}))


def test_verdicts():
    one = {"best": 100.0, "default": {"objective": 100.005}}
    assert hard.verdict(one) == "solved"
    assert hard.verdict({**one, "default": {"objective": 100.02}}) == "worse"
    assert hard.verdict({**one, "default": {"objective": 99.0}}) == "solved"
    assert hard.verdict({**one, "default": {"objective": None}}) == "unsolved"
    assert hard.verdict({"best": None, "default": {"objective": None}}) == "open"
    assert hard.verdict({"default": None}) == "not made"
