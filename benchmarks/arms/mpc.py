"""A network as MATPOWER's matrices, for the peers that start from them."""

from __future__ import annotations

from typing import Any

import numpy as np

import scopf

_DEGREE = 180.0 / np.pi


def matrices(net: scopf.Network) -> dict[str, Any]:
    """`baseMVA`, `bus`, `gen`, `branch`, `gencost` in MW, MVAr and degrees."""
    bus, gen, branch, base = net.bus, net.gen, net.branch, net.base_mva
    zero, none = np.zeros(len(branch)), np.zeros((len(gen), 11))
    angles = [np.where(np.isinf(limit), side * 360.0, limit * _DEGREE)
              for limit, side in ((branch.angmin, -1.0), (branch.angmax, 1.0))]  # fmt: skip
    found = {
        "version": "2",
        "baseMVA": base,
        "bus": np.column_stack(
            [bus.id, bus.type, bus.pd * base, bus.qd * base, bus.gs * base, bus.bs * base, bus.area,
             bus.vm, bus.va * _DEGREE, bus.base_kv, bus.zone, bus.vmax, bus.vmin]
        ),
        "gen": np.column_stack(
            [gen.bus, gen.pg * base, gen.qg * base, gen.qmax * base, gen.qmin * base, gen.vg,
             gen.mbase, gen.in_service, gen.pmax * base, gen.pmin * base, none]
        ),
        "branch": np.column_stack(
            [branch.from_bus, branch.to_bus, branch.r, branch.x, branch.b,
             np.where(np.isinf(branch.rate), 0.0, branch.rate) * base, zero, zero,
             np.where((branch.tap == 1.0) & (branch.shift == 0.0), 0.0, branch.tap),
             branch.shift * _DEGREE, branch.in_service, *angles]
        ),
        "gencost": _costs(gen.cost_p, base),
    }  # fmt: skip
    if gen.cost_q.any():
        found["gencost"] = np.vstack([found["gencost"], _costs(gen.cost_q, base)])
    return found


def _costs(coefficients: Any, base: float) -> Any:
    """Polynomial rows, highest power first."""
    n, width = coefficients.shape
    per_mw = coefficients / base ** np.arange(width)
    head = np.tile([2.0, 0.0, 0.0, width], (n, 1))
    return np.column_stack([head, per_mw[:, ::-1]])
