"""Quadratic forms of the pairs of a lossy network, as arrays or as model expressions.

With u = d ln V, the change delta of the angle across a pair and the mean `mid` of the changes of
its two angles, both weighted by pi, one pair contributes to the form of a real mode

    alpha delta^2 + h(u) delta + l(u) mid + u' (its part of diag(pi) dQ/du) u

with linear forms h and l of u_i and u_j. Completing the square in delta, with the share 1 - f of
alpha, leaves -h^2 / (4 (1 - f) alpha); l mid is at least -l^2 / (4 mu) - mu mid^2, and the share f
of all alpha covers the sum of mu mid^2 as long as sum mu R <= f, R being an effective resistance.
"""

from __future__ import annotations

from typing import NamedTuple

from scopf.engine.functions import cos, exp, sin
from scopf.engine.templates import Node

_SMALL = 1e-4  # what counts of it at least


ADMITTANCES = ("g_ij", "b_ij", "g_ji", "b_ji", "g_ii", "g_jj")


class Lines(NamedTuple):
    """Admittances of pairs as in `scopf.network.two_ports.TwoPorts`: arrays or Params."""

    g_ij: Node
    b_ij: Node
    g_ji: Node
    b_ji: Node
    g_ii: Node
    g_jj: Node


class Powers(NamedTuple):
    """Derivatives of the powers that leave the ends of a pair.

    Attributes:
        al_ij, al_ji: of P by the angle across, seen from each end.
        be_ij, be_ji: of Q by it, and of P by the logarithm of the other end's voltage.
        p_i, p_j: of P by the logarithm of its own end's voltage.
    """

    al_ij: Node
    al_ji: Node
    be_ij: Node
    be_ji: Node
    p_i: Node
    p_j: Node


class Forms(NamedTuple):
    """The forms of a pair.

    Attributes:
        alpha: of the angle across.
        h_i, h_j: between it and u.
        l_i, l_j: between the mean of the angles and u.
    """

    alpha: Node
    h_i: Node
    h_j: Node
    l_i: Node
    l_j: Node


def powers(y: Lines, v_i: Node, v_j: Node, angle: Node) -> Powers:
    """Derivatives at these voltages, the angle being theta_i - theta_j."""
    vv, c, s = v_i * v_j, cos(angle), sin(angle)
    be_ij, be_ji = vv * (y.g_ij * c + y.b_ij * s), vv * (y.g_ji * c - y.b_ji * s)
    return Powers(
        vv * (y.b_ij * c - y.g_ij * s),
        vv * (y.b_ji * c + y.g_ji * s),
        be_ij,
        be_ji,
        be_ij + 2 * y.g_ii * v_i**2,
        be_ji + 2 * y.g_jj * v_j**2,
    )


def forms(of: Powers, pi_i: Node, pi_j: Node) -> Forms:
    """The forms with the weights pi of the two buses."""
    x_ii, x_ij = pi_i * of.p_i, pi_i * of.be_ij
    x_ji, x_jj = pi_j * of.be_ji, pi_j * of.p_j
    return Forms(
        0.5 * (pi_i * of.al_ij + pi_j * of.al_ji),
        0.5 * (x_ii - x_ji) + x_ij,
        0.5 * (x_ij - x_jj) - x_ji,
        x_ii + x_ji,
        x_ij + x_jj,
    )


def beside(of: Forms, rest: Node, quarter: Node) -> Node:
    """Entry M_ij; `rest` is 1/(1 - f), and `quarter` 1/(4 mu)."""
    return -of.alpha - 0.25 * rest * of.h_i * of.h_j / of.alpha - quarter * of.l_i * of.l_j


def at_end(h: Node, l_own: Node, of: Forms, flow: Node, rest: Node, quarter: Node) -> Node:
    """Contribution of a pair to -M_ii, `flow` being pi_i al_ij."""
    return flow + 0.25 * rest * h**2 / of.alpha + quarter * l_own**2


def at_bus(pi: Node, v: Node, shunt: Node, p_current: Node) -> Node:
    """The form l of a bus itself: what its conductance and its load draw, by ln V."""
    return pi * (2 * shunt * v**2 + p_current * v)


class Ends(NamedTuple):
    """A pair in the rows of its two ends, each divided by 2 V_i pi_i.

    Attributes:
        start, end: contributions to the rows.
        beside: M_ij.
    """

    start: Node
    end: Node
    beside: Node


class Bus(NamedTuple):
    """Variables of a bus: V, pi and the logarithm u of its weight."""

    v: Node
    pi: Node
    u: Node


def ends(at: Powers, i: Bus, j: Bus, rest: Node, quarter: Node) -> Ends:
    """A pair in the rows of its ends.

    Args:
        at: powers of the pair.
        i: its first bus.
        j: its second bus.
        rest: 1/(1 - f).
        quarter: 1/(4 mu).
    """
    of = forms(at, i.pi, j.pi)
    side = beside(of, rest, quarter)
    start = at_end(of.h_i, of.l_i, of, i.pi * at.al_ij, rest, quarter) - side * exp(j.u - i.u)
    end = at_end(of.h_j, of.l_j, of, j.pi * at.al_ji, rest, quarter) - side * exp(i.u - j.u)
    return Ends(start / (2 * i.v * i.pi), end / (2 * j.v * j.pi), side)


def length(a: Node, b: Node, cancel: float) -> Node:
    """|a + b|, smoothed where the two cancel: no mu may come near zero then."""
    return ((a + b) ** 2 + cancel**2 * (a**2 + b**2) + _SMALL**2) ** 0.5


def alone(l_bus: Node, i: Bus, quarter: Node) -> Node:
    """Contribution to its row of what a bus dissipates by itself."""
    return quarter * l_bus**2 / (2 * i.v * i.pi)
