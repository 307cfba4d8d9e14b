"""Make the environment that scopf runs in: ``python3 bootstrap.py [ENV_DIR]``.

cyipopt has no wheel on PyPI, and its source wants an installed Ipopt. Instead of asking for one,
we build cyipopt against the Ipopt inside the casadi wheel, which scopf needs anyway; at run time
cyipopt finds it there through a relative path. A cyipopt that this Python can already import
(conda, a distribution) is used as it is.

Two arrays in cyipopt's source have no declared type, so the derivatives are copied number by number
as Python objects, which takes an eighth of a large solve. While it is built here they are declared.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before the imports, for a sentence and no traceback
    sys.exit("scopf needs Python 3.11 or newer, and this is Python " + sys.version.split()[0] + ".")

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROJECT_FILE = ROOT / "pyproject.toml"

PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
HOW_TO_COMPILE = (
    f"'sudo apt install build-essential {PYTHON_NAME}-dev' (Debian, Ubuntu), "
    "'sudo dnf install gcc python3-devel' (Fedora) or 'xcode-select --install' (macOS)"
)
CYIPOPT_SOURCE = "cyipopt/cython/ipopt_wrapper.pyx"
UNTYPED = ("np_jac_g = np.array(ret_val, dtype=DTYPEd)", "np_h = np.array(ret_val, dtype=DTYPEd)")
CYIPOPT_VERSIONS = """
import cyipopt
print("cyipopt", cyipopt.__version__, "with Ipopt", ".".join(map(str, cyipopt.IPOPT_VERSION)))
"""


class Environment:
    """A virtual environment at `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = path / ".ready"

    def output(self, code: str) -> str | None:
        """Return what `code` prints in the environment, None if it fails."""
        return output_of(self.python, "-P", "-c", code)

    def install(self, *arguments: str, advice: str, **variables: str) -> None:
        """Run ``pip install`` with the environment `variables`, quiet unless it fails."""
        self.pip("install", *arguments, advice=advice, **variables)

    def pip(self, *arguments: str, advice: str, **variables: str) -> None:
        """Run pip with the environment `variables`, quiet unless it fails."""
        pip = subprocess.run(
            [self.python, "-m", "pip", *arguments, "--disable-pip-version-check"],
            cwd=ROOT,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if pip.returncode:
            sys.exit(f"{pip.stdout}\npip {shlex.join(arguments)} failed: {advice}.")


def output_of(*command: str | Path, text: str = "") -> str | None:
    """Return what `command` prints, given `text` on its input; None if it fails."""
    try:
        run = subprocess.run(command, input=text, capture_output=True, text=True, errors="replace")
    except OSError:
        return None
    return None if run.returncode else run.stdout.strip()


def say(step: str) -> None:
    """Announce a step, at once even into a pipe."""
    print(step, flush=True)


def requirement(name: str) -> str:
    """Return what pyproject.toml says about the dependency `name`, such as ``casadi>=3.6.7``."""
    project = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + project["optional-dependencies"].get(name, [])
    return next(str(line) for line in lines if line.startswith(name))


def cyipopt_of(python: str | Path) -> str | None:
    """Return the versions of the cyipopt that `python` has, None if it has none that will do."""
    versions = output_of(python, "-P", "-c", CYIPOPT_VERSIONS)
    pip = (python, "-P", "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index")
    return versions if output_of(*pip, requirement("cyipopt")) is not None else None


def is_ready(env: Environment) -> bool:
    """Tell whether an earlier run finished, and what it depends on is as it was."""
    if not env.stamp.exists():
        return False
    sources = (PROJECT_FILE, Path(__file__))
    current = all(env.stamp.stat().st_mtime >= file.stat().st_mtime for file in sources)
    imports = "import cyipopt, importlib.util; assert importlib.util.find_spec('scopf')"
    return current and env.output(imports) is not None


def create(env: Environment) -> None:
    """Create the environment, unless it is there and works."""
    if env.output("import pip, sys; assert sys.version_info >= (3, 11)") is not None:
        return
    if env.python.is_symlink() or (env.path / "pyvenv.cfg").exists():
        sys.exit(f"{env.path} has no working Python (3.11 or newer) with pip: delete it first.")
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        sys.exit(
            "This Python cannot make environments: install its venv module and run this again, "
            f"on Debian and Ubuntu with 'sudo apt install {PYTHON_NAME}-venv'."
        )
    share = cyipopt_of(sys.executable) is not None
    say(f"Creating {env.path}" + (", which shares the cyipopt of this Python" if share else ""))
    try:
        venv.create(env.path, with_pip=True, symlinks=os.name != "nt", system_site_packages=share)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"{env.path} could not be created: {error}.")


def find_compiler(env: Environment) -> str:
    """Return a C compiler that works with the environment's Python; exit if there is none."""
    named = (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang")
    compiler = next((cc for cc in named if cc and shutil.which(shlex.split(cc)[0])), None)
    if compiler is None:
        sys.exit(f"cyipopt needs a C compiler and there is none: install it with {HOW_TO_COMPILE}.")
    headers = env.output("import sysconfig; print(sysconfig.get_path('include'))") or ""
    arguments = ("-I", headers, "-x", "c", "-c", "-", "-o", os.devnull)
    if output_of(*shlex.split(compiler), *arguments, text="#include <Python.h>\n") is None:
        sys.exit(
            f"cyipopt needs Python.h, and '{compiler}' cannot compile a file that includes it: "
            f"install the header files with {HOW_TO_COMPILE}."
        )
    return compiler


def lay_out_ipopt(casadi: Path, folder: Path) -> None:
    """Make `folder` look like an installed Ipopt: an ipopt.pc, and links into the casadi wheel.

    Links, because cyipopt's setup.py breaks paths at spaces, and because the linker looks for a
    library without a version in its name, which a wheel need not have.
    """
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    libraries = sorted(file for file in casadi.glob("libipopt.*") if suffix in file.suffixes)
    config = casadi / "include/coin-or/IpoptConfig.h"
    if not libraries or not config.exists():
        sys.exit(f"The casadi in {casadi} comes without Ipopt: install cyipopt from conda-forge.")
    (folder / "lib").mkdir()
    (folder / "lib" / f"libipopt{suffix}").symlink_to(libraries[0])
    (folder / "include").symlink_to(config.parent)
    defines = map(str.split, config.read_text(encoding="utf-8").splitlines())
    version = next(words[2].strip('"') for words in defines if words[1:2] == ["IPOPT_VERSION"])
    (folder / "ipopt.pc").write_text(
        f"Name: Ipopt\nDescription: Ipopt of the casadi wheel\nVersion: {version}\n"
        f"Cflags: -I{folder}/include\nLibs: -L{folder}/lib -lipopt\n",
        encoding="utf-8",
    )


def declare_arrays(source: Path) -> None:
    """Declare the arrays of derivatives in cyipopt's source, where it reads as expected."""
    file = source / CYIPOPT_SOURCE
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if all(text.count(f"\n    {line}") == 1 for line in UNTYPED):
        for line in UNTYPED:
            text = text.replace(line, f"cdef np.ndarray[DTYPEd_t, ndim=1] {line}")
        file.write_text(text, encoding="utf-8")


def unpacked(archives: Path) -> Path:
    """Unpack the source archive in a folder and return the folder that it holds."""
    (archive,) = archives.glob("*.tar.gz")
    shutil.unpack_archive(archive, archives)
    return archives / archive.name.removesuffix(".tar.gz")


def build_cyipopt(env: Environment) -> None:
    """Build cyipopt from its source against the Ipopt in the casadi wheel."""
    if os.name == "nt":
        sys.exit("On Windows, install cyipopt first: 'conda install -c conda-forge cyipopt'.")
    compiler = find_compiler(env)
    say("Installing casadi, which brings Ipopt")
    env.install(requirement("casadi"), advice="check the network and run this again")
    casadi = env.output("import casadi; print(*casadi.__path__)")
    if casadi is None:
        sys.exit(f"casadi cannot be imported: delete {env.path} and run this again.")

    base = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(dir="/tmp" if " " in base else base) as name:
        folder = Path(name)
        lay_out_ipopt(Path(casadi), folder)
        if not shutil.which("pkg-config"):
            say("Installing pkgconf, as there is no pkg-config")
            env.install("pkgconf", advice="install pkg-config and run this again")
            program = env.output("import pkgconf; print(pkgconf.get_executable())")
            # The wheel's own pkg-config is a Python script, which does not run inside pip's builds.
            (folder / "pkg-config").symlink_to(program or "pkgconf")
        say("Building cyipopt against it (about a minute)")
        origin = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
        settings = {
            "advice": "see above; as a way out, conda-forge has cyipopt ready to use",
            "CC": compiler,
            "LDFLAGS": f"{os.environ.get('LDFLAGS', '')} -Wl,-rpath,{origin}/../casadi".strip(),
            "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PKG_CONFIG_PATH": name,
        }
        source = ("--no-binary=cyipopt", "--no-deps", requirement("cyipopt"))
        env.pip("download", f"--dest={folder / 'source'}", *source, **settings)
        cyipopt = unpacked(folder / "source")
        declare_arrays(cyipopt)
        # a cached build may be linked to another Ipopt
        again = ("--no-cache-dir", "--force-reinstall", "--no-deps")
        env.install(*again, str(cyipopt), **settings)


def main() -> None:
    """Make the environment step by step, leaving out what is done already."""
    parser = argparse.ArgumentParser(description="Make the environment that scopf runs in.")
    where = "the folder of the environment (default: .venv beside this file)"
    parser.add_argument("env_dir", nargs="?", default=ROOT / ".venv", type=Path, help=where)
    env = Environment(parser.parse_args().env_dir.absolute())

    if not is_ready(env):
        create(env)
        if cyipopt_of(env.python) is None:
            build_cyipopt(env)
        say("Installing scopf and its development tools (a minute or two)")
        env.install("--editable", ".[dev]", advice="check the network and run this again")
    versions = cyipopt_of(env.python)
    if versions is None:
        sys.exit(f"cyipopt does not load: delete {env.path} and run this again.")
    env.stamp.write_text(versions + "\n", encoding="utf-8")
    say(f"{env.path} is ready: {versions}")


if __name__ == "__main__":
    main()
