"""hub-get and hub-size against a local server: what is taken, and how it is found."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

from hub_world import BIG, NAME, HubTest, write_weights
from tiny_hub import sha256

_NO_LINKS = {"HF_HUB_DISABLE_SYMLINKS": "1"}
_SHARD = "model-0000{}-of-00002.safetensors"


class Get(HubTest):
    def test_what_is_read_is_taken_and_nothing_else(self):
        result = self.get()
        snapshot = Path(result["folder"])
        self.assertEqual(result["commit"], self.hub.commit(NAME))
        self.assertEqual(snapshot, self.repository() / "snapshots" / result["commit"])
        names = {"config.json", "tokenizer.json", "model.safetensors"}
        self.assertEqual({path.name for path in snapshot.iterdir()}, names)
        for name in names:
            self.assertEqual((snapshot / name).read_bytes(), (self.source / name).read_bytes())
        self.assertEqual((self.repository() / "refs/main").read_text(), result["commit"])
        self.assertEqual(result["bytes"], sum((self.source / n).stat().st_size for n in names))
        self.assertEqual((result["came"] > BIG, result["missing"]), (True, 0))
        self.assertEqual(self.parts(), [])

    def test_the_library_itself_finds_it_without_a_network(self):
        result = self.get()
        find = (
            "import sys, huggingface_hub as h; print(h.snapshot_download("
            "'tiny/opt', cache_dir=sys.argv[1], local_files_only=True, "
            "allow_patterns=['*.json', '*.safetensors']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", find, str(self.cache)],
            env=self.environment(HF_ENDPOINT="http://127.0.0.1:1"),
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout.strip(), result["folder"])

    def test_the_second_time_nothing_comes(self):
        first = self.get()
        self.hub.sent = 0
        second = self.get()
        self.assertEqual((second["folder"], second["came"]), (first["folder"], 0))
        self.assertEqual(self.hub.sent, 0)

    def asked(self) -> list[str]:
        """What was asked of the Hub since the last call, but for files."""
        paths = [path for _, path, _ in self.hub.requests if path.startswith("/api/")]
        self.hub.requests.clear()
        return paths

    def test_nothing_is_asked_for_twice(self):
        of_model = f"/api/models/{NAME}"
        commit = self.get("--part", "look")["commit"]
        of_commit = f"{of_model}/revision/{commit}"
        self.assertEqual(self.asked(), [of_model, f"{of_model}/tree/{commit}"])
        self.get("--commit", commit)
        self.assertEqual(self.asked(), [])
        self.get()
        self.assertEqual(self.asked(), [of_model])
        self.get("--commit", commit, "--check")
        self.assertEqual(self.asked(), [of_commit], "what is checked is held against the Hub")

    def test_a_list_that_cannot_be_read_is_asked_for_again(self):
        commit = self.get("--part", "look")["commit"]
        kept = self.repository() / "trees" / f"{commit}.json"
        content = kept.read_bytes()
        for damaged in (b"", b"[]", content.replace(b'"blob_id": "', b'"blob_id": "../')):
            kept.write_bytes(damaged)
            self.asked()
            self.get("--commit", commit)
            self.assertEqual(self.asked()[0], f"/api/models/{NAME}/revision/{commit}")
            self.assertEqual(kept.read_bytes(), content)

    def test_a_list_that_a_mirror_wrote_is_not_believed(self):
        commit = self.get("--part", "look")["commit"]
        kept = self.repository() / "trees" / f"{commit}.json"
        content = kept.read_text()
        pin = sha256((self.source / "model.safetensors").read_bytes())
        kept.write_text(content.replace(pin, "0" * 64))
        self.get("--part", "look")
        self.assertEqual(kept.read_text(), content)
        self.get("--commit", commit)

    def test_shards_are_those_of_the_index(self):
        (self.source / "model.safetensors").unlink()
        for number in (1, 2):
            write_weights(self.source / _SHARD.format(number), 1000)
        write_weights(self.source / "consolidated.safetensors", 1000)
        self.write("pytorch_model.bin", b"a pickle")
        index = {"weight_map": {"a": _SHARD.format(1), "b": _SHARD.format(2)}}
        self.write("model.safetensors.index.json", json.dumps(index).encode())
        snapshot = Path(self.get()["folder"])
        names = {_SHARD.format(1), _SHARD.format(2), "model.safetensors.index.json"}
        found = {path.name for path in snapshot.iterdir()}
        self.assertEqual(found, names | {"config.json", "tokenizer.json"})
        index["weight_map"]["c"] = "model-00003-of-00003.safetensors"
        self.write("model.safetensors.index.json", json.dumps(index).encode())
        self.refused(3, "names 'model-00003-of-00003.safetensors', which the repository does not")

    def test_a_revision_is_found_by_its_name(self):
        commit = self.get("--revision", "refs/pr/1")["commit"]
        self.assertEqual((self.repository() / "refs/refs/pr/1").read_text(), commit)
        self.assertFalse((self.repository() / "refs/main").exists())
        self.assertEqual(self.get("--revision", commit)["commit"], commit)
        self.refused(3, "no revision 'v9'", "behind the @", more=("--revision", "v9"))

    def test_configuration_alone(self):
        looked = self.get("--part", "look")
        self.assertFalse((self.repository() / "refs").exists(), "nothing is named by it")
        self.assertEqual(looked["bytes"] - looked["missing"], looked["came"])
        self.assertGreater(looked["missing"], BIG)
        self.get("--part", "shape")
        self.assertTrue((self.repository() / "refs/main").exists())
        self.assertEqual(self.downloads(), [])

    def test_a_new_commit_takes_the_name_when_it_is_whole(self):
        old = self.get()["commit"]
        write_weights(self.source / "model.safetensors", BIG // 2)
        self.hub.cut = 1000
        self.refused(3, "the connection broke")
        self.assertEqual((self.repository() / "refs/main").read_text(), old)
        self.hub.cut = None
        new = self.get()["commit"]
        self.assertNotEqual(new, old)
        self.assertEqual((self.repository() / "refs/main").read_text(), new)
        self.assertEqual(len(list((self.repository() / "snapshots").iterdir())), 2)

    def test_a_shape_takes_no_name_from_a_model_with_weights(self):
        whole = self.get()["commit"]
        ref = self.repository() / "refs/main"
        self.write("config.json", b'{"model_type": "opt", "vocab_size": 7}')
        shape = self.get("--part", "shape")
        self.assertNotEqual(shape["commit"], whole)
        self.assertTrue((Path(shape["folder"]) / "config.json").is_file())
        self.assertEqual(ref.read_text(), whole)
        weights = self.repository() / "snapshots" / whole / "model.safetensors"
        weights.unlink()
        self.get("--part", "shape")
        self.assertEqual(ref.read_text(), shape["commit"])

    def test_a_shape_takes_the_name_from_shards_that_are_not_all_here(self):
        (self.source / "model.safetensors").unlink()
        shards = [_SHARD.format(number) for number in (1, 2)]
        for shard in shards:
            write_weights(self.source / shard, 1000)
        index = {"weight_map": {"a": shards[0], "b": shards[1]}}
        self.write("model.safetensors.index.json", json.dumps(index).encode())
        whole = self.get()
        self.write("config.json", b'{"model_type": "opt", "vocab_size": 7}')
        ref = self.repository() / "refs/main"
        self.get("--part", "shape")
        self.assertEqual(ref.read_text(), whole["commit"])
        (Path(whole["folder"]) / shards[1]).unlink()
        shape = self.get("--part", "shape")
        self.assertEqual(ref.read_text(), shape["commit"])

    def test_the_token_goes_to_the_hub_and_no_further(self):
        self.get(HF_TOKEN="good")
        seen = {True: 0, False: 0}
        for _, path, headers in self.hub.requests:
            at_storage = path.startswith("/storage/")
            seen[at_storage] += 1
            self.assertEqual("authorization" in headers, not at_storage, path)
        self.assertGreater(min(seen.values()), 0)

    def test_files_that_are_here_can_be_checked(self):
        result = self.get()
        weights = Path(result["folder"]) / "model.safetensors"
        blob = weights.resolve()
        content = blob.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        self.assertEqual(self.get()["damaged"], [])
        self.assertEqual(self.get("--check")["damaged"], ["model.safetensors"])
        self.assertEqual(weights.read_bytes(), content)
        self.assertEqual(self.get("--check")["damaged"], [])


class WithoutLinks(HubTest):
    """A file system without symbolic links: the library moves blobs into the snapshot."""

    def setUp(self):
        super().setUp()
        download = (
            "import sys, huggingface_hub as h; print(h.snapshot_download("
            "'tiny/opt', cache_dir=sys.argv[1], allow_patterns=['*.json', '*.safetensors']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", download, str(self.cache)],
            env=self.environment(HF_HUB_DISABLE_XET="1", **_NO_LINKS),
            capture_output=True,
            text=True,
            check=True,
        )
        self.weights = Path(done.stdout.strip()) / "model.safetensors"
        self.content = self.weights.read_bytes()
        self.assertFalse(self.weights.is_symlink())
        self.assertEqual(list((self.repository() / "blobs").iterdir()), [])
        self.hub.requests.clear()

    def test_what_the_library_put_there_does_not_come_again(self):
        result = self.get(**_NO_LINKS)
        self.assertEqual((result["came"], result["missing"], self.downloads()), (0, 0, []))
        self.assertEqual(result["folder"], str(self.weights.parent))
        self.assertEqual((self.repository() / "refs/main").read_text(), result["commit"])

    def test_a_damaged_copy_comes_anew(self):
        self.weights.write_bytes(self.content[:-1] + bytes([self.content[-1] ^ 1]))
        self.assertEqual(self.get("--check", **_NO_LINKS)["damaged"], ["model.safetensors"])
        self.assertEqual(self.weights.read_bytes(), self.content)
        self.assertEqual(self.get("--check", **_NO_LINKS)["damaged"], [])

    def test_a_copy_that_was_cut_comes_anew(self):
        self.weights.write_bytes(self.content[:-1])
        self.assertEqual(self.get(**_NO_LINKS)["came"], len(self.content))
        self.assertEqual(self.weights.read_bytes(), self.content)
        self.weights.write_bytes(self.content[:-1])
        self.assertEqual(self.get(**_NO_LINKS)["came"], 0, "the blob is here")
        self.assertEqual(self.weights.read_bytes(), self.content)


class OtherKinds(HubTest):
    def test_pickles_alone(self):
        (self.source / "model.safetensors").unlink()
        self.write("pytorch_model-00001-of-00002.bin", bytes(1_500_000))
        self.write("pytorch_model-00002-of-00002.bin", bytes(1_000_000))
        self.refused(
            2,
            "tiny/opt: its weights are PyTorch's pickles alone (pytorch_model-00001-of-00002.bin, ",
            "2.5 MB in all), and reading a pickle runs code",
            "@refs/pr/N",
            "from_pretrained('tiny/opt')",
        )
        self.assertEqual(list(self.cache.rglob("*")), [])

    def test_what_is_no_model(self):
        (self.source / "model.safetensors").unlink()
        self.refused(2, "it has no weights; allowed: model.safetensors, or")
        self.write("flax_model.msgpack", b"x")
        self.refused(2, "it has flax_model.msgpack and no model.safetensors")
        (self.source / "config.json").unlink()
        self.refused(2, "it has no config.json")
        self.write("m.Q4_0.gguf", b"x")
        self.refused(2, "it has GGUF files and no config.json", "assay model import FILE.gguf")
        self.write("adapter_config.json", b"{}")
        self.refused(2, "a LoRA adapter (adapter_config.json)", "PEFT")


class Sizes(HubTest):
    def sizes(self, *models: str, **environment: str) -> list[dict]:
        arguments = [word for model in models for word in ("--model", model)]
        code, out, err = self.run_tool("hub-size", *arguments, **environment)
        self.assertEqual(code, 0, err)
        return json.loads(out)["models"]

    def test_what_is_to_come(self):
        (before, unknown) = self.sizes(NAME, "tiny/optt@main")
        names = ("config.json", "tokenizer.json", "model.safetensors")
        total = sum((self.source / name).stat().st_size for name in names)
        self.assertEqual((before["bytes"], before["missing"]), (total, total))
        self.assertIn("tiny/optt: the Hub has no such model (404)", unknown["problem"])
        self.assertFalse(self.cache.exists(), "nothing is written")
        self.get("--part", "shape")
        (now,) = self.sizes(NAME)
        self.assertEqual(now["missing"], (self.source / "model.safetensors").stat().st_size)

    def shards(self, *names: str) -> int:
        """In place of one file of weights. Returns their bytes."""
        (self.source / "model.safetensors").unlink(missing_ok=True)
        for name in names:
            write_weights(self.source / name, 1000)
        index = {"weight_map": dict(enumerate(names))}
        self.write("model.safetensors.index.json", json.dumps(index).encode())
        return sum((self.source / name).stat().st_size for name in names)

    def test_shards_are_told_by_their_names(self):
        total = self.shards(_SHARD.format(1), _SHARD.format(2))
        write_weights(self.source / "consolidated.safetensors", 5000)
        small = ("config.json", "tokenizer.json", "model.safetensors.index.json")
        total += sum((self.source / name).stat().st_size for name in small)
        self.assertEqual(self.sizes(NAME)[0]["missing"], total)

    def test_shards_of_other_names_are_known_by_the_index_alone(self):
        total = self.shards("part-a.safetensors", "part-b.safetensors")
        (unknown,) = self.sizes(NAME)
        self.assertNotIn("missing", unknown)
        self.assertIn("stands in its model.safetensors.index.json alone", unknown["problem"])
        looked = self.get("--part", "look")
        self.assertEqual((looked["missing"], looked["bytes"] - looked["came"]), (total, total))
        (known,) = self.sizes(NAME)
        self.assertEqual((known["missing"], known["bytes"]), (total, looked["bytes"]))
        self.assertEqual(self.get()["missing"], 0)

    def test_shards_of_two_divisions_are_known_by_the_index_alone(self):
        self.shards(_SHARD.format(1), _SHARD.format(2))
        write_weights(self.source / "model-00001-of-00001.safetensors", 1000)
        self.assertNotIn("missing", self.sizes(NAME)[0])
        (self.source / "model-00001-of-00001.safetensors").unlink()
        (self.source / _SHARD.format(2)).unlink()
        self.assertNotIn("missing", self.sizes(NAME)[0], "not all of them are there")

    def test_gated_models_have_a_size(self):
        self.hub.refuse_files = (401, "GatedRepo")
        self.assertGreater(self.sizes(NAME)[0]["bytes"], BIG)

    def test_without_a_network(self):
        nowhere = "http://127.0.0.1:1"
        both = self.sizes(NAME, "tiny/other", HF_ENDPOINT=nowhere)
        for one in both:
            self.assertIn("cannot be reached", one["problem"])


if __name__ == "__main__":
    unittest.main()
