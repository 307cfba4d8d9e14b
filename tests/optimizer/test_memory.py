"""Memory that stays with the process."""

import os
import subprocess
import sys

import pytest

from scopf.optimizer import memory

_FAULTS = """
import resource
import numpy as np
import scopf

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(8_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
by_default = faults()
print(scopf.tune_malloc())
faults()
print(by_default, faults())
"""


@pytest.mark.skipif(not memory._is_glibc(), reason="mallopt is a function of glibc")
def test_a_large_block_is_not_cleared_again():
    clean = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [sys.executable, "-c", _FAULTS]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=clean).stdout
    effect, by_default, tuned = out.split()
    assert effect == "True"
    assert int(tuned) < 0.1 * int(by_default)


@pytest.mark.parametrize("error", [AttributeError, ValueError])
def test_no_effect_with_another_c_library(monkeypatch, error):
    def confstr(_):
        raise error

    monkeypatch.setattr(os, "confstr", confstr)
    assert memory.tune_malloc() is False
