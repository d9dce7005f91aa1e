"""A server on loopback that answers as it is told, well or badly, and remembers what it was asked."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

CHUNK = b"x" * 2**20


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` ends the connection after so many bytes of the body, `endless` never ends the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int | None = None
    endless: bool = False


def say(found: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(found).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


@dataclass(frozen=True)
class Asked:
    """One request: its fields by name, with the file's bytes under `file`."""

    method: str
    path: str
    headers: Message
    fields: Mapping[str, tuple[bytes, ...]]

    def text(self, name: str) -> str:
        """The only value of a field."""
        (value,) = self.fields[name]
        return value.decode()


@dataclass
class Script:
    """What the server answers: for each path one reply after the other, the last one ever after."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(a.path == path for a in self.asked)


@contextmanager
def running(script: Script, secured: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that plays the script, over https where a certificate is given."""

    class Door(_Door):
        its = script
        lock = threading.Lock()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    if secured is not None:
        server.socket = secured.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    script.address = f"{'http' if secured is None else 'https'}://127.0.0.1:{server.server_port}"
    try:
        yield script.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    its: Script
    lock: threading.Lock

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.lock:
            self.its.asked.append(Asked(self.command, self.path, self.headers, _fields(self.headers, body)))
            waiting = self.its.replies.get(self.path, [Reply(404)])
            reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        time.sleep(reply.delay_s)
        try:
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.endless:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        while reply.endless:
            self.wfile.write(CHUNK)
        self.wfile.write(reply.body[: reply.cut])
        self.close_connection = self.close_connection or reply.cut is not None


def _fields(headers: Message, body: bytes) -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    if not body:
        return found
    form = message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    for part in form.get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        found[name] = (*found.get(name, ()), value)
    return found
