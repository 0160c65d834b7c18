"""Qwen3 MoE: mixtures of experts beside plain layers, RMS norms over each head of q and k."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 56,
    "moe_intermediate_size": 24,
    "max_position_embeddings": 32,
    "num_experts": 6,
    "num_experts_per_tok": 2,
}
MODELS = {
    "qwen3_moe": hf.Qwen3MoeConfig(**SMALL | {"norm_topk_prob": True}),
    "qwen3_moe_mixed_tied": hf.Qwen3MoeConfig(
        **SMALL
        | {
            "num_key_value_heads": 4,
            "attention_bias": True,
            "num_experts_per_tok": 3,
            "decoder_sparse_step": 2,
            "tie_word_embeddings": True,
            "use_sliding_window": True,
            "sliding_window": 7,
        }
    ),
}
GRADIENTS = ["qwen3_moe", "qwen3_moe_mixed_tied"]

BASE = {
    "model_type": "qwen3_moe",
    "architectures": ["Qwen3MoeForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 40,
    "moe_intermediate_size": 16,
    "max_position_embeddings": 96,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "mlp_only_layers": [0, 2],
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "normed": case({"norm_topk_prob": True}),
    "top_1": case({"num_experts_per_tok": 1}),
    "top_1_normed": case({"num_experts_per_tok": 1, "norm_topk_prob": True}),
    "other_name": case({"num_experts": None, "num_local_experts": 5}),
    "every_second": case({"mlp_only_layers": None, "decoder_sparse_step": 2}),
    "listed_beyond_the_end": case({"mlp_only_layers": [2, 0, 7]}),
    "window_switched_off": case({"sliding_window": 7, "max_window_layers": 1}),
    "window": case({"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}),
    "window_null": case({"use_sliding_window": True, "sliding_window": None}),
    "theta": case({"rope_theta": 1000000}),
    "yarn": case(rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=24)),
    "own_head": case({"tie_word_embeddings": True}, "the file holds a head that differs"),
}
CONFIGS = {"qwen3_moe": (BASE, CASES)}
