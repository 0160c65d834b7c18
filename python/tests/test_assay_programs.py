"""How exit codes and errors of `assay` reach Python, against a stand-in that ends as it is told."""

import contextlib
import io
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

import assay

# Says and prints what the variables hold, notes its arguments, and ends with the wanted code.
_STAND_IN = """\
#!/bin/sh
printf '%s\\n' "$@" > "$NOTES"
printf '%s' "$SAYS" >&2
printf '%s' "$PRINTS"
exit "$CODE"
"""


class StandIn(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.program(_STAND_IN)
        variables = {"PATH": f"{folder.name}:/usr/bin:/bin", "NOTES": str(self.folder / "notes")}
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)
        self.ends(0, prints="{}")

    def program(self, text: str) -> None:
        path = self.folder / "assay"
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def ends(self, code: int, prints: str = "", says: str = "") -> None:
        os.environ.update({"CODE": str(code), "PRINTS": prints, "SAYS": says})

    def asked(self) -> list[str]:
        return (self.folder / "notes").read_text().splitlines()


class ExitCodes(StandIn):
    def test_results_are_no_exceptions(self) -> None:
        for code in (0, 1, 3, 4):
            self.ends(code, prints='{"a": [1]}', says="progress\n")
            answer = assay.call("check", "e.toml", quiet=True)
            self.assertEqual((answer.exit_code, answer.document), (code, {"a": [1]}))
            self.assertEqual(answer.messages, "progress\n")
        self.assertEqual(self.asked(), ["check", "e.toml", "--json"])

    def test_errors_carry_code_and_message(self) -> None:
        cases = ((2, assay.InputError), (3, assay.MachineError), (130, assay.Interrupted))
        for code, kind in cases:
            self.ends(code, says="progress\nassay: e.toml: two errors:\n  first\n  second\n")
            with self.assertRaises(kind) as caught:
                assay.call("run", "e.toml", quiet=True)
            self.assertEqual(caught.exception.exit_code, code)
            self.assertEqual(caught.exception.message, "e.toml: two errors:\n  first\n  second")

    def test_a_bug_says_both_lines(self) -> None:
        self.ends(70, says="assay: lost\nassay: this is a bug\n")
        with self.assertRaises(assay.AssayError) as caught:
            assay.call("run", quiet=True)
        self.assertEqual(str(caught.exception), "lost\nthis is a bug")
        self.assertEqual(caught.exception.exit_code, 70)

    def test_a_document_before_an_error_is_no_result(self) -> None:
        """`assay run --json --report /no/place` prints its table, and cannot write the other."""
        self.ends(3, prints="{}", says="assay: /no/place: cannot be written\n")
        with self.assertRaisesRegex(assay.MachineError, "cannot be written"):
            assay.call("run", quiet=True)

    def test_what_the_option_parser_says_is_the_message(self) -> None:
        self.ends(2, says="--db: is a folder\nRun with --help\n")
        with self.assertRaisesRegex(assay.InputError, "^--db: is a folder\nRun with --help$"):
            assay.call("run", quiet=True)

    def test_a_killed_program_names_the_signal(self) -> None:
        self.program("#!/bin/sh\nkill -9 $$\n")
        with self.assertRaisesRegex(assay.AssayError, "killed by SIGKILL") as caught:
            assay.call("run", quiet=True)
        self.assertEqual(caught.exception.exit_code, -signal.SIGKILL)

    def test_errors_survive_another_process(self) -> None:
        for error in (assay.InputError("a"), assay.AssayError("b", 70)):
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(copy), copy.message), (type(error), error.message))
            self.assertEqual(copy.exit_code, error.exit_code)

    def test_no_program_says_what_to_do(self) -> None:
        os.environ["PATH"] = str(self.folder / "nothing")
        with self.assertRaisesRegex(assay.MachineError, "neither in this package nor in PATH"):
            assay.call("list", "methods")


class Arguments(StandIn):
    def test_run_asks_in_the_words_of_the_command_line(self) -> None:
        self.ends(3, prints='{"experiments": [{"results": [{"experiment": "line-1"}]}]}')
        run = assay.run(
            models="tiny",
            methods=["wanda:sparsity=0.5", "quantize:bits=4"],
            suites=("decode",),
            seeds=[0, 1],
            dense=False,
            database=Path("x.db"),
            fail_fast=True,
            quiet=True,
        )
        words = ["run", "--model=tiny", "--method=wanda:sparsity=0.5", "--method=quantize:bits=4"]
        words += ["--suite=decode", "--seed=0", "--seed=1", "--no-dense", "--fail-fast"]
        self.assertEqual(self.asked(), [*words, "--db=x.db", "--json"])
        self.assertEqual((run.exit_code, run.experiment), (3, "line-1"))
        self.assertEqual(run.database, Path.cwd() / "x.db")

    def test_a_file_needs_nothing_else(self) -> None:
        self.ends(0, prints='{"experiments": [{"results": [{"experiment": "mine"}]}]}')
        assay.run(Path("mine.toml"), quiet=True)
        self.assertEqual(self.asked(), ["run", "mine.toml", "--db=results.db", "--json"])

    def test_compare(self) -> None:
        rows = [{"metric": "a", "verdict": "worse"}]
        self.ends(1, prints=json.dumps({"counts": {"worse": 1}, "rows": rows}))
        asked = {"database": "r.db", "metrics": ["a*", "b"], "threshold": 5}
        compared = assay.compare("dense", "wanda", **asked)
        options = ["--db=r.db", "--metrics=a*", "--metrics=b", "--threshold=5", "--json"]
        self.assertEqual(self.asked(), ["compare", "dense", "wanda", *options])
        self.assertEqual((compared.exit_code, compared.counts), (1, {"worse": 1}))
        self.assertEqual(compared.rows()["verdict"].tolist(), ["worse"])

    def test_report(self) -> None:
        self.ends(0, prints="a table\n")
        self.assertEqual(assay.report("r.db", group_by=["method"]), "a table\n")
        self.assertEqual(self.asked(), ["report", "r.db", "--format=terminal", "--group-by=method"])
        assay.report("r.db", output=Path("r.html"))
        self.assertEqual(self.asked(), ["report", "r.db", "--output=r.html"])


class Talking(StandIn):
    def test_progress_is_passed_on_unless_quiet(self) -> None:
        self.ends(0, prints="{}", says="one\ntwo\n")
        for quiet, heard in ((False, "one\ntwo\n"), (True, "")):
            with contextlib.redirect_stderr(io.StringIO()) as err:
                assay.call("run", quiet=quiet)
            self.assertEqual(err.getvalue(), heard)

    def test_much_on_both_streams_does_not_block(self) -> None:
        self.program(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import json, sys
            sys.stderr.write(("x" * 1000 + "\\n") * 300)
            print(json.dumps(["x" * 1000] * 300))
            sys.stderr.write(("x" * 1000 + "\\n") * 300)
            """)
        )
        answer = assay.call("list", quiet=True)
        self.assertEqual((len(answer.document), len(answer.messages)), (300, 600 * 1001))

    def test_a_stream_that_fails_stops_the_program_tidily(self) -> None:
        """What it says is read to its end even so: else it would wait for that for ever."""
        stopped = self.folder / "stopped"
        self.program(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import signal, sys, time
            from pathlib import Path
            def stop(*_):
                sys.stderr.write(("x" * 1000 + "\\n") * 300)
                Path({str(stopped)!r}).touch()
                sys.exit(130)
            signal.signal(signal.SIGINT, stop)
            sys.stderr.write(("x" * 1000 + "\\n") * 300)
            sys.stderr.flush()
            time.sleep(60)
            """)
        )
        # In a process of its own, which can be ended if it waits.
        caller = """\
            import sys, assay
            class Gone:
                def write(self, text):
                    raise BrokenPipeError("nobody hears")
            printed, sys.stderr = sys.stderr, Gone()
            try:
                assay.call("run")
            except BrokenPipeError as error:
                print(error)
            sys.stderr = printed
            """
        variables = os.environ | {"PYTHONPATH": str(Path(assay.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-B", "-c", textwrap.dedent(caller)],
            env=variables,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        self.assertEqual((done.stdout, done.stderr), ("nobody hears\n", ""))
        self.assertTrue(stopped.exists())

    def test_ctrl_c_stops_the_program_tidily(self) -> None:
        """It is interrupted once, and waited for."""
        ready, stopped = self.folder / "ready", self.folder / "stopped"
        self.program(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import signal, sys, time
            from pathlib import Path
            def stop(*_):
                time.sleep(0.2)
                with open({str(stopped)!r}, "a") as file:
                    file.write("stopped")
                sys.exit(130)
            signal.signal(signal.SIGINT, stop)
            Path({str(ready)!r}).touch()
            time.sleep(60)
            """)
        )

        def interrupt() -> None:
            while not ready.exists():
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        interrupter = threading.Thread(target=interrupt, daemon=True)
        interrupter.start()
        with self.assertRaises(KeyboardInterrupt):
            assay.call("run", quiet=True)
        self.assertEqual(stopped.read_text(), "stopped")


if __name__ == "__main__":
    unittest.main()
