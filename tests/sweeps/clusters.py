"""Dask clusters of real processes."""

import contextlib
import os
import re
import subprocess
import sys


@contextlib.contextmanager
def module(*words):
    """A process that is ended afterwards, even if it is stopped."""
    environment = {
        **os.environ, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", *words], stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def dask(scratch, count):
    """Address of a scheduler, its process, and those of so many workers."""
    local = ("--host", "127.0.0.1", "--no-dashboard")
    with module("distributed.cli.dask_scheduler", "--port", "0", *local) as scheduler:
        for line in scheduler.stderr:
            found = re.search(r"Scheduler at:\s+(tcp://\S+)", line)
            if found:
                break
        else:
            raise RuntimeError("the scheduler did not start")
        words = ("distributed.cli.dask_worker", found[1], "--nthreads", "1", "--no-nanny")
        words += ("--no-dashboard", "--local-directory", str(scratch))
        with contextlib.ExitStack() as stack:
            yield found[1], scheduler, [stack.enter_context(module(*words)) for _ in range(count)]
