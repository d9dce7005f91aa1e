"""What the doors with sockets have in common: a conversation that ends in order, whoever ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect
from starlette.types import Message

from earwitness.errors import Cancelled, EarwitnessError

SLOWEST_S = 20.0
"""A client that takes no message for so long is let go."""

LONGEST_REASON = 120
"""Bytes of the reason why a socket is closed; the protocol has room for 123."""

Job = Coroutine[Any, Any, None]


async def attended(
    conversation: Job,
    refuse: Callable[[EarwitnessError], Awaitable[None]],
    *,
    late: str = "this client did not take its messages",
    remedy: str = "Read them as they come.",
) -> None:
    """Hold a conversation; what ends it too early is told by `refuse`, a client that takes nothing likewise."""
    try:
        await conversation
    except WebSocketDisconnect:
        pass
    except EarwitnessError as error:
        await refuse(error)
    except TimeoutError:
        await refuse(Cancelled(late, remedy=remedy))


async def first_of(*main: Job, beside: Job) -> None:
    """Run all until one of the main ones ends, and end the others. Raises what that one raised."""
    jobs = [asyncio.create_task(job) for job in (*main, beside)]
    try:
        done, _ = await asyncio.wait(jobs[:-1], return_when=asyncio.FIRST_COMPLETED)
        for job in done:
            job.result()
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def received(socket: WebSocket) -> Message:
    """The next message of a client. Raises WebSocketDisconnect where there is none any more."""
    return checked(await socket.receive())


def checked(message: Message) -> Message:
    """A message, if it is not the last one. Raises WebSocketDisconnect."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return message


def reason(told: str) -> str:
    """A sentence as long as the reason for a close may be."""
    return told.encode(errors="replace")[:LONGEST_REASON].decode(errors="ignore")
