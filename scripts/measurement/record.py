"""Writes tests/data/judge/recorded.json: process medians of the trials of identical.py and faults.py.

The tests judge those of identical arms again, so that the verdict engine is checked on samples of a
real machine with neighbours.

  scripts/measurement/record.py --aa aa.db
"""

import argparse
import json
import sqlite3
import statistics
from pathlib import Path
from typing import Any

from common import ROOT
from faults import SLOWDOWNS
from identical import METRICS

TARGET = ROOT / "tests/data/judge/recorded.json"


def medians(database: Path, experiment: str, metric: str) -> dict[str, list[float]]:
    """Process medians of each method's setting, in the order of execution."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            'SELECT method, params, "order", value FROM raw_samples WHERE experiment = ? '
            'AND metric = ? AND warmup = 0 ORDER BY "order"', (experiment, metric)).fetchall()
    processes: dict[tuple[str, int], list[float]] = {}
    for method, params, order, value in rows:
        processes.setdefault((method + " " + params, order), []).append(value)
    result: dict[str, list[float]] = {}
    for (arm, _), values in sorted(processes.items(), key=lambda item: item[0][1]):
        result.setdefault(arm, []).append(float(f"{statistics.median(values):.6g}"))
    return result


def trials(database: Path) -> list[dict[str, Any]]:
    """What the scripts noted of each trial, by name."""
    lines = database.with_suffix(".jsonl").read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda entry: entry["trial"])


def identical(database: Path) -> list[dict[str, Any]]:
    """One entry a pair of identical arms."""
    found = []
    for trial in trials(database):
        kind = trial["trial"].split("-")[1]
        a, b = medians(database, trial["trial"], METRICS[kind]).values()
        found.append({"work": kind, "noisy": trial["noisy"], "slowdown": 0.0, "a": a, "b": b})
    return found


def slowed(database: Path) -> list[dict[str, Any]]:
    """One entry a trial and slowdown."""
    found = []
    for trial in trials(database):
        if not trial["trial"].startswith("slow-"):
            continue
        arms = medians(database, trial["trial"], "decode/token_latency")
        dense = next(values for arm, values in arms.items() if arm.startswith("dense "))
        for slowdown in SLOWDOWNS:
            slow = next(values for arm, values in arms.items() if arm.startswith("fixture ")
                        and json.loads(arm.split(" ", 1)[1])["slowdown"] == float(slowdown))
            found.append({"work": "decode", "noisy": False, "slowdown": float(slowdown),
                          "a": dense, "b": slow})
    return found


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aa", type=Path, default=Path("aa.db"))
    parser.add_argument("--faults", type=Path, help="without: identical arms only")
    options = parser.parse_args()
    comparisons = identical(options.aa) + (slowed(options.faults) if options.faults else [])
    lines = ",\n".join(json.dumps(one) for one in comparisons)
    TARGET.write_text(f'{{"comparisons": [\n{lines}\n]}}\n')
    print(f"{len(comparisons)} comparisons in {TARGET}")


if __name__ == "__main__":
    main()
