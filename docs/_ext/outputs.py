"""Outputs of commands and tables of numbers that the build makes.

    <!-- output: scopf info case39 -->               the command and all that it prints
    <!-- output, first 3, last 5: scopf ... -->      these lines, `...` for the others
    <!-- table: two_buses -->                        a function of docs/tables.py

Commands run in a new folder with the files that the page shows with `$ cat`. What was made is kept
in build/outputs until the package, the command or a file changes. A table says which words of the
page quote it: they have to stand there, or the build fails.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import shown
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "outputs"
TABLE = re.compile(r"<!-- table: (\w+) -->")
log = logging.getLogger(__name__)


@cache
def sources():
    """Hash of all that outputs depend on."""
    found = hashlib.sha256()
    files = [*ROOT.glob("scopf/**/*.py"), *ROOT.glob("cases/**/*.*"), ROOT / "docs/tables.py"]
    for path in sorted(files):
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def printed(words, files=()):
    """The output of a command, from the store if it is there."""
    key = hashlib.sha256(json.dumps([sources(), words, sorted(files)]).encode()).hexdigest()
    place = KEPT / f"{key[:32]}.txt"
    if place.exists():
        return place.read_text()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            Path(folder, name).write_text(content)
        call = [sys.executable, "-m", *words]
        ours = {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
        env = {**os.environ, **ours}
        done = subprocess.run(call, cwd=folder, capture_output=True, text=True, env=env)
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    KEPT.mkdir(parents=True, exist_ok=True)
    scratch = place.with_suffix(f".{hashlib.sha256(folder.encode()).hexdigest()[:8]}")
    scratch.write_text(done.stdout)
    scratch.replace(place)
    return done.stdout


def typed(command):
    """A command on lines of up to 80 characters, broken before its flags."""
    lines = [""]
    for part in re.split(r" (?=--)", command):
        if lines[-1] and len(lines[-1]) + len(part) > 76:
            lines.append("   ")
        lines[-1] += f" {part}" if lines[-1] else part
    return " \\\n".join(lines)


def expand(app, docname, source):
    """Put outputs and tables in the place of the comments of a page."""
    text = source[0]
    files = sorted(shown.files(text).items()) if shown.OUTPUT.search(text) else []

    def output(match):
        command = " ".join(match["command"].split())
        cut = {name: int(match[name]) if match[name] else None for name in ("first", "last")}
        body = shown.cut(printed(shlex.split(command), files), **cut)
        return f"```console\n$ {typed(command)}\n{body}\n```"

    def table(match):
        found = json.loads(printed(["docs.tables", match[1]]))
        for words in found["quoted"]:
            if words not in " ".join(text.split()):
                log.warning("%s is quoted nowhere: %r", match[1], words, location=docname)
        return found["table"]

    source[0] = TABLE.sub(table, shown.OUTPUT.sub(output, text))


def setup(app):
    """Listen to pages being read."""
    app.connect("source-read", expand)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
