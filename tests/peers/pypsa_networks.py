"""PyPSA networks that tests read; PyPSA is imported when one is made."""

import numpy as np
import pytest

from scopf.cases import bundled

CaseFrames = pytest.importorskip("matpowercaseframes").CaseFrames


def meshed():
    """Two voltages, three transformers of all kinds, a type of line, a link and storage."""
    import pypsa

    n = pypsa.Network(name="meshed")
    n.set_snapshots(["noon", "night"])
    for name, kv in (("A", 380.0), ("B", 380.0), ("C", 380.0), ("d", 110.0), ("e", 110.0),
                     ("f", 110.0)):  # fmt: skip
        n.add("Bus", name, v_nom=kv, v_mag_pu_min=0.94, v_mag_pu_max=1.06)
    for name, ends, km in (("A-B", "AB", 90.0), ("B-C", "BC", 60.0), ("A-C", "AC", 120.0)):
        n.add("Line", name, bus0=ends[0], bus1=ends[1], length=km, s_nom=1700.0,
              type="Al/St 240/40 4-bundle 380.0")  # fmt: skip
    n.add("Line", "d-e", bus0="d", bus1="e", r=2.0, x=14.0, b=6e-5, g=2e-6, s_nom=180.0)
    n.add("Line", "e-f", bus0="e", bus1="f", r=1.5, x=11.0, b=5e-5, s_nom=180.0, s_max_pu=0.9)
    n.add("Transformer", "B:d", bus0="B", bus1="d", s_nom=300.0, x=0.12, r=0.003, g=0.002,
          b=-0.01, tap_ratio=1.02, tap_side=0, phase_shift=3.0, model="t")  # fmt: skip
    n.add("Transformer", "C:e", bus0="C", bus1="e", s_nom=300.0, x=0.11, r=0.002, g=0.001,
          b=-0.02, tap_ratio=0.98, tap_side=1, phase_shift=-2.0, model="pi")  # fmt: skip
    n.add("Transformer", "C:f", bus0="C", bus1="f", type="160 MVA 380/110 kV", tap_position=2)
    n.add("Link", "A to f", bus0="A", bus1="f", p_nom=60.0, efficiency=0.97, marginal_cost=0.1)
    n.add("ShuntImpedance", "reactor", bus="e", g=1e-5, b=-4e-4)
    n.add("Generator", "coal", bus="A", p_nom=600.0, marginal_cost=30.0, p_min_pu=0.2,
          marginal_cost_quadratic=0.01, control="Slack")  # fmt: skip
    n.add("Generator", "gas", bus="C", p_nom=400.0, marginal_cost=34.0,
          marginal_cost_quadratic=0.03)  # fmt: skip
    n.add("Generator", "wind", bus="d", p_nom=200.0, p_max_pu=[0.3, 0.7], marginal_cost=0.5,
          marginal_cost_quadratic=0.001)  # fmt: skip
    n.add("Generator", "old", bus="e", p_nom=100.0, active=False)
    n.add("StorageUnit", "pump", bus="f", p_nom=50.0, marginal_cost=31.0,
          marginal_cost_quadratic=0.05, max_hours=6)  # fmt: skip
    for name, p, q in (("B", 300.0, 60.0), ("d", 90.0, 20.0), ("e", 120.0, 30.0),
                       ("f", 80.0, 15.0)):  # fmt: skip
        n.add("Load", f"load {name}", bus=name, p_set=[p, 0.6 * p], q_set=q)
    n.add("Store", "cell", bus="e", e_nom=10.0, p_set=2.0, q_set=0.5)
    return n


def two_islands():
    """Two AC networks that links couple, one of them in both directions."""
    import pypsa

    n = pypsa.Network(name="two islands")
    for k, name in enumerate("abcxyz"):
        n.add("Bus", name, v_nom=220.0, v_mag_pu_min=0.95, v_mag_pu_max=1.05)
        n.add("Load", f"load {name}", bus=name, p_set=60.0 + 10.0 * k, q_set=12.0)
    for ends in ("ab", "bc", "ca", "xy", "yz", "zx"):
        n.add("Line", ends, bus0=ends[0], bus1=ends[1], r=3.0, x=30.0, b=1e-4, s_nom=200.0)
    n.add("Link", "there", bus0="c", bus1="x", p_nom=80.0, efficiency=0.95)
    n.add("Link", "both", bus0="a", bus1="y", p_nom=40.0, p_min_pu=-1.0)
    for name, bus, cost in (("g1", "a", 10.0), ("g2", "b", 12.0), ("g3", "x", 30.0)):
        n.add("Generator", name, bus=bus, p_nom=400.0, marginal_cost=cost,
              marginal_cost_quadratic=0.02, control="Slack" if bus in "ax" else "PQ")  # fmt: skip
    return n


def radial():
    """A low-voltage feeder with a controlled load: a generator of negative sign."""
    import pypsa

    n = pypsa.Network(name="radial")
    n.add("Bus", "hv", v_nom=20.0)
    for k in range(1, 5):
        n.add("Bus", f"lv{k}", v_nom=0.4)
        n.add("Load", f"load {k}", bus=f"lv{k}", p_set=0.03, q_set=0.01)
    n.add("Transformer", "t", bus0="hv", bus1="lv1", type="0.4 MVA 20/0.4 kV")
    for k in range(1, 4):
        n.add("Line", f"line {k}", bus0=f"lv{k}", bus1=f"lv{k + 1}", length=0.1,
              type="NAYY 4x150 SE", s_nom=0.18)  # fmt: skip
    n.add("Generator", "grid", bus="hv", p_nom=1.0, p_min_pu=-1.0, marginal_cost=50.0,
          marginal_cost_quadratic=1.0, control="Slack")  # fmt: skip
    n.add("Generator", "heat", bus="lv4", p_nom=0.02, p_min_pu=0.5, sign=-1.0, marginal_cost=-60.0,
          marginal_cost_quadratic=1.0)  # fmt: skip
    return n


def imported(name):
    """A bundled MATPOWER case, as PyPSA imports PYPOWER's form of it."""
    import pypsa

    frames = CaseFrames(str(bundled.entries()[name].path))
    tables = {key: np.array(getattr(frames, key), dtype=float) for key in ("bus", "gen", "branch")}
    tables["gen"] = np.pad(tables["gen"], ((0, 0), (0, 21 - tables["gen"].shape[1])))
    n = pypsa.Network(name=name)
    n.import_from_pypower_ppc(
        {"version": "2", "baseMVA": float(frames.baseMVA), **tables}, overwrite_zero_s_nom=9900.0
    )
    rank = np.arange(len(n.generators))
    n.generators["marginal_cost"] = 10.0 + 2.0 * rank
    n.generators["marginal_cost_quadratic"] = 0.01 + 0.002 * rank
    return n
