"""Checks the import of GGUF files: a plain forward pass of what the file says, in llama.cpp's terms
(interleaved rotary pairs, factors that divide frequencies), against transformers on the imported
directory.

Run in the environment of `scripts/setup --peers`:
    PYTHONPATH=python:python/tests python scripts/golden/gguf_parity.py

Prints the largest difference of logits for each kind of file, against the largest logit; exit code 1
above 1e-5.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import tiny_gguf
import torch
from assay_tools.gguf_import import convert_gguf
from assay_tools.gguf_rope import llama3_factors
from transformers import AutoModelForCausalLM

_IDS = [(7 * i + 3) % len(tiny_gguf.TOKENS) for i in range(100)]
_ALLOWED = 1e-5


def _norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def _rotate(x, frequencies):
    """x: [heads, tokens, size]; pairs are neighbours."""
    angles = np.arange(x.shape[1])[:, None] * frequencies
    cos, sin = np.cos(angles), np.sin(angles)
    result = np.empty_like(x)
    result[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    result[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return result


def _attention(q, k, v):
    repeat = q.shape[0] // k.shape[0]
    k, v = k.repeat(repeat, axis=0), v.repeat(repeat, axis=0)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    scores += np.triu(np.full(scores.shape[1:], -np.inf), 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)) @ v


def forward(weights, frequencies):
    """Logits in float64."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    x = w["token_embd.weight"][_IDS]
    size = 2 * len(frequencies)

    def heads(y):
        return y.reshape(len(_IDS), -1, size).transpose(1, 0, 2)

    for layer in range(tiny_gguf.LAYERS):
        b = {name: w[f"blk.{layer}.{name}.weight"] for name in _LAYER}
        y = _norm(x, b["attn_norm"])
        q, k, v = (heads(y @ b[name].T) for name in ("attn_q", "attn_k", "attn_v"))
        mixed = _attention(_rotate(q, frequencies), _rotate(k, frequencies), v)
        x = x + mixed.transpose(1, 0, 2).reshape(len(_IDS), -1) @ b["attn_output"].T
        y = _norm(x, b["ffn_norm"])
        gate = y @ b["ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ b["ffn_up"].T)) @ b["ffn_down"].T
    return _norm(x, w["output_norm.weight"]) @ w["token_embd.weight"].T


_LAYER = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm")
_LAYER += ("ffn_gate", "ffn_up", "ffn_down")


def _cases():
    """(name, metadata, size of a head, what frequencies are divided by)"""
    wide = 64
    llama3 = llama3_factors(8.0, 500000.0, wide).astype(np.float32)
    sizes = {"llama.attention.key_length": wide, "llama.attention.value_length": wide}
    return [
        ("plain", {}, 16, 1.0),
        (
            "linear",
            {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0},
            16,
            4.0,
        ),
        ("scale_linear", {"llama.rope.scale_linear": 2.0}, 16, 2.0),
        ("another base", {"llama.rope.freq_base": 1000.0}, 16, 1.0),
        ("heads of 64", sizes, wide, 1.0),
        ("factors of llama3", sizes | {"llama.rope.freq_base": 500000.0}, wide, llama3),
    ]


def _difference(folder: Path, metadata, size, divided) -> float:
    weights = tiny_gguf.tensors(size)
    theta = metadata.get("llama.rope.freq_base", 10000.0)
    frequencies = theta ** (-np.arange(0, size, 2) / size) / divided
    stored = weights | ({"rope_freqs.weight": divided} if isinstance(divided, np.ndarray) else {})
    convert_gguf(tiny_gguf.write_gguf(folder / "m.gguf", metadata, stored), folder)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    with torch.no_grad():
        found = model(torch.tensor([_IDS])).logits[0].double().numpy()
    expected = forward(weights, frequencies)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> int:
    worst = 0.0
    for name, metadata, size, divided in _cases():
        with tempfile.TemporaryDirectory() as folder:
            difference = _difference(Path(folder), metadata, size, divided)
        worst = max(worst, difference)
        print(f"{name:20} {difference:.2g}")
    return int(worst > _ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
