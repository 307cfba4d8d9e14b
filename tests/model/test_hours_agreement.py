"""Costs of dispatches over hours that other packages publish.

ExaModelsPower.jl (MIT, github.com/exanauts/ExaModelsPower.jl) has these optima in its tests, to a
relative tolerance of 1e-6: the sum of the costs of five periods of one hour, ramps of a tenth of
Pmax - Pmin between them, a free energy at the end, and the storage model of Geth, Coffrin and Fobes
(2020), whose reactive loss changes nothing as reactive power is free within the converter's circle.
"""

import numpy as np
import pandas as pd
import pytest

import scopf

CURVE = [1, 0.9, 0.8, 0.95, 1]
LOADS = {  # MW and MVAr by bus, over five hours
    "pglib_opf_case3_lmbd": {
        "p_mw_1": [110, 109.7, 109.2, 110.3, 109.9],
        "p_mw_2": [110, 110.30892087, 109.70779399, 110.69866241, 110.68356854],
        "p_mw_3": [95, 94.40098664, 94.90086201, 95.39985206, 94.7981827],
        "q_mvar_1": [40, 40.7, 39.2, 39.3, 39.9],
        "q_mvar_2": [40, 39.30892087, 39.70779399, 40.69866241, 39.68356854],
        "q_mvar_3": [50, 50.40098664, 50.90086201, 49.39985206, 49.7981827],
    },
    "pglib_opf_case5_pjm": {
        "p_mw_2": [300, 299.7, 299.2, 300.3, 299.9],
        "p_mw_3": [300, 299.1, 299.4, 299.9, 301.1],
        "p_mw_4": [400, 400.30892087, 399.70779399, 401.69866241, 400.68356854],
        "q_mvar_2": [98.61, 99.7, 98.2, 98.3, 98.9],
        "q_mvar_3": [98.61, 99.1, 99.4, 99.9, 99.1],
        "q_mvar_4": [131.47, 132.30892087, 131.70779399, 130.69866241, 131.68356854],
    },
}
CASE3, CASE5 = LOADS


def unit(bus):
    return {
        "bus": bus, "p_mw": 72.0, "p_charge_mw": 100.0, "e_mwh": 200.0, "eta_c": 0.9,
        "eta_d": 0.85, "e0_mwh": 1.0, "e_end_mwh": "free", "s_mva": 1000.0, "r": 0.1,
    }  # fmt: skip


def dispatched(net, hours, buses):
    gen = net.gen
    tenth = 0.1 * (gen.pmax - gen.pmin) * net.base_mva
    more = {"storage": pd.DataFrame([unit(bus) for bus in buses])} if buses else {}
    ramps = dict(zip(gen.id.tolist(), tenth.tolist(), strict=True))
    return scopf.solve(scopf.build(net, criterion="none", hours=hours, ramps=ramps, **more))


@pytest.mark.parametrize(
    ("case", "follows", "buses", "cost"),
    [
        (CASE3, "curve", [], 25384.366465),
        (CASE3, "loads", [], 29049.351564),
        (CASE5, "curve", [], 78491.04247),  # 76255.115 without ramps
        (CASE5, "loads", [], 87816.396884),
        (CASE3, "curve", [2], 25358.827525),
        (CASE3, "loads", [2], 29023.69118),
        (CASE5, "curve", [2, 4], 68782.0125),  # 68073.171 without ramps
        (CASE5, "loads", [2, 4], 79640.08493),
    ],
)
def test_examodelspower(case, follows, buses, cost):
    net = scopf.load_case(case)
    if case == CASE5 and buses:  # there the generators of this case are at buses of their own
        net = net.replace(gen={"bus": np.arange(1, 6)})
    hours = CURVE if follows == "curve" else pd.DataFrame(LOADS[case])
    solution = dispatched(net, hours, buses)
    assert solution.cost == pytest.approx(cost, rel=1e-6)
