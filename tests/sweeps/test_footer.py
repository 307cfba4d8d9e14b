"""Footers of Parquet files, against what Arrow says of them and spoilt."""

import random

import pyarrow as pa
import pytest
from pyarrow import parquet

from scopf.sweeps import footer

CODECS = {"NONE": footer.UNCOMPRESSED, "SNAPPY": footer.SNAPPY, "GZIP": 2, "ZSTD": 6}


@pytest.fixture
def table():
    rows = range(1000)
    return pa.table(
        {
            "number": pa.array(rows, pa.int64()),
            "value": pa.array([None if k % 7 == 0 else k / 3 for k in rows], pa.float64()),
            "text": [f"text {k}" for k in rows],
            "flag": [k % 2 == 0 for k in rows],
            "nothing": pa.nulls(1000),
        }
    )


def found(path):
    with path.open("rb") as file:
        return footer.row_groups(file)


@pytest.mark.parametrize("codec", CODECS)
def test_row_groups_are_those_that_arrow_finds(tmp_path, table, codec):
    path = tmp_path / "table.parquet"
    parquet.write_table(table, path, row_group_size=300, compression=codec)
    about = parquet.read_metadata(path)
    groups = found(path)
    assert [group.rows for group in groups] == [300, 300, 300, 100]
    for k, group in enumerate(groups):
        assert [(chunk.codec, chunk.values) for chunk in group.chunks] == [
            (CODECS[codec], column.num_values)
            for column in map(about.row_group(k).column, range(about.num_columns))
        ]


def test_a_table_of_no_rows_and_one_of_many_columns(tmp_path, table):
    path = tmp_path / "table.parquet"
    parquet.write_table(table.slice(0, 0), path)
    assert sum(group.rows for group in found(path)) == 0
    parquet.write_table(pa.table({f"c{k}": [1.0] for k in range(3000)}), path)
    (group,) = found(path)
    assert len(group.chunks) == 3000


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"PAR1\x00\x00\x00\x00PAR1", b"PAR1\xff\xff\xff\x7fPAR1",
     b"PAR1" + b"\x2c" * 3000 + b"\xb8\x0b\x00\x00PAR1",  # structures within structures
     b"PAR1" + b"\x16" + b"\xff" * 3000 + b"\xb9\x0b\x00\x00PAR1",  # a number that never ends
     b"PAR1" + b"\x49\xfc\xff\xff\xff\xff\x7f" + b"\x07\x00\x00\x00PAR1"],  # a list of billions
)  # fmt: skip
def test_what_is_no_footer_is_refused(tmp_path, content):
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="footer"):
        found(path)


def test_spoilt_footers_are_read_or_refused(tmp_path, table):
    path, rng = tmp_path / "table.parquet", random.Random(16)
    parquet.write_table(table, path, row_group_size=300)
    whole = path.read_bytes()
    begin = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for _ in range(2000):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            content[rng.randrange(begin, len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            found(path)
        except ValueError:
            refused += 1
    assert 0 < refused < 2000
