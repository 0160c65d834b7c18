"""OLMoE: mixtures of experts, norms over all heads of q and k, then bounds on q, k and v."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "num_experts": 6,
    "num_experts_per_tok": 3,
}
MODELS = {
    "olmoe": hf.OlmoeConfig(**SMALL),
    "olmoe_clipped_gqa": hf.OlmoeConfig(
        **SMALL
        | {
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "clip_qkv": 0.8,
            "attention_bias": True,
            "norm_topk_prob": True,
            "tie_word_embeddings": True,
        }
    ),
}
GRADIENTS = ["olmoe_clipped_gqa"]

BASE = {
    "model_type": "olmoe",
    "architectures": ["OlmoeForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 96,
    "num_experts": 5,
    "num_experts_per_tok": 3,
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "normed": case({"norm_topk_prob": True}),
    "top_1": case({"num_experts_per_tok": 1}),
    "other_name": case({"num_experts": None, "num_local_experts": 5}),
    "clip": case({"clip_qkv": 0.9}),
    "clip_null": case({"clip_qkv": None}),
    "eps": case({"rms_norm_eps": 1e-2}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
    "own_head": case({"tie_word_embeddings": True}, "the file holds a head that differs"),
}
CONFIGS = {"olmoe": (BASE, CASES)}
