"""Doors into private parts of other packages: what a test says when one of them breaks."""

import platform
from contextlib import contextmanager
from importlib import metadata

import pytest


@contextmanager
def door(package, name):
    """Whatever goes wrong inside fails with a sentence that names the installed version."""
    version = platform.python_version() if package == "Python" else metadata.version(package)
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        pytest.fail(f"{package} {version} has another {name} than scopf expects ({reason})")
