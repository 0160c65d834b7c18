"""One worker an artefact against one a cell: the same plan in turns, each time into a new database."""

import argparse
import pathlib
import platform
import sqlite3
import subprocess
import tempfile
import time

SUITES = ["piqa", "arc-easy", "arc-challenge", "openbookqa", "copa", "winogrande", "boolq", "lambada"]
METHODS = [
    'id = "dense"',
    'id = "magnitude"\nsparsity = 0.5',
    'id = "magnitude"\npattern = "2:4"',
    'id = "quantize"\nalgorithm = "rtn"\nbits = 8',
    'id = "quantize"\nalgorithm = "rtn"\nbits = 4',
    """id = "wanda"
sparsity = 0.5
calibration = { dataset = "news", split = "calibration", samples = 16, tokens = 256 }""",
]
WAYS = {"one an artefact": [], "one a cell": ["--isolate"]}


def experiment(limit):
    text = '[experiment]\nname = "workers"\nprofiles = ["cpu"]\n\n[[model]]\nid = "smollm2-135m"\n'
    text += "".join(f"\n[[method]]\n{method}\n" for method in METHODS)
    return text + "".join(f'\n[[suite]]\nid = "{suite}"\nlimit = {limit}\n' for suite in SUITES)


def run(assay, folder, name, options):
    """Seconds of a run into a new database, which is returned too."""
    database = folder / f"{name}.db"
    start = time.monotonic()
    command = [assay, "run", folder / "workers.toml", "--db", database, "--json", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start, database


def shares(database, seconds):
    """Of the run's seconds: starting, loading, between processes; and the number of processes."""
    query = (
        "SELECT count(DISTINCT pid), total(start_seconds), total(between_seconds), total(parent_cpu_seconds) "
        "FROM process_run WHERE pass = 'score'"
    )
    loads = "SELECT total(value) FROM raw_samples WHERE metric = 'process/load'"
    with sqlite3.connect(database) as connection:
        workers, start, between, parent = connection.execute(query).fetchone()
        (load,) = connection.execute(loads).fetchone()
    return workers, *(100 * part / seconds for part in (start, load, between, parent))


def items(database):
    """Every stored score, to see that both ways measured the same."""
    query = (
        "SELECT a.cell_key, i.item_no, i.correct, i.score, i.nll, i.n_tokens FROM per_item i "
        "JOIN attempt a USING (attempt_id) ORDER BY 1, 2"
    )
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assay", required=True)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "workers.toml").write_text(experiment(1))
        run(arguments.assay, folder, "first", [])  # fits, and prepares the data
        (folder / "workers.toml").write_text(experiment(arguments.limit))
        seen = set()
        print(f"{platform.processor() or platform.machine()}, limit {arguments.limit}\n")
        print("| workers | round | wall s | processes | start % | load % | between % | CPU of assay % |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        walls = {way: [] for way in WAYS}
        for turn in range(arguments.rounds):
            for way in list(WAYS) if turn % 2 == 0 else reversed(WAYS):
                seconds, database = run(arguments.assay, folder, f"{turn} {way}", WAYS[way])
                walls[way].append(seconds)
                seen.add(items(database).__repr__())
                parts = shares(database, seconds)
                row = [f"{seconds:.1f}", str(parts[0]), *(f"{part:.1f}" for part in parts[1:])]
                print(f"| {way} | {turn + 1} | {' | '.join(row)} |", flush=True)
        ratios = [b / a for a, b in zip(*walls.values(), strict=True)]
        print(f"\nOne a cell takes {', '.join(f'{ratio:.3f}' for ratio in ratios)} times as long.")
        print("Both measured the same, item by item." if len(seen) == 1 else "THE ITEMS DIFFER.")


if __name__ == "__main__":
    main()
