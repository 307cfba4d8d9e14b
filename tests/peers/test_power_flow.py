"""Power flows of other packages on files of `sol.net`: they stay at the dispatch."""

import numpy as np
import pytest

import scopf
from tests.operating_points import NETWORKS, solution

SAME = 1e-6  # p.u. and rad
# ANDES adds 1e-8 p.u. to resistances and reactances, which moves the voltages (measured).
SAME_TO_ANDES = 3e-6
# pypowsybl takes the losses of a DC line at no power for none.
OF_POWSYBL = [name for name in NETWORKS if name != "free dc lines"]
# ANDES reads no DC lines of a .raw file, pandapower none of a .m file. The converter of pandapower
# takes the charging of transformers for inductive, and it leaves lines at an isolated bus charged.
# A .m file has no constant-current loads.
OF_ANDES = [name for name in NETWORKS if "dc lines" not in name]
OTHERWISE = ("case300", "shifting", "isolated bus", "constant current")
OF_PANDAPOWER = [name for name in OF_ANDES if name not in OTHERWISE]


def assert_at_the_dispatch(sol, bus, vm, va_deg, same=SAME):
    """Voltages by bus are those of the solution, angles relative to its first bus."""
    found = sol.buses.set_index("bus")
    theirs = dict(zip(bus, zip(vm, va_deg, strict=True), strict=True))
    assert set(found.index) <= theirs.keys()
    vm, va_deg = np.array([theirs[number] for number in found.index]).T
    off = np.radians(va_deg - found["va_deg"].to_numpy())
    assert abs(vm - found["vm"].to_numpy()).max() < same
    assert abs(off - off[0]).max() < same


@pytest.mark.parametrize("revision", [33, 35])
@pytest.mark.parametrize("name", OF_POWSYBL)
def test_pypowsybl_on_the_raw_file(tmp_path, name, revision):
    pypowsybl = pytest.importorskip("pypowsybl")
    lf, sol, path = pypowsybl.loadflow, solution(name), tmp_path / "grid.raw"
    scopf.save_case(sol.net, path, revision=revision)
    grid = pypowsybl.network.load(str(path))
    parameters = lf.Parameters(
        distributed_slack=False, use_reactive_limits=False,
        voltage_init_mode=lf.VoltageInitMode.DC_VALUES,
        component_mode=lf.ComponentMode.ALL_CONNECTED,
        provider_parameters={"newtonRaphsonConvEpsPerEq": "1e-9", "useLoadModel": "true"},
    )  # fmt: skip
    result = lf.run_ac(grid, parameters)[0]
    assert result.status == lf.ComponentStatus.CONVERGED
    buses, places = grid.get_buses(), grid.get_bus_breaker_view_buses()
    places = places[places["bus_id"] != ""]
    at = buses.loc[places["bus_id"]]
    kilovolts = grid.get_voltage_levels().loc[at["voltage_level_id"], "nominal_v"].to_numpy()
    numbers = [int(own.removeprefix("B")) for own in places.index]
    assert_at_the_dispatch(sol, numbers, at["v_mag"].to_numpy() / kilovolts, at["v_angle"])


@pytest.mark.parametrize("name", OF_ANDES)
def test_andes_on_the_raw_file(tmp_path, name):
    andes = pytest.importorskip("andes")
    sol, path = solution(name), tmp_path / "grid.raw"
    scopf.save_case(sol.net, path)
    andes.config_logger(40)
    system = andes.load(
        str(path), setup=True, no_output=True, default_config=True,
        config_option=["PFlow.tol=1e-10"],
    )  # fmt: skip
    assert system.PFlow.run()
    voltages = system.Bus.v.v, np.degrees(system.Bus.a.v)
    assert_at_the_dispatch(sol, system.Bus.idx.v, *voltages, same=SAME_TO_ANDES)


@pytest.mark.parametrize("name", OF_PANDAPOWER)
def test_pandapower_on_the_case_file(tmp_path, name):
    pandapower = pytest.importorskip("pandapower")
    pytest.importorskip("matpowercaseframes")  # with which pandapower reads the file
    from_mpc = pytest.importorskip("pandapower.converter.matpower.from_mpc").from_mpc
    sol, path = solution(name), tmp_path / "grid.m"
    scopf.save_case(sol.net, path)
    grid = from_mpc(str(path))
    pandapower.runpp(grid, calculate_voltage_angles=True, tolerance_mva=1e-9)
    found = grid.res_bus
    assert_at_the_dispatch(sol, found.index + 1, found["vm_pu"], found["va_degree"])
