"""The table of devices: bases, typical values, every fault of it, and the table again."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.devices import device_table
from scopf.devices.fitting import inverters_beside
from scopf.devices.gfl import Followers
from scopf.devices.machine import Machines
from scopf.devices.mixed import Devices


@pytest.fixture(scope="module")
def case9():
    return scopf.load_case("case9")  # generators 1 to 3 at buses 1 to 3, mBase 100


def read(net, **columns):
    return device_table.read(pd.DataFrame(columns), net)


def faults(net, **columns):
    with pytest.raises(scopf.CaseError) as caught:
        read(net, **columns)
    return str(caught.value)


def one(part):
    """Values of a single device."""
    return {key: values.tolist()[0] for key, values in vars(part).items()}


def equal(first, second):
    for a, b in ((first.machines, second.machines), (first.followers, second.followers)):
        for name, values in vars(a).items():
            assert values.tolist() == getattr(b, name).tolist(), name
            assert values.dtype == getattr(b, name).dtype


MACHINE = {"xd": 1.6, "xq": 1.5, "xd1": 0.4, "h": 4, "d": 2, "td0": 6, "r": 0.05, "tg": 0.3}


def test_numbers_on_a_rating_of_its_own(case9):
    found = one(read(case9, bus=[2], device="avr", s_mva=200, ka=50, ta=0.1, **MACHINE).machines)
    assert found == pytest.approx({
        "gen": 2, "bus": 2, "kind": "avr", "xd": 0.8, "xq": 0.75, "xd1": 0.2, "h": 8, "d": 4,
        "td0": 6, "ka": 50, "ta": 0.1, "r": 0.025, "tg": 0.3,
    })  # fmt: skip
    found = one(read(case9, gen=[3], device="GFL", s_mva=50, bw_pll=50, bw_i=500, kv=2, tv=0.1)
                .followers)  # fmt: skip
    assert found == {"gen": 3, "bus": 3, "bw_pll": 50, "bw_i": 500, "kv": 1, "tv": 0.1}


def test_without_a_rating_numbers_are_on_the_system_base(case9):
    found = one(read(case9, bus=[2], device="one-axis", **MACHINE).machines)
    assert {name: found[name] for name in MACHINE} == MACHINE
    assert (found["ka"], found["ta"]) == (0, 0)


def test_the_power_that_a_machine_delivers_does_not_depend_on_the_base(case9):
    """Reactances on the rating are ohms over V^2/S: the same machine on 100 and on 250 MVA."""
    own = {name: [x] for name, x in MACHINE.items()}
    k = 2.5
    other = {name: [x / k if name in ("xd", "xq", "xd1", "r") else x * k if name in ("h", "d")
                    else x] for name, (x,) in own.items()}  # fmt: skip
    rated = one(read(case9, gen=[1], device="one-axis", s_mva=250, **own).machines)
    plain = one(read(case9, gen=[1], device="one-axis", **other).machines)
    assert rated == pytest.approx(plain)


def test_typical_values_are_on_the_rating_and_logged(case9, caplog):
    caplog.set_level("INFO", logger="scopf")
    devices = read(case9, bus=[1, 2, 3], device=["avr", "gfl", "classical"],
                   s_mva=[250, 300, 400], kv=[None, 1, None])  # fmt: skip
    machine, other = (
        {name: values.tolist()[k] for name, values in vars(devices.machines).items()}
        for k in range(2)
    )
    assert machine == pytest.approx({
        "gen": 1, "bus": 1, "kind": "avr", "xd": 0.72, "xq": 0.68, "xd1": 0.12, "h": 8.75, "d": 0,
        "td0": 8, "ka": 20, "ta": 0.2, "r": np.inf, "tg": 0,
    })  # fmt: skip
    assert other["xd1"] == other["xq"] == other["xd"] == pytest.approx(0.075)
    assert one(devices.followers) == pytest.approx(
        {"gen": 2, "bus": 2, "bw_pll": 60, "bw_i": 600, "kv": 3, "tv": 0.02}
    )
    lines = [record.getMessage() for record in caplog.records if "typical" in record.getMessage()]
    assert len(lines) == 3
    assert lines[0] == (
        "classical: typical values, per unit on the rating: xd1 0.3 (all), h 3.5 s (all)"
    )
    assert "ka 20 (all), ta 0.2 s (all)" in lines[1]
    assert lines[2] == (
        "gfl: typical values, per unit on the rating: bw_pll 60 rad/s (all), bw_i 600 rad/s (all), "
        "tv 0.02 s (all)"
    )


def test_missing_reactances_follow_those_that_are_given(case9, caplog):
    caplog.set_level("INFO", logger="scopf")
    found = read(case9, bus=[1, 2], device="one-axis", xd=[0.9, None], xd1=[None, 0.1], h=3,
                 td0=5).machines  # fmt: skip
    assert found.xq == pytest.approx([0.9 * 1.7 / 1.8, 0.1 * 1.7 / 0.3])
    assert found.xd1 == pytest.approx([0.9 * 0.3 / 1.8, 0.1])
    assert "xq 0.944 xd (bus 1), xd1 0.167 xd (bus 1), xd 6 xd1 (bus 2)" in caplog.text
    assert "mBase" not in caplog.text  # nothing depends on a rating


def test_without_a_rating_typical_values_are_on_mbase(case9, caplog):
    net = case9.replace(gen={"mbase": np.array([500.0, 100.0, 300.0])})
    caplog.set_level("INFO", logger="scopf")
    found = read(net, gen=[1, 2], device="one-axis").machines
    assert found.xd == pytest.approx([0.36, 1.8])
    assert found.h == pytest.approx([17.5, 3.5])
    assert "devices without s_mva have typical values on mBase: gen 1, gen 2" in caplog.text
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert "mBase, which is below Pmax at gen 2: give s_mva" in warning.getMessage()


def test_what_is_given_is_not_logged(case9, caplog):
    caplog.set_level("INFO", logger="scopf")
    read(case9, bus=[1], device="one-axis", **MACHINE)
    read(case9, bus=[1], device="classical", xd1=0.3, h=3)
    assert not caplog.records


# -- faults -----------------------------------------------


def test_all_faults_are_said_at_once(case9):
    text = faults(
        case9,
        bus=[1, 2, 3, 4, 55, 1, 2, None],
        device=["one-axis", "avr", "storage", "avr", "gfl", "clasical", None, "gfl"],
        xd=[1.0, 0, None, None, None, None, None, None],
        xq=[1.2, None, None, None, None, None, None, None],
        xd1=[1.0, None, None, None, None, None, None, None],
        ka=[20, 0, None, None, None, None, None, None],
        h=[3, -1, None, None, 2, None, None, None],
        s_mva=[100, 100, 0, None, None, None, None, None],
    )
    for part in (
        "xq row 1 (bus 1): xq 1.2 is above xd 1",
        "xd1 row 1 (bus 1): xd1 1 is not below xd 1",
        "ka row 1 (bus 1): a machine with a voltage regulator is a device avr, not one-axis",
        "xd row 2 (bus 2): must be a positive number, got 0",
        "h row 2 (bus 2): must be a positive number, got -1 s",
        "ka row 2 (bus 2): must be above zero; without a regulator it is one-axis",
        "device row 3: storage has a table of its own: storage=",
        "s_mva row 3 (bus 3): must be a positive number, got 0 MVA",
        "bus row 4 (bus 4): there is no generator in service at this bus",
        "bus row 5 (bus 55): there is no such bus in case9",
        "h row 5 (bus 55): h has no effect on a device gfl",
        "device row 6: unknown device `clasical`; did you mean classical?",
        "bus row 6 (bus 1): occurs twice",
        "device row 7: the device is missing",
        "bus row 8: the bus is missing",
    ):
        assert part in text
    assert text.startswith("devices: 16 faults")  # bus 2 of row 7 occurs twice as well


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"bus": [1]}, "has no column device, which is one of gfm, one-axis"),
        ({"device": ["gfl"]}, "needs one key column, either `bus` or `gen`"),
        ({"bus": [1], "gen": [1], "device": ["gfl"]}, "needs one key column"),
        ({"bus": [], "device": []}, "has no rows"),
        ({"bus": [1], "device": ["gfl"], "x": [1]}, "unknown column x"),
        ({"gen": [7], "device": ["gfl"]}, "case9 has no generator of this number"),
        ({"bus": [1], "device": ["gfm"], "xd": [1]}, "xd has no effect on a device gfm"),
        ({"bus": [1], "device": ["avr"], "mq": [1]}, "mq has no effect on a device avr"),
        ({"bus": [1], "device": ["classical"], "ka": [9]}, "is a device avr, not classical"),
        ({"bus": [1], "device": ["avr"], "td0": [0]}, "must be a positive number, got 0 s"),
        ({"bus": [1], "device": ["avr"], "r": [0]}, "must be a positive number, got 0"),
        ({"bus": [1], "device": ["avr"], "tg": [-1]}, "must be a number, not negative, got -1"),
        ({"bus": [1], "device": ["avr"], "d": [-1]}, "must be a number, not negative, got -1"),
    ],
)
def test_what_is_no_table_of_devices_is_said(case9, columns, said):
    assert said in faults(case9, **columns)


def test_generators_that_are_none_here(case9):
    off = case9.replace(gen={"in_service": np.array([True, False, True])})
    for net in (off, off.energized()):
        assert "there is no generator in service at this bus" in faults(
            net, bus=[2], device=["gfl"]
        )
    assert "gen row 1 (gen 2): it is out of service" in faults(off, gen=[2], device=["gfl"])
    load = case9.replace(
        gen={
            "constant_pf": np.array([False, True, False]),
            "pmin": np.array([10, -0.5, 10]) * 0.01,
            "pmax": np.array([2.5, 0, 2.7]),
            "qmin": np.array([-3.0, -0.1, -3]),
            "qmax": np.array([3.0, 0, 3]),
        }
    )
    assert "this is a dispatchable load" in faults(load, gen=[2], device=["gfl"])
    assert "only a dispatchable load" in faults(load, bus=[2], device=["gfl"])
    two = case9.replace(gen={"bus": np.array([1, 1, 3])})
    text = "bus row 1 (bus 1): generators 1, 2 are at this bus: use the column gen"
    assert text in faults(two, bus=[1], device=["gfl"])
    assert read(two, gen=[2], device=["gfl"]).followers.bus.tolist() == [1]


def test_salient_round_rotor_and_classical_machines_are_machines(case9):
    found = read(case9, gen=[1, 2, 3], device=["one-axis", "one-axis", "classical"],
                 xd=[1, 1, None], xq=[1, 0.6, 0.5], xd1=0.2, h=3, td0=[5, 5, None])  # fmt: skip
    assert found.machines.xq.tolist() == [1, 0.6, 0.5]


# -- the table again -----------------------------------------------


def test_a_file_reads_as_its_frame_does(case9, tmp_path):
    path = tmp_path / "devices.csv"
    path.write_text(
        "BUS,device,s_mva,xd,xq,xd1,h,td0,r,kv,mq  # comment\n"
        "1,one-axis,300,1.8,1.7,.3,3.5,8,0.05,,\n2,gfl,200,,,,,,,1.5,\n3,gfm,,,,,,,,,0.07\n"
    )
    found = device_table.read(path, case9)
    equal(found, device_table.read(device_table.frame(found), case9))
    target = tmp_path / "again.csv"
    device_table.frame(found).to_csv(target, index=False)
    equal(found, device_table.read(target, case9))


positive = st.floats(1e-3, 1e3)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["one-axis", "classical", "avr"]),
    st.lists(positive, min_size=8, max_size=8),
    st.sampled_from([None, 37.3, 250.0]),
    st.booleans(),
)
def test_every_machine_reads_again_without_rounding(case9, kind, numbers, s_mva, governed):
    xd, share, share1, h, d, td0, ka, r = numbers
    table = {"gen": [2], "device": kind, "xd": xd, "xq": xd * share / 1e3 or xd,
             "xd1": xd * share1 / 1.1e3, "h": h, "d": d, "td0": td0}  # fmt: skip
    table |= {"ka": ka, "ta": 0.0} if kind == "avr" else {}
    table |= {"r": r, "tg": 0.0} if governed else {}
    table |= {} if s_mva is None else {"s_mva": s_mva}
    found = read(case9, **table)
    equal(found, device_table.read(device_table.frame(found), case9))


def test_devices_are_read_for_another_network(case9):
    devices = read(case9, gen=[1, 3], device=["one-axis", "gfl"])
    assert device_table.read(devices, case9.scaled(load=0.5)) is not None
    off = case9.replace(gen={"in_service": np.array([True, True, False])})
    with pytest.raises(scopf.CaseError, match=r"gen row 2 \(gen 3\): case9 does not have it at"):
        device_table.read(devices, off)
    at_3 = np.isin([case9.branch.from_bus, case9.branch.to_bus], 3).any(axis=0)
    out = case9.replace(branch={"in_service": ~at_3})
    assert out.energized().unserved.bus.tolist() == [3]
    kept = device_table.read(devices, out)
    assert kept.machines.gen.tolist() == [1]
    assert len(kept.followers) == 0


def test_hand_made_devices_that_are_one_twice_are_refused(case9):
    machines = read(case9, gen=[1], device=["one-axis"]).machines
    followers = dataclasses.replace(
        read(case9, gen=[3], device=["gfl"]).followers, gen=np.array([1]), bus=np.array([1])
    )
    with pytest.raises(scopf.ScopfError, match="twice"):
        device_table.read(Devices(machines, followers), case9)
    assert isinstance(machines, Machines)
    assert isinstance(followers, Followers)


# -- inverters beside -----------------------------------------------


def test_all_other_generators_are_inverters(case9):
    table = pd.DataFrame({"bus": [1, 2], "device": ["one-axis", "gfm"], "mq": [None, 0.4],
                          "s_mva": [300, 200], "imax": [None, 1.2]})  # fmt: skip
    given = device_table.read_table(table, case9)
    found = inverters_beside(given, None, case9, mq=0.3)
    assert found.bus.tolist() == [2, 3]
    assert found.mq == pytest.approx([0.2, 0.3])  # 0.4 on 200 MVA
    assert found.rating == pytest.approx([2, 1])
    assert found.imax[0] == 1.2
    problem = scopf.build(case9, criterion="weighted", devices=table, mq=0.3)
    assert problem.inverters.mq == pytest.approx([0.2, 0.3])


def test_a_table_of_inverters_only_has_no_devices(case9):
    table = pd.DataFrame({"bus": [1], "device": ["gfm"], "mq": [0.4]})
    problem = scopf.build(case9, devices=table, hours=[1, 0.9])
    assert problem.scenario.devices is None
    assert problem.own_inverters.mq.tolist() == [0.4, 0.05, 0.05]


def test_a_generator_is_an_inverter_or_a_device(case9):
    table = pd.DataFrame({"gen": [3, 2, 1], "device": ["gfl", "gfm", "avr"]})
    inverters = scopf.Inverters.at_generators(case9, buses=[1, 3])
    with pytest.raises(scopf.CaseError) as caught:
        scopf.build(case9, inverters, criterion="weighted", devices=table)
    assert [str(fault) for fault in caught.value.faults] == [
        "device row 1 (gen 3): generator 3 is one of the inverters that were given",
        "device row 3 (gen 1): generator 1 is one of the inverters that were given",
        "device row 2 (gen 2): generator 2 is not among the inverters that were given",
    ]
    ours = scopf.Inverters.at_generators(case9, buses=[2])
    built = scopf.build(case9, ours, criterion="weighted", devices=table)
    assert built.inverters.bus.tolist() == [2]
    with pytest.raises(scopf.ScopfError, match="inverters are given, so that their columns have"):
        scopf.build(case9, ours, criterion="weighted", devices=table.assign(mq=[None, 0.1, None]))


def test_numbers_of_inverters_for_a_device_are_refused(case9):
    for keywords, said in (
        ({"mq": {2: 0.1}}, "only devices of other kinds than inverter"),
        ({"table": pd.DataFrame({"gen": [2], "mq": [0.1]})}, "this is a device of another kind"),
        ({"buses": [2, 3]}, "only devices of other kinds than inverter"),
    ):
        with pytest.raises(scopf.CaseError, match=said):
            scopf.Inverters.at_generators(case9, without=[2], **keywords)


def test_units_of_one_bus_may_be_a_machine_and_an_inverter(case9):
    two = case9.replace(gen={"bus": np.array([1, 1, 3])})
    table = pd.DataFrame({"gen": [2], "device": ["one-axis"], "s_mva": [300]})
    problem = scopf.build(two, criterion="weighted", devices=table, mq={1: 0.1, 3: 0.2})
    assert problem.inverters.gens == ((1,), (3,))
    assert problem.inverters.mq.tolist() == [0.1, 0.2]
    assert problem.scenario.devices.machines.bus.tolist() == [1]


# -- the bundled table -----------------------------------------------


def test_bundled_machines_are_those_of_the_source(caplog):
    caplog.set_level("INFO", logger="scopf")
    net = scopf.load_case("case39")
    table = scopf.devices_table("case39")
    machines = device_table.read(table, net).machines
    assert not caplog.records
    assert machines.bus.tolist() == list(range(30, 40))
    assert machines.gen.tolist() == list(range(1, 11))
    assert machines.h[-1] == 500
    assert (machines.xd > machines.xq).all()
    assert (machines.d == 2).all()
    equal(device_table.read(table, net), scopf.build(
        net, criterion="none", devices="case39_machines").scenario.devices)  # fmt: skip
    with pytest.raises(scopf.ScopfError, match="known are case39_machines"):
        scopf.devices_table("case9")
