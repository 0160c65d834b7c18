"""Multiplexed passes of the small encoder bert_model, by transformers' BERT and plain PyTorch.

    python scripts/golden/mux_goldens.py

Writes tests/data/mux/small.json: sequences of several lengths in groups of two and three, keys,
demultiplexer and classifier from a formula, the mixed rows and the scores, with one pass of the
mixed rows through the embedding block more (as released) and without.
"""

import json
import math
from pathlib import Path

import torch
from transformers import BertModel

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/data"


def formula(rows: int, columns: int, a: float, b: float, scale: float, phase: float = 0.0):
    values = [
        [scale * math.sin(a * (i + 1) + b * (j + 1) * (1 + i % 7) + phase) for j in range(columns)]
        for i in range(rows)
    ]
    return torch.tensor(values, dtype=torch.float64).to(torch.float32)


def demultiplex(mixed: torch.Tensor, instances: int, width: int) -> torch.Tensor:
    keys = formula(instances, width, 0.83, 0.41, 1.0, 0.7)
    gelu = torch.nn.functional.gelu
    apart = []
    for row in mixed:
        for key in keys:
            features = torch.cat([key, row])
            first = gelu(formula(width, 2 * width, 0.37, 0.11, 0.2) @ features)
            second = first + gelu(formula(width, width, 0.31, 0.13, 0.2, 0.2) @ first)
            last = gelu(formula(width, width, 0.29, 0.17, 0.2, 0.4) @ second)
            normed = torch.nn.functional.layer_norm(last, [width], eps=1e-12)
            apart.append(normed + second)
    return torch.stack(apart)


def case(model: BertModel, instances: int, twice: bool) -> dict:
    width = model.config.hidden_size
    lengths = [5, 9, 7, 3, 9, 2][: 2 * instances]
    sequences = [[1 + (7 * s + 3 * i) % 70 for i in range(n)] for s, n in enumerate(lengths)]
    longest = max(lengths)
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sequences])
    raw = formula(instances, width, 1.7, 0.9, 1.0, 0.3)
    keys = raw / raw.norm(dim=1, keepdim=True) * 4
    with torch.no_grad():
        embedded = model.embeddings(input_ids=ids)
        grouped = embedded.view(-1, instances, longest, width)
        mixed = (grouped * keys[None, :, None, :]).mean(1)
        rows = model.embeddings(inputs_embeds=mixed) if twice else mixed
        out = model.encoder(rows).last_hidden_state[:, 0]
        apart = demultiplex(out, instances, width)
        scores = apart @ formula(3, width, 0.53, 0.07, 0.3, 0.9).T
    return {
        "instances": instances,
        "places_twice": twice,
        "sequences": sequences,
        "mixed": mixed[0, 0].tolist(),
        "scores": scores.tolist(),
    }


def main() -> None:
    model = BertModel.from_pretrained(FOLDER / "encoder/bert_model", attn_implementation="eager")
    model = model.eval()
    cases = [case(model, n, twice) for n in (1, 2, 3) for twice in (True, False)]
    out = FOLDER / "mux/small.json"
    out.write_text(json.dumps({"made_by": "scripts/golden/mux_goldens.py", "cases": cases}) + "\n")
    print(f"{out}: {len(cases)} cases")


if __name__ == "__main__":
    main()
