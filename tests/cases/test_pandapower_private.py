"""Doors into pandapower's converter: each does what it is used for, or names the version."""

import numpy as np
import pytest

from tests.doors import door

pp = pytest.importorskip("pandapower")

from scopf.cases.pandapower import private  # noqa: E402
from scopf.cases.pandapower.impedances import quietly  # noqa: E402


@pytest.fixture
def net():
    """Three buses: a line, and two switches of which only the second has an impedance."""
    with quietly():
        net = pp.create_empty_network()
        buses = [pp.create_bus(net, 110.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(4)]
        pp.create_ext_grid(net, buses[0], min_p_mw=-9e3, max_p_mw=9e3)
        line = {"r_ohm_per_km": 0.1, "x_ohm_per_km": 0.4, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
        pp.create_line_from_parameters(net, buses[0], buses[1], 10.0, **line)
        pp.create_switch(net, buses[1], buses[2], et="b", z_ohm=0.0)
        pp.create_switch(net, buses[2], buses[3], et="b", z_ohm=1.0)
        pp.create_load(net, buses[3], 10.0)
    return net


def test_a_copy_shares_tables_and_not_what_conversion_writes(net):
    with door("pandapower", "_pd2ppc_lookups of a net"):
        copy = private.unshared(net)
        assert copy["bus"] is net["bus"]
        before = dict(net["_pd2ppc_lookups"])
        with quietly():
            private.convert(copy)
        assert net["_pd2ppc_lookups"] == before
        assert copy["_options"]
        assert not net.get("_options")


def test_a_net_becomes_matrices_and_lookups(net):
    from pandapower.pypower import idx_brch

    with door("pandapower", "_pd2ppc or _add_ppc_options"), quietly():
        matrices, lookups = private.convert(private.unshared(net))
        places = lookups["bus"]
        assert places[1] == places[2] != places[3]  # a closed switch joins two buses
        assert lookups["branch"] == {"line": (0, 1), "switch": (1, 2)}
        assert isinstance(lookups["aux"], dict)
        branch = matrices["branch"].real
        assert branch[0, idx_brch.BR_X] == pytest.approx(4.0 / 110.0**2 * net["sn_mva"])
        assert branch[:, idx_brch.F_BUS].tolist() == [places[0], places[2]]
        assert matrices["bus"].shape[0] > max(places)


def test_switches_with_an_impedance_are_branches(net):
    with door("pandapower", "_impedance_bb_switches of a net"), quietly():
        copy = private.unshared(net)
        private.convert(copy)
        found = private.switch_branches(copy)
        assert found.dtype == np.bool_
        assert found.tolist() == [False, True]
