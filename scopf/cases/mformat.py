"""Tables of MATPOWER's case format: their columns, and what else a file may hold."""

from __future__ import annotations

# Columns by the names that MATPOWER's manual gives them (appendix B), in order.
COLUMNS = {
    "bus": (
        "BUS_I", "BUS_TYPE", "PD", "QD", "GS", "BS", "BUS_AREA", "VM", "VA", "BASE_KV", "ZONE",
        "VMAX", "VMIN", "LAM_P", "LAM_Q", "MU_VMAX", "MU_VMIN",
    ),
    "gen": (
        "GEN_BUS", "PG", "QG", "QMAX", "QMIN", "VG", "MBASE", "GEN_STATUS", "PMAX", "PMIN", "PC1",
        "PC2", "QC1MIN", "QC1MAX", "QC2MIN", "QC2MAX", "RAMP_AGC", "RAMP_10", "RAMP_30", "RAMP_Q",
        "APF", "MU_PMAX", "MU_PMIN", "MU_QMAX", "MU_QMIN",
    ),
    "branch": (
        "F_BUS", "T_BUS", "BR_R", "BR_X", "BR_B", "RATE_A", "RATE_B", "RATE_C", "TAP", "SHIFT",
        "BR_STATUS", "ANGMIN", "ANGMAX", "PF", "QF", "PT", "QT", "MU_SF", "MU_ST", "MU_ANGMIN",
        "MU_ANGMAX",
    ),
    "dcline": (
        "F_BUS", "T_BUS", "BR_STATUS", "PF", "PT", "QF", "QT", "VF", "VT", "PMIN", "PMAX", "QMINF",
        "QMAXF", "QMINT", "QMAXT", "LOSS0", "LOSS1", "MU_PMIN", "MU_PMAX", "MU_QMINF", "MU_QMAXF",
        "MU_QMINT", "MU_QMAXT",
    ),
    "gencost": ("MODEL", "STARTUP", "SHUTDOWN", "NCOST"),
    "dclinecost": ("MODEL", "STARTUP", "SHUTDOWN", "NCOST"),
    "storage": (  # of PowerModels
        "storage_bus", "ps", "qs", "energy", "energy_rating", "charge_rating", "discharge_rating",
        "charge_efficiency", "discharge_efficiency", "thermal_rating", "qmin", "qmax", "r", "x",
        "p_loss", "q_loss", "status",
    ),
}  # fmt: skip
# Our columns by the format's.
FORMAT = {
    "bus": {
        "id": "BUS_I", "type": "BUS_TYPE", "pd": "PD", "qd": "QD", "gs": "GS", "bs": "BS",
        "area": "BUS_AREA", "vm": "VM", "va": "VA", "base_kv": "BASE_KV", "zone": "ZONE",
        "vmax": "VMAX", "vmin": "VMIN",
    },
    "gen": {
        "bus": "GEN_BUS", "pg": "PG", "qg": "QG", "qmax": "QMAX", "qmin": "QMIN", "vg": "VG",
        "mbase": "MBASE", "in_service": "GEN_STATUS", "pmax": "PMAX", "pmin": "PMIN",
        "pc1": "PC1", "pc2": "PC2", "qc1min": "QC1MIN", "qc1max": "QC1MAX", "qc2min": "QC2MIN",
        "qc2max": "QC2MAX", "ramp_agc": "RAMP_AGC", "ramp_10": "RAMP_10", "ramp_30": "RAMP_30",
        "ramp_q": "RAMP_Q", "apf": "APF",
    },
    "branch": {
        "from_bus": "F_BUS", "to_bus": "T_BUS", "r": "BR_R", "x": "BR_X", "b": "BR_B",
        "rate": "RATE_A", "rate_b": "RATE_B", "rate_c": "RATE_C", "tap": "TAP",
        "shift": "SHIFT", "in_service": "BR_STATUS",
        "angmin": "ANGMIN", "angmax": "ANGMAX",
    },
    "dcline": {
        "from_bus": "F_BUS", "to_bus": "T_BUS", "in_service": "BR_STATUS", "pf": "PF", "qf": "QF",
        "qt": "QT", "vf": "VF", "vt": "VT", "pmin": "PMIN", "pmax": "PMAX", "qminf": "QMINF",
        "qmaxf": "QMAXF", "qmint": "QMINT", "qmaxt": "QMAXT", "loss0": "LOSS0", "loss1": "LOSS1",
    },
}  # fmt: skip
OURS = {table: {v: k for k, v in columns.items()} for table, columns in FORMAT.items()}
AT_LEAST = {
    "bus": 13, "gen": 10, "branch": 11, "gencost": 5, "dcline": 17, "dclinecost": 5,
    "storage": len(COLUMNS["storage"]),
}  # fmt: skip
REQUIRED = ("bus", "gen", "branch")
NUMERIC = (*REQUIRED, "gencost", "dcline", "dclinecost")
PIECEWISE, POLYNOMIAL = 1, 2  # cost models
MAY_BE_EMPTY = ("branch", "gencost", "dcline", "dclinecost")
NAMES = ("bus_name", "gen_name", "branch_name")
SILENT = {"version", "casename", "case", "order", "success", "et", "f", "raw", "iterations"}
WITHOUT_EFFECT = {"areas", "gentype", "genfuel", "bus_geo"}  # on an optimal power flow
CHANGES = {  # limits, costs and devices of the problem that a network does not represent
    "A", "l", "u", "N", "H", "Cw", "fparm", "z0", "zl", "zu", "user_constraints",
    "reserves", "if", "softlims", "userfcn",
    "switch", "load", "shunt", "sgen", "trafo", "svc", "statcom", "facts", "tcsc", "upfc", "pst",
    "busdc", "convdc", "branchdc", "gendc", "loaddc", "dcbus", "dcconv", "dcbranch", "dcgen",
    "bus3p", "line3p", "xfmr3p", "shunt3p", "load3p", "gen3p", "buslink", "legacy_gizmo", "gizmo",
}  # fmt: skip
