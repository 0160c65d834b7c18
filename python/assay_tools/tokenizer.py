"""A model directory's tokenizer, with the special tokens that transformers would add by default."""

from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer

from assay_tools.byte_level_bpe import DEFAULT_TOKENS, load_byte_level_bpe
from assay_tools.errors import InputError
from assay_tools.problems import shown
from assay_tools.special_tokens import add_tokens, read_settings, token_text
from assay_tools.tokenizer_files import TokenizerFiles

_REFUSED = {
    "add_eos_token": "ends every text with another token",
    "split_special_tokens": "takes special tokens in a text apart",
    "fast_tokenizer_files": "puts other files in the place of tokenizer.json",
}
# Switches of tokenizer_config.json and what they are called in a step of tokenizer.json.
_STORED_SWITCHES = (
    ("pre_tokenizer", "ByteLevel", {"add_prefix_space": "add_prefix_space"}),
    (
        "normalizer",
        "BertNormalizer",
        {
            "do_lower_case": "lowercase",
            "strip_accents": "strip_accents",
            "tokenize_chinese_chars": "handle_chinese_chars",
        },
    ),
)
_SWITCHES = ("add_bos_token", "add_eos_token", *(key for *_, keys in _STORED_SWITCHES for key in keys))


class ModelTokenizer:
    """Encodes as AutoTokenizer of the same directory does.

    Where versions differ, tokenizer_config.json counts: transformers 5 does not look at its
    `add_bos_token` beside a tokenizer.json, transformers 4 and this program do.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._files = TokenizerFiles(folder)
        self._config = read_settings(self._files)
        self._backend = self._load_backend()
        self._check_settings()
        add_tokens(self._backend, self._files, self._config)
        self._bos = self._special_id("bos_token")
        self._eos = self._special_id("eos_token")
        self._add_bos = self._prepends_bos()
        self._prefix_text = self._decoded_prefix()

    def _load_backend(self) -> Tokenizer:
        if "tokenizer.json" in self._files:
            return self._load_whole()
        if "vocab.json" in self._files and "merges.txt" in self._files:
            self._config = DEFAULT_TOKENS | self._config
            return load_byte_level_bpe(self._files, self._config)
        raise InputError(
            f"{self.folder}: neither tokenizer.json nor vocab.json with merges.txt found"
        )

    def _load_whole(self) -> Tokenizer:
        text = self._files.text("tokenizer.json")
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception for a malformed file
            raise InputError(f"{self.folder / 'tokenizer.json'}: {error}") from None
        self._check_dropout(tokenizer)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _check_dropout(self, tokenizer: Tokenizer) -> None:
        dropout = getattr(tokenizer.model, "dropout", None)
        if dropout:
            raise InputError(
                f"{self.folder / 'tokenizer.json'}: model.dropout is {dropout:g}, which leaves out "
                "merges at random, so that a text has other tokens each time; allowed: null. Write "
                "null there: dropout is for training"
            )

    def _check_switches(self) -> None:
        for key in _SWITCHES:
            value = self._config.get(key)
            if not isinstance(value, bool | None):
                raise InputError(
                    f"{self.folder / 'tokenizer_config.json'}: {key} is {shown(value)}; allowed: "
                    "true, false or null, without quotes"
                )

    def _check_settings(self) -> None:
        """Refuses what would change token ids and is not done here."""
        self._check_switches()
        for key, effect in _REFUSED.items():
            if self._config.get(key):
                raise InputError(
                    f"{self.folder / 'tokenizer_config.json'}: {key} is "
                    f"{self._config[key]!r}, which {effect}; allowed: false"
                )
        side = self._config.get("truncation_side")
        if side not in (None, "left", "right"):
            raise InputError(
                f"{self.folder / 'tokenizer_config.json'}: truncation_side is {shown(side)}; "
                "allowed: left or right"
            )
        self._check_contradictions()

    def _check_contradictions(self) -> None:
        """Libraries differ in which of the two files overrules the other."""
        whole = self._files.json("tokenizer.json")
        for part, kind, switches in _STORED_SWITCHES:
            step = whole.get(part) or {}
            for key, name in switches.items() if step.get("type") == kind else ():
                asked, stored = self._config.get(key), step.get(name)
                if isinstance(asked, bool) and stored is not None and asked != stored:
                    raise InputError(
                        f"{self.folder}: {key} is {asked} in tokenizer_config.json and {stored} "
                        "in tokenizer.json; write the same into both"
                    )

    def _special_id(self, name: str) -> int | None:
        text = token_text(self._config.get(name))
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
        """Of the files that decide the encoding."""
        return self._files.hash

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
        return [*self.first_tokens, *ids] if special else ids

    def encode_prompts(self, texts: list[str]) -> list[list[int]]:
        """As `encode` for each text, but adds no special token before one that starts with it."""
        results: dict[str, list[int]] = {}
        for special in (True, False):
            group = [text for text in texts if self._starts_bare(text) == special]
            encoded = self._backend.encode_batch_fast(
                group, add_special_tokens=self._backend_adds(special)
            )
            first = self.first_tokens if special else []
            results |= {text: [*first, *e.ids] for text, e in zip(group, encoded, strict=True)}
        return [results[text] for text in texts]

    @property
    def first_tokens(self) -> list[int]:
        """What goes before a text and is not put there by the backend."""
        return [self._bos] if self._add_bos else []

    @property
    def separates_pairs(self) -> bool:
        """Whether the tokenizer itself puts a token between the two texts of a pair."""
        parts = self._backend.encode("a", "b", add_special_tokens=self._backend_adds(True))
        ids = parts.sequence_ids
        return 0 in ids and 1 in ids and None in ids[ids.index(0) : ids.index(1)]

    def special_count(self, pair: bool) -> int:
        """Special tokens that are added to a text, or to a pair."""
        added = self._backend.num_special_tokens_to_add(pair) if self._backend_adds(True) else 0
        return added + len(self.first_tokens)

    def encode_inputs(self, inputs: list[Any], max_tokens: int) -> list[Encoding]:
        """Texts, or pairs of texts, with special tokens except `first_tokens`. Those that would be
        longer than `max_tokens` with all of them are cut as transformers does (longest_first)."""
        self._backend.enable_truncation(
            max_tokens - len(self.first_tokens),
            strategy="longest_first",
            direction=self._config.get("truncation_side") or "right",
        )
        try:
            return self._backend.encode_batch(inputs, add_special_tokens=self._backend_adds(True))
        finally:
            self._backend.no_truncation()

    def _starts_bare(self, text: str) -> bool:
        """Whether the text does not start with the special token that would precede it."""
        return self._prefix_text is None or not text.startswith(self._prefix_text)

    def _backend_adds(self, special: bool) -> bool:
        # Explicit configuration wins over the backend's own template, as in transformers.
        return special and self._config.get("add_bos_token") is not False
