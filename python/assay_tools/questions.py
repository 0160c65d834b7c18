"""What every task's rows become."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    context: str
    continuation: str
    length: int


@dataclass(frozen=True)
class Question:
    """`place` is the raw file and line that it came from, `fields` where in the row the contexts
    and the continuations are from."""

    gold: int
    candidates: tuple[Candidate, ...]
    subtask: str = ""
    group: str = ""
    place: str = ""
    fields: tuple[str, str] = ("query", "choices")
