"""A safetensors file written tensor by tensor, so that a model never lies in memory twice."""

import json
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path

import numpy as np

from assay_tools.errors import InputError

Entry = tuple[str, list[int], Callable[[], np.ndarray]]


def write_safetensors(path: Path, entries: Iterable[Entry]) -> int:
    """Writes float32 tensors sorted by name; returns the number of values."""
    ordered = sorted(entries, key=lambda entry: entry[0])
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in ordered:
        end = offset + 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name, shape, make in ordered:
            values = np.ascontiguousarray(make(), dtype="<f4")
            if list(values.shape) != shape:
                raise InputError(f"tensor '{name}' has shape {values.shape}, expected {shape}")
            stream.write(values.tobytes())
    return offset // 4
