"""Answers questions of a search, one JSON line for each JSON line (docs/search.md).

    {"counts": [7, 3], "seed": 0}                  -> {"library": "optuna 5.0.0"}
    {"told": [[[6, 2], [0.5, 1.0]], ...]}          -> {"point": [3, 1]}

Infinity is the text "inf". What goes wrong is a traceback on standard error, and the end.
"""

import json
import os
import sys

# Threads change sums, and the machine is busy with the evaluations' own. Read when NumPy loads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from assay_search.ehvi import Suggester, library


def _objectives(values: list) -> list[float]:
    return [float(value) for value in values]


def main() -> int:
    # Nothing that a library prints may look like an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    suggester = None
    for line in sys.stdin:
        question = json.loads(line)
        if suggester is None:
            suggester = Suggester(question["counts"], question["seed"])
            answer = {"library": library()}
        else:
            for point, objectives in question["told"]:
                suggester.tell(point, _objectives(objectives))
            answer = {"point": suggester.suggest()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
