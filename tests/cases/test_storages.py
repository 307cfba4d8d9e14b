"""The table of storage in a MATPOWER file, in the form that PowerModels reads."""

import pytest

import scopf
from scopf.cases import bundled
from scopf.devices.storage import Storage

CASE9 = bundled.entries()["case9"].path
UNITS = [
    "5 0 0 20 100 50 70 0.8 0.9 110 -50 70 0.1 0 0 0 1",
    "7 0 0 30 100 50 60 0.9 0.8 90 -40 30 0.2 0 1.5 0 1",
]


@pytest.fixture
def case(tmp_path):
    """Writes case9 with these rows of storage."""

    def write(*rows):
        text = CASE9.read_text()
        body = ";\n".join(rows)
        (tmp_path / "case9_storage.m").write_text(f"{text}\nmpc.storage = [\n{body};\n];\n")
        return tmp_path / "case9_storage.m"

    return write


def test_units_are_those_of_the_table(case, caplog):
    file = case(*UNITS)
    table = scopf.storage_table(file)
    assert not caplog.records
    assert table.to_dict("list") == {
        "storage": [1, 2], "bus": [5, 7], "p_mw": [70, 60], "p_charge_mw": [50, 50],
        "e_mwh": [100, 100], "eta_c": [0.8, 0.9], "eta_d": [0.9, 0.8], "e0_mwh": [20, 30],
        "e_end_mwh": ["free", "free"], "s_mva": [110, 90], "qmin_mvar": [-70, -30],
        "qmax_mvar": [50, 40], "p_loss_mw": [0, 1.5], "r": [0.1, 0.2],
    }  # fmt: skip
    storage = Storage.read(table, scopf.load_case(file))
    assert storage.discharge.tolist() == [0.7, 0.6]
    assert storage.qmax.tolist() == [0.5, 0.4]


def test_the_reader_of_the_network_says_who_reads_storage(case):
    net = scopf.load_case(case(*UNITS))
    assert net == scopf.load_case("case9")
    (text,) = net.approximations
    assert "mpc.storage (2 rows); scopf.storage_table reads mpc.storage" in text


def test_what_is_left_out_is_said(case, caplog):
    caplog.set_level("INFO", logger="scopf")
    rows = ["5 0 0 1 2 1 1 1 1 1 -1 1 0 0.01 0 3 1", "7 0 0 1 2 1 1 1 1 1 -1 1 0 0 0 9 0"]
    table = scopf.storage_table(case(*rows))
    assert table["bus"].tolist() == [5]
    for text in (
        "storage: x is left out, which is not zero in row 1",
        "storage: q_loss is left out, which is not zero in row 1",
        "storage out of service is left out: row 2",
    ):
        assert text in caplog.text


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["5 20 100 50 70 0.8 0.9 110 -50 70 0.1 0 0 1"], "has 14 columns, the format needs at"),
        ([UNITS[0], UNITS[1] + " 7"], "has 17 columns where the table has 18"),
        ([UNITS[0] + " 7"], "has 18 columns; known are storage_bus, ps, qs, energy"),
        ([UNITS[0].replace("0.8", "full")], "`full` in charge_efficiency is not a number"),
        ([UNITS[0].replace("100", "Inf")], "storage row 1: energy_rating is not a finite number"),
        ([""], "storage: has no rows"),
    ],
)
def test_what_is_no_table_of_storage_is_said(case, rows, said):
    with pytest.raises(scopf.CaseError) as caught:
        scopf.storage_table(case(*rows))
    assert said in str(caught.value)


def test_a_file_without_storage(tmp_path):
    with pytest.raises(scopf.CaseError, match="is missing: the file has no storage"):
        scopf.storage_table(CASE9)
    with pytest.raises(scopf.CaseError, match="cannot be read"):
        scopf.storage_table(tmp_path / "nowhere.m")
