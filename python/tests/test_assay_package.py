"""The package as a wheel lays it out: how its commands start the programs, and what it asks for."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

_ROOT = Path(__file__).parents[2]

# Tells how it was started.
_STAND_IN = f"""\
#!{sys.executable} -I
import json, os, sys
seen = {{n: os.environ.get(n) for n in ("ASSAY_PYTHON", "LD_LIBRARY_PATH")}}
print(json.dumps([sys.argv, os.getpid(), seen]))
sys.exit(4)
"""


class Installed(unittest.TestCase):
    """A folder as site-packages is, with stand-ins for the programs and for torch."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.site = Path(folder.name) / "site"
        self.package = self.site / "assay"
        shutil.copytree(_ROOT / "python/assay", self.package)
        (self.package / "build.py").write_text('TORCH = "2.11.0"\n')
        (self.package / "bin").mkdir()
        for name in ("assay", "assay-worker"):
            program = self.package / "bin" / name
            program.write_text(_STAND_IN)
            program.chmod(0o755)

    def torch(self, place: Path, version: str) -> Path:
        package = place / "torch"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemError('loaded')\n")
        (package / "version.py").write_text(f"__all__ = []\n__version__ = '{version}'\n")
        return package

    def start(self, code: str, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Python with the folder as its packages, as the commands of a wheel start."""
        path = os.pathsep.join([str(self.site), *variables.pop("more_path", "").split()])
        start = f"import sys; sys.path[:0] = {path.split(os.pathsep)!r}; {code}"
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", start, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/bin", **variables},
        )

    def command(self, function: str, *words: str, **variables: str) -> tuple[list, int, str]:
        code = f"from assay.launch import {function}; sys.exit({function}())"
        process = self.start(code, *words, **variables)
        out, err = process.communicate(timeout=60)
        if not out:
            return [], process.returncode, err
        argv, pid, seen = json.loads(out)
        self.assertEqual(pid, process.pid, "the command becomes the program")
        return [argv, seen], process.returncode, err

    def test_commands_become_the_programs(self) -> None:
        self.torch(self.site, "2.11.0+cu130")
        for function, name in (("assay", "assay"), ("assay_worker", "assay-worker")):
            (argv, seen), code, err = self.command(function, "run", "a b", "--x=1")
            self.assertEqual(argv, [str(self.package / "bin" / name), "run", "a b", "--x=1"])
            self.assertEqual((code, err), (4, ""))
            # torch is where the worker looks; this Python prepares data.
            self.assertEqual(seen, {"ASSAY_PYTHON": sys.executable, "LD_LIBRARY_PATH": None})

    def test_a_named_python_is_kept(self) -> None:
        self.torch(self.site, "2.11.0")
        (_, seen), _, _ = self.command("assay", ASSAY_PYTHON="/my/python")
        self.assertEqual(seen["ASSAY_PYTHON"], "/my/python")

    def test_torch_elsewhere_is_told_to_the_loader(self) -> None:
        elsewhere = self.site.parent / "elsewhere"
        torch = self.torch(elsewhere, "2.11.0+cpu")
        (_, seen), _, _ = self.command("assay", more_path=str(elsewhere))
        self.assertEqual(seen["LD_LIBRARY_PATH"], str(torch / "lib"))
        (_, seen), _, _ = self.command("assay", more_path=str(elsewhere), LD_LIBRARY_PATH="/mine")
        self.assertEqual(seen["LD_LIBRARY_PATH"], f"{torch / 'lib'}:/mine")

    def test_another_torch_is_refused(self) -> None:
        for version in ("2.10.0+cu130", "2.11.1", "2.11.0a1"):
            torch = self.torch(self.site, version)
            started, code, err = self.command("assay", "list", "methods")
            self.assertEqual((started, code), ([], 3))
            found = version.partition("+")[0]
            self.assertIn(f"{torch} is {found}, and assay was built for 2.11.0; install", err)
            self.assertIn("-m pip install torch==2.11.0", err)
            shutil.rmtree(torch)

    def test_without_torch_results_can_be_read(self) -> None:
        (_, seen), code, _ = self.command("assay", "report", "results.db")
        self.assertEqual((code, seen["LD_LIBRARY_PATH"]), (4, None))

    def test_a_lost_program_is_said(self) -> None:
        (self.package / "bin/assay").unlink()
        _, code, err = self.command("assay")
        self.assertEqual(code, 3)
        self.assertIn("bin/assay: No such file or directory; install it again", err)

    def test_starting_loads_nothing_slow(self) -> None:
        self.torch(self.site, "2.11.0")
        code = "import assay.launch as l; l.environment(); print(sorted(sys.modules))"
        out, err = self.start(code).communicate(timeout=60)
        loaded = set(ast.literal_eval(out))
        self.assertLessEqual({"assay", "assay.launch"}, loaded, err)
        slow = {"json", "pandas", "pathlib", "re", "sqlite3", "subprocess", "torch", "typing"}
        self.assertEqual(loaded & slow, set())

    def test_the_package_calls_its_own_program(self) -> None:
        """Not one in PATH; a mismatch of torch is an exception there."""
        self.torch(self.site, "2.10.0")
        code = "import assay; assay.call('list', 'methods')"
        _, err = self.start(code).communicate(timeout=60)
        self.assertIn("assay.errors.MachineError: the package torch at", err)


def _project() -> dict:
    return tomllib.loads((_ROOT / "pyproject.toml").read_text())


def _pins(lock: str) -> dict[str, str]:
    text = (_ROOT / lock).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE))


def _split(requirement: str) -> tuple[str, str, tuple[int, ...]]:
    name, relation, version = re.fullmatch(r"([a-z0-9-]+)([=>]=)([0-9.]+)", requirement).groups()
    return name, relation, tuple(map(int, version.split(".")))


def _imported(folder: Path) -> set[str]:
    names = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"assay", "assay_tools"}


class Project(unittest.TestCase):
    def test_what_is_imported_is_asked_for(self) -> None:
        used = _imported(_ROOT / "python/assay") | _imported(_ROOT / "python/assay_tools")
        asked = {_split(text)[0] for text in _project()["project"]["dependencies"]}
        self.assertEqual({name.replace("_", "-") for name in used} | {"torch"}, asked)

    def test_the_environment_has_what_is_asked_for(self) -> None:
        pins = _pins("requirements.txt")
        for text in _project()["project"]["dependencies"]:
            name, relation, wanted = _split(text)
            have = tuple(map(int, pins[name].split(".")))
            fits = have == wanted if relation == "==" else have >= wanted
            self.assertTrue(fits, f"{text}, and requirements.txt pins {pins[name]}")

    def test_the_build_has_the_same_torch_and_plotly(self) -> None:
        asked = _project()["build-system"]["requires"]
        self.assertIn(f"torch=={_pins('requirements.txt')['torch']}", asked)
        self.assertIn(f"plotly=={_pins('requirements-report.txt')['plotly']}", asked)
        (backend,) = (text for text in asked if text.startswith("scikit-build-core"))
        self.assertIn("scikit-build-core", _pins("requirements-wheel.txt"))
        self.assertRegex(backend, ">=")

    def test_the_version_is_cmakes(self) -> None:
        (rule,) = _project()["tool"]["dynamic-metadata"]
        self.assertEqual(rule["field"], "version")
        found = re.search(rule["regex"], (_ROOT / rule["input"]).read_text())
        self.assertRegex(found["value"], r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
