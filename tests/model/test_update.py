"""Updates of a problem against building it again."""

import gc
import sys
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.engine.nlp import NLP
from scopf.model import quantities
from scopf.network.susceptances import Grid
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.engine.portrait import portrait, same

NET = scopf.load_case("case39").lossless()
BASE = {"eta_q": 0.1, "d": None, "mq": 0.22, "load_scale": 1.02, "alpha": 1.01, "margin": 0.002}

UPDATES = {
    "nothing": {},
    "eta_q": {"eta_q": 0.4},
    "no reactive cost": {"eta_q": 0.0},
    "d": {"d": 0.003},
    "d by generator": {"d": {1: 0.002, 4: 0.01}},
    "d of zero": {"d": 0.0},
    "mq": {"mq": 0.24},
    "mq by bus": {"mq": {32: 0.25, 39: 0.1}},
    "load": {"load_scale": 0.95},
    "no load change": {"load_scale": 1.0},
    "alpha": {"alpha": 0.97},
    "margin": {"margin": 0.006},
    "no margin": {"margin": 0.0},
    "load and alpha": {"load_scale": 0.97, "alpha": 1.04},
    "everything": {
        "eta_q": 0.3, "mq": {32: 0.21}, "load_scale": 0.98, "alpha": 1.03, "margin": 0.001,
    },
    "everything with d": {"d": {2: 0.004}, "mq": 0.2, "load_scale": 1.01, "margin": 0.0},
}  # fmt: skip


def build(rows=None, net=NET, **numbers):
    numbers = {**BASE, **numbers}
    mq, scale = numbers.pop("mq"), numbers.pop("load_scale")
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    return scopf.build(
        net.scaled(load=scale), inverters, criterion=VoltageDifference(rows), **numbers
    )


def base(rows=None):
    """A problem with the numbers of BASE, the load among them."""
    inverters = scopf.Inverters.at_generators(NET, mq=BASE["mq"])
    rest = {key: BASE[key] for key in ("eta_q", "alpha", "margin")}
    made = scopf.build(NET, inverters, criterion=VoltageDifference(rows), **rest)
    return made.update(load_scale=BASE["load_scale"])


def merged(update):
    """What `build` has to be given to make the updated problem."""
    numbers = dict(update)
    if "d" in numbers:
        numbers.setdefault("eta_q", 0.0)
    if isinstance(numbers.get("mq"), dict):
        numbers["mq"] = {**dict.fromkeys(range(30, 40), BASE["mq"]), **numbers["mq"]}
    return numbers


def check_solved(problem, fresh):
    ours, theirs = scopf.solve(problem), scopf.solve(fresh)
    assert ours.status == theirs.status == "optimal"
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-9)
    nssp = theirs.inverters["nssp_per_pu"].to_numpy()
    scale = max(1.0, nssp.max())
    assert ours.inverters["nssp_per_pu"].to_numpy() == pytest.approx(nssp, abs=1e-4 * scale)
    for column in ("limit_pu", "mq", "margin"):
        expected = theirs.inverters[column].to_numpy()
        assert ours.inverters[column].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert ours.buses["p_load_mw"].to_numpy() == pytest.approx(theirs.buses["p_load_mw"].to_numpy())
    return ours


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_makes_what_build_makes(name):
    fresh = build(**merged(UPDATES[name]))
    problem = base()
    compiled = NLP(problem.formulation)
    assert problem.update(**UPDATES[name]) is problem
    assert compiled.refresh()
    same(compiled, NLP(fresh.formulation))

    solved = base()
    before = scopf.solve(solved)
    compiled = solved.compiled[False]
    check_solved(solved.update(**UPDATES[name]), fresh)
    assert solved.compiled[False] is compiled, "numbers alone should not compile it again"
    assert before.scenario == base().scenario


@pytest.mark.parametrize("name", ["d by generator", "load", "everything"])
def test_an_update_is_on_the_model_as_well(name):
    problem = base()
    problem.model  # noqa: B018
    problem.update(**UPDATES[name])
    same(NLP(problem.model.clone()), NLP(build(**merged(UPDATES[name])).formulation))


@pytest.mark.parametrize("name", ["everything", "everything with d"])
def test_an_update_of_a_rendered_and_solved_problem(name):
    problem = base()
    problem.model  # noqa: B018
    scopf.solve(problem)
    compiled = problem.compiled[False]
    problem.update(**UPDATES[name])
    fresh = build(**merged(UPDATES[name]))
    check_solved(problem, fresh)
    assert problem.compiled[False] is compiled
    values = {
        name: p.values for name, p in fresh.formulation.symbols.items() if hasattr(p, "values")
    }
    for parameter, column in values.items():
        component = problem.model.component(parameter)
        assert [p.value for p in component.values()] == pytest.approx(column.tolist()), parameter


def test_updates_one_after_another_are_the_last_of_each():
    rng = np.random.default_rng(4)
    problem, numbers = base(), dict(BASE)
    nlp = NLP(problem.formulation)
    for step in range(12):
        update = {
            "mq": float(rng.uniform(0.1, 0.25)), "load_scale": float(rng.uniform(0.9, 1.02)),
            "alpha": float(rng.uniform(0.9, 1.1)), "margin": float(rng.uniform(0, 0.01)),
            rng.choice(["eta_q", "d"]): float(rng.uniform(0, 0.5)),
        }  # fmt: skip
        update = {key: update[key] for key in rng.choice(list(update), 2, replace=False)}
        problem.update(**update)
        if "d" in update:
            numbers["eta_q"] = 0.0
        if "eta_q" in update:
            numbers["d"] = None
        numbers |= update
        if step == 6:
            problem.model  # noqa: B018 - from here on there is a model
        assert nlp.refresh()
        same(nlp, NLP(build(**numbers).formulation))
    scenario = problem.scenario
    assert (scenario.alpha, scenario.margin) == (numbers["alpha"], numbers["margin"])


def test_the_network_and_the_inverters_are_those_of_the_scenario():
    problem = base().update(load_scale=0.9, alpha=1.1, mq={32: 0.3})
    assert problem.net == NET.scaled(load=0.9, susceptance=1.1)
    assert problem.base == NET
    assert dict(zip(problem.inverters.bus.tolist(), problem.inverters.mq, strict=True))[32] == 0.3


def test_the_criterion_sees_the_network_and_the_droops_of_the_last_update():
    problem, numbers = base(), {"load_scale": BASE["load_scale"], "alpha": BASE["alpha"]}
    for update in (
        {"mq": 0.24}, {"alpha": 0.97}, {"load_scale": 0.9}, {"margin": 0.003}, {"alpha": 1.0},
        {"droop_margin": 0.02}, {"alpha": 0.97, "mq": {32: 0.3}},
    ):  # fmt: skip
        problem.update(**update)
        numbers |= update
        net = NET.scaled(load=numbers["load_scale"], susceptance=numbers["alpha"])
        setting, scenario = problem.setting, problem.scenario
        assert setting.present == problem.net == problem.opf.point(problem.reduction).net == net
        assert setting.inverters is problem.inverters
        assert (setting.margin, setting.droop_margin) == (scenario.margin, scenario.droop_margin)
        droop = problem.inverters.k * (1 + scenario.droop_margin)
        assert setting.full.k[setting.reduction.keep].tolist() == droop.tolist()
        assert setting.full.grid.b == pytest.approx(Grid.full(net).b, rel=1e-15)


def test_a_problem_without_rows_is_updated_too():
    problem = scopf.build(NET, criterion="none").update(
        mq=0.3, margin=0.1, load_scale=1.02, alpha=1.1, eta_q=0.3
    )
    fresh = scopf.build(NET.scaled(load=1.02), criterion="none", alpha=1.1, eta_q=0.3)
    same(NLP(problem.formulation), NLP(fresh.formulation))


# -- by hand -----------------------------------------------


def test_parameters_set_by_hand_are_read_again_without_compiling():
    problem = base()
    m = problem.model
    first = scopf.solve(problem)
    compiled = problem.compiled[False]
    for i in m.inverter:
        m.inverter_gamma_unit[i] = 0.5 / m.inverter_stiffness[i].value
    m.bus_pd[4] = m.bus_pd[4].value + 0.5
    m.bus_vm[39].setub(1.02)
    second = scopf.solve(problem)
    assert problem.compiled[False] is compiled
    assert second.inverters["limit_pu"].to_numpy() == pytest.approx(0.5)
    assert second.inverters["nssp_per_pu"].max() < 1e-3
    assert second.buses.set_index("bus")["vm"][39] <= 1.02 + 1e-8
    assert second.buses["p_load_mw"].sum() == pytest.approx(first.buses["p_load_mw"].sum() + 50)
    assert first.inverters["limit_pu"].max() < 0.5


def test_an_update_overwrites_what_was_set_by_hand_where_it_belongs_to_it():
    problem = base()
    m = problem.model
    m.inverter_gamma_unit[32] = 0.5
    m.inverter_stiffness[32] = 3.0
    m.bus_pd[4] = 7.0
    problem.update(margin=0.001, eta_q=0.2)
    scopf.solve(problem)
    assert (m.inverter_gamma_unit[32].value, m.bus_pd[4].value) == (0.5, 7.0)
    problem.update(alpha=1.0)
    assert m.inverter_gamma_unit[32].value == pytest.approx(
        build(alpha=1.0).formulation["inverter_gamma_unit"].values[2]
    )
    assert (m.inverter_stiffness[32].value, m.bus_pd[4].value) == (3.0, 7.0)
    problem.update(mq=0.25)
    assert m.inverter_stiffness[32].value == 4.0
    problem.update(load_scale=1.0)
    assert m.bus_pd[4].value == NET.bus.pd[3]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.inverter_stability.deactivate(),
        lambda m: m.bus_vm[32].fix(1.01),
        lambda m: m.total_cost.set_value(m.total_cost.expr * 2),
        lambda m: m.branch_p_to[1].set_value(m.branch_p_to[1].expr + 0.01),
    ],
)
def test_a_change_of_structure_compiles_again(change):
    problem = base()
    m = problem.model
    before = scopf.solve(problem)
    compiled = problem.compiled[False]
    change(m)
    after = scopf.solve(problem)
    assert problem.compiled[False] is not compiled
    assert after.status == "optimal"
    assert after.cost != pytest.approx(before.cost, rel=1e-9)
    problem.update(margin=0.003)
    again = problem.compiled[False]
    assert scopf.solve(problem).solved
    assert problem.compiled[False] is again


# -- faults -----------------------------------------------

FAULTS = [
    ({"eta_q": -0.1}, "eta_q"), ({"eta_q": "much"}, "eta_q"), ({"eta_q": 0.2, "d": 0.1}, "both"),
    ({"d": -1.0}, "d"), ({"d": {99: 0.1}}, "99"), ({"d": {1: float("nan")}}, "gen 1"),
    ({"mq": 0.0}, "mq"), ({"mq": -0.2}, "mq"), ({"mq": {99: 0.2}}, "99"), ({"mq": {32: -1}}, "32"),
    ({"mq": float("inf")}, "mq"), ({"mq": [0.1, 0.2]}, "mq"),
    ({"load_scale": float("nan")}, "load_scale"), ({"load_scale": "all"}, "load_scale"),
    ({"alpha": 0.0}, "alpha"), ({"alpha": -1.0}, "alpha"), ({"alpha": float("inf")}, "alpha"),
    ({"margin": float("nan")}, "margin"),
]  # fmt: skip


@pytest.mark.parametrize("rendered", [False, True])
def test_faulty_values_are_refused_and_change_nothing(rendered):
    problem = base()
    if rendered:
        problem.model  # noqa: B018
    nlp = NLP(problem.formulation)
    before, inverters, net = portrait(nlp), problem.inverters, problem.net
    scenario, reduction = problem.scenario, problem.reduction
    good = {"alpha": 1.3, "load_scale": 0.8, "margin": 0.05, "mq": 0.1, "eta_q": 0.7}
    for fault, said in FAULTS:
        others = {} if "d" in fault else good
        with pytest.raises(scopf.ScopfError, match=said):
            problem.update(**{**others, **fault})
        assert problem.scenario is scenario
        assert problem.inverters is inverters
        assert problem.reduction is reduction
    assert problem.net == net
    assert nlp.refresh()
    assert portrait(nlp) == before
    with pytest.raises(TypeError):
        problem.update(0.1)


def test_scenario_numbers_are_checked_in_one_place():
    with pytest.raises(scopf.ScopfError, match="alpha"):
        quantities.given({"alpha": -1.0})


# -- margins and prices -----------------------------------------------


@pytest.mark.parametrize("rows", ["pairs", "maximum"])
def test_a_margin_is_left(rows):
    problem = base(rows).update(margin=0.004, alpha=1.0, load_scale=1.0)
    solution = scopf.solve(problem)
    table = solution.inverters
    limit = 1 / (2 * 0.22 * problem.reduction.self_susceptance)
    assert table["limit_pu"].to_numpy() == pytest.approx(limit)  # Gamma itself
    rise = table["vm"].max() - table["vm"].to_numpy()
    assert table["margin"].min() == pytest.approx(0.004, abs=1e-6)
    highest = np.array([np.delete(table["vm"], i).max() for i in range(10)])
    assert table["margin"].to_numpy() == pytest.approx(limit - (highest - table["vm"]), abs=1e-9)
    assert (rise <= limit - 0.004 + 1e-6).all()
    assert table["binding"].sum() >= 1
    assert table["binding"][table["nssp_per_pu"] > 1].all()
    assert (solution.pairs["margin"] >= 0.004 - 1e-6).all()
    wider = scopf.solve(problem.update(margin=0.02))
    assert wider.cost > solution.cost + 1
    assert wider.inverters["margin"].min() == pytest.approx(0.02, abs=1e-6)


def test_nssp_is_the_slope_of_the_cost_over_gamma_with_a_margin():
    problem = base().update(margin=0.004)
    nssp = scopf.solve(problem).inverters.set_index("bus")["nssp_per_pu"]
    bus, total = int(nssp.idxmax()), nssp.sum()
    offset, step = problem.model.inverter_gamma_offset, 2e-5
    costs = []
    for sign in (1, -1):
        offset[bus] = sign * step
        costs.append(scopf.solve(problem, options={"tol": 1e-10}).cost)
    assert nssp[bus] > 100
    assert (costs[1] - costs[0]) / (2 * step) == pytest.approx(nssp[bus], rel=1e-3)
    offset[bus] = 0.0
    costs = [
        scopf.solve(problem.update(margin=0.004 + sign * step), options={"tol": 1e-10}).cost
        for sign in (1, -1)
    ]
    assert (costs[0] - costs[1]) / (2 * step) == pytest.approx(total, rel=1e-3)


def test_a_solution_keeps_its_scenario():
    problem = base()
    first = scopf.solve(problem)
    kept = {name: table.copy() for name, table in first.tables.items()}
    text, x = str(first), first.iterate.x.copy()
    problem.update(**UPDATES["everything"])
    scopf.solve(problem)
    untouched = scopf.solve(base())  # its tables are made only now
    assert first.scenario.load_scale == BASE["load_scale"]
    assert first.scenario.margin == BASE["margin"]
    assert first.inverter_data.mq == pytest.approx(BASE["mq"])
    assert str(first) == text
    assert np.array_equal(first.iterate.x, x)
    for name, table in untouched.tables.items():
        assert table.equals(kept[name]), name


def test_tables_that_are_asked_for_late_are_those_of_the_solve():
    problem, other = base(), base()
    late, early = scopf.solve(problem), scopf.solve(other)
    expected = {name: table.copy() for name, table in early.tables.items()}
    problem.update(**UPDATES["everything with d"])
    scopf.solve(problem)
    for name, table in late.tables.items():
        assert table.equals(expected[name]), name


# -- memory -----------------------------------------------


@pytest.mark.parametrize("warm", [False, True])
def test_solving_again_and_again_holds_no_memory(warm):
    net = scopf.load_case("case9")
    problem = scopf.build(net)
    if warm:
        problem.model  # noqa: B018
    rng, solution = np.random.default_rng(2), scopf.solve(problem)

    def solve(times):
        nonlocal solution
        for _ in range(times):
            problem.update(
                load_scale=float(rng.uniform(0.9, 1.1)), margin=float(rng.uniform(0, 0.01)),
                mq=float(rng.uniform(0.02, 0.1)), d=float(rng.uniform(0, 1)),
                alpha=float(rng.uniform(0.9, 1.1)),
            )  # fmt: skip
            solution = scopf.solve(problem, start=solution if warm else "flat")
            assert solution.solved

    def held():
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks(), resident()

    solve(30)
    objects, blocks, bytes_held = held()
    solve(120)
    more_objects, more_blocks, more_bytes = held()
    assert more_objects - objects < 240  # less than two for each solve
    assert more_blocks - blocks < 1200  # a Solution that is kept has some hundred
    assert more_bytes - bytes_held < 8e6


def resident():
    """Bytes of memory in use; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


@pytest.mark.parametrize("name", ["everything", "everything with d"])
def test_an_update_of_a_rendered_and_solved_problem_with_maxima(name):
    problem = base("maximum")
    _ = problem.model
    scopf.solve(problem)
    compiled = problem.compiled[False]
    problem.update(**UPDATES[name])
    check_solved(problem, build("maximum", **merged(UPDATES[name])))
    assert problem.compiled[False] is compiled


def test_a_whole_number_after_a_solve_is_refused():
    made = base()
    m = made.model
    m.mine = pyo.Var(initialize=0.5, bounds=(0, 1))
    m.row = pyo.Constraint(expr=m.mine + m.bus_vm[5] >= 1.2)
    scopf.solve(made)
    for variable in (m.bus_vm[5], m.mine):
        variable.domain = pyo.Integers
        with pytest.raises(scopf.ScopfError, match="continuous"):
            scopf.solve(made)
        variable.domain = pyo.Reals


@pytest.mark.parametrize("key", ["a", 32.5])
@pytest.mark.parametrize("name", ["mq", "d"])
def test_keys_that_are_no_numbers_are_refused(name, key):
    with pytest.raises(scopf.ScopfError):
        base().update(**{name: {key: 0.1}})
    if name == "d":
        with pytest.raises(scopf.ScopfError):
            scopf.build(scopf.load_case("case39"), d={key: 0.1})


def test_a_changed_mapping_does_not_change_what_was_solved():
    costs = {1: 0.1}
    problem = base().update(d=costs)
    costs[1] = 9.0
    assert problem.scenario.d == {1: 0.1}


def test_loads_may_be_scaled_by_bus():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    problem = scopf.build(net, inverters).update(load_scale={4: 0.5, 8: 1.1})
    factor = np.where(net.bus.id == 4, 0.5, np.where(net.bus.id == 8, 1.1, 1.0))
    scaled = net.replace(bus={"pd": net.bus.pd * factor, "qd": net.bus.qd * factor})
    assert net.scaled(load={4: 0.5, 8: 1.1}) == scaled
    one, other = scopf.solve(problem), scopf.solve(scopf.build(scaled, inverters))
    assert one.cost == pytest.approx(other.cost, rel=1e-9)
    limits = one.inverters["limit_pu"].to_numpy()  # the loads are part of the reduction
    assert limits == pytest.approx(other.inverters["limit_pu"].to_numpy(), rel=1e-12)
    problem.update(load_scale={8: 1.1})  # replaces what was given before
    assert problem.scenario.load_scale == {8: 1.1}
    assert problem.update(load_scale={}).net == net
    for wrong in ({44: 1.0}, {4: float("nan")}, {4.5: 1.0}):
        with pytest.raises(scopf.ScopfError, match="load"):
            problem.update(load_scale=wrong)
