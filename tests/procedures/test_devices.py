"""Dispatches beside machines: costs, prices, claims, and what is written and read again."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.devices import machine
from scopf.results import claims

ODD, EVEN = [31, 33, 35, 37, 39], [30, 32, 34, 36, 38]
AVR = {"device": "avr", "ka": 20, "ta": 0.05, "r": 0.005, "tg": 0.5}


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def plain(net):
    return scopf.solve(scopf.build(net, criterion="none")).cost


def machines(buses, **columns):
    table = scopf.devices_table("case39")
    return table[table["bus"].isin(buses)].assign(**columns)


def solved(net, table, mq, **given):
    return scopf.solve(scopf.build(net, mq=mq, criterion="weighted", devices=table, **given))


def dearest(solution):
    return solution.inverters.set_index("bus")["nssp_per_pu"].idxmax()


@pytest.mark.parametrize(
    ("buses", "mq", "constant", "field"),
    [
        (ODD, 0.15, (0.104, 32), (9.751, 36)),
        (ODD, 0.20, (718.06, 32), (263.45, 36)),
        (EVEN, 0.10, (0.0, None), (415.00, 33)),
    ],
)
def test_what_stability_costs_beside_machines(net, plain, buses, mq, constant, field):
    """Costs from a computation with another program."""
    gens = net.gen.id[np.isin(net.gen.bus, buses)].tolist()
    inverters = scopf.Inverters.at_generators(net, without=gens, mq=mq)
    for (cost, bus), found in (
        (constant, scopf.solve(scopf.build(net, inverters, criterion="weighted"))),
        (field, solved(net, machines(buses), mq)),
        ((0.0, None), solved(net, machines(buses, **AVR), mq)),
    ):
        assert found.status == "optimal"
        assert found.cost - plain == pytest.approx(cost, rel=1e-4, abs=6e-4)
        if bus is not None:
            assert dearest(found) == bus


def test_nssp_is_the_slope_of_the_cost_beside_machines(net):
    table = machines(ODD)
    problem = scopf.build(net, mq=0.2, criterion="weighted", devices=table)
    at = scopf.solve(problem).inverters.set_index("bus")
    for bus in (32, 36):
        costs = {
            sign: scopf.solve(problem.update(mq={**dict.fromkeys(EVEN, 0.2), bus: 0.2 + sign})).cost
            for sign in (-1e-4, 1e-4)
        }
        slope = (costs[1e-4] - costs[-1e-4]) / 2e-4
        assert at.loc[bus, "dcost_dmq"] == pytest.approx(slope, rel=1e-3)
        # -dJ/d(1/k) = dJ/dk k^2, with beta_q = 1
        assert at.loc[bus, "nssp_per_pu"] == pytest.approx(slope * 0.2**2, rel=1e-3)


def test_load_angles_keep_within_their_limit(net):
    found = solved(net, machines(ODD), 0.15)
    of = found.problem.scenario.devices.machines
    row = found.gens.set_index("gen").loc[of.gen]
    v = found.buses.set_index("bus").loc[of.bus, "vm"].to_numpy()
    p, q = row["p_mw"].to_numpy() / 100, row["q_mvar"].to_numpy() / 100
    assert (machine.curvature(p, q, v, of.xd, of.xq).ff > 0).all()


def test_typical_machines_on_their_ratings(net, plain):
    """Ratings instead of reactances: machines are worse than constant power, or refuse."""
    table = pd.DataFrame({"bus": ODD, "device": "one-axis", "s_mva": 1.2 * 1000.0})
    found = solved(net, table, 0.1)
    assert found.status == "optimal"
    assert found.cost >= plain - 1e-3


# -- claims -----------------------------------------------


def test_claims_say_what_devices_leave_of_them(net):
    assert solved(net, machines(ODD), 0.15).claim == "stable"
    assert "constant power: stable\n" in str(solved(net, machines(ODD), 0.15))
    undamped = solved(net, machines(ODD, d=0), 0.15)
    assert undamped.claim == "no growing mode"
    assert "constant power: no growing mode\n" in str(undamped)
    assert solved(net, machines(ODD, d=0, r=0.05), 0.15).claim == "stable"
    regulated = solved(net, machines(ODD, **AVR), 0.15)
    assert regulated.claim is None
    assert regulated.unmet == ("voltage regulators, which may let oscillations grow, at 5 buses",)
    gfl = solved(net, pd.DataFrame({"bus": [30], "device": "gfl"}), 0.1)
    assert gfl.unmet == ("phase-locked loops at 1 bus",)


def test_rows_of_another_criterion_do_not_know_machines(net, caplog):
    found = scopf.solve(scopf.build(net, criterion="C0", mq=0.05, devices=machines(ODD)))
    assert "the rows of C0 do not know machines" in caplog.text
    assert "machines at 5 buses, which its rows do not know" in found.unmet
    assert found.claim is None
    gens = net.gen.id[np.isin(net.gen.bus, ODD)].tolist()
    inverters = scopf.Inverters.at_generators(net, without=gens, mq=0.05)
    as_before = scopf.solve(scopf.build(net, inverters, criterion="C0"))
    assert found.cost == pytest.approx(as_before.cost, abs=1e-6)


def test_a_point_that_does_not_hold_its_rows_has_no_claim(net):
    """Rows as constant power would have them say nothing of machines."""
    found = solved(net, machines(ODD), 0.15)
    gens = net.gen.id[np.isin(net.gen.bus, ODD)].tolist()
    inverters = scopf.Inverters.at_generators(net, without=gens, mq=0.15)
    as_power = scopf.solve(scopf.build(net, inverters, criterion="weighted"))
    setting = found.setting
    point = as_power.point
    unmet = claims.unmet(found.problem.criterion, setting, as_power.energized,
                         (point.vm, point.va), (point.pg, point.qg))  # fmt: skip
    assert len(unmet) == 1
    assert unmet[0].startswith("the rows do not hold")


# -- written and read again -----------------------------------------------


def test_a_solution_with_devices_is_read_again(net, tmp_path):
    table = machines(ODD, **AVR)
    table.loc[table.index[0], ["device", "ka", "ta"]] = ["one-axis", np.nan, np.nan]
    table = pd.concat([table, pd.DataFrame({"bus": [30], "device": ["gfl"], "kv": [5.0]})])
    found = solved(net, table, 0.2)
    found.save(tmp_path / "solution.json")
    again = scopf.load_solution(tmp_path / "solution.json")
    assert again.cost == found.cost
    assert again.unmet == found.unmet
    assert again.inverters.equals(found.inverters)
    for part in ("machines", "followers"):
        one, other = (getattr(s.problem.scenario.devices, part) for s in (found, again))
        for name, values in vars(one).items():
            assert values.tolist() == getattr(other, name).tolist(), name


# -- certified solves -----------------------------------------------


def test_certify_ends_where_no_droop_could_be_tightened(caplog):
    """Machines alone, with losses: there is no inverter, so that a droop margin changes nothing."""
    lossy = scopf.load_case("case39")
    every = scopf.devices_table("case39")
    problem = scopf.build(lossy, criterion="weighted", devices=every, load_scale=0.5)
    found = scopf.solve(problem, certify=True)
    assert found.status == "optimal"
    assert len(found.checks) == 1
    assert not found.certified  # a slow mode grows: with losses the rows are a heuristic
    assert "not certified: the criterion weighted does not see the instability" in caplog.text
    assert found.claim is None


def test_certify_tightens_droops_beside_machines():
    """Rows leave a slow growing mode where there are losses; a larger droop margin removes it."""
    net = scopf.load_case("pglib_opf_case118_ieee")
    gen = net.energized().gen
    rng = np.random.default_rng(1)
    chosen = np.sort(rng.choice(gen.id, len(gen) // 2, replace=False))
    limits = np.abs([gen.pmin, gen.pmax, gen.qmin, gen.qmax])[:, np.searchsorted(gen.id, chosen)]
    rating = 1.2 * limits.max(axis=0) * net.base_mva
    table = pd.DataFrame({"gen": chosen, "device": "one-axis", "s_mva": rating, "d": 2.0})
    problem = scopf.build(net, mq=0.4, criterion="weighted", devices=table)
    once = scopf.solve(problem)
    found = scopf.solve(problem, certify=True)
    assert not once.verify().stable
    assert found.certified
    assert found.checks[0].droop_margin == 0.06
    assert found.checks[-1].droop_margin > 0.06
    assert found.cost > once.cost
    assert problem.scenario.droop_margin == 0.06
