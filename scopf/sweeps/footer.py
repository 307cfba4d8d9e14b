"""Footer of a Parquet file: how each column is stored.

Arrow has these metadata too, but ends the process when those of a column contradict the schema.
The footer is a Thrift structure in the compact protocol; the numbers of its fields are those of
`parquet.thrift`, the definition of the format.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

_MAGIC = b"PAR1"
_LARGEST = 2**24  # bytes
_DEEPEST = 16  # structures and lists within one another
UNCOMPRESSED, SNAPPY = 0, 1  # codecs

# types of the compact protocol
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)

Struct = dict[int, Any]


@dataclass(frozen=True)
class Chunk:
    """A column of a row group.

    Attributes:
        codec: number of its compression.
        values: how many it has, missing ones included.
    """

    codec: int
    values: int


@dataclass(frozen=True)
class RowGroup:
    """Some of the rows of a table.

    Attributes:
        rows: how many.
        chunks: one for each column.
    """

    rows: int
    chunks: list[Chunk]


def row_groups(file: io.BufferedIOBase) -> list[RowGroup]:
    """The row groups, in order.

    Args:
        file: a Parquet file, seekable.

    Raises:
        ValueError: when it has no footer, or one that is not understood.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 8))
    length, end = file.read(4), file.read(4)
    count = int.from_bytes(length, "little")
    if end != _MAGIC or not 0 < count <= min(size - 8, _LARGEST):
        raise ValueError("it has no footer of a Parquet file")
    file.seek(size - 8 - count)
    try:
        about = _Reader(file.read(count)).struct()
        return [RowGroup(each[3], [_chunk(column) for column in each[1]]) for each in about[4]]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("its footer is broken") from error


def _chunk(column: Struct) -> Chunk:
    if 1 in column:
        raise ValueError("a column of it is in another file")
    about = column[3]
    return Chunk(about[4], about[5])


class _Reader:
    """Values of the compact protocol, in order."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def struct(self, deep: int = 0) -> Struct:
        """Fields by their numbers."""
        found, number = Struct(), 0
        while (head := self._byte()) != _STOP:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, deep)
        return found

    def _value(self, kind: int, deep: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in (_TRUE, _FALSE, _BYTE):  # as an element of a list
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        if deep < _DEEPEST:
            if kind == _STRUCT:
                return self.struct(deep + 1)
            if kind in (_LIST, _SET):
                return self._list(deep + 1)
        raise ValueError("its footer is broken")  # a map is in none

    def _list(self, deep: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._unsigned()
        return [self._value(kind, deep) for _ in range(count)]

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        self._at += count
        if len(found) < count:
            raise ValueError("its footer is broken")
        return found

    def _unsigned(self) -> int:
        found = shift = 0
        while (byte := self._byte()) & 128 and shift < 63:
            found |= (byte & 127) << shift
            shift += 7
        return found | byte << shift

    def _integer(self) -> int:
        zigzag = self._unsigned()
        return zigzag >> 1 ^ -(zigzag & 1)
