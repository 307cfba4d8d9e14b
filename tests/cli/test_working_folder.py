"""Files that happen to lie in the working folder change nothing."""

import subprocess
import sys

import pytest

GAP = """
from scopf.cli.main import app
from scopf.studies import gap
small = {"b": (2.0,), "mq": (1.0, 5.0), "vm": [0.95, 1.0, 1.05], "angle": [-0.5, 0, 0.4]}
gap.gap.__kwdefaults__.update(small)
app(["gap", "--out", "out"])
"""


def test_a_matplotlibrc_is_not_obeyed(tmp_path):
    pytest.importorskip("matplotlib")
    found = []
    for name in ("plain", "prepared"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "prepared":
            (folder / "matplotlibrc").write_text(
                "text.usetex: True\nsavefig.bbox: tight\nfont.size: 3\n"
            )
        command = [sys.executable, "-c", GAP]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        (picture,) = (folder / "out").glob("*.png")
        found.append(picture.read_bytes())
    assert found[0] == found[1]
