"""Rooms of the package import in one direction: files of a room only from rooms above it.

Every import counts: those for types only and those inside functions too.
"""

import ast
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest

import scopf

ROOT = Path(scopf.__file__).parent
ROOMS = (
    "arrays", "errors", "files", "display", "version", "network", "engine", "devices", "cases",
    "dynamics", "stability", "model", "optimizer", "diagnosis", "results", "procedures", "studies",
    "sweeps", "plots", "pages", "__init__", "cli", "__main__",
)  # fmt: skip
FILES_AT_THE_ROOT = 8


def name_of(file):
    """Dotted name of a file of the package; that of an __init__ keeps its last part."""
    return ".".join(["scopf", *file.relative_to(ROOT).with_suffix("").parts])


FILES = {name_of(file): file for file in sorted(ROOT.rglob("*.py"))}


def room(name):
    return name.split(".")[1]


def resolved(dotted):
    """The file that a dotted name is in; None for another package's."""
    parts = dotted.split(".")
    while parts and parts[0] == "scopf":
        for name in (".".join(parts), ".".join([*parts, "__init__"])):
            if name in FILES:
                return name
        parts.pop()
    return None


def imports(name):
    """Files that a file imports, with the line."""
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}:{node.lineno} imports relatively"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for dotted in found:
            if (target := resolved(dotted)) is not None:
                yield target, node.lineno


ARROWS = [(name, target, line) for name in FILES for target, line in imports(name)]


def test_the_root_is_tidy():
    assert len(list(ROOT.glob("*.py"))) + 1 <= FILES_AT_THE_ROOT  # py.typed is one more
    there = {room(name) for name in FILES}
    assert there == set(ROOMS)


def test_nothing_imports_upward():
    place = {name: k for k, name in enumerate(ROOMS)}
    upward = [
        f"{name}:{line} imports {target}"
        for name, target, line in ARROWS
        if place[room(target)] > place[room(name)]
    ]
    assert upward == []


def test_no_file_imports_itself_on_a_way_round():
    graph = nx.DiGraph((name, target) for name, target, _ in ARROWS)
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert circles == []


def test_files_import_files_not_rooms():
    """What an __init__ hands on is for users; `scopf` itself and its pictures are that."""
    handed_on = {"scopf.__init__", "scopf.plots.__init__"}
    looked_through = {"scopf.stability.criteria.__init__"}  # for the files that it holds
    through = [
        f"{name}:{line} imports {target}"
        for name, target, line in ARROWS
        if target.endswith("__init__")
        and target not in looked_through
        and (target not in handed_on or (room(name) == room(target) and name != target))
    ]
    assert through == []


def test_no_room_has_the_name_of_a_public_function():
    """A submodule `scopf.solve` would take the place of the function when it is imported."""
    for package, public in (("scopf", scopf.__all__), ("scopf.plots", scopf.plots.__all__)):
        folder = ROOT.parent / Path(*package.split("."))
        rooms = {path.stem for path in folder.iterdir()} - {"__init__", "__pycache__"}
        assert rooms & set(public) <= {"plots"}


def test_a_way_back_would_be_seen(tmp_path):
    text = "def f():\n    from scopf.results.solution import Solution\n    return Solution\n"
    node = ast.parse(text)
    (found,) = [n for n in ast.walk(node) if isinstance(n, ast.ImportFrom)]
    assert resolved(f"{found.module}.{found.names[0].name}") == "scopf.results.solution"
    used = defaultdict(set)
    for name, target, _ in ARROWS:
        used[room(name)].add(room(target))
    assert "results" in used["procedures"]
    assert "network" in used["model"]


@pytest.mark.parametrize("folder", [name for name in ROOMS if (ROOT / name).is_dir()])
def test_every_room_says_what_it_is(folder):
    text = (ROOT / folder / "__init__.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))


OURS = {"_keep", "_origin"}  # private attributes that more than one file of ours uses
PUBLIC = {"_exit"}  # of os, documented in spite of its name


def private_parts(tree):
    """Private names of other modules' objects that a file uses, with the line."""
    own = {*OURS, *PUBLIC}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    selves = [a for a in attributes if isinstance(a.value, ast.Name) and a.value.id == "self"]
    own |= {attribute.attr for attribute in selves}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            names = [str(node.slice.value)]
        for name in names:
            if name.startswith("_") and not name.endswith("__") and name not in own:
                yield f"line {node.lineno}: {name}"


def test_private_parts_of_other_packages_stand_in_one_file_per_room():
    found = {
        name: list(private_parts(ast.parse(file.read_text(encoding="utf-8"))))
        for name, file in FILES.items()
    }
    assert found["scopf.engine.private"]
    elsewhere = {name: parts for name, parts in found.items() if not name.endswith(".private")}
    assert {name: parts for name, parts in elsewhere.items() if parts} == {}
