"""Facts about a network before its first solve, as text, HTML and JSON."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cases import bundled
from scopf.cli.main import app
from tests.grids import side_by_side

pytestmark = pytest.mark.core

CASE9 = scopf.load_case("case9")


def test_impedances_ratings_and_where_the_extremes_are():
    r, x = np.array(CASE9.branch.r), np.array(CASE9.branch.x)
    r[3], x[3] = 0.4, 0.1
    x[5], r[6], x[6], x[7] = 20.0, 0.0, 5e-5, -0.07
    rate = np.array(CASE9.branch.rate)
    rate[[0, 4]] = np.inf
    found = CASE9.replace(branch={"r": r, "x": x, "rate": rate}).info().as_dict()
    assert found["ratings"] == {"missing": 2}
    ratio = found["r_over_x"]
    assert ratio["median"] == pytest.approx(np.median(abs(r) / abs(x)))
    assert (ratio["value"], ratio["branch"]) == (pytest.approx(4.0), 4)
    assert (ratio["from_bus"], ratio["to_bus"]) == (3, 6)
    z = found["impedance_pu"]
    assert (z["below"], z["above"], z["negative_x"]) == (1, 1, 1)
    assert (z["least"]["value"], z["least"]["branch"]) == (pytest.approx(5e-5), 7)
    assert (z["largest"]["value"], z["largest"]["branch"]) == (pytest.approx(20, rel=1e-3), 6)


def test_units_by_limits_costs_and_ratings():
    cost, q = np.array(CASE9.gen.cost_p), np.array(CASE9.gen.cost_q)
    cost[0, 2], cost[1, 1:], q[2, 2] = 0.0, 0.0, 3.0
    limits = {"qmin": [-np.inf, 0.0, 0.2], "qmax": [3.0, 0.0, 0.2]}
    net = CASE9.replace(gen={"cost_p": cost, "cost_q": q, **limits, "pmax": [2.5, 3.0, np.inf]})
    found = net.info().as_dict()
    assert found["q_limits"] == {"missing": 1, "zero": 1, "equal": 1}
    expected = {"none": 1, "linear": 1, "quadratic": 1, "higher": 0, "piecewise": 0, "reactive": 1}
    assert found["costs"] == expected
    assert found["load"] == pytest.approx(
        {"p_mw": 315.0, "q_mvar": 115.0, "capacity_mw": 550.0, "units_without_pmax": 1}
    )
    assert found["mbase_mva"] == {
        "least": 100.0, "largest": 100.0, "nominal": True, "below_pmax": 2,
    }  # fmt: skip
    assert "nominal" in str(net.info())
    assert "50 to 90 MVA" in str(net.replace(gen={"mbase": [50.0, 60.0, 90.0]}).info())


def test_one_of_anything_is_singular():
    keep = {"branch": CASE9.branch.id == 1, "gen": CASE9.gen.id == 1}
    net = CASE9.replace(**{key: {"in_service": on} for key, on in keep.items()})
    text = str(net.info())
    assert text.startswith("case9: 2 buses, 1 unit, 1 branch, 0 DC lines")
    assert "missing on 0 of 1 branch\n" in text
    assert "of 1 unit: a range on each" in text


def test_islands_and_what_is_not_energized():
    off = np.isin(CASE9.branch.id, [3, 4, 5])  # at bus 6, a load, and bus 3, a unit
    load = np.array(CASE9.bus.pd)
    load[5] = 0.25
    net = CASE9.replace(branch={"in_service": ~off}, bus={"pd": load})
    found = net.info().as_dict()
    assert (found["islands"], found["dead_islands"]) == (1, 2)
    out = {"buses": 2, "load_mw": 25.0, "load_mvar": 0.0, "units": 1, "dclines": 0}
    assert found["unserved"] == pytest.approx(out)
    assert found["sizes"]["bus"] == {"case": 9, "energized": 7}
    assert found["sizes"]["gen"] == {"case": 3, "energized": 2}
    assert "1 island, and 2 dead islands" in str(net.info())
    assert "not energized" in str(net.info())


@pytest.mark.parametrize("name", [name for name in bundled.names() if len(name) < 20])
def test_text_fits_a_terminal_and_every_fact_is_json(name):
    found = scopf.load_case(name).info()
    assert max(map(len, str(found).splitlines())) <= 80
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False)) == found.as_dict()
    assert found._repr_html_().startswith("<div><strong>")


def test_the_command_says_it_without_a_log(tmp_path):
    notes = tuple(f"{word} was left out" for word in ("a " * 60, "b"))
    net = scopf.network.network.Network(
        "noted", 100.0, CASE9.bus, CASE9.gen, CASE9.branch, approximations=notes
    )
    path = tmp_path / "noted.json"
    scopf.save_case(net, path)
    shown = CliRunner().invoke(app, ["info", str(path)])
    assert shown.stdout.strip() == str(net.info())
    assert "b was left out" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    found = json.loads(CliRunner().invoke(app, ["info", str(path), "--json"]).stdout)
    assert found == net.info().as_dict()
    assert found["approximations"] == list(notes)


def test_info_says_what_five_per_cent_are():
    found = scopf.load_case("case39").info()
    droop = found.as_dict()["droop"]
    assert droop["rating_factor"] == 1.1
    assert droop["least"] == pytest.approx(0.05 / (1.1 * 11.0))
    assert droop["largest"] == pytest.approx(0.05 / (1.1 * 5.08))
    assert "5 % of the ratings (1.1 Pmax) is m_q 0.00413 to 0.00895" in str(found)
    assert "below the Pmax of 10 units; give --rating-factor" in " ".join(str(found).split())
    own = scopf.load_case("case9").replace(gen={"mbase": [300.0, 320.0, 300.0]}).info()
    assert "5 % of the ratings (mBase) is m_q 0.0156 to 0.0167" in str(own)
    assert "nominal" not in str(own)


def test_islands_are_named_by_their_first_buses():
    net = side_by_side(scopf.load_case("case14"), scopf.load_case("case9"))
    found = net.info()
    first, second = found.as_dict()["island_sizes"]
    assert first["load_mw"] == pytest.approx(259.0)
    assert second == {"island": 2, "buses": 9, "first_buses": [1001, 1002, 1003], "units": 3,
                      "load_mw": pytest.approx(315.0)}  # fmt: skip
    assert "island 1: bus 1, 2, 3, ... 11 more; 5 units, 259.0 MW of load" in str(found)
    assert "island 1" not in str(scopf.load_case("case9").info())
    many = side_by_side(*[scopf.load_case("case9")] * 8)
    assert "2 islands more" in str(many.info())
