"""Writes tests/data/encoder/ (small random BERTs and what transformers computes for them) and
tests/data/gradients/ (losses and their gradients, of these and of the decoders of model_parity.py).

tests/data/encoder/<case>/ holds config.json, model.safetensors and expected.safetensors with

  tokens       int64 [batch, length]          shorter sequences end in padding (token 0)
  mask         int64 [batch, length]          1 for a token, 0 for padding
  token_types  int64 [batch, length]          0 for the first part of a sequence, 1 for the second
  hidden_<i>   f32   [batch, length, hidden]  0: after the embeddings, i: after layer i (from 1)
  pooled_f32   f32   [batch, hidden]          the pooler's output, where the model has one
  logits_f32   f32   [batch, labels]          of a classifier; [batch, length, vocab] of a language
                                              model; absent where the model has no head
  pooled_bf16, logits_bf16                    the same model converted to bfloat16

What stands at padding is what transformers computes there; nothing reads it.

tests/data/encoder/<case>/scores.safetensors, of a model that scores sequences, holds the same for many
more of them, but only tokens, mask, token_types and pooled or logits: rounding to bfloat16 moves a few
scores too much by chance to say anything about the model.

tests/data/gradients/<case>.safetensors belongs to the weights in tests/data/model/<case>/ or, for a
BERT, in tests/data/encoder/<case>/. The model is in float32, with dropout off. It holds

  tokens       int64 [batch, length]
  mask, token_types, labels                   for a BERT only: its inputs, and labels int64 [batch]
                                              (classifier) or [batch, length] (language model; -100
                                              where no token is to be found)
  loss         f32   []                       mean cross-entropy in nats: of the next token over all
                                              positions but the last; over labels for a BERT
  <parameter>  f32   [as the parameter]       its gradient, for every tensor of model.safetensors
                                              that is trained, under the name that it has there

A tied parameter has one gradient, the sum of all its uses. Tokens are never the configuration's
padding token, since torch keeps the gradient of a looked-up padding row at zero: that would be a
property of torch, not of the loss.

Attention as in model_parity.py (eager; Falcon with ALiBi takes its default). One thread. The script
ends with an error where a forward pass is not that of model_parity.py's goldens, and where names or
shapes of gradients are not those of the file. versions.json tells what wrote the files.

Usage: gradient_parity.py DATA [CASE ...], with DATA tests/data, transformers 5.23 and torch 2.11.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers as hf
from families import all_gradients
from safetensors.torch import load_file, save_file

VOCAB = 71
LENGTHS = (13, 9, 6)  # of the sequences of a BERT's batch
MANY_LENGTHS = tuple(range(3, 13)) * 16
NO_LABEL = -100
DECODER_LENGTH = 21
DECODER_BATCH = 2

DECODERS = [
    "llama_gqa",
    "qwen2",
    "opt",
    "opt_350m",
    "gpt2",
    "gpt_neox",
    "falcon_40b",
    "falcon_rw",
    "bloom",
    *all_gradients(),
]

BERT = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
}
GELU_NEW = {
    "hidden_act": "gelu_new",
    "layer_norm_eps": 1e-3,  # big enough to be seen
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 72,
    "classifier_dropout": 0.2,
    "num_labels": 2,
}
ENCODERS = {
    "bert_classifier": (hf.BertForSequenceClassification, BERT | {"num_labels": 3}),
    "bert_gelu_new": (hf.BertForSequenceClassification, BERT | GELU_NEW),
    "bert_mlm": (hf.BertForMaskedLM, BERT | {"hidden_act": "relu"}),
    "bert_model": (hf.BertModel, BERT),
}
ENCODERS_WITH_GRADIENTS = ["bert_classifier", "bert_mlm"]
DTYPES = {"bert_classifier": torch.float32, "bert_model": torch.float32}  # others: bfloat16


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomise(model: torch.nn.Module) -> None:
    """Every parameter anew, norms around 1 and biases too, so that none can be left out unseen."""
    generator = seeded(21)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = (1.0 if name.endswith("Norm.weight") else 0.0) + 0.2 * noise
        else:
            parameter.data = noise / parameter.shape[-1] ** 0.5


def add_what_older_versions_stored(folder: Path) -> None:
    """As all-MiniLM-L6-v2 has it: a buffer among the weights, and keys of transformers 4.8."""
    path = folder / "model.safetensors"
    positions = torch.arange(BERT["max_position_embeddings"])[None]
    save_file(load_file(path) | {"embeddings.position_ids": positions}, path, {"format": "pt"})
    older = BERT | {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "model_type": "bert",
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "transformers_version": "4.8.2",
        "use_cache": True,
    }
    (folder / "config.json").write_text(json.dumps(older, indent=2, sort_keys=True) + "\n")


def write_encoder(name: str, folder: Path) -> None:
    kind, settings = ENCODERS[name]
    torch.manual_seed(0)
    model = kind(hf.BertConfig(**settings))
    randomise(model)
    model.tie_weights()
    model.to(DTYPES.get(name, torch.bfloat16)).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if kind is hf.BertModel:
        add_what_older_versions_stored(folder)


def encoder_inputs(lengths: Sequence[int] = LENGTHS) -> dict[str, torch.Tensor]:
    generator = seeded(5)
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    mask, types = torch.zeros_like(tokens), torch.zeros_like(tokens)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, VOCAB, (length,), generator=generator)
        mask[row, :length] = 1
        types[row, length // 2 : length] = 1
    return {"tokens": tokens, "mask": mask, "token_types": types}


def encoder_labels(name: str, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    generator = seeded(6)
    if ENCODERS[name][0] is hf.BertForSequenceClassification:
        return torch.tensor([2, 0, 1])
    drawn = torch.randint(1, VOCAB, inputs["tokens"].shape, generator=generator)
    asked = torch.rand(inputs["tokens"].shape, generator=generator) < 0.4
    return torch.where(asked & (inputs["mask"] == 1), drawn, NO_LABEL)


def load_encoder(name: str, folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    kind = ENCODERS[name][0]
    return kind.from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()


def run_encoder(model: torch.nn.Module, inputs: dict[str, torch.Tensor], **more):
    return model(
        input_ids=inputs["tokens"],
        attention_mask=inputs["mask"],
        token_type_ids=inputs["token_types"],
        **more,
    )


def encoder_outputs(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict:
    """hidden_<i>, pooled and logits, as far as the model has them."""
    with torch.no_grad():
        base = run_encoder(model.base_model, inputs, output_hidden_states=True)
        out = {f"hidden_{i}": states for i, states in enumerate(base.hidden_states)}
        if base.pooler_output is not None:
            out["pooled"] = base.pooler_output
        if model is not model.base_model:
            out["logits"] = run_encoder(model, inputs).logits
    return {key: value.contiguous() for key, value in out.items()}


def expected_of_encoder(name: str, folder: Path) -> dict[str, torch.Tensor]:
    inputs = encoder_inputs()
    expected = dict(inputs)
    for dtype, suffix in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
        for key, value in encoder_outputs(load_encoder(name, folder, dtype), inputs).items():
            if not key.startswith("hidden"):
                expected[f"{key}_{suffix}"] = value
            elif dtype == torch.float32:
                expected[key] = value
    return expected


def scores_of_encoder(name: str, folder: Path) -> dict[str, torch.Tensor]:
    inputs = encoder_inputs(MANY_LENGTHS)
    expected = dict(inputs)
    for dtype, suffix in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
        outputs = encoder_outputs(load_encoder(name, folder, dtype), inputs)
        score = "logits" if "logits" in outputs else "pooled"
        expected[f"{score}_{suffix}"] = outputs[score]
    return expected


def gradients(model: hf.PreTrainedModel, loss: torch.Tensor, file: Path) -> dict[str, torch.Tensor]:
    """The loss and the gradient of each tensor of the file.

    Gradients are saved in place of the parameters, as transformers names some parameters otherwise
    in memory than in files (GPT-NeoX's head).
    """
    loss.backward()
    for parameter in model.parameters():
        parameter.data = parameter.grad
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        found = load_file(Path(folder) / "model.safetensors")
    shapes = {name: gradient.shape for name, gradient in found.items()}
    stored = {name: tensor.shape for name, tensor in load_file(file).items()}
    if shapes != stored:
        raise RuntimeError(f"gradients of {sorted(shapes)}, but {file} holds {sorted(stored)}")
    return found | {"loss": loss.detach()}


def gradients_of_encoder(name: str, folder: Path) -> dict[str, torch.Tensor]:
    inputs = encoder_inputs()
    labels = encoder_labels(name, inputs)
    model = load_encoder(name, folder, torch.float32)
    loss = run_encoder(model, inputs, labels=labels).loss
    return inputs | {"labels": labels} | gradients(model, loss, folder / "model.safetensors")


def decoder_tokens(config: hf.PreTrainedConfig) -> torch.Tensor:
    shape = (DECODER_BATCH, DECODER_LENGTH)
    tokens = torch.randint(0, config.vocab_size - 1, shape, generator=seeded(7))
    return tokens if config.pad_token_id is None else tokens + (tokens >= config.pad_token_id)


def gradients_of_decoder(name: str, folder: Path) -> dict[str, torch.Tensor]:
    attention = "sdpa" if name == "falcon_rw" else "eager"
    model = hf.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation=attention, dtype=torch.float32
    ).eval()
    golden = load_file(folder / "expected.safetensors")
    with torch.no_grad():
        logits = model(golden["tokens"], use_cache=False).logits
    torch.testing.assert_close(logits, golden["logits_f32"], rtol=0, atol=1e-4)
    tokens = decoder_tokens(model.config)
    loss = model(tokens, labels=tokens, use_cache=False).loss
    return {"tokens": tokens} | gradients(model, loss, folder / "model.safetensors")


def write_case(name: str, data: Path) -> None:
    target = data / "gradients" / f"{name}.safetensors"
    if name in DECODERS:
        save_file(gradients_of_decoder(name, data / "model" / name), target)
        return
    folder = data / "encoder" / name
    write_encoder(name, folder)
    save_file(expected_of_encoder(name, folder), folder / "expected.safetensors")
    if ENCODERS[name][0] is not hf.BertForMaskedLM:
        save_file(scores_of_encoder(name, folder), folder / "scores.safetensors")
    if name in ENCODERS_WITH_GRADIENTS:
        save_file(gradients_of_encoder(name, folder), target)


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    data = Path(arguments[0])
    versions = {"torch": torch.__version__, "transformers": hf.__version__}
    for folder in ("encoder", "gradients"):
        (data / folder).mkdir(exist_ok=True)
        (data / folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")
    for name in arguments[1:] or [*DECODERS, *ENCODERS]:
        print(name, flush=True)
        write_case(name, data)


if __name__ == "__main__":
    main(sys.argv[1:])
