#!/usr/bin/env python3
"""Writes a results database of made-up results, as large as one asks, for measuring reports.

    scripts/report/make_database.py FILE [--cells 10000] [--gaps 0.1]

Numbers are drawn with a fixed seed: the same arguments give the same results. Only the standard
library is used; the schema is that of harness/store/migrations.
"""

import argparse
import hashlib
import json
import math
import pathlib
import random
import sqlite3
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
APPLICATION_ID = 1095975257
METHODS = ["magnitude", "wanda", "ria", "sparsegpt", "quantize", "ffsplit", "tardis", "prune_x", "prune_y"]
SUITES = [  # id, parameters, kind
    ("news-ppl", {"window": 512}, "ppl"),
    ("wikitext2-ppl", {"window": 2048}, "ppl"),
    ("piqa", {}, "acc"),
    ("winogrande", {}, "acc"),
    ("lambada", {}, "acc"),
    ("decode", {"batch": 1, "prompt_tokens": 64}, "decode"),
    ("decode", {"batch": 8, "prompt_tokens": 64}, "decode"),
    ("prefill", {"batch": 1, "prompt_tokens": 256}, "prefill"),
]
METRICS = [  # tag, unit, direction, convention
    ("token_ppl", "", -1, "windows joined with two newlines"),
    ("acc", "", 1, "log-likelihood of the answer"),
    ("decode/tokens_per_s", "tokens/s", 1, "new tokens without the first"),
    ("decode/token_latency", "s", -1, "median of a step"),
    ("prefill/tokens_per_s", "tokens/s", 1, "prompt tokens"),
    ("model/resident_bytes", "B", -1, "weights held in memory"),
    ("fit/seconds", "s", -1, "wall time of the fit"),
    ("achieved_sparsity", "", 0, "zeros among the weights"),
]
TAG_IDS = {tag: i + 1 for i, (tag, *_rest) in enumerate(METRICS)}


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Writer:
    def __init__(self, path, gaps):
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")
        files = sorted((ROOT / "harness/store/migrations").glob("[0-9]*.sql"))
        for file in files:
            self.db.executescript(file.read_text())
        self.db.execute(f"PRAGMA user_version = {int(files[-1].name[:4])}")
        self.db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.random = random.Random(1)
        self.gaps = gaps
        self.ordinal = 0
        self.order = 0
        self.dense_keys = {}
        self.environment = self.document("environment", {
            "cpu": {"model": "Made-up CPU @ 2 GHz"}, "torch": {"threads": 2, "version": "2.11.0"}})
        for tag, unit, direction, convention in METRICS:
            self.db.execute("INSERT INTO metric_def(metric_id, tag, unit, direction, convention, help) VALUES (?,?,?,?,?,?)",
                            (TAG_IDS[tag], tag, unit, direction, convention, tag))
        config = self.document("config", {"title": "Made-up results", "name": "made-up"})
        self.db.execute("INSERT INTO experiment(experiment_id, experiment_uuid, name, config_hash, plan_hash, "
                        "plan_seed, plan_order, created_utc, limited) VALUES (1,?,?,?,?,0,1,'2026-01-01T00:00:00.000Z',0)",
                        (str(uuid.UUID(int=1)), "made-up", config, "plan"))

    def document(self, kind, content):
        body = canonical(content)
        key = digest(body)
        self.db.execute("INSERT OR IGNORE INTO blob_doc VALUES (?,?,?)", (key, kind, body))
        return key

    def value(self, attempt, tag, value, spread, n):
        lo, hi = (value - spread, value + spread) if spread else (None, None)
        self.db.execute("INSERT INTO metric_value(attempt_id, metric_id, value, lo, hi, n, interval_method) "
                        "VALUES (?,?,?,?,?,?,'normal')",
                        (attempt, TAG_IDS[tag], value, lo, hi, n))

    def cell(self, model, size, method, params, suite, suite_params, kind):
        loss = 0 if method == "dense" else 4 * params.get("sparsity", 0.1) ** 3 * self.random.uniform(0.7, 1.3)
        key_document = {"model": model, "method": {"name": method, "source": digest(method), "params": params},
                        "suite": {"id": suite, "params": suite_params, "data": digest(suite)}}
        key = self.document("key", key_document)
        question = (model, suite, canonical(suite_params))
        if method == "dense":
            self.dense_keys[question] = key
        self.ordinal += 1
        attempt = self.ordinal
        self.db.execute(
            "INSERT INTO plan_cell(cell_id, experiment_id, ordinal, cell_key, twin_key, model_name, model_hash, "
            "method, params, suite_id, suite_params, profile_id, seed, random_weights, limited) "
            "VALUES (?,1,?,?,?,?,?,?,?,?,?,'cpu',0,0,0)",
            (attempt, attempt, key, self.dense_keys[question], model, digest(model), method, canonical(params),
             suite, canonical(suite_params)))
        failed = method != "dense" and self.random.random() < self.gaps
        status = self.random.choice(["OOM", "UNMET", "CRASHED", "TIMEOUT"]) if failed else "OK"
        timed = kind in ("decode", "prefill")
        self.db.execute(
            "INSERT INTO attempt(attempt_id, attempt_uuid, cell_key, status, reason_text, session_uuid, timed, "
            "started_utc, ended_utc, owner_pid, owner_started, owner_boot_id) VALUES (?,?,?,?,?,'session',?,"
            "'2026-01-01T00:00:00.000Z','2026-01-01T00:01:00.000Z',1,'0','boot')",
            (attempt, str(uuid.UUID(int=attempt)), key, status,
             f"made up to be {status}" if failed else None, int(timed)))
        self.db.execute("INSERT INTO cell_attempt VALUES (?,?)", (attempt, attempt))
        if not failed:
            self.measure(attempt, size, method, params, suite_params, kind, loss)

    def measure(self, attempt, size, method, params, suite_params, kind, loss):
        sparsity = params.get("sparsity", 0)
        self.value(attempt, "model/resident_bytes", int(size * (1 - 0.5 * sparsity)), 0, 1)
        if method != "dense":
            self.value(attempt, "fit/seconds", self.random.uniform(5, 60), 0, 1)
            self.value(attempt, "achieved_sparsity", sparsity, 0, 1)
        if kind == "ppl":
            self.value(attempt, "token_ppl", 12 * math.exp(loss) * self.random.uniform(0.99, 1.01), 0.4, 40)
        elif kind == "acc":
            self.value(attempt, "acc", max(0.25, 0.75 - 0.2 * loss), 0.02, 1000)
        self.processes(attempt, size, sparsity, suite_params, kind)

    def processes(self, attempt, size, sparsity, suite_params, kind):
        timed = kind in ("decode", "prefill")
        for process in range(5 if timed else 1):
            self.order += 1
            self.db.execute(
                "INSERT INTO process_run(attempt_id, process_no, pass, order_pos, env_hash, pid, boot_id, started_utc, "
                "ended_utc, exit_code, signal, peak_rss_bytes, cpu_seconds, load1, stderr_tail, block, wall_seconds, "
                "start_seconds, between_seconds, parent_cpu_seconds) VALUES (?,?,?,?,?,1,'boot',"
                "'2026-01-01T00:00:00.000Z','2026-01-01T00:00:09.500Z',0,0,1000000,8.5,0.5,'',0,9.5,0.4,0.1,0.02)",
                (attempt, process, "time" if timed else "score", self.order, self.environment))
        if not timed:
            return
        batch = suite_params.get("batch", 1)
        seconds = size / 1e10 * (1 - (0.6 if batch == 1 else 0.1) * sparsity) * (1 + 0.05 * batch)
        samples = []
        tag = "decode/token_latency" if kind == "decode" else "prefill/tokens_per_s"
        if kind == "decode":
            for process in range(5):
                level = seconds * self.random.lognormvariate(0, 0.03)
                for i in range(12):
                    samples.append((attempt, process, TAG_IDS[tag], i,
                                    level * self.random.lognormvariate(0, 0.01) * (1.5 if i == 0 else 1), int(i == 0)))
            self.db.executemany("INSERT INTO sample VALUES (?,?,?,?,?,?)", samples)
            self.value(attempt, tag, seconds, 0.02 * seconds, 5)
            self.value(attempt, "decode/tokens_per_s", batch / seconds, 0.02 * batch / seconds, 5)
        else:
            self.value(attempt, tag, 256 / seconds, 5 / seconds, 5)


def settings(count):
    """dense, then (method, parameters) until there are `count`."""
    yield "dense", {}
    for i in range(count - 1):
        step = i // len(METHODS)
        yield METHODS[i % len(METHODS)], {"sparsity": round(0.1 + 0.8 * (step % 28) / 28, 3), "variant": step // 28}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--cells", type=int, default=10000)
    parser.add_argument("--gaps", type=float, default=0.1, help="share of cells that failed")
    arguments = parser.parse_args()
    models = 5
    arms = max(2, arguments.cells // (models * len(SUITES)))
    arguments.file.unlink(missing_ok=True)
    writer = Writer(arguments.file, arguments.gaps)
    with writer.db:
        for number in range(models):
            size = 2.5e8 * 2**number
            for method, params in settings(arms):
                for suite, suite_params, kind in SUITES:
                    writer.cell(f"model-{number}", size, method, params, suite, suite_params, kind)
    rows = writer.db.execute("SELECT count(*), (SELECT count(*) FROM sample) FROM metric_value").fetchone()
    print(f"{arguments.file}: {writer.ordinal} cells, {rows[0]} values, {rows[1]} samples")
    writer.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


if __name__ == "__main__":
    main()
