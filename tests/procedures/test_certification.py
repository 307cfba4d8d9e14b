"""Solve, check exactly, tighten, solve again."""

import json

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.dynamics.verification import verify
from scopf.stability.line_sums import LineSums


def problem(case="case39", mq=0.2, lossless=False, **keywords):
    net = scopf.load_case(case)
    net = net.lossless() if lossless else net
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **keywords)


class Blind(LineSums):
    """Rows that always hold."""

    name, network, assumptions, source = "blind", "reduced", "none", "this test"

    def ratio(self, v_i, v_j, u_i, u_j):
        return -1.0 + 0 * v_i / v_j


BLIND = Blind()


def test_a_stable_optimum_passes_at_once():
    made = problem(lossless=True)
    plain, solution = scopf.solve(made), scopf.solve(made, certify=True)
    assert solution.certified is True
    assert solution.cost == plain.cost
    (check,) = solution.checks
    assert (check.stable, check.factor, check.droop_margin) == (True, 1.0, 0.0)
    assert plain.certified is None
    assert "passed" in str(solution)
    assert "exact check" not in str(plain)


def test_a_heuristic_that_fails_is_tightened_until_it_holds():
    made = problem("case118", mq=1.4, criterion="weighted", droop_margin=0.0)
    loose = scopf.solve(made)
    assert not loose.verify().stable
    solution = scopf.solve(made, certify=True)
    assert solution.certified
    assert solution.verify().stable
    assert solution.cost > loose.cost
    assert [check.stable for check in solution.checks] == [
        *[False] * (len(solution.checks) - 1),
        True,
    ]
    margins = [check.droop_margin for check in solution.checks]
    assert margins == sorted(margins)
    assert margins[-1] > 0
    first = solution.checks[0]
    shrunk = loose.inverter_data.replace(mq=loose.inverter_data.mq * first.factor * 0.999)
    grown = loose.inverter_data.replace(mq=loose.inverter_data.mq * first.factor * 1.001)
    point = loose.point.vm, loose.point.va
    assert verify(loose.net, shrunk, *point).stable
    assert not verify(loose.net, grown, *point).stable
    assert made.scenario.droop_margin == 0.0, "the problem is left as it was"
    assert scopf.solve(made).cost == pytest.approx(loose.cost, rel=1e-7)


def test_a_step_is_the_ratio_of_what_the_criterion_allows_and_what_is_stable():
    made = problem("case118", mq=1.4, criterion="weighted", droop_margin=0.0)
    loose = scopf.solve(made)
    first, second, *_ = scopf.solve(made, certify=True).checks
    view = made.setting.view("full")
    point = loose.point.vm[view.buses], loose.point.va[view.buses]

    def certified(factor):
        slack = made.criterion.slack(view.grid, factor * view.k, *point)
        return slack[view.inverters].min() > 0

    allowed = (1 + second.droop_margin) * first.factor / 1.005
    assert first.factor < 0.999 * allowed, "the ratio would make no difference"
    assert certified(allowed * (1 - 1e-6))
    assert allowed <= 1 + 1e-9 or not certified(allowed * (1 + 1e-6))


def test_what_was_set_by_hand_stays_while_the_droop_margin_is_raised():
    own = problem(mq=0.48, lossless=True)
    limits = own.model.inverter_gamma_unit
    larger = {bus: 1.3 * limit.value for bus, limit in limits.items()}
    limits.store_values(larger)
    found = scopf.solve(own, certify=True)
    assert len(found.checks) > 1
    assert found.certified is False
    assert {bus: limit.value for bus, limit in limits.items()} == larger
    own.model.alpha = 0.95  # what was set by hand does not follow it
    again = scopf.solve(own).inverters.set_index("bus")["limit_pu"]
    assert again.to_dict() == pytest.approx({bus: unit / 0.48 for bus, unit in larger.items()})


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"mq": 0.48, "lossless": True}, "it is not solved"),
        ({"mq": 0.3, "criterion": "none"}, "no rows to tighten"),
        ({"mq": 0.2}, "does not see"),
        ({"mq": 0.5, "lossless": True, "criterion": "C0"}, "does not see"),
        ({"mq": 0.6, "lossless": True, "criterion": BLIND}, "does not see"),
    ],
)
def test_what_cannot_be_certified_is_not(keywords, said, caplog):
    solution = scopf.solve(problem(**keywords), certify=True)
    assert solution.solved
    assert solution.certified is False
    assert not solution.verify().stable
    assert said in caplog.text
    assert "NOT passed" in str(solution)


def test_a_problem_without_a_solution_says_so_whatever_the_criterion(caplog):
    net = scopf.load_case("case9").scaled(load=9)
    assert not scopf.solve(scopf.build(net, criterion="none"), certify=True).certified
    assert "the problem itself was not solved" in caplog.text


def test_steps_that_lead_nowhere_become_bold_and_end_soon():
    """With losses the point is unstable by angles, which rows about voltages do not prevent."""
    solution = scopf.solve(problem(mq=0.2), certify=True)
    margins = [1 + check.droop_margin for check in solution.checks]
    assert 1 < len(margins) <= 5
    assert margins[-1] >= 2 * margins[-2] >= 4 * margins[-3]
    factors = [check.factor for check in solution.checks]
    assert f"{factors[-1]:.4g} of them" in str(solution.diagnosis)


class Real(Blind):
    name, claim, conditions = "real", "no growing real mode", "that of this test"


def test_against_an_oscillation_rows_about_real_modes_are_not_tightened(caplog):
    net = scopf.load_case("case30")
    inverters = scopf.Inverters.at_generators(net, mq=0.3, mp=1.0)
    solution = scopf.solve(scopf.build(net, inverters, criterion=Real()), certify=True)
    (check,) = solution.checks
    assert check.oscillates
    assert solution.certified is False
    assert "an oscillation grows, and a larger droop margin is no cure for it" in caplog.text
    blind = scopf.solve(scopf.build(net, inverters, criterion=BLIND), certify=True)
    assert blind.checks[0].oscillates
    assert "no cure" not in caplog.records[-1].getMessage()


def test_the_check_takes_the_keywords_of_verify():
    made = problem(mq=0.5, lossless=True, criterion="none")
    assert scopf.solve(made, certify={"load": "impedance"}).certified
    assert not scopf.solve(made, certify=True).certified
    with pytest.raises(scopf.ScopfError, match="takes the keywords"):
        scopf.solve(made, certify={"lod": "impedance"})


def run(*words):
    return CliRunner().invoke(app, ["solve", "case39", *words, "--certify"])


def test_on_the_command_line():
    passed = run("--lossless", "--mq", "0.2", "--json")
    assert passed.exit_code == 0
    assert json.loads(passed.stdout)["certified"] is True
    failed = run("--criterion", "none", "--mq", "0.3")
    assert failed.exit_code == 1
    assert "NOT passed" in failed.stdout
