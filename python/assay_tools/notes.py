"""What must be said beside every result made from prepared data.

Notes stand in manifest.json as {"code", "text"}; the worker repeats each as a remark. A code says
what kind of thing happened; all `data_...` codes mean that the data are not the published ones,
`items_...` codes that some items are not put to the model as they are.
"""

from dataclasses import dataclass

STRIPPED = "data_stripped"
NOT_PINNED = "data_not_pinned"
LINE_ENDS = "data_line_ends"
BYTE_ORDER_MARK = "data_byte_order_mark"
TRUNCATED = "items_truncated"


@dataclass(frozen=True)
class Note:
    code: str
    text: str

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "text": self.text}


def notes_json(notes: list[Note]) -> list[dict[str, str]]:
    """One entry a code: several raw files with the same note share it."""
    texts: dict[str, list[str]] = {}
    for note in notes:
        known = texts.setdefault(note.code, [])
        if note.text not in known:
            known.append(note.text)
    return [Note(code, "; ".join(parts)).to_json() for code, parts in texts.items()]
