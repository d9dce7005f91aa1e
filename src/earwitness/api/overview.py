"""What a page needs of a whole recording at once: where its segments lie, how loud it is, what was said in it, who."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from earwitness.api import house
from earwitness.api.recordings import Ident
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.archive.overview import MOST_FOUND
from earwitness.audio.peaks import thinned

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 503, 507)
}
MOST_POINTS = 100_000
"""Points of a waveform at most: a day at one a second."""

PATIENCE_S = 2.0
"""How long a waveform is waited for that is not heard yet."""

Label = Annotated[str, Path(max_length=32, examples=["S1"])]

router = APIRouter(tags=["Recordings"], responses=ERRORS)


class OutlineTable(BaseModel):
    """All segments in the order of time, a column each; `speaker` holds labels, or null for nobody.

    `edited` are the ids of those that a person has changed.
    """

    id: list[int]
    start_s: list[float]
    end_s: list[float]
    speaker: list[str | None]
    characters: list[int]
    edited: list[int]


class PeaksTable(BaseModel):
    """The loudest sample of each stretch, from 0 to 127, `per_s` stretches a second; `whole` once all is heard."""

    per_s: float
    whole: bool
    peaks: list[int]


class OccurrenceCard(BaseModel):
    """A segment in which something was said."""

    id: int
    revision: int
    start_s: float
    speaker: str | None
    text: str


class OccurrenceCards(BaseModel):
    """Segments in the order of time; `more` where there are others."""

    segments: list[OccurrenceCard]
    more: bool


class Reassigning(BaseModel):
    """What `speaker` said was said by `into`; of some segments, where they are given."""

    model_config = ConfigDict(extra="forbid")

    speaker: Annotated[str, Field(max_length=32, examples=["S2"])]
    into: Annotated[str, Field(max_length=10, examples=["S1"])]
    segments: Annotated[list[int] | None, Field(max_length=1_000_000)] = None


class Reassigned(BaseModel):
    """Ids of the segments that changed."""

    segments: list[int]


@router.get("/api/recordings/{ident}/outline", summary="Where the segments of a recording lie")
def outline(request: Request, ident: Ident) -> OutlineTable:
    """All of them at once, without what was said."""
    found = house.of(request).archive.overview.outline(ident, viewer(request))
    return OutlineTable(
        id=list(found.ids),
        start_s=list(found.start_s),
        end_s=list(found.end_s),
        speaker=list(found.speakers),
        characters=list(found.characters),
        edited=list(found.edited),
    )


@router.get("/api/recordings/{ident}/peaks", summary="How loud a recording is")
def peaks(request: Request, ident: Ident) -> PeaksTable:
    """For a waveform. Of sound that is heard for the first time, as far as it is; ask again while it is not `whole`."""
    archive = house.of(request).archive
    drawn = archive.peaks.of(archive.recordings.files(ident, viewer(request)), PATIENCE_S)
    found, per_s = thinned(drawn.loudness, MOST_POINTS)
    return PeaksTable(per_s=per_s, whole=drawn.whole, peaks=found.tolist())


@router.get("/api/recordings/{ident}/find", summary="Segments that hold a text")
def find(
    request: Request,
    ident: Ident,
    text: Annotated[str, Query(min_length=1, max_length=300)],
    case: Annotated[bool, Query(description="Capital letters are told from small ones.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND)] = MOST_FOUND,
) -> OccurrenceCards:
    """Letter by letter, unlike the search over all that was said."""
    found = house.of(request).archive.overview.find(ident, text, viewer(request), case=case, most=limit + 1)
    cards = [
        OccurrenceCard(**{name: getattr(one, name) for name in OccurrenceCard.model_fields}) for one in found[:limit]
    ]
    return OccurrenceCards(segments=cards, more=len(found) > limit)


@router.post("/api/recordings/{ident}/speakers", summary="Two speakers are one")
def reassign(request: Request, ident: Ident, told: Reassigning) -> Reassigned:
    """All that one said goes to the other, or some of it. Given back with these ids it is undone."""
    editing = house.of(request).archive.editing
    chosen = None if told.segments is None else set(told.segments)
    return Reassigned(segments=list(editing.reassign(ident, told.speaker, told.into, viewer(request), chosen)))
