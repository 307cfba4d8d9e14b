"""Sweeps of dispatches with devices: as a table, as a file of a spec, of a problem, resumed."""

import pytest

import scopf

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
