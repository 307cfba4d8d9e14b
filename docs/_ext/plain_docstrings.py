"""Docstrings are plain text: what is indented stands as it is, what is in backticks is code.

They are written to be read in an editor. So before Sphinx takes them for reStructuredText, its
special characters are escaped, indented blocks become literal ones, and `scopf.procedures.solver`
in backticks becomes a link that the build checks, anything else in backticks code.
"""

import re

BACKTICKS = re.compile(r"(`[^`]+`)")
SECTION = re.compile(r"(Args|Attributes|Example|Examples|Note|Raises|Returns|Warning|Yields):\s*$")
SEVERAL = re.compile(r"    (\w+(?:, \w+)+): (.*)")


def plain(text):
    """One line with nothing that reStructuredText would act on but links and code."""
    parts = BACKTICKS.split(text)
    parts[::2] = [re.sub(r"([\\*|])|(_)(?!\w)", r"\\\1\2", part) for part in parts[::2]]
    parts[1::2] = [quoted(part[1:-1]) for part in parts[1::2]]
    return "".join(parts)


def quoted(code):
    """A link where a name of ours is quoted in full, else code."""
    name = code.removesuffix("()")
    if re.fullmatch(r"scopf(\.\w+)+", name) and not name.endswith((".py", ".toml")):
        return f":py:obj:`{name}`"
    return f"``{code}``"


def split(lines):
    """Entries like `vm, va: voltages`, once for each name, as Sphinx wants them."""
    found, position = [], 0
    while position < len(lines):
        end = position + 1
        while end < len(lines) and lines[end].startswith("     "):
            end += 1
        entry = SEVERAL.match(lines[position])
        for name in entry[1].split(", ") if entry else []:
            found += [f"    {name}: {entry[2]}", *lines[position + 1 : end]]
        found += [] if entry else lines[position:end]
        position = end
    return found


def rewrite(app, what, name, obj, options, lines):
    """Rewrite a docstring in place, before napoleon reads its sections."""
    found, section, literal = [], False, False
    for number, line in enumerate(lines):
        indented = line.startswith("  ")
        if line.strip() and not indented:
            section, literal = bool(SECTION.match(line)), False
        if indented and not section and not literal and (number == 0 or not lines[number - 1]):
            literal = True
            if not line.lstrip().startswith(">>>"):
                found += ["::", ""]
        found.append(line if literal or line.lstrip().startswith(">>>") else plain(line))
    lines[:] = split(found)
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # or napoleon takes what stands before a colon for a type


def setup(app):
    """Listen before napoleon does, whose priority is 500."""
    app.connect("autodoc-process-docstring", rewrite, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
