"""Identifiers of two letters that tell apart what is at one bus, or between the same two."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

from scopf.network.network import Network

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OWN = re.compile(r"(.*) '([^'\s]{1,2})'")


def machines(net: Network) -> list[str]:
    """Of the generators: that of a name such as 31001 '1', else the next number at the bus."""
    places = [str(bus) for bus in net.gen.bus.tolist()]
    return _identifiers(places, places, net.gen.name.tolist())


def circuits(net: Network) -> list[str]:
    """Of the branches: that of a name such as 101-102 '1', else the next number."""
    ends = list(zip(net.branch.from_bus.tolist(), net.branch.to_bus.tolist(), strict=True))
    groups = [frozenset(pair) for pair in ends]
    return _identifiers(groups, [f"{f}-{t}" for f, t in ends], net.branch.name.tolist())


def names(net: Network) -> tuple[list[str], list[str]]:
    """Names of generators and branches as the reader of the file makes them."""
    gens = zip(net.gen.bus.tolist(), machines(net), strict=True)
    ends = net.branch.from_bus.tolist(), net.branch.to_bus.tolist()
    branches = zip(*ends, circuits(net), strict=True)
    return [f"{i} '{own}'" for i, own in gens], [f"{i}-{j} '{own}'" for i, j, own in branches]


def _identifiers(
    groups: Iterable[Hashable], heads: Sequence[str], names: Sequence[str]
) -> list[str]:
    """An identifier of each element that no other one of its group has.

    Args:
        groups: of the elements.
        heads: what a name that holds an identifier begins with.
        names: of the elements.
    """
    taken: defaultdict[Hashable, set[str]] = defaultdict(set)
    found, groups = [""] * len(names), list(groups)
    for at, (group, head, name) in enumerate(zip(groups, heads, names, strict=True)):
        own = _OWN.fullmatch(name)
        if own and own[1] == head and own[2] not in taken[group]:
            found[at] = own[2]
            taken[group].add(own[2])
    following: defaultdict[Hashable, Iterator[str]] = defaultdict(_numbers)
    for at, group in enumerate(groups):
        if not found[at]:
            free = (one for one in following[group] if one not in taken[group])
            found[at] = next(free, "")
    return found


def _numbers() -> Iterator[str]:
    """1 to 99, then A0, A1, ..., ZZ."""
    letters = itertools.product(_CHARACTERS[10:], _CHARACTERS)
    return itertools.chain(map(str, range(1, 100)), map("".join, letters))
