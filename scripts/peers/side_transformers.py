"""transformers' side: the usual perplexity loop, or greedy generation."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rounds import answer_rounds
from transformers import AutoModelForCausalLM, GenerationConfig

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def perplexity(model, tokens: torch.Tensor, window: int, windows: int) -> dict[str, Any]:
    """As the evaluation loops of GPTQ, SparseGPT and Wanda do it, one window a call."""
    losses = []
    loss_function = torch.nn.CrossEntropyLoss()
    for i in range(windows):
        batch = tokens[:, i * window : (i + 1) * window]
        logits = model(batch).logits
        shifted = logits[:, :-1, :].contiguous()
        loss = loss_function(shifted.view(-1, shifted.size(-1)), batch[:, 1:].reshape(-1))
        losses.append(loss.float() * window)
    value = torch.exp(torch.stack(losses).sum() / (windows * window))
    return {"perplexity": value.item()}


def generation(model, prompt: torch.Tensor, new_tokens: int) -> dict[str, Any]:
    """Decoding alone is what the full generation takes beyond that of its first token."""

    def seconds(count: int) -> float:
        config = GenerationConfig(
            do_sample=False, min_new_tokens=count, max_new_tokens=count, pad_token_id=0
        )
        start = time.perf_counter()
        out = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), generation_config=config
        )
        if out.shape[1] != prompt.shape[1] + count:
            raise RuntimeError(f"generated {out.shape[1] - prompt.shape[1]} tokens, not {count}")
        return time.perf_counter() - start

    first = seconds(1)
    return {"decode_seconds": seconds(new_tokens) - first, "first_seconds": first}


def main() -> None:
    """Loads, then answers rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["perplexity", "generate"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dtype", choices=DTYPES, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True, help="int32 token file")
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--new", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tokens = torch.from_numpy(np.fromfile(options.tokens, dtype="<i4").astype(np.int64))[None]
    model = AutoModelForCausalLM.from_pretrained(
        options.model, dtype=DTYPES[options.dtype], attn_implementation="sdpa"
    ).eval()
    with torch.inference_mode():
        if options.what == "perplexity":
            answer_rounds(lambda: perplexity(model, tokens, options.window, options.windows))
        else:
            prompt = tokens[:, : options.prompt]
            answer_rounds(lambda: generation(model, prompt, options.new))


if __name__ == "__main__":
    main()
