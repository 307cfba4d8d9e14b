"""A least damping ratio as a requirement, against eigenvalues by finite differences."""

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.dynamics.damping import abscissa, meets
from tests.results.test_verified import eigenvalues


@cache
def solution(case="case39", mq=0.2, **keywords):
    net = scopf.load_case(case).lossless()
    return scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **keywords))


def least_ratio(net, inverters):
    """By finite differences."""
    values = eigenvalues(net, inverters)
    swings = values[abs(values.imag) > 1e-3 * abs(values)]
    return (-swings.real / abs(swings)).min()


@pytest.mark.parametrize("case", ["case39", "case9", "case118"])
def test_the_damping_is_that_of_the_eigenvalues(case):
    of = solution(case, 0.1, criterion="none")
    found, expected = of.verify(), least_ratio(of.net, of.inverter_data)
    assert found.damping == pytest.approx(expected, rel=1e-4)
    for factor, enough in ((0.999, True), (1.001, False)):
        asked = of.verify(min_damping=factor * expected)
        assert (asked.stable, asked.damped) == (True, enough)


def test_the_sign_and_the_requirement_are_two_things():
    of = solution()
    plain, missed = of.verify(), of.verify(min_damping=0.2)
    assert plain.stable is plain.damped is missed.stable is True
    assert missed.damped is False
    assert "damped" not in plain.modes
    hz, text = missed.least_damped_hz, missed.verdict
    assert text.startswith(f"stable, but the mode at {hz:.3g} Hz has a damping ratio of 0.05")
    assert "below 0.2; inverters " in text
    named = text.split("inverters ")[1].removesuffix(" take most part in it").replace(" and ", ", ")
    worst = int(missed.modes.loc[missed.modes["damping"].idxmin(), "mode"])
    every = missed.participation
    shares = every.loc[every["mode"] == worst, "bus"].tolist()
    assert [int(bus) for bus in named.split(", ")] == shares[: named.count(",") + 1]


def test_rows_of_modes_say_whether_each_has_it_and_none_that_misses_is_left_out():
    of = solution()
    every = of.verify(modes=99).modes
    swings = every[every["frequency_hz"] > 0].sort_values("damping")
    least = float(swings["damping"].iloc[3])
    asked = of.verify(min_damping=least, modes=1)
    assert asked.modes["damped"].tolist() == (asked.modes["damping"] >= least).tolist()
    beyond = set(swings["real"][:3]) - {every["real"].max()}
    assert set(asked.modes["real"]) >= {swings["real"].iloc[0], every["real"].max()}
    assert len(asked.modes) == 2 <= len(beyond)
    assert (
        of.verify(min_damping=least, modes=4).modes["damped"].sum()
        == len(of.verify(min_damping=least, modes=4).modes) - 3
    )
    assert f">= {least:g}" in str(asked)


def test_an_unstable_point_is_not_damped_and_one_that_does_not_oscillate_is():
    unstable = solution(mq=0.34, criterion="none").verify(min_damping=0.01)
    assert unstable.stable is unstable.damped is False
    assert meets(np.array([-1 + 0j, 1 + 0j, -1 + 10j]), 0.05).tolist() == [True, False, True]
    assert abscissa(np.array([-0.05 + 0.99875j]), 0.05)[0] == pytest.approx(0, abs=1e-5)


def test_what_the_search_has_not_looked_at_is_undecided():
    """Arnoldi's method has an edge: what lies beyond it may have less."""
    found = solution().verify(min_damping=0.05, method="arnoldi")
    assert (found.stable, found.damped) == (True, None)
    assert np.isnan(found.damping)
    assert 'use method="dense"' in found.verdict


def test_the_largest_factor_on_the_droops_with_this_damping():
    """By the eigenvalues just below and above it, with losses: droops take damping away."""
    net = scopf.load_case("case14")
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    of = scopf.solve(scopf.build(net, inverters, criterion="none"))
    missed = of.verify(min_damping=0.045)
    assert (missed.stable, missed.damped) == (True, False)
    factor = missed.largest_factor(damped=True)
    assert 0.4 < factor < 0.6 < 10 < missed.critical_factor
    for step, enough in ((0.99, True), (1.01, False)):
        inverters = of.inverter_data.replace(mq=step * factor * of.inverter_data.mq)
        assert (least_ratio(of.net, inverters) > 0.045) == enough


@pytest.mark.parametrize("value", [-0.1, 1, 5, True, "5%", float("nan"), None])
def test_what_is_no_damping_ratio_is_refused(value):
    with pytest.raises(scopf.ScopfError, match="from 0 to below 1"):
        solution().verify(min_damping=value)


def test_every_state_has_to_have_it():
    secure = solution("case9", 0.1, outages=(5, 8), emergency=1.5)
    every = {name: of.damping for name, of in secure.verify_states().checks.items()}
    for name, ratio in every.items():
        if name != "intact":
            of = secure.state(name)
            own = of.inverters_of(secure.inverter_data)
            assert least_ratio(of.net, own) == pytest.approx(ratio, rel=1e-4)
    low, high = sorted(every.values())[:2]
    between = secure.verify_states(min_damping=(low + high) / 2)
    assert (between.stable, between.damped) == (True, False)
    assert between.least_damped == min(every, key=every.get)
    assert between.damping == low
    assert between.table["damped"].tolist() == [one >= (low + high) / 2 for one in every.values()]
    assert f"in {between.least_damped} (mode at" in between.verdict
    assert secure.verify_states(min_damping=low * 0.99).damped is True


def test_certify_says_that_no_droop_margin_gives_this_damping():
    problem = solution().problem
    found = scopf.solve(problem, certify={"min_damping": 0.3})
    assert found.certified is False
    assert len(found.checks) > 1
    assert found.cost == pytest.approx(scopf.solve(problem).cost, rel=1e-9)  # the first is stable
    assert found.checks[0].stable is True
    assert found.checks[0].damping == pytest.approx(found.verify().damping, rel=1e-9)
    assert f"it is the one with a droop margin of {found.checks[0].droop_margin:.2%}" in str(found)
    why = str(found.diagnosis)
    assert (
        "not certified: the damping ratio 0.3 cannot be reached by a droop margin: it is 0.05"
        in why
    )


def test_certify_raises_the_droop_margin_until_the_damping_is_there():
    """A margin moves the voltages, and with them the damping, a little."""
    problem = solution("case118", 0.3).problem
    first = scopf.solve(problem, certify=True)
    asked = first.verify().damping * 1.01
    found = scopf.solve(problem, certify={"min_damping": asked})
    assert [check.passed for check in found.checks] == [False] * (len(found.checks) - 1) + [True]
    assert len(found.checks) > 1
    assert found.certified
    assert found.cost > first.cost * (1 + 1e-6)
    assert least_ratio(found.net, found.inverter_data) >= asked * (1 - 1e-4)


def test_checks_of_a_stored_solution_keep_their_damping(tmp_path):
    found = scopf.solve(solution("case9", 0.1).problem, certify={"min_damping": 0.05})
    found.save(tmp_path / "one.json")
    again = scopf.load_solution(tmp_path / "one.json")
    assert [dataclasses.asdict(one) for one in again.checks] == [
        dataclasses.asdict(one) for one in found.checks
    ]
    older = json.loads((tmp_path / "one.json").read_text())
    for check in _checks_in(older):
        for key in ("min_damping", "damped", "damping", "least_damped_hz"):
            check.pop(key)
    (tmp_path / "older.json").write_text(json.dumps(older))
    assert scopf.load_solution(tmp_path / "older.json").certified is True


def _checks_in(content):
    """The dictionaries of checks, wherever they stand."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from value if key == "checks" else _checks_in(value)
    elif isinstance(content, list):
        for value in content:
            yield from _checks_in(value)


def run(text):
    found = CliRunner().invoke(app, text.split())
    return found.exit_code, found.output


def test_the_commands():
    code, text = run("verify case9 --lossless --mq 0.1 --min-damping 0.05 --json")
    found = json.loads(text[text.index("{") :])
    assert (code, found["stable"], found["damped"]) == (0, True, True)
    code, text = run("verify case9 --lossless --mq 0.1 --min-damping 0.4 --json")
    found = json.loads(text[text.index("{") :])
    assert (code, found["stable"], found["damped"], found["min_damping"]) == (1, True, False, 0.4)
    assert found["settings"]["load"] == "power"
    code, text = run("solve case9 --mq 0.1 --certify --load impedance --frequency 50 --json")
    found = json.loads(text[text.index("{") :])
    assert (code, found["settings"]["load"]) == (0, "impedance")
    net = scopf.load_case("case9")
    of = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.1)))
    expected = of.verify(load="impedance", frequency=50.0).damping
    assert found["checks"][-1]["damping"] == pytest.approx(expected, rel=1e-6)
    assert abs(of.verify().damping / expected - 1) > 1e-3
