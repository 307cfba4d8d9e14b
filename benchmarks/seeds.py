"""Files to begin with, for `benchmarks.fuzz` and the tests: accepted as they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import scopf
from benchmarks.mutations import Files
from scopf.cases import bundled, native

EXAMPLES = Path(__file__).resolve().parents[1] / "tests" / "data"
MACHINES = EXAMPLES / "dyr" / "machines.raw"
LARGEST = 20_000  # bytes of a file; larger ones take long and have nothing new

RICH = b"""function mpc = rich
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;
\t2\t1\t90\t30\t2\t19\t1\t1\t0\t12\t1\t1.1\t0.9;
\t5\t2\t10\t5\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t50\t0\t300\t-300\t1\t100\t1\t250\t10\t0\t200\t-30\t30\t-15\t15\t1\t2\t3\t4\t0.5;
\t5\t40\t0\t200\t-200\t1\t80\t1\t120\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;
\t5\t-5\t-2\t0\t-4\t1\t100\t1\t0\t-10\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;
];
mpc.branch = [
\t1\t2\t0.01\t0.1\t0.2\t250\t260\t0\t0\t0\t1\t-360\t360;
\t2\t5\t0.02\t0.2\t0\t0\t0\t0\t0.95\t30\t1\t-30\t45;
\t5\t1\t0.03\t0.3\t0.1\t100\t0\t0\t0\t0\t1\t0\t0;
];
mpc.gencost = [
\t1\t10\t5\t3\t0\t0\t100\t2500\t250\t7000;
\t2\t0\t0\t3\t0.11\t5\t150\t0\t0\t0;
\t1\t0\t0\t2\t-10\t-300\t0\t0\t0\t0;
\t2\t0\t0\t3\t0.2\t0\t0\t0\t0\t0;
\t1\t0\t0\t3\t-200\t400\t0\t0\t200\t400;
\t2\t0\t0\t1\t0\t0\t0\t0\t0\t0;
];
mpc.dcline = [
\t1\t5\t1\t10\t8.9\t0\t0\t1.01\t1\t-10\t10\t-10\t10\t-Inf\tInf\t1\t0.01;
\t2\t5\t0\t2\t1.96\t0\t0\t1\t1\t2\t10\t0\t0\t0\t0\t0\t0;
];
mpc.dclinecost = [
\t2\t0\t0\t2\t7.3\t0\t0\t0;
\t1\t0\t0\t2\t0\t0\t10\t50;
];
mpc.bus_name = {'a'; 'b ''c'; ''};
mpc.gen_name = {'x'; ''; 'y'};
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD] = idx_bus;
Vbase = mpc.bus(1, PD) * 1e3;
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""
TABLES = (
    b"bus,mq,beta_q,mp,beta_p,tau_p,tau_q,rating_mva,inverter\n30,.1,1,.05,1,.1,.1,900,1\n31,,,,,,,,0\n",
    b"gen,mq\n1,0.2\n2,0.3\n10,0.05\n",
    b"bus,mq # droops\n\n30,0.21\n32,\n 39 , 1e-2 \n",
    b'"bus","inverter"\r\n33,1\r\n34,0\r\n',
)
COSTS = (
    b"bus,id,c2,c1,c0\n101,1,0.02,20,0\n102,W2,,18,\n",
    b"bus,id,points,d2,pmin,pmax\n101,1,0:0 50:600 150:2400,0.1,30,140\n102,'1',,,0,50 # MW\n",
    b'"bus","c1"\r\n101,20\r\n',
)
DYNAMICS = (
    b"1 'GENCLS' 1 3.0 2.0 /\n1 'TGOV1' 1 .05 .5 1 0 2 7 0 /\n2 'GENCLS' A 0 0 /\n",
    b"1,GENSAL,2, 5.0,.04,.07,\n 3.4,0,1.05,.66,.3,.23,.13,.11,.33 / of hydro\n1 STAB2A 2 1 2 /\n",
    b"6 'REGFMA1' A 1 1 .02 .03 .02 1.5 1.2 0 1 0 .6 -.6 .01 .05 .01 .1 3 20 0 5.9 /\n",
)
_SPECS = (
    b"case = 'case9'\nlossless = [true, false]\n[mq]\n1 = [0.05, 0.1]\n2 = 0.06\n",
    b"case = 'case9'\ncriterion = ['none', 'weighted']\nmq = { geomspace = [0.01, 0.1, 3] }\n",
    b"case = 'case39'\ncombine = 'zip'\nmq = [0.1, 0.2]\nload_scale = [1, 1.02]\nchain = 2\n",
    b"case = 'case9'\noutage = [2, 3]\nmax_iter = 90\n[options]\nmu_init = 1e-3\n",
    b"case = 'case9'\n[[scenarios]]\neta_q = 0.1\nmq_2 = 0.2\n[[scenarios]]\neta_q = 0.2\n",
)
_LOADS = (
    b"step,all\n1,1.0\n2,1.02\n",
    b"5,7 # factors\n0.9,1\n1.1,1\n\n1.2,0\n",
)
_SCENARIOS = (
    b"eta_q,mq_2,criterion,outage\n0.1,0.2,none,\n0.2,,voltage-difference,4\n",
    b'"lossless","eta_q"\r\ntrue,0.1\r\nfalse,0.2 # the second\r\n',
)
_DROOPS = (b"gen,mq\n1,0.2\n2,0.3\n", b"bus,mq,rating_mva\n1,0.05,300\n3,,\n")
_OPTIONS = (
    b"# of a study\nmax_iter 90\ntol 1e-8\nmu_strategy adaptive # or monotone\n\n",
    b'print_level 0\nmu_init 1d-3\nnlp_scaling_method "gradient-based"\nlinear_solver mumps\n',
    b"mumps_mem_percent 1000\r\nacceptable_tol 1e-6\r\nexpect_infeasible_problem yes\r\n",
)


def cases(data: Iterable[Path] = ()) -> list[Files]:
    """MATPOWER files: one with everything, the bundled ones, and those in folders."""
    paths = [entry.path for entry in bundled.entries().values()]
    paths += _named("*.m", data)
    return [{"case.m": text} for text in [RICH] * 3 + _texts(paths)]


def raws(data: Iterable[Path] = ()) -> list[Files]:
    """PSS/E files."""
    return [{"case.raw": text} for text in _texts(_named("*.raw", data))]


def _named(pattern: str, data: Iterable[Path]) -> list[Path]:
    """Files of the tests that are accepted, and those in folders."""
    folders = (EXAMPLES, *data)
    paths = [path for folder in folders for path in sorted(Path(folder).rglob(pattern))]
    return [path for path in paths if path.parent != EXAMPLES / "refused"]


def _texts(paths: Iterable[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths if path.stat().st_size <= LARGEST]


def networks() -> list[Files]:
    """Networks in scopf's own format: everything that one can have, and plain ones."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.m")
        path.write_bytes(RICH)
        loads = {"pd_current": [0, 0.1, 0], "qd_current": [0, 0.05, -0.02]}
        table = pd.DataFrame({"gen": [1, 2], "device": ["avr", "gfm"], "ka": [20.0, None]})
        rich = scopf.load_case(path).replace(bus=loads, dynamics=table)
        for net in (rich, scopf.load_case("case9"), scopf.load_case("two_bus_q")):
            native.write(net, path)
            found.append({"case.json": path.read_bytes()})
    return found


def tables() -> list[Files]:
    """Tables of inverters, at generators of case39."""
    return [{"table.csv": text} for text in TABLES]


def costs() -> list[Files]:
    """Costs of machines of the PSS/E example."""
    return [{"costs.csv": text} for text in COSTS]


def dynamics() -> list[Files]:
    """Dynamics files of the machines of the PSS/E example that has such."""
    texts = [MACHINES.with_suffix(".dyr").read_bytes(), *DYNAMICS]
    return [{"case.dyr": text} for text in texts]


def specs() -> list[Files]:
    """Specs of sweeps, with and without tables that they name."""
    found: list[Files] = [{"study.toml": text} for text in _SPECS]
    for path in bundled.studies().values():
        text, beside = path.read_bytes(), path.parent.glob("*.csv")
        named = {one.name: one.read_bytes() for one in beside if one.name.encode() in text}
        found.append({"study.toml": text, **named})
    head = b"case = 'case9'\nmax_iter = 90\n"
    for key, files in (
        ("load_series", _LOADS), ("scenarios", _SCENARIOS), ("inverters", _DROOPS),
    ):  # fmt: skip
        named = head + f"{key} = '{key}.csv'\n".encode()
        found += [{"study.toml": named, f"{key}.csv": text} for text in files]
    return found


def options() -> list[Files]:
    """Files of Ipopt's options."""
    return [{"ipopt.opt": text} for text in _OPTIONS]
