"""pandapower nets as networks (`reading`), and solutions as their result tables (`writing`)."""

from scopf.cases.pandapower.names import units

__all__ = ["units"]
