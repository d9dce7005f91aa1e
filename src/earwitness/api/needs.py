"""What each route needs: the one table of who may come through which door. A route that is not in it needs `admin`.

`anybody` is everyone who came in, by a login or a key; `self` a login, or an administrator's key: it changes one's own
account. The other words are scopes. A test walks all routes: a new one is added here, or in `OPEN`.
"""

import re
from collections.abc import Mapping
from functools import cache

from starlette.routing import compile_path

OPEN = ("/livez", "/readyz", "/health", "/docs", "/redoc", "/openapi.json", "/static-offline-docs", "/app")
"""Paths, and all below them, that need neither login nor key."""

OPEN_DOORS = ("/api/setup", "/api/login", "/api/login/oidc", "/api/login/oidc/callback")
"""Paths that look for themselves who may come in."""

TABLE = """
transcribe
    POST /v1/audio/transcriptions
    POST /v1/audio/translations
    POST /v1/audio/diarization
    GET /v1/models
    POST /v1/realtime/client_secrets
    POST /v1/realtime/transcription_sessions
    SOCKET /v1/realtime
    POST /v1/listen
    SOCKET /v1/listen
    POST /inference
    POST /transcribe
    POST /transcribe/enhanced
    POST /transcribe/diarized
    POST /alignment/word-level
    POST /diarization/multi-model
    SOCKET /
    SOCKET /ws
    POST /api/process-chunk
    GET /models
    GET /api/models
    GET /api/sample
    GET /api/device-info
    GET /v1/models/{name:path}
    GET /models/{name:path}
    POST /transcribe/{model:path}
    GET /api/jobs
    POST /api/jobs
    GET /api/jobs/{job}
    DELETE /api/jobs/{job}
    POST /api/jobs/{job}/retry
    GET /api/jobs/{job}/result
    POST /batch/process
    GET /api/batches/{batch}
    OPTIONS /api/uploads
    POST /api/uploads
    HEAD /api/uploads/{upload}
    PATCH /api/uploads/{upload}
    DELETE /api/uploads/{upload}
archive:read
    GET /api/recordings
    GET /api/recordings/{ident}
    GET /api/recordings/{ident}/export
    GET /api/recordings/{ident}/audio
    GET /api/recordings/{ident}/clip
    GET /api/recordings/{ident}/segments
    GET /api/recordings/{ident}/outline
    GET /api/recordings/{ident}/notes
    GET /api/recordings/{ident}/peaks
    GET /api/recordings/{ident}/find
    GET /api/segments/{number}
    GET /api/segments/{number}/history
    GET /api/speakers/suggested
    GET /api/transcripts
    GET /api/transcripts/export
    GET /api/analytics/talk-time
    GET /api/analytics/activity
    GET /api/analytics/top-terms
archive:write
    PATCH /api/recordings/{ident}
    DELETE /api/recordings/{ident}
    POST /api/recordings/{ident}/transcribe
    POST /api/recordings/{ident}/speakers
    POST /api/recordings/{ident}/notes
    PATCH /api/recordings/{ident}/notes/{number}
    DELETE /api/recordings/{ident}/notes/{number}
    PATCH /api/segments/{number}
    POST /api/segments/{number}/undo
    POST /api/segments/{number}/split
    POST /api/segments/{number}/join
alerts
    GET /api/hooks
    POST /api/hooks
    GET /api/hooks/{hook}
    PATCH /api/hooks/{hook}
    DELETE /api/hooks/{hook}
    POST /api/hooks/{hook}/secret
    POST /api/hooks/{hook}/test
    GET /api/hooks/{hook}/deliveries
people:read
    GET /api/speakers
    POST /api/speakers/identify
    GET /api/speakers/{ident}
people:write
    POST /api/speakers
    POST /api/speakers/heard
    POST /api/speakers/merge
    POST /api/speakers/split
    PATCH /api/speakers/{ident}
    DELETE /api/speakers/{ident}
    POST /api/speakers/{ident}/voices
metrics
    GET /metrics
    GET /api/system
anybody
    GET /api/me
    GET /api/policy
    GET /api/events
self
    POST /api/logout
    PATCH /api/me
    GET /api/logins
    DELETE /api/logins/{ident}
    GET /api/keys
    POST /api/keys
    DELETE /api/keys/{ident}
    GET /api/grants
admin
    DELETE /v1/models/{name:path}
    POST /api/models/pull
    POST /api/models/bench
    POST /api/models/unload
    PUT /api/models/default
    DELETE /api/models/errands/{ident}
    DELETE /api/models/{name:path}
    GET /api/system/logs
    GET /api/system/diagnostics
    GET /api/users
    POST /api/users
    PATCH /api/users/{ident}
    DELETE /api/users/{ident}
    POST /api/grants
    DELETE /api/grants/{number}
    GET /api/audit
"""
"""Method and template of each route, below what it needs."""

SEARCHES = (
    "GET /api/transcripts",
    "GET /api/transcripts/export",
    "GET /api/analytics/talk-time",
    "GET /api/analytics/activity",
    "GET /api/analytics/top-terms",
)
"""Routes that count as searches."""

TRANSCRIBING = ("POST /api/recordings/{ident}/transcribe",)
"""Routes that transcribe though they need something else."""

NOT_UPLOADS = ("POST /api/process-chunk",)
"""Routes that transcribe and bring a little sound many times."""


CAPTIONS = ("GET /api/recordings/{ident}", "GET /api/recordings/{ident}/segments", "GET /api/events")
"""All that a key for one recording opens."""


def opens(path: str, method: str) -> bool:
    """Whether a path needs neither login nor key; `/` as a page does not, as a socket it does."""
    if path == "/":
        return method in {"GET", "HEAD"}
    return path in OPEN_DOORS or any(path == p or path.startswith(f"{p}/") for p in OPEN)


SMALL = ("POST /v1/realtime/client_secrets", "POST /v1/realtime/transcription_sessions")
"""Routes for who transcribes, whose body is a little JSON."""

LARGE = ("POST /api/speakers", "POST /api/speakers/identify", "POST /api/speakers/{ident}/voices")
"""Other routes to which recordings are sent."""


@cache
def table() -> Mapping[str, str]:
    """What is needed, by method and template."""
    need, found = "", dict[str, str]()
    for line in TABLE.strip().splitlines():
        if line.startswith(" "):
            found[line.strip()] = need
        else:
            need = line
    return found


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    rows = [(*route.split(" ", 1), route) for route in table() if "{" in route]
    return tuple((method, compile_path(template)[0], route) for method, template, route in rows)


def streams(row: str | None) -> bool:
    """Whether a route takes its body piece by piece, and looks after its size itself."""
    return row is not None and row not in SMALL and (table()[row] == "transcribe" or row in LARGE)


def row_of(method: str, path: str) -> str | None:
    """The table's row for a request, or for a socket with SOCKET as its method; None for a route that it lacks.

    HEAD needs what GET does, where it has no row.
    """
    if f"{method} {path}" in table():
        return f"{method} {path}"
    found = next((row for verb, shape, row in _patterns() if verb == method and shape.match(path)), None)
    return row_of("GET", path) if found is None and method == "HEAD" else found
