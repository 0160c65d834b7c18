"""hub-get against a local server that fails: each failure has its message, and is got over."""

import json
import signal
import subprocess
import time
import unittest
from pathlib import Path

from hub_world import NAME, HubTest
from tiny_hub import git_sha1, sha256


class Broken(HubTest):
    def test_a_broken_connection_is_taken_up_again_at_once(self):
        self.hub.cut, self.hub.cuts = 2 << 20, 1
        result = self.get()
        self.assertEqual([asked for _, asked in self.downloads()], ["", f"bytes={2 << 20}-"])
        content = (Path(result["folder"]) / "model.safetensors").read_bytes()
        self.assertEqual(content, (self.source / "model.safetensors").read_bytes())

    def test_what_came_stays_and_the_next_call_goes_on(self):
        self.hub.cut = 1 << 20
        process = subprocess.Popen(
            self.command("hub-get", "--repository", NAME),
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self.has_part(1 << 20):
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), -signal.SIGTERM)
        (part,) = self.parts()
        have = part.stat().st_size
        self.assertGreaterEqual(have, 1 << 20)
        snapshots = self.repository() / "snapshots" / self.hub.commit(NAME)
        self.assertFalse((snapshots / "model.safetensors").exists())
        self.assertFalse((self.repository() / "refs/main").exists())
        self.hub.cut = None
        self.hub.requests.clear()
        self.hub.sent = 0
        result = self.get()
        rest = (f"/storage/{NAME}/model.safetensors", f"bytes={have}-")
        self.assertEqual(self.downloads(), [rest])
        size = (self.source / "model.safetensors").stat().st_size
        self.assertEqual((self.hub.sent, result["came"]), (size - have, size - have))
        content = (Path(result["folder"]) / "model.safetensors").read_bytes()
        self.assertEqual(content, (self.source / "model.safetensors").read_bytes())
        self.assertEqual(self.parts(), [])

    def test_a_server_that_cannot_begin_in_the_middle(self):
        size = (self.source / "model.safetensors").stat().st_size
        blob = sha256((self.source / "model.safetensors").read_bytes())
        for have in (1000, size + 5):
            part = self.repository() / "blobs" / f"{blob}.incomplete"
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(b"x" * have)
            self.hub.ranges = False
            self.get()
            (self.repository() / "blobs" / blob).unlink()

    def test_a_connection_that_never_holds(self):
        self.hub.cut = 0
        self.refused(
            3,
            "the connection broke after 0 bytes of model.safetensors, which has 3.1 MB (",
            "the same command goes on from there",
        )

    def test_bytes_that_are_said_to_be_packed_and_are_not(self):
        self.hub.encoding = "gzip"
        self.refused(3, "broke after 0 bytes of model.safetensors", "incorrect header check")
        self.hub.encoding = ""
        self.get()

    def test_other_content_than_is_said_is_removed(self):
        self.hub.corrupt = {"tokenizer.json"}
        self.refused(3, "tokenizer.json came with git-sha1 ", git_sha1(b"{}"))
        self.hub.corrupt = {"model.safetensors"}
        pin = sha256((self.source / "model.safetensors").read_bytes())
        self.refused(3, "model.safetensors came with sha256 ", f"and the Hub says {pin}")
        self.assertEqual(self.parts(), [])
        self.assertFalse((self.repository() / "blobs" / pin).exists())
        self.assertFalse((self.repository() / "refs/main").exists())
        self.hub.corrupt = set()
        self.get()

    def test_a_part_that_was_damaged_is_noticed(self):
        content = (self.source / "model.safetensors").read_bytes()
        part = self.repository() / "blobs" / f"{sha256(content)}.incomplete"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * 1000)
        self.refused(3, "what came was removed. Try again")
        self.assertEqual(self.parts(), [])
        self.get()


class Refused(HubTest):
    def test_gated_models_say_what_to_do(self):
        page = f"{self.hub.address}/{NAME}"
        self.hub.refuse_files = (401, "GatedRepo")
        gated = f"{NAME}: it is gated (401), and "
        self.refused(
            3, f"{gated}you are not logged in; with an", "HF_TOKEN", f"that first at {page}"
        )
        self.refused(3, f"{gated}your token is not accepted; with an", HF_TOKEN="expired")
        self.hub.refuse_files = (403, "GatedRepo")
        said = self.refused(3, "does not let your token read it (403)", page, HF_TOKEN="other")
        self.assertIn("ask for access, or accept its licence", said)
        self.assertFalse((self.repository() / "refs").exists())
        self.get(HF_TOKEN="good")

    def test_private_and_unknown_models(self):
        self.hub.refuse_all = (401,)
        self.refused(3, "(401), and you are not logged in: it does not exist, or it is private")
        self.refused(3, "(401), and your token is not accepted", HF_TOKEN="other")
        self.hub.refuse_all = (403,)
        self.refused(3, "(403): it is gated or private", HF_TOKEN="other")
        self.hub.refuse_all = None
        self.refused(3, "tiny/optt: the Hub has no such model (404)", name="tiny/optt")

    def test_names_that_no_model_has(self):
        for name in ("a/b/c", "tiny/..", "-tiny/opt", "ti ny/opt", "tiny--x/opt", "a.git"):
            self.refused(2, f"'{name}' names no model of the Hub", more=(), name=name)

    def test_servers_in_trouble(self):
        self.hub.refuse_all = (503,)
        self.refused(3, f"{self.hub.address} answers 503; try again later")
        self.hub.refuse_all = (429,)
        self.refused(3, "asks to wait (429")

    def test_no_network(self):
        nowhere = "http://127.0.0.1:1"
        self.refused(3, f"{nowhere} cannot be reached", "HTTPS_PROXY", HF_ENDPOINT=nowhere)
        self.refused(3, "HF_HUB_OFFLINE is set", HF_HUB_OFFLINE="1")

    def test_what_answers_and_is_no_hub(self):
        """A network that asks for a login in a browser answers everything with a page."""
        more = f"{self.hub.address} does not answer as a Hub does ("
        for page in (b"<html>Log in</html>", b"[]", b"{}", b'{"id": "a", "siblings": [1]}'):
            self.hub.page = page
            self.refused(3, more, "is HF_ENDPOINT a Hub", "a login in a browser")
        self.hub.page = b'{"id": "tiny/opt"}'
        self.refused(3, "the Hub does not say its commit; is HF_ENDPOINT a Hub?")
        self.hub.page = b"<html>Log in</html>"
        code, out, err = self.run_tool("hub-size", "--model", NAME, "--model", "tiny/other")
        self.assertEqual(code, 0, err)
        for one in json.loads(out)["models"]:
            self.assertIn(more, one["problem"])

    def test_no_space(self):
        self.hub.sizes = {"model.safetensors": 10**18}
        self.refused(3, "1000000000.0 GB of tiny/opt are to come and ", "are free", "HF_HOME")
        self.assertEqual(self.downloads(), [])

    def test_a_disk_that_fills_up_meanwhile(self):
        limited = f'ulimit -f {(1 << 20) // 512}; exec "$@"'
        done = subprocess.run(
            ["sh", "-c", limited, "sh", *self.command("hub-get", "--repository", NAME)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(".incomplete: File too large after 1.0 MB of model.safetensors", done.stderr)
        self.assertEqual(self.parts()[0].stat().st_size, 1 << 20)
        self.hub.requests.clear()
        self.get()
        self.assertEqual(self.downloads()[0][1], f"bytes={1 << 20}-")

    def test_a_mirror_that_says_two_things(self):
        self.get("--part", "look")
        real = self.hub.said

        def said(name, file):
            return real(name, file)[0], "0" * 64

        info = self.hub.info(NAME)
        self.hub.info = lambda name: info
        commit = self.hub.commit(NAME)
        self.hub.commit = lambda name: commit
        self.hub.said = said
        self.refused(3, "model.safetensors has ETag ", "without a mirror")

    def test_a_hash_that_is_a_path_writes_and_removes_nothing(self):
        """`--check` would remove a file of that size, and a download write beside it."""
        for file in ("model.safetensors", "tokenizer.json"):
            size = (self.source / file).stat().st_size
            mine = self.folder / "mine" / f"of-{file}"
            mine.parent.mkdir(exist_ok=True)
            mine.write_bytes(bytes(size))
            relative = f"../../../mine/of-{file}"
            for pin, more in (
                (str(mine), ("--check",)),
                (relative, ()),
                (str(self.folder / "new/file"), ()),
                ("A" * 64, ()),
            ):
                self.hub.pins = {file: pin}
                self.refused(3, f"'{file}' has the size {size} and the hash '{pin}'", more=more)
            self.assertEqual(mine.read_bytes(), bytes(size))
            self.assertEqual(list(mine.parent.glob("*.incomplete")), [])
        self.assertFalse((self.folder / "new").exists())


if __name__ == "__main__":
    unittest.main()
