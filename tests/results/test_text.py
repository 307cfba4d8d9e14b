"""What notebooks show of results: the text of `print`, as HTML, with everything escaped."""

from html.parser import HTMLParser

import pytest

import scopf

pytestmark = pytest.mark.core

EVIL = "<script>alert('grid & co')</script>"


class Parsed(HTMLParser):
    """Tags in order, open ones, and the text between."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.text = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


def shown(thing):
    parsed = Parsed(thing._repr_html_())
    assert not parsed.open
    assert set(parsed.tags) <= {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    return parsed


def words(text):
    return "".join(text.split())


@pytest.fixture(params=["case14", "case57", "pglib_opf_case5_pjm"])
def net(request):
    return scopf.load_case(request.param)


def named(net, name=EVIL):
    return scopf.Network(name, net.base_mva, net.bus, net.gen, net.branch, net.dcline)


@pytest.mark.parametrize("criterion", ["none", "weighted", "voltage-difference"])
def test_a_solution_says_in_html_what_it_prints(net, criterion):
    solution = scopf.solve(scopf.build(net, criterion=criterion))
    assert words(shown(solution).text) == words(str(solution))


def test_a_verification_says_in_html_what_it_prints(net):
    check = scopf.solve(scopf.build(net, criterion="none")).verify()
    assert words(shown(check).text) == words(str(check))


def test_a_diagnosis_says_in_html_what_it_prints(net):
    problem = scopf.build(net.scaled(load=50), criterion="none")
    found = scopf.solve(problem)
    assert not found.solved
    assert words(shown(found).text) == words(str(found))
    diagnosis = scopf.diagnose(problem)
    assert words(shown(diagnosis).text) == words(str(diagnosis))


def test_a_network_counts_what_is_in_service(net):
    gone = net.gen.in_service.copy()
    gone[-1] = False
    seen = shown(net.replace(gen={"in_service": gone})).text
    count = len(net.gen)
    assert f"generators {count} {count - 1} " in seen
    assert f"{net.base_mva * net.bus.pd.sum():.1f} MW" in seen


def test_names_are_escaped(net):
    evil = named(net)
    problem = scopf.build(evil, criterion="none")
    solution = scopf.solve(problem)
    for thing in (evil, solution, solution.verify()):
        assert "<script" not in thing._repr_html_()
        assert EVIL in shown(thing).text


def test_long_tables_are_cut_and_say_so():
    solution = scopf.solve(scopf.build(scopf.load_case("case118"), criterion="none"))
    parsed = shown(solution)
    assert parsed.tags.count("tr") == 1 + 20
    assert f"{len(solution.gens) - 20} more generators" in parsed.text
