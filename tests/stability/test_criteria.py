"""The contract of every stability criterion, and what is particular to some."""

import json
import re

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.dynamics.energy import hessian
from scopf.engine.functions import cos, sin
from scopf.engine.nlp import NLP
from scopf.network.susceptances import Grid
from scopf.results import export
from scopf.stability import limits, registry
from scopf.stability.checking import faults
from scopf.stability.criteria.voltage_difference import Pairwise, VoltageDifference
from scopf.stability.line_sums import STRICT, LineSums
from scopf.stability.rows import NOBODY, OwnedRows
from tests.engine.portrait import same
from tests.engine.test_nlp import check_derivatives
from tests.grids import meshed

NAMES = registry.names()
WITH_ROWS = [name for name in NAMES if name != "none"]
PROVEN = [name for name in NAMES if registry.get(name).claim]
LOSSLESS = [name for name in PROVEN if not name.startswith("lossy")]
BEST_WEIGHTS = ("weighted", "lossy", "lossy-every-mp")  # their slack is what these leave
ROWS = ("inverter_stability", "bus_stability")

# Inverters at 1 to 4, no load where there is none: every proof applies.
GRID = meshed(
    [(1, 2), (2, 3), (1, 3), (3, 4)], [1, 2, 3, 4], {2: (1.5, 0.3), 3: (1, 0), 4: (1.2, 0)}
)
SOFT = 16.0  # droop at which all criteria bind there
NETWORKS = {
    "no load bus": GRID,
    "two buses": scopf.load_case("two_bus_q"),
    "39 buses": scopf.load_case("case39").lossless(),
    "losses, shunts, taps": scopf.load_case("case30"),
    "phase shifters": scopf.load_case("pglib_opf_case300_ieee"),
}


def network_for(name, network):
    """A network; a smaller one with phase shifters, of inductive lines, for `lossy`."""
    if network == "phase shifters" and name.startswith("lossy"):
        net = NETWORKS["losses, shunts, taps"]
        return net.replace(branch={"shift": np.linspace(-0.3, 0.3, len(net.branch))})
    return NETWORKS[network]


def problem(name, net=GRID, mq=SOFT, buses=None, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq, buses=buses)
    return scopf.build(net, inverters, criterion=name, **keywords)


def solved(made, **keywords):
    solution = scopf.solve(made, options={"tol": 1e-10}, **keywords)
    assert solution.status == "optimal"
    return solution


def exactly_stable(solution, reactances=False):
    """H positive definite, with loads of constant power or reactive ones of constant reactance."""
    made = solution.problem
    net = made.net
    grid, at = Grid.full(net), made.reduction.keep
    stiffness = np.zeros(len(grid))
    stiffness[at] = 1 / solution.inverter_data.k
    slope = 2 * solution.point.loads["qd"] / solution.point.vm * reactances
    h = hessian(grid, solution.point.vm, solution.point.va, stiffness, slope).toarray()
    return np.linalg.eigvalsh(h[1:, 1:])[0] > 0


class Somewhere:
    """Prices of a solver that has found none; every row is active."""

    def active(self, rows):
        return np.ones(len(rows), dtype=bool)

    def price(self, rows, *, lower=False):
        return np.zeros(len(rows))


def scattered(made, seed=0):
    """Put all variables of the formulation at some point that is not special."""
    rng, f = np.random.default_rng(seed), made.formulation
    f["bus_vm"].value[:] = rng.uniform(0.95, 1.05, len(f["bus_vm"]))
    f["bus_va"].value[:] = rng.uniform(-0.2, 0.2, len(f["bus_va"]))
    if "bus_log_weight" in f:
        f["bus_log_weight"].value[:] = rng.uniform(-0.1, 0.1, len(f["bus_log_weight"]))
    return made.opf.stability.read(made.setting, Somewhere())


# -- the contract -----------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_criterion_says_what_it_is(name):
    criterion = registry.get(name)
    assert criterion.name == name
    assert registry.get(name.upper()) is criterion
    assert criterion.network in ("full", "reduced")
    assert criterion.conditions
    assert faults(criterion) == []
    assert criterion.claim in (None, "stable", "no growing mode", "no growing real mode")
    assert criterion.source or name == "none"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", WITH_ROWS)
def test_rows_are_the_same_in_pyomo_and_in_numpy(name, network):
    made = problem(name, network_for(name, network), mq=0.3, margin=0.01, buses=None)
    if made.reduction.neighbors.pair_count > 200 and name == "voltage-difference":
        made = problem(VoltageDifference("pairs"), NETWORKS[network], 0.3, margin=0.01)
    rows = scattered(made).rows
    slack = [
        pyo.value(row.upper) - pyo.value(row.body)
        for family in ROWS
        if family in made.formulation
        for row in made.model.component(family).values()
    ]
    assert rows.limit - rows.value - rows.required == pytest.approx(slack, abs=1e-10)
    assert (rows.required[rows.limit > 0] >= 0.01).all()
    assert len(slack) >= len(made.inverters)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", WITH_ROWS)
def test_room_without_a_model_is_the_margin_of_the_rows(name, network):
    made = problem(name, network_for(name, network), mq=0.3)
    setting, criterion, f = made.setting, made.criterion, made.formulation
    found = scattered(made)
    seen = setting.view(criterion.network)
    point = [f[name].value[seen.buses] for name in ("bus_vm", "bus_va")]
    room = criterion.slack(seen.grid, seen.k, *point)
    assert criterion.slack(seen.grid, seen.k, *np.stack([point, point], axis=1)) == pytest.approx(
        np.stack([room, room]), abs=1e-9
    )
    if name in BEST_WEIGHTS:  # better than those at hand
        rows = found.rows
        assert room.max() >= (rows.limit - rows.value).min()
        assert np.ptp(room) == 0
    else:
        assert room == pytest.approx(found.margin, abs=1e-9)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_derivatives_of_the_rows(name):
    for lift in (False, True):
        nlp = NLP(problem(name, margin=0.01, mq_bounds=(1.0, 20.0)).formulation, lift)
        x = nlp.consistent(nlp.start + np.random.default_rng(1).uniform(-0.05, 0.05, nlp.n))
        check_derivatives(nlp, x)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_prices_are_slopes_of_the_optimal_cost(name):
    made = problem(name)
    solution = solved(made)
    table, bus = solution.inverters.set_index("bus"), solution.inverters["dcost_dmq"].idxmax()
    bus = int(solution.inverters["bus"][bus])
    price = solution.stability.price[list(table.index).index(bus)]
    assert price > 0.1, "nothing binds: the test would be empty"
    costs = []
    for step in (1e-5, -1e-5):
        made.model.inverter_gamma_offset[bus] = step
        costs.append(solved(made).cost)
    made.model.inverter_gamma_offset[bus] = 0.0
    assert (costs[1] - costs[0]) / 2e-5 == pytest.approx(price, rel=1e-3)

    h = 1e-3 * SOFT
    ahead, behind = (solved(made.update(mq={bus: SOFT + step})).cost for step in (h, -h))
    made.update(mq=SOFT)
    assert (ahead - behind) / (2 * h) == pytest.approx(table.loc[bus, "dcost_dmq"], rel=5e-3)
    per_stiffness = table.loc[bus, "dcost_dmq"] * SOFT**2  # k = m_q here
    nssp = per_stiffness if name in BEST_WEIGHTS else price
    assert table.loc[bus, "nssp_per_pu"] == pytest.approx(nssp, rel=1e-6)
    assert (table["nssp_per_pu"] >= 0).all()


@pytest.mark.parametrize("name", WITH_ROWS)
def test_a_margin_is_kept(name):
    free, kept = (solved(problem(name, margin=margin)) for margin in (0.0, 0.001))
    assert free.inverters["margin"].min() == pytest.approx(0.0, abs=2 * STRICT)
    assert kept.inverters["margin"].min() >= 0.001 - 1e-7
    assert kept.cost > free.cost
    assert kept.inverters["binding"].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_proven_criterion_has_no_doubt_here_and_its_optimum_is_stable(name):
    criterion, solution = registry.get(name), solved(problem(name))
    without = (
        "there are no stability rows" if name == "none" else f"{name} is not proven sufficient"
    )
    assert solution.unmet == (() if criterion.claim else (without,))
    if criterion.claim:
        assert exactly_stable(solution, reactances=criterion.network == "reduced")
        assert "proven for this network" in str(solution)
    else:
        assert "proven for this network" not in str(solution)
        assert ("not proven" in str(solution)) == (name != "none")


@pytest.mark.parametrize("name", LOSSLESS)
def test_doubts_are_said(name):
    solution = solved(problem(name, NETWORKS["losses, shunts, taps"], mq=0.1))
    assert solution.unmet
    assert "is a heuristic here" in str(solution)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_an_update_makes_what_build_makes(name):
    net = NETWORKS["39 buses"]
    made = problem(name, net, mq=0.2)
    compiled = NLP(made.formulation)
    numbers = {"alpha": 1.1, "margin": 0.002, "droop_margin": 0.1}
    made.update(mq=0.25, load_scale=0.9, **numbers)
    assert compiled.refresh()
    same(compiled, NLP(problem(name, net.scaled(load=0.9), mq=0.25, **numbers).formulation))


@pytest.mark.parametrize("name", WITH_ROWS)
def test_a_droop_margin_is_as_good_as_a_larger_droop(name):
    padded, larger = (
        solved(problem(name, droop_margin=0.2)),
        solved(problem(name, mq=1.2 * SOFT)),
    )
    assert padded.cost == pytest.approx(larger.cost, rel=1e-9)
    assert padded.inverters["limit_pu"].to_numpy() == pytest.approx(larger.inverters["limit_pu"])


@pytest.mark.parametrize("name", WITH_ROWS)
def test_one_inverter_alone(name):
    solution = solved(problem(name, mq=0.01, buses=[1]))
    assert len(solution.inverters) == 1


# -- co-design -----------------------------------------------

COST = 0.05


@pytest.mark.parametrize("name", NAMES)
def test_codesign_spends_on_stiffness_what_it_is_worth(name):
    """Where a droop is free, the next unit of stiffness saves what it costs."""
    made = problem(name, mq_bounds=(0.5, 400.0), stiffness_cost=COST)
    solution = solved(made)
    table = solution.inverters
    inside = (table["mq"] > 0.51) & (table["mq"] < 399)
    assert inside.any() == (name != "none")
    worth = table["dcost_dmq"] * table["mq"] ** 2  # -dJ*/d(1/m_q)
    assert worth[inside].to_numpy() == pytest.approx(COST, rel=1e-4)
    assert (worth[~inside] <= COST + 1e-6).all()
    fixed = scopf.Inverters.at_generators(
        GRID, mq=dict(zip(table["bus"], table["mq"], strict=True))
    )
    dispatch = solved(scopf.build(GRID, fixed, criterion=name)).cost
    assert dispatch + COST * (1 / table["mq"]).sum() == pytest.approx(solution.cost, rel=1e-6)


def test_codesign_by_bus_and_its_cost_as_a_scenario():
    bounds = {3: (0.5, 400.0)}
    made = problem("C1", mq_bounds=bounds, stiffness_cost={3: COST})
    first = solved(made)
    assert first.inverters["mq"].to_numpy()[[0, 1, 3]] == pytest.approx(SOFT)
    second = solved(made.update(stiffness_cost=COST / 5))
    assert second.inverters["mq"][2] < first.inverters["mq"][2]
    assert second.cost < first.cost
    fresh = problem("C1", mq_bounds=bounds, stiffness_cost=COST / 5, alpha=1.1)
    other = problem("C1", mq_bounds=bounds, stiffness_cost={3: COST})
    same(NLP(other.update(alpha=1.1, stiffness_cost=COST / 5).formulation), NLP(fresh.formulation))


def test_codesign_in_the_maximum_form_is_that_of_the_pairs():
    found = [
        solved(problem(VoltageDifference(rows), mq_bounds=(0.5, 40), stiffness_cost=0.5))
        for rows in ("pairs", "maximum")
    ]
    assert found[0].cost == pytest.approx(found[1].cost, rel=1e-8)
    for column in ("mq", "nssp_per_pu"):
        one, other = (solution.inverters[column].to_numpy() for solution in found)
        assert one == pytest.approx(other, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"mq_bounds": (2.0, 1.0)}, "least <= largest"),
        ({"mq_bounds": 0.2}, "two numbers"),
        ({"mq_bounds": {77: (1.0, 2.0)}}, "no inverter at bus 77"),
        ({"mq_bounds": (1, 2), "stiffness_cost": -1}, "zero or positive"),
        ({"mq_bounds": (1, 2), "stiffness_cost": {9: 1.0}}, "no inverter at bus 9"),
        ({"stiffness_cost": 1.0}, "droops are given here; build with mq_bounds"),
        ({"droop_margin": -0.1}, "droop_margin must be zero or positive"),
    ],
)
def test_bad_controls_are_refused(keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        problem("C1", **keywords)


def test_droops_are_either_given_or_variables():
    with pytest.raises(scopf.ScopfError, match="droops are variables"):
        problem("C1", mq_bounds=(1.0, 2.0)).update(mq=1.5)
    with pytest.raises(scopf.ScopfError, match="build with mq_bounds"):
        problem("C1").update(stiffness_cost=1.5)


# -- angles -----------------------------------------------


@pytest.mark.parametrize("name", PROVEN)
def test_beyond_90_degrees_nothing_is_certified(name):
    """1/cos would turn negative there and every row would hold."""
    made = problem(name, mq=0.1)
    f = made.formulation
    f["bus_va"].value[3] = 2.0
    stable = made.opf.stability.read(made.setting, Somewhere())
    assert (stable.margin == -np.inf).any()
    seen = made.setting.view(made.criterion.network)
    vm, va = f["bus_vm"].value, f["bus_va"].value
    assert (made.criterion.slack(seen.grid, seen.k, vm, va) == -np.inf).any()
    wide = [row for row in made.model.component_data_objects(pyo.Constraint) if "angle" in row.name]
    assert wide, "rows have to keep angles below 90 degrees"


# -- weighted -----------------------------------------------


def test_cost_of_39_buses_under_the_weighted_criterion():
    """THEORY's rows were somewhat stricter, so that its costs are a little higher."""
    net, plain = NETWORKS["39 buses"], 41263.94
    for mq, increase in ((0.30, 0), (0.35, 6.6), (0.40, 276), (0.45, 1056)):
        solution = solved(problem("weighted", net, mq))
        assert 0.93 * increase - 0.01 <= solution.cost - plain <= increase + 0.01
        assert exactly_stable(solution)
    published = solved(problem("voltage-difference", net, 0.48))
    assert not exactly_stable(published)


def test_losses_ask_for_a_droop_margin_by_default():
    assert problem("weighted", NETWORKS["losses, shunts, taps"]).scenario.droop_margin == 0.06
    assert problem("weighted", NETWORKS["39 buses"]).scenario.droop_margin == 0
    assert problem("C1", NETWORKS["losses, shunts, taps"]).scenario.droop_margin == 0


def test_rows_of_load_buses_are_in_the_table():
    solution = solved(problem("weighted", NETWORKS["39 buses"], 0.4))
    assert solution.pairs["bus"].tolist() == solution.buses["bus"].tolist()
    assert solution.pairs["neighbor"].isna().all()
    assert (solution.stability.neighbor == NOBODY).all()
    assert (solution.pairs["limit_pu"] > 0).sum() == 10


# -- a criterion of one's own -----------------------------------------------


def test_a_criterion_of_ones_own():
    class Heavier(LineSums):
        name = "heavier"
        network = "reduced"
        conditions = "as C0"
        source = "this test"

        def ratio(self, v_i, v_j, u_i, u_j):
            return 1.01 + 0 * v_i / v_j

    solution = solved(problem(Heavier(), mq=4.0))
    ours = solved(problem("C0", mq=4.0))
    assert solution.cost > ours.cost
    assert solution.inverters["margin"].min() == pytest.approx(0.0, abs=2 * STRICT)


class ByOneMethod(scopf.Criterion):
    """C0 with its one method, and a weight."""

    name = "by-one-method"
    weight = 1.0

    def term(self, b, v_i, v_j, angle):
        return self.weight * b * (v_j / cos(angle) - v_i)


class Heavy(ByOneMethod):
    name = "heavy"
    weight = 1.25


class OnTheFullNetwork(ByOneMethod):
    """Odd in the angle as well: both ends of a line have their own sign of it."""

    name = "full"
    network = "full"

    def term(self, b, v_i, v_j, angle):
        return b * (v_j / cos(angle) - v_i + 0.3 * v_i * sin(angle))


class Strict(ByOneMethod):
    name = "strict"
    strict = STRICT  # as C0's rows


def test_one_method_is_a_criterion():
    ours, c0 = (solved(problem(one)) for one in (Strict(), "C0"))
    assert ours.cost == pytest.approx(c0.cost, rel=1e-9)
    for column in ("margin", "nssp_per_pu", "dcost_dmq"):
        found, expected = (table.inverters[column].to_numpy() for table in (ours, c0))
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert solved(problem(Heavy())).cost > ours.cost
    assert "not proven" in str(ours)
    assert json.loads(export.as_json(ours, {}))["claim"] is None


@pytest.mark.parametrize("one", [Heavy(), OnTheFullNetwork()], ids=lambda one: one.name)
@pytest.mark.parametrize("network", ["no load bus", "39 buses", "losses, shunts, taps"])
def test_the_base_does_the_rest_for_one_method(one, network):
    made = problem(one, NETWORKS[network], mq=0.3, margin=0.01)
    found, view = scattered(made), made.setting.view(one.network)
    rows = made.model.inverter_stability.values()
    slack = [pyo.value(row.upper) - pyo.value(row.body) for row in rows]
    assert found.margin - found.required == pytest.approx(slack, abs=1e-10)
    point = [made.formulation[name].value[view.buses] for name in ("bus_vm", "bus_va")]
    twin = one.slack(view.grid, view.k, *point)
    assert twin[view.inverters] == pytest.approx(found.margin, abs=1e-9)
    assert (np.isinf(twin) == np.isinf(view.k)).all()


@pytest.mark.parametrize("one", [Heavy(), OnTheFullNetwork()], ids=lambda one: one.name)
def test_prices_and_codesign_of_one_method(one):
    made = problem(one)
    solution = solved(made)
    table = solution.inverters
    bus = int(table["bus"][table["nssp_per_pu"].idxmax()])
    price = table.set_index("bus")["nssp_per_pu"][bus]
    assert price > 0.1
    costs = []
    for step in (1e-5, -1e-5):
        made.model.inverter_gamma_offset[bus] = step
        costs.append(solved(made).cost)
    assert (costs[1] - costs[0]) / 2e-5 == pytest.approx(price, rel=1e-3)
    designed = solved(problem(one, mq_bounds=(0.5, 400.0), stiffness_cost=COST)).inverters
    inside = designed["mq"].between(0.51, 399)
    worth = designed["dcost_dmq"] * designed["mq"] ** 2
    assert inside.any()
    assert worth[inside].to_numpy() == pytest.approx(COST, rel=1e-4)


class Toy(VoltageDifference):
    """Rows of its own, under a name that the package does not know."""

    name = "toy"

    def declare(self, d, setting):
        limit = limits.declare(d, setting, self._scale(setting))
        at, (i, j) = setting.reduction.keep, setting.reduction.neighbors.pairs()
        index = d.formulation.index("toy_pair", list(zip(i.tolist(), j.tolist(), strict=True)))
        row = d.vm[at[j]] - d.vm[at[i]]
        rows = limits.constrain(d, limit, "toy_rows", index, row, i)
        owned = (OwnedRows(rows, i),)
        parameters = {limit.unit.name: limit.unit}
        return Pairwise(limit.margin, limit, owned, parameters=parameters, direct=rows)


def test_rows_of_any_name_are_diagnosed_as_ours():
    net = NETWORKS["39 buses"]
    inverters = scopf.Inverters.at_generators(net, mq={32: 50.0})
    held = net.replace(bus={"vmin": net.bus.vm.clip(0.94, 1.06) - 1e-3})
    held = held.replace(bus={"vmax": held.bus.vmin + 2e-3})
    found = {}
    for one in (Toy(), "voltage-difference"):
        diagnosis = scopf.diagnose(scopf.build(held, inverters, criterion=one))
        assert not diagnosis.feasible
        found[diagnosis.criterion if hasattr(diagnosis, "criterion") else str(one)] = diagnosis
    texts = [str(diagnosis.limits) for diagnosis in found.values()]
    assert texts[0] == texts[1]
    assert any("m_q" in text and "inverter 32" in text for text in texts)


def plain_term(self, b, v_i, v_j, angle):
    return b * (v_j / cos(angle) - v_i)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "it lacks the method `term"),
        ({"name": "", "term": plain_term}, "it has no name"),
        ({"network": "half", "term": plain_term}, '"reduced" or "full"'),
        ({"claim": "perfect", "term": plain_term}, "`claim` is one of"),
        ({"claim": "stable", "term": plain_term}, "under which conditions"),
        ({"term": lambda self, b, v: b}, "does not take b, v_i, v_j and angle"),
        ({"term": lambda self, b, v, w, angle: 1.0}, "has shape ()"),
        ({"term": lambda self, b, v, w, angle: b / (angle - angle)}, "not a finite number"),
        ({"declare": VoltageDifference.declare}, "lacks `parameters`, `read`, `slack`"),
    ],
)
def test_build_says_what_a_criterion_lacks(body, said):
    kind = type("Broken", (scopf.Criterion,), {"name": "broken", **body})
    with np.errstate(all="ignore"), pytest.raises(scopf.ScopfError, match=re.escape(said)):
        problem(kind())


@pytest.mark.parametrize("given", [ByOneMethod, object(), 7, None])
def test_what_is_no_criterion_is_refused(given):
    with pytest.raises(scopf.ScopfError, match=r"instance of scopf\.Criterion"):
        problem(given)


def test_codesign_prices_stiffness_at_the_droops_that_were_found():
    """Where the droop is between its bounds, the NSSP of `weighted` is what stiffness costs."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    problem = scopf.build(
        net, inverters, criterion="weighted", mq_bounds=(0.2, 1.0), stiffness_cost=20.0
    )
    table = scopf.solve(problem).inverters
    inside = table["mq"].between(0.21, 0.99)
    assert inside.sum() >= 5
    assert table["nssp_per_pu"][inside].to_numpy() == pytest.approx(20.0, rel=1e-3)
