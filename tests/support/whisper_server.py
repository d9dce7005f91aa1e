"""A stand-in for whisper.cpp's server: answers like it, or ends, hangs and babbles as its model's folder tells it.

    python whisper_server.py --model M --threads N --host H --port P --request-path /SECRET

A file beside the model makes it misbehave: `dies-loading` (its text is the code), `slow`, `dies-of-clips` (its text is
how many clips in all it dies of), `babbles` (its text is the answer). Its process is added to `started`.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from typing_extensions import override

TOLD = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
FOLDER = Path(TOLD.get("--model", "")).parent
SAID = [(1119, 0.9, 0.5), (6085, 0.8, 0.9), (30, 0.99, 1.0)]
"""Tokens of the small Whisper with their probabilities and ends: " Is", " Bob", "?"."""


class Door(BaseHTTPRequestHandler):
    """Its doors."""

    def do_GET(self) -> None:
        self._send({"status": "ok"}, 200 if self.path == f"{TOLD['--request-path']}/health" else 404)

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"]))
        (FOLDER / "asked").write_bytes(form)
        left = FOLDER / "dies-of-clips"
        if left.exists() and (count := int(left.read_text())):
            left.write_text(str(count - 1))
            os._exit(11)
        babble = FOLDER / "babbles"
        words = [{"word": "?", "start": 0.0, "end": end, "probability": p} for _, p, end in SAID]
        piece = {"id": 0, "text": "?", "start": 0.2, "end": 1.0, "tokens": [t for t, *_ in SAID], "words": words}
        probs = {"es": 0.2, "en": 0.7, "de": 0.1}
        said = {"text": "?\n", "language": "spanish", "segments": [piece], "language_probabilities": probs}
        self._send(json.loads(babble.read_text()) if babble.exists() else said, 200)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _send(self, found: object, status: int) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with (FOLDER / "started").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if (FOLDER / "slow").exists():
        time.sleep(60)
    if (FOLDER / "dies-loading").exists():
        sys.exit(int((FOLDER / "dies-loading").read_text()))
    HTTPServer((TOLD["--host"], int(TOLD["--port"])), Door).serve_forever()
