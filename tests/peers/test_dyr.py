"""Modes with the devices of .dyr files as ANDES finds them in the same files."""

import numpy as np
import pytest

from benchmarks import dyr

pytest.importorskip("andes")

MACHINES = [  # without transient saliency and windings of the q axis: one-axis machines in both
    f"{bus} 'GENROU' 1 8 .03 .4 .05 {h} {d} 1.8 .3 .3 .3 .3 .06 0 0 /"
    for bus, h, d in ((1, 6.5, 2), (2, 6.5, 2), (3, 6.175, 0), (4, 6.175, 1))
]


def case(name):
    import andes

    return andes.get_case(name)


def values(tmp_path, *records):
    """Eigenvalues of Kundur's two areas with these machines and controls, ours and theirs."""
    path = tmp_path / "grid.dyr"
    each = [text.format(bus=bus) for text in records for bus in (1, 2, 3, 4)]
    path.write_text("\n".join([*MACHINES, *each, ""]))
    raw = case("kundur/kundur.raw")
    system = dyr.of_andes(raw, str(path))
    found = dyr.of_scopf(raw, str(path), system)
    return dyr.eigenvalues(found), np.array(system.EIG.mu)


def test_classical_machines():
    pair = "wecc/wecc_gencls"
    raw, path = case(f"{dyr.PAIRS[pair]}.raw"), case(f"{pair}.dyr")
    system = dyr.of_andes(raw, path)
    mine = dyr.eigenvalues(dyr.of_scopf(raw, path, system))
    assert len(mine) == len(system.EIG.mu) - 1  # the common angle
    assert dyr.distances(mine, np.array(system.EIG.mu)).max() < 1e-6


@pytest.mark.parametrize(
    ("records", "states"),
    [
        ([], 11),
        (
            ["{bus} 'SEXS' 1 1 10 20 .05 -99 99 /", "{bus} 'TGOV1' 1 .05 .5 33 -33 2 2 .3 /"],
            19,
        ),
    ],
)
def test_models_that_are_the_same(tmp_path, records, states):
    mine, theirs = values(tmp_path, *records)
    assert len(mine) == states
    assert dyr.distances(mine, theirs).max() < 1e-6


@pytest.mark.parametrize(
    "record",
    [
        "{bus} 'EXDC2' 1 .02 20 .02 1 1 5.2 -4.16 1 .83 .0754 1.246 0 0 0 1 1 /",
        "{bus} 'EXST1' 1 .02 99 -99 1 10 200 .02 99 -99 0 .01 1 /",
        "{bus} 'ESST3A' 1 .02 .2 -.2 8 1 5 20 0 99 -99 1 3.67 .435 5.48 .01 .0098 3.86 3.33 .4 99"
        " 0 /",
    ],
)
def test_swings_of_regulators_that_are_one_lag_here(tmp_path, record):
    mine, theirs = values(tmp_path, record)
    mine, theirs = (found[found.imag > 3.5] for found in (mine, theirs))
    near = [theirs[np.argmin(abs(theirs - value))] for value in mine if abs(value.real) < 1]
    assert len(near) == 3
    for value, other in zip([v for v in mine if abs(v.real) < 1], near, strict=True):
        assert abs(value - other) < 0.025
        assert value.real * other.real > 0
