"""A real server on a loopback port, for tests that speak to it as clients do."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

from earwitness.api.app import create
from earwitness.api.house import House
from earwitness.cli.serve import bound, serving
from earwitness.config import Settings
from earwitness.kit import Kit


@contextmanager
def running(settings: Settings, kit: Kit | None = None, port: int = 0) -> Iterator[str]:
    """The base address of a server with these settings, stopped at the end."""
    with housed(settings, kit, port) as (address, _):
        yield address


@contextmanager
def housed(settings: Settings, kit: Kit | None = None, port: int = 0) -> Iterator[tuple[str, House]]:
    """Likewise, and what is behind its doors."""
    listener = bound("127.0.0.1", port, "the port")
    app = create(settings, kit)
    server = serving(app)
    thread = threading.Thread(target=copy_context().run, args=(server.run, [listener]), daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.house
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"
