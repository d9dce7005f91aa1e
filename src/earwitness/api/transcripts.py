"""`/api/transcripts`: what was said is found and carried away; `/api/analytics`: figures over it."""

import io
import zipfile
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from earwitness import export
from earwitness.api import house
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.archive.search import analytics
from earwitness.archive.search.carried import Carried, carried
from earwitness.archive.search.find import By, Found
from earwitness.archive.search.tokens import tokens
from earwitness.errors import BadInput, NotFound

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 501, 503, 507)
}
MOST = 500
"""Segments that are asked for one by one."""

Serial = Annotated[int, Field(ge=1, le=2**63 - 1)]
ZIP_BEGAN = (1980, 1, 1, 0, 0, 0)
"""The date of files in an archive: the same content is the same archive."""

Text = Annotated[
    str,
    Query(
        alias="q",
        description='Words, "phrases", -not, begin*, OR, speaker: person: source: lang: recording: after: before:',
        examples=['fire "smoke detector" -drill after:2026-11-01'],
    ),
]


class MarkCard(BaseModel):
    """A place in the text that was looked for, in characters, and when it was said."""

    start: int
    end: int
    start_s: float | None
    end_s: float | None


class PassageCard(BaseModel):
    """What means what was looked for: its text, its stretch of the recording, and how alike they are, up to 1."""

    text: str
    start_s: float
    end_s: float
    likeness: float


class HitCard(BaseModel):
    """A segment that was found; `said` is the wall clock of its start."""

    id: int
    recording: str
    title: str
    source: str | None
    number: int
    said: datetime
    start_s: float
    end_s: float
    text: str
    language: str | None
    speaker: str | None
    name: str | None
    revision: int
    marks: list[MarkCard]
    found_by: By
    passage: PassageCard | None


class FoundCard(BaseModel):
    """A page of hits. `count` comes with the first page; `more` says that there are more than that."""

    hits: list[HitCard]
    next: str | None
    count: int | None
    more: bool
    typos: Annotated[bool, Field(description="Whether words that are only near were looked for too.")]
    instead: Annotated[
        dict[str, list[str]], Field(description="Words of the query, and what these hits hold for them.")
    ]


class TalkCard(BaseModel):
    """How long somebody talked; without a name: everybody nobody has named."""

    name: str | None
    person: str | None
    recordings: int
    segments: int
    speech_s: float


class StretchCard(BaseModel):
    """An hour or a day by its beginning, or an hour of the day from 0."""

    at: datetime | int
    segments: int
    speech_s: float


class TermCard(BaseModel):
    """A word, and how many of the segments hold it."""

    term: str
    segments: int


class TalkCards(BaseModel):
    """Who talks, the longest first."""

    speakers: list[TalkCard]


class ActivityCards(BaseModel):
    """When it was said, the oldest first; where nothing was, nothing stands."""

    activity: list[StretchCard]


class TermCards(BaseModel):
    """What was said, the most frequent first."""

    terms: list[TermCard]


router = APIRouter(tags=["Archive"])


@router.get("/api/transcripts", summary="Find what was said", responses=ERRORS)
def find(
    request: Request,
    q: Text = "",
    mode: Annotated[
        By, Query(description="`meaning` and `both` need the extra `semantic`, and are of English.")
    ] = "words",
    sort: Annotated[
        Literal["newest", "relevance"] | None, Query(description="`newest` for words where it is left out.")
    ] = None,
    page: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
    typos: Annotated[bool | None, Query(description="Left out, they are forgiven where nothing is found.")] = None,
    count: Annotated[bool, Query(description="Whether the first page tells how many hits there are.")] = True,
) -> FoundCard:
    """Search the archive. Without `q`, everything, the newest first."""
    home, who = house.of(request), viewer(request)
    if mode != "words":
        if sort == "newest":
            raise BadInput("what is found by its meaning comes by relevance", param="sort")
        found = home.meaning.find(who, q, mode=mode, page=page, size=size, near=typos, count=count)
    else:
        search = home.archive.search
        found = search.find(who, q, sort=sort or "newest", page=page, size=size, near=typos, count=count)
    return _card(found)


@router.get(
    "/api/transcripts/export",
    summary="Carry away what was found",
    responses=ERRORS | {200: {"content": {"application/zip": {}, "text/plain": {}}, "description": "A file"}},
    response_class=Response,
)
def carry(
    request: Request,
    q: Text = "",
    form: Annotated[str, Query(alias="format", description=f"One of {', '.join(export.FORMATS)}.")] = "json",
    only: Annotated[
        list[Serial] | None, Query(max_length=MOST, description="Ids of segments: these, if found.")
    ] = None,
) -> Response:
    """One file where all is of one recording, else an archive with a file for each."""
    chosen = export.find(form)
    found = carried(house.of(request).archive.database, viewer(request), q, only)
    if not found:
        raise NotFound("nothing is found", remedy="Look for it at /api/transcripts first.")
    if len(found) == 1:
        return _file(
            export.render(found[0].transcript, form).encode(), chosen.media_type, _name(found[0], chosen.extension)
        )
    return _file(_zipped(found, chosen), "application/zip", "transcripts.zip")


@router.get("/api/analytics/talk-time", summary="Who talks how long", responses=ERRORS)
def talk_time(request: Request, q: Text = "") -> TalkCards:
    """Seconds of speech by speaker, over what a query finds."""
    found = analytics.talk_time(house.of(request).archive.database, viewer(request), q)
    return TalkCards(speakers=[TalkCard(**asdict(one)) for one in found])


@router.get("/api/analytics/activity", summary="When it was said", responses=ERRORS)
def activity(
    request: Request,
    q: Text = "",
    by: Annotated[analytics.By, Query()] = "hour",
    offset_minutes: Annotated[int, Query(ge=-900, le=900, description="Of the viewer's clock before UTC.")] = 0,
) -> ActivityCards:
    """Segments and seconds of speech by hour, day or hour of the day, over what a query finds."""
    found = analytics.activity(house.of(request).archive.database, viewer(request), q, by, 60 * offset_minutes)
    cards = [StretchCard(**asdict(one) | {"at": one.at if by == "hour_of_day" else _clock(one.at)}) for one in found]
    return ActivityCards(activity=cards)


@router.get("/api/analytics/top-terms", summary="What is talked about", responses=ERRORS)
def top_terms(request: Request, q: Text = "", size: Annotated[int, Query(ge=1, le=500)] = 50) -> TermCards:
    """The words that most of the newest segments hold that a query finds."""
    found = analytics.top_terms(house.of(request).archive.database, viewer(request), q, size)
    return TermCards(terms=[TermCard(**asdict(one)) for one in found])


def _card(found: Found) -> FoundCard:
    plain = asdict(found)
    for hit in plain["hits"]:
        hit["said"] = _clock(hit.pop("said_s"))
    return FoundCard.model_validate(plain)


def _clock(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _zipped(found: tuple[Carried, ...], chosen: export.Format) -> bytes:
    """A file for each recording; ids part those of one title."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in found:
            about = zipfile.ZipInfo(_name(one, chosen.extension), ZIP_BEGAN)
            archive.writestr(about, export.render(one.transcript, chosen.name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _name(one: Carried, extension: str) -> str:
    """A file's name: what is ASCII of the title, and the recording's id."""
    words = [word for word in tokens(one.title).split() if word.isascii()]
    return f"{'-'.join([*words, one.recording])[-80:].lstrip('-')}.{extension}"


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})
