"""What .raw files hold of a network, and that the log names what they do not."""

import dataclasses
import logging

import numpy as np
import pytest

import scopf
from scopf.network import identifiers
from scopf.network.tables import Gens
from tests.operating_points import dc_lines, free_dc_lines, several_units, shifting

WRITER = "scopf.cases.psse.writing"
REVISIONS = (33, 35)
# What is numbered again, or has no place in the format; the log names it.
RENUMBERED = {"id", "name"}
NOT_THERE = {
    "gen": {"cost_p_points", "startup", "shutdown"},
    "branch": {"angmin", "angmax", "rate_b", "rate_c"},
    "bus": set(),
}
CURVE = {"pc2": [0, 1.0, 0], "qc1max": [0, 1.0, 0], "qc2max": [0, 0.5, 0]}


def again(net, folder, revision=33):
    path = folder / "grid.raw"
    scopf.save_case(net, path, revision=revision)
    return scopf.load_case(path)


def said(caplog):
    """The one line of the log about what is left out; "" for none."""
    lines = [r.getMessage() for r in caplog.records if r.name == WRITER]
    assert len(lines) < 2
    return lines[0] if lines else ""


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("case", ["case9", "case39", "case118", "case57", "case30"])
def test_every_column_is_read_back(tmp_path, case, revision):
    net = scopf.load_case(case)
    there = again(net, tmp_path, revision)
    assert len(there.branch) == len(net.branch)
    order = {"branch": match(net.branch, there.branch), "bus": None, "gen": None}
    for key, places in order.items():
        ours, theirs = net.tables[key], there.tables[key]
        for field in dataclasses.fields(ours):
            if field.name in RENUMBERED | NOT_THERE[key]:
                continue
            one, other = getattr(ours, field.name), getattr(theirs, field.name)
            one = one if places is None else one[places]
            if one.dtype.kind == "f":
                assert other == pytest.approx(one, rel=1e-15, abs=0, nan_ok=True), field.name
            else:
                assert (one == other).all(), field.name


def test_loads_and_shunts_of_few_digits_are_the_same_floats(tmp_path):
    net, names = scopf.load_case("case118"), ("pd", "qd", "pd_current", "qd_current", "gs", "bs")
    kilowatts = np.random.default_rng(7).integers(-(10**6), 10**6, (len(names), len(net.bus)))
    net = net.replace(bus=dict(zip(names, kilowatts / 1e3 / net.base_mva, strict=True)))
    there = again(net, tmp_path)
    for name in names:
        assert (getattr(there.bus, name) == getattr(net.bus, name)).all(), name


def match(ours, theirs):
    """Places of the branches of the file among ours: those without a transformer come first."""
    transformer = (ours.tap != 1) | (ours.shift != 0)
    return np.argsort(transformer, kind="stable")


@pytest.mark.parametrize("revision", REVISIONS)
def test_it_is_the_same_network_where_all_has_a_place(tmp_path, caplog, revision):
    net = scopf.load_case("case9")
    there = again(net, tmp_path, revision)
    assert said(caplog) == ""
    assert again(there, tmp_path, revision) == there
    assert there.branch.name.tolist()[:2] == ["1-4 '1'", "4-5 '1'"]


def test_identifiers_of_machines_and_circuits_are_kept(tmp_path):
    net = several_units()
    names = ["1 'X'", "2 '1'", "", "1 '1'", "", "2 'G2'"]
    net = net.replace(gen={"name": names})
    there = again(net, tmp_path)
    assert there.gen.name.tolist() == ["1 'X'", "2 '1'", "3 '1'", "1 '1'", "1 '2'", "2 'G2'"]
    costs = (tmp_path / "grid.costs.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in costs[1:4]] == [["1", "X"], ["2", "1"], ["3", "1"]]


def test_circuits_between_the_same_buses_differ(tmp_path):
    net = scopf.load_case("case9")
    rows = [*range(9), 1, 1]
    branch = type(net.branch)(
        **{f.name: getattr(net.branch, f.name)[rows] for f in dataclasses.fields(net.branch)}
    ).replace(id=np.arange(1, 12))
    turned = branch.replace(
        from_bus=np.where(branch.id == 11, 5, branch.from_bus),
        to_bus=np.where(branch.id == 11, 4, branch.to_bus),
    )
    there = again(dataclasses.replace(net, branch=turned), tmp_path)
    assert there.branch.name.tolist()[-2:] == ["4-5 '2'", "5-4 '3'"]


def test_more_units_at_a_bus_than_identifiers_are_refused(tmp_path):
    net, count = scopf.load_case("case9"), 99 + 26 * 36 + 1
    rows = np.zeros(count, dtype=int)
    gen = Gens(
        **{f.name: getattr(net.gen, f.name)[rows] for f in dataclasses.fields(net.gen)}
        | {"id": np.arange(1, count + 1)}
    )
    crowded = dataclasses.replace(net, gen=gen)
    assert len(set(identifiers.machines(crowded))) == count  # one of them is ""
    with pytest.raises(scopf.CaseError, match=rf"gen row {count} .*no identifier of two letters"):
        again(crowded, tmp_path)
    assert not list(tmp_path.iterdir())


def test_bus_numbers_of_seven_digits_are_refused(tmp_path):
    net = scopf.load_case("case9")
    numbers = np.where(net.bus.id == 9, 1_000_000, net.bus.id)
    ends = {
        end: np.where(getattr(net.branch, end) == 9, 1_000_000, getattr(net.branch, end))
        for end in ("from_bus", "to_bus")
    }
    with pytest.raises(scopf.CaseError, match=r"bus row 9 .*1 to 999997"):
        again(net.replace(bus={"id": numbers}, branch=ends), tmp_path)


def test_lines_of_hardly_any_impedance_keep_it(tmp_path):
    net = scopf.load_case("case9")
    x = np.where(net.branch.id == 2, 2e-5, net.branch.x)
    r = np.where(net.branch.id == 2, 0.0, net.branch.r)
    there = again(net.replace(branch={"x": x, "r": r}), tmp_path)
    assert 2e-5 in there.branch.x


def test_constant_current_and_shunts(tmp_path):
    net = scopf.load_case("case9")
    at = net.bus.id == 5
    net = net.replace(
        bus={"pd_current": at * 0.3, "qd_current": at * 0.1, "gs": at * 0.02, "bs": at * -0.05}
    )
    there = again(net, tmp_path)
    for name in ("pd", "qd", "pd_current", "qd_current", "gs", "bs"):
        assert getattr(there.bus, name) == pytest.approx(getattr(net.bus, name), rel=1e-15)


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_admittances_are_those_of_the_network(tmp_path, revision):
    net = shifting()
    there = again(net, tmp_path, revision)
    assert abs(net.ybus() - there.ybus()).max() < 1e-12


def test_piecewise_and_reactive_costs_are_in_the_table(tmp_path):
    net = scopf.load_case("case9")
    points = np.full((3, 3, 2), np.nan)
    points[1] = [[0, 0], [1, 1000], [3, 4000]]
    cost_q = np.zeros((3, 3))
    cost_q[:, 2] = [10.0, 20.0, 0.3]
    polynomial = net.gen.cost_p * (net.gen.id != 2)[:, None]
    net = net.replace(gen={"cost_p": polynomial, "cost_p_points": points, "cost_q": cost_q})
    there = again(net, tmp_path)
    assert np.allclose(there.gen.cost_p_points, points, equal_nan=True, rtol=1e-15)
    assert there.gen.cost_q == pytest.approx(cost_q, rel=1e-15)
    assert there.gen.cost_p == pytest.approx(polynomial, rel=1e-15)


def test_a_table_of_costs_reads_back_for_free_machines(tmp_path, caplog):
    net = scopf.load_case("case9")
    again(net.replace(gen={"cost_p": np.zeros((3, 3))}), tmp_path)
    assert "count as free" not in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"branch": {"angmax": np.full(9, 0.5)}}, ["angle limits (branch 1, 1-4,", "4 more"]),
        ({"gen": CURVE}, ["P-Q curves (gen 2 at bus 2)"]),
        ({"gen": {"startup": [5.0, 0, 0]}}, ["ramp rates, participation factors and costs of"]),
        ({"gen": {"qmax": [np.inf, 3, 3]}}, ["infinite limits of P and Q (gen 1 at bus 1)"]),
        ({"gen": {"cost_p": [[0, 1, 1, 1.0]] * 3}}, ["costs of a higher order than 2 (gen 1"]),
        ({"bus": {"vmax": np.full(9, np.inf)}}, ["upper limits of voltage that are infinite"]),
        ({"bus": {"name": ["Königsbrunn 380"] * 9}}, ["beyond 12 letters", "'Königsbrunn 380'"]),
        ({"bus": {"name": ["O'Hare"] * 9}}, ["with quotes"]),
        ({"bus": {"type": [2, 2, 2, 1, 3, 1, 1, 1, 1]}}, ["angles of reference buses", "(bus 5)"]),
        ({"gen": {"name": ["A", "", ""]}}, ["names of generators and branches ('A')"]),
        ({"gen": {"id": [3, 4, 5]}}, ["numbers of generators"]),
        ({"branch": {"tap": [1.1] * 9}}, ["charging of transformers"]),
    ],
)
def test_the_log_names_what_is_left_out(tmp_path, caplog, change, words):
    net = scopf.load_case("case9").replace(**change)
    again(net, tmp_path)
    assert all(word in said(caplog) for word in words), said(caplog)


def test_all_of_it_is_one_line(tmp_path, caplog):
    net = free_dc_lines()
    one = np.ones(4)
    net = net.replace(
        dcline={"cost": one[:, None] * [0, 1.0, 0], "name": ["a", "a", "of many letters", ""]},
        branch={"angmin": np.full(9, -0.5)},
    )
    again(net, tmp_path)
    expected = [
        "angle limits", "ranges of power of DC lines", "costs of DC lines (dcline 1,",
        "directions of DC lines", "names of DC lines ('a', 'of many letters')",
    ]  # fmt: skip
    assert all(words in said(caplog) for words in expected), said(caplog)


@pytest.mark.parametrize("revision", REVISIONS)
def test_dc_lines_have_their_powers_ratios_and_limits(tmp_path, revision):
    net = dc_lines()
    there = again(net, tmp_path, revision).dcline
    assert there.name.tolist() == ["DC1", "DC2", "DC3", "DC4"]
    assert there.from_bus.tolist() == [4, 8, 5, 8]
    assert there.to_bus.tolist() == [7, 6, 9, 4]
    assert there.in_service.tolist() == [True, True, True, False]
    on = slice(0, 3)
    sent, arrives = np.array([0.3, 0.21, 0.1]), np.array([0.289, 0.2, 0.1])
    assert there.pf[on] == pytest.approx(sent, rel=1e-12)
    assert there.received(there.pf)[on] == pytest.approx(arrives, rel=1e-12)
    assert there.qmaxf[:2] == pytest.approx([0.2, 0.2])
    assert there.tan_phi_f[on] == pytest.approx([np.nan, np.nan, 0.4], nan_ok=True)
    assert there.tan_phi_t[on] == pytest.approx([np.nan, np.nan, -0.3], nan_ok=True)


def test_a_dc_line_that_arrives_with_nothing_loses_all(tmp_path):
    net = dc_lines(
        pf=[0.0, 0.001, 0.1, 0.0], pmin=[0, 0.001, 0.1, 0], pmax=[0, 0.001, 0.1, 0],
        loss0=[0.002, 0.003, 0, 0], loss1=[0, 0, 0, 0],
    )  # fmt: skip
    there = again(net, tmp_path)
    zero = np.zeros(4)
    for n in (net, there):
        total = n.energized().dcline_sum(n.energized().dcline.pf, zero[:3], zero[:3])
        assert total.real.sum() == pytest.approx(-0.005)


def test_the_revision_is_one_of_raw_files(tmp_path):
    net = scopf.load_case("case9")
    with pytest.raises(scopf.ScopfError, match="one of 33, 35, got 34"):
        scopf.save_case(net, tmp_path / "grid.raw", revision=34)
    with pytest.raises(scopf.ScopfError, match="a revision is one of the format"):
        scopf.save_case(net, tmp_path / "grid.m", revision=33)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "grid.raw").symlink_to(tmp_path / "real" / "other.raw")
    net = again(scopf.load_case("case9"), tmp_path / "real")
    scopf.save_case(net, tmp_path / "grid.raw")
    assert {path.name for path in (tmp_path / "real").iterdir()} >= {"other.raw", "other.costs.csv"}
    assert (tmp_path / "grid.raw").is_symlink()


def test_nothing_is_logged_of_a_case_that_fits(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    again(scopf.load_case("case9"), tmp_path)
    assert not caplog.records


def test_a_table_of_costs_of_another_case_is_not_replaced(tmp_path):
    table = tmp_path / "grid.costs.csv"
    table.write_text("gen,c1\n1,5\n")
    net = scopf.load_case("case9")
    with pytest.raises(scopf.ScopfError, match=r"grid\.costs\.csv beside it is there already"):
        scopf.save_case(net, tmp_path / "grid.raw")
    assert table.read_text() == "gen,c1\n1,5\n"
    assert [path.name for path in tmp_path.iterdir()] == ["grid.costs.csv"]
    scopf.save_case(net, tmp_path / "other.raw")
    scopf.save_case(net, tmp_path / "other.raw")  # its own is replaced
