"""Spoilt pandapower nets are read or refused. `python -m benchmarks.net_mutations` tries more."""

import warnings

import pytest

from benchmarks import net_mutations as nets

SEED, NETS, PART = 11, 200, 50


@pytest.mark.parametrize("first", range(0, NETS, PART))
def test_spoilt_nets_are_read_or_refused(first):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + PART):
            found = nets.outcome(*nets.made(SEED, number))
            assert found in nets.GOOD, (
                f"python -m benchmarks.net_mutations --seed {SEED} --only {number}: {found}"
            )


def test_nets_that_are_not_spoilt_are_read():
    for net in nets._seeds():
        assert nets.outcome(net, ignore=False) == "read"
