"""Draw the picture of the landing page, `_static/landing.svg`; takes a minute.

Run it as `python docs/pictures.py` in an environment that has scopf and matplotlib. Text and lines
take the colour of the page around them, light or dark.
"""

import io
import re
from pathlib import Path

import matplotlib as mpl
import networkx as nx
import numpy as np
from matplotlib import pyplot as plt

import scopf

mpl.use("svg")

INK = "#010203"  # becomes the text's colour
TEAL, ORANGE, GREY = "#1f9e97", "#e07b39", "#8a8f98"
TARGET = Path(__file__).parent / "_static" / "landing.svg"
DROOPS = np.linspace(0.16, 0.48, 33)
DRAWN = 0.4  # the droop of the network's drawing


def curves(net):
    """Cost above that of the plain OPF at every droop, by name."""
    plain = scopf.solve(scopf.build(net, criterion="none")).cost
    found = {"voltage-difference": [], "weighted": [], "central": []}
    for mq in DROOPS:
        inverters = scopf.Inverters.at_generators(net, mq=mq)
        for criterion in ("voltage-difference", "weighted"):
            solution = scopf.solve(scopf.build(net, inverters, criterion=criterion))
            found[criterion].append(solution.cost - plain)
        found["central"].append(scopf.solve_centralised(net, inverters).cost - plain)
    return found


def draw_costs(axes, found):
    """What stability adds to the cost, over the droop."""
    axes.plot(DROOPS, found["voltage-difference"], color=ORANGE, lw=2)
    axes.plot(DROOPS, found["weighted"], color=TEAL, lw=2)
    axes.plot(DROOPS, found["central"], color=INK, lw=1.2, ls=(0, (1, 2)))
    at = int(np.argmin(abs(DROOPS - 0.38)))
    labels = (
        ("voltage differences", ORANGE, found["voltage-difference"][at], (-8, 4), "right"),
        ("weighted, proven", TEAL, found["weighted"][at + 5], (-10, 0), "right"),
        ("cheapest stable point", INK, found["central"][at + 2], (8, -12), "left"),
    )
    for (text, color, y, offset, side), x in zip(labels, (at, at + 5, at + 2), strict=True):
        axes.annotate(
            text, (DROOPS[x], y), offset, textcoords="offset points", color=color, ha=side
        )
    axes.set(xlabel="droop of all inverters, p.u.", ylabel="cost of stability, $/h")
    axes.set(xlim=(DROOPS[0], DROOPS[-1]), ylim=(-60, 3600))


def draw_network(axes, net, prices):
    """Buses and branches, and the price of every inverter as the size of its mark."""
    graph = nx.Graph(net.graph())
    place = nx.kamada_kawai_layout(graph)
    nx.draw_networkx_edges(graph, place, ax=axes, edge_color=GREY, width=1.1)
    nx.draw_networkx_nodes(graph, place, ax=axes, node_size=14, node_color=GREY)
    buses = list(prices)
    worth = np.array([prices[bus] for bus in buses])
    sizes = 60 + 900 * worth / worth.max()
    nx.draw_networkx_nodes(
        graph, place, buses, ax=axes, node_size=sizes, node_color=TEAL, alpha=0.85, linewidths=0
    )
    for bus in buses:
        axes.annotate(
            str(bus), place[bus], ha="center", va="center", color="white", size=7.5, weight="bold"
        )
    axes.set_title("who needs stiffness", color=INK, size=10)
    axes.axis("off")


def main():
    """Solve, draw, write."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=DRAWN)
    table = scopf.solve(scopf.build(net, inverters, criterion="weighted")).inverters
    prices = dict(zip(table["bus"], table["dcost_dmq"], strict=True))
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = dict.fromkeys(ink, INK) | {
        "svg.fonttype": "none",
        "svg.hashsalt": "scopf",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9), layout="constrained")
        draw_network(left, net, prices)
        draw_costs(right, curves(net))
        right.set_title("what it costs", color=INK, size=10)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue().replace(INK, "currentColor")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'class="picture" role="img"', svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)  # would hold for the whole page
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    TARGET.write_text(svg)


if __name__ == "__main__":
    main()
