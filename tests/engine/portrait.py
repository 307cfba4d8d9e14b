"""A compiled problem as numbers by name, so that two ways of compiling one can be compared.

The point and the multipliers follow from the names as well, whatever the order of the columns.
"""

import math
from functools import partial
from zlib import crc32

import numpy as np

SPREAD = 0.05  # of the point around the start, per unit

_zip = partial(zip, strict=True)


def noise(name, seed=0):
    """A number between -1 and 1 that belongs to a name."""
    return crc32(f"{name} {seed}".encode()) / 2**31 - 1


def column_names(nlp):
    """Names of all columns; a lifted one has that of its definition."""
    names = [v.name for v in nlp.variables]
    lifted = nlp.n - len(names)
    names += [""] * lifted
    definitions = nlp.row_names[len(nlp.row_names) - lifted :]
    for column, row in zip(nlp._definition_columns, definitions, strict=True):
        names[column] = row.removeprefix("definition of ")
    return names


def portrait(nlp, seed=0):
    """Boxes and row bounds; and values, first and second derivatives at a point, by name."""
    columns, rows = column_names(nlp), nlp.row_names
    assert len(set(columns)) == nlp.n
    assert len(set(rows)) == nlp.m
    x = nlp.start + SPREAD * np.array([noise(name, seed) for name in columns])
    w = np.array([noise(name, seed) for name in rows])
    sides = {("x", name): pair for name, *pair in _zip(columns, nlp.x_lower, nlp.x_upper)}
    sides |= {("g", name): pair for name, *pair in _zip(rows, nlp.g_lower, nlp.g_upper)}
    values = {("start", name): v for name, v in _zip(columns, nlp.start.tolist())}
    values |= {("g", name): v for name, v in _zip(rows, nlp.constraints(x).tolist())}
    values["f"] = nlp.objective(x)
    values |= {("df", name): v for name, v in _zip(columns, nlp.gradient(x).tolist())}
    for i, j, v in _zip(*nlp.jacobianstructure(), nlp.jacobian(x).tolist()):
        values["dg", rows[i], columns[j]] = v
    for i, j, v in _zip(*nlp.hessianstructure(), nlp.hessian(x, w, 0.7).tolist()):
        values["H", *sorted((columns[i], columns[j]))] = v
    return sides, values


def apart(one, other, tolerance=1e-10):
    """What two portraits differ in; an element that is not stored is a zero."""
    (sides, values), (sides_2, values_2) = one, other
    found = [key for key in sides if key not in sides_2 or not _equal(sides[key], sides_2[key])]
    found += sides_2.keys() - sides.keys()
    named = {key for key in (*values, *values_2) if key[0] in ("start", "g", "df")}
    found += [key for key in named if (key in values) != (key in values_2)]
    largest = {}
    for key, value in values.items():
        assert math.isfinite(value), key
        largest[key[0]] = max(largest.get(key[0], 1.0), abs(value))
    for key in values.keys() | values_2.keys():
        difference = abs(values.get(key, 0.0) - values_2.get(key, 0.0))
        if not difference <= tolerance * largest.get(key[0], 1.0):
            found.append(key)
    return sorted(found, key=str)


def _equal(pair, other):
    return all(
        a == b or math.isclose(a, b, rel_tol=1e-12) for a, b in zip(pair, other, strict=True)
    )


def same(nlp, other, seeds=(0,), tolerance=1e-10):
    """Assert that two compiled problems are one."""
    for seed in seeds:
        found = apart(portrait(nlp, seed), portrait(other, seed), tolerance)
        assert not found, found[:10]
