"""Names of files made of names that came from elsewhere."""

from __future__ import annotations

import re

_LONGEST = 100


def file_name(name: str) -> str:
    """A name that is one plain file in whatever folder: letters, digits, `-`, `_` and `.` only.

    >>> file_name("../my case")
    '_my_case'
    """
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).lstrip(".-")
    return plain[:_LONGEST] or "_"
