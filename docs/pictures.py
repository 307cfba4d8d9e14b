"""Draws the pictures of the pages whose code draws pictures: `make pictures`.

The code blocks of these pages run as they stand; what they save with `savefig` is kept in
docs/pictures if the page shows it. With names, as in `python -m docs.pictures gap hours`, only
pictures of these names are written.
"""

import re
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

DOCS = Path(__file__).parent
HERE = DOCS / "pictures"
sys.path.insert(0, str(DOCS / "_ext"))
import shown  # noqa: E402

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
DPI = {"from_machines.png": 110}  # small type; the others are kept small


def programs(page):
    """The code of a page that saves pictures: each block, or the whole page where it is a story."""
    blocks = BLOCK.findall(page.read_text())
    blocks = ["\n".join(blocks)] if page.name.startswith("task-") else blocks
    return [code for code in blocks if ".savefig(" in code]


def wanted(page):
    """Names of the pictures that a page shows."""
    return set(re.findall(r"\]\(pictures/([\w-]+\.png)\)", page.read_text()))


def save(figure, name, dpi=None, **rest):
    """`Figure.savefig`, small enough to be kept and the same at every run."""
    _savefig(figure, name, dpi=DPI.get(Path(name).name, 72), metadata={"Software": None}, **rest)


def main(names):
    """Run the code, and keep the pictures."""
    Figure.savefig = save
    for page in (DOCS / "plots.md", *sorted(DOCS.glob("task-*.md"))):
        chosen = {name for name in wanted(page) if not names or Path(name).stem in names}
        for code in programs(page):
            if not any(f'"{name}"' in code for name in chosen):
                continue
            with tempfile.TemporaryDirectory() as folder, chdir(folder):
                for name, content in shown.files(page.read_text()).items():
                    Path(name).write_text(content)
                exec(compile(code, page.name, "exec"), {})
                for name in chosen & {path.name for path in Path(folder).glob("*.png")}:
                    (HERE / name).write_bytes(Path(name).read_bytes())
            plt.close("all")


_savefig = Figure.savefig

if __name__ == "__main__":
    main(sys.argv[1:])
