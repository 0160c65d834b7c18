"""vocab.json with merges.txt: the older form of GPT-2's and OPT's tokenizers."""

from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from assay_tools.errors import InputError
from assay_tools.tokenizer_files import TokenizerFiles

_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast")
_MODEL_TYPES = ("gpt2", "opt")
# What transformers' class takes where the directory says nothing.
DEFAULT_TOKENS = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")


def _check_class(files: TokenizerFiles, settings: dict) -> None:
    """Two files of the same names mean other things to other classes (Qwen2, RoBERTa, CLIP)."""
    named = settings.get("tokenizer_class") or files.model["tokenizer_class"]
    known = named in _CLASSES if named else files.model["model_type"] in _MODEL_TYPES
    if not known:
        found = (
            f"tokenizer_class '{named}'" if named else f"model type '{files.model['model_type']}'"
        )
        raise InputError(
            f"{files.folder}: vocab.json with merges.txt and {found}; allowed without a "
            f"tokenizer.json: {_CLASSES[0]}. Let transformers write tokenizer.json into the folder"
        )


def _merges(files: TokenizerFiles) -> list[tuple[str, str]]:
    merges = []
    # Only line feeds end a line: other separators of Unicode may be parts of tokens.
    lines = files.text("merges.txt").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        pair = line.removesuffix("\r").split(" ")
        if line.startswith("#version"):
            continue
        if len(pair) != 2:
            raise InputError(
                f"{files.folder / 'merges.txt'}, line {number}: '{line}'; allowed: two tokens with "
                "one space between them"
            )
        merges.append((pair[0], pair[1]))
    return merges


def load_byte_level_bpe(files: TokenizerFiles, settings: dict) -> Tokenizer:
    """As GPT2Tokenizer of transformers builds it."""
    _check_class(files, settings)
    vocabulary, merges = files.json("vocab.json"), _merges(files)
    try:
        model = BPE(vocab=vocabulary, merges=merges, fuse_unk=False)
    except Exception as error:  # noqa: BLE001 - the library raises bare Exception for what does not fit
        raise InputError(f"{files.folder}: vocab.json with merges.txt: {error}") from None
    tokenizer = Tokenizer(model)
    prefix = bool(settings.get("add_prefix_space", False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
