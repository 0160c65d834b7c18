"""Prints the speed of folded blocks against their traffic's bound, from a results database.

  python3 scripts/ffn/curve.py results.db [--experiment tardis-wallclock]

The bound is bytes read a token by the dense twin over bytes read by the method: what a machine
that waits for nothing but memory would gain. "Reached" is measured / bound. Ratios of times are
those of the medians of processes; in brackets the smallest and largest over pairs of processes
that ran next to each other.
"""

import argparse
import json
import sqlite3
import statistics
from collections import defaultdict
from pathlib import Path

SUITES = {"ffn-decode": "ffn_decode/latency", "decode": "decode/token_latency"}

VALUES = """
SELECT model, suite, suite_params, method, params, status, reason, metric, value
FROM results WHERE experiment = ?
"""

MEDIANS = """
SELECT model, suite, suite_params, method, params, metric, process, value
FROM raw_samples WHERE experiment = ? AND warmup = 0
"""


def _arm(row: sqlite3.Row) -> tuple:
    batch = json.loads(row["suite_params"]).get("batch", 1)
    params = json.loads(row["params"])
    fallback = params.get("fallback") if row["method"] == "tardis" else None
    return row["model"], row["suite"], batch, row["method"], fallback


def _read(database: Path, experiment: str):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    values: dict = defaultdict(dict)
    status: dict = {}
    for row in connection.execute(VALUES, (experiment,)):
        arm = _arm(row)
        status[arm] = (row["status"], row["reason"])
        values[arm][row["metric"]] = row["value"]
    samples: dict = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(MEDIANS, (experiment,)):
        if row["metric"] == SUITES.get(row["suite"]):
            samples[_arm(row)][row["process"]].append(row["value"])
    medians = {
        arm: [statistics.median(of[process]) for process in sorted(of)]
        for arm, of in samples.items()
    }
    return values, status, medians


def _line(arm: tuple, twin: tuple, values: dict, medians: dict) -> str:
    model, suite, batch, _, fallback = arm
    own, dense = medians[arm], medians[twin]
    speed = statistics.median(dense) / statistics.median(own)
    pairs = [d / o for d, o in zip(dense, own, strict=False)]
    read = values[arm]["step/touched_bytes"]
    bound = values[twin]["step/touched_bytes"] / read
    share = values[arm].get("step/fallback_share", 0.0)
    return (
        f"| {model} | {suite} | {batch} | {fallback:g} | {share:.3f} "
        f"| {statistics.median(dense) * 1e3:.2f} | {statistics.median(own) * 1e3:.2f} "
        f"| {speed:.2f} ({min(pairs):.2f} to {max(pairs):.2f}) | {read / 1e6:.1f} | {bound:.2f} "
        f"| {100 * speed / bound:.0f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--experiment", default="tardis-wallclock")
    options = parser.parse_args()
    values, status, medians = _read(options.database, options.experiment)
    print(
        "| model | suite | batch | planned fallback | realised | dense, ms | folded, ms "
        "| times as fast (pairs) | MB a token | bound | reached |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    arms = [arm for arm in status if arm[3] == "tardis"]
    for arm in sorted(arms):
        twin = (*arm[:3], "dense", None)
        if status[arm][0] != "OK" or twin not in medians:
            print(f"| {arm[0]} | {arm[1]} | {arm[2]} | {arm[4]:g} | {status[arm][0]} " + "| " * 7)
            continue
        print(_line(arm, twin, values, medians))


if __name__ == "__main__":
    main()
