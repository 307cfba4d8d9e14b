"""Hours side by side in one problem: reference costs, updates, keys, and odd networks."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest

import scopf
from scopf.devices.storage import Storage
from tests.grids import dc_line, meshed, side_by_side
from tests.operating_points import NETWORKS

TIGHT = {"tol": 1e-10}
LOADS = [0.9, 1.0, 1.05]
UNEQUAL = pd.DataFrame(
    {"hour": ["night", "noon", "peak"], "duration_h": [2.0, 1.0, 0.5], "load_scale": LOADS}
)


def unit(bus=16, mq=None, **columns):
    row = {"bus": bus, "p_mw": 50.0, "e_mwh": 100.0, "eta_c": 0.95, "eta_d": 0.95,
           "e0_mwh": 50.0, "s_mva": 60.0, "mq": mq}  # fmt: skip
    return row | columns


def units(*rows):
    return pd.DataFrame(rows)


def case39(mq=0.2, **keywords):
    net = scopf.load_case("case39").lossless()
    return net, scopf.Inverters.at_generators(net, mq=mq, **keywords)


def day(net, inverters, storage=None, hours=None, **keywords):
    """A problem of three hours; reactive power costs a little, so that it is unique."""
    hours = LOADS if hours is None else hours
    return scopf.build(
        net, inverters, hours=hours, storage=storage, **{"eta_q": 0.1, **keywords}
    )  # fmt: skip


def island(name, gens):
    edges = [(1, 2), (2, 3), (3, 4), (1, 4), (2, 4)]
    net = meshed(edges, gens, {2: (1.0, 0.2), 4: (0.5, 0.1)})
    return dataclasses.replace(net, name=name)


# -- published and hand-made numbers -------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "mq", "cost"),
    [
        ("none", None, 121215.34),
        ("none", 0.14, 121215.34),
        ("voltage-difference", None, 122632.39),
        ("voltage-difference", 0.05, 122911.40),
        ("voltage-difference", 0.10, 124442.63),
    ],
)
def test_reference_costs(criterion, mq, cost):
    storage = units(unit(mq=mq))
    problem = scopf.build(
        *case39(), criterion=criterion, hours=LOADS, storage=storage, ramps=60
    )  # fmt: skip
    solution = scopf.solve(problem)
    assert solution.cost == pytest.approx(cost, rel=1e-5)
    if criterion == "none":
        hourly = [34369.67, 41424.40, 45421.27]
        np.testing.assert_allclose(solution.hours["cost_per_h"], hourly, rtol=1e-5)
        energy = solution.table("storage")["e_mwh"]
        np.testing.assert_allclose(energy, [97.5, 93.981, 50.0], rtol=1e-5)


def test_a_soft_storage_makes_its_bus_an_inverter_bus_that_no_dispatch_satisfies():
    problem = scopf.build(*case39(), hours=LOADS, storage=units(unit(mq=0.14)), ramps=60)
    solution = scopf.solve(problem)
    assert not solution.solved
    assert "stability rows of inverter 16 in hour 3" in str(solution.diagnosis)
    no_number_of_the_stack(str(solution.diagnosis), str(solution), solution.message)


def test_without_storage_ramps_conflict_and_are_named():
    solution = scopf.solve(scopf.build(*case39(), hours=LOADS, ramps=60))
    assert not solution.solved
    text = str(solution.diagnosis)
    assert re.search(r"ramp up of gen \d+ at bus \d+ in hour 2", text)
    no_number_of_the_stack(text, solution.message)


def no_number_of_the_stack(*texts):
    """Numbers of case39's elements, its hours and storage; none beyond a step of the stack."""
    for text in texts:
        named = re.findall(r"(?:bus|buses|gen|branch|inverter|storage) (\d+)", text)
        assert all(int(number) <= 46 for number in named), named


# -- hours that nothing couples -------------------------------------------


@pytest.mark.parametrize("mq", [None, 0.1])
def test_hours_that_nothing_couples_are_single_hours(mq):
    net, inverters = case39(0.22)
    idle = units(unit(mq=mq, p_mw=0, p_charge_mw=1e-6, s_mva=60))
    whole = scopf.solve(day(net, inverters, idle if mq else None), options=TIGHT)
    for name, load in zip(whole.states, LOADS, strict=True):
        if mq:
            grid, more = with_condenser(net, inverters, mq)
            alone = scopf.solve(scopf.build(grid, more, eta_q=0.1, load_scale=load), options=TIGHT)
        else:
            alone = scopf.solve(
                scopf.build(net, inverters, eta_q=0.1, load_scale=load), options=TIGHT
            )
        row = whole.hours.set_index("state").loc[name]
        assert row["cost_per_h"] == pytest.approx(alone.cost, rel=1e-6)
        for table in ("buses", "gens", "branches", "inverters"):
            same(table, getattr(whole.state(name), table), getattr(alone, table), storage=bool(mq))


def with_condenser(net, inverters, mq):
    """The network and its inverters with one at bus 16 that gives reactive power alone."""
    gen = net.gen
    rows = np.append(np.arange(len(gen)), 0)
    columns = {one.name: getattr(gen, one.name)[rows].copy() for one in dataclasses.fields(gen)}
    changed = {"id": 11, "bus": 16, "pg": 0, "qg": 0, "pmin": 0, "pmax": 0, "qmin": -0.6,
               "qmax": 0.6, "mbase": 60, "cost_p": 0, "cost_q": 0}  # fmt: skip
    for name, value in changed.items():
        columns[name][-1] = value
    grid = net.replace(gen=dataclasses.replace(gen, **columns))
    return grid, scopf.Inverters.at_generators(
        grid, mq={**dict(zip(inverters.bus.tolist(), inverters.mq.tolist(), strict=True)), 16: mq}
    )


def same(name, one, other, *, storage):
    """The same columns and numbers, but for the name of storage and what is not unique."""
    if storage and name == "gens":
        other = other[other["gen"] <= 10].reset_index(drop=True)
    if name == "branches" and "island" in one:
        one = one.drop(columns="island")
    assert [*one.columns] == [*other.columns]
    for column in one:
        if column in ("neighbor", "gens", "rating_mva", "loading_percent", "units"):
            continue
        if (
            storage and column == "droop_percent"
        ):  # mBase of the other one is not alike on all units
            continue
        if column.startswith(("mu_", "price")) or one[column].dtype == object:
            continue
        first, second = (frame[column].to_numpy(dtype=float) for frame in (one, other))
        np.testing.assert_allclose(
            first, second, rtol=1e-5, atol=2e-4 * max(1.0, np.nanmax(np.abs(second), initial=0)),
            err_msg=f"{name}.{column}",
        )  # fmt: skip


@pytest.mark.parametrize("name", sorted({*NETWORKS} - {"case39", "case118", "case300"}))
def test_networks_of_every_kind(name):
    """What is out of service, DC lines, phase shifts, several units, loads of constant current."""
    net, numbers = NETWORKS[name](), {"eta_q": 0.1, "mq": 0.05}
    whole = scopf.solve(scopf.build(net, hours=[1.0, 0.95], **numbers), options=TIGHT)
    for hour, load in zip(whole.states, (1.0, 0.95), strict=True):
        alone = scopf.solve(scopf.build(net, load_scale=load, **numbers), options=TIGHT)
        cost = whole.hours.set_index("state").loc[hour, "cost_per_h"]
        assert cost == pytest.approx(alone.cost, rel=1e-9)
        for table in ("buses", "gens", "branches", "dclines", "inverters"):
            same(table, getattr(whole.state(hour), table), getattr(alone, table), storage=False)


# -- updates -------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        {"mq": 0.15},
        {"mq": {32: 0.1, 39: 0.22}},
        {"load_scale": 0.95},
        {"load_scale": {20: 0.5, 8: 0.9}},
        {"q_price": {3: 2.0, 7: 0.5}},
        {"voll": {20: 30.0, 39: 20.0}},
        {"alpha": 1.1, "margin": 0.001},
        {"eta_q": 0.3, "droop_margin": 0.05},
    ],
    ids=str,
)
def test_an_update_equals_a_new_build(numbers):
    net, inverters = case39()
    first = {"q_price": 0.1, "voll": 1e4}
    storage = units(unit(mq=0.05), unit(bus=4))
    updated = day(net, inverters, storage, ramps=60, **first)
    before = scopf.solve(updated, options=TIGHT)
    updated.update(**numbers)
    cold, warm = (
        scopf.solve(updated, options=TIGHT),
        scopf.solve(updated, start=before, options=TIGHT),
    )
    again = scopf.solve(
        day(net, inverters, storage, ramps=60, **{**first, **numbers}), options=TIGHT
    )
    assert again.cost != pytest.approx(before.cost, rel=1e-7)
    assert cold.cost == pytest.approx(again.cost, rel=1e-8)
    assert warm.cost == pytest.approx(again.cost, rel=1e-7)
    np.testing.assert_allclose(
        cold.table("inverters")["limit_pu"], again.table("inverters")["limit_pu"], rtol=1e-12
    )


def test_the_droop_of_storage_is_its_own_and_stays_with_an_update():
    net, inverters = case39()
    problem = day(net, inverters, units(unit(mq=0.05), unit(bus=30, mq=0.1))).update(mq=0.15)
    table = scopf.solve(problem).state("1").inverters.set_index("bus")
    assert table.loc[16, "mq"] == 0.05
    assert table.loc[30, "mq"] == pytest.approx(1 / (1 / 0.15 + 1 / 0.1))
    assert table.loc[31, "mq"] == 0.15
    assert table.loc[30, "gens"] == "1+storage 2"


# -- storage where else it may be -------------------------------------------


def test_storage_of_two_units_at_one_bus_is_one_of_both():
    net, inverters = case39()
    half = unit(mq=0.2, p_mw=25.0, e_mwh=50.0, e0_mwh=25.0, s_mva=30.0)
    two = scopf.solve(day(net, inverters, units(half, half), ramps=60), options=TIGHT)
    one = scopf.solve(day(net, inverters, units(unit(mq=0.1)), ramps=60), options=TIGHT)
    assert two.cost == pytest.approx(one.cost, rel=1e-7)
    first, second = (found.table("inverters").query("bus == 16") for found in (two, one))
    assert set(first["gens"]) == {"storage 1+storage 2"}
    np.testing.assert_allclose(first["limit_pu"], second["limit_pu"], rtol=1e-10)
    np.testing.assert_allclose(first["mq"], 0.1)


def test_a_free_end_is_empty_and_cheaper():
    net, inverters = case39()
    kept = scopf.solve(day(net, inverters, units(unit(mq=0.05))))
    free = scopf.solve(day(net, inverters, units(unit(mq=0.05, e_end_mwh="free"))))
    assert free.table("storage")["e_mwh"].iloc[-1] == pytest.approx(0.0, abs=1e-3)
    assert free.cost < kept.cost - 100


@pytest.mark.parametrize("criterion", ["C1", "weighted", "C0"])
def test_criteria_on_the_whole_network(criterion):
    net, inverters = case39(0.03)
    problem = day(net, inverters, units(unit(mq=0.03)), criterion=criterion)
    solution = scopf.solve(problem)
    assert solution.solved
    assert len(solution.state("1").inverters) == 11
    assert solution.verify_states().table["stable"].tolist() == [True] * 3


def test_two_islands_and_a_dc_line():
    net = side_by_side(island("a", [1, 3]), island("b", [1]), dcline=dc_line(1001, 4))
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    storage = units(unit(bus=1003, mq=0.1, p_mw=20, e_mwh=30, e0_mwh=10, s_mva=25))
    problem = day(net, inverters, storage, hours=[1.0, 1.3], ramps={1: 20})
    solution = scopf.solve(problem, options=TIGHT)
    assert solution.solved
    buses = solution.table("buses")
    assert set(buses["island"]) == {1, 2}
    assert set(buses["bus"]) == {1, 2, 3, 4, 1001, 1002, 1003, 1004}
    assert len(solution.table("dclines")) == 2
    for name, load in zip(solution.states, (1.0, 1.3), strict=True):
        state = solution.state(name)
        for own, ours in (("1", "bus < 1000"), ("2", "bus > 1000")):
            served = state.buses.query(ours)["p_load_mw"].sum()
            made = state.gens.query(ours)["p_mw"].sum()
            made += state.storage.query(ours)["p_mw"].sum()
            line = state.dclines.iloc[0]
            drawn = line["pf_mw"] if own == "2" else -line["pt_mw"]
            assert served == pytest.approx(150 * load)
            assert made - drawn == pytest.approx(served, abs=1e-4)
    change = solution.table("gens").query("gen == 1")["p_mw"].diff().iloc[1]
    assert abs(change) <= 20 + 1e-4


# -- the Pyomo model -------------------------------------------


def test_keys_of_the_model_and_constraints_of_ones_own():
    problem = day(*case39(), units(unit(mq=0.05)), ramps=60)
    model = problem.model
    free = scopf.solve(problem)
    assert model.bus_vm["2", 39].value == pytest.approx(
        free.state("2").buses.set_index("bus").loc[39, "vm"]
    )
    energy = model.storage_energy["1", 1]
    assert energy.value == pytest.approx(free.table("storage")["e_mwh"][0] / 100)
    assert {*model.storage_energy} == {(hour, 1) for hour in "123"}
    model.least = pyo.Constraint(expr=energy <= 0.8)
    model.steady = pyo.Constraint(expr=model.gen_pg["2", 1] == model.gen_pg["3", 1])
    bound = scopf.solve(problem)
    table = bound.table("storage").set_index("state")
    assert table.loc["1", "e_mwh"] <= 80 + 1e-4
    powers = bound.table("gens").query("gen == 1").set_index("state")["p_mw"]
    assert powers["2"] == pytest.approx(powers["3"], abs=1e-4)
    assert bound.cost > free.cost + 0.1


def test_names_of_hours_are_those_of_the_table():
    hours = UNEQUAL.assign(hour=["intact", "1", "hour 2"])
    solution = scopf.solve(day(*case39(), units(unit(mq=0.05)), hours=hours))
    assert solution.states == ("intact", "1", "hour 2")
    assert solution.verify_states().table["state"].nunique() == 3
    total = (solution.hours["cost_per_h"] * hours["duration_h"]).sum()
    assert solution.cost == pytest.approx(total, rel=1e-9)


def test_an_hour_may_be_named_like_a_label():
    hours = pd.DataFrame({"hour": ["peak in hour 3", "3"], "duration_h": [2, 0.5]})
    given = {"hours": hours.assign(load_scale=[0.9, 1.05]), "soft": {"ratings": 10.0}}
    found = scopf.solve(day(*case39(), **given))
    assert found.hours["state"].tolist() == ["peak in hour 3", "3"]
    assert found.hours["cost"].sum() == pytest.approx(found.cost, rel=1e-7)


def test_what_hours_do_not_go_with_is_refused():
    net, inverters = case39()
    with pytest.raises(scopf.ScopfError, match="storage: there is a single hour"):
        scopf.build(net, inverters, storage=units(unit()))
    with pytest.raises(scopf.ScopfError, match="outages and hours"):
        day(net, inverters, outages=[6])
    with pytest.raises(scopf.ScopfError, match="co-design"):
        day(net, inverters, mq_bounds=(0.1, 0.2))
    with pytest.raises(scopf.ScopfError, match="there is no inverter at bus 16"):
        day(net, inverters, units(unit(mq=0.05)), mq={16: 0.1})
    with pytest.raises(scopf.ScopfError, match="no generator in service has number 11"):
        day(net, inverters, units(unit(mq=0.05)), q_price={11: 0.1})


def test_storage_that_was_read_is_not_read_again():
    net, inverters = case39()
    storage = Storage.read(units(unit(mq=0.05)), net)
    problem = day(net, inverters, storage)
    assert problem.horizon.storage is storage


@pytest.mark.parametrize(
    ("numbers", "named"),
    [({"capability": True}, r"bus 30 \(140 MVA, rating 100 MVA\), bus 32 \(150"),
     ({"opportunity_price": 1.0}, "at bus 30, 32$")],
)  # fmt: skip
def test_a_rating_that_is_too_small_is_said_once_for_all_hours(numbers, named):
    net = scopf.load_case("case39")
    small = scopf.Inverters.at_generators(net, mq=0.1, rating_mva=100)
    with pytest.raises(scopf.ScopfError, match=named) as error:
        scopf.build(net, small, hours=[1.0, 0.9], storage=units(unit(mq=0.05)), **numbers)
    no_number_of_the_stack(str(error.value))


def test_an_inverter_that_is_coupled_to_nothing_is_named_once_for_all_hours():
    net = side_by_side(island("a", [1, 3]), island("b", [1]))
    far = net.bus.id > 1000
    net = net.replace(
        bus={
            "qd": np.where(far, 0, net.bus.qd),
            "pd": np.where(far, net.bus.id == 1001, net.bus.pd),
        }
    )
    with pytest.raises(scopf.ScopfError, match="inverter at bus 1001: B_ii"):
        scopf.build(net, mq=0.1, hours=[1, 1])
