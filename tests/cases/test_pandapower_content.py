"""Content of pandapower nets as users have them: FACTS, old columns, dead ends, blanks as texts."""

import logging

import numpy as np
import pandapower
import pandapower.networks as networks
import pytest

import scopf
from scopf.cases.pandapower.facts import susceptance
from scopf.results import to_pandapower
from tests.cases.pandapower_nets import base_net, mismatch

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(logging.getLogger("pandapower"), "level", logging.CRITICAL)


def solved(net):
    sol = scopf.solve(scopf.build(scopf.load_case(net), criterion="none"))
    assert sol.solved
    return sol


def with_tcsc(net, **more):
    pandapower.create_bus(net, 110.0, index=20)
    net.line.loc[0, "to_bus"] = 20
    pandapower.create_tcsc(net, 20, 7, 1, -10, 5.0, 140, **more)


DEVICES = {
    "svc": (lambda net: pandapower.create_svc(net, 8, 5, -100, 1.0, 130),
            "svc 0 keeps its set point of voltage"),
    "svc, fixed": (lambda net: pandapower.create_svc(net, 8, 50, -200, 1, 130, controllable=False),
                   "svc 0 is a shunt at its firing angle"),
    "ssc": (lambda net: pandapower.create_ssc(net, 8, 1.0, 8.0, 1.0),
            "ssc 0 keeps its set point of voltage"),
    "tcsc": (with_tcsc, "tcsc 0 is a reactance at its firing angle; its set point of power"),
    "tcsc, fixed": (lambda net: with_tcsc(net, controllable=False), "tcsc 0 is a reactance"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEVICES)
def test_facts_devices_are_what_pandapower_takes_them_for(name, caplog):
    """`to_pandapower` compares every voltage with a power flow of pandapower's own model."""
    change, said = DEVICES[name]
    net = base_net()
    change(net)
    sol = solved(net)
    assert said in caplog.text
    assert sol.net.approximations[0].startswith(said)
    sol.to_pandapower(net)
    table = name.partition(",")[0]
    if table == "tcsc":
        branch = sol.branches.set_index(scopf.load_case(net).branch.name).loc["tcsc 0"]
        assert branch["pf_mw"] == pytest.approx(net.res_tcsc.p_from_mw[0], abs=1e-4)
        assert abs(branch["pf_mw"]) > 1
        assert np.isnan(branch["loading_percent"])
        assert bool(net.tcsc.controllable[0]) == (name == "tcsc")
    elif name != "svc, fixed":
        assert net.res_bus.vm_pu[8] == pytest.approx(1.0, abs=1e-7)
        q = sol.gens.set_index(scopf.load_case(net).gen.name).loc[f"{table} 0", "q_mvar"]
        assert abs(q) > 1


def test_a_compensator_that_is_not_controllable_keeps_its_own_voltage():
    """In a net whose bus numbers have no gaps, where pandapower's power flow has it as well."""
    net = pandapower.create_empty_network(sn_mva=100.0)
    for _ in range(3):
        pandapower.create_bus(net, 110.0)
    pandapower.create_ext_grid(net, 0, 1.02)
    for ends in ((0, 1), (1, 2), (2, 0)):
        pandapower.create_line_from_parameters(net, *ends, 30, 0.05, 0.3, 10, 0.5)
    pandapower.create_load(net, 2, 30.0, 10.0)
    pandapower.create_ssc(net, 1, 0.1, 5.0, 1.0)
    pandapower.create_ssc(net, 2, 0.1, 5.0, 1.0, vm_internal_pu=1.04, controllable=False)
    sol = solved(net)
    assert "ssc 1 keeps its own voltage, with reactive power of any size" in sol.net.approximations
    sol.to_pandapower(net)
    assert net.res_ssc.vm_internal_pu[1] == pytest.approx(1.04, abs=1e-7)
    assert net.res_bus.vm_pu[1] == pytest.approx(1.0, abs=1e-7)
    assert net.res_bus.vm_pu[2] > 1.01


def test_the_susceptance_of_a_firing_angle():
    """At 90 degrees the reactor conducts all the time, at 180 it does not."""
    both, none = susceptance(np.array([90.0, 180.0]), 2.0, -8.0)
    assert both == pytest.approx(1 / 2 - 1 / 8)
    assert none == pytest.approx(-1 / 8)


def test_devices_out_of_service_are_kept_and_stand_still():
    net = base_net()
    for name in ("svc", "ssc", "tcsc"):
        DEVICES[name][0](net)
        net[name]["in_service"] = False
    grid = scopf.load_case(net)
    assert grid.approximations == ()
    assert {"svc 0", "ssc 0"} <= set(grid.gen.name)
    assert not {"svc 0", "ssc 0"} & set(grid.energized().gen.name)
    assert "tcsc 0" not in grid.energized().branch.name


def test_three_windings_without_a_tap_changer_have_the_text_nan():
    net = base_net()
    for bus, kv in ((20, 20.0), (10, 10.0)):
        pandapower.create_bus(net, kv, index=bus)
    windings = (110, 20, 10, 40, 25, 20, 10, 11, 12, 0.3, 0.3, 0.3, 30, 0.1)
    pandapower.create_transformer3w_from_parameters(net, 8, 20, 10, *windings)
    pandapower.create_load(net, 20, 5.0)
    assert net.trafo3w.tap_changer_type[0] == "nan"
    assert mismatch(net) < 1e-7
    solved(net).to_pandapower(net)
    net.trafo3w["tap_changer_type"] = "NaNs"
    with pytest.raises(scopf.CaseError, match="tap_changer_type must be one of"):
        scopf.load_case(net)


def test_old_shares_of_loads_are_those_of_p_and_q():
    new, old = base_net(), base_net()
    for kind, share in (("z", 30.0), ("i", 50.0)):
        old.load[f"const_{kind}_percent"] = share
        old.load = old.load.drop(columns=[f"const_{kind}_{power}_percent" for power in "pq"])
        for power in "pq":
            new.load[f"const_{kind}_{power}_percent"] = share
    assert scopf.load_case(old) == scopf.load_case(new) != scopf.load_case(base_net())
    solved(old).to_pandapower(old)
    v = old.res_bus.vm_pu[8]
    assert old.res_load.p_mw[0] == pytest.approx(30.0 * (0.2 + 0.5 * v + 0.3 * v**2), rel=1e-6)


def test_lines_to_a_bus_out_of_service_take_another_start(monkeypatch):
    net = networks.case118()
    net.bus.loc[50, "in_service"] = False
    sol = solved(net)
    with monkeypatch.context() as patch:
        patch.setattr(to_pandapower, "STARTS", ("results",))
        with pytest.raises(scopf.ScopfError, match="is elsewhere"):
            sol.to_pandapower(net)
    sol.to_pandapower(net)
    assert np.isnan(net.res_bus.vm_pu[50])
    assert net.res_bus.vm_pu[51] == pytest.approx(sol.buses.set_index("bus").vm[51], abs=1e-7)


def test_result_tables_of_absent_elements_keep_their_columns():
    net = base_net()
    before = {key: list(net[key].columns) for key in ("res_trafo", "res_trafo3w", "res_xward")}
    solved(net).to_pandapower(net)
    assert {key: list(net[key].columns) for key in before} == before
    assert len(before["res_trafo3w"]) > 8


def test_a_transformer_of_99_999_mva_is_without_a_rating():
    """Sizes of the PEGASE and RTE cases, with which they have no feasible point."""
    net = networks.case89pegase()
    grid = scopf.load_case(net)
    placeholders = int((net.trafo.sn_mva == 99.999).sum())
    assert placeholders == 32
    assert "sn_mva of 99.999 stands for no rating" in grid.approximations[0]
    kinds = np.array([name.split(" ")[0] for name in grid.branch.name])
    assert np.isinf(grid.branch.rate[kinds == "trafo"]).sum() == placeholders
    assert solved(net).cost == pytest.approx(5819, abs=2)
    net.trafo.loc[net.trafo.sn_mva == 99.999, "sn_mva"] = 99.9991
    assert np.isfinite(scopf.load_case(net).branch.rate[kinds == "trafo"]).all()
