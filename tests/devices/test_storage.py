"""Storage units: units and defaults of the table, every fault of it, and the table again."""

import contextlib
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.devices.storage import Storage


@pytest.fixture(scope="module")
def case9():
    return scopf.load_case("case9")


def read(net, **columns):
    return Storage.read(pd.DataFrame({"bus": [5], "p_mw": 50, "e_mwh": 100} | columns), net)


def faults(net, **columns):
    with pytest.raises(scopf.CaseError) as caught:
        read(net, **columns)
    return str(caught.value)


def columns_of(storage):
    return {
        key: values.tolist() if hasattr(values, "tolist") else values
        for key, values in vars(storage).items()
    }


def test_what_is_left_out_has_a_default(case9, caplog):
    caplog.set_level("INFO", logger="scopf")
    found = columns_of(read(case9))
    assert np.isnan(found.pop("mq")).all()
    assert found == {
        "id": [1], "bus": [5], "charge": [0.5], "discharge": [0.5], "energy": [1.0],
        "eta_c": [1.0], "eta_d": [1.0], "start": [0.5], "end": [0.5], "rating": [0.5],
        "qmin": [-0.5], "qmax": [0.5], "p_loss": [0.0], "r": [0.0], "base_mva": 100.0,
        "name": [""],
    }  # fmt: skip
    assert "storage without e0_mwh begins half full: at bus 5" in caplog.text


def test_all_columns(case9, tmp_path):
    path = tmp_path / "storage.csv"
    path.write_text(
        "storage,bus,name,p_mw,p_charge_mw,e_mwh,eta_c,eta_d,e0_mwh,e_end_mwh,s_mva,qmin_mvar,"
        "qmax_mvar,mq,p_loss_mw,r\n"
        "7,5,big one,70,50,100,0.8,0.9,20,free,100,-50,70,0.05,1,0.1\n"
        "9,5,,0,50,100,,,0,30,,,,,,\n"
    )
    storage = Storage.read(path, case9)
    found = columns_of(storage)
    assert len(storage) == 2
    assert storage.labels == ["storage 7 at bus 5", "storage 9 at bus 5"]
    assert found["name"] == ["big one", ""]
    for key, values in {
        "charge": [0.5, 0.5], "discharge": [0.7, 0], "energy": [1, 1], "eta_c": [0.8, 1],
        "eta_d": [0.9, 1], "start": [0.2, 0], "rating": [1, 0.5], "qmin": [-0.5, -0.5],
        "qmax": [0.7, 0.5], "p_loss": [0.01, 0], "r": [0.1, 0],
    }.items():  # fmt: skip
        assert found[key] == values, key
    assert np.isnan(storage.end[0])
    assert storage.end[1] == 0.3
    assert storage.mq[0] == 0.05
    assert np.isnan(storage.mq[1])
    assert storage.take(np.array([False, True])).id.tolist() == [9]


def test_numbers_cannot_be_written_to(case9):
    storage = read(case9)
    for one in (storage, pickle.loads(pickle.dumps(storage))):
        with pytest.raises(ValueError, match="read-only"):
            one.energy[0] = 2


# -- faults -----------------------------------------------


def test_all_faults_are_said_at_once(case9):
    text = faults(
        case9,
        bus=[5, 55, 7, 9, 4],
        p_mw=[50, 50, -1, 0, None],
        e_mwh=[100, 100, 0, 100, 100],
        eta_c=[1.01, 1, 0, 1, 1],
        e0_mwh=[1, 200, 1, 101, 1],
        e_end_mwh=["full", 1, -1, 102, "FREE"],
        storage=[1, 2, 3, 2, 0.5],
        mq=[0, 1, 1, 1, 1],
    )
    for part in (
        "storage: 15 faults",
        "eta_c row 1 (bus 5): must be a number above 0 and at most 1, got 1.01",
        "e_end_mwh row 1: `full` is neither a finite number nor the word free",
        "mq row 1 (bus 5): must be a positive number, got 0",
        "bus row 2 (bus 55): there is no such bus in case9",
        "p_mw row 3 (bus 7): must be a number, not negative, got -1 MW",
        "e_mwh row 3 (bus 7): must be a positive number, got 0 MWh",
        "e_end_mwh row 3: must be a number, not negative, got -1 MWh",
        "p_mw row 4 (bus 9): it can neither charge nor discharge: p_mw is 0",
        "e0_mwh row 4 (bus 9): 101 MWh are more than e_mwh, 100 MWh",
        "e_end_mwh row 4 (bus 9): 102 MWh are more than e_mwh, 100 MWh",
        "storage row 4 (bus 9): the number 2 occurs twice",
        "p_mw row 5: the p_mw is missing",
        "storage row 5: `0.5` is not a whole number",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"e0": 5}, "unknown column e0; known are bus, storage, name, p_mw"),
        ({"e0_mwh": 100.5}, "e0_mwh row 1 (bus 5): 100.5 MWh are more than e_mwh, 100 MWh"),
        ({"bus": [None]}, "bus row 1: the bus is missing"),
        ({"p_mw": [None]}, "p_mw row 1: the p_mw is missing"),
        ({"e_mwh": "inf"}, "`inf` is not a finite number"),
        ({"qmin_mvar": 3, "qmax_mvar": 2}, "qmin_mvar 3 MVAr > qmax_mvar 2 MVAr"),
        ({"qmin_mvar": 51, "qmax_mvar": 60}, "no Q between 51 and 60 MVAr is within s_mva, 50"),
        ({"p_loss_mw": -1}, "must be a number, not negative, got -1 MW"),
        ({"r": -1}, "must be a number, not negative, got -1"),
        ({"s_mva": 0}, "must be a positive number, got 0 MVA"),
        ({"bus": []}, "storage: 1 fault\n  has no rows"),
    ],
)
def test_what_is_no_storage_is_said(case9, columns, said):
    assert said in faults(case9, **columns)


def test_a_table_has_powers_and_energies(case9):
    with pytest.raises(scopf.CaseError, match="has no column p_mw, e_mwh"):
        Storage.read(pd.DataFrame({"bus": [5]}), case9)


def test_a_bus_that_is_out_of_service_has_no_storage(case9):
    kind = np.where(case9.bus.id == 5, 4, case9.bus.type)
    ends = np.isin([case9.branch.from_bus, case9.branch.to_bus], 5).any(axis=0)
    net = case9.replace(bus={"type": kind}, branch={"in_service": case9.branch.in_service & ~ends})
    for one in (net, net.energized()):
        assert "bus row 1 (bus 5): the bus is out of service" in faults(one)
        with pytest.raises(scopf.CaseError, match=r"at bus 5\): the bus is out of service"):
            Storage.read(read(case9), one)


@pytest.mark.parametrize("given", [3, None, [{"bus": 5}], {"bus": [5]}])
def test_what_is_no_table_at_all(case9, given):
    with pytest.raises(scopf.ScopfError, match="storage must be a CSV file or a DataFrame"):
        Storage.read(given, case9)


# -- again -----------------------------------------------


def test_storage_stays_what_it_is_on_the_same_base(case9):
    storage = read(case9)
    assert Storage.read(storage, case9) is storage
    other = scopf.Network("other", 10.0, case9.bus, case9.gen, case9.branch)
    with pytest.raises(scopf.ScopfError, match="per unit on 100 MVA, the network on 10 MVA"):
        Storage.read(storage, other)


_SIZE = st.floats(1e-3, 1e6)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.floats(0.1, 1000), st.integers(1, 3))
def test_the_table_makes_the_same_storage_through_json(case9, data, base, count):
    net = scopf.Network("other", base, case9.bus, case9.gen, case9.branch)

    def column(values):
        return data.draw(st.lists(values, min_size=count, max_size=count))

    energy = np.array(column(_SIZE))
    table = {
        "bus": column(st.sampled_from([1, 5, 9])), "p_mw": column(_SIZE),
        "p_charge_mw": column(st.none() | _SIZE), "e_mwh": energy,
        "e0_mwh": energy * column(st.floats(0, 1)), "eta_c": column(st.floats(0.1, 1)),
        "e_end_mwh": column(st.sampled_from(["free", 0.0, None])), "s_mva": column(_SIZE),
        "mq": column(st.none() | _SIZE), "p_loss_mw": column(st.floats(0, 10)),
        "r": column(st.floats(0, 1)), "name": column(st.sampled_from(["", "a", "b c"])),
    }  # fmt: skip
    storage = Storage.read(pd.DataFrame(table), net)
    text = json.dumps(storage.frame().to_dict("list"))
    again = Storage.read(pd.DataFrame(json.loads(text)), net)
    for key, values in vars(storage).items():
        assert np.array_equal(values, getattr(again, key), equal_nan=key in ("mq", "end")), key


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["bus", "p_mw", "e_mwh", "e0_mwh", "e_end_mwh", "mq", "storage", "x"]),
        st.lists(
            st.sampled_from([5, 0, -1, 1e300, "free", "x", None, True, 2.5]), min_size=2, max_size=2
        ),
    )
)
def test_any_table_is_read_or_refused_in_a_sentence(case9, table):
    with contextlib.suppress(scopf.ScopfError):
        assert len(Storage.read(pd.DataFrame(table), case9)) > 0


def test_storage_beside_an_inverter_keeps_its_current_limit():
    net = scopf.load_case("case9")
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    inverters = inverters.replace(imax=np.array([0.6, np.nan, 0.6]), rating=np.ones(3))
    row = {"p_mw": 20, "e_mwh": 40, "s_mva": 25, "mq": 0.1}
    storage = pd.DataFrame([{"bus": bus, **row} for bus in (1, 2, 5)])
    problem = scopf.build(net, inverters, hours=[0.9], storage=storage)
    limits = dict(zip(problem.inverters.bus.tolist(), problem.inverters.imax, strict=True))
    assert limits.pop(1) == pytest.approx((0.6 * 100 + 25) / 125)
    assert limits.pop(3) == 0.6
    assert {*limits} == {2, 5}
    assert np.isnan([*limits.values()]).all()
