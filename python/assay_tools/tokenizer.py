"""A model directory's tokenizer, with the special tokens that transformers would add by default."""

from pathlib import Path

from tokenizers import Tokenizer

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
_SWITCHES = ("add_bos_token", "add_eos_token", "add_prefix_space")


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
        asked = self._config.get("add_prefix_space")
        stored = self._stored_prefix_space()
        if isinstance(asked, bool) and stored is not None and asked != stored:
            raise InputError(
                f"{self.folder}: add_prefix_space is {asked} in tokenizer_config.json and {stored} "
                "in tokenizer.json; write the same into both"
            )

    def _stored_prefix_space(self) -> bool | None:
        """Of the byte-level step of tokenizer.json; libraries differ in whether it is overruled."""
        step = self._files.json("tokenizer.json").get("pre_tokenizer") or {}
        return step.get("add_prefix_space") if step.get("type") == "ByteLevel" else None

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
