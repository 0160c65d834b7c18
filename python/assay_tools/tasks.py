"""Prompts of the scored tasks, as lm-evaluation-harness 0.4.13 writes them.

A question is a gold answer and one (context, continuation) pair a candidate. `length` divides the
log-likelihood for acc_norm: the characters of the choice without the space that precedes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from assay_tools.mmlu import mmlu_questions
from assay_tools.problems import FieldError, Problems, shown
from assay_tools.questions import Candidate, Question
from assay_tools.rows import Row, json_rows

Read = Callable[[list[Path], Problems], Iterator[Question]]


@dataclass(frozen=True)
class Task:
    """`metrics` are those that lm-evaluation-harness reports for the task. `read` yields what is
    right and tells the rest to the problems."""

    name: str
    metrics: tuple[str, ...]
    read: Read


def _reader(question_of: Callable[[Row], Question]) -> Read:
    def read(paths: list[Path], problems: Problems) -> Iterator[Question]:
        for row in json_rows(paths, problems):
            try:
                yield replace(question_of(row), place=row.place)
            except FieldError as error:
                problems.add(row.place, error)

    return read


def _choices(make_context: Callable[[Row], str], choice_prefix: str = "") -> Read:
    """Rows {query, choices, gold}; the context comes from the query."""

    def question_of(row: Row) -> Question:
        context = make_context(row)
        choices = [choice_prefix + choice for choice in row.texts("choices")]
        candidates = tuple(Candidate(context, " " + choice, len(choice)) for choice in choices)
        return Question(row.index("gold", len(choices)), candidates)

    return _reader(question_of)


def _query_after(row: Row, prefix: str) -> str:
    query = row.text("query")
    if not query.startswith(prefix):
        raise FieldError("query", shown(query), f"text that starts with '{prefix}'")
    return query[len(prefix) :]


def _question_answer(row: Row) -> str:
    # The file ends a query with one line end that is no part of the question.
    question = _query_after(row, "Question: ").removesuffix("\n")
    return f"Question: {question}\nAnswer:"


def _passage(row: Row) -> str:
    return _query_after(row, "Passage: ") + "\nAnswer:"


def _stem(row: Row) -> str:
    return row.text("query", empty=True)


def _winogrande(row: Row) -> Question:
    """Partial scoring: the text after the blank, once behind each option."""
    continuation = " " + row.text("continuation")
    contexts = row.texts("context_options")
    candidates = tuple(Candidate(text, continuation, len(text)) for text in contexts)
    gold = row.index("gold", len(contexts))
    return Question(gold, candidates, fields=("context_options", "continuation"))


def _lambada(row: Row) -> Question:
    word = row.text("continuation")
    candidate = Candidate(row.text("context", empty=True), " " + word, len(word))
    return Question(0, (candidate,), fields=("context", "continuation"))


_ACC = ("acc",)
_BOTH = ("acc", "acc_norm")

# In COPA the choice carries a space of its own behind the delimiter: two spaces in all.
TASKS = {
    task.name: task
    for task in (
        Task("piqa", _BOTH, _choices(_question_answer)),
        Task("arc_easy", _BOTH, _choices(_question_answer)),
        Task("arc_challenge", _BOTH, _choices(_question_answer)),
        Task("openbookqa", _BOTH, _choices(_stem)),
        Task("copa", _ACC, _choices(_stem, choice_prefix=" ")),
        Task("boolq", _ACC, _choices(_passage)),
        Task("winogrande", _ACC, _reader(_winogrande)),
        Task("lambada_openai", ("acc", "perplexity"), _reader(_lambada)),
        Task("mmlu", _ACC, mmlu_questions),
    )
}
