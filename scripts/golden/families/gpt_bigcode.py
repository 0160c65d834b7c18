"""SantaCoder and StarCoder: GPT-2 with one key/value head, or rows of a head that lie together."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case

HEAD = "the file holds a head that differs"
SMALL = {"vocab_size": MODEL_VOCAB, "n_positions": 32, "n_embd": 40, "n_layer": 2, "n_head": 5}
MODELS = {
    "gpt_bigcode": hf.GPTBigCodeConfig(**SMALL),
    "gpt_bigcode_many": hf.GPTBigCodeConfig(
        **SMALL,
        multi_query=False,
        n_inner=72,
        activation_function="relu",
        tie_word_embeddings=False,
        scale_attn_weights=False,
    ),
}
GRADIENTS = ["gpt_bigcode"]

BASE = {
    "model_type": "gpt_bigcode",
    "architectures": ["GPTBigCodeForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "tie_word_embeddings": False,
}
CASES = {
    "plain": case({}),
    "tied": case({"tie_word_embeddings": True}, HEAD),
    "softmax": case(
        {"attention_softmax_in_fp32": False, "scale_attention_softmax_in_fp32": False}
    ),
    "not_scaled": case({"scale_attn_weights": False}),
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
    "as_published": case(
        {
            "inference_runner": 0,
            "max_batch_size": None,
            "max_sequence_length": None,
            "n_inner": 128,
            "pad_key_length": True,
            "pre_allocate_kv_cache": False,
            "summary_type": "cls_index",
            "validate_runner_input": True,
        }
    ),
    "eps": case({"layer_norm_epsilon": 1e-2}),
}
CONFIGS = {"gpt_bigcode": (BASE, CASES)}
