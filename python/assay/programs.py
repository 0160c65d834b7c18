"""Runs `assay` and returns what it printed; an error that it reports is raised."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assay import launch
from assay.errors import MachineError, error_of

Word = str | int | float | os.PathLike

_ERROR = re.compile("^assay: ", re.MULTILINE)  # begins what is said of an error, and nothing else
_RESULTS = (0, 1, 3, 4)  # exit codes of commands that did what they were asked for


@dataclass(frozen=True)
class Answer:
    """What a command printed as JSON, how it ended, and what it said meanwhile.

    `exit_code`: 0 fine, 1 something is worse, 3 something could not be measured, 4 something could
    not be told. `messages`: progress and notes, as on standard error.
    """

    exit_code: int
    document: Any
    messages: str


@dataclass(frozen=True)
class Ended:
    """A program that ran to its end."""

    exit_code: int
    out: str
    said: str


def options(named: Mapping[str, Word | bool | Iterable[Word] | None]) -> list[str]:
    """Keyword arguments as options of the command line: `fail_fast=True` is --fail-fast, a list
    gives an option several times, None and False leave it out."""
    words = []
    for name, value in named.items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(option)
        elif isinstance(value, Word):
            words.append(f"{option}={_text(value)}")
        else:
            words += [f"{option}={_text(one)}" for one in value]
    return words


def _text(word: Word) -> str:
    return os.fspath(word) if isinstance(word, os.PathLike) else str(word)


def _program() -> tuple[str, dict[str, str]]:
    """The program of this package, else the one in PATH (a clone that was built)."""
    if launch.installed():
        variables, why_not = launch.environment()
        if why_not:
            raise MachineError(why_not)
        return launch.program("assay"), variables
    found = shutil.which("assay")
    if found is None:
        raise MachineError(
            "the program `assay` is neither in this package nor in PATH; "
            "install a wheel (./scripts/wheel builds one), or add build/release/bin to PATH"
        )
    return found, dict(os.environ)


def _listen(process: subprocess.Popen[str], quiet: bool) -> list[str]:
    """Reads what the program says until it ends, and passes it on. Ctrl-C goes on to the program:
    the first one asks it to stop, another one insists."""
    said: list[str] = []
    interrupted = False
    assert process.stderr is not None
    while True:
        try:
            for line in process.stderr:
                said.append(line)
                if not quiet:
                    sys.stderr.write(line)
                    sys.stderr.flush()
            process.wait()
            break
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
    if interrupted:
        raise KeyboardInterrupt
    return said


def _stop(process: subprocess.Popen[str]) -> None:
    """Tidily. What the program says is read to its end: it would wait for ever for a reader."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        _listen(process, quiet=True)


def execute(arguments: Iterable[Word], quiet: bool = False) -> Ended:
    """Runs `assay` with these arguments to its end, in a process group of its own. What it says on
    standard error goes to `sys.stderr` line by line, unless `quiet`; where that fails, the program
    is stopped as by Ctrl-C, and the error is raised."""
    path, variables = _program()
    process = subprocess.Popen(
        [path, *map(_text, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        encoding="utf-8",
        errors="replace",
        process_group=0,
    )
    parts: list[str] = []
    with process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: parts.append(process.stdout.read()), daemon=True)
        reader.start()
        try:
            said = _listen(process, quiet)
        except BaseException:  # `sys.stderr` may be anybody's, and fail
            _stop(process)
            raise
        finally:
            reader.join()
    return Ended(process.returncode, "".join(parts), "".join(said))


def complaint(said: str) -> str:
    """The error in what a program said, which may be of several lines; empty without one."""
    start = _ERROR.search(said)
    return "" if start is None else _ERROR.sub("", said[start.start() :]).strip()


def raise_error(ended: Ended) -> None:
    """Raises what a program that gave no result said."""
    if ended.exit_code < 0:
        name = signal.Signals(-ended.exit_code).name
        raise error_of(ended.exit_code, f"assay was killed by {name}")
    message = complaint(ended.said) or ended.said.strip()
    raise error_of(ended.exit_code, message or f"assay ended with exit code {ended.exit_code}")


def call(*arguments: Word, quiet: bool = False) -> Answer:
    """Runs any command that takes --json, which is added: `assay.call("list", "methods").document`.

    Raises AssayError (InputError, MachineError, Interrupted) when it gives no result.
    """
    ended = execute([*arguments, "--json"], quiet)
    if ended.exit_code not in _RESULTS or complaint(ended.said) or not ended.out:
        raise_error(ended)
    return Answer(ended.exit_code, json.loads(ended.out), ended.said)
