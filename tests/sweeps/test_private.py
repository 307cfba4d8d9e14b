"""The door into Python's process pools: it finds their processes, or names the version."""

from concurrent.futures import ProcessPoolExecutor

from scopf.sweeps import private
from tests.doors import door


def test_a_pool_has_processes_that_can_be_killed():
    with door("Python", "ProcessPoolExecutor._processes"), ProcessPoolExecutor(1) as pool:
        assert pool.submit(int, 1).result() == 1
        (process,) = private.processes(pool)
        assert process.is_alive()
        pool.shutdown()
        assert private.processes(pool) == []
