"""The studies: gap ratio on two buses, random networks, losses, costs on a case."""

import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf import plots
from scopf.cli.main import app
from scopf.dynamics.dae import System
from scopf.dynamics.energy import hessian, hessians
from scopf.dynamics.loads import Loads
from scopf.dynamics.modes import spectrum
from scopf.stability import registry
from scopf.studies import gap as gap_module
from scopf.studies.conservatism import conservatism
from scopf.studies.gap import gap
from scopf.studies.inverter_share import inverter_share
from scopf.studies.linear import rightmost
from scopf.studies.lossy import lossy
from scopf.studies.montecarlo import montecarlo
from scopf.studies.networks import draw, own_susceptance
from scopf.studies.with_losses import with_losses

PROVEN = ["C0", "C1", "C2", "weighted"]


def admittance(lines, b):
    """Dense Ybus of a lossless network."""
    n = int(max(ends.max() for ends in lines)) + 1
    y = np.zeros((n, n), dtype=complex)
    np.add.at(y, lines, 1j * b)
    y += y.T
    return y - np.diag(y.sum(axis=1))


# -- the exact condition -----------------------------------------------


def test_dense_hessians_are_the_sparse_one():
    for batch in draw(60, 2):
        n = batch.vm.shape[1]
        own = own_susceptance(batch.lines, batch.b, n)
        dense = hessians(batch.lines, batch.b, own, batch.vm, batch.va, 1 / batch.k)
        for i in range(len(batch)):
            point = batch.vm[i], batch.va[i], 1 / batch.k[i], np.zeros(n)
            sparse = hessian(batch.grid(i), *point).toarray()
            assert dense[i] == pytest.approx(sparse[1:, 1:], abs=1e-9)


@pytest.mark.parametrize("loads", [False, True])
def test_stability_by_the_hessian_is_that_by_eigenvalues(loads):
    seen = set()
    for batch in draw(300, 5, loads=loads):
        stable = batch.stable
        for i, (vm, va, k) in enumerate(zip(batch.vm, batch.va, batch.k, strict=True)):
            at = np.flatnonzero(np.isfinite(k))
            y = admittance(batch.lines, batch.b[i])
            found = rightmost(y, vm, va, at, k[at], mp=0.03, tau_p=0.05, tau_q=0.2) < 0
            if loads and not stable[i] and found:  # the load part itself is not positive definite
                load = np.setdiff1d(np.arange(len(k)), at)
                h = hessian(batch.grid(i), vm, va, 1 / k, np.zeros(len(k))).toarray()
                rows = np.concatenate([load, len(k) + load])
                assert np.linalg.eigvalsh(h[np.ix_(rows, rows)])[0] < 0
                continue
            assert found == stable[i]
            seen.add(bool(found))
    assert seen == {True, False}


def test_the_linearisation_is_the_slope_of_the_equations():
    """Lossy, with load buses that follow their voltage: against the equations' own differences."""
    random = np.random.default_rng(3)
    lines = np.array([0, 0, 1, 2, 1]), np.array([1, 2, 2, 3, 3])
    y = admittance(lines, random.uniform(2, 8, 5)) * (1 + 0.3j)
    vm, va = random.uniform(0.95, 1.05, 4), random.uniform(-0.2, 0.2, 4)
    at, k, mp, tau, speed = np.array([0, 2]), np.array([0.1, 0.2]), 0.04, 0.1, 2 * np.pi * 50
    load, exponents = np.array([1, 3]), (1.3, 2.2)

    def power(theta, v):
        voltage = v * np.exp(1j * theta)
        return voltage * (y @ voltage).conj()

    s = power(va, vm)

    def balance(theta, v):  # what is missing at the load buses
        here = power(theta, v)[load] - [
            (s.real * (v / vm) ** exponents[0] + 1j * s.imag * (v / vm) ** exponents[1])[load]
        ]
        return np.concatenate([here.real.ravel(), here.imag.ravel()])

    def rate(state):
        from scipy.optimize import fsolve

        theta, v = va.copy(), vm.copy()
        theta[at], v[at] = [0, state[0]] + va[at], vm[at] + state[3:]

        def missing(x):
            theta[load], v[load] = x[:2], x[2:]
            return balance(theta, v)

        fsolve(missing, np.concatenate([va[load], vm[load]]), xtol=1e-13)
        change = power(theta, v)[at] - s[at]
        omega = state[1:3]
        return np.concatenate(
            [
                [speed * (omega[1] - omega[0])],
                (-omega - mp * change.real) / tau,
                (-state[3:] - k * change.imag) / tau,
            ]
        )

    step = 1e-6
    columns = [(rate(step * e) - rate(-step * e)) / (2 * step) for e in np.eye(5)]
    expected = np.linalg.eigvals(np.array(columns).T).real.max()
    slopes = tuple(-e * part / vm for e, part in zip(exponents, (s.real, s.imag), strict=True))
    slopes = [np.where(np.isin(np.arange(4), load), slope, 0.0) for slope in slopes]
    found = rightmost(y, vm, va, at, k, mp=mp, tau_p=tau, tau_q=tau, slopes=slopes, frequency=50)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_linearisation_is_that_of_the_sparse_system():
    """Of a case with losses, charging, shunts, taps, and loads that follow their voltage."""
    net = scopf.load_case("case14").energized()
    inverters = scopf.Inverters.at_generators(net, mq=0.3, mp=0.02)
    loads = Loads.of(net, net.bus.vm, (1.3, 2.2))
    system = System(net, inverters, net.bus.vm, net.bus.va, loads)
    found = rightmost(
        net.ybus().toarray(), net.bus.vm, net.bus.va, system.at, inverters.k, mp=inverters.mp,
        slopes=(loads.dp, loads.dq),
    )  # fmt: skip
    assert found == pytest.approx(spectrum(system, "dense").rightmost, rel=1e-9)


# -- gap -----------------------------------------------


def test_the_published_gap_and_what_it_leaves_out():
    found = gap(b=[8.0], mq=[5.0])
    row = found.table.iloc[0]
    assert found.points == 31 * 31 * 61
    assert row["xi"] == pytest.approx(0.777, abs=5e-4)
    assert row["false_share"] == pytest.approx(0.71, abs=5e-3)


def test_gap_grows_with_droop_and_susceptance():
    table = gap(mq=[1, 2, 4]).table
    equal = table[table["mq1"] == table["mq2"]].pivot(index="b", columns="mq1", values="xi")
    assert (np.diff(equal.to_numpy(), axis=0) >= 0).all()
    assert (np.diff(equal.to_numpy(), axis=1) >= 0).all()
    mirrored = table.rename(columns={"mq1": "mq2", "mq2": "mq1"})
    mirrored = mirrored.sort_values(["b", "mq1", "mq2"]).reset_index(drop=True)
    assert mirrored["xi"].to_numpy() == pytest.approx(table["xi"].to_numpy())


def test_points_on_the_boundary_are_certified_as_the_paper_has_it():
    """Gamma = 1/60 at B = 6 and m_q = 5 is five steps of the voltages' grid."""
    vm = gap_module.VM
    found = gap(b=[6.0], mq=[5.0], vm=vm, angle=[0.0]).table
    steps = np.arange(31)
    assert found["certified"][0] == (abs(steps[:, None] - steps) <= 5).sum()


@pytest.mark.parametrize("name", PROVEN)
def test_proven_criteria_certify_nothing_unstable_on_two_buses(name):
    found = gap(name, b=[4.0, 8.0], mq=[1.0, 5.0]).table
    assert (found["false_share"] == 0).all()
    assert (found["stable"] < 31 * 31 * 61).all()
    if name == "weighted":  # a line is a tree
        assert (found["xi"] == 0).all()


def test_stable_points_of_the_gap_are_those_of_the_dynamics():
    """With the paper's m_p = 6 rad/s and filters of .1 s: 6 states, the common angle taken out."""
    random, droops = np.random.default_rng(1), [1.0, 2.5, 5.0]
    for _ in range(60):
        b, mq, vm = random.uniform(1, 9), random.choice(droops, 2), random.uniform(0.95, 1.05, 2)
        va = np.array([0.0, random.uniform(-0.525, 0.525)])
        y = admittance((np.array([0]), np.array([1])), np.array([b]))
        eigenvalue = rightmost(y, vm, va, np.arange(2), mq, mp=6.0, frequency=1 / (2 * np.pi))
        line, own = (np.array([0]), np.array([1])), np.array([b, b])
        h = gap_module._voltage_part(hessians(line, own[:1], own, vm[None], va[None], np.zeros(2)))
        assert gap_module._stable(h, 1 / (mq * vm)[None])[0] == (eigenvalue < 0)


def test_a_share_of_nothing_is_not_a_number():
    wide = gap(b=[2.0], mq=[1.0], angle=[1.6])
    assert wide.table[["stable", "certified"]].to_numpy().tolist() == [[0, 961]]
    assert np.isnan(wide.table["xi"][0])
    assert gap("C0", b=[2.0], mq=[1.0], angle=[1.6]).table["certified"][0] == 0


@pytest.mark.parametrize("given", [{"b": [0.0]}, {"mq": []}, {"vm": [-1.0, 1.0]}, {"mq": [np.nan]}])
def test_numbers_out_of_range_are_refused(given):
    with pytest.raises(scopf.ScopfError):
        gap(**given)


def test_picture(tmp_path):
    found = gap(b=[4.0, 8.0], mq=[1.0, 3.0, 5.0], vm=[0.95, 1.05], angle=[-0.3, 0.3])
    figure = plots.gap(found, tmp_path / "gap.png")
    assert (tmp_path / "gap.png").stat().st_size > 10_000
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert [ax.get_title("left") for ax in panels[:2]] == ["B = 4", "B = 8"]
    xi = found.table[found.table["b"] == 8].pivot(index="mq2", columns="mq1", values="xi")
    shown = panels[1].collections[0].get_array()
    assert shown.filled(np.nan) == pytest.approx(xi.to_numpy(), nan_ok=True)
    with pytest.raises(scopf.ScopfError, match="cannot write"):
        plots.gap(found, tmp_path / "missing" / "gap.png")


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(scopf.ScopfError, match=r"scopf\[plot\]"):
        plots.gap(gap(b=[8.0], mq=[5.0], vm=[1.0], angle=[0.0]))


# -- random networks -----------------------------------------------


def test_random_networks_have_what_they_are_said_to_have():
    import networkx as nx

    kinds = set()
    for batch in draw(200, 7):
        assert np.isfinite(batch.k).all()
        for i, tree in enumerate(batch.trees):
            grid = batch.grid(i)
            graph = nx.Graph(zip(grid.start.tolist(), grid.end.tolist(), strict=True))
            assert nx.is_connected(graph)
            assert len(graph) == len(grid)
            assert nx.is_tree(graph) == tree
            kinds.add(bool(tree))
    assert kinds == {True, False}
    again = [batch.b for batch in draw(200, 7)]
    assert all((a == batch.b).all() for a, batch in zip(again, draw(200, 7), strict=True))
    assert all((np.isfinite(b.k).sum(axis=1) >= 1).all() for b in draw(200, 7, loads=True))


def test_proven_criteria_give_no_false_certificate_and_the_papers_does():
    found = montecarlo(900)
    table = found.table.set_index("criterion")
    assert 0.8 < found.stable / found.networks < 0.95
    assert table.loc["voltage-difference", "false"] > 10
    assert table.loc["voltage-difference", "claim"] is None
    proven = table[table["claim"] == "stable"]
    assert set(PROVEN) <= set(proven.index)
    assert (proven["false"] == 0).all()
    assert proven["certified"].between(0.6, 1).all()
    assert table.loc["weighted", "certified"] > 0.99
    assert table.loc["weighted", "wrong_on_trees"] == 0
    assert table.loc["C2", "wrong_on_trees"] > 0


def test_weighted_is_sound_with_load_buses_and_exact_on_trees():
    found = montecarlo(600, loads=True)
    row = found.table.set_index("criterion").loc["weighted"]
    assert found.table["criterion"].tolist() == ["weighted"]
    assert 100 < found.stable < 550
    assert row["false"] == row["wrong_on_trees"] == 0
    assert row["certified"] > 0.98


def test_weighted_with_losses_is_close_where_angles_are_small():
    table = lossy(networks=21, ratios=[1e-6, 0.1]).table
    trees = table.iloc[0]
    assert trees["excess_max"] < 1e-4  # without losses it never allows too much
    assert table["covered"].tolist() == [1, 1]
    assert table["excess_max"][1] > 1e-3  # with losses it does


# -- on a case -----------------------------------------------


@pytest.fixture(scope="module")
def case39():
    return conservatism("case39")


def test_limits_on_39_buses(case39):
    limits = case39.limits.set_index(["criterion", "loads"])
    assert case39.cost == pytest.approx(41263.94, abs=0.01)
    assert limits.loc[("voltage-difference", "impedance"), "critical_mq"] == pytest.approx(
        0.1854, abs=4e-4
    )
    weighted = limits.loc[("weighted", "power")]
    exact = limits.loc[("exact", "power"), "optimum_mq"]
    assert exact == pytest.approx(0.3302, abs=1e-3)
    assert exact - 1e-3 < weighted["optimum_mq"] <= exact
    assert weighted["critical_mq"] > exact  # other points of the flat face have more room
    assert limits.loc[("C2", "impedance"), "critical_mq"] == pytest.approx(0.4277, abs=1e-3)
    assert limits.loc[("exact", "impedance"), "optimum_mq"] == np.inf


def test_costs_and_verdicts_on_39_buses(case39):
    costs = case39.costs.set_index(["criterion", "mq"])
    assert (costs["status"] == "optimal").all()
    assert costs.loc[("voltage-difference", 0.3), "increase"] == pytest.approx(649, abs=1)
    assert costs.loc[("weighted", 0.3), "increase"] == pytest.approx(0, abs=1e-3)
    assert 1000 < costs.loc[("weighted", 0.48), "increase"] < 3000
    stable = costs["stable_power"]
    assert stable[("weighted", 0.48)]
    assert not stable[("voltage-difference", 0.48)]
    assert not stable[("C2", 0.48)]  # which speaks of another load model:
    assert costs["stable_impedance"].all()


# -- command line -----------------------------------------------


def test_gap_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(gap_module, "VM", np.linspace(0.95, 1.05, 3))
    small = {"b": (2.0, 8.0), "mq": (1.0, 5.0), "vm": [0.95, 1.0, 1.05], "angle": [-0.5, 0, 0.4]}
    monkeypatch.setattr(gap_module.gap, "__kwdefaults__", {**small, "progress": False})
    result = CliRunner().invoke(app, ["gap", "--criterion", "all", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 100
    for name in registry.names():
        left_out = name == "none" or registry.get(name).for_losses
        assert (f"\n{name}, " in result.output) != left_out
    table = pd.read_parquet(tmp_path / "out" / "gap.parquet")
    assert len(table) == 5 * 2 * 4
    assert pd.read_csv(tmp_path / "out" / "gap.csv").shape == table.shape


def test_conservatism_on_the_command_line(tmp_path):
    arguments = ["conservatism", "--criterion", "voltage-difference", "--mq", "0.48", "--mq", "0.6"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "3499.8" in result.output
    assert " u" in result.output
    assert "infeasible" in result.output
    assert len(list(tmp_path.iterdir())) == 5
    failed = pd.read_parquet(tmp_path / "conservatism_costs.parquet").iloc[1]
    assert failed["status"] == "infeasible"
    assert failed["stable_power"] is None or failed["stable_power"] is pd.NA
    assert np.isnan(failed["increase"])


def test_conservatism_has_a_row_of_the_droops_of_a_table(tmp_path):
    (tmp_path / "inverters.csv").write_text("bus,mq,inverter\n39,,0\n32,0.4,\n")
    words = [
        "conservatism",
        "--criterion",
        "C2",
        "--mq",
        "0.2",
        "--capability",
        "--rating-factor",
        "1.3",
    ]
    words += ["--inverters", str(tmp_path / "inverters.csv"), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "1000"})
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines() if "." in line][-2:] == [
        "own", "0.2"
    ]  # fmt: skip
    costs = pd.read_csv(tmp_path / "conservatism_costs.csv").set_index("mq")
    net = scopf.load_case("case39").lossless()
    table = tmp_path / "inverters.csv"
    units = scopf.Inverters.at_generators(net, table=table, rating_factor=1.3)
    cost = {
        name: scopf.solve(scopf.build(net, units, criterion=name, capability=True)).cost
        for name in ("C2", "none")
    }
    assert costs["increase"].iloc[0] == pytest.approx(cost["C2"] - cost["none"], abs=1e-3)
    assert costs.index.isna().tolist() == [True, False]


@pytest.mark.parametrize("arguments", [["gap", "--criterion", "c3"], ["conservatism", "nowhere.m"]])
def test_mistakes_on_the_command_line_are_said(arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("scopf: ")
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("power", "impedance", "mark"),
    [
        (True, True, " "), (True, False, " "), (False, True, "u"), (False, False, "U"),
        (None, True, "?"), (None, False, "?"), (False, None, "u"),
    ],
)  # fmt: skip
def test_a_cell_marks_what_is_unstable_and_what_is_undecided(power, impedance, mark):
    from scopf.cli.studies import _cell

    verdicts = {"stable_power": [power], "stable_impedance": [impedance]}
    table = pd.DataFrame({"status": ["optimal"], "increase": [1.0], **verdicts})
    kinds = dict.fromkeys(verdicts, "boolean")
    (row,) = table.astype(kinds).to_dict("records")
    assert _cell(row) == f"1.00 {mark}"


# -- dispatches with losses -----------------------------------------------


def test_what_a_stable_dispatch_with_losses_costs_and_what_is_proven():
    """Just beyond the droop at which the plain optimum is stable, on the 39-bus system."""
    found = with_losses("case39", criteria=["none", "weighted", "lossy"], shares=[1.05])
    rows = found.table.set_index("criterion")
    assert (rows["status"] == "optimal").all()
    assert rows["stable"].tolist() == [False, True, True]
    assert rows["proof"].tolist() == ["", "multipliers", "multipliers"]
    assert rows["claim"].tolist() == ["", "", "no growing real mode"]
    assert 0 < rows.loc["lossy", "increase"] < rows.loc["weighted", "increase"]
    with pytest.raises(scopf.ScopfError, match="shares: positive numbers"):
        with_losses("case39", shares=[0.0])


# -- share of inverters -----------------------------------------------


def test_shares_of_inverters_are_builds_with_them():
    net, given = scopf.load_case("case39").lossless(), {"mq": 0.1, "criterion": "weighted"}
    found = inverter_share(net, shares=[0.2, 0.9, 1], **given).table
    every = scopf.devices_table("case39")
    sol = scopf.solve(scopf.build(net, devices=every, inverter_share=0.2, **given))
    free = scopf.solve(scopf.build(net, devices=every, inverter_share=0.2, criterion="none"))
    first = found.iloc[0]
    assert first["stability_cost"] == pytest.approx(sol.cost - free.cost, rel=1e-6)
    most = sol.inverters.set_index("bus")["nssp_per_pu"]
    assert (first["nssp_max"], first["nssp_bus"]) == (most.max(), most.idxmax())
    assert most.idxmax() == 36
    check = sol.verify()
    assert first["critical_mq"] == check.critical_mq
    assert first["real"] == check.modes["real"][0]
    assert (first["stable"], first["plain_stable"]) == (True, False)
    energy = every.loc[~every["bus"].isin([34, 36, 37]), "h"].sum()  # s on 100 MVA
    assert first["inertia_s"] == pytest.approx(energy / net.bus.pd.sum())
    assert first["scr_min"] == sol.inverters["scr"].min()
    assert found["share"].tolist() == pytest.approx([0.2242, 1, 1], abs=1e-4)
    assert found["inertia_s"][2] == 0
    assert found["nssp_bus"].isna().tolist() == [False, True, True]


def test_there_is_no_cost_where_only_one_dispatch_survives_an_outage():
    given = {"outages": [12], "emergency": 1.2, "mq": 0.2, "shares": [0.3]}
    (row,) = inverter_share("case39", rating_factor=1, **given).table.to_dict("records")
    assert (row["status"], row["unsurvived"]) == ("optimal", 1)
    assert np.isnan(row["stability_cost"])


@pytest.mark.parametrize(
    "given",
    [
        {"hours": [0.9, 1], "mq": 0.1, "share": 0.2},
        {"outages": [2], "emergency": 1.2, "mq": 0.2, "share": 0.3},
    ],
    ids=["hours", "outages"],
)
def test_shares_of_inverters_in_all_states(given):
    net, share = scopf.load_case("case39").lossless(), given.pop("share")
    (row,) = inverter_share(net, shares=[share], **given).table.to_dict("records")
    every = scopf.devices_table("case39")
    alike = {"devices": every, "criterion": "weighted", "inverter_share": share}
    sol = scopf.solve(scopf.build(net, **alike, **given))
    checks = sol.verify_states().checks
    assert len(checks) == 2
    assert row["critical_mq"] == min(check.critical_mq for check in checks.values())
    assert row["real"] == max(check.modes["real"][0] for check in checks.values())
    tables = {None: sol.inverters} if "outages" in given else {
        name: sol.state(name).inverters for name in sol.states}  # fmt: skip
    largest = {name: table["nssp_per_pu"].max() for name, table in tables.items()}
    assert row["nssp_max"] == max(largest.values()) > 60
    assert row["nssp_state"] == max(largest, key=largest.get)


def test_the_share_of_inverters_on_the_command_line(tmp_path):
    words = "inverter-share case39 --mq 0.1 --rating-factor 1.1 --share 0.25 --share 0.5 --out"
    result = CliRunner().invoke(app, [*words.split(), str(tmp_path)])
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if line.startswith("0.592"))
    assert " ".join(line.split()).startswith("0.592 31 32 33 34 35 36 37 optimal 0.00 - - ")
    assert line.split()[-3:] == ["yes", "9.22", "3.17"]
    assert pd.read_csv(tmp_path / "inverter_share.csv")["wanted"].tolist() == [0.25, 0.5]
    result = CliRunner().invoke(app, ["inverter-share", "case9"])
    assert "there is no bundled table of devices 'case9'" in result.stderr
