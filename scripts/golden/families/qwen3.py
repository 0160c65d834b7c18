"""Qwen3: RMS norms over each head of q and k."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
}
MODELS = {
    "qwen3": hf.Qwen3Config(**SMALL),
    "qwen3_tied_window": hf.Qwen3Config(
        **SMALL
        | {
            "num_key_value_heads": 4,
            "attention_bias": True,
            "tie_word_embeddings": True,
            "use_sliding_window": True,
            "sliding_window": 7,
            "max_window_layers": 1,
        }
    ),
}
GRADIENTS = ["qwen3"]

BASE = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
}
WINDOW = {"use_sliding_window": True, "sliding_window": 7}
CASES = {
    "plain": case({}),
    "theta": case({"rope_theta": 1000000}),
    "eps": case({"rms_norm_eps": 1e-2}),
    "gelu": case({"hidden_act": "gelu"}),
    "switched_off": case({"sliding_window": 7, "max_window_layers": 1}),
    "window_null": case({"sliding_window": None, "use_sliding_window": True}),
    "from_second_layer": case(WINDOW | {"max_window_layers": 1}),
    "no_layer": case(WINDOW),
    "layer_types": case(
        WINDOW | {"layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    ),
    "yarn": case(rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=24)),
    "own_head": case(
        {"tie_word_embeddings": True}, "the file holds a head that differs"
    ),
}
CONFIGS = {"qwen3": (BASE, CASES)}
