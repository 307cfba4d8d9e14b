"""Completion on Tab: names of cases, studies, criteria and start points.

Where none of the names fits, the shell completes file names.
"""

from __future__ import annotations


def cases(incomplete: str) -> list[tuple[str, str]]:
    """Bundled cases with their titles."""
    from scopf.cases import bundled

    entries = bundled.entries().values()
    return [(one.name, one.title) for one in entries if one.name.startswith(incomplete)]


def studies(incomplete: str) -> list[tuple[str, str]]:
    """Bundled studies, then cases."""
    from scopf.cases import bundled

    named = [(name, "a bundled study") for name in bundled.studies() if name.startswith(incomplete)]
    return named + cases(incomplete)


def devices(incomplete: str) -> list[str]:
    """Bundled tables of devices."""
    from scopf.cases import bundled

    return [name for name in bundled.device_tables() if name.startswith(incomplete)]


def criteria(incomplete: str) -> list[str]:
    """Stability criteria, those of other packages included."""
    from scopf.stability import registry

    return [name for name in registry.names() if name.lower().startswith(incomplete.lower())]


def files(incomplete: str) -> list[str]:
    """Nothing, so that the shell completes file names."""
    return []


def starts(incomplete: str) -> list[str]:
    """Start points that the command line can name."""
    known = ("dc", "flat", "middle", "power-flow")
    return [name for name in known if name.startswith(incomplete)]
