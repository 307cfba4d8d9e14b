"""Sweeps: many scenarios of one study, in parallel, in a folder that survives a kill."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scopf.sweeps.api import sweep
    from scopf.sweeps.results import Sweep, load_sweep

__all__ = ["Sweep", "load_sweep", "sweep"]

# Imported when first used: the command line needs the names of axes only, and at once.
_HOME = {"Sweep": "results", "load_sweep": "results", "sweep": "api"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
