"""The criterion for networks with losses: its limits, its matrix, its prices and its claim."""

import numpy as np
import pytest

import scopf
from scopf.network.kron import Reduction
from scopf.network.powers import jacobian
from scopf.network.susceptances import Grid
from scopf.stability import registry
from scopf.stability.setting import Setting
from tests.small_networks import network, random_network
from tests.stability.test_criteria import Somewhere

LOSSY = ("lossy", "lossy-every-mp")
MQ = 6.0  # at which rows bind in the small network
CASE39 = scopf.load_case("case39")

# Losses of r/x .3, a shunt with conductance; inverters at 1, 3 and 4.
LINES = [
    (1, 2, 0.03, 0.1),
    (2, 3, 0.06, 0.2),
    (1, 3, 0.045, 0.15),
    (3, 4, 0.03, 0.1),
    (1, 3, 0.06, 0.2),
]
SMALL = network(4, LINES, [1, 3, 4], loads={2: 1.2 + 0.3j, 4: 0.6 + 0.2j}, shunts={2: 0.1 + 0.05j})


def limited(net=SMALL):
    """Bounds within which rows of m_q around 1 bind."""
    n, g = len(net.bus), len(net.gen)
    cost = np.array([[0.0, 100.0 + 30 * k, 10.0] for k in range(g)])
    return net.replace(
        bus={"vmin": np.full(n, 0.95), "vmax": np.full(n, 1.05)},
        gen={"cost_p": cost, "pmin": np.zeros(g), "pmax": np.full(g, 3.0)},
    )


def problem(name, net, mq, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    return scopf.build(net, inverters, criterion=name, **keywords)


def cost(made):
    solution = scopf.solve(made, options={"tol": 1e-10})
    assert solution.status == "optimal"
    return solution.cost


# -- limits -----------------------------------------------


@pytest.mark.parametrize(("name", "limit"), [("lossy", 0.2003), ("lossy-every-mp", 0.1959)])
def test_limits_of_39_buses_at_the_stored_point(name, limit):
    """Exact is .2049, M from b alone allows .2041."""
    net, criterion = CASE39.energized(), registry.get(name)
    grid, at = Grid.full(net), np.unique(net.gen_at)
    low, high = 0.1, 0.3
    for _ in range(12):
        k = np.full(len(grid), np.inf)
        k[at] = 0.5 * (low + high)
        held = criterion.slack(grid, k, net.bus.vm, net.bus.va).min() > 0
        low, high = (k[at[0]], high) if held else (low, k[at[0]])
    assert low == pytest.approx(limit, abs=1e-4)


@pytest.mark.parametrize("name", LOSSY)
def test_without_losses_it_is_weighted(name):
    net = limited().lossless()
    found = cost(problem(name, net, 12.0))
    assert found == pytest.approx(cost(problem("weighted", net, 12.0)), rel=1e-7)
    assert found > cost(problem("none", net, 12.0)) * (1 + 1e-5)


def test_pairs_without_a_proof_are_refused_and_named():
    turned = SMALL.replace(branch={"shift": np.array([0, 0, 0, np.deg2rad(150), 0])})
    capacitive = SMALL.replace(branch={"x": np.array([0.1, 0.2, 0.15, -0.1, 0.2])})
    for net in (turned, capacitive):
        with pytest.raises(scopf.ScopfError, match=r"joins buses 3-4 is capacitive, or shifts"):
            problem("lossy", net, 1.0)


TWO = [(1, 2, 0.03, 0.1)]


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize(
    "net",
    [
        network(2, TWO, [1, 2], loads={1: 0.5 + 0.1j, 2: 0.6 + 0.1j}, name="two alike"),
        network(2, TWO, [1], loads={2: 0.6 + 0.1j}, shunts={1: 0.1}, name="one with a shunt"),
        network(3, TWO, [1, 3], loads={2: 0.6, 3: 0.2}, shunts={3: 0.1}, name="one alone").replace(
            bus={"type": np.array([3, 1, 3])}
        ),
    ],
    ids=lambda net: net.name,
)
def test_where_a_resistance_is_zero_there_is_a_solution(name, net):
    """R of the middle between two inverters that are alike, and of an inverter alone."""
    solution = scopf.solve(problem(name, limited(net), 2.0))
    assert solution.status == "optimal"
    assert solution.claim == "no growing real mode"
    assert solution.iterations < 60


def test_where_droops_are_far_below_their_limit_weights_do_not_run_away():
    """Nothing holds them there but their bounds; without these Ipopt stalls."""
    found = problem("lossy", scopf.load_case("pglib_opf_case118_ieee"), 1e-3)
    sol = scopf.solve(found)
    assert [attempt.status for attempt in sol.attempts] == ["optimal"]
    assert sol.cost == pytest.approx(97213.6076, abs=1e-3)  # of the plain OPF
    weights = [weight.value for weight in found.model.bus_log_weight.values()]
    assert max(map(abs, weights)) < 5  # the bounds, 10, are far


def test_the_claim_names_loads_of_constant_current():
    net = limited().replace(bus={"pd_current": np.array([0, 0.1, 0, 0])})
    said = str(scopf.solve(problem("lossy", net, 1.0)))
    assert "network and loads of constant power and constant current: no growing real mode" in said


# -- the matrix -----------------------------------------------


def matrix(net, vm, va, k, pi, f, mu, mu_shunt):
    """M out of its definition, dense, with numbers mu by pair and by bus."""
    n, v = len(net.bus), vm * np.exp(1j * va)
    y, between, own = net.admittances, {}, {}
    for e, (i, j) in enumerate(zip(net.branch_from.tolist(), net.branch_to.tolist(), strict=True)):
        for a, b, there, here in (
            (i, j, y.gft[e] + 1j * y.bft[e], y.gff[e]),
            (j, i, y.gtf[e] + 1j * y.btf[e], y.gtt[e]),
        ):
            between[a, b] = between.get((a, b), 0) + there
            own[a, b] = own.get((a, b), 0) + here
    by = jacobian(net.ybus(), vm, va).toarray()
    dq = by[n:, n:] * vm  # by ln V
    m = np.diag(pi * (vm / k + vm * net.bus.qd_current))
    m += 0.5 * (pi[:, None] * dq + (pi[:, None] * dq).T)
    for (i, j), there in between.items():
        if i > j:
            continue
        t_ij = np.conj(there) * v[i] * np.conj(v[j])
        t_ji = np.conj(between[j, i]) * v[j] * np.conj(v[i])
        x_i, x_j, h, one = np.zeros(n), np.zeros(n), np.zeros(n), np.eye(n)
        x_i += pi[i] * (t_ij.real * (one[i] + one[j]) + 2 * own[i, j] * vm[i] ** 2 * one[i])
        x_j += pi[j] * (t_ji.real * (one[i] + one[j]) + 2 * own[j, i] * vm[j] ** 2 * one[j])
        h = (x_i - x_j) / 2 + pi[i] * t_ij.real * one[i] - pi[j] * t_ji.real * one[j]
        alpha = -(pi[i] * t_ij.imag + pi[j] * t_ji.imag) / 2
        m -= np.outer(h, h) / (4 * (1 - f) * alpha)
        m -= np.outer(x_i + x_j, x_i + x_j) / (4 * mu[i, j])
    for bus in np.flatnonzero(net.bus.gs).tolist():
        m[bus, bus] -= (pi[bus] * 2 * net.bus.gs[bus] * vm[bus] ** 2) ** 2 / (4 * mu_shunt[bus])
    return m


@pytest.mark.parametrize("net", [SMALL, scopf.load_case("case30"), CASE39], ids=lambda n: n.name)
def test_rows_are_those_of_the_matrix(net):
    net = net.replace(bus={"qd_current": 0.1 * np.abs(net.bus.qd)}).energized()
    made, rng = problem("lossy", net, 0.3), np.random.default_rng(4)
    f, grid = made.formulation, made.setting.full.grid
    n, m = len(net.bus), len(grid.two_ports.start)
    vm, va = rng.uniform(0.95, 1.05, n), rng.uniform(-0.2, 0.2, n)
    pi, u, log_mu, log_rest = (
        rng.uniform(0.9, 1.1, n),
        rng.uniform(-0.1, 0.1, n),
        rng.uniform(-9, -6, m),
        -0.1,
    )
    values = {
        "bus_vm": vm,
        "bus_va": va,
        "bus_power_weight": pi,
        "bus_log_weight": u,
        "stability_mu": log_mu,
        "stability_rest": log_rest,
    }
    for name, value in values.items():
        f[name].value[:] = value
    mu_shunt = np.ones(n)
    if "stability_shunt_mu" in f:
        at = np.flatnonzero(net.bus.gs)
        f["stability_shunt_mu"].value[:] = -5.0
        mu_shunt[at] = np.exp(-5.0) / f["stability_bus_r"].values[at]
    pairs = zip(grid.two_ports.start.tolist(), grid.two_ports.end.tolist(), strict=True)
    mu = dict(zip(pairs, np.exp(log_mu) / f["stability_r"].values, strict=True))
    found = made.opf.stability.read(made.setting, Somewhere()).rows
    w, k = np.exp(u), made.setting.full.k
    ours = matrix(net, vm, va, k, pi, 1 - np.exp(log_rest), mu, mu_shunt) @ w
    assert (found.limit - found.value) * 2 * grid.scale * vm * pi * w == pytest.approx(
        ours, rel=1e-9, abs=1e-9
    )


# -- prices -----------------------------------------------


@pytest.mark.parametrize("name", LOSSY)
def test_prices_are_slopes_of_the_optimal_cost_with_losses(name):
    net = limited()
    made = problem(name, net, MQ)
    solution = scopf.solve(made, options={"tol": 1e-10})
    table = solution.inverters.set_index("bus")
    bus = int(table["dcost_dmq"].idxmax())
    assert table.loc[bus, "nssp_per_pu"] > 1
    assert cost(problem("weighted", net, MQ, droop_margin=0)) < solution.cost
    h = 1e-3 * MQ
    ahead, behind = (cost(made.update(mq={bus: MQ + step})) for step in (h, -h))
    made.update(mq=MQ)
    assert (ahead - behind) / (2 * h) == pytest.approx(table.loc[bus, "dcost_dmq"], rel=1e-3)
    assert table.loc[bus, "nssp_per_pu"] == pytest.approx(table.loc[bus, "dcost_dmq"] * MQ**2)
    prices = solution.buses.set_index("bus")
    for key, column in (("pd", "lmp_p_per_mwh"), ("qd", "lmp_q_per_mvarh")):
        step = np.array([0, 1e-4, 0, 0])
        costs = [
            cost(problem(name, net.replace(bus={key: getattr(net.bus, key) + s * step}), MQ))
            for s in (1, -1)
        ]
        slope = (costs[0] - costs[1]) / (2e-4 * net.base_mva)
        assert slope == pytest.approx(prices.loc[2, column], rel=1e-3, abs=1e-4)


# -- the claim -----------------------------------------------


def real_modes(net, inverters, vm, va):
    """Real eigenvalues of the dynamics but that of the common angle, from the powers alone."""
    n, at, g = len(net.bus), net.bus_positions(inverters.bus), len(inverters)
    rest = np.setdiff1d(np.arange(n), at)
    j = jacobian(net.ybus(), vm, va, net.bus.pd_current + 1j * net.bus.qd_current).toarray()
    keep, out = np.r_[at, n + at], np.r_[rest, n + rest]
    j = j[np.ix_(keep, keep)] - j[np.ix_(keep, out)] @ np.linalg.solve(
        j[np.ix_(out, out)], j[np.ix_(out, keep)]
    )
    mp, none, one = inverters.mp * inverters.beta_p, np.zeros((g, g)), np.eye(g)
    tp, tq, k = inverters.tau_p[:, None], inverters.tau_q[:, None], inverters.k[:, None]
    rows = [
        np.hstack([none, 314.0 * one, none]),
        np.hstack([-mp[:, None] * j[:g, :g] / tp, -one / tp, -mp[:, None] * j[:g, g:] / tp]),
        np.hstack([-k * j[g:, :g] / tq, none, -(one + k * j[g:, g:]) / tq]),
    ]
    values = np.linalg.eigvals(np.vstack(rows))
    values = np.delete(values, np.argmin(np.abs(values)))
    return values[np.abs(values.imag) < 1e-9].real


@pytest.mark.parametrize("name", LOSSY)
def test_no_real_mode_grows_where_rows_hold(name):
    criterion, rng = registry.get(name), np.random.default_rng(8)
    certified = growing = 0
    for _ in range(40):
        net, inverters, vm, va = random_network(
            rng, losses=rng.uniform(0, 0.5), everywhere=rng.random() < 0.5
        )
        inverters = inverters.replace(
            mq=10 ** rng.uniform(-2, 0.7, len(inverters)),
            mp=10 ** rng.uniform(-3, 0, len(inverters)),
        )
        if name == "lossy":
            inverters = inverters.replace(tau_p=np.full(len(inverters), 0.1))
        view = Setting(Reduction(net, net.bus_positions(inverters.bus)), inverters).full
        holds = criterion.slack(view.grid, view.k, vm, va).min() > 0
        grows = (real_modes(net, inverters, vm, va) > -1e-9).any()
        certified, growing = certified + holds, growing + grows
        assert not (holds and grows)
    assert certified > 10
    assert growing > 4
