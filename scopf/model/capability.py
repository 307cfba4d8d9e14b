"""What an inverter can put out: the capability circle P^2 + Q^2 <= S^2.

P and Q are sums over the units that act together as one inverter, S is its rating. The squares of
the sums are written out, (sum_k P_k)^2 = sum_k P_k^2 + 2 sum_{k<l} P_k P_l, so that the rows are
sums of terms of one or two variables each, however many units there are.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.errors import ScopfError, listing
from scopf.network.network import Network
from scopf.network.tables import positions

_ROUNDING = 1e-9  # relative: a box that touches the circle is not outside it


def circle(pp: Any, qq: Any, rating: Any) -> Any:
    """Left side of (P^2 + Q^2) / S <= S, which is scaled like a power; pp and qq are the squares.

    The squares are sums over units; with one unit this is `limits.apparent_power`.
    """
    return (pp + qq) / rating


def add_ratings(f: Formulation, inverters: Inverters) -> None:
    """Ratings of the inverters, the mutable Param `inverter_rating`, per unit."""
    f.parameter("inverter_rating", f.indices["inverter"], inverters.rating)


def add_squares(f: Formulation, net: Network, inverters: Inverters, letters: str) -> None:
    """Named expressions `inverter_{p,q}_squared`, of those letters."""
    inverter, n = f.indices["inverter"], len(inverters)
    unit, owner = units(net, inverters)
    pairs = [
        (a, b, i)
        for i in np.flatnonzero(np.bincount(owner, minlength=n) > 1).tolist()
        for a, b in combinations(unit[owner == i].tolist(), 2)
    ]
    first, second, both = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    ids = net.gen.id
    single = f.index("inverter_unit", ids[unit].tolist())
    if pairs:
        keys = zip(ids[first].tolist(), ids[second].tolist(), strict=True)
        double = f.index("inverter_unit_pair", list(keys))
    for letter in letters:
        output = f[f"gen_{letter}g"]
        name = f"inverter_unit_{letter}_squared"
        total = f.expression(name, single, output[unit] ** 2).total(owner, n)
        if pairs:
            product = 2.0 * output[first] * output[second]
            name = f"inverter_unit_{letter}_product"
            total = total + f.expression(name, double, product).total(both, n)
        f.expression(f"inverter_{letter}_squared", inverter, total)


def add_capability(f: Formulation) -> None:
    """Output of every inverter within its rating, `inverter_capability`."""
    rating = f["inverter_rating"][:]
    row = circle(f["inverter_p_squared"][:], f["inverter_q_squared"][:], rating)
    f.constraint("inverter_capability", f.indices["inverter"], row, upper=rating)


def units(net: Network, inverters: Inverters) -> tuple[Ints, Ints]:
    """Positions of all units of inverters in the generator table, and the inverter of each."""
    ids = [gen for group in inverters.gens for gen in group]
    owner = np.repeat(np.arange(len(inverters)), [len(group) for group in inverters.gens])
    return positions(net.gen.id, ids), owner


def reach(net: Network, inverters: Inverters, letter: str) -> Floats:
    """Least |P| (letter p) or |Q| (q) that the units' boxes allow each inverter, per unit."""
    unit, owner = units(net, inverters)
    n = len(inverters)
    low, high = (
        np.bincount(owner, getattr(net.gen, f"{letter}{end}")[unit], minlength=n)
        for end in ("min", "max")
    )
    return np.maximum(np.maximum(low, -high), 0.0)


def check(net: Network, inverters: Inverters) -> None:
    """Refuse circles that lie outside the boxes altogether.

    Raises:
        ScopfError: naming the inverters, with what their boxes ask for and what their rating is.
    """
    least = np.hypot(reach(net, inverters, "p"), reach(net, inverters, "q"))
    outside = np.flatnonzero(least > inverters.rating * (1.0 + _ROUNDING))
    if len(outside):
        base = net.base_mva
        found = [
            f"bus {inverters.bus[i]} ({least[i] * base:.6g} MVA, rating "
            f"{inverters.rating[i] * base:.6g} MVA)"
            for i in outside
        ]
        raise ScopfError(
            "capability: the limits on P and Q ask for more than the rating of the inverter at "
            f"{listing(found)}; give larger ratings (rating_mva, rating_factor), or leave the "
            "circle out"
        )
