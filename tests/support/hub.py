"""A model hub on loopback: the part of Hugging Face's protocol that fetching a model takes."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HELD_S = 30.0
REPO = r"(?P<repo>[^/]+/[^/]+)"


@dataclass
class Hub:
    """What the hub has, and how it misbehaves."""

    files: dict[str, bytes]
    repo: str = "someone/whisper-micro"
    commit: str = COMMIT
    address: str = ""
    gated: bool = False
    break_at: int | None = None
    """Bytes of a large file after which the connection ends, once."""
    lie: bool = False
    """Announce a checksum that the weights do not have."""
    holds: threading.Event | None = None
    """What weights wait for before their last quarter."""
    leads: str = ""
    """Where the next request of a file is sent on to."""
    logins: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of each file that went out."""

    def sha256(self, name: str) -> str:
        """The checksum that is announced."""
        true = hashlib.sha256(self.files[name]).hexdigest()
        return true[::-1] if self.lie and name.endswith(".safetensors") else true


@contextmanager
def running(folder: Path) -> Iterator[Hub]:
    """A hub that has the files of a folder."""
    hub = Hub({p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()})

    class Door(_Door):
        its = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Door(BaseHTTPRequestHandler):
    its: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if found := re.fullmatch(rf"/api/models/{REPO}(/revision/[^/]+)?", path):
            self._known(found["repo"], self._info)
        elif found := re.fullmatch(rf"/api/models/{REPO}/tree/[^/]+", path):
            self._known(found["repo"], self._tree)
        elif found := re.fullmatch(rf"/{REPO}/resolve/[^/]+/(?P<name>.+)", path):
            name = found["name"]
            self._known(found["repo"], lambda: self._file(name, body=body))
        else:
            self._end(404)

    def _known(self, repo: str, answer: object) -> None:
        if repo != self.its.repo:
            self._end(404, {"X-Error-Code": "RepoNotFound"})
        elif self.its.gated:
            self._end(403, {"X-Error-Code": "GatedRepo"})
        elif callable(answer):
            answer()

    def _info(self) -> None:
        files = [
            {"rfilename": n, "size": len(b), "blobId": "x", "lfs": self._lfs(n)} for n, b in self.its.files.items()
        ]
        told = {"id": self.its.repo, "sha": self.its.commit, "siblings": files, "tags": self.its.tags}
        self._json(told | {"private": False, "downloads": 0})

    def _tree(self) -> None:
        self._json(
            [
                {"type": "file", "path": n, "size": len(b), "oid": "x", "lfs": self._lfs(n)}
                for n, b in self.its.files.items()
            ]
        )

    def _lfs(self, name: str) -> dict[str, object] | None:
        if not name.endswith((".safetensors", ".bin")):
            return None
        size, sha256 = len(self.its.files[name]), self.its.sha256(name)
        return {"sha256": sha256, "oid": sha256, "size": size, "pointerSize": 134}

    def _file(self, name: str, *, body: bool) -> None:
        self.its.logins |= {told} if (told := self.headers.get("Authorization")) else set()
        if self.its.leads:
            to, self.its.leads = self.its.leads, ""
            self._end(302, {"Location": to})
            return
        if name not in self.its.files:
            self._end(404)
            return
        whole = self.its.files[name]
        start = int(found[1]) if (found := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        if self.headers.get("If-Range", f'"{self.its.sha256(name)}"') != f'"{self.its.sha256(name)}"':
            start = 0
        headers = {
            "ETag": f'"{self.its.sha256(name)}"',
            "X-Repo-Commit": self.its.commit,
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(whole) - start),
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        self._end(206 if start else 200, headers)
        if not body:
            return
        rest, at = whole[start:], self.its.break_at
        if at is not None and len(rest) > at:
            rest, self.its.break_at = rest[:at], None
            self.close_connection = True
        self.its.sent[name] = self.its.sent.get(name, 0) + len(rest)
        if self.its.holds is not None and name.endswith(".safetensors"):
            self.wfile.write(rest[: len(rest) * 3 // 4])
            rest = rest[len(rest) * 3 // 4 :]
            self.its.holds.wait(HELD_S)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(rest)

    def _json(self, found: object) -> None:
        body = json.dumps(found).encode()
        self._end(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _end(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": "0"} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
