"""Rows as people write them by hand: scored as lm-evaluation-harness would, or refused with file,
line, field, what was found and what is allowed."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.mmlu_groups import GROUP_OF_SUBJECT
from assay_tools.problems import Problems
from assay_tools.questions import Question
from assay_tools.tasks import TASKS

# One right row of each recipe, with the lists and numbers that its fields are.
_CHOICES = {"choices": ["x", "y", "z"], "gold": 2}
_RIGHT = {
    "piqa": {"query": "Question: q\n"} | _CHOICES,
    "arc_easy": {"query": "Question: q"} | _CHOICES,
    "arc_challenge": {"query": "Question: q"} | _CHOICES,
    "openbookqa": {"query": "The sky is"} | _CHOICES,
    "copa": {"query": "It rained, so"} | _CHOICES,
    "boolq": {"query": "Passage: p\nQuestion: q?"} | _CHOICES,
    "winogrande": {"context_options": ["a", "b", "c"], "continuation": "ran.", "gold": 2},
    "lambada_openai": {"context": "to be or not to", "continuation": "be"},
}
_NO_TEXT = [None, True, 1, 0.5, ["a"], {"a": "b"}]
_NO_LIST = ["blue", None, {}, 3, [], ["alone"]]
_NO_INDEX = [None, True, False, "1", "", [0], {}, 1.0, -1, 3, 10**30]


class Rows(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name) / "rows.jsonl"

    def read_lines(self, task: str, *lines: str | bytes) -> list[Question]:
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.path.write_bytes(b"\n".join(encoded))
        problems = Problems()
        questions = list(TASKS[task].read([self.path], problems))
        problems.finish()
        return questions

    def read(self, task: str, *rows: Any) -> list[Question]:
        return self.read_lines(task, *map(json.dumps, rows))

    def refused(self, task: str, row: Any, *parts: str) -> None:
        with self.subTest(task=task, row=row), self.assertRaises(InputError) as caught:
            self.read(task, _RIGHT[task], row)
        for part in (f"{self.path}:2: ", "allowed: ", *parts):
            self.assertIn(part, str(caught.exception))

    def test_a_right_row_is_a_question_whatever_else_it_holds(self):
        for task, row in _RIGHT.items():
            (question,) = self.read(task, row | {"id": None, "note": float("nan")})
            self.assertEqual(question.gold, row.get("gold", 0))
            self.assertEqual(question.place, f"{self.path}:1")

    def test_every_field_of_every_recipe_is_checked(self):
        wrong = {"query": _NO_TEXT, "context": _NO_TEXT, "continuation": [*_NO_TEXT, ""]}
        wrong |= {"choices": _NO_LIST, "context_options": _NO_LIST, "gold": _NO_INDEX}
        checked = 0
        for task, right in _RIGHT.items():
            for field in right:
                without = {name: right[name] for name in right if name != field}
                self.refused(task, without, f"'{field}' is missing")
                for value in wrong[field]:
                    found = json.dumps(value)
                    self.refused(task, right | {field: value}, f"'{field}' is {found}")
                    checked += 1
        self.assertGreater(checked, 150)

    def test_the_allowed_range_is_said(self):
        row = _RIGHT["openbookqa"]
        self.refused(
            "openbookqa", row | {"gold": "1"}, "'gold' is \"1\"; allowed: an integer from 0 to 2"
        )
        self.refused("openbookqa", row | {"choices": "blue"}, "a list of two or more texts")

    def test_one_wrong_entry_of_a_list_is_named(self):
        for task, field in (("piqa", "choices"), ("winogrande", "context_options")):
            for value in [*_NO_TEXT, ""]:
                self.refused(task, _RIGHT[task] | {field: ["a", value]}, f"'{field}[1]' is ")

    def test_prompts_need_their_beginning(self):
        for task in ("piqa", "arc_easy", "arc_challenge", "boolq"):
            self.refused(task, _RIGHT[task] | {"query": "The sky is"}, "text that starts with '")

    def test_half_a_surrogate_pair_is_no_text(self):
        line = '{"query": "a\\ud800", "choices": ["x", "y"], "gold": 0}'
        with self.assertRaisesRegex(InputError, "'query' is text with half a surrogate pair"):
            self.read_lines("openbookqa", line)

    def test_lines_that_are_no_row_are_named(self):
        good = json.dumps(_RIGHT["copa"])
        cases = {
            "{": "not JSON",
            good + good: "not JSON",
            "[" * 100_000: "nested too deeply",
            "[1, 2]": "allowed: one JSON object a line",
            "3": "allowed: one JSON object a line",
            '{"gold": 0, "gold": 1}': "the key 'gold' stands twice",
        }
        for line, message in cases.items():
            with self.subTest(line[:40]), self.assertRaisesRegex(InputError, message) as caught:
                self.read_lines("copa", good, line)
            self.assertIn(f"{self.path}:2: ", str(caught.exception))

    def test_a_git_lfs_pointer_is_no_row(self):
        with self.assertRaisesRegex(InputError, "rows.jsonl: this is a Git LFS pointer"):
            self.read_lines("copa", "version https://git-lfs.github.com/spec/v1", "size 4242")

    def test_several_mistakes_are_told_together(self):
        rows = [_RIGHT["copa"] | {"gold": gold} for gold in (0, 3, 4, 1, 5, 6, 7, 8, 9)]
        with self.assertRaises(InputError) as caught:
            self.read("copa", *rows)
        text = str(caught.exception)
        self.assertEqual(text.count("'gold' is"), 5)
        self.assertNotIn("'gold' is 8", text)
        self.assertTrue(text.endswith("| and 2 more"), text)

    def test_files_of_other_programs_are_read_alike(self):
        line = json.dumps(_RIGHT["openbookqa"] | {"query": "a\u2028b\x85c"}, ensure_ascii=False)
        expected = self.read_lines("openbookqa", line, line)
        self.assertEqual(expected[0].candidates[0].context, "a\u2028b\x85c")
        for text in ("\ufeff{0}\n{0}", "{0}\r\n{0}\r\n", "\ufeff{0}\r\n{0}", "{0}\n{0}\n\n"):
            content = text.replace("{0}", line).encode()
            self.assertEqual(self.read_lines("openbookqa", content), expected)


_HEADER = "question,choice0,choice1,choice2,choice3,answer"


class Mmlu(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.write("anatomy_dev.csv", *["q,a,b,c,d,0"] * 5)

    def write(self, name: str, *rows: str, header: str = _HEADER, end: str = "\n") -> Path:
        path = self.folder / name
        path.write_bytes(end.join([header, *rows, ""]).encode())
        return path

    def read(self, *more: Path) -> list[Question]:
        problems = Problems()
        paths = [*sorted(self.folder.glob("*.csv")), *more]
        questions = list(TASKS["mmlu"].read(paths, problems))
        problems.finish()
        return questions

    def refused(self, *parts: str) -> None:
        with self.assertRaises(InputError) as caught:
            self.read()
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_crlf_and_byte_order_mark_change_nothing(self):
        rows = ['"a\nb",1,2,3,4,3', '"say ""x"", now",1,2,3,4,0']
        self.write("anatomy_test.csv", *rows)
        expected = [(q.gold, q.candidates, q.group) for q in self.read()]
        self.assertIn("a\nb\nA. 1\n", expected[0][1][0].context)
        crlf = [row.replace("\n", "\r\n") for row in rows]
        self.write("anatomy_test.csv", *crlf, header="\ufeff" + _HEADER, end="\r\n")
        self.assertEqual([(q.gold, q.candidates, q.group) for q in self.read()], expected)

    def test_wrong_cells_are_named_with_the_line_they_start_on(self):
        for answer in ("A", "4", "-1", "", "1.0", " 1"):
            self.write("anatomy_test.csv", '"a\nb",1,2,3,4,3', f"q,1,2,3,4,{answer}")
            found = json.dumps(answer)
            self.refused("anatomy_test.csv:4: 'answer' is " + found, "an integer from 0 to 3")
        self.write("anatomy_test.csv", "q,1,,3,4,0")
        self.refused("anatomy_test.csv:2: 'choice1' is \"\"; allowed: text that is not empty")

    def test_wrong_tables_are_named(self):
        self.write("anatomy_test.csv", "q,1,2,3,0", "q,1,2,3,4,5,0")
        self.refused("_test.csv:2: 5 columns; allowed: 6", "_test.csv:3: 7 columns")
        self.write("anatomy_test.csv", 'q,1,2,3,4,0\n"q,1,2,3,4,0\nq,1,2,3,4,0')
        self.refused("_test.csv:3: not CSV", "closed quotes")
        self.write("anatomy_test.csv", "q,1,2,3,4,0", header="q,A,B,C,D,answer")
        self.refused("_test.csv:1: no column 'question' (found: q, A, B, C, D, answer)")
        self.write("anatomy_test.csv", header="")
        self.refused("_test.csv:1: no column 'question' (found: nothing)")

    def test_a_column_that_stands_twice_is_named(self):
        self.write("anatomy_test.csv", "q,1,2,3,4,0,3", header=_HEADER + ",answer")
        self.refused("_test.csv:1: the column 'answer' stands twice; allowed: once")
        self.write("anatomy_test.csv", "q,1,2,3,4,3,x,y", header=_HEADER + ",,")
        self.assertEqual([question.gold for question in self.read()], [3])

    def test_long_fields_are_read(self):
        text = "word " * 100_000
        self.write("anatomy_test.csv", f'"{text}",1,2,3,4,0', f"{text},1,2,3,4,1")
        questions = self.read()
        self.assertEqual([question.gold for question in questions], [0, 1])
        for question in questions:
            self.assertIn(text.strip(), question.candidates[0].context)

    def test_files_that_belong_together_must_be_there(self):
        self.refused("needed: <subject>_test.csv")
        self.write("virology_test.csv", "q,1,2,3,4,0")
        self.refused("no virology_dev.csv among the raw files")
        self.write("virology_dev.csv", "q,1,2,3,4,0")
        self.refused("virology_dev.csv: 1 examples; needed: 5")
        self.write("potions_test.csv", "q,1,2,3,4,0")
        self.refused("'potions' is not a subject of MMLU")
        self.assertIn("virology", GROUP_OF_SUBJECT)


if __name__ == "__main__":
    unittest.main()
