"""Mistyped names: errors that say what was meant."""

import inspect

import pytest

import scopf
from scopf.errors import nearest, spelled


@pytest.fixture(scope="module")
def problem():
    return scopf.build(scopf.load_case("case14"))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mQ", "mq"),
        ("m_q", "mq"),
        ("etaq", "eta_q"),
        ("eta", "eta_q"),
        ("laod_scale", "load_scale"),
    ],
)
def test_an_update_names_what_was_meant(problem, given, meant):
    with pytest.raises(TypeError, match=rf"Problem.update has no keyword '{given}'.* {meant}\?$"):
        problem.update(**{given: 0.1})


def test_what_is_like_nothing_lists_what_there_is(problem):
    with pytest.raises(TypeError, match="solve has no keyword 'xyzzy'; it has problem, start, "):
        scopf.solve(problem, xyzzy=1)


@pytest.mark.parametrize(
    "function",
    [scopf.build, scopf.solve, scopf.solve_centralised, scopf.Inverters.at_generators,
     scopf.Problem.update, scopf.Solution.verify],
)  # fmt: skip
def test_every_entrance_suggests_each_of_its_own_keywords(function):
    bare = getattr(function, "__func__", function)
    assert bare.__doc__
    for name in inspect.signature(function).parameters:
        if name != "self" and len(name) > 3:
            with pytest.raises(TypeError, match=f"did you mean {name}"):
                bare(None, **{f"{name}x": 0})


def test_other_type_errors_and_positions_stay():
    @spelled
    def area(width, /, height, *more, depth=1):
        return width * height * depth

    assert area(2, 3, depth=4) == 24
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        area(2)
    with pytest.raises(TypeError, match="did you mean depth"):
        area(2, 3, dept=1)
    assert nearest("", ["a"]) == nearest("zzz", ["mq"]) == nearest("a", []) == ""


def test_a_file_that_is_not_there_is_looked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scopf.save_case(scopf.load_case("case9"), "mygrid.json")
    for name, hint in {
        "mygird.json": r"did you mean mygrid\.json\?",
        "mygrid.raw": r"did you mean mygrid\.json\?",
        "other.m": f"there is none of that name in {tmp_path}",
        "no/other.m": f"there is no folder {tmp_path / 'no'}",
        "a\0b/c.m": "there is no folder",
        "nothing": "`scopf cases` lists",
    }.items():
        with pytest.raises(scopf.CaseError, match=hint):
            scopf.load_case(name)


def test_a_problem_shows_the_settings_that_are_not_the_usual_ones():
    net = scopf.load_case("case9")
    assert repr(scopf.build(net)) == f"Problem({net!r}, voltage-difference)"
    changed = scopf.build(net, criterion="C1", eta_q=0.25).update(load_scale={5: 1.1})
    assert repr(changed) == f"Problem({net!r}, C1, load_scale={{5: 1.1}}, eta_q=0.25)"
    assert "d={1: 0.5}" in repr(scopf.build(net, d={1: 0.5}))


def test_what_tab_offers_is_ours():
    assert set(scopf.__all__) <= set(dir(scopf))
    assert not {"Any", "TYPE_CHECKING", "annotations", "import_module"} & set(dir(scopf))


@pytest.mark.parametrize("name", ["case9", "case30Q", "pglib_opf_case3_lmbd"])
def test_replace_says_what_does_not_fit(name):
    net = scopf.load_case(name)
    inverters = scopf.Inverters.at_generators(net)
    for replace, changes, hint in (
        (net.replace, {"buses": {}}, "a Network has no table 'buses'; did you mean bus?"),
        (net.replace, {"bus": {"PD": [0]}}, "table bus has no column 'PD'; did you mean pd?"),
        (net.replace, {"gen": {"qwx": [0]}}, "table gen has no column 'qwx'; it has id, bus, "),
        (net.replace, {"bus": {"pd": [0, 1]}}, f"bus: .*: pd has 2, not {len(net.bus)} as id"),
        (net.replace, {"bus": {"pd": 0.5}}, "bus: column pd has to have a value for each row"),
        (net.replace, {"gen": {"pmax": ["much"] * len(net.gen)}}, "gen: column pmax: "),
        (inverters.replace, {"mQ": 1}, "Inverters has no column 'mQ'; did you mean mq?"),
    ):
        with pytest.raises(scopf.ScopfError, match=hint.replace("?", r"\?")):
            replace(**changes)
