"""Records tests/data/judge/timing_series.json: process medians of real processes, A B B A.

Each process times nine repetitions of a matrix-vector product, the candidate doing a known share of
work more. The series are replayed by the tests of harness/judge: they are samples of a real, busy
machine, not goldens, and differ each time this is run.
"""

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "tests/data/judge/timing_series.json"
PROCESSES = 12
BASE_WORK = 20
SERIES = [(20, 10), (22, 6), (25, 4), (40, 4)]  # work of the candidate, comparisons

CHILD = """
import sys, time
import numpy as np
work = int(sys.argv[1])
matrix = np.random.default_rng(0).random((512, 512))
vector = np.ones(512)
def step():
    for _ in range(work):
        matrix @ vector
for _ in range(5):
    step()
for _ in range(9):
    start = time.perf_counter()
    step()
    print(time.perf_counter() - start)
"""


def process_median(work: int) -> float:
    child = subprocess.run([sys.executable, "-c", CHILD, str(work)], capture_output=True, text=True,
                           check=True, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    return statistics.median(float(line) for line in child.stdout.split())


def comparison(work: int, source: random.Random) -> dict:
    series: dict[str, list[float]] = {"a": [], "b": []}
    while len(series["a"]) < PROCESSES:
        for arm in source.choice(["abba", "baab"]):
            median = process_median(BASE_WORK if arm == "a" else work)
            series[arm].append(round(median, 9))
    return {"extra": work / BASE_WORK - 1, **series}


def main() -> None:
    source = random.Random(1)
    runs = [comparison(work, source) for work, count in SERIES for _ in range(count)]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps({"comparisons": runs}, indent=0) + "\n")


if __name__ == "__main__":
    main()
