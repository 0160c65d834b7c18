"""Importer "shape": a model directory without weights, for `weights = "random"`.

It holds the configuration of the manifest and a tokenizer whose tokens are the 256 bytes, so that any
text can be read by a model whose own tokenizer is not at hand. Accuracy means nothing there; the
work of a layer does not depend on which tokens it sees.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from assay_tools.errors import InputError
from assay_tools.manifest import require

START = "<s>"


def byte_tokenizer() -> Tokenizer:
    """Tokens 1 to 256 are bytes, token 0 starts a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([START, *alphabet])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(START, special=True, normalized=False)])
    return tokenizer


def import_into(
    folder: Path, manifest_path: Path, manifest: dict[str, Any], wheel: Path | None
) -> int:
    """Writes config.json and the tokenizer; there are no parameters."""
    if wheel is not None:
        raise InputError(f"{manifest_path}: a shape comes out of no wheel")
    config = require(manifest_path, manifest, "config", dict)
    tokenizer = byte_tokenizer()
    entries = config.get("vocab_size", 0)
    if not isinstance(entries, int) or entries < tokenizer.get_vocab_size():
        raise InputError(
            f"{manifest_path}: config.vocab_size is {entries}; the byte tokenizer needs "
            f"{tokenizer.get_vocab_size()} or more"
        )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))
    words = {"bos_token": START, "eos_token": START}
    (folder / "tokenizer_config.json").write_text(json.dumps(words) + "\n", encoding="utf-8")
    return 0
