"""Revisions 23 to 29, written by this test, as the same network as the .m file; the revision."""

import numpy as np
import pytest

import scopf
from scopf.cases.psse import revisions
from tests.cases import raw_files
from tests.cases.test_psse import read, refused, small

OWNER = [1, 1.0]
TABLES = [
    "IMPEDANCE CORRECTION", "MULTI-TERMINAL DC", "MULTI-SECTION LINE", "ZONE",
    "INTER-AREA TRANSFER", "OWNER", "FACTS DEVICE",
]  # fmt: skip
OLD = (23, 24, 26, 28, 29)


def sections(revision):
    """Names of the sections in order."""
    first = (
        ["BUS", "LOAD", "GENERATOR", "BRANCH"] if revision > 23 else ["BUS", "GENERATOR", "BRANCH"]
    )
    first.append("TRANSFORMER ADJUSTMENT" if revision <= 26 else "TRANSFORMER")
    first += ["AREA", "TWO-TERMINAL DC", *(["VSC DC LINE"] if revision > 28 else [])]
    return [*first, "SWITCHED SHUNT", *TABLES]


def text(revision, records, head="", comments=True):
    lines = [head or f"0, 100.0, {revision} / by a test", "title", ""]
    names = sections(revision)
    for name, following in zip(names, [*names[1:], ""], strict=True):
        begin = f", BEGIN {following} DATA" if following else ""
        lines += records.get(name, [])
        lines.append(f"0 / END OF {name} DATA{begin}" if comments else "0")
    return "\n".join([*lines, "Q", ""])


def records(net, revision):
    """The records of a network, which may have line charging at transformers."""
    base, bus, gen, branch = net.base_mva, net.bus, net.gen, net.branch
    found = {name: [] for name in sections(revision)}
    for k in range(len(bus)):
        pd, qd, gs, bs = (float(v[k]) * base for v in (bus.pd, bus.qd, bus.gs, bus.bs))
        vm, va = float(bus.vm[k]), float(np.degrees(bus.va[k]))
        i, ide, name, kv = int(bus.id[k]), int(bus.type[k]), "'a'", float(bus.base_kv[k])
        if revision == 23:
            found["BUS"].append(raw_files.row(i, ide, pd, qd, gs, bs, 1, vm, va, name, kv, 1))
            continue
        found["BUS"].append(raw_files.row(i, name, kv, ide, gs, bs, 1, 1, vm, va, 1))
        found["LOAD"].append(raw_files.row(i, "'1'", 1, 1, 1, pd, qd, 0, 0, 0, 0, 1))
    for k in range(len(gen)):
        mva = [float(v[k]) * base for v in (gen.pg, gen.qg, gen.qmax, gen.qmin)]
        limits = [float(v[k]) * base for v in (gen.pmax, gen.pmin)]
        found["GENERATOR"].append(
            raw_files.row(
                int(gen.bus[k]), f"'{k}'", *mva, float(gen.vg[k]), 0, float(gen.mbase[k]),
                0, 1, 0, 0, 1, int(gen.in_service[k]), 100, *limits,
            )
        )  # fmt: skip
    for k in range(len(branch)):
        i, j = int(branch.from_bus[k]), int(branch.to_bus[k])
        r, x, b = (float(v[k]) for v in (branch.r, branch.x, branch.b))
        rate = 0.0 if np.isinf(branch.rate[k]) else float(branch.rate[k]) * base
        tap, shift = float(branch.tap[k]), float(np.degrees(branch.shift[k]))
        line, on = tap == 1 and shift == 0, int(branch.in_service[k])
        ratio = [0 if line else tap, shift] if revision <= 26 else []
        if line or ratio:
            row = (i, j, f"'{k}'", r, x, b, rate, 0, 0, *ratio, 0, 0, 0, 0, on, 0.0, *OWNER)
            found["BRANCH"].append(raw_files.row(*row))
        else:
            found["TRANSFORMER"] += [
                raw_files.row(i, j, 0, f"'{k}'", 1, 1, 1, 0, 0, 2, "'t'", on, *OWNER),
                raw_files.row(r, x, 100.0),
                raw_files.row(tap, 0.0, shift, rate, 0, 0, 0, 0, 1.1, 0.9, 1.1, 0.9, 33, 0, 0, 0),
                "1.0,0.0",
            ]
    return found


@pytest.mark.parametrize("revision", OLD)
@pytest.mark.parametrize("name", ["case14", "case39", "case118"])
def test_an_old_file_is_the_same_network_as_the_m_file(tmp_path, name, revision):
    net = scopf.load_case(name)
    found = read(tmp_path, text(revision, records(net, revision)), costs="")
    assert abs(found.ybus() - net.ybus()).max() < 1e-12 * abs(net.ybus()).max()
    for key in ("id", "type", "pd", "qd", "vm", "va", "base_kv"):
        np.testing.assert_allclose(getattr(found.bus, key), getattr(net.bus, key), rtol=1e-13)
    for key in ("bus", "pg", "pmin", "pmax", "qmin", "qmax", "mbase"):
        np.testing.assert_allclose(getattr(found.gen, key), getattr(net.gen, key), rtol=1e-13)
    assert sorted(found.branch.rate) == pytest.approx(sorted(net.branch.rate))
    assert set(found.bus.vmax.tolist()) == {1.1}


HEADS = {
    "0, 100.0 / PSS/E-{0}.3 MON, FEB 01 2010": True,
    "0 100.0/RAWD VER {0} EXPORT BY SOMETHING": True,
    "0, 100.0 / PSS(R)E {0} RAW created by rawd": True,
    "0, 100.0, / October 01": False,
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("revision", OLD)
def test_a_revision_is_found_in_the_comment_or_the_sections(tmp_path, caplog, revision, head):
    net = scopf.load_case("case14")
    written = text(revision, records(net, revision), head.format(revision))
    found = read(tmp_path, written, costs="")
    assert abs(found.ybus() - net.ybus()).max() < 1e-12 * abs(net.ybus()).max()
    assert ("the revision (REV) is missing" in caplog.text) != HEADS[head]


@pytest.mark.parametrize("revision", OLD)
def test_a_revision_is_found_without_comments_or_refused(tmp_path, revision):
    """The transformers of revision 28 are told from its adjustments by records, which 26 lacks."""
    net = scopf.load_case("case14")
    written = records(net, revision)
    adjusted = {"TRANSFORMER ADJUSTMENT": ["4,7,'7',0,1.1,0.9,1.1,0.9,0.01,0"]} | written
    without = text(revision, written, "0, 100.0 /", comments=False)
    if revision in (24, 26):
        assert "the revision (REV) is missing" in refused(tmp_path, without, costs="")[0]
        written["TRANSFORMER ADJUSTMENT"] = ["4,7,'7',0,1.1,0.9,1.1,0.9,0.01,0"]
        without = text(revision, adjusted | written, "0, 100.0 /", comments=False)
    found = read(tmp_path, without, costs="")
    assert abs(found.ybus() - net.ybus()).max() < 1e-12 * abs(net.ybus()).max()


@pytest.mark.parametrize(("form", "known"), [(26, True), (28, True), (26, False), (28, False)])
def test_27_has_either_form_and_is_refused_where_none_shows(tmp_path, form, known):
    net = scopf.load_case("case14")
    written = text(form, records(net, form), "0, 100.0, 27", comments=known)
    if known or form == 28:
        found = read(tmp_path, written, costs="")
        assert abs(found.ybus() - net.ybus()).max() < 1e-12 * abs(net.ybus()).max()
    else:
        assert "may have transformers among the branches" in refused(tmp_path, written, costs="")[0]


def test_later_revisions_are_found_by_their_sections(tmp_path):
    whole = small()
    found = read(tmp_path, whole.replace("0, 100.0, 33, 0, 0, 60.00 /", "0, 100.0 /"))
    assert found == read(tmp_path, whole)
    rows = list(enumerate(small(35).splitlines()[3:]))
    assert revisions.settled(None, rows) is None


def test_tables_of_adjustment_records_are_applied(tmp_path):
    """TABLE 1 at a turns ratio of .978 in the IEEE's 14 buses: 1.06 - .04 * .78."""
    net = scopf.load_case("case14")
    written = records(net, 26)
    row = next(k for k in range(len(net.branch)) if net.branch.to_bus[k] == 7)
    written["TRANSFORMER ADJUSTMENT"] = [f"7,4,'{row}',0,1.1,0.9,1.1,0.9,0.01,1"]
    written["IMPEDANCE CORRECTION"] = ["1,0.9,1.06,1.0,1.02,1.1,1.0"]
    branch = read(tmp_path, text(26, written), costs="").branch
    factor = branch.x / net.branch.x
    assert factor[row] == pytest.approx(1.06 - 0.04 * 0.78)
    assert np.delete(factor, row).tolist() == pytest.approx([1.0] * (len(factor) - 1))


@pytest.mark.parametrize(
    ("revision", "shunt"),
    [
        (23, "9,1,1.1,0.9,0,30.0,1,30"),
        (28, "9,1,1.1,0.9,0,'',30.0,1,30"),
        (29, "9,1,1.1,0.9,0,100.0,'',30.0,1,30"),
        (29, "9,1,1.1,0.9,0,'',30.0,1,30"),
    ],
)
def test_switched_shunts_are_fixed_where_each_revision_has_them(tmp_path, revision, shunt):
    net = scopf.load_case("case14")
    written = records(net, revision) | {"SWITCHED SHUNT": [shunt]}
    found = read(tmp_path, text(revision, written), costs="")
    difference = found.bus.bs - net.bus.bs
    assert difference[8] == pytest.approx(0.3)
    assert abs(np.delete(difference, 8)).max() < 1e-14


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.978,0.0", "-0.978,0.0", "the RATIO -0.978 must be positive"),
        ("0.978,0.0", "0,5.0", "an ANGLE of 5 degrees without a RATIO"),
    ],
)
def test_transformers_among_the_branches_are_checked(tmp_path, old, new, said):
    written = text(26, records(scopf.load_case("case14"), 26))
    assert old in written
    assert any(said in fault for fault in refused(tmp_path, written.replace(old, new), costs=""))


def test_changes_to_another_case_are_refused_unless_they_are_a_whole_one(tmp_path, caplog):
    written = small().replace("0, 100.0, 33", "1, 100.0, 33")
    read(tmp_path, written)
    assert "IC is not 0, as in files of changes to another case" in caplog.text
    part = written.replace("1,'ONE',345.0,3", "1,'ONE',345.0,2")
    assert any("holds changes to another case" in said for said in refused(tmp_path, part))
