"""Run folders that broke a reader before: results, or one ScopfError."""

import pytest

from benchmarks import corpus, fuzz
from benchmarks.readers import outcome, reader_of

ENDLESS = "the journal is not checked yet for tables that are views, and for triggers"
HANGS = {
    "an endless view for scenarios", "an endless view for chains", "an endless view for about",
    "an endless view for schemas", "a trigger without end",
}  # fmt: skip
KNOWN = {
    "a trigger that drops what comes": ENDLESS,
    "deep JSON in a row": "RecursionError",
    "a huge whole number in a row": "OverflowError",
    "a whole number of 100 bits": "OverflowError",
    "an empty batch": "EOFError of Arrow",
    "a column more": "ValueError where the sweep goes on",
    "a row without its solution": "tables of scenarios that are not solved",
    "a scenario far away": "tables of scenarios that are not solved",
    "a folder with another's table": "a table of other columns than the manifest's",
    "a table of five million rows": "a table of other rows than the manifest's",
    "a table of other types": "KeyError of pandas",
    "a manifest of deep lists": "RecursionError",
    "a huge whole number in a manifest": "a number of scenarios that is not that of the table",
    "a time that is none": "TypeError where the sweep goes on",
}


def entries():
    for name in corpus.of("run"):
        marks = []
        if name in HANGS:
            marks = [pytest.mark.xfail(reason=ENDLESS, run=False, strict=False)]
        elif name in KNOWN:
            marks = [pytest.mark.xfail(reason=KNOWN[name], strict=False)]
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(entries()))
def test_what_broke_a_reader_before_is_read_or_refused(name):
    reader = reader_of("run")
    for resume in (False, True):
        assert outcome(reader, reader.corpus[name], resume)[0] in fuzz.GOOD
