"""The lower bounds in pyproject.toml as exact versions, for pip: `make oldest`."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT_FILE = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,.-]+)\])?(?:>=(?P<least>[\w.]+))?")


def pins(project: dict, extra: str = "") -> dict[str, str]:
    """Version by package of what scopf requires, or an extra of it; scopf[...] is followed."""
    optional = project["optional-dependencies"]
    found = {}
    for line in optional[extra] if extra else project["dependencies"]:
        of = REQUIREMENT.match(line)
        if of["name"] == project["name"]:
            for one in of["extras"].split(","):
                found |= pins(project, one)
        elif of["least"] is None:
            sys.exit(f"{PROJECT_FILE}: {line!r} has no lower bound")
        else:
            found[of["name"]] = of["least"]
    return found


if __name__ == "__main__":
    project = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]
    found = pins(project) | pins(project, "test")
    sys.stdout.writelines(f"{name}=={least}\n" for name, least in found.items())
