"""Rotary positions of a GGUF file as config.json's rope_scaling."""

import math
from typing import Any

import numpy as np

from assay_tools.errors import InputError
from assay_tools.gguf_metadata import Metadata, shortest

# What Llama 3.1 and its successors were trained with; GGUF keeps only the factors that follow.
_LOW, _HIGH, _ORIGINAL_POSITIONS = 1.0, 4.0, 8192


def llama3_factors(factor: float, theta: float, head_dim: int) -> np.ndarray:
    """By what each rotary frequency is divided under rope type "llama3"."""
    factors = []
    for index in range(0, head_dim, 2):
        wave_length = 2 * math.pi * theta ** (index / head_dim)
        share = (_ORIGINAL_POSITIONS / wave_length - _LOW) / (_HIGH - _LOW)
        kept = min(max(share, 0.0), 1.0)
        factors.append(1 / ((1 - kept) / factor + kept))
    return np.array(factors)


def _linear(metadata: Metadata) -> float:
    """llama.cpp takes a factor without a type for a linear one."""
    factor = metadata.get("rope.scaling.factor", metadata.get("rope.scale_linear", 0.0))
    if metadata.get("rope.scaling.type", "linear") == "none" or factor == 0.0:
        return 1.0
    return shortest(factor)


def rope_scaling(
    metadata: Metadata, factors: np.ndarray | None, theta: float, head_dim: int
) -> dict[str, Any] | None:
    """`factors`: the file's tensor rope_freqs.weight, where it has one."""
    linear = _linear(metadata)
    scaled = factors is not None and not np.all(factors == 1)
    if not scaled:
        return None if linear == 1.0 else {"rope_type": "linear", "factor": linear}
    factor = shortest(np.max(factors))
    expected = llama3_factors(factor, theta, head_dim)
    if (
        linear != 1.0
        or factors.shape != expected.shape
        or not np.allclose(factors, expected, rtol=1e-6, atol=0)
    ):
        raise InputError(
            f"{metadata.path}: tensor 'rope_freqs.weight' scales the rotary frequencies; allowed: "
            f"factors of rope type llama3 (low_freq_factor {_LOW}, high_freq_factor {_HIGH}, "
            f"{_ORIGINAL_POSITIONS} original positions) without another scaling"
        )
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": _LOW,
        "high_freq_factor": _HIGH,
        "original_max_position_embeddings": _ORIGINAL_POSITIONS,
    }
