"""Tables that users hand over: a CSV file and a DataFrame of the same cells read the same."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.network import csvtable

pytestmark = pytest.mark.core


def read(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return csvtable.read(path, "table")


def test_cells_are_stripped_and_comments_and_empty_lines_left_out(tmp_path):
    found = read(tmp_path, "# droops\n\nbus , mq\n 1, 0.5 # low\n\n2,\n")
    assert found.header == ["bus", "mq"]
    assert found.rows == [["1", "0.5"], ["2", None]]
    assert found.values() == [[1, 0.5], [2, None]]
    assert not found.faults


def test_a_last_comma_adds_no_cell_and_a_last_value_does(tmp_path):
    found = read(tmp_path, "bus,mq\n30,0.15,\n39,0.2,7\n")
    assert found.rows == [["30", "0.15"], ["39", "0.2"]]
    (fault,) = found.faults
    assert str(fault).startswith("table.csv row 2: has 3 cells where the header has 2")


def test_a_line_of_commas_is_a_row_of_blank_cells(tmp_path):
    assert read(tmp_path, ",,\na,b\n,\n1,2\n").rows == [[None, None], ["1", "2"]]


def test_a_file_and_a_frame_of_the_same_cells_are_the_same(tmp_path):
    frame = pd.DataFrame(
        {"bus": [1, 2], "mq": [0.5, np.nan], "own": ["G1", None], "on": [True, False]}
    )
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    file, given = csvtable.read(path, "table"), csvtable.read(frame, "table")
    assert file.header == given.header
    assert file.values() == given.values() == [[1, 0.5, "G1", True], [2, None, None, False]]
    pd.testing.assert_frame_equal(file.frame(), given.frame())


def test_blank_cells_of_a_frame_are_blank_whatever_they_are():
    cells = [None, np.nan, pd.NA, "", float("nan")]
    assert csvtable.read(pd.DataFrame({"a": cells}, dtype=object), "table").rows == [[None]] * 5


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(scopf.CaseError, match=r"cannot be read: there is no such file"):
        csvtable.read(tmp_path / "none.csv", "table")
    for given in (3, [1, 2], {"bus": [1]}, np.zeros(3)):
        with pytest.raises(scopf.ScopfError, match="costs must be a CSV file or a DataFrame, not"):
            csvtable.read(given, "costs")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("7", 7), ("-0.5", -0.5), ("1e3", 1000.0), ("1.5D2", 150.0), ("inf", np.inf), ("true", True),
     ("FALSE", False), ("none", "none"), ("nan", "nan"), ("1_0", "1_0"), ("0x1", "0x1")],
)  # fmt: skip
def test_a_text_is_the_number_or_flag_that_it_says(tmp_path, cell, value):
    ((found,),) = read(tmp_path, f"a\n{cell}\n").values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [("number", "1.5", 1.5), ("number", 2, 2.0), ("whole", "3.0", 3), ("whole", 4.0, 4),
     ("flag", "1", True), ("flag", 0.0, False), ("flag", "true", True), ("flag", False, False),
     ("text", 1.0, "1"), ("text", 2, "2"), ("text", "G1", "G1")],
)  # fmt: skip
def test_a_cell_is_read_as_what_its_column_holds(kind, cell, value):
    found = getattr(csvtable, kind)(cell)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [("number", "much", "`much` is not a number"), ("number", True, "`True` is not a number"),
     ("number", "nan", "`nan` is not a number"), ("number", "inf", "`inf` is not a finite number"),
     ("number", "1e999", "is not a finite number"), ("whole", "1.5", "`1.5` is not a whole number"),
     ("whole", 1e300, "is not a whole number"), ("flag", "0.5", "must be 0 or 1, got 0.5"),
     ("flag", "yes", "must be 0 or 1, got yes"), ("number", "9" * 50 + "x", r"9{40}\.\.\.`")],
)  # fmt: skip
def test_a_cell_of_another_kind_is_refused(kind, cell, said):
    with pytest.raises(ValueError, match=said):
        getattr(csvtable, kind)(cell)


# -- what spreadsheets write -------------------------------------

BYTES = "bus,mq,name\n30,0.15,Süd\n39,1e-3,\n"


@pytest.mark.parametrize(
    "text",
    [BYTES, "bus;mq;name\n30;0,15;Süd\n39;1e-3;\n", BYTES.replace(",", "\t"),
     "sep=;\nbus;mq;name\n30;0.15;Süd\n39;1e-3;\n",
     ";;\n# droops, as given\nbus;mq;name\n30;,15;Süd\n39;0,001;\n"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings_of_spreadsheets_are_read(tmp_path, text, encoding):
    path = tmp_path / "table.csv"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    found = csvtable.read(path, "table")
    assert found.header == ["bus", "mq", "name"]
    assert found.values() == [[30, 0.15, "Süd"], [39, 0.001, None]]
    assert not found.faults


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"bus;mq\n30;0,15\n39;0.2\n", "0,15 has a decimal comma and 0.2 a decimal point"),
     (BYTES.encode("latin-1"), "line 2 has letters that are no UTF-8; save the table as CSV in"),
     (BYTES.encode("utf-16-le"), "it is text in UTF-16 without its byte order mark; save"),
     (b"PK\x03\x04\x14\0\x06\0", "it is an archive (zip), or a workbook of Excel; save the table"),
     (b"\x1f\x8b\x08\0\0\0\0\0", "it is an archive (gzip) that has to be unpacked first; save"),
     (b"bus,mq\n\0\x01\x02", "it is a binary file (it has NUL characters); save"),
     (b"", "it is empty"),
     (b"\xff\xfe", "it is empty"), (b"sep=;\n", "it is empty")],
)  # fmt: skip
def test_one_sentence_says_what_else_a_table_is_and_how_to_save_it(tmp_path, content, said):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(scopf.CaseError) as error:
        csvtable.read(path, "table")
    (fault,) = error.value.faults
    assert str(fault).startswith("is not a CSV table: ")
    assert said in str(fault)


def test_a_list_with_commas_in_a_table_with_commas_stays_a_text(tmp_path):
    assert read(tmp_path, 'gens,mq\n"1,2",0.5\n').values() == [["1,2", 0.5]]


def test_a_table_of_inverters_may_come_from_a_spreadsheet(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_bytes("bus;mq\r\n32;0,25\r\n".encode("utf-16"))
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, table=path, mq=0.2)
    assert inverters.mq[inverters.bus == 32] == 0.25
