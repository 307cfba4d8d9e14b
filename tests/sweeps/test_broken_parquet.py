"""A table of a run folder whose footer contradicts itself, on which Arrow may end the process."""

import hashlib
import json
import subprocess
import sys

import pytest

import scopf

READ = """
import scopf, sys
try:
    scopf.load_sweep(sys.argv[1]).scenarios
except scopf.ScopfError:
    pass
"""


@pytest.mark.parametrize("signed", [False, True])
def test_a_column_that_is_said_to_be_required_ends_no_process(tmp_path, signed):
    scopf.sweep("case9", mq=0.05, out=tmp_path)
    path = tmp_path / "scenarios.parquet"
    whole = path.read_bytes()
    optional, required = (b"\x25" + kind + b"\x18\x08scenario" for kind in (b"\x02", b"\x00"))
    assert whole.count(optional) == 1
    broken = whole.replace(optional, required)
    path.write_bytes(broken)
    if signed:
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        manifest["run"]["sha256"][path.name] = hashlib.sha256(broken).hexdigest()
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True)
    assert done.returncode == 0, done.stderr[-300:]
