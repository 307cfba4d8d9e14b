"""A problem as the arrays that Ipopt takes, compiled once, and the points to start from."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Variable, member
from scopf.errors import ScopfError, listing
from scopf.model.problem import Problem
from scopf.model.starts import STARTS
from scopf.optimizer.ipopt import Options
from scopf.optimizer.rows_on_call import Fitted
from scopf.optimizer.strategy import Start

_FIXED_WITHIN = 1e-4  # of its bounds, relative above 1: as much as an acceptable result may violate


def compiled(problem: Problem, lift: bool) -> NLP:
    """The problem's NLP, compiled once and refreshed as long as only numbers change.

    Raises:
        ScopfError: when the model cannot be compiled, or a lower bound is above an upper one.
    """
    problem.adopt()
    nlp: NLP | None = problem.compiled.get(lift)
    if nlp is None or not nlp.refresh():
        nlp = problem.compiled[lift] = NLP(problem.formulation, lift)
    unclear = np.flatnonzero(np.isnan(nlp.g_lower) | np.isnan(nlp.g_upper))
    if len(unclear):
        raise ScopfError(f"a bound is not a number: {listing(nlp.row_names[k] for k in unclear)}")
    crossed = np.flatnonzero(~(nlp.x_lower <= nlp.x_upper))
    if len(crossed):
        names = (nlp.variables[k].name for k in crossed)
        raise ScopfError(f"lower bound above upper bound, or no number: {listing(names)}")
    return nlp


def fixed_outside(problem: Problem, nlp: NLP) -> str:
    """A sentence on variables that are fixed outside their bounds; empty if there are none."""
    found, families = list[str](), problem.formulation.of_kind(Variable)
    for symbol in families:
        if not symbol.fixed.any():
            continue
        outside = _outside(symbol.value, symbol.lower, symbol.upper) & symbol.fixed
        for k in np.flatnonzero(outside).tolist():
            ends = f"[{symbol.lower[k]:g}, {symbol.upper[k]:g}]"
            found.append(f"{member(symbol, k)} is fixed at {symbol.value[k]:g}, outside {ends}")
    others, value, lower, upper = nlp.fixed_beside(symbol.name for symbol in families)
    for k in np.flatnonzero(_outside(value, lower, upper)).tolist():
        ends = f"[{lower[k]:g}, {upper[k]:g}]"
        found.append(f"{others[k].name} is fixed at {value[k]:g}, outside {ends}")
    return listing(found)


def _outside(value: Floats, lower: Floats, upper: Floats) -> Flags:
    slack = _FIXED_WITHIN * np.maximum(1.0, np.abs(value))
    return (value < lower - slack) | (value > upper + slack)


def inequalities_on_call(problem: Problem, nlp: NLP) -> Ints:
    """Numbers of the inequalities that may be left out until they are violated."""
    found = [np.zeros(0, dtype=np.int64)]
    for part in problem.opf.parts:
        for one in part.on_call:
            ours = ~nlp.replaced(one.name)  # what a user has written in its place may be anything
            found.append(nlp.row_numbers(one.name)[ours])
    rows = np.concatenate(found)
    rows = rows[rows >= 0]
    return rows[nlp.g_lower[rows] < nlp.g_upper[rows]]


def satisfiable(problem: Problem, nlp: NLP, options: Options) -> Fitted | None:
    """Rows that may be left out as long as a part finds variables that fulfil them.

    None where there is a Pyomo model, on which something else may depend on these variables, and
    where the user's options say what Ipopt does with variables that are fixed meanwhile.
    """
    if "fixed_variable_treatment" in options:
        return None
    parts = [part.satisfiable for part in problem.opf.parts]
    found = [one for one in parts if one is not None]
    if not found or problem.formulation.rendering is not None:
        return None
    rows = np.concatenate([nlp.row_numbers(row.name) for one in found for row in one.rows])
    names = [variable.name for one in found for variable in one.variables]
    columns = {name: nlp.columns(name) for name in names}
    variables = problem.formulation.of_kind(Variable)

    def fit(x: Floats) -> Floats | None:
        values = {}
        for variable in variables:
            at = nlp.columns(variable.name)
            values[variable.name] = np.where(at >= 0, x[at], variable.value)
        fitted = x.copy()
        for one in found:
            own = one.fit(values)
            if own is None:
                return None
            for name, given in own.items():
                at = columns[name]
                fitted[at[at >= 0]] = given[at >= 0]
        return fitted

    free = np.concatenate(list(columns.values()))
    return Fitted(rows[rows >= 0], free[free >= 0], fit)


def start_point(problem: Problem, nlp: NLP, start: Start) -> Floats:
    """Start point in the order of the compiled problem; lifted flows have consistent values."""
    if start == "model":
        return nlp.consistent(nlp.start)
    given = {} if start == "flat" else STARTS[start](problem.net)
    for part in problem.opf.parts:
        given |= part.starts(given)
    x = nlp.start.copy()
    for variable in problem.formulation.of_kind(Variable):
        columns = nlp.columns(variable.name)
        values = given.get(variable.name, variable.start)
        x[columns[columns >= 0]] = values[columns >= 0]
    return nlp.consistent(x)
