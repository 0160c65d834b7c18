"""A model directory's tokenizer, with the special tokens that transformers would add by default."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from assay_tools.errors import InputError

_CONFIG_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None


def _token_text(value: Any) -> str | None:
    """tokenizer_config.json writes a special token as a string or as {"content": ...}."""
    return value.get("content") if isinstance(value, dict) else value


class ModelTokenizer:
    """Encodes as AutoTokenizer of the same directory does."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._config = _read_json(folder / "tokenizer_config.json")
        self._backend = self._load_backend()
        self._bos = self._special_id("bos_token")
        self._eos = self._special_id("eos_token")
        self._add_bos = self._prepends_bos()
        self._prefix_text = self._decoded_prefix()

    def _load_backend(self) -> Tokenizer:
        path = self.folder / "tokenizer.json"
        if path.exists():
            try:
                tokenizer = Tokenizer.from_file(str(path))
            except Exception as error:  # the library raises bare Exception for a malformed file
                raise InputError(f"{path}: {error}") from None
            tokenizer.no_truncation()
            tokenizer.no_padding()
            return tokenizer
        return self._load_vocabulary_and_merges()

    def _load_vocabulary_and_merges(self) -> Tokenizer:
        """The older form of GPT-2 and OPT checkpoints: byte-level BPE in two files."""
        vocabulary, merges = self.folder / "vocab.json", self.folder / "merges.txt"
        if not (vocabulary.exists() and merges.exists()):
            raise InputError(
                f"{self.folder}: neither tokenizer.json nor vocab.json with merges.txt found"
            )
        tokenizer = Tokenizer(BPE.from_file(str(vocabulary), str(merges)))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        names = ("bos_token", "eos_token", "unk_token", "pad_token")
        texts = [_token_text(self._config.get(name)) for name in names]
        tokenizer.add_special_tokens(
            [AddedToken(text, special=True, normalized=False) for text in texts if text]
        )
        return tokenizer

    def _special_id(self, name: str) -> int | None:
        text = _token_text(self._config.get(name))
        if text is None:
            text = _token_text(_read_json(self.folder / "special_tokens_map.json").get(name))
        return None if text is None else self._backend.token_to_id(text)

    def _prepends_bos(self) -> bool:
        """True when a beginning-of-sequence token goes first although the backend adds none."""
        if not self._config.get("add_bos_token", False) or self._bos is None:
            return False
        return self._backend.encode("").ids[:1] != [self._bos]

    def _decoded_prefix(self) -> str | None:
        token = self._bos if self._bos is not None else self._eos
        return None if token is None else self._backend.decode([token], skip_special_tokens=False)

    @property
    def hash(self) -> str:
        """SHA-256 over the files that decide the encoding."""
        digest = hashlib.sha256()
        for name in _CONFIG_FILES:
            path = self.folder / name
            if path.exists():
                digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    @property
    def prefix_token(self) -> int:
        """What stands before a continuation without a context: BOS, else EOS."""
        token = self._bos if self._bos is not None else self._eos
        if token is None:
            raise InputError(f"{self.folder}: tokenizer_config.json names no bos or eos token")
        return token

    def encode(self, text: str, special: bool = True) -> list[int]:
        """Token ids of the whole text in one call."""
        ids = self._backend.encode(text, add_special_tokens=self._backend_adds(special)).ids
        return [self._bos, *ids] if special and self._add_bos else ids

    def encode_prompts(self, texts: list[str]) -> list[list[int]]:
        """As `encode` for each text, but adds no special token before one that starts with it."""
        results: dict[str, list[int]] = {}
        for special in (True, False):
            group = [text for text in texts if self._starts_bare(text) == special]
            encoded = self._backend.encode_batch_fast(
                group, add_special_tokens=self._backend_adds(special)
            )
            first = [self._bos] if special and self._add_bos else []
            results |= {text: [*first, *e.ids] for text, e in zip(group, encoded, strict=True)}
        return [results[text] for text in texts]

    def _starts_bare(self, text: str) -> bool:
        """Whether the text does not start with the special token that would precede it."""
        return self._prefix_text is None or not text.startswith(self._prefix_text)

    def _backend_adds(self, special: bool) -> bool:
        # Explicit configuration wins over the backend's own template, as in transformers.
        return special and self._config.get("add_bos_token") is not False
