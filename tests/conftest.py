"""Settings of all tests."""

import os
import signal
from contextlib import suppress


def pytest_configure():
    """Listen to Ctrl-C, which a shell has its background processes ignore: some tests press it.

    Lines of commands are as wide as they come, whatever the terminal is.
    """
    with suppress(ImportError):
        import readline  # noqa: F401, it sets COLUMNS for child processes, unseen by os.environ
    os.environ.pop("COLUMNS", None)
    os.unsetenv("COLUMNS")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path, config):
    """With `-m core`, leave out files without such tests, which may import further packages."""
    if config.option.markexpr != "core" or not collection_path.name.startswith("test_"):
        return None
    return "mark.core" not in collection_path.read_text(encoding="utf-8") or None
