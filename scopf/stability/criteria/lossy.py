"""Rows that are a proof on networks with losses: no real mode grows.

A lossy network has no energy function, but a real mode has a quadratic form: with the left null
vector pi of dP/dtheta as weights of the buses its angles are as symmetric as without losses
(docs/criteria.md). Completing squares leaves the rows of `weighted` with another matrix M, and an
allowance for what losses do to the mean angle of each pair: the share f of the network's stiffness
against angles has to cover it, pairs taking mu each.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from scopf.arrays import Floats
from scopf.network.susceptances import Grid
from scopf.stability import limits, loss_points, loss_resistances, loss_values
from scopf.stability.criteria.weighted import Weighted
from scopf.stability.criterion import Criterion
from scopf.stability.line_sums import STRICT
from scopf.stability.loss_forms import ADMITTANCES
from scopf.stability.loss_resistances import Resistances
from scopf.stability.loss_rows import Builder, LossyRows, check_inductive
from scopf.stability.rows import Declared, Dispatch, RowPrices, Stability
from scopf.stability.setting import Setting, View

_NEARLY = 1e-6  # of the largest R, in place of zero
_SMALL = 1e-2  # the same where R may grow with pi


class Lossy(Criterion):
    """M_ii w_i + sum_j M_ij w_j > 0 at every bus, on a network with losses.

    Args:
        every_mp: whether the rows have to hold for all active droops and filters, instead of the
            given ratios of m_p beta_p and one tau_p.
    """

    network: Literal["reduced", "full"] = "full"
    claim = "no growing real mode"
    source = "scopf, docs/criteria.md, losses"
    nssp_unit = "stiffness 1/k"
    strict = STRICT
    everywhere = True
    for_losses = True

    def __init__(self, every_mp: bool = False) -> None:
        self.every_mp = every_mp
        self.name = "lossy-every-mp" if every_mp else "lossy"
        given = "all m_p and tau_p" if every_mp else "the given ratios of m_p and one tau_p"
        self.conditions = (
            f"holds with losses, for {given}, any tau_q, inductive lines, and loads whose active "
            "power is constant or that of a constant current or conductance, and reactive power "
            "likewise; oscillations are not excluded"
        )

    def unmet(self, setting: Setting) -> list[str]:
        """Filters that differ, unless they may."""
        tau = setting.inverters.tau_p
        if self.every_mp or not len(tau) or np.allclose(tau, tau[0], rtol=1e-9, atol=0.0):
            return []
        return [f"tau_p from {tau.min():.3g} to {tau.max():.3g} s"]

    def nssp(self, setting: Setting, limit: Floats, price: Floats) -> Floats:
        """-dJ*/d(1/k_i), per p.u. of stiffness: Gamma_i is proportional to 1/k_i."""
        return price * limit * setting.inverters.k

    # -- rows on a model -------------------------------------------

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Values of the Params by name."""
        view = setting.full
        of, scale = view.grid.two_ports, view.grid.scale
        r = self._resistances(view)
        least = _NEARLY if self.every_mp else _SMALL
        units = (loss_resistances.units(one, least) for one in (r.pair, r.bus))
        own = dict(zip(("r", "bus_r"), units, strict=True))
        own |= {"own": of.own, "scale": scale, "shunt": of.shunt}
        if not self.every_mp:
            own |= {"bare": r.bare_pair, "bus_bare": r.bare_bus}
        own |= {"p_current": of.p_current, "q_current": of.q_current}
        own |= {name: getattr(of, name) for name in ADMITTANCES}
        found = {f"stability_{name}": values for name, values in own.items()}
        return found | limits.parameters(setting, scale[view.inverters])

    def declare(self, d: Dispatch, setting: Setting) -> LossyRows:
        """Declare `bus_stability[i]`, the variables of the criterion, and what these have to keep.

        Variables are `bus_power_weight` (pi), `bus_log_weight` (ln w) and, for each island,
        `stability_share` (f), `stability_price` (q) and `stability_stiffness` (kappa).

        Raises:
            ScopfError: when there is no inverter, or for pairs that `check_inductive` refuses.
        """
        view = setting.full
        check_inductive(setting.net, view)
        share = None if self.every_mp else loss_resistances.turning(view.grid, view.k)
        r = self._resistances(view)
        still = loss_resistances.still(r.pair), loss_resistances.still(r.bus)
        return Builder(d, setting, self.parameters(setting), share, still).declared()

    def starts(self, declared: Declared, d: Dispatch, vm: Floats, va: Floats) -> dict[str, Floats]:
        """Weights pi of the start point, and the budget as it is best divided there for w = 1."""
        assert isinstance(declared, LossyRows)
        return loss_values.starts(declared, vm, va)

    def _resistances(self, view: View) -> Resistances:
        """Effective resistances of the weights b, with pi = 1."""
        of, grid = view.grid.two_ports, view.grid
        source = loss_resistances.sources(grid, view.k)
        share = None if self.every_mp else loss_resistances.turning(grid, view.k)
        return loss_resistances.by_island(of, grid.island, of.between, source, share)

    # -- at a point -------------------------------------------

    def read(
        self, declared: Declared, d: Dispatch, setting: Setting, prices: RowPrices
    ) -> Stability:
        """Every row at the present values of the model, with its present parameters."""
        assert isinstance(declared, LossyRows)
        value = loss_values.values_of_rows(declared, d, setting.full)
        return self._stability(declared, setting, prices, [value])

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """The slack that good pi, mu, f and w leave, the same at every bus of an island.

        Without losses it is that of `weighted`, for many points at once.
        """
        if grid.losses is None and (grid.b > 0).all():
            return Weighted().slack(grid, k, vm, va)
        shape = np.broadcast_shapes(vm.shape, va.shape, k.shape)
        points = [np.broadcast_to(x, shape).reshape(-1, shape[-1]) for x in (k, vm, va)]
        found = [
            loss_points.least_slack(grid, *point, every_mp=self.every_mp)
            for point in zip(*points, strict=True)
        ]
        return np.array(found).reshape(shape)


CRITERIA = (Lossy(), Lossy(every_mp=True))
