"""Writes tests/data/model/<case>/: small random models and what transformers computes for them.

Each case holds config.json and model.safetensors as transformers saves them, and
expected.safetensors with

  tokens      int64 [batch, length]
  logits_f32  f32   [batch, length, vocab]  model in float32
  logits_bf16 bf16  [batch, length, vocab]  the same model converted to bfloat16
  experts_<i> int64 [batch, length, k]      of layer i, a mixture: the experts that each token
                                            took in bfloat16; between nearly equal ones rounding
                                            decides

Weights are stored as bfloat16, except where DTYPES says otherwise; both models start from them.

Weights are drawn wider than transformers' defaults (norms and biases too), so that a slot that is
swapped, dropped or transposed shows in the logits. Eager attention: the plainest form; Falcon with
ALiBi takes its default instead, because its eager form adds the bias twice (in the mask and again
to the scores).

Later families have a module each in families/.

Usage: model_parity.py OUT [CASE ...], with transformers 5.23 and torch 2.11.
A case NAME=FOLDER takes a trained model instead and stores only the logits' last columns.
"""

import sys
from pathlib import Path

import torch
import transformers as hf
from families import MODEL_VOCAB as VOCAB
from families import all_models
from safetensors.torch import save_file

BATCH, LENGTH = 2, 21

SMALL = {"vocab_size": VOCAB, "max_position_embeddings": 32}
LLAMA = SMALL | {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 80,
    "tie_word_embeddings": False,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
OPT = SMALL | {
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 5,
    "ffn_dim": 96,
}
NEOX = SMALL | {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 96,
}
FALCON = SMALL | {"hidden_size": 48, "num_hidden_layers": 2}

CASES = {
    "llama_gqa": hf.LlamaConfig(**LLAMA),
    "llama_mha_tied": hf.LlamaConfig(
        **LLAMA | {"num_key_value_heads": 6, "tie_word_embeddings": True, "mlp_bias": True}
    ),
    "llama3_rope": hf.LlamaConfig(
        **LLAMA
        | {
            "rope_parameters": LLAMA3_ROPE,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 24,
            "attention_bias": True,
        }
    ),
    "llama_linear_rope": hf.LlamaConfig(
        **LLAMA | {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}
    ),
    "mistral_window": hf.MistralConfig(**LLAMA | {"sliding_window": 7}),
    "qwen2": hf.Qwen2Config(**LLAMA | {"tie_word_embeddings": True}),
    "opt": hf.OPTConfig(**OPT),
    "opt_350m": hf.OPTConfig(**OPT | {"do_layer_norm_before": False, "word_embed_proj_dim": 24}),
    "opt_untied_gelu": hf.OPTConfig(
        **OPT | {"tie_word_embeddings": False, "activation_function": "gelu"}
    ),
    "gpt2": hf.GPT2Config(vocab_size=VOCAB, n_positions=32, n_embd=40, n_layer=2, n_head=5),
    "gpt2_inner_relu": hf.GPT2Config(
        vocab_size=VOCAB,
        n_positions=32,
        n_embd=32,
        n_layer=3,
        n_head=4,
        n_inner=72,
        activation_function="relu",
    ),
    "gpt_neox": hf.GPTNeoXConfig(**NEOX),
    "gpt_neox_sequential": hf.GPTNeoXConfig(
        **NEOX
        | {
            "use_parallel_residual": False,
            "attention_bias": False,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "partial_rotary_factor": 1.0,
            },
        }
    ),
    "falcon_7b": hf.FalconConfig(**FALCON | {"num_attention_heads": 3}),
    "falcon_40b": hf.FalconConfig(
        **FALCON | {"num_attention_heads": 6, "num_kv_heads": 2, "new_decoder_architecture": True}
    ),
    "falcon_rw": hf.FalconConfig(
        **FALCON
        | {
            "num_attention_heads": 6,
            "alibi": True,
            "multi_query": False,
            "parallel_attn": False,
            "bias": True,
        }
    ),
    "bloom": hf.BloomConfig(vocab_size=VOCAB, hidden_size=40, n_layer=2, n_head=5),
} | all_models()


DTYPES = {"llama_gqa": torch.float32, "gpt2": torch.float32, "opt": torch.float16}


def randomise(model: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(20)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1 and "norm" not in name and "ln_" not in name:
            parameter.data = 0.2 * noise
        elif parameter.dim() == 1:
            # Around what transformers starts with: 1, or 0 where the model adds the 1 itself.
            parameter.data = parameter.data.mean().round() + 0.2 * noise
        else:
            parameter.data = noise / parameter.shape[-1] ** 0.5


def keep_experts(model: torch.nn.Module, kept: dict[str, torch.Tensor]) -> None:
    """Every router of the model puts the experts that it takes into `kept`."""
    layers = {
        name.split(".")[2]: module
        for name, module in model.named_modules()
        if type(module).__name__.endswith("TopKRouter")
    }

    def keeper(layer: str):
        def keep(_module, _inputs, outputs):
            kept[f"experts_{layer}"] = outputs[2].view(BATCH, -1, outputs[2].shape[-1]).clone()

        return keep

    for layer, module in layers.items():
        module.register_forward_hook(keeper(layer))


def logits(
    folder: Path, tokens: torch.Tensor, dtype: torch.dtype, kept: dict[str, torch.Tensor]
) -> torch.Tensor:
    attention = "sdpa" if folder.name == "falcon_rw" else "eager"
    model = hf.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation=attention, dtype=dtype
    ).eval()
    keep_experts(model, kept)
    with torch.no_grad():
        return model(tokens, use_cache=False).logits


def expect(folder: Path, tokens: torch.Tensor, keep: int) -> dict[str, torch.Tensor]:
    experts: dict[str, torch.Tensor] = {}
    return {
        "tokens": tokens,
        "logits_f32": logits(folder, tokens, torch.float32, {})[..., -keep:].contiguous(),
        "logits_bf16": logits(folder, tokens, torch.bfloat16, experts)[..., -keep:].contiguous(),
    } | experts


def write_random(name: str, out: Path) -> None:
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(CASES[name])
    randomise(model)
    model.tie_weights()
    model.to(DTYPES.get(name, torch.bfloat16)).save_pretrained(out / name)
    (out / name / "generation_config.json").unlink(missing_ok=True)
    tokens = torch.randint(0, VOCAB, (BATCH, LENGTH), generator=torch.Generator().manual_seed(4))
    save_file(expect(out / name, tokens, VOCAB), out / name / "expected.safetensors")


def write_trained(name: str, folder: str, out: Path) -> None:
    tokens = torch.randint(0, 4096, (2, 48), generator=torch.Generator().manual_seed(4))
    (out / name).mkdir(parents=True, exist_ok=True)
    save_file(expect(Path(folder), tokens, 64), out / name / "expected.safetensors")


def main(arguments: list[str]) -> None:
    out = Path(arguments[0])
    for name in arguments[1:] or CASES:
        print(name, flush=True)
        if "=" in name:
            write_trained(*name.split("=", 1), out)
        else:
            write_random(name, out)


if __name__ == "__main__":
    main(sys.argv[1:])
