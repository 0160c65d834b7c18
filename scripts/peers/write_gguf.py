"""Writes a Hugging Face directory of the LLaMA family as an F32 or BF16 GGUF without a tokenizer.

llama.cpp is compared on the same weights in the same type: every matrix is stored in the asked type,
norms in F32, as llama.cpp's own converter does.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors import safe_open

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def gguf_name(name: str) -> str:
    """The name that llama.cpp gives to a tensor of transformers."""
    if name in OUTER:
        return OUTER[name]
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def interleave(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring elements, transformers the two halves of a head."""
    rows, columns = weight.shape
    return (
        weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )


def write_metadata(writer: gguf.GGUFWriter, config: dict) -> None:
    """What llama.cpp needs to run the model on token numbers."""
    heads = config["num_attention_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config.get("rope_parameters") or config
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")


def convert(folder: Path, out: Path, dtype: str) -> None:
    """Writes `out` from the model directory."""
    config = json.loads((folder / "config.json").read_text())
    kind = {"fp32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16}[dtype]
    writer = gguf.GGUFWriter(out, "llama")
    write_metadata(writer, config)
    heads = {
        "self_attn.q_proj": config["num_attention_heads"],
        "self_attn.k_proj": config["num_key_value_heads"],
    }
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a dictionary
                weight = tensors.get_tensor(name).float().numpy()
                for part, count in heads.items():
                    if part in name:
                        weight = np.ascontiguousarray(interleave(weight, count))
                stored = kind if weight.ndim == 2 else gguf.GGMLQuantizationType.F32
                data = gguf.quants.quantize(weight, stored)
                writer.add_tensor(gguf_name(name), data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtype", choices=["fp32", "bf16"], required=True)
    options = parser.parse_args()
    convert(options.model, options.out, options.dtype)


if __name__ == "__main__":
    main()
