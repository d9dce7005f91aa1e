"""An address that hears what is posted to it, and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


class Heard:
    """What came to an address that answers as it is told."""

    def __init__(self) -> None:
        self.came = list[tuple[bytes, dict[str, str]]]()
        self.status = 200
        self.address = ""


@contextmanager
def listening() -> Iterator[Heard]:
    heard = Heard()

    class Door(BaseHTTPRequestHandler):
        @override
        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.came.append((body, {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(heard.status)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        heard.address = f"http://127.0.0.1:{server.server_port}/in"
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()
