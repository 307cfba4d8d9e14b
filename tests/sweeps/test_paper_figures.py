"""The figures of Wang and Geng (arXiv 2604.17603) as sweeps: what is known about them holds."""

import numpy as np
import pytest

import scopf
from scopf.cases import bundled

J0 = 41263.94  # cost without stability rows
CRITICAL = {0: 0.1854, 0.1: 0.1928, 0.5: 0.2127, 1: 0.2292, 2: 0.2531}


@pytest.fixture(scope="module")
def study():
    """Results of a bundled study; each is run once."""
    found = {}

    def run(name):
        if name not in found:
            found[name] = scopf.sweep(name)
        return found[name]

    return run


def price(runs):
    """The largest NSSP of each scenario, zero where none is to speak of."""
    return runs.scenarios.assign(nssp=runs.scenarios["nssp_max"].where(lambda x: x > 1, 0.0))


def test_there_is_a_study_for_every_figure():
    figures = [name for name in bundled.studies() if not name.startswith("droops_")]
    assert sorted(figures) == sorted(f"fig{k}" for k in range(3, 11))


def test_fig3_costs_rise_from_the_critical_droop_to_infeasibility(study):
    table = study("fig3").scenarios.set_index("mq")
    assert not table[table.index > 0.487]["solved"].any()
    assert set(table[table.index > 0.487]["status"]) == {"infeasible"}
    solved = table[table.index < 0.487]
    assert solved["solved"].all()
    increase = solved["cost"] - J0
    assert increase[increase.index <= 0.185].abs().max() < 0.01
    assert (np.diff(increase[increase.index > 0.186]) > 0).all()
    for mq, expected in {0.19: 1.281, 0.20: 12.21, 0.21: 35.26, 0.22: 69.70, 0.25: 231.5}.items():
        digits = 10.0 ** -len(str(expected).partition(".")[2])
        assert increase[mq] == pytest.approx(expected, abs=digits)


def test_fig4_only_inverter_32_is_priced_through_four_pairs(study):
    runs = study("fig4")
    table = price(runs).set_index("mq")
    known = {0.186: 167, 0.188: 639, 0.19: 1120, 0.2: 3917, 0.21: 7349, 0.22: 11096, 0.25: 24046}
    for mq, expected in known.items():
        assert table["nssp"][mq] == pytest.approx(expected, rel=1e-3, abs=0.5)
        assert table["nssp_max_bus"][mq] == 32
        assert table["binding"][mq] == 4
    assert (table[table.index < 0.1854]["nssp"] == 0).all()
    assert (table[table.index < 0.1854]["binding"] == 0).all()
    others = runs.inverters[runs.inverters["bus"] != 32]
    assert others["nssp_per_pu"].max() < 0.1
    binding = runs.pairs[runs.pairs["binding"]]
    pairs = set(zip(binding["bus"], binding["neighbor"], strict=True))
    assert pairs == {(32, 30), (32, 36), (32, 37), (32, 38)}


def test_fig5_prices_fall_with_grid_strength_to_zero(study):
    table = price(study("fig5")).set_index("alpha")
    for alpha, expected in {0.9: 18828, 0.95: 12745, 1.0: 3917}.items():
        assert table["nssp"][alpha] == pytest.approx(expected, rel=1e-3)
    assert (table[table.index >= 1.05]["nssp"] == 0).all()
    assert (np.diff(table["nssp"]) <= 0).all()


def test_fig6_stability_costs_less_where_reactive_power_costs_more(study):
    table = study("fig6").scenarios
    curves = table.pivot(index="mq", columns="eta_q", values="cost")
    increase = curves - curves.iloc[0]
    assert (increase > -0.01).all(axis=None)
    assert (np.diff(increase[increase.index > 0.27], axis=1) < 0).all()  # order in eta_q
    assert (np.diff(increase.to_numpy(), axis=0) > -0.01).all()


def test_fig7_the_critical_droop_rises_with_the_reactive_cost(study):
    table = price(study("fig7"))
    found = {}
    for eta_q, curve in table.groupby("eta_q"):
        curve = curve.set_index("mq")
        (m1, p1), (m2, p2) = list(curve[curve["nssp"] > 1]["nssp"].items())[:2]
        found[eta_q] = m1 - p1 * (m2 - m1) / (p2 - p1)  # where the price leaves zero
    assert found == pytest.approx(CRITICAL, abs=2e-4)
    assert list(found.values()) == sorted(found.values())
    curves = table.pivot(index="mq", columns="eta_q", values="nssp")
    assert (np.diff(curves.to_numpy(), axis=1) <= 0).all()  # prices fall as eta_q rises
    assert set(table[table["nssp"] > 1]["nssp_max_bus"]) == {32}


@pytest.mark.parametrize("eta_q", [0.1, 0.5])
def test_fig8_prices_over_grid_strength_are_u_shaped(study, eta_q):
    table = price(study("fig8"))
    curve = table[table["eta_q"] == eta_q].set_index("alpha")["nssp"]
    assert curve[1.1] == 0 < min(curve[0.9], curve[1.3])
    zero = curve[curve == 0].index
    assert (np.diff(curve[curve.index <= zero.min()]) <= 0).all()
    assert (np.diff(curve[curve.index >= zero.max()]) >= 0).all()
    flat = table[table["eta_q"] == 0].set_index("alpha")["nssp"]
    assert (flat[flat.index >= 1.05] == 0).all()


def test_fig9_stability_costs_something_where_it_has_a_price(study):
    runs = study("fig9")
    table = price(runs)
    curves = table.pivot(index=["eta_q", "alpha"], columns="criterion", values="cost")
    increase = curves["voltage-difference"] - curves["none"]
    nssp = table[table["criterion"] == "voltage-difference"].set_index(["eta_q", "alpha"])["nssp"]
    assert (increase > -0.01).all()
    assert (increase[nssp == 0] < 0.01).all()
    assert (increase[nssp > 100] > 0.01).all()
    assert curves["none"][0.0, 1.0] == pytest.approx(J0, abs=5e-3)


def test_fig10_prices_rise_with_droop_and_fall_with_reactive_cost(study):
    table = price(study("fig10")).pivot(index="mq", columns="eta_q", values="nssp")
    assert (np.diff(table.to_numpy(), axis=0) >= 0).all()
    assert (np.diff(table.to_numpy(), axis=1) <= 0).all()
    assert table.loc[0.2, 0.0] == pytest.approx(3917, rel=1e-3)
