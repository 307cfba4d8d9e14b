"""Files: read if they are regular ones of bounded size; written whole or not at all.

Names of files come from files as well: a spec names a case and tables, a run folder was made by
somebody else. What is opened here is neither a device nor a pipe, which may never end, nor a URL.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scopf.errors import ScopfError

LARGEST = 256 * 2**20  # bytes of a case, a table or a manifest
LARGEST_SPEC = 16 * 2**20  # of a spec, or of options of Ipopt

Name = str | os.PathLike[str]

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # two letters: C:/ is a drive
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for somebody who writes
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

_UNPACK = "that has to be unpacked first"
_KINDS = {  # by the bytes that a file begins with
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"PAR1": "a Parquet table",
    b"SQLite format 3": "a database (SQLite)",
    b"\x89HDF": "a file of HDF5 (MATLAB's .mat is one)",
    b"\x1f\x8b": f"an archive (gzip) {_UNPACK}",
    b"BZh": f"an archive (bzip2) {_UNPACK}",
    b"\xfd7zXZ": f"an archive (xz) {_UNPACK}",
    b"7z\xbc\xaf": f"an archive (7z) {_UNPACK}",
    b"PK\x03\x04": "an archive (zip), or a workbook of Excel",
}

_PART = re.compile(r"\.scopf-[0-9a-f]{16}-")  # of a file that is being written
_FORGOTTEN = 3600.0  # seconds after which nobody goes on writing to one


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
def opened(name: Name) -> Iterator[io.BufferedReader]:
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
    with _bounded(name, largest) as file:
        content = file.read(largest + 1)
        _check_size(len(content), largest)  # it may have grown
    return content


@contextmanager
def _bounded(name: Name, largest: int) -> Iterator[io.BufferedReader]:
    """The file, if it is no larger than that."""
    with opened(name) as file:
        _check_size(os.fstat(file.fileno()).st_size, largest)
        yield file


def check(name: Name, largest: int = LARGEST) -> None:
    """Refuse a file that another program is to read, as `read` would."""
    with _bounded(name, largest):
        pass


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        text = f"it is larger than {largest / 2**20:g} MiB, the most that is read"
        raise OSError(errno.EFBIG, text)


def text(
    name: Name, largest: int = LARGEST, errors: str = "strict", encoding: str = "utf-8-sig"
) -> str:
    r"""The content of a regular file as text, its line ends `\n`.

    Args:
        name: of the file.
        largest: size in bytes.
        errors: of bytes that are none of the encoding, as of `bytes.decode`.
        encoding: of a file that does not begin with a byte order mark of UTF-16.

    Raises:
        OSError: as `read` raises it.
        UnicodeError: unless `errors` says otherwise.
    """
    content = read(name, largest)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    found = content.decode(encoding, errors)
    return found.replace("\r\n", "\n").replace("\r", "\n")


def not_text(content: bytes) -> str:
    """The kind of a file that is no text, by its beginning; "" for text, also UTF-16."""
    for begin, kind in _KINDS.items():
        if content.startswith(begin):
            return kind
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" not in content:
        return ""
    if content[1:32:2].strip(b"\0") == b"" or content[0:32:2].strip(b"\0") == b"":
        return "text in UTF-16 without its byte order mark"
    return "a binary file (it has NUL characters)"


def digest(name: Name, largest: int) -> str:
    """SHA-256 of a regular file; arguments and errors are those of `read`."""
    with _bounded(name, largest) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def own_files(folder: Path, *names: str, written: bool = True) -> None:
    """Refuse files of a folder that are links to others, devices or pipes.

    Args:
        folder: of the files.
        names: of files that may be there.
        written: whether they are to be written in place, so that no other name, a hard link, may
            lead to them.

    Raises:
        ScopfError: naming the first.
    """
    for name in names:
        path = folder / name
        if os.path.islink(path):
            text = "is a link; a run folder holds its own files, so put the file itself there"
            raise ScopfError(f"{path} {text}")
        if os.path.exists(path) and not os.path.isfile(path):
            raise ScopfError(f"{path} is not a regular file; a run folder holds such only")
        if written and os.path.exists(path) and os.stat(path).st_nlink > 1:
            text = "has another name elsewhere (a hard link), and would change there as well"
            raise ScopfError(f"{path} {text}; put a copy in its place")


# -- writing -----------------------------------------------


def unfollowed(name: str, flags: int) -> int:
    """An `opener` for `open` that follows no link and waits for no pipe."""
    return os.open(name, flags | _NOFOLLOW | _NONBLOCK | _PLAIN, 0o666)


class Batch:
    """Files of one folder that change together; see `together`.

    Attributes:
        paths: of the files, in the order in which they were added.
        digests: SHA-256 of each by name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[str, Path] = {}
        self.digests: dict[str, str] = {}

    @property
    def paths(self) -> list[Path]:
        """The files, in the order in which they were added."""
        return [self._folder / name for name in self._parts]

    def add(self, name: str, write_to: Callable[[Path], object]) -> None:
        """Write a file under another name, which nobody can know before.

        Args:
            name: of the file in the end; it replaces one of that name, or a link.
            write_to: writes a file of a given path; its suffix is that of the name.

        Raises:
            OSError: when it cannot be written.
        """
        path = self._folder / name
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, f"{name} is there and not a regular file")
        part = self._folder / f".scopf-{secrets.token_hex(8)}-{name}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NOFOLLOW | _PLAIN
        self._parts[name] = part
        os.close(os.open(part, flags, 0o666))
        with suppress(FileNotFoundError):
            old = os.lstat(path).st_mode
            if stat.S_ISREG(old):
                os.chmod(part, old & 0o777)
        write_to(part)
        with open(os.open(part, os.O_RDWR | _NOFOLLOW | _PLAIN), "rb") as file:
            os.fsync(file.fileno())  # a full disk may be noticed here only
            self.digests[name] = hashlib.file_digest(file, "sha256").hexdigest()

    def put(self) -> None:
        """Give all files their names."""
        for name, part in self._parts.items():
            os.replace(part, self._folder / name)

    def drop(self) -> None:
        """Remove what has not got its name, also from a run that was killed an hour ago or more."""
        for part in self._parts.values():
            part.unlink(missing_ok=True)
        with suppress(OSError):
            for old in self._folder.iterdir():
                if _PART.match(old.name) and time.time() - old.lstat().st_mtime > _FORGOTTEN:
                    old.unlink(missing_ok=True)


@contextmanager
def together(folder: Path) -> Iterator[Batch]:
    """Files of one folder: each is whole old or whole new, and none changes before all are written.

    They are written under other names, waited for until they are on the disk, and renamed in the
    order in which they were added. What fails, a full disk for example, leaves all old ones as they
    were. A kill between two renames leaves new ones beside old ones: a manifest, added last, should
    hold the digests of those that belong together.

    Raises:
        OSError: when the folder cannot be written to.
    """
    batch = Batch(folder)
    try:
        yield batch
        batch.put()
    finally:
        batch.drop()


def replace(path: Path, write_to: Callable[[Path], object], *, follow: bool = False) -> None:
    """Write one file, as `together` does; a link of that name is replaced, or followed if wanted.

    Raises:
        OSError: when the folder cannot be written to.
    """
    path = Path(os.path.realpath(path)) if follow else path
    with together(path.parent) as batch:
        batch.add(path.name, write_to)
