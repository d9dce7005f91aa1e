"""`/api/recordings` and `/api/segments`: what was heard, and how people correct it.

Nothing is there for who may not see it. Whoever changes a segment says which revision they saw.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from earwitness import export
from earwitness.api import house
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.archive.editing import MOST, NOBODY, Past, Said, Who
from earwitness.archive.recordings import MOST as MOST_RECORDINGS
from earwitness.archive.recordings import Recording, Wanted
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput
from earwitness.export.layout import Layout
from earwitness.types import Speaker

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 503, 507)
}
CHANGING = ERRORS | {409: {"model": PlainError, "description": "Somebody else changed it meanwhile"}}

Ident = Annotated[str, Path(max_length=40, examples=["r_0123456789abcdef"])]
Serial = Annotated[int, Field(ge=1, le=2**63 - 1)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Moment = Annotated[float | None, Query(ge=-1e11, le=1e11, description="Seconds of the Unix clock.")]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1, description="The revision that was seen.")]

router = APIRouter(tags=["Recordings"])


class _Told(BaseModel):
    """What a client sends; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class SpeakerCard(BaseModel):
    """A speaker of a recording, and the person they are known to be."""

    id: str
    name: str | None
    person: str | None
    speech_s: float
    confidence: float | None


class RecordingCard(BaseModel):
    """A recording and who speaks in it. `began_s`, `made_s` and `changed_s` are seconds of the Unix clock."""

    id: str
    kind: str
    state: str
    title: str
    source: str | None
    sha256: str | None
    began_s: float
    duration_s: float
    language: str | None
    kept: bool
    made_s: float
    changed_s: float
    speakers: list[SpeakerCard]


class RecordingCards(BaseModel):
    """Recordings, the newest first; `next` goes into `at` of the next page, and is null on the last one."""

    recordings: list[RecordingCard]
    next: str | None


class FileCard(BaseModel):
    """A file of a recording, and the stretch that it holds."""

    kind: str
    start_s: float
    end_s: float | None
    size: int


class WholeRecordingCard(RecordingCard):
    """A recording, its files for who may listen, and whether the caller may change it."""

    files: list[FileCard]
    editable: bool


class WordCard(BaseModel):
    """A word and its times."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None
    speaker: str | None


class SegmentCard(BaseModel):
    """A segment as it is now; `said_s` is when it was said, by the Unix clock."""

    id: int
    recording: str
    revision: int
    by_person: bool
    said_s: float
    start_s: float
    end_s: float
    text: str
    language: str | None
    speaker: str | None
    confidence: float | None
    words: list[WordCard]


class SegmentCards(BaseModel):
    """Segments in the order of time; `next` goes into `at` of the next page, and is null on the last one."""

    segments: list[SegmentCard]
    next: str | None


class PastCard(BaseModel):
    """What a segment was before a change: `text` and `speaker` where they changed."""

    revision: int
    what: str
    by: str
    at_s: float
    text: str | None
    speaker: str | None


class PastCards(BaseModel):
    """The changes of a segment, the newest first."""

    history: list[PastCard]


class WhoForm(_Told):
    """Who a speaker is: a name, or a person who is known; null takes it away."""

    name: Annotated[str | None, Field(max_length=200)] = None
    person: Annotated[str | None, Field(max_length=32, pattern="^[ -~]*$")] = None


class RecordingForm(_Told):
    """What changes of a recording."""

    title: Annotated[str | None, Field(max_length=300)] = None
    kept: bool | None = None
    speakers: Annotated[dict[str, WhoForm] | None, Field(max_length=100)] = None


class Seen(_Told):
    """Which revision a change is made to."""

    revision: Revision


class SegmentForm(Seen):
    """What changes of a segment; null for `speaker` is nobody."""

    text: Annotated[str | None, Field(max_length=20_000)] = None
    speaker: Annotated[str | None, Field(max_length=10, examples=["S1"])] = None


class SplitForm(Seen):
    """Where a segment is split: before that character of its text, from 0."""

    at: Annotated[int, Field(ge=1, le=20_000)]


class Removed(BaseModel):
    """What was taken away."""

    id: str


# ── recordings ──
@router.get("/api/recordings", summary="Recordings, the newest first", responses=ERRORS)
def recordings(
    request: Request,
    kind: Literal["file", "live"] | None = None,
    state: Literal["waiting", "open", "whole", "part", "failed"] | None = None,
    source: Annotated[str | None, Query(max_length=32, pattern="^[ -~]*$")] = None,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
    kept: bool | None = None,
    after_s: Moment = None,
    before_s: Moment = None,
    title: Annotated[str | None, Query(max_length=300, description="Words of the title, or parts of them.")] = None,
    person: Annotated[str | None, Query(max_length=32, pattern="^[ -~]*$", description="Who speaks in it.")] = None,
    at: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RECORDINGS)] = 50,
) -> RecordingCards:
    """What the caller may see, narrowed down by what is given."""
    if title is not None and not title.isprintable():
        raise BadInput("there are signs in the title that none can have", param="title")
    wanted = Wanted(kind, state, source, sha256, kept, after_s, before_s, title, person)
    there, who = _archive(request).recordings, viewer(request)
    page = there.page(who, wanted, at, limit)
    speak = there.speaking([r.id for r in page.recordings], who)
    return RecordingCards(recordings=[_card(r, speak.get(r.id, ())) for r in page.recordings], next=page.next)


@router.get("/api/recordings/{ident}", summary="One recording", responses=ERRORS)
def recording(request: Request, ident: Ident) -> WholeRecordingCard:
    """A recording with its speakers and files."""
    return _whole(request, ident)


@router.patch("/api/recordings/{ident}", summary="Name a recording and its speakers", responses=ERRORS)
def describe(request: Request, ident: Ident, told: RecordingForm) -> WholeRecordingCard:
    """Change the title, keep it for good or no longer, say who its speakers are."""
    who = {label: _who(form) for label, form in (told.speakers or {}).items()}
    _archive(request).recordings.one(ident, viewer(request))  # the answer shows it
    _archive(request).editing.describe(ident, viewer(request), title=told.title, kept=told.kept, speakers=who)
    return _whole(request, ident)


@router.delete("/api/recordings/{ident}", summary="Take a recording away", responses=ERRORS)
def remove(request: Request, ident: Ident) -> Removed:
    """Text, sound and all that belongs to it. This can't be undone."""
    _archive(request).recordings.remove(ident, viewer(request))
    return Removed(id=ident)


@router.get(
    "/api/recordings/{ident}/export",
    summary="A recording in any format",
    responses=ERRORS | {200: {"content": {"text/plain": {}}, "description": "The transcript"}},
    response_class=Response,
)
def exported(request: Request, ident: Ident, format: Annotated[str, Query(max_length=40)] = "txt") -> Response:  # noqa: A002 - its name on the wire
    """The transcript as it stands now, in one of the formats of docs/formats.md."""
    form = export.find(format)
    found = _archive(request).recordings.transcript(ident, viewer(request))
    layout = Layout(notes=tuple(n.note for n in _archive(request).notes.all(ident, viewer(request))))
    if form.speakers and not found.speakers:
        raise BadInput(f"{form.name} tells who speaks, and of this recording that is not known", param="format")
    head = {"content-disposition": f'attachment; filename="{ident}.{form.extension}"'}
    return Response(export.render(found, form.name, layout), media_type=form.media_type, headers=head)


# ── segments ──
@router.get("/api/recordings/{ident}/segments", summary="What was said in a recording", responses=ERRORS)
def segments(
    request: Request,
    ident: Ident,
    at: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 200,
    only: Annotated[list[Serial] | None, Query(max_length=MOST, description="Ids: of these those there are.")] = None,
) -> SegmentCards:
    """Segments in the order of time."""
    found = _archive(request).editing.page(ident, viewer(request), _place(at), limit, only)
    last = found[-1] if len(found) == limit else None
    after = None if last is None else f"{last.segment.start_s!r}:{last.id}"
    return SegmentCards(segments=[_said(s) for s in found], next=after)


@router.get("/api/segments/{number}", summary="One segment", responses=ERRORS)
def segment(request: Request, number: Number) -> SegmentCard:
    """A segment as it is now."""
    return _said(_archive(request).editing.one(number, viewer(request)))


@router.patch("/api/segments/{number}", summary="Correct a segment", responses=CHANGING)
def correct(request: Request, number: Number, told: SegmentForm) -> SegmentCard:
    """Another text or speaker. No machine changes the segment after that."""
    speaker = (told.speaker or NOBODY) if "speaker" in told.model_fields_set else None
    edit = partial(_archive(request).editing.edit, number, told.revision, viewer(request))
    return _said(edit(text=told.text, speaker=speaker))


@router.get("/api/segments/{number}/history", summary="What a segment was", responses=ERRORS)
def history(request: Request, number: Number) -> PastCards:
    """All that was changed, the newest first."""
    return PastCards(history=[_past(p) for p in _archive(request).editing.history(number, viewer(request))])


@router.post("/api/segments/{number}/undo", summary="Take the last change back", responses=CHANGING)
def undo(request: Request, number: Number, told: Seen) -> SegmentCard:
    """Take back the last change by a person; once more, the one before it."""
    return _said(_archive(request).editing.undo(number, told.revision, viewer(request)))


@router.post("/api/segments/{number}/split", summary="Split a segment", responses=CHANGING)
def split(request: Request, number: Number, told: SplitForm) -> SegmentCards:
    """Both halves; the first keeps the id."""
    halves = _archive(request).editing.split(number, told.revision, told.at, viewer(request))
    return SegmentCards(segments=[_said(half) for half in halves], next=None)


@router.post("/api/segments/{number}/join", summary="Join a segment with the next one", responses=CHANGING)
def join(request: Request, number: Number, told: Seen) -> SegmentCard:
    """The next one goes into it."""
    return _said(_archive(request).editing.join(number, told.revision, viewer(request)))


# ── values ──
def _archive(request: Request) -> Archive:
    return house.of(request).archive


def _card(found: Recording, speakers: Sequence[Speaker]) -> RecordingCard:
    same = {name: getattr(found, name) for name in RecordingCard.model_fields if name not in {"source", "speakers"}}
    return RecordingCard(source=found.source_id, speakers=[_speaker(s) for s in speakers], **same)


def _whole(request: Request, ident: str) -> WholeRecordingCard:
    archive, who = _archive(request), viewer(request)
    found = archive.recordings.one(ident, who)
    files = archive.recordings.files(ident, who) if archive.recordings.may(ident, who, "listen") else ()
    return WholeRecordingCard(
        **_card(found, archive.recordings.speakers(ident, who)).model_dump(),
        files=[FileCard(kind=f.kind, start_s=f.start_s, end_s=f.end_s, size=f.size) for f in files],
        editable=archive.recordings.may(ident, who, "edit"),
    )


def _speaker(found: Speaker) -> SpeakerCard:
    return SpeakerCard(**{name: getattr(found, name) for name in SpeakerCard.model_fields})


def _who(form: WhoForm) -> Who:
    given = form.model_fields_set
    return Who(
        name=(form.name or NOBODY) if "name" in given else None,
        person=(form.person or NOBODY) if "person" in given else None,
    )


def _said(found: Said) -> SegmentCard:
    heard = found.segment
    return SegmentCard(
        id=found.id,
        recording=found.recording,
        revision=found.revision,
        by_person=found.by_person,
        said_s=found.said_s,
        start_s=heard.start_s,
        end_s=heard.end_s,
        text=heard.text,
        language=heard.language,
        speaker=heard.speaker,
        confidence=heard.confidence,
        words=[WordCard(**{name: getattr(w, name) for name in WordCard.model_fields}) for w in heard.words],
    )


def _past(found: Past) -> PastCard:
    return PastCard(**{name: getattr(found, name) for name in PastCard.model_fields})


def _place(at: str | None) -> tuple[float, int] | None:
    start_s, _, ident = (at or "").partition(":")
    try:
        return None if at is None else (float(start_s), min(int(ident), 2**63 - 1))
    except ValueError:
        raise BadInput("this is no place in a list", remedy="Give `next` of the page before.", param="at") from None
