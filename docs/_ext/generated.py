"""Parts of pages that are made from the package, so that they cannot be out of date.

A page has a comment where they go:

    <!-- commands -->                      every command and option, by typer
    <!-- modules: scopf.model scopf.engine -->   these packages and modules with all that is in them
    <!-- file: benchmarks/README.md -->    a page of the repository, its links made to fit

`rest` stands for all modules that no page names. What `scopf` itself exports is left out: it is on
the page of the public API.
"""

import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

MODULES = re.compile(r"<!-- modules: (.*?) -->", re.S)
COMMANDS = "<!-- commands -->"
FILE = re.compile(r"<!-- file: (\S+) -->")


def expand(app, docname, source):
    """Put text in the place of the comments of a page."""
    text = source[0]
    if COMMANDS in text:
        text = text.replace(COMMANDS, commands())
    text = FILE.sub(lambda found: page(app, found[1]), text)
    source[0] = MODULES.sub(lambda found: modules(app, found[1].split()), text)


def commands():
    """The command line in Markdown, a section for each command."""
    call = [sys.executable, "-m", "typer", "scopf.cli.main", "utils", "docs", "--name", "scopf"]
    text = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    return text.split("\n", 1)[1].strip()  # the page has its own title


def page(app, name):
    """A Markdown file from outside of docs, as it reads from inside."""
    return (Path(app.srcdir).parent / name).read_text().replace("](../docs/", "](")


def modules(app, names):
    """A section for each module: those named, and all within the packages among them."""
    import scopf

    parts = []
    names = [each for name in names for each in (rest(app) if name == "rest" else [name])]
    for name in [each for one in names for each in within(one)]:
        exported = [each for each in scopf.__all__ if home(getattr(scopf, each)) == name]
        options = [":ignore-module-all:"]
        if exported:
            options.append(f":exclude-members: {', '.join(exported)}")
        body = "\n".join(f"   {option}" for option in options)
        title = f"## {name}\n\n"
        parts.append(f"{title}```{{eval-rst}}\n.. automodule:: {name}\n{body}\n```\n")
        if exported:
            links = ", ".join(f"{{py:obj}}`scopf.{each}`" for each in exported)
            parts.append(f"On the page of the [public API](api.md): {links}.\n")
    return "\n".join(parts)


def home(thing):
    """Name of the module that a thing is defined in; None for a module."""
    return getattr(thing, "__module__", None)


def within(name):
    """A module, and what it contains if it is a package; not what is private."""
    module = import_module(name)
    found = [name]
    if name == "scopf" or not hasattr(module, "__path__"):
        return found
    for each in pkgutil.iter_modules(module.__path__):
        if not each.name.startswith("_"):
            found += within(f"{name}.{each.name}")
    return found


def rest(app):
    """Modules of the package that no page names, nor a package that they are in."""
    import scopf

    pages = [path.read_text() for path in Path(app.srcdir).glob("api*.md")]
    named = {name for page in pages for found in MODULES.findall(page) for name in found.split()}
    listed = (f"scopf.{each.name}" for each in pkgutil.iter_modules(scopf.__path__))
    return [name for name in listed if name not in named and not name.startswith("scopf._")]


def setup(app):
    """Listen to pages being read."""
    app.connect("source-read", expand)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
