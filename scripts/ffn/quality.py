"""Prints what methods cost in quality and bytes, averaged over seeds, from a results database.

  python3 scripts/ffn/quality.py results.db [--experiment tardis]

One row an arm: KL divergence from the dense model, the perplexity ratio, top-1 agreement, bytes of
weights held and read a token, all over the dense twin's, and the fit's time. Mean over the seeds,
in brackets the smallest and largest of them.
"""

import argparse
import json
import sqlite3
import statistics
from collections import defaultdict
from pathlib import Path

COLUMNS = [
    ("KL", "kl", "{:.4f}", 1.0),
    ("perplexity ratio", "ppl_ratio", "{:.4f}", 1.0),
    ("top-1 as dense", "top1_agreement", "{:.3f}", 1.0),
    ("held / dense", "model/resident_bytes", "{:.3f}", None),
    ("read / dense", "step/touched_bytes", "{:.3f}", None),
    ("fallback", "step/fallback_share", "{:.3f}", 1.0),
    ("fit, s", "fit/seconds", "{:.1f}", 1.0),
]


def _labels(rows: list[sqlite3.Row]) -> dict[tuple[str, str], str]:
    """Names an arm by its method and those parameters in which the method's arms differ."""
    of_method = defaultdict(list)
    for row in rows:
        params = json.loads(row["params"])
        params.pop("calibration", None)
        of_method[row["method"]].append((row["params"], params))
    labels = {}
    for method, arms in of_method.items():
        varies = [
            name
            for name in arms[0][1]
            if len({json.dumps(params.get(name)) for _, params in arms}) > 1
        ]
        for text, params in arms:
            said = " ".join(f"{name}={params[name]}" for name in varies)
            labels[(method, text)] = f"{method} {said}".strip()
    return labels


def _read(database: Path, experiment: str) -> list[sqlite3.Row]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    query = (
        "SELECT model, suite, method, params, seed, status, metric, value FROM results "
        "WHERE experiment = ?"
    )
    return connection.execute(query, (experiment,)).fetchall()


def _share(values: dict, dense: dict, tag: str, scale: float | None) -> list[float]:
    found = []
    for seed, metrics in sorted(values.items()):
        value = metrics.get(tag)
        if value is None and tag == "step/touched_bytes":
            value = metrics.get("model/touched_bytes")
        if value is None:
            continue
        if scale is not None:
            found.append(value * scale)
            continue
        whole = dense.get(seed, {})
        base = whole.get(tag) or whole.get("model/touched_bytes")
        if base:
            found.append(value / base)
    return found


def _cell(form: str, found: list[float]) -> str:
    if not found:
        return ""
    mean = form.format(statistics.mean(found))
    low, high = form.format(min(found)), form.format(max(found))
    return mean if low == high else f"{mean} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--experiment", required=True)
    options = parser.parse_args()
    rows = _read(options.database, options.experiment)
    labels = _labels(rows)
    values: dict = defaultdict(lambda: defaultdict(dict))
    status = {}
    for row in rows:
        arm = (row["model"], labels[(row["method"], row["params"])])
        values[arm][row["seed"]][row["metric"]] = row["value"]
        status.setdefault(arm, set()).add(row["status"])
    print("| model | arm | seeds | " + " | ".join(title for title, *_ in COLUMNS) + " |")
    print("| --- " * (3 + len(COLUMNS)) + "|")
    for (model, arm), of in values.items():
        if status[(model, arm)] != {"OK"}:
            print(f"| {model} | {arm} | {', '.join(sorted(status[(model, arm)]))} |")
            continue
        dense = values[(model, "dense")]
        cells = [_cell(form, _share(of, dense, tag, scale)) for _, tag, form, scale in COLUMNS]
        print(f"| {model} | {arm} | {len(of)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
