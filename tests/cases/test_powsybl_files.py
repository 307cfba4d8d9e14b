"""Files that pypowsybl reads."""

import json

import numpy as np
import pytest

import scopf
from scopf import files
from scopf.cli.main import app
from tests.cases.test_psse_dc import DATA

pp = pytest.importorskip("pypowsybl")
CDF = """\
 08/19/93 UW ARCHIVE           100.0  1962 W IEEE 14 Bus Test Case
BUS DATA FOLLOWS                            2 ITEMS
   1 Bus 1     HV  1  1  3 1.060    0.0      0.0      0.0    232.4   -16.9     0.0  1.060     0.0     0.0   0.0    0.0        0
   2 Bus 2     HV  1  1  0 1.045   -4.98    21.7     12.7      0.0     0.0     0.0  0.0       0.0     0.0   0.0    0.1        0
-999
BRANCH DATA FOLLOWS                         1 ITEMS
   1    2  1  1 1 0  0.01938   0.05917     0.0528     0     0     0    0 0  0.0       0.0 0.0    0.0     0.0    0.0   0.0
-999
LOSS ZONES FOLLOWS                     0 ITEMS
-99
INTERCHANGE DATA FOLLOWS                 0 ITEMS
-9
TIE LINES FOLLOWS                     0 ITEMS
-999
END OF DATA
"""  # noqa: E501
UCTE = """\
##C 2007.05.01
##N
##ZFR
FSLACK11 SL           0 3 400.00     0.0     0.0  -100.0     0.0     0.0  -900.0   999.0  -999.0
FLOAD 11 LO           0 0          300.0    60.0
##L
FSLACK11 FLOAD 11 1 0 1.0000 20.0000 120.0000  1500
##T
##R
"""
# Where the two readers differ is in docs/pypowsybl.md.
SAME = ("dc_lines_33", "dc_lines_35", "raw_kinds/dup_load", "raw_kinds/latin1",
        "raw_kinds/star_exact")  # fmt: skip


def check_same(one, other):
    """Two networks of the same buses, in whatever order."""
    at = [list(other.bus.name).index(name) for name in one.bus.name]
    y = other.ybus().toarray()[np.ix_(at, at)]
    assert abs(one.ybus().toarray() - y).max() < 1e-9
    for column in ("pd", "qd", "base_kv", "vmin", "vmax"):
        assert getattr(one.bus, column) == pytest.approx(getattr(other.bus, column)[at])
    assert sorted(one.gen.name) == sorted(other.gen.name)
    assert sorted(one.branch.name) == sorted(other.branch.name)


@pytest.mark.parametrize("suffix", ["xiidm", "jiidm", "iidm", "xml", "biidm"])
def test_files_of_its_own_formats_are_read(tmp_path, suffix):
    net, path = pp.network.create_ieee14(), tmp_path / f"grid.{suffix}"
    kind = {"jiidm": "JIIDM", "biidm": "BIIDM"}.get(suffix, "XIIDM")
    written = tmp_path / f"file.{kind.lower()}"
    net.save(str(written), format=kind)
    written.rename(path)
    grid = scopf.load_case(path)
    assert grid.name == "grid"
    check_same(grid, scopf.load_case(net))


def test_a_cgmes_archive_is_read(tmp_path):
    net, path = pp.network.create_eurostag_tutorial_example1_network(), tmp_path / "grid.zip"
    net.save(str(path), format="CGMES")
    check_same(scopf.load_case(path), scopf.load_case(net))


@pytest.mark.parametrize("suffix", ["txt", "cdf"])
def test_ieee_cdf_files_are_read(tmp_path, suffix):
    path = tmp_path / f"two.{suffix}"
    path.write_text(CDF)
    grid = scopf.load_case(path)
    assert grid.branch.r == pytest.approx([0.01938])
    assert grid.bus.pd * grid.base_mva == pytest.approx([0.0, 21.7])


def test_ucte_files_are_read(tmp_path):
    path = tmp_path / "two.uct"
    path.write_text(UCTE)
    grid = scopf.load_case(path)
    ohms = 380.0**2 / grid.base_mva
    assert [grid.branch.r[0], grid.branch.x[0]] == pytest.approx([1.0 / ohms, 20.0 / ohms])
    assert grid.branch.b == pytest.approx([120e-6 * ohms])
    assert grid.branch.rate * grid.base_mva == pytest.approx([np.sqrt(3) * 380.0 * 1.5])
    assert grid.gen.pmax * grid.base_mva == pytest.approx([900.0])


def test_a_file_that_pypowsybl_does_not_read_is_refused(tmp_path):
    path = tmp_path / "grid.xiidm"
    path.write_text("<nothing/>")
    with pytest.raises(scopf.CaseError, match="pypowsybl cannot read it"):
        scopf.load_case(path)


@pytest.mark.parametrize("suffix", [".xiidm", ".zip", ".cdf"])
def test_a_file_that_is_too_large_is_refused(tmp_path, suffix):
    path = tmp_path / f"grid{suffix}"
    with path.open("wb") as file:
        file.write(b"BUS DATA FOLLOWS\n")
        file.truncate(files.LARGEST + 1)
    with pytest.raises(scopf.CaseError, match=r"cannot be read: .*larger than 256 MiB"):
        scopf.load_case(path)


def test_the_commands_take_such_a_file_and_the_costs_beside_it(tmp_path, capsys):
    path = tmp_path / "grid.xiidm"
    pp.network.create_ieee9().save(str(path), format="XIIDM")
    rows = "\n".join(f"B{k}-G,0.1,{k}" for k in (1, 2, 3))
    (tmp_path / "grid.costs.csv").write_text(f"id,c2,c1\n{rows}\n")
    for command in (["info", str(path)], ["convert", str(path), str(tmp_path / "grid.json")]):
        app(command, standalone_mode=False)
    grid = scopf.load_case(tmp_path / "grid.json")
    assert grid == scopf.load_case(path)
    assert grid.gen.cost_p[:, 1] / grid.base_mva == pytest.approx([1, 2, 3])
    json.loads((tmp_path / "grid.json").read_text())


@pytest.mark.parametrize("name", SAME)
def test_raw_files_are_the_same_network_through_both_readers(name):
    path = DATA / f"{name}.raw"
    ours, net = scopf.load_case(path, ignore_unsupported=True), pp.network.load(str(path))
    theirs = scopf.load_case(net)
    number = dict(zip(net.get_bus_breaker_view_buses()["bus_id"],
                      net.get_bus_breaker_view_buses().index, strict=True))  # fmt: skip
    known = [k for k, bus in enumerate(theirs.bus.name) if bus in number]
    at = ours.bus_positions([int(number[theirs.bus.name[k]][1:]) for k in known])
    assert (at >= 0).all()
    assert len(known) > 3
    found = [reduced(grid, places) for grid, places in ((ours, at), (theirs, np.array(known)))]
    assert abs(found[0] - found[1]).max() < 1e-9


def reduced(grid, kept):
    """Admittance matrix of some buses, the others eliminated: star points have no number."""
    y = grid.ybus().toarray()
    rest = np.setdiff1d(np.arange(len(y)), kept)
    own, out = y[np.ix_(kept, kept)], y[np.ix_(rest, rest)]
    return own - y[np.ix_(kept, rest)] @ np.linalg.solve(out, y[np.ix_(rest, kept)])
