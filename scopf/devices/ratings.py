"""Ratings of inverters that are the case's mBase, where that is no rating."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.network import ratings

if TYPE_CHECKING:
    from scopf.arrays import Flags
    from scopf.network.network import Network

log = logging.getLogger(__name__)

_ADVICE = (
    "give the ratings: rating_factor=1.1 (--rating-factor 1.1) makes them 1.1 times each Pmax, "
    "rating_mva gives them in MVA"
)
_warned = set[str]()  # sentences, each of which is logged once


def refuse(net: Network, by_mbase: Flags) -> None:
    """Refuse droops in per cent of ratings that cannot be any, and warn of doubtful ones.

    Args:
        net: the network.
        by_mbase: generators whose rating is their mBase, shape (g,).

    Raises:
        ScopfError: where mBase is one nominal number on every unit and below the Pmax of one.
    """
    one, below = ratings.nominal(net.gen, net.base_mva), ratings.below_pmax(net.gen, net.base_mva)
    if one is not None and (by_mbase & below).any():
        at = int(np.where(by_mbase & below, net.gen.pmax, -np.inf).argmax())
        raise ScopfError(
            f"droop_percent: a per cent of the rating means nothing in {net.name}, where mBase is "
            f"{one:g} MVA on every unit and Pmax is {net.gen.pmax[at] * net.base_mva:g} MW of "
            f"generator {net.gen.id[at]}; {_ADVICE}"
        )
    warn(net, by_mbase)


def warn(net: Network, by_mbase: Flags) -> None:
    """Warn once of ratings that are needed and are a nominal mBase, or an mBase below Pmax.

    Args:
        net: the network.
        by_mbase: generators whose rating is their mBase, shape (g,).
    """
    one, below = ratings.nominal(net.gen, net.base_mva), ratings.below_pmax(net.gen, net.base_mva)
    below &= by_mbase
    if not by_mbase.any() or (one is None and not below.any()):
        return
    if one is not None:
        text = f"mBase is {one:g} MVA on every unit, a nominal number and no rating"
    else:
        text = f"mBase of generator {listing(net.gen.id[below])} is below Pmax and no rating"
    text = f"{net.name}: {text}, but droops or limits are per unit of it; {_ADVICE}"
    if text not in _warned:
        _warned.add(text)
        log.warning("%s", text)
