"""Permanent limits of branches as ratings of apparent power."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats
from scopf.cases.approximations import Approximations
from scopf.cases.powsybl.tables import LARGEST, Tables
from scopf.errors import listing

_PERMANENT = -1  # acceptable duration
_WATTS = "ACTIVE_POWER"


class Ratings:
    """The permanent limits of the selected groups.

    Args:
        tables: of the network.
        notes: gets sentences on limits that are not represented.
    """

    def __init__(self, tables: Tables, notes: Approximations) -> None:
        limits = tables["loading_limits"].reset_index()
        limits = limits[limits["acceptable_duration"] == _PERMANENT]
        limits = limits[limits["value"] < LARGEST]
        for names, text in (
            (limits[limits["type"] == _WATTS], "limits of active power are not represented"),
            (limits[~(limits["value"] > 0)], "limits of zero count as none"),
        ):
            if len(names):
                notes.add(f"{text}: {listing(names['element_id'].unique(), most=5)}")
        limits = limits[limits["value"] > 0]
        self._of = {
            kind: limits[limits["type"] == kind].groupby(["element_id", "side"])["value"].min()
            for kind in ("CURRENT", "APPARENT_POWER")
        }
        if len(self._of["CURRENT"]):
            notes.add(
                "permanent limits of current are ratings of apparent power at nominal voltage, "
                'the lower one of both ends (build with limit="current" limits currents); '
                "temporary limits are left out",
                level=logging.INFO,
            )

    def mva(self, ids: pd.Index[Any], side: str, kilovolts: Floats) -> Floats:
        """Rating of one end of branches, MVA; infinite without a limit.

        Args:
            ids: of the branches.
            side: "ONE", "TWO", "THREE" or "NONE", as in pypowsybl.
            kilovolts: nominal voltage there.
        """
        ends = pd.MultiIndex.from_arrays([ids, [side] * len(ids)])
        amps, power = (
            self._of[kind].reindex(ends).to_numpy(dtype=np.float64)
            for kind in ("CURRENT", "APPARENT_POWER")
        )
        found: Floats = np.fmin(np.sqrt(3.0) * kilovolts * amps / 1e3, power)
        return np.where(np.isnan(found), np.inf, found)
