"""Mixtral: mixtures of experts, whose shares add up to 1."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 32,
    "num_local_experts": 4,
}
MODELS = {
    "mixtral": hf.MixtralConfig(**SMALL),
    "mixtral_window_top1_tied": hf.MixtralConfig(
        **SMALL
        | {
            "num_attention_heads": 5,
            "num_key_value_heads": 1,
            "num_local_experts": 3,
            "num_experts_per_tok": 1,
            "sliding_window": 7,
            "tie_word_embeddings": True,
        }
    ),
}
GRADIENTS = ["mixtral"]

BASE = {
    "model_type": "mixtral",
    "architectures": ["MixtralForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 96,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "top_1": case({"num_experts_per_tok": 1}),
    "top_3": case({"num_experts_per_tok": 3}),
    "all_experts": case({"num_experts_per_tok": 4}),
    "absent_top_k": case({"num_experts_per_tok": None}),
    "window": case({"sliding_window": 7}),
    "window_null": case({"sliding_window": None}),
    "theta": case({"rope_theta": 500.0}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
    "gelu": case({"hidden_act": "gelu"}),
    "training": case(
        {
            "router_aux_loss_coef": 0.02,
            "router_jitter_noise": 0.1,
            "output_router_logits": False,
        }
    ),
    "own_head": case({"tie_word_embeddings": True}, "the file holds a head that differs"),
}
CONFIGS = {"mixtral": (BASE, CASES)}
