"""Gamma, the right side of every criterion's rows, and the price of an inverter's droop.

    value_i(V, theta) <= Gamma_i - margin,    Gamma_i = 1 / (2 k_i scale_i),    k_i = m_q,i beta_q,i

with the natural scale of the inverter's bus, |B_ii^red| in the paper's (3). Gamma is in p.u.
voltage and proportional to the stiffness 1/m_q, which is a Param of the model, or a variable in
co-design. Margins, limits and prices of all criteria can so be compared.
"""

from __future__ import annotations

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.symbols import Constraint, Index, Variable
from scopf.engine.templates import Node
from scopf.errors import ScopfError, listing
from scopf.network.susceptances import Grid
from scopf.stability.rows import Dispatch, Limits
from scopf.stability.setting import Setting

MARGIN = "stability_margin"
UNIT = "inverter_gamma_unit"
_ROUNDING = 1e-9  # of an inverter's own lines: a reduced B_ii that is zero but for rounding


def gamma(k: Node, scale: Node) -> Node:
    """Right side of (3), Gamma_i = 1 / (2 k_i scale_i), with k_i = m_q,i beta_q,i."""
    return 1.0 / (2.0 * k * abs(scale))


def parameters(setting: Setting, scale: Floats) -> dict[str, Floats]:
    """Value of the Param of Gamma per stiffness of the intact network, 1 / (2 beta_q scale)."""
    return {UNIT: setting.left * gamma(setting.beta_q, scale)}


def declare(d: Dispatch, setting: Setting, scale: Floats, *, needed: bool = True) -> Limits:
    """Declare the Params of Gamma.

    Gamma_i is `inverter_gamma_unit[i]` times `inverter_stiffness[i]` plus the Param
    `inverter_gamma_offset[i]`, which is zero: raise it on the model to relax or switch off the
    limits of one inverter.

    Args:
        d: the model.
        setting: numbers of the problem.
        scale: natural scale of each inverter's bus, per unit.
        needed: whether there has to be an inverter.

    Raises:
        ScopfError: when there is no inverter, or one is coupled to nothing.
    """
    if needed and not len(setting.inverters):
        raise ScopfError(
            "there is no inverter to constrain; use the criterion none for a plain OPF"
        )
    f, index = d.formulation, d.inverter
    _check_coupling(setting, scale, index)
    margin = f.parameter(MARGIN, None, setting.margin)
    unit = f.parameter(UNIT, index, parameters(setting, scale)[UNIT])
    offset = f.parameter("inverter_gamma_offset", index, np.zeros(len(index)))
    place = np.arange(len(index)) if d.place is None else d.place
    return Limits(d.stiffness, unit, offset, margin, place)


def constrain(
    d: Dispatch,
    limits: Limits,
    name: str,
    index: Index,
    value: Node,
    owner: Ints,
    lower: Floats | None = None,
) -> Constraint:
    """Declare rows lower <= value <= Gamma - margin, one for each member of an index.

    Args:
        d: the model.
        limits: right sides.
        name: of the rows.
        index: of the rows.
        value: left sides, an expression.
        owner: position of the inverter of each row.
        lower: left without effect where droops are variables, which the left side then contains.
    """
    unit, offset, margin = limits.unit[owner], limits.offset[owner], limits.margin[:]
    stiffness = limits.stiffness[limits.place[owner]]
    if isinstance(limits.stiffness, Variable):  # then it belongs to the left side
        return d.formulation.constraint(
            name, index, value - unit * stiffness, upper=offset - margin
        )
    upper = unit * stiffness + offset - margin
    return d.formulation.constraint(name, index, value, lower=lower, upper=upper)


def _check_coupling(setting: Setting, scale: Floats, index: Index) -> None:
    """Refuse inverters whose scale is zero but for rounding."""
    own = Grid.full(setting.present).scale[setting.reduction.keep]
    alone = np.abs(scale) <= _ROUNDING * own  # own is 1 without branches
    if alone.any():
        text = f"inverter at bus {listing(index.numbers(alone))}: B_ii^red is zero, "
        text += "no other inverter and no "
        raise ScopfError(f"{text}reactive load is connected to it; use the criterion weighted")


def droop_prices(price: Floats, limits: Limits) -> Floats:
    """dJ*/dm_q of each inverter by the envelope theorem: Gamma changes by -unit / m_q^2 with m_q.

    Args:
        price: -dJ*/dGamma of each inverter.
        limits: right sides of the rows.
    """
    return price * limits.unit.values * limits.stiffness_now**2


def scale_prices(
    price: Floats, limits: Limits, expected: dict[str, Floats], scale: Floats
) -> Floats:
    """dJ*/d(scale) of each inverter through Gamma, which is proportional to 1/|scale|.

    Args:
        price: -dJ*/dGamma of each inverter.
        limits: right sides of the rows.
        expected: value of the Param of Gamma per stiffness, as `parameters` gives it. Where a user
            has set another one it follows nothing.
        scale: natural scale of each inverter's bus.
    """
    unit = limits.unit.values
    found: Floats = price * unit * limits.stiffness_now / scale
    return np.where(follow(unit, expected[UNIT]), found, 0.0)


def follow(values: Floats, expected: Floats) -> Flags:
    """Mask of the values of a Param that are those of the setting, and were not set by hand."""
    return np.isclose(values, expected, rtol=1e-9, atol=0.0)
