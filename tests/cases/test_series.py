"""Time series of loads as load factors: from tables, and from profiles of pandapower."""

import numpy as np
import pandas as pd
import pytest

import scopf

pp = pytest.importorskip("pandapower")
from pandapower import networks  # noqa: E402
from pandapower.control import ConstControl  # noqa: E402
from pandapower.timeseries import DFData  # noqa: E402

TIMES = pd.date_range("2026-01-01", periods=3, freq="h")


def tidy(**columns):
    """Two buses of case9 over three hours."""
    table = {"time": np.repeat(TIMES, 2), "bus": [5, 7] * 3, "p_mw": [90, 100, 45, 110, 9, 0]}
    return pd.DataFrame(table | columns)


@pytest.fixture(scope="module")
def case9():
    return scopf.load_case("case9")


# -- tables -----------------------------------------------


def test_factors_are_those_of_the_loads_of_the_case(case9):
    found = scopf.load_factors(tidy(), case9)
    assert found.index.tolist() == TIMES.tolist()
    assert found.to_dict("list") == {"5": [1, 0.5, 0.1], "7": [1, 1.1, 0]}


def test_buses_may_be_named_and_the_table_a_file(case9, tmp_path):
    names = [f"Bus {number}" for number in case9.bus.id]
    net = case9.replace(bus={"name": np.array(names, dtype=object)})
    tidy(bus=["Bus 5", "Bus 7"] * 3).to_csv(tmp_path / "load.csv", index=False)
    found = scopf.load_factors(tmp_path / "load.csv", net)
    assert found["5"].tolist() == [1, 0.5, 0.1]


def test_all_faults_of_a_table_are_said(case9):
    table = tidy(bus=[5, 7, 5, 70, 5, 7], p_mw=[90, "x", 45, 110, 9, None])
    with pytest.raises(scopf.CaseError) as caught:
        scopf.load_factors(pd.concat([table, table.head(1)]), case9)
    text = str(caught.value)
    for part in ("70 is no bus of case9", "'x' is no number", "None is no number", "occur twice"):
        assert part in text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (tidy(scaling=0.5), "series: 1 fault\n  unknown column scaling; known are step, time"),
        (tidy().head(0), "series: 1 fault\n  has no rows"),
        (tidy().drop(columns="time"), "one of the columns step, time, snapshot, hour"),
        (tidy().drop(columns="p_mw"), "has no column p_mw"),
        (tidy(bus=[4, 7] * 3), "no load at bus 4 in the case"),
        (tidy(p_mw=[90, 100, -45, 110, 9, 0]), "bus 5: the load has the other sign"),
        (tidy().head(5), "bus 7: the load has the other sign than in the case, or no value"),
    ],
)
def test_what_is_no_series_of_loads_is_said(case9, table, said):
    with pytest.raises(scopf.CaseError, match=said):
        scopf.load_factors(table, case9)


def test_reactive_power_that_goes_its_own_way_is_said(case9, caplog):
    q = [30, 35, 15, 38.5, 3, 0]
    scopf.load_factors(tidy(q_mvar=q), case9)
    assert not caplog.records
    scopf.load_factors(tidy(q_mvar=[30, 35, 20, 38.5, 3, 0]), case9)
    assert "reactive power at bus 5 does not follow" in caplog.text


# -- pandapower -----------------------------------------------


@pytest.fixture
def net():
    return networks.case39()


def control(net, element, variable, rows, values, **keywords):
    frame = pd.DataFrame({f"profile {row}": v for row, v in zip(rows, values, strict=True)})
    names = list(frame)
    keywords = {"data_source": DFData(frame), "profile_name": names} | keywords
    ConstControl(net, element, variable, element_index=rows, **keywords)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_profiles_give_the_loads_that_pandapower_solves(net):
    """A net whose tables have the values of a step is read with loads of these factors."""
    pp.create_load(net, 3, p_mw=40, q_mvar=10, scaling=0.5)
    pp.create_sgen(net, 7, p_mw=30, q_mvar=5, controllable=False)
    first, last = net.load.index[0], net.load.index[-1]
    control(net, "load", "p_mw", [first, last], [[50.0, 60.0], [80.0, 20.0]], scale_factor=1.5)
    control(net, "load", "scaling", [last], [[0.7, 1.2]])
    control(net, "sgen", "p_mw", [0], [[0.0, 60.0]])
    case = scopf.load_case(net)
    found = scopf.load_factors(net, case)
    for step, factors in enumerate(found.to_dict("records")):
        for one in net.controller.object:
            one.time_step(net, step)
        there = scopf.load_case(net).bus
        for number, factor in factors.items():
            at = case.bus.id.tolist().index(int(number))
            assert factor * case.bus.pd[at] == pytest.approx(there.pd[at], rel=1e-12)
    assert sorted(found) == sorted({str(net.load.bus[first]), "3", "7"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_controllers_that_are_no_profiles_of_loads_are_said(net):
    row = [net.load.index[0]]
    control(net, "gen", "p_mw", [0], [[100.0, 120.0]])
    control(net, "load", "p_mw", row, [[1.0, 2.0]], profile_name=["other"])
    control(net, "load", "p_mw", [999], [[1.0, 2.0]])
    control(net, "load", "p_mw", row, [[1.0, 2.0, 3.0]])
    with pytest.raises(scopf.CaseError) as caught:
        scopf.load_factors(net, scopf.load_case(net))
    text = str(caught.value)
    for part in (
        "gen.p_mw is none of",
        "no profile other",
        "load 999 is not in the net",
        "other time",
    ):
        assert part in text
    with pytest.raises(scopf.CaseError, match="no ConstControl of the net has a profile"):
        scopf.load_factors(networks.case9(), scopf.load_case(networks.case9()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_loads_that_no_factor_scales_are_said(net):
    rows = net.load.index[:2].tolist()
    net.load.loc[rows[0], ["const_z_p_percent", "const_z_q_percent"]] = 30.0
    net.load["controllable"] = False
    net.load.loc[rows[1], "controllable"] = True
    control(net, "load", "p_mw", rows, [[100.0, 110.0]] * 2)
    with pytest.raises(scopf.CaseError) as caught:
        scopf.load_factors(net, scopf.load_case(net))
    assert f"load {rows[0]} is a constant impedance in part" in str(caught.value)
    assert f"load {rows[1]} is controllable" in str(caught.value)


# -- in sweeps -----------------------------------------------


def test_a_sweep_over_a_series_gives_series_of_results(case9):
    factors = scopf.load_factors(tidy(), case9)
    runs = scopf.sweep(case9, load_series=factors, mq=[0.05, 0.1], progress=False)
    found = runs.series("p_load_mw")
    assert found.index.names == ["mq", "step"]
    assert found.loc[0.1, 5].tolist() == pytest.approx([90, 45, 9])
    alone = scopf.sweep(case9, load_series=factors, mq=0.1, progress=False)
    assert alone.series("vm", "inverters").columns.tolist() == [1, 2, 3]
    assert alone.series("vm").set_axis(factors.index).index.tolist() == TIMES.tolist()
    with pytest.raises(scopf.ScopfError, match="is no column of numbers"):
        alone.series("step")
    with pytest.raises(scopf.ScopfError, match="buses or inverters"):
        alone.series("vm", "pairs")
