"""Kills a search of nas, again and again, and compares what it ends with.

    scripts/train/kill_search.py [--build build/release] [--kills 20] [--searcher nsga2] [--seed 1]

An experiment that searches sub-networks of tiny-gpt2-gelu is run undisturbed in an ASSAY_HOME of its
own. Then it is run in another one, where SIGKILL ends the worker and assay once the search has
judged a random number of networks more; the same command goes on from there, and is killed again.
A search that comes to its end before all kills are used up is followed by one of another seed. All
artefacts must have the bytes of the undisturbed ones: every candidate, the front and the network
that was picked. Ends with 1 where one has not. Needs ASSAY_MODELS and ASSAY_DATA.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from kill_fit import ROOT, Place, children, is_worker


def experiment(options: argparse.Namespace, seed: int) -> str:
    data = 'dataset = "tiny-corpus", split = "calibration"'
    return f"""[experiment]
name = "kill-search-{seed}"
seeds = [{seed}]
[[model]]
id = "tiny-gpt2-gelu"
[[method]]
id = "nas"
target = 0.8
space = "medium"
searcher = "{options.searcher}"
evaluations = {options.evaluations}
calibration = {{ {data}, samples = 16, tokens = 128 }}
training = {{ {data}, samples = 80, tokens = 128 }}
[[suite]]
id = "tiny-corpus-ppl"
limit = 2
"""


def judged(place: Place) -> int:
    """Networks in the log of a search that is not at its end."""
    logs = place.folder.glob("home/artefacts/*.checkpoints/search/search.jsonl")
    try:
        return sum(max(len(log.read_bytes().splitlines()) - 1, 0) for log in logs)
    except FileNotFoundError:  # it has just come to its end
        return 0


def kill_once(place: Place, program: Path, file: Path, more: int, delay: float) -> int | None:
    """Networks in the log when both programs were killed; nothing where the run came to its end."""
    wanted = judged(place) + more
    run = place.start(program, file)
    while run.poll() is None and judged(place) < wanted:
        time.sleep(0.005)
    time.sleep(delay)
    if run.poll() is not None:
        if run.returncode != 0:
            raise SystemExit(f"assay ended with {run.returncode}; see {place.folder / 'log'}")
        return None
    for pid in filter(is_worker, children(run.pid)):
        os.kill(pid, signal.SIGKILL)
    run.kill()
    run.wait()
    return judged(place)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Kills a search at random moments and compares its artefacts.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--searcher", default="nsga2")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--most", type=int, default=30, help="networks judged to a kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments, and of the first fit")
    return parser.parse_args()


def finish(place: Place, program: Path, file: Path) -> None:
    if place.start(program, file).wait() != 0:
        raise SystemExit(f"a run failed; see {place.folder / 'log'}")


def main() -> int:
    """All kills; prints a table and a verdict."""
    options = parse()
    program = options.build.resolve() / "bin/assay"
    worker = options.build.resolve() / "bin/assay-worker"
    draw, kills, seed, wrong = random.Random(options.seed), 0, options.seed, 0
    with tempfile.TemporaryDirectory() as name:
        plain = Place(Path(name) / "undisturbed", worker)
        killed = Place(Path(name) / "killed", worker)
        print("| kill | seed | networks in the log |\n| --- | --- | --- |", flush=True)
        while kills < options.kills:
            file = Path(name) / "experiment.toml"
            file.write_text(experiment(options, seed))
            while kills < options.kills:
                more, delay = draw.randint(1, options.most), draw.uniform(0, 0.1)
                left = kill_once(killed, program, file, more, delay)
                if left is None:
                    break
                kills += 1
                print(f"| {kills} | {seed} | {left} |", flush=True)
            finish(killed, program, file)
            finish(plain, program, file)
            same = killed.artefacts() == plain.artefacts()
            wrong += not same
            print(f"seed {seed}: {'the same bytes' if same else 'OTHER BYTES'}", flush=True)
            seed += 1
    print(f"{kills} kills, {seed - options.seed} searches, {wrong} of other bytes")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
