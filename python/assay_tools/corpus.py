"""Join rules: how raw text files become one stream and a list of documents."""

from dataclasses import dataclass, field

from assay_tools.errors import InputError
from assay_tools.manifest import DatasetManifest, Split
from assay_tools.notes import STRIPPED, Note
from assay_tools.raw_text import RawText

STRIPPED_NOTE = Note(
    STRIPPED, "corpus=wikitext2_stripped: lines are missing, so windows differ from published ones"
)
_SEPARATOR = "<|endoftext|>"


@dataclass
class Corpus:
    """`stream` is tokenised in one call; `documents` are tokenised alone, for calibration."""

    stream: str
    documents: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def _lines(text: str) -> list[str]:
    """Lines with their LF; other characters that Python calls line ends stay inside."""
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return lines + [parts[-1]] if parts[-1] else lines


def _join_wikitext(text: str) -> Corpus:
    # One row a line, as the published data set has it: a blank line is the empty string, any
    # other line keeps its line end.
    rows = ["" if not line.strip() else line for line in _lines(text)]
    notes = []
    if "\r" in text or (rows and "" not in rows):
        notes.append(STRIPPED_NOTE)
    return Corpus("\n\n".join(rows), notes=notes)


def _join_lines(text: str, split: Split) -> Corpus:
    documents = [line.rstrip("\r\n") for line in _lines(text) if line.strip()]
    if split.documents:
        first, end = split.documents
        if end > len(documents):
            raise InputError(
                f"split '{split.name}' wants documents {first} to {end - 1}, "
                f"but the file has {len(documents)}"
            )
        documents = documents[first:end]
    return Corpus("\n\n".join(documents), documents)


def _join_endoftext(text: str) -> Corpus:
    """The stream is the file as it is, separators included: published values are of that form."""
    documents, current = [], []
    for line in _lines(text):
        if line.rstrip("\r\n") == _SEPARATOR:
            documents.append("".join(current))
            current = []
        else:
            current.append(line)
    documents.append("".join(current))
    return Corpus(text, [document for document in documents if document.strip()])


def _concatenated(texts: list[str]) -> str:
    """One file behind the other; the last line of one never becomes the start of the next."""
    ended = [text if text.endswith("\n") or not text else text + "\n" for text in texts[:-1]]
    return "".join([*ended, *texts[-1:]])


def _join(manifest: DatasetManifest, split: Split, text: str) -> Corpus:
    if manifest.join == "wikitext-rows":
        return _join_wikitext(text)
    if manifest.join == "lines":
        return _join_lines(text, split)
    return _join_endoftext(text)


def join_corpus(manifest: DatasetManifest, split: Split, raw: list[RawText]) -> Corpus:
    corpus = _join(manifest, split, _concatenated([one.text for one in raw]))
    corpus.notes += [note for one in raw for note in one.notes]
    return corpus
