"""Compares logits that llama.cpp gives of exported models with those of assay's compressed models.

Each setting is exported by `assay model export` in float32, converted by llama.cpp's own
convert_hf_to_gguf.py to an F32 GGUF, and run on text. The reference is BUILD/tests/model_logits on
the original folder with the artefact that the export used. Tokens are passed by number, so
tokenizers have no part in it: one whose pre-tokenizer the converter does not know is written down
as GPT-2's.

Usage: llama_cpp_parity.py BUILD --llama-cpp DIR --text FILE [--model NAME ...] [--only METHOD ...]

DIR is llama.cpp's source (in the sdist of llama-cpp-python: vendor/llama.cpp), of which only the
converter is used. What runs the GGUF is llama-cpp-python or, where that is not installed, cyllama.
FILE is any text. After building assay, assay-worker and model_logits. Caches of keys and values are
F32. Prints, for each setting, max |a - b| / max |b| of the logits, the two perplexities, and in how
many places the likeliest token differs. llama.cpp keeps a table of GELU and exponentials in F16, so
that 1e-2 is all that can be asked; ends with 1 above it, or where perplexities differ by more
than 1e-3.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers as hf
from export_parity import CALIBRATION, artefact_of, model_folder, ours

SEQUENCES, LENGTH = 2, 128
LOGIT_TOLERANCE, PERPLEXITY_TOLERANCE = 1e-2, 1e-3
F32 = 0  # GGML_TYPE_F32
# method, settings, whether it needs calibration data
SETTINGS = [
    ("dense", [], False),
    ("wanda", ["sparsity=0.5"], True),
    ("quantize", ["algorithm=rtn", "bits=4", "group=32"], False),
    ("shortgpt", ["layers=2"], True),
    ("flap", ["ratio=0.2"], True),
    ("flap", ["ratio=0.2", "allocation=ul_um"], True),
    ("flap", ["ratio=0.2", "blocks=attention"], True),
]
CONVERT = """
import runpy, sys
source, sys.argv = sys.argv[1], ["convert_hf_to_gguf.py", *sys.argv[2:]]
sys.path.insert(0, source)
from conversion import base
known = base.TextModel.get_vocab_base_pre
def pre_tokenizer(self, tokenizer):
    try:
        return known(self, tokenizer)
    except NotImplementedError:
        return "gpt-2"
base.TextModel.get_vocab_base_pre = pre_tokenizer
runpy.run_path(source + "/convert_hf_to_gguf.py", run_name="__main__")
"""


def logits_by_llama_cpp_python(gguf: Path, rows: list[list[int]]) -> torch.Tensor:
    import llama_cpp

    model = llama_cpp.Llama(
        str(gguf), n_ctx=len(rows[0]), n_batch=len(rows[0]), logits_all=True, verbose=False,
        type_k=F32, type_v=F32, flash_attn=False,
    )  # fmt: skip
    found = []
    for row in rows:
        model.reset()
        model.eval(row)
        found.append(torch.from_numpy(np.array(model.scores[: len(row)])))
    return torch.stack(found)


def logits_by_cyllama(gguf: Path, rows: list[list[int]]) -> torch.Tensor:
    from cyllama.llama import llama_cpp

    llama_cpp.disable_logging()
    llama_cpp.ggml_backend_load_all()
    settings = llama_cpp.LlamaModelParams()
    settings.n_gpu_layers = 0

    class Model(llama_cpp.LlamaModel):
        """get_logits_ith() of version 0.2.18 asks the model for what its vocabulary knows."""

        @property
        def n_vocab(self) -> int:
            return self.get_vocab().n_vocab

    model = Model(str(gguf), settings, False)
    params = llama_cpp.LlamaContextParams()
    params.n_ctx = params.n_batch = params.n_ubatch = len(rows[0])
    params.type_k = params.type_v = F32
    params.flash_attn_type = 0
    found = []
    for row in rows:
        context = llama_cpp.LlamaContext(model, params, False)
        batch = llama_cpp.LlamaBatch(n_tokens=len(row), embd=0, n_seq_max=1)
        for place, token in enumerate(row):
            batch.add(token, place, [0], True)
        context.decode(batch)
        one = [np.array(context.get_logits_ith(place)) for place in range(len(row))]
        found.append(torch.from_numpy(np.stack(one)))
    return torch.stack(found)


def llama_cpp_logits(gguf: Path, rows: list[list[int]]) -> torch.Tensor:
    try:
        import llama_cpp  # noqa: F401
    except ImportError:
        return logits_by_cyllama(gguf, rows).float()
    return logits_by_llama_cpp_python(gguf, rows).float()


def perplexity(logits: torch.Tensor, tokens: torch.Tensor) -> float:
    scores = logits[:, :-1].double().log_softmax(-1)
    return math.exp(-scores.gather(-1, tokens[:, 1:, None]).mean().item())


def last_words(stream: str) -> str:
    lines = [line for line in stream.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def name_context(file: Path) -> None:
    """The converter asks a GPT-2 for n_ctx, which transformers writes no longer."""
    config = json.loads(file.read_text())
    if config["model_type"] == "gpt2":
        file.write_text(json.dumps(config | {"n_ctx": config["n_positions"]}))


def compare(
    options: argparse.Namespace, name: str, method: str, settings: list[str], scratch: Path
):
    """A row of the table, and whether it is within bounds."""
    build, folder, gguf = options.build, scratch / "exported", scratch / "model.gguf"
    command = [build / "bin/assay", "model", "export", name, "--method", method, "-o", folder]
    command += ["--dtype", "fp32"]
    for setting in settings:
        command += ["--set", setting]
    export = subprocess.run(command, check=False, capture_output=True, text=True)
    if export.returncode != 0:
        return f"not exported: {last_words(export.stderr)}", False
    name_context(folder / "config.json")
    command = [sys.executable, "-c", CONVERT, options.llama_cpp, folder]
    command += ["--outtype", "f32", "--outfile", gguf]
    converted = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if converted.returncode != 0:
        return f"not converted: {last_words(converted.stderr)}", False
    original = model_folder(build, name)
    text = options.text.read_text(encoding="utf-8")[:20000]
    ids = hf.AutoTokenizer.from_pretrained(original)(text)["input_ids"]
    tokens = torch.tensor(ids[: SEQUENCES * LENGTH]).view(SEQUENCES, LENGTH)
    home = Path(os.environ.get("ASSAY_HOME", Path.home() / ".cache/assay"))
    artefact = artefact_of(folder, home)
    expected = ours(build, original, tokens, scratch, [method, artefact] if artefact else [])
    try:
        found = llama_cpp_logits(gguf, tokens.tolist())[..., : expected.shape[-1]]
    except (RuntimeError, ValueError) as error:
        return f"not loaded: {last_words(str(error))}", False
    apart = ((found - expected).abs().max() / expected.abs().max()).item()
    a, b = perplexity(expected, tokens), perplexity(found, tokens)
    others = (found.argmax(-1) != expected.argmax(-1)).sum().item()
    good = apart <= LOGIT_TOLERANCE and abs(a / b - 1) <= PERPLEXITY_TOLERANCE
    return f"{apart:.1e} | {a:.4f} | {b:.4f} | {others} of {tokens.numel()}", good


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compares exported models in llama.cpp with assay's."
    )
    parser.add_argument("build", type=Path)
    parser.add_argument("--llama-cpp", type=Path, required=True, help="its source")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--model", nargs="+", default=["smollm2-135m", "tiny-gpt2-gelu"])
    parser.add_argument("--only", nargs="+", default=[], help="these methods")
    options = parser.parse_args()
    options.build = options.build.resolve()
    return options


def main() -> int:
    hf.logging.set_verbosity_error()
    options = parse()
    print("| result | logits | perplexity, assay | llama.cpp | other likeliest token |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    failed = False
    for name in options.model:
        for method, settings, calibrated in SETTINGS:
            if options.only and method not in options.only:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                every = settings + (CALIBRATION if calibrated else [])
                row, good = compare(options, name, method, every, Path(scratch))
            failed |= not good
            print(f"| {' '.join([Path(name).name, method, *settings])} | {row} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
