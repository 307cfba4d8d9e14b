"""Modes of the .raw and .dyr pairs that ANDES has, beside those that ANDES itself finds.

    python -m benchmarks.dyr

ANDES (`pip install andes`) runs the power flow with constant-power loads; both find the eigenvalues
at its voltages. A pair of complex modes counts once. An electromechanical mode is one between .3
and 2.5 Hz in which speeds and angles of rotors take the largest part.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

import scopf
from scopf.devices import device_table
from scopf.dynamics import modes
from scopf.dynamics.verification import verify
from scopf.dynamics.verified import Verification

LITTLE = 1e-8  # that ANDES adds to r and x of lines
PAIRS = {
    "kundur/kundur_gencls": "kundur/kundur",
    "wecc/wecc_gencls": "wecc/wecc",
    "kundur/kundur_full": "kundur/kundur",
    "ieee14/ieee14": "ieee14/ieee14",
    "ieee14/ieee14_ieeevc": "ieee14/ieee14_ieeevc",
    "npcc/npcc_full": "npcc/npcc",
    "wecc/wecc_full": "wecc/wecc",
}
_LOADS = {"p2p": 1, "q2q": 1, "p2z": 0, "q2z": 0, "p2i": 0, "q2i": 0}


def of_andes(raw: str, dyr: str) -> Any:
    """The system of a pair with its eigenvalues."""
    import andes

    system = andes.load(raw, addfile=dyr, setup=False, no_output=True, default_config=True)
    system.setup()
    for key, value in _LOADS.items():
        setattr(system.PQ.config, key, value)
    system.PFlow.config.tol = 1e-12
    system.PFlow.run()
    system.TDS.init()
    system.EIG.run()
    return system


def of_scopf(raw: str, dyr: str, system: Any) -> Verification:
    """The same pair, checked at the voltages of ANDES."""
    net = scopf.load_case(raw, dynamics=dyr).energized()
    net = net.replace(branch={"r": net.branch.r + LITTLE, "x": net.branch.x + LITTLE})
    inverters = scopf.Inverters.at_generators(net)
    own = device_table.of_network(net, inverters)
    place = {bus: i for i, bus in enumerate(system.Bus.idx.v)}
    at = [place[bus] for bus in net.bus.id.tolist()]
    point = system.Bus.v.v[at], system.Bus.a.v[at]
    devices = None if own is None else own.devices
    return verify(net, inverters, *point, devices, frequency=float(system.config.freq))


def eigenvalues(found: Verification) -> np.ndarray:
    """All eigenvalues of scopf's equations, rad/s."""
    return np.linalg.eigvals(modes.state_matrix(found.system))


def distances(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Distance of each of mine to its own one of theirs, as small as possible in sum."""
    far = np.abs(mine[:, None] - theirs[None, :])
    return far[linear_sum_assignment(far)]


def swings(values: np.ndarray) -> np.ndarray:
    """Modes between .3 and 2.5 Hz, less damped than a quarter of critical."""
    band = (values.imag > 0.6 * np.pi) & (values.imag < 5 * np.pi)
    return values[band & (np.abs(values.real) < 0.25 * np.abs(values))]


def main() -> None:
    """Print a line for each pair."""
    import andes

    logging.disable(logging.CRITICAL)
    print("pair                    states (theirs)  swings (theirs)  f apart  damping apart")
    for dyr, raw in PAIRS.items():
        paths = andes.get_case(f"{raw}.raw"), andes.get_case(f"{dyr}.dyr")
        system = of_andes(*paths)
        theirs = np.array(system.EIG.mu)
        found = of_scopf(*paths, system)
        mine = eigenvalues(found)
        own, other = swings(mine), swings(theirs)
        far = np.abs(own.imag[:, None] - other.imag[None, :])
        pairs = linear_sum_assignment(far)
        hertz = np.abs(own[pairs[0]].imag - other[pairs[1]].imag) / 2 / np.pi
        ratio = [-x.real / abs(x) for x in own[pairs[0]]] - np.array(
            [-x.real / abs(x) for x in other[pairs[1]]]
        )
        print(
            f"{dyr.partition('/')[2]:<22}  {len(mine):4} ({len(theirs):3})       {len(own):3} "
            f"({len(other):3})       {np.median(hertz):.1e}  {np.median(ratio):+.1e}   "
            f"all within {distances(mine, theirs).max():.1e}, stable: {found.stable}"
        )


if __name__ == "__main__":
    main()
