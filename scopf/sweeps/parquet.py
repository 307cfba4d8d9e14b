"""Parquet tables of a run folder, read in bounds.

What a table takes in memory is known before it is read: eight bytes for each cell, and its texts.
That is at most what `_MEMORY` says, or `_TIMES` the size of the file, if that is more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf import files
from scopf.sweeps import footer
from scopf.sweeps.columns import STEP

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2**34  # bytes of a file
_MEMORY = 2**28  # bytes of a table in memory that are always allowed
_TIMES = 64  # sizes of its file
_COLUMNS = 10_000  # of a table
_PACKED = (footer.SNAPPY, footer.UNCOMPRESSED)  # Snappy makes 22 bytes of one, at most
_WHOLE = ("outage", "nssp_max_bus", "iterations", "binding", "neighbor", STEP)
_FLAGS = ("stable", "damped")
_KINDS = {"object": ("string", "null"), "bool": ("bool",), "float64": ("double",),
          "Int64": ("int64", "null")}  # fmt: skip


def read(path: Path, sha256: str | None, columns: Mapping[str, str]) -> pd.DataFrame:
    """A table.

    Args:
        path: of the file.
        sha256: its digest, as the manifest has it.
        columns: that it has to have if it has rows, each with its dtype.

    Raises:
        OSError, ValueError: when it cannot be read, is another file than the manifest means,
            lacks columns, or would take too much memory.
    """
    import pyarrow as pa
    from pyarrow import parquet

    # not by pandas, which hands a Python file to Arrow's threads: one of them may let go of it
    # while Python ends, and abort
    if files.digest(path, _LARGEST) != sha256:
        raise ValueError("it is of another run than the manifest, or has changed since")
    most = max(_MEMORY, _TIMES * os.stat(path).st_size)
    try:
        with files.opened(path) as content:
            groups = footer.row_groups(content)
        with parquet.ParquetFile(path) as file:
            _check(file, groups, columns, most)
            texts = [field.name for field in file.schema_arrow if field.type == pa.string()]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:  # each text once
            table = file.read().replace_schema_metadata(None)
    except (NotImplementedError, LookupError, TypeError) as error:  # as Arrow raises them
        raise ValueError(str(error)) from error
    for name in texts:
        found = table[name]
        if _length(found) > most:
            raise ValueError(f"the texts of {name} would take too much memory")
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, found.cast(pa.string()))
    frame: pd.DataFrame = table.to_pandas()
    for name in _WHOLE:
        if name in frame and frame[name].dtype != "bool":
            frame[name] = _whole(table[name])
    for name in _FLAGS:
        if name in frame:
            frame[name] = _flags(table[name])
    return frame


def _check(file: Any, groups: list[footer.RowGroup], columns: Mapping[str, str], most: int) -> None:
    """Refuse a table by its metadata."""
    schema, count = file.schema_arrow, file.metadata.num_rows
    kinds = {field.name: str(field.type) for field in schema}
    known = {kind for some in _KINDS.values() for kind in some}
    if len(schema) > _COLUMNS or len(kinds) != len(schema) or not known.issuperset(kinds.values()):
        raise ValueError("its columns are not those of a table of scopf")
    for name, dtype in {"scenario": "Int64", **(columns if count else {})}.items():
        if kinds.get(name) not in _KINDS[dtype]:
            raise ValueError(f"it has no column {name} of the type {dtype}")
    sizes = [group.rows for group in groups]
    if sum(sizes) != count or min([0, *sizes]) < 0:
        raise ValueError("its parts have another number of rows than the whole")
    if 8 * count * len(schema) > most:
        raise ValueError(f"its {count} rows would take too much memory")
    for group in groups:
        stored = [chunk.codec in _PACKED and chunk.values == group.rows for chunk in group.chunks]
        if len(stored) != len(schema) or not all(stored):
            raise ValueError("its columns are not stored as scopf stores them")


def _length(texts: Any) -> int:
    """Bytes of a column of texts, spelled out."""
    from pyarrow import compute

    lengths = (
        compute.sum(compute.binary_length(part.dictionary).cast("int64").take(part.indices))
        for part in texts.chunks
    )
    return sum(length.as_py() or 0 for length in lengths)


def _flags(column: Any) -> Any:
    """A column of true and false, some missing."""
    import pandas as pd
    import pyarrow as pa

    if not pa.types.is_boolean(column.type):
        raise ValueError("a column of true and false has other values")
    return column.to_pandas(types_mapper=lambda _: pd.BooleanDtype())


def _whole(column: Any) -> Any:
    """A column of whole numbers, some missing."""
    import pandas as pd
    import pyarrow as pa

    if not pa.types.is_integer(column.type):
        return column.to_pandas().astype("Int64")
    return column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
