"""Whether a criterion of one's own can be used: what its class lacks, as sentences."""

from __future__ import annotations

from typing import get_args

import numpy as np

from scopf.stability.criterion import Claim, Criterion

_OF_ROWS = ("parameters", "read", "slack")  # go with rows of one's own


def faults(criterion: Criterion) -> list[str]:
    """Faults of a criterion's class, a sentence each; empty for one that can be used."""
    kind = type(criterion)
    found = []
    if not (isinstance(criterion.name, str) and criterion.name):
        found.append("it has no name: set the attribute `name` to a text")
    if criterion.network not in ("reduced", "full"):
        found.append(f'`network` is "reduced" or "full", not {criterion.network!r}')
    if criterion.claim not in (None, *get_args(Claim)):
        known = ", ".join(repr(claim) for claim in get_args(Claim))
        found.append(f"`claim` is one of {known} or None, not {criterion.claim!r}")
    if criterion.claim is not None and not criterion.conditions:
        found.append("`conditions` has to say under which conditions the claim holds")
    own_variables = kind.add_weights is not Criterion.add_weights
    if criterion.claim is not None and own_variables and kind.slack is Criterion.slack:
        found.append("with variables of its own a claim needs `slack`, which has a point alone")
    if kind.declare is Criterion.declare:
        return [*found, *_faults_of_term(criterion)]
    missing = [n for n in _OF_ROWS if getattr(kind, n) is getattr(Criterion, n)]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        found.append(f"it declares rows of its own and lacks {names}")
    return found


def _faults_of_term(criterion: Criterion) -> list[str]:
    """Try the term on arrays."""
    one = np.full((2, 3), 0.9)
    try:
        value = criterion.line(2.0 * one, one, one, 0.1 * one, 0.0 * one, 0.0 * one)
    except NotImplementedError:
        return ["it lacks the method `term(self, b, v_i, v_j, angle)`, the term of one line"]
    except TypeError as error:
        return [f"`term` does not take b, v_i, v_j and angle as arrays: {error}"]
    if np.shape(value) != one.shape:
        return [f"`term` of arrays of shape {one.shape} has shape {np.shape(value)}"]
    if not np.isfinite(value).all():
        return ["`term` is not a finite number at ordinary voltages and angles"]
    return []
