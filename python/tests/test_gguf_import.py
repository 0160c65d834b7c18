import tempfile
import unittest
from pathlib import Path

import numpy as np
from assay_tools.gguf_import import convert_gguf, tensor_name, unpermute_rotary
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from tokenizers import Tokenizer, pre_tokenizers

_WIDTH, _HEADS, _KV_HEADS, _FFN = 64, 4, 2, 32


def _permute_as_gguf(weight: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to q and k, written with loops."""
    rows = weight.shape[0]
    size = rows // heads
    result = np.empty_like(weight)
    for head in range(heads):
        for i in range(size // 2):
            result[head * size + 2 * i] = weight[head * size + i]
            result[head * size + 2 * i + 1] = weight[head * size + size // 2 + i]
    return result


def _write_gguf(path: Path, q: np.ndarray, embedding: np.ndarray) -> None:
    writer = GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_FFN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", *alphabet, "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] + [TokenType.NORMAL] * (len(tokens) - 1))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    kind = GGMLQuantizationType.Q4_1
    writer.add_tensor("blk.0.attn_q.weight", quantize(q, kind), raw_dtype=kind)
    writer.add_tensor("token_embd.weight", embedding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Import(unittest.TestCase):
    def test_rotary_rows_are_put_back(self):
        weight = np.arange(_WIDTH * 8, dtype=np.float32).reshape(_WIDTH, 8)
        permuted = _permute_as_gguf(weight, _HEADS)
        self.assertFalse(np.array_equal(permuted, weight))
        np.testing.assert_array_equal(unpermute_rotary(permuted, _HEADS), weight)

    def test_names(self):
        self.assertEqual(
            tensor_name("blk.7.ffn_down.weight"), "model.layers.7.mlp.down_proj.weight"
        )
        self.assertIsNone(tensor_name("blk.7.ffn_gate_exps.weight"))

    def test_directory(self):
        random = np.random.default_rng(0)
        q = random.standard_normal((_WIDTH, _WIDTH), dtype=np.float32)
        embedding = random.standard_normal((258, _WIDTH), dtype=np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.gguf"
            _write_gguf(path, _permute_as_gguf(q, _HEADS), embedding)
            parameters = convert_gguf(path, Path(folder))
            tensors = load_file(Path(folder) / "model.safetensors")
            tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.assertEqual(parameters, _WIDTH * _WIDTH + 258 * _WIDTH)
        np.testing.assert_array_equal(tensors["model.embed_tokens.weight"], embedding)
        kind = GGMLQuantizationType.Q4_1
        rounded = dequantize(quantize(q, kind), kind).reshape(_WIDTH, _WIDTH)
        found = tensors["model.layers.0.self_attn.q_proj.weight"]
        np.testing.assert_array_equal(found, rounded)
        # One digit a token, and the merge is used.
        encoded = tokenizer.encode("ab 12<|endoftext|>").tokens
        self.assertEqual(encoded, ["ab", "\u0120", "1", "2", "<|endoftext|>"])


if __name__ == "__main__":
    unittest.main()
