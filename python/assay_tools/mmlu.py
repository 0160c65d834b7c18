"""MMLU: five examples of the subject's dev file, then the question of its test file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assay_tools.mmlu_groups import GROUP_OF_SUBJECT
from assay_tools.problems import FieldError, Problems
from assay_tools.questions import Candidate, Question
from assay_tools.rows import Row, csv_rows

_LETTERS = ("A", "B", "C", "D")
_SHOTS = 5
_COLUMNS = ["question", *(f"choice{i}" for i in range(len(_LETTERS))), "answer"]


def _prompt(row: Row) -> str:
    lines = [row.text("question").strip()]
    lines += [f"{letter}. {row.text(f'choice{i}')}" for i, letter in enumerate(_LETTERS)]
    return "\n".join([*lines, "Answer:"])


def _answer(row: Row) -> int:
    return row.digit("answer", len(_LETTERS))


def _example(row: Row) -> str:
    return f"{_prompt(row)} {_LETTERS[_answer(row)]}\n\n"


def _each(rows: list[Row], make: Callable[[Row], Any], problems: Problems) -> Iterator[Any]:
    for row in rows:
        try:
            yield make(row)
        except FieldError as error:
            problems.add(row.place, error)


def _subject(shots: Path, test: Path, subject: str, problems: Problems) -> Iterator[Question]:
    title = subject.replace("_", " ")
    header = f"The following are multiple choice questions (with answers) about {title}.\n\n"
    examples = csv_rows(shots, _COLUMNS, problems)[:_SHOTS]
    if len(examples) < _SHOTS:
        problems.add(str(shots), f"{len(examples)} examples; needed: {_SHOTS}")
    header += "".join(_each(examples, _example, problems))

    def question_of(row: Row) -> Question:
        context = header + _prompt(row)
        candidates = tuple(Candidate(context, " " + letter, 1) for letter in _LETTERS)
        return Question(_answer(row), candidates, subject, GROUP_OF_SUBJECT[subject], row.place)

    yield from _each(csv_rows(test, _COLUMNS, problems), question_of, problems)


def mmlu_questions(paths: list[Path], problems: Problems) -> Iterator[Question]:
    """Files <subject>_dev.csv with the five examples and <subject>_test.csv with the questions."""
    by_name = {path.name: path for path in paths}
    tests = [path for path in by_name.values() if path.name.endswith("_test.csv")]
    if not tests:
        problems.add(str(paths[0]), "no file of questions; needed: <subject>_test.csv")
    for path in tests:
        subject = path.name.removesuffix("_test.csv")
        shots = by_name.get(f"{subject}_dev.csv")
        if subject not in GROUP_OF_SUBJECT:
            problems.add(str(path), f"'{subject}' is not a subject of MMLU")
        elif shots is None:
            problems.add(str(path), f"no {subject}_dev.csv among the raw files")
        else:
            yield from _subject(shots, path, subject, problems)
