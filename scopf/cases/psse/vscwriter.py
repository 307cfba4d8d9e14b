"""DC lines as lines of two voltage source converters, at their present power.

The converter that draws power from the network holds that power (TYPE 2, below zero) and has the
higher base voltage of the two buses on its DC side; the other one holds the DC voltage (TYPE 1).
What is lost at this power is lost in the resistance of the line, or is ALOSS of the first converter
where nothing arrives. Either converter holds the voltage of its bus within its limits on Q, or
keeps its ratio of Q to P as a power factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.cases.digits import cells_of
from scopf.cases.psse.records import LONGEST_NAME, limits, shortened
from scopf.network.network import Network

_KILOVOLTS = 100.0  # of a line between buses without a base voltage


@dataclass(frozen=True)
class End:
    """Converters at one end of all lines, per unit; Q is injected.

    Attributes:
        bus: their buses.
        kilovolts: base voltage there.
        p: power drawn, or fed.
        qmin, qmax: limits.
        tan_phi: reactive power drawn over `p`; NaN where it is free.
        vm: set point of the voltage.
    """

    bus: Ints
    kilovolts: Floats
    p: Floats
    qmin: Floats
    qmax: Floats
    tan_phi: Floats
    vm: Floats

    def or_(self, other: End, those: Flags) -> End:
        """The other end of those lines."""
        return End(*(np.where(those, getattr(other, k), x) for k, x in vars(self).items()))


def power(net: Network) -> Floats:
    """Present power of each line at its from bus, within its limits."""
    line = net.dcline
    return np.clip(line.pf, line.pmin, line.pmax)


def columns(net: Network) -> dict[str, list[str]]:
    """Cells of the records by PSS/E's names of fields."""
    line, base = net.dcline, net.base_mva
    draws, feeds = _ends(net)
    highest = np.maximum(draws.kilovolts, feeds.kilovolts)
    kilovolts = np.where(highest > 0, highest, _KILOVOLTS)
    share = _lost_share(draws.p, feeds.p)
    idle = np.where(share > 0, 0.0, np.maximum(draws.p - feeds.p, 0.0))
    ohms = np.divide(share * kilovolts**2, draws.p * base, out=np.zeros(len(line)), where=share > 0)
    found = {
        "NAME": [f"'{name}'" for name in names(net)],
        "MDC": cells_of(in_service(net).astype(int)),
        "TYPE1": ["2"] * len(line),
        "TYPE2": ["1"] * len(line),
        "DCSET1": cells_of(-draws.p, base),
        "DCSET2": cells_of(kilovolts * (1.0 - share)),
        "RDC": cells_of(ohms),
        "ALOSS1": cells_of(idle, 1e3 * base),  # kW
    }
    for k, end in enumerate((draws, feeds), 1):
        free = np.isnan(end.tan_phi)
        factor = np.copysign(np.cos(np.arctan(end.tan_phi)), -end.tan_phi)
        found |= {
            f"IBUS{k}": cells_of(end.bus),
            f"MODE{k}": cells_of(np.where(free, 1, 2)),
            f"ACSET{k}": cells_of(np.where(free, end.vm, factor)),
            f"MAXQ{k}": limits(end.qmax, base),
            f"MINQ{k}": limits(end.qmin, base),
        }
    return found


def _lost_share(drawn: Floats, fed: Floats) -> Floats:
    """Losses over the power drawn; zero where a resistance cannot lose as much."""
    share = np.divide(drawn - fed, drawn, out=np.zeros(len(drawn)), where=drawn > 0)
    return np.where((share > 0) & (share < 1), share, 0.0)


def in_service(net: Network) -> Flags:
    """Mask of the lines in service between buses in service."""
    live = net.bus.in_service
    return np.asarray(net.dcline.in_service & live[net.dcline_from] & live[net.dcline_to])


def _ends(net: Network) -> tuple[End, End]:
    """The ends that draw power, and those that feed it."""
    line, sent = net.dcline, power(net)
    got, kilovolts = line.received(sent), net.bus.base_kv
    back = sent < 0
    sign = np.where(back, -1.0, 1.0)
    start = End(
        line.from_bus, kilovolts[net.dcline_from], sign * sent, line.qminf, line.qmaxf,
        sign * line.tan_phi_f, line.vf,
    )  # fmt: skip
    end = End(
        line.to_bus, kilovolts[net.dcline_to], sign * got, line.qmint, line.qmaxt,
        sign * line.tan_phi_t, line.vt,
    )  # fmt: skip
    return start.or_(end, back), end.or_(start, back)


def names(net: Network) -> list[str]:
    """Names of the lines, all different: their own, cut, or DC with their number."""
    found = list[str]()
    for name, number in zip(net.dcline.name.tolist(), net.dcline.id.tolist(), strict=True):
        own = shortened(name, LONGEST_NAME)
        found.append(own if own and own not in found else f"DC{number}")
    return found
