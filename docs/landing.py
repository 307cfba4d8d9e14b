"""Draw the picture of the landing page, `_static/landing.svg`; takes a minute.

Run it as `make pictures` in an environment that has scopf and matplotlib. Text and lines
take the colour of the page around them, light or dark.
"""

import io
import re
from pathlib import Path

import matplotlib as mpl
import networkx as nx
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

import scopf

mpl.use("svg")

INK = "#010203"  # becomes the text's colour
TEAL, ORANGE, GREY = "#1f9e97", "#e07b39", "#8a8f98"
COLORS = LinearSegmentedColormap.from_list("worth", ["#7a8fb8", "#1f9e97", "#0b5351"])
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
        ("cheapest stable", INK, found["central"][at + 2], (0, -15), "left"),
    )
    for (text, color, y, offset, side), x in zip(labels, (at, at + 5, at + 2), strict=True):
        axes.annotate(
            text, (DROOPS[x], y), offset, textcoords="offset points", color=color, ha=side
        )
    axes.set(xlabel="droop of all inverters, p.u.", ylabel="cost of stability, $/h")
    axes.set(xlim=(DROOPS[0], DROOPS[-1]), ylim=(-250, 3600))


def draw_network(figure, axes, net, worth):
    """Buses and branches, and the worth of every inverter's droop as the colour of its mark."""
    graph = nx.Graph(net.graph())
    place = nx.kamada_kawai_layout(graph)
    nx.draw_networkx_edges(graph, place, ax=axes, edge_color=GREY, width=1.1)
    nx.draw_networkx_nodes(graph, place, ax=axes, node_size=14, node_color=GREY)
    marks = nx.draw_networkx_nodes(
        graph, place, list(worth), ax=axes, node_size=330, node_color=list(worth.values()),
        cmap=COLORS, linewidths=0,
    )  # fmt: skip
    for bus in worth:
        axes.annotate(
            str(bus), place[bus], ha="center", va="center", color="white", size=8, weight="bold"
        )
    axes.margins(0.08)
    axes.axis("off")
    bar = figure.colorbar(marks, ax=axes, orientation="horizontal", shrink=0.55, aspect=30, pad=0.0)
    bar.outline.set_visible(False)
    bar.set_label("worth of an inverter's droop, $/h per unit of m_q")


def main():
    """Solve, draw, write."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=DRAWN)
    table = scopf.solve(scopf.build(net, inverters, criterion="weighted")).inverters
    worth = dict(zip(table["bus"], table["dcost_dmq"], strict=True))
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = dict.fromkeys(ink, INK) | {
        "svg.fonttype": "none",
        "svg.hashsalt": "scopf",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
        draw_network(figure, left, net, worth)
        draw_costs(right, curves(net))
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
