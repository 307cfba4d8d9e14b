"""Draws the pictures of docs/plots.md: `make pictures`."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

import scopf
from scopf import plots
from scopf.studies.inverter_share import inverter_share

HERE = Path(__file__).parent / "pictures"


def save(ax, name, dpi=72):
    """Write a picture small enough to be kept."""
    ax.figure.savefig(HERE / f"{name}.png", dpi=dpi, metadata={"Software": None})
    plt.close(ax.figure)


def day():
    """A day of the 118-bus network with five storage units."""
    net, time = scopf.load_case("case118"), np.arange(24)
    evening = 0.12 * np.exp(-(((time - 19) / 2) ** 2))
    factors = 0.75 + 0.2 * np.sin((time - 9) / 12 * np.pi) + evening
    hours = pd.DataFrame({"hour": [f"{k:02d}:00" for k in time], "load_scale": factors})
    storage = pd.DataFrame(
        {
            "bus": [10, 49, 59, 80, 100],
            "p_mw": [100, 80, 60, 120, 50],
            "e_mwh": [400, 200, 200, 360, 100],
            "eta_c": 0.95,
            "eta_d": 0.95,
            "mq": [0.1, None, 0.2, 0.1, None],
        }
    )
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    how = {"hours": hours, "storage": storage, "ramps": 100}
    return scopf.solve(scopf.build(net, inverters, eta_q=0.1, **how))


def devices():
    """The 39-bus network with machines, grid-following and grid-forming inverters."""
    net, table = scopf.load_case("case39").lossless(), scopf.devices_table("case39")
    table = pd.concat([table[:3], pd.DataFrame({"bus": [34, 35], "device": "gfl"})])
    inverters = scopf.Inverters.at_generators(net, mq=0.1, buses=[36, 37, 38])
    return scopf.solve(scopf.build(net, inverters, devices=table, criterion="none"))


def shares():
    """Studies of the New England system, with one machine less at each share."""
    net, field = scopf.load_case("case39").lossless(), scopf.devices_table("case39")
    sizes = np.sort(net.gen.pmax)
    steps = {"shares": [0, *np.cumsum(sizes) / sizes.sum()], "mq": 0.1, "rating_factor": 1.1}
    regulated = field.assign(device="avr", ka=20, ta=0.05)
    return {
        "constant field": inverter_share(net, field, **steps),
        "regulator": inverter_share(net, regulated, **steps),
    }


def main():
    """Solve, sweep, verify, and draw."""
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), eta_q=0.1)
    solution = scopf.solve(problem)
    save(plots.network(solution), "network")
    save(plots.network(solution, "lmp"), "network_lmp")
    save(plots.network(devices(), "voltage"), "network_devices")
    save(plots.nssp(solution, pairs=True), "nssp")
    save(plots.convergence(solution), "convergence")
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    outages = [6, 10, 12, 13, 16, 30, 31]
    secure = scopf.solve(scopf.build(net, inverters, outages=outages, emergency=1.2))
    save(plots.outages(secure), "outages")
    save(plots.network(secure, state="branch 16"), "network_state")
    save(plots.hours(day())[0], "hours")
    run = solution.simulate(outage="branch 6", reclose_at=4, until=8)
    save(plots.response(run, ("frequency", "voltage", "reactive"))[0], "response")
    title = "From machines to inverters: New England, one machine less at a time"
    save(plots.inverter_share(shares(), unit="$/h", title=title)[0], "from_machines", dpi=110)
    runs = scopf.sweep(problem, eta_q=[0, 0.1, 0.5, 1, 2], mq=np.linspace(0.17, 0.35, 19))
    save(plots.prices(runs, x="mq"), "prices")
    save(plots.margins(runs, x="mq"), "margins")
    runs = scopf.sweep(problem, eta_q=np.linspace(0, 2, 11), mq=np.linspace(0.16, 0.52, 19))
    save(plots.heatmap(runs, "mq", "eta_q", "nssp_max"), "heatmap")
    lossy = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(lossy, mq=0.25)
    free = scopf.solve(scopf.build(lossy, inverters, criterion="none"))
    save(plots.eigenvalues(free.verify()), "eigenvalues")


if __name__ == "__main__":
    main()
