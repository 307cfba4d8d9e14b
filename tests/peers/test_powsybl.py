"""pypowsybl networks: its own power flow at our dispatch finds our operating point."""

import numpy as np
import pandas as pd
import pytest

import scopf

pp = pytest.importorskip("pypowsybl")
lf = pp.loadflow


def costs_of(net):
    """A strictly convex cost of every unit, so that there is one optimum."""
    names = units_of(net)
    rank = np.arange(len(names))
    columns = {"id": names, "c2": 0.01 + 0.001 * rank, "c1": 10.0 + rank, "d2": 1e-3}
    return pd.DataFrame(columns)


def units_of(net):
    tables = (net.get_generators(), net.get_batteries(), net.get_static_var_compensators())
    return [name for table in tables for name in table.index[table["connected"]]]


def solved(net, *, limited=True):
    """The network and its optimum, on demand without limits of voltages and branches."""
    grid = scopf.load_case(net, costs=costs_of(net))
    if not limited:
        wide = {"vmin": np.full(len(grid.bus), 0.85), "vmax": np.full(len(grid.bus), 1.15)}
        grid = grid.replace(bus=wide, branch={"rate": np.full(len(grid.branch), np.inf)})
    sol = scopf.solve(scopf.build(grid, criterion="none"))
    assert sol.status == "optimal"
    return grid, sol


def dispatched(net, grid, sol):
    """The network with our dispatch as its set points, every unit holding its own bus."""
    vm = pd.Series(sol.buses["vm"].to_numpy(), index=sol.buses["bus"].to_numpy())
    names = grid.gen.name[np.isin(grid.gen.id, sol.gens["gen"])]
    at = pd.DataFrame(
        {"p": sol.gens["p_mw"].to_numpy(), "vm": vm.loc[sol.gens["bus"]].to_numpy()}, index=names
    )
    nominal = net.get_voltage_levels()["nominal_v"]
    for kind in ("generators", "static_var_compensators", "vsc_converter_stations"):
        table = getattr(net, f"get_{kind}")()
        table = table[table["connected"]]
        buses = pd.Series(grid.bus.id, index=grid.bus.name).loc[table["bus_id"]]
        setting = {
            "target_v": vm.loc[buses].to_numpy()
            * nominal.loc[table["voltage_level_id"]].to_numpy(),
            "regulated_element_id": table.index,
        }
        if kind == "static_var_compensators":
            setting |= {"regulation_mode": "VOLTAGE"}
        else:
            setting |= {"voltage_regulator_on": True}
        if kind == "generators":
            setting["target_p"] = at["p"].loc[table.index].to_numpy()
        if len(table):
            getattr(net, f"update_{kind}")(pd.DataFrame(setting, index=table.index))
    return net


def power_flow(net):
    """The power flow of pypowsybl that regulates nothing and shares out no mismatch."""
    own = {"newtonRaphsonConvEpsPerEq": "1e-9", "useLoadModel": "true"}
    parameters = lf.Parameters(
        distributed_slack=False,
        use_reactive_limits=False,
        transformer_voltage_control_on=False,
        phase_shifter_regulation_on=False,
        shunt_compensator_voltage_control_on=False,
        component_mode=lf.ComponentMode.ALL_CONNECTED,
        hvdc_ac_emulation=False,
        provider_parameters=own,
    )
    results = lf.run_ac(net, parameters)
    for result in results:
        assert result.status == lf.ComponentStatus.CONVERGED
        for slack in result.slack_bus_results:
            assert slack.active_power_mismatch == pytest.approx(0.0, abs=2e-4)  # MW
    return net


def compare(net, grid, sol):
    bus = net.get_buses()
    mine = sol.buses.set_index("bus")
    number = pd.Series(grid.bus.id, index=grid.bus.name).loc[bus.index]
    there = number.isin(mine.index)
    assert there.any()
    bus, mine = bus[there.to_numpy()], mine.loc[number[there]]
    nominal = net.get_voltage_levels()["nominal_v"].loc[bus["voltage_level_id"]].to_numpy()
    assert bus["v_mag"].to_numpy() / nominal == pytest.approx(mine["vm"].to_numpy(), abs=1e-6)
    apart = np.radians(bus["v_angle"].to_numpy() - mine["va_deg"].to_numpy())
    for part in bus["synchronous_component"].unique():
        rows = (bus["synchronous_component"] == part).to_numpy()
        assert np.ptp(apart[rows]) < 1e-6


def flows(net):
    """Powers at both ends of branches with no shunts but equal susceptances, MW and MVAr."""
    lines, units = net.get_lines(), net.get_2_windings_transformers()
    plain = (lines["b1"] == lines["b2"]) & (lines["g1"] == 0) & (lines["g2"] == 0)
    plain &= lines["connected1"] & lines["connected2"]
    found = pd.concat([lines[plain], units[(units["g"] == 0) & (units["b"] == 0)]])
    return found[["p1", "q1", "p2", "q2"]]


def flows_of(grid, sol):
    name = dict(zip(grid.branch.id.tolist(), grid.branch.name.tolist(), strict=True))
    table = sol.branches.set_index(sol.branches["branch"].map(name))
    return table[["pf_mw", "qf_mvar", "pt_mw", "qt_mvar"]]


NAMES = [
    "ieee9", "ieee14", "ieee30", "ieee57", "ieee118", "ieee300",
    "micro_grid_be_network", "micro_grid_nl_network", "four_substations_node_breaker_network",
    "eurostag_tutorial_example1_network", "eurostag_tutorial_example1_with_tie_lines_and_areas",
    "metrix_tutorial_six_buses_network",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_its_power_flow_at_our_dispatch_is_our_operating_point(name):
    net = getattr(pp.network, f"create_{name}")()
    grid, sol = solved(net)
    compare(power_flow(dispatched(net, grid, sol)), grid, sol)
    theirs, ours = flows(net), flows_of(grid, sol)
    ours = ours.loc[theirs.index.intersection(ours.index)]
    assert ours.to_numpy() / grid.base_mva == pytest.approx(
        theirs.loc[ours.index].to_numpy() / grid.base_mva, abs=1e-6
    )
    assert len(ours) or name == "micro_grid_nl_network"  # all of whose lines have conductances
