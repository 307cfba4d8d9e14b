"""The tutorial: notebooks of the repository, copied to where Sphinx looks for pages.

The comment `<!-- notebooks -->` on a page becomes their table of contents.
"""

from pathlib import Path

HERE = "<!-- notebooks -->"


def copy(app, config):
    """Make `docs/tutorial` the same as `notebooks`, links made to fit; not what has not changed."""
    target = Path(app.srcdir) / "tutorial"
    target.mkdir(exist_ok=True)
    source = {path.name: path for path in (Path(app.srcdir).parent / "notebooks").glob("*.ipynb")}
    for old in target.iterdir():
        if old.name not in source:
            old.unlink()
    for name, path in source.items():
        there, text = target / name, path.read_text().replace("](../docs/", "](../")
        if not there.exists() or there.read_text() != text:
            there.write_text(text)


def listed(app, docname, source):
    """Put the table of contents in its place, and links to notebooks right."""
    source[0] = source[0].replace("](../notebooks/", "](tutorial/")
    names = sorted(path.stem for path in (Path(app.srcdir) / "tutorial").glob("*.ipynb"))
    lines = ["```{toctree}", ":maxdepth: 1", "", *(f"tutorial/{name}" for name in names), "```"]
    source[0] = source[0].replace(HERE, "\n".join(lines) if names else "There are none yet.")


def setup(app):
    """Copy before the pages are looked for."""
    app.connect("config-inited", copy)
    app.connect("source-read", listed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
