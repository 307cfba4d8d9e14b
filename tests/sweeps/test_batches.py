"""Arrow batches of a journal: read back, and never larger in memory than there."""

import struct

import numpy as np
import pyarrow as pa
import pytest

from scopf.sweeps import batches

PLAIN = pa.schema([("bus", pa.int64()), ("vm", pa.float64())])


def columns(count=3):
    return [pa.array(np.arange(count)), pa.array(np.ones(count))]


def peak():
    return pa.default_memory_pool().max_memory()


def test_what_workers_send_is_read_back():
    schemas = {}
    given = {"bus": np.array([1, 2]), "neighbor": np.array([-1, 3]), "gens": ["1", "2+3"]}
    key, data = batches.batch(given, schemas)
    found = batches.read_batch(data, batches.read_schema(schemas[key]))
    assert found.to_pydict() == {"bus": [1, 2], "neighbor": [None, 3], "gens": ["1", "2+3"]}


def test_a_batch_that_is_compressed_is_not_unpacked():
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    full = pa.RecordBatch.from_arrays([pa.array(np.zeros(2**22, int)), pa.array(np.zeros(2**22))],
                                      schema=PLAIN)  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, PLAIN, options=options) as writer:
        writer.write_batch(full)
    reader = pa.ipc.MessageReader.open_stream(sink.getvalue())
    reader.read_next_message()
    data = reader.read_next_message().serialize().to_pybytes()
    del full, writer
    before = peak()
    assert len(data) < 2**20
    with pytest.raises(ValueError, match="is compressed"):
        batches.read_batch(data, PLAIN)
    assert peak() == before


def test_a_batch_longer_than_its_bytes_is_refused():
    data = bytearray(pa.RecordBatch.from_arrays(columns(), schema=PLAIN).serialize().to_pybytes())
    count = data.index(struct.pack("<q", 3))
    data[count : count + 8] = struct.pack("<q", 2**50)
    with pytest.raises(ValueError, match="a table cannot be read"):
        batches.read_batch(bytes(data), PLAIN)


def test_a_batch_whose_columns_share_their_bytes_is_refused():
    names = [f"c{k}" for k in range(50)]
    schema = pa.schema([(name, pa.int64()) for name in names])
    arrays = [pa.array(np.full(1000, k + 10**12)) for k in range(50)]
    data = bytearray(pa.RecordBatch.from_arrays(arrays, schema=schema).serialize().to_pybytes())
    first = data.index(struct.pack("<qq", 0, 8000))  # offset and length of the first column
    for k in range(1, 50):
        struct.pack_into("<q", data, first + 32 * k, 0)
    short = data[: len(data) - 8000 * 49]
    end = data.index(struct.pack("<q", 8000 * 50))
    short[end : end + 8] = struct.pack("<q", 8000)
    with pytest.raises(ValueError, match="larger than its bytes"):
        batches.read_batch(bytes(short), schema)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        b"\xff\xff\xff\xff\x10\0\0\0" + bytes(16),
        PLAIN.serialize().to_pybytes(),
    ],
)
def test_a_batch_that_is_none_is_refused(data):
    with pytest.raises(ValueError, match="a table"):
        batches.read_batch(data, PLAIN)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (pa.schema([("bus", pa.int64()), ("x", pa.list_(pa.int64()))]), "neither numbers nor"),
        (
            pa.schema([("bus", pa.int64()), ("x", pa.dictionary(pa.int32(), pa.string()))]),
            "neither",
        ),
        (pa.schema([("bus", pa.int64()), ("x", pa.null())]), "neither"),
        (pa.schema([("bus", pa.int64())], metadata={"pandas": "{}"}), "neither"),
        (pa.schema([("bus", pa.int64()), ("bus", pa.int64())]), "same name"),
        (pa.schema([("bus", pa.int64()), ("scenario", pa.int64())]), "same name"),
        (pa.schema([(f"c{k}", pa.int64()) for k in range(200)]), "too many"),
        (pa.schema([("bus", pa.bool_())]), "no bus numbers"),
        (pa.schema([]), "no bus numbers"),
    ],
)
def test_columns_are_plain_ones(schema, said):
    with pytest.raises(ValueError, match=said):
        batches.read_schema(schema.serialize().to_pybytes())
