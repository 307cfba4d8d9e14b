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
        ("dup_ckt_other", 2204.6901, ("1 record has the identifier of another one", "3-4 '1'")),
        ("dup_load", 2572.0074, ("1 record has the identifier of another one", "4 '1'")),
        ("ic1", BASE, ("IC is not 0",)),
        ("latin1", BASE, ("letters beyond ASCII are read as Latin-1",)),
        ("v30_rawd", BASE, ("revision 30 has no voltage limits",)),
        ("v34_substation", BASE, ("node-breaker detail (SUBSTATION data, 5 records",)),
        ("v36", BASE, ()),
        ("star_exact", 2203.2207, ("in 1 branch without resistance", "1-2-4 '1' winding 2")),
        ("star_rounding", 2203.005, ("in 1 branch without resistance", "1-2-4 '1' winding 2")),
        ("tiny_x_1e-12", 2204.8546, ("in 1 branch without resistance", "4-5 '1'")),
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
        scopf.load_case(KINDS.parent / "refused" / "no_titles.raw")
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


# -- revision 36 -----------------------------------------------

BRANCH = "I,J,'CKT',R,X,B,'N A M E'," + ",".join(f"RATE{k}" for k in range(1, 13))
MOTOR = "I,'ID',ST,SC,DC,AREA,ZONE,OWNER,'N A M E',TC,BC,MBASE,RATEKV,PC,PSET,H,A,B,D,E,RA,XA,XM"


def v36(tmp_path, changes):
    text = (KINDS / "v36.raw").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "v36.raw"
    path.write_text(text)
    return scopf.load_case(path, costs=KINDS / "costs.csv")


def test_records_of_36_have_a_field_more_than_the_names_say(tmp_path):
    """PSS/E 36 writes a number between ST and MET, which its line of names does not have."""
    changes = {
        "BEGIN BRANCH DATA\n": f"BEGIN BRANCH DATA\n@! {BRANCH},GI,BI,GJ,BJ,STAT,MET,LEN,O1,F1\n",
        "0,0,0,0,1,1,0,1,1\n": "0,0,0,0,1,0,1,0.0,1,1\n",
    }
    assert v36(tmp_path, changes) == load("v36")


def test_fields_of_36_are_where_their_names_are(tmp_path):
    rates = ",0" * 12
    changes = {
        "BEGIN BRANCH DATA\n": "BEGIN BRANCH DATA\n@! I,J,'CKT',NEW,R,X,B,'N A M E',RATE1\n",
        f"1,2,'1 ',0.01,0.08,0.02,''{rates}": f"1,2,'1 ',7,0.01,0.08,0.02,''{rates[2:]}",
        f"3,4,'1 ',0.02,0.10,0.01,''{rates}": f"3,4,'1 ',7,0.02,0.10,0.01,''{rates[2:]}",
    }
    assert v36(tmp_path, changes) == load("v36")


def test_induction_machines_of_36_have_names(tmp_path):
    record = "4,'1 ',1,1,0,1,1,1,'pump',1,1,10.0,4.16,2,5.0,1,1,1,1,1,0.01,0.08,3.0,0.05,0.1"
    for names in ("", f"@! {MOTOR}\n"):
        begin = "BEGIN INDUCTION MACHINE DATA\n"
        net = v36(tmp_path, {begin: f"{begin}{names}{record}\n"})
        assert net.bus.pd[3] * 100 == pytest.approx(45.0, rel=1e-4)
        assert "4 '1' (5 MW" in net.approximations[0]


def test_ratings_of_switches_by_sets_are_named(tmp_path):
    """In revision 36 a switching device names a set of ratings in another section."""
    begin = "BEGIN SYSTEM SWITCHING DEVICE DATA\n"
    switches = "1,2,'@1',0.001,'BIG SET',1\n1,2,'@2',0.001,'',1\n1,2,'@3',0.001,'BIG SET',0\n"
    (said,) = v36(tmp_path, {begin: begin + switches}).approximations
    assert said == (
        "switching devices have no limits, for rating sets (RSETNAM) are not read: 1-2 '@1'"
    )


@pytest.mark.parametrize("name", ["STATUS", "STAT", "ST"])
def test_a_status_of_36_has_several_names(tmp_path, name):
    """A column NEW is before it here."""
    rest = "AREA,ZONE,PL,QL,IP,IQ,YP,YQ,OWNER,SCALE,INTRPT,DGENP,DGENQ,DGENM,LOADTYPE,NAME"
    changes = {
        "BEGIN LOAD DATA\n": f"BEGIN LOAD DATA\n@! I,'ID',NEW,{name},{rest}\n",
        "3,'1 ',1,1,1,60.0": "3,'1 ',0,1,1,1,60.0",
        "4,'1 ',1,1,1,40.0": "4,'1 ',0,1,1,1,40.0",
    }
    assert v36(tmp_path, changes) == load("v36")
