"""Tables of scenarios as Arrow batches: made by workers, and read from a journal in bounds.

A batch that is read is not larger in memory than in the journal: it is not compressed, its columns
are plain ones, and no two of them share their bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = 100  # of a table, at most
_TEXTS = ("state", "gens")
_HEADER, _COMPRESSION = 2, 3  # places of fields: of a message, of a record batch

_schemas: dict[tuple[Any, ...], tuple[str, Any]] = {}


def batch(columns: Mapping[str, Any], schemas: dict[str, bytes]) -> tuple[str, bytes]:
    """A table as an Arrow batch without its schema, which is the same for most scenarios.

    Args:
        columns: of the table; `neighbor` may be nobody.
        schemas: serialised schemas by key; that of this table is added.

    Returns:
        The key of the schema, and the batch.
    """
    import pyarrow as pa

    arrays = [
        pa.array(
            column,
            type=pa.string() if name in _TEXTS else None,  # without rows as well
            mask=column == NOBODY if name == "neighbor" else None,
        )
        for name, column in columns.items()
    ]
    kind = tuple((name, str(array.type)) for name, array in zip(columns, arrays, strict=True))
    if kind not in _schemas:
        pairs = zip(columns, (array.type for array in arrays), strict=True)
        key = hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
        _schemas[kind] = (key, pa.schema(list(pairs)))
    key, schema = _schemas[kind]
    if key not in schemas:
        schemas[key] = schema.serialize().to_pybytes()
    return key, pa.RecordBatch.from_arrays(arrays, schema=schema).serialize().to_pybytes()


def read_schema(data: bytes) -> pa.Schema:
    """A schema as `batch` serialises it.

    Raises:
        ValueError: when it is none, or has columns that are no plain ones.
    """
    import pyarrow as pa

    with _refusals():
        schema = pa.ipc.read_schema(pa.py_buffer(data))
    plain = (pa.int64(), pa.float64(), pa.bool_(), pa.string())
    names = schema.names
    if len(names) > _COLUMNS or len({*names, "scenario"}) != len(names) + 1:
        raise ValueError("a table has columns of the same name, or too many")
    if schema.metadata or any(field.metadata or field.type not in plain for field in schema):
        raise ValueError("a table has columns that are neither numbers nor texts")
    if pa.int64() not in schema.types:  # its rows take 8 bytes at least
        raise ValueError("a table has no bus numbers")
    return schema


def read_batch(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of a schema.

    Raises:
        ValueError: when it is none, or would take more memory than `data`.
    """
    import pyarrow as pa

    with _refusals():
        message = pa.ipc.read_message(pa.py_buffer(data))
    if message.type != "record batch":
        raise ValueError("a table is no batch of rows")
    if _is_compressed(message.metadata.to_pybytes()):
        raise ValueError("a table is compressed, which scopf's never are")
    with _refusals():
        found = pa.ipc.read_record_batch(message, schema)
        found.validate(full=True)
    if found.nbytes > len(data):
        raise ValueError("a table is larger than its bytes")
    return found


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn errors of Arrow, of several kinds, into one."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        raise ValueError(f"a table cannot be read: {error}") from error


def _is_compressed(metadata: bytes) -> bool:
    """Whether the metadata of a record batch, a flat buffer, say how it is compressed."""
    try:
        (root,) = struct.unpack_from("<I", metadata)
        header = _field(metadata, root, _HEADER)
        (offset,) = struct.unpack_from("<I", metadata, header)
        return _field(metadata, header + offset, _COMPRESSION) != 0
    except struct.error as error:
        raise ValueError("a table is no batch of rows") from error


def _field(data: bytes, table: int, number: int) -> int:
    """Position of a field of a table of a flat buffer; 0 if it has none."""
    (back,) = struct.unpack_from("<i", data, table)
    (size,) = struct.unpack_from("<H", data, table - back)
    place = 4 + 2 * number
    if place + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", data, table - back + place)
    return table + offset if offset else 0
