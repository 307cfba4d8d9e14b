"""Pools of processes for tests that start many of them."""

import multiprocessing

import pytest

from scopf.sweeps import pool

# All that a worker imports, so that a forked one has it already.
PRELOADED = ["scopf.sweeps.api", "scopf.sweeps.worker", "cyipopt", "pandas", "pyarrow"]
PRELOADED += [f"scopf.stability.criteria.{name}" for name in ("closed_forms", "weighted", "lossy")]


@pytest.fixture(scope="session")
def forkserver():
    """A context whose processes are forked from one that has imported everything, and no more."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@pytest.fixture
def quick_pools(monkeypatch, forkserver):
    """Workers of such a context."""
    monkeypatch.setattr(pool, "_METHOD", forkserver.get_start_method())
