"""The table of numbers, and all that loops over it."""

import inspect

import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.model.quantities import DEFAULTS, PAIRS, QUANTITIES, changed
from scopf.sweeps import columns

pytestmark = pytest.mark.core


@pytest.mark.parametrize("function", [scopf.build, scopf.Problem.update, scopf.sweep])
def test_every_number_is_a_keyword_with_a_type_and_a_line_of_help(function):
    parameters = inspect.signature(function).parameters
    for name, quantity in QUANTITIES.items():
        assert parameters[name].default is None
        assert parameters[name].annotation
        assert f"- {name}: {quantity.text[:40]}" in function.__doc__
    by_number = {name for name in QUANTITIES if "Mapping" in parameters[name].annotation}
    if function is not scopf.sweep:
        assert by_number == {name for name, quantity in QUANTITIES.items() if quantity.owner}


@pytest.mark.parametrize("command", ["solve", "verify", "sweep"])
def test_every_number_is_a_flag(command):
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    for name in QUANTITIES:
        flag = "droop" if name == "droop_percent" else name.replace("_", "-")
        assert f"--{flag} " in text, name


def test_every_number_is_a_column_of_sweeps_with_a_label():
    for name, quantity in QUANTITIES.items():
        assert columns.is_column(name)
        assert columns.title(name) == (quantity.label, quantity.unit)
        assert columns.is_column(f"{name}_3") == bool(quantity.owner)
    assert columns.title("mq_32") == ("m_q of 32", "p.u.")
    assert columns.title("q_price_3") == ("reactive price of 3", "currency/MVArh")


@pytest.mark.parametrize("mq_bounds", [None, (0.05, 0.2)])
def test_params_follow_from_every_number_that_the_problem_has(mq_bounds):
    net = scopf.load_case("case9").lossless()
    problem = scopf.build(net, q_price=0, opportunity_price=0, voll=0, mq_bounds=mq_bounds)
    rules = [rule for part in problem.opf.parts for rule in part.follows()]
    named = {name for rule in rules for name in rule.names} - {"beta_q"}  # of the units
    other = {"stiffness_cost"} if mq_bounds is None else {"mq"}
    assert named == set(QUANTITIES) - other - {"droop_percent"}  # which is an m_q


def test_one_number_takes_the_place_of_another():
    assert PAIRS == (("mq", "droop_percent"), ("eta_q", "d"))
    eta = changed(DEFAULTS, {"eta_q": 0.1})
    assert (eta["eta_q"], eta["d"]) == (0.1, None)
    d = changed(eta, {"d": 0.2})
    assert (d["eta_q"], d["d"]) == (0, 0.2)
    assert changed(d, {"eta_q": 0.3})["d"] is None
    assert changed(d, {"alpha": 2.0})["d"] == 0.2


def test_costs_of_generators_and_inverters_are_axes_by_number():
    runs = scopf.sweep("case9", q_price={1: [0.5, 1.0], "all": 0.1}, mq=0.05)
    net = scopf.load_case("case9")
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    for price, cost in zip((0.5, 1.0), runs.scenarios["cost"], strict=True):
        problem = scopf.build(net, inverters, q_price={1: price, 2: 0.1, 3: 0.1})
        assert cost == pytest.approx(scopf.solve(problem).cost, rel=1e-7)
    with pytest.raises(scopf.CaseError, match=r"there is no generator 7 in case9"):
        scopf.sweep("case9", q_price={7: [0.5, 1.0]})


def test_gains_of_units_share_a_uniform_droop():
    """Two units with different gains at a bus: the limits follow the droop of the units."""
    net = scopf.load_case("case5_pjm").lossless()
    table = {"gen": [1, 2], "beta_q": [1.0, 3.0], "mq": [0.1, 0.3]}
    inverters = scopf.Inverters.at_generators(net, mq=0.1, table=pd.DataFrame(table))
    built = scopf.build(net, inverters.with_droops(0.2))
    updated = scopf.build(net, inverters).update(mq=0.2)
    assert updated.inverters.beta_q.tolist() == built.inverters.beta_q.tolist()
    assert updated.inverters.beta_q[0] == pytest.approx(1.5)
    one, other = (
        {p.name: p.values.tolist() for p in x.opf.stability.declared.parameters.values()}
        for x in (built, updated)
    )
    assert one == other
    assert scopf.solve(updated).cost == pytest.approx(scopf.solve(built).cost, rel=1e-8)


@pytest.mark.parametrize("given", [-1.0, {5: -0.1}, pd.Series({5: -0.1})])
def test_a_negative_load_scale_is_refused_and_changes_nothing(given):
    net = scopf.load_case("case9")
    said = r"load_scale( of bus 5)? must be zero or positive, got -"
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.build(net, load_scale=given)
    problem = scopf.build(net, criterion="none", load_scale=0.9)
    before = scopf.solve(problem).cost
    with pytest.raises(scopf.ScopfError, match=said):
        problem.update(load_scale=given)
    assert problem.scenario.load_scale == 0.9
    assert scopf.solve(problem).cost == pytest.approx(before, rel=1e-9)
    assert problem.update(load_scale=0).base.scaled(load=0).bus.pd.sum() == 0
    assert problem.update(load_scale={5: 0}).net.bus.pd[4] == 0


@pytest.mark.parametrize(
    "command", ["solve case9 --load-scale -1", "sweep case9 --load-scale=-1:1:3 --out o"]
)
def test_a_negative_load_scale_is_refused_on_the_command_line(command):
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2
    assert "load_scale" in result.stderr
    assert "-1" in result.stderr


def test_values_by_number_are_checked_when_they_are_given():
    problem = scopf.build(scopf.load_case("case9"), d=0.1)
    with pytest.raises(scopf.ScopfError, match="d of gen 2 must be zero or positive"):
        problem.update(d={2: -1})
    with pytest.raises(scopf.ScopfError, match="mq of bus 2 must be positive"):
        problem.update(mq={2: 0})
