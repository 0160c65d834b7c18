"""A byte-level tokenizer without merges, written as a model directory."""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE


def write_tokenizer(
    folder: Path, template: bool = False, config: dict | None = None, merges: tuple | list = ()
) -> Path:
    """`template`: the backend itself puts <s> first. Merges may reach over spaces."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<s>", *alphabet, *("".join(pair) for pair in merges)]
    vocabulary = {token: index for index, token in enumerate(pieces)}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not merges)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<s>", special=True, normalized=False)])
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    document = {"bos_token": "<s>", "eos_token": "<s>"} | (config or {})
    (folder / "tokenizer_config.json").write_text(json.dumps(document))
    return folder


def write_old_form(folder: Path) -> Path:
    """vocab.json and merges.txt, with the first token asked for, as OPT checkpoints have them."""
    write_tokenizer(folder, config={"add_bos_token": True, "tokenizer_class": "GPT2Tokenizer"})
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(tokenizer["model"]["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder
