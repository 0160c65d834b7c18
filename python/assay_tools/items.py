"""prepare-items: questions as token sequences whose ends are to be scored."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.files import fresh_folder
from assay_tools.manifest import read_dataset_manifest
from assay_tools.stream import base_manifest, check_raw, content_notes, write_manifest
from assay_tools.tasks import TASKS, Candidate, Question
from assay_tools.tokenizer import ModelTokenizer

# A common start of all requests of a subtask is stored once when it is at least this long.
_SHORTEST_SHARED = 32
_QUESTIONS_AT_ONCE = 64


def split_pair(candidate: Candidate) -> tuple[str, str]:
    """The whole text of a request, and the part of it that is context.

    Spaces that end the context belong to the continuation.
    """
    return candidate.context + candidate.continuation, candidate.context.rstrip()


def encode_candidates(
    tokenizer: ModelTokenizer, candidates: list[Candidate]
) -> list[tuple[list[int], int]]:
    """Token ids of each whole request, and how many of them are context: the request is tokenised
    as one string and split behind the length of the context's own tokens."""
    with_context = [candidate for candidate in candidates if candidate.context]
    ordered = list({text for candidate in with_context for text in split_pair(candidate)})
    tokens = dict(zip(ordered, tokenizer.encode_prompts(ordered), strict=True))
    results = []
    for candidate in candidates:
        if candidate.context:
            whole, context = split_pair(candidate)
            results.append((tokens[whole], len(tokens[context])))
        else:
            ids = tokenizer.encode(candidate.continuation, special=False)
            prefix = tokenizer.prefix_token
            results.append((ids if ids[:1] == [prefix] else [prefix, *ids], 1))
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


def _make_item(question: Question, encoded: list[tuple[list[int], int]]) -> dict[str, Any]:
    requests = []
    for candidate, (tokens, scored_from) in zip(question.candidates, encoded, strict=True):
        if scored_from >= len(tokens):
            raise InputError(f"the tokenizer leaves nothing to score in '{candidate.continuation}'")
        # A copy: questions of one text share the list.
        request = {"tokens": list(tokens), "scored_from": scored_from, "length": candidate.length}
        requests.append(request)
    item = {"hash": _question_hash(question), "gold": question.gold, "requests": requests}
    if question.subtask:
        item |= {"task": question.subtask, "group": question.group}
    return item


def _batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    iterator = iter(questions)
    while batch := list(islice(iterator, _QUESTIONS_AT_ONCE)):
        yield batch


def encode_questions(
    tokenizer: ModelTokenizer, questions: Iterable[Question]
) -> Iterator[dict[str, Any]]:
    for batch in _batches(questions):
        candidates = [candidate for question in batch for candidate in question.candidates]
        encoded = iter(encode_candidates(tokenizer, candidates))
        for question in batch:
            yield _make_item(question, [next(encoded) for _ in question.candidates])


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


def prepare_items(
    manifest_path: Path,
    split_name: str,
    task_name: str,
    tokenizer_folder: Path,
    raw: list[Path],
    out: Path,
) -> dict[str, Any]:
    manifest = read_dataset_manifest(manifest_path)
    if manifest.kind != "items":
        raise InputError(f"{manifest_path}: '{manifest.name}' holds text, not items")
    if task_name not in TASKS:
        raise InputError(f"unknown task '{task_name}'; known: {', '.join(sorted(TASKS))}")
    split = manifest.split(split_name)
    check_raw(split, raw)
    task = TASKS[task_name]
    tokenizer = ModelTokenizer(tokenizer_folder)
    items = list(encode_questions(tokenizer, task.read(raw)))
    if not items:
        raise InputError(f"{raw[0]}: no items")
    lengths = [len(request["tokens"]) for item in items for request in item["requests"]]
    document = {"version": 1, "task": task.name, "metrics": list(task.metrics)}
    document |= {"shared": share_prefixes(items), "items": items}
    result = base_manifest("items", manifest.name, split_name, tokenizer, raw)
    result |= {"task": task.name, "tokens": sum(lengths), "documents": len(items)}
    result["notes"] = content_notes(split, raw)
    with fresh_folder(out) as folder:
        text = json.dumps(document, separators=(",", ":"))
        (folder / "items.json").write_text(text + "\n", encoding="utf-8")
        write_manifest(folder, result)
    return result
