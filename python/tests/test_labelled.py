"""prepare-labelled: what a folder holds, and what is refused with file, line, field, what was found and
what is allowed."""

import contextlib
import io
import json
import tempfile
import unittest
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from assay_tools.__main__ import main
from assay_tools.files import sha256_file
from assay_tools.hub import LAYOUTS
from assay_tools.labelled import LabelledItem, item_hash, text_hash
from assay_tools.manifest import read_dataset_manifest
from assay_tools.tokenizer import ModelTokenizer
from tiny_tokenizer import write_tokenizer

_DATASETS = Path(__file__).parents[2] / "datasets"
_SINGLE = {"text": ["sentence"], "label": "label", "labels": {"bad": 0, "good": 1}}
_PAIR = {
    "text": ["a", "b"],
    "separator": "\n",
    "label": "gold",
    "labels": {"yes": 1, "no": 0, "maybe": 2},
}


def _value(value: Any) -> str:
    """As TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


class Labelled(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.model = write_tokenizer(self.folder / "model", template=True)
        self.manifest = self.folder / "t.toml"
        self.out = self.folder / "out"

    def write_manifest(self, rows: dict[str, Any], **more: Any) -> None:
        keys = {"name": "t", "kind": "labelled"} | rows | more
        head = "".join(f"{key} = {_value(value)}\n" for key, value in keys.items())
        self.manifest.write_text(head + '[splits.s]\nfiles = ["t.tsv"]\nsha256 = ["00"]\n')

    def run_tool(self, content: str | bytes, name: str, max_tokens: int) -> tuple[int, str, str]:
        raw = self.folder / name
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, err = io.StringIO(), io.StringIO()
        arguments = ["prepare-labelled", "--manifest", str(self.manifest), "--split", "s"]
        arguments += ["--max-tokens", str(max_tokens), "--tokenizer", str(self.model)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--raw", str(raw), "--out", str(self.out)])
        return code, out.getvalue(), err.getvalue()

    def prepare(self, content: str | bytes, name: str = "t.tsv", max_tokens: int = 64) -> dict:
        code, out, err = self.run_tool(content, name, max_tokens)
        self.assertEqual(code, 0, err)
        manifest = json.loads((self.out / "manifest.json").read_text())
        self.assertEqual(json.loads(out.splitlines()[-1]), manifest)
        return manifest

    def array(self, name: str, dtype: str) -> list[int]:
        return np.fromfile(self.out / name, dtype=dtype).tolist()

    def items(self) -> list[list[int]]:
        tokens, offsets = self.array("tokens.bin", "<i4"), self.array("offsets.bin", "<i8")
        self.assertEqual((offsets[0], offsets[-1]), (0, len(tokens)))
        return [tokens[a:b] for a, b in pairwise(offsets)]

    def encode(self, text: str) -> list[int]:
        return ModelTokenizer(self.model).encode(text)

    def refused(self, content: str | bytes, *parts: str, name: str = "t.tsv") -> None:
        code, out, err = self.run_tool(content, name, 64)
        with self.subTest(content=content):
            self.assertEqual((code, out, err.count("\n")), (2, "", 1))
            for part in parts:
                self.assertIn(part, err)
            self.assertFalse(self.out.exists())


class Folder(Labelled):
    def test_single_texts(self):
        self.write_manifest(_SINGLE)
        manifest = self.prepare("sentence\tlabel\nso so \t0\nfine\t1\nwell\tgood\n")
        self.assertEqual(self.items(), [self.encode(text) for text in ("so so ", "fine", "well")])
        self.assertEqual(self.array("labels.bin", "<i4"), [0, 1, 1])
        self.assertEqual(self.array("lines.bin", "<i4"), [2, 3, 4])
        self.assertEqual(self.array("token_types.bin", "u1"), [0] * manifest["tokens"])
        expected = {
            "version": 1,
            "format": "labelled",
            "dataset": "t",
            "split": "s",
            "documents": 3,
            "tokens": 7 + 5 + 5,
            "texts": 1,
            "pairs": "none",
            "max_tokens": 64,
            "truncated": 0,
            "labels": ["bad", "good"],
            "label_counts": [1, 2],
            "raw": [{"file": "t.tsv", "items": 3}],
        }
        self.assertEqual({key: manifest[key] for key in expected}, expected)
        names = {path.name for path in self.out.iterdir()} - {"manifest.json"}
        self.assertEqual(set(manifest["files"]), names)
        for name, digest in manifest["files"].items():
            self.assertEqual(sha256_file(self.out / name), digest)
        (note,) = manifest["notes"]
        self.assertEqual(note["code"], "data_not_pinned")

    def test_pairs_of_a_tokenizer_without_a_form_for_them(self):
        self.write_manifest(_PAIR)
        rows = [{"a": "x", "b": "y z", "gold": 2}, {"a": "y z", "b": "x", "gold": "no"}]
        lines = "".join(json.dumps(row | {"idx": 7}) + "\n" for row in rows)
        manifest = self.prepare(lines, "t.jsonl")
        self.assertEqual(self.items(), [self.encode("x\ny z"), self.encode("y z\nx")])
        self.assertEqual(self.array("labels.bin", "<i4"), [2, 0])
        self.assertEqual(manifest["labels"], ["no", "yes", "maybe"])
        self.assertEqual(manifest["label_counts"], [1, 0, 1])
        self.assertEqual((manifest["texts"], manifest["pairs"]), (2, "separator"))

    def test_what_is_cut_is_counted_and_said(self):
        self.write_manifest(_SINGLE)
        manifest = self.prepare("sentence\tlabel\nabcd\t0\nabc\t1\nabcdef\t1\n", max_tokens=4)
        self.assertEqual(self.items(), [self.encode("abc")] * 3)
        self.assertEqual(manifest["truncated"], 2)
        self.assertEqual(
            manifest["notes"][-1],
            {
                "code": "items_truncated",
                "text": "2 of 3 items are longer than max_tokens = 4 and were cut",
            },
        )

    def test_quotation_marks_are_content(self):
        self.write_manifest(_SINGLE)
        texts = ['"', 'a "b" c', '"whole"', '"open', '""', 'say ""x""']
        self.prepare("label\tsentence\n" + "".join(f"0\t{text}\n" for text in texts))
        self.assertEqual(self.items(), [self.encode(text) for text in texts])

    def test_files_of_other_programs_are_read_alike(self):
        self.write_manifest(_SINGLE)
        text = "sentence\tlabel\na\u2028b\x85c\t0\nfine\t1\n"
        self.prepare(text)
        expected = self.items()
        self.assertEqual(expected[0], self.encode("a\u2028b\x85c"))
        for changed in ("\ufeff" + text, text.replace("\n", "\r\n"), text.rstrip("\n")):
            self.prepare(changed)
            self.assertEqual(self.items(), expected)

    def test_hashes_of_items_and_texts(self):
        self.write_manifest(_SINGLE)
        rows = ["Fine  film .\t1", "fine film.\t0", "\uff26ine film.\t0", "fine films.\t0"]
        self.prepare("\n".join(["sentence\tlabel", *rows]))
        texts = self.array("text_hashes.bin", "<u8")
        self.assertEqual(len(set(texts[:3])), 1)
        self.assertNotEqual(texts[0], texts[3])
        hashes = self.array("hashes.bin", "<u8")
        self.assertEqual(len(set(hashes)), 4)
        # Neither depends on the tokenizer, nor on where an item stands.
        write_tokenizer(self.model)
        self.prepare("label\tsentence\n0\tfine films.")
        self.assertEqual(self.array("hashes.bin", "<u8"), hashes[3:])
        self.assertEqual(self.array("text_hashes.bin", "<u8"), texts[3:])

    def test_the_hashes_are_the_documented_ones(self):
        # printf '[1, ["Fine\\tFILM ."]]' | sha256sum
        item = LabelledItem(("Fine\tFILM .",), 1, "t.tsv:2")
        self.assertEqual(item_hash(item).hex(), "e88efbb7e20ffaf3")
        # printf '["finefilm."]' | sha256sum
        self.assertEqual(text_hash(("Fine\tFILM .",)).hex(), "64f5a8f74f2940ca")
        self.assertNotEqual(text_hash(("ab", "c")), text_hash(("a", "bc")))
        self.assertNotEqual(text_hash(("a", "b")), text_hash(("b", "a")))

    def test_a_splits_items_are_those_of_all_its_files(self):
        self.write_manifest(_SINGLE)
        text = self.manifest.read_text().replace('["t.tsv"]', '["a.tsv", "b.jsonl"]')
        self.manifest.write_text(text.replace('sha256 = ["00"]\n', ""))
        (self.folder / "a.tsv").write_text("sentence\tlabel\nx\t0\n\ny\t1\n")
        (self.folder / "b.jsonl").write_text('\n{"sentence": "z", "label": 1}\n')
        raw = [str(self.folder / name) for name in ("a.tsv", "b.jsonl")]
        arguments = ["prepare-labelled", "--manifest", str(self.manifest), "--split", "s"]
        arguments += ["--max-tokens", "9", "--tokenizer", str(self.model), "--out", str(self.out)]
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(main([*arguments, "--raw", *raw]), 0)
        manifest = json.loads((self.out / "manifest.json").read_text())
        expected = [{"file": "a.tsv", "items": 2}, {"file": "b.jsonl", "items": 1}]
        self.assertEqual(manifest["raw"], expected)
        self.assertEqual(self.array("lines.bin", "<i4"), [2, 4, 2])
        self.assertEqual(self.items(), [self.encode(text) for text in "xyz"])


class Refused(Labelled):
    def test_classes_that_the_manifest_does_not_name(self):
        self.write_manifest(_SINGLE)
        for label in ("-1", "2", "Good", "", " 1", "1.0", "01", "true"):
            self.refused(
                f"sentence\tlabel\nfine\t1\nwell\t{label}\n",
                f"t.tsv:3: 'label' is {json.dumps(label)}; allowed: bad, good, or their numbers 0 to 1",
            )
        for label in (-1, 2, 1.0, True, None, [1], {"a": 1}):
            row = json.dumps({"sentence": "fine", "label": label})
            self.refused(row, f"t.jsonl:1: 'label' is {json.dumps(label)}; ", name="t.jsonl")

    def test_texts_without_anything(self):
        self.write_manifest(_PAIR)
        for text in ("", " ", "\u2003"):
            self.refused(f"a\tb\tgold\nx\t{text}\tyes\n", f't.tsv:2: \'b\' is "{text}"; allowed: t')
        for value in (None, 3, ["x"], True):
            row = json.dumps({"a": value, "b": "y", "gold": 0})
            self.refused(row, f"t.jsonl:1: 'a' is {json.dumps(value)}; allowed: ", name="t.jsonl")

    def test_rows_of_another_form(self):
        self.write_manifest(_PAIR)
        header = "a\tb\tgold\n"
        for content, message in (
            ("a\tgold\nx\tyes\n", "t.tsv:1: no column 'b' (found: a, gold)"),
            ("", "t.tsv:1: no column 'a' (found: nothing)"),
            ("a\tb\tgold\ta\nx\ty\tyes\tz\n", "t.tsv:1: the column 'a' stands twice"),
            (header + "x\ty\tyes\nx\tyes\n", "t.tsv:3: 2 columns; allowed: 3 (a, b, gold)"),
            (header + "x\ty\tyes\tz\n", "t.tsv:2: 4 columns; allowed: 3"),
            (header, "t.tsv: no rows; needed: at least one"),
            ((header + "x\ty\xe9\tyes\n").encode("latin-1"), "t.tsv:2: not UTF-8 (byte 0xe9)"),
            (header + "x\ty\0\tyes\n", "t.tsv:2: a NUL byte; allowed: text"),
            (header + "x\ty\tyes\r\nx\ty\tno\n", "t.tsv:2: 'gold' is \"yes\\r\"; allowed: no, yes, m"),
        ):
            self.refused(content, message)
        self.refused('{"a": "x", "gold": 0}', "t.jsonl:1: 'b' is missing", name="t.jsonl")
        self.refused("[1]", "t.jsonl:1: [1]; allowed: one JSON object a line", name="t.jsonl")
        self.refused(header + "x\ty\tyes\n", "t.txt: allowed: a file whose name", name="t.txt")

    def test_a_table_with_quoting(self):
        self.write_manifest(_SINGLE)
        quoted = 'sentence\tlabel\nfine\t1\n"He said ""well"" twice"\t0\n"so"\t1\n'
        self.refused(quoted, "t.tsv:3: cells are quoted as in CSV; allowed: cells between tabs")
        # One mark outside of such cells, and they are content.
        self.prepare(quoted + 'the "end\t0\n')
        self.assertEqual(self.items()[1], self.encode('"He said ""well"" twice"'))

    def test_texts_that_give_no_token(self):
        path = self.model / "tokenizer.json"
        document = json.loads(path.read_text())
        document["normalizer"] = {"type": "Replace", "pattern": {"String": "-"}, "content": ""}
        path.write_text(json.dumps(document))
        self.write_manifest(_SINGLE)
        self.refused("sentence\tlabel\nfine\t1\n--\t0\n", "t.tsv:3: 'sentence' is \"--\" and gives no")

    def test_several_mistakes_are_told_together(self):
        self.write_manifest(_SINGLE)
        rows = "".join(f"x\t{label}\n" for label in (0, 7, 1, 8, 9, 3, 4, 5))
        self.refused("sentence\tlabel\n" + rows, "t.tsv:3: ", "t.tsv:5: ", "| and 1 more")

    def test_more_special_tokens_than_room(self):
        self.write_manifest(_SINGLE)
        code, _, err = self.run_tool("sentence\tlabel\nx\t0\n", "t.tsv", 1)
        self.assertEqual(code, 2)
        self.assertIn("max_tokens is 1; allowed: 2 or more", err)


class Manifest(Labelled):
    def refused_manifest(self, *parts: str, **keys: Any) -> None:
        self.write_manifest({key: keys.get(key, value) for key, value in _PAIR.items()})
        self.refused("a\tb\tgold\nx\ty\tyes\n", f"{self.manifest}: ", *parts)

    def test_classes_must_be_numbered_without_a_gap(self):
        for labels in (
            {"yes": 0, "no": 2},
            {"yes": 1, "no": 2},
            {"yes": 0, "no": 0},
            {"yes": 0, "no": -1},
            {"yes": True, "no": 0},
            {"yes": "0", "no": 1},
        ):
            text = f"labels is {labels!r}; allowed: each number from 0 to 1 once"
            self.refused_manifest(text, labels=labels)
        for labels in ({"yes": 0}, {}, ["yes", "no"], "yes"):
            self.refused_manifest("allowed: a table of two or more classes", labels=labels)

    def test_names_of_classes_must_not_be_other_numbers(self):
        for labels in ({"1": 0, "0": 1}, {"": 0, "x": 1}):
            self.refused_manifest("not the number of another class", labels=labels)

    def test_columns(self):
        for text in ([], ["a", "b", "c"], ["a", "a"], [""], [1], "a"):
            self.refused_manifest("text is ", "allowed: the name of a column, or the two", text=text)
        for label in ("a", "", 3):
            self.refused_manifest("allowed: the name of the column of the class", label=label)
        self.refused_manifest("separator is ''; allowed: what stands between", separator="")
        self.write_manifest(_SINGLE, separator="\n")
        self.refused("sentence\tlabel\nx\t0\n", "separator is '\\n'; allowed: none beside a single")

    def test_other_kinds_are_not_labelled_and_these_are_no_other(self):
        self.write_manifest(_SINGLE, kind="items")
        self.refused("sentence\tlabel\nx\t0\n", "'t' holds items, not labelled")
        self.write_manifest(_SINGLE, kind="pairs")
        self.refused("", "kind is 'pairs'; allowed: text, items, labelled")
        self.write_manifest(_SINGLE)
        arguments = ["prepare-stream", "--manifest", str(self.manifest), "--split", "s"]
        arguments += ["--tokenizer", str(self.model), "--raw", "x", "--out", str(self.out)]
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(main(arguments), 2)
        self.assertIn("'t' holds labelled, not text", err.getvalue())

    def test_the_projects_own_manifests_are_read(self):
        manifests = [read_dataset_manifest(path) for path in sorted(_DATASETS.glob("*.toml"))]
        labelled = [manifest for manifest in manifests if manifest.kind == "labelled"]
        self.assertGreaterEqual(len(labelled), 6)
        for manifest in labelled:
            self.assertIn("train", manifest.splits)
            for split in manifest.splits.values():
                self.assertIn(split.fetch["layout"], LAYOUTS)


class Layouts(Labelled):
    """What is fetched is what is prepared."""

    def test_sst2(self):
        rows = [{"sentence": 'it \'s "fine" ', "label": 1, "idx": 0}]
        text = LAYOUTS["sst2"](rows)
        self.assertEqual(text, 'sentence\tlabel\nit \'s "fine" \t1\n')
        for sentence in ("a\tb", "a\nb"):
            with self.assertRaises(ValueError):
                LAYOUTS["sst2"]([{"sentence": sentence, "label": 0}])

    def test_pairs(self):
        checked = 0
        for path in sorted(_DATASETS.glob("*.toml")):
            manifest = read_dataset_manifest(path)
            if manifest.labelled is None or len(manifest.labelled.text) != 2:
                continue
            rows = manifest.labelled
            row = {rows.text[0]: "x\n\ty", rows.text[1]: "z", rows.label: 1, "idx": 3}
            text = LAYOUTS[manifest.split("train").fetch["layout"]]([row])
            self.write_manifest(
                {"text": list(rows.text), "separator": " ", "label": rows.label}
                | {"labels": {name: number for number, name in enumerate(rows.labels)}}
            )
            self.prepare(text, "t.jsonl")
            self.assertEqual(self.items(), [self.encode("x\n\ty z")])
            checked += 1
        self.assertEqual(checked, 5)


if __name__ == "__main__":
    unittest.main()
