"""The ways to Ipopt: the package cyipopt, or the C interface of the library in the casadi wheel."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any, Literal

from scopf.errors import InstallationError

log = logging.getLogger(__name__)

Interface = Literal["cyipopt", "library"]


@dataclass(frozen=True)
class Binding:
    """A way to Ipopt.

    Attributes:
        problem: `cyipopt.Problem`, or a class with its arguments and methods.
        name: of the solver and the way, such as "Ipopt 3.14.19 through cyipopt 1.7.0".
    """

    problem: Any
    name: str


def bound(interface: Interface | None = None) -> Binding:
    """Load Ipopt: with BLAS on one thread, as more threads slow grids down.

    Args:
        interface: the way; None for cyipopt, and the library where there is no cyipopt that works.

    Raises:
        InstallationError: when that way is not there, saying what to install.
    """
    key = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(key)
    os.environ.setdefault(key, "1")
    try:
        if interface == "library":
            return _library()
        try:
            return _cyipopt()
        except Exception as error:  # whatever a broken build raises
            if interface == "cyipopt":
                text = f"cyipopt cannot be imported ({error}): `conda install -c conda-forge "
                text += 'cyipopt` brings one; interface="library" does without'
                raise InstallationError(text) from error
            log.debug("cyipopt cannot be imported: %s", error)
            return _library(f"cyipopt is not installed or broken ({error}), and ")
    finally:
        if before is None:
            del os.environ[key]


def _cyipopt() -> Binding:
    import cyipopt

    cyipopt.set_logging_level(logging.WARNING)  # it reports every callback at INFO
    version = ".".join(map(str, cyipopt.IPOPT_VERSION))
    return Binding(cyipopt.Problem, f"Ipopt {version} through cyipopt {cyipopt.__version__}")


def _library(before: str = "") -> Binding:
    from scopf.optimizer import libipopt

    try:
        libipopt.load()
    except (ImportError, OSError) as error:
        text = f"there is no Ipopt: {before}{error}; "
        text += "`pip install --force-reinstall casadi` or `conda install -c conda-forge cyipopt` "
        raise InstallationError(text + "brings one") from error
    return Binding(libipopt.Problem, f"Ipopt{libipopt.version()} through its C interface")
