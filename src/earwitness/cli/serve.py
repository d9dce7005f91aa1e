"""`earwitness serve`: the server, on one port."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    import uvicorn
    from fastapi import FastAPI
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope

    from earwitness.config import Settings


LARGEST_MESSAGE = 16 * 2**20
"""Bytes of a socket's message: OpenAI's clients may send 15 MiB at once."""

WAITING = 2048
"""Connections that may wait to be taken up."""

UNREAD_MS = 60_000
"""How long a peer may take nothing of what is sent to it before the system ends the connection."""


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; on anything but loopback all need an account or the key.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = None,
) -> None:
    """Serve OpenAI's speech API and the other doors on this machine.

    Listens on 127.0.0.1:8000 unless told otherwise. Settings come from the environment (EARWITNESS_HOME,
    EARWITNESS_API_KEY and so on) and from earwitness.toml in the home folder; the docs list them all. Stop it with
    Ctrl-C: what is in work is ended, and clients are told.
    """
    from earwitness import config

    settings = config.load(host=host, port=port)
    check(settings)
    listener = listen(settings)
    name, number = listener.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    typer.echo(f"Earwitness listens on http://{shown}:{number}  (API docs: http://{shown}:{number}/docs)", err=True)
    run(settings, listener)


def check(settings: "Settings") -> None:
    """Raise what Wyoming's port lacks."""
    if settings.wyoming_port is not None:
        from earwitness.api.live import wyoming

        wyoming.check(settings)
        bound(settings.host, settings.wyoming_port, "EARWITNESS_WYOMING_PORT").close()


def listen(settings: "Settings") -> "socket.socket":
    """A socket that listens. Raises BadInput where the address is taken or not ours."""
    return bound(settings.host, settings.port, "--port")


def bound(host: str, port: int, told_by: str) -> "socket.socket":
    """Likewise; `told_by` is how the port is chosen."""
    import socket
    import sys

    from earwitness.errors import BadInput

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # by the name of its protocol asyncio knows that it may send small pieces at once; else each answer waits for 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":  # else a connection to a peer that is there and reads nothing is never closed
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    try:
        listener.bind((host, port))
        listener.listen(WAITING)  # whoever comes while we start waits, and is not refused
    except OSError as error:
        listener.close()
        raise BadInput(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            remedy=f"Choose another port with {told_by}, or end the program that holds this one.",
        ) from error
    return listener


def run(settings: "Settings", listener: "socket.socket") -> None:
    """Serve until a signal comes. Raises why the server could not begin."""
    from earwitness import traces
    from earwitness.api.app import create

    with traces.exporting():
        app = create(settings)
        try:
            serving(app).run(sockets=[listener])
        except SystemExit:
            if app.state.failed is not None:
                raise app.state.failed from None
            raise


def serving(app: "FastAPI") -> "uvicorn.Server":
    """The server of an application; it tells live sessions what was said before their sockets close."""
    import uvicorn
    from typing_extensions import override

    from earwitness.api.heartbeat import HEARTBEAT_S, Sockets
    from earwitness.api.proxies import Peers

    class Server(uvicorn.Server):
        @override
        async def shutdown(self, sockets: "list[socket.socket] | None" = None) -> None:
            app.state.house.streams.close()
            await app.state.house.sessions.drain()
            await super().shutdown(sockets)

    reached = Peers(app, app.state.house.settings.login_proxies)

    async def told(scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        async def sending(message: "ASGISendEvent") -> None:
            if message["type"] == "lifespan.startup.failed" and app.state.failed is not None:
                message["message"] = ""  # instead of where in the code it was
            await send(message)

        await reached(scope, receive, sending)  # type: ignore[arg-type]

    return Server(
        uvicorn.Config(
            told,
            proxy_headers=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
            ws=Sockets,
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_interval=HEARTBEAT_S,
            ws_ping_timeout=HEARTBEAT_S,
        )
    )
