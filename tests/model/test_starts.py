"""Start points: bounds, power balances, and the power flows against other ways to them."""

import logging

import numpy as np
import pandapower
import pytest
from pandapower.converter.pypower import from_ppc

import scopf
from scopf.cases import bundled
from scopf.model.starts import STARTS, dc, flat, middle, power_flow
from scopf.network.tables import REFERENCE


@pytest.fixture(params=["case9", "case14", "case39", "case118"])
def net(request):
    return scopf.load_case(request.param)


def opened(net):
    """The network without the limits that would clip its power flow."""
    n, g = len(net.bus), len(net.gen)
    bus = {"vmin": np.full(n, 0.5), "vmax": np.full(n, 1.5)}
    far = np.full(g, np.inf)
    return net.replace(bus=bus, gen={"qmin": -far, "qmax": far, "pmax": net.gen.pmax + 3})


def shifted(net):
    """The network with every third branch a transformer that changes ratio and phase."""
    rng, m = np.random.default_rng(3), len(net.branch)
    these = np.arange(m) % 3 == 1
    changes = {
        "shift": np.where(these, rng.uniform(-0.1, 0.1, m), net.branch.shift),
        "tap": np.where(these, rng.uniform(0.95, 1.05, m), net.branch.tap),
        "b": np.where(these, 0.0, net.branch.b),  # pandapower's transformers have no charging
    }
    return net.replace(branch=changes)


def two_references(net):
    """The network with a second reference bus, at another angle."""
    kind, va = net.bus.type.copy(), net.bus.va.copy()
    other = net.gen_at[net.bus.type[net.gen_at] != REFERENCE][0]
    first = np.flatnonzero(kind == REFERENCE)[0]
    kind[other], va[other] = REFERENCE, va[first] + 0.02
    return net.replace(bus={"type": kind, "va": va})


def mismatch(net, point):
    """What is missing at every bus: generation - load - flows, complex, per unit."""
    v = point["bus_vm"] * np.exp(1j * point["bus_va"])
    power = np.zeros(len(v), dtype=complex)
    np.add.at(power, net.gen_at, point["gen_pg"] + 1j * point["gen_qg"])
    return power - net.bus.pd - 1j * net.bus.qd - v * (net.ybus() @ v).conj()


def check(net, point):
    """Finite values, within the bounds, references at their angles."""
    assert list(point) == ["bus_vm", "bus_va", "gen_pg", "gen_qg"]
    bounds = {
        "bus_vm": (net.bus.vmin, net.bus.vmax),
        "bus_va": (np.full(len(net.bus), -np.inf), np.full(len(net.bus), np.inf)),
        "gen_pg": (net.gen.pmin, net.gen.pmax),
        "gen_qg": (net.gen.qmin, net.gen.qmax),
    }
    for name, (low, high) in bounds.items():
        values = point[name]
        assert values.shape == low.shape
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
        assert (values >= low).all(), name
        assert (values <= high).all(), name
    reference = net.bus.type == REFERENCE
    assert point["bus_va"][reference].tolist() == net.bus.va[reference].tolist()


# -- every start -----------------------------------------------


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("case", bundled.names())
def test_starts_of_bundled_cases_are_finite_and_within_the_bounds(case, start, caplog):
    caplog.set_level(logging.INFO, logger="scopf.model.starts")
    net = scopf.load_case(case).energized()
    check(net, STARTS[start](net))
    assert not caplog.text  # every one converges
    for variant in (shifted(net), two_references(net) if len(net.gen) > 1 else net):
        check(variant, STARTS[start](variant))


@pytest.mark.parametrize("start", STARTS)
def test_open_boxes_have_finite_starts(start):
    net = scopf.load_case("case14")
    low, high = net.gen.pmin.copy(), net.gen.pmax.copy()
    low[0], high[0], high[1], low[2] = -np.inf, np.inf, np.inf, -np.inf
    far = np.full(len(net.gen), np.inf)
    gen = {"pmin": low, "pmax": high, "qmin": -far, "qmax": far}
    net = net.replace(gen=gen, bus={"vmax": np.full(len(net.bus), np.inf)})
    point = STARTS[start](net)
    check(net, point)
    if start == "dc":
        assert point["gen_pg"].sum() == pytest.approx(net.bus.pd.sum(), rel=1e-12)
    if start == "power-flow":
        assert abs(mismatch(net, point)).max() < 1e-7


@pytest.mark.parametrize("start", STARTS)
def test_a_start_leaves_the_network_alone_and_is_the_same_again(start, net):
    before = net.replace()
    first, second = STARTS[start](net), STARTS[start](net)
    assert net == before
    for name, values in first.items():
        assert np.array_equal(values, second[name])


# -- flat and middle -----------------------------------------------


def test_flat_is_what_a_problem_starts_from(net):
    problem = scopf.build(net, criterion="none")
    point = flat(problem.net)
    for name, values in point.items():
        assert values.tolist() == [v.value for v in getattr(problem.model, name).values()], name


def test_middle_is_flat_but_for_voltages(net):
    point = middle(net)
    assert point["bus_vm"] == pytest.approx((net.bus.vmin + net.bus.vmax) / 2)
    for name in ("bus_va", "gen_pg", "gen_qg"):
        assert np.array_equal(point[name], flat(net)[name])


# -- DC power flow -----------------------------------------------


@pytest.mark.parametrize("variant", [lambda net: net, shifted, two_references])
def test_dc_angles_agree_with_a_dense_solve(net, variant):
    net = variant(net)
    point = dc(net)
    n = len(net.bus)
    matrix, right = np.zeros((n, n)), -net.bus.pd - net.bus.gs
    np.add.at(right, net.gen_at, point["gen_pg"])
    ends = zip(net.branch_from, net.branch_to, strict=True)
    b = 1 / (net.branch.x * net.branch.tap)
    for (f, t), weight, shift in zip(ends, b, net.branch.shift, strict=True):
        matrix[[f, t], [f, t]] += weight
        matrix[[f, t], [t, f]] -= weight
        right[[f, t]] += np.array([1, -1]) * weight * shift
    fixed = net.bus.type == REFERENCE
    matrix[fixed], right[fixed] = np.eye(n)[fixed], net.bus.va[fixed]
    assert point["bus_va"] == pytest.approx(np.linalg.solve(matrix, right), rel=1e-9, abs=1e-12)


def test_dc_dispatch_meets_the_load_from_the_case_s_point(net):
    gen, total = net.gen, net.bus.pd.sum() + net.bus.gs.sum()
    pg = dc(net)["gen_pg"]
    assert pg.sum() == pytest.approx(total, rel=1e-12)
    moved = pg - np.clip(gen.pg, gen.pmin, gen.pmax)
    assert (moved >= -1e-12).all() or (moved <= 1e-12).all()


@pytest.mark.parametrize(("factor", "end"), [(50.0, "pmax"), (-50.0, "pmin")])
def test_dc_dispatch_stops_at_the_bounds(net, factor, end):
    net = net.replace(bus={"pd": factor * net.bus.pd, "qd": factor * net.bus.qd})
    assert dc(net)["gen_pg"] == pytest.approx(getattr(net.gen, end))


def test_a_singular_dc_power_flow_leaves_the_angles_flat_and_says_so(caplog):
    caplog.set_level(logging.INFO, logger="scopf.model.starts")
    net = scopf.load_case("two_bus_p")
    x = net.branch.x
    twice = {f: np.tile(getattr(net.branch, f), 2) for f in vars(net.branch) if f != "id"}
    branch = type(net.branch)(id=np.arange(1, 2 * len(x) + 1), **twice)
    net = net.replace(branch=branch).replace(branch={"x": np.concatenate([x, -x])})
    point = dc(net)
    check(net, point)
    assert np.ptp(point["bus_va"]) == 0
    assert "two_bus_p: the DC power flow is singular" in caplog.text


def test_a_branch_without_reactance_still_connects():
    net = scopf.load_case("case9")
    r, x = net.branch.r.copy(), net.branch.x.copy()
    r[0], x[0] = 0.05, 0.0
    for start in (dc, power_flow):
        check(net, start(net.replace(branch={"r": r, "x": x})))


# -- AC power flow -----------------------------------------------


@pytest.mark.parametrize("variant", [lambda net: net, shifted, two_references])
def test_power_flow_balances_every_bus(net, variant):
    net = opened(variant(net))
    assert abs(mismatch(net, power_flow(net))).max() < 1e-7


def test_power_flow_holds_the_set_points_within_the_bounds(net):
    vm = power_flow(net)["bus_vm"][net.gen_at]
    low, high = net.bus.vmin[net.gen_at], net.bus.vmax[net.gen_at]
    assert vm == pytest.approx(np.clip(net.gen.vg, low, high), abs=1e-12)


def test_power_flow_shares_the_losses(net):
    """The dispatch covers load and losses; the reference bus is left with next to nothing."""
    net = opened(net)
    start, point = dc(net), power_flow(net)
    losses = point["gen_pg"].sum() - net.bus.pd.sum() - net.bus.gs.sum()
    moved = point["gen_pg"] - start["gen_pg"]
    at_reference = net.bus.type[net.gen_at] == REFERENCE
    assert losses > 0.01
    assert abs(moved[at_reference].sum()) < 0.9 * losses


def test_units_of_one_bus_share_its_reactive_power_by_their_ranges():
    net = opened(scopf.load_case("case9"))
    gen = net.gen
    columns = {f: np.append(getattr(gen, f), getattr(gen, f)[-1:], axis=0) for f in vars(gen)}
    columns |= {"id": np.append(gen.id, 9), "pg": np.append(gen.pg, 0.0)}
    columns |= {"qmin": np.array([-9.0, -9, -3, -1]), "qmax": np.array([9.0, 9, 3, 1])}
    both = net.replace(gen=type(gen)(**columns))
    point = power_flow(both)
    assert abs(mismatch(both, point)).max() < 1e-7
    assert point["gen_qg"][2] == pytest.approx(3 * point["gen_qg"][3])
    assert abs(point["gen_qg"][2]) > 1e-3


def test_a_reference_bus_without_units_keeps_its_angle():
    net = opened(scopf.load_case("case9"))
    kind = np.where(net.bus.type == REFERENCE, 2, net.bus.type)
    kind[~np.isin(np.arange(len(kind)), net.gen_at)] = 1
    empty = np.flatnonzero(kind == 1)[0]
    kind[empty] = REFERENCE
    net = net.replace(bus={"type": kind, "va": np.where(kind == REFERENCE, 0.3, 0.0)})
    point = power_flow(net)
    check(net, point)
    assert point["bus_va"][empty] == 0.3
    assert abs(mismatch(net, point)).max() < 1e-7


def test_a_power_flow_without_solution_falls_back_and_says_so(net, caplog):
    caplog.set_level(logging.INFO, logger="scopf.model.starts")
    net = net.scaled(load=20.0)
    point = power_flow(net)
    for name, values in dc(net).items():
        assert np.array_equal(point[name], values)
    assert f"{net.name}: the power flow does not converge" in caplog.text


@pytest.mark.filterwarnings("ignore::FutureWarning:pandapower")
@pytest.mark.parametrize("variant", [lambda net: net, shifted])
def test_power_flow_agrees_with_pandapower(net, variant):
    net = opened(variant(net))
    point = power_flow(net)
    other = from_ppc(_ppc(net, point["gen_pg"]), f_hz=60)
    pandapower.runpp(
        other, init="dc", calculate_voltage_angles=True, numba=False, tolerance_mva=1e-8
    )
    found = other.res_bus.sort_index()
    assert point["bus_vm"] == pytest.approx(found["vm_pu"].to_numpy(), abs=1e-7)
    reference = net.bus.va[net.bus.type == REFERENCE][0]
    va = np.radians(found["va_degree"].to_numpy())
    at = np.flatnonzero(net.bus.type == REFERENCE)[0]
    assert point["bus_va"] == pytest.approx(va - va[at] + reference, abs=1e-7)


def _ppc(net, pg):
    """The network in PYPOWER's format, buses numbered from 0."""
    bus, gen, branch, base = net.bus, net.gen, net.branch, net.base_mva
    n, g, m = len(bus), len(gen), len(branch)
    kind = np.where(np.isin(np.arange(n), net.gen_at), 2, 1)
    kind[bus.type == REFERENCE] = REFERENCE
    kv = np.full(n, 110.0)
    buses = [
        np.arange(n), kind, bus.pd * base, bus.qd * base, bus.gs * base, bus.bs * base,
        np.ones(n), np.ones(n), np.degrees(bus.va), kv, np.ones(n), bus.vmax, bus.vmin,
    ]  # fmt: skip
    at = net.gen_at
    set_point = np.clip(gen.vg, bus.vmin[at], bus.vmax[at])
    wide = np.full(g, 1e4)
    gens = [at, pg * base, np.zeros(g), wide, -wide, set_point, np.full(g, base), np.ones(g)]
    gens += [wide, -wide]
    ratio = np.where((branch.tap == 1) & (branch.shift == 0), 0.0, branch.tap)
    rate = np.full(m, 9999.0)
    branches = [
        net.branch_from, net.branch_to, branch.r, branch.x, branch.b, rate, rate, rate,
        ratio, np.degrees(branch.shift), np.ones(m), np.full(m, -360.0), np.full(m, 360.0),
    ]  # fmt: skip
    return {
        "version": "2",
        "baseMVA": base,
        "bus": np.column_stack(buses),
        "gen": np.column_stack(gens),
        "branch": np.column_stack(branches),
    }
