"""Networks as PSS/E .raw files, revisions 33 and 35; shares nothing with the reader."""

import collections

import numpy as np

SECTIONS = {
    33: "BUS, LOAD, FIXED SHUNT, GENERATOR, BRANCH, TRANSFORMER, AREA, TWO-TERMINAL DC, "
    "VSC DC LINE, IMPEDANCE CORRECTION, MULTI-TERMINAL DC, MULTI-SECTION LINE, ZONE, "
    "INTER-AREA TRANSFER, OWNER, FACTS DEVICE, SWITCHED SHUNT, GNE, INDUCTION MACHINE",
    35: "SYSTEM-WIDE, BUS, LOAD, FIXED SHUNT, GENERATOR, BRANCH, SYSTEM SWITCHING DEVICE, "
    "TRANSFORMER, AREA, TWO-TERMINAL DC, VOLTAGE SOURCE CONVERTER, IMPEDANCE CORRECTION, "
    "MULTI-TERMINAL DC, MULTI-SECTION LINE, ZONE, INTER-AREA TRANSFER, OWNER, "
    "FACTS CONTROL DEVICE, SWITCHED SHUNT, GNE DEVICE, INDUCTION MACHINE, SUBSTATION",
}
HEADS = {"BUS": "@!   I,'NAME        ', BASKV, IDE", "LOAD": "@!   I,'ID',STAT / \" '"}
HYPHENS = {
    name.replace("-", " "): name for names in SECTIONS.values() for name in names.split(", ")
}
SETTINGS = [
    "GENERAL, THRSHZ=0.0001, PQBRAK=0.7, BLOWUP=5.0",
    'RATING, 1, "RATE1 ", "RATING SET 1                    "',
]


def text(revision, base=100.0, **records):
    """A file of records by section; those that are not given are empty."""
    names = SECTIONS[revision].split(", ")
    records = {key.upper().replace("_", " "): rows for key, rows in records.items()}
    records = {HYPHENS.get(key, key): rows for key, rows in records.items()}
    assert records.keys() <= set(names), records.keys() - set(names)
    lines = [f"0, {base!r}, {revision}, 0, 0, 60.00 / written by a test", "it's a title", ""]
    if revision >= 34:
        records.setdefault("SYSTEM-WIDE", SETTINGS)
    for name, following in zip(names, [*names[1:], ""], strict=True):
        if revision >= 34 and name in HEADS:
            lines.append(HEADS[name])
        lines += records.get(name, [])
        begin = f", BEGIN {following} DATA" if following else ""
        lines.append(f" 0 / END OF {name} DATA{begin}")
    return "\n".join([*lines, "Q", ""])


def of(net, revision):
    """A network as a file."""
    base = net.base_mva
    bus, gen, branch = net.bus, net.gen, net.branch
    gs, bs = bus.gs * base, bus.bs * base
    circuits = collections.Counter()
    lines, transformers = [], []
    ratings = 2 if revision == 33 else 11
    for k in range(len(branch)):
        f, t = int(branch.from_bus[k]), int(branch.to_bus[k])
        circuits[frozenset((f, t))] += 1
        ckt = f"'{circuits[frozenset((f, t))]} '"
        rate = 0.0 if np.isinf(branch.rate[k]) else float(branch.rate[k]) * base
        on = int(branch.in_service[k])
        r, x, b = (float(v[k]) for v in (branch.r, branch.x, branch.b))
        tap, shift = float(branch.tap[k]), float(np.degrees(branch.shift[k]))
        rates = [rate] + [0.0] * ratings
        if tap == 1 and shift == 0:
            name = ["'a, line'"] if revision == 35 else []
            lines.append(row(f, t, ckt, r, x, b, *name, *rates, 0, 0, 0, 0, on, 1, 0.0, 1, 1.0))
        else:
            assert b == 0, "a transformer has no charging"
            node = [0] if revision == 35 else []
            transformers += [
                row(f, t, 0, ckt, 1, 1, 1, 0.0, 0.0, 2, "'a / name'", on, 1, 1.0),
                row(r, x, 100.0),
                row(tap, 0.0, shift, *rates, 0, 0, *node, 1.1, 0.9, 1.1, 0.9, 33, 0, 0, 0, 0),
                "1.0, 0.0",
            ]
    machines, ids = [], collections.Counter()
    for k in range(len(gen)):
        ids[int(gen.bus[k])] += 1
        regulated = [0, 0] if revision == 35 else [0]
        mva = [float(v[k]) * base for v in (gen.pg, gen.qg, gen.qmax, gen.qmin)]
        limits = [float(v[k]) * base for v in (gen.pmax, gen.pmin)]
        machines.append(
            row(int(gen.bus[k]), f"'{ids[int(gen.bus[k])]}'", *mva, float(gen.vg[k]), *regulated)
            + "," + row(float(gen.mbase[k]), 0, 1, 0, 0, 1, int(gen.in_service[k]), 100, *limits)
        )  # fmt: skip
    at = [int(i) for i in bus.id]
    here = range(len(bus))
    return text(
        revision,
        base,
        bus=[
            row(at[k], f"'{bus.name[k][:12]}'", float(bus.base_kv[k]), int(bus.type[k]), 1, 1, 1,
                float(bus.vm[k]), float(np.degrees(bus.va[k])), float(bus.vmax[k]),
                float(bus.vmin[k]))
            for k in here
        ],
        load=[
            row(at[k], "'1 '", 1, 1, 1, float(bus.pd[k]) * base, float(bus.qd[k]) * base,
                float(bus.pd_current[k]) * base, float(bus.qd_current[k]) * base)
            for k in here
        ],
        fixed_shunt=[
            row(at[k], "'1'", 1, float(gs[k]), float(bs[k])) for k in here if gs[k] or bs[k]
        ],
        generator=machines,
        branch=lines,
        transformer=transformers,
    )  # fmt: skip


def costs(net):
    """The quadratic costs of a network's machines as a table."""
    ids, rows = collections.Counter(), ["bus,id,c2,c1,c0"]
    base = net.base_mva
    for bus, cost in zip(net.gen.bus.tolist(), net.gen.cost_p.tolist(), strict=True):
        ids[bus] += 1
        assert not any(cost[3:])
        rows.append(row(bus, ids[bus], cost[2] / base**2, cost[1] / base, cost[0]))
    return "\n".join(rows) + "\n"


def row(*cells):
    """A record."""
    return ",".join(cell if isinstance(cell, str) else repr(cell) for cell in cells)
