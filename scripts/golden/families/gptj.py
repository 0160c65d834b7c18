"""GPT-J: rotary positions that turn neighbours, parallel residual, a head with a bias."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case

SMALL = {"vocab_size": MODEL_VOCAB, "n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 32}
MODELS = {
    "gptj": hf.GPTJConfig(**SMALL, rotary_dim=8),
    "gptj_whole_heads": hf.GPTJConfig(
        **SMALL | {"n_layer": 3, "n_head": 6},
        rotary_dim=8,
        n_inner=72,
        activation_function="relu",
        layer_norm_epsilon=1e-3,
    ),
}
GRADIENTS = ["gptj"]

BASE = {
    "model_type": "gptj",
    "architectures": ["GPTJForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 96,
    "rotary_dim": 4,
}
CASES = {
    "plain": case({}),
    "whole_heads": case({"rotary_dim": 8}),
    "one_pair": case({"rotary_dim": 2}),
    "null_inner": case({"n_inner": None, "tie_word_embeddings": False, "scale_attn_weights": True}),
    "aliases": case(
        {
            "n_embd": None,
            "hidden_size": 32,
            "n_layer": None,
            "num_hidden_layers": 2,
            "n_head": None,
            "num_attention_heads": 4,
            "n_positions": None,
            "max_position_embeddings": 64,
        }
    ),
    "eps": case({"layer_norm_epsilon": 1e-2}),
    "gelu": case({"activation_function": "gelu"}),
}
CONFIGS = {"gptj": (BASE, CASES)}
