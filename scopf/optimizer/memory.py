"""Memory of the linear solver: kept between factorisations, if that is asked for."""

from __future__ import annotations

import ctypes
import os

# Of mallopt (glibc's malloc.h): the option and the value that it gets.
_TRIM_THRESHOLD = -1, 2**31 - 1  # bytes free at the end of the heap before any are given back
_MMAP_THRESHOLD = -3, 2**25  # bytes from which a block is mapped by itself; the largest allowed
_MMAP_MAX = -4, 0  # number of such blocks


def tune_malloc() -> bool:
    """Let the process keep memory that it has freed, which makes large solves quicker.

    The linear solver MUMPS takes a workspace for each factorisation and gives it back. By default
    glibc returns such large blocks to the operating system, which has to clear every page of the
    next one. After this call they stay with the process: its memory does not shrink again, and the
    call cannot be undone. The command line and the workers of sweeps make it themselves.

    Returns:
        True if it had an effect, which it has with glibc only.
    """
    if not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(*one) for one in (_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX))


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # Windows has no confstr, other systems have no such name
        return False
