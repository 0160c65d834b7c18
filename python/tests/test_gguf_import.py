import json
import math
import re
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tiny_gguf
from assay_tools.errors import InputError
from assay_tools.gguf_families.llama import RULES, tensor_name, unpermute_rotary
from assay_tools.gguf_family import known_architectures
from assay_tools.gguf_import import convert_gguf
from assay_tools.gguf_metadata import FILE_RULES, TOKENIZER_RULES
from assay_tools.tokenizer import ModelTokenizer
from gguf import GGMLQuantizationType, Keys
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from tiny_gguf import HEADS, TOKENS, WIDTH, permute_as_gguf, write_gguf


def half(two: bytes) -> float:
    return float(np.frombuffer(two, dtype="<f2")[0])


def q4_k(block: bytes) -> list[float]:
    """256 values: eight runs of 32 with a scale and a minimum of six bits each, written with loops
    after ggml's dequantize_row_q4_K."""
    scales, nibbles = block[4:16], block[16:144]
    values = []
    for run in range(8):
        if run < 4:
            scale, minimum = scales[run] & 63, scales[run + 4] & 63
        else:
            scale = (scales[run + 4] & 15) | (scales[run - 4] >> 6) << 4
            minimum = (scales[run + 4] >> 4) | (scales[run] >> 6) << 4
        for i in range(32):
            byte = nibbles[32 * (run // 2) + i]
            number = byte >> 4 if run % 2 else byte & 15
            values.append(half(block[0:2]) * scale * number - half(block[2:4]) * minimum)
    return values


def q6_k(block: bytes) -> list[float]:
    """256 values: sixteen runs of 16 with a signed scale each, after dequantize_row_q6_K."""
    low, high, scales = block[0:128], block[128:192], block[192:208]
    values = [0.0] * 256
    for part in range(2):
        for i in range(32):
            top = high[32 * part + i]
            for quarter in range(4):
                byte = low[64 * part + i + 32 * (quarter % 2)]
                nibble = byte >> 4 if quarter >= 2 else byte & 15
                number = nibble | ((top >> 2 * quarter) & 3) << 4
                scale = scales[8 * part + 2 * quarter + i // 16]
                signed = scale - 256 if scale > 127 else scale
                place = 128 * part + 32 * quarter + i
                values[place] = half(block[208:210]) * signed * (number - 32)
    return values


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def convert(self, metadata: dict | None = None, **options) -> dict:
        """The written config.json."""
        path = write_gguf(self.folder / "m.gguf", metadata, **options)
        self.parameters = convert_gguf(path, self.folder)
        return json.loads((self.folder / "config.json").read_text())

    def refuse(self, text: str, metadata: dict | None = None, **options):
        with self.assertRaisesRegex(InputError, text) as raised:
            self.convert(metadata, **options)
        self.assertIn("m.gguf: ", str(raised.exception))


class Import(Folder):
    def test_rotary_rows_are_put_back(self):
        weight = np.arange(WIDTH * 8, dtype=np.float32).reshape(WIDTH, 8)
        permuted = permute_as_gguf(weight, HEADS)
        self.assertFalse(np.array_equal(permuted, weight))
        np.testing.assert_array_equal(unpermute_rotary(permuted, HEADS), weight)

    def test_names(self):
        config = {"num_hidden_layers": 8}
        self.assertEqual(
            tensor_name("blk.7.ffn_down.weight", config), "model.layers.7.mlp.down_proj.weight"
        )
        for name in ("blk.8.ffn_down.weight", "blk.7.ffn_gate_exps.weight", "blk.7.attn_q.bias"):
            self.assertIsNone(tensor_name(name, config))

    def test_directory(self):
        weights = tiny_gguf.tensors()
        q = weights["blk.0.attn_q.weight"]
        kind = GGMLQuantizationType.Q4_1
        weights["blk.0.attn_q.weight"] = quantize(permute_as_gguf(q, HEADS), kind)
        config = self.convert(weights=weights, quantised={"blk.0.attn_q.weight": kind})
        written = load_file(self.folder / "model.safetensors")
        self.assertEqual(self.parameters, sum(w.size for w in tiny_gguf.tensors().values()))
        self.assertEqual(len(written), len(weights))
        np.testing.assert_array_equal(
            written["model.embed_tokens.weight"], weights["token_embd.weight"]
        )
        rounded = dequantize(quantize(q, kind), kind).reshape(q.shape)
        found = written["model.layers.0.self_attn.q_proj.weight"]
        np.testing.assert_array_equal(found, rounded)
        expected = {"rms_norm_eps": 1e-5, "rope_scaling": None, "tie_word_embeddings": True}
        expected |= {"head_dim": 16, "vocab_size": len(TOKENS), "rope_theta": 10000.0}
        self.assertEqual({key: config[key] for key in expected}, expected)

    def test_k_quants_are_what_their_format_says(self):
        random = np.random.default_rng(1)
        for kind, decode in ((GGMLQuantizationType.Q4_K, q4_k), (GGMLQuantizationType.Q6_K, q6_k)):
            size = {GGMLQuantizationType.Q4_K: 144, GGMLQuantizationType.Q6_K: 210}[kind]
            rows, width = 32, 256
            blocks = random.integers(0, 256, (rows, size), dtype=np.uint8)
            scale = np.array([0.01], dtype="<f2").view(np.uint8)
            if kind == GGMLQuantizationType.Q4_K:
                blocks[:, 0:2] = scale
                blocks[:, 2:4] = np.array([0.25], dtype="<f2").view(np.uint8)
            else:
                blocks[:, 208:210] = scale
            weights = tiny_gguf.tensors(head_size=64, width=width)
            weights["blk.1.ffn_up.weight"] = blocks
            self.convert(
                {"llama.embedding_length": width},
                weights=weights,
                quantised={"blk.1.ffn_up.weight": kind},
            )
            written = load_file(self.folder / "model.safetensors")
            found = written["model.layers.1.mlp.up_proj.weight"]
            self.assertEqual(found.shape, (rows, width))
            for row in range(rows):
                expected = decode(blocks[row].tobytes())
                np.testing.assert_allclose(found[row], expected, rtol=1e-6, atol=1e-7)

    def test_what_the_family_does_not_have_is_refused(self):
        weights = tiny_gguf.tensors()
        bias = {"blk.0.attn_q.bias": np.zeros(WIDTH, dtype=np.float32)}
        self.refuse("'blk.0.attn_q.bias' is not known", weights=weights | bias)

    def test_architectures_are_modules(self):
        self.assertIn("llama", known_architectures())
        allowed = " or ".join(map(repr, known_architectures()))
        for name in ("qwen2moe", "gguf_family", "llama.x"):
            text = f"'general.architecture' is '{name}'; allowed: {allowed}"
            self.refuse(re.escape(text), architecture=name)


class Damage(Folder):
    """Files that are not whole: an InputError with the file's name, and nothing else."""

    def refuse_bytes(self, content: bytes, text: str):
        path = self.folder / "m.gguf"
        path.write_bytes(content)
        with self.assertRaisesRegex(InputError, text) as raised:
            convert_gguf(path, self.folder)
        self.assertTrue(str(raised.exception).startswith(f"{path}: "), raised.exception)

    def test_files_that_are_no_gguf(self):
        content = write_gguf(self.folder / "m.gguf").read_bytes()
        self.refuse_bytes(b"", "is empty; allowed: a GGUF file")
        self.refuse_bytes(b"GG", "starts with b'GG'; allowed: a GGUF file")
        self.refuse_bytes(b"GGML" + content[4:], "starts with b'GGML'; allowed: a GGUF file")
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4242\n"
        self.refuse_bytes(pointer, "this is a Git LFS pointer.*lfs pull")
        version = (99).to_bytes(4, "little")
        self.refuse_bytes(content[:4] + version + content[8:], "is damaged: .*version 99")

    def test_files_that_end_too_early(self):
        content = write_gguf(self.folder / "m.gguf").read_bytes()
        sizes = [*range(4, 400), *range(400, len(content), 9973), len(content) - 1]
        for size in sizes:
            with self.subTest(size):
                self.refuse_bytes(content[:size], "the file is damaged: ")
        self.refuse_bytes(content[:-1000], f"it ends at byte {len(content) - 1000}, inside what ")

    def test_changed_bytes_never_end_in_another_error(self):
        content = write_gguf(self.folder / "m.gguf").read_bytes()
        random = np.random.default_rng(0)
        refused = 0
        with np.errstate(all="ignore"):
            for _ in range(200):
                changed = bytearray(content)
                changed[random.integers(4, 6000)] = random.integers(256)
                (self.folder / "m.gguf").write_bytes(changed)
                try:
                    convert_gguf(self.folder / "m.gguf", self.folder)
                except InputError:
                    refused += 1
        self.assertGreater(refused, 50)

    def test_a_tensor_that_is_missing_is_named(self):
        for name in tiny_gguf.tensors():
            weights = tiny_gguf.tensors()
            shape = list(weights.pop(name).shape)
            text = f"tensor '{name}' is missing; needed: it, of shape {shape}"
            self.refuse(re.escape(text), weights=weights)

    def test_a_tensor_of_another_shape_is_named(self):
        weights = tiny_gguf.tensors() | {"output.weight": tiny_gguf.tensors()["token_embd.weight"]}
        self.assertFalse(self.convert(weights=weights)["tie_word_embeddings"])
        for name, weight in weights.items():
            for wrong in (weight[:-1], np.stack([weight, weight]), weight[..., :16]):
                text = (
                    f"tensor '{name}' has shape {list(wrong.shape)}; allowed: {list(weight.shape)}"
                )
                changed = weights | {name: np.ascontiguousarray(wrong)}
                self.refuse(re.escape(text), weights=changed)

    def test_heads_that_cannot_be_rotated(self):
        odd = {"llama.attention.key_length": 5, "llama.attention.value_length": 5}
        self.refuse("a head has size 5", odd, weights=tiny_gguf.tensors(head_size=5))


class Metadata(Folder):
    """Every key is read, harmless, or refused by its name."""

    def test_every_rule_is_of_a_key_that_writers_know(self):
        known = {"tensor_data_layout", "rope.scale_linear"}  # older files
        for group in (
            Keys.LLM,
            Keys.Attention,
            Keys.Rope,
            Keys.Split,
            Keys.Tokenizer,
            Keys.General,
        ):
            known |= {v.replace("{arch}.", "") for v in vars(group).values() if isinstance(v, str)}
        self.assertEqual(set(RULES | FILE_RULES | TOKENIZER_RULES) - known, set())

    def test_what_changes_the_model_is_refused_by_its_name(self):
        changes = {
            "llama.rope.scaling.type": "yarn",
            "llama.rope.scaling.yarn_ext_factor": 1.0,
            "llama.rope.scaling.yarn_beta_fast": 32.0,
            "llama.rope.scaling.attn_factor": 0.5,
            "llama.rope.scaling.alpha": 2.0,
            "llama.rope.dimension_count": 8,
            "llama.attention.value_length": 8,
            "llama.attention.sliding_window": 64,
            "llama.attention.causal": False,
            "llama.attention.clamp_kqv": 8.0,
            "llama.attention.scale": 0.5,
            "llama.attention.head_count": [4, 4],
            "llama.feed_forward_length": [32, 32],
            "llama.attn_logit_softcapping": 50.0,
            "llama.final_logit_softcapping": 30.0,
            "llama.logit_scale": 8.0,
            "llama.embedding_scale": 12.0,
            "llama.residual_scale": 0.22,
            "llama.expert_count": 8,
            "llama.use_parallel_residual": True,
            "llama.vocab_size": 1000,
            "llama.something_new": 1,
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.add_eos_token": True,
            "tokenizer.ggml.add_space_prefix": True,
            "tokenizer.ggml.something_new": 1,
            "tokenizer.ggml.bos_token_id": 1000,
            "tokenizer.ggml.token_type": [1, 2],
            "tokenizer.huggingface.json": "{}",
            "adapter.type": "lora",
            "split.count": 2,
            "general.type": "adapter",
        }
        for key, value in changes.items():
            with self.subTest(key):
                self.refuse(f"'{key}' is ", {key: value})

    def test_the_pre_tokenizer_must_be_known(self):
        self.refuse("'tokenizer.ggml.pre' is 'llama-bpe'", {"tokenizer.ggml.pre": "llama-bpe"})
        self.refuse("'tokenizer.ggml.pre' is missing", {"tokenizer.ggml.pre": None})

    def test_neutral_and_harmless_values_change_nothing(self):
        plain = self.convert()
        neutral = {
            "general.author": "nobody",
            "quantize.imatrix.file": "x",
            "llama.rope.dimension_count": 16,
            "llama.attention.key_length": 16,
            "llama.attention.sliding_window": 4096,
            "llama.rope.scaling.type": "none",
            "llama.rope.scaling.factor": 8.0,
            "llama.rope.scaling.finetuned": True,
            "llama.vocab_size": len(TOKENS),
            "llama.expert_count": 0,
            "llama.logit_scale": 1.0,
            "tokenizer.chat_template": "x",
            "tokenizer.ggml.eot_token_id": 0,
            "tokenizer.ggml.add_bos_token": False,
        }
        self.assertEqual(self.convert(neutral), plain)

    def test_a_head_may_have_its_own_size(self):
        config = self.convert(
            {"llama.attention.key_length": 8, "llama.attention.value_length": 8},
            weights=tiny_gguf.tensors(head_size=8),
        )
        self.assertEqual(config["head_dim"], 8)


class Rope(Folder):
    def test_linear_scaling_in_every_spelling(self):
        linear = {"rope_type": "linear", "factor": 2.5}
        for keys in (
            {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.5},
            {"llama.rope.scaling.factor": 2.5},
            {"llama.rope.scale_linear": 2.5},
        ):
            self.assertEqual(self.convert(keys)["rope_scaling"], linear)

    @staticmethod
    def _converters_factors(factor: float, theta: float, size: int) -> np.ndarray:
        """As llama.cpp's converter makes rope_freqs.weight out of Llama 3.1's config.json."""
        factors = []
        for frequency in 1.0 / (theta ** (np.arange(0, size, 2, dtype=np.float32) / size)):
            length = 2 * math.pi / frequency
            if length < 8192 / 4:
                factors.append(1)
            elif length > 8192 / 1:
                factors.append(factor)
            else:
                smooth = (8192 / length - 1) / (4 - 1)
                factors.append(1 / ((1 - smooth) / factor + smooth))
        return np.array(factors, dtype=np.float32)

    def test_factors_of_llama3_become_its_rope_type(self):
        for factor in (8.0, 32.0):
            factors = self._converters_factors(factor, 500000.0, 16)
            self.assertGreater(len(set(factors)), 2)
            weights = tiny_gguf.tensors() | {"rope_freqs.weight": factors}
            config = self.convert({"llama.rope.freq_base": 500000.0}, weights=weights)
            self.assertEqual(
                config["rope_scaling"],
                {
                    "rope_type": "llama3",
                    "factor": factor,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 8192,
                },
            )

    def test_other_factors_are_refused(self):
        ones = np.ones(8, dtype=np.float32)
        weights = tiny_gguf.tensors()
        self.assertIsNone(
            self.convert(weights=weights | {"rope_freqs.weight": ones})["rope_scaling"]
        )
        scaled = ones.copy()
        scaled[5] = 3
        self.refuse("'rope_freqs.weight' scales", weights=weights | {"rope_freqs.weight": scaled})


class Tokens(Folder):
    def test_pieces(self):
        self.convert()
        tokenizer = ModelTokenizer(self.folder)
        # One digit a token, the merge is used, special and user-defined tokens are wholes.
        ids = tokenizer.encode("ab 12<|endoftext|><tool>")
        self.assertEqual(
            [TOKENS[i] for i in ids], ["ab", "\u0120", "1", "2", "<|endoftext|>", "<tool>"]
        )

    def test_a_first_token_is_added_where_the_file_asks_for_it(self):
        self.convert({"tokenizer.ggml.add_bos_token": True})
        tokenizer = ModelTokenizer(self.folder)
        self.assertEqual(tokenizer.encode("ab"), [0, TOKENS.index("ab")])
        self.assertEqual(tokenizer.encode("ab", special=False), [TOKENS.index("ab")])

    def test_vocabularies_that_are_not_whole_are_refused(self):
        self.refuse("allowed: each token once", {"tokenizer.ggml.tokens": ["a"] * len(TOKENS)})
        self.refuse("two tokens with a space", {"tokenizer.ggml.merges": ["a b c"]})
        self.refuse("tokenizer.ggml.merges: ", {"tokenizer.ggml.merges": ["a zz"]})


if __name__ == "__main__":
    unittest.main()
