"""What one architecture of GGUF files is: all that a new one has to write.

A module gguf_families/<architecture>.py defines FAMILY; nothing else names it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay_tools import gguf_families
from assay_tools.gguf_metadata import Metadata, Rule

Config = dict[str, Any]


@dataclass(frozen=True)
class GgufFamily:
    """Names of tensors are those of the GGUF file where nothing else is said."""

    #: Of the architecture's own keys, without "<architecture>."; any other key is refused.
    rules: dict[str, Rule]
    #: config.json of the metadata, whether head and embedding are tied (the file has no head), and
    #: the tensors in `in_config`.
    config: Callable[[Metadata, bool, dict[str, np.ndarray]], Config]
    #: Names and shapes of all tensors that a model of this configuration consists of.
    shapes: Callable[[Config], Iterator[tuple[str, list[int]]]]
    #: The Hugging Face name of a tensor; None for one that the family does not have.
    hugging_face_name: Callable[[str, Config], str | None]
    #: A tensor's values in the order and on the scale that Hugging Face has them.
    restored: Callable[[str, np.ndarray, Config], np.ndarray]
    #: Writes tokenizer.json and tokenizer_config.json into the folder, by tokenizer.ggml.model.
    tokenizers: dict[str, Callable[[Metadata, Path, int], None]]
    #: Tensors that are no weights but part of the configuration.
    in_config: frozenset[str] = frozenset()


def known_architectures() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(gguf_families.__path__))


def family_of(metadata: Metadata) -> GgufFamily:
    """Raises InputError for an architecture that has no module."""
    known = known_architectures()
    if metadata.architecture not in known:
        metadata.fail("general.architecture", metadata.architecture, " or ".join(map(repr, known)))
    module = importlib.import_module(f"{gguf_families.__name__}.{metadata.architecture}")
    return module.FAMILY
