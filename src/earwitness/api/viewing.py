"""Who sent a request, as the archive sees them."""

import asyncio
from collections.abc import Callable

from fastapi import Request
from starlette.requests import HTTPConnection

from earwitness.api import house
from earwitness.api.caller import caller_of
from earwitness.archive.viewer import Viewer


def viewer(request: HTTPConnection) -> Viewer:
    """Whose eyes the archive is seen with: a user's, or the installation's own where it has no accounts."""
    return caller_of(request.scope).viewer


def again(request: Request) -> Callable[[], Viewer]:
    """Asks, from a thread, who sends a request that goes on for long, as the accounts are by then.

    What it gives raises Unauthorized once nobody vouches for them any more. Called on the event loop.
    """
    access, loop = house.of(request).access, asyncio.get_running_loop()

    def asked() -> Viewer:
        known = access.known(request.scope, request.headers, request.method)
        return asyncio.run_coroutine_threadsafe(known, loop).result().viewer

    return asked
