"""DC lines of PSS/E files: powers, losses and power factors at the schedule, all revisions."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cases.psse import lcc, vsc
from scopf.cli.main import app
from tests.cases.test_psse import refused, small, written

DATA = Path(__file__).parents[1] / "data"
COSTS = DATA / "dc_lines.costs.csv"
STEP = 1e-4

# MW at both ends, by hand: Ohm's law at a direct current of 400, 400, 200, 0, 500, 400 and 0 A.
POWERS = {
    "POLE A": (2, 4, 100.0, 99.2),  # 250 kV at the rectifier; 5 ohms
    "POLE B": (1, 5, 41.76, 39.84),  # 100 kV at the inverter; 10 ohms; .5 ohms in two phases each
    "POLE C": (3, 2, 10.08, 9.92),  # 50.4 and 49.6 kV; 4 ohms
    "OLD LINE": (2, 4, 0.0, 0.0),
    "LINK 1": (1, 5, 50.7, 49.8),  # 101 and 100 kV; .2 MW in each converter
    "LINK 2": (2, 4, 32.2, 31.16),  # 80 and 78.4 kV; .2 MW in each converter (MINLOSS)
    "LINK 3": (2, 4, 0.0, 0.0),
}
# tan(phi) of the fundamental of the current's waveform (integrated), at these firing or extinction
# angles and overlaps: 23.7 and 4.3 degrees, 24.1 and 4.3, 10.5 and 6.8, 15 (its least) and 5.5, 30
# (its most) and 3.5, 30 and 3.6.
LCC = {
    "POLE A": (0.486386749919, 0.494710336298),
    "POLE B": (0.251748265653, 0.322635901995),
    "POLE C": (0.619601181384, 0.620260226049),
}


def example(revision=33, **keywords):
    return scopf.load_case(DATA / f"dc_lines_{revision}.raw", costs=COSTS, **keywords)


def line_of(net, name):
    """One DC line, powers in MW and MVAr."""
    row = net.dcline.name.tolist().index(name)
    cells = {key: column[row] for key, column in vars(net.dcline).items()}
    power = ("pf", "qf", "qt", "pmin", "pmax", "qminf", "qmaxf", "qmint", "qmaxt", "loss0")
    return cells | {key: cells[key] * net.base_mva for key in power}


# -- what is read -----------------------------------------------


@pytest.mark.parametrize("name", POWERS)
def test_power_and_losses_are_those_of_the_schedule(name):
    from_bus, to_bus, sent, received = POWERS[name]
    line = line_of(example(), name)
    assert (line["from_bus"], line["to_bus"]) == (from_bus, to_bus)
    assert [line["pf"], line["pmin"], line["pmax"]] == pytest.approx([sent] * 3, abs=1e-12)
    lost = line["loss0"] + line["loss1"] * line["pf"]
    assert sent - lost == pytest.approx(received, abs=1e-12)
    assert line["in_service"] == (sent > 0)


@pytest.mark.parametrize("name", LCC)
def test_line_commutated_converters_draw_reactive_power_at_both_ends(name):
    line, (f, t) = line_of(example(), name), LCC[name]
    assert (line["tan_phi_f"], line["tan_phi_t"]) == pytest.approx((f, t), rel=1e-11)
    _, _, sent, received = POWERS[name]
    assert (line["qf"], line["qt"]) == pytest.approx((-f * sent, -t * received), rel=1e-11)


def test_voltage_source_converters_hold_a_voltage_or_a_power_factor():
    one, other = (line_of(example(), f"LINK {k}") for k in (1, 2))
    assert (one["qminf"], one["qmaxf"], one["vf"]) == pytest.approx((-20, 30, 1.02))
    assert np.isnan(one["tan_phi_f"])
    assert one["qt"] == pytest.approx(49.8 * np.tan(np.arccos(0.9)))
    assert other["qf"] == pytest.approx(-32.2 * np.tan(np.arccos(0.95)))
    left = np.sqrt(35**2 - 31.16**2)  # of SMAX
    assert (other["qmint"], other["qmaxt"]) == pytest.approx((-left, left))
    assert (one["loss0"], other["loss0"]) == pytest.approx((0.2, 0.4))  # ALOSS, MINLOSS


@pytest.mark.parametrize("revision", [30, 31, 34, 35])
def test_all_revisions_have_the_same_lines(revision):
    mine, theirs = (example(k).dcline for k in (revision, 33))
    if revision == 30:  # which numbers two-terminal lines
        assert mine.name.tolist()[:4] == ["1", "2", "3", "4"]
        theirs = theirs.replace(name=mine.name)
    assert mine == theirs


def with_line(*records, section="two_terminal_dc", revision=33):
    return small(revision, **{section: list(records)})


POLE = ("'A',1,{rdc},{setvl},{vschd},{vcmod},{rcomp}", "1,2,20,5,0,6,345,.4", "2,2,20,15,0,6,138,1")


@pytest.mark.parametrize(
    ("given", "sent", "received"),
    [
        ({"setvl": 100}, 100, 100 - 1.2475124),  # I = .3949 kA of 8 I^2 + 250 I = 100
        ({"setvl": -100}, 100 + 8 * 0.4**2, 100),
        ({"setvl": 100, "rcomp": 8}, 100, 100 - 8 * 0.4**2),
        ({"setvl": 100, "rcomp": 8, "vcmod": 248}, 98.72 + 1.28, 98.72),
        ({"setvl": -100, "vcmod": 251}, 101.28, 100),  # below VCMOD: I = 100 / 250
    ],
)
def test_the_sign_of_the_power_says_where_it_is_scheduled(tmp_path, given, sent, received):
    numbers = {"rdc": 8, "vschd": 250, "vcmod": 0, "rcomp": 0, **given}
    text = with_line(*(row.format(**numbers) for row in POLE))
    line = scopf.load_case(written(tmp_path, text)).dcline
    current = (-250 + np.sqrt(250**2 + 4 * 8 * 100)) / 16
    if given == {"setvl": 100}:
        received = 250 * current
    assert 100 * line.pf[0] == pytest.approx(sent, rel=1e-12)
    assert 100 * line.received(line.pf)[0] == pytest.approx(received, rel=1e-12)


def test_phi_is_that_of_the_fundamental_of_the_current():
    """The current of a phase rises and falls by (cos(alpha) - cos(wt)) in the overlap."""
    alpha, r, x, current, voltage = np.radians(20.0), 0.0, 6.0, 0.4, 100.0
    converter = lcc.Converter(1, 1, r, x, 1e3, alpha, alpha)
    needed = (voltage + 3 / np.pi * x * current) / (3 * np.sqrt(2) / np.pi)
    end = np.arccos(np.cos(alpha) - np.sqrt(2) * x * current * np.cos(alpha) / needed)
    third = 2 * np.pi / 3

    def rise(angle):
        return (np.cos(alpha) - np.cos(angle)) / (np.cos(alpha) - np.cos(end))

    p = q = 0.0
    for low, high, wave in (
        (alpha, end, rise),
        (end, alpha + third, np.ones_like),
        (alpha + third, end + third, lambda angle: 1 - rise(angle - third)),
    ):
        angle = np.linspace(low, high, 20_001)
        step = np.gradient(angle) * np.where((angle == low) | (angle == high), 0.5, 1.0)
        p += (wave(angle) * np.sin(angle + np.pi / 6) * step).sum()
        q -= (wave(angle) * np.cos(angle + np.pi / 6) * step).sum()
    assert converter.tan_phi(voltage, current) == pytest.approx(q / p, rel=1e-7)


def test_a_converter_that_draws_very_much_is_named(tmp_path, caplog):
    rows = [row.format(rdc=8, setvl=100, vschd=250, vcmod=0, rcomp=0) for row in POLE]
    net = scopf.load_case(written(tmp_path, with_line(*rows)))
    assert "MVAr per MW" not in caplog.text
    rows[1] = "1,2,90,5,0,6,345,1"
    found = scopf.load_case(written(tmp_path, with_line(*rows)))
    assert found.dcline.tan_phi_f[0] > np.tan(np.arccos(95.4 / 351.9)) > net.dcline.tan_phi_f[0]
    assert "two-terminal DC line 'A': the converter at bus 1 draws 3.62 MVAr" in caplog.text
    assert "EBASR, TRR, TAPR and ANMXR right?" in caplog.text


def test_a_converter_without_reactance_has_the_angle_of_its_firing():
    converter = lcc.Converter(-1, 2, 0.0, 0.0, 500.0, 0.1, 0.3)
    assert converter.tan_phi(200.0, 1.0) == pytest.approx(np.tan(0.3))


@pytest.mark.parametrize("fed", [-60.0, -0.1, 0.0, 45.0])
def test_the_currents_of_voltage_source_converters_satisfy_ohm_and_their_losses(fed):
    holds, feeds = vsc.Losses(0.3, 0.4, 0.2), vsc.Losses(0.1, 0.5, 0.25)
    flow = vsc.flow(150.0, fed, 3.0, holds, feeds)
    into = (150.0 - 3.0 * flow.current) * flow.current
    assert into == pytest.approx(fed + max(0.1 + 0.5 * abs(flow.current), 0.25), abs=1e-12)
    assert flow.drawn == pytest.approx(150.0 * flow.current + 0.3 + 0.4 * abs(flow.current))


def test_a_converter_that_is_out_of_service_takes_its_line_along(tmp_path, caplog):
    line = ("'A',1,2.0", "1,0,1,100", "2,2,1,20")
    net = scopf.load_case(written(tmp_path, with_line(*line, section="vsc_dc_line")))
    assert not net.dcline.in_service[0]
    assert "VSC DC line 'A' has a converter out of service" in caplog.text


def test_a_schedule_above_the_rating_is_told(tmp_path, caplog):
    line = ("'A',1,2.0", "1,1,1,100", "2,2,2,30,0.9,0,0,0,0,100")
    net = scopf.load_case(written(tmp_path, with_line(*line, section="vsc_dc_line")))
    assert net.dcline.in_service[0]
    assert "converter 2 has 33.3333 MVA at its schedule and a rating of 23.9023 MVA" in caplog.text


def test_commutating_capacitors_are_named(tmp_path):
    rows = [row.format(rdc=8, setvl=100, vschd=250, vcmod=0, rcomp=0) for row in POLE]
    rows[2] += ",1,1.5,.5,.00625,0,0,0,'1',20"
    (said,) = refused(tmp_path, with_line(*rows))
    assert said.startswith("TWO-TERMINAL DC data, line 20 ('A'): commutating capacitors")
    assert len(scopf.load_case(tmp_path / "case.raw", ignore_unsupported=True).dcline) == 1


# -- what is refused -----------------------------------------------


@pytest.mark.parametrize(
    ("section", "records", "said"),
    [
        ("two_terminal_dc", ["'A',1,8", POLE[1], POLE[2]], "SETVL is missing|VSCHD is missing"),
        ("two_terminal_dc", ["'A',3,8,1,250", POLE[1], POLE[2]], "MDC 3 is none of 0, 1, 2"),
        ("two_terminal_dc", ["'A',1,8,9,0", POLE[1], POLE[2]], "VSCHD 0 must be positive"),
        ("two_terminal_dc", ["'A',1,-8,9,250", POLE[1], POLE[2]], "RDC -8 must not be negative"),
        ("two_terminal_dc", ["'A',1,8,9,250", "1,0,20,5,0,6,345", POLE[2]], "NBR must be 1"),
        ("two_terminal_dc", ["'A',1,8,9,250", "1,1,20,25,0,6,345", POLE[2]], "limits 25 and 20"),
        ("two_terminal_dc", ["'A',1,8,9,250", "1,1,20,5,0,6", POLE[2]], "EBASR is missing"),
        ("two_terminal_dc", ["'A',1,8,9,250", "9,1,20,5,0,6,345", POLE[2]], "unknown bus 9"),
        ("two_terminal_dc", ["'A',1,8,9,250", "2,1,20,5,0,6,345", POLE[2]], "both ends are at"),
        ("two_terminal_dc", ["'A',1,8,9,250", POLE[1]], "2 lines where 3 belong to it"),
        (
            "two_terminal_dc",
            ["'A',1,8,-9000,250,0,20", POLE[1], POLE[2]],
            "SETVL -9000 is more power than the DC voltage and RCOMP let through",
        ),
        (
            "two_terminal_dc",
            ["'A',2,0,1000,100", POLE[1], "2,1,20,15,70,60,138,1"],
            "XCI 60 is too much current to commutate",
        ),
        ("vsc_dc_line", ["'A',1,2", "1,2,1,20", "2,2,1,20"], "TYPE 1 and the other one of TYPE 2"),
        ("vsc_dc_line", ["'A',1,2", "1,1,1", "2,2,1,20"], "DCSET1 is missing"),
        ("vsc_dc_line", ["'A',1,2", "1,1,3,90", "2,2,1,20"], "MODE 3 is none of 1, 2"),
        ("vsc_dc_line", ["'A',1,2", "1,1,2,90,0", "2,2,1,20"], "power factor ACSET 0 is not"),
        ("vsc_dc_line", ["'A',1,2", "1,1,1,90", "2,2,1,2000"], "DCSET2 2000 is more power than"),
        ("vsc_dc_line", ["'A',1,2", "1,1,1,90,1,-5", "2,2,1,20"], "ALOSS1 -5 must not be neg"),
    ],
)
def test_lines_that_are_none_are_refused(tmp_path, section, records, said):
    with pytest.raises(scopf.CaseError, match=said) as caught:
        scopf.load_case(written(tmp_path, with_line(*records, section=section)))
    assert all("DC data, line 2" in str(fault) for fault in caught.value.faults), caught.value


# -- the optimum -----------------------------------------------


@pytest.fixture(scope="module")
def fixed():
    return scopf.solve(scopf.build(example(), criterion="none"))


@pytest.fixture(scope="module")
def dispatched():
    return scopf.solve(scopf.build(example(dispatch_dc=True), criterion="none"))


def test_a_schedule_is_kept_or_is_the_most(fixed, dispatched):
    for solution, most in ((fixed, "pf_mw"), (dispatched, "pmax")):
        assert solution.solved
        table = solution.dclines
        line = solution.net.energized().dcline
        ratio = -table["qf_mvar"] / table["pf_mw"]
        sends = ~np.isnan(line.tan_phi_f) & (table["pf_mw"] > 0.1)
        assert ratio[sends].to_numpy() == pytest.approx(line.tan_phi_f[sends], rel=1e-5)
        gets = ~np.isnan(line.tan_phi_t) & (table["pt_mw"] > 0.1)
        ratio = -table["qt_mvar"] / table["pt_mw"]
        assert ratio[gets].to_numpy() == pytest.approx(line.tan_phi_t[gets], rel=1e-5)
        if most == "pf_mw":
            wanted = [powers[2] for powers in POWERS.values() if powers[2]]
            assert table["pf_mw"].tolist() == pytest.approx(wanted, abs=1e-6)
    assert dispatched.cost < fixed.cost - 10
    assert (dispatched.dclines["pf_mw"] < fixed.dclines["pf_mw"] + 1e-6).all()
    named = {family.name for family in fixed.accuracy.families}
    assert {"dcline_power_factor_from", "dcline_power_factor_to"} <= named


@pytest.mark.parametrize("row", [0, 1, 4])
def test_the_price_of_a_schedule_is_the_slope_of_the_cost(fixed, row):
    line = fixed.dclines.iloc[row]
    net = example()
    at = np.flatnonzero(net.dcline.id == line["dcline"])[0]

    def cost(by):
        moved = net.dcline.pf.copy()
        moved[at] += by
        changed = net.replace(dcline={"pmin": moved, "pmax": moved})
        return scopf.solve(scopf.build(changed, criterion="none")).cost

    slope = (cost(STEP) - cost(-STEP)) / (2 * STEP * net.base_mva)
    price = line["mu_pf_min_per_mwh"] - line["mu_pf_max_per_mwh"]
    assert price == pytest.approx(slope, rel=1e-3)
    # It is what the power costs at both ends, with the reactive power that comes with it.
    buses = fixed.buses.set_index("bus")
    parts = 0.0
    for end, sign, kept in (("from", 1.0, 1.0), ("to", -1.0, 1.0 - net.dcline.loss1[at])):
        bus, tan_phi = buses.loc[line[f"{end}_bus"]], getattr(net.dcline, f"tan_phi_{end[0]}")[at]
        q = 0.0 if np.isnan(tan_phi) else tan_phi * bus["lmp_q_per_mvarh"]
        parts += kept * (sign * bus["lmp_p_per_mwh"] + q)
    assert price == pytest.approx(parts, rel=1e-4)


def short_of_q(most):
    """The example with this Qmax of both machines, per unit."""
    net = example()
    return net.replace(gen={"qmin": 0 * net.gen.qmin, "qmax": np.full(2, most)})


def test_a_diagnosis_says_which_schedule_would_do():
    net = short_of_q(0.4)
    limits = scopf.diagnose(scopf.build(net, criterion="none"), max_solves=60).limits
    row = limits[(limits["limit"] == "DC line Pmin") & limits["element"].str.startswith("dcline 1")]
    (needed,) = row["needed"]
    for by, solved in ((-1.0, True), (1.0, False)):
        pmin = net.dcline.pmin.copy()
        pmin[0] = (needed + by) / net.base_mva
        problem = scopf.build(net.replace(dcline={"pmin": pmin}), criterion="none")
        assert scopf.solve(problem).solved == solved


def test_a_diagnosis_turns_no_line_commutated_line_round():
    found = scopf.diagnose(scopf.build(short_of_q(0.1), criterion="none"), max_solves=60)
    assert len(found.limits)
    assert not (found.limits["limit"] == "DC line Pmin").any(), found.limits


@pytest.mark.parametrize("start", ["flat", "middle", "power-flow"])
def test_every_start_leads_to_the_optimum(fixed, start):
    found = scopf.solve(scopf.build(example(), criterion="none"), start=start)
    assert found.cost == pytest.approx(fixed.cost, rel=1e-6)


def test_lossless_networks_keep_the_losses_of_dc_lines():
    assert example().lossless().dcline == example().dcline


# -- the formats and the command line -----------------------------------------------


def test_json_has_all_and_a_case_file_what_it_can(tmp_path, fixed, caplog):
    net = example()
    scopf.save_case(net, tmp_path / "a.json")
    assert scopf.load_case(tmp_path / "a.json") == net
    with caplog.at_level(logging.WARNING):
        scopf.save_case(net, tmp_path / "a.m")
    assert "a case file has no names of DC lines" in caplog.text
    assert "is written as fixed Q: dcline 1, 2-4, dcline 2, 1-5" in caplog.text
    again = scopf.load_case(tmp_path / "a.m")
    cost = scopf.solve(scopf.build(again, criterion="none")).cost
    assert cost == pytest.approx(fixed.cost, rel=1e-9)
    with pytest.raises(scopf.CaseError) as caught:
        scopf.save_case(example(dispatch_dc=True), tmp_path / "b.m")
    assert [(fault.row, fault.column) for fault in caught.value.faults] == [
        (1, "tan_phi_f"), (2, "tan_phi_f"), (3, "tan_phi_f"), (5, "tan_phi_t"), (6, "tan_phi_f"),
    ]  # fmt: skip
    assert not (tmp_path / "b.m").exists()


def test_a_ratio_needs_one_direction_and_a_number():
    net = example()
    low = net.dcline.pmin.copy()
    low[0] = -0.1
    with pytest.raises(scopf.CaseError, match="needs one direction, not -10 MW to 100 MW"):
        net.replace(dcline={"pmin": low, "loss1": 0 * low, "loss0": 0 * low})
    with pytest.raises(scopf.CaseError, match="tan phi at the to bus is not a finite number"):
        net.replace(dcline={"tan_phi_t": np.full(7, np.inf)})


def test_only_a_raw_file_takes_a_dispatch_of_dc_lines():
    with pytest.raises(scopf.ScopfError, match="dispatch_dc goes with a PSS/E"):
        scopf.load_case("case9", dispatch_dc=True)


def run(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def test_the_command_line_solves_verifies_and_sweeps_such_files(tmp_path, fixed, dispatched):
    path = tmp_path / "grid.raw"
    path.write_text((DATA / "dc_lines_33.raw").read_text())
    path.with_suffix(".costs.csv").write_text(COSTS.read_text())
    for words, cost in (((), fixed.cost), (("--dispatch-dc",), dispatched.cost)):
        found = json.loads(run("solve", path, "--criterion", "none", "--json", *words).stdout)
        assert found["cost"] == pytest.approx(cost, rel=1e-6)
        assert len(found["dclines"]) == 5
    checked = run("verify", path, "--mq", 0.1, "--json")
    assert json.loads(checked.stdout)["stable"] is True
    folder = tmp_path / "runs"
    swept = run("sweep", path, "--mq", "0.1,0.2", "--out", folder)
    assert swept.exit_code == 0, swept.output
    assert (scopf.load_sweep(folder).scenarios["status"] == "optimal").all()
    assert run("convert", path, tmp_path / "grid.json", "--dispatch-dc").exit_code == 0
    assert not scopf.load_case(tmp_path / "grid.json").dcline.pmin.any()


def test_a_ratio_beyond_the_limits_on_q_is_not_written_as_fixed_q(tmp_path):
    """The limits, which make the case infeasible, would be lost."""
    net = example()
    tight = net.replace(dcline={"qmint": np.r_[-0.1, net.dcline.qmint[1:]]})
    with pytest.raises(scopf.CaseError, match=r"dcline row 1 .*beyond the limits on Q"):
        scopf.save_case(tight, tmp_path / "tight.m")
    assert not list(tmp_path.iterdir())
