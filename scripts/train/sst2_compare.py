"""Compares fine-tuning on SST-2 in assay (`finetune`) with sst2_transformers.py: accuracy and speed.

    scripts/train/sst2_compare.py accuracy RECORD [--sentences 10000] [--epochs 2] [--seeds 1 2 3]
    scripts/train/sst2_compare.py speed RECORD [--sentences 608] [--rounds 5]
    scripts/train/sst2_compare.py report RECORD

Run it with a Python that has torch and transformers, after building assay and assay-worker. ASSAY_DATA
is the folder with sst2/train.tsv and sst2/validation.tsv, both as the data set's file names them.

Both sides begin with MiniLM-L6 and a classifier of the same weights, see the same sentences in the
same order, and are judged once, on all of the validation file. RECORD gets one line of JSON for
each finished training; what it holds is not run again, so the script may be stopped at any time.

`speed` runs the two sides alternately, A B B A, each round with a seed of its own and one epoch. assay's
time is that of the whole fit (`fit/seconds`: tokens ready, but the copy of the model, its classifier
and the artefact within); the other side's is its loop over batches alone. The ratio of a round is
that of two neighbours in time; it is given as geometric mean with a 95 % interval of t.
"""

import argparse
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LEARNING_RATE = 2e-4
SIDES = ("assay", "transformers")
T_POINTS = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179]


def read_record(record: Path) -> list[dict[str, Any]]:
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text().splitlines()]


class Runner:
    """Starts trainings and keeps what they gave."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self._done = {self._key(entry) for entry in read_record(options.record)}
        found = subprocess.run(
            [options.build / "bin/assay", "model", "import", "minilm-l6"],
            check=True,
            capture_output=True,
            text=True,
        )
        self._model = Path(found.stdout.strip().splitlines()[-1])
        self._data = Path(os.environ["ASSAY_DATA"]) / "sst2"

    @staticmethod
    def _key(entry: dict[str, Any]) -> tuple:
        return tuple(entry[key] for key in ("what", "side", "sentences", "epochs", "seed"))

    def run(self, what: str, side: str, seed: int) -> None:
        """One training, unless the record has it."""
        options = self.options
        entry = {
            "what": what,
            "side": side,
            "sentences": options.sentences,
            "epochs": options.epochs,
            "seed": seed,
            "threads": options.threads,
            "load_before": round(os.getloadavg()[0], 2),
        }
        if self._key(entry) in self._done:
            return
        entry |= self._assay(what, seed) if side == "assay" else self._transformers(what, seed)
        with options.record.open("a") as log:
            log.write(json.dumps(entry) + "\n")
        told = {key: value for key, value in entry.items() if key not in ("wrong", "loss_curve")}
        print(json.dumps(told), flush=True)

    def _assay(self, what: str, seed: int) -> dict[str, Any]:
        """`assay run` of one cell, in a database of its own."""
        options = self.options
        suite = '[[suite]]\nid = "sst2"\n' + ("limit = 8\n" if what == "speed" else "")
        text = f"""[experiment]
name = "sst2-compare"
seeds = [{seed}]
[[model]]
id = "{self._model}"
[[method]]
id = "finetune"
learning_rate = {LEARNING_RATE}
epochs = {options.epochs}
training = {{ dataset = "sst2", items = {options.sentences} }}
{suite}
[measure]
timeout_s = 86400
"""
        with tempfile.TemporaryDirectory() as place:
            file, database = Path(place) / "x.toml", Path(place) / "x.db"
            file.write_text(text)
            command = [options.build / "bin/assay", "run", file, "--db", database]
            environment = dict(os.environ)
            if what == "speed":  # a cached artefact would bring the time of another hour
                environment["ASSAY_HOME"] = place
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            with sqlite3.connect(database) as connection:
                rows = connection.execute("SELECT metric, value, lo, hi FROM results").fetchall()
        value = {metric: (middle, low, high) for metric, middle, low, high in rows}
        seconds = value["fit/seconds"][0]
        return {
            "train_seconds": seconds,
            "sentences_per_second": options.sentences * options.epochs / seconds,
            "steps": value["train/steps"][0],
            "tokens": value["fit/training_tokens"][0] * options.epochs,
            "accuracy": value["acc"][0],
            "interval": value["acc"][1:],
        }

    def _transformers(self, what: str, seed: int) -> dict[str, Any]:
        """The other script."""
        options = self.options
        command = [sys.executable, ROOT / "scripts/train/sst2_transformers.py"]
        command += ["--model", self._model, "--train", self._data / "train.tsv"]
        command += ["--validation", self._data / "validation.tsv", "--adamw", "fused"]
        command += ["--sentences", options.sentences, "--epochs", options.epochs, "--seeds", seed]
        command += ["--learning-rate", LEARNING_RATE, "--threads", options.threads]
        if what == "speed":
            short = options.record.parent / "first.tsv"
            lines = (self._data / "validation.tsv").read_text().splitlines(keepends=True)
            short.write_text("".join(lines[:9]))
            command[command.index("--validation") + 1] = short
        found = subprocess.run(
            list(map(str, command)),
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = json.loads(found.stdout)
        wanted = ("train_seconds", "sentences_per_second", "steps", "tokens")
        wanted += ("tokens_with_padding", "accuracy", "wrong", "versions")
        return {key: line[key] for key in wanted}


def mean_and_half(values: list[float]) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval of t."""
    freedom = len(values) - 1
    point = T_POINTS[freedom - 1] if freedom <= len(T_POINTS) else 2.1
    return statistics.mean(values), point * statistics.stdev(values) / math.sqrt(len(values))


def report(record: Path) -> None:
    """Markdown of what is there."""
    entries = read_record(record)
    runs = [entry for entry in entries if entry["what"] == "accuracy"]
    print("| side | seed | training | sentences/s | accuracy |")
    print("| --- | --- | --- | --- | --- |")
    for entry in sorted(runs, key=lambda entry: (entry["side"], entry["seed"])):
        cells = [entry["side"], entry["seed"], f"{entry['train_seconds']:.0f} s"]
        cells += [f"{entry['sentences_per_second']:.1f}", f"{entry['accuracy']:.4f}"]
        print("| " + " | ".join(map(str, cells)) + " |")
    by_side = {
        side: {entry["seed"]: entry["accuracy"] for entry in runs if entry["side"] == side}
        for side in SIDES
    }
    seeds = sorted(set(by_side["assay"]) & set(by_side["transformers"]))
    for side in SIDES:
        if by_side[side]:
            print(f"{side}: mean {statistics.mean(by_side[side].values()):.4f}")
    if len(seeds) > 1:
        mean, half = mean_and_half(
            [by_side["assay"][s] - by_side["transformers"][s] for s in seeds]
        )
        print(f"difference by seed: {mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]")
    report_speed([entry for entry in entries if entry["what"] == "speed"])


def report_speed(runs: list[dict[str, Any]]) -> None:
    """Rates, and the ratio of the pairs that were neighbours."""
    rate = {
        side: {run["seed"]: run["sentences_per_second"] for run in runs if run["side"] == side}
        for side in SIDES
    }
    seeds = sorted(set(rate["assay"]) & set(rate["transformers"]))
    if len(seeds) < 2:
        return
    logs = [math.log(rate["assay"][seed] / rate["transformers"][seed]) for seed in seeds]
    mean, half = mean_and_half(logs)
    for side in SIDES:
        values = [rate[side][seed] for seed in seeds]
        print(f"{side}: median {statistics.median(values):.1f} sentences/s in {len(values)} rounds")
    print(
        f"ratio {math.exp(mean):.2f} [{math.exp(mean - half):.2f}, {math.exp(mean + half):.2f}], "
        f"pairs {math.exp(min(logs)):.2f} to {math.exp(max(logs)):.2f}"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Fine-tunes on SST-2 on both sides.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("what", choices=["accuracy", "speed", "report"])
    parser.add_argument("record", type=Path, help="one line of JSON for each finished training")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument(
        "--threads", type=int, default=2, help="assay takes all cores: name as many"
    )
    parser.add_argument("--sentences", type=int, help="10000, or 608 for speed")
    parser.add_argument("--epochs", type=int, help="2, or 1 for speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=5, help="of A B B A")
    options = parser.parse_args()
    speed = options.what == "speed"
    options.sentences = options.sentences or (608 if speed else 10000)
    options.epochs = options.epochs or (1 if speed else 2)
    return options


def main() -> None:
    """What was asked for."""
    options = parse()
    if options.what == "report":
        report(options.record)
        return
    runner = Runner(options)
    if options.what == "accuracy":
        for seed in options.seeds:
            for side in SIDES:
                runner.run("accuracy", side, seed)
    else:
        for round_ in range(options.rounds):
            for place, order in enumerate((SIDES, SIDES[::-1])):
                for side in order:
                    runner.run("speed", side, 100 + 2 * round_ + place)
    report(options.record)


if __name__ == "__main__":
    main()
