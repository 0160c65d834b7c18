"""The package with the real programs (`assay` in PATH), and the notebooks."""

import contextlib
import hashlib
import json
import math
import os
import sqlite3
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import assay
import notebook

_ROOT = Path(__file__).parents[2]
_NOTEBOOKS = sorted((_ROOT / "docs/notebooks").glob("*.ipynb"))
_SHAPE = {
    "model_type": "opt",
    "architectures": ["OPTForCausalLM"],
    "hidden_size": 40,
    "word_embed_proj_dim": 40,
    "ffn_dim": 96,
    "num_attention_heads": 5,
    "num_hidden_layers": 2,
    "vocab_size": 67,
    "max_position_embeddings": 32,
    "activation_function": "relu",
    "do_layer_norm_before": True,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 1,
}


@contextlib.contextmanager
def _alone():
    """A fresh folder to be in, with a cache and locks of its own."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        places = {"ASSAY_HOME": f"{name}/home", "ASSAY_LOCKS": f"{name}/locks"}
        Path("locks").mkdir()
        with mock.patch.dict(os.environ, places), mock.patch("tempfile.tempdir", name):
            yield Path(name)


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = cls.enterClassContext(_alone())
        Path("shape").mkdir()
        Path("shape/config.json").write_text(json.dumps(_SHAPE))
        cls.run_ = assay.run(
            models="./shape:weights=random",
            methods=["magnitude:sparsity=0.5", "magnitude:sparsity=0.25"],
            suites="decode:prompt_tokens=8,new_tokens=8",
            name="small",
            quiet=True,
        )

    def test_results_are_the_reports_values(self) -> None:
        frame = self.run_.results()
        (reported,) = self.run_.document["experiments"]
        self.assertEqual(self.run_.exit_code, 0, self.run_.messages)
        self.assertEqual(len(frame), len(reported["results"]))
        of_frame = {
            (row.method, row.params, row.metric): (row.value, row.ratio)
            for row in frame.itertuples()
        }
        self.assertEqual(len(of_frame), len(frame))
        for row in reported["results"]:
            same = [
                values
                for (method, params, metric), values in of_frame.items()
                if (method, metric) == (row["method"], row["metric"])
                and json.loads(params) == row["params"]
            ]
            self.assertEqual(len(same), 1, row)
            for have, wanted in zip(same[0], (row["value"], row["ratio"]), strict=True):
                self.assertTrue(have == wanted or (wanted is None and math.isnan(have)), row)
        self.assertEqual(set(frame["status"]), {"OK"})
        for column in ("value", "lo", "hi", "twin_value", "ratio"):
            self.assertEqual(frame[column].dtype, "float64")

    def test_raw_samples_are_behind_the_values(self) -> None:
        samples = self.run_.raw_samples()
        steady = samples[(samples.metric == "decode/token_latency") & (samples.warmup == 0)]
        self.assertEqual(steady.groupby("cell_key").process.nunique().tolist(), [3, 3, 3])
        values = self.run_.results().query("metric == 'decode/token_latency'")
        for row in values.itertuples():
            mine = steady[steady.cell_key == row.cell_key].value
            self.assertLessEqual(mine.min(), row.value)
            self.assertGreaterEqual(mine.max(), row.value)

    def test_every_view_is_read(self) -> None:
        public = ("harness_overhead", "item_scores", "raw_samples", "remarks", "results")
        self.assertLessEqual({*public, "results_history"}, set(assay.views()))
        for name in public:
            frame = getattr(assay, name)("results.db", experiment="small")
            self.assertEqual(frame.columns.tolist(), assay.view(name).columns.tolist())
            self.assertIn("experiment", frame)
        self.assertEqual(len(assay.item_scores()), 0)
        self.assertEqual(assay.item_scores()["nll"].dtype, "float64")
        self.assertGreater(len(assay.results_history()), 0)

    def test_reading_leaves_the_file_alone(self) -> None:
        before = hashlib.sha256(Path("results.db").read_bytes()).hexdigest()
        assay.results()
        self.assertEqual(hashlib.sha256(Path("results.db").read_bytes()).hexdigest(), before)

    def test_asking_again_runs_nothing(self) -> None:
        again = assay.run(
            models="./shape:weights=random",
            methods=["magnitude:sparsity=0.5", "magnitude:sparsity=0.25"],
            suites="decode:prompt_tokens=8,new_tokens=8",
            name="small",
            quiet=True,
        )
        self.assertIn("3 of them stored before", again.messages)
        self.assertTrue(again.results().equals(self.run_.results()))

    def test_a_comparison_with_itself_is_the_same(self) -> None:
        compared = assay.compare("results.db", "results.db")
        self.assertEqual(compared.exit_code, 0)
        self.assertLessEqual(set(compared.rows()["verdict"]), {"same", "not measured"})
        self.assertEqual((compared.rows()["verdict"] == "same").sum(), compared.counts["same"])
        self.assertGreater(compared.counts["same"], 0)

    def test_reports(self) -> None:
        self.assertIn("magnitude 25%", self.run_.report())
        self.assertIn("decode/token_latency", assay.report(format="csv"))
        assay.report(output="page.html")
        self.assertIn("</html>", Path("page.html").read_text())

    def test_mistakes_say_what_and_where(self) -> None:
        Path("text.db").write_text("no database at all, but long enough to be looked at" * 9)
        with contextlib.closing(sqlite3.connect("other.db")) as other:
            other.execute("CREATE TABLE a (b)")
        cases = (
            ("absent.db", None, "absent.db: no such file"),
            ("text.db", None, "text.db: cannot be read as a database"),
            ("other.db", None, "other.db: a database, but not one of assay's"),
            ("results.db", "smal", "no experiment 'smal'; there are: small"),
        )
        for database, experiment, message in cases:
            with self.assertRaisesRegex(assay.InputError, message):
                assay.results(database, experiment=experiment)
        self.assertFalse(Path("absent.db").exists())
        with self.assertRaisesRegex(assay.InputError, "no view 'result'; there are: .*results"):
            assay.view("result")
        with self.assertRaisesRegex(assay.InputError, "'cell_choice' has no column 'experiment'"):
            assay.view("cell_choice", experiment="small")
        with self.assertRaisesRegex(assay.InputError, "did you mean 'magnitude'"):
            assay.run(models="./shape", methods="magnitud", suites="decode", quiet=True)
        with self.assertRaisesRegex(assay.InputError, "--thresold"):
            assay.compare("results.db", "results.db", thresold=3)

    def test_what_could_not_be_measured_is_a_result(self) -> None:
        """No worker lives for long enough here: exit code 3, and rows that say why."""
        Path("slow.toml").write_text(
            '[experiment]\nname = "slow"\n[measure]\ntimeout_s = 0.001\n[[method]]\nid = "dense"\n'
            '[[model]]\nid = "./shape"\nweights = "random"\n[[suite]]\nid = "decode"\n'
            "prompt_tokens = 8\nnew_tokens = 8\n"
        )
        run = assay.run("slow.toml", database="slow.db", quiet=True)
        frame = run.results()
        self.assertEqual((run.exit_code, run.experiment), (3, "slow"))
        self.assertEqual(frame["status"].tolist(), ["TIMEOUT"])
        self.assertTrue(frame["metric"].isna().all() and frame["value"].isna().all())
        self.assertNotEqual(frame["reason"][0], "")


class Notebooks(unittest.TestCase):
    def test_every_cell_runs_and_what_it_shows_is_kept(self) -> None:
        self.assertTrue(_NOTEBOOKS)
        for path in _NOTEBOOKS:
            document = notebook.read(path)
            with _alone():
                shown = notebook.run(document)
            for cell, outputs in zip(notebook.code_cells(document), shown, strict=True):
                kinds = [output["output_type"] for output in cell["outputs"]]
                self.assertEqual([one["output_type"] for one in outputs], kinds, cell["source"])
                self.assertIsNotNone(cell["execution_count"], "python python/tests/notebook.py")


if __name__ == "__main__":
    unittest.main()
