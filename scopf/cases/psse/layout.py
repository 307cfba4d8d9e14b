"""Layout of a .raw file, revision by revision: sections in order, fields in order.

A layout is a line of field names. `NAME=value` is read and has that default, whose form is its
kind: a quoted text, a number with a point (or nan), a whole number. `NAME=whole` and `NAME=number`
are read and have no default. A bare NAME is not read: it means nothing to the model.

The names are those of PSS/E's documentation. Of ratings the first is read: RATEA up to revision
33, RATE1 from 34 on. In revision 23, which stands for those before it as well, buses have loads; up
to 26 transformers are among the branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from scopf.cases.psse import lexing

REVISIONS = range(23, 37)
_SPELLINGS = (("STAT", "STATUS", "ST"), ("PCODE", "PC"))
_T = TypeVar("_T")

# -- sections -----------------------------------------------

_TABLES = "impedance correction, multi-terminal dc, multi-section, zone, inter-area, owner, facts"
_DC = "two-terminal dc, vsc dc"
_ADJUSTED = "transformer adjustment, area, two-terminal dc, switched shunt"
_GRID = "load, fixed shunt, generator, branch"
_FROM_31 = f"bus, {_GRID}, transformer, area, {_DC}, {_TABLES}, switched shunt"
_MACHINES = "switched shunt, gne, induction machine"
_NODES = f"switching device, transformer, area, {_DC}, {_TABLES}, {_MACHINES}"
_ORDER = {
    23: f"bus, generator, branch, {_ADJUSTED}, {_TABLES}",
    24: f"bus, load, generator, branch, {_ADJUSTED}, {_TABLES}",
    28: "bus, load, generator, branch, transformer, area, two-terminal dc, switched shunt, "
    + _TABLES,
    29: f"bus, load, generator, branch, transformer, area, {_DC}, switched shunt, {_TABLES}",
    31: _FROM_31,
    32: f"{_FROM_31}, gne",
    33: f"{_FROM_31}, gne, induction machine",
    34: f"system-wide, bus, {_GRID}, {_NODES}, substation",
    36: "system-wide, bus, load, fixed shunt, voltage droop, generator, rating set, branch, "
    + f"{_NODES}, load type, interface, interface element, substation",
}

# What the name of a section begins with in the comments of the lines that end sections.
NAMES = {
    "system-wide": ("SYSTEM-WIDE",),
    "bus": ("BUS",),
    "load": ("LOAD DATA",),
    "fixed shunt": ("FIXED",),
    "generator": ("GENERATOR",),
    "branch": ("BRANCH", "NON-TRANSFORMER BRANCH", "NONTRANSFORMER BRANCH"),
    "switching device": ("SYSTEM SWITCHING",),
    "transformer": ("TRANSFORMER DATA",),
    "transformer adjustment": ("TRANSFORMER ADJUSTMENT",),
    "area": ("AREA",),
    "two-terminal dc": ("TWO-TERMINAL",),
    "vsc dc": ("VSC", "VOLTAGE SOURCE"),
    "impedance correction": ("IMPEDANCE", "TRANSFORMER IMPEDANCE"),
    "multi-terminal dc": ("MULTI-TERMINAL",),
    "multi-section": ("MULTI-SECTION",),
    "zone": ("ZONE",),
    "inter-area": ("INTER-AREA",),
    "owner": ("OWNER",),
    "facts": ("FACTS",),
    "switched shunt": ("SWITCHED",),
    "gne": ("GNE",),
    "induction machine": ("INDUCTION",),
    "substation": ("SUBSTATION",),
    "voltage droop": ("VOLTAGE DROOP",),
    "rating set": ("SWITCHING DEVICE RATING",),
    "load type": ("LOAD TYPE",),
    "interface element": ("INTERFACE ELEMENT",),
    "interface": ("INTERFACE DATA",),
}


def sections(revision: int) -> list[str]:
    """The sections of a file in order."""
    return _for(revision, _ORDER).split(", ")


def begun(comment: str) -> str:
    """The section that a comment such as `END OF BUS DATA, BEGIN LOAD DATA` announces, or ""."""
    name = comment.upper().partition("BEGIN ")[2].strip()
    keys = (key for key, heads in NAMES.items() if name.startswith(heads))
    return next(keys, "") if name else ""


# -- records that are read -----------------------------------------------

_OWNERS = "O1 F1 O2 F2 O3 F3 O4 F4"
_RATES = {
    30: "RATEA=0.0 RATEB RATEC",
    34: f"RATE1=0.0 {' '.join(f'RATE{k}' for k in range(2, 13))}",
}
_BLOCKS = {
    30: " ".join(f"N{k} B{k}" for k in range(1, 9)),
    35: " ".join(f"S{k} N{k} B{k}" for k in range(1, 9)),
}
_BUS = "I=whole NAME='' BASKV=0.0 IDE=1"
_LOAD = "I=whole ID='1' STATUS=1 AREA ZONE PL=0.0 QL=0.0 IP=0.0 IQ=0.0 YP=0.0 YQ=0.0 OWNER"
_GEN = "I=whole ID='1' PG=0.0 QG=0.0 QT=9999.0 QB=-9999.0 VS=1.0 IREG"
_MACHINE = "MBASE=nan ZR ZX=1.0 RT XT GTAP STAT=1 RMPCT PT=9999.0 PB=-9999.0"
_LINE = "I=whole J=whole CKT='1' R=0.0 X=number B=0.0"
_LINE_SHUNTS = "GI=0.0 BI=0.0 GJ=0.0 BJ=0.0"
_HEAD = (
    f"I=whole J=whole K=0 CKT='1' CW=1 CZ=1 CM=1 MAG1=0.0 MAG2=0.0 NMETR NAME='' STAT=1 {_OWNERS}"
)
_IMPEDANCES = (
    "R1-2=0.0 X1-2=number SBASE1-2=nan R2-3=0.0 X2-3=nan SBASE2-3=nan R3-1=0.0 X3-1=nan "
    "SBASE3-1=nan VMSTAR=1.0 ANSTAR=0.0"
)
_TAP = "WINDV#=nan NOMV#=0.0 ANG#=0.0"  # where # is 1, 2 or 3
_CONTROL = "RMA# RMI# VMA# VMI# NTP# TAB#=0 CR# CX# CNXA#"
_RATES_OF = {
    30: "RATA#=0.0 RATB# RATC#",
    34: "RATE#-1=0.0 " + " ".join(f"RATE#-{k}" for k in range(2, 13)),
}
_WINDING = {
    30: f"{_TAP} {_RATES_OF[30]} COD#=0 CONT# {_CONTROL}",
    34: f"{_TAP} {_RATES_OF[34]} COD#=0 CONT# {_CONTROL} NODE#",
    35: f"{_TAP} {_RATES_OF[34]} COD#=0 CONT# NODE# {_CONTROL}",
}
_DC_LINE = (
    "NAME='' MDC=0 RDC=0.0 SETVL=nan VSCHD=nan VCMOD=0.0 RCOMP=0.0 DELTI METER DCVMIN CCCITMX "
    "CCCACC"
)
_LCC = (  # where # is R or I
    "IP#=whole NB#=1 ANMX#=nan ANMN#=nan RC#=0.0 XC#=0.0 EBAS#=nan TR#=1.0 TAP#=1.0 TMX# TMN# STP# "
    "IC#"
)
_LCC_TAP = "IF# IT# ID# XCAP#=0.0"
_VSC_LINE = f"NAME='' MDC=1 RDC=0.0 {_OWNERS}"
_VSC = (  # where # is 1 or 2
    "IBUS#=whole TYPE#=whole MODE#=1 DCSET#=nan ACSET#=1.0 ALOSS#=0.0 BLOSS#=0.0 MINLOSS#=0.0 "
    "SMAX#=0.0 IMAX#=0.0 PWF# MAXQ#=9999.0 MINQ#=-9999.0"
)


def _ends(text: str, letters: str) -> list[str]:
    return [text.replace("#", letter) for letter in letters]


_SHUNT = "VSWHI VSWLO SWREM RMPCT RMIDNT BINIT=0.0"
_SHUNT_35 = "I=whole ID='1' MODSW=1 ADJM STAT=1 VSWHI VSWLO SWREG NREG RMPCT RMIDNT BINIT=0.0"
_INDUCTION = "I=whole ID='1' STATUS=1 SCODE DCODE AREA ZONE OWNER"
_MOTOR = (
    "TCODE BCODE MBASE=nan RATEKV PCODE=1 PSET=0.0 H A B D E RA=nan XA=nan XM=nan R1=nan X1=nan "
    "R2=nan X2=nan X3=nan E1 SE1 E2 SE2 IA1 IA2 XAMULT"
)

# The lines of one record of a section, from a revision on.
_RECORDS: dict[str, dict[int, list[str]]] = {
    "bus": {
        23: [
            "I=whole IDE=1 PL=0.0 QL=0.0 GL=0.0 BL=0.0 AREA=1 VM=1.0 VA=0.0 NAME='' BASKV=0.0 "
            "ZONE=1"
        ],
        24: [f"{_BUS} GL=0.0 BL=0.0 AREA=1 ZONE=1 VM=1.0 VA=0.0 OWNER"],
        31: [f"{_BUS} AREA=1 ZONE=1 OWNER VM=1.0 VA=0.0"],
        33: [f"{_BUS} AREA=1 ZONE=1 OWNER VM=1.0 VA=0.0 NVHI=1.1 NVLO=0.9 EVHI EVLO"],
    },
    "load": {
        24: [_LOAD],
        31: [f"{_LOAD} SCALE"],
        33: [f"{_LOAD} SCALE INTRPT"],
        34: [f"{_LOAD} SCALE INTRPT DGENP=0.0 DGENQ=0.0 DGENM=0"],
        35: [f"{_LOAD} SCALE INTRPT DGENP=0.0 DGENQ=0.0 DGENM=0 LOADTYPE"],
        36: [f"{_LOAD} SCALE INTRPT DGENP=0.0 DGENQ=0.0 DGENM=0 LOADTYPE NAME"],
    },
    "fixed shunt": {
        31: ["I=whole ID='1' STATUS=1 GL=0.0 BL=0.0"],
        36: ["I=whole ID='1' STATUS=1 GL=0.0 BL=0.0 NAME"],
    },
    "generator": {
        23: [f"{_GEN} {_MACHINE} {_OWNERS}"],
        31: [f"{_GEN} {_MACHINE} {_OWNERS} WMOD WPF"],
        34: [f"{_GEN} {_MACHINE} {_OWNERS} WMOD WPF NREG"],
        35: [f"{_GEN} NREG {_MACHINE} BASLOD {_OWNERS} WMOD WPF"],
        36: [f"{_GEN} NREG {_MACHINE} BASLOD {_OWNERS} WMOD WPF DROOPNAME NAME"],
    },
    "branch": {
        23: [f"{_LINE} {_RATES[30]} RATIO=0.0 ANGLE=0.0 {_LINE_SHUNTS} ST=1 LEN {_OWNERS}"],
        28: [f"{_LINE} {_RATES[30]} {_LINE_SHUNTS} ST=1 LEN {_OWNERS}"],
        31: [f"{_LINE} {_RATES[30]} {_LINE_SHUNTS} ST=1 MET LEN {_OWNERS}"],
        34: [f"{_LINE} NAME='' {_RATES[34]} {_LINE_SHUNTS} ST=1 MET LEN {_OWNERS}"],
        36: [f"{_LINE} NAME='' {_RATES[34]} {_LINE_SHUNTS} ST=1 NSTAT MET LEN {_OWNERS}"],
    },
    "switching device": {
        34: [f"I=whole J=whole CKT='1' X=0.0 {_RATES[34]} STAT=1 NSTAT MET STYPE NAME=''"],
        36: ["I=whole J=whole CKT='1' X=0.0 RSETNAM='' STAT=1 NSTAT MET STYPE NAME=''"],
    },
    "transformer adjustment": {
        23: ["I=whole J=whole CKT='1' ICONT RMA RMI VMA VMI STEP TAB=0 CNTRL CR CX"],
    },
    "transformer": {
        28: [_HEAD, _IMPEDANCES, *[_WINDING[30]] * 3],
        33: [f"{_HEAD} VECGRP", _IMPEDANCES, *[_WINDING[30]] * 3],
        34: [f"{_HEAD} VECGRP ZCOD=0", _IMPEDANCES, *[_WINDING[34]] * 3],
        35: [f"{_HEAD} VECGRP ZCOD=0", _IMPEDANCES, *[_WINDING[35]] * 3],
    },
    "two-terminal dc": {
        23: [_DC_LINE, *_ends(f"{_LCC} {_LCC_TAP}", "RI")],
        34: [_DC_LINE, *_ends(f"{_LCC} {_LCC_TAP} ND#", "RI")],
        35: [_DC_LINE, *_ends(f"{_LCC} ND# {_LCC_TAP}", "RI")],
    },
    "vsc dc": {
        29: [_VSC_LINE, *_ends(f"{_VSC} REMOT# RMPCT#", "12")],
        34: [_VSC_LINE, *_ends(f"{_VSC} VSREG# NREG# RMPCT#", "12")],
    },
    "switched shunt": {
        23: [f"I=whole MODSW=1 VSWHI VSWLO SWREM BINIT=0.0 {_BLOCKS[30]}"],
        28: [f"I=whole MODSW=1 VSWHI VSWLO SWREM RMIDNT BINIT=0.0 {_BLOCKS[30]}"],
        30: [f"I=whole MODSW=1 {_SHUNT} {_BLOCKS[30]}"],
        32: [f"I=whole MODSW=1 ADJM STAT=1 {_SHUNT} {_BLOCKS[30]}"],
        34: [f"I=whole MODSW=1 ADJM STAT=1 {_SHUNT} {_BLOCKS[30]} NREG"],
        35: [f"{_SHUNT_35} {_BLOCKS[35]}"],
        36: [f"{_SHUNT_35} NAME {_BLOCKS[35]}"],
    },
    "facts": {
        23: [
            "NAME='' I=whole J=0 MODE=1 PDES=0.0 QDES=0.0 VSET=1.0 SHMX=9999.0 TRMX VTMN VTMX "
            "VSMX IMX LINX RMPCT OWNER SET1=0.0 SET2=0.0 VSREF FCREG MNAME NREG"
        ],
    },
    "induction machine": {
        33: [f"{_INDUCTION} {_MOTOR}"],
        36: [f"{_INDUCTION} NAME {_MOTOR}"],
    },
}


class Field(NamedTuple):
    """One field of a layout that is read.

    Attributes:
        place: among the fields of its line, counted from 0.
        name: as PSS/E has it.
        read: turns what is written into a value.
        default: of a field that is left out; None for one that must be there.
    """

    place: int
    name: str
    read: Callable[[str], object]
    default: object


class Row(NamedTuple):
    """One line of a record.

    Attributes:
        width: the most fields that it may have.
        fields: those that are read.
    """

    width: int
    fields: tuple[Field, ...]


@cache
def record(section: str, revision: int) -> tuple[Row, ...]:
    """The lines of a record; () for a section whose records are not read."""
    layouts = _RECORDS.get(section)
    if layouts is None or revision < min(layouts):
        return ()
    lines = _for(revision, layouts)
    numbered = [text.replace("#", str(k - 1)) for k, text in enumerate(lines)]
    return tuple(_row(text.split()) for text in numbered)


def names(section: str, revision: int) -> list[list[tuple[str, str]]]:
    """All fields of a record by line: the name, and the default of a field that is read, or ""."""
    found = []
    lines: list[str] = _for(revision, _RECORDS[section])
    for at, text in enumerate(lines):
        cells = (cell.partition("=") for cell in text.replace("#", str(at - 1)).split())
        found.append([(name, value) for name, _, value in cells])
    return found


def of_switched_shunt(revision: int, fields: Sequence[str]) -> int:
    """The revision whose layout a switched shunt has.

    RMPCT was new in one of the revisions 28 to 30: the place of the only text, RMIDNT, shows it.
    """
    text = next((place for place, f in enumerate(fields) if f.startswith(lexing.QUOTE)), 0)
    return {5: 28, 6: 30}.get(text, revision) if revision in range(28, 31) else revision


@cache
def named(row: Row, names: tuple[str, ...]) -> Row:
    """A line whose fields are where a line of their names has them.

    Args:
        row: by the revision.
        names: of all fields in order, as the file has them in a line that begins with `@!`.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name.upper().replace(" ", ""), place)
    fields = (
        Field(
            next((places[name] for name in _spellings(cell.name) if name in places), cell.place),
            *cell[1:],
        )
        for cell in row.fields
    )
    return Row(max(row.width, len(names)), tuple(fields))


def _spellings(name: str) -> tuple[str, ...]:
    """A name of a field, and the others that lines of names have for it."""
    return next((names for names in _SPELLINGS if name in names), (name,))


def _row(cells: Sequence[str]) -> Row:
    read = [(place, cell.partition("=")) for place, cell in enumerate(cells) if "=" in cell]
    return Row(len(cells), tuple(_field(place, name, value) for place, (name, _, value) in read))


def _field(place: int, name: str, value: str) -> Field:
    if value in ("whole", "number"):
        return Field(place, name, lexing.whole if value == "whole" else lexing.number, None)
    if value.startswith("'"):
        return Field(place, name, lexing.words, value.strip("'"))
    if "." in value or value == "nan":
        return Field(place, name, lexing.number, float(value))
    return Field(place, name, lexing.whole, int(value))


def _for(revision: int, by_revision: dict[int, _T]) -> _T:
    """The value for a revision: that of the latest one up to it."""
    return by_revision[max(key for key in by_revision if key <= revision)]
