"""Sweeps of dispatches with devices: as a table, as a file of a spec, of a problem, resumed."""

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.sweeps.analysis import axes

ODD = [31, 33, 35, 37, 39]


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def table():
    every = scopf.devices_table("case39")
    return every[every["bus"].isin(ODD)]


@pytest.fixture(scope="module")
def cost(net, table):
    return scopf.solve(scopf.build(net, criterion="weighted", devices=table, mq=0.2)).cost


def test_every_scenario_has_the_devices(net, table, cost, tmp_path):
    path = tmp_path / "machines.csv"
    table.to_csv(path, index=False)
    spec = tmp_path / "study.toml"
    spec.write_text(
        'case = "case39"\nlossless = true\ncriterion = "weighted"\ndevices = "machines.csv"\n'
        "mq = [0.15, 0.2]\n"
    )
    problem = scopf.build(net, criterion="weighted", devices=table, mq=0.15)
    for runs in (
        scopf.sweep(net, devices=table, criterion="weighted", mq=[0.15, 0.2]),
        scopf.sweep(spec),
        scopf.sweep(problem, mq=[0.15, 0.2]),
    ):
        assert runs.scenarios["cost"][1] == pytest.approx(cost, rel=1e-7)
        assert sorted(set(runs.inverters["bus"])) == [30, 32, 34, 36, 38]
        assert scopf.solve(runs.problem(1)).cost == pytest.approx(cost, rel=1e-7)


def test_a_sweep_is_resumed_with_the_same_devices(table, tmp_path):
    path, out = tmp_path / "machines.csv", tmp_path / "run"
    table.to_csv(path, index=False)
    given = {"lossless": True, "criterion": "weighted", "mq": [0.15], "devices": path, "out": out}
    scopf.sweep("case39", **given)
    again = scopf.sweep("case39", **given, resume=True)
    assert again.scenarios["status"].tolist() == ["optimal"]
    table.assign(xq=table["xq"] * 0.9).to_csv(path, index=False)
    with pytest.raises(scopf.ScopfError, match="the case, its inverters or devices changed"):
        scopf.sweep("case39", **given, resume=True)


def test_devices_do_not_go_with_a_problem(net, table):
    problem = scopf.build(net, criterion="weighted", devices=table)
    with pytest.raises(scopf.ScopfError, match="devices: has no effect with a Problem"):
        scopf.sweep(problem, devices=table, mq=[0.1])


@pytest.mark.parametrize(
    "given", [{"hours": [1, 0.9]}, {"outages": [6], "emergency": 1.2}], ids=["hours", "outages"]
)
def test_a_sweep_of_hours_or_outages_is_a_solve_with_devices(net, table, given):
    runs = scopf.sweep(net, devices=table, criterion="weighted", mq=[0.1], **given)
    alone = scopf.build(net, devices=table, criterion="weighted", mq=0.1, **given)
    (cost,) = runs.scenarios["cost"]
    assert cost == pytest.approx(scopf.solve(alone).cost, rel=1e-7)


def test_a_device_that_an_outage_cuts_off_is_out(net, table):
    """Branch 46 is the only one of bus 38."""
    at_38 = scopf.devices_table("case39").query("bus == 38")
    (branch,) = net.branch.id[(net.branch.from_bus == 38) | (net.branch.to_bus == 38)]
    runs = scopf.sweep(net, devices=at_38, criterion="weighted", mq=[0.05], outage=[int(branch)])
    assert runs.problem(1).scenario.devices is None
    assert runs.problem(0).scenario.devices.machines.bus.tolist() == [38]


# -- share of inverters -----------------------------------------------


SHARES = [0.25, 0.5, 1]


@pytest.fixture(scope="module")
def costs(net):
    every = scopf.devices_table("case39")
    given = {"criterion": "weighted", "devices": every, "mq": 0.2}
    return [scopf.solve(scopf.build(net, inverter_share=one, **given)).cost for one in SHARES]


def check_shares(runs, costs, *, first=0):
    """The scenarios are the builds with these shares."""
    assert runs.scenarios["inverter_share"].tolist() == SHARES[first:]
    assert runs.scenarios["cost"].tolist() == pytest.approx(costs[first:], rel=1e-7)
    reached = [0.3119, 0.5921, 1][first:]
    assert runs.scenarios["inverter_share_reached"].tolist() == pytest.approx(reached, abs=1e-4)
    assert runs.inverters.groupby("scenario").size().tolist() == [4, 7, 10][first:]


def test_each_share_of_inverters_is_a_build_with_it(net, costs, tmp_path):
    every = scopf.devices_table("case39")
    given = {"criterion": "weighted", "mq": 0.2}
    runs = scopf.sweep(net, devices=every, inverter_share=SHARES, **given)
    check_shares(runs, costs)
    axis = axes.find(runs.scenarios).x
    assert (axis.name, axis.numeric) == ("inverter_share", True)
    problem = scopf.build(net, devices=every, inverter_share=0.4, **given)
    check_shares(scopf.sweep(problem, inverter_share=SHARES[1:]), costs, first=1)
    path, out = tmp_path / "machines.csv", tmp_path / "run"
    every.to_csv(path, index=False)
    spec = tmp_path / "study.toml"
    spec.write_text(
        'case = "case39"\nlossless = true\ncriterion = "weighted"\ndevices = "machines.csv"\n'
        "mq = 0.2\ninverter_share = [0.25, 0.5, 1]\n"
    )
    words = ["sweep", str(spec), "--out", str(out), "--no-progress"]
    assert CliRunner().invoke(app, words).exit_code == 0
    check_shares(scopf.load_sweep(out), costs)
    words = [*words, "--inverter-share", "0.5:1:2", "--resume"]
    words[3] = str(tmp_path / "other")
    assert CliRunner().invoke(app, words).exit_code == 0
    check_shares(scopf.load_sweep(tmp_path / "other"), costs, first=1)


def test_the_droop_of_a_unit_that_is_a_machine_has_no_effect(net):
    """Generator 10 at bus 39 is the largest, an inverter in the last scenario alone."""
    every = scopf.devices_table("case39")
    runs = scopf.sweep(net, devices=every, criterion="weighted", mq=0.2, mq_39=0.1,
                       inverter_share=[0.5, 1])  # fmt: skip
    droops = runs.inverters.set_index(["scenario", "bus"])["mq"]
    assert 39 not in droops[0].index
    assert (droops[1][39], droops[1][38]) == (0.1, 0.2)


def test_dispatches_without_an_inverter_have_tables_without_rows(net):
    every = scopf.devices_table("case39")
    runs = scopf.sweep(net, devices=every, criterion="none", inverter_share=[0, 0.1])
    assert runs.scenarios["solved"].all()
    assert runs.inverters["bus"].tolist() == [34, 37]


def test_shares_that_are_refused(net):
    every = scopf.devices_table("case39")
    with pytest.raises(scopf.ScopfError, match="without devices every generator is an inverter"):
        scopf.sweep(net, inverter_share=[0.5])
    with pytest.raises(scopf.CaseError, match="less than or equal to 1"):
        scopf.sweep(net, devices=every, inverter_share=[0.5, 1.5])
    some = scopf.Inverters.at_generators(net, buses=[30, 39]).with_droops({39: 0.1})
    rest = every[~every["bus"].isin([30, 39])]
    with pytest.raises(scopf.ScopfError, match="the inverters that were given differ in mq"):
        scopf.sweep(net, devices=rest, inverters=some, inverter_share=[0.5])
