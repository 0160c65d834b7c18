"""Views of a database that is made here, with nothing but what is asked of it."""

import contextlib
import sqlite3
import tempfile
import unittest
from pathlib import Path

import assay


class Views(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.database = Path(folder.name) / "r.db"
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(
                """
                PRAGMA application_id = 1095975257;
                CREATE TABLE cell (experiment TEXT, value REAL);
                INSERT INTO cell VALUES ('one', 1.5), ('two', 2.5);
                CREATE VIEW results AS SELECT * FROM cell;
                CREATE VIEW totals AS SELECT count(*) AS cells, sum(value) AS value FROM cell;
                """
            )

    def test_rows_of_one_experiment(self) -> None:
        self.assertEqual(assay.view("results", self.database)["value"].tolist(), [1.5, 2.5])
        frame = assay.view("results", self.database, experiment="two")
        self.assertEqual(frame["value"].tolist(), [2.5])
        with self.assertRaisesRegex(assay.InputError, "no experiment 'three'; there are: one, two"):
            assay.view("results", self.database, experiment="three")

    def test_a_view_of_all_experiments_has_none_to_choose(self) -> None:
        self.assertEqual(assay.view("totals", self.database)["value"].tolist(), [4.0])
        message = "view 'totals' has no column 'experiment', .* it has: cells, value"
        for experiment in ("one", "three"):
            with self.assertRaisesRegex(assay.InputError, message):
                assay.view("totals", self.database, experiment=experiment)


if __name__ == "__main__":
    unittest.main()
