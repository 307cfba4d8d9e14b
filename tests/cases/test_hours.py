"""Profiles of a pandapower net as a table of hours."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.network.hours import Hours

pp = pytest.importorskip("pandapower")
from pandapower import networks  # noqa: E402
from pandapower.control import ConstControl  # noqa: E402
from pandapower.timeseries import DFData  # noqa: E402


@pytest.fixture
def net():
    """Profiles of active and of reactive power of two loads of case9."""
    net = networks.case9()
    data = DFData(pd.DataFrame({"p": [90.0, 40.0, -5.0], "q": [35.0, 0.0, 8.0]}))
    ConstControl(net, "load", "p_mw", [0], profile_name=["p"], data_source=data)
    ConstControl(net, "load", "q_mvar", [1], profile_name=["q"], data_source=data)
    return net


def test_hours_are_the_networks_at_each_time(net):
    case = scopf.load_case(net)
    hours = Hours.read(scopf.hours_table(net, case, duration_h=0.25), case)
    assert hours.names == ("0", "1", "2")
    assert hours.duration.tolist() == [0.25] * 3
    for k, one in enumerate(hours.nets):
        net.load.loc[0, "p_mw"], net.load.loc[1, "q_mvar"] = [(90, 35), (40, 0), (-5, 8)][k]
        other = scopf.load_case(net)
        for key in ("pd", "qd"):
            assert getattr(one.bus, key) == pytest.approx(getattr(other.bus, key), abs=1e-14)
        assert one.gen == other.gen


def test_a_profile_of_a_generator_is_refused(net):
    data = DFData(pd.DataFrame({"p": np.ones(3)}))
    ConstControl(net, "gen", "p_mw", [0], profile_name=["p"], data_source=data)
    with pytest.raises(
        scopf.CaseError, match=r"gen\.p_mw is none of p_mw, q_mvar, scaling of loads"
    ):
        scopf.hours_table(net, scopf.load_case(net))


@pytest.mark.parametrize("source", ["day.csv", pd.DataFrame({"load_scale": [1]}), None])
def test_what_is_neither_of_both(source):
    with pytest.raises(scopf.ScopfError, match="takes a pandapower net or a PyPSA network, not"):
        scopf.hours_table(source, scopf.load_case("case9"))
