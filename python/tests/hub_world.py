"""A local Hub with one model, and the tools in processes of their own as the program runs them."""

import contextlib
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from assay_tools.safetensors_writer import write_safetensors
from tiny_hub import TinyHub

_PACKAGE = Path(__file__).parent.parent
NAME = "tiny/opt"
BIG = 3 << 20  # bytes of the larger files of weights


def write_weights(path: Path, count: int) -> None:
    values = np.random.default_rng(0).standard_normal(count, dtype=np.float32)
    write_safetensors(path, iter([("w", [count], lambda: values)]))


class HubTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.cache = self.folder / "cache"
        self.source = self.folder / "hub" / NAME
        self.source.mkdir(parents=True)
        self.write("config.json", b'{"model_type": "opt"}')
        self.write("tokenizer.json", b"{}")
        self.write("README.md", b"not read")
        self.write("onnx/model.onnx", b"not read")
        write_weights(self.source / "model.safetensors", BIG // 4)
        self.hub = TinyHub(self.folder / "hub")
        self.hub.__enter__()
        self.addCleanup(self.hub.__exit__)

    def write(self, name: str, content: bytes) -> None:
        path = self.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-B", "-m", "assay_tools", *arguments, "--cache", str(self.cache)]

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(_PACKAGE),
            "HOME": str(self.folder),
            "HF_ENDPOINT": self.hub.address,
        } | more

    def run_tool(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def get(self, *more: str, name: str = NAME, **environment: str) -> dict:
        code, out, err = self.run_tool("hub-get", f"--repository={name}", *more, **environment)
        self.assertEqual(code, 0, err)
        return json.loads(out.splitlines()[-1])

    def refused(self, code: int, *parts: str, more=(), name: str = NAME, **environment) -> str:
        found, _, err = self.run_tool("hub-get", f"--repository={name}", *more, **environment)
        last = err.strip().splitlines()[-1]
        self.assertEqual(found, code, err)
        self.assertTrue(last.startswith("assay_tools: "), err)
        for part in parts:
            self.assertIn(part, last)
        return last

    def repository(self) -> Path:
        return self.cache / "models--tiny--opt"

    def parts(self) -> list[Path]:
        return list(self.cache.rglob("*.incomplete"))

    def has_part(self, size: int) -> bool:
        """Of so many bytes. Parts that are whole take another name meanwhile."""
        for part in self.parts():
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_size >= size:
                    return True
        return False

    def downloads(self) -> list[tuple[str, str]]:
        """Of weights: path and range."""
        return [
            (path, headers.get("range", ""))
            for method, path, headers in self.hub.requests
            if method == "GET" and path.startswith("/storage/")
        ]
