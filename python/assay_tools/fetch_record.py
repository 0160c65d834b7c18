"""What was fetched: hash and revision of each file, kept beside the data.

Where a manifest pins nothing, the first fetch is the pin: a later one that brings other content is
noticed.
"""

import json
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.files import write_atomically

_NAME = "fetched.json"


class FetchRecord:
    def __init__(self, folder: Path):
        self._path = folder / _NAME
        self._files = self._read()

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            files = json.loads(self._path.read_text(encoding="utf-8"))["files"]
            return {name: {"sha256": entry["sha256"]} | entry for name, entry in files.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{self._path}: not a record of fetches; remove it") from None

    def sha256(self, name: str) -> str:
        return self._files.get(name, {}).get("sha256", "")

    def put(self, name: str, sha256: str, revision: str) -> None:
        self._files[name] = {"sha256": sha256, "revision": revision}
        text = json.dumps({"files": self._files}, indent=1, sort_keys=True)
        write_atomically(self._path, (text + "\n").encode())
