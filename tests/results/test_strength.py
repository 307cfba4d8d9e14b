"""Short-circuit ratios and inertia of a solution: in its tables, states, hours, text and JSON."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.devices.strength import short_circuit_ratios
from scopf.results import export
from tests.grids import side_by_side

ALPHA = 1.2


@pytest.fixture(scope="module")
def table():
    machines = scopf.devices_table("case39").query("bus in [31, 33, 35, 39]")
    return machines.assign(r=0.005, tg=0.5)


@pytest.fixture(scope="module")
def found(table):
    """After the loss of machine 4 at bus 33, and of branch 3."""
    net = scopf.load_case("case39").lossless().scaled(load=0.9)
    return scopf.solve(
        scopf.build(net, criterion="none", devices=table, mq=0.1, alpha=ALPHA, emergency=1.6,
                    outages=["branch 3", "gen 4", "gen 8"], frequency_band=0.05)
    )  # fmt: skip


@pytest.fixture(scope="module")
def hourly(table):
    net = scopf.load_case("case39").lossless()
    hours = pd.DataFrame({"hour": ["night", "noon"], "load_scale": [0.7, 0.9]})
    return scopf.solve(scopf.build(net, criterion="none", devices=table, mq=0.1, hours=hours))


def ratios(net, inverters, machines, strength=1.0):
    net = net.scaled(susceptance=strength)
    return short_circuit_ratios(net, inverters.bus, inverters.rating, machines)


def test_the_column_is_that_of_the_network_at_its_strength(found):
    inverters, machines = found.inverter_data, found.setting.devices.machines
    expected = ratios(found.problem.base, inverters, machines, ALPHA)
    np.testing.assert_allclose(found.inverters["scr"], expected, rtol=1e-12)
    weaker = ratios(found.problem.base, inverters, machines)
    assert (weaker < expected).all()
    assert "scr" not in found.columns("inverters")  # sweeps have no time for it


@pytest.mark.parametrize("name", ["branch 3", "gen 4", "gen 8"])
def test_a_state_has_what_is_left(found, name):
    state, kind, number = found.state(name), *name.split()
    base, inverters = found.problem.base, found.inverter_data
    machines = found.scenario.devices.machines
    left = base.replace(**{kind: getattr(base, kind).take(getattr(base, kind).id != int(number))})
    if kind == "gen":
        inverters = inverters.without_units([int(number)])
        there = found.scenario.devices.take(found.scenario.devices.gens != int(number))
        machines = there.machines
    expected = ratios(left.energized(), inverters, machines, ALPHA)
    np.testing.assert_allclose(state.inverters["scr"], expected, rtol=1e-10)
    screened = dataclasses.replace(found, after=None).state(name)
    np.testing.assert_allclose(screened.inverters["scr"], expected, rtol=1e-10)
    whole = found.state("intact").inverters.set_index("bus")["scr"]
    now = state.inverters.set_index("bus")["scr"]
    assert (now < whole.loc[now.index] * (1 + 1e-9)).all()


def test_every_hour_has_the_ratios_of_its_network(hourly):
    expected = ratios(hourly.problem.horizon.one, hourly.own_inverters,
                      hourly.scenario.devices.machines)  # fmt: skip
    for hour in hourly.states:
        np.testing.assert_allclose(hourly.state(hour).inverters["scr"], expected, rtol=1e-10)


def test_inertia_is_kinetic_energy_over_the_load(found, table):
    energy = 100 * table["h"].sum()
    load = found.buses["p_load_mw"].sum()
    assert found.inertia.seconds == pytest.approx(energy / load, rel=1e-12)
    assert f"inertia {energy / load:.3g} s: kinetic energy {energy:.0f} MW s" in str(found)
    assert export.as_dict(found)["inertia"] == {
        "seconds": found.inertia.seconds, "kinetic_energy_mws": pytest.approx(energy),
        "load_mw": pytest.approx(load), "island": None, "hour": None,
    }  # fmt: skip


def test_inertia_is_that_of_the_hour_with_the_largest_load(hourly, table):
    load = hourly.hours.set_index("state").loc["noon", "p_load_mw"]
    assert hourly.inertia.hour == "noon"
    assert hourly.inertia.seconds == pytest.approx(100 * table["h"].sum() / load, rel=1e-12)
    assert "s in hour noon, the least: " in str(hourly)


def test_an_island_without_machines_has_no_inertia():
    one = scopf.load_case("case9").lossless()
    net = side_by_side(one, one)
    devices = pd.DataFrame({"bus": [1, 2], "device": "classical", "s_mva": [250, 300]})
    solution = scopf.solve(scopf.build(net, criterion="none", devices=devices))
    assert (solution.inertia.seconds, solution.inertia.island) == (0.0, 2)
    assert "inertia 0 s in island 2, the least: " in str(solution)


def test_without_machines_nothing_is_said_of_inertia():
    solution = scopf.solve(scopf.build(scopf.load_case("case9"), criterion="none"))
    assert solution.inertia is None
    assert "inertia" not in str(solution)
    assert export.as_dict(solution)["inertia"] is None
