"""Contingency files of PSS/E: the outages that lists give, and faults with their lines."""

import pathlib

import numpy as np
import pytest

import scopf
from scopf.network import outages

DATA = pathlib.Path(__file__).parents[1] / "data"
SEED = 20260403


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39")


@pytest.fixture(scope="module")
def seven():
    """Parallel circuits, one out of service; a transformer of three windings; three machines."""
    return scopf.load_case(DATA / "seven_buses_33.raw")


@pytest.fixture
def read(tmp_path):
    def lost(net, *lines):
        path = tmp_path / "grid.con"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return outages.read(path, net)

    return lost


@pytest.fixture
def one(read):
    """Branches and generators of a contingency with these events."""

    def lost(net, *events):
        (found,) = read(net, "CONTINGENCY A", *events, "END", "END")
        assert found.name == "A"
        return found.branches, found.gens

    return lost


@pytest.fixture
def refused(read):
    def said(net, *lines):
        with pytest.raises(scopf.CaseError) as caught:
            read(net, *lines)
        return [str(fault) for fault in caught.value.faults]

    return said


def elements(found):
    return [(outage.branches, outage.gens) for outage in found]


# -- explicit ones -----------------------------------------------


def test_files_of_the_go_competition_are_read(case39, read):
    found = read(
        case39,
        "CONTINGENCY L_000001",
        "OPEN BRANCH FROM BUS 1 TO BUS 2 CIRCUIT 1",
        "END",
        "CONTINGENCY G_000037",
        "REMOVE UNIT 1 FROM BUS 37",
        "END",
        "END",
    )
    assert found == [
        outages.Outage("L_000001", branches=(1,)),
        outages.Outage("G_000037", gens=(8,)),
    ]


@pytest.mark.parametrize("verb", ["OPEN", "Trip", "disconnect"])
@pytest.mark.parametrize("kind", ["BRANCH", "line"])
@pytest.mark.parametrize("circuit", ["", " CIRCUIT 1", " ckt '1 '", " CKT 1 / why"])
@pytest.mark.parametrize("ends", ["3 TO BUS 4", "4 to 3"])
def test_a_branch_in_many_words(case39, one, verb, kind, circuit, ends):
    assert one(case39, f"{verb} {kind} FROM BUS {ends}{circuit}") == ((6,), ())


def test_circuits_are_those_of_the_file(seven, one, refused):
    names = dict(zip(seven.branch.name.tolist(), seven.branch.id.tolist(), strict=True))
    assert one(seven, "OPEN LINE FROM BUS 103 TO BUS 102 CKT 1") == ((names["102-103 '1'"],), ())
    assert one(seven, "REMOVE MACHINE w2 FROM BUS 102") == ((), (3,))
    assert one(seven, "TRIP UNIT 1 FROM BUS 102") == ((), (2,))
    said = refused(
        seven,
        "CONTINGENCY A",
        "OPEN LINE FROM BUS 102 TO BUS 103 CKT 2",
        "OPEN LINE FROM BUS 102 TO BUS 103 CKT 7",
        "REMOVE UNIT 2 FROM BUS 102",
        "END",
    )
    assert said == [
        "line 2 (A): the branch 102-103 '2' is out of service",
        "line 3 (A): there is no branch between the buses 102 and 103 with the circuit 7; there "
        "is 1, 2",
        "line 4 (A): there is no machine at bus 102 with the identifier 2; there is 1, W2, 3",
    ]


def test_circuits_of_other_cases_are_numbered_with_those_out_of_service(case39, one, refused):
    """The first of three parallel branches is out of service: the circuits 2 and 3 are left."""
    branch = {"from_bus": case39.branch.from_bus.copy(), "to_bus": case39.branch.to_bus.copy()}
    branch["in_service"] = case39.branch.in_service.copy()
    k = np.flatnonzero(np.isin(case39.branch.id, [6, 7, 8]))
    branch["from_bus"][k], branch["to_bus"][k] = [3, 4, 3], [4, 3, 4]
    branch["in_service"][k[0]] = False
    net = case39.replace(branch=branch, gen={"bus": [30, 30, *case39.gen.bus[2:]]})
    assert one(net, "OPEN LINE FROM BUS 3 TO BUS 4 CKT 2") == ((7,), ())
    assert one(net, "OPEN LINE FROM BUS 3 TO BUS 4 CKT 3") == ((8,), ())
    assert one(net, "REMOVE UNIT 2 FROM BUS 30") == ((), (2,))
    assert refused(net, "CONTINGENCY A", "OPEN LINE FROM BUS 3 TO BUS 4", "END") == [
        "line 2 (A): the branch 3-4 '1' is out of service"
    ]
    problem_of = scopf.build(net, criterion="none", outages=[7])
    assert problem_of.scenario.outages[0].branches == (7,)


def test_transformers_of_three_windings(seven, one, refused):
    legs = tuple(seven.branch.id[8:11].tolist())
    assert one(seven, "TRIP BRANCH FROM BUS 103 TO BUS 301 TO BUS 202 CKT 1") == (legs, ())
    assert one(seven, "OPEN LINE FROM BUS 202 TO 301 TO 103") == (legs, ())
    for bus, leg in zip((103, 202, 301), legs, strict=True):
        others = " TO BUS ".join(str(k) for k in (103, 202, 301) if k != bus)
        assert one(seven, f"DISCONNECT THREEWINDING AT BUS {bus} TO BUS {others}") == ((leg,), ())
    assert (
        "no transformer of three windings between the buses 101, 102 and 103"
        in (refused(seven, "CONTINGENCY A", "OPEN LINE FROM BUS 101 TO 102 TO 103", "END")[0])
    )


def test_a_bus_takes_all_that_is_connected(case39, seven, one, refused):
    branch = case39.branch
    at = tuple(branch.id[(branch.from_bus == 39) | (branch.to_bus == 39)].tolist())
    assert one(case39, "DISCONNECT BUS 39") == (at, (10,))
    assert one(case39, "OPEN LINE FROM BUS 1 TO BUS 39", "TRIP BUS 39") == (
        (2, *(k for k in at if k != 2)),
        (10,),
    )
    after = outages.Outage("A", *one(case39, "DISCONNECT BUS 39")).network(case39)
    assert after.unserved.bus.tolist() == [39]
    live = seven.replace(dcline={"in_service": [True]})
    (bus,) = live.dcline.from_bus
    assert "a DC line ends at bus" in refused(live, "CONTINGENCY A", f"OPEN BUS {bus}", "END")[0]


def test_names_quotes_and_comments(case39, read):
    event = "OPEN LINE FROM BUS 3 TO BUS 4"
    names = ["'two words'", '"it\'s"', "'L_000022O'~1'", "a/b", "plain / comment", "'9' /x"]
    lines = ["/PSS(R)E 35", "COM", "com anything ' at all", "BUSNUMBERS"]
    for name in names:
        lines += [f"contingency {name}", f"  {event} // see there", "COM between", "", "end"]
    found = read(case39, *lines, "END", "", "/ and nothing else")
    expected = ["two words", "it's", "L_000022O'~1", "a/b", "plain", "9"]
    assert [outage.name for outage in found] == expected
    assert all(outage.branches == (6,) for outage in found)


# -- those that a statement makes -----------------------------------------------


def test_every_branch_is_n_1(case39, read):
    assert read(case39, "SINGLE BRANCH IN SYSTEM") == outages.read("n-1", case39)
    assert read(case39, "SINGLE UNIT IN SYSTEM") == outages.read("n-1-gens", case39)


def test_transformers_of_three_windings_are_one_branch(seven, read):
    found = [outage.branches for outage in read(seven, "SINGLE LINE IN SYSTEM")]
    assert found == [(1,), (2,), (3,), (5,), (7,), (8,), (9, 10, 11)]


@pytest.mark.parametrize("kind", ["AREA", "ZONE"])
def test_areas_and_zones(case39, read, kind):
    net = case39.replace(bus={"zone": case39.bus.area})
    area = dict(zip(net.bus.id.tolist(), net.bus.area.tolist(), strict=True))
    ends = zip(net.branch.from_bus.tolist(), net.branch.to_bus.tolist(), strict=True)
    inside = [sum(area[bus] == 2 for bus in pair) for pair in ends]
    within = [k for k, count in enumerate(inside, 1) if count == 2]
    ties = [k for k, count in enumerate(inside, 1) if count == 1]
    assert within
    assert ties
    found = read(net, f"SINGLE BRANCH IN {kind} 2", f"SINGLE TIE FROM {kind} 2")
    assert elements(found) == [((k,), ()) for k in [*within, *ties]]
    own = [k for k, bus in enumerate(net.gen.bus.tolist(), 1) if area[bus] == 2]
    assert elements(read(net, f"SINGLE MACHINE FROM {kind} 2")) == [((), (k,)) for k in own]


def test_pairs(case39, seven, read):
    net = case39.replace(gen={"bus": [30, 30, *case39.gen.bus[2:]]})
    at_3 = [3, 6, 7]  # 2-3, 3-4, 3-18
    assert elements(read(net, "SINGLE LINE FROM BUS 3")) == [((k,), ()) for k in at_3]
    pairs = [((3, 6), ()), ((3, 7), ()), ((6, 7), ())]
    assert elements(read(net, "DOUBLE BRANCH FROM BUS 3")) == pairs
    assert elements(read(net, "BUSDOUBLE BRANCH FROM BUS 3")) == pairs
    assert elements(read(net, "DOUBLE UNIT FROM BUS 30")) == [((), (1, 2))]
    n = len(net.branch)
    assert len(read(net, "DOUBLE LINE IN SYSTEM")) == n * (n - 1) // 2
    degree = np.bincount(np.concatenate([net.branch.from_bus, net.branch.to_bus]))
    assert len(read(net, "BUSDOUBLE LINE IN SYSTEM")) == (degree * (degree - 1) // 2).sum()
    both = seven.replace(branch={"in_service": np.ones(len(seven.branch), dtype=bool)})
    assert elements(read(both, "PARALLEL LINE IN SYSTEM")) == [((3, 4), ())]


def test_what_two_statements_make_is_there_once(case39, read):
    found = read(case39, "SINGLE TIE FROM AREA 1", "SINGLE TIE FROM AREA 2")
    assert len({outage.name for outage in found}) == len(found)


def test_too_many_are_refused(refused):
    net = scopf.load_case("case300")
    columns = {name: np.concatenate([column] * 2) for name, column in vars(net.branch).items()}
    columns["id"] = np.arange(1, len(columns["id"]) + 1)
    twice = net.replace(branch=type(net.branch)(**columns))
    assert refused(twice, "DOUBLE LINE IN SYSTEM") == [
        "line 1: these are more than 100000 outages, the most that are read"
    ]


# -- a problem -----------------------------------------------


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_a_problem_is_that_of_the_list(case39, tmp_path, kind):
    path = tmp_path / "Grid.CON"
    path.write_text("CONTINGENCY weak\nOPEN LINE FROM BUS 3 TO BUS 4\nEND\nEND\n")
    inverters = scopf.Inverters.at_generators(case39.lossless(), mq=0.1)
    given = {"emergency": 1.2, "criterion": "none"}
    made = [
        scopf.build(case39.lossless(), inverters, outages=one, **given) for one in (kind(path), [6])
    ]
    assert made[0].scenario.outages[0].name == "weak"
    costs = [scopf.solve(problem).cost for problem in made]
    assert costs[0] == pytest.approx(costs[1], rel=1e-9)


def written(net):
    """Every branch in service as a contingency, out of names that the .raw reader gives."""
    lines, branch = [], net.energized().branch
    for k, name in zip(branch.id.tolist(), branch.name.tolist(), strict=True):
        ends, _, rest = name.partition(" ")
        circuit = rest.split("'")[1]
        lines.append(f"CONTINGENCY 'branch {k}'")
        if "winding" not in rest:
            f, t = ends.split("-")
            lines.append(f"OPEN BRANCH FROM BUS {f} TO BUS {t} CIRCUIT '{circuit}'")
        else:
            buses = ends.split("-")
            first = buses.pop(int(rest[-1]) - 1)
            lines.append(
                f"OPEN THREEWINDING AT BUS {first} TO BUS {' TO BUS '.join(buses)} CKT {circuit}"
            )
        lines.append("END")
    return [*lines, "END"]


@pytest.mark.parametrize("name", ["seven_buses_33.raw", "seven_buses_35.raw", "case118"])
def test_a_round_trip(tmp_path, read, name):
    if name.endswith(".raw"):
        net = scopf.load_case(DATA / name)
    else:
        scopf.save_case(scopf.load_case(name), tmp_path / "grid.raw")
        net = scopf.load_case(tmp_path / "grid.raw")
    assert read(net, *written(net)) == outages.read("n-1", net)


# -- faults -----------------------------------------------


def test_all_faults_come_at_once_with_their_lines(case39, refused):
    said = refused(
        case39,
        "CONTINGENCY A B",
        "OPEN BRANCH FROM BUS X TO BUS 4",
        "REMOVE LOAD 1 FROM BUS 4",
        "END",
        "OPEN BRANCH FROM BUS 3 TO BUS 4",
        "CONTINGENCY A",
        "OPEN BRANCH FROM BUS 3 TO BUS 5",
        "OPEN BRANCH FROM BUS 3 TO BUS 555",
        "REMOVE UNIT 1 FROM BUS 3",
        "FOO",
        "CONTINGENCY 'D",
        "END",
        "SINGLE BRANCH IN SUBSYSTEM 'X'",
        "SINGLE BRANCH IN AREA 17",
        "CONTINGENCY Q",
        "END",
        "CONTINGENCY A",
        "OPEN BRANCH FROM BUS 3 TO BUS 4",
        "END",
        "END",
        "X",
    )
    expected = [
        ("line 1: after 'CONTINGENCY A' 'B' stands where the end of the line", "quotes"),
        ("line 2: after 'OPEN BRANCH FROM BUS' 'X' stands where a bus number is", "TRIP"),
        ("line 3: after 'REMOVE' 'LOAD' stands where MACHINE|UNIT", "only branches and machines"),
        ("line 5: this stands in no contingency", "CONTINGENCY name"),
        ("line 7 (A): there is no branch between the buses 3 and 5", ""),
        ("line 8 (A): there is no bus 555", ""),
        ("line 9 (A): there is no machine at bus 3", ""),
        ("line 10 (A): 'FOO' begins no statement that is known", "THREEWINDING"),
        ("line 11 (A): a quote (') is not closed", ""),
        ("line 13: after 'SINGLE BRANCH IN' 'SUBSYSTEM' stands where", ".sub file"),
        ("line 14: there is no area 17; there is 1, 2, 3", ""),
        ("line 15 (Q): no branch and no machine is lost", ""),
        ("line 17 (A): a contingency of this name is there twice", ""),
        ("line 21: there is more after the END of the file", ""),
    ]
    assert len(said) == len(expected)
    for text, (begins, holds) in zip(said, expected, strict=True):
        assert text.startswith(begins)
        assert holds in text


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "there is no contingency in this file"),
        (["CONTINGENCY A", "OPEN LINE FROM BUS 3 TO BUS 4"], "line 1 (A): no END ends this"),
        (["CONTINGENCY A", "CONTINGENCY B", "END"], "line 1 (A): no END ends this"),
        (["BUSNAMES"], "buses are known by their numbers"),
        (["SINGLE LINE IN OWNER 3"], "owners are not kept"),
        (["BUSDOUBLE UNIT IN SYSTEM"], "'UNIT' stands where BRANCH|LINE"),
    ],
)
def test_other_faults(case39, refused, lines, said):
    assert said in refused(case39, *lines)[0]


def test_a_file_that_cannot_be_read(case39, tmp_path):
    with pytest.raises(scopf.CaseError, match="no such file"):
        scopf.build(case39, outages=str(tmp_path / "none.con"))
    (tmp_path / "folder.con").mkdir()
    with pytest.raises(scopf.CaseError, match="cannot be read"):
        scopf.build(case39, outages=tmp_path / "folder.con")
    with pytest.raises(scopf.ScopfError, match=r"files are \.csv or \.con"):
        scopf.build(case39, outages="grid.txt")


def test_a_name_of_an_outage_that_is_made_is_there_twice(case39, refused):
    event = "OPEN LINE FROM BUS 3 TO BUS 4"
    said = refused(case39, "CONTINGENCY 'branch 6'", event, "END", "SINGLE LINE IN SYSTEM")
    assert said == ["branch 6 is the name of a contingency, and of an outage by SINGLE or its like"]


# -- spoilt files -----------------------------------------------

WORDS = [
    "OPEN", "TRIP", "REMOVE", "BRANCH", "THREEWINDING", "FROM", "AT", "TO", "BUS", "CKT", "END",
    "CONTINGENCY", "SINGLE", "DOUBLE", "PARALLEL", "IN", "AREA", "SYSTEM", "'", '"', "/", "COM",
    "1", "102", "-3", "1e9", "99999999999999999999", "\0", "\u00e9", "\u0661", ",", "",
]  # fmt: skip


def spoilt(text, random):
    """The text with a few lines, words or letters changed, left out or doubled."""
    for _ in range(random.integers(1, 4)):
        lines = text.split("\n")
        at = int(random.integers(len(lines)))
        kind = random.integers(4)
        if kind == 0:
            lines[at : at + 1] = [lines[at]] * int(random.integers(3))
        elif kind == 1:
            words = lines[at].split(" ")
            words[int(random.integers(len(words)))] = WORDS[int(random.integers(len(WORDS)))]
            lines[at] = " ".join(words)
        elif kind == 2:
            cut = int(random.integers(len(lines[at]) + 1))
            lines[at] = lines[at][:cut] + WORDS[int(random.integers(len(WORDS)))] + lines[at][cut:]
        else:
            lines = lines[: at + 1]
        text = "\n".join(lines) or "\n"
    return text


def outcome(path, net):
    """Read or refused; elements that are lost are in service."""
    branches, gens = (set(net.energized().tables[key].id.tolist()) for key in ("branch", "gen"))
    try:
        found = outages.read(path, net)
    except scopf.CaseError as error:
        return "refused" if error.faults else "without a reason"
    there = all(branches >= {*one.branches} and gens >= {*one.gens} for one in found)
    return "read" if found and there else "wrong"


def test_spoilt_files_are_read_or_refused(seven, tmp_path):
    good = [line.replace("'branch ", "'line ") for line in written(seven)[:-1]]
    good += ["SINGLE LINE IN AREA 1", "DOUBLE UNIT IN SYSTEM", "CONTINGENCY M"]
    good += ["REMOVE UNIT W2 FROM BUS 102", "DISCONNECT BUS 202", "END", "END", ""]
    random, path = np.random.default_rng(SEED), tmp_path / "spoilt.con"
    path.write_text("\n".join(good), encoding="utf-8")
    assert outcome(path, seven) == "read"
    results = []
    for _ in range(250):
        path.write_bytes(spoilt("\n".join(good), random).encode("latin-1", errors="replace"))
        results.append(outcome(path, seven))
    assert set(results) == {"read", "refused"}
    assert min(map(results.count, results)) > 30
