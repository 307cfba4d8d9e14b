"""What MATPOWER files say beyond a plain network, against its manual and independent numbers."""

import numpy as np
import pytest

import scopf
from scopf.cases import mcode, mwriter
from tests.cases.test_matpower import case_text


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "small.m").write_text(text)
        return scopf.load_case(tmp_path / "small.m")

    return read


def test_costs_of_both_models_for_p_and_q_may_be_mixed(read):
    net = read(
        case_text(
            gencost=[
                "1 7 8 3 0 0 100 2500 250 7000",
                "2 0 0 3 0.2 4 100 0 0 0",
                "2 0 0 2 3 0 0 0 0 0",
                "1 0 0 2 -10 5 10 5 0 0",
            ]
        )
    )
    gen = net.gen
    assert gen.cost_p_points[0].tolist() == [[0, 0], [1, 2500], [2.5, 7000]]
    assert np.isnan(gen.cost_p_points[1]).all()
    assert gen.cost_p.tolist() == [[0, 0, 0], [100, 400, 2000]]
    assert gen.cost_q.tolist() == [[0, 300, 0], [0, 0, 0]]
    assert gen.cost_q_points[1].tolist() == [[-0.1, 5], [0.1, 5]]
    assert (gen.startup.tolist(), gen.shutdown.tolist()) == ([7, 0], [8, 0])


@pytest.mark.parametrize(
    ("limits", "load"),
    [
        ("0 -20 1 80 1 0 -50", True),
        ("20 0 1 80 1 0 -50", True),
        ("20 -20 1 80 1 0 -50", False),
        ("0 0 1 80 1 0 -50", False),
        ("0 -20 1 80 1 10 -50", False),
        ("0 -20 1 80 1 0 0", False),
    ],
)
def test_dispatchable_loads_are_those_of_the_manual(read, caplog, limits, load):
    net = read(case_text(gen=["10 50 0 300 -300 1 100 1 250 10", f"5 -40 0 {limits}"]))
    assert net.gen.constant_pf.tolist() == [False, load]
    assert ("two limits on Q" in caplog.text) == (limits == "20 -20 1 80 1 0 -50")


@pytest.mark.parametrize(("function", "load"), [("small", True), ("pglib_opf_small", False)])
def test_files_of_pglib_have_no_power_factors(read, function, load):
    text = case_text(gen=["10 50 0 300 -300 1 100 1 250 10", "5 -40 0 0 -20 1 80 1 0 -50"])
    net = read(text.replace("mpc = small", f"mpc = {function}"))
    assert net.gen.constant_pf.tolist() == [False, load]


def test_negative_limits_of_a_dc_line_hold_at_its_to_bus(read):
    row = "10 5 1 10 5 0 0 1 1 {} -1 1 -1 1 4 0.1"
    for limits, wanted in {
        "-18 40": [(-18 + 4) / 0.9, 40], "5 40": [5, 40], "-28 -10": [-24 / 0.9, -6 / 0.9],
    }.items():  # fmt: skip
        line = read(case_text(dcline=[row.format(limits)])).dcline
        assert [100 * line.pmin[0], 100 * line.pmax[0]] == pytest.approx(wanted)
        low = line.pmin[0]
        if low < 0:
            assert 100 * line.received(line.pmin)[0] == pytest.approx(float(limits.split()[0]))


def test_all_content_is_written_and_read_back(tmp_path, read):
    rng = np.random.default_rng(5)
    for _ in range(30):
        cells = rng.normal(0, 10, 8).round(int(rng.integers(1, 7)))
        low, high = sorted(rng.normal(0, 40, 2).tolist())
        ends, loss = f"{cells[0]} 0 {cells[1]} 0", f"{abs(cells[2])} {abs(cells[3]) / 100:.9g}"
        text = case_text(
            dcline=[f"10 5 1 {ends} 1 1 {low} {high} -1 Inf -1 1 {loss}"],
            dclinecost=[f"1 0 0 2 0 0 10 {cells[4]}"],
            bus_name="{'a b'; 'it''s'; ''}",
            branch_name="{'x'; ''; 'z'}",
        )  # fmt: skip
        net = read(text)
        mwriter.write(net, tmp_path / "again.m")
        again = scopf.load_case(tmp_path / "again.m")
        for key, table in net.tables.items():
            for name, column in vars(table).items():
                other = getattr(again.tables[key], name)
                if column.dtype == np.float64:
                    np.testing.assert_array_max_ulp(column, other, 2)
                else:
                    assert np.array_equal(column, other)


# -- peers -----------------------------------------------

# Small cases after the manual's forms; the optima are PYPOWER 5.1.21's (tolerances 1e-9, DC lines
# as pairs of generators coupled by a linear row), found on the same numbers.
NINE = """function mpc = nine
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
1 3 0 0 0 0 1 1 0 345 1 1.1 0.9; 2 2 0 0 0 0 1 1 0 345 1 1.1 0.9;
30 2 0 0 0 0 1 1 0 345 1 1.1 0.9; 4 1 0 0 0 0 1 1 0 345 1 1.1 0.9;
5 1 90 30 0 0 1 1 0 345 1 1.1 0.9; 6 1 0 0 0 0 1 1 0 345 1 1.1 0.9;
7 1 100 35 0 0 1 1 0 345 1 1.1 0.9; 8 1 0 0 0 0 1 1 0 345 1 1.1 0.9;
9 1 125 50 0 0 1 1 0 345 1 1.1 0.9];
mpc.gen = [
1 0 0 300 -300 1 100 1 250 90 0 0 0 0 0 0 0 0 0 0 0;
30 85 0 300 -300 1 100 1 270 10 0 200 -30 30 -15 15 0 0 0 0 0;
2 163 0 300 -300 1 100 1 300 10 0 200 -20 20 -10 10 0 0 0 0 0];
mpc.branch = [
1 4 0 0.0576 0 0 250 250 0 0 1 -360 2.48; 4 5 0.017 0.092 0.158 0 250 250 0 0 1 -360 360;
5 6 0.039 0.17 0.358 150 150 150 0 0 1 -360 360; 30 6 0 0.0586 0 0 300 300 0 0 1 -360 360;
6 7 0.0119 0.1008 0.209 40 150 150 0 0 1 -360 360;
7 8 0.0085 0.072 0.149 250 250 250 0 0 1 -360 360;
8 2 0 0.0625 0 250 250 250 0 0 1 -360 360; 8 9 0.032 0.161 0.306 250 250 250 0 0 1 -360 360;
9 4 0.01 0.085 0.176 250 250 250 0 0 1 -2 360];
mpc.gencost = [
1 0 0 4 0 0 100 2500 200 5500 250 7250;
1 0 0 3 0 0 200 3000 300 5000 0 0;
2 0 0 2 24.035 -403.5 0 0 0 0 0 0];
"""
LINES = """mpc.dcline = [
30 4 1 10 8.9 0 0 1.01 1 1 10 -10 10 -10 10 1 0.01; 7 9 1 2 1.96 0 0 1 1 2 10 0 0 0 0 0 0;
5 8 0 0 0 0 0 1 1 1 10 -10 10 -10 10 0 0; 5 9 1 10 9.5 0 0 1 0.98 0 10 -10 10 -10 10 0 0.05];
mpc.dclinecost = [2 0 0 2 0 0; 2 0 0 2 0 0; 2 0 0 2 0 0; 2 0 0 2 7.3 0];
"""


@pytest.mark.parametrize(("text", "cost"), [(NINE, 6621.737591), (NINE + LINES, 6518.894290)])
def test_the_optimum_is_that_of_pypower(read, text, cost):
    solution = scopf.solve(scopf.build(read(text), criterion="none"))
    assert solution.cost == pytest.approx(cost, rel=1e-8)


# -- arithmetic at the end -----------------------------------------------

TAIL = """
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X] = idx_brch;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
pf = 0.85;
mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));
mpc.bus(:, PD) = mpc.bus(:, PD) * pf;
"""


def test_units_are_converted(read):
    plain, net = read(case_text()), read(case_text(end=TAIL))
    ohm = 345e3**2 / 100e6
    assert net.branch.x == pytest.approx(plain.branch.x / ohm, rel=1e-15)
    assert net.bus.pd == pytest.approx(plain.bus.pd * 0.85 / 1e3, rel=1e-15)
    assert net.bus.qd == pytest.approx(plain.bus.pd * np.sqrt(1 - 0.85**2) / 1e3, rel=1e-14)


@pytest.mark.parametrize(
    "statement",
    [
        "[PD, QD] = idx_bus;",
        "[PQ, PV] = idx_other;",
        "mpc.bus(:, PD) = mpc.bus(:, PD) * nothing;",
        "mpc.bus(:, PD) = mpc.bus(:, PD) ^ 2;",
        "mpc.bus(:, PD) = 1 / mpc.bus(:, PD);",
        "mpc.bus(:, PD) = mpc.bus(:, PD) * mpc.bus(:, QD);",
        "mpc.bus(:, PD) = mpc.gen(:, PG);",
        "mpc.bus(:, [PD, QD]) = mpc.bus(:, PD) / 2;",
        "mpc.bus(:, NOTHING) = mpc.bus(:, PD) / 2;",
        "mpc.bus(2:3, PD) = mpc.bus(2:3, PD) / 2;",
        "x = mpc.bus(99, PD);",
        "x = 2^3^4;",
        "x = 9^9^9^9;",
        "x = 10^9999;",
        "x = acos(2);",
        "x = __import__('os');",
        "x = eval(1);",
        "x = 1_000;",
        "x = 2**3;",
        "x = 1:3;",
        "PD = 4;",
        "sqrt = 2;",
        "x = " + "(" * 200 + "1" + ")" * 200 + ";",
    ],
)
def test_everything_else_is_refused_with_what_to_do(read, statement):
    with pytest.raises(scopf.CaseError, match="savecase"):
        read(case_text(end=statement))


def test_matlabs_order_of_operations_is_kept():
    rows = {"bus": np.array([[1.0, 3.0, 8.0, 6.0]])}
    computation = mcode.Computation(100.0, rows)
    for statement in (
        "a = -2^2;",
        "b = 12 / 2 * 3;",
        "mpc.bus(:, PD) = 2 * mpc.bus(:, PD) / a - b;",
    ):
        computation.apply(statement)
    assert rows["bus"][0, 2] == 2 * 8 / -4 - 18


@pytest.mark.filterwarnings("error")
def test_more_cost_points_than_numbers_can_count_are_a_fault(read):
    costs = ["2 0 0 3 0.2 4 100", "1 0 0 1e308 0 0 1"]
    with pytest.raises(scopf.CaseError, match="gencost row 2"):
        read(case_text(gencost=costs))
