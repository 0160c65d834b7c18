"""GGUF files of architecture "llama"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay_tools.errors import InputError
from assay_tools.gguf_family import GgufFamily
from assay_tools.gguf_metadata import HARMLESS, READ, Metadata, only, shortest
from assay_tools.gguf_rope import rope_scaling
from assay_tools.gguf_tokenizer import write_tokenizer

_LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_ROPE_FACTORS = "rope_freqs.weight"

RULES = {
    "block_count": READ,
    "context_length": READ,
    "embedding_length": READ,
    "feed_forward_length": READ,
    "vocab_size": READ,
    "attention.head_count": READ,
    "attention.head_count_kv": READ,
    "attention.key_length": READ,
    "attention.value_length": READ,
    "attention.layer_norm_rms_epsilon": READ,
    "attention.sliding_window": READ,
    "rope.dimension_count": READ,
    "rope.freq_base": READ,
    "rope.scale_linear": READ,
    "rope.scaling.type": only("none", "linear"),
    "rope.scaling.factor": READ,
    # Only YaRN asks for it.
    "rope.scaling.original_context_length": HARMLESS,
    "rope.scaling.finetuned": HARMLESS,
    "rope.scaling.attn_factor": only(1.0),
    # Neutral values of what other models of this architecture's programs have.
    "attention.causal": only(True),
    "attention.clamp_kqv": only(0.0),
    "attention.max_alibi_bias": only(0.0),
    "attention.scale": only(0.0),
    "attn_logit_softcapping": only(0.0),
    "final_logit_softcapping": only(0.0),
    "logit_scale": only(0.0, 1.0),
    "embedding_scale": only(0.0, 1.0),
    "residual_scale": only(0.0, 1.0),
    "expert_count": only(0),
    "expert_used_count": only(0),
    "leading_dense_block_count": only(0),
    "nextn_predict_layers": only(0),
    "pooling_type": only(0),
    "tensor_data_layout": only("Meta AI original pth"),
    "use_parallel_residual": only(False),
}


def _head_size(metadata: Metadata, width: int, heads: int) -> int:
    if "attention.key_length" not in metadata and width % heads != 0:
        metadata.fail("attention.head_count", heads, f"a divisor of the width {width}")
    size = metadata.count("attention.key_length", width // heads)
    if size % 2 != 0:
        raise InputError(f"{metadata.path}: a head has size {size} by the metadata; allowed: even")
    for key in ("attention.value_length", "rope.dimension_count"):
        found = metadata.count(key, size)
        if found != size:
            metadata.fail(key, found, f"the size of a head, {size}")
    return size


def _positions(metadata: Metadata) -> int:
    positions = metadata.count("context_length")
    window = metadata.get("attention.sliding_window", 0)
    if window and window < positions:
        metadata.fail(
            "attention.sliding_window", window, f"0, or at least the context of {positions}"
        )
    return positions


def _vocabulary_size(metadata: Metadata) -> int:
    tokens = len(metadata.need("tokenizer.ggml.tokens"))
    said = metadata.count("vocab_size", tokens)
    if said != tokens:
        metadata.fail("vocab_size", said, f"the number of tokens, {tokens}")
    return tokens


def model_config(
    metadata: Metadata, tied: bool, tensors: dict[str, np.ndarray]
) -> dict[str, Any]:
    """config.json of the llama family."""
    heads = metadata.count("attention.head_count")
    width = metadata.count("embedding_length")
    head_size = _head_size(metadata, width, heads)
    theta = shortest(metadata.get("rope.freq_base", 10000.0))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        "head_dim": head_size,
        "hidden_act": "silu",
        "hidden_size": width,
        "initializer_range": 0.02,
        "intermediate_size": metadata.count("feed_forward_length"),
        "max_position_embeddings": _positions(metadata),
        "mlp_bias": False,
        "num_attention_heads": heads,
        "num_hidden_layers": metadata.count("block_count"),
        "num_key_value_heads": metadata.count("attention.head_count_kv", heads),
        "rms_norm_eps": shortest(metadata.need("attention.layer_norm_rms_epsilon")),
        "rope_scaling": rope_scaling(metadata, tensors.get(_ROPE_FACTORS), theta, head_size),
        "rope_theta": theta,
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "use_cache": True,
        "vocab_size": _vocabulary_size(metadata),
    }


def unpermute_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k from GGUF's interleaved pairs back to two halves a head."""
    rows, columns = weight.shape
    half = rows // heads // 2
    return weight.reshape(heads, half, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensor_name(gguf_name: str, config: dict[str, Any]) -> str | None:
    """Hugging Face name of a tensor, or nothing for one that the family does not have."""
    if gguf_name in _TOP_TENSORS:
        return _TOP_TENSORS[gguf_name]
    parts = gguf_name.split(".")
    if len(parts) != 4 or (parts[0], parts[3]) != ("blk", "weight") or not parts[1].isdecimal():
        return None
    if int(parts[1]) >= config["num_hidden_layers"] or parts[2] not in _LAYER_TENSORS:
        return None
    return f"model.layers.{int(parts[1])}.{_LAYER_TENSORS[parts[2]]}.weight"


def tensor_shapes(config: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
    """Names in GGUF and shapes of the tensors that a model of the family consists of."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    embedding = [config["vocab_size"], width]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    shapes = {
        "attn_norm": [width],
        "attn_q": [queries, width],
        "attn_k": [keys, width],
        "attn_v": [keys, width],
        "attn_output": [width, queries],
        "ffn_norm": [width],
        "ffn_gate": [inner, width],
        "ffn_up": [inner, width],
        "ffn_down": [width, inner],
    }
    yield "token_embd.weight", embedding
    yield "output_norm.weight", [width]
    if not config["tie_word_embeddings"]:
        yield "output.weight", embedding
    for layer in range(config["num_hidden_layers"]):
        yield from ((f"blk.{layer}.{name}.weight", shape) for name, shape in shapes.items())


def restored(gguf_name: str, values: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    parts = gguf_name.split(".")
    if parts[0] != "blk" or parts[2] not in heads:
        return values
    return unpermute_rotary(values, heads[parts[2]])


FAMILY = GgufFamily(
    rules=RULES,
    config=model_config,
    shapes=tensor_shapes,
    hugging_face_name=tensor_name,
    restored=restored,
    tokenizers={"gpt2": write_tokenizer},
    in_config=frozenset({_ROPE_FACTORS}),
)
