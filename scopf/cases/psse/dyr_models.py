"""Models of a .dyr file that become devices: parameters in order, values, and what is left out.

Names and order of parameters are those of PSS/E's model library (REGFMA1: the test scripts of its
authors at PNNL for PSS/E 36). Values are per unit on MBASE.

A regulator becomes a gain with a lag, K_A / (1 + s T_A), that agrees with it at 1 Hz, where rotors
swing: leads, lags and rate feedback count by what they do there, so that K_A is the transient gain
where there is one. A governor becomes one that agrees with it in the steady state and to the first
order of s: its droop, and the sum of its lags less that of its leads, zero where that is negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scopf.devices.gfl import GFL
from scopf.devices.machine import CLASSICAL, ONE_AXIS

GFM = "gfm"
MACHINE, EXCITER, GOVERNOR = "machine", "exciter", "governor"
STIFF = 1e5  # s, the inertia of an infinite machine (H = 0)
_SHORTEST = 1e-3  # s, of a measurement without a lag
_SWING = 2 * math.pi  # rad/s, of the frequency at which a regulator agrees
_ROUNDING = 1e-12


class Parameters(dict[str, float]):
    """Parameters of a record by name, with MBASE (MVA) and ZX (p.u.) of its machine."""

    def positive(self, name: str) -> float:
        """One of them.

        Raises:
            ValueError: where it is not above zero.
        """
        if self[name] > 0:
            return self[name]
        raise ValueError(f"{name} must be a positive number, got {self[name]:g}")


@dataclass(frozen=True)
class Model:
    """A model of the library.

    Attributes:
        role: of its records: a machine has one of each.
        names: of the parameters that a record has at least, in order.
        values: columns of the table of devices; of an exciter `ka` and `ta`, of a governor `gain`
            (1/R, zero for none) and `tg`, with `d` for damping to be added. Raises a ValueError.
        device: kind of the device, or what it gives one.
        left_out: of the model, as a sentence says it.
        icons: numbers of whole parameters that may stand in front; () for those among `names`.
    """

    role: str
    names: tuple[str, ...]
    values: Callable[[Parameters], dict[str, Any]]
    device: str
    left_out: str
    icons: tuple[int, ...] = ()

    def first(self, count: int) -> int:
        """Place of the first of `names` in a record of so many parameters; -1 for too few."""
        if self.icons:
            fitting = (n for n in self.icons if count == n + len(self.names))
            return next(fitting, -1)
        return 0 if count >= len(self.names) else -1


# -- machines and inverters -------------------------------------------


def _one_axis(p: Parameters) -> dict[str, Any]:
    xd, xq, xd1 = (p.positive(name) for name in ("Xd", "Xq", "X'd"))
    if xq > xd:
        raise ValueError(f"Xq {xq:g} is above Xd {xd:g}")
    if xd1 >= xd:
        raise ValueError(f"X'd {xd1:g} is not below Xd {xd:g}")
    found = {"device": ONE_AXIS, "xd": xd, "xq": xq, "xd1": xd1}
    return found | {"h": p.positive("H"), "d": _damping(p), "td0": p.positive("T'd0")}


def _classical(p: Parameters) -> dict[str, Any]:
    if p["ZX"] <= 0:
        raise ValueError(f"X' is ZX of the machine in the .raw file, which is {p['ZX']:g}")
    if p["H"] < 0:
        raise ValueError(f"H must not be negative, got {p['H']:g}")
    return {"device": CLASSICAL, "xd1": p["ZX"], "h": p["H"] or STIFF, "d": _damping(p)}


def _damping(p: Parameters) -> float:
    if p["D"] < 0:
        raise ValueError(f"D must not be negative, got {p['D']:g}")
    return p["D"]


def _following(p: Parameters) -> dict[str, Any]:
    return {"device": GFL, **({"bw_i": 1 / p["Tg"]} if p["Tg"] > 0 else {})}


def _forming(p: Parameters) -> dict[str, Any]:
    lags = {"tau_p": max(p["TPf"], _SHORTEST), "tau_q": max(p["TQf"], _SHORTEST)}
    return {"device": GFM, "mq": p.positive("mq"), "mp": p.positive("mp"), **lags}


# -- exciters -------------------------------------------


def _regulator(gain: Callable[[complex], complex]) -> dict[str, Any]:
    """K_A and T_A that agree with a transfer function at 1 Hz; K_A at most its gain at s = 0.

    Where it lags by more than a single lag can, K_A is that gain and the amount agrees.
    """
    steady, at = gain(0j).real, gain(1j * _SWING)
    if steady <= 0 or at == 0:
        return {"ka": steady, "ta": 0.0}
    if at.imag >= 0:
        return {"ka": min(abs(at), steady), "ta": 0.0}
    if at.real > 0 and (ka := abs(at) ** 2 / at.real) <= steady * (1 + _ROUNDING):
        return {"ka": ka, "ta": -at.imag / at.real / _SWING}
    return {"ka": steady, "ta": math.sqrt(max((steady / abs(at)) ** 2 - 1, 0.0)) / _SWING}


def _lead_lag(s: complex, lead: float, lag: float) -> complex:
    return (1 + s * lead) / (1 + s * lag) if lag > 0 else 1 + 0j


def _fed_back(s: complex, forward: complex, p: Parameters) -> complex:
    """With rate feedback s KF / (1 + s TF) of the output."""
    lag = p["TF"] if "TF" in p else p["TF1"]
    return forward / (1 + forward * s * p["KF"] / (1 + s * lag)) / (1 + s * p["TR"])


def _exciter_gain(p: Parameters) -> float:
    return p["KE"] if p["KE"] > 0 else 1.0  # 0: PSS/E finds it, from the saturation at the point


def _static(p: Parameters) -> dict[str, Any]:
    def gain(s: complex) -> complex:
        forward = p["KA"] * _lead_lag(s, p["TC"], p["TB"]) / (1 + s * p["TA"])
        if "TB1" in p:
            forward *= _lead_lag(s, p["TC1"], p["TB1"])
        return _fed_back(s, forward, p)

    return _regulator(gain)


def _by_ratio(p: Parameters) -> dict[str, Any]:
    lead = p["TA/TB"] * p["TB"]
    return _regulator(lambda s: p["K"] * _lead_lag(s, lead, p["TB"]) / (1 + s * p["TE"]))


def _rotating(p: Parameters) -> dict[str, Any]:
    own = _exciter_gain(p)

    def gain(s: complex) -> complex:
        forward = p["KA"] / (1 + s * p["TA"]) / (own + s * p["TE"])
        if "TB" in p:
            forward *= _lead_lag(s, p["TC"], p["TB"])
        return _fed_back(s, forward, p)

    return _regulator(gain)


def _alternator(p: Parameters) -> dict[str, Any]:
    """Rate feedback is of the exciter's field, K_E times its output."""
    own = _exciter_gain(p)

    def gain(s: complex) -> complex:
        forward = p["KA"] * _lead_lag(s, p["TC"], p["TB"]) / (1 + s * p["TA"])
        return _fed_back(s, forward * own / (own + s * p["TE"]), p) / own

    return _regulator(gain)


def _compound(p: Parameters) -> dict[str, Any]:
    """With an inner loop around KM, its supply KP V at one p.u."""
    supply = p.positive("KP")
    if p["KG"] < 0:
        raise ValueError(f"KG must not be negative, got {p['KG']:g}")

    def gain(s: complex) -> complex:
        inner = p["KM"] * supply / (1 + s * p["TM"])
        outer = p["KA"] * _lead_lag(s, p["TC"], p["TB"]) / (1 + s * p["TA"]) / (1 + s * p["TR"])
        return outer * inner / (1 + inner * p["KG"])

    return _regulator(gain)


# -- governors -------------------------------------------


def _difference(p: Parameters, lag: str, lead: str) -> float:
    """Lag less lead of one block, which is none without a lag."""
    return p[lag] - p[lead] if p[lag] > 0 else 0.0


def _steam(p: Parameters) -> dict[str, Any]:
    lag = max(p["T1"] + _difference(p, "T3", "T2"), 0.0)
    return {"gain": 1 / p.positive("R"), "tg": lag, "d": p["Dt"]}


def _turbine_stages(p: Parameters) -> dict[str, Any]:
    """Shares of the first shaft behind one, two, three, four lags."""
    shares = [p[name] for name in ("K1", "K3", "K5", "K7")]
    lags, behind = [p[name] for name in ("T4", "T5", "T6", "T7")], 0.0
    whole, moment = sum(shares), 0.0
    for share, lag in zip(shares, lags, strict=True):
        behind += lag
        moment += share * behind
    if whole <= 0:
        return {"gain": 0.0, "tg": 0.0}
    lag = _difference(p, "T1", "T2") + p["T3"] + moment / whole
    return {"gain": p["K"] * whole, "tg": max(lag, 0.0)}


def _ieesgo(p: Parameters) -> dict[str, Any]:
    lag = p["T1"] - p["T2"] + p["T3"] + p["T4"] + p["K2"] * (p["T5"] + p["K3"] * p["T6"])
    return {"gain": p["K1"], "tg": max(lag, 0.0)}


def _gas(p: Parameters) -> dict[str, Any]:
    return {"gain": 1 / p.positive("R"), "tg": max(p["T1"] + p["T2"], 0.0), "d": p["Dturb"]}


def _hydro(p: Parameters) -> dict[str, Any]:
    droop = p.positive("R")
    lag = p["r"] * p["Tr"] / droop + p["Tf"] + p["Tg"]
    return {"gain": p.positive("At") / droop, "tg": max(lag, 0.0)}


def _ggov(p: Parameters) -> dict[str, Any]:
    """Droop by electrical power (Rselect 1) or by the valve (-1, -2); none where it is 0."""
    select, droop = p["Rselect"], p["R"]
    if select == 0 or droop == 0:
        return {"gain": 0.0, "tg": 0.0}
    rated = p["Trate"] / p["MBASE"] if p["Trate"] > 0 else 1.0
    integral, turbine = p.positive("Kigov"), p.positive("Kturb")
    if select == 1:
        return {"gain": rated / p.positive("R"), "tg": 1 / (droop * integral * turbine)}
    lag = 1 / (droop * integral) + p["Tact"] + _difference(p, "Tb", "Tc")
    return {"gain": rated * turbine / p.positive("R"), "tg": max(lag, 0.0)}


# -- the table -------------------------------------------

_ROUND = "T'd0 T''d0 T'q0 T''q0 H D Xd Xq X'd X'q X'' Xl S(1.0) S(1.2)"
_UNEQUAL = "T'd0 T''d0 T'q0 T''q0 H D Xd Xq X'd X'q X''d X''q Xl S(1.0) S(1.2) Kis"
_SALIENT = "T'd0 T''d0 T''q0 H D Xd Xq X'd X'' Xl S(1.0) S(1.2)"
_REGCA = "Lvplsw Tg Rrpwr Brkpt Zerox Lvpl1 Volim Lvpnt1 Lvpnt0 Iolim Tfltr Khv Iqrmax Iqrmin Accel"
_REGFMA = "TPf TQf TVf Imax Emax Emin Pmax Pmin Qmax Qmin mp mq kppmax kipmax kpqmax kiqmax kpv kiv"
_DC = "TR KA TA TB TC VRMAX VRMIN KE TE KF TF SWITCH E1 SE1 E2 SE2"
_RATIO = "TA/TB TB K TE EMIN EMAX"
_GGOV = (
    "Rselect Flag R Tpelec maxerr minerr Kpgov Kigov Kdgov Tdgov Vmax Vmin Tact Kturb Wfnl Tb Tc "
    "Teng Tfload Kpload Kiload Ldref Dm Ropen Rclose Kimw Aset Ka Ta Trate"
)
_LIMITS = "its limits"
_SATURATED = "its limits and saturation; K_E of zero or less counts as 1"
_RECTIFIED = "its limits, rectifier, demagnetizing and saturation; K_E of zero or less counts as 1"
_SUBTRANSIENT = "subtransients (T''d0, T''q0, X''), "


def _machine(names: str, left_out: str) -> Model:
    return Model(MACHINE, tuple(names.split()), _one_axis, ONE_AXIS, left_out)


def _exciter(
    names: str, values: Callable[[Parameters], dict[str, Any]], left_out: str = _LIMITS
) -> Model:
    return Model(EXCITER, tuple(names.split()), values, "ka and ta", left_out)


def _governor(
    names: str, values: Callable[[Parameters], dict[str, Any]], left_out: str = _LIMITS
) -> Model:
    return Model(GOVERNOR, tuple(names.split()), values, "r and tg", left_out)


_ROTOR = _SUBTRANSIENT + "the winding of the q axis (T'q0, X'q) and saturation"
_DC_EXCITER = _exciter(_DC, _rotating, _SATURATED)
_STEPS = "its limits, dead bands and water column"

MODELS: Mapping[str, Model] = {
    **dict.fromkeys(("GENROU", "GENROE"), _machine(_ROUND, _ROTOR)),
    "GENTPJ1": _machine(_UNEQUAL, _ROTOR),
    **dict.fromkeys(("GENSAL", "GENSAE"), _machine(_SALIENT, _SUBTRANSIENT + "and saturation")),
    "GENCLS": Model(MACHINE, ("H", "D"), _classical, CLASSICAL, "ZR of the .raw file"),
    **dict.fromkeys(
        ("REGCA1", "REGCAU1"),
        Model(
            MACHINE,
            tuple(_REGCA.split()),
            _following,
            GFL,
            "its logic for low and high voltage and its ramps",
        ),
    ),
    "REGFMA1": Model(
        MACHINE,
        tuple(_REGFMA.split()),
        _forming,
        GFM,
        "its limits, voltage control (kpv, kiv, TVf) and ZX of the .raw file",
        icons=(2, 1),
    ),
    "SEXS": _exciter(_RATIO, _by_ratio),
    "SCRX": _exciter(f"{_RATIO} CSWITCH RC/RFD", _by_ratio, "its limits and supply"),
    **dict.fromkeys(("IEEEX1", "EXDC2", "ESDC1A", "ESDC2A"), _DC_EXCITER),
    "IEEET1": _exciter(
        "TR KA TA VRMAX VRMIN KE TE KF TF SWITCH E1 SE1 E2 SE2", _rotating, _SATURATED
    ),
    "IEEET2": _exciter(
        "TR KA TA VRMAX VRMIN KE TE KF TF1 TF2 E1 SE1 E2 SE2", _rotating, _SATURATED
    ),
    "EXAC1": _exciter(
        "TR TB TC KA TA VRMAX VRMIN TE KF TF KC KD KE E1 SE1 E2 SE2", _alternator, _RECTIFIED
    ),
    "ESAC1A": _exciter(
        "TR TB TC KA TA VAMAX VAMIN TE KF TF KC KD KE E1 SE1 E2 SE2 VRMAX VRMIN",
        _alternator,
        _RECTIFIED,
    ),
    "EXST1": _exciter(
        "TR VIMAX VIMIN TC TB KA TA VRMAX VRMIN KC KF TF",
        _static,
    ),
    "ESST1A": _exciter(
        "UEL VOS TR VIMAX VIMIN TC TB TC1 TB1 KA TA VAMAX VAMIN VRMAX VRMIN KC KF TF KLR ILR",
        _static,
        "its limits, those of the field current (KLR) included",
    ),
    "ESST3A": _exciter(
        "TR VIMAX VIMIN KM TC TB KA TA VRMAX VRMIN KG KP KI VBMAX KC XL VGMAX THETAP TM VMMAX "
        "VMMIN",
        _compound,
        "its limits and rectifier; its supply is KP at 1 p.u. voltage",
    ),
    "TGOV1": _governor("R T1 VMAX VMIN T2 T3 Dt", _steam),
    "IEEEG1": _governor(
        "JBUS JM K T1 T2 T3 Uo Uc PMAX PMIN T4 K1 K2 T5 K3 K4 T6 K5 K6 T7 K7 K8",
        _turbine_stages,
        "its limits and the second shaft (K2, K4, K6, K8)",
    ),
    "IEESGO": _governor("T1 T2 T3 T4 T5 T6 K1 K2 K3 PMAX PMIN", _ieesgo),
    "GAST": _governor("R T1 T2 T3 AT KT VMAX VMIN Dturb", _gas, "its limits and temperature"),
    "HYGOV": _governor("R r Tr Tf Tg VELM GMAX GMIN TW At Dturb qNL", _hydro, _STEPS),
    "GGOV1": _governor(_GGOV, _ggov, "its limits, dead band and the controls of load and speed-up"),
}
