"""The door of what happens: `GET /api/events`, one stream of server-sent events for a browser."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from earwitness.api import house
from earwitness.api.schemas import PlainError
from earwitness.api.streams import DRAFTS
from earwitness.api.viewing import again, viewer
from earwitness.archive.happened import TOPICS
from earwitness.errors import BadInput

router = APIRouter(tags=["Events"])

EVERY = (*TOPICS, DRAFTS)
LARGEST = 2**63 - 1
"""An id that no log has: whoever claims to have seen it must begin anew."""

UNBUFFERED = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
"""For proxies: pass on each event at once, and as it is."""


class EventStream(StreamingResponse):
    """Lines that are ready to be sent: FastAPI's own class would write them anew for each client."""

    media_type = "text/event-stream"


@router.get(
    "/api/events",
    summary="What happens, as it happens",
    response_class=EventStream,
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 503, 507)},
)
async def events(
    request: Request,
    topics: Annotated[str, Query(description=f"Comma-separated: {', '.join(EVERY)}; all if left out.")] = "",
    after: Annotated[int | None, Query(ge=0, le=LARGEST, description="Id of the last event that was seen.")] = None,
    last_event_id: Annotated[str, Header(description="Likewise, as browsers send it; goes before `after`.")] = "",
) -> EventStream:
    """What the caller may see of what happens, after the last event seen, or from now on."""
    wanted, seen = chosen(topics), after if not last_event_id else number(last_event_id)
    home, own = house.of(request), viewer(request)
    newest = await home.streams.admit(own)
    lines = home.streams.lines(own, wanted, newest, seen, again(request))
    return EventStream(lines, headers=UNBUFFERED)


def chosen(topics: str) -> frozenset[str]:
    """The topics in a list, all for none. Raises BadInput."""
    named = [t.strip() for t in topics.split(",") if t.strip()]
    if unknown := next((t for t in named if t not in EVERY), None):
        raise BadInput(f"{unknown[:50]!r} is no topic", param="topics", remedy=f"Choose among {', '.join(EVERY)}.")
    return frozenset(named or EVERY)


def number(ident: str) -> int:
    """The id that a client has seen; the largest for one that can't be."""
    return min(int(ident), LARGEST) if ident.isascii() and ident.isdigit() and len(ident) < 20 else LARGEST
