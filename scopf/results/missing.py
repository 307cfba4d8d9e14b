"""Elements of a solution that the object it is written to does not have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scopf.errors import ScopfError, listing


class Missing:
    """Collects names that are not found, to report all of them at once.

    Args:
        whose: what they are looked for in, such as "the PyPSA network".
    """

    def __init__(self, whose: str) -> None:
        self._whose, self._found = whose, dict[str, list[str]]()

    def note(self, kind: str, name: str) -> None:
        """Note an element that does not exist."""
        self._found.setdefault(kind, []).append(name or "(without a name)")

    def check(self, kind: str, names: Iterable[str], known: Collection[str]) -> None:
        """Note the names that are not among those known."""
        for name in names:
            if name not in known:
                self.note(kind, name)

    def refuse(self) -> None:
        """Refuse to write when something was not found.

        Raises:
            ScopfError: naming the elements by kind.
        """
        if self._found:
            parts = [f"{kind} {listing(names, most=5)}" for kind, names in self._found.items()]
            raise ScopfError(
                f"{self._whose} is not what was solved, it lacks {'; '.join(parts)}. Elements are "
                "found by the names of the network: read it with load_case from the same object"
            )
