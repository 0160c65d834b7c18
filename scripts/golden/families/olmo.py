"""OLMo: layer norms without weights, q, k and v within bounds."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
}
MODELS = {
    "olmo": hf.OlmoConfig(**SMALL),
    "olmo_clipped_gqa": hf.OlmoConfig(
        **SMALL
        | {
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "clip_qkv": 0.8,
            "attention_bias": True,
            "tie_word_embeddings": True,
        }
    ),
}
GRADIENTS = ["olmo_clipped_gqa"]

BASE = {
    "model_type": "olmo",
    "architectures": ["OlmoForCausalLM"],
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
    "clip": case({"clip_qkv": 1.1}),
    "clip_null": case({"clip_qkv": None}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
}
CONFIGS = {"olmo": (BASE, CASES)}
