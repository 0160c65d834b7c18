"""Token perplexity of fixed windows with transformers, as GPTQ, SparseGPT and Wanda score it.

Run with the peers' Python on raw text, apart from assay's own preparation:

  python scripts/golden/ppl_windows.py --model DIR --text FILE --join wikitext|file \
      --window 256 --limit 400 --out FILE
"""

import argparse
import json
import math
import time
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def _stream(path: Path, join: str) -> str:
    text = path.read_bytes().decode("utf-8")
    if join == "file":
        return text
    # The rows of the published data set, joined as the scripts of the papers do.
    rows = [line if line.strip() else "" for line in text.split("\n")[:-1]]
    return "\n\n".join(row + "\n" if row else "" for row in rows)


@torch.inference_mode()
def _window_means(model, tokens: torch.Tensor, window: int, limit: int, kind) -> list[float]:
    count = tokens.shape[0] // window
    means = []
    for i in range(min(count, limit) if limit else count):
        part = tokens[i * window : (i + 1) * window].unsqueeze(0)
        logits = model(part).logits[0, :-1].to(kind)
        loss = torch.nn.functional.cross_entropy(logits, part[0, 1:])
        means.append(loss.item())
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--join", choices=("wikitext", "file"), required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--limit", type=int, default=0, help="windows; 0: all")
    parser.add_argument(
        "--double", action="store_true", help="the loss in fp64, from the same fp32 logits"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    ids = tokenizer(_stream(options.text, options.join), return_tensors="pt").input_ids[0]
    start = time.monotonic()
    kind = torch.float64 if options.double else torch.float32
    means = _window_means(model, ids, options.window, options.limit, kind)
    seconds = time.monotonic() - start
    document = {
        "model": options.model.name,
        "text": options.text.name,
        "join": options.join,
        "window": options.window,
        "tokens": ids.shape[0],
        "windows": len(means),
        "ppl": math.exp(sum(means) / len(means)),
        "window_means": [round(mean, 7) for mean in means],
        "transformers": version("transformers"),
        "torch": torch.__version__,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    rate = len(means) * options.window / seconds
    print(f"{options.model.name} {options.text.name}: {document['ppl']:.4f}, {rate:.0f} tokens/s")


if __name__ == "__main__":
    main()
