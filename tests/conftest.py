"""Settings of all tests."""

import signal


def pytest_configure():
    """Listen to Ctrl-C, which a shell has its background processes ignore: some tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
