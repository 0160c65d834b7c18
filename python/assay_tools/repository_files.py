"""Which files of a model's repository are taken: those that are read, and nothing else."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError
from assay_tools.files import sha256_file
from assay_tools.tokenizer_files import NAMES as TOKENIZER_FILES

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model-(\d+)-of-(\d+)\.safetensors")
# Weights that unpickle: reading them runs what they say.
_PICKLE = re.compile(r".*\.(bin|pth|pt|ckpt)")
_OTHER = re.compile(r".*\.(safetensors|gguf|h5|msgpack|onnx|ot)")


@dataclass(frozen=True)
class RepositoryFile:
    name: str
    size: int
    sha256: str = ""  #: of a file that is stored with Git LFS
    git_sha1: str = ""  #: of any other

    def hash_of(self, path: Path) -> str:
        """What the repository would say of the content at `path`, to be compared with `pin`."""
        if self.sha256:
            return sha256_file(path)
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: digest).hexdigest()

    @property
    def pin(self) -> str:
        return self.sha256 or self.git_sha1

    @property
    def pin_name(self) -> str:
        return "sha256" if self.sha256 else "git-sha1"


def gigabytes(count: int) -> str:
    """As the Hub shows sizes: "13.3 GB", "98.1 MB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


class RepositoryFiles:
    """The files at the root of a repository. Raises InputError where they are no model that is
    read, before anything is downloaded."""

    def __init__(self, name: str, files: list[RepositoryFile]):
        self._name = name
        self._files = {file.name: file for file in files if "/" not in file.name}
        if CONFIG not in self._files:
            self._refuse_without_config()
        if WEIGHTS not in self._files and INDEX not in self._files:
            self._refuse_without_weights()

    def small(self) -> list[RepositoryFile]:
        """Configuration, tokenizer and, of sharded weights, the index."""
        names = [CONFIG, "generation_config.json", *TOKENIZER_FILES]
        if WEIGHTS not in self._files:
            names.append(INDEX)
        return [self._files[name] for name in names if name in self._files]

    def index(self) -> RepositoryFile | None:
        """Of sharded weights."""
        return None if WEIGHTS in self._files else self._files[INDEX]

    def weights(self, index: Path | None = None) -> list[RepositoryFile] | None:
        """`index`: its file where that is here; until then shards are told by the names that
        transformers gives them. None: they have others, so that only the index knows them."""
        if WEIGHTS in self._files:
            return [self._files[WEIGHTS]]
        if index is None:
            return self._shards_by_name()
        return [self._shard(name) for name in _shards(index)]

    def _shards_by_name(self) -> list[RepositoryFile] | None:
        found = [match for name in self._files if (match := _SHARD.fullmatch(name))]
        numbers = sorted(int(match[1]) for match in found)
        whole = numbers == list(range(1, len(found) + 1))
        if not found or not whole or {int(match[2]) for match in found} != {len(found)}:
            return None
        return [self._files[match[0]] for match in found]

    def _shard(self, name: str) -> RepositoryFile:
        if name not in self._files:
            raise SourceError(
                f"{self._name}: {INDEX} names '{name}', which the repository does not have; choose "
                "another revision, or tell its authors"
            )
        return self._files[name]

    def _refuse_without_config(self) -> None:
        found = "no config.json"
        if "adapter_config.json" in self._files:
            found = "a LoRA adapter (adapter_config.json) and no config.json"
            advice = "merge it into its base model with PEFT, and give the folder that this makes"
        elif any(name.endswith(".gguf") for name in self._files):
            found = "GGUF files and no config.json"
            advice = (
                "take the repository of the original model, or download one of the files and "
                "import it: assay model import FILE.gguf"
            )
        else:
            advice = "name a repository whose root is a model as transformers writes it"
        raise InputError(f"{self._name}: it has {found}; {advice}")

    def _refuse_without_weights(self) -> None:
        pickles = [file for name, file in self._files.items() if _PICKLE.fullmatch(name)]
        if pickles:
            size = gigabytes(sum(file.size for file in pickles))
            raise InputError(
                f"{self._name}: its weights are PyTorch's pickles alone ({pickles[0].name}, {size} "
                "in all), and reading a pickle runs code, so none is downloaded; allowed: "
                f"{WEIGHTS}, or {INDEX} with its shards. Many repositories have them in a pull "
                "request (ORG/NAME@refs/pr/N, N as in the list of its Community page); else "
                "convert them where transformers is installed, and give the folder: "
                f"AutoModelForCausalLM.from_pretrained('{self._name}').save_pretrained(DIR)"
            )
        others = [name for name in self._files if _OTHER.fullmatch(name)]
        found = f"{others[0]} and no {WEIGHTS}" if others else "no weights"
        raise InputError(
            f"{self._name}: it has {found}; allowed: {WEIGHTS}, or {INDEX} with its shards"
        )


def has_weights(folder: Path) -> bool:
    """Of a model's folder: all of them, by its index where they are sharded."""
    if (folder / WEIGHTS).is_file():
        return True
    try:
        shards = _shards(folder / INDEX)
    except (InputError, OSError):
        return False
    return bool(shards) and all((folder / shard).is_file() for shard in shards)


def _shards(index: Path) -> list[str]:
    try:
        document: Any = json.loads(index.read_text(encoding="utf-8"))
        names = sorted(set(document["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{index}: no index of safetensors: it has no 'weight_map'") from None
    for name in names:
        if not isinstance(name, str) or "/" in name or not name.endswith(".safetensors"):
            raise InputError(f"{index}: a shard is {name!r}; allowed: a name of a safetensors file")
    return names
