"""Gemma: scaled embeddings, norms that multiply by one more than their weight."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 12,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
}
MODELS = {
    "gemma": hf.GemmaConfig(**SMALL),
    "gemma_untied": hf.GemmaConfig(
        **SMALL
        | {
            "num_key_value_heads": 4,
            "attention_bias": True,
            "tie_word_embeddings": False,
            "hidden_act": "gelu",
        }
    ),
}
GRADIENTS = ["gemma"]

BASE = {
    "model_type": "gemma",
    "architectures": ["GemmaForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 40,
    "max_position_embeddings": 96,
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "theta": case({"rope_theta": 500.0}),
    "eps": case({"rms_norm_eps": 1e-2}),
    "silu": case({"hidden_act": "silu"}),
    "hub": case({"hidden_act": "gelu", "hidden_activation": None}),
    "hub_activation": case({"hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh"}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
    "own_head": case(
        {"tie_word_embeddings": True}, "the file holds a head that differs"
    ),
}
CONFIGS = {"gemma": (BASE, CASES)}
