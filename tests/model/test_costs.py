"""Forms of reactive power cost: what they cost, what they price, how they are changed."""

import pickle

import numpy as np
import pytest

import scopf
from scopf.engine.nlp import NLP
from scopf.network.kron import Reduction
from tests.engine.portrait import same

BASE = 100.0  # MVA, of case39
EXACT = {"tol": 1e-10}  # for differences of costs

FORMS = {
    "eta_q": {"eta_q": 0.1},
    "d": {"d": 0.01},
    "size": {"q_price": 2.0},
    "size, some units": {"q_price": {1: 1.0, 3: 3.0, 4: 0.5}},
    "opportunity": {"opportunity_price": 5.0},
    "opportunity, some inverters": {"opportunity_price": {32: 5.0, 39: 1.0}},
    "circle": {"capability": True},
    "all": {"capability": True, "q_price": 1.0, "opportunity_price": 3.0, "eta_q": 0.1},
}
NETS = {"lossless": (True, 0.3), "lossy": (False, 0.45)}  # with droops at which a price is positive
NET = scopf.load_case("case39").lossless()


def inverters(net, mq=0.3, **given):
    return scopf.Inverters.at_generators(net, mq=mq, **({"rating_factor": 1.05} | given))


def build(form, net=NET, mq=0.3, **more):
    return scopf.build(net, inverters(net, mq), **FORMS[form], **more)


def optimal(problem):
    solution = scopf.solve(problem, options=EXACT)
    assert solution.status == "optimal"
    return solution


def by_number(given, numbers):
    return np.array([(given.get(n, 0.0) if isinstance(given, dict) else given) for n in numbers])


def formula(form, solution):
    """Cost of reactive power by generator and by inverter, and their slopes, by the equations."""
    gens, table = solution.gens, solution.inverters
    asked = {"eta_q": 0.0, "d": None, "q_price": 0.0, "opportunity_price": 0.0, **FORMS[form]}
    c = solution.problem.base.gen.cost_p[:, 2] / BASE**2
    d = asked["eta_q"] * c if asked["d"] is None else asked["d"]
    q = gens["q_mvar"].to_numpy()
    price = by_number(asked["q_price"], gens["gen"])
    of_gens = d * q**2 + price * abs(q), 2 * d * q + price * np.sign(q)
    p = by_number(asked["opportunity_price"], table["bus"])
    s, q = table["rating_mva"].to_numpy(), table["q_mvar"].to_numpy()
    root = np.sqrt(np.where(p > 0, s**2 - q**2, 1.0))
    return of_gens, (p * (s - root) * (p > 0), p * q / root * (p > 0))


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


@pytest.fixture(params=NETS)
def case(request):
    lossless, mq = NETS[request.param]
    net = scopf.load_case("case39")
    return (net.lossless() if lossless else net), mq


# -- one contract for every form -----------------------------------------------


def test_costs_are_those_of_the_equations_and_add_up(form, case):
    net, mq = case
    solution = optimal(build(form, net, mq))
    (q_cost, _), (lost, _) = formula(form, solution)
    at = solution.point.pg[:, None] ** np.arange(net.gen.cost_p.shape[1])
    p_cost = (net.gen.cost_p * at).sum(axis=1)
    assert solution.gens["cost_per_h"].to_numpy() == pytest.approx(p_cost + q_cost, abs=1e-3)
    assert solution.inverters["cost_q_per_h"].to_numpy() == pytest.approx(lost, abs=1e-3)
    total = solution.gens["cost_per_h"].sum() + solution.inverters["cost_q_per_h"].sum()
    assert total == pytest.approx(solution.cost, rel=1e-12)


def test_the_price_of_reactive_power_is_the_slope_of_its_cost(form, case):
    """At a unit whose Q no limit holds, dJ*/dQ_load is the slope of what Q costs there."""
    net, mq = case
    solution = optimal(build(form, net, mq))
    (_, own), (_, lost) = formula(form, solution)
    gens = solution.gens
    free = (gens[["mu_q_min_per_mvarh", "mu_q_max_per_mvarh"]] < 1e-4).all(axis=1)
    free &= abs(gens["q_mvar"]) > 0.1  # |Q| has no slope at zero
    inverters = solution.inverters.set_index("bus").loc[gens["bus"]]
    if "capability" in FORMS[form]:
        free &= inverters["loading_percent"].to_numpy() < 99.9
    price = solution.buses.set_index("bus").loc[gens["bus"], "lmp_q_balance_per_mvarh"].to_numpy()
    expected = own + lost
    assert free.sum() >= 3
    assert price[free] == pytest.approx(expected[free], rel=1e-3, abs=1e-4)


def test_the_cost_moves_as_reactive_power_is_forced(form):
    """The limit of one unit's Q: its price is the finite difference of the optimal cost."""
    free = optimal(build(form))
    row = int(np.argmax(free.point.qg - NET.gen.qmin))
    held = free.point.qg[row] - 0.1

    def at(step):
        qmax = np.array(NET.gen.qmax)
        qmax[row] = held + step
        return optimal(build(form, NET.replace(gen={"qmax": qmax})))

    slope = -(at(1e-4).cost - at(-1e-4).cost) / 2e-4
    price = at(0).gens["mu_q_max_per_mvarh"][row] * BASE
    assert price > 1
    assert price == pytest.approx(slope, rel=2e-3)


def test_an_update_makes_what_build_makes(form):
    asked = {key: value for key, value in FORMS[form].items() if key != "capability"}
    start = {key: 0.0 for key in asked if key != "d"}
    base = {key: value for key, value in FORMS[form].items() if key == "capability"}
    problem = scopf.build(NET, inverters(NET), **base, **start)
    compiled = NLP(problem.formulation)
    problem.update(**asked)
    assert compiled.refresh()
    fresh = build(form)
    same(compiled, NLP(fresh.formulation))
    scopf.solve(problem)
    kept = problem.compiled[False]
    ours, theirs = optimal(problem), optimal(fresh)
    assert problem.compiled[False] is kept
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-9)


def test_an_update_of_the_model_does_so_too(form):
    asked = {key: value for key, value in FORMS[form].items() if key != "capability"}
    problem = build(form)
    _ = problem.model
    for factor in (0.0, 2.0):
        values = {
            key: {k: factor * v for k, v in one.items()} if isinstance(one, dict) else factor * one
            for key, one in asked.items()
        }
        problem.update(**values)
        capability = "capability" in FORMS[form]
        fresh = scopf.build(NET, inverters(NET), capability=capability, **values)
        same(NLP(problem.model.clone()), NLP(fresh.formulation))
        same(NLP(problem.formulation), NLP(fresh.formulation))


def test_a_pickled_problem_keeps_its_forms(form):
    problem = build(form)
    copy = pickle.loads(pickle.dumps(problem))
    same(NLP(copy.formulation), NLP(problem.formulation))
    assert copy.scenario == problem.scenario
    assert scopf.solve(copy).cost == pytest.approx(scopf.solve(problem).cost, rel=1e-9)


def test_the_lifted_form_finds_the_same(form):
    problem = build(form)
    assert scopf.solve(problem, form="lifted").cost == pytest.approx(
        scopf.solve(problem).cost, rel=1e-7
    )


def test_nssp_and_lmps_are_slopes_of_the_cost(form, case):
    net, mq = case
    problem = build(form, net, mq)
    solution = optimal(problem)
    m = problem.model
    table = solution.inverters.set_index("bus")
    bus = int(table["nssp_per_pu"].idxmax())
    assert table.loc[bus, "nssp_per_pu"] > 50
    buses = solution.buses.set_index("bus")
    loaded = int(buses["q_load_mvar"].idxmax())
    prices = [
        (m.inverter_gamma_offset, bus, 1e-5, -table.loc[bus, "nssp_per_pu"]),
        (m.bus_pd, loaded, 1e-3, buses.loc[loaded, "lmp_p_per_mwh"] * BASE),
        (m.bus_qd, loaded, 1e-3, buses.loc[loaded, "lmp_q_per_mvarh"] * BASE),
    ]
    for parameter, key, step, price in prices:
        value = parameter[key].value
        costs = []
        for sign in (1, -1):
            parameter[key] = value + sign * step
            costs.append(optimal(problem).cost)
        parameter[key] = value
        assert (costs[0] - costs[1]) / (2 * step) == pytest.approx(price, rel=2e-3, abs=0.2)


@pytest.mark.parametrize("form", ["opportunity", "circle", "all"])
def test_the_price_of_a_rating_is_what_more_of_it_saves(form, case):
    net, mq = case
    problem = build(form, net, mq)
    solution = optimal(problem)
    prices = solution.inverters["mu_s_per_mvah"]
    row = int(prices.idxmax())
    bus = int(solution.inverters["bus"][row])
    rating = solution.inverters["rating_mva"][row] / BASE
    costs = []
    for sign in (1, -1):
        problem.model.inverter_rating[bus] = rating + sign * 1e-4
        costs.append(optimal(problem))
    assert costs[0].inverters["rating_mva"][row] == pytest.approx((rating - -1e-4) * BASE)
    assert prices[row] > 0.1
    slope = (costs[1].cost - costs[0].cost) / 2e-4 / BASE
    assert prices[row] == pytest.approx(slope, rel=2e-3)
    assert (prices >= 0).all()


# -- single forms -----------------------------------------------


def test_price_zero_costs_and_limits_nothing():
    plain = scopf.solve(scopf.build(NET, inverters(NET)))
    small = inverters(NET, rating_mva=1.0, rating_factor=None)  # would leave no Q at all
    zero = scopf.solve(scopf.build(NET, small, q_price=0, opportunity_price=0))
    assert zero.cost == pytest.approx(plain.cost, rel=1e-9)
    assert zero.iterations <= plain.iterations + 3
    assert (zero.inverters["cost_q_per_h"] == 0).all()
    assert zero.inverters["mu_s_per_mvah"].max() < 1e-6
    split = zero.problem.formulation["gen_qg_supplied"].value
    assert abs(split).max() < 10


def test_the_split_is_that_of_the_reactive_power():
    problem = scopf.build(scopf.load_case("case39"), criterion="none", q_price=0.5)
    solution = scopf.solve(problem)
    f, qg = problem.formulation, solution.point.qg
    supplied, absorbed = f["gen_qg_supplied"].value, f["gen_qg_absorbed"].value
    assert (qg < -0.1).any()
    assert supplied - absorbed == pytest.approx(qg, abs=1e-7)
    assert np.minimum(supplied, absorbed).max() < 1e-5


def test_the_split_adds_no_limit_to_the_box_of_reactive_power():
    """Neither where a box has one sign only or no end, nor where it is changed on the model."""
    lossy = scopf.load_case("case39")
    for low, high in ((2.5, 3.0), (-2.0, -0.2), (-np.inf, np.inf), (0.3, 0.3)):
        qmin, qmax = np.array(lossy.gen.qmin), np.array(lossy.gen.qmax)
        qmin[5], qmax[5] = low, high
        net = lossy.replace(gen={"qmin": qmin, "qmax": qmax})
        solution = scopf.solve(scopf.build(net, criterion="none", q_price=0.5))
        assert solution.status == "optimal"
        assert low - 1e-6 <= solution.point.qg[5] <= high + 1e-6
        expected = 0.5 * BASE * abs(solution.point.qg).sum()
        assert _reactive(solution) == pytest.approx(expected, abs=1e-3)
    problem = scopf.build(NET, criterion="none", q_price=0.5)
    first = scopf.solve(problem)
    problem.model.gen_qg[6].setub(20.0)
    problem.model.gen_qg[6].setlb(4.0)
    moved = scopf.solve(problem)
    assert first.point.qg[5] < 3.5
    assert moved.status == "optimal"
    assert moved.point.qg[5] == pytest.approx(4.0, abs=1e-6)


def _reactive(solution):
    """Cost of reactive power of all units together."""
    powers = solution.point.pg[:, None] ** np.arange(solution.problem.base.gen.cost_p.shape[1])
    return solution.cost - (solution.problem.base.gen.cost_p * powers).sum()


def test_starts_fit_the_split():
    problem = scopf.build(NET, criterion="none", q_price=1.0)
    costs = [scopf.solve(problem, start=s).cost for s in ("dc", "flat", "middle", "power-flow")]
    assert costs == pytest.approx([costs[0]] * 4, rel=1e-7)


def test_a_warm_start_after_a_price_of_zero():
    problem = scopf.build(NET, inverters(NET), q_price=0, opportunity_price=0)
    first = scopf.solve(problem)
    warm = scopf.solve(problem.update(q_price=0.5, opportunity_price=2.0), start=first)
    cold = scopf.solve(problem)
    assert warm.cost == pytest.approx(cold.cost, rel=1e-7)


def near_the_end(share):
    """Two buses; the load's Q leaves inverter 1 this share of its rating at least."""
    net = scopf.load_case("two_bus_q").replace(
        bus={"pd": [0.1, 0.1], "qd": [share, 0.1]},
        gen={"cost_q": np.zeros((2, 3)), "qmax": [5, 0.1], "qmin": [-5, 0.1]},
    )
    return scopf.Inverters.at_generators(net, rating_mva=1.0), net


@pytest.mark.parametrize("share", [0.9, 0.99, 0.999, 0.99999])
def test_lost_opportunity_near_the_end_of_the_circle(share):
    units, net = near_the_end(share)
    problem = scopf.build(net, units, criterion="none", opportunity_price=10.0)
    for start in ("dc", "flat", "power-flow"):
        solution = scopf.solve(problem, start=start)
        assert solution.status == "optimal"
        assert solution.iterations < 60
        q = solution.inverters["q_mvar"][0]
        assert q == pytest.approx(share, abs=2e-3)
        expected = 10 * (1 - np.sqrt(1 - q**2))
        assert solution.inverters["cost_q_per_h"][0] == pytest.approx(expected, rel=1e-5)


def test_lost_opportunity_beyond_the_rating_is_infeasible():
    units, net = near_the_end(1.3)
    problem = scopf.build(net, units, criterion="none", opportunity_price=10.0)
    assert scopf.solve(problem).status == "infeasible"
    assert scopf.solve(problem.update(opportunity_price=0)).solved


def test_units_of_one_inverter_lose_opportunity_together():
    net = scopf.load_case("case9").replace(gen={"bus": [1, 2, 1]})
    units = scopf.Inverters.at_generators(net, rating_mva=250.0)
    solution = optimal(scopf.build(net, units, criterion="none", opportunity_price=10.0))
    table = solution.inverters
    s, q = table["rating_mva"], table["q_mvar"]
    assert table["units"].tolist() == [2, 1]
    assert s.tolist() == [500, 250]
    expected = 10 * (s - np.sqrt(s**2 - q**2))
    assert table["cost_q_per_h"].to_numpy() == pytest.approx(expected.to_numpy(), abs=2e-5)
    assert q.abs().min() > 1


# -- the two-bus system -----------------------------------------------


def two_bus(limit, scale=1.0, **costs):
    """Table II with its reactive costs scaled, and further ones."""
    net = scopf.load_case("two_bus_q")
    net = net.replace(gen={"cost_q": net.gen.cost_q * scale})
    return solved_two_bus(net, limit, 1.0, **costs)


def endogenous(limit, rating=0.9, **costs):
    """No reactive cost at all, and a cheap unit 1."""
    net = scopf.load_case("two_bus_q").replace(
        bus={"pd": [0.45, 0.7], "qd": [0.45, 0.2]},
        gen={"cost_p": [[0, 0.2, 0.12], [0, 0.8, 0.16]], "cost_q": np.zeros((2, 3))},
    )
    return solved_two_bus(net, limit, rating, **costs)


def solved_two_bus(net, limit, rating, **costs):
    b_11 = Reduction(net, np.arange(2)).susceptance[0, 0]
    mq = {1: 1 / (2 * b_11 * limit), 2: 1e-2}
    units = scopf.Inverters.at_generators(net, mq=mq, rating_mva={1: rating, 2: 50.0})
    return optimal(scopf.build(net, units, **costs))


def closed_form(solution, slope_1, slope_2):
    """NSSP of inverter 1 where only its row binds; slopes of what Q1 and Q2 cost."""
    b, (v1, v2) = 8.0, solution.point.vm
    sec = 1 / np.cos(solution.point.va[1])
    return b * (slope_1 * v1 * sec - slope_2 * (2 * v2 - v1 * sec))


@pytest.mark.parametrize(
    ("scale", "price"),
    [(0, 0), (0.01, 0.0928), (0.1, 0.928), (1, 8.048), (2, 13.02), (3, 17.69)],
)
def test_two_bus_price_over_the_scale_of_the_reactive_cost(scale, price):
    found = two_bus(0.04, scale).inverters["nssp_per_pu"][0]
    digits = len(str(price).partition(".")[2])
    assert found == pytest.approx(price, abs=10.0**-digits)


def test_two_bus_price_is_the_closed_form_for_every_cost():
    plain = two_bus(0.04)
    q1, q2 = plain.point.qg
    assert plain.inverters["nssp_per_pu"][0] == pytest.approx(
        closed_form(plain, 16 * q1, 6 * q2), rel=1e-6
    )
    size = two_bus(0.04, q_price=2.0)
    q1, q2 = size.point.qg
    slopes = 16 * q1 + 2 * np.sign(q1), 6 * q2 + 2 * np.sign(q2)
    assert size.inverters["nssp_per_pu"][0] == pytest.approx(closed_form(size, *slopes), rel=1e-5)
    lost = two_bus(0.04, opportunity_price={1: 3.0})
    q1, q2 = lost.point.qg
    slopes = 16 * q1 + 3 * q1 / np.sqrt(1 - q1**2), 6 * q2
    assert lost.inverters["nssp_per_pu"][0] == pytest.approx(closed_form(lost, *slopes), rel=1e-5)
    assert len({round(s.inverters["nssp_per_pu"][0], 3) for s in (plain, size, lost)}) == 3


@pytest.mark.parametrize(("limit", "price"), [(0.005, 2.138), (0.02, 1.370)])
def test_a_circle_alone_makes_the_price_positive(limit, price):
    """Opportunity cost from within: unit 1 on its circle sells less when it supplies Q."""
    solution = endogenous(limit, capability=True)
    table = solution.inverters
    assert table["nssp_per_pu"][0] == pytest.approx(price, abs=5e-4)
    assert table["loading_percent"][0] == pytest.approx(100, abs=1e-4)
    # On the circle mu_s = 2 lambda, and lambda (P^2 + Q^2)/S costs what d1 = lambda/S would.
    d1 = table["mu_s_per_mvah"][0] / 2 / 0.9
    expected = closed_form(solution, 2 * d1 * solution.point.qg[0], 0.0)
    assert table["nssp_per_pu"][0] == pytest.approx(expected, rel=1e-5)


def test_without_a_circle_that_binds_there_is_no_such_price():
    for costs in ({"rating": 1e3, "capability": True}, {"capability": False}):
        found = endogenous(0.005, **costs).inverters
        assert found["nssp_per_pu"].max() < 1e-5
        assert found["mu_s_per_mvah"].max() < 1e-6


# -- faults -----------------------------------------------


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"q_price": -1.0}, "q_price.*zero or positive"),
        ({"q_price": {99: 1.0}}, "q_price.*number 99"),
        ({"q_price": {1: float("nan")}}, "q_price of gen 1"),
        ({"q_price": "much"}, "q_price"),
        ({"q_price": [1.0, 2.0]}, "q_price"),
        ({"opportunity_price": -1.0}, "opportunity_price.*zero or positive"),
        ({"opportunity_price": {1: 1.0}}, "opportunity_price.*no inverter at bus 1"),
        ({"opportunity_price": {30.5: 1.0}}, "not a bus number"),
        ({"opportunity_price": float("inf")}, "opportunity_price"),
    ],
)
def test_faulty_prices_are_refused_and_change_nothing(costs, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.build(NET, inverters(NET), **costs)
    problem = scopf.build(NET, inverters(NET), q_price=1.0, opportunity_price={30: 1.0})
    scenario, nlp = problem.scenario, NLP(problem.formulation)
    with pytest.raises(scopf.ScopfError, match=said):
        problem.update(load_scale=0.9, **costs)
    assert problem.scenario is scenario
    same(nlp, NLP(problem.formulation))


@pytest.mark.parametrize("name", ["q_price", "opportunity_price"])
def test_a_form_that_was_not_asked_for_has_no_variables_and_no_update(name):
    problem = scopf.build(NET, inverters(NET))
    assert not [n for n in problem.formulation.symbols if "supplied" in n or "available" in n]
    with pytest.raises(scopf.ScopfError, match=f"give `build` {name}=0"):
        problem.update(**{name: 1.0})


def test_a_price_where_the_rating_leaves_no_reactive_power_is_refused():
    qmin = np.array(NET.gen.qmin)
    qmin[0] = 1.2
    net = NET.replace(gen={"qmin": qmin})
    units = inverters(net, rating_mva=100.0, rating_factor=None)
    with pytest.raises(scopf.ScopfError, match="at bus 30"):
        scopf.build(net, units, opportunity_price=1.0)
    assert scopf.build(net, units, opportunity_price={39: 1.0})


def test_a_series_of_prices_is_taken_as_it_is_now():
    import pandas as pd

    prices = pd.Series({30: 1.0, 31: 2.0})
    problem = scopf.build(NET, inverters(NET), opportunity_price=prices, q_price=pd.Series({1: 1}))
    prices[30] = 9.0
    assert problem.scenario.opportunity_price == {30: 1.0, 31: 2.0}
    assert problem.formulation["inverter_opportunity_price"].values[:2].tolist() == [100, 200]
    assert problem.update(q_price=pd.Series({2: 1})).scenario.q_price == {2: 1}
