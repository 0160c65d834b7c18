"""Compares the logits that transformers gives of exported models with those that assay gives of the
compressed models in its own memory.

Each setting is exported by `assay model export` into a temporary folder, loaded by transformers in
float32, and run on tokens drawn at random. The reference is BUILD/tests/model_logits on the original
folder with the artefact that the export used. Changes of shape (fewer neurons, heads, sub-layers
and layers; biases) come from BUILD/tests/changed_models, which exports the small models of
tests/data/model after each.

Usage: export_parity.py BUILD [MODEL ...], with transformers 5.23 and torch 2.11, after building
the targets assay, assay-worker, model_logits and changed_models. A model is a name or a folder, as
`assay model export` takes it; folders without a tokenizer get the methods that need no calibration
data. Prints one line a setting with max |a - b| / max |b|, and ends with 1 when one is above 1e-4
(products with packed weights are taken in 16-bit fixed point by assay: 2e-3).
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import load_file

BATCH, LENGTH = 3, 24
TOLERANCE, PACKED_TOLERANCE = 1e-4, 2e-3
CALIBRATION = [
    "calibration.dataset=tiny-corpus",
    "calibration.split=calibration",
    "calibration.samples=4",
    "calibration.tokens=24",
]
# method, settings, whether it needs calibration data
SETTINGS = [
    ("dense", [], False),
    ("magnitude", ["sparsity=0.5"], False),
    ("wanda", ["sparsity=0.5"], True),
    ("sparsegpt", ["sparsity=0.5"], True),
    ("ffsplit", ["compressor_2=svd", "rank_2=16"], True),
    ("ffsplit", ["compressor_1=svd", "rank_1=8", "compressor_2=rtn", "bits_2=4", "group_2=32"], True),
    ("quantize", ["algorithm=rtn", "bits=4", "group=32"], False),
]


def artefact_of(folder: Path, home: Path) -> str:
    """The file whose hash the model card names."""
    card = (folder / "README.md").read_text()
    named = re.search(r"SHA-256 of the artefact \| ([0-9a-f]{64})", card)
    if named is None:
        return ""
    for path in (home / "artefacts").glob("*.safetensors"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == named.group(1):
            return str(path)
    raise SystemExit(f"{folder}: no artefact with the hash that its card names")


def theirs(folder: Path, tokens: torch.Tensor) -> torch.Tensor:
    config = hf.AutoConfig.from_pretrained(folder)
    # The plainest form; Falcon's adds the ALiBi bias twice.
    form = None if config.model_type == "falcon" else "eager"
    model = hf.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=form
    )
    with torch.no_grad():
        return model.eval()(tokens).logits


def ours(build: Path, model: Path, tokens: torch.Tensor, scratch: Path, applied: list[str]):
    text, out = scratch / "tokens.txt", scratch / "logits.safetensors"
    text.write_text("\n".join(" ".join(map(str, row)) for row in tokens.tolist()))
    subprocess.run(
        [build / "tests/model_logits", model, text, out, *applied], check=True
    )
    return load_file(out)["logits"]


def model_folder(build: Path, name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    listed = subprocess.run(
        [build / "bin/assay", "model", "import", name], check=True, capture_output=True, text=True
    )
    return Path(listed.stdout.strip())


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


def compare(build: Path, home: Path, name: str, method: str, settings: list[str], scratch: Path):
    """The largest difference relative to the largest logit, or why there is none."""
    folder = scratch / "exported"
    command = [build / "bin/assay", "model", "export", name, "--method", method, "-o", folder]
    command += ["--dtype", "fp32"]
    for setting in settings:
        command += ["--set", setting]
    export = subprocess.run(command, check=False, capture_output=True, text=True)
    if export.returncode != 0:
        return export.stderr.strip().splitlines()[-1]
    original = model_folder(build, name)
    generator = torch.Generator().manual_seed(0)
    vocabulary = hf.AutoConfig.from_pretrained(original).vocab_size
    tokens = torch.randint(0, vocabulary, (BATCH, LENGTH), generator=generator)
    artefact = artefact_of(folder, home)
    expected = ours(build, original, tokens, scratch, [method, artefact] if artefact else [])
    return difference(theirs(folder, tokens), expected)


def report(label: str, found: float | str, tolerance: float) -> bool:
    """Prints a line; true when the difference is too large, or there is none."""
    failed = isinstance(found, str) or not found <= tolerance
    text = found if isinstance(found, str) else f"{found:.1e}"
    print(f"{label:70} {text}", "  <- too large" if failed else "", flush=True)
    return failed


def compare_methods(build: Path, names: list[str]) -> bool:
    home = Path(os.environ.get("ASSAY_HOME", Path.home() / ".cache/assay"))
    failed = False
    for name in names:
        tokenized = (model_folder(build, name) / "tokenizer.json").exists()
        for method, settings, calibrated in SETTINGS:
            if calibrated and not tokenized:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                every = settings + (CALIBRATION if calibrated else [])
                found = compare(build, home, name, method, every, Path(scratch))
            packed = method == "quantize" or any("rtn" in setting for setting in settings)
            label = " ".join([Path(name).name, method, *settings])
            failed |= report(label, found, PACKED_TOLERANCE if packed else TOLERANCE)
    return failed


def compare_shapes(build: Path) -> bool:
    failed = False
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([build / "tests/changed_models", place], check=True)
        for folder in sorted(Path(place).iterdir()):
            expected = load_file(folder / "expected.safetensors")
            (folder / "expected.safetensors").unlink()
            found = difference(theirs(folder, expected["tokens"]), expected["logits"])
            failed |= report(folder.name, found, TOLERANCE)
    return failed


def main() -> int:
    hf.logging.set_verbosity_error()
    build = Path(sys.argv[1]).resolve()
    failed = compare_shapes(build)
    return int(compare_methods(build, sys.argv[2:]) or failed)


if __name__ == "__main__":
    sys.exit(main())
