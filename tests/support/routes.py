"""Every route of the application, with ids in its path and a body that it takes: for tests that walk them all."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from earwitness import config
from earwitness.api.app import create

TUS = {"tus-resumable": "1.0.0"}
PIECE = TUS | {"upload-offset": "0", "content-type": "application/offset+octet-stream"}

BODIES: Mapping[str, Mapping[str, Any]] = {
    "PATCH /api/recordings/{ident}": {"title": "theirs", "speakers": {"S1": {"name": "Me"}}},
    "POST /api/recordings/{ident}/speakers": {"speaker": "S1", "into": "S2"},
    "POST /api/recordings/{ident}/notes": {"start_s": 0, "end_s": 1, "text": "theirs"},
    "PATCH /api/recordings/{ident}/notes/{number}": {"text": "theirs"},
    "PATCH /api/segments/{number}": {"revision": 0, "text": "never said"},
    "POST /api/segments/{number}/undo": {"revision": 0},
    "POST /api/segments/{number}/join": {"revision": 0},
    "POST /api/segments/{number}/split": {"revision": 0, "at": 2},
    "PATCH /api/hooks/{hook}": {"enabled": False, "name": "mine"},
    "PATCH /api/speakers/{ident}": {"name": "Mine"},
    "PATCH /api/users/{ident}": {"role": "admin", "enabled": True},
}
"""What a route takes that has an id in its path, where it takes anything but nothing or bytes."""


def _flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _flat(inner.routes)


def of(app: FastAPI) -> list[tuple[str, str]]:
    """Method and template of every route and socket."""
    found = list[tuple[str, str]]()
    for route in _flat(app.router.routes):
        if isinstance(route, APIWebSocketRoute):
            found.append(("SOCKET", route.path))
        elif isinstance(route, APIRoute):
            found += [(method, route.path) for method in sorted(route.methods or ())]
    return found


def every(home: Path) -> list[tuple[str, str]]:
    """Likewise, of an application in a home of its own that is never opened."""
    app = create(config.load(home=home, preload=False, log_level="error"))
    app.state.house.access.close()
    app.state.house.archive.close()
    app.state.house.kit.close()
    return of(app)


def filled(template: str, ids: Mapping[str, str]) -> str:
    """A path: each parameter is the id of the longest beginning of the template that is named, or of ``""``.

    What is counted within something else has the id of ``""``.
    """
    wanted = max((start for start in ids if template.startswith(start)), key=len)
    return re.sub(r"\{[^}]*\}", lambda found: ids["" if found[0] == "{number}" else wanted], template)


def call(http: httpx.Client, method: str, template: str, path: str, **query: str) -> httpx.Response:
    """Call a route with what it takes."""
    if method in {"GET", "HEAD", "DELETE", "OPTIONS"}:
        return http.request(method, path, params=query or None, headers=TUS)
    if template.startswith("/api/uploads"):
        return http.request(method, path, content=b"x", headers=PIECE)
    return http.request(method, path, json=BODIES.get(f"{method} {template}", {}))
