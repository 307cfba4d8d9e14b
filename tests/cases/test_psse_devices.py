"""FACTS devices and induction machines at their set points."""

import numpy as np
import pytest

import scopf
from scopf.cases.psse.circuit import Circuit
from tests.cases.test_psse import MACHINE, read, refused, small


def facts(name="F1", i=2, j=0, mode=1, p=0.0, q=0.0, shmx=50.0, z=(0.0, 0.0), vset=1.015):
    r, x = z
    return (
        f'"{name}",{i},{j},{mode},{p},{q},{vset},{shmx},100.0,0.9,1.1,1.0,0.0,0.05,100.0,1,{r},{x}'
        ',0,0,""'
    )


# -- FACTS devices -----------------------------------------------


def test_a_shunt_part_is_a_unit_of_reactive_power(tmp_path, caplog):
    rows = [facts(), facts("off", mode=0), facts("none", shmx=0.0)]
    net = read(tmp_path, small(facts_device=rows))
    gen = net.gen
    assert gen.name.tolist() == ["1 '1'", "FACTS 'F1'", "FACTS 'off'"]
    assert gen.in_service.tolist() == [True, True, False]
    assert gen.bus.tolist() == [1, 2, 2]
    assert (gen.pmin[1], gen.pmax[1]) == (0, 0)
    assert not np.hstack([gen.cost_p[1], gen.cost_q[1]]).any()
    assert (gen.qmin[1], gen.qmax[1], gen.vg[1], gen.mbase[1]) == (-0.5, 0.5, 1.015, 50.0)
    (said,) = net.approximations
    assert "units without active power" in said
    assert "'F1' (50 MVAr)" in said
    assert said in caplog.text


def test_a_unit_of_reactive_power_supplies_some(tmp_path):
    """Losses are least where the reactive load of bus 3 comes from its own bus."""
    text = small(load=["3,'1',1,1,1,20,15"], facts_device=[facts(i=3)])
    net = read(tmp_path, text)
    solution = scopf.solve(scopf.build(net, criterion="none"))
    assert solution.solved
    assert abs(solution.gens.p_mw.iloc[1]) < 1e-6
    assert 5 < solution.gens.q_mvar.iloc[1] <= 50


@pytest.mark.parametrize(("mode", "z"), [(2, 1e-4j), (3, 0.01 + 0.03j)])
def test_a_series_part_is_no_impedance_or_that_of_its_set_point(tmp_path, mode, z):
    rows = [facts(j=3, mode=mode, z=(0.01, 0.03))]
    net = read(tmp_path, small(facts_device=rows))
    branch = net.branch
    assert branch.name[-1] == "FACTS 'F1'"
    assert (branch.from_bus[-1], branch.to_bus[-1]) == (2, 3)
    assert complex(branch.r[-1], branch.x[-1]) == pytest.approx(z)
    assert len(net.gen) == 2
    assert any("series parts of" in said and "'F1'" in said for said in net.approximations)


@pytest.mark.parametrize("dispatch", [False, True])
def test_a_series_part_that_controls_transfers_its_set_point(tmp_path, dispatch):
    """Bus 3 gets 20 MW and 5 MVAr from bus 2, whatever LINX, and no line goes there."""
    text = small(
        transformer=[], load=["3,'1',1,1,1,20,5"], facts_device=[facts(j=3, p=20.0, q=5.0)]
    )
    net = read(tmp_path, text, dispatch_dc=dispatch)
    line = net.dcline
    assert line.name.tolist() == ["F1"]
    assert (line.pf[0], line.pmin[0], line.pmax[0]) == (0.2, 0.2, 0.2)
    assert (line.qmint[0], line.qmaxt[0], line.qmaxf[0]) == (0.05, 0.05, 0.0)
    assert line.received(line.pf)[0] == 0.2
    assert len(net.branch) == 1
    back = read(tmp_path, small(facts_device=[facts(j=3, p=-20.0)]), dispatch_dc=dispatch).dcline
    assert (back.pf[0], back.pmin[0], back.pmax[0]) == (-0.2, -0.2, -0.2)


@pytest.mark.parametrize("mode", range(4, 9))
def test_series_parts_of_other_modes_are_refused(tmp_path, mode):
    text = small(facts_device=[facts(j=3, mode=mode)])
    (said,) = refused(tmp_path, text)
    assert f"FACTS data, line 28 ('F1'): a series part of MODE {mode} is not repres" in said
    net = read(tmp_path, text, ignore_unsupported=True)
    assert net.approximations[0].startswith("ignored: FACTS data")


def test_unknown_buses_of_devices_are_faults_of_their_records(tmp_path):
    found = refused(tmp_path, small(facts_device=[facts(i=7), facts("F2", i=2, j=8, p=1.0)]))
    assert any(said.startswith("FACTS data, line 28 ('F1'): ") for said in found)
    assert any(said.startswith("FACTS data, line 29 ('F2'): ") for said in found)


def test_machines_with_one_identifier_are_refused(tmp_path):
    (said,) = refused(tmp_path, small(generator=MACHINE * 2))
    assert "occurs twice" in said


# -- induction machines -----------------------------------------------


def by_mesh(slip, circuit):
    """Power drawn and mechanical power of a machine of two cages, from its three meshes."""
    c = circuit
    stator, magnetizing = c.ra + 1j * c.xa, 1j * c.xm
    cages = c.r1 / slip + 1j * c.x1, c.r2 / slip + 1j * c.x2
    shared = magnetizing + 1j * c.x3
    meshes = np.array(
        [
            [stator + magnetizing, -magnetizing, -magnetizing],
            [-magnetizing, shared + cages[0], shared],
            [-magnetizing, shared, shared + cages[1]],
        ]
    )
    currents = np.linalg.solve(meshes, [1.0, 0.0, 0.0])
    losses = abs(currents[1]) ** 2 * cages[0].real + abs(currents[2]) ** 2 * cages[1].real
    return currents[0].conjugate(), losses * (1 - slip)


@pytest.mark.parametrize("slip", [-0.02, -0.004, 0.001, 0.012, 0.03])
@pytest.mark.parametrize("mechanical", [False, True])
def test_the_power_of_a_circuit_is_that_of_its_meshes(slip, mechanical):
    circuit = Circuit(0.01, 0.08, 3.0, 0.05, 0.1, 0.02, 0.25, 0.03)
    drawn, shaft = by_mesh(slip, circuit)
    found = circuit.power(shaft if mechanical else drawn.real, mechanical)
    assert found == pytest.approx(drawn, rel=1e-4)


@pytest.mark.parametrize("mechanical", [False, True])
@pytest.mark.parametrize("scheduled", [-1.0, -0.9, -0.4, 0.3, 0.9, 0.95])
def test_the_slip_of_two_cages_is_the_one_before_the_first_peak(scheduled, mechanical):
    """With a deep bar the power has a second peak, near standstill."""
    circuit = Circuit(0.0443, 0.0802, 2.155, 0.139, 0.0704, 0.00566, 0.333, 0.0322)
    slips = np.linspace(1e-6, 0.02, 4001) * np.sign(scheduled)
    drawn, shaft = np.transpose([by_mesh(slip, circuit) for slip in slips])
    active = (shaft if mechanical else drawn).real
    k = int(np.abs(active[: int(np.abs(active).argmax()) + 1] - scheduled).argmin())
    assert abs(active[k] - scheduled) < 1e-3
    assert circuit.power(scheduled, mechanical) == pytest.approx(drawn[k], abs=5e-3)


def machine(bus=2, status=1, mbase=10.0, pcode=2, pset=5.0, parameters=""):
    return f'{bus},"1 ",{status},1,2,1,1,1,1,1,{mbase},4.16,{pcode},{pset},1,1,1,1,1{parameters}'


def test_machines_draw_the_power_of_their_circuits(tmp_path):
    own = ",0.01,0.08,3.0,0.05,0.1,0.02,0.25,0.03"
    rows = [machine(parameters=own), machine(3, pset=-2.0), machine(3, status=0)]
    net = read(tmp_path, small(induction_machine=[rows[0], rows[1].replace('"1 "', '"2 "')]))
    assert net.bus.pd[1:] * 100 == pytest.approx([5.0, -2.0], rel=1e-4)
    circuit = Circuit(0.01, 0.08, 3.0, 0.05, 0.1, 0.02, 0.25, 0.03)
    assert net.bus.qd[1] * 100 == pytest.approx(10 * circuit.power(0.5, False).imag)
    assert net.bus.qd[2] * 100 == pytest.approx(10 * Circuit().power(-0.2, False).imag)
    (said,) = net.approximations
    assert "2 induction machines are a load of constant power" in said
    assert "3 '2' (-2 MW, " in said
    assert said.count("typical motor") == 1
    off = read(tmp_path, small(induction_machine=[rows[2]]))
    assert not off.approximations
    assert not off.bus.pd.any()


def test_cages_of_999_are_none(tmp_path):
    """PSS/E writes 999 where the design code stands for the parameters."""
    net = read(tmp_path, small(induction_machine=[machine(parameters=",0,0,2.5" + ",999" * 4)]))
    assert net.bus.qd[1] * 100 == pytest.approx(10 * Circuit().power(0.5, False).imag)
    (said,) = net.approximations
    assert said.startswith("1 induction machine is a load of constant power")
    assert "typical motor" in said


def test_mechanical_power_is_less_than_what_is_drawn(tmp_path):
    net = read(tmp_path, small(induction_machine=[machine(pcode=1)]))
    assert 5.1 < net.bus.pd[1] * 100 < 5.5
    assert net.bus.qd[1] * 100 == pytest.approx(10 * Circuit().power(0.5, True).imag)


def test_what_no_circuit_carries_is_refused(tmp_path):
    (said,) = refused(tmp_path, small(induction_machine=[machine(pset=100.0)]))
    assert "(2 '1'): PSET 100 MW is more than its circuit can carry" in said
    (said,) = refused(tmp_path, small(induction_machine=[machine(parameters=",0,0,0.0,0.02,0.2")]))
    assert "XM must not be zero" in str(said)
    (said,) = refused(tmp_path, small(induction_machine=[machine(mbase=-1.0)]))
    assert "MBASE -1 must be positive" in said
    (said,) = refused(tmp_path, small(induction_machine=[machine(bus=7)]))
    assert "unknown bus 7" in said
