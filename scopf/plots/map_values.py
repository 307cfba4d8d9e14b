"""Values behind the colours of a map, and their scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError, by_number, listing
from scopf.plots import style
from scopf.plots.subject import nssp_label, priced, prices

if TYPE_CHECKING:
    from scopf.network.network import Network
    from scopf.plots.state_map import StateMap


@dataclass(frozen=True)
class Values:
    """Values behind the colours: one by bus, NaN where there is none, and their label."""

    value: Floats
    label: str
    zero: bool = False  # whether the scale has to begin at zero
    peaks: bool = True  # whether the largest of them are what matters


def values(
    what: Any, net: Network, color: Any, label: str | None, after: StateMap | None
) -> Values | None:
    """The values that colours show."""
    from scopf.network.network import Network

    if after is not None and isinstance(color, str):
        key = "voltage" if color == "auto" else color
        if key in after.values:
            of = after.values[key], label or after.labels[key]
            return Values(*of, zero=key == "nssp", peaks=key != "voltage")
    if color is None or (isinstance(color, str) and color == "auto" and isinstance(what, Network)):
        return None
    nobody = np.full(len(net.bus), np.nan)
    if isinstance(color, str):
        if color == "auto" and not len(what.inverter_data):
            return None
        if color in ("auto", "nssp"):
            found = priced(what, "network")
            nobody[net.bus_positions(found.inverter_data.bus)] = prices(found)
            return Values(nobody, label or nssp_label(what), zero=True)
        if color == "lmp":
            value = what.buses["lmp_p_per_mwh"].to_numpy(dtype=np.float64)
            return Values(value, label or "LMP (currency/MWh)")
        if color == "voltage":
            return Values(what.point.vm, label or "voltage (p.u.)", peaks=False)
        raise ScopfError(
            f'color is "nssp", "lmp", "voltage", values by bus number, or None, got {color!r}'
        )
    if not isinstance(color, Mapping) and not hasattr(color, "items"):
        raise ScopfError(
            "color as values needs bus numbers: a mapping or a pandas Series indexed by bus, got "
            f"{type(color).__name__}"
        )
    given = by_number("color", "bus", {k: v for k, v in color.items() if v == v})
    at = net.bus_positions(np.array(list(given), dtype=np.int64))
    unknown = [bus for bus, k in zip(given, at.tolist(), strict=True) if k < 0]
    if unknown or not given:
        text = f"no bus {listing(unknown)} in {net.name}" if unknown else "there is no value in it"
        raise ScopfError(f"color: {text}")
    nobody[at] = list(given.values())
    return Values(nobody, label or str(getattr(color, "name", None) or "value"))


def scale_of(found: Values, vmin: float | None, vmax: float | None, cmap: Any) -> Any:
    """Colours of the values: matplotlib's mappable."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    some = found.value[np.isfinite(found.value)]
    low = float(some.min()) if vmin is None else vmin
    high = float(some.max()) if vmax is None else vmax
    if found.zero and vmin is None:
        low = 0.0
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # one value: a colour in the middle
        half = 1.0 if found.zero else max(abs(low) * 1e-3, 1e-6)
        low, high = (0.0, 1.0) if found.zero else (low - half, high + half)
    shades = style.colormap(cmap).with_extremes(bad=style.NOTHING)
    return ScalarMappable(Normalize(low, high), shades)
