"""Phi-1 and Phi-2: parallel residual with one norm, partial rotary positions, biased head."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 32,
}
MODELS = {
    "phi": hf.PhiConfig(**SMALL),
    "phi_grouped": hf.PhiConfig(
        **SMALL
        | {
            "num_key_value_heads": 2,
            "hidden_act": "relu",
            "rope_parameters": {
                "rope_type": "linear",
                "rope_theta": 500.0,
                "factor": 2.0,
                "partial_rotary_factor": 0.34,
            },
        }
    ),
}
GRADIENTS = ["phi"]

BASE = {
    "model_type": "phi",
    "architectures": ["PhiForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
}
CASES = {
    "plain": case({}),
    "partial": case({"partial_rotary_factor": 0.75, "rope_theta": 500.0}),
    "partial_inside": case(rope(rope_type="default", partial_rotary_factor=1.0)),
    "nulls": case({"num_key_value_heads": None, "qk_layernorm": False, "rope_scaling": None}),
    "linear": case({"rope_scaling": {"type": "linear", "factor": 3.0}}),
    "dynamic_within": case({"rope_scaling": {"type": "dynamic", "factor": 3.0}}),
    "dynamic_beyond": case(
        {
            "rope_scaling": {"type": "dynamic", "factor": 3.0},
            "partial_rotary_factor": 0.5,
            "max_position_embeddings": 20,
        },
        cached=False,
    ),
    "eps": case({"layer_norm_eps": 1e-2}),
    "gelu": case({"hidden_act": "gelu"}),
}
CONFIGS = {"phi": (BASE, CASES)}
