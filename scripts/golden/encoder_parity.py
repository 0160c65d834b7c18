"""Compares a BERT's hidden states and scores with those of transformers, sequence by sequence.

transformers gets padded batches of mixed lengths, 1 to 256 tokens, [CLS] first and [SEP] last;
assay (BUILD/tests/encoder_states) gets all sequences packed, without padding. Only rows of tokens
are compared. The folder gets a classifier drawn by transformers where it has none, so that scores
are a classifier's.

Usage: encoder_parity.py BUILD [MODEL ...], with transformers 5.23 and torch 2.11, after building
the targets assay and encoder_states. MODEL is a name or a folder, as `assay model import` takes
it; minilm-l6 unless named. Prints a table and ends with 1 where

* fp32: max |a - b| / max |b| of hidden states of any layer, or of scores, is above 1e-4;
* bf16: |a - b| / |b| (L2, of all together) is above 2e-2. Both are also held against fp32, to show
  that what is left is rounding, on either side.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import load_file

LENGTHS = [1, 2, 3, 256, 255, 129, 128, 127, 17, 16]
SEQUENCES, BATCH = 160, 16
CLS, SEP = 101, 102
FP32_TOLERANCE, BF16_TOLERANCE = 1e-4, 2e-2
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def model_folder(build: Path, name: str, scratch: Path) -> Path:
    """The model with a classifier."""
    if not Path(name).is_dir():
        command = [build / "bin/assay", "model", "import", name]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        name = found.stdout.strip().splitlines()[-1]
    if (hf.AutoConfig.from_pretrained(name).architectures or [""])[0].endswith("Classification"):
        return Path(name)
    torch.manual_seed(0)
    model = hf.AutoModelForSequenceClassification.from_pretrained(name, num_labels=2)
    model.float().save_pretrained(scratch / "model")
    return scratch / "model"


def drawn_sequences(vocabulary: int) -> list[list[int]]:
    """Of all kinds of lengths in one batch."""
    draw = random.Random(11)
    lengths = LENGTHS + [draw.randint(1, 256) for _ in range(SEQUENCES - len(LENGTHS))]
    draw.shuffle(lengths)
    sequences = []
    for length in lengths:
        words = [draw.randrange(1000, vocabulary) for _ in range(length)]
        words[0] = CLS
        if length > 1:
            words[-1] = SEP
        sequences.append(words)
    return sequences


def theirs(folder: Path, sequences: list[list[int]], dtype: str) -> dict[str, torch.Tensor]:
    """hidden_<i> [rows, width] and scores [sequences, labels], in fp32."""
    model = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=DTYPES[dtype], attn_implementation="eager"
    ).eval()
    parts: dict[str, list[torch.Tensor]] = {}
    for begin in range(0, len(sequences), BATCH):
        part = sequences[begin : begin + BATCH]
        longest = max(map(len, part))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in part])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in part])
        with torch.inference_mode():
            out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        for layer, states in enumerate(out.hidden_states):
            parts.setdefault(f"hidden_{layer}", []).append(states[mask.bool()].float())
        parts.setdefault("scores", []).append(out.logits.float())
    return {name: torch.cat(tensors) for name, tensors in parts.items()}


def ours(build: Path, folder: Path, sequences: list[list[int]], dtype: str, scratch: Path):
    text, out = scratch / "tokens.txt", scratch / "states.safetensors"
    text.write_text("\n".join(" ".join(map(str, row)) for row in sequences))
    subprocess.run([build / "tests/encoder_states", folder, text, out, dtype], check=True)
    return load_file(out)


def largest(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def compare(build: Path, name: str) -> bool:
    """Prints the table of one model; true when something is too far."""
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        folder = model_folder(build, name, scratch)
        sequences = drawn_sequences(hf.AutoConfig.from_pretrained(folder).vocab_size)
        peer = {dtype: theirs(folder, sequences, dtype) for dtype in DTYPES}
        own = {dtype: ours(build, folder, sequences, dtype, scratch) for dtype in DTYPES}
    tokens = sum(map(len, sequences))
    print(f"{name}: {len(sequences)} sequences of 1 to 256 tokens, {tokens} together\n")
    print("| what | fp32, max | bf16, L2 | bf16 from fp32: assay | transformers |")
    print("| --- | --- | --- | --- | --- |")
    failed = False
    for what in sorted(peer["fp32"]):
        exact = peer["fp32"][what]
        fp32 = largest(own["fp32"][what], exact)
        bf16 = distance(own["bf16"][what], peer["bf16"][what])
        rounding = [distance(side["bf16"][what], exact) for side in (own, peer)]
        failed |= not (fp32 <= FP32_TOLERANCE and bf16 <= BF16_TOLERANCE)
        print(f"| {what} | {fp32:.1e} | {bf16:.1e} | {rounding[0]:.1e} | {rounding[1]:.1e} |")
    return failed


def main() -> int:
    hf.logging.set_verbosity_error()
    hf.utils.logging.disable_progress_bar()
    build = Path(sys.argv[1]).resolve()
    failed = [compare(build, name) for name in sys.argv[2:] or ["minilm-l6"]]
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(main())
