"""Phi-3: fused q k v and gate up, windows, LongRoPE on both sides of the original length."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 80,
    "max_position_embeddings": 64,
    "pad_token_id": None,
}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 500.0,
    "short_factor": [1.0, 1.1, 1.3, 2.0],
    "long_factor": [1.0, 2.5, 4.0, 6.0],
}

MODELS = {
    "phi3": hf.Phi3Config(**SMALL),
    "phi3_long": hf.Phi3Config(
        **SMALL
        | {
            "original_max_position_embeddings": 32,
            "rope_parameters": LONG | {"rope_theta": 10000.0},
        }
    ),
    "phi3_long_partial": hf.Phi3Config(
        **SMALL
        | {
            "num_attention_heads": 4,
            "original_max_position_embeddings": 24,
            "rope_parameters": LONG | {"partial_rotary_factor": 0.67},
            "sliding_window": 7,
        }
    ),
}
GRADIENTS = ["phi3_long"]

BASE = {
    "model_type": "phi3",
    "architectures": ["Phi3ForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "original_max_position_embeddings": 96,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
}
SHORT, LONGER = [1.0, 1.2, 1.5, 3.0], [1.0, 2.0, 5.0, 9.0]
FACTORS = {"short_factor": SHORT, "long_factor": LONGER}
MIXED = {"original_max_position_embeddings": 32}
FAR = {"original_max_position_embeddings": 64}


def long(**more):
    return rope(rope_type="longrope", **FACTORS, **more)


CASES = {
    "plain": case({}),
    "own_head": case({"tie_word_embeddings": True}, "the file holds a head that differs"),
    "theta": case({"rope_theta": 500.0}),
    "window": case({"sliding_window": 7}),
    "window_null": case({"sliding_window": None}),
    "partial": case({"partial_rotary_factor": 0.75}),
    "partial_inside": case(rope(rope_type="default", partial_rotary_factor=0.5)),
    "nulls": case({"rope_scaling": None, "attention_bias": False, "num_key_value_heads": 2}),
    "older_keys": case(
        {
            "rope_scaling": None,
            "full_attn_mod": 1,
            "interpolate_factor": 1,
            "lm_head_bias": False,
            "mlp_bias": False,
            "attention_bias": False,
            "embd_pdrop": 0.0,
        }
    ),
    "long_short": case(long() | FAR),
    "long_beyond": case(long() | MIXED, cached=False),
    "long_equal_lengths": case(long()),
    "long_old": case({"rope_scaling": {"type": "longrope", **FACTORS}, **FAR}),
    "long_su": case({"rope_scaling": {"type": "su", **FACTORS, **FAR}, **FAR}),
    "long_yarn": case({"rope_scaling": {"type": "yarn", **FACTORS}, **MIXED}, cached=False),
    "long_twice": case(
        long(original_max_position_embeddings=64) | MIXED,
        "'rope_parameters.original_max_position_embeddings' is 64",
        cached=False,
    ),
    "long_default": case(
        long(original_max_position_embeddings=32) | {"original_max_position_embeddings": None},
        "'rope_parameters.original_max_position_embeddings' is 32",
    ),
    "long_factor": case(long(factor=4.0) | FAR),
    "long_attention_factor": case(long(attention_factor=1.3) | FAR),
    "long_partial": case(
        {
            "partial_rotary_factor": 0.75,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": SHORT[:3],
                "long_factor": LONGER[:3],
            },
            **FAR,
        }
    ),
}
CONFIGS = {"phi3": (BASE, CASES)}
