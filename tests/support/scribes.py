"""Recordings that are corrected in the web UI, and the hands that do it."""

import time
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from earwitness.api.house import House
from earwitness.archive import told
from earwitness.archive.viewer import HOUSE
from earwitness.types import Provenance, Segment, Speaker, Transcript, Word
from support import sounds
from support.recordings import murmur

LINES = (("S1", "Their is a house."), ("S1", "It is a big house."), ("S2", "Hello there."), ("S1", "And good bye."))


def said(*lines: tuple[str | None, str], language: str = "en", names: dict[str, str] | None = None) -> Transcript:
    """A transcript with a segment of four seconds a line, a word a second; the last word of each is unsure."""
    segments = list[Segment]()
    for n, (who, text) in enumerate(lines):
        at_s, parts = 5.0 * n, text.split()
        words = tuple(
            Word(part, at_s + i, at_s + i + 0.9, 0.3 if i == len(parts) - 1 else 0.9, True, who)
            for i, part in enumerate(parts)
        )
        segments.append(Segment(at_s, at_s + 4.0, text, language, words, speaker=who))
    labels = dict.fromkeys(who for who, _ in lines if who)
    speakers = tuple(Speaker(label, 4.0, name=(names or {}).get(label)) for label in labels)
    origin = Provenance("0", "fake", "fake", "test", {})
    return Transcript(tuple(segments), 5.0 * len(lines), language, "transcribe", origin, speakers=speakers)


@dataclass(frozen=True)
class Place:
    """A server, and what is behind its doors."""

    base: str
    house: House

    def recording(self, transcript: Transcript, title: str = "Talk", *, sound: int = 0) -> str:
        """A recording, with its sound in so many pieces."""
        archive = self.house.archive
        ident = archive.recordings.add(transcript, viewer=HOUSE, title=title, kind="file", began_s=1e9)
        each_s = transcript.duration_s / max(1, sound)
        for n in range(sound):
            path = archive.folder / "audio" / ident / f"{n}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sounds.wav(murmur(each_s)))
            row: dict[str, object] = {
                "recording_id": ident,
                "kind": "audio",
                "path": path.relative_to(archive.folder).as_posix(),
            }
            row |= {
                "start_s": n * each_s,
                "end_s": (n + 1) * each_s,
                "size": path.stat().st_size,
                "made_s": time.time(),
            }
            archive.writer.write(lambda c, row=row: told.piece(row, c))  # type: ignore[misc]
        return ident

    def texts(self, ident: str) -> list[str]:
        """What the archive says was said."""
        return [s.text for s in self.house.archive.recordings.transcript(ident).segments]

    def who(self, ident: str) -> list[str | None]:
        """What the archive says of who said it."""
        return [s.speaker for s in self.house.archive.recordings.transcript(ident).segments]


def rows(page: Page) -> Locator:
    return page.locator("[data-row]")


def opened(page: Page, ident: str) -> Locator:
    """The rows of a recording, once they are there."""
    page.goto(f"t/{ident}")
    expect(page.locator("[data-text]").first).to_be_visible()
    return rows(page)


def write(page: Page, row: Locator, text: str) -> None:
    """Write another text into a segment, by a double click."""
    row.locator("[data-text]").dblclick()
    page.get_by_label("Text of the segment").fill(text)


def saved(page: Page) -> None:
    expect(page.get_by_text("All changes are saved")).to_be_attached()
