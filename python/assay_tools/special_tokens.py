"""Special and added tokens as transformers reads them from a model directory."""

from typing import Any

from tokenizers import AddedToken, Tokenizer

from assay_tools.errors import InputError
from assay_tools.problems import shown
from assay_tools.tokenizer_files import TokenizerFiles

_NAMED = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def token_text(value: Any) -> str | None:
    """A token is written as a string or as {"content": ...}."""
    return value.get("content") if isinstance(value, dict) else value


def _as_added(value: Any, **otherwise: bool) -> AddedToken:
    """`otherwise`: flags of a token that is only a string."""
    if not isinstance(value, dict):
        return AddedToken(value, **otherwise)
    return AddedToken(value["content"], **{key: value[key] for key in _FLAGS if key in value})


def _decoded(files: TokenizerFiles, decoder: Any) -> list[tuple[int, AddedToken]]:
    """The entries of `added_tokens_decoder`."""
    place = f"{files.folder / 'tokenizer_config.json'}: added_tokens_decoder"
    if not isinstance(decoder, dict):
        raise InputError(f"{place} is {shown(decoder)}; allowed: an object of tokens by their ids")
    listed = []
    for index, value in decoder.items():
        try:
            listed.append((int(index), _as_added(value)))
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{place} has {shown({index: value})}; allowed: a number as the key, and under it "
                f"the text 'content' with true or false for {', '.join(_FLAGS)}"
            ) from None
    return listed


def read_settings(files: TokenizerFiles) -> dict[str, Any]:
    """tokenizer_config.json with what special_tokens_map.json puts over it.

    The map is the older form: it counts only where the configuration lists no added tokens itself.
    """
    settings = files.json("tokenizer_config.json")
    if "added_tokens_decoder" not in settings:
        settings |= files.json("special_tokens_map.json")
    return settings


def _named(settings: dict[str, Any]) -> dict[str, AddedToken]:
    tokens = [settings.get(name) for name in _NAMED]
    extra = settings.get("extra_special_tokens") or settings.get("additional_special_tokens") or []
    tokens += extra.values() if isinstance(extra, dict) else extra
    added = [_as_added(token, special=True) for token in tokens if token is not None]
    for token in added:
        token.special = True
    return {token.content: token for token in added}


def _listed(files: TokenizerFiles, settings: dict[str, Any]) -> list[tuple[int, AddedToken]]:
    """Added tokens with the ids that the directory gives them, by id."""
    named = _named(settings)
    if "added_tokens_decoder" in settings:
        listed = _decoded(files, settings["added_tokens_decoder"])
        for _, token in listed:
            token.special = token.special or token.content in named
    else:
        # The older form has no flags.
        listed = [
            (index, AddedToken(text, normalized=text not in named, special=text in named))
            for text, index in files.json("added_tokens.json").items()
        ]
    return sorted(listed, key=lambda entry: entry[0])


def add_tokens(backend: Tokenizer, files: TokenizerFiles, settings: dict[str, Any]) -> None:
    """Adds what the backend does not have; it gives new tokens the ids behind its largest.

    Tokens that the configuration lists go in whether the backend has them or not: the same text
    keeps its id and takes the configuration's flags. Those of the older form change nothing.
    """
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    listed = _listed(files, settings)
    tokens = {token.content: token for _, token in listed}
    if "added_tokens_decoder" in settings:
        known -= tokens.keys()
    for content, token in _named(settings).items():
        tokens.setdefault(content, token)
    for content, token in tokens.items():
        if content not in known:
            backend.add_tokens([token])
    for index, token in listed:
        found = backend.token_to_id(token.content)
        if found != index:
            raise InputError(
                f"{files.folder}: added token '{token.content}' is said to have id {index}, and "
                f"gets {found} behind the vocabulary; the tokenizer's files do not belong together"
            )
