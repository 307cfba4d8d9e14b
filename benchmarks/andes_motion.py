"""The 39-bus system with machines after an outage: scopf's time domain against that of ANDES.

    python -m benchmarks.andes_motion [--branch N] [--until S] [--steps N] [--picture FILE]

All ten generators are machines with the New England data (Pai 1989) and governors TGOV1 (R .005, T
.5 s, T2 = T3, no limit in reach), with losses, loads constant impedances, d = 2. The operating
point is the power flow of ANDES; the branch is lost at 1 s. ANDES integrates by the trapezoidal
rule with `--steps` fixed steps a second.

- GENCLS against the classical machine: the same equations.
- GENROU against the one-axis machine: x_d, x_q, x'd, T'd0 and H are the same. GENROU has x'q and
  T'q0 of the source as well (at bus 30, where it has no such winding, x'd and .1 s), and
  subtransients that the source does not have: x'' halfway from x_l to the less of x'd and x'q,
  T''d0 = .03 s, T''q0 = .05 s.

Prints the largest differences after the outage, beside the largest movement. `pip install andes`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import scopf
from scopf.cases.bundled import entries
from scopf.devices.mixed import Devices

CASE = "case39"
R, TG, D, AT = 0.005, 0.5, 2.0, 1.0  # droop and lag of governors, damping, time of the outage
ROUND_ROTOR = {  # Pai 1989, by bus: x'q, T'q0, x_l
    30: (0.031, 0.1, 0.0125), 31: (0.170, 1.5, 0.035), 32: (0.0876, 1.5, 0.0304),
    33: (0.166, 1.5, 0.0295), 34: (0.166, 0.44, 0.054), 35: (0.0814, 0.4, 0.0224),
    36: (0.186, 1.5, 0.0322), 37: (0.0911, 0.41, 0.028), 38: (0.0587, 1.96, 0.0298),
    39: (0.008, 0.7, 0.003),
}  # fmt: skip


@dataclass(frozen=True)
class Motion:
    """Speeds of the machines and voltages of the buses, by bus number, at some times; per unit."""

    times: Any
    speeds: dict[int, Any]
    voltages: dict[int, Any]


def data() -> pd.DataFrame:
    return scopf.devices_table(CASE).set_index("bus")


def of_andes(
    path: str, model: str, branch: int, until: float, steps: int, left_out: str = ""
) -> tuple[Any, Motion]:
    """The power flow of ANDES, and what it found from there on.

    `left_out` is a part of GENROU without effect: "" for none, "subtransients" (they last 1 ms), or
    "q winding" (these, and x'q is x_q).
    """
    import andes

    andes.config_logger(40)
    system = andes.load(path, setup=False, no_output=True, default_config=True)
    static = [*zip(system.PV.bus.v, system.PV.idx.v, strict=True)]
    static += [*zip(system.Slack.bus.v, system.Slack.idx.v, strict=True)]
    for bus, gen in static:
        row = data().loc[bus]
        values = {"M": 2 * row.h, "D": D, "xd1": row.xd1, "ra": 0.0, "fn": 60.0, "Sn": 100.0}
        if model == "GENROU":
            xq1, tq10, xl = ROUND_ROTOR[bus]
            xd2 = (xl + min(row.xd1, xq1)) / 2
            values |= {"xd": row.xd, "xq": row.xq, "xq1": xq1, "xl": xl, "xd2": xd2, "xq2": xd2}
            values |= {"Td10": row.td0, "Tq10": tq10, "Td20": 0.03, "Tq20": 0.05}
            if left_out:
                values |= {"Td20": 1e-3, "Tq20": 1e-3}
            if left_out == "q winding":
                values |= {"xq1": 0.9999 * row.xq, "Tq10": 1.0}
        name = f"machine {bus}"
        base = system.Bus.Vn.v[system.Bus.idx.v.index(bus)]
        system.add(model, {"idx": name, "bus": bus, "gen": gen, "Vn": base, **values})
        governor = {"R": R, "T1": TG, "T2": 1.0, "T3": 1.0, "Dt": 0.0, "VMAX": 1e3, "VMIN": -1e3}
        system.add("TGOV1", {"idx": f"governor {bus}", "syn": name, **governor})
    lost = system.Line.idx.v[branch - 1]
    system.add("Toggle", {"model": "Line", "dev": lost, "t": AT})
    system.setup()
    system.PFlow.config.tol = 1e-12
    system.PFlow.run()
    start = of_power_flow(system)
    for key, value in {
        "tf": until, "tstep": 1 / steps, "fixt": 1, "shrinkt": 0, "tol": 1e-9, "no_tqdm": 1,
        "max_store": 0, "criteria": 0,
    }.items():  # fmt: skip
        setattr(system.TDS.config, key, value)
    system.TDS.run()
    of, found = getattr(system, model), system.dae.ts
    speeds, voltages = found.x[:, of.omega.a], found.y[:, system.Bus.v.a]
    return start, Motion(
        np.array(found.t),
        {int(bus): speeds[:, k] for k, bus in enumerate(of.bus.v)},
        {int(bus): voltages[:, k] for k, bus in enumerate(system.Bus.idx.v)},
    )


def of_power_flow(system: Any) -> dict[str, dict[int, Any]]:
    """Voltages, angles and powers of generators by bus."""
    p, q = dict[int, Any](), dict[int, Any]()
    for static in (system.PV, system.Slack):
        for k, bus in enumerate(static.bus.v):
            p[int(bus)], q[int(bus)] = float(static.p.v[k]), float(static.q.v[k])
    bus = [int(one) for one in system.Bus.idx.v]
    vm, va = system.Bus.v.v.tolist(), system.Bus.a.v.tolist()
    by_bus = {key: dict(zip(bus, at, strict=True)) for key, at in (("vm", vm), ("va", va))}
    return {**by_bus, "p": p, "q": q}


def of_scopf(path: str, start: Any, kind: str, branch: int, until: float) -> Motion:
    """The same from there on, with machines of a kind."""
    from scopf.devices.machine import Machines
    from scopf.dynamics.simulation.simulate import simulate

    net = scopf.load_case(path).energized()
    table, ids = data().loc[net.gen.bus], net.bus.id.tolist()
    numbers = {key: table[key].to_numpy(float) for key in ("xd", "xq", "xd1", "h", "td0")}
    if kind == "classical":  # ANDES' has no saliency
        numbers |= {"xd": numbers["xd1"], "xq": numbers["xd1"]}
    each = np.ones(len(net.gen))
    machines = Machines(
        net.gen.id, net.gen.bus, np.array([kind] * len(each), dtype=object), **numbers, d=D * each,
        ka=0 * each, ta=0 * each, r=R * each, tg=TG * each,
    )  # fmt: skip
    none = scopf.Inverters.at_generators(net, buses=[])
    vm, va = (np.array([start[key][bus] for bus in ids]) for key in ("vm", "va"))
    power = tuple(np.array([start[key][bus] for bus in net.gen.bus.tolist()]) for key in ("p", "q"))
    run = simulate(
        net, none, vm, va, Devices(machines, Devices.none().followers), power=power, until=until,
        events=[scopf.Event(AT, outage=f"branch {branch}")], step=0.01, load="impedance",
        impedance_below=0, tolerance=1e-9,
    )  # fmt: skip
    speeds = run.frequency.T / run.origin.frequency
    return Motion(
        run.times,
        dict(zip(net.gen.bus.tolist(), speeds, strict=True)),
        dict(zip(ids, run.vm.T, strict=True)),
    )


def differences(ours: Motion, theirs: Motion) -> pd.DataFrame:
    """Rows speed and voltage: largest difference after the outage, where, and what it moved by."""
    later, rows = ours.times > AT + 1e-6, []
    for what in ("speeds", "voltages"):
        found = dict[int, float]()
        for bus, values in getattr(ours, what).items():
            at = np.interp(ours.times[later], theirs.times, getattr(theirs, what)[bus])
            found[bus] = float(abs(values[later] - at).max())
        moved = max(float(np.ptp(values)) for values in getattr(theirs, what).values())
        worst = max(found, key=lambda bus: found[bus])
        rows.append({"what": what, "difference": found[worst], "bus": worst, "moved": moved})
    return pd.DataFrame(rows)


def draw(pairs: dict[str, tuple[Motion, Motion]], file: str) -> None:
    """Speeds of three machines and the voltages where most happens, ours over theirs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(pairs), figsize=(9, 5), sharex=True, squeeze=False)
    for column, (title, (ours, theirs)) in zip(axes.T, pairs.items(), strict=True):
        for k, bus in enumerate((31, 32, 38)):
            color = f"C{k}"
            for ax, what, factor in zip(column, ("speeds", "voltages"), (60.0, 1.0), strict=True):
                mine, other = getattr(ours, what)[bus], getattr(theirs, what)[bus]
                ax.plot(theirs.times, factor * other, color=color, lw=2.5, alpha=0.35)
                ax.plot(ours.times, factor * mine, color=color, lw=0.9, label=f"bus {bus}")
        column[0].set_title(title, fontsize=10)
        column[1].set_xlabel("time, s")
    axes[0, 0].set_ylabel("frequency of machine, Hz")
    axes[1, 0].set_ylabel("voltage, p.u.")
    axes[0, 0].legend(fontsize=8)
    figure.text(0.01, 0.005, "thin: scopf, wide: ANDES", fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=72, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--branch", type=int, default=6)
    parser.add_argument("--until", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=480, help="of ANDES, in a second")
    parser.add_argument("--picture")
    given = parser.parse_args()
    path = str(entries()[CASE].path)
    pairs = {}
    for model, left_out, kind in (
        ("GENCLS", "", "classical"),
        ("GENROU", "", "one-axis"),
        ("GENROU", "subtransients", "one-axis"),
        ("GENROU", "q winding", "one-axis"),
    ):
        start, theirs = of_andes(path, model, given.branch, given.until, given.steps, left_out)
        ours = of_scopf(path, start, kind, given.branch, given.until)
        without = f" without {left_out}" if left_out else ""
        found = differences(ours, theirs).to_string(index=False)
        print(f"\n{model}{without} against {kind}\n{found}", flush=True)
        if not left_out:
            pairs[f"{model} and {kind}"] = ours, theirs
    if given.picture:
        draw(pairs, given.picture)


if __name__ == "__main__":
    main()
