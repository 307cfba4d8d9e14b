"""Outcome of the exact check of an operating point: verdict, modes and participation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
from scopf.devices.constant_power import ConstantPower
from scopf.dynamics import critical, damping
from scopf.dynamics.dae import System
from scopf.dynamics.mode_tables import BY_DEVICE, MODE, ModeTables, complex_text
from scopf.dynamics.modes import Spectrum, participation
from scopf.dynamics.multipliers import Certificate

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Complexes


@dataclass(frozen=True, eq=False)
class Verification:
    """Stability of an operating point by its dynamics.

    Attributes:
        stable: every small disturbance decays; None where that is undecided, which the verdict
            explains: power is missing at a bus, an island has neither inverter nor machine, a mode
            of a grid with devices neither grows nor decays, or a count or the search for modes was
            given up.
        lossless: the grid has an energy function, so there is an exact condition: no branch
            resistance, no shunt conductance, active loads of constant power, no regulator of a
            machine and no grid-following inverter. Charging, capacitors, taps and phase shifts are
            fine.
        negative: number of negative eigenvalues of its Hessian H, common angles removed; None
            with losses, where power is missing or the balance is singular, and where the sparse
            factors did not give it.
        past_nose: number of eigenvalues with a negative real part of d(P, Q)/d(theta, ln V) of the
            buses without an inverter, junction buses eliminated. Where it is not 0, loads are past
            the nose of their PV curve: the equations are no limit of any load dynamics, and the
            point counts as not stable. Without losses, of the negative eigenvalues of H that many
            belong to the loads. None where it could not be found, where power is missing at a bus,
            and where the balance of these buses is singular.
        unstable: number of eigenvalues found that have a positive real part; None where power is
            missing at a bus or that balance is singular.
        verdict: the result as a sentence.
        system: the equations, of the islands that have an inverter or a machine.
        spectrum: the eigenvalues; None when `unstable` is.
        count: number of modes in the tables.
        constant_power: the generators that are no inverter and no device, taken for constant power;
            None if there are none.
        certificate: outcome of the search for multipliers; None where it was not asked for.
        min_damping: damping ratio that oscillations shall have; 0 where none was asked for.
    """

    stable: bool | None
    lossless: bool
    negative: int | None
    past_nose: int | None
    unstable: int | None
    verdict: str
    system: System = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    count: int = field(repr=False)
    constant_power: ConstantPower | None = None
    certificate: Certificate | None = None
    min_damping: float = 0.0

    def asked(self, min_damping: float) -> Verification:
        """The same where oscillations shall have a damping ratio."""
        found = dataclasses.replace(self, min_damping=min_damping)
        if not (min_damping and self.stable and self.spectrum):
            return found
        spectrum, labels = self.spectrum, self.tables.carriers[2]
        at = partial(participation, self.system)
        verdict = damping.sentence(self.verdict, spectrum, min_damping, labels, at)
        return dataclasses.replace(found, verdict=verdict)

    @property
    def damped(self) -> bool | None:
        """Whether the point is stable, and its oscillations have `min_damping`; None if undecided.

        The same as `stable` where no damping was asked for.
        """
        if not (self.stable and self.min_damping and self.spectrum):
            return self.stable
        return damping.reached(self.spectrum, self.min_damping)

    @property
    def damping(self) -> float:
        """Least damping ratio of all oscillations, negative of one that grows.

        NaN where nothing oscillates, and where not all modes were computed (method "arnoldi").
        """
        place = damping.least_damped(self.spectrum)
        return np.nan if place is None else float(damping.ratios(self._values[[place]])[0])

    @property
    def least_damped_hz(self) -> float:
        """Frequency of the oscillation with the least damping ratio, Hz; NaN as `damping`."""
        place = damping.least_damped(self.spectrum)
        return np.nan if place is None else float(self._values[place].imag / (2 * np.pi))

    @property
    def _values(self) -> Complexes:
        return self.spectrum.values if self.spectrum else np.empty(0, complex)

    @property
    def proof(self) -> str | None:
        """Proof, beside the eigenvalues, that the point is stable; None without one.

        "energy", by H, or with losses "multipliers".
        """
        if not self.stable:
            return None
        if self.negative is not None:
            return "energy"
        return "multipliers" if self.certificate is not None and self.certificate.holds else None

    @property
    def oscillates(self) -> bool:
        """Whether modes grow, and all of them are oscillations."""
        if self.spectrum is None or self.past_nose:
            return False
        growing = self.spectrum.values[self.spectrum.values.real > self.spectrum.tolerance]
        return bool(len(growing)) and bool(growing.imag.all())

    @property
    def method(self) -> str | None:
        """Method of computing eigenvalues, "dense" or "arnoldi"; None when there are none."""
        return self.spectrum.method if self.spectrum else None

    @cached_property
    def tables(self) -> ModeTables:
        """The modes that are reported: the rightmost, and those that lack damping."""
        shown = damping.short(self._values, self.count, self.min_damping)
        return ModeTables(self.system, self._values[shown], self.min_damping)

    @property
    def modes(self) -> pd.DataFrame:
        """The rightmost modes; one row for a complex pair.

        Where a damping ratio was asked for, those that have less are there as well, and the column
        `damped` says whether a mode decays and has it. Real and imaginary part in rad/s,
        `frequency_hz`, `damping` -Re/|lambda|, kind and bus of the device with the largest share in
        the mode, its share, and what `moves` most: "frequency" (angles and frequencies of
        inverters), "voltage" (voltages of inverters, fluxes of machines), "swing" (angles and
        speeds of machines), "control" (governors, fields and currents) or "PLL".
        """
        return self.tables.modes

    @property
    def participation(self) -> pd.DataFrame:
        """Shares of all inverters and devices in the reported modes, the largest of each first."""
        return self.tables.participation

    @property
    def largest_participation(self) -> int | None:
        """Bus of the device with the largest share in the rightmost mode; None if it decays."""
        if not self.unstable:
            return None
        return int(self.modes["bus"].iloc[0])

    @property
    def uniform_mq(self) -> float:
        """The m_q of every generating unit; NaN where they differ."""
        mq = self.system.inverters.units.mq
        if not len(mq):
            return float("nan")
        return float(mq[0]) if np.allclose(mq, mq[0], rtol=1e-9, atol=0.0) else float("nan")

    @cached_property
    def critical_factor(self) -> float:
        """Largest factor on all droops with which this operating point is stable.

        All m_q are multiplied by it, as they are, uniform or not. Voltages, angles and powers are
        kept, set points follow; beta_q stays. It is looked for from 0.001 to 100: inf when the
        point is stable throughout, 0 when it is not even at the lower end, NaN when the point has
        no verdict, its loads could not be counted, or there are no droops: machines and other
        devices stay as they are. In a lossless network by H, else by eigenvalues, upwards in
        steps of a factor of 2 and then to the first root.
        """
        return self.largest_factor()

    @cached_property
    def critical_mq(self) -> float:
        """Largest m_q of every generating unit with which this operating point is stable.

        It is `critical_factor` times the m_q that all units have; where that is 0 or inf, m_q is
        looked for from 0.001 to 100 as well. NaN where the units' m_q differ: then there is no such
        number, and `critical_factor` tells how far the point is from its limit.
        """
        mq, factor = self.uniform_mq, self.critical_factor
        if np.isnan(mq) or np.isnan(factor) or 0.0 < factor < np.inf:
            return factor * mq
        inverters = self.system.inverters.with_droops(1.0)
        system = dataclasses.replace(self.system, inverters=inverters)
        return self._largest(system, critical.MOST)

    def largest_factor(self, most: float = critical.MOST, *, damped: bool = False) -> float:
        """`critical_factor`, looked for up to `most` only: inf where the point is stable there.

        Args:
            most: end of the range.
            damped: whether oscillations have to have `min_damping` as well, with all factors up to
                this one, so that it is 0 where small droops lack it; NaN where that is not known of
                all modes.
        """
        least = self.min_damping if damped else 0.0
        if least and self.method != "dense":
            return float("nan")
        return self._largest(self.system, most, least)

    def _largest(self, system: System, most: float, least: float = 0.0) -> float:
        """Largest stable factor on the droops of a system at this point, with this damping."""
        uncounted = self.spectrum is not None and self.past_nose is None
        if self.stable is None or uncounted or not len(system.inverters):
            return float("nan")
        if self.spectrum is None or self.past_nose:
            return 0.0
        if self.lossless and self.negative is not None and not least:
            return critical.by_energy(system, most)
        return critical.by_modes(system, self.spectrum.method, most, least)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def text(self) -> str:
        """Verdict, rightmost modes and largest participation in lines that fit a terminal.

        The critical factor on the droops and the critical m_q are shown when they have been
        computed and exist.
        """
        return display.text(self._blocks())

    def _blocks(self) -> list[display.Block]:
        system = self.system
        exact = system.dissipates or "lossless"
        of = f"{system.net.name}, {exact}: {len(system.inverters)} inverters"
        size = f"{system.states} states, {2 * len(system.rest)} algebraic variables"
        lines: list[display.Block] = [f"{of}, {size}"]
        if len(system.devices):
            lines = [f"{of}, {system.devices}", size]
        lines.append(self.verdict)
        if self.constant_power is not None:
            lines.append(str(self.constant_power))
        if self.negative is not None:
            several = "" if self.negative == 1 else "s"
            lines.append(f"H, the exact condition: {self.negative} negative eigenvalue{several}")
        if self.certificate is not None and self.stable is not False:
            lines.append(str(self.certificate))
        for name, what in (
            ("critical_factor", "critical factor on the droops"),
            ("critical_mq", "critical m_q"),
        ):
            if not np.isnan(self.__dict__.get(name, np.nan)):
                lines.append(f"{what} at this point: {getattr(self, name):.6g}")
        if self.spectrum is None:
            return lines
        frame = self.modes.assign(eigenvalue=[complex_text(v) for v in self.tables.values])
        columns = BY_DEVICE if len(system.devices) else MODE
        if self.min_damping:
            enough = {"damped": (f">= {self.min_damping:g}", "{}")}
            frame["damped"] = np.where(frame["damped"], "yes", "no")
            columns = {**columns, **enough}
        lines += ["", f"Rightmost modes ({self.method})", display.Table(frame, columns, "modes")]
        if self.method == "arnoldi":
            lines.append(f"complete right of {self.spectrum.edge:.4g} rad/s")
        if self.largest_participation is not None:
            first = self.tables.shares[0][0]
            label = self.tables.carriers[2][first.argmax()]
            text = f"{label[0].upper()}{label[1:]} has the largest share in mode 1"
            lines += ["", f"{text}, {first.max():.1%}."]
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Plain values and the tables as lists of records, for JSON."""
        found = {
            key: getattr(self, key)
            for key in (
                "stable",
                "lossless",
                "negative",
                "past_nose",
                "unstable",
                "verdict",
                "proof",
            )
        }
        found["no_proof"] = self.certificate.reason or None if self.certificate else None
        system, constant = self.system, self.constant_power
        found["devices"] = {
            "inverters": len(system.inverters),
            "machines": len(system.devices.machines),
            "grid_following": len(system.devices.followers),
        }
        found["constant_power"] = None if constant is None else constant.as_dict()
        found |= {"damped": self.damped, "min_damping": self.min_damping}
        for name in ("damping", "least_damped_hz"):
            found[name] = value if np.isfinite(value := getattr(self, name)) else None
        found |= {"method": self.method, "largest_participation": self.largest_participation}
        for name in {"critical_factor", "critical_mq"} & self.__dict__.keys():
            value = getattr(self, name)
            found[name] = value if np.isfinite(value) else None
        for name in ("modes", "participation"):
            found[name] = getattr(self, name).to_dict("records")
        return found
