"""PSS/E files: the same network and optimum as other forms, measured transformers, faults."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from tests.cases import raw_files

pytestmark = pytest.mark.core

DATA = Path(__file__).parents[1] / "data"
REVISIONS = (33, 35)
BUSES = [
    "1,'ONE',345.0,3,1,1,1,1.02,0.0,1.1,0.9",
    "2,'TWO',138.0,1,1,1,1,1.0,-1.0,1.1,0.9",
    "3,'THREE',13.8,1,1,1,1,1.0,-2.0,1.1,0.9",
]
MACHINE = ["1,'1',50,0,100,-100,1.02,0,100,0,1,0,0,1,1,100,200,0"]
NAMEPLATE = {"mva": (150.0, 60.0, 75.0), "kv": (330.0, 132.0, 13.2)}


def written(tmp_path, text, name="case.raw", costs="bus,id,c1\n1,1,10\n"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    if costs:
        path.with_suffix(".costs.csv").write_text(costs, encoding="utf-8")
    return path


def read(tmp_path, text, costs="bus,id,c1\n1,1,10\n", **keywords):
    return scopf.load_case(written(tmp_path, text, costs=costs), **keywords)


def small(revision=33, **records):
    """Three buses and a line, and whatever else is given."""
    found = {"bus": BUSES, "generator": MACHINE, "branch": ["1,2,'1',0.01,0.1,0.02"]}
    found |= {"transformer": ["2,3,0,'1',1,1,1,0,0,2,'T',1", "0.0,0.1,100", "1.0,0,0", "1.0,0"]}
    if revision == 35:  # NREG
        found["generator"] = ["1,'1',50,0,100,-100,1.02,0,0,100,0,1,0,0,1,1,100,200,0"]
    return raw_files.text(revision, **(found | records))


def refused(tmp_path, text, **keywords):
    with pytest.raises(scopf.CaseError) as caught:
        read(tmp_path, text, **keywords)
    return [str(fault) for fault in caught.value.faults]


# -- the same network as a .m file -----------------------------------------------


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("name", ["case9", "case14", "case39", "case118", "pglib_opf_case5_pjm"])
def test_a_raw_file_is_the_same_network_as_the_m_file(tmp_path, name, revision):
    net = scopf.load_case(name)
    found = read(tmp_path, raw_files.of(net, revision), costs=raw_files.costs(net))
    assert found.bus.id.tolist() == net.bus.id.tolist()
    assert found.bus.type.tolist() == net.bus.type.tolist()
    for key in ("pd", "qd", "vm", "va", "vmin", "vmax", "base_kv"):
        np.testing.assert_allclose(getattr(found.bus, key), getattr(net.bus, key), rtol=1e-13)
    for key in ("bus", "pg", "pmin", "pmax", "qmin", "qmax", "vg", "mbase", "cost_p"):
        np.testing.assert_allclose(getattr(found.gen, key), getattr(net.gen, key), rtol=1e-13)
    difference = abs(found.ybus() - net.ybus())
    assert difference.max() < 1e-12 * abs(net.ybus()).max()
    ours, theirs = (sorted(n.branch.rate.tolist()) for n in (found, net))
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("name", ["case14", "case39", "case118"])
def test_a_raw_file_has_the_same_optimum_as_the_m_file(tmp_path, name, revision):
    net = scopf.load_case(name)
    found = read(tmp_path, raw_files.of(net, revision), costs=raw_files.costs(net))
    costs = [scopf.solve(scopf.build(n, criterion="none")).cost for n in (found, net)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-8)


# -- transformers, measured as in a test field -----------------------------------------------


def impedance_at(net, at, shorted):
    """Impedance into one bus with another one shorted, the rest open, from Ybus; per unit."""
    y = net.ybus().toarray()
    keep = [k for k in range(len(y)) if k != shorted]
    voltage = np.linalg.solve(y[np.ix_(keep, keep)], np.eye(len(keep))[:, keep.index(at)])
    return voltage[keep.index(at)]


def transformer(net_of, revision, cw, cz, cm, units=3):
    """Records of the transformer of `NAMEPLATE` at its nominal taps, in the units of the codes.

    Its short-circuit impedances are 1 + 12j, 0.8 + 9j and 1.5 + 20j percent on their own MVA, its
    no-load loss 90 kW at 0.5 % current.
    """
    kv, mva, base_kv = NAMEPLATE["kv"], NAMEPLATE["mva"], (345.0, 138.0, 13.8)
    own = np.array([0.01 + 0.12j, 0.008 + 0.09j, 0.015 + 0.2j])
    system = own * 100.0 / np.array(mva)
    loss = own.real * np.array(mva) * 1e6
    pairs = {1: (system.real, system.imag), 2: (own.real, own.imag), 3: (loss, abs(own))}[cz]
    cells = [c for r, x, s in zip(*pairs, mva, strict=True) for c in (float(r), float(x), s)]
    taps = {1: np.array(kv) / base_kv, 2: np.array(kv), 3: np.ones(3)}[cw].tolist()
    current = 0.005 * 150.0 / 100.0 * (345.0 / 330.0) ** 2
    g = 0.09 / 100.0 * (345.0 / 330.0) ** 2
    mag = (90e3, 0.005) if cm == 2 else (g, -float(np.sqrt(current**2 - g**2)))
    rates = [100.0] + [0.0] * (2 if revision == 33 else 11)
    third = 3 if units == 3 else 0
    return [
        raw_files.row(1, 2, third, "'T1'", cw, cz, cm, *mag, 2, "'A, B/C'", 1),
        raw_files.row(*cells) if units == 3 else raw_files.row(*cells[:3]),
        *(raw_files.row(taps[k], kv[k], 0.0, *rates) for k in range(units)),
    ]


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("units", [2, 3])
@pytest.mark.parametrize("cm", [1, 2])
@pytest.mark.parametrize("cz", [1, 2, 3])
@pytest.mark.parametrize("cw", [1, 2, 3])
def test_a_transformer_measures_as_its_nameplate_says(tmp_path, cw, cz, cm, units, revision):
    """Short-circuit and no-load tests on Ybus, in ohms, watts and amperes of the nameplate."""
    rows = transformer(None, revision, cw, cz, cm, units)
    lines = [] if units == 3 else ["2,3,'1',0.0,0.1,0.0"]
    net = read(tmp_path, small(revision, transformer=rows, branch=lines))
    kv, base_kv = NAMEPLATE["kv"], (345.0, 138.0, 13.8)
    own = {(0, 1): 0.01 + 0.12j, (1, 2): 0.008 + 0.09j, (2, 0): 0.015 + 0.2j}
    pairs = list(zip(own, NAMEPLATE["mva"], strict=True))[: 3 if units == 3 else 1]
    quiet = net.replace(bus={"gs": 0 * net.bus.gs, "bs": 0 * net.bus.bs})
    if units == 2:  # nothing but the transformer
        quiet = quiet.replace(branch={"in_service": [False, True]}, bus={"type": [3, 1, 4]})
        alone = quiet.energized().ybus()
        assert alone.shape == (2, 2)
        quiet = quiet.energized()
    for (at, shorted), mva in pairs:
        ohms = impedance_at(quiet, at, shorted) * base_kv[at] ** 2 / 100.0
        assert ohms == pytest.approx(own[at, shorted] * kv[at] ** 2 / mva, rel=1e-12)
    volts = kv[0] / base_kv[0]
    at_no_load = complex(net.bus.gs[0], net.bus.bs[0]) * volts**2 * 100.0  # MVA
    assert at_no_load.real == pytest.approx(0.09, rel=1e-12)
    assert abs(at_no_load) == pytest.approx(0.005 * 150.0, rel=1e-12)
    assert at_no_load.imag < 0
    # Open, the voltages are as the numbers of turns.
    y = quiet.ybus().toarray()
    inner = y[1:, 1:]
    open_ = np.linalg.solve(inner, -y[1:, 0])[: len(pairs) - 1 or 1]
    seen = open_ * np.array(base_kv[1 : 1 + len(open_)])
    np.testing.assert_allclose(seen, np.array(kv[1 : 1 + len(open_)]) * base_kv[0] / kv[0], 1e-12)


def test_a_tap_at_winding_two_changes_what_winding_one_measures(tmp_path):
    rows = ["2,3,0,'1',1,1,1,0,0,2,'T',1", "0.01,0.1,100", "1.05,0,30.0,75", "0.98,0"]
    branch = read(tmp_path, small(transformer=rows)).branch
    assert branch.tap[-1] == pytest.approx(1.05 / 0.98)
    assert branch.shift[-1] == pytest.approx(np.pi / 6)
    assert complex(branch.r[-1], branch.x[-1]) == pytest.approx((0.01 + 0.1j) * 0.98**2)
    assert branch.rate.tolist() == [np.inf, 0.75]


@pytest.mark.parametrize(
    ("stat", "open_"), [(0, {1, 2, 3}), (1, set()), (2, {2}), (3, {3}), (4, {1})]
)
def test_the_status_of_a_three_winding_transformer_opens_windings(tmp_path, stat, open_):
    rows = transformer(None, 33, 1, 1, 1)
    rows[0] = rows[0].removesuffix(",1") + f",{stat}"
    lines = ["1,2,'1',0.01,0.1,0", "2,3,'1',0.01,0.1,0"]
    net = read(tmp_path, small(transformer=rows, branch=lines))
    assert {k for k in (1, 2, 3) if not net.branch.in_service[1 + k]} == open_
    assert net.bus.id.tolist() == [1, 2, 3, 4]
    assert net.bus.in_service[3] == (stat != 0)
    assert net.bus.name[3] == "star of 1-2-3 'T1'"
    assert (net.bus.bs[0] != 0) == (1 not in open_)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_network_with_a_star_point_is_solved(tmp_path, revision):
    text = small(
        revision,
        transformer=transformer(None, revision, 2, 3, 2),
        branch=[],
        load=["2,'1',1,1,1,40,10,3,1,2,-1", "3,'1',1,1,1,20,5"],
    )
    net = read(tmp_path, text)
    for start in ("dc", "flat", "middle", "power-flow"):
        solution = scopf.solve(scopf.build(net, criterion="none"), start=start)
        assert solution.solved
        assert solution.cost == pytest.approx(10 * solution.gens.p_mw.sum(), rel=1e-6)
    assert 0.9 < solution.buses.vm.iloc[3] < 1.1


# -- the other records -----------------------------------------------


def test_loads_have_three_parts_and_their_own_generation(tmp_path):
    loads = [
        "2,'1',1,1,1,40,10,3,1,2,-1,1,1,0,5,2,1,'home'",
        "2,'2',0,1,1,999,999",
        "2,'3',1,1,1,1,,,,,,,,,7,7,0",
    ]
    bus = read(tmp_path, small(35, load=loads)).bus
    assert bus.pd[1] * 100 == pytest.approx(40 - 5 + 1)
    assert bus.qd[1] * 100 == pytest.approx(10 - 2)
    assert (bus.pd_current[1] * 100, bus.qd_current[1] * 100) == pytest.approx((3, 1))
    assert (bus.gs[1] * 100, bus.bs[1] * 100) == pytest.approx((2, -1))


def test_shunts_of_buses_and_lines_are_summed_up(tmp_path, caplog):
    found = read(
        tmp_path,
        small(
            fixed_shunt=["2,'1',1,1.5,20", "2,'2',0,9,9"],
            switched_shunt=["2,1,0,1,1.1,0.9,0,100,'',-30.0,1,-30", "3,0,0,0,1.1,0.9,0,100,'',50"],
            branch=["1,2,'1',0.01,0.1,0.02,0,0,0,0.001,0.02,0.003,0.04"],
        ),
    ).bus
    assert found.gs.tolist() == pytest.approx([0.001, 0.015 + 0.003, 0])
    assert found.bs.tolist() == pytest.approx([0.02, 0.2 - 0.3 + 0.04, 0])
    assert "1 switched shunt is fixed" in caplog.text


def test_lines_without_impedance_get_the_threshold(tmp_path, caplog):
    with_switch = small(35, branch=["1,2,'1',0,0,0"], system_switching_device=["1,2,'@1',0.0002"])
    branch = read(tmp_path, with_switch).branch
    assert branch.x[:2].tolist() == [1e-4, 2e-4]
    assert "(THRSHZ) stands for none" in caplog.text
    caplog.clear()
    ends = ["1,2,'1',0,-1E-4", "1,2,'2',0,1E-4", "1,2,'3',0,-1.1E-4", "1,2,'4',1E-9,1E-5"]
    assert read(tmp_path, small(branch=ends)).branch.x[:4].tolist() == [1e-4, 1e-4, -1.1e-4, 1e-5]
    assert "in 1 branch without resistance: 1-2 '1'" in caplog.text
    settings = {"SYSTEM-WIDE": ["GENERAL, THRSHZ=0.0005"]}
    assert read(tmp_path, small(35, branch=["1,-2,'1',0,0,0"], **settings)).branch.x[0] == 5e-4


def test_free_format_and_defaults(tmp_path):
    text = small(
        bus=["1 'ONE, 1/2' 345.0 3 / a comment, 'unclosed", "2 , , , 1", "3,,13.8D0"],
        generator=["1,,5.0E1"],
        load=["2,,,,,40."],
        branch=["  1\t2 ,, .01,\t+.1"],
    ).replace("\n", "\r\n")
    net = read(tmp_path, text.replace("\r\nQ\r\n", "\r\nq / end"))
    assert net.bus.name.tolist() == ["ONE, 1/2", "", ""]
    assert net.bus.type.tolist() == [3, 1, 1]
    assert net.bus.base_kv.tolist() == [345.0, 0.0, 13.8]
    assert net.bus.vmin.tolist() == [0.9] * 3
    assert net.bus.vmax.tolist() == [1.1] * 3
    assert net.gen.name.tolist() == ["1 '1'"]
    assert (net.gen.pmax * 100).tolist() == [9999.0]
    assert net.branch.name[0] == "1-2 '1'"
    assert (net.branch.r[0], net.branch.x[0], net.branch.rate[0]) == (0.01, 0.1, np.inf)


def test_revision_30_has_shunts_at_its_buses(tmp_path, caplog):
    text = """0, 100.0 / PSS/E-30.3 MON, FEB 01 2010
title

1,'ONE',345.0,3,0,0,1,1,1.02,0.0,1
2,'TWO',345.0,1,1.5,20,1,1,1.0,0.0,1
0 / END OF BUS DATA, BEGIN LOAD DATA
0 / END OF LOAD DATA, BEGIN GENERATOR DATA
1,'1',50,0,100,-100,1.02,0,100,0,1,0,0,1,1,100,200,0,1,1.0
0 / END OF GENERATOR DATA, BEGIN BRANCH DATA
1,-2,'1',0.01,0.1,0.02,75,0,0,0,0,0,0,1,10.0,1,1.0
0 / END OF BRANCH DATA, BEGIN TRANSFORMER DATA
0 / END OF TRANSFORMER DATA, BEGIN AREA DATA
0
0
0 / END OF VSC DC LINE DATA, BEGIN SWITCHED SHUNT DATA
2,1,1.1,0.9,0,100,'',30.0,1,30
0 / END OF SWITCHED SHUNT DATA
Q
"""
    net = read(tmp_path, text)
    assert net.bus.gs.tolist() == pytest.approx([0, 0.015])
    assert net.bus.bs.tolist() == pytest.approx([0, 0.5])
    assert net.branch.to_bus.tolist() == [2]
    assert net.branch.rate[0] == 0.75
    assert "revision 30 has no voltage limits" in caplog.text


# -- costs -----------------------------------------------


def test_costs_of_all_kinds(tmp_path):
    machines = [MACHINE[0].replace("'1'", f"'{own}'") for own in ("1", "G2", "3")]
    table = (
        "bus, id, c2, c1, c0, d2, points, pmin, pmax  # per MW\n"
        "1,1,0.02,10,100,0.01,,20,80\n1,'G2',,,,,0:0 50:500 100:1500,,\n"
    )
    net = read(tmp_path, small(generator=machines), costs=table)
    assert net.gen.cost_p[0].tolist() == pytest.approx([100, 1000, 200])
    assert net.gen.cost_q[0].tolist() == pytest.approx([0, 0, 100])
    points = net.gen.cost_p_points[1].ravel().tolist()
    assert points == pytest.approx([0, 0, 0.5, 500, 1, 1500])
    assert (net.gen.pmin[0], net.gen.pmax[0]) == pytest.approx((0.2, 0.8))
    assert not net.gen.cost_p[2].any()


def test_machines_without_costs_are_told(tmp_path, caplog):
    read(tmp_path, small(), costs="")
    assert "1 of 1 machine in service has no costs and counts as free" in caplog.text
    assert "case.costs.csv beside it" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        read(tmp_path, small())
    assert not caplog.text


def test_costs_may_be_anywhere(tmp_path):
    import pandas as pd

    path = written(tmp_path, small(), costs="")
    (tmp_path / "other.csv").write_text("bus,c1\n1,7\n")
    for costs in (tmp_path / "other.csv", pd.DataFrame({"bus": [1], "c1": [7.0]})):
        net = scopf.load_case(path, costs=costs)
        assert net.gen.cost_p[0, 1] == pytest.approx(700)
    with pytest.raises(scopf.ScopfError, match="costs go with a PSS/E"):
        scopf.load_case("case9", costs=tmp_path / "other.csv")
    with pytest.raises(scopf.CaseError, match="there is no such file"):
        scopf.load_case(path, costs=tmp_path / "none.csv")


def test_costs_that_match_no_machine_are_refused_together(tmp_path):
    machines = [MACHINE[0], MACHINE[0].replace("'1'", "'2'")]
    table = "bus,id,c1\n7,1,1\n1,X,1\n1,,1\n1,1,1\n1,1,2\n1,2,x\n,1,1\n"
    found = refused(tmp_path, small(generator=machines), costs=table)
    assert found == [
        "case.costs.csv row 6: `x` is not a number",
        "case.costs.csv row 7: the bus is missing",
        "case.costs.csv row 1 (7 '1'): there is no machine at bus 7",
        "case.costs.csv row 2 (1 'X'): there is no machine 'X' at bus 1, only '1', '2'",
        "case.costs.csv row 3 (bus 1): bus 1 has the machines '1', '2': give the id of one",
        "case.costs.csv row 5 (1 '1'): this machine has costs in row 4 already",
    ]


# -- what is refused -----------------------------------------------


def test_faults_name_section_line_and_record_all_at_once(tmp_path):
    found = refused(
        tmp_path,
        small(
            bus=[*BUSES[:2], "3,'THREE',x,1"],
            load=["2,'1',1,1,1,40", "9,'1',7,1,1,4"],
            generator=[MACHINE[0].replace("200,0", "200,300"), MACHINE[0]],
            branch=["1,2,'1',0.01", "1,2,'2',0.01,0.1,0.02,-5"],
        ),
    )
    assert found == [
        "BUS data, line 6 (bus 3): `x` is not a number (BASKV)",
        "BRANCH data, line 15 (1-2 '1'): X is missing",
        "LOAD data, line 9 (9 '1'): unknown bus 9",
        "LOAD data, line 9 (9 '1'): STATUS 7 is none of 0, 1",
        "GENERATOR data, line 13 (1 '1'): occurs twice (first in line 12)",
        "GENERATOR data, line 12 (1 '1'): Pmin 300 MW > Pmax 200 MW",
        "BRANCH data, line 16 (1-2 '2'): the rating -5 MVA must be positive"
        " (infinite for no limit)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0, 100.0, 33", "0, 100.0, 29", "begins FIXED SHUNT data where revision 29 has GENERATOR"),
        ("0, 100.0, 33", "0, 100.0, 37", "revision 37 is not read: save the case in PSS/E as"),
        ("1,'ONE',345.0,3", "1,'ONE',345.0,9", "bus type 9"),
        ("0, 100.0, 33", "0, -1, 33", "SBASE must be a positive number of MVA, got -1"),
        ("0, 100.0, 33", "x", "does not begin as a PSS/E .raw file does"),
        ("'TWO'", "'TWO", r"BUS data, line 5.*a quote \('\) is not closed"),
        ("1.0,-1.0,1.1,0.9", "1.0,-1.0,1.1,0.9,1,1,1", "has 14 fields where revision 33 has 13"),
        ("2,'TWO'", "0,'TWO',138", "begins with 0, which ends a section"),
        ("0.0,0.1,100\n", "", "turns ratio|X1-2|lines"),
        ("\n1.0,0\n", "\n\n", r"line 17 .2-3 '1'.: the line is blank, in the middle of a rec"),
        ("2,3,0,'1',1,1,1", "2,3,0,'1',4,1,1", "CW 4 is none of 1, 2, 3"),
        ("2,3,0,'1',1,1,1", "2,3,1,'1',1,1,1", "lines where 5 belong to it"),
        ("\n1.0,0,0\n", "\n0.0,0,0\n", "turns ratio of winding 1 must be positive, got 0 p.u."),
        (
            "BEGIN LOAD DATA",
            "BEGIN GENERATOR DATA",
            "begins GENERATOR data where rev",
        ),
        (",0.01,0.1,0.02", "\nQ", "X is missing"),
        ("0.01,0.1,0.02\n 0", "0.01,0.1,0.02\nQ", "BRANCH data: no line 0 .* is the file cut off"),
        (
            " 0 / END OF INDUCTION MACHINE DATA\nQ",
            " 0\n0\nQ",
            "there is more after the last",
        ),
        ("1,'ONE'", "'ONE  345.0','ONE'", "is not a number .I."),
        (
            "1.02,0.0,1.1,0.9",
            "1.02,0.0,0.8,0.9",
            r"BUS data, line 4 \(bus 1\): Vmin 0.9 > Vmax",
        ),
    ],
)
def test_spoilt_files_are_refused_with_a_sentence(tmp_path, old, new, said):
    text = small()
    assert old in text
    with pytest.raises(scopf.CaseError, match=said):
        read(tmp_path, text.replace(old, new, 1))


def test_a_file_may_end_after_its_last_section_of_need(tmp_path):
    text = small()
    whole = read(tmp_path, text)
    assert read(tmp_path, text.replace("\nQ\n", "\n")) == whole
    head = text[: text.index("BEGIN AREA")]
    assert read(tmp_path, head) == whole
    with pytest.raises(scopf.CaseError, match="there is no TRANSFORMER data"):
        read(tmp_path, text[: text.index("BEGIN TRANSFORMER")])


UNSUPPORTED = {
    "multi-terminal dc": ["'MT',2,2,1,{on}", *["0,0.0"] * 5],
    "gne": ["'GNE','M',1,2,11,1,0,{on},1,1", "0,1,2,3,4,5,6,7,8,9", "10", "1"],
}


@pytest.mark.parametrize("section", UNSUPPORTED)
def test_what_the_model_does_not_have_is_named(tmp_path, caplog, section):
    key = section.replace(" ", "_")

    def text(on):
        return small(**{key: [row.format(on=on) for row in UNSUPPORTED[section]]})

    (said,) = refused(tmp_path, text(1))
    assert "is in service; it is not represented" in said
    assert read(tmp_path, text(1), ignore_unsupported=True) == read(tmp_path, small())
    assert "ignored: " in caplog.text
    caplog.clear()
    assert read(tmp_path, text(0)) == read(tmp_path, small())
    assert not caplog.text


def test_multi_section_lines_areas_and_owners_change_nothing(tmp_path):
    text = small(multi_section_line=["1,2,'&1',1,3"], area=["1,1,0,5,'A'"], owner=["1,'O'"])
    assert read(tmp_path, text) == read(tmp_path, small())


@pytest.mark.parametrize("load", ["2,'{}',x", "{},'1',1"])
def test_many_faults_take_no_time(tmp_path, load):
    text = small(load=[load.format(k) for k in range(100, 30_100)])
    assert len(refused(tmp_path, text)) == 30_000


# -- the examples -----------------------------------------------


def test_the_examples_of_both_revisions_are_the_same_network():
    one, other = (scopf.load_case(DATA / f"seven_buses_{revision}.raw") for revision in REVISIONS)
    for table in ("bus", "gen", "branch"):
        columns = (getattr(net, table) for net in (one, other))
        for column, values in vars(next(columns)).items():
            theirs = getattr(getattr(other, table), column)
            if values.dtype.kind == "f":
                np.testing.assert_allclose(values, theirs, rtol=1e-13, atol=1e-16)
            else:
                assert values.tolist() == theirs.tolist()
    assert one.gen.name.tolist() == ["101 '1'", "102 '1'", "102 'W2'", "102 '3'"]
    assert one.branch.name[-1] == "103-202-301 '1' winding 3"
    assert one.bus.id.tolist()[-2:] == [999, 1000]


def test_the_command_line_takes_raw_files(tmp_path):
    command = ["solve", str(DATA / "seven_buses_33.raw"), "--criterion", "none", "--json"]
    found = json.loads(CliRunner().invoke(app, command).stdout)
    assert found["status"] == "optimal"
    table = tmp_path / "free.csv"
    table.write_text("bus,id,c0\n101,1,7\n102,1,0\n102,W2,0\n")
    dear = json.loads(CliRunner().invoke(app, [*command, "--costs", str(table)]).stdout)
    assert dear["cost"] == pytest.approx(7)
    assert dear["settings"]["costs"] == str(table)
    refused = CliRunner().invoke(app, ["solve", "case9", "--costs", str(table)])
    assert refused.exit_code == 2
