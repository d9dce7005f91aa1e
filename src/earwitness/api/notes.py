"""`/api/recordings/{ident}/notes`: notes and highlights at places of a recording."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from earwitness.api import house
from earwitness.api.recordings import Ident
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.archive.notes import LATEST_S, LONGEST, Noted, Notes
from earwitness.noted import Note

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 503, 507)
}
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Second = Annotated[float, Field(ge=0, le=LATEST_S, description="Second of the recording.")]
Text = Annotated[str, Field(max_length=LONGEST, description="Of a highlight, may be empty.")]

router = APIRouter(tags=["Recordings"], responses=ERRORS)


class NoteForm(BaseModel):
    """A note or a highlight, from a time to one that is not earlier."""

    model_config = ConfigDict(extra="forbid")

    start_s: Second
    end_s: Second
    kind: Literal["note", "highlight"] = "note"
    text: Text = ""


class NoteText(BaseModel):
    """What a note says instead."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class NoteCard(BaseModel):
    """A note or a highlight; `by` is the id of who wrote it last, `at_s` when, by the Unix clock."""

    id: int
    start_s: float
    end_s: float
    kind: str
    text: str
    by: str
    at_s: float


class NoteCards(BaseModel):
    """Those of a recording, in the order of their beginnings."""

    notes: list[NoteCard]


class NoteGone(BaseModel):
    """Which one was taken away."""

    id: int


@router.get("/api/recordings/{ident}/notes", summary="Notes and highlights of a recording")
def notes(request: Request, ident: Ident) -> NoteCards:
    """All of them."""
    return NoteCards(notes=[_card(one) for one in _notes(request).all(ident, viewer(request))])


@router.post("/api/recordings/{ident}/notes", status_code=201, summary="Put a note to a recording")
def add(request: Request, ident: Ident, told: NoteForm) -> NoteCard:
    """A note, or a highlight."""
    note = Note(told.start_s, told.end_s, told.kind, told.text)
    return _card(_notes(request).add(ident, note, viewer(request)))


@router.patch("/api/recordings/{ident}/notes/{number}", summary="Write something else into a note")
def change(request: Request, ident: Ident, number: Number, told: NoteText) -> NoteCard:
    """The place stays."""
    return _card(_notes(request).change(ident, number, told.text, viewer(request)))


@router.delete("/api/recordings/{ident}/notes/{number}", summary="Take a note away")
def remove(request: Request, ident: Ident, number: Number) -> NoteGone:
    """Or a highlight."""
    _notes(request).remove(ident, number, viewer(request))
    return NoteGone(id=number)


def _notes(request: Request) -> Notes:
    return house.of(request).archive.notes


def _card(found: Noted) -> NoteCard:
    note = found.note
    return NoteCard(
        id=found.id,
        start_s=note.start_s,
        end_s=note.end_s,
        kind=note.kind,
        text=note.text,
        by=found.by,
        at_s=found.at_s,
    )
