"""Sockets as the web server keeps them: who is asked whether they are there, and when they are taken for gone."""

from typing import TYPE_CHECKING

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

HEARTBEAT_S = 20.0
"""How often a socket's client is asked whether it is there, and how long its answer is waited for."""


class Sockets(WebSocketsSansIOProtocol):
    """A socket of uvicorn, of which a client that is made to wait is not taken for dead."""

    heard_at = 0.0

    @override
    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)

    @override
    def keepalive_timeout(self) -> None:
        if not self.read_paused and self.loop.time() - self.heard_at >= HEARTBEAT_S:
            super().keepalive_timeout()
            return
        # its answer lies behind sound that it is made to wait with
        self.pong_timer = self.loop.call_later(HEARTBEAT_S, self.keepalive_timeout)

    @override
    async def send(self, message: "ASGISendEvent") -> None:
        await super().send(message)
        # a handshake that was refused with a body is answered; uvicorn would log that it is not
        self.handshake_complete |= self.initial_response is not None and self.close_sent
