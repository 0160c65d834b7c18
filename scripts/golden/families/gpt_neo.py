"""GPT-Neo: learned positions, scores that are not scaled, local and global attention in turn."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case

HEAD = "the file holds a head that differs"
SMALL = {
    "vocab_size": MODEL_VOCAB,
    "hidden_size": 40,
    "num_heads": 5,
    "max_position_embeddings": 32,
}
MODELS = {
    "gpt_neo": hf.GPTNeoConfig(
        **SMALL, num_layers=2, attention_types=[[["global", "local"], 1]], window_size=5
    ),
    "gpt_neo_untied": hf.GPTNeoConfig(
        **SMALL | {"num_heads": 4},
        num_layers=3,
        attention_types=[[["local"], 2], [["global"], 1]],
        window_size=9,
        intermediate_size=72,
        activation_function="relu",
        tie_word_embeddings=False,
    ),
}
GRADIENTS = ["gpt_neo"]

BASE = {
    "model_type": "gpt_neo",
    "architectures": ["GPTNeoForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 6,
    "max_position_embeddings": 64,
}
CASES = {
    "plain": case({}, HEAD),
    "untied": case({"tie_word_embeddings": False}),
    "local": case({"attention_types": [[["local"], 2]], "tie_word_embeddings": False}),
    "global": case({"attention_types": [[["global"], 2]], "tie_word_embeddings": False}),
    "two_entries": case(
        {"attention_types": [[["local"], 1], [["global"], 1]], "tie_word_embeddings": False}
    ),
    "layers_named": case(
        {"attention_layers": ["global", "local"], "tie_word_embeddings": False}
    ),
    "wide_window": case({"window_size": 60, "tie_word_embeddings": False}),
    "default_window": case({"window_size": None, "tie_word_embeddings": False}),
    "aliases": case(
        {
            "num_layers": None,
            "num_hidden_layers": 2,
            "num_heads": None,
            "num_attention_heads": 4,
            "tie_word_embeddings": False,
        }
    ),
    "null_inner": case({"intermediate_size": None, "layer_norm_epsilon": 1e-2}, HEAD),
}
CONFIGS = {"gpt_neo": (BASE, CASES)}
