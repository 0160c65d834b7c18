"""Writes tests/data/train/: what torch and transformers make of trainings that harness/train repeats.

  adamw.safetensors   20 steps of torch.optim.AdamW on tensors a, b, c with given gradients, after
                      clip_grad_norm_, under the linear schedule of transformers. a and c decay, c's
                      rate is three times the others', and c has no gradient in every fourth step.
      start.<t>, gradient.<step>.<t>    before clipping
      norms, rates                      f32/f64 [20], of each step
      fused.<t>, plain.<t>              after the last step, with fused=True and with fused=False
  schedules.json      [{"schedule", "warmup", "steps", "factors"}] of transformers' schedules
  bert_classifier.safetensors   20 steps of fine-tuning tests/data/encoder/bert_classifier with
                      dropout off, in padded batches, as scripts/train/sst2_transformers.py has it
      tokens, token_types, offsets, labels   the items, one behind the other
      losses, norms, rates                   f64 [20]
      final.<parameter>                      as transformers names them
      held_out_logits                        f32 [items, 3], of the trained model on the items
  fresh.safetensors   what transformers draws after torch.manual_seed(7) for a classifier of three
                      classes on top of an encoder
      bert_model.classifier.weight, ...      of tests/data/encoder/bert_model, which has a pooler
      bert_mlm.pooler.dense.weight, ...      and of bert_mlm, which has none

One thread. versions.json tells what wrote the files.

Usage: trainer_goldens.py DATA, with DATA tests/data, transformers 5.23 and torch 2.11.
"""

import json
import math
import random
import sys
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

STEPS = 20
WARMUP = 3
RATE = 0.01
SHAPES = {"a": (7, 5), "b": (11,), "c": (3, 4, 6)}
GROUPS = [  # tensors, weight decay, factor of the rate
    (("a",), 0.1, 1),
    (("b",), 0.0, 1),
    (("c",), 0.1, 3),
]
SCHEDULES = {
    "constant": lambda o, w, _: hf.get_constant_schedule_with_warmup(o, w),
    "linear": hf.get_linear_schedule_with_warmup,
    "cosine": hf.get_cosine_schedule_with_warmup,
}

ITEMS, BATCH, EPOCHS, SEED = 23, 5, 4, 11
LEARNING_RATE, DECAY, CLIP = 2e-3, 0.05, 1.0
VOCAB, CLASSES = 71, 3


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def adamw_inputs() -> dict[str, torch.Tensor]:
    generator = seeded(1)
    tensors = {f"start.{n}": torch.randn(s, generator=generator) for n, s in SHAPES.items()}
    for step in range(STEPS):
        for name, shape in SHAPES.items():
            if name == "c" and step % 4 == 3:
                continue
            size = 0.02 if step % 2 else 1.0  # below and above the clip
            tensors[f"gradient.{step}.{name}"] = size * torch.randn(shape, generator=generator)
    return tensors


def run_adamw(inputs: dict[str, torch.Tensor], fused: bool) -> dict[str, torch.Tensor]:
    tensors = {n: inputs[f"start.{n}"].clone().requires_grad_() for n in SHAPES}
    optimizer = torch.optim.AdamW(
        [
            {"params": [tensors[n] for n in names], "weight_decay": decay, "lr": RATE * factor}
            for names, decay, factor in GROUPS
        ],
        lr=RATE,
        fused=fused,
        foreach=False,
    )
    schedule = hf.get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    norms, rates = [], []
    for step in range(STEPS):
        for name, tensor in tensors.items():
            gradient = inputs.get(f"gradient.{step}.{name}")
            tensor.grad = None if gradient is None else gradient.clone()
        norms.append(torch.nn.utils.clip_grad_norm_(tensors.values(), 1.0))
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return {
        "norms": torch.stack(norms),
        "rates": torch.tensor(rates, dtype=torch.float64),
    } | {name: tensor.detach() for name, tensor in tensors.items()}


def write_adamw(path: Path) -> None:
    inputs = adamw_inputs()
    found = dict(inputs)
    for fused, kind in ((True, "fused"), (False, "plain")):
        out = run_adamw(inputs, fused)
        found |= {"norms": out["norms"], "rates": out["rates"]}
        found |= {f"{kind}.{name}": out[name] for name in SHAPES}
    save_file(found, path)


def factors(name: str, warmup: int, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = SCHEDULES[name](optimizer, warmup, steps)
    found = []
    for _ in range(steps + 2):  # two beyond the end
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def write_schedules(path: Path) -> None:
    cases = [
        {"schedule": name, "warmup": w, "steps": k, "factors": factors(name, w, k)}
        for name in SCHEDULES
        for w, k in ((0, 7), (3, 20), (7, 7), (1, 1))
    ]
    path.write_text(json.dumps(cases, indent=1) + "\n")


def make_items() -> list[dict]:
    generator = seeded(3)
    items = []
    for _ in range(ITEMS):
        length = int(torch.randint(3, 15, (1,), generator=generator))
        tokens = torch.randint(1, VOCAB, (length,), generator=generator)
        types = (torch.arange(length) >= length // 2).to(torch.int64)
        # Something to learn: the class is that of the tokens' sum.
        items.append({"tokens": tokens, "types": types, "label": int(tokens.sum()) % CLASSES})
    return items


def padded(items: list[dict]) -> dict[str, torch.Tensor]:
    longest = max(len(item["tokens"]) for item in items)
    batch = {
        key: torch.zeros(len(items), longest, dtype=torch.int64)
        for key in ("input_ids", "attention_mask", "token_type_ids")
    }
    for row, item in enumerate(items):
        length = len(item["tokens"])
        batch["input_ids"][row, :length] = item["tokens"]
        batch["attention_mask"][row, :length] = 1
        batch["token_type_ids"][row, :length] = item["types"]
    return batch


def load_classifier(folder: Path) -> hf.PreTrainedModel:
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return hf.BertForSequenceClassification.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, **off
    )


def make_optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        (others if spared else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE)


def fine_tune(model: hf.PreTrainedModel, items: list[dict]) -> dict[str, torch.Tensor]:
    steps = math.ceil(len(items) / BATCH) * EPOCHS
    optimizer = make_optimizer(model)
    schedule = hf.get_linear_schedule_with_warmup(optimizer, math.ceil(0.1 * steps), steps)
    order, curve = random.Random(SEED), {"losses": [], "norms": [], "rates": []}
    model.train()
    for _ in range(EPOCHS):
        places = list(range(len(items)))
        order.shuffle(places)
        for begin in range(0, len(places), BATCH):
            batch = [items[place] for place in places[begin : begin + BATCH]]
            optimizer.zero_grad()
            labels = torch.tensor([item["label"] for item in batch])
            loss = model(**padded(batch), labels=labels).loss
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            curve["rates"].append(optimizer.param_groups[0]["lr"])
            curve["losses"].append(loss.item())
            curve["norms"].append(norm.item())
            optimizer.step()
            schedule.step()
    return {key: torch.tensor(values, dtype=torch.float64) for key, values in curve.items()}


def write_fine_tuning(data: Path, path: Path) -> None:
    items = make_items()
    model = load_classifier(data / "encoder" / "bert_classifier")
    found = fine_tune(model, items)
    model.eval()
    with torch.no_grad():
        found["held_out_logits"] = model(**padded(items)).logits
    lengths = torch.tensor([0] + [len(item["tokens"]) for item in items])
    found |= {
        "tokens": torch.cat([item["tokens"] for item in items]),
        "token_types": torch.cat([item["types"] for item in items]),
        "offsets": lengths.cumsum(0),
        "labels": torch.tensor([item["label"] for item in items]),
    }
    found |= {f"final.{name}": p.detach().contiguous() for name, p in model.named_parameters()}
    save_file(found, path)


def fresh_head(folder: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    model = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=CLASSES, dtype=torch.float32
    )
    heads = {"classifier": model.classifier, "pooler": model.bert.pooler}
    return {
        f"{folder.name}.{kind}.{name}": parameter.detach()
        for kind, head in heads.items()
        for name, parameter in head.named_parameters()
    }


def write_fresh(data: Path, path: Path) -> None:
    folders = [data / "encoder" / name for name in ("bert_model", "bert_mlm")]
    save_file({k: v for folder in folders for k, v in fresh_head(folder).items()}, path)


def main(data: Path) -> None:
    torch.set_num_threads(1)
    hf.utils.logging.set_verbosity_error()
    folder = data / "train"
    folder.mkdir(exist_ok=True)
    versions = {"torch": torch.__version__, "transformers": hf.__version__}
    (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")
    write_adamw(folder / "adamw.safetensors")
    write_schedules(folder / "schedules.json")
    write_fine_tuning(data, folder / "bert_classifier.safetensors")
    write_fresh(data, folder / "fresh.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
