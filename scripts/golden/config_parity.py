"""Writes tests/data/model_configs/: what transformers makes of many configurations of few weights.

<family>.safetensors holds small random weights (bfloat16), <family>.json a list of variants:

  name      of the variant
  config    config.json, every key as a library may have written it
  nll       mean next-token cross-entropy of `ids` in nats, float64, of the model in float32
  logits    the last position's first logits, nine digits
  remarks   words that the reader's remarks have to hold, one entry a remark
  cached    false where a cache is refused, since a longer sequence turns all positions anew

Only variants that transformers itself runs are here. Eager attention. Later families have a module
each in families/.

Usage: config_parity.py OUT [FAMILY ...], with transformers 5.23 and torch 2.11.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers as hf
from families import CONFIG_VOCAB as VOCAB
from families import all_configs, case, rope
from safetensors.torch import load_file, save_file

IDS = [(13 * i + 7) % VOCAB for i in range(48)]

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}
MISTRAL = LLAMA | {
    "model_type": "mistral",
    "architectures": ["MistralForCausalLM"],
    "head_dim": 8,  # transformers needs it beside layer_types
}
QWEN2 = LLAMA | {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
NEOX = {
    "model_type": "gpt_neox",
    "architectures": ["GPTNeoXForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
}
GPT2 = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "vocab_size": VOCAB,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
}
OPT = {
    "model_type": "opt",
    "architectures": ["OPTForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "ffn_dim": 48,
    "max_position_embeddings": 64,
}
FALCON = {
    "model_type": "falcon",
    "architectures": ["FalconForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 96,
}
BLOOM = {
    "model_type": "bloom",
    "architectures": ["BloomForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "n_layer": 2,
    "n_head": 4,
    "seq_length": 64,
}

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]
OWN_HEAD = {"tie_word_embeddings": True}
HEAD = ["the file holds a head that differs"]


LLAMA_CASES = {
    "plain": case({}),
    "theta_on_top": case({"rope_theta": 500.0}),
    "theta_inside": case(rope(rope_type="default", rope_theta=500)),
    "theta_twice": case(
        {"rope_theta": 500.0} | rope(rope_type="default", rope_theta=77.0), "'rope_theta' is 500"
    ),
    "linear_old": case({"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0}),
    "linear_new": case(rope(rope_type="linear", factor=4)),
    "linear_theta_in_scaling": case(
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0, "rope_theta": 77.0}}
    ),
    "scaling_beside_parameters": case(
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
        | rope(rope_type="default", rope_theta=77.0),
        "'rope_parameters' is not read",
    ),
    "scaling_beside_parameters_and_theta": case(
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0}, "rope_theta": 500.0}
        | rope(rope_type="default", rope_theta=77.0),
        "'rope_parameters' is not read",
    ),
    "same_twice": case(
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0, "rope_theta": 77.0}}
        | rope(rope_type="linear", factor=4.0, rope_theta=77.0)
    ),
    "empty_scaling": case({"rope_scaling": {}} | rope(rope_type="default", rope_theta=77.0)),
    "null_scaling": case({"rope_scaling": None, "rope_parameters": None, "rope_theta": 77.0}),
    "two_types": case(
        rope(rope_type="linear", type="default", factor=2.0), "'rope_parameters.type' is"
    ),
    "default_with_length": case(rope(rope_type="default", original_max_position_embeddings=8)),
    "dynamic": case(rope(rope_type="dynamic", factor=4.0)),
    "llama3_inside": case(rope(**LLAMA3, original_max_position_embeddings=24)),
    "llama3_on_top": case(rope(**LLAMA3) | {"original_max_position_embeddings": 24}),
    "llama3_twice": case(
        rope(**LLAMA3, original_max_position_embeddings=64)
        | {"original_max_position_embeddings": 24},
        "'rope_parameters.original_max_position_embeddings' is 64",
    ),
    "llama3_without_length": case(rope(**LLAMA3)),
    "llama3_old": case(
        {
            "rope_scaling": LLAMA3 | {"original_max_position_embeddings": 24},
            "rope_theta": 500.0,
        }
    ),
    "yarn": case(rope(**YARN, original_max_position_embeddings=24)),
    "yarn_on_top": case(rope(**YARN) | {"original_max_position_embeddings": 24}),
    "yarn_without_length": case(rope(**YARN)),
    "yarn_old": case(
        {
            "rope_scaling": {
                "type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 24,
                "finetuned": True,
            }
        }
    ),
    "yarn_ratio": case(rope(rope_type="yarn", factor=None, original_max_position_embeddings=24)),
    "yarn_factor": case(rope(**YARN, original_max_position_embeddings=24, attention_factor=0.7)),
    "yarn_mscale": case(
        rope(**YARN, original_max_position_embeddings=24, mscale=0.707, mscale_all_dim=1.3)
    ),
    "yarn_one_mscale": case(rope(**YARN, original_max_position_embeddings=24, mscale=0.707)),
    "yarn_betas": case(
        rope(**YARN, original_max_position_embeddings=64, beta_fast=8, beta_slow=0.5)
    ),
    "yarn_not_truncated": case(
        rope(
            **YARN, original_max_position_embeddings=64, truncate=False, beta_fast=8, beta_slow=0.5
        )
    ),
    "yarn_small_factor": case(
        rope(rope_type="yarn", factor=0.5, original_max_position_embeddings=24)
    ),
    "own_head": case(OWN_HEAD, *HEAD),
    "nulls": case({"head_dim": None, "attention_bias": False, "quantization_config": None}),
    "swish": case({"hidden_act": "swish"}),
    "gelu_accurate": case({"hidden_act": "gelu_accurate"}),
    "layer_types_full": case({"layer_types": ["full_attention"] * 3}),
    "window_off": case({"use_sliding_window": False, "sliding_window": 4}),
    "older_dtype_key": case({"torch_dtype": "bfloat16"}),
    "foreign_keys": case(
        {"flavour": "vanilla", "use_qk_norm": False},
        "'flavour' is \"vanilla\"",
        "'use_qk_norm' is false",
    ),
}
MISTRAL_CASES = {
    "window": case({"sliding_window": 7}),
    "window_null": case({"sliding_window": None}),
    "window_absent": case({}),
    "layer_types": case({"sliding_window": 7, "layer_types": SLIDING}),
    "layer_types_null": case({"sliding_window": 7, "layer_types": None}),
    "layer_types_full": case({"sliding_window": 7, "layer_types": ["full_attention"] * 3}),
    "yarn_and_layer_types": case(
        {"sliding_window": 7, "layer_types": SLIDING}
        | rope(**YARN, original_max_position_embeddings=24)
    ),
}
QWEN2_CASES = {
    "plain": case({}),
    "switched_off": case({"sliding_window": 7, "max_window_layers": 1}),
    "from_second_layer": case(
        {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}
    ),
    "every_layer": case({"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 0}),
    "no_layer": case({"use_sliding_window": True, "sliding_window": 7}),
    "window_null": case(
        {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0}
    ),
    "layer_types": case(
        {
            "use_sliding_window": True,
            "sliding_window": 7,
            "max_window_layers": 28,
            "layer_types": SLIDING,
        }
    ),
    "layer_types_old_word": case(
        {
            "use_sliding_window": True,
            "sliding_window": 5,
            "layer_types": ["attention", "sliding_attention", "attention"],
        }
    ),
    "layer_types_switched_off": case({"sliding_window": 7, "layer_types": ["full_attention"] * 3}),
    "own_head": case(OWN_HEAD, *HEAD),
}
NEOX_CASES = {
    "plain": case({}),
    "older_names": case({"rotary_pct": 0.5, "rotary_emb_base": 500}),
    "new_names": case(rope(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5)),
    "both_names": case(
        {"rotary_pct": 0.5, "rotary_emb_base": 500}
        | rope(rope_type="default", rope_theta=77.0, partial_rotary_factor=1.0),
        "'rotary_emb_base' is 500",
        "'rotary_pct' is 0.5",
    ),
    "written_twice": case(
        {
            "rotary_pct": 0.5,
            "partial_rotary_factor": 0.5,
            "rotary_emb_base": 500,
            "rope_theta": 500.0,
        }
    ),
    "linear_old": case({"rope_scaling": {"type": "linear", "factor": 3.0}, "rotary_pct": 0.5}),
    "yarn": case(rope(**YARN, original_max_position_embeddings=24, partial_rotary_factor=0.5)),
    "own_head": case(OWN_HEAD, *HEAD),
}
GPT2_CASES = {
    "plain": case({}, *HEAD),
    "untied": case({"tie_word_embeddings": False}),
    "null_inner": case({"n_inner": None, "n_ctx": 64, "tie_word_embeddings": False}),
    "aliases": case(
        {
            "n_embd": None,
            "hidden_size": 32,
            "n_layer": None,
            "num_hidden_layers": 2,
            "n_head": None,
            "num_attention_heads": 4,
            "n_positions": None,
            "max_position_embeddings": 64,
        },
        *HEAD,
    ),
    "gelu_fast": case({"activation_function": "gelu_fast"}, *HEAD),
}
FALCON_CASES = {
    "plain": case({}, *HEAD),
    "untied": case({"tie_word_embeddings": False}),
    "linear": case(rope(rope_type="linear", factor=2.0), *HEAD),
    "theta": case({"rope_theta": 500.0, "num_kv_heads": 4}, *HEAD),
}
CASES = {
    "llama": {
        "llama": (LLAMA, LLAMA_CASES),
        "mistral": (MISTRAL, MISTRAL_CASES),
    },
    "qwen2": {"qwen2": (QWEN2, QWEN2_CASES)},
    "gpt_neox": {"gpt_neox": (NEOX, NEOX_CASES)},
    "gpt2": {"gpt2": (GPT2, GPT2_CASES)},
    "opt": {"opt": (OPT, {"plain": case({}, *HEAD)})},
    "falcon": {"falcon": (FALCON, FALCON_CASES)},
    "bloom": {"bloom": (BLOOM, {"plain": case({}, *HEAD)})},
} | all_configs()


def changed(config, change):
    """Keys that a change sets to null and the base has go away: they are another spelling."""
    merged = config | change
    return {k: v for k, v in merged.items() if not (v is None and k in config)}


def write_weights(config, path: Path) -> None:
    torch.manual_seed(0)
    own = hf.AutoConfig.for_model(**changed(config, {"tie_word_embeddings": False}))
    model = hf.AutoModelForCausalLM.from_config(own)
    generator = torch.Generator().manual_seed(20)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1 and "norm" not in name and "ln_" not in name:
            parameter.data = 0.2 * noise
        elif parameter.dim() == 1:
            parameter.data = (1.0 if name.endswith("weight") else 0.0) + 0.2 * noise
        else:
            # Attention that looks somewhere: positions must matter.
            parameter.data = 2.0 * noise / parameter.shape[-1] ** 0.5
    save_file(stored_tensors(model.to(torch.bfloat16)), path, {"format": "pt"})
    path.chmod(0o644)


def stored_tensors(model) -> dict:
    """Under the names of memory; of a mixture, whose experts are one tensor there, of files."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    if not any(".experts." in name for name in state):
        return state
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(Path(folder) / "model.safetensors")


def expect(config, weights: Path) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        shutil.copy(weights, Path(folder) / "model.safetensors")
        model = hf.AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        ).eval()
        ids = torch.tensor([IDS])
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits[0].double()
    nll = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:])
    shown = [float(f"{value:.9g}") for value in logits[-1][:16].tolist()]
    return {"nll": nll.item(), "logits": shown}


def write_family(family: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    weights = out / f"{family}.safetensors"
    variants = []
    for model_type, (base, cases) in CASES[family].items():
        if not variants:
            write_weights(base, weights)
        for name, (change, remarks, cached) in cases.items():
            config = changed(base, change)
            print(family, model_type, name, flush=True)
            head = {"name": f"{model_type}_{name}", "config": config, "remarks": remarks}
            if not cached:
                head["cached"] = False
            variants.append(head | expect(config, weights))
    text = ",\n".join(json.dumps(variant) for variant in variants)
    (out / f"{family}.json").write_text(f'{{"ids": {json.dumps(IDS)}, "variants": [\n{text}\n]}}\n')


def main(arguments: list[str]) -> None:
    for family in arguments[1:] or CASES:
        write_family(family, Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
