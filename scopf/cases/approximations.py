"""Changes and omissions of a reader: a line in the log each, kept with the network."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scopf.network.network import Network

log = logging.getLogger(__name__)


class Approximations:
    """Sentences on a source, in the order in which they were found.

    Args:
        source: file or name, which log lines begin with.
    """

    def __init__(self, source: str) -> None:
        self._source, self._found = source, list[str]()

    def add(self, text: str, level: int = logging.WARNING) -> None:
        """Log a sentence, and keep it.

        Args:
            text: what was changed or left out, and where.
            level: of the line in the log.
        """
        log.log(level, "%s: %s", self._source, text)
        self._found.append(text)

    def of(self, net: Network) -> Network:
        """The network with these sentences after its own."""
        if not self._found:
            return net
        return dataclasses.replace(net, approximations=(*net.approximations, *self._found))
