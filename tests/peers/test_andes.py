"""Modes of classical machines as ANDES finds them in a small case of its own."""

import numpy as np
import pytest

import scopf
from scopf.devices.mixed import Devices
from scopf.dynamics import modes
from scopf.dynamics.verification import verify
from tests.mixed_networks import machines

LITTLE = 1e-8  # that ANDES adds to r and x of lines


def of_andes(damping):
    """Kundur's system of two areas with constant-power loads, after its power flow."""
    andes = pytest.importorskip("andes")
    raw = andes.get_case("kundur/kundur.raw")
    system = andes.load(
        raw, addfile=andes.get_case("kundur/kundur_gencls.dyr"), setup=False, no_output=True,
        default_config=True,
    )  # fmt: skip
    system.setup()
    for key, value in {"p2p": 1, "q2q": 1, "p2z": 0, "q2z": 0, "p2i": 0, "q2i": 0}.items():
        setattr(system.PQ.config, key, value)
    system.PFlow.config.tol = 1e-12
    system.PFlow.run()
    system.GENCLS.D.v[:] = damping
    system.TDS.init()
    system.EIG.run()
    return raw, system


@pytest.mark.parametrize("damping", [0.0, [10.0, 30.0, 0.0, 90.0]])
def test_modes_of_classical_machines_are_those_of_andes(damping):
    raw, system = of_andes(damping)
    net = scopf.load_case(raw).energized()
    net = net.replace(branch={"r": net.branch.r + LITTLE, "x": net.branch.x + LITTLE})
    place = {bus: i for i, bus in enumerate(system.Bus.idx.v)}
    at = [place[bus] for bus in net.bus.id.tolist()]
    of = system.GENCLS
    gens = [int(net.gen.id[net.gen.bus == bus][0]) for bus in of.bus.v]
    numbers = {"xd": of.xd1.v, "xq": of.xd1.v, "xd1": of.xd1.v, "h": of.M.v / 2, "d": of.D.v}
    own = machines(gens, of.bus.v, "classical", td0=0.0, **numbers)
    none = scopf.Inverters.at_generators(net, buses=[])
    point = system.Bus.v.v[at], system.Bus.a.v[at]
    found = verify(net, none, *point, Devices(own, Devices.none().followers))
    values = np.linalg.eigvals(modes.state_matrix(found.system))
    theirs = list(system.EIG.mu)
    for value in values:  # without damping the common angle and speed are a double zero there
        near = int(np.argmin([abs(value - other) for other in theirs]))
        assert abs(value - theirs.pop(near)) < 1e-6
    assert len(theirs) == 1
    assert abs(theirs[0]) < 1e-6
    assert found.stable is (True if np.any(damping) else None)
