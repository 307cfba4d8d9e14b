"""Commands that README and docs show run as they are printed, and print what the pages say."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import shown  # noqa: E402

DATA = ROOT / "tests" / "data"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SURROUNDINGS = {"COLUMNS": "100", "NO_COLOR": "1"}
NOT_RUN = {
    "pip": "installs packages",
    "conda": "installs packages",
    "make": "makes an environment first",
    "export": "sets a variable of the shell",
    "dask": "starts a cluster",
    "python -m benchmarks.": "takes minutes, and data from elsewhere",
    "python -c": "takes minutes; the build of the site has its tables",
    "scopf gap --criterion all": "takes 10 s; the build of the site makes its table",
    "scopf solve case118 --option linear_solver=ma57": "wants a licensed library",
    "scopf sweep study.toml --workers 64": "64 processes",
    "scopf sweep study.toml --dask": "wants a cluster",
}
SMALLER = {  # the same with less of it
    "--eta-q 0:2:21 --mq 0.05:0.45:41": "--eta-q 0:2:2 --mq 0.05:0.45:3",
    "scopf conservatism case39": "scopf conservatism case39 --criterion weighted --mq 0.35",
    "scopf inverter-share case39": "scopf inverter-share case39 --share 0.4",
}
EXIT_1 = {  # exit code, as the pages say
    "scopf verify case39 --lossless --mq 0.34 --criterion none": "not stable",
    "scopf verify case39 --lossless --mq 0.34 --criterion none --critical": "not stable",
    "scopf solve case39 --lossless --mq 0.5": "infeasible",
    "scopf simulate case39 --lossless --mq 0.2 --outage 1 --impedance-below 0 --json": "collapses",
    "scopf verify case14 --mq 0.1 --min-damping 0.05": "less damped",
    "scopf compare runs/before runs/after --out changes.html": "different",
    "scopf compare runs/qcost runs/other": "different",
}


def mine(path):
    """A network of the user's own."""
    scopf.save_case(scopf.load_case("case39"), path)
    if path.suffix == ".raw":
        path.with_suffix(".costs.csv").rename(path.with_name("costs.csv"))


def from_psse(path):
    """Files of PSS/E, with costs and machines."""
    shutil.copy(DATA / "seven_buses_33.raw", path)
    shutil.copy(DATA / "seven_buses_33.costs.csv", path.with_name("costs.csv"))
    gens = scopf.load_case(path).gen
    lines = [f"{int(bus)} 'GENCLS' 1 3.0 0.0 /" for bus in sorted(set(gens.bus))]
    path.with_name("grid.dyr").write_text("\n".join(lines))


def solved(path):
    """A solution, saved."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    scopf.solve(scopf.build(net, inverters, outages=[6, 13], emergency=1.2)).save(path)


def swept(path):
    """A folder of a sweep."""
    scopf.sweep("case39", lossless=True, mq=[0.18, 0.2], eta_q=[0, 1], out=path)


def swept_again(path):
    """A folder of another sweep, some of whose scenarios cost more."""
    scopf.sweep("case39", lossless=True, mq=[0.2, 0.22], eta_q=[0, 1], margin=0.01, out=path)


# What the user has, by its name on a page, if no command before has made it.
done = []  # what has run, on all pages
STAND_INS = {
    "mygrid.m": mine,
    "mygrid.raw": mine,
    "grid.raw": from_psse,
    "solution.json": solved,
    "day.json": solved,
    "runs/qcost": swept,
    "runs/before": swept,
    "runs/after": swept_again,
    "runs/other": swept_again,
    "runs/study": swept,
}


def cases():
    """The pages that have commands to run, with these."""
    for page in PAGES:
        typed = [one for one in shown.commands(page.read_text()) if runs(one.command)]
        if any(one.command.startswith("scopf ") for one in typed):
            yield pytest.param(page, typed, id=page.name)


def runs(command):
    """Whether the test runs a command; files that a page shows are made, not read."""
    return not command.startswith(("cat ", *NOT_RUN))


def smaller(command):
    """A command that does less where the one of the page takes long."""
    for long, short in SMALLER.items():
        if long in command and not (long == "scopf inverter-share case39" and "--mq" in command):
            return command.replace(long, short)
    return command


@pytest.mark.parametrize(("page", "typed"), list(cases()))
def test_commands_run_as_printed(page, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in shown.files(page.read_text()).items():
        (tmp_path / name).write_text(content)
    for one in typed:
        words = shlex.split(smaller(one.command))
        for name in STAND_INS.keys() & words:
            made = words[words.index(name) - 1] in ("--out", "--save")
            if not made and not Path(name).exists():
                STAND_INS[name](tmp_path / name)
        if not one.output and words[1:] in done and not {"--out", "--save"} & set(words):
            continue  # on another page as well
        done.append(words[1:])
        result = CliRunner().invoke(app, words[1:], env=SURROUNDINGS)
        expected = 1 if one.command in EXIT_1 else 0
        assert result.exit_code == expected, (one.command, result.output)
        if one.output:
            assert shown.agrees(one.output, result.stdout), f"{one.command}\n{result.stdout}"


def test_what_is_skipped_and_shortened_is_on_a_page():
    typed = [one.command for page in PAGES for one in shown.commands(page.read_text())]
    for words in [*NOT_RUN, *SMALLER, *EXIT_1]:
        assert any(words in command for command in typed), words


def test_an_output_is_compared_line_by_line_and_dots_stand_for_anything():
    assert shown.agrees("a 1\n...\nd ... f", "a 1 \nb\nc\nd e f\n")
    assert shown.agrees("...\nlast", "last")
    assert not shown.agrees("a 1\n...", "a 2\n")
    assert not shown.agrees("a 1", "a 1\nb\n")
