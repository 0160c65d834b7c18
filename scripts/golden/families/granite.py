"""Granite: multipliers of embeddings, scores, residuals and logits."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
    "embedding_multiplier": 12.0,
    "attention_multiplier": 0.2,
    "residual_multiplier": 0.22,
    "logits_scaling": 8.0,
}
MODELS = {
    "granite": hf.GraniteConfig(**SMALL),
    "granite_biased_tied": hf.GraniteConfig(
        **SMALL
        | {
            "num_key_value_heads": 6,
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
            "logits_scaling": 0.3,
        }
    ),
}
GRADIENTS = ["granite"]

BASE = {
    "model_type": "granite",
    "architectures": ["GraniteForCausalLM"],
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
    "embedding": case({"embedding_multiplier": 12}),
    "attention": case({"attention_multiplier": 0.015625}),
    "residual": case({"residual_multiplier": 0.22}),
    "logits": case({"logits_scaling": 7.0}),
    "theta": case(rope(rope_type="default", rope_theta=500.0)),
}
CONFIGS = {"granite": (BASE, CASES)}
