"""Verification with machines of the New England system: known limits, verdicts, tables."""

import json

import numpy as np
import pytest

import scopf
from scopf.devices.mixed import Devices
from scopf.dynamics.verification import verify
from tests.mixed_networks import followers, machines
from tests.small_networks import network

NEW_ENGLAND = {  # Pai 1989: x_d, x_q, x'd, H, T'd0, per unit on 100 MVA
    30: (0.1, 0.069, 0.031, 42, 10.2), 31: (0.295, 0.282, 0.0697, 30.3, 6.56),
    32: (0.2495, 0.237, 0.0531, 35.8, 5.7), 33: (0.262, 0.258, 0.0436, 28.6, 5.69),
    34: (0.67, 0.62, 0.132, 26, 5.4), 35: (0.254, 0.241, 0.05, 34.8, 7.3),
    36: (0.295, 0.292, 0.049, 26.4, 5.66), 37: (0.29, 0.28, 0.057, 24.3, 6.7),
    38: (0.2106, 0.205, 0.057, 34.5, 4.79), 39: (0.02, 0.019, 0.006, 500, 7.0),
}  # fmt: skip
NONE, ODD, EVEN = (), (31, 33, 35, 37, 39), (30, 32, 34, 36, 38)


@pytest.fixture(scope="module")
def optimum():
    return scopf.solve(scopf.build(scopf.load_case("case39").lossless(), criterion="none"))


def at_buses(net, buses, ka=0.0, **columns):
    data = np.array([NEW_ENGLAND[bus] for bus in buses]).reshape(-1, 5)
    gens = [int(net.gen.id[net.gen.bus == bus][0]) for bus in buses]
    names = dict(zip(("xd", "xq", "xd1", "h", "td0"), data.T, strict=True))
    governor = {"r": 0.005, "tg": 0.5, "ka": ka, "ta": 0.05 if ka else 0.0}
    kind = "avr" if ka else "one-axis"
    own = machines(gens, list(buses), kind, **(names | governor | columns))
    return Devices(own, Devices.none().followers)


def checked(optimum, buses, devices=None, mp=0.02, **how):
    net, point = optimum.energized, optimum.point
    others = [bus for bus in NEW_ENGLAND if bus not in buses]
    inverters = scopf.Inverters.at_generators(net, buses=others, mp=mp)
    args = inverters, point.vm, point.va, devices
    return verify(net, *args, power=(point.pg, point.qg), **how)


@pytest.mark.parametrize(
    ("buses", "ka", "limit"),
    [
        (NONE, None, 0.3302), ((39,), None, 0.2845), (ODD, None, 0.1434), (EVEN, None, 0.1585),
        ((39,), 0, 1.205), (ODD, 0, 0.1287), (EVEN, 0, 0.0730),
        ((39,), 20, np.inf), (ODD, 20, np.inf), (EVEN, 20, np.inf),
        ((39,), 200, np.inf), (ODD, 200, 0.0), (EVEN, 200, 0.0),
    ],
)  # fmt: skip
def test_the_critical_droop_depends_on_what_a_machine_is(optimum, buses, ka, limit):
    """Constant power (no `ka`), constant field, regulators of a gain of 20 and of 200."""
    devices = None if ka is None else at_buses(optimum.energized, buses, ka)
    found = checked(optimum, buses, devices)
    assert found.lossless == (not ka)
    digits = 1e-3 if limit > 1 else 1e-4
    assert found.critical_mq == (
        limit if limit in (0, np.inf) else pytest.approx(limit, abs=digits)
    )
    if limit == 0:  # an oscillation of machines
        mode = found.modes.iloc[0]
        assert (mode["moves"], mode["device"]) == ("swing", "avr")
        assert 6 < mode["imag"] < 8.5
        assert mode["bus"] in buses


@pytest.mark.parametrize(("buses", "limit"), [(ODD, 0.154), (EVEN, 0.201)])
def test_regulators_without_governors_oscillate_beyond_a_droop(optimum, buses, limit):
    plain = {"r": np.inf, "tg": 0.0, "ta": 0.0}
    devices = at_buses(optimum.energized, buses, 20.0, **plain)
    assert checked(optimum, buses, devices, mp=0.05).critical_mq == pytest.approx(limit, abs=5e-4)


def test_with_constant_field_dynamic_data_do_not_matter(optimum):
    net = optimum.energized
    limits = [
        checked(optimum, EVEN, at_buses(net, EVEN, **columns)).critical_mq
        for columns in ({}, {"d": 9.0, "h": 1.0}, {"td0": 0.5, "tg": 2.0, "r": 0.1})
    ]
    assert limits == pytest.approx([limits[0]] * 3, rel=1e-8)


def test_a_grid_of_machines_only_is_verified(optimum):
    """All of them with a constant field: one real mode grows, of voltages."""
    found = checked(optimum, tuple(NEW_ENGLAND), at_buses(optimum.energized, NEW_ENGLAND))
    assert (found.stable, found.negative, found.unstable) == (False, 1, 1)
    assert found.constant_power is None
    assert np.isnan([found.critical_factor, found.critical_mq]).all()
    mode = found.modes.iloc[0]
    assert (mode["moves"], mode["device"], mode["imag"]) == ("voltage", "one-axis", 0)
    assert found.system.states == 39  # four each, less an angle
    assert "0 inverters, 10 machines\n39 states, " in str(found)


def test_tables_text_and_json_name_devices(optimum):
    net = optimum.energized
    some = at_buses(net, (34, 38), 200.0).machines
    gen = int(net.gen.id[net.gen.bus == 30][0])
    devices = Devices(some, followers([gen], [30]))
    found = checked(optimum, (30, 32, 34, 38), devices, modes=20)
    modes, shares = found.modes, found.participation
    assert shares.groupby("mode")["share"].sum().to_numpy() == pytest.approx(np.ones(len(modes)))
    first = shares.groupby("mode").first()
    assert first["bus"].tolist() == modes["bus"].tolist()
    assert first["device"].tolist() == modes["device"].tolist()
    assert set(shares["device"]) == {"inverter", "avr", "gfl"}
    everything = checked(optimum, (30, 32, 34, 38), devices, modes=100).modes
    assert set(everything["moves"]) == {"frequency", "voltage", "swing", "control", "PLL"}
    assert set(everything.query("moves == 'PLL'")["device"]) == {"gfl"}
    assert set(everything.query("moves == 'swing'")["device"]) == {"avr"}
    text = str(found)
    assert "6 inverters, 2 machines, 1 grid-following inverter\n" in text
    assert "taken for constant power: 1 generator," in text
    assert "Machine at bus 34 has the largest share in mode 1" in text
    assert max(map(len, text.splitlines())) <= 100
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["devices"] == {"inverters": 6, "machines": 2, "grid_following": 1}
    assert plain["modes"][0]["moves"] == "swing"
    assert plain["largest_participation"] == 34


def test_without_damping_no_mode_grows_but_not_all_decay():
    lines = [(1, 2, 0, 0.1), (2, 3, 0, 0.1)]
    net = network(3, lines, [1, 3], loads={1: 0.5, 3: -0.5})
    none, kind = scopf.Inverters.at_generators(net, buses=[]), "classical"
    point = np.ones(3), np.array([0.0, 0.0, 0.0])
    net = net.replace(bus={"pd": np.zeros(3)})
    for damping, stable in ((0.0, None), (1.0, True)):
        own = machines([1, 2], [1, 3], kind, d=damping, td0=0.0)
        found = verify(net, none, *point, Devices(own, Devices.none().followers))
        assert (found.stable, found.negative, found.unstable) == (stable, 0, 0)
        assert ("no growing mode: 3 modes within 1e-06 rad/s" in found.verdict) == (not damping)
    reactance = 0.1 + 0.1 + 0.3 + 0.3
    swing = np.sqrt(2 * 2 * np.pi * 60 / (2 * 4.0 * reactance))  # two equal machines
    none_damped = verify(net, none, *point, Devices(machines([1, 2], [1, 3], kind, d=0.0, td0=0.0,
        xq=0.3), Devices.none().followers))  # fmt: skip
    assert none_damped.modes["imag"].max() == pytest.approx(swing)


def test_a_machine_holds_an_island_and_a_grid_following_inverter_does_not():
    lines = [(1, 2, 0, 0.1), (3, 4, 0, 0.1)]
    net = network(4, lines, [1, 3, 4], loads={2: 0.2, 4: 0.3})
    inverters = scopf.Inverters.at_generators(net, buses=[1], mq=0.01)
    vm, va = np.ones(4), np.array([0, -np.arcsin(0.02), 0, -np.arcsin(0.01)])
    q = 10 * (1 - np.cos(va[[1, 3]]))
    net = net.replace(bus={"qd": np.array([0, -q[0], 0, 0])}).energized()
    power = np.array([0.2, 0.1, 0.2]), np.array([q[0], q[1], q[1]])
    nothing = Devices.none()
    held = Devices(machines([2], [3]), followers([3], [4]))
    found = verify(net, inverters, vm, va, held, power=power)
    assert found.stable
    assert found.system.states == 2 + 2 + 4
    assert found.constant_power is None
    loose = Devices(nothing.machines, followers([2, 3], [3, 4]))
    found = verify(net, inverters, vm, va, loose, power=power)
    assert found.stable is None
    assert "island 2 (bus 3, 4) has no inverter" in found.verdict
    none = scopf.Inverters.at_generators(net, buses=[])
    with pytest.raises(scopf.ScopfError, match="no inverter and no machine"):
        verify(net, none, vm, va, loose, power=power)


def test_what_devices_put_out_follows_from_their_buses_where_they_are_alone(optimum):
    net, point = optimum.energized, optimum.point
    devices = at_buses(net, ODD)
    found = checked(optimum, ODD, devices)
    inverters = found.system.inverters
    same = verify(net, inverters, point.vm, point.va, devices)
    values = [check.spectrum.values for check in (found, same)]
    assert values[1] == pytest.approx(values[0], rel=1e-4)
    rows = np.repeat(np.arange(10), 1 + (net.gen.bus == 33))
    two = net.replace(gen=net.gen.take(rows).replace(id=1 + np.arange(11)))
    devices = at_buses(two, ODD)
    inverters = scopf.Inverters.at_generators(two, buses=EVEN)
    with pytest.raises(scopf.ScopfError, match=r"devices at bus 33 put out.* power=\(p, q\)"):
        verify(two, inverters, point.vm, point.va, devices)


def test_after_outages_the_devices_that_are_left_are_there():
    """A machine that an outage takes is no device after it."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, buses=EVEN, mq=0.05)
    lost = int(net.gen.id[net.gen.bus == 37][0])
    plan = scopf.solve(
        scopf.build(net, inverters, criterion="none", outages=[f"gen {lost}"], emergency=2.0)
    )
    states = plan.verify_states(devices=at_buses(net, ODD))
    counts = [len(check.system.devices) for check in states.checks.values()]
    assert counts == [5, 4]
