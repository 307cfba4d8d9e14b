"""DC lines of PSS/E files as pypowsybl reads and solves them; skipped without the extra `peers`.

What pypowsybl does differently is in docs/psse.md, and asserted here, so that a change of it shows.
"""

import numpy as np
import pytest

import scopf
from tests.cases.test_psse import written
from tests.cases.test_psse_dc import DATA, example, line_of, with_line

pypowsybl = pytest.importorskip("pypowsybl")
REVISIONS = (33, 35)  # of the examples, those that it reads


def flow_of(path):
    """Its network, and stations after its AC power flow: MW and MVAr drawn from their buses."""
    grid = pypowsybl.network.load(str(path))
    (result,) = pypowsybl.loadflow.run_ac(grid)
    assert result.status == pypowsybl.loadflow.ComponentStatus.CONVERGED
    lines = grid.get_hvdc_lines()
    stations = {}
    for kind in (grid.get_lcc_converter_stations(), grid.get_vsc_converter_stations()):
        stations |= kind.to_dict("index")
    return {
        row["name"] or name.split("-")[-1]: [
            stations[row[f"converter_station{k}_id"]] | {"line": row} for k in (1, 2)
        ]
        for name, row in lines.to_dict("index").items()
    }


@pytest.fixture(scope="module", params=REVISIONS)
def theirs(request):
    return flow_of(DATA / f"dc_lines_{request.param}.raw")


@pytest.fixture(scope="module")
def ours():
    return example()


def test_it_finds_the_same_lines(theirs, ours):
    assert sorted(theirs) == sorted(ours.dcline.name)
    for name, (one, other) in theirs.items():
        connected = one["connected"] and other["connected"]
        assert connected == line_of(ours, name)["in_service"]


@pytest.mark.parametrize(
    ("name", "sent", "lost", "difference"),
    [
        # RCOMP = RDC: the losses are at VSCHD, as its are.
        ("POLE A", 100.0, 5.0 * 0.4**2, (0.0, 0.0)),
        # Its power is the current times VSCHD, which is neither end's voltage.
        ("POLE C", 10.0, 4.0 * 0.2**2, (0.08, 0.08)),
        # It has no BLOSS (.2 MW here), and the base voltage of the buses for that of the line.
        ("LINK 1", 50.7, 0.2 + 2.0 * (50.7 / 230.0) ** 2, (0.0, 49.8 - 50.4038)),
    ],
)
def test_powers_at_both_ends_are_its_powers(theirs, ours, name, sent, lost, difference):
    one, other = theirs[name]
    found = one["p"], -other["p"]
    assert found == pytest.approx((sent, sent - lost), abs=2e-3)
    line = line_of(ours, name)
    received = line["pf"] - line["loss0"] - line["loss1"] * line["pf"]
    mine = line["pf"] - found[0], received - found[1]
    assert mine == pytest.approx(difference, abs=2e-3)


def test_it_takes_every_power_for_that_of_the_rectifier(theirs, ours):
    for name, power in (("POLE B", 40.0), ("LINK 2", 31.16)):
        assert theirs[name][0]["p"] == pytest.approx(power, abs=1e-6)
        line = line_of(ours, name)  # the schedule is that of the inverter
        fed = 40.0 - 0.16 if name == "POLE B" else power
        assert line["pf"] * (1 - line["loss1"]) - line["loss0"] == pytest.approx(fed)


def test_its_line_commutated_converters_draw_as_much_as_at_the_most_overlap(theirs, ours):
    """Its power factor is that of the largest angle and an overlap up to 60 degrees."""
    for name, most in (("POLE A", 25.0), ("POLE B", 20.0), ("POLE C", 30.0)):
        line = line_of(ours, name)
        for station, end in zip(theirs[name], "ft", strict=True):
            worst = (np.cos(np.radians(most)) + 0.5) / 2
            assert station["power_factor"] == pytest.approx(worst, abs=1e-6)
            assert line[f"tan_phi_{end}"] < np.tan(np.arccos(worst))


def test_at_the_most_overlap_the_power_factor_is_its_one(tmp_path):
    """Reactances that make the currents commutate until 60 degrees, angles at their largest."""
    rows = [
        "'A',1,0.0,100,250",
        "1,2,25,5,0,{x:.9g},345,2.0",
        "2,2,25,5,0,{x:.9g},138,5.0",
    ]
    cosine, least = np.cos(np.radians(25)), 0.5
    drop = (cosine - least) / np.sqrt(2)  # X I over E
    e = 125.0 / (3 * np.sqrt(2) / np.pi * cosine - 3 / np.pi * drop)
    text = with_line(*(row.format(x=drop * e / 0.4) for row in rows))
    path = written(tmp_path, text)
    line = line_of(scopf.load_case(path), "A")
    stations = pypowsybl.network.load(str(path)).get_lcc_converter_stations()
    for end in "ft":
        ours = np.cos(np.arctan(line[f"tan_phi_{end}"]))
        assert ours == pytest.approx(stations["power_factor"].to_numpy(), rel=0.02)


@pytest.mark.parametrize(("power", "sends"), [(20.0, 0), (-20.0, 1)])
@pytest.mark.parametrize("factor", [0.9, -0.9])
def test_reactive_power_of_voltage_source_converters_is_its_one(tmp_path, power, sends, factor):
    line = ("'A',1,1.0", "1,1,1,345,1.02,50,0,0,0,0,1,30,-20", f"2,2,2,{power},{factor},50")
    path = written(tmp_path, with_line(*line, section="vsc_dc_line"))
    net = scopf.load_case(path)
    one = line_of(net, "A")
    stations = pypowsybl.network.load(str(path)).get_vsc_converter_stations()
    (voltage,) = stations.index[stations["voltage_regulator_on"]]
    (other,) = stations.index[~stations["voltage_regulator_on"]]
    limits = stations.loc[voltage, ["min_q", "max_q"]].tolist()
    held, set_ = ("f", "t") if sends == 0 else ("t", "f")
    assert [one[f"qmin{held}"], one[f"qmax{held}"]] == pytest.approx(limits)
    assert stations.loc[other, "target_q"] == pytest.approx(one[f"q{set_}"], rel=1e-9)
    losses = 0.05 + 0.05 + 1.0 * (20 / 345) ** 2
    lost = one["loss0"] + one["loss1"] * one["pf"]
    assert lost == pytest.approx(losses, rel=1e-3)
    found = flow_of(path)["A"]
    assert sum(station["p"] for station in found) == pytest.approx(lost, rel=0.02)
