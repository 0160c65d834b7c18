"""Are quantised cells ever INVALID by chance? And how far apart are the timed and the scored path?

Runs limited perplexity and the four timed kinds on models quantised to 2, 3, 4 and 8 bits, by rounding
and by GPTQ, one experiment for each (model, bits, algorithm, seed); even seeds have groups of 32
columns, odd ones of 128. Stop and start as you like: what the database holds is not run again.

  scripts/measurement/quantised.py --model tiny-opt-relu --minutes 20
  scripts/measurement/quantised.py --summary
"""

import argparse
import itertools
import os
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BITS = (2, 3, 4, 8)
FP32_TOLERANCE = 1.0000001e-4  # of a fingerprint: harness/protocol/protocol.h
MODELS = {  # calibration and evaluation text of each
    "tiny-opt-relu": ("tiny-corpus", "tiny-corpus-ppl"),
    "tiny-gpt2-gelu": ("tiny-corpus", "tiny-corpus-ppl"),
    "smollm2-135m": ("news", "news-ppl"),
}
SUITES = """
[[suite]]
id = "prefill"
prompt_tokens = 64
warmup_calls = 1
measured_calls = 2
warmup_seconds = 0.0
seconds = 0.0
max_seconds = 0.0
[[suite]]
id = "decode"
prompt_tokens = 32
new_tokens = 24
warmup_calls = 1
measured_calls = 1
warmup_seconds = 0.0
[[suite]]
id = "kernel"
warmup_calls = 1
measured_calls = 2
warmup_seconds = 0.0
seconds = 0.0
[[suite]]
id = "ffn-decode"
warmup_calls = 1
measured_calls = 9
warmup_seconds = 0.0
seconds = 0.0
max_seconds = 0.0
[measure]
processes_per_arm = 1
"""


def experiment(name: str, model: str, bits: int, algorithm: str, seed: int, profile: str) -> str:
    """The text of an experiment file."""
    data, suite = MODELS[model]
    calibration = (f'calibration = {{ dataset = "{data}", split = "calibration", samples = 4, '
                   "tokens = 64 }\n" if algorithm == "gptq" else "")
    return (f'[experiment]\nname = "{name}"\nseeds = [{seed}]\nprofiles = ["{profile}"]\n'
            f'[[model]]\nid = "{model}"\n'
            f'[[method]]\nid = "quantize"\nalgorithm = "{algorithm}"\nbits = {bits}\n'
            f"group = {32 if seed % 2 == 0 else 128}\n{calibration}"
            f'[[suite]]\nid = "{suite}"\nlimit = 1\nwindow = 64\n{SUITES}')


def run(options: argparse.Namespace) -> None:
    """Runs what is missing until the time is up; 3 (not measured) is shown and goes on."""
    until = time.monotonic() + 60 * options.minutes
    for seed, bits, algorithm in itertools.product(
            range(options.seeds), BITS, options.algorithms.split(",")):
        if time.monotonic() > until:
            return
        name = f"quantised-{options.model}-{options.profile}-{bits}-{algorithm}-{seed}"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "experiment.toml"
            file.write_text(
                experiment(name, options.model, bits, algorithm, seed, options.profile))
            result = subprocess.run(
                ["nice", "-n", "10", str(options.build / "bin/assay"), "run", str(file), "--db",
                 str(options.db)],
                env=dict(os.environ), capture_output=True, text=True, check=False)
        if result.returncode not in (0, 3):
            raise SystemExit(f"{name}: exit {result.returncode}\n{result.stderr[-2000:]}")
        if result.returncode == 3:
            print(f"{name}: something was not measured\n{result.stdout[-1500:]}")


def quantile(values: list[float], p: float) -> float:
    """The value with a share of p at or below it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(p * len(ordered)))]


def summarise(database: Path) -> None:
    """A line for each model and number of bits."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = connection.execute(
        "SELECT model, json_extract(params, '$.bits'), profile, count(DISTINCT cell_key),"
        " count(DISTINCT CASE WHEN status = 'INVALID' THEN cell_key END),"
        " count(DISTINCT CASE WHEN status NOT IN ('OK', 'INVALID') THEN cell_key END),"
        " count(DISTINCT seed), group_concat(DISTINCT CASE WHEN status <> 'OK' THEN reason END)"
        " FROM results GROUP BY 1, 2, 3 ORDER BY 1, 3, 2").fetchall()
    print("| model | profile | bits | seeds | cells | INVALID | other | timed cells | distance: median / p90 / max "
          "| held to the dtype's tolerance | largest share of what was allowed |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, bits, profile, cells, invalid, other, seeds, reasons in rows:
        pairs = connection.execute(
            "SELECT max(CASE WHEN metric = 'probe/distance' THEN value END),"
            " max(CASE WHEN metric = 'probe/allowed' THEN value END) FROM results"
            " WHERE model = ? AND profile = ? AND json_extract(params, '$.bits') = ?"
            " AND metric LIKE 'probe/%' GROUP BY cell_key",
            (model, profile, bits)).fetchall()
        found = [distance for distance, _ in pairs]
        if not found:
            continue
        plain = sum(allowed <= FP32_TOLERANCE for _, allowed in pairs)
        share = max(distance / allowed for distance, allowed in pairs)
        print(f"| {model} | {profile} | {bits} | {seeds} | {cells} | {invalid} | {other} | {len(found)} | "
              f"{quantile(found, 0.5):.1e} / {quantile(found, 0.9):.1e} / {max(found):.1e} | "
              f"{plain} | {100 * share:.0f} % |")
        if reasons:
            print(f"  {reasons}")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--db", type=Path, default=Path("quantised.db"))
    parser.add_argument("--model", choices=sorted(MODELS), default="tiny-opt-relu")
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--algorithms", default="rtn,gptq")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0, help="start nothing after that")
    parser.add_argument("--summary", action="store_true", help="only show what is there")
    options = parser.parse_args()
    if not options.summary:
        run(options)
    summarise(options.db)


if __name__ == "__main__":
    main()
