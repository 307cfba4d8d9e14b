"""The text of a case file, whatever its encoding."""

from __future__ import annotations

from pathlib import Path

from scopf import files
from scopf.cases.approximations import Approximations
from scopf.errors import CaseError, Fault


def text(path: Path, notes: Approximations) -> str:
    """The text; bytes that are no UTF-8 are letters of Latin-1.

    Args:
        path: of the file.
        notes: gets a sentence where Latin-1 is assumed.

    Raises:
        CaseError: when the file cannot be read.
    """
    try:
        return files.text(path)
    except UnicodeDecodeError:
        notes.add("the file is no UTF-8 text: letters beyond ASCII are read as Latin-1")
        return files.text(path, encoding="latin-1", errors="replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(str(path), [Fault(f"cannot be read: {reason}")]) from error
