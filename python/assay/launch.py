"""Where the programs are, and the commands `assay` and `assay-worker` of an installed package.

A command becomes the program (exec): nothing of Python stays. So this module loads little, and
takes neither torch nor anything of this package along.
"""

import os
import sys

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def _torch_folder() -> tuple[str, bool] | None:
    """The package that the worker will run with, and whether it finds that by itself: beside this
    package. It is looked for, not loaded."""
    beside = os.path.join(os.path.dirname(_PACKAGE), "torch")
    if os.path.isdir(beside):
        return beside, True
    from importlib.util import find_spec

    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    return spec.submodule_search_locations[0], False


def _version_of(torch: str) -> str:
    try:
        with open(os.path.join(torch, "version.py"), encoding="utf-8") as file:
            for line in file:
                if line.startswith("__version__"):
                    return line.split("=", 1)[1].strip().strip("'\"").partition("+")[0]
    except OSError:
        pass
    return "of no known version"


def _wrong_torch(torch: str) -> str:
    """Why the programs cannot run with it; empty when they can. Another version may run, with other
    numbers."""
    from assay.build import TORCH

    found = _version_of(torch)
    if found == TORCH:
        return ""
    return (
        f"the package torch at {torch} is {found}, and assay was built for {TORCH}; "
        f"install that where assay is: {sys.executable} -m pip install torch=={TORCH}"
    )


def installed() -> bool:
    """Whether the programs lie in this package, as in a wheel, and not only its Python files."""
    return os.path.isfile(os.path.join(_PACKAGE, "bin", "assay"))


def environment() -> tuple[dict[str, str], str]:
    """What the installed programs are started with, and why they cannot be (empty: they can).

    They prepare data and models with this interpreter, unless ASSAY_PYTHON names another one.
    Without any torch all commands still work that need no worker.
    """
    variables = dict(os.environ)
    if not variables.get("ASSAY_PYTHON") and sys.executable:
        variables["ASSAY_PYTHON"] = sys.executable
    torch = _torch_folder()
    if torch is None:
        return variables, ""
    folder, found_by_itself = torch
    if not found_by_itself:
        paths = [os.path.join(folder, "lib"), variables.get("LD_LIBRARY_PATH", "")]
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, paths))
    return variables, _wrong_torch(folder)


def program(name: str) -> str:
    """Path of an installed program."""
    return os.path.join(_PACKAGE, "bin", name)


def _become(name: str) -> int:
    variables, why_not = environment()
    if why_not:
        print(f"{name}: {why_not}", file=sys.stderr)
        return 3
    try:
        os.execve(program(name), [name, *sys.argv[1:]], variables)
    except OSError as error:
        print(f"{name}: {error.filename}: {error.strerror}; install it again", file=sys.stderr)
        return 3


def assay() -> int:
    """The command `assay`."""
    return _become("assay")


def assay_worker() -> int:
    """The command `assay-worker`."""
    return _become("assay-worker")
