"""Induction machines as constant power: active as scheduled, reactive by their circuits."""

from __future__ import annotations

import math

import numpy as np

from scopf.arrays import Complexes, Ints
from scopf.cases.psse import checks
from scopf.cases.psse.circuit import NONE, Circuit
from scopf.cases.psse.reading import Case
from scopf.errors import Fault, counted, listing

SECTION = "induction machine"
_PARAMETERS = ("RA", "XA", "XM", "R1", "X1", "R2", "X2", "X3")
_NEEDED = ("XM", "R1", "X1")  # without these the circuit is a typical one
_MECHANICAL, _ELECTRICAL = 1, 2  # PCODE


def loads(case: Case, rows: Ints, faults: list[Fault]) -> Complexes:
    """Power that machines in service draw, per unit; a remark says how it was found.

    Args:
        case: content of the file.
        rows: of the machines in service.
        faults: takes what is wrong.
    """
    records = case.table(SECTION)
    checks.of_kind(records, "PCODE", faults, (_MECHANICAL, _ELECTRICAL))
    mbase = records.floats("MBASE")
    mbase = np.where(np.isnan(mbase) | (mbase == 0), case.base_mva, mbase)
    found, texts = np.zeros(len(rows), dtype=np.complex128), []
    for k, row in enumerate(rows.tolist()):
        scheduled = float(records.columns["PSET"][row])
        if not mbase[row] > 0:
            faults.append(records.fault(row, f"MBASE {mbase[row]:g} must be positive", "MBASE"))
            continue
        if records.columns["XM"][row] == 0:
            faults.append(records.fault(row, "XM must not be zero", "XM"))
            continue
        given = {key.lower(): float(records.columns[key][row]) for key in _PARAMETERS}
        known = {key: value for key, value in given.items() if not math.isnan(value)}
        typical = any(key.lower() not in known for key in _NEEDED) or not _has_cage(known)
        circuit = Circuit() if typical else Circuit(**{"ra": 0.0, "xa": 0.0} | known)
        try:
            mechanical = records.columns["PCODE"][row] != _ELECTRICAL
            with np.errstate(all="ignore"):
                power = circuit.power(scheduled / mbase[row], mechanical) * mbase[row]
        except ValueError as error:
            faults.append(records.fault(row, f"PSET {scheduled:g} MW {error}", "PSET"))
            continue
        found[k] = power / case.base_mva
        note = ", by the circuit of a typical motor" if typical else ""
        texts.append(f"{records.name(row)} ({power.real:.6g} MW, {power.imag:.6g} MVAr{note})")
    if texts:
        case.remarks.append(
            counted(len(texts), "induction machine is", "induction machines are")
            + " a load of constant power, that of the machine's circuit at 1 p.u. voltage: "
            + listing(texts, most=5)
        )
    return found


def _has_cage(known: dict[str, float]) -> bool:
    """Whether there is a cage: PSS/E writes 999 where the design code stands for one."""
    cages = (("r1", "x1"), ("r2", "x2"))
    return any(max(known.get(r, NONE), known.get(x, NONE)) < NONE for r, x in cages)
