"""Names of types for Sphinx: what modules import for the type checker only, and our array types.

Sphinx looks up annotations at run time, when `if TYPE_CHECKING:` has imported nothing. Once all
modules are there, their imports are made good. The array types become types with a name of their
own, or they would be shown as what numpy calls an array of floats.
"""

import ast
import pkgutil
import sys
from importlib import import_module
from importlib.util import find_spec
from inspect import getsource
from types import ModuleType
from typing import NewType, TypeVar, get_origin

import numpy as np

_NOT_INSTALLED = {"pypowsybl.network": "Network", "pypsa": "Network"}  # a type of each


def stand_in(name, kind):
    """Make a module with a type that annotations name, where its package is not installed."""
    package, _, inner = name.partition(".")
    if find_spec(package) is None:
        module = sys.modules[name] = ModuleType(name)
        setattr(module, kind, type(kind, (), {"__module__": name}))
        if inner:
            outer = sys.modules[package] = ModuleType(package)
            setattr(outer, inner, module)


def load(app, config):
    """Import the whole package, and fill in what annotations refer to."""
    import scopf

    for name, kind in _NOT_INSTALLED.items():
        stand_in(name, kind)
    walked = pkgutil.walk_packages(scopf.__path__, "scopf.")
    modules = [import_module(found.name) for found in walked if "__main__" not in found.name]
    for module in modules:
        checked = [
            statement
            for block in ast.parse(getsource(module)).body
            if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
            for statement in block.body
        ]
        exec(compile(ast.Module(checked, []), module.__name__, "exec"), vars(module))
    arrays = sys.modules["scopf.arrays"]
    ours = [name for name, kind in vars(arrays).items() if get_origin(kind) is np.ndarray]
    for name in ours:
        alias, named = getattr(arrays, name), NewType(name, object)
        named.__module__ = arrays.__name__
        for module in modules:
            if getattr(module, name, None) is alias:
                setattr(module, name, named)


def resolve(app, env, node, content):
    """What is ours, but documented under another name or kind; the name alone for a variable."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("scopf."):
        return None
    module, _, name = target.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    if isinstance(found, TypeVar):
        return content
    if found is not None and hasattr(found, "__qualname__"):
        target = f"{found.__module__}.{found.__qualname__}"
    domain, here = env.get_domain("py"), node["refdoc"]
    return domain.resolve_xref(env, here, app.builder, "obj", target, node, content)


def setup(app):
    """Load before pages are read."""
    app.connect("config-inited", load)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
