"""AC islands: their numbers, references and parts; dead ones are not energized."""

import numpy as np
import pytest

import scopf
from tests.grids import dc_line, side_by_side
from tests.small_networks import network


def pair(name, **given):
    return network(2, [(1, 2, 0.01, 0.1)], [1], name=name, **({"loads": {2: 0.5 + 0.1j}} | given))


def producer(net):
    """The same with units that may not draw power."""
    return net.replace(gen={"pmin": np.zeros(len(net.gen))})


def test_islands_are_numbered_by_their_first_buses():
    net = side_by_side(pair("a"), scopf.load_case("case9"), pair("b"))
    assert net.islands == 3
    assert net.island.tolist() == [1] * 2 + [2] * 9 + [3] * 2
    assert net.energized() is net
    isolated = net.replace(bus={"type": np.r_[4, net.bus.type[1:]]})
    assert isolated.island.tolist()[:3] == [0, 1, 2]


def test_a_dc_line_joins_no_islands():
    net = side_by_side(pair("a"), pair("b"), dcline=dc_line(2, 1001))
    assert net.energized().islands == 2


def test_the_largest_unit_is_the_reference_where_the_case_has_none(caplog):
    caplog.set_level("INFO", logger="scopf")
    one = network(3, [(1, 2, 0, 0.1), (2, 3, 0, 0.1)], [1, 3], loads={2: 0.5})
    one = one.replace(bus={"type": [1, 1, 1]}, gen={"pmax": [1.0, 2.0]})
    net = side_by_side(pair("a"), one).energized()
    assert net.bus.id[net.bus.type == 3].tolist() == [1, 1003]
    assert "island 2 has no reference bus; its angles are relative to bus 1003" in caplog.text
    assert net.energized() is net


def test_an_island_without_units_is_dead():
    """Its load is not served, which is counted, and so is the load of an isolated bus."""
    net = side_by_side(pair("a"), network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.3 + 0.2j}))
    net = net.replace(gen={"in_service": [True, False]})
    live = net.energized()
    assert live.bus.id.tolist() == [1, 2]
    assert live.unserved.bus.tolist() == [1001, 1002]
    said = "not energized: 2 buses (1001, 1002) with 30.0 MW and 20.0 MVAr of load"
    assert live.unserved.text(100.0) == said
    assert live.scaled(load=2.0).unserved.as_dict(100.0)["load_mw"] == pytest.approx(60.0)
    assert live.energized().unserved.bus.tolist() == [1001, 1002]
    assert said in str(scopf.solve(scopf.build(live, criterion="none")))


def test_units_that_nothing_draws_from_stand_still():
    alone = producer(network(2, [(1, 2, 0, 0.1)], [1, 2]))
    net = side_by_side(pair("a"), alone).energized()
    assert net.unserved.gen.tolist() == [2, 3]
    assert "with 2 units" in net.unserved.text(100.0)
    assert alone.energized() is alone  # there is no other island


@pytest.mark.parametrize(
    "tables",
    [
        {"gen": {"pmin": [0.0, -1.0]}},  # it may draw power
        {"bus": {"bs": [0, 0, 0, 0.1]}},
        {"dcline": dc_line(1, 1001)},
    ],
    ids=["storage", "shunt", "DC line"],
)
def test_an_island_in_which_something_consumes_is_alive(tables):
    alone = producer(network(2, [(1, 2, 0, 0.1)], [1]))
    assert side_by_side(pair("a"), alone).energized().islands == 1
    assert side_by_side(pair("a"), alone).replace(**tables).energized().islands == 2


def test_an_island_that_a_dc_line_feeds_is_alive_and_has_a_reference():
    fed = network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.2 + 0.05j})
    net = side_by_side(pair("a"), fed.replace(bus={"type": [1, 1]}), dcline=dc_line(2, 1002))
    net = net.replace(gen={"in_service": [True, False]}).energized()
    assert net.bus.id[net.bus.type == 3].tolist() == [1, 1002]
    sol = scopf.solve(scopf.build(net, criterion="none"))
    assert sol.dclines["pt_mw"].iloc[0] == pytest.approx(20.0, abs=1e-4)


def test_islands_without_units_do_not_feed_each_other():
    one = network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.2})
    net = side_by_side(pair("a"), one, one, dcline=dc_line(1002, 2002))
    net = net.replace(gen={"in_service": [True, False, False]})
    assert net.energized().bus.id.tolist() == [1, 2]
    both = net.replace(dcline=net.dcline.replace(pmin=[-0.5], loss0=[0.0], loss1=[0.0]))
    assert both.energized().bus.id.tolist() == [1, 2]


@pytest.mark.parametrize(("pmin", "pmax", "alive"), [(0, 0.5, True), (-0.5, 0, False)])
def test_a_dc_line_feeds_in_its_direction(pmin, pmax, alive):
    fed = network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.2})
    line = dc_line(2, 1002, loss0=0, loss1=0).replace(pmin=[pmin], pmax=[pmax])
    net = side_by_side(pair("a"), fed, dcline=line).replace(gen={"in_service": [True, False]})
    assert net.energized().islands == 1 + alive


def test_a_dc_line_to_a_dead_island_keeps_no_other_alive():
    """Else its unit would have to deliver Pmin to nobody."""
    alone = network(2, [(1, 2, 0, 0.1)], [1]).replace(gen={"pmin": [0.1]})
    fed = network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.2})
    fixed = dc_line(1001, 2002, most=0.2).replace(pmin=[0.2])
    net = side_by_side(pair("a"), alone, fed, dcline=fixed)
    net = net.replace(gen={"in_service": [True, True, False]}).energized()
    assert net.bus.id.tolist() == [1, 2]
    assert net.unserved.text(100.0).endswith("load, 1 unit, 1 DC line")
    assert net.energized() is net


def test_a_line_commutated_converter_feeds_an_island_with_a_condenser():
    fed = network(2, [(1, 2, 0, 0.1)], [1], loads={2: 0.2}).replace(gen={"pmin": [0], "pmax": [0]})
    line = dc_line(2, 1002).replace(tan_phi_t=[0.4])
    net = side_by_side(pair("a"), fed, dcline=line)
    assert net.energized().islands == 2
    assert scopf.solve(scopf.build(net, criterion="none")).solved
    assert net.replace(gen={"qmin": [-1, 0], "qmax": [1, 0]}).energized().islands == 1


def test_a_case_with_a_dead_island_says_so_or_is_refused(tmp_path, caplog):
    net = side_by_side(pair("a"), pair("b")).replace(gen={"in_service": [True, False]})
    path = tmp_path / "two.json"
    scopf.save_case(net, path)
    assert scopf.load_case(path) == net
    assert "not energized: 2 buses (1001, 1002) with 50.0 MW" in caplog.text
    with pytest.raises(scopf.CaseError, match=r"2 of 4 buses.*dead island.*at bus 1001, 1002"):
        scopf.load_case(path, dead_islands="refuse")
    with pytest.raises(scopf.ScopfError, match="dead_islands is one of 'drop', 'refuse'"):
        scopf.load_case(path, dead_islands="keep")


def test_a_part_is_a_power_flow_of_its_own():
    """Power across a DC line becomes a load there."""
    net = side_by_side(pair("a"), scopf.load_case("case9"), dcline=dc_line(2, 1005))
    sol = scopf.solve(scopf.build(net, criterion="none"))
    point, held = sol.point, sol.net.island == 2
    part = sol.net.part(held)
    assert len(part.dcline) == 0
    left = scopf.network.powers.mismatch(
        part, point.vm[held], point.va[held], (point.pg + 1j * point.qg)[sol.net.gen_at >= 2]
    )
    assert np.abs(left).max() < 1e-7


def test_numbers_of_buses_that_are_not_energized_have_no_effect():
    net = side_by_side(pair("a"), producer(network(2, [(1, 2, 0, 0.1)], [1])))
    inverters = scopf.Inverters.at_generators(side_by_side(pair("a"), pair("b")), mq=0.1)
    problem = scopf.build(net, inverters, d={1: 1.0, 2: 3.0}, load_scale={2: 0.9, 1002: 0.5})
    assert problem.inverters.bus.tolist() == [1]
    problem.update(mq={1: 0.2, 1001: 0.3}, load_scale={1001: 2.0})
    assert problem.inverters.mq.tolist() == [0.2]
    assert scopf.solve(problem).verify(load={2: "impedance", 1002: "current"}).stable
    with pytest.raises(scopf.ScopfError, match="there is no bus 7 in service"):
        problem.update(load_scale={7: 2.0})
