"""Tables of numbers of docs/criteria.md: `python -m docs.tables two_buses` prints one as JSON.

The build puts them in the place of `<!-- table: two_buses -->`. Each function returns a Markdown
table and the words of the page that quote its numbers, which the build looks for on the page.
"""

import json
import sys

import numpy as np

import scopf

PAPER = "voltage-difference"


def short(value, digits=3):
    """A number without trailing zeros before its point, `0` for none."""
    text = f"{value:.{digits}f}"
    if not text.strip("-0."):
        return "0"
    return text.replace("-0.", "−.").replace("0.", ".", 1) if abs(value) < 1 else text


def code(name):
    """A name as it is typed."""
    return f"`{name}`"


def markdown(head, rows, right=True):
    """A Markdown table, its numbers at the right."""
    marks = ["---"] + ["--:" if right else "---"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (head, marks, *rows))


def two_buses():
    """Gap of every criterion at B = 8, and that of the paper's over B."""
    from scopf.stability import registry
    from scopf.studies.gap import gap

    head = ["B = 8", "ξ least", "mean", "largest", "ξ at m_q = 5, 5", "false at 1, 1", "at 5, 5"]
    rows, quoted = [], []
    for name in (PAPER, "C0", "C1", "C2", "weighted"):
        found = gap(registry.get(name))
        at = found.summary().set_index("b").loc[8]
        corner = found.table.set_index(["b", "mq1", "mq2"]).loc[(8, 5, 5)]
        numbers = [at.xi_min, at.xi_mean, at.xi_max, corner.xi, at.false_low, at.false_high]
        rows.append([code(name), *map(short, numbers)])
        if name == PAPER:
            every = found.summary()
            means, most = (", ".join(map(short, every[c])) for c in ("xi_mean", "xi_max"))
            quoted += [f"{means} and {most}", f"A ξ of {short(corner.xi)} alone"]
            quoted += [f"{at.false_high:.0%} are unstable".replace("%", " %")]
            six = found.table.set_index(["b", "mq1", "mq2"]).loc[(6, 5, 5)]
            quoted += [f"instead of {short(six.xi)}"]
        if name == "C2":
            quoted += [f"up to {short(at.xi_max, 2)} with very unequal ones"]
    return markdown(head, rows), quoted


def largest_droops():
    """Largest uniform m_q with losses at the stored point of 39 buses."""
    from scopf.network.susceptances import Grid
    from scopf.stability import registry

    net = scopf.load_case("case39").energized()
    grid, at = Grid.full(net), np.unique(net.gen_at)
    k = np.full(len(grid), np.inf)

    def limit(name):
        low, high = 0.1, 0.3
        for _ in range(16):
            k[at] = middle = 0.5 * (low + high)
            held = registry.get(name).slack(grid, k, net.bus.vm, net.bus.va).min() > 0
            low, high = (middle, high) if held else (low, middle)
        return low

    from scopf.dynamics.verification import verify

    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    exact = verify(net, inverters, net.bus.vm, net.bus.va, proof=False).critical_mq
    rows = [[code(name), short(limit(name), 4)] for name in ("lossy", "lossy-every-mp")]
    heuristic = short(limit("weighted"), 4)
    rows += [["`weighted` without its droop margin (heuristic)", heuristic]]
    rows += [["exact", short(exact, 4)]]
    return markdown(["largest m_q", ""], rows), []


def lossy_optima():
    """Cost of the rows with losses at two droops, and the critical droop of each optimum."""
    net, rows = scopf.load_case("case39"), []
    names = ("weighted", "lossy", "lossy-every-mp")
    for mq in (0.21, 0.22):
        cells = []
        for name in names:
            inverters = scopf.Inverters.at_generators(net, mq=mq)
            solution = scopf.solve(scopf.build(net, inverters, criterion=name, droop_margin=0))
            if solution.solved:
                limit = solution.verify(proof=False).critical_mq
                cells.append(f"{solution.cost:.2f} ({short(limit, 4)})")
            else:
                cells.append("not solved")
        rows.append([f"m_q {short(mq, 2)}", *cells])
    return markdown(["39-bus, $/h (critical)", *map(code, names)], rows), []


def random_with_losses():
    """Critical droop of random networks by the criterion over the exact one, less 1."""
    from scopf.studies.lossy import lossy

    head, columns = ["r/x"], []
    for name in ("lossy", "weighted"):
        head += [f"{code(name)}: largest", "mean"]
        table = lossy(name, ratios=[0.1, 0.3, 0.5], networks=30).table
        columns += [table["excess_max"], table["excess_mean"]]
    signed = [[f"{'+' if x > 0 else ''}{short(x)}" for x in column] for column in columns]
    rows = [[r, *cells] for r, *cells in zip((".1", ".3", ".5"), *signed, strict=True)]
    return markdown(head, rows), []


def with_losses():
    """Each criterion on 39 buses with losses, below and above the limit of the plain optimum."""
    from scopf.studies.with_losses import with_losses as study

    table = study("case39").table
    droops = table["mq"].unique()
    stable = table["stable"].to_numpy(bool)
    assert set(table["proof"][stable]) == {"multipliers"}
    head = ["cost above the plain OPF, $/h"]
    shares = (".95 of the limit", "1.05 of it")
    head += [f"m_q {short(mq)}, {share}" for mq, share in zip(droops, shares, strict=True)]
    rows, cells = {}, table.set_index(["criterion", "mq"])
    for name in table["criterion"].unique():
        found = [cells.loc[(name, mq)] for mq in droops]
        unstable = [", unstable" if not one.stable else "" for one in found]
        rows[name] = [f"{abs(one.increase):.0f}{u}" for one, u in zip(found, unstable, strict=True)]
    margin = {"weighted": " with its 6 % droop margin"}
    body = [[code(name) + margin.get(name, ""), *row] for name, row in rows.items()]
    alone = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(alone, mq=droops[1])
    bare = scopf.solve(scopf.build(alone, inverters, criterion="weighted", droop_margin=0))
    plain = scopf.solve(scopf.build(alone, inverters, criterion="none"))
    return markdown(head, body), [f"without its margin costs {bare.cost - plain.cost:.0f} $/h"]


def limits():
    """Largest uniform droop of each criterion on the lossless 39 buses."""
    from scopf.studies.conservatism import conservatism

    rows = []
    for one in conservatism("case39", mq=(0.2,)).limits.itertuples():
        numbers = [one.critical_mq, one.optimum_mq]
        words = ["" if np.isnan(x) else "none" if np.isinf(x) else short(x, 4) for x in numbers]
        name = one.criterion if one.criterion == "exact" else code(one.criterion)
        rows.append([name, one.loads, *words])
    head = ["largest uniform m_q", "loads of constant", "at no cost", "at the plain optimum"]
    return markdown(head, rows), []


def costs():
    """Cost of each criterion over the droop, and which optima are unstable."""
    from scopf.studies.conservatism import conservatism

    table = conservatism("case39").costs
    assert table["stable_impedance"].all()
    droops = table["mq"].unique()
    rows = []
    for name, part in table.groupby("criterion", sort=False):
        cells = [
            ("0" if one.increase < 0.005 else f"{one.increase:.2f}")
            + ("" if one.stable_power else " u")
            for one in part.itertuples()
        ]
        rows.append([code(name), *cells])
    unstable = (table["criterion"] == PAPER) & ~table["stable_power"].to_numpy(bool)
    last = table["mq"][unstable].min()
    head = ["m_q", *(f"{mq:.2f}".lstrip("0") for mq in droops)]
    return markdown(head, rows), [f"at m_q = {short(last, 2)} it is still fulfilled"]


if __name__ == "__main__":
    made, said = globals()[sys.argv[1]]()
    print(json.dumps({"table": made, "quoted": said}))
