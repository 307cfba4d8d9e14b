"""What the elements of pypowsybl networks become, and what of them is named or refused."""

import re

import numpy as np
import pandas as pd
import pytest

import scopf
from tests.peers import test_powsybl as points

pp = pytest.importorskip("pypowsybl")


def finds_our_point(net):
    grid, sol = points.solved(net, limited=False)
    points.compare(points.power_flow(points.dispatched(net, grid, sol)), grid, sol)
    return grid, sol


def eurostag():
    return pp.network.create_eurostag_tutorial_example1_network()


def said(grid, text):
    return any(text in one for one in grid.approximations)


# -- branches -----------------------------------------------


@pytest.mark.parametrize("end", ["connected1", "connected2"])
def test_a_line_with_an_open_end_is_a_shunt_at_the_other(end):
    net = eurostag()
    net.update_lines(id="NHV1_NHV2_1", **{end: False})
    grid, _ = finds_our_point(net)
    assert "NHV1_NHV2_1" not in grid.branch.name
    assert (grid.bus.bs > 0).sum() == 1


@pytest.mark.parametrize("leg", [1, 2, 3])
def test_a_three_winding_transformer_may_have_an_open_leg(leg):
    net = pp.network.create_micro_grid_be_network()
    (unit,) = net.get_3_windings_transformers().index
    net.update_generators(pd.DataFrame({"min_p": -500.0}, index=net.get_generators().index))
    net.update_3_windings_transformers(id=unit, **{f"connected{leg}": False})
    grid, _ = finds_our_point(net)
    assert f"{unit} {leg}" not in grid.branch.name
    assert f"star point of {unit}" in grid.bus.name


@pytest.mark.parametrize("regulates", [False, True])
def test_boundary_lines_have_loads_and_generation_at_their_ends(regulates):
    net = eurostag()
    line = {"id": "BL", "voltage_level_id": "VLLOAD", "bus_id": "NLOAD", "p0": 20.0, "q0": 5.0,
            "r": 1.0, "x": 10.0, "g": 1e-5, "b": 1e-4}  # fmt: skip
    own = {"id": "BL", "min_p": 10.0, "max_p": 10.0, "target_p": 10.0, "target_q": 3.0,
           "target_v": 150.0, "voltage_regulator_on": regulates}  # fmt: skip
    net.create_boundary_lines(*(pd.DataFrame([row]).set_index("id") for row in (line, own)))
    grid = scopf.load_case(net)
    (bus,) = grid.gen.bus[grid.gen.name == "BL generation"]
    place = grid.bus_positions([bus])[0]
    assert grid.bus.name[place] == "end of BL"
    assert grid.bus.pd[place] * grid.base_mva == pytest.approx(20.0)
    assert said(grid, "generation of boundary lines that holds a voltage") == regulates
    if not regulates:
        finds_our_point(net)


def test_a_line_may_join_two_nominal_voltages():
    net = eurostag()
    net.update_voltage_levels(id="VLHV2", nominal_v=400.0)
    finds_our_point(net)


def test_permanent_limits_are_ratings_at_nominal_voltage():
    grid = scopf.load_case(eurostag())
    rate = dict(zip(grid.branch.name, grid.branch.rate * grid.base_mva, strict=True))
    assert rate["NHV1_NHV2_1"] == pytest.approx(np.sqrt(3) * 380.0 * 0.5)  # of 500 and 1100 A
    assert np.isinf(rate["NGEN_NHV1"])
    assert said(grid, "permanent limits of current")


def test_a_line_without_impedance_gets_a_small_reactance():
    net = eurostag()
    net.update_lines(id="NHV1_NHV2_1", r=0.0, x=0.0)
    grid = scopf.load_case(net)
    row = list(grid.branch.name).index("NHV1_NHV2_1")
    assert grid.branch.x[row] == 1e-4
    assert said(grid, "NHV1_NHV2_1")


# -- buses -----------------------------------------------


def test_voltage_limits_are_those_of_the_level_or_named():
    grid = scopf.load_case(eurostag())
    limits = dict(zip(grid.bus.name, zip(grid.bus.vmin, grid.bus.vmax, strict=True), strict=True))
    assert limits["VLHV2_0"] == pytest.approx((300 / 380, 500 / 380))
    assert limits["VLGEN_0"] == (0.9, 1.1)
    assert said(grid, "where a voltage level has none (2): VLGEN, VLLOAD")


def test_faults_go_by_ids():
    table = pd.DataFrame({"id": ["GEN2"], "pmin": [900], "pmax": [800]})
    with pytest.raises(scopf.CaseError, match=r"GEN2; gen 2 at bus 1.*Pmin 900 MW > Pmax 800 MW"):
        scopf.load_case(eurostag(), costs=table)


def test_the_slack_terminal_is_the_reference():
    grid = scopf.load_case(pp.network.create_ieee14())
    assert grid.bus.name[grid.bus.type == 3].tolist() == ["VL1_0"]


def with_load_model(model):
    text = eurostag().save_to_string("XIIDM")
    text, count = re.subn(r"(<iidm:load [^>]*)/>", rf"\1><iidm:{model}/></iidm:load>", text)
    assert count == 1
    return pp.network.load_from_string("grid.xiidm", text)


def test_loads_may_follow_the_voltage():
    net = with_load_model('zipModel c0p="0.2" c1p="0.3" c2p="0.5" c0q="0.1" c1q="0.4" c2q="0.5"')
    grid, _ = finds_our_point(net)
    assert grid.bus.has_current
    assert said(grid, "these loads follow the voltage")


def test_whole_powers_of_the_voltage_are_shares():
    """Its power flow is no help: it draws more than it says of a load with such a model."""
    one = with_load_model('exponentialModel np="1.0" nq="2.0"')
    other = with_load_model('zipModel c0p="0" c1p="1" c2p="0" c0q="0" c1q="0" c2q="1"')
    assert scopf.load_case(one) == scopf.load_case(other)


def test_other_powers_of_the_voltage_are_named():
    grid = scopf.load_case(with_load_model('exponentialModel np="1.3" nq="2.0"'))
    assert grid.bus.pd.sum() == pytest.approx(6.0)
    assert said(grid, "another power of the voltage than 0, 1 and 2 are constant power: LOAD (P)")


# -- units -----------------------------------------------


def test_a_battery_is_a_unit_within_its_limits():
    net = eurostag()
    net.create_batteries(
        id="B", voltage_level_id="VLLOAD", bus_id="NLOAD", min_p=-50, max_p=70, target_p=0,
        target_q=0,
    )  # fmt: skip
    net.create_minmax_reactive_limits(id="B", min_q=-20, max_q=30)
    grid = scopf.load_case(net)
    row = list(grid.gen.name).index("B")
    gen, base = grid.gen, grid.base_mva
    found = [value[row] * base for value in (gen.pmin, gen.pmax, gen.qmin, gen.qmax)]
    assert found == pytest.approx([-50, 70, -20, 30])
    assert said(grid, "batteries")


def test_a_battery_that_regulates_a_voltage_gets_that_of_the_solution():
    net = pp.network.create_ieee14()
    net.create_batteries(
        id="B", voltage_level_id="VL4", bus_id="B4", min_p=-50, max_p=70, target_p=0, target_q=0
    )
    net.create_extensions(
        "voltageRegulation", id="B", voltage_regulator_on=True, target_v=140.0,
        regulated_element_id="B5-L",
    )  # fmt: skip
    grid, sol = points.solved(net)
    sol.to_pypowsybl(net)
    at = sol.buses["vm"].to_numpy()[list(grid.bus.name).index("VL5_0")]
    target = net.get_extensions("voltageRegulation").loc["B", "target_v"]
    assert target == pytest.approx(at * net.get_voltage_levels().loc["VL5", "nominal_v"])
    points.compare(points.power_flow(net), grid, sol)


def test_capability_curves_of_two_points_are_kept():
    net = pp.network.create_four_substations_node_breaker_network()
    grid = scopf.load_case(net)
    points = net.get_reactive_capability_curve_points()
    gen, base = grid.gen, grid.base_mva
    for name in ("GH1", "GH2", "GTH1"):
        row, given = list(gen.name).index(name), points.loc[name]
        for end, high in (("min", False), ("max", True)):
            ends = [gen.pc1[row] * base, gen.pc2[row] * base]
            line = [getattr(gen, f"qc{k}{end}")[row] * base for k in (1, 2)]
            q = np.interp(given["p"], ends, line)
            bound = getattr(gen, f"q{end}")[row] * base
            q = np.minimum(q, bound) if high else np.maximum(q, bound)
            assert q == pytest.approx(given[f"{end}_q"].to_numpy())


def test_a_compensator_is_a_unit_of_reactive_power_if_it_regulates():
    net = pp.network.create_four_substations_node_breaker_network()
    grid = scopf.load_case(net)
    row = list(grid.gen.name).index("SVC")
    assert grid.gen.pmin[row] == grid.gen.pmax[row] == 0
    assert grid.gen.qmax[row] * grid.base_mva == pytest.approx(0.05 * 400**2)
    assert said(grid, "static VAR compensators are units")
    net.update_static_var_compensators(id="SVC", regulating=False)
    grid = scopf.load_case(net)
    assert "SVC" not in grid.gen.name
    assert said(grid, "static VAR compensators that do not regulate")


TARGETS = {  # elements that hold reactive power, how, and how much
    "static_var_compensators": (["SVC"], {"regulation_mode": "REACTIVE_POWER"}, [30.0]),
    "vsc_converter_stations": (["VSC1", "VSC2"], {"voltage_regulator_on": False}, [30.0, -20.0]),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_reactive_power_have_the_sign_that_the_power_flow_takes(kind):
    net = pp.network.create_four_substations_node_breaker_network()
    names, mode, targets = TARGETS[kind]
    update, get = (getattr(net, f"{verb}_{kind}") for verb in ("update", "get"))
    for setting in ({"target_q": targets}, mode):
        update(pd.DataFrame(setting, index=pd.Index(names, name="id")))
    grid = scopf.load_case(net, costs=points.costs_of(net))
    points.lf.run_ac(net)
    gen, line = grid.gen, grid.dcline
    given = gen.qg[gen.name == "SVC"] if len(names) == 1 else np.array([line.qf[0], line.qt[0]])
    assert given * grid.base_mva == pytest.approx(-get().loc[names, "q"].to_numpy())
    sol = scopf.solve(scopf.build(grid, criterion="none"))
    sol.to_pypowsybl(net)
    points.compare(points.power_flow(net), grid, sol)


def test_a_unit_may_have_a_name_like_that_of_generation_at_a_boundary_line():
    net = eurostag()
    net.create_generators(
        id="hydro generation", voltage_level_id="VLLOAD", bus_id="NLOAD", min_p=0, max_p=50,
        target_p=7, target_q=0, voltage_regulator_on=False, target_v=150,
    )  # fmt: skip
    _, sol = points.solved(net, limited=False)
    sol.to_pypowsybl(net)
    target = net.get_generators().loc["hydro generation", "target_p"]
    assert target == sol.gens["p_mw"].iloc[-1] != 7


# -- costs -----------------------------------------------


def test_without_costs_units_are_free_and_that_is_said():
    grid = scopf.load_case(eurostag())
    assert not grid.gen.cost_p.any()
    assert said(grid, "units without costs count as free (2 of 2)")


def test_costs_are_by_id():
    table = pd.DataFrame({"id": ["GEN2"], "c2": [0.1], "c1": [20], "pmax": [700]})
    grid = scopf.load_case(eurostag(), costs=table)
    row = list(grid.gen.name).index("GEN2")
    assert grid.gen.cost_p[row] == pytest.approx([0, 2000, 1000])
    assert grid.gen.pmax[row] * grid.base_mva == pytest.approx(700)
    assert said(grid, "units without costs count as free (1 of 2): GEN")


def test_faults_of_costs_come_all_at_once():
    table = pd.DataFrame({"id": ["GEN", "GEN", "GEN3"], "c1": [1.0, 2.0, 3.0]})
    with pytest.raises(scopf.CaseError) as error:
        scopf.load_case(eurostag(), costs=table)
    first, second = error.value.faults
    assert "already" in str(first)
    assert "did you mean GEN?" in str(second) or "did you mean GEN2?" in str(second)


# -- DC lines -----------------------------------------------


def test_hvdc_lines_are_fixed_or_variable():
    net = pp.network.create_four_substations_node_breaker_network()
    line = scopf.load_case(net).dcline
    assert line.name.tolist() == ["HVDC1", "HVDC2"]
    assert line.pmin == pytest.approx(line.pmax)
    free = scopf.load_case(net, dispatch_dc=True)
    assert (free.dcline.pmin == 0).all()
    assert free.dcline.pmax * free.base_mva == pytest.approx([300, 300])
    assert line.tan_phi_f[1] == pytest.approx(np.tan(np.arccos(0.6)))
    direct = 0.989 * 80.0
    arrives = 0.989 * (direct - (direct / 400.0) ** 2)
    assert line.received(line.pf)[1] * free.base_mva == pytest.approx(arrives)


def test_hvdc_lines_that_follow_angles_are_named():
    net = pp.network.create_four_substations_node_breaker_network()
    net.create_extensions(
        "hvdcAngleDroopActivePowerControl", id="HVDC1", p0=10.0, droop=5.0, enabled=True
    )
    assert said(
        scopf.load_case(net), "follow the angle of their ends keep their target of P: HVDC1"
    )


def test_detailed_networks_of_direct_current_are_refused_by_name():
    net = pp.network.create_ac_dc_monopolar_network()
    with pytest.raises(scopf.CaseError, match="conv23") as error:
        scopf.load_case(net)
    assert {fault.label for fault in error.value.faults} >= {"conv23", "conv45", "dl34p"}
    grid = scopf.load_case(net, ignore_unsupported=True)
    assert said(grid, "ignored: voltage_source_converters row 1 (conv23)")


@pytest.mark.parametrize("make", ["empty", "dc_detailed_dc_switch_2_nodes"])
def test_a_network_without_buses_is_refused_in_a_sentence(make):
    with pytest.raises(scopf.CaseError, match="buses: has no rows"):
        scopf.load_case(getattr(pp.network, f"create_{make}")())


def test_the_network_is_left_as_it_was():
    net = pp.network.create_ieee14()
    net.per_unit = True
    before = net.get_generators()
    scopf.load_case(net)
    assert net.per_unit
    pd.testing.assert_frame_equal(before, net.get_generators())
