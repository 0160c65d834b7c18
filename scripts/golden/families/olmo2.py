"""OLMo 2: RMS norms behind the blocks, and over all heads of q and k together."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case, rope

SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 72,
    "max_position_embeddings": 32,
    "pad_token_id": None,
}
MODELS = {
    "olmo2": hf.Olmo2Config(**SMALL),
    "olmo2_gqa_tied": hf.Olmo2Config(
        **SMALL
        | {
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "attention_bias": True,
            "tie_word_embeddings": True,
        }
    ),
}
GRADIENTS = ["olmo2_gqa_tied"]

BASE = {
    "model_type": "olmo2",
    "architectures": ["Olmo2ForCausalLM"],
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
    "theta": case({"rope_theta": 500000}),
    "eps": case({"rms_norm_eps": 1e-2}),
    "yarn": case(rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=24)),
}
CONFIGS = {"olmo2": (BASE, CASES)}
