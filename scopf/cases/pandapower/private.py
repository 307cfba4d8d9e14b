"""Doors into private parts of pandapower's converter; each has a test that names the version."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags

Matrices = dict[str, npt.NDArray[Any]]


def unshared(net: Any) -> Any:
    """A copy of a net with the same tables, and dicts of its own for what conversion writes."""
    made = copy(net)
    made["_pd2ppc_lookups"] = dict(net["_pd2ppc_lookups"])
    made["_options"] = {}
    return made


def convert(net: Any) -> tuple[Matrices, dict[str, Any]]:
    """The matrices of an optimal power flow, elements out of service included, and their lookups.

    Returns:
        Matrices as PYPOWER has them, by name; and by element, which of their rows it has.
    """
    from pandapower.auxiliary import _add_ppc_options
    from pandapower.pd2ppc import _pd2ppc

    _add_ppc_options(
        net, calculate_voltage_angles=True, trafo_model="t", check_connectivity=True,
        mode="opf", switch_rx_ratio=2, init_vm_pu="flat", init_va_degree="flat",
        enforce_q_lims=False, enforce_p_lims=False, recycle=None,
    )  # fmt: skip
    matrices, _ = _pd2ppc(net)
    return matrices, net["_pd2ppc_lookups"]


def switch_branches(net: Any) -> Flags:
    """Mask of the bus-bus switches that have an impedance: branches of a converted net."""
    return np.asarray(net["_impedance_bb_switches"], dtype=bool)
