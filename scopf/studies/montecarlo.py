"""Every criterion on random networks, against the exact condition.

With an inverter at every bus the full network is the reduced one, the same for all criteria. With
load buses, `loads=True`, only criteria of the full network are compared: the others are about
another load model (see `scopf.studies.conservatism`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.optimizer.progress import watched
from scopf.stability import registry
from scopf.studies.networks import draw

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags
    from scopf.stability.criterion import Criterion
    from scopf.studies.networks import Batch


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """Certificates of the criteria on random networks.

    Attributes:
        networks: their number.
        stable: number of stable ones.
        trees: number of those without a loop.
        table: a row for each criterion: `criterion`, `claim`, `certified`, the share of the stable
            networks that it certifies, `false`, the number of unstable ones that it certifies, and
            `wrong_on_trees`, the number of trees on which it differs from the exact condition.
    """

    networks: int
    stable: int
    trees: int
    table: pd.DataFrame


def montecarlo(
    networks: int = 45_000,
    *,
    criteria: Sequence[str | Criterion] | None = None,
    loads: bool = False,
    seed: int = 1,
    progress: bool = False,
) -> MonteCarlo:
    """Certificates of the criteria on random lossless networks (`scopf.studies.networks`).

    Args:
        networks: their number.
        criteria: names or criteria; by default all that are registered and have rows, and with
            `loads` those of them that look at the full network.
        loads: with constant-power loads at buses without an inverter.
        seed: of the random numbers.
        progress: whether to show a progress bar.

    Raises:
        ScopfError: for an unknown criterion.
    """
    import pandas as pd

    rules = chosen(criteria, "full" if loads else None)
    stable: list[Flags] = []
    trees: list[Flags] = []
    certified: list[Flags] = []
    for batch in draw(networks, seed, loads=loads):
        stable.append(batch.stable)
        trees.append(batch.trees)
        numbers = watched(range(len(batch)), f"{batch.vm.shape[1]} buses", None, progress)
        certified.append(np.array([_certified(rules, batch, i) for i in numbers]))
    exact, tree, passed = (np.concatenate(parts) for parts in (stable, trees, certified))
    table = pd.DataFrame(
        {
            "criterion": [rule.name for rule in rules],
            "claim": [rule.claim for rule in rules],
            "certified": passed[exact].mean(axis=0),
            "false": passed[~exact].sum(axis=0),
            "wrong_on_trees": (passed != exact[:, None])[tree].sum(axis=0),
        }
    )
    return MonteCarlo(len(exact), int(exact.sum()), int(tree.sum()), table)


def chosen(criteria: Sequence[str | Criterion] | None, network: str | None) -> list[Criterion]:
    """Criteria by name; by default all that have rows (on this kind of network).

    Those that are made for losses are left out.
    """
    if criteria is not None:
        return [registry.get(rule) if isinstance(rule, str) else rule for rule in criteria]
    rules = [registry.get(name) for name in registry.names() if name != "none"]
    return [rule for rule in rules if network in (None, rule.network) and not rule.for_losses]


def _certified(rules: list[Criterion], batch: Batch, network: int) -> list[bool]:
    """Flag of each criterion: it certifies one network."""
    grid, k, vm, va = batch.grid(network), batch.k[network], batch.vm[network], batch.va[network]
    return [bool((rule.slack(grid, k, vm, va) > 0).all()) for rule in rules]
