"""StableLM: layer norms, partial rotary positions, gated FFN; parallel residual or not."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 80,
    "max_position_embeddings": 32,
}
MODELS = {
    "stablelm": hf.StableLmConfig(**SMALL | {"hidden_size": 64}),
    "stablelm_parallel": hf.StableLmConfig(
        **SMALL
        | {
            "num_key_value_heads": 2,
            "use_qkv_bias": True,
            "use_parallel_residual": True,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 500.0,
                "partial_rotary_factor": 0.5,
            },
        }
    ),
}
GRADIENTS = ["stablelm_parallel"]

BASE = {
    "model_type": "stablelm",
    "architectures": ["StableLmForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "partial": case({"partial_rotary_factor": 0.75, "rope_theta": 500.0}),
    "partial_inside": case(rope(rope_type="default", partial_rotary_factor=1.0)),
    "switched_off": case({"use_qkv_bias": False, "qk_layernorm": False, "rope_scaling": None}),
    "eps": case({"layer_norm_eps": 1e-2}),
    "dynamic_beyond": case(
        {
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
            "partial_rotary_factor": 0.5,
            "max_position_embeddings": 20,
        },
        cached=False,
    ),
    "own_head": case({"tie_word_embeddings": True}, "the file holds a head that differs"),
}
CONFIGS = {"stablelm": (BASE, CASES)}
