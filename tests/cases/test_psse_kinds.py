"""Small .raw files as other programs write them: the optimum, the names, and what the log says."""

from pathlib import Path

import pytest

import scopf

KINDS = Path(__file__).parents[1] / "data" / "raw_kinds"
BASE = 2204.8545  # of the four buses, where nothing changes them


def load(name):
    return scopf.load_case(KINDS / f"{name}.raw", costs=KINDS / "costs.csv")


@pytest.mark.parametrize(
    ("name", "optimum", "said"),
    [
        ("quote_in_name", BASE, ()),
        ("foot_mark", BASE, ()),
        ("dup_ckt_other", 2204.6901, ("1 records have the identifier of another one", "3-4 '1'")),
        ("dup_load", 2572.0074, ("1 records have the identifier of another one", "4 '1'")),
        ("ic1", BASE, ("IC is not 0",)),
        ("latin1", BASE, ()),
        ("v30_rawd", BASE, ("revision 30 has no voltage limits",)),
        ("v34_substation", BASE, ("node-breaker detail (SUBSTATION data, 5 records",)),
        ("v36", BASE, ()),
        ("star_exact", 2203.2207, ("1 branches have zero impedance", "1-2-4 '1' winding 2")),
        ("star_rounding", 2203.005, ("1 branches have zero impedance", "1-2-4 '1' winding 2")),
        ("tiny_x_1e-12", 2204.8546, ("1 branches have zero impedance", "4-5 '1'")),
    ],
)
def test_files_of_all_kinds_have_their_optimum(name, optimum, said, caplog):
    net = load(name)
    assert len(net.approximations) == bool(said)
    for part in said:
        assert part in net.approximations[0]
        assert part in caplog.text
    solution = scopf.solve(scopf.build(net, criterion="none"))
    assert solution.status == "optimal"
    assert solution.cost == pytest.approx(optimum, abs=1e-3)


def test_names_keep_their_quotes_and_letters(tmp_path):
    assert "O'Donnell ~1" in load("quote_in_name").bus.name
    assert "10' DROP" in load("foot_mark").bus.name
    net = load("latin1")
    (name,) = [name for name in net.bus.name if not name.isascii()]
    assert name.isprintable()
    assert "�" not in name
    for suffix in ("json", "m"):
        scopf.save_case(net, tmp_path / f"net.{suffix}")
        assert (
            scopf.load_case(tmp_path / f"net.{suffix}").bus.name.tolist() == net.bus.name.tolist()
        )


def test_missing_titles_are_one_sentence():
    with pytest.raises(scopf.CaseError) as caught:
        load("no_titles")
    (fault,) = caught.value.faults
    assert fault.text == "two title lines belong between this line and the bus record in line 2"


def test_a_leg_of_rounding_is_the_leg_of_exact_numbers():
    """X of .1, .2 and .3 leave 2.8e-17 p.u. of a leg that X of .125, .25 and .375 leave at zero."""
    for name in ("star_rounding", "star_exact"):
        branch = load(name).branch
        assert branch.x[branch.name == "1-2-4 '1' winding 2"] == 1e-4


def test_hardly_any_reactance_is_none_and_buses_stay():
    net = load("tiny_x_1e-12")
    assert net.bus.id.tolist() == [1, 2, 3, 4, 5]
    assert 1e-4 in net.branch.x
