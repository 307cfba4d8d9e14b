"""What a sweep solves when its study is a Problem, a Network or a criterion object."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import scopf
from scopf.stability.criteria.closed_forms import ClosedForm
from scopf.stability.criteria.voltage_difference import VoltageDifference
from scopf.sweeps import worker
from scopf.sweeps.base_case import Base, Topology, identity


def test_a_sweep_is_not_resumed_with_another_criterion_of_the_same_class(tmp_path):
    out = tmp_path / "out"
    axes = {"mq": [0.04, 0.05], "lossless": True, "out": out}
    scopf.sweep("case9", criterion=ClosedForm(1), **axes)
    with pytest.raises(scopf.ScopfError, match="cannot be resumed: the case"):
        scopf.sweep("case9", criterion=ClosedForm(2), resume=True, **axes)
    assert scopf.sweep("case9", criterion=ClosedForm(1), resume=True, **axes).scenarios is not None


def test_a_criterion_that_cannot_be_compared_is_not_resumed(tmp_path):
    class Own(VoltageDifference):
        def __init__(self, weight):
            self.weight = weight

    assert identity(Own([1, {"a": 2.0}])) == identity(Own([1, {"a": 2.0}])) != identity(Own([1]))
    axes = {"mq": 0.04, "criterion": Own(lambda x: x), "out": tmp_path / "out"}
    scopf.sweep("case9", **axes)
    with pytest.raises(scopf.ScopfError, match="criterion holds what cannot be compared"):
        scopf.sweep("case9", resume=True, **axes)


def test_a_droop_margin_that_was_given_stays_with_every_criterion():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    problem = scopf.build(net, inverters, droop_margin=0.1)
    runs = scopf.sweep(problem, criterion=["voltage-difference"])
    assert runs.scenarios["cost"][0] == pytest.approx(41333.64, abs=5e-3)
    updated = scopf.build(net, inverters).update(droop_margin=0.1)
    runs = scopf.sweep(updated, criterion=["voltage-difference"])
    assert runs.scenarios["cost"][0] == pytest.approx(41333.64, abs=5e-3)
    default = scopf.sweep(scopf.build(net, inverters), criterion=["voltage-difference"])
    assert default.scenarios["cost"][0] == pytest.approx(41276.15, abs=5e-3)


def test_a_droop_margin_of_zero_that_was_given_stays_zero():
    net = scopf.load_case("case9")
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    given, default = (
        Base(net, inverters, scenario=scopf.build(net, inverters, **more).scenario)
        for more in ({"droop_margin": 0}, {})
    )
    weighted = Topology(criterion="weighted")
    assert given.problem(weighted).scenario.droop_margin == 0
    assert default.problem(weighted).scenario.droop_margin == 0.06


@pytest.mark.parametrize("criterion", ["C1", ClosedForm(1)])
def test_an_edited_model_is_not_rebuilt_for_another_criterion(criterion):
    problem = scopf.build(scopf.load_case("case9").lossless())
    problem.model.bus_vm[1].setub(1.05)
    with pytest.raises(scopf.ScopfError, match="cannot be rebuilt for other criterion"):
        scopf.sweep(problem, criterion=criterion)


UNITS = {"beta_q": 1.5, "mp": 0.01, "droop_base": "rating", "rating_mva": 9.0, "rating_factor": 1.1}


def test_settings_that_would_have_no_effect_are_refused():
    net = scopf.load_case("case9").lossless()
    settings = {**UNITS, "ignore_unsupported": True}
    with pytest.raises(scopf.CaseError) as caught:
        scopf.sweep(scopf.build(net), mq=0.05, **settings)
    assert {fault.table for fault in caught.value.faults} == set(settings)
    text = "has no effect with a Problem; build it so"
    assert {fault.text for fault in caught.value.faults} == {text}
    with pytest.raises(scopf.CaseError, match="no effect with Inverters; make them so") as caught:
        scopf.sweep(net, inverters=scopf.Inverters.at_generators(net), mq=0.05, **UNITS)
    assert {fault.table for fault in caught.value.faults} == set(UNITS)
    with pytest.raises(scopf.CaseError, match="no effect with a Network; load it so"):
        scopf.sweep(net, mq=0.05, ignore_unsupported=True)


def test_a_cost_of_stiffness_needs_a_problem_with_co_design():
    net = scopf.load_case("case9").lossless()
    for study in ("case9", net, scopf.build(net)):
        with pytest.raises(scopf.ScopfError, match="droops are given here; build with mq_bounds"):
            scopf.sweep(study, stiffness_cost=[0, 1])
    designed = scopf.build(net, mq_bounds=(0.05, 0.2))
    found = scopf.sweep(designed, stiffness_cost={"all": [0, 1], 2: 0.5}).scenarios
    assert found["solved"].all()
    assert found["cost"].is_monotonic_increasing


def test_the_manifest_says_what_was_solved():
    net = scopf.load_case("case9").lossless()
    units = scopf.Inverters.at_generators(net, mq=0.04)
    problem = scopf.build(net, units, criterion="C1", eta_q=0.1, q_price={1: 0.5})
    base = scopf.sweep(problem, mq=[0.03, 0.04]).manifest["base"]
    assert base["criterion"] == "C1"
    assert (base["scenario"]["eta_q"], base["scenario"]["q_price"]) == (0.1, {"1": 0.5})
    assert base["inverters"]["bus"] == [1, 2, 3]
    assert base["inverters"]["mq"] == [0.04] * 3
    assert scopf.sweep(net, mq=0.04).manifest["base"]["criterion"] == "voltage-difference"
    own = scopf.sweep(net, mq=0.04, criterion=ClosedForm(2)).manifest["base"]
    assert (own["criterion"], own["scenario"]) == ("C2", None)


def test_threads_lose_no_warning_and_keep_no_problem(caplog):
    caplog.set_level(logging.WARNING, logger="scopf")
    driver = logging.getLogger("scopf.sweeps.driver")
    with ThreadPoolExecutor(1) as executor:
        entered, leave, said = threading.Event(), threading.Event(), []

        def working():
            with worker._listening(said):
                logging.getLogger("scopf.model").warning("of a worker")
                entered.set()
                leave.wait(10)

        future = executor.submit(working)
        entered.wait(10)
        driver.warning("of the driver")
        leave.set()
        future.result()
        assert said == ["of a worker"]
        assert [record.getMessage() for record in caplog.records] == ["of the driver"]
        caplog.clear()
        scopf.sweep("case9", criterion="none", margin=[0.1, 0.2], chain=1, executor=executor)
    texts = [r.getMessage() for r in caplog.records if "leave a margin" in r.getMessage()]
    assert len(texts) == 1
    assert not worker._bases
    assert not worker._live


def test_a_problem_is_left_as_it_was():
    net = scopf.load_case("case9")
    problem = scopf.build(net, criterion="weighted")
    _ = problem.model  # swept as it stands
    before = problem.scenario
    scopf.sweep(problem, droop_margin=[0.1, 0.2], alpha=[0.9, 1.0])
    assert problem.scenario == before


def test_the_network_of_a_scenario_has_its_branch_switched_off():
    runs = scopf.sweep("case39", outage=[6, 13], mq=0.05, progress=False)
    for scenario, out in enumerate(([], [6], [13])):
        net = scopf.solve(runs.problem(scenario)).net
        assert len(net.branch) == 46
        assert net.branch.id[~net.branch.in_service].tolist() == out
