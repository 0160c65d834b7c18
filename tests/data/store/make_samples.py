#!/usr/bin/env python3
"""Writes the sample databases of released schema versions: vNN.db, one a version.

    tests/data/store/make_samples.py [VERSION...]

Each is made by the migrations up to its version, and filled through SQL with the columns that the
program of that version wrote. They are committed: a version that was released never changes, so run
this for a new one alone. Checksums (version 10 on) are computed here from what docs/formats/database.md
and harness/store/checksum.h say of them, independently of the program. Only the standard library is used.
"""

import hashlib
import json
import pathlib
import sqlite3
import struct
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
MIGRATIONS = sorted((HERE.parents[2] / "harness/store/migrations").glob("[0-9]*.sql"))
APPLICATION_ID = 1095975257


def names(text):
    return text.split()


ATTEMPT = names(
    "attempt_uuid cell_key status reason_code reason_text session_uuid timed started_utc ended_utc "
    "owner_pid owner_started owner_boot_id schedule_seed owner machine")
PLAN = names("config_hash plan_hash plan_seed created_utc limited")
CELL = names(
    "ordinal cell_key twin_key model_name model_hash method params suite_id suite_params profile_id seed random_weights limited")
TABLES = [  # name, has a metric, columns, order
    ("process_run", False, ("process_no pass order_pos pid boot_id started_utc ended_utc exit_code signal "
     "peak_rss_bytes cpu_seconds load1 stderr_tail env_hash block wall_seconds start_seconds between_seconds "
     "parent_cpu_seconds"), "process_no"),
    ("sample", True, "process_no idx value warmup", "process_no, idx"),
    ("metric_value", True, "value std_error lo hi n interval_method null_reason no_interval", "attempt_id"),
    ("per_item", False, "item_no item_hash correct score nll kld n_tokens output_hash extra", "item_no"),
    ("event", False, "process_no at_utc level code text", "event_id"),
]


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def text_bytes(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def row_bytes(row):
    """Column number, type and bytes of every value that is there, and a zero."""
    out = b""
    for number, value in enumerate(row, 1):
        if isinstance(value, int):
            out += bytes([number]) + b"i" + struct.pack("<q", value)
        elif isinstance(value, float):
            out += bytes([number]) + b"r" + struct.pack("<d", value)
        elif value is not None:
            out += bytes([number]) + b"t" + text_bytes(value)
    return out + b"\0"


class Sample:
    def __init__(self, path, version):
        path.unlink(missing_ok=True)
        self.version = version
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA page_size = 1024")
        for file in MIGRATIONS:
            if int(file.name[:4]) <= version:
                self.db.executescript(file.read_text())
        self.db.execute(f"PRAGMA user_version = {version}")
        self.db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def insert(self, table, **values):
        """Only what this version has a column for."""
        known = {row[1] for row in self.db.execute(f"PRAGMA table_info({table})")}
        values = {name: value for name, value in values.items() if name in known}
        self.db.execute(f"INSERT INTO {table}({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                        list(values.values()))

    def document(self, kind, content):
        body = canonical(content)
        self.db.execute("INSERT OR IGNORE INTO blob_doc VALUES (?, ?, ?)", (digest(body), kind, body))
        return digest(body)

    def metric(self, number, tag, unit, direction, convention, basis, item_value=""):
        self.insert("metric_def", metric_id=number, tag=tag, unit=unit, direction=direction,
                    convention=convention, help=tag, basis=basis, item_value=item_value)

    def checksum(self, attempt):
        def own(columns, table, key, of):
            return self.db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ?", (of,)).fetchone()

        parts = [row_bytes(own(ATTEMPT, "attempt", "attempt_id", attempt))]
        for table, by_metric, columns, order in TABLES:
            parts.append(table.encode())
            metrics = {}
            names = ", ".join(columns.split())
            for row in self.db.execute(f"SELECT {'metric_id' if by_metric else '0'}, {names} FROM {table} "
                                       f"WHERE attempt_id = ? ORDER BY 1, {order}", (attempt,)):
                key = b""
                if by_metric:
                    tag, convention, unit, direction = self.db.execute(
                        "SELECT tag, convention, unit, direction FROM metric_def WHERE metric_id = ?",
                        (row[0],)).fetchone()
                    key = text_bytes(tag) + text_bytes(convention) + text_bytes(unit) + struct.pack("<q", direction)
                metrics[key] = metrics.get(key, b"") + row_bytes(row[1:])
            for key in sorted(metrics):
                parts += [key, metrics[key]]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def plan_checksum(self):
        plan = self.db.execute(f"SELECT {', '.join(PLAN)} FROM experiment").fetchone()
        cells = self.db.execute(f"SELECT {', '.join(CELL)} FROM plan_cell ORDER BY ordinal").fetchall()
        return hashlib.sha256(row_bytes(plan) + b"".join(map(row_bytes, cells))).hexdigest()


def cells():
    """(method, parameters, suite, its parameters, status)"""
    for suite, params in (("news-ppl", {"window": 512}), ("decode", {"batch": 1})):
        yield "dense", {}, suite, params, "OK"
        yield "wanda", {"sparsity": 0.5}, suite, params, "OK"
    yield "wanda", {"sparsity": 0.9}, "news-ppl", {"window": 512}, "OOM"


def plan(sample):
    config = sample.document("config", {"name": "sample", "title": f"Sample of schema {sample.version}"})
    keys = []
    for method, params, suite, suite_params, _ in cells():
        keys.append(sample.document("key", {
            "schema": 1, "method": {"name": method, "params": params, "source": digest(method)}, "model": "m0",
            "suite": {"id": suite, "params": suite_params, "data": digest(suite)}}))
    sample.insert("experiment", experiment_id=1, experiment_uuid=str(uuid.UUID(int=1)), name="sample",
                  config_hash=config, plan_hash=digest(config + "".join(keys)), plan_seed=0, plan_order=1,
                  created_utc="2026-01-02T03:04:05.000Z", limited=0)
    for ordinal, (method, params, suite, suite_params, _) in enumerate(cells()):
        sample.insert("plan_cell", cell_id=ordinal + 1, experiment_id=1, ordinal=ordinal, cell_key=keys[ordinal],
                      twin_key=keys[2 if suite == "decode" else 0], model_name="smollm2-135m", model_hash="m0",
                      method=method, params=canonical(params), suite_id=suite, suite_params=canonical(suite_params),
                      profile_id="cpu", seed=0, random_weights=0, limited=0)
    return keys


def measure(sample, attempt, timed, level):
    processes = 3 if timed else 1
    environment = sample.document("environment", {"cpu": {"model": "Sample CPU"}, "torch": {"version": "2.11.0"}})
    for process in range(processes):
        sample.insert("process_run", attempt_id=attempt, process_no=process, order_pos=10 * attempt + process,
                      pid=4711, boot_id="boot", started_utc="2026-01-02T03:04:05.000Z", exit_code=0, signal=0,
                      ended_utc="2026-01-02T03:04:09.500Z", peak_rss_bytes=1 << 28, cpu_seconds=4.25, load1=0.5,
                      stderr_tail="", env_hash=environment, block=process // 2, wall_seconds=4.5,
                      start_seconds=0.25, between_seconds=0.125, parent_cpu_seconds=0.0625,
                      **{"pass": "time" if timed else "score"})
    sample.insert("event", attempt_id=attempt, process_no=0, at_utc="2026-01-02T03:04:09.000Z", level="warning",
                  code="not_steady" if timed else "data_stripped", text="said of this sample")
    if not timed:
        for item in range(4):
            sample.insert("per_item", attempt_id=attempt, item_no=item, item_hash=digest(str(item)), correct=None,
                          score=None, nll=level * (100.5 + item), kld=None, n_tokens=511, output_hash="",
                          extra='{"nll_per_token":' + repr(level * (100.5 + item) / 511) + "}")
        value(sample, attempt, 1, 20.0 * level, 0.5, 4)
        return
    for process in range(processes):
        for step in range(6):
            seconds = level * (0.02 + 0.001 * process + 0.0001 * step)
            sample.insert("sample", attempt_id=attempt, process_no=process, metric_id=2, idx=step,
                          value=seconds, warmup=int(step == 0))
    value(sample, attempt, 2, 0.021 * level, 0.001, 3)


def value(sample, attempt, metric, center, half, n):
    sample.insert("metric_value", attempt_id=attempt, metric_id=metric, value=center, std_error=None,
                  lo=center - half, hi=center + half, n=n, interval_method="student_t_logs", null_reason=None,
                  no_interval="")


def fill(sample):
    sample.insert("store_meta", key="store_uuid", value=str(uuid.UUID(int=7)))
    sample.insert("store_meta", key="created_utc", value="2026-01-02T03:04:05.000Z")
    sample.metric(1, "token_ppl", "", -1, "gptq@{window}: stream tokenised at once", "exp_mean", "nll_per_token")
    sample.metric(2, "decode/token_latency", "s", -1, "median of a step", "measured")
    keys = plan(sample)
    if sample.version >= 9:
        sample.insert("machine", machine_id="0123456789ab", description="Sample CPU, 2 cores")
    for ordinal, (method, params, suite, _, status) in enumerate(cells()):
        attempt = ordinal + 1
        timed = suite == "decode"
        sample.insert("attempt", attempt_id=attempt, attempt_uuid=str(uuid.UUID(int=100 + attempt)),
                      cell_key=keys[ordinal], status=status, reason_code=None if status == "OK" else "oom",
                      reason_text=None if status == "OK" else "the process had no memory left",
                      session_uuid=str(uuid.UUID(int=50)), timed=int(timed and status == "OK"),
                      started_utc="2026-01-02T03:04:05.000Z", ended_utc="2026-01-02T03:05:05.000Z", owner_pid=1,
                      owner_started="0", owner_boot_id="boot", schedule_seed=11 if timed else None, owner=None,
                      machine="0123456789ab")
        sample.insert("cell_attempt", cell_id=ordinal + 1, attempt_id=attempt)
        if status == "OK":
            measure(sample, attempt, timed, 1.0 if method == "dense" else 1.25)
    if sample.version >= 10:
        for attempt in range(1, len(keys) + 1):
            sample.db.execute("UPDATE attempt SET checksum = ? WHERE attempt_id = ?", (sample.checksum(attempt), attempt))
        sample.db.execute("UPDATE experiment SET checksum = ?", (sample.plan_checksum(),))


def main():
    known = [int(file.name[:4]) for file in MIGRATIONS]
    for version in map(int, sys.argv[1:] or known):
        path = HERE / f"v{version:02}.db"
        sample = Sample(path, version)
        with sample.db:
            fill(sample)
        sample.db.execute("VACUUM")
        sample.db.execute("PRAGMA journal_mode = WAL")  # as the program leaves it
        sample.db.close()
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
