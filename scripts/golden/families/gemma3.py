"""Gemma 3, text: norms of heads, and layers with a window that rotate by another base."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
    "sliding_window": 7,
    "query_pre_attn_scalar": 10,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}


def ropes(full, sliding):
    return {"rope_parameters": {"full_attention": full, "sliding_attention": sliding}}


MODELS = {
    "gemma3": hf.Gemma3TextConfig(**SMALL),
    "gemma3_untied_scaled": hf.Gemma3TextConfig(
        **SMALL
        | ropes(
            {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0},
            {"rope_type": "default", "rope_theta": 30.0},
        )
        | {
            "num_key_value_heads": 1,
            "attention_bias": True,
            "tie_word_embeddings": False,
            "final_logit_softcapping": 3.0,
        }
    ),
}
GRADIENTS = ["gemma3"]

BASE = {
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
    "sliding_window": 7,
}
CASES = {
    "plain": case({}),
    "pattern": case({"sliding_window_pattern": 2}),
    "layer_types": case(
        {"layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    ),
    "hub": case(
        {
            "sliding_window_pattern": 2,
            "rope_theta": 1000000,
            "rope_local_base_freq": 10000,
            "rope_scaling": None,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "cache_implementation": "hybrid",
        }
    ),
    "bases": case({"sliding_window_pattern": 2, "rope_theta": 77.0, "rope_local_base_freq": 9.0}),
    "scaling_old": case(
        {
            "sliding_window_pattern": 2,
            "rope_theta": 500.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        }
    ),
    "both_scaled": case(
        {"sliding_window_pattern": 2}
        | ropes(
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24},
            {"rope_type": "linear", "rope_theta": 30.0, "factor": 2.0},
        )
    ),
    "base_inside_and_beside": case(
        {"sliding_window_pattern": 2, "rope_local_base_freq": 9.0}
        | ropes({"rope_theta": 77.0}, {"rope_type": "default"})
    ),
    "cap": case({"final_logit_softcapping": 1.5}),
    "scalar": case({"query_pre_attn_scalar": 3}),
}
CONFIGS = {"gemma3_text": (BASE, CASES)}
