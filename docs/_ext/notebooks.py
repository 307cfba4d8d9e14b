"""The tutorial: notebooks of the repository, copied to where Sphinx looks for pages."""

import shutil
from pathlib import Path


def copy(app, config):
    """Make `docs/tutorial` the same as `notebooks`, leaving alone what has not changed."""
    target = Path(app.srcdir) / "tutorial"
    target.mkdir(exist_ok=True)
    source = {path.name: path for path in (Path(app.srcdir).parent / "notebooks").glob("*.ipynb")}
    for old in target.iterdir():
        if old.name not in source:
            old.unlink()
    for name, path in source.items():
        there = target / name
        if not there.exists() or there.read_bytes() != path.read_bytes():
            shutil.copyfile(path, there)


def setup(app):
    """Copy before the pages are looked for."""
    app.connect("config-inited", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
