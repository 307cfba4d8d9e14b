"""Pictures of a simulation: curves are the trajectories, labels say what happened."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

import scopf
from scopf import plots
from scopf.plots import response_content


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def solution():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    return scopf.solve(scopf.build(net, inverters, criterion="none"))


@pytest.fixture(scope="module")
def run(solution):
    """Branch 6 and then a unit are lost; its inverter has no other."""
    events = [scopf.Event(2.0, outage="gen 4", reclose="branch 6")]
    return solution.simulate(outage="branch 6", events=events, until=4, step=0.02)


@pytest.fixture(scope="module")
def collapsed(solution):
    return solution.simulate(outage="branch 1", until=10, impedance_below=0)


def curves(ax):
    """Curves with a name, by their name."""
    found = {str(one.get_label()): one.get_ydata() for one in ax.lines}
    return {name: values for name, values in found.items() if not name.startswith("_")}


def test_panels_have_the_trajectories(run):
    frequency, voltage, power, reactive, angle = axes = plots.response(run)
    assert frequency.get_shared_x_axes().joined(frequency, angle)
    expected = (run.frequency, run.power[0], run.power[1])
    for ax, values in zip((frequency, power, reactive), expected, strict=True):
        assert list(curves(ax)) == run.labels
        np.testing.assert_array_equal(np.column_stack(list(curves(ax).values())), values)
    lost = curves(angle)["inverter at bus 33"]
    np.testing.assert_array_equal(np.isnan(lost), np.isnan(run.power[0][:, 3]))
    assert np.isnan(lost).any()
    assert not np.isnan(lost).all()
    named = {f"bus {run.facts['vm_min_bus']}", f"bus {run.facts['vm_max_bus']}"}
    assert named < set(curves(voltage))
    (others,) = voltage.collections
    assert len(others.get_segments()) + len(curves(voltage)) == 39
    assert [text.get_text() for text in frequency.texts] == [text for _, text in run.happened]
    assert frequency.get_legend() is not None
    assert power.get_legend() is None  # it would be the first one again
    assert len(axes) == 5


def test_some_of_it(run):
    _, ax = plt.subplots()
    axes = plots.response(run, "voltage", buses=[4, 30], ax=ax, title="mine")
    assert axes == [ax]
    assert list(curves(ax)) == ["bus 4", "bus 30"]
    assert ax.get_title(loc="left") == "mine"
    (ax,) = plots.response(run, "power", devices=[30, "inverter at bus 39"])
    assert list(curves(ax)) == ["inverter at bus 30", "inverter at bus 39"]


def test_the_end_of_a_collapse_has_its_reason(collapsed):
    axes = plots.response(collapsed, ("frequency", "voltage"))
    texts = {text.get_text(): text.xyann[1] for text in axes[0].texts}
    early, event = texts
    assert early.startswith("collapsed: the algebraic equations lose their solution at bus")
    assert event == "branch 1 is lost"
    assert texts[early] < texts[event]  # not one over the other
    for ax in axes:
        at = [line.get_xdata()[0] for line in ax.lines if str(line.get_label())[0] == "_"]
        assert at == pytest.approx([collapsed.times[-1], 1.0])


def test_angles_of_machines_are_those_of_rotors():
    net = scopf.load_case("case39").lossless()
    machines = scopf.devices_table("case39").query("bus == 31")
    inverters = scopf.Inverters.at_generators(net, mq=0.1).without([31])
    how = {"criterion": "none", "devices": machines}
    solved = scopf.solve(scopf.build(net, inverters, **how))
    run = solved.simulate(load_step={5: (10, 0)}, at=0.1, until=0.3, step=0.05)
    (panel,) = response_content.panels(run, "angle", devices=[31])
    table = run.devices[run.devices.bus == 31]
    at_terminal = run.buses[run.buses.bus == 31].va_deg.to_numpy()
    assert np.all(table.delta_deg.to_numpy() > 1)
    expected = at_terminal + table.delta_deg.to_numpy()
    np.testing.assert_allclose(panel.values[:, 0], expected, rtol=1e-12)


def test_fewer_moments_are_closer_where_more_moves(run):
    chosen = response_content.moments(run, 60)
    assert len(chosen) <= 60
    times = run.times[chosen]
    for moment in (0.0, 1.0, 2.0, 4.0):
        assert moment in times
    assert times.tolist().count(2.0) == 2  # before and after the event
    after, before = (np.count_nonzero((times > low) & (times < low + 0.5)) for low in (1.0, 0.4))
    assert after > 2 * before > 0


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda run: plots.response(run, "speed"), "what is some of frequency, .*; got speed"),
        (lambda run: plots.response(run, buses=[4, 99]), "no bus 99 in case39"),
        (lambda run: plots.response(run, devices=["me"]), "devices are names .*; got me"),
        (lambda run: plots.response(run, ax=plt.subplots()[1]), "panels, 5 of them; ax has 1"),
        (lambda run: plots.response(run.vm), "needs a Simulation, .*, got ndarray"),
    ],
)  # fmt: skip
def test_what_there_is_not_says_so(run, draw, text):
    with pytest.raises(scopf.ScopfError, match=text):
        draw(run)
