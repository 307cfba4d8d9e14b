"""What happens to a sweep when some of it is done: a count, a thread that acts, and Ctrl-C."""

import contextlib
import os
import signal
import sqlite3
import threading
import time

from scopf.sweeps import store

LONG = 30  # s, far more than any of the sweeps takes


def finished(folder):
    """How many scenarios are in the journal."""
    path = folder / store.JOURNAL
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
        try:
            return base.execute("SELECT count(*) FROM scenarios").fetchone()[0]
        except sqlite3.Error:
            return 0


class After(threading.Thread):
    """Does something when a few scenarios are finished."""

    def __init__(self, folder, action):
        super().__init__(daemon=True)
        self.folder, self.action, self.when = folder, action, 0.0
        self.start()

    def run(self):
        while finished(self.folder) < 2:
            time.sleep(0.01)
        self.action()
        self.when = time.monotonic()


def press():
    """Ctrl-C for this process."""
    os.kill(os.getpid(), signal.SIGINT)
