"""The map: a symbol for every kind of device, labels that do not overlap, states and islands."""

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.devices.kinds import LOAD, AtBuses
from tests.grids import dc_line, side_by_side
from tests.small_networks import network

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from scopf import plots

SYMBOLS = {
    "grid-forming inverter": 4, "synchronous machine": 5, "grid-following inverter": 4,
    "constant power": 3,
}  # fmt: skip
"""Corners of the markers."""
EMPTY = 2.0  # pixels: above and below digits, in the extent of a text


@pytest.fixture(autouse=True)
def _tidy():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def mixed():
    """Every kind of device on the 39-bus network."""
    net = scopf.load_case("case39").lossless()
    table = scopf.devices_table("case39")[:4]
    table.loc[3, "device"] = "classical"
    table.loc[3, ["xq", "td0"]] = None
    more = pd.DataFrame({"bus": [34, 35], "device": "gfl"})
    devices = pd.concat([table, more], ignore_index=True)
    devices = devices.astype(object).where(devices.notna(), None)
    inverters = scopf.Inverters.at_generators(net, mq=0.1, buses=[36, 37])
    return scopf.solve(scopf.build(net, inverters, devices=devices, criterion="none"))


def collection(ax, name):
    return next((c for c in ax.collections if c.get_label() == name), None)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_tables_say_what_each_generator_is(mixed):
    gens = mixed.gens.set_index("bus")["device"].to_dict()
    assert {bus: gens[bus] for bus in (30, 33, 35, 37, 38)} == {
        30: "one-axis", 33: "classical", 35: "gfl", 37: "gfm", 38: "constant power",
    }  # fmt: skip
    devices = mixed.devices.set_index("gen")["device"]
    assert mixed.gens.set_index("gen").loc[devices.index, "device"].equals(devices)
    lines = str(mixed).splitlines()
    head = lines[lines.index("Dispatch") + 1].split()
    assert head[:3] == ["gen", "bus", "device"]
    assert sum("one-axis" in line for line in lines) == 3


def test_a_dispatchable_load_is_none():
    net = scopf.load_case("case9")
    second = net.gen.id == 2
    load = {"pmin": -0.5, "pmax": 0.0, "qmin": -0.2, "qmax": 0.0}
    columns = {key: np.where(second, x, getattr(net.gen, key)) for key, x in load.items()}
    net = net.replace(gen={**columns, "constant_pf": second})
    at = AtBuses.of_network(net)
    assert at.device.tolist() == ["generator", LOAD, "generator"]
    assert at.kind[net.bus_positions([1, 2, 3])].tolist() == ["generator", "none", "generator"]


def test_every_kind_has_a_symbol(mixed):
    ax = plots.network(mixed, "voltage")
    count = {"grid-forming inverter": 2, "synchronous machine": 4, "grid-following inverter": 2,
             "constant power": 2}  # fmt: skip
    outlines = set()
    for name, corners in SYMBOLS.items():
        drawn = collection(ax, name)
        assert len(drawn.get_offsets()) == count[name]
        (path,) = drawn.get_paths()
        assert len(np.unique(path.vertices.round(6), axis=0)) == corners
        outlines.add(path.vertices.round(6).tobytes())
    assert len(outlines) == len(SYMBOLS)
    assert legend(ax)[:5] == [*SYMBOLS, "no generator"]


def test_the_table_of_a_case_tells_the_symbols():
    net = scopf.load_case("case9")
    assert legend(plots.network(net)) == ["generator", "no generator", "branch"]
    table = pd.DataFrame({"gen": [1, 2], "device": ["gfm", "one-axis"]})
    assert legend(plots.network(net.replace(dynamics=table)))[:4] == [
        "grid-forming inverter", "synchronous machine", "constant power", "no generator",
    ]  # fmt: skip


def test_storage_has_a_second_outline():
    net = scopf.load_case("case9")
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    storage = pd.DataFrame({"bus": [1, 5], "p_mw": 20, "e_mwh": 40})
    how = {"hours": [1.0, 0.9], "storage": storage, "criterion": "none"}
    sol = scopf.solve(scopf.build(net, inverters, **how))
    ax = plots.network(sol, state=sol.states[1])
    rings = [c for c in ax.collections if c.get_label() == "_storage"]
    assert sum(len(ring.get_offsets()) for ring in rings) == 2
    assert "with storage" in legend(ax)
    assert len(collection(ax, "constant power").get_offsets()) == 1  # bus 5 has nothing else


# -- labels -----------------------------------------------


def boxes(ax):
    """Boxes of the texts and of the markers, pixels."""
    ax.figure.draw_without_rendering()
    renderer = ax.figure._get_renderer()
    of_texts = {t.get_text(): t.get_window_extent(renderer).extents for t in ax.texts}
    scale, of_markers = ax.figure.dpi / 72, []
    for drawn in ax.collections:
        if drawn.get_label()[0] not in "_":
            at = ax.transData.transform(drawn.get_offsets())
            half = np.sqrt(np.broadcast_to(drawn.get_sizes(), len(at)))[:, None] / 2 * scale
            of_markers += [*np.column_stack([at - half, at + half])]
    return of_texts, of_markers


def overlap(one, other, slack=0.0):
    return all(
        one[k] < other[k + 2] - slack and other[k] < one[k + 2] - slack for k in range(2)
    )  # fmt: skip


@pytest.mark.parametrize("values", [None, "voltage"])
def test_the_generators_of_a_middle_network_have_numbers_that_do_not_overlap(values):
    net = scopf.load_case("case118")
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    what = net if values is None else scopf.solve(scopf.build(net, inverters, criterion="none"))
    ax = plots.network(what, values)
    of_texts, of_markers = boxes(ax)
    assert {int(text) for text in of_texts} <= set(net.gen.bus.tolist())
    assert len(of_texts) >= 0.75 * len(set(net.gen.bus.tolist()))
    for one, other in itertools.combinations(of_texts.values(), 2):
        assert not overlap(one, other, slack=EMPTY)
    for text, marker in itertools.product(of_texts.values(), of_markers):
        assert not overlap(text, marker, slack=EMPTY)


def test_labels_of_all_buses_are_all_written():
    ax = plots.network(scopf.load_case("case118"), labels=True)
    assert {int(text.get_text()) for text in ax.texts} == set(range(1, 119))


def test_of_large_networks_only_prices_are_labelled():
    net = scopf.load_case("case300")
    sol = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net), criterion="none"))
    assert not plots.network(sol, "voltage").texts
    ax = plots.network(sol, "lmp")
    dearest = sol.buses.nlargest(6, "lmp_p_per_mwh")["bus"]
    assert {int(text.get_text()) for text in ax.texts} <= set(dearest)
    assert ax.texts


def test_long_numbers_stand_beside_their_markers():
    net = side_by_side(scopf.load_case("case9"), scopf.load_case("case9"))
    of_texts, of_markers = boxes(plots.network(net))
    for bus in range(1001, 1010):
        assert not any(overlap(of_texts[str(bus)], box, slack=EMPTY) for box in of_markers)


@pytest.mark.parametrize("damping", [(0.05, 0.1, 0.2, 0.5), (0.03, 0.04, 0.05, 0.06, 0.07)])
@pytest.mark.parametrize("limits", [{}, {"xlim": (-2.0, 0.5), "ylim": (-3, 12)}])
def test_labels_of_damping_do_not_overlap(damping, limits):
    net = scopf.load_case("case39").lossless()
    how = {"criterion": "none", "mq": 0.34}
    check = scopf.solve(scopf.build(net, **how)).verify()
    ax = plots.eigenvalues(check, damping=damping, **limits)
    of_texts, _ = boxes(ax)
    assert len(of_texts) == len(damping) + bool(limits)
    for (one, a), (other, b) in itertools.combinations(of_texts.items(), 2):
        assert not overlap(a, b), (one, other)


# -- states and islands -----------------------------------------------


@pytest.fixture(scope="module")
def three():
    """Two islands with a DC line, and a dead one."""
    nine = scopf.load_case("case9")
    net = side_by_side(scopf.load_case("case14"), nine, nine, dcline=dc_line(2, 1005))
    return net.replace(gen={"in_service": net.gen.bus < 2000})


@pytest.mark.parametrize("solved", [False, True])
def test_islands_are_told_apart(three, solved):
    what = scopf.solve(scopf.build(three, criterion="none")) if solved else three
    ax = plots.network(what, *(["voltage"] if solved else []))
    assert len(collection(ax, "_1").get_offsets()) == 14
    assert len(collection(ax, "_2").get_offsets()) == 9
    assert len(collection(ax, "_dead").get_offsets()) == 9
    assert len(collection(ax, "_dead_branch").get_segments()) == 9
    colors = [tuple(collection(ax, f"_{k}").get_facecolor()[0]) for k in (1, 2)]
    assert colors[0] != colors[1]
    told = {"island 1: 14 buses", "island 2: 9 buses", "not energized", "DC line"}
    assert told <= set(legend(ax))
    texts = {text.get_text() for text in ax.texts}
    assert {"island 1", "island 2"} <= texts


def test_a_single_island_has_no_band():
    ax = plots.network(scopf.load_case("case14"))
    assert collection(ax, "_1") is None
    assert not [text for text in ax.texts if "island" in text.get_text()]


def test_places_of_dead_buses_may_be_missing(three):
    place = {bus: (bus % 1000, bus // 1000) for bus in three.bus.id.tolist()}
    assert collection(plots.network(three, positions=place), "_dead") is not None
    live = {bus: at for bus, at in place.items() if bus < 2000}
    ax = plots.network(three, positions=live)
    assert collection(ax, "_dead") is None
    assert "9 buses are not energized" in {text.get_text() for text in ax.texts}


def test_an_outage_that_splits_the_network_shows_both_parts():
    lines = [(1, 2, 0.0, 0.1), (2, 3, 0.0, 0.1), (3, 4, 0.0, 0.1), (4, 5, 0.0, 0.1)]
    net = network(5, lines, [1, 4], loads={2: 0.5, 3: 0.25, 5: 0.2})
    inverters = scopf.Inverters.at_generators(net, mq=0.05)
    outages = ["branch 2", "branch 4"]
    how = {"outages": outages, "frequency_band": 0.5, "criterion": "none"}
    sol = scopf.solve(scopf.build(net, inverters, **how))
    ax = plots.network(sol, state="branch 2")
    assert [len(collection(ax, f"_{k}").get_offsets()) for k in (1, 2)] == [2, 3]
    assert {"island 1: 2 buses", "island 2: 3 buses", "lost branch"} <= set(legend(ax))
    ax = plots.network(sol, state="branch 4")  # behind it is a load alone
    assert len(collection(ax, "_lost").get_segments()) == 1
    assert collection(ax, "_1") is None
    assert "not energized" in legend(ax)
    assert plots.network(sol, state="intact").get_title(loc="left") == "small"
