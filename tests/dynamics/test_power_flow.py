"""The power flow after outages where islands lack an inverter, or have several references."""

import numpy as np

import scopf
from scopf.procedures.screening import screen
from tests.grids import side_by_side


def screened(net, inverters, outages):
    """The plain optimum of the intact network, and its screening."""
    problem = scopf.build(net, inverters, criterion="none", outages=outages, frequency_band=0.05)
    solution = scopf.solve(scopf.build(net, inverters, criterion="none"))
    assert solution.solved
    return solution, screen(problem, solution)


def test_an_island_without_an_inverter_is_screened():
    net = scopf.load_case("case9")
    both = side_by_side(net, net)
    inverters = scopf.Inverters.at_generators(both, buses=[1, 2, 3])
    solution, (row,) = screened(both, inverters, [6])
    assert np.isfinite(row.violation)
    (flow,) = scopf.power_flow(solution, outages=[6])
    assert flow.converged
    np.testing.assert_allclose(flow.vm[9:], solution.point.vm[9:], atol=1e-6)


def test_an_island_without_an_inverter_does_not_settle_when_it_loses_power():
    net = scopf.load_case("case9")
    both = side_by_side(net, net)
    inverters = scopf.Inverters.at_generators(both, buses=[1, 2, 3])
    _, (row,) = screened(both, inverters, ["gen 5"])
    assert row.reason == "the power flow does not converge"


def test_only_one_angle_of_an_island_stays_after_an_outage():
    """A second reference bus is one for the dispatch; then its angle follows the powers."""
    net = scopf.load_case("case9")
    kind, va = net.bus.type.copy(), net.bus.va.copy()
    kind[1], va[1] = 3, 0.1
    net = net.replace(bus={"type": kind, "va": va})
    inverters = scopf.Inverters.at_generators(net)
    found, (row,) = screened(net, inverters, [6])
    assert np.isfinite(row.violation)
    assert found.point.va[1] == 0.1
    (flow,) = scopf.power_flow(found, outages=[6])
    assert abs(flow.va[1] - 0.1) > 1e-3
    secure = scopf.build(net, inverters, criterion="none", outages=[6], frequency_band=0.05)
    secure.include(secure.scenario.outages)
    found = scopf.solve(secure)
    (flow,) = scopf.power_flow(found, outages=[6])
    assert found.status == "optimal"
    np.testing.assert_allclose(flow.vm, found.state("branch 6").buses.vm, atol=1e-6)
