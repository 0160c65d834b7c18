"""A small GGUF file of the llama family, written as llama.cpp's converter does."""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from tokenizers import pre_tokenizers

WIDTH, HEADS, KV_HEADS, FFN, LAYERS = 64, 4, 2, 32, 2
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
TOKENS = ["<|endoftext|>", *ALPHABET, "ab", "<tool>"]
KINDS = [TokenType.CONTROL, *[TokenType.NORMAL] * (len(TOKENS) - 2), TokenType.USER_DEFINED]
METADATA = {
    "general.name": "tiny",
    "general.file_type": 0,
    "llama.block_count": LAYERS,
    "llama.context_length": 128,
    "llama.embedding_length": WIDTH,
    "llama.feed_forward_length": FFN,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": KV_HEADS,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": KINDS,
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
}


def permute_as_gguf(weight: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to q and k, written with loops."""
    rows = weight.shape[0]
    size = rows // heads
    result = np.empty_like(weight)
    for head in range(heads):
        for i in range(size // 2):
            result[head * size + 2 * i] = weight[head * size + i]
            result[head * size + 2 * i + 1] = weight[head * size + size // 2 + i]
    return result


def tensors(head_size: int = WIDTH // HEADS, width: int = WIDTH) -> dict[str, np.ndarray]:
    """In GGUF's names and order of rows."""
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32) / 4

    q, kv = HEADS * head_size, KV_HEADS * head_size
    made = {"token_embd.weight": draw(len(TOKENS), width), "output_norm.weight": 1 + draw(width)}
    for layer in range(LAYERS):
        made |= {
            f"blk.{layer}.attn_norm.weight": 1 + draw(width),
            f"blk.{layer}.attn_q.weight": draw(q, width),
            f"blk.{layer}.attn_k.weight": draw(kv, width),
            f"blk.{layer}.attn_v.weight": draw(kv, width),
            f"blk.{layer}.attn_output.weight": draw(width, q),
            f"blk.{layer}.ffn_norm.weight": 1 + draw(width),
            f"blk.{layer}.ffn_gate.weight": draw(FFN, width),
            f"blk.{layer}.ffn_up.weight": draw(FFN, width),
            f"blk.{layer}.ffn_down.weight": draw(width, FFN),
        }
    return made


def _add_key(writer: GGUFWriter, key: str, value) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    else:
        writer.add_array(key, value)


def write_gguf(
    path: Path,
    metadata: dict | None = None,
    weights: dict[str, np.ndarray] | None = None,
    quantised: dict[str, GGMLQuantizationType] | None = None,
    architecture: str = "llama",
) -> Path:
    """`metadata` over the usual keys, None removes one; `quantised`: weights that are bytes."""
    writer = GGUFWriter(str(path), architecture)
    for key, value in (METADATA | (metadata or {})).items():
        if value is not None:
            _add_key(writer, key, value)
    for name, weight in (tensors() if weights is None else weights).items():
        writer.add_tensor(name, weight, raw_dtype=(quantised or {}).get(name))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
