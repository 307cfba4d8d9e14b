"""The 39-bus system with machines after a branch outage, as ANDES integrates it."""

import numpy as np
import pytest

from benchmarks import andes_motion
from scopf.cases.bundled import entries


@pytest.mark.parametrize("branch", [6, 25])
def test_classical_machines_with_governors_move_as_in_andes(branch):
    """Speeds and voltages over 5 s; ANDES' own step leaves 1e-6 and 1e-5 or less."""
    pytest.importorskip("andes")
    path = str(entries()["case39"].path)
    start, theirs = andes_motion.of_andes(path, "GENCLS", branch, 5.0, 120)
    ours = andes_motion.of_scopf(path, start, "classical", branch, 5.0)
    assert theirs.times[-1] == pytest.approx(5)
    found = andes_motion.differences(ours, theirs).set_index("what")
    assert found.difference["speeds"] < 1e-5 < 0.05 * found.moved["speeds"]
    assert found.difference["voltages"] < 5e-5 < 0.05 * found.moved["voltages"]
    assert np.isfinite(found.moved).all()
