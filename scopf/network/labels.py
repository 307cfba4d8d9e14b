"""Branches and outages as readers find them in a single-line diagram: "16-19 (1)"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scopf.network import identifiers
from scopf.network.network import Network
from scopf.network.outages import Outage


def branch(from_bus: int, to_bus: int, circuit: str) -> str:
    """A branch by its buses and its circuit."""
    return f"{from_bus}-{to_bus} ({circuit})"


def branches(net: Network) -> dict[int, str]:
    """Labels of all branches by number; circuits without an identifier are counted."""
    rows = net.branch.from_bus.tolist(), net.branch.to_bus.tolist(), identifiers.circuits(net)
    found = (branch(*row) for row in zip(*rows, strict=True))
    return dict(zip(net.branch.id.tolist(), found, strict=True))


def counted(ends: Sequence[tuple[int, int]]) -> list[str]:
    """Circuits of branches without identifiers: their number among those of the same buses."""
    seen, found = Counter[frozenset[int]](), []
    for pair in map(frozenset, ends):
        seen[pair] += 1
        found.append(str(seen[pair]))
    return found


def outages(given: Iterable[Outage], net: Network) -> dict[str, str]:
    """Labels of outages by name: what is lost, "3-4 (1) + gen 3 (bus 32)", or a name of their own.

    Args:
        given: the outages.
        net: the network, elements out of service included, so that circuits count as in the case.
    """
    lines = branches(net)
    at = dict(zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True))
    found = {}
    for one in given:
        members = [(f"branch {k}", lines[k]) for k in one.branches]
        members += [(f"gen {k}", f"gen {k} (bus {at[k]})") for k in one.gens]
        own = one.name != " + ".join(name for name, _ in members)
        found[one.name] = one.name if own else " + ".join(label for _, label in members)
    return found


def sentences(given: Iterable[Outage], net: Network) -> dict[str, str]:
    """The same for a text, which calls an outage by its name: "branch 6 at 3-4 (1)"."""
    found = {}
    for name, label in outages(given, net).items():
        short = name == label or " + " in name
        found[name] = name if short else label if label.startswith(name) else f"{name} at {label}"
    return found
