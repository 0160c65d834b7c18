"""The other side of the protocol: a process that loads once, then runs one round a line."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def answer_rounds(run: Callable[[], dict[str, Any]]) -> None:
    """Says that everything is loaded, then answers each line of standard input with a timed run."""
    answer_requests(lambda _: run())


def answer_requests(run: Callable[[str], dict[str, Any]]) -> None:
    """The same for rounds that differ: each line says what is to run."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        result = run(line.strip())
        result.setdefault("seconds", time.perf_counter() - start)
        print(json.dumps(result), flush=True)


class Side:
    """A started process; `round()` makes it work once while everybody else waits."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]):
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._read()

    def _read(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.name} ended with code {self._process.wait()} before it answered")

    def round(self, request: str = "go") -> dict[str, Any]:
        """One round: what the process measured."""
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
