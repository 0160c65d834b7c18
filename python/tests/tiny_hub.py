"""A local server that speaks as much of the Hugging Face Hub as a download needs.

It serves a folder ORG/NAME/FILE, each repository at one commit. Weights are "stored with LFS":
their address redirects to a second server, the Hub's storage, which must never see a token.

    python tiny_hub.py FOLDER PORT_FILE [--cut BYTES] [--pause SECONDS] [--status CODE]
"""

import argparse
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

_LFS = (".safetensors", ".bin", ".gguf")
_CHUNK = 1 << 16


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_lfs(name: str) -> bool:
    return name.endswith(_LFS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        hub: TinyHub = self.server.hub
        path = unquote(urlsplit(self.path).path)
        hub.requests.append((self.command, path, {k.lower(): v for k, v in self.headers.items()}))
        self._body = body
        if hub.page is not None:
            return self._send(hub.page, "text/html")
        if self.server is hub.storage:
            return self._send_content(path.split("/", 2)[2])
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"))
        if "/resolve/" in path:
            return self._resolve(path)
        return self._refuse(404)

    def _refuse(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, document) -> None:
        self._send(json.dumps(document).encode(), "application/json")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self._body:
            self.wfile.write(content)

    def _may_read(self, files: bool) -> bool:
        hub: TinyHub = self.server.hub
        refusal = hub.refuse_files if files else hub.refuse_all
        if refusal and self.headers.get("Authorization") != "Bearer good":
            self._refuse(*refusal)
            return False
        return True

    def _api(self, path: str) -> None:
        hub: TinyHub = self.server.hub
        if not self._may_read(files=False):
            return
        name = "/".join(path.split("/")[:2])
        rest = path.split("/")[2:]
        if not (hub.folder / name).is_dir():
            return self._refuse(404, "RepoNotFound")
        if rest[:1] == ["revision"] and "/".join(rest[1:]) not in hub.revisions(name):
            return self._refuse(404, "RevisionNotFound")
        if rest[:1] == ["tree"]:
            return self._json(hub.tree(name))
        self._json(hub.info(name))

    def _resolve(self, path: str) -> None:
        hub: TinyHub = self.server.hub
        if not self._may_read(files=False) or not self._may_read(files=True):
            return
        name, rest = path[1:].split("/resolve/")
        file = rest.split("/", 1)[1]
        if not (hub.folder / name / file).is_file():
            return self._refuse(404, "EntryNotFound")
        if not is_lfs(file):
            return self._send_content(f"{name}/{file}")
        size, pin = hub.said(name, file)
        self.send_response(302)
        self.send_header("X-Repo-Commit", hub.commit(name))
        self.send_header("X-Linked-Size", str(size))
        self.send_header("X-Linked-Etag", f'"{pin}"')
        self.send_header("X-Xet-Hash", "0" * 64)  # as the Hub has for most models
        self.send_header("Location", f"{hub.storage_address}/storage/{name}/{file}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_content(self, path: str) -> None:
        hub: TinyHub = self.server.hub
        name, file = path.rsplit("/", 1)
        content = (hub.folder / path).read_bytes()
        if file in hub.corrupt:
            content = bytes([content[0] ^ 1]) + content[1:]
        begin = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and hub.ranges:
            begin = int(asked.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if hub.encoding and is_lfs(file):
            self.send_header("Content-Encoding", hub.encoding)
        self.send_header("ETag", f'"{hub.said(name, file)[1]}"')
        self.send_header("X-Repo-Commit", hub.commit(name))
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if self._body:
            self._stream(content[begin:], file)

    def _stream(self, content: bytes, file: str) -> None:
        hub: TinyHub = self.server.hub
        end = len(content)
        cut = is_lfs(file) and hub.cut is not None and (hub.cuts is None or hub.cuts > 0)
        if cut:
            end = min(end, hub.cut)
            if hub.cuts is not None:
                hub.cuts -= 1
        for at in range(0, end, _CHUNK):
            self.wfile.write(content[at : min(at + _CHUNK, end)])
            hub.sent += min(at + _CHUNK, end) - at
            self.wfile.flush()
            if is_lfs(file) and hub.pause:
                time.sleep(hub.pause)
        if end < len(content):
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that went away


class TinyHub:
    """Running as long as it is entered. What it does wrong is set by its attributes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.requests: list[tuple[str, str, dict]] = []
        self.sent = 0  #: bytes of files
        self.refuse_all: tuple | None = None  #: status and error code of every request
        self.refuse_files: tuple | None = None  #: of files alone, as of a gated model
        self.corrupt: set[str] = set()  #: files that come with another content than is said
        self.cut: int | None = None  #: a connection breaks after so many bytes of weights
        self.cuts: int | None = None  #: so many times; None: always
        self.pause = 0.0  #: seconds after each chunk of weights
        self.ranges = True  #: whether it can begin in the middle
        self.sizes: dict[str, int] = {}  #: what it says of files, instead of the truth
        self.pins: dict[str, str] = {}  #: the same of their hashes
        self.page: bytes | None = None  #: what it answers to everything
        self.encoding = ""  #: that it says of weights, which have none

    def __enter__(self) -> Self:
        self._server, self.address = self._start()
        self.storage, self.storage_address = self._start()
        return self

    def __exit__(self, *_):
        for server in (self._server, self.storage):
            server.shutdown()
            server.server_close()

    def _start(self):
        server = _Server(("127.0.0.1", 0), _Handler)
        server.hub = self
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def files(self, name: str) -> dict[str, bytes]:
        paths = sorted(path for path in (self.folder / name).rglob("*") if path.is_file())
        return {str(p.relative_to(self.folder / name)): p.read_bytes() for p in paths}

    def said(self, name: str, file: str) -> tuple[int, str]:
        content = (self.folder / name / file).read_bytes()
        pin = sha256(content) if is_lfs(file) else git_sha1(content)
        return self.sizes.get(file, len(content)), self.pins.get(file, pin)

    def commit(self, name: str) -> str:
        pins = [f"{file} {self.said(name, file)[1]}" for file in self.files(name)]
        return git_sha1("\n".join(pins).encode())

    def revisions(self, name: str) -> list[str]:
        return ["main", "refs/pr/1", self.commit(name)]

    def info(self, name: str) -> dict:
        siblings = []
        for file, content in self.files(name).items():
            size, pin = self.said(name, file)
            blob = git_sha1(content) if is_lfs(file) else pin
            one = {"rfilename": file, "size": size, "blobId": blob}
            if is_lfs(file):
                one["lfs"] = {"sha256": pin, "size": size, "pointerSize": 134}
            siblings.append(one)
        return {"id": name, "modelId": name, "sha": self.commit(name), "siblings": siblings}

    def tree(self, name: str) -> list[dict]:
        entries = []
        for file, content in self.files(name).items():
            size, pin = self.said(name, file)
            one = {"type": "file", "path": file, "size": size, "oid": git_sha1(content)}
            if is_lfs(file):
                one["lfs"] = {"oid": pin, "size": size, "pointerSize": 134}
            entries.append(one)
        return entries


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--cut", type=int)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--status", type=int)
    options = parser.parse_args()
    with TinyHub(options.folder) as hub:
        hub.cut = options.cut
        hub.pause = options.pause
        if options.status:
            hub.refuse_files = (options.status, "GatedRepo")
        options.port_file.write_text(hub.address)
        threading.Event().wait()


if __name__ == "__main__":
    main()
