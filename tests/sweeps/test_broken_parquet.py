"""A table of a run folder whose footer contradicts itself, on which Arrow may end the process."""

import hashlib
import json
import shutil
import subprocess
import sys

import scopf

READ = """
import scopf, sys
for folder in sys.argv[1:]:
    try:
        scopf.load_sweep(folder).scenarios
    except scopf.ScopfError:
        pass
"""


def test_a_column_that_is_said_to_be_required_ends_no_process(tmp_path):
    plain, signed = tmp_path / "plain", tmp_path / "signed"
    scopf.sweep("case9", mq=0.05, out=plain)
    path = plain / "scenarios.parquet"
    whole = path.read_bytes()
    optional, required = (b"\x25" + kind + b"\x18\x08scenario" for kind in (b"\x02", b"\x00"))
    assert whole.count(optional) == 1
    broken = whole.replace(optional, required)
    path.write_bytes(broken)
    shutil.copytree(plain, signed)
    manifest = json.loads((signed / "manifest.json").read_text())
    manifest["run"]["sha256"][path.name] = hashlib.sha256(broken).hexdigest()
    (signed / "manifest.json").write_text(json.dumps(manifest))
    command = [sys.executable, "-c", READ, str(plain), str(signed)]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr[-300:]
