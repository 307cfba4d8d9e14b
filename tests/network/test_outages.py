"""Outages as they are asked for."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.network import outages

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([(6, 6)], ["branch 6"]),
        ("gen 3", ["gen 3"]),
        ("6", ["branch 6"]),
        ("branch 6 + gen 3", ["branch 6 + gen 3"]),
        (6, ["branch 6"]),
        (np.array([6.0, 7.0]), ["branch 6", "branch 7"]),
        (np.array([6, 7]), ["branch 6", "branch 7"]),
        (["gen3"], ["gen 3"]),
    ],
)
def test_ways_to_name_outages(case39, given, names):
    assert [one.name for one in outages.read(given, case39)] == names


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([(6, 13), (13, 6)], "2: branch 13 \\+ branch 6 is there twice"),
        ([6, "6"], "2: branch 6 is there twice"),
        ([[]], "1: nothing is lost"),
        ([6.5], "no element"),
        (pd.DataFrame({"name": ["intact"], "out": ["6"]}), "the state without an outage"),
        (pd.DataFrame({"out": ["6"], "emergency": [0.0]}), "above zero"),
        (pd.DataFrame({"out": ["6"], "emergency": [np.inf]}), "above zero"),
        ("n-2", "n-2"),
    ],
)
def test_what_is_no_outage(case39, given, text):
    with pytest.raises(scopf.ScopfError, match=text):
        outages.read(given, case39)


def test_a_factor_of_zero_is_refused(case39):
    with pytest.raises(scopf.ScopfError, match="emergency must be above zero"):
        scopf.build(case39, outages=[6], emergency=0.0)


def test_losing_every_generator_is_named_and_the_rest_is_solved(case39):
    everything = tuple(f"gen {k}" for k in case39.gen.id)
    found = scopf.solve(scopf.build(case39, mq=0.1, outages=[everything, 6], emergency=1.2))
    assert found.status == "optimal"
    (lost,) = found.unsurvived
    assert lost.reason == "no generator is left in service"
    assert found.outages.status.tolist() == ["no dispatch survives", "in the dispatch"]
    alone = scopf.solve(scopf.build(case39, mq=0.1, outages=[everything], emergency=1.2))
    assert alone.status == "optimal"
    assert alone.outages.status.tolist() == ["no dispatch survives"]


def test_a_state_without_an_inverter(case39):
    inverters = scopf.Inverters.at_generators(case39, buses=[31], mq=0.1)
    problem = scopf.build(case39, inverters, criterion="none", outages=["gen 2"])
    assert scopf.solve(problem).status == "optimal"
