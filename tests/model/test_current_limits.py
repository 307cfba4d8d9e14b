"""Ratings of branches that limit currents: rows, checks, prices, relaxations, sweeps."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.engine.nlp import NLP
from tests.engine.test_nlp import check_derivatives, check_values
from tests.results.test_violations import found

CASE5 = scopf.load_case("pglib_opf_case5_pjm")
ENDS = ("from", "to")


def built(net, **more):
    return scopf.build(net, criterion="none", **more)


def with_rate(net, row, rate):
    rates = np.array(net.branch.rate)
    rates[row] = rate
    return net.replace(branch={"rate": rates})


@pytest.fixture(scope="module")
def solution():
    return scopf.solve(built(CASE5, limit="current"))


def currents(solution, end):
    """|I| at one end of every branch, per unit, out of the flows in the tables."""
    net, table = solution.problem.base, solution.branches
    p, q = table[f"p{end[0]}_mw"], table[f"q{end[0]}_mvar"]
    vm = solution.point.vm[net.branch_from if end == "from" else net.branch_to]
    return np.hypot(p, q).to_numpy() / net.base_mva / vm


def test_currents_keep_to_the_ratings_and_powers_do_not(solution):
    table, rate = solution.branches, CASE5.branch.rate
    loading = np.maximum(*(currents(solution, end) for end in ENDS)) / rate
    assert solution.status == "optimal"
    assert loading.max() == pytest.approx(1.0, abs=1e-6)
    assert table["loading_percent"].to_numpy() == pytest.approx(100 * loading, rel=1e-9)
    power = np.hypot(table["pf_mw"], table["qf_mvar"]).to_numpy() / CASE5.base_mva
    assert (power / rate).max() > 1.01
    assert solution.cost < scopf.solve(built(CASE5)).cost - 100
    assert "ratings limit currents" in str(solution)


def test_rows_are_differentiated_and_are_what_pyomo_evaluates():
    net = scopf.load_case("pglib_opf_case3_lmbd")
    prob = built(net, limit="current", alpha=0.9)
    lifted, rng = NLP(prob.formulation, lift=True), np.random.default_rng(3)
    check_derivatives(lifted, lifted.consistent(lifted.start) + rng.uniform(-0.05, 0.05, lifted.n))
    m, nlp = prob.model, NLP(prob.model)
    x = nlp.start + rng.uniform(-0.05, 0.05, nlp.n)
    check_derivatives(nlp, x)
    check_values(nlp, x)
    branch = net.branch.id[np.isfinite(net.branch.rate)].tolist()[0]
    bus, rate = (
        column[net.branch.id == branch][0] for column in (net.branch.to_bus, net.branch.rate)
    )
    power = m.branch_p_to[branch]() ** 2 + m.branch_q_to[branch]() ** 2
    expected = power / m.bus_vm[bus].value ** 2 / rate
    assert m.branch_limit_to[branch].body() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("end", ENDS)
def test_the_price_is_what_more_rating_saves(end):
    """Of the branch as it is and turned round, so that the priced end is once either."""
    net, branch = CASE5, CASE5.branch
    if end == "from":
        net = net.replace(branch={"from_bus": branch.to_bus, "to_bus": branch.from_bus})
    sol = scopf.solve(built(net, limit="current"))
    prices = sol.branches[[f"mu_s_{one}_per_mvah" for one in ENDS]].to_numpy()
    row = int(np.argmax(prices.max(axis=1)))
    assert prices[row, ENDS.index(end)] == prices.max() > 1
    rate, step = branch.rate[row], 1e-4
    ahead, behind = (
        scopf.solve(built(with_rate(net, row, rate + h), limit="current")).cost
        for h in (step, -step)
    )
    saving = (behind - ahead) / (2 * step)
    assert prices[row].sum() * net.base_mva == pytest.approx(saving, rel=1e-3)


def test_a_current_beyond_its_rating_is_found_without_the_rows(solution):
    prob, point, net, vm = solution.problem, solution.point, CASE5, 0.8
    moved = found(prob, solution, [("bus_vm", 0, vm)])
    v = point.vm * np.exp(1j * point.va)
    v[0] *= vm / point.vm[0]
    y = net.admittances
    i = (y.gff + 1j * y.bff) * v[net.branch_from] + (y.gft + 1j * y.bft) * v[net.branch_to]
    excess = (np.abs(i) - net.branch.rate).max()
    assert excess > 1
    assert moved["branch_limit_from"] == pytest.approx(excess, rel=1e-9)


def test_a_diagnosis_says_the_current_that_is_needed():
    case9 = scopf.load_case("case9")
    net = case9.replace(gen={"pmax": np.array([2.5, 1.0, 1.0])})
    net = with_rate(net, 0, 1.0)
    row = scopf.diagnose(built(net, limit="current")).limits.iloc[0]
    assert (row["limit"], row["element"].split()[:2]) == ("thermal limit", ["branch", "1"])
    more = row["needed"] - row["present"]
    for share, solved in ((1.0, True), (0.9, False)):
        rate = (row["present"] + share * more) / net.base_mva
        assert scopf.solve(built(with_rate(net, 0, rate), limit="current")).solved is solved


def test_sweeps_and_the_command_line_offer_both(solution, tmp_path):
    study = {"case": "pglib_opf_case5_pjm", "criterion": "none", "limit": ["power", "current"]}
    runs = scopf.sweep(study.pop("case"), **study).scenarios
    power = scopf.solve(built(CASE5)).cost
    assert runs["cost"].tolist() == pytest.approx([power, solution.cost], rel=1e-7)
    again = scopf.sweep(solution.problem, load_scale=[1.0]).scenarios
    assert again["cost"][0] == pytest.approx(solution.cost, rel=1e-7)
    with pytest.raises(scopf.CaseError, match="limit: should be 'power' or 'current', got 'amps'"):
        scopf.sweep("case9", limit="amps")
    command = ["solve", "pglib_opf_case5_pjm", "--criterion", "none", "--limit", "current"]
    shown = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert shown["limit"] == shown["settings"]["limit"] == "current"
    assert shown["cost"] == pytest.approx(solution.cost, rel=1e-7)


def test_other_limits_are_refused():
    with pytest.raises(scopf.ScopfError, match=r"limit is one of 'power'.*'current', got 'S'"):
        built(CASE5, limit="S")
    prob = built(CASE5, limit="current")
    assert "limit='current'" in repr(prob)
    assert prob.scenario.keywords["limit"] == "current"
