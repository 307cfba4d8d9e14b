"""The network at the operating point: what was solved is there, and what was not is as it was."""

import numpy as np
import pytest

import scopf
from scopf.network.powers import mismatch
from scopf.network.tables import REFERENCE
from tests.operating_points import dc_lines, much_out_of_service, several_units, solved


@pytest.fixture(scope="module")
def sol():
    return solved(much_out_of_service(), load_scale=0.9, alpha=1.2)


def test_voltages_powers_and_set_points_are_those_of_the_tables(sol):
    net, base = sol.net, sol.net.base_mva
    buses, gens = sol.buses.set_index("bus"), sol.gens.set_index("gen")
    at, row = net.bus_positions(buses.index), np.searchsorted(net.gen.id, gens.index)
    assert net.bus.vm[at] == pytest.approx(buses["vm"], abs=0)
    assert np.degrees(net.bus.va[at]) == pytest.approx(buses["va_deg"], rel=1e-14)
    assert net.bus.pd[at] * base == pytest.approx(buses["p_load_mw"], rel=1e-14)
    assert net.gen.pg[row] * base == pytest.approx(gens["p_mw"], rel=1e-14)
    assert net.gen.qg[row] * base == pytest.approx(gens["q_mvar"], rel=1e-14)
    assert net.gen.vg[row] == pytest.approx(buses["vm"].loc[gens["bus"]], abs=0)


def test_the_powers_balance_in_it(sol):
    live = sol.net.energized()
    power = live.gen.pg + 1j * live.gen.qg
    assert abs(mismatch(live, live.bus.vm, live.bus.va, power)).max() < 1e-7
    assert live == sol.energized


def test_what_was_not_solved_is_as_it_was_given(sol):
    given, net = sol.problem.given, sol.net
    live = sol.problem.base
    for key, table in net.tables.items():
        dead = ~np.isin(table.id, live.tables[key].id)
        assert key == "dcline" or dead.any()
        assert table.take(dead) == given.tables[key].take(dead)
    assert (net.gen.in_service == given.gen.in_service).all()
    assert net.bus.type[net.bus.id == 36] == given.bus.type[given.bus.id == 36]


def test_it_has_the_same_optimum(sol):
    again = solved(sol.net)
    assert again.cost == pytest.approx(sol.cost, rel=1e-7)
    for name in ("lmp_p_per_mwh", "lmp_q_per_mvarh"):
        assert again.buses[name].to_numpy() == pytest.approx(
            sol.buses[name].to_numpy(), rel=1e-4, abs=1e-4
        )


def test_units_of_one_bus_have_one_set_point():
    sol = solved(several_units())
    assert len(set(sol.net.gen.vg[sol.net.gen.bus == 1])) == 1
    assert sol.net.gen.vg[0] == sol.point.vm[sol.net.gen_at[0]]


def test_dc_lines_have_the_voltages_of_their_buses():
    given = dc_lines()
    sol = solved(given)
    now, vm = sol.net.dcline, dict(zip(sol.buses["bus"], sol.buses["vm"], strict=True))
    assert (now.vf[0], now.vt[0]) == (vm[4], vm[7])
    assert now.qf[:3] * given.base_mva == pytest.approx(sol.dclines["qf_mvar"], rel=1e-14)
    assert now.take(now.id == 4) == given.dcline.take(now.id == 4)


def test_an_island_has_the_reference_that_it_was_solved_with():
    net = scopf.load_case("case9")
    moved = net.replace(bus={"type": np.where(net.bus.id == 1, 2, net.bus.type)})
    assert REFERENCE not in moved.bus.type
    assert REFERENCE in solved(moved).net.bus.type
