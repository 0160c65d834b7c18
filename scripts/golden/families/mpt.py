"""MPT: ALiBi, layer norms without biases."""

import transformers as hf

from families import CONFIG_VOCAB, MODEL_VOCAB, case

HEAD = "the file holds a head that differs"
SMALL = {"vocab_size": MODEL_VOCAB, "d_model": 48, "n_layers": 2, "max_seq_len": 32}
MODELS = {
    "mpt": hf.MptConfig(**SMALL, n_heads=4),
    "mpt_six_heads": hf.MptConfig(
        **SMALL,
        n_heads=6,
        layer_norm_epsilon=1e-3,
        tie_word_embeddings=False,
        attn_config={"softmax_scale": 0.25},
    ),
}
GRADIENTS = ["mpt"]

BASE = {
    "model_type": "mpt",
    "architectures": ["MPTForCausalLM"],
    "vocab_size": CONFIG_VOCAB,
    "d_model": 36,
    "n_layers": 2,
    "n_heads": 6,
    "max_seq_len": 64,
    "tie_word_embeddings": False,
}


def attention(**keys):
    return {"attn_config": keys}


CASES = {
    "plain": case({}),
    "tied": case({"tie_word_embeddings": True}, HEAD),
    "scaled": case(attention(softmax_scale=0.3)),
    "as_published": case(
        attention(
            alibi=True,
            alibi_bias_max=8,
            attn_impl="torch",
            attn_pdrop=0,
            attn_type="multihead_attention",
            attn_uses_sequence_id=False,
            clip_qkv=None,
            prefix_lm=False,
            qk_ln=False,
            softmax_scale=None,
        )
        | {
            "emb_pdrop": 0,
            "embedding_fraction": 1.0,
            "expansion_ratio": 4,
            "init_device": "cpu",
            "learned_pos_emb": True,
            "logit_scale": None,
            "no_bias": True,
            "norm_type": "low_precision_layernorm",
            "resid_pdrop": 0,
            "verbose": 0,
        }
    ),
    "clip": case(attention(clip_qkv=1.1)),
    "clip_zero": case(attention(clip_qkv=0.0)),
    "eps": case({"layer_norm_epsilon": 1e-2}),
}
CONFIGS = {"mpt": (BASE, CASES)}
