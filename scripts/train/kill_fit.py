"""Kills a fit that trains, again and again, and compares what it ends with.

    scripts/train/kill_fit.py [--build build/release] [--kills 20] [--sentences 320] [--epochs 2]
      [--every 2] [--latest 12] [--seed 1]

An experiment that fine-tunes MiniLM on sentences of SST-2 is run undisturbed in an ASSAY_HOME of its
own. Then it is run in another one, where SIGKILL ends the worker and assay at a random moment of the
fit; the same command goes on from there, is killed again, and so on. Moments are counted in the
worker's processor time, so that a busy machine gets as far as an idle one. A fit that comes to its
end before all kills are used up is followed by one of another seed. Each artefact must have the
bytes of the undisturbed one. Ends with 1 where one has not.

Fits keep a checkpoint every two minutes. So that there is something to go on from, the killed
workers see a clock that runs faster (a library that cc makes and LD_PRELOAD loads scales
CLOCK_MONOTONIC): one every `--every` seconds. Nothing else in them differs from what is installed;
the undisturbed worker sees the true clock. Needs ASSAY_DATA with sst2, as the data set names it.
"""

import argparse
import dataclasses
import hashlib
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT_SECONDS = 120
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static int (*real)(clockid_t, struct timespec*);
static double begin;
__attribute__((constructor)) static void start(void) {
  struct timespec now;
  real = dlsym(RTLD_NEXT, "clock_gettime");
  real(CLOCK_MONOTONIC, &now);
  begin = now.tv_sec + 1e-9 * now.tv_nsec;
}
int clock_gettime(clockid_t id, struct timespec* now) {
  const int result = real(id, now);
  if (id != CLOCK_MONOTONIC || result != 0) return result;
  const double scaled = begin + (now->tv_sec + 1e-9 * now->tv_nsec - begin) * FACTOR;
  now->tv_sec = (time_t)scaled;
  now->tv_nsec = (long)((scaled - (double)now->tv_sec) * 1e9);
  return 0;
}
"""


@dataclasses.dataclass
class Place:
    """One ASSAY_HOME with its database."""

    folder: Path
    worker: Path

    def start(self, program: Path, file: Path) -> subprocess.Popen:
        environment = dict(
            os.environ, ASSAY_HOME=str(self.folder / "home"), ASSAY_WORKER=str(self.worker)
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [program, "run", file, "--db", self.folder / "results.db"],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def artefacts(self) -> dict[str, str]:
        """Hashes of complete artefacts by their names, which are keys of what was asked."""
        found = {}
        for description in (self.folder / "home/artefacts").glob("*.json"):
            file = description.with_suffix(".safetensors")
            found[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found

    def checkpoint(self) -> Path | None:
        """The newest one that a fit left."""
        files = list((self.folder / "home/artefacts").glob("*.checkpoints/training.safetensors"))
        return max(files, key=lambda file: file.stat().st_mtime, default=None)


def fast_worker(build: Path, folder: Path, every: float) -> Path:
    """The worker behind a clock that runs faster."""
    source, library, script = folder / "clock.c", folder / "clock.so", folder / "worker"
    source.write_text(CLOCK)
    factor = CHECKPOINT_SECONDS / every
    command = ["cc", "-shared", "-fPIC", "-O1", f"-DFACTOR={factor}", source, "-o", library]
    subprocess.run([*command, "-ldl"], check=True)
    worker = build / "bin/assay-worker"
    script.write_text(f'#!/bin/sh\nLD_PRELOAD="{library}" exec "{worker}" "$@"\n')
    script.chmod(0o755)
    return script


def experiment(model: Path, options: argparse.Namespace, seed: int) -> str:
    return f"""[experiment]
name = "kill-{seed}"
seeds = [{seed}]
[[model]]
id = "{model}"
[[method]]
id = "finetune"
learning_rate = 2e-4
epochs = {options.epochs}
training = {{ dataset = "sst2", items = {options.sentences} }}
[[suite]]
id = "sst2"
limit = 8
[measure]
timeout_s = 86400
"""


def children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def is_worker(pid: int) -> bool:
    """At work, not describing itself."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return False
    return words[0].endswith(b"assay-worker") and len(words) == 1


def processor_seconds(pid: int) -> float:
    """Of all its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def steps_in(checkpoint: Path | None) -> str:
    """What the state in its header says, or that there is none."""
    if checkpoint is None:
        return "none"
    with checkpoint.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        state = json.loads(json.loads(stream.read(size))["__metadata__"]["state"])
    return str(state.get("step", state.get("steps", state)))


def wait_for_fit(run: subprocess.Popen) -> int | None:
    """The worker's process, or nothing where the run ended before."""
    while run.poll() is None:
        for pid in children(run.pid):
            if is_worker(pid):
                return pid
        time.sleep(0.02)
    return None


def kill_once(place: Place, program: Path, file: Path, seconds: float, complete: int) -> str | None:
    """Runs, and kills both programs after so long; what was left, or nothing where the fit was
    done. `complete`: how many artefacts there were before this fit."""
    if len(place.artefacts()) > complete:
        return None
    run = place.start(program, file)
    worker = wait_for_fit(run)
    used = math.inf if worker is None else 0.0
    while used < seconds and run.poll() is None:
        time.sleep(0.02)
        used = processor_seconds(worker)
    if used == math.inf or run.poll() is not None:  # the fit came to its end
        if run.wait() != 0:
            raise SystemExit(f"assay ended with {run.returncode}; see {place.folder / 'log'}")
        return None
    os.kill(worker, signal.SIGKILL)
    run.kill()
    run.wait()
    halves = list((place.folder / "home/artefacts").glob("*.checkpoints/*"))
    unfinished = sum(half.name != "training.safetensors" for half in halves)
    return f"{steps_in(place.checkpoint())} | {unfinished}"


def undisturbed(place: Place, program: Path, file: Path) -> float:
    start = time.monotonic()
    if place.start(program, file).wait() != 0:
        raise SystemExit(f"the undisturbed run failed; see {place.folder / 'log'}")
    return time.monotonic() - start


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Kills a fit at random moments and compares its artefact.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between checkpoints")
    parser.add_argument("--latest", type=float, default=12.0, help="processor seconds to a kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments, and of the first fit")
    return parser.parse_args()


def main() -> int:
    """All kills; prints a table and a verdict."""
    options = parse()
    program = options.build.resolve() / "bin/assay"
    found = subprocess.run(
        [program, "model", "import", "minilm-l6"], check=True, capture_output=True
    )
    model = Path(found.stdout.decode().strip().splitlines()[-1])
    draw, kills, fit, wrong = random.Random(options.seed), 0, options.seed, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = Place(folder / "undisturbed", options.build.resolve() / "bin/assay-worker")
        killed = Place(
            folder / "killed", fast_worker(options.build.resolve(), folder, options.every)
        )
        print("| kill | fit | after, CPU s | steps in its checkpoint | unfinished files |")
        print("| --- | --- | --- | --- | --- |", flush=True)
        while kills < options.kills:
            file = folder / "experiment.toml"
            file.write_text(experiment(model, options, fit))
            while kills < options.kills:
                seconds = draw.uniform(0, options.latest)
                left = kill_once(killed, program, file, seconds, fit - options.seed)
                if left is None:
                    break
                kills += 1
                print(f"| {kills} | {fit} | {seconds:.1f} | {left} |", flush=True)
            if killed.start(program, file).wait() != 0:
                raise SystemExit(f"the last run failed; see {killed.folder / 'log'}")
            took = undisturbed(plain, program, file)
            same = killed.artefacts() == plain.artefacts()
            wrong += not same
            print(
                f"fit {fit}: {'the same bytes' if same else 'OTHER BYTES'}; undisturbed {took:.0f} s"
            )
            fit += 1
    print(f"{kills} kills, {fit - options.seed} fits, {wrong} of other bytes")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
