"""Results of hours: prices are derivatives of the cost, tables balance, every hour is verified."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import scopf
from scopf.devices.storage import Storage
from scopf.dynamics.verification import verify
from tests.model.test_hours import (
    LOADS,
    TIGHT,
    UNEQUAL,
    case39,
    day,
    island,
    no_number_of_the_stack,
    unit,
    units,
    with_condenser,
)  # fmt: skip

SMALL = unit(mq=0.05, e_mwh=54.0, s_mva=55.0)  # energy, power and rating all bind
RAMP = 70
HOURS = UNEQUAL.set_index("hour")["duration_h"]


def solved(storage=None, hours=UNEQUAL, ramps=RAMP, mq=0.2, inverters=None, **keywords):
    net, own = case39(mq)
    problem = day(
        net, own if inverters is None else inverters, storage, hours=hours, ramps=ramps, **keywords
    )
    solution = scopf.solve(problem, options=TIGHT)
    assert solution.solved, solution.message
    return solution


def slope(cost, step):
    """The derivative of a cost by differences."""
    return (cost(step).cost - cost(-step).cost) / (2 * step)


@pytest.fixture(scope="module")
def found():
    return solved(units(SMALL))


# -- prices -------------------------------------------


@pytest.mark.parametrize(
    ("hour", "bus"), [("night", 20), ("noon", 16), ("peak", 8), ("peak", 39), ("night", 3)]
)
def test_an_lmp_is_per_hour_of_its_duration(found, hour, bus):
    net = found.problem.given
    at = list(net.bus.id).index(bus)

    def with_load(p=0.0, q=0.0):
        hours = UNEQUAL.copy()
        scale = hours["load_scale"]
        hours[f"p_mw_{bus}"] = net.bus.pd[at] * net.base_mva * scale
        hours[f"q_mvar_{bus}"] = net.bus.qd[at] * net.base_mva * scale
        hours.loc[hours["hour"] == hour, f"p_mw_{bus}"] += p
        hours.loc[hours["hour"] == hour, f"q_mvar_{bus}"] += q
        return solved(units(SMALL), hours)

    row = found.state(hour).buses.set_index("bus").loc[bus]
    active = slope(lambda h: with_load(p=h), 0.02) / HOURS[hour]
    assert row["lmp_p_per_mwh"] == pytest.approx(active, rel=1e-3, abs=1e-3)
    reactive = slope(lambda h: with_load(q=h), 0.02) / HOURS[hour]
    assert row["lmp_q_per_mvarh"] == pytest.approx(reactive, rel=1e-3, abs=1e-3)


def test_droops_are_priced_in_all_hours(found):
    table = found.table("inverters")
    hours = table["state"].map(HOURS)
    by_bus = (table["dcost_dmq"] * hours).groupby(table["bus"]).sum()

    def with_droop(h):
        return solved(units(SMALL), inverters=case39()[1].with_droops({32: 0.2 + h}))

    assert by_bus[32] > 100
    assert by_bus[32] == pytest.approx(slope(with_droop, 1e-5), rel=1e-3)


def test_droop_of_storage_is_priced_where_its_own_row_binds():
    mq = 0.1
    found = solved(units(unit(mq=mq)))
    table = found.table("inverters").query("bus == 16")
    assert (table["nssp_per_pu"] > 100).any()
    price = (table["dcost_dmq"] * table["state"].map(HOURS)).sum()
    changed = slope(lambda h: solved(units(unit(mq=mq + h))), 1e-5)
    assert price == pytest.approx(changed, rel=1e-3)


@pytest.mark.parametrize(
    ("row", "hours", "rate", "capability", "binding"),
    [
        (SMALL, UNEQUAL, RAMP, False, ("mwh", "mva")),
        (SMALL, UNEQUAL, RAMP, True, ("mwh", "mva")),
        (unit(mq=0.05), LOADS, 60, False, ("mw", "mva")),
    ],
    ids=["energy", "capability", "power"],
)
def test_values_of_storage_are_derivatives(row, hours, rate, capability, binding):
    net, inverters = case39()
    if capability:
        inverters = scopf.Inverters.at_generators(net, mq=0.2, rating_factor=1.3)
    base = Storage.read(units(row), net)

    def with_more(key=None, h=0.0):
        more, h = {}, h / net.base_mva
        if key == "mwh":
            more = {"energy": base.energy + h}
        if key == "mw":
            more = {"charge": base.charge + h, "discharge": base.discharge + h}
        if key == "mva":
            rating = base.rating + h
            more = {"rating": rating, "qmin": -rating, "qmax": rating}
        storage = dataclasses.replace(base, **more)
        return solved(storage, hours, rate, inverters=inverters, capability=capability)

    values = with_more().storage.iloc[0]
    for key, step in (("mwh", 0.05), ("mw", 0.05), ("mva", 0.05)):
        price = -slope(lambda h, key=key: with_more(key, h), step)
        assert values[f"value_per_{key}"] == pytest.approx(price, rel=2e-3, abs=1e-3), key
        assert (values[f"value_per_{key}"] > 1e-3) == (key in binding), key


def test_values_of_ramps_are_derivatives(found):
    rates = dict.fromkeys(range(1, 11), float(RAMP))
    table = found.ramps.set_index("gen")["value_per_mw_per_h"]
    assert (table > 0.01).sum() >= 3
    for gen in (table.idxmax(), table[table > 0.01].idxmin()):
        price = -slope(
            lambda h, gen=gen: solved(units(SMALL), ramps={**rates, gen: RAMP + h}), 0.02
        )
        assert table[gen] == pytest.approx(price, rel=5e-3, abs=1e-3)
    together = -slope(lambda h: solved(units(SMALL), ramps=RAMP + h), 0.02)
    assert table.sum() == pytest.approx(together, rel=5e-3)


def test_energy_at_the_beginning_is_worth_its_value(found):
    """One MWh more at the beginning and at the end: the value of energy, losses taken off."""
    values = found.table("storage")["value_per_mwh"]

    def with_start(h):
        return solved(units({**SMALL, "e0_mwh": 50 + h, "e_end_mwh": 50.0}))

    assert -slope(with_start, 0.02) == pytest.approx(values.iloc[0], rel=2e-3)


def test_earnings_are_prices_times_energies(found):
    table = found.table("storage")
    hours = table["state"].map(HOURS)
    paid = table["lmp_p_balance_per_mwh"] * table["p_mw"]
    paid += table["lmp_q_balance_per_mvarh"] * table["q_mvar"]
    assert found.storage["earned"].item() == pytest.approx((paid * hours).sum(), rel=1e-9)
    buses = found.table("buses").query("bus == 16").reset_index(drop=True)
    np.testing.assert_allclose(buses["lmp_p_balance_per_mwh"], table["lmp_p_balance_per_mwh"])


# -- what storage does -------------------------------------------


def recomputed(table, row, hours):
    """Energies and losses of one storage out of its powers alone, in MWh and MW."""
    e, found, losses = row["e0_mwh"], [], []
    for at, h in zip(table.itertuples(), hours, strict=True):
        e += h * (row["eta_c"] * at.p_charge_mw - at.p_discharge_mw / row["eta_d"])
        found.append(e)
        losses.append(at.p_discharge_mw - at.p_charge_mw - at.p_mw)
    return np.array(found), np.array(losses)


def test_energies_and_circles_out_of_the_table():
    rows = [
        unit(mq=0.1, p_loss_mw=0.5, r=0.02),
        unit(bus=4, e_end_mwh="free", p_loss_mw=1.0, eta_c=0.9),
        unit(bus=30, mq=0.2, p_charge_mw=30.0, r=0.01, e_end_mwh=60.0, qmax_mvar=20.0),
    ]
    found = solved(units(*rows), ramps=100)
    table = found.table("storage")
    for number, row in enumerate(rows, 1):
        own = table[table["storage"] == number].reset_index(drop=True)
        energy, losses = recomputed(own, row, UNEQUAL["duration_h"])
        np.testing.assert_allclose(own["e_mwh"], energy, atol=1e-4)
        if row["e_end_mwh" if "e_end_mwh" in row else "e0_mwh"] != "free":
            end = row.get("e_end_mwh", row["e0_mwh"])
            assert energy[-1] == pytest.approx(end, abs=1e-4)
        apparent = np.hypot(own["p_mw"], own["q_mvar"])
        assert (apparent <= row["s_mva"] + 1e-4).all()
        assert (own["q_mvar"] <= row.get("qmax_mvar", row["s_mva"]) + 1e-4).all()
        buses = found.table("buses")
        vm = buses["vm"][buses["bus"] == row["bus"]].to_numpy()
        mine = row.get("p_loss_mw", 0) + row.get("r", 0) * (apparent / 100 / vm) ** 2 * 100
        np.testing.assert_allclose(losses, mine, atol=1e-4)
        assert (own["p_charge_mw"] <= row.get("p_charge_mw", 50) + 1e-4).all()


def test_powers_balance_in_every_hour(found):
    for name, load in zip(found.states, LOADS, strict=True):
        state = found.state(name)
        made = state.gens["p_mw"].sum() + state.storage["p_mw"].sum()
        assert made == pytest.approx(6254.23 * load, abs=1e-3)
        assert found.hours.set_index("state").loc[name, "p_load_mw"] == pytest.approx(
            6254.23 * load
        )
    total = (found.hours["cost_per_h"] * found.hours["duration_h"]).sum()
    assert found.cost == pytest.approx(total, rel=1e-9)
    change = found.table("gens").pivot(index="state", columns="gen", values="p_mw")
    change = change.loc[list(found.states)].diff().iloc[1:].abs()
    assert (change.max(axis=1) <= RAMP * UNEQUAL["duration_h"].to_numpy()[1:] + 1e-3).all()


def test_losing_energy_pays_at_negative_prices():
    """Wind that is paid to run: storage burns what it can, as a linear program finds as well."""
    net = island("one", [1, 3])
    net = net.replace(gen={"pmin": np.zeros(2), "pmax": np.array([2.0, 5.0])})
    hours = pd.DataFrame({"load_scale": [0.9, 1.5], "price_1": -20.0, "price_2": 50.0})
    row = unit(bus=3, p_mw=150.0, e_mwh=1000.0, e0_mwh=500.0, s_mva=300.0, eta_c=0.8, eta_d=0.8)
    found = scopf.solve(scopf.build(net, criterion="none", hours=hours, storage=units(row)))
    # for each hour: wind, the other, charging, discharging
    cost = np.tile([-20.0, 50.0, 0.0, 0.0], 2)
    balance = np.kron(np.eye(2), [1.0, 1.0, -1.0, 1.0])
    energy = np.tile([0.0, 0.0, 0.8, -1 / 0.8], 2)
    bounds = [(0, 200), (0, 500), (0, 150), (0, 150)] * 2
    program = linprog(
        cost, A_eq=np.vstack([balance, energy]), b_eq=[135.0, 225.0, 0.0], bounds=bounds
    )
    assert found.cost == pytest.approx(program.fun, rel=1e-5)
    charge, discharge = program.x[2::4], program.x[3::4]
    table = found.table("storage")  # which hour it burns energy in is not unique
    lost = (table["p_charge_mw"] - table["p_discharge_mw"]).sum()
    assert lost == pytest.approx((charge - discharge).sum(), abs=0.01)
    assert (table["at_once_mw"] > 1).any()
    both = np.minimum(table["p_charge_mw"], table["p_discharge_mw"])
    np.testing.assert_allclose(table["at_once_mw"], both, atol=1e-2)
    assert found.storage["at_once_mwh"].item() == pytest.approx(table["at_once_mw"].sum())
    assert "charges and discharges at once" in str(found)


# -- dynamics -------------------------------------------


def test_every_hour_is_verified_as_a_network_with_the_storage_as_a_unit():
    found = solved(units(unit(mq=0.1)), hours=LOADS)
    checks = found.verify_states().checks
    net, inverters = case39()
    grid, more = with_condenser(net, inverters, 0.1)
    for name, load in zip(found.states, LOADS, strict=True):
        state = found.state(name)
        units_ = state.gens.set_index("gen")[["p_mw", "q_mvar"]]
        storage = state.storage.iloc[0]
        pg, qg = (
            np.append(units_[key].to_numpy(), storage[key]) / 100 for key in ("p_mw", "q_mvar")
        )
        own = verify(
            grid.scaled(load=load), more,
            state.buses["vm"].to_numpy(), np.deg2rad(state.buses["va_deg"].to_numpy()),
            power=(pg, qg),
        )  # fmt: skip
        assert own.stable is checks[name].stable is True
        first, second = (np.sort_complex(one.spectrum.values) for one in (own, checks[name]))
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6)


# -- texts and messages -------------------------------------------


def test_tables_and_texts_have_the_numbers_of_the_case(found):
    net = found.problem.given
    known = {"bus": net.bus.id, "gen": net.gen.id, "branch": net.branch.id, "storage": [1],
             "from_bus": net.bus.id, "to_bus": net.bus.id, "neighbor": net.bus.id}  # fmt: skip
    for name, table in found.tables.items():
        for column, ids in known.items():
            if column in table:
                assert set(table[column].dropna()) <= {*np.asarray(ids).tolist()}, (name, column)
    no_number_of_the_stack(str(found), repr(found), str(found.accuracy))
    assert "night" in str(found)
    for name in ("buses", "gens", "net"):
        with pytest.raises(scopf.ScopfError, match=r"sol.state\('night'\)"):
            getattr(found, name)
    with pytest.raises(scopf.ScopfError, match=r"verify_states\(\)"):
        found.verify()
    with pytest.raises(scopf.ScopfError, match="there is no hour 'noo'; did you mean 'noon'"):
        found.state("noo")


def test_saved_and_read_again(found, tmp_path):
    found.save(tmp_path / "day.json")
    again = scopf.load_solution(tmp_path / "day.json")
    assert again.cost == found.cost
    assert set(again.tables) == set(found.tables)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name], check_exact=False, rtol=1e-9)
    assert again.states == found.states


def test_violations_name_the_hour():
    found = solved(units(unit(mq=0.1)), hours=LOADS, soft={"stability": 1000.0})
    assert len(found.violations) >= 1
    assert all("in hour" in text for text in found.violations["element"])
    no_number_of_the_stack(*found.violations["element"])


def test_the_summary_adds_up_violations_times_durations():
    found = solved(units(unit(mq=0.1)), soft={"stability": 1000.0})
    hours = found.violations["element"].str.rpartition(" in hour ")[2]
    durations = hours.map(found.hours.set_index("state")["duration_h"])
    paid = (durations * found.violations["cost_per_h"]).sum()
    assert paid > 0
    assert durations.nunique() > 1 or durations.iloc[0] != 1
    assert f"violated at a price, {paid:.4g} over all hours" in str(found)


def test_an_energy_at_the_end_that_cannot_be_reached_is_named_either_way():
    """Of 40 MWh, 10 MW leave 80 % of 20 MWh more or 20 MWh / .8 less in two hours."""
    for end, side, reached in ((60, "<=", 56.0), (10, ">=", 15.0)):
        row = unit(p_mw=10, e_mwh=80, e0_mwh=40, e_end_mwh=end, eta_c=0.8, eta_d=0.8)
        found = scopf.solve(day(*case39(), units(row), hours=[0.9, 0.9]))
        assert not found.solved
        text = rf"energy at the end of storage 1 at bus 16 {side} ([\d.]+) MWh"
        (energy,) = re.findall(text, str(found.diagnosis))
        assert float(energy) == pytest.approx(reached, abs=0.02)
