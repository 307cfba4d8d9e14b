"""stub"""

from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from scopf.devices.gfl import Followers
from scopf.devices.machine import Machines


@dataclass(frozen=True, eq=False)
class Devices:
    machines: Machines
    followers: Followers
