"""A problem: a network, its inverters and a criterion, and the Pyomo model made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyomo.environ as pyo

from scopf import stability
from scopf.arrays import Floats
from scopf.faults import ScopfError, listing, number
from scopf.inverters import Inverters
from scopf.memory import collector_off
from scopf.model.costs import Coefficients, reactive
from scopf.model.opf import ac_opf
from scopf.network import Network
from scopf.stability import Criterion


@dataclass(frozen=True, eq=False)
class Problem:
    """What `build` made.

    Attributes:
        net: the energized network that the model describes.
        inverters: the inverters that the criterion constrains.
        criterion: the stability criterion.
        model: an ordinary Pyomo ConcreteModel; add variables, constraints and objective terms.
    """

    net: Network
    inverters: Inverters
    criterion: Criterion
    model: pyo.ConcreteModel = field(repr=False)
    flat: dict[str, Floats] = field(repr=False)


def build(
    net: Network,
    inverters: Inverters | None = None,
    *,
    criterion: str | Criterion = "voltage-difference",
    eta_q: float = 0.0,
    d: Coefficients = None,
    alpha: float = 1.0,
) -> Problem:
    """Formulate the stability-constrained optimal power flow (P1) as a Pyomo model.

    Args:
        net: the network; what is out of service is left out.
        inverters: grid-forming inverters; default one at every generator bus.
        criterion: name of a stability criterion ("voltage-difference", or "none" for the plain
            AC-OPF), or a criterion object.
        eta_q: reactive power cost relative to active, d_i = eta_q c_i.
        d: quadratic reactive power cost in currency/h per MVAr^2, one number or by generator id,
            instead of eta_q. Either is added to reactive costs that the case itself carries.
        alpha: grid strength: every branch's series admittance times alpha. The reduced network
            counts as alpha B^red, so Gamma is divided by alpha; this is what the paper's figures
            over alpha show. (`net.scaled(susceptance=...)` reduces the changed network anew, its
            loads unscaled, which gives slightly other limits.)

    Returns:
        The problem; its `.model` is meant to be extended.

    Raises:
        ScopfError: for an unknown criterion, or costs or inverters that do not fit the network.
    """
    if not isinstance(net, Network):
        raise ScopfError(f"net must be a Network (see load_case), not {type(net).__name__}")
    net = net.energized()
    rule = stability.get(criterion) if isinstance(criterion, str) else criterion
    if not hasattr(rule, "add_rows"):
        raise ScopfError(f"criterion must be a name ({listing(stability.names())}) or a criterion")
    if inverters is None:
        inverters = Inverters.at_generators(net)
    if not isinstance(inverters, Inverters):
        raise ScopfError("inverters must be made by Inverters.at_generators(net, ...)")
    alpha = number("alpha", alpha)
    at = dict(zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True))
    pairs = zip(inverters.bus.tolist(), inverters.gens, strict=True)
    strange = [bus for bus, gens in pairs if any(at.get(gen) != bus for gen in gens)]
    if strange:
        text = f"inverters at bus {listing(strange)}: {net.name} does not have these generators"
        raise ScopfError(f"{text} there, in service; make the inverters from the same network")
    costs = reactive(net, eta_q, d)
    with collector_off():
        model = ac_opf(net, inverters, rule, costs, alpha)
    flat = {
        name: np.array([v.value for v in getattr(model, name).values()], dtype=np.float64)
        for name in ("bus_vm", "bus_va", "gen_pg", "gen_qg")
    }
    return Problem(net.scaled(susceptance=alpha), inverters, rule, model, flat)
