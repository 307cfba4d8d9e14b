"""Tables whose columns are declared: every fault at once, with row and column."""

import pandas as pd
import pytest

from scopf.devices.table import POSITIVE, Column, Layout
from scopf.network import csvtable
from scopf.network.csvtable import flag, number, text, whole

BUS, GEN = Column("bus", whole), Column("gen", whole)
COLUMNS = (Column("tau", number, "s", POSITIVE), Column("on", flag), Column("id", text))
BY_BUS = Layout((BUS,), COLUMNS, "costs.csv")
BY_BUS_OR_GEN = Layout((BUS, GEN), COLUMNS)


def read(layout, **columns):
    return layout.read(csvtable.read(pd.DataFrame(columns), "table"))


def test_rows_have_the_values_of_cells_that_are_not_blank():
    found = read(BY_BUS_OR_GEN, gen=[7, 8], TAU=[0.5, None], on=[0, 1], id=["a", ""])
    assert found.key == "gen"
    assert not found.faults
    assert [(row.number, row.key, row.values, row.whole) for row in found] == [
        (1, 7, {"tau": 0.5, "on": False, "id": "a"}, True), (2, 8, {"on": True}, True)
    ]  # fmt: skip


def test_every_fault_is_found_and_placed():
    found = read(
        BY_BUS, bus=["1", "x", None, "2"], tau=["a", "1", "1", "-1"], on=[0, 0, 0, 3], more=[1] * 4
    )
    assert [(str(fault), fault.column) for fault in found.faults] == [
        ("costs.csv: unknown column more; known are bus, tau, on, id", ""),
        ("costs.csv row 1: `a` is not a number", "tau"),
        ("costs.csv row 2: `x` is not a number", "bus"),
        ("costs.csv row 3: the bus is missing", "bus"),
        ("costs.csv row 4 (bus 2): must be a positive number, got -1 s", "tau"),
        ("costs.csv row 4: must be 0 or 1, got 3", "on"),
    ]
    assert [(row.key, row.whole) for row in found] == [(1, False), (2, False)]


def test_a_fault_names_its_column_where_the_table_has_no_name():
    (fault,) = read(BY_BUS_OR_GEN, bus=[3], tau=[0.0]).faults
    assert str(fault) == "tau row 1 (bus 3): must be a positive number, got 0 s"


@pytest.mark.parametrize("columns", [{"id": [1]}, {"bus": [1], "gen": [1]}])
def test_a_table_has_one_key_column(columns):
    (fault,) = read(BY_BUS_OR_GEN, **columns).faults
    assert str(fault) == "needs one key column, either `bus` or `gen`"


def test_a_table_without_its_key_column_is_refused():
    assert [str(f) for f in read(BY_BUS, id=[1]).faults] == ["costs.csv: needs a column `bus`"]


def test_columns_that_occur_twice_are_a_fault_capitals_or_not(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("bus,tau,TAU\n1,2,3\n")
    (fault,) = BY_BUS.read(csvtable.read(path, "table")).faults
    assert str(fault) == "costs.csv: column tau occurs twice"


def test_rows_of_blank_cells_are_left_out(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("bus,tau\n1,2\n,\n,\n")
    found = BY_BUS.read(csvtable.read(path, "table"))
    assert [row.key for row in found] == [1]
    assert not found.faults
