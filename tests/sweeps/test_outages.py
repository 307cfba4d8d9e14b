"""Sweeps in which every dispatch survives outages."""

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app

MQ = [0.1, 0.2]
COSTS = [41461.38, 43373.74]  # published, emergency ratings 1.2 times rating A


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


@pytest.mark.usefixtures("quick_pools")
@pytest.mark.parametrize("workers", [1, 2])
def test_costs_with_an_outage_in_every_dispatch(case39, workers):
    runs = scopf.sweep(case39, mq=MQ, outages=[6], emergency=1.2, workers=workers)
    table = runs.scenarios
    assert table.cost.tolist() == pytest.approx(COSTS, rel=1e-6)
    assert table.outages.tolist() == [1, 1]
    assert table.unsurvived.tolist() == [0, 0]
    assert table.nssp_max[1] == pytest.approx(66495, rel=1e-3)


def test_a_problem_with_outages_is_swept_with_them(case39):
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    problem = scopf.build(case39, inverters, outages=[6], emergency=1.2)
    runs = scopf.sweep(problem, mq=MQ, criterion=["voltage-difference", "none"])
    costs = runs.scenarios.set_index(["mq", "criterion"]).cost
    assert costs[0.1, "voltage-difference"] == pytest.approx(COSTS[0], rel=1e-6)
    assert costs[0.2, "voltage-difference"] == pytest.approx(COSTS[1], rel=1e-6)
    assert costs[0.2, "none"] == pytest.approx(41803.82, rel=1e-6)
    with pytest.raises(scopf.ScopfError, match="outages"):
        scopf.sweep(problem, mq=MQ, outages=[1])


def test_an_outage_that_is_out_already_is_none(case39):
    runs = scopf.sweep(case39, outage=[1], outages=[1, 13], emergency=1.2, mq=0.05)
    table = runs.scenarios
    assert table.outages.tolist() == [2, 1]
    again = scopf.sweep(case39, outage=[1], outages=[13], emergency=1.2, mq=0.05).scenarios
    assert table.cost[1] == pytest.approx(again.cost[1], rel=1e-7)


def test_screening_in_a_sweep(case39):
    """Each scenario is what it is alone, whatever joined or left the dispatch before it."""
    keywords = {"outages": [1, 2, 3, 6, 8, 12, 13, 20, 27, 34], "emergency": 1.2}
    factors = [0.75, 0.9, 0.75]
    runs = scopf.sweep(case39, load_scale=factors, mq=0.1, chain=3, **keywords)
    table = runs.scenarios
    assert table.solved.all()
    assert table.cost[0] == pytest.approx(table.cost[2], rel=1e-6)
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    for k in (0, 1):
        problem = scopf.build(case39, inverters, load_scale=factors[k], **keywords)
        alone = scopf.solve(problem)
        assert table.cost[k] == pytest.approx(alone.cost, rel=1e-6)
        assert table.unsurvived[k] == len(alone.unsurvived)
    came = set(alone.outages["status"])
    assert came == {"in the dispatch", "secure", "no dispatch survives"}


def test_spec_and_command_line(case39, tmp_path):
    (tmp_path / "lost.csv").write_text("name,out,emergency\nboth,12+13,1.2\n3-4,6,1.2\n")
    spec = tmp_path / "study.toml"
    spec.write_text(
        'case = "case39"\nlossless = true\nmq = 0.2\noutages = "lost.csv"\nemergency = 1.0\n'
    )
    of_file = scopf.sweep(spec).scenarios
    flags = "case39 --lossless --mq 0.2 --outages 12+13,6 --emergency 1.2 --no-progress --out"
    out = str(tmp_path / "run")
    done = CliRunner().invoke(app, ["sweep", *flags.split(), out])
    assert done.exit_code == 0, done.output
    of_flags = scopf.load_sweep(out).scenarios
    assert of_file.cost[0] == pytest.approx(of_flags.cost[0], rel=1e-7)
    again = CliRunner().invoke(app, ["sweep", "--resume", "--no-progress", "--out", out])
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"outages": "n-2"}, "n-2"),
        ({"outages": [4711]}, "no branch 4711"),
        ({"outages": [6], "emergency": -1.0}, "emergency"),
        ({"outages": [6], "soft": {"rating": 1.0}}, "rating"),
    ],
)
def test_what_is_no_outage_is_refused_at_once(case39, given, text):
    with pytest.raises(scopf.ScopfError, match=text):
        scopf.sweep(case39, **given)
