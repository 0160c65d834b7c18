"""Compares the logits that transformers gives of exported models with those that assay gives of the
compressed models in its own memory.

Each setting is exported by `assay model export` into a temporary folder, loaded by transformers in
float32, and run on tokens drawn at random. The reference is BUILD/tests/model_logits on the original
folder with the artefact that the export used. Changes of shape (fewer neurons, heads, sub-layers
and layers; biases) come from BUILD/tests/changed_models, which exports the small models of
tests/data/model after each.

Encoders are fine-tuned for a few steps on SST-2 by `assay run` in an ASSAY_HOME of their own, alone
and as the second link of a chain, and exported with the artefacts of that run: a single one by
`assay model export --artefact`, a chain by the worker's operation, as the command takes one
artefact. Their scores are those of BUILD/tests/encoder_states.

Usage: export_parity.py BUILD [--only METHOD ...] [--model MODEL ...], with transformers 5.23 and
torch 2.11, after building the targets assay, assay-worker, model_logits, encoder_states and
changed_models. A model is a name or a folder, as `assay model export` takes it; folders without a
tokenizer get the methods that need no calibration data. Prints one line a setting with
max |a - b| / max |b|, and ends with 1 when one is above 1e-4 (products with packed weights are
taken in 16-bit fixed point by assay: 2e-3).
"""

import argparse
import hashlib
import json
import os
import re
import struct
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
SEARCHED = [
    "target=0.9",
    "searcher=local",
    "evaluations=12",
    "training.dataset=tiny-corpus",
    "training.split=calibration",
    "training.samples=8",
    "training.tokens=24",
]
# method, settings, whether it needs calibration data
SETTINGS = [
    ("dense", [], False),
    ("magnitude", ["sparsity=0.5"], False),
    ("wanda", ["sparsity=0.5"], True),
    ("sparsegpt", ["sparsity=0.5"], True),
    ("ffsplit", ["compressor_2=svd", "rank_2=16"], True),
    (
        "ffsplit",
        ["compressor_1=svd", "rank_1=8", "compressor_2=rtn", "bits_2=4", "group_2=32"],
        True,
    ),
    ("quantize", ["algorithm=rtn", "bits=4", "group=32"], False),
    ("shortgpt", ["layers=2"], True),
    ("flap", ["ratio=0.3"], True),
    ("flap", ["ratio=0.3", "allocation=ul_um"], True),
    ("flap", ["ratio=0.3", "blocks=ffn"], True),
    ("nas", SEARCHED, True),
    ("nas", [*SEARCHED, "trains=lora", "max_steps=2", "batch=2"], True),
]
FEW_STEPS = (
    'learning_rate = 2e-4, batch = 8, max_steps = 4, training = { dataset = "sst2", items = 32 }'
)
FEW_TEXTS = '{ dataset = "tiny-corpus", split = "calibration", samples = 4, tokens = 24 }'
# a label, the methods of the chain, and the keys of its block
ENCODER_SETTINGS = [
    ("finetune", ["finetune"], FEW_STEPS),
    ("finetune trains=lora", ["finetune"], FEW_STEPS + ', trains = "lora"'),
    ("magnitude, then finetune", ["magnitude", "finetune"], "sparsity = 0.5"),
    (
        "wanda, then finetune",
        ["wanda", "finetune"],
        "sparsity = 0.5, calibration = " + FEW_TEXTS,
    ),
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
    subprocess.run([build / "tests/model_logits", model, text, out, *applied], check=True)
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


def is_encoder(build: Path, name: str) -> bool:
    return hf.AutoConfig.from_pretrained(model_folder(build, name)).model_type == "bert"


def compare_methods(build: Path, names: list[str], only: list[str]) -> bool:
    home = Path(os.environ.get("ASSAY_HOME", Path.home() / ".cache/assay"))
    failed = False
    for name in names:
        if is_encoder(build, name):
            failed |= compare_encoder(build, name, only)
            continue
        tokenized = (model_folder(build, name) / "tokenizer.json").exists()
        for method, settings, calibrated in SETTINGS:
            if (calibrated and not tokenized) or (only and method not in only):
                continue
            with tempfile.TemporaryDirectory() as scratch:
                every = settings + (CALIBRATION if calibrated else [])
                found = compare(build, home, name, method, every, Path(scratch))
            packed = method == "quantize" or any("rtn" in setting for setting in settings)
            label = " ".join([Path(name).name, method, *settings])
            failed |= report(label, found, PACKED_TOLERANCE if packed else TOLERANCE)
    return failed


def header(artefact: Path) -> dict[str, str]:
    """What a safetensors file says of itself."""
    with artefact.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        return json.loads(stream.read(size))["__metadata__"]


def fitted(build: Path, folder: Path, methods: list[str], keys: str, scratch: Path) -> list[str]:
    """Fits the chain by `assay run`; method and artefact of each link in turn."""
    first = f'{{ id = "{methods[0]}", {keys}'
    if len(methods) > 1:
        first += f', then = [{{ id = "{methods[1]}", {FEW_STEPS} }}]'
    text = f"""method = [{first} }}]
[experiment]
name = "export"
[[model]]
id = "{folder}"
[[suite]]
id = "sst2"
limit = 1
"""
    file = scratch / "experiment.toml"
    file.write_text(text)
    environment = dict(os.environ, ASSAY_HOME=str(scratch / "home"))
    command = [build / "bin/assay", "run", file, "--db", scratch / "results.db"]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    by_method = {}
    for artefact in (scratch / "home/artefacts").glob("*.safetensors"):
        by_method[header(artefact)["method"]] = artefact
    return [str(word) for method in methods for word in (method, by_method[method])]


def export_chain(build: Path, folder: Path, applied: list[str], out: Path, scratch: Path) -> str:
    """The worker's operation, which takes several artefacts; why it refused, or an empty text."""
    out.mkdir()
    links = [{"method": m, "file": f} for m, f in zip(applied[::2], applied[1::2], strict=True)]
    request = {
        "v": 2, "op": "export", "model_folder": str(folder), "model_hash": "",
        "random_weights": False, "dtype": "fp32", "device": "cpu", "threads": 1, "cores": [],
        "method": applied[-2], "params": {}, "seed": 0, "applied": links, "artefact": "",
        "stage": "", "inputs": {}, "checkpoints": "", "suite_kind": "", "suite_params": {},
        "training": {"data": "", "items": 0, "subset_seed": 0}, "data": "",
        "scratch": str(scratch), "output": str(out), "shard_bytes": 5 * 10**9,
    }  # fmt: skip
    done = subprocess.run(
        [build / "bin/assay-worker"],
        check=True,
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    outcome = [line for line in map(json.loads, done.stdout.splitlines()) if line["t"] == "outcome"]
    return "" if outcome[0]["status"] == "OK" else outcome[0]["text"]


def with_classifier(folder: Path, place: Path) -> Path:
    """The encoder with a classifier of two labels, as transformers saves it."""
    torch.manual_seed(0)
    model = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1}
    )
    model.float().save_pretrained(place)
    hf.AutoTokenizer.from_pretrained(folder).save_pretrained(place)
    return place


def encoder_scores(folder: Path, sequences: list[list[int]]) -> torch.Tensor:
    """transformers' of the exported model, a padded batch."""
    model = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    longest = max(map(len, sequences))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in sequences])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in sequences])
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).logits


def compare_encoder(build: Path, name: str, only: list[str]) -> bool:
    """As it is, and with a classifier of its own before it is trained."""
    with tempfile.TemporaryDirectory() as place:
        folder = with_classifier(model_folder(build, name), Path(place) / "classifier")
        failed = compare_trained(build, name, only)
        return compare_trained(build, str(folder), only) or failed


def compare_trained(build: Path, name: str, only: list[str]) -> bool:
    folder, failed = model_folder(build, name), False
    generator = torch.Generator().manual_seed(0)
    sequences = [
        torch.randint(1000, 20000, (n,), generator=generator).tolist() for n in (24, 9, 64)
    ]
    for label, methods, keys in ENCODER_SETTINGS:
        if only and methods[-1] not in only:
            continue
        with tempfile.TemporaryDirectory() as place:
            scratch, exported = Path(place), Path(place) / "exported"
            applied = fitted(build, folder, methods, keys, scratch)
            if len(methods) == 1:
                command = [build / "bin/assay", "model", "export", folder, "--method", methods[0]]
                command += ["--artefact", applied[1], "--dtype", "fp32", "-o", exported]
                done = subprocess.run(command, check=False, capture_output=True, text=True)
                refused = done.stderr.strip().splitlines()[-1] if done.returncode else ""
            else:
                refused = export_chain(build, folder, applied, exported, scratch)
            if refused:
                failed |= report(f"{Path(name).name} {label}", refused, TOLERANCE)
                continue
            text, out = scratch / "tokens.txt", scratch / "states.safetensors"
            text.write_text("\n".join(" ".join(map(str, row)) for row in sequences))
            program = build / "tests/encoder_states"
            subprocess.run([program, folder, text, out, "fp32", *applied], check=True)
            found = difference(encoder_scores(exported, sequences), load_file(out)["scores"])
        failed |= report(f"{Path(name).name} {label}", found, TOLERANCE)
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
    hf.utils.logging.disable_progress_bar()
    parser = argparse.ArgumentParser(description="Compares exported models with assay's.")
    parser.add_argument("build", type=Path)
    parser.add_argument("--model", nargs="+", default=[])
    parser.add_argument(
        "--only", nargs="+", default=[], help="these methods, and no changed shapes"
    )
    options = parser.parse_args()
    build = options.build.resolve()
    failed = False if options.only else compare_shapes(build)
    return int(compare_methods(build, options.model, options.only) or failed)


if __name__ == "__main__":
    sys.exit(main())
