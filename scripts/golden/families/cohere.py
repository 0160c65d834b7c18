"""Command R: parallel residual, layer norms without biases, neighbours rotate, scaled logits."""

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
}
MODELS = {
    "cohere": hf.CohereConfig(**SMALL),
    "cohere_untied": hf.CohereConfig(
        **SMALL
        | {
            "num_key_value_heads": 6,
            "attention_bias": True,
            "tie_word_embeddings": False,
            "logit_scale": 0.7,
        }
    ),
}
GRADIENTS = ["cohere"]

BASE = {
    "model_type": "cohere",
    "architectures": ["CohereForCausalLM"],
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
    "scale": case({"logit_scale": 0.8}),
    "eps": case({"layer_norm_eps": 1e-2}),
    "theta": case({"rope_theta": 500.0}),
    "linear": case(rope(rope_type="linear", factor=3.0)),
    "no_qk_norm": case({"use_qk_norm": False}),
}
CONFIGS = {"cohere": (BASE, CASES)}
