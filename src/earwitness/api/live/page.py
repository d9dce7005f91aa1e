"""The live page at `/live`: captions of a microphone or a browser tab. It speaks to `/ws` like any other client."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

from earwitness.errors import NotFound

router = APIRouter(include_in_schema=False)

KINDS = {
    "live.html": "text/html; charset=utf-8",
    "live.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "worklet.js": "text/javascript; charset=utf-8",
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; worker-src 'self'"
"""The page may load nothing but its own files, and speak to nothing but this server's sockets."""


@router.get("/live")
async def live() -> Response:
    """The page."""
    return _file("live.html")


@router.get("/live/{name}")
async def part(name: str) -> Response:
    """A file of the page."""
    return _file(name)


def _file(name: str) -> Response:
    if name not in KINDS:
        raise NotFound(f"the live page has no file {name[:40]!r}")
    content = (files("earwitness") / "web" / name).read_bytes()
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}
    return Response(content, media_type=KINDS[name], headers=headers)
