"""The web UI at `/app`, where `/` leads: its built files. The page speaks to the API like any other client.

The build (`web/`, by the hook in `tools/webui.py`) puts the files into the package's folder `web/app`.
"""

from functools import cache
from html import escape
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from earwitness.errors import NotFound

router = APIRouter(include_in_schema=False)

BASE = '<base href="/" />'
"""What the built page says of where it lies; the server says it anew."""

FOREVER, NOW = "public, max-age=31536000, immutable", "no-cache"
"""Names of assets hold a digest of their content; those of the page do not."""

MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Earwitness</title>
<h1>The web UI is not built</h1>
<p>This Earwitness runs from its sources, and they hold the page as Svelte and TypeScript. Build it once:
<pre>python tools/webui.py</pre>
<p>or install Earwitness again with <code>pip install .</code>, which does the same; both want npm, or bring Node.js
from PyPI. Everything else works without: <a href="../docs">the API</a>, and the commands that <code>earwitness</code>
lists."""


@router.api_route("/", methods=["GET", "HEAD"])
async def begin(request: Request) -> Response:
    """To the page."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/app/", 307)


@router.api_route("/app", methods=["GET", "HEAD"])
@router.api_route("/app/{path:path}", methods=["GET", "HEAD"])
async def page(request: Request, path: str = "") -> Response:
    """A file of the page, or the page itself, which knows what to show for its other addresses."""
    built = _built()
    found = built.get(path) if path != "index.html" else None
    if found is not None:
        kept = FOREVER if path.startswith("assets/") else NOW
        return FileResponse(found, media_type=guess_type(path)[0], headers={"cache-control": kept})
    if path.startswith("assets/"):
        raise NotFound(f"the page has no file {path[:80]!r}", remedy="Load the page again: it was built anew.")
    if "index.html" not in built:
        return HTMLResponse(MISSING, 503)
    base = f'<base href="{escape(request.scope.get("root_path", ""))}/app/" />'
    told = built["index.html"].read_text("utf-8").replace(BASE, base)
    return HTMLResponse(told, headers={"cache-control": NOW})


@cache
def _built() -> dict[str, Path]:
    """The files of the page by their path under it; no other path is ever opened."""
    folder = Path(str(files("earwitness") / "web" / "app"))
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
