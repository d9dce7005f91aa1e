"""A radio station on loopback."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typing_extensions import override


@contextmanager
def serving(content: bytes) -> Iterator[str]:
    """The address of a station that sends some bytes and ends; there are secrets in it."""

    class Station(http.server.BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Station) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://user:secret@127.0.0.1:{server.server_address[1]}/stream?token=secret"
        server.shutdown()
        thread.join()
