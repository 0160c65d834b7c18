"""Compares assay-worker with goldens of lm_eval_items.py and ppl_windows.py; prints tables.

  python scripts/golden/data_parity.py --worker build/release/bin/assay-worker --model DIR \
      --data $ASSAY_DATA [--tasks piqa,copa] [--items 200] [--windows 4] [--threads 2]

Data are prepared afresh, by the Python that runs this script (it needs the packages of
requirements.txt). Nothing is written but temporary folders.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SUITE_OF_TASK = {
    "piqa": "piqa",
    "arc_easy": "arc-easy",
    "openbookqa": "openbookqa",
    "copa": "copa",
    "boolq": "boolq",
    "winogrande": "winogrande",
    "lambada_openai": "lambada",
}


def _toml(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _prepare(options, suite: dict, out: Path) -> None:
    manifest = _ROOT / "datasets" / f"{suite['dataset']}.toml"
    files = _toml(manifest)["splits"][suite["split"]]["files"]
    command = [sys.executable, "-B", "-m", "assay_tools"]
    if "task" in suite:
        command += ["prepare-items", "--task", suite["task"]]
    else:
        command += ["prepare-stream"]
    command += ["--manifest", manifest, "--split", suite["split"], "--out", out]
    command += ["--tokenizer", options.model, "--raw", *(options.data / file for file in files)]
    environment = os.environ | {"PYTHONPATH": str(_ROOT / "python")}
    subprocess.run(list(map(str, command)), check=True, env=environment, stdout=subprocess.DEVNULL)


def _score(options, suite: dict, params: dict, data: Path, scratch: Path):
    """The worker's items and metrics, and the seconds from start to end of the process."""
    request = {"v": 1, "op": "score", "model_folder": str(options.model), "model_hash": ""}
    request |= {"random_weights": False, "dtype": "fp32", "device": "cpu", "cores": []}
    request |= {"threads": options.threads, "method": "dense", "params": {}, "seed": 0}
    request |= {"artefact": "", "suite_kind": suite["kind"], "suite_params": params}
    request |= {"data": str(data), "scratch": str(scratch)}
    start = time.monotonic()
    done = subprocess.run(
        [options.worker], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - start
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines or lines[-1]["t"] != "bye":
        sys.exit(f"the worker gave up: {done.stderr}")
    items = [item for line in lines if line["t"] == "items" for item in line["batch"]]
    found = [line["metric"] for line in lines if line["t"] == "metric"]
    metrics = {metric["tag"]: metric.get("value") for metric in found}
    return items, metrics, seconds


def _argmax(values: list[float]) -> int:
    return values.index(max(values))


def _gold_likelihood(item: dict, expected: list[float], last_word: bool) -> float | None:
    """Golden log-likelihood of what the worker's item holds the loss of, where it is known."""
    if last_word:
        return expected[0]
    # The golden holds no right answer; it is the chosen one where the worker says "correct".
    return expected[_argmax(expected)] if item["correct"] else None


def _compare_task(options, name: str, golden: dict, folder: Path) -> None:
    suite = _toml(_ROOT / "datasets" / "suites" / f"{_SUITE_OF_TASK[name]}.toml")
    data = folder / name
    _prepare(options, suite, data)
    expected = golden["items"][: options.items]
    items, metrics, seconds = _score(options, suite, {"limit": len(expected)}, data, folder)
    last_word = name == "lambada_openai"
    other, worst = 0, 0.0
    for item, values in zip(items, expected, strict=True):
        same = (
            item["correct"] == (values[1] == 1) if last_word else item["score"] == _argmax(values)
        )
        other += not same
        likelihood = _gold_likelihood(item, values, last_word) if same else None
        if likelihood is not None:
            worst = max(worst, abs(likelihood + item["nll"]))
    ours = ", ".join(f"{tag} {metrics[tag]:.4f}" for tag in sorted(golden["metrics"]))
    theirs = ", ".join(f"{tag} {value:.4f}" for tag, value in sorted(golden["metrics"].items()))
    print(
        f"| {name} | {len(items)} | {ours} | {theirs} | {other} | {worst:.1e} | {seconds:.1f} |",
        flush=True,
    )


def _compare_ppl(options, golden: dict, suite_id: str, folder: Path) -> None:
    suite = _toml(_ROOT / "datasets" / "suites" / f"{suite_id}.toml")
    data = folder / suite_id
    _prepare(options, suite, data)
    means = golden["window_means"]
    if options.windows:
        means = means[: options.windows]
    params = {"window": golden["window"], "limit": len(means)}
    _, metrics, seconds = _score(options, suite, params, data, folder)
    found, expected = metrics["token_ppl"], math.exp(sum(means) / len(means))
    print(
        f"| {suite_id} | {len(means)} x {golden['window']} | {found:.6f} | {expected:.6f} "
        f"| {found / expected - 1:+.1e} | {seconds:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default=",".join(_SUITE_OF_TASK))
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--windows", type=int, default=0, help="0: as many as the golden holds")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    goldens = _ROOT / "tests" / "data"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = goldens / "lm_eval" / f"{options.model.name}.json"
        if path.exists():
            print("| task | items | assay | lm-eval | other answers | worst nll | s |")
            for name, golden in json.loads(path.read_text())["tasks"].items():
                if name in options.tasks.split(","):
                    _compare_task(options, name, golden, folder)
        print("| suite | windows | assay | transformers | relative | s |")
        for end, suite_id in (("held", "tiny-corpus-ppl"), ("wikitext2", "wikitext2-ppl")):
            path = goldens / "ppl" / f"{options.model.name}.{end}.json"
            if path.exists():
                _compare_ppl(options, json.loads(path.read_text()), suite_id, folder)


if __name__ == "__main__":
    main()
