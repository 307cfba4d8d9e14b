"""The command `scopf sweep`, and files that it reads."""

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli import app
from scopf.sweeps.spec import check, overridden


def run(*words):
    command = ["sweep", *map(str, words), "--no-progress"]
    return CliRunner().invoke(app, command, env={"COLUMNS": "100", "NO_COLOR": "1"})


def test_the_same_column_twice_in_a_file_is_a_fault(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('case = "case9"\nmq_3 = 0.3\nmq.3 = 0.1\n')
    with pytest.raises(scopf.CaseError, match=r"line 3.*mq_3 is given twice"):
        scopf.sweep(path)


def test_flags_override_a_bus_of_a_file_however_it_is_written():
    for content in ({"mq": {"3": 0.1, "all": 0.2}}, {"mq_3": 0.1, "mq": 0.2}):
        for given in ({"mq_3": 0.3}, {"mq": {3: 0.3, "all": 0.2}}):
            spec = check(overridden(content, given), "test")
            assert {a.columns[0]: a.rows[0][0] for a in spec.axes} == {"mq": 0.2, "mq_3": 0.3}
