"""Piecewise-linear costs, DC lines, P-Q curves, dispatchable and constant-current loads."""

import numpy as np
import pytest

import scopf
from scopf.model.piecewise_costs import Segments
from scopf.network import piecewise
from scopf.network.tables import DcLines
from scopf.optimizer.compiled import compiled
from scopf.results.violations import cost, families

STEP = 1e-4


def solved(net, **keywords):
    solution = scopf.solve(scopf.build(net, criterion="none", **keywords))
    assert solution.status == "optimal", solution.message
    assert solution.accuracy.status == "optimal"
    return solution


def slope(change):
    """Derivative of the optimal cost, currency/h per p.u., by what `change` makes of a step."""
    return (solved(change(STEP)).cost - solved(change(-STEP)).cost) / (2 * STEP)


def dcline(from_bus, to_bus, **columns):
    one = np.ones(1)
    given = {
        "id": [1], "from_bus": [from_bus], "to_bus": [to_bus], "in_service": [True],
        "pf": 0 * one, "qf": 0 * one, "qt": 0 * one, "vf": one, "vt": one, "pmin": -0.3 * one,
        "pmax": 0.3 * one, "qminf": -0.1 * one, "qmaxf": 0.1 * one, "qmint": -0.1 * one,
        "qmaxt": 0.1 * one, "loss0": 0.007 * one, "loss1": 0.02 * one,
    }  # fmt: skip
    return DcLines(**given | columns)


def unit(net, row, **values):
    """Columns of the generators with other values in one row."""
    found = {}
    for name, value in values.items():
        found[name] = getattr(net.gen, name).copy()
        found[name][row] = value
    return found


def with_points(net, count):
    """Every other generator's polynomial replaced by points on it."""
    gen = net.gen
    points, cost = np.full((len(gen), count, 2), np.nan), gen.cost_p.copy()
    for row in range(0, len(gen), 2):
        x = np.linspace(gen.pmin[row], gen.pmax[row], count)
        points[row] = np.column_stack([x, np.polynomial.polynomial.polyval(x, cost[row])])
        cost[row] = 0.0
    return net.replace(gen={"cost_p": cost, "cost_p_points": points})


# -- piecewise-linear costs -----------------------------------------------


def test_points_give_the_function_that_interpolation_gives():
    rng = np.random.default_rng(3)
    x = np.cumsum(rng.uniform(0.1, 1, (5, 6)), axis=1)
    rise = np.sort(rng.normal(0, 9, (5, 5)), axis=1)
    y = np.concatenate([np.zeros((5, 1)), np.cumsum(rise * np.diff(x, axis=1), axis=1)], axis=1)
    points = np.stack([x, y], axis=2)
    points[2, 4:] = points[4] = np.nan
    at = np.array([rng.uniform(x[k, 0], x[k, 3]) for k in range(5)])
    wanted = [np.interp(at[k], points[k, :, 0], points[k, :, 1]) for k in (0, 1, 3)]
    assert piecewise.value(points, at)[[0, 1, 3]] == pytest.approx(wanted)
    assert piecewise.value(points, at)[2] == pytest.approx(np.interp(at[2], x[2, :4], y[2, :4]))
    assert piecewise.value(points, at)[4] == 0.0
    assert not piecewise.bends_down(points).any()


def test_collinear_points_are_a_polynomial_and_equal_slopes_one_segment():
    points = np.full((3, 4, 2), np.nan)
    points[0] = [[0, 1], [1, 3], [2, 5], [4, 9]]
    points[1, :3] = [[0, 0], [1, 1], [2, 2]]
    points[2] = [[-1, 0], [0, 0], [1, 2], [2, 4]]
    polynomial, lines = piecewise.simplified(points, np.zeros((3, 3)))
    assert polynomial.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    assert (Segments.of(lines).owners.tolist(), lines.slope.tolist()) == ([2], [0, 2])


def test_fine_points_cost_what_the_curve_costs(caplog):
    net = scopf.load_case("case30")
    smooth, fine = solved(net), solved(with_points(net, 400))
    assert fine.cost == pytest.approx(smooth.cost, rel=1e-5)
    assert fine.cost >= smooth.cost - 1e-6
    coarse = solved(with_points(net, 4), eta_q=0.1)
    assert "piecewise-linear" in caplog.text
    assert coarse.gens["cost_per_h"].sum() == pytest.approx(coarse.cost)


@pytest.mark.parametrize(("case", "row"), [("case39", 6), ("case57", 11)])
def test_prices_of_load_are_derivatives_with_points(case, row):
    net = with_points(scopf.load_case(case), 5)
    price = solved(net).buses["lmp_p_per_mwh"][row] * net.base_mva
    step = np.zeros(len(net.bus))
    step[row] = 1.0
    at = slope(lambda by: net.replace(bus={"pd": net.bus.pd + by * step}))
    assert at == pytest.approx(price, rel=1e-4)


def test_reactive_power_may_cost_by_points():
    net = scopf.load_case("case14")
    size = np.tile([[-1.0, 200.0], [0.0, 0.0], [1.0, 200.0]], (len(net.gen), 1, 1))
    points = solved(net.replace(gen={"cost_q": 0 * net.gen.cost_q, "cost_q_points": size}))
    split = solved(net.replace(gen={"cost_q": 0 * net.gen.cost_q}), q_price=200.0 / net.base_mva)
    assert points.cost == pytest.approx(split.cost, rel=1e-7)


def test_nothing_is_added_to_a_network_without_such_content():
    problem = scopf.build(scopf.load_case("case30Q"))
    for name in problem.formulation.symbols:
        assert not any(word in name for word in ("level", "segment", "curve", "dcline", "current"))


# -- DC lines -----------------------------------------------


def test_a_dc_line_is_two_generators_at_a_fixed_flow():
    net = scopf.load_case("case39")
    flow = {key: np.array([0.2]) for key in ("pmin", "pmax", "pf")}
    solution = solved(net.replace(dcline=dcline(4, 20, **flow)))
    at = {"bus": [4, 20], "p": [-0.2, 0.2 - 0.007 - 0.02 * 0.2]}
    again = {"qmin": -0.1 * np.ones(2), "qmax": 0.1 * np.ones(2)}
    gen, pair = net.gen, {}
    for name, column in vars(gen).items():
        pair[name] = np.concatenate([column, column[:2]])
    n = len(gen)
    pair["id"] = np.arange(1, n + 3)
    for name, values in {"bus": at["bus"], "pmin": at["p"], "pmax": at["p"], **again}.items():
        pair[name][n:] = values
    pair["cost_p"][n:] = pair["cost_q"][n:] = 0.0
    other = solved(net.replace(gen=type(gen)(**pair)))
    assert solution.cost == pytest.approx(other.cost, rel=1e-8)
    line = solution.dclines.iloc[0]
    assert line["pt_mw"] == pytest.approx(100 * at["p"][1], abs=1e-6)
    assert line["p_loss_mw"] == pytest.approx(0.7 + 0.02 * 20, abs=1e-6)
    assert line["qf_mvar"] == pytest.approx(100 * other.point.qg[n], abs=1e-2)


@pytest.mark.parametrize(
    ("case", "ends", "column", "price", "sign"),
    [
        ("case39", (3, 39), "pmin", "mu_pf_min_per_mwh", 1),
        ("pglib_opf_case118_ieee", (118, 3), "pmax", "mu_pf_max_per_mwh", -1),
        ("case57", (8, 31), "qmaxt", "mu_qt_max_per_mvarh", -1),
        ("case57", (31, 8), "qmaxf", "mu_qf_max_per_mvarh", -1),
    ],
)
def test_prices_of_dc_lines_are_derivatives(case, ends, column, price, sign):
    net = scopf.load_case(case)
    tight = {"qmaxt": 0.02 * np.ones(1), "qmaxf": 0.02 * np.ones(1)}
    net = net.replace(dcline=dcline(*ends, **tight))
    found = solved(net).dclines[price][0] * net.base_mva
    assert found > 1e-3

    def moved(by):
        return net.replace(dcline={column: getattr(net.dcline, column) + by})

    assert sign * slope(moved) == pytest.approx(found, rel=1e-3)


def test_a_dc_line_may_cost_by_points_or_powers():
    net = scopf.load_case("case118")
    line = dcline(10, 77, cost=[[0.0, 300.0, 0.0]])
    linear = solved(net.replace(dcline=line))
    points = dcline(10, 77, cost_points=[[[-1, -300], [0, 0], [1, 300]]])
    assert solved(net.replace(dcline=points)).cost == pytest.approx(linear.cost, rel=1e-9)
    bent = dcline(10, 77, cost_points=[[[-1, 600], [0, 0], [1, 600]]])
    dear = solved(net.replace(dcline=bent))
    pf = dear.dclines["pf_mw"][0]
    assert dear.dclines["cost_per_h"][0] == pytest.approx(6 * abs(pf), abs=1e-4)


# -- P-Q curves, loads -----------------------------------------------


@pytest.mark.parametrize("case", ["case39", "case118", "case57"])
@pytest.mark.parametrize("side", ["min", "max"])
def test_a_curve_bounds_q_and_its_price_is_a_derivative(case, side):
    net = scopf.load_case(case)
    free = solved(net)
    row = int(np.argmax(free.point.pg))
    p, q, way = free.point.pg[row], free.point.qg[row], 1 if side == "max" else -1
    first, second = (q - way * part for part in (0.05, 0.35))
    shift = {"pc1": 0.1 * p, "pc2": 2 * p, f"qc1{side}": first, f"qc2{side}": second}
    other = {f"qc{k}{'min' if way > 0 else 'max'}": -way * 99.0 for k in (1, 2)}
    curved = net.replace(gen=unit(net, row, **shift, **other))
    found = solved(curved)
    at = first + (second - first) * (found.point.pg[row] - 0.1 * p) / (1.9 * p)
    assert way * (found.point.qg[row] - at) <= 1e-6
    price = found.gens[f"mu_curve_{side}_per_mvarh"][row] * net.base_mva

    def moved(by):
        ends = {f"qc{k}{side}": shift[f"qc{k}{side}"] + by for k in (1, 2)}
        return curved.replace(gen=unit(curved, row, **ends))

    assert price > 1e-3
    assert -way * slope(moved) == pytest.approx(price, rel=2e-3)


@pytest.mark.parametrize("side", ["min", "max"])
def test_the_price_of_a_steep_curve_is_per_unit_of_q(side):
    """The row is scaled to a normal of length 1, and its normal is far from that of Q here."""
    net = scopf.load_case("case39")
    free = solved(net)
    row = int(np.argmax(free.point.pg))
    p, q, way = free.point.pg[row], free.point.qg[row], 1 if side == "max" else -1
    shift = {
        "pc1": p - 0.3, "pc2": p + 0.3, f"qc1{side}": q + way * 0.4, f"qc2{side}": q - way * 0.6,
    }  # fmt: skip
    other = {f"qc{k}{'min' if way > 0 else 'max'}": -way * 99.0 for k in (1, 2)}
    curved = net.replace(gen=unit(net, row, **shift, **other))
    problem = scopf.build(curved, criterion="none")
    found = scopf.solve(problem)
    (one,) = problem.opf.curves.sides
    assert abs(one.b[0]) < 0.6
    price = found.gens[f"mu_curve_{side}_per_mvarh"][row] * net.base_mva

    def moved(by):
        ends = {f"qc{k}{side}": shift[f"qc{k}{side}"] + by for k in (1, 2)}
        return curved.replace(gen=unit(curved, row, **ends))

    assert price > 1e-2
    assert -way * slope(moved) == pytest.approx(price, rel=2e-3)


def test_a_curve_outside_the_box_is_no_row():
    net = scopf.load_case("case39")
    wide = {"pc1": 0.0, "pc2": 9.0, "qc1min": -99, "qc2min": -99, "qc1max": 99, "qc2max": 99}
    problem = scopf.build(net.replace(gen=unit(net, 0, **wide)))
    assert "gen_curve_max" not in problem.formulation


@pytest.mark.parametrize("qmin", [-0.2, 0.3])
def test_a_dispatchable_load_keeps_its_power_factor_and_is_no_inverter(qmin):
    net = scopf.load_case("case118")
    row = 1
    limits = {"qmin": min(qmin, 0), "qmax": max(qmin, 0)}
    values = {"pmin": -0.5, "pmax": 0.0, **limits, "constant_pf": True}
    net = net.replace(gen=unit(net, row, **values, cost_p=[0.0, 5000.0, 0.0]))
    found = solved(net)
    p, q = found.point.pg[row], found.point.qg[row]
    assert p == pytest.approx(-0.5, abs=1e-5)  # worth 50 per MWh, which is above the price
    assert q == pytest.approx(p * qmin / -0.5, abs=1e-7)
    at = net.bus_positions([net.gen.bus[row]])[0]
    benefit = found.buses["lmp_p_per_mwh"][at] + found.buses["lmp_q_per_mvarh"][at] * qmin / -0.5
    assert found.gens["mu_p_min_per_mwh"][row] == pytest.approx(50 - benefit, rel=1e-4)
    assert net.gen.bus[row] not in scopf.Inverters.at_generators(net).bus
    with pytest.raises(scopf.CaseError, match="only a dispatchable load"):
        scopf.Inverters.at_generators(net, buses=[int(net.gen.bus[row])])


@pytest.mark.parametrize("case", ["case14", "case39", "case300"])
def test_constant_current_loads_draw_with_the_voltage(case):
    net = scopf.load_case(case)
    share = {"pd": 0.7 * net.bus.pd, "qd": 0.5 * net.bus.qd}
    share |= {"pd_current": 0.3 * net.bus.pd, "qd_current": 0.5 * net.bus.qd}
    mixed = net.replace(bus=share)
    found = solved(mixed)
    drawn = (0.7 + 0.3 * found.point.vm) * net.bus.pd * net.base_mva
    assert found.buses["p_load_mw"].to_numpy() == pytest.approx(drawn)
    frozen = found.net.bus.demand(found.point.vm)
    fixed = solved(net.replace(bus={"pd": frozen[0], "qd": frozen[1]}))
    assert fixed.cost <= found.cost + 1e-6 * found.cost  # voltages are no longer a way to save load
    problem = scopf.build(mixed, criterion="none")
    scopf.solve(problem.update(load_scale=0.98))
    assert scopf.solve(problem).cost == pytest.approx(solved(mixed.scaled(load=0.98)).cost)


def test_exact_checks_know_constant_current_loads_and_dc_lines(caplog):
    net = scopf.load_case("case39").lossless()
    share = {"pd": 0 * net.bus.pd, "pd_current": net.bus.pd}
    line = dcline(4, 20, loss1=np.zeros(1), loss0=np.zeros(1))
    found = scopf.solve(scopf.build(net.replace(bus=share, dcline=line), criterion="C1"))
    exact = found.verify()
    assert "do not fit" not in caplog.text
    assert not exact.lossless
    unmet = " ".join(found.unmet)
    assert "constant-current" in unmet
    assert "1 DC line with an end" in unmet
    plain = net.replace(
        bus={"pd": found.net.bus.demand(found.point.vm)[0]}, dcline=found.net.dcline
    )
    point = found.point.vm, found.point.va
    same = scopf.dynamics.verification.verify(plain, found.inverter_data, *point, load=(1.0, 0.0))
    assert same.modes["real"].to_numpy() == pytest.approx(exact.modes["real"].to_numpy(), rel=1e-6)


def test_a_proof_says_what_it_takes_dc_lines_for():
    net = scopf.load_case("case39").lossless()
    for dc, said in ((net.dcline, "and loads of"), (dcline(4, 20), "and loads and DC lines of")):
        found = scopf.solve(scopf.build(net.replace(dcline=dc), criterion="weighted"))
        assert f"is proven for this network {said} constant power: stable" in str(found)


def test_every_start_fits_the_content():
    net = with_points(scopf.load_case("case39"), 6).replace(
        dcline=dcline(4, 20, pf=np.array([0.25]))
    )
    costs = [
        scopf.solve(scopf.build(net, criterion="none"), start=start).cost
        for start in ("dc", "flat", "middle", "power-flow")
    ]
    assert costs == pytest.approx([costs[0]] * 4, rel=1e-6)


# -- diagnosis -----------------------------------------------


def test_limits_of_such_content_are_named_when_they_conflict():
    net = scopf.load_case("case39")
    forced = {key: np.array([9.0]) for key in ("pmin", "pmax")}
    problem = scopf.build(net.replace(dcline=dcline(4, 20, **forced)), criterion="none")
    table = scopf.diagnose(problem, max_solves=40).limits
    assert table["limit"].str.startswith("DC line").any(), table


def test_needless_content_does_not_change_a_shortage():
    net = scopf.load_case("case9")
    load = {"pd": 0.4 * net.bus.pd * 4, "pd_current": 4 * net.bus.pd}
    problem = scopf.build(net.replace(bus=load), criterion="none")
    assert scopf.diagnose(problem).proven


# -- all of it -----------------------------------------------


def everything():
    """Case 39 with all of this content at once."""
    net = with_points(scopf.load_case("case39"), 5).replace(dcline=dcline(4, 20))
    load = {"pmin": -0.5, "pmax": 0.0, "qmin": -0.2, "qmax": 0.0, "constant_pf": True}
    gen, row = {}, len(net.gen)
    for name, column in vars(net.gen).items():
        gen[name] = np.concatenate([column, column[:1]])
    gen["id"][row], gen["bus"][row], gen["cost_p_points"][row] = row + 1, 7, np.nan
    gen["cost_p"][row] = [0.0, 4000.0, 0.0]
    for name, value in load.items():
        gen[name][row] = value
    for name, value in {"pc1": 0.0, "pc2": 10.0, "qc1max": 2.0, "qc2max": 0.5}.items():
        gen[name][1] = value
    gen["qc1min"][1] = gen["qc2min"][1] = -9.0
    share = {"pd": 0.8 * net.bus.pd, "pd_current": 0.2 * net.bus.pd, "qd_current": 0.1 * net.bus.qd}
    return net.replace(gen=type(net.gen)(**gen), bus=share)


@pytest.mark.parametrize("form", ["reduced", "lifted"])
@pytest.mark.parametrize("rendered", [False, True])
def test_all_content_at_once_in_every_form(form, rendered):
    problem = scopf.build(everything(), scopf.Inverters.at_generators(everything(), mq=0.2))
    assert "gen_power_factor" in problem.formulation
    assert "gen_curve_max" in problem.formulation
    if rendered:
        assert len(problem.model.gen_pg_segment) > 10
    solution = scopf.solve(problem, form=form)
    assert solution.status == "optimal"
    again = scopf.solve(problem, form=form, start=solution)
    assert again.cost == pytest.approx(solution.cost, rel=1e-8)
    table = solution.accuracy.table.set_index("check")
    for check in ("gen_pg_segment", "gen_curve_max", "gen_power_factor", "dcline_pf", "cost"):
        assert table["error"][check] < 1e-6
    assert set(solution.tables) >= {"dclines", "gens"}


def test_the_checks_see_what_a_point_breaks():
    problem = scopf.build(everything(), criterion="none")
    solution = scopf.solve(problem)
    nlp = compiled(problem, False)
    f, x = problem.formulation, solution.iterate.x.copy()
    before = cost(problem, problem.opf.point(problem.reduction))
    for name, broken in {
        "dcline_pf": "bus_balance_p", "dcline_qt": "bus_balance_q", "gen_qg": "gen_power_factor",
        "gen_pg_level": "gen_pg_segment",
    }.items():  # fmt: skip
        moved = x.copy()
        moved[nlp.columns(name)[-1]] -= 0.05
        nlp.load_point(moved)
        found = {
            one.name: one.violation
            for one in families(
                problem, nlp, moved, solution.stability, problem.opf.point(problem.reduction)
            )
        }
        assert found[broken] > 0.01, name
    nlp.load_point(x)
    assert cost(problem, problem.opf.point(problem.reduction)) == pytest.approx(before)
    assert f["dcline_pf"].value[0] == pytest.approx(solution.point.dclines[0, 0])
