"""SmolLM3: layers whose heads do not rotate."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
    "pad_token_id": None,
}
MODELS = {
    "smollm3": hf.SmolLM3Config(**SMALL),
    "smollm3_untied_windows": hf.SmolLM3Config(
        **SMALL
        | {
            "num_hidden_layers": 3,
            "no_rope_layers": [0, 1, 0],
            "use_sliding_window": True,
            "sliding_window": 7,
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": False,
        }
    ),
}
GRADIENTS = ["smollm3_untied_windows"]

BASE = {
    "model_type": "smollm3",
    "architectures": ["SmolLM3ForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
}
CASES = {
    "plain": case({}),
    "interval": case({"no_rope_layer_interval": 2}),
    "list": case({"no_rope_layers": [1, 0, 0, 1]}),
    "list_beside_interval": case({"no_rope_layers": [1, 0, 0, 1], "no_rope_layer_interval": 2}),
    "theta": case({"rope_theta": 500.0}),
    "window": case({"use_sliding_window": True, "sliding_window": 7, "no_rope_layer_interval": 2}),
    "window_off": case({"use_sliding_window": False, "sliding_window": 7}),
    "layer_types": case(
        {
            "use_sliding_window": True,
            "sliding_window": 7,
            "layer_types": ["full_attention", "sliding_attention"] * 2,
        }
    ),
    "yarn": case(rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=24)),
}
CONFIGS = {"smollm3": (BASE, CASES)}
