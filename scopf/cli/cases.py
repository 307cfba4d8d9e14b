"""The command `scopf cases`: cases, studies and tables of devices that come with the package."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import typer

from scopf.cli import options, terminal


def cases(as_json: options.Json = False) -> None:
    """List what is bundled: cases, studies of `scopf sweep`, and tables of devices."""
    listed = bundled_things()
    if as_json:
        typer.echo(json.dumps(listed, allow_nan=False))
        return
    terminal.say("\n".join(_lines(**listed)))


def _lines(
    cases: list[dict[str, Any]], studies: list[dict[str, Any]], devices: list[dict[str, Any]]
) -> Iterator[str]:
    width = max(len(one["name"]) for one in cases)
    yield f"{'name':<{width}}  {'buses':>5}  {'gens':>4}  {'branches':>8}  what it is"
    for one in cases:
        sizes = f"{one['buses']:>5}  {one['gens']:>4}  {one['branches']:>8}"
        yield f"{one['name']:<{width}}  {sizes}  {one['title']}"
    yield "\nStudies: `scopf sweep NAME --out FOLDER`"
    width, case = (max(len(one[key]) for one in studies) for key in ("name", "case"))
    yield f"{'name':<{width}}  {'case':<{case}}  scenarios  what it shows"
    for one in studies:
        where = f"{one['name']:<{width}}  {one['case']:<{case}}"
        yield f"{where}  {one['scenarios']:>9}  {one['title']}"
    yield "\nTables of devices: `--devices NAME`"
    for one in devices:
        yield f"{one['name']}  {one['rows']} devices  {one['title']}"


def bundled_things() -> dict[str, list[dict[str, Any]]]:
    """Rows of `cases`, `studies` and `devices`."""
    import pandas as pd

    from scopf.cases import bundled
    from scopf.sweeps.spec import check, read_toml

    found: dict[str, list[dict[str, Any]]] = {"cases": [], "studies": [], "devices": []}
    for entry in bundled.entries().values():
        net = bundled.load(entry.name)
        sizes = {"buses": len(net.bus), "gens": len(net.gen), "branches": len(net.branch)}
        found["cases"].append({"name": entry.name, **sizes, "title": entry.title})
    for name, path in bundled.studies().items():
        content, line = read_toml(path)
        spec = check(content, str(path), line)
        scenarios = math.prod(len(axis.rows) for axis in spec.axes)
        of_study = {"case": spec.settings.case, "scenarios": scenarios}
        found["studies"].append({"name": name, **of_study, "title": spec.settings.title})
    for name, path in bundled.device_tables().items():
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        title = first.strip("# ").partition(":")[0]
        rows = len(pd.read_csv(path, comment="#"))
        found["devices"].append({"name": name, "rows": rows, "title": title})
    return found
