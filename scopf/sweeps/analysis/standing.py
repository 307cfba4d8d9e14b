"""Sentences on what the rows of a sweep prove, under which conditions, and of how many rows."""

from __future__ import annotations

from typing import Any

from scopf.dynamics.droop import FREQUENCY
from scopf.errors import ScopfError, counted, listing
from scopf.results.claims import without_proof
from scopf.results.standing import NO_CONSTANT_POWER
from scopf.stability import registry
from scopf.sweeps import checking
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.manifest import about_constant_power

_MOST = 4  # standings of one criterion that are told apart


def sentences(analysis: Analysis, manifest: dict[str, Any]) -> list[str]:
    """Criterion, its standing, loads, losses, exact checks and constant power."""
    constant = about_constant_power(manifest)
    if not constant and "constant_power" in manifest:  # an older manifest does not say
        constant = [f"{_upper(NO_CONSTANT_POWER)}."]
    return [
        *_criteria(analysis),
        *_network(analysis, manifest),
        *_checks(manifest),
        *constant,
    ]


def _criteria(analysis: Analysis) -> list[str]:
    """Each criterion and, of its solved scenarios, how many are proven or not, and why."""
    table, found = analysis.scenarios, list[str]()
    for name in dict.fromkeys(filter(None, analysis.criteria.tolist())):
        rows = table.loc[analysis.solved & (analysis.criteria == name)]
        reason = _without_proof(name)
        if reason:
            found.append(f"Criterion {name}: {reason.removeprefix(f'{name} is ')}.")
        elif "claim" not in table or not len(rows):
            found.append(f"Criterion {name}.")
        else:
            claim, unmet = (rows[key].astype(object) for key in ("claim", "unmet"))
            both = claim.where(claim.notna(), "") + "|" + unmet.where(unmet.notna(), "")
            counts = both.value_counts().items()
            texts = [_standing(str(key), number, len(rows)) for key, number in counts]
            found.append(f"Criterion {name}: {'; '.join(texts[:_MOST])}{_left(texts)}.")
    return found


def _without_proof(name: str) -> str:
    """The reason why a built-in criterion proves nothing; "" for one that does, or is unknown."""
    try:
        return without_proof(registry.get(name))
    except ScopfError:
        return ""


def _standing(key: str, number: int, of: int) -> str:
    """Whether it is proven, and of how many scenarios."""
    claim, _, unmet = key.partition("|")
    text = f"proven ({claim})" if claim else f"not proven ({unmet or 'it has no proof'})"
    return text if number == of else f"{text} in {number} of {of} solved scenarios"


def _left(texts: list[str]) -> str:
    left = len(texts) - _MOST
    return f"; {counted(left, 'further reason', 'further reasons')}" if left > 0 else ""


def _network(analysis: Analysis, manifest: dict[str, Any]) -> list[str]:
    """The loads over the voltage, and the losses."""
    given = manifest.get("conditions")
    if not given:
        return []
    losses = given["losses"]
    if "lossless" in analysis.scenarios:
        column = analysis.scenarios["lossless"]
        without, count = int((column == True).sum()), len(column)  # noqa: E712, some are missing
        if without == count:
            losses = "resistance, charging and shunts are set to zero"
        elif without:
            losses += f", which are set to zero in {without} of {count} scenarios"
    return [f"{_upper(given['loads'])}; {losses}."]


def _checks(manifest: dict[str, Any]) -> list[str]:
    """Settings of the exact checks."""
    settings = (manifest.get("spec") or {}).get("settings") or {}
    asked = [one for name in ("verify", "certify") if (one := settings.get(name)) is not None]
    if not asked:
        return []
    how = {key: x for one in asked for key, x in one.items() if x is not None}
    least = checking.asked_damping(manifest)
    parts = [f"loads have {_load(how.get('load', 'power'))}"]
    parts += [f"the nominal frequency is {how.get('frequency', FREQUENCY):g} Hz"]
    parts += [f"a damping ratio of {least:g} is asked for"] if least else []
    return [f"In the exact checks by the dynamics {', '.join(parts)}."]


def _load(load: Any) -> str:
    if isinstance(load, dict):
        return listing([f"{_load(one)} at bus {bus}" for bus, one in load.items()], 3)
    if isinstance(load, list):
        return f"the exponents {load[0]:g} (P) and {load[1]:g} (Q) of the voltage"
    return f"constant {load}" if isinstance(load, str) else f"the exponent {load:g} of the voltage"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
