"""The code in README and docs runs as it is printed, and what they point at is there."""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import scopf
from scopf import plots

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import shown  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE_BLOCK = re.compile(r"```python\n(.*?)```", re.S)


def programs(page):
    """The code of a page: each block alone, or all of them where one goes on from the other."""
    blocks = CODE_BLOCK.findall(page.read_text())
    return ["\n".join(blocks)] if page.name.startswith("task-") else blocks


BLOCKS = [
    pytest.param(page, code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(programs(page), 1)
]
INCLUDED = re.compile(r"<!-- file: (\S+) -->")
NOT_IN_TESTS = ("pypowsybl", "pypsa")  # packages that the extra `test` does not bring
CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$|`[^`\n]+`", re.S | re.M)


def text_of(page):
    """A page as it is built: some are files from elsewhere in the repository."""
    text = page.read_text()
    found = INCLUDED.fullmatch(text.strip())
    return (ROOT / found[1]).read_text().replace("](../docs/", "](") if found else text


def links(page):
    """Targets of the links on a page."""
    return re.findall(r"\]\(([^)\s]+)[^)]*\)", CODE.sub("", text_of(page)))


def anchors(page):
    """Names of the headings of a page, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.S | re.M)
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture
def _figures_closed():
    """Examples leave figures open, and matplotlib warns of many."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.usefixtures("_figures_closed")
@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_example_runs(page, code, tmp_path, monkeypatch):
    for package in NOT_IN_TESTS:
        if re.search(rf"^import {package}$", code, re.M):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    for name, content in shown.files(page.read_text()).items():
        (tmp_path / name).write_text(content)
    exec(compile(code, "example", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for link in links(page):
        if not urlsplit(link).scheme:
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_elsewhere_are_well_formed(page):
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), link


def test_every_equation_has_a_label_and_says_where_it_is_written():
    text = (ROOT / "docs/equations.md").read_text()
    labels = re.findall(r"^\$\$ \((eq:[\w-]+)\)$", text, re.M)
    assert len(labels) == len(re.findall(r"^\$\$$", text, re.M)) == len(set(labels))
    for part in re.split(r"^\$\$$", text, flags=re.M)[1:]:
        label, _, after = part.partition("$$ (")[2].partition(")")
        assert "{py:" in after, label


def test_every_status_is_explained():
    rows = re.findall(r"^\| `([\w ]+)` \|", (ROOT / "docs/statuses.md").read_text(), re.M)
    assert {str(status) for status in scopf.Status} <= set(rows)


def test_everything_that_scopf_exports_is_on_the_page_of_the_public_api():
    text = (ROOT / "docs/api.md").read_text()
    assert set(re.findall(r"(?:\.\. auto\w+:: |\{py:mod\}`)scopf\.(\w+)", text)) == set(
        scopf.__all__
    )


def test_the_page_of_pictures_has_one_of_each_function_with_the_code_that_draws_it():
    page = ROOT / "docs/plots.md"
    code = {name: block for block in CODE_BLOCK.findall(page.read_text()) for name in saved(block)}
    shown_there = set(re.findall(r"\]\(pictures/([\w-]+\.png)\)", page.read_text()))
    assert shown_there <= set(code)
    drawn = {
        function
        for name in shown_there
        for function in re.findall(r"plots\.(\w+)\(", code[name])
        if re.search(rf"(\w+) = plots\.{function}\(.*\n(.*\n)?\1\S*savefig", code[name])
    }
    assert drawn == set(plots.__all__)


def saved(code):
    """Names of the pictures that code writes."""
    return re.findall(r"savefig\(\"([\w-]+\.png)\"", code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_two_dollars_of_money_are_no_formula(page):
    text = CODE.sub("", text_of(page))
    for part in re.split(r"\n\s*\n|\n(?=[|-] )|\|", text):
        assert len(re.findall(r"(?<!\\)\$/", part)) < 2, part
