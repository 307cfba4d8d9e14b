"""Generators without a device are named wherever stability is spoken of."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.dynamics.verification import verify
from scopf.sweeps.analysis import facts
from scopf.sweeps.analysis.analysis import analyse
from tests.small_networks import network

MACHINES = (30, 32, 34, 36, 38)
SENTENCE = "taken for constant power: 5 generators, "


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


def inverters(net, without=MACHINES):
    at = [bus for bus in net.gen.bus.tolist() if bus not in without]
    return scopf.Inverters.at_generators(net, mq=0.1, buses=at)


def sentence(solution):
    """What is to be said, from the tables."""
    gens = solution.gens.set_index("bus")["p_mw"]
    return f"{SENTENCE}{100 * gens[list(MACHINES)].sum() / gens.sum():.3g} % of the dispatch"


@pytest.mark.parametrize("criterion", ["weighted", "voltage-difference", "none"])
def test_every_summary_names_them(net, criterion):
    solution = scopf.solve(scopf.build(net, inverters(net), criterion=criterion), certify=True)
    lines = str(solution).splitlines()
    assert lines.count(sentence(solution)) == 1
    if criterion == "weighted":  # beside the claim
        assert lines[lines.index(sentence(solution)) - 1].endswith("constant power: stable")
    assert sentence(solution) in str(solution.verify())
    assert sentence(solution) in solution._repr_html_()
    found = solution.constant_power
    assert found.generators == 5
    assert solution.verify().constant_power == found
    point = solution.point.vm, solution.point.va  # each bus has one generator: it is known
    assert str(verify(net, inverters(net), *point).constant_power) == str(found)


def test_nothing_is_said_where_there_are_none(net):
    solution = scopf.solve(scopf.build(net, criterion="weighted"))
    assert solution.constant_power is solution.verify().constant_power is None
    for text in (str(solution), str(solution.verify())):
        assert "taken for constant power" not in text
    assert solution.verify().as_dict()["constant_power"] is None


def test_dispatchable_loads_are_loads_and_units_are_counted_one_by_one():
    net = network(3, [(1, 2, 0, 0.2), (2, 3, 0, 0.2)], [1, 1, 2, 3], loads={2: 1.0})
    box = {
        "pmin": [0.5, 0.3, 0.2, -0.4], "pmax": [2.0, 0.3, 0.2, -0.1], "qmin": [-9, 0, 0, -0.1],
        "qmax": [9, 0, 0, 0], "constant_pf": [False, False, False, True],
    }  # fmt: skip
    net = net.replace(gen={name: np.array(column) for name, column in box.items()})
    table = {"gen": [1, 2, 3], "inverter": [1, 0, 0]}
    import pandas as pd

    some = scopf.Inverters.at_generators(net, table=pd.DataFrame(table))
    solution = scopf.solve(scopf.build(net, some, criterion="none"))
    p = solution.point.pg
    assert solution.constant_power.generators == 2
    assert solution.constant_power.share_of_dispatch == pytest.approx((p[1] + p[2]) / p[:3].sum())
    unknown = verify(net, some, solution.point.vm, solution.point.va).constant_power
    assert unknown.generators == 2  # bus 1 has one of either kind
    assert np.isnan(unknown.share_of_dispatch)
    assert str(unknown) == "taken for constant power: 2 generators"
    one = scopf.Inverters.at_generators(net, buses=[1])
    alone = scopf.solve(scopf.build(net, one, criterion="none"))
    assert "taken for constant power: 1 generator, " in str(alone)


def run(*words):
    table = words[-1]
    result = CliRunner().invoke(app, [*words[:-1], "--inverters", str(table)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_names_them(net, tmp_path):
    table = tmp_path / "inverters.csv"
    table.write_text("bus,inverter\n" + "".join(f"{bus},0\n" for bus in MACHINES))
    common = "case39", "--lossless", "--mq", "0.1", "--criterion", "weighted"
    assert SENTENCE in run("solve", *common, table)
    assert SENTENCE in run("verify", *common, table)
    solved = json.loads(run("solve", *common, "--json", table))
    verified = json.loads(run("verify", *common, "--json", table))
    assert solved["claim"] == "stable"
    assert solved["constant_power"] == verified["constant_power"]
    assert solved["constant_power"]["generators"] == 5
    assert 0 < solved["constant_power"]["share_of_dispatch"] < 1


def test_sweeps_name_them(net, tmp_path):
    table = tmp_path / "inverters.csv"
    table.write_text("bus,inverter\n" + "".join(f"{bus},0\n" for bus in MACHINES))
    how = {"lossless": True, "mq": [0.1, 0.2], "load_scale": [0.8, 1.0], "inverters": table}
    runs = scopf.sweep("case39", **how, out=tmp_path / "run")
    shares = runs.scenarios["constant_power_share"]
    assert shares.between(0.1, 0.9).all()
    found = runs.manifest["constant_power"]
    assert found == {
        "generators": 5,
        "share_of_dispatch": [pytest.approx(shares.min()), pytest.approx(shares.max())],
    }
    again = scopf.load_sweep(tmp_path / "run")
    assert again.manifest["constant_power"] == found
    (told,) = [line for line in facts.headline(analyse(again), again.manifest) if "taken" in line]
    low, high = (f"{100 * share:.3g}" for share in found["share_of_dispatch"])
    assert told == f"Generators taken for constant power: 5, {low} to {high} % of the dispatch."
    from scopf.cli.sweep import summary

    assert told in summary(again)
    plain = scopf.sweep("case39", lossless=True, mq=[0.1])
    assert plain.manifest["constant_power"] is None
    assert "taken" not in summary(plain)
    assert plain.scenarios["constant_power_share"].isna().all()
