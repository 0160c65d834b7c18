import contextlib
import errno
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from assay_tools.__main__ import main
from assay_tools.files import sha256_file
from assay_tools.items import Encoded, encode_candidates
from assay_tools.questions import Candidate
from assay_tools.tokenizer import ModelTokenizer
from tiny_tokenizer import write_tokenizer

_PAIRS = Path(__file__).parents[2] / "tests/data/lm_eval/pairs.json"
_TEXT = """
name = "t"
kind = "text"
join = "lines"
sampling = "stream"
[splits.s]
files = ["t.txt"]
sha256 = ["00"]
"""
_ITEMS = """
name = "t"
kind = "items"
[splits.s]
files = ["t.jsonl"]
"""


class Prepare(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.model = write_tokenizer(self.folder / "model")
        self.manifest = self.folder / "t.toml"
        self.raw = self.folder / "raw"
        self.out = self.folder / "out"

    def run_tool(self, command: str, *extra: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        arguments = [command, "--manifest", str(self.manifest), "--split", "s", *extra]
        arguments += ["--tokenizer", str(self.model), "--raw", str(self.raw)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--out", str(self.out)])
        return code, out.getvalue(), err.getvalue()

    def items(self, task: str, rows: list[dict]) -> list[dict]:
        self.manifest.write_text(_ITEMS)
        self.raw.write_text("".join(json.dumps(row) + "\n" for row in rows))
        code, _, err = self.run_tool("prepare-items", "--task", task)
        self.assertEqual(code, 0, err)
        return json.loads((self.out / "items.json").read_text())["items"]

    def texts(self, item: dict) -> list[tuple[str, str]]:
        backend = ModelTokenizer(self.model)._backend
        return [
            (
                backend.decode(request["tokens"][: request["scored_from"]]),
                backend.decode(request["tokens"][request["scored_from"] :]),
            )
            for request in item["requests"]
        ]

    def test_stream_files_and_manifest(self):
        self.manifest.write_text(_TEXT)
        self.raw.write_text("ab\ncde\n")
        code, out, _ = self.run_tool("prepare-stream")
        self.assertEqual(code, 0)
        manifest = json.loads((self.out / "manifest.json").read_text())
        self.assertEqual(json.loads(out.splitlines()[-1]), manifest)
        self.assertEqual(manifest["tokens"], 7)
        self.assertEqual(manifest["documents"], 2)
        (note,) = manifest["notes"]
        self.assertEqual(note["code"], "data_not_pinned")
        found = sha256_file(self.raw)[:12]
        self.assertEqual(note["text"], f"raw file raw has SHA-256 {found}..., pinned is 00...")
        for name, digest in manifest["files"].items():
            self.assertEqual(sha256_file(self.out / name), digest)
        tokens = np.fromfile(self.out / "tokens.bin", dtype="<i4").tolist()
        self.assertEqual(tokens, ModelTokenizer(self.model).encode("ab\n\ncde"))
        offsets = np.fromfile(self.out / "document_offsets.bin", dtype="<i8").tolist()
        self.assertEqual(offsets, [0, 2, 5])

    def test_a_full_disk_says_where_and_what_helps(self):
        self.manifest.write_text(_TEXT)
        self.raw.write_text("ab\ncde\n")
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch.object(Path, "write_bytes", side_effect=full):
            code, _, err = self.run_tool("prepare-stream")
        self.assertEqual(code, 3)
        self.assertIn("out: No space left on device; free some space", err)
        self.assertEqual([path.name for path in self.folder.glob(".out*")], [])

    def test_piqa_prompt(self):
        row = {
            "query": "Question: boil an egg \n",
            "choices": ["in water", "in o\u00efl"],
            "gold": 1,
        }
        (item,) = self.items("piqa", [row])
        prompt = "Question: boil an egg \nAnswer:"
        self.assertEqual(self.texts(item), [(prompt, " in water"), (prompt, " in o\u00efl")])
        # Characters, not bytes.
        self.assertEqual([request["length"] for request in item["requests"]], [8, 6])
        self.assertEqual(item["gold"], 1)

    def test_copa_choices_have_two_spaces(self):
        row = {"query": "It rained, therefore", "choices": ["he got wet.", "no."], "gold": 0}
        (item,) = self.items("copa", [row])
        self.assertEqual(self.texts(item)[0], ("It rained, therefore", "  he got wet."))
        self.assertEqual(item["requests"][1]["length"], 4)

    def test_boolq_prompt(self):
        row = {"query": "Passage: P.\nQuestion: is it?", "choices": ["no", "yes"], "gold": 0}
        (item,) = self.items("boolq", [row])
        self.assertEqual(self.texts(item)[1], ("P.\nQuestion: is it?\nAnswer:", " yes"))

    def test_winogrande_scores_the_same_ending_behind_two_contexts(self):
        row = {"context_options": ["A saw A", "A saw B"], "continuation": "run.", "gold": 1}
        (item,) = self.items("winogrande", [row])
        self.assertEqual(self.texts(item), [("A saw A", " run."), ("A saw B", " run.")])

    def test_spaces_that_end_a_context_move(self):
        row = {"query": "stem  ", "choices": ["x", "y"], "gold": 0}
        (item,) = self.items("openbookqa", [row])
        self.assertEqual(self.texts(item)[0], ("stem", "   x"))

    def test_long_common_start_is_stored_once(self):
        header = "The same long beginning of every question: "
        rows = [{"query": header + q, "choices": ["x", "y"], "gold": 0} for q in ("a", "b")]
        items = self.items("openbookqa", rows)
        document = json.loads((self.out / "items.json").read_text())
        backend = ModelTokenizer(self.model)._backend
        self.assertEqual(backend.decode(document["shared"][0]), header)
        self.assertEqual(backend.decode(items[1]["requests"][1]["tokens"]), "b y")
        self.assertEqual(items[1]["shared"], 0)
        self.assertEqual(items[1]["requests"][1]["scored_from"], len(header) + 1)

    def test_a_token_over_the_join_is_split_as_the_harness_does(self):
        # lm-evaluation-harness takes encode(whole)[len(encode(context)):] whatever the tokens are.
        write_tokenizer(self.model, merges=[("a", "\u0120")])
        rows = [{"query": query, "choices": ["b", "cd"], "gold": 0} for query in ("a", "c")]
        over, beside = self.items("openbookqa", rows)
        self.assertEqual(self.texts(over), [("a ", "b"), ("a ", "cd")])
        self.assertEqual(self.texts(beside)[1], ("c", " cd"))
        self.assertTrue(over["spans"])
        self.assertNotIn("spans", beside)

    def test_pairs_are_split_as_the_harness_splits_them(self):
        golden = json.loads(_PAIRS.read_text())
        write_tokenizer(self.model, merges=[tuple(pair) for pair in golden["merges"]])
        candidates = [Candidate(p["context"], p["continuation"], 1) for p in golden["pairs"]]
        results = encode_candidates(ModelTokenizer(self.model), candidates)
        for pair, one in zip(golden["pairs"], results, strict=True):
            self.assertEqual(one, Encoded(pair["tokens"], pair["scored_from"], pair["spans"]))
            self.assertEqual(one.tokens[one.scored_from :], pair["scored"])
        self.assertGreater(sum(one.spans for one in results), 20)

    def test_an_answer_inside_the_last_token_of_its_context_is_refused(self):
        write_tokenizer(self.model, merges=[("a", "\u0120"), ("a\u0120", "b")])
        self.refused_items({"query": "a", "choices": ["c", "b"], "gold": 0})
        self.refused_items({"query": "a", "choices": ["b", "c"], "gold": 0})

    def refused_items(self, row: dict) -> None:
        self.manifest.write_text(_ITEMS)
        self.raw.write_text("\n" + json.dumps(row) + "\n")
        code, _, err = self.run_tool("prepare-items", "--task", "openbookqa")
        self.assertEqual(code, 2)
        self.assertIn("raw:2: 'choices' leaves no token to score: \" b\"", err)

    def test_white_space_as_context(self):
        # The spaces belong to the answer; what stands before it is the tokenizer's first token.
        row = {"query": "   ", "choices": ["x", "y"], "gold": 0}
        self.manifest.write_text(_ITEMS)
        self.raw.write_text(json.dumps(row) + "\n")
        code, _, err = self.run_tool("prepare-items", "--task", "openbookqa")
        self.assertEqual(code, 2)
        self.assertIn("raw:1: 'query' is \"   \" and gives no token before the answer; allow", err)
        write_tokenizer(self.model, template=True)
        (item,) = self.items("openbookqa", [row])
        self.assertEqual(self.texts(item)[1], ("", "    y"))  # "" is how <s> decodes
        self.assertEqual(item["requests"][1]["scored_from"], 1)
        (item,) = self.items("openbookqa", [row | {"query": ""}])
        self.assertEqual(self.texts(item)[1], ("", " y"))

    def test_texts_without_anything_are_refused(self):
        sampled = _TEXT.replace("lines", "endoftext-lines").replace("stream", "documents")
        cases = (
            (_TEXT, "", "raw: no text"),
            (_TEXT, "\r\n \r\n", "raw: no text"),
            (sampled, "<|endoftext|>\n\n<|endoftext|>\n", "raw: no document"),
        )
        for manifest, text, message in cases:
            self.manifest.write_text(manifest)
            self.raw.write_bytes(text.encode())
            code, _, err = self.run_tool("prepare-stream")
            self.assertEqual(code, 2)
            self.assertIn(message, err)

    def test_the_same_text_from_another_program_gives_the_same_tokens(self):
        self.manifest.write_text(_TEXT)
        tokens = []
        for content in (b"ab\ncde\n", b"ab\r\ncde\r\n", b"\xef\xbb\xbfab\ncde"):
            self.raw.write_bytes(content)
            self.assertEqual(self.run_tool("prepare-stream")[0], 0)
            tokens.append((self.out / "tokens.bin").read_bytes())
        self.assertEqual(tokens, [tokens[0]] * 3)

    def test_mistakes_end_with_2_and_one_line(self):
        self.manifest.write_text(_ITEMS)
        self.raw.write_text('{"query": "Question: a", "choices": ["x"], "gold": 3}\n')
        for task, message in (
            ("piqa", "raw:1: 'choices' is [\"x\"]; allowed: a list of two or more"),
            ("pica", "unknown task"),
            ("boolq", "text that starts with 'Passage: '"),
        ):
            code, out, err = self.run_tool("prepare-items", "--task", task)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1))
            self.assertIn(message, err)
        self.assertFalse(self.out.exists())
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name[0] == "."], [])


if __name__ == "__main__":
    unittest.main()
