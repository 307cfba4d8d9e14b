"""Dynamics files of PSS/E: what becomes of each model, faults, and where the devices go."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import signal
from typer.testing import CliRunner

import scopf
from scopf.cases.psse.dyr_models import MODELS
from scopf.cli.main import app
from scopf.devices import device_table
from scopf.sweeps.study import Study

PAIR = Path(__file__).parents[1] / "data" / "dyr"
RAW, DYR = PAIR / "machines.raw", PAIR / "machines.dyr"


@pytest.fixture(scope="module")
def net():
    return scopf.load_case(RAW, dynamics=DYR)


def read(tmp_path, *records, raw=RAW):
    path = tmp_path / "grid.dyr"
    path.write_text("\n".join(records) + "\n")
    return scopf.load_case(raw, dynamics=path)


def faults(tmp_path, *records):
    with pytest.raises(scopf.CaseError) as caught:
        read(tmp_path, *records)
    assert caught.value.source.endswith("grid.dyr")
    return caught.value.faults


def cli(*words):
    found = CliRunner().invoke(app, [*words], env={"COLUMNS": "1000", "NO_COLOR": "1"})
    assert found.exit_code == 0, found.output
    return found.stdout


def row(net, gen):
    (found,) = net.dynamics[net.dynamics["gen"] == gen].to_dict("records")
    return {name: value for name, value in found.items() if value is not None}


ROUND = "6.0 0.035 0.50 0.06 4.0 0.0 1.85 1.75 0.31 0.52 0.24 0.17 0.08 0.35"


# -- models -------------------------------------------


def test_the_pair_has_every_model():
    text = DYR.read_text()
    assert not [name for name in MODELS if name not in text]


@pytest.mark.parametrize(
    ("gen", "numbers"),
    [
        (1, {"xd": 1.85, "xq": 1.75, "xd1": 0.31, "h": 4.2, "d": 1.5 + 0.2, "td0": 6.0}),
        (1, {"ka": 80.0, "ta": 0.06, "r": 0.05, "tg": 0.4 + 5.0 - 1.5}),
        (2, {"xd": 1.7, "xq": 1.62, "xd1": 0.28, "h": 3.8, "td0": 5.5, "s_mva": 110.0}),
        (2, {"r": 1 / 20, "tg": 0.15 + 0.3 + 0.25 + 0.4 * 6.0 + 0.3 * 6.5}),
        (3, {"xd": 2.0, "xq": 1.9, "xd1": 0.33, "h": 5.0, "td0": 7.0}),
        (3, {"r": 1 / 20, "tg": 0.1 + 0.2 + 0.3 + 0.7 * (8.0 + 0.4 * 0.4)}),
        (4, {"xd": 1.05, "xq": 0.66, "xd1": 0.3, "h": 3.4, "d": 0.5, "td0": 5.0}),
        (4, {"r": 0.05 / 1.1, "tg": 0.4 * 6.0 / 0.05 + 0.05 + 0.3}),
        (5, {"xd": 1.1, "xq": 0.7, "xd1": 0.32, "h": 3.1, "td0": 6.5}),
        (6, {"r": 0.047, "tg": 0.5, "d": 0.1}),
        (7, {"r": 0.04 / 0.9, "tg": 1 / (0.04 * 2.0 * 1.5)}),
        (14, {"xd1": 0.25, "h": 3.5, "d": 2.0, "r": 0.05, "tg": 0.5}),
        (15, {"xd1": 0.25, "h": 1e5}),
        (16, {"bw_i": 50.0}),
        (18, {"mp": 0.01, "mq": 0.05, "tau_p": 0.02, "tau_q": 0.03, "s_mva": 120.0}),
        (19, {"mp": 0.02, "mq": 0.08, "tau_p": 0.001, "tau_q": 0.05}),
    ],
)
def test_numbers_of_a_device(net, gen, numbers):
    found = row(net, gen)
    assert {name: found[name] for name in numbers} == pytest.approx(numbers, rel=1e-12)


def test_kinds_of_devices(net):
    kinds = dict(zip(net.dynamics["gen"], net.dynamics["device"], strict=True))
    expected = dict.fromkeys(range(1, 14), "avr") | {14: "classical", 15: "classical"}
    assert kinds == expected | {16: "gfl", 17: "gfl", 18: "gfm", 19: "gfm"}
    assert net.info().facts["dynamics"] == {
        "avr": 13, "classical": 2, "gfl": 2, "gfm": 2, "constant power": 1,
    }  # fmt: skip


def closed(*blocks):
    """Numerator and denominator of blocks in series."""
    num, den = np.ones(1), np.ones(1)
    for n, d in blocks:
        num, den = np.polymul(num, n), np.polymul(den, d)
    return num, den


def loop(forward, back):
    (fn, fd), (bn, bd) = forward, back
    return np.polymul(fn, bd), np.polyadd(np.polymul(fd, bd), np.polymul(fn, bn))


REGULATORS = {  # transfer functions of the exciters of the pair, by generator
    2: closed(([200.0], [1]), ([1.0, 1], [10.0, 1]), ([1], [0.05, 1])),
    3: closed(
        loop(closed(([50.0], [0.06, 1]), ([1], [0.5, 1.0])), ([0.08, 0], [1.0, 1])),
        ([1], [0.02, 1]),
    ),
    4: closed(([40.0], [0.05, 1]), ([1], [0.7, 1.0])),
    7: loop(closed(([35.0], [0.05, 1]), ([1], [0.4, 0.5])), ([0.03, 0], [1.0, 1])),
    9: closed(
        loop(closed(([200.0], [0.02, 1]), ([1], [0.8, 1.0])), ([0.03, 0], [1.0, 1])),
        ([1], [0.02, 1]),
    ),
    11: closed(([200.0], [0.02, 1]), ([1.0, 1], [10.0, 1]), ([1], [0.02, 1])),
    12: closed(([190.0], [0.01, 1]), ([1.0, 1], [8.0, 1]), ([0.1, 1], [0.15, 1]), ([1], [0.01, 1])),
    13: closed(([20.0], [1]), ([1.0, 1], [5.0, 1]), loop(([8 * 3.7], [0.4, 1]), ([1.0], [1]))),
}


@pytest.mark.parametrize("gen", REGULATORS)
def test_a_regulator_agrees_at_1_hz_and_has_at_most_the_steady_gain(net, gen):
    found, (num, den) = row(net, gen), REGULATORS[gen]
    _, (steady, swing) = signal.freqs(num, den, [0.0, 2 * np.pi])
    own = found["ka"] / (1 + 2j * np.pi * found["ta"])
    assert abs(own) == pytest.approx(abs(swing), rel=1e-9)
    assert found["ka"] <= steady.real * (1 + 1e-9)
    if found["ka"] < steady.real * (1 - 1e-9):
        assert own == pytest.approx(swing, rel=1e-9)


def test_rate_feedback_of_an_exciter_whose_field_is_not_one(tmp_path):
    head = f"1 'GENROU' 1 {ROUND} /"
    ac = "1 'EXAC1' 1 0 0 0 100 .02 9 -9 .8 .03 1 .2 .4 2.0 3 .03 4 .1 /"
    found = row(read(tmp_path, head, ac), 1)
    field = closed(([100.0], [0.02, 1]), ([2.0], [0.8, 2.0]))
    num, den = closed(loop(field, ([0.03, 0], [1.0, 1])), ([0.5], [1]))
    _, (swing,) = signal.freqs(num, den, [2 * np.pi])
    assert found["ka"] / (1 + 2j * np.pi * found["ta"]) == pytest.approx(swing, rel=1e-9)


def test_no_gain_and_no_droop(tmp_path):
    net = read(
        tmp_path,
        f"1 'GENROU' 1 {ROUND} /",
        "1 'SEXS' 1 1 10 0 .05 -5 5 /",
        "1 'IEESGO' 1 .01 0 .15 .3 8 .4 0 .7 .43 1 0 /",
        f"1 'GENROU' 2 {ROUND} /",
        "1 'IEEEG1' 2 0 0 20 .1 0 .2 1 -1 1 0 .1 0 0 0 0 0 0 0 0 0 0 0 /",
        f"1 'GENROU' A {ROUND} /",
        "1 'GGOV1' A 0 0 " + "0.04 1 .05 -.05 10 2 0 1 1 .15 .5 1.5 .2 .1 0 0 3 2 .67 1 0 .1 -.1 "
        "0 .01 10 .1 90 /",
    )
    assert [set(row(net, gen)) & {"ka", "r"} for gen in (1, 2, 3)] == [set()] * 3
    assert row(net, 1)["device"] == "one-axis"
    text = "\n".join(net.approximations)
    assert "1 record has no effect (no gain): SEXS 1 '1'" in text
    assert "(no droop): IEESGO 1 '1', IEEEG1 1 '2', GGOV1 1 'A'" in text


# -- text -------------------------------------------


def test_what_is_left_out_is_said(net):
    said = net.approximations
    for text in (
        "9 GENROU, 1 GENROE, 1 GENTPJ1: read as one-axis, without subtransients",
        "3 TGOV1, 1 IEESGO: read as r and tg, without its limits",
        "an infinite machine: an inertia of 100000 s stands for it at 5 'A'",
        "models that are left out, their machines kept: 1 STAB2A (5 '1'), 1 REECA1 (6 '1')",
        "no effect (a device classical has no exciter): SEXS 5 '2'",
        "no effect (no generator model): TGOV1 7 'A'",
        "of a machine that the .raw file does not have: GENCLS 8 '1'",
        "of a machine out of service: GENROU 7 '2'",
        "1 generator in service has no generator model and counts as constant power: 7 'A'",
    ):
        assert any(text in one for one in said), text


def test_records_of_several_lines_and_what_is_no_record(tmp_path):
    net = read(
        tmp_path,
        "// a comment",
        "1, 'GENROU' , '1',",
        "6.0 0.035 0.50, 0.06 4D0",
        "",
        "0.0 1.85 1.75 0.31 0.52 0.24 0.17 0.08 0.35 / 1 'GENCLS' 2 3.0 0.0 /",
        "Line 'Toggle' Line_8 2.0 /",
        "1 SEXS 1 1 10 20 .05 -5 5 / the rest is no parameter",
    )
    assert net.dynamics["gen"].tolist() == [1]
    assert row(net, 1) == {
        "gen": 1, "device": "avr", "xd": 1.85, "xq": 1.75, "xd1": 0.31, "h": 4.0, "d": 0.0,
        "td0": 6.0, "ka": pytest.approx(20), "ta": pytest.approx(0.05), "s_mva": 100.0,
    }  # fmt: skip


def test_all_faults_at_once(tmp_path):
    found = faults(
        tmp_path,
        f"1 'GENROU' 1 {ROUND.replace('6.0', '6,0x')} /",
        f"1 'GENROU' 2 {ROUND} /",
        "1 'GENCLS' 2 3.0 0.0 /",
        "2 'GENROU' 1 6.0 0.035",
        "  0.50 /",
        f"2 'GENROU' 2 {ROUND.replace('1.75', '1.95')} /",
        "2 'GENCLS' A -1.0 0.0 /",
        "3 'GENCLS' 1 3.0 , 0.0 /",
        "3 'TGOV1' 1 0 .5 1 0 0 0 0 /",
        "x 'GENCLS' 1 3.0 0.0 /",
        "4 'GENCLS' 1 3.0 -2.0 /",
        "5 'REGFMA1' 1 1 1 1 /",
        "5 /",
        "6 'GENCLS' 1 3.0",
    )
    text = [str(fault) for fault in found]
    expected = [
        ("line 1 (GENROU 1 '1')", "0x"),
        ("line 3 (GENCLS 1 '2')", "another machine model, GENROU 1 '2' in line 2"),
        ("line 4 (GENROU 2 '1')", "has 3 parameters, not at least 14"),
        ("line 6 (GENROU 2 '2')", "Xq 1.95 is above Xd 1.85"),
        ("line 7 (GENCLS 2 'A')", "H must not be negative, got -1"),
        ("line 9 (TGOV1 3 '1')", "R must be a positive number, got 0"),
        ("line 10 (GENCLS x '1')", "(the bus)"),
        ("line 11 (GENCLS 4 '1')", "D must not be negative, got -2"),
        ("line 12 (REGFMA1 5 '1')", "has 3 parameters, not 19 or 20"),
        ("line 13", "a record has a bus, a model and an identifier"),
        ("line 14 (GENCLS 6 '1')", "the record is not closed by a /"),
    ]
    assert len(text) == len(expected), text
    for one, (place, what) in zip(text, expected, strict=True):
        assert one.startswith(place), one
        assert what in one


def test_a_field_left_out_is_missing(tmp_path):
    (fault,) = faults(tmp_path, f"1 'GENROU' 1 {ROUND.replace('0.31', ',,')} /")
    assert "X'd is missing" in str(fault)


def test_a_classical_machine_needs_its_reactance(tmp_path):
    raw = tmp_path / "grid.raw"
    raw.write_text(RAW.read_text().replace(",100.0,0.0,0.21,", ",100.0,0.0,0.0,"))
    path = tmp_path / "grid.dyr"
    path.write_text("1 'GENCLS' 1 3.0 0.0 /\n")
    with pytest.raises(scopf.CaseError, match=r"ZX of the machine in the \.raw file, which is 0"):
        scopf.load_case(raw, dynamics=path)


def test_dynamics_go_with_a_raw_file():
    with pytest.raises(scopf.ScopfError, match=r"\.dyr file, go with a PSS/E \.raw file"):
        scopf.load_case("case39", dynamics=DYR)
    with pytest.raises(scopf.CaseError, match="cannot be read"):
        scopf.load_case(RAW, dynamics=PAIR / "none.dyr")


# -- where the devices go -------------------------------------------


def test_the_table_goes_with_the_network(net, tmp_path):
    variants = [net, net.lossless(), net.scaled(load=1.01), net.energized(), net.replace(name="x")]
    path = tmp_path / "net.json"
    scopf.save_case(net, path)
    variants.append(scopf.load_case(path))
    for one in variants:
        table = scopf.devices_table(one)
        assert table.astype(str).equals(net.dynamics.astype(str))
    less = net.replace(gen={"in_service": net.gen.in_service & (net.gen.id != 3)})
    assert 3 not in less.energized().dynamics["gen"].tolist()
    own = device_table.of_network(less, scopf.Inverters.at_generators(less))
    assert own.devices.gens.tolist() == [gen for gen in range(1, 18) if gen != 3]


def test_a_table_of_other_generators_is_refused(net):
    table = scopf.devices_table(net)
    with pytest.raises(scopf.CaseError, match="dynamics: there is no generator 99"):
        net.replace(dynamics=table.assign(gen=[99, *table["gen"][1:]]))
    with pytest.raises(scopf.CaseError, match="a column gen, device"):
        net.replace(dynamics=table.drop(columns=["gen", "device"]))
    with pytest.raises(scopf.CaseError, match="must be a DataFrame"):
        net.replace(dynamics={"gen": [1]})
    with pytest.raises(scopf.ScopfError, match="it has no table of devices"):
        scopf.devices_table(net.replace(dynamics=None))


def test_json_with_a_broken_table_is_refused(net, tmp_path):
    path = tmp_path / "net.json"
    scopf.save_case(net, path)
    content = json.loads(path.read_text())
    for table, why in (
        ([1], "object of columns"),
        ({"gen": [1], "device": []}, "differ in length"),
        ({"gen": [True], "device": ["avr"]}, "numbers, texts or null"),
        ({"gen": [1]}, "a column device"),
    ):
        path.write_text(json.dumps({**content, "dynamics": table}))
        with pytest.raises(scopf.CaseError, match=why):
            scopf.load_case(path)


def test_a_dispatch_with_the_devices_of_the_file(net):
    prob = scopf.build(net, criterion="weighted")
    assert prob.inverters.bus.tolist() == [6, 7]
    assert prob.inverters.mq.tolist() == pytest.approx([0.05 / 1.2, 0.08])
    devices = prob.scenario.devices
    assert devices.gens.tolist() == list(range(1, 18))
    sol = scopf.solve(prob)
    assert sol.solved
    found = sol.verify()
    assert found.stable
    again = scopf.solve(scopf.build(net, criterion="weighted", devices=net.dynamics))
    assert again.cost < sol.cost + 1e-6  # the generator without a record is an inverter there
    flow = scopf.power_flow(sol)
    assert flow.converged
    assert np.allclose(flow.vm, sol.buses["vm"], atol=1e-6)


def test_inverters_that_are_given_take_the_place_of_machines(net):
    mine = scopf.Inverters.at_generators(net, buses=[1, 6], mq=0.1)
    assert mine.gens == ((1, 2, 3), (16, 17, 18))
    prob = scopf.build(net, mine, criterion="weighted")
    assert prob.scenario.devices.gens.tolist() == list(range(4, 16))  # the gfm at 7 is left out
    flow = scopf.power_flow(net, mine)
    assert flow.converged
    table = scopf.Inverters.at_generators(net, table=_table(net, [1]))
    assert table.bus.tolist() == [1, 6, 7]
    bare = net.replace(dynamics=None)
    assert scopf.Inverters.at_generators(bare).bus.tolist() == list(range(1, 8))
    rated = scopf.Inverters.at_generators(net, droop_base="rating")
    assert rated.mq.tolist() == pytest.approx([0.05 / 1.2, 0.08])


def _table(net, buses):
    return pd.DataFrame({"bus": buses, "inverter": 1})


def test_a_sweep_and_the_command_line(tmp_path):
    swept = scopf.sweep(
        RAW, dynamics=DYR, criterion="weighted", load_scale=[1.0, 1.01], out=tmp_path / "run"
    )
    assert swept.scenarios["solved"].all()
    one = scopf.solve(scopf.build(scopf.load_case(RAW, dynamics=DYR), criterion="weighted"))
    assert swept.scenarios["cost"][0] == pytest.approx(one.cost, rel=1e-7)
    paths = [str(RAW), "--dynamics", str(DYR)]
    found = json.loads(cli("info", *paths, "--json"))
    assert found["dynamics"]["gfm"] == 2
    shown = cli("info", *paths)
    assert "of 20 units: 13 avr, 2 classical, 2 gfl, 2 gfm, 1 constant power" in shown
    solved = json.loads(cli("solve", *paths, "--criterion", "weighted", "--json"))
    assert solved["cost"] == pytest.approx(one.cost, rel=1e-7)
    assert solved["settings"]["dynamics"] == str(DYR)
    flow = json.loads(cli("power-flow", *paths, "--json"))
    assert flow["converged"]


def test_a_sweep_is_another_one_with_other_devices(net):
    table = scopf.devices_table(net)
    table.loc[table["gen"] == 19, "mq"] = 0.1
    both = [Study.of(one, {}, None, None).base.hash for one in (net, net.replace(dynamics=table))]
    assert both[0] != both[1]


def test_writers_say_that_the_table_is_lost(net, tmp_path, caplog):
    for name in ("net.raw", "net.m"):
        scopf.save_case(net, tmp_path / name)
        assert "what generators are (net.dynamics)" in caplog.text
        caplog.clear()
