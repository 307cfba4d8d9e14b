"""DC lines whose losses would be negative between their limits, in every source of a network."""

import json

import numpy as np
import pytest

import scopf
from scopf.cases import native
from tests.model.test_content import dcline

FOUR = """function mpc = four
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
1 3 0 0 0 0 1 1.02 0 230 1 1.1 0.9;
2 2 0 0 0 0 1 1 0 230 1 1.1 0.9;
3 1 60 20 0 0 1 1 0 115 1 1.1 0.9;
4 1 40 10 0 0 1 1 0 115 1 1.1 0.9;
];
mpc.gen = [
1 60 10 100 -100 1.02 150 1 200 0;
2 40 10 100 -100 1.0 150 1 120 0;
];
mpc.branch = [
1 2 0.01 0.08 0.02 0 0 0 0 0 1 -360 360;
3 4 0.02 0.10 0.01 0 0 0 0 0 1 -360 360;
1 3 0.002 0.06 0 0 0 0 1 0 1 -360 360;
2 4 0.002 0.06 0 0 0 0 1 0 1 -360 360;
];
mpc.gencost = [
2 0 0 3 0.02 20 0;
2 0 0 3 0.03 25 0;
];
mpc.dcline = [
1 4 %(on)d 10 15 0 0 1 1 %(low)g %(high)g -20 20 -20 20 %(loss0)g %(loss1)g;
];
"""
NEGATIVE = "they count as zero (the least loss): dcline 1, 1-4"


def text(low=0.0, high=50.0, loss0=0.0, loss1=0.0, on=1):
    return FOUR % {"low": low, "high": high, "loss0": loss0, "loss1": loss1, "on": on}


@pytest.fixture
def read(tmp_path):
    def of(**columns):
        path = tmp_path / "four.m"
        path.write_text(text(**columns))
        return scopf.load_case(path)

    return of


def test_a_line_of_negative_losses_has_none(read, caplog):
    net = read(loss0=-5, loss1=-0.2)
    assert f"{NEGATIVE} (-15 MW)" in caplog.text
    (said,) = net.approximations
    assert f"{NEGATIVE} (-15 MW)" in said
    found = scopf.solve(scopf.build(net, criterion="none"))
    assert found.cost == pytest.approx(2202.0349, abs=1e-4)
    line = found.dclines.iloc[0]
    assert line["pf_mw"] == pytest.approx(line["pt_mw"], abs=1e-9)
    assert line["pf_mw"] > 1


@pytest.mark.parametrize(
    ("columns", "least"),
    [
        ({"loss1": -0.01}, -0.5),
        ({"loss0": -1}, -1),
        ({"loss0": -1, "loss1": 0.1}, -1),  # at no power
        ({"loss0": 1, "loss1": -0.1}, -4),  # from 10 MW on
        ({"low": -20, "loss1": 0.1}, -20 / 9),  # backwards
        ({"low": -20, "high": -10, "loss0": 1, "loss1": 0.1}, 1 - 19 / 9),
        ({"high": np.inf, "loss0": 1, "loss1": -0.1}, -np.inf),
    ],
)
def test_losses_that_are_negative_on_a_part_are_zero_as_well(read, caplog, columns, least):
    net = read(**columns)
    line = net.dcline
    assert (line.loss0.tolist(), line.loss1.tolist()) == ([0], [0])
    assert f"{NEGATIVE} ({least:.6g} MW)" in caplog.text
    limits = [columns.get("low", 0), columns.get("high", 50)]
    assert [100 * line.pmin[0], 100 * line.pmax[0]] == pytest.approx(limits)


@pytest.mark.parametrize(
    "columns",
    [
        {"loss0": 1, "loss1": 0.02},
        {"loss0": 5, "loss1": -0.1},  # zero at 50 MW
        {"low": -20, "loss0": 4, "loss1": 0.1},
        {"loss0": -5, "on": 0},
    ],
)
def test_other_losses_are_kept(read, caplog, columns):
    line = read(**columns).dcline
    assert 100 * line.loss0[0] == pytest.approx(columns["loss0"])
    assert line.loss1[0] == columns.get("loss1", 0)
    assert not caplog.text


def test_a_line_that_loses_everything_is_refused(read, caplog):
    with pytest.raises(scopf.CaseError, match=r"loss1 1\.5 must be below 1"):
        read(low=-10, loss1=1.5)
    assert not caplog.text


def test_a_file_of_our_own_is_read_as_well(tmp_path, caplog, read):
    native.write(read(loss0=1, loss1=0.02), tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    content["dcline"]["loss0"] = [-0.05]
    for column in ("tan_phi_f", "tan_phi_t", "name"):  # as before there were any
        del content["dcline"][column]
    (tmp_path / "x.json").write_text(json.dumps(content))
    line = scopf.load_case(tmp_path / "x.json").dcline
    assert (line.loss0.tolist(), line.loss1.tolist()) == ([0], [0])
    assert f"{NEGATIVE} (-5 MW)" in caplog.text


@pytest.mark.parametrize(("percent", "mw"), [(-2.0, 0.0), (1.0, -0.1)])
def test_a_pandapower_net_is_read_as_well(caplog, percent, mw):
    pandapower = pytest.importorskip("pandapower")
    net = pandapower.networks.case9()
    pandapower.create_dcline(net, 3, 8, 20.0, percent, mw, 1.0, 1.0, max_p_mw=50.0)
    found = scopf.load_case(net)
    assert (found.dcline.loss0.tolist(), found.dcline.loss1.tolist()) == ([0], [0])
    assert "they count as zero" in caplog.text
    solution = scopf.solve(scopf.build(found, criterion="none"))
    solution.to_pandapower(net, setpoints=True)  # checked by a power flow with these losses
    assert net.res_dcline["pl_mw"].abs().max() < 1e-6


@pytest.mark.parametrize(
    "columns",
    [{"loss0": [-0.01]}, {"loss0": [0.0]}, {"loss1": [-0.1]}, {"pmin": [-np.inf]}],
)
def test_a_network_of_such_a_line_is_refused(columns):
    with pytest.raises(scopf.CaseError, match="the line would be a source of energy"):
        scopf.load_case("case39").replace(dcline=dcline(4, 20, **columns))
