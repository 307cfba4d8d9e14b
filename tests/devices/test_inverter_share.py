"""A share of inverters: which machines it takes, and that the rest is a table edited by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app

SMALLEST = [34, 37, 36, 31, 33, 35, 32, 38, 30, 39]  # buses by Pmax; the generators are 1 to 10


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def table():
    return scopf.devices_table("case39")


def build(net, devices, **given):
    return scopf.build(net, criterion="weighted", devices=devices, **{"mq": 0.1, **given})


def equal(one, other):
    """Two problems have the same inverters and devices."""
    assert one.inverters.gens == other.inverters.gens
    for name, column in one.inverters.columns.items():
        np.testing.assert_array_equal(column, other.inverters.columns[name], name)
    for name, column in one.inverters.units.numbers.items():
        np.testing.assert_array_equal(column, other.inverters.units.numbers[name], name)
    devices = [problem.scenario.devices for problem in (one, other)]
    if devices[0] is None or devices[1] is None:
        assert devices == [None, None]
        return
    for name, column in vars(devices[0].machines).items():
        assert column.tolist() == vars(devices[1].machines)[name].tolist(), name
    assert devices[0].followers.gen.tolist() == devices[1].followers.gen.tolist()


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 4), (0.5, 7), (1, 10)])
def test_the_smallest_machines_are_inverters_until_these_have_the_share(net, table, share, count):
    given = {"mq": 0.12, "eta_q": 0.1}
    found = build(net, table, inverter_share=share, **given)
    by_hand = table[~table["bus"].isin(SMALLEST[:count])]
    equal(found, build(net, by_hand if len(by_hand) else None, **given))
    as_gfm = table.mask(table["bus"].isin(SMALLEST[:count]))  # the same rows, of inverters
    as_gfm = as_gfm.assign(bus=table["bus"], device=as_gfm["device"].fillna("gfm"))
    equal(found, build(net, as_gfm, **given))
    pmax = dict(zip(net.gen.bus.tolist(), net.gen.pmax.tolist(), strict=True))
    reached = [sum(pmax[bus] for bus in SMALLEST[:k]) / sum(pmax.values()) for k in range(11)]
    assert reached[count] >= share
    assert count == 0 or reached[count - 1] < share


def test_those_that_are_inverters_already_count(net, table):
    large = table[~table["bus"].isin([30, 39])]  # 29 % of Pmax
    equal(build(net, large, inverter_share=0.25), build(net, large))
    found = build(net, large, inverter_share=0.3)
    assert found.inverters.bus.tolist() == [30, 34, 39]


def test_of_equal_machines_that_of_the_lowest_number_is_first(net, table):
    alike = net.replace(gen={"pmax": np.where(net.gen.id > 3, 7.0, 8.0)})
    found = build(alike, table[::-1], inverter_share=0.3)  # three of them are 28.8 %
    assert found.inverters.bus.tolist() == [33, 34, 35, 36]


def test_generators_that_are_named(net, table):
    found = build(net, table, inverter_gens=[9, 2])
    assert found.inverters.bus.tolist() == [31, 38]
    first = build(net, table, inverter_share=0.1, inverter_gens=np.array([9, 2]))
    assert first.inverters.bus.tolist() == [38]  # in the order of the list
    rest = table[~table["bus"].isin([31, 38])]
    equal(build(net, rest, inverter_gens=[2, 9]), found)  # they are inverters already


def test_a_condenser_stays_a_machine_unless_it_is_named(net, table):
    none = net.replace(gen={"pmax": np.where(net.gen.id == 5, 0.0, net.gen.pmax),
                            "pmin": np.where(net.gen.id == 5, 0.0, net.gen.pmin)})  # fmt: skip
    found = build(none, table, inverter_share=1)
    assert found.scenario.devices.machines.bus.tolist() == [34]
    assert build(none, table, inverter_gens=[5]).inverters.bus.tolist() == [34]


def test_a_grid_following_inverter_is_no_machine(net, table, caplog):
    mixed = table[["bus", "device"]].assign(device="classical")
    mixed.loc[table["bus"] == 39, "device"] = "gfl"
    found = build(net, mixed, inverter_share=1)
    assert found.scenario.devices.followers.bus.tolist() == [39]
    assert "inverter_share 1 is not reached: inverters have 0.85" in caplog.text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"inverter_share": 1.2}, "inverter_share is a share of Pmax, from 0 to 1, got 1.2"),
        ({"inverter_share": -0.1}, "from 0 to 1, got -0.1"),
        ({"inverter_gens": 7}, "inverter_gens is a list of generator numbers, got 7"),
        ({"inverter_gens": [7.5]}, "7.5 is no generator number"),
        ({"inverter_gens": [7, 7]}, "generator 7 occurs twice"),
        ({"inverter_gens": [77]}, "generator 77: there is no generator of this number in service"),
        ({"inverter_gens": [10]}, "generator 10: it is a grid-following inverter, and no machine"),
    ],
)
def test_what_is_refused(net, table, given, text):
    mixed = table[["bus", "device"]].copy()
    mixed.loc[table["bus"] == 39, "device"] = "gfl"
    with pytest.raises(scopf.ScopfError, match=text):
        build(net, mixed, **given)


def test_more_that_is_refused(net, table):
    for given in ({"inverter_share": 0.5}, {"inverter_gens": [7]}):
        with pytest.raises(scopf.ScopfError, match="without devices every generator is an invert"):
            build(net, None, **given)
    with pytest.raises(scopf.ScopfError, match="build the problem again with it"):
        build(net, table, inverter_share=0.5).update(inverter_share=0.7)
    endless = net.replace(gen={"pmax": np.where(net.gen.id == 5, np.inf, net.gen.pmax)})
    with pytest.raises(scopf.ScopfError, match="generator 5 has no finite Pmax"):
        build(endless, table, inverter_share=0.5)
    some = scopf.Inverters.at_generators(net, buses=[30])
    few = table[table["bus"] != 30].query("bus != 31")
    with pytest.raises(scopf.ScopfError, match="generator 2: it is neither a machine nor among"):
        scopf.build(net, some, devices=few, inverter_gens=[2])


def test_machines_join_inverters_that_are_given(net, table):
    some = scopf.Inverters.at_generators(net, buses=[30, 39], mq=0.2, mp=0.03, rating_mva=700)
    rest = table[~table["bus"].isin([30, 39])]
    found = build(net, rest, inverters=some, mq=None, inverter_share=0.3)
    ratings = {30: 700, 39: 700}
    table_of = pd.DataFrame({"bus": ratings.keys(), "rating_mva": ratings.values()})
    alike = scopf.Inverters.at_generators(net, buses=[30, 34, 39], mq=0.2, mp=0.03, table=table_of)
    equal(found, build(net, rest[rest["bus"] != 34], inverters=alike, mq=None))
    other = some.with_droops({39: 0.1})
    with pytest.raises(scopf.ScopfError, match="the inverters that were given differ in mq"):
        build(net, rest, inverters=other, mq=None, inverter_share=0.3)
    given = build(net, rest, inverters=other, mq=0.2, inverter_share=0.3)  # one for all
    equal(given, found)


def test_the_share_that_is_reached_is_in_results_and_files(net, table, tmp_path):
    sol = scopf.solve(build(net, table, inverter_share=0.5))
    assert sol.inverter_share == pytest.approx(0.5921, abs=1e-4)
    assert "7 inverters (59.2 % of Pmax); criterion weighted" in str(sol)
    sol.save(tmp_path / "sol.json")
    again = scopf.load_solution(tmp_path / "sol.json")
    equal(again.problem, sol.problem)
    assert again.inverter_share == sol.inverter_share


@pytest.mark.parametrize(
    "given", [{"hours": [1, 0.9]}, {"outages": [6], "emergency": 1.2}], ids=["hours", "outages"]
)
def test_hours_and_outages_have_the_devices_that_resulted(net, table, given):
    found = scopf.solve(build(net, table, inverter_share=0.5, **given))
    by_hand = table[table["bus"].isin(SMALLEST[7:])]
    assert found.cost == pytest.approx(scopf.solve(build(net, by_hand, **given)).cost, rel=1e-9)
    assert found.inverter_share == pytest.approx(0.5921, abs=1e-4)


def test_flags():
    words = "solve case39 --lossless --mq 0.1 --criterion weighted --json --devices case39_machines"
    result = CliRunner().invoke(app, [*words.split(), "--inverter-share", "0.5"])
    found = json.loads(result.stdout)
    assert found["inverter_share"] == pytest.approx(0.5921, abs=1e-4)
    assert len(found["inverters"]) == 7
    assert found["settings"]["inverter_share"] == 0.5
    words = words.replace("--devices case39_machines", "--inverter-gens 7,x")
    result = CliRunner().invoke(app, words.split())
    assert "--inverter-gens takes generator numbers separated by commas, got '7,x'" in result.stderr
    result = CliRunner().invoke(app, words.replace("7,x", "7").split())
    assert "inverter_gens: without devices every generator is an inverter" in result.stderr
