"""prepare-items: questions as token sequences whose ends are to be scored."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.files import fresh_folder
from assay_tools.manifest import read_dataset_manifest
from assay_tools.notes import notes_json
from assay_tools.problems import Problems, shown
from assay_tools.questions import Candidate, Question
from assay_tools.stream import base_manifest, check_raw, content_notes, write_manifest
from assay_tools.tasks import TASKS, Task
from assay_tools.tokenizer import ModelTokenizer

# A common start of all requests of a subtask is stored once when it is at least this long.
_SHORTEST_SHARED = 32
_QUESTIONS_AT_ONCE = 64


def split_pair(candidate: Candidate) -> tuple[str, str]:
    """The whole text of a request, and the part of it that is context.

    Spaces that end the context belong to the continuation.
    """
    return candidate.context + candidate.continuation, candidate.context.rstrip()


@dataclass(frozen=True)
class Encoded:
    """A whole request. The first `scored_from` tokens are its context. `spans`: a token reaches over
    the join, so that these are not the tokens that the context has alone."""

    tokens: list[int]
    scored_from: int
    spans: bool = False

    def problem(self, candidate: Candidate, fields: tuple[str, str]) -> str:
        """Why nothing can be scored, or ""."""
        context, continuation = fields
        if self.scored_from < 1:
            return (
                f"'{context}' is {shown(candidate.context)} and gives no token before the answer; "
                'allowed: text, or "" (the answer then stands at the beginning of a text)'
            )
        if self.scored_from >= len(self.tokens):
            return (
                f"'{continuation}' leaves no token to score: {shown(candidate.continuation)} ends "
                "inside the last token of its context; allowed: an answer with a token of its own"
            )
        return ""


def encode_candidates(tokenizer: ModelTokenizer, candidates: list[Candidate]) -> list[Encoded]:
    """The request is tokenised as one string and split behind the length of the context's own
    tokens, whatever the tokens there are."""
    with_context = [candidate for candidate in candidates if candidate.context]
    ordered = list({text for candidate in with_context for text in split_pair(candidate)})
    tokens = dict(zip(ordered, tokenizer.encode_prompts(ordered), strict=True))
    results = []
    for candidate in candidates:
        if candidate.context:
            whole, context = (tokens[text] for text in split_pair(candidate))
            size = len(context)
            results.append(Encoded(whole, size, whole[:size] != context))
        else:
            ids = tokenizer.encode(candidate.continuation, special=False)
            prefix = tokenizer.prefix_token
            results.append(Encoded(ids if ids[:1] == [prefix] else [prefix, *ids], 1))
    return results


def _question_hash(question: Question) -> str:
    """Identity of a question, free of the tokenizer."""
    pairs = [[candidate.context, candidate.continuation] for candidate in question.candidates]
    text = json.dumps([question.gold, pairs], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _common_length(a: list[int], b: list[int]) -> int:
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


def _make_item(question: Question, encoded: list[Encoded]) -> dict[str, Any]:
    requests = []
    for candidate, one in zip(question.candidates, encoded, strict=True):
        # A copy: questions of one text share the list.
        request = {"tokens": list(one.tokens), "scored_from": one.scored_from}
        requests.append(request | {"length": candidate.length})
    item = {"hash": _question_hash(question), "gold": question.gold, "requests": requests}
    if question.place:
        item["place"] = question.place.rsplit("/", 1)[-1]  # wherever the raw files lie
    if any(one.spans for one in encoded):
        item["spans"] = True
    if question.subtask:
        item |= {"task": question.subtask, "group": question.group}
    return item


def _first_problem(question: Question, encoded: list[Encoded]) -> str:
    pairs = zip(question.candidates, encoded, strict=True)
    problems = (one.problem(candidate, question.fields) for candidate, one in pairs)
    return next(filter(None, problems), "")


def _batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    iterator = iter(questions)
    while batch := list(islice(iterator, _QUESTIONS_AT_ONCE)):
        yield batch


def encode_questions(
    tokenizer: ModelTokenizer, questions: Iterable[Question], problems: Problems
) -> Iterator[dict[str, Any]]:
    for batch in _batches(questions):
        candidates = [candidate for question in batch for candidate in question.candidates]
        results = iter(encode_candidates(tokenizer, candidates))
        for question in batch:
            encoded = [next(results) for _ in question.candidates]
            if problem := _first_problem(question, encoded):
                problems.add(question.place, problem)
            else:
                yield _make_item(question, encoded)


def share_prefixes(items: list[dict[str, Any]]) -> list[list[int]]:
    """Takes the long common start of each subtask's requests out of them, into a table."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_task.setdefault(item.get("task", ""), []).append(item)
    shared = []
    for members in by_task.values():
        requests = [request for item in members for request in item["requests"]]
        first = requests[0]["tokens"]
        length = min(
            min(_common_length(first, request["tokens"]), request["scored_from"])
            for request in requests
        )
        if length < _SHORTEST_SHARED:
            continue
        for item in members:
            item["shared"] = len(shared)
        for request in requests:
            request["tokens"] = request["tokens"][length:]
        shared.append(first[:length])
    return shared


def _read_items(task: Task, tokenizer: ModelTokenizer, raw: list[Path]) -> list[dict[str, Any]]:
    problems = Problems()
    items = list(encode_questions(tokenizer, task.read(raw, problems), problems))
    problems.finish()
    if not items:
        raise InputError(f"{raw[0]}: no questions; needed: at least one row")
    return items


def prepare_items(
    manifest_path: Path,
    split_name: str,
    task_name: str,
    tokenizer_folder: Path,
    raw: list[Path],
    out: Path,
) -> dict[str, Any]:
    manifest = read_dataset_manifest(manifest_path)
    manifest.require_kind("items")
    if task_name not in TASKS:
        raise InputError(f"unknown task '{task_name}'; known: {', '.join(sorted(TASKS))}")
    split = manifest.split(split_name)
    check_raw(split, raw)
    task = TASKS[task_name]
    tokenizer = ModelTokenizer(tokenizer_folder)
    items = _read_items(task, tokenizer, raw)
    lengths = [len(request["tokens"]) for item in items for request in item["requests"]]
    document = {"version": 1, "task": task.name, "metrics": list(task.metrics)}
    document |= {"shared": share_prefixes(items), "items": items}
    result = base_manifest("items", manifest.name, split_name, tokenizer, raw)
    result |= {"task": task.name, "tokens": sum(lengths), "documents": len(items)}
    result["notes"] = notes_json(content_notes(split, raw))
    with fresh_folder(out) as folder:
        text = json.dumps(document, separators=(",", ":"))
        (folder / "items.json").write_text(text + "\n", encoding="utf-8")
        write_manifest(folder, result)
    return result
