"""Running assay as a user does: experiments with known faults, one database, in pieces.

A trial is an experiment of its own with a seed of its own, so that nothing is shared with another
trial. Trials that the database holds already are skipped: stop and start as you like.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOT_MEASURED = 3  # exit code of assay
ROOT = Path(__file__).resolve().parents[2]

NEIGHBOUR = """
import random, time
data = bytearray(32 << 20)
while True:
    until = time.monotonic() + random.uniform(0.2, 3.0)
    while time.monotonic() < until:
        copy = bytes(data)
    time.sleep(random.uniform(0.2, 3.0))
"""


@dataclasses.dataclass
class Trial:
    """One experiment: its name, its TOML text, and whether a neighbour works beside it."""

    name: str
    text: str
    noisy: bool = False


def experiment(name: str, seed: int, profile: str, model: str, methods: list[str], suite: str,
               processes: int) -> str:
    """The text of an experiment file."""
    blocks = "\n".join(f"[[method]]\n{method}" for method in methods)
    return (f'[experiment]\nname = "{name}"\nseeds = [{seed}]\nprofiles = ["{profile}"]\n'
            f'[[model]]\nid = "{model}"\nweights = "random"\n{blocks}\n[[suite]]\n{suite}\n'
            f"[measure]\nprocesses_per_arm = {processes}\n")


@contextlib.contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """A process that copies memory in bursts, on whatever core it gets."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def own_cpu_seconds(pid: int) -> float:
    """CPU time of the process itself, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Assay:
    """The program with the worker that has known faults, and one database."""

    def __init__(self, build: Path, database: Path):
        self.program = build / "bin/assay"
        self.database = database
        self.environment = dict(os.environ, ASSAY_WORKER=str(build / "tests/fixture_worker"),
                                ASSAY_SHARE=str(build / "tests/fixture_share"))
        database.parent.mkdir(parents=True, exist_ok=True)

    def done(self) -> set[str]:
        """Names of the trials that the log holds."""
        return {entry["trial"] for entry in self.log()}

    def log(self) -> list[dict[str, Any]]:
        """One entry a finished trial."""
        path = self.database.with_suffix(".jsonl")
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def run(self, trial: Trial) -> None:
        """Runs the trial and notes its time and the CPU time of the parent process alone."""
        with tempfile.TemporaryDirectory() as folder, neighbour(trial.noisy):
            file = Path(folder) / "experiment.toml"
            file.write_text(trial.text)
            start = time.monotonic()
            process = subprocess.Popen(
                [str(self.program), "run", str(file), "--db", str(self.database)],
                env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            cpu = [0.0]
            stop = threading.Event()

            def watch() -> None:
                while not stop.wait(0.02):
                    with contextlib.suppress(OSError, IndexError):
                        cpu[0] = own_cpu_seconds(process.pid)

            watcher = threading.Thread(target=watch)
            watcher.start()
            _, errors = process.communicate()
            stop.set()
            watcher.join()
            if process.returncode == NOT_MEASURED:  # it stays missing, and is tried again next time
                print(f"{trial.name}: not measured\n{errors[-2000:]}", file=sys.stderr)
                return
            if process.returncode != 0:
                raise SystemExit(f"{trial.name}: exit {process.returncode}\n{errors[-2000:]}")
            entry = {"trial": trial.name, "noisy": trial.noisy, "parent_cpu_s": round(cpu[0], 3),
                     "wall_s": round(time.monotonic() - start, 2), "load1": os.getloadavg()[0]}
        with self.database.with_suffix(".jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")

    def compare(self, trial: str, base: str, candidate: str, *options: str) -> list[dict[str, Any]]:
        """Rows of `assay compare`, whatever its verdict."""
        result = subprocess.run(
            [str(self.program), "compare", base, candidate, "--db", str(self.database),
             "--experiment", trial, "--json", *options],
            env=self.environment, capture_output=True, text=True, check=False)
        if not result.stdout:
            raise SystemExit(f"{trial}: {result.stderr}")
        return json.loads(result.stdout)["rows"]


def run_pieces(assay: Assay, trials: list[Trial], minutes: float) -> None:
    """Runs what is missing, in an order drawn once, until the time is up."""
    random.Random(1).shuffle(trials)
    done = assay.done()
    until = time.monotonic() + 60 * minutes
    for trial in trials:
        if trial.name in done:
            continue
        if time.monotonic() > until:
            break
        assay.run(trial)
    missing = len(trials) - len(assay.done() & {trial.name for trial in trials})
    print(f"{len(trials) - missing} of {len(trials)} trials are there")


def arguments(description: str | None, database: str) -> argparse.ArgumentParser:
    """Options that all scripts of this folder have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--db", type=Path, default=Path(database))
    parser.add_argument("--minutes", type=float, default=4.0, help="start no trial after that")
    parser.add_argument("--summary", action="store_true", help="only judge what is there")
    parser.add_argument("--model", default="tiny-opt-relu")
    parser.add_argument("--profile", default="cpu-1thread")
    parser.add_argument("--processes", type=int, default=12, help="an arm")
    return parser
