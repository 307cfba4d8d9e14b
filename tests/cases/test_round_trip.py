"""A network at its optimum through each format: the same optimum and prices again."""

import pytest

import scopf
from tests.operating_points import NETWORKS, solution, solved

FORMATS = {"m": ".m", "json": ".json", "raw 33": ".raw", "raw 35": ".raw"}
NOT_IN_M = ["constant current"]
ALL = [(name, kind) for name in NETWORKS for kind in FORMATS if kind != "m" or name not in NOT_IN_M]
AT_BUSES = ("vm", "va_deg", "p_load_mw", "q_load_mvar", "lmp_p_per_mwh", "lmp_q_per_mvarh")


def written(sol, folder, kind):
    """Path of the network of a solution in a format."""
    path = folder / f"grid{FORMATS[kind]}"
    options = {"revision": int(kind[4:])} if kind.startswith("raw") else {}
    scopf.save_case(sol.net, path, **options)
    return path


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_the_optimum_and_the_prices_are_the_same(tmp_path, name, kind):
    sol = solution(name)
    again = solved(scopf.load_case(written(sol, tmp_path, kind)))
    assert again.cost == pytest.approx(sol.cost, rel=1e-7)
    one, other = (found.buses.set_index("bus").sort_index() for found in (sol, again))
    assert one.index.equals(other.index)
    for column in AT_BUSES:
        assert other[column].to_numpy() == pytest.approx(
            one[column].to_numpy(), rel=1e-4, abs=2e-3
        ), column
    powers = [f.gens.groupby("bus")["p_mw"].sum() for f in (sol, again)]
    assert powers[1].to_numpy() == pytest.approx(powers[0].to_numpy(), rel=1e-4, abs=2e-2)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_set_points_and_voltages_are_in_the_file(tmp_path, name, kind):
    sol = solution(name)
    there, net = scopf.load_case(written(sol, tmp_path, kind)), sol.net
    for key, columns in (("bus", ("vm", "va", "pd", "qd")), ("gen", ("pg", "qg", "vg"))):
        for column in columns:
            values = [getattr(n.tables[key], column) for n in (net, there)]
            assert values[1] == pytest.approx(values[0], rel=1e-15, abs=0), column


@pytest.mark.parametrize("name", NOT_IN_M)
def test_what_a_format_cannot_hold_is_refused_by_name(tmp_path, name):
    with pytest.raises(scopf.CaseError, match="constant-current P load has no place"):
        written(solution(name), tmp_path, "m")
