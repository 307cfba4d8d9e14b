"""Files: read if they are regular ones of bounded size; written whole or not at all.

Names of files come from files as well: a spec names a case and tables, a run folder was made by
somebody else. What is opened here is neither a device nor a pipe, which may never end, nor a URL.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

LARGEST = 256 * 2**20  # bytes of a case, a table or a manifest
LARGEST_SPEC = 16 * 2**20  # of a spec, or of options of Ipopt

Name = str | os.PathLike[str]

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # two letters: C:/ is a drive
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for somebody who writes
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


# -- reading -----------------------------------------------


def refusal(name: Name) -> str:
    """Why a name is not opened, before it is; "" for a file, a folder, or nothing of that name."""
    if _URL.match(os.fspath(name)):
        return "it is a URL, and nothing is fetched from a network; give a file"
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return ""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return "it is a device or a pipe; only regular files are read"


@contextmanager
def opened(name: Name) -> Iterator[BinaryIO]:
    """A regular file to read bytes from.

    Raises:
        OSError: with a sentence as its `strerror`, when there is none, or it is something else.
    """
    if text := refusal(name):
        raise OSError(errno.EINVAL, text)
    try:
        number = os.open(name, os.O_RDONLY | _NONBLOCK | _PLAIN)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise FileNotFoundError(errno.ENOENT, "there is no such file") from error
    with open(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):  # a folder, or exchanged meanwhile
            raise OSError(errno.EINVAL, "it is not a regular file")
        yield file


def read(name: Name, largest: int = LARGEST) -> bytes:
    """The content of a regular file.

    Args:
        name: of the file.
        largest: size in bytes.

    Raises:
        OSError: with a sentence as its `strerror`, when there is none, or it is larger.
    """
    with opened(name) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > largest else file.read(largest + 1)  # it may have grown
    if max(size, len(content)) > largest:
        text = f"it is larger than {largest / 2**20:g} MiB, the most that is read"
        raise OSError(errno.EFBIG, text)
    return content


def text(name: Name, largest: int = LARGEST, errors: str = "strict") -> str:
    r"""The content of a regular file as text in UTF-8, its line ends `\n`.

    Raises:
        OSError: as `read` raises it.
        UnicodeDecodeError: unless `errors` says otherwise.
    """
    content = io.BytesIO(read(name, largest))
    with io.TextIOWrapper(content, encoding="utf-8-sig", errors=errors) as file:
        return file.read()
