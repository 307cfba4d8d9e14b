"""PyPSA networks: its own power flow at our dispatch finds our operating point."""

import numpy as np
import pandas as pd
import pytest

import scopf
from tests.peers import pypsa_networks

pytest.importorskip("pypsa")


def dispatched(n, grid, sol, snapshot):
    """The network with our dispatch as its set points; every unit holds its voltage."""
    name = dict(zip(grid.gen.id.tolist(), grid.gen.name.tolist(), strict=True))
    at = dict(zip(grid.bus.id.tolist(), grid.bus.name.tolist(), strict=True))
    vm = {at[bus]: value for bus, value in zip(sol.buses["bus"], sol.buses["vm"], strict=True)}
    n.buses["v_mag_pu_set"] = n.buses.index.map(vm).fillna(1.0)
    for row in sol.gens.itertuples():
        kind = "generators" if name[row.gen] in n.generators.index else "storage_units"
        table, series = getattr(n, kind), getattr(n, f"{kind}_t")["p_set"]
        sign = table.at[name[row.gen], "sign"]
        series.loc[snapshot, name[row.gen]] = sign * row.p_mw
        if kind == "storage_units":  # whose control its power flow does not heed
            n.storage_units_t["q_set"].loc[snapshot, name[row.gen]] = row.q_mvar
        elif table.at[name[row.gen], "control"] != "Slack":
            table.loc[name[row.gen], "control"] = "PV"
    line = dict(zip(grid.dcline.id.tolist(), grid.dcline.name.tolist(), strict=True))
    for row in sol.dclines.itertuples() if len(grid.dcline) else ():
        n.links_t["p_set"].loc[snapshot, line[row.dcline]] = row.pf_mw
    return n


def check(n, snapshot, angles=None):
    """Compare with its power flow, which starts from angles in degrees by bus, or from zero."""
    grid = scopf.load_case(n, snapshot=snapshot)
    sol = scopf.solve(scopf.build(grid, criterion="none"))
    assert sol.status == "optimal"
    dispatched(n, grid, sol, snapshot)
    for bus, angle in (angles or {}).items():
        n.buses_t["v_ang"].loc[snapshot, bus] = np.radians(angle)
    n.buses_t["v_mag_pu"].loc[snapshot] = 1.0
    info = n.pf(snapshot, x_tol=1e-10, use_seed=angles is not None)
    assert info["converged"].to_numpy().all()
    at = dict(zip(grid.bus.id.tolist(), grid.bus.name.tolist(), strict=True))
    names = sol.buses["bus"].map(at)
    theirs = n.buses_t["v_mag_pu"].loc[snapshot, names].to_numpy(dtype=float)
    assert theirs == pytest.approx(sol.buses["vm"].to_numpy(), abs=1e-6)
    apart = n.buses_t["v_ang"].loc[snapshot, names].to_numpy(dtype=float)
    apart = pd.Series(apart - np.radians(sol.buses["va_deg"].to_numpy()), index=names)
    for part in n.sub_networks.index:
        assert np.ptp(apart[n.buses.index[n.buses["sub_network"] == part]]) < 1e-6
    for row in sol.gens.itertuples():  # the slack gives as much as it was told to
        name = grid.gen.name[row.gen - 1]
        kind = "generators" if name in n.generators.index else "storage_units"
        p = getattr(n, f"{kind}_t")["p"].at[snapshot, name] * getattr(n, kind).at[name, "sign"]
        assert p / grid.base_mva == pytest.approx(row.p_mw / grid.base_mva, abs=1e-6)
    return grid, sol


@pytest.mark.parametrize("snapshot", ["noon", "night"])
def test_its_power_flow_finds_our_operating_point(snapshot):
    grid, sol = check(pypsa_networks.meshed(), snapshot)
    assert len(grid.dcline) == 1
    wind = sol.gens["p_mw"].to_numpy()[grid.gen.name == "wind"]
    assert wind <= 200.0 * {"noon": 0.3, "night": 0.7}[snapshot] + 1e-6


def test_its_power_flow_finds_the_point_of_islands_that_links_join():
    check(pypsa_networks.two_islands(), "now")


def test_its_power_flow_finds_the_point_behind_a_transformer_of_150_degrees():
    check(pypsa_networks.radial(), "now", {f"lv{k}": -150.0 for k in range(1, 5)})


@pytest.mark.parametrize("name", ["case9", "case39", "case118"])
def test_its_power_flow_finds_the_point_of_cases_that_it_imported(name):
    check(pypsa_networks.imported(name), "now")
