"""Holds the dense paths of one build against those of another, in turns.

    scripts/peers/builds.py --before OTHER/bin/peer_rounds --after build/release/bin/peer_rounds
      --model FOLDER [--stream PREPARED] [--only decode] [--pairs 6] [--threads 2] [--out TABLE.md]

PREPARED is an entry of $ASSAY_HOME/prepared with tokens of the model's tokenizer: any run that scores
its perplexity leaves one. Both programs load, then work in turns, A B B A or B A A B, and end; that
is one pair. Where a process finds its memory decides a few
per cent of its speed for as long as it lives, so rounds of one pair count once: the ratio is the
geometric mean of after / before over the pairs, with a 95 % interval of t on the logarithm.
"""

import argparse
import json
import math
import os
import statistics
from pathlib import Path

from classify import T_POINTS
from compare import processor
from rounds import Side

WINDOW, WINDOWS, PROMPT, NEW = 1024, 1, 128, 64
# What a parameter is called in builds before the one parameter language.
FORMER = {"measured_calls": {"decode": "repetitions", "prefill": "iterations"}, "warmup_calls": {}}


def workloads() -> list[tuple[str, str, dict, str]]:
    """Title, suite, parameters, and the metric whose larger value is better."""
    decode = {"batch": 1, "prompt_tokens": PROMPT, "new_tokens": NEW, "measured_calls": 1}
    prefill = {"batch": 1, "prompt_tokens": 512, "measured_calls": 2}
    return [
        (f"perplexity pass, {WINDOWS} x {WINDOW} tokens", "token_ppl",
         {"window": WINDOW, "limit": WINDOWS}, ""),
        (f"decode, batch 1, {PROMPT} + {NEW} tokens", "decode", decode, "decode/tokens_per_s"),
        ("prefill, 512 tokens", "prefill", prefill, "prefill/tokens_per_s"),
        *(
            (f"one text of {length} tokens", "classify_throughput",
             {"batch": 1, "length": length, "warmup_calls": 5, "measured_calls": 50},
             "classify/items_per_s")
            for length in (16, 32, 48, 64, 96)
        ),
    ]


def start(program: Path, former: bool, suite: str, params: dict, options, dtype: str) -> Side:
    """A side, with its parameters under the names that its build knows."""
    if former:
        params = {FORMER.get(k, {}).get(suite, k): v for k, v in params.items()}
    command = [str(program), "--model", str(options.model), "--dtype", dtype]
    command += ["--threads", str(options.threads), "--suite", suite]
    command += ["--params", json.dumps(params)]
    if suite == "token_ppl":
        command += ["--data", str(options.stream)]
    return Side(str(program), command, dict(os.environ))


def rate(result: dict, metric: str) -> float:
    """Larger is faster."""
    return result["metrics"][metric] if metric else WINDOW * WINDOWS / result["seconds"]


def run_pair(first: Side, second: Side, metric: str) -> tuple[float, float]:
    """Median rates of two processes that were started for this pair."""
    rates: dict[Side, list[float]] = {first: [], second: []}
    for side in (first, second):
        side.round()  # not counted
    for side in (first, second, second, first):
        rates[side].append(rate(side.round(), metric))
    for side in (first, second):
        side.close()
    return statistics.median(rates[first]), statistics.median(rates[second])


def summary(pairs: list[tuple[float, float]]) -> str:
    """Rates of both, and the ratio."""
    logs = [math.log(b / a) for a, b in pairs]
    mean = statistics.mean(logs)
    half = T_POINTS[len(logs) - 2] * statistics.stdev(logs) / math.sqrt(len(logs))
    low, high = math.exp(mean - half), math.exp(mean + half)
    medians = [f"{statistics.median(side):.1f}" for side in zip(*pairs, strict=True)]
    return " | ".join([*medians, f"{math.exp(mean):.3f} [{low:.3f}, {high:.3f}]"])


def main() -> None:
    """All workloads in both types."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    for name in ("--before", "--after", "--model"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--stream", type=Path, help="of perplexity passes")
    parser.add_argument("--only", nargs="+", default=["token_ppl", "decode", "prefill"],
                        help="classify_throughput: texts through an encoder with a classifier")
    parser.add_argument("--pairs", type=int, default=6, help="at least 2")
    parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = ["| workload | dtype | before, tokens or texts/s | after | after / before, 95 % |",
             "| --- | --- | --- | --- | --- |"]
    for dtype in options.dtypes:
        for title, suite, params, metric in workloads():
            if suite not in options.only:
                continue
            pairs = []
            for i in range(options.pairs):
                programs = [(options.before, True), (options.after, False)]
                if i % 2 == 1:  # who loads first finds other memory
                    programs.reverse()
                sides = [
                    start(program, former, suite, params, options, dtype)
                    for program, former in programs
                ]
                rates = run_pair(*sides, metric)
                pairs.append(rates if i % 2 == 0 else rates[::-1])
            lines.append(f"| {title} | {dtype} | {summary(pairs)} |")
            print(lines[-1], flush=True)
    if options.out:
        text = f"{processor()}, {options.threads} threads, {options.pairs} pairs of processes.\n\n"
        options.out.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
