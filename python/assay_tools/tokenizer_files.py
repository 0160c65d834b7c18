"""The files of a model directory that decide token ids, read once, and their hash."""

import hashlib
import json
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError

# The one list; the program's own hash is generated from it (harness/checkpoint/tokenizer_files.h).
NAMES = (Path(__file__).parent / "tokenizer_files.txt").read_text(encoding="ascii").split()
# What config.json says of the tokenizer; the class decides how vocab.json is used.
CONFIG_KEYS = ("model_type", "tokenizer_class")


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: no JSON object")
    return document


class TokenizerFiles:
    """What is encoded with is what is hashed, even when a file changes meanwhile."""

    def __init__(self, folder: Path):
        self.folder = folder
        paths = {name: folder / name for name in NAMES}
        self._content = {name: p.read_bytes() for name, p in paths.items() if p.exists()}
        config = folder / "config.json"
        document = _parse(config, config.read_bytes()) if config.exists() else {}
        self.model = {key: document.get(key) for key in CONFIG_KEYS}

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def text(self, name: str) -> str:
        try:
            return self._content[name].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.folder / name}: not UTF-8 at byte {error.start}") from None

    def json(self, name: str) -> dict[str, Any]:
        """Nothing for a file that does not exist."""
        content = self._content.get(name)
        return {} if content is None else _parse(self.folder / name, content)

    @property
    def hash(self) -> str:
        """SHA-256 over names, contents and what config.json says; as Checkpoint::tokenizer_hash."""
        files = {name: hashlib.sha256(data).hexdigest() for name, data in self._content.items()}
        document = {"config": self.model, "files": files}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
