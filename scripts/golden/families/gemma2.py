"""Gemma 2: norms around each block, capped scores and logits, windows in every other layer."""

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
    "sliding_window": 7,
    "query_pre_attn_scalar": 10,
    "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 3.0,
}
MODELS = {
    "gemma2": hf.Gemma2Config(**SMALL),
    "gemma2_untied_uncapped": hf.Gemma2Config(
        **SMALL
        | {
            "num_hidden_layers": 2,
            "num_key_value_heads": 1,
            "attention_bias": True,
            "tie_word_embeddings": False,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "layer_types": ["full_attention", "sliding_attention"],
        }
    ),
}
GRADIENTS = ["gemma2"]

BASE = {
    "model_type": "gemma2",
    "architectures": ["Gemma2ForCausalLM"],
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
CASES = {
    "plain": case({}),
    "window": case({"sliding_window": 7}),
    "layer_types": case(
        {
            "sliding_window": 5,
            "layer_types": ["full_attention", "full_attention", "sliding_attention"],
        }
    ),
    "caps": case({"attn_logit_softcapping": 0.5, "final_logit_softcapping": 1.5}),
    "no_caps": case({"attn_logit_softcapping": None, "final_logit_softcapping": None}),
    "scalar": case({"query_pre_attn_scalar": 3}),
    "silu": case({"hidden_activation": "silu"}),
    "hub": case({"hidden_act": "gelu_pytorch_tanh", "cache_implementation": "hybrid"}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
}
CONFIGS = {"gemma2": (BASE, CASES)}
