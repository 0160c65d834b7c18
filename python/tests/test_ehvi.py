"""Suggestions of the searcher `ehvi`; skipped without the packages of requirements-search.txt."""

import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
import unittest
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def _library() -> Path:
    """As scripts/lib.sh has it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("ASSAY_HOME") or cache / "assay")
    lock = hashlib.sha256((_ROOT / "requirements-search.txt").read_bytes()).hexdigest()[:12]
    return home / f"search-{lock}"


_LIBRARY = _library()
if (_LIBRARY / ".complete").exists():
    sys.path.insert(0, str(_LIBRARY))
    from assay_search.ehvi import Suggester


def _objectives(point: list[int]) -> list[float]:
    """The first axis costs no size: its last value is on the front, whatever the others are."""
    loss = (3 - point[0]) / 3 + ((4 - point[1]) / 4) ** 2
    return [loss, point[1] / 4]


_FIRST = [[0, 0], [3, 4], [1, 2], [2, 1], [0, 4], [1, 0]]


@unittest.skipUnless((_LIBRARY / ".complete").exists(), "needs ./scripts/setup")
class Suggestions(unittest.TestCase):
    def suggester(self, seed: int = 0, points: list = _FIRST) -> "Suggester":
        suggester = Suggester([4, 5], seed)
        for point in points:
            suggester.tell(point, _objectives(point))
        return suggester

    def test_are_a_function_of_seed_and_history(self):
        once = self.suggester()
        suggested = once.suggest()
        self.assertEqual(once.suggest(), suggested)
        # What was suggested before leaves nothing behind.
        other = self.suggester(points=_FIRST[:3])
        other.suggest()
        for point in _FIRST[3:]:
            other.tell(point, _objectives(point))
        self.assertEqual(other.suggest(), suggested)

    def test_find_the_axis_that_costs_nothing(self):
        suggester = self.suggester()
        points = []
        for _ in range(6):
            points.append(suggester.suggest())
            suggester.tell(points[-1], _objectives(points[-1]))
        self.assertGreaterEqual(sum(point[0] == 3 for point in points), 4, points)

    def test_are_indices_of_the_space(self):
        counts = [1, 2, 7]
        suggester = Suggester(counts, 3)
        for point in itertools.islice(itertools.product(*map(range, counts)), 4):
            suggester.tell(list(point), [sum(point), -sum(point)])
        point = suggester.suggest()
        self.assertTrue(all(0 <= index < count for index, count in zip(point, counts, strict=True)))

    def test_failed_candidates_are_taken_as_bad(self):
        suggester = self.suggester()
        suggester.tell([3, 0], [math.inf, math.inf])
        self.assertEqual(len(suggester.suggest()), 2)
        with self.assertRaises(ValueError):
            suggester.tell([3, 1], [math.nan, 0.0])

    def test_points_of_another_space_are_refused(self):
        with self.assertRaises(ValueError):
            self.suggester().tell([0], [0.0, 0.0])
        with self.assertRaises(ValueError):
            self.suggester().tell([4, 0], [0.0, 0.0])


@unittest.skipUnless((_LIBRARY / ".complete").exists(), "needs ./scripts/setup")
class Conversation(unittest.TestCase):
    def test_a_line_for_a_line(self):
        told = [[point, _objectives(point)] for point in _FIRST] + [[[3, 0], ["inf", "inf"]]]
        questions = [{"counts": [4, 5], "seed": 0}, {"told": told}, {"told": []}]
        environment = dict(os.environ, PYTHONPATH=f"{_ROOT / 'python'}{os.pathsep}{_LIBRARY}")
        done = subprocess.run(
            [sys.executable, "-B", "-m", "assay_search"],
            input="".join(json.dumps(question) + "\n" for question in questions),
            env=environment, capture_output=True, text=True, check=True,
        )
        opened, first, second = map(json.loads, done.stdout.splitlines())
        self.assertTrue(opened["library"].startswith("optuna "))
        self.assertEqual(first, second)
        self.assertEqual(len(first["point"]), 2)


if __name__ == "__main__":
    unittest.main()
