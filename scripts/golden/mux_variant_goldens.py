"""Passes of the small encoder bert_model behind a contextual multiplexer, in front of a prefix
demultiplexer, or both, by transformers' BERT and ELECTRA layers and plain PyTorch.

    python scripts/golden/mux_variant_goldens.py

Writes tests/data/mux/variants.json: sequences of several lengths in groups of one to three, weights
from a formula, the first mixed row and the scores.
"""

import json
from pathlib import Path

import torch
from mux_goldens import FOLDER, demultiplex, formula
from transformers import BertModel, ElectraConfig
from transformers.models.electra.modeling_electra import ElectraLayer

FILLER, FIRST_MARK, CLASSIFIED = 60, 68, 69
# assay's name of a part of a layer, ELECTRA's
PARTS = [
    ("q", "attention.self.query"),
    ("k", "attention.self.key"),
    ("v", "attention.self.value"),
    ("o", "attention.output.dense"),
    ("up", "intermediate.dense"),
    ("down", "output.dense"),
    ("attention_norm", "attention.output.LayerNorm"),
    ("ffn_norm", "output.LayerNorm"),
]


def electra_layer(config, first: int) -> ElectraLayer:
    """Its k-th part from the formula: weight and bias number 2 k and 2 k + 1, from `first` on."""
    electra = ElectraConfig(
        hidden_size=config.hidden_size,
        num_attention_heads=config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        hidden_act=config.hidden_act,
        layer_norm_eps=config.layer_norm_eps,
        attn_implementation="eager",
    )
    layer = ElectraLayer(electra).eval()
    tensors = dict(layer.named_parameters())
    assert len(tensors) == 2 * len(PARTS)
    for k, (_, name) in enumerate(PARTS):
        for bias, kind in enumerate(("weight", "bias")):
            tensor = tensors[f"{name}.{kind}"]
            number = first + 2 * k + bias
            rows = tensor.shape[0] if tensor.dim() == 2 else 1
            value = formula(
                rows,
                tensor.shape[-1],
                0.31 + 0.07 * number,
                0.17 + 0.05 * number,
                0.3 if tensor.dim() == 2 else 0.1,
                0.2 * number,
            )
            norm = "LayerNorm" in name and not bias
            tensor.data.copy_(value.view_as(tensor) + (1 if norm else 0))
    return layer


def looked(layer: ElectraLayer, rows: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    # Where nothing is seen, -10000 on every score changes nothing but their rounding.
    seen = seen | ~seen.any(dim=1, keepdim=True)
    mask = (1.0 - seen[:, None, None, :].float()) * -10000.0
    out = layer(rows, attention_mask=mask)
    return out[0] if isinstance(out, tuple) else out


def contextual(config, embedded, seen, keys):
    """embedded [groups, N, length, width], seen [groups, N, length]"""
    groups, count, length, width = embedded.shape
    along, across = electra_layer(config, 0), electra_layer(config, 100)
    flat = embedded.reshape(groups * count, length, width)
    told = looked(along, flat, seen.reshape(groups * count, length)) + flat
    keyed = told.view(groups, count, length, width) * keys[None, :, None, :]
    by_position = keyed.permute(0, 2, 1, 3).reshape(-1, count, width)
    met = looked(across, by_position, seen.permute(0, 2, 1).reshape(-1, count)) + by_position
    return met.view(groups, length, count, width).mean(2)


def prefix(instances: int) -> torch.Tensor:
    rows = [[FILLER] * instances + [CLASSIFIED] for _ in range(instances)]
    for i in range(instances):
        rows[i][i] = FIRST_MARK - i
    return torch.tensor(rows)


def told_by_prefix(rows: torch.Tensor, instances: int, width: int) -> torch.Tensor:
    """rows [groups, length, width]"""
    weight = formula(width, 2 * width, 0.43, 0.19, 0.2, 0.6)
    apart = []
    for group in rows:
        for i in range(instances):
            features = torch.cat([group[i], group[instances]])
            told = torch.nn.functional.gelu(weight @ features)
            apart.append(torch.nn.functional.layer_norm(told, [width], eps=1e-12))
    return torch.stack(apart)


def case(model: BertModel, instances: int, with_context: bool, with_prefix: bool) -> dict:
    width = model.config.hidden_size
    lengths = [5, 9, 7, 3, 9, 2][: 2 * instances]
    sequences = [[1 + (7 * s + 3 * i) % 50 for i in range(n)] for s, n in enumerate(lengths)]
    longest = max(lengths)
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sequences])
    seen = torch.tensor([[True] * n + [False] * (longest - n) for n in lengths])
    if with_prefix:
        ids = torch.cat([prefix(instances).repeat(2, 1), ids], dim=1)
        seen = torch.cat([torch.ones(len(lengths), instances + 1, dtype=torch.bool), seen], dim=1)
    length = ids.shape[1]
    raw = formula(instances, width, 1.7, 0.9, 1.0, 0.3)
    keys = raw / raw.norm(dim=1, keepdim=True) * 4
    with torch.no_grad():
        embedded = model.embeddings(input_ids=ids).view(-1, instances, length, width)
        if with_context:
            mixed = contextual(model.config, embedded, seen.view(-1, instances, length), keys)
        else:
            mixed = (embedded * keys[None, :, None, :]).mean(1)
        out = model.encoder(model.embeddings(inputs_embeds=mixed)).last_hidden_state
        if with_prefix:
            apart = told_by_prefix(out, instances, width)
        else:
            apart = demultiplex(out[:, 0], instances, width)
        scores = apart @ formula(3, width, 0.53, 0.07, 0.3, 0.9).T
    return {
        "instances": instances,
        "contextual": with_context,
        "prefix": with_prefix,
        "sequences": sequences,
        "mixed": mixed[0, 0].tolist(),
        "scores": scores.tolist(),
    }


def main() -> None:
    folder = FOLDER / "encoder/bert_model"
    model = BertModel.from_pretrained(folder, attn_implementation="eager").eval()
    kinds = [(True, False), (False, True), (True, True)]
    cases = [case(model, n, *kind) for n in (1, 2, 3) for kind in kinds]
    out = Path(FOLDER) / "mux/variants.json"
    made_by = "scripts/golden/mux_variant_goldens.py"
    out.write_text(json.dumps({"made_by": made_by, "cases": cases}) + "\n")
    print(f"{out}: {len(cases)} cases")


if __name__ == "__main__":
    main()
