"""Follows a run through a recording, writes a page now and then, and takes up what an earlier run has written.

A page is drafted after a block of sound, when the states of the speech fold and of the diarizer lie before us, and
written when all stretches of that block and of those before it are recognised, so nothing in the run waits for it. The
sound that those states hold is not kept: it is decoded again. A result does not show whether its run was interrupted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from earwitness.__about__ import __version__
from earwitness.audio import timebase
from earwitness.errors import BadInput
from earwitness.gathering import Gathering
from earwitness.kit import Kit
from earwitness.models import catalog
from earwitness.parts import Arrays, Hearing, Keeping, Vad
from earwitness.stages.guard import Credit
from earwitness.stages.recognise import Recognised
from earwitness.stages.speech import Heard
from earwitness.types import Audio, Samples
from earwitness.unfinished import pages
from earwitness.unfinished.checkpoint import Book, Checkpoint
from earwitness.unfinished.pages import Page

RUN_UP_S = 1.0
"""Decoding goes on so much before the sound that is needed, so that there is some even at the end of a recording."""

HARMLESS = frozenset({"several_tracks"})
"""Notices that do not tell of damage."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A page whose words are not all there yet."""

    page: Page
    vad: Arrays
    who: Arrays
    stretches: int
    """So many must be through."""


class Trail:
    """The way of one run. Without a book it keeps nothing and takes up nothing."""

    credit: Credit
    """What the recording has earned so far."""
    state: Heard | None
    """That of the speech fold where the run goes on; None at the beginning of the recording."""

    def __init__(self, gathered: Gathering, hearing: Hearing | None, vad: Vad, book: Book | None) -> None:
        self.credit, self.state = Credit(), None
        self._gathered, self._hearing, self._vad, self._book = gathered, hearing, vad, book
        self._page: Page | None = None
        self._cells: Arrays = {}
        self._draft: _Draft | None = None
        self._found = self._through = 0
        self._fresh = False
        self._segments = self._suppressed = 0
        self._last_s = book.now() if book else 0.0
        if book is not None:
            self._take_up(book)

    @property
    def from_s(self) -> float:
        """Where decoding begins: at the start if anything was wrong with the recording, so that it is told again."""
        start_s, page = self._gathered.recipe.from_s, self._page
        if page is None or not page.clean:
            return start_s
        wanted = [page.position, *(() if page.fold is None else (self._first(page),))]
        wanted += [] if self._hearing is None else [self._hears_from(page)]
        return max(start_s, timebase.seconds(min(wanted)) - RUN_UP_S)

    def caught_up(self, blocks: Iterator[Audio]) -> Iterator[Audio]:
        """The blocks that were not heard yet; the diarizer hears again what it needs of the others, which end here."""
        page = self._page
        if page is None:
            return blocks
        kept, first = list[Samples](), self._first(page)
        for block in blocks:
            past = _between(block, block.start, page.position)
            if self._hearing and len(again := _between(past, self._hears_from(page), past.end).samples):
                self._hearing.hear(Audio(again, past.end - len(again)))
            kept.append(_between(past, first, past.end).samples)
            if block.end >= page.position:
                if page.fold is not None:
                    self.state = pages.unfolded(page.fold, self._cells, np.concatenate(kept))
                rest = _between(block, page.position, block.end)
                return chain([rest] if len(rest.samples) else [], blocks)
        return iter(())  # stopped before it was there

    def passed(self, state: Heard, found: int) -> None:
        """A block is heard, and so many stretches came of it."""
        self._found += found
        self._fresh = True
        if self._due():
            fold, cells = pages.folded(state)
            position = fold.origin + fold.first * self._vad.frame + len(state.kept)
            self._draft = self._drafted(position, Page(fold=fold), cells)
            self._write_if_through()

    def heard(self, position: int) -> None:
        """A block is heard that nobody looks for speech in."""
        self._fresh = True
        if self._due():
            self._draft = self._drafted(position, Page(), {})
            self._write_if_through()

    def took(self, found: Recognised) -> None:
        """The gathering has taken this."""
        self.credit = found.credit
        self._through += found.whole
        self._write_if_through()

    def ended(self) -> None:
        """The recording is heard and recognised to its end."""
        self._gathered.done_s = self._gathered.end_s
        if self._book and self._fresh and (self._book.begun or self._due()):  # else an earlier run wrote it
            end = timebase.samples(self._gathered.end_s)
            self._draft = self._drafted(end, Page(), {})
            self._write_if_through()

    def _take_up(self, book: Book) -> None:
        """Read what an earlier run wrote, as far as it makes sense."""
        for record in book.pages():
            try:
                page, cells, who = pages.read(record)
                if page.wants is not None and isinstance(self._hearing, Keeping):
                    self._hearing.take(who)
            except BadInput:
                book.tell("what an earlier run kept is damaged, and is done again from there on")
                break
            self._page, self._cells = page, cells
            self._gathered.segments += page.segments
            self._gathered.suppressed += page.suppressed
        if self._page is not None:
            self._go_on(self._page, book)

    def _go_on(self, page: Page, book: Book) -> None:
        gathered = self._gathered
        gathered.done_s = gathered.begun_s = page.done_s
        self.credit = page.credit
        self._segments, self._suppressed = len(gathered.segments), len(gathered.suppressed)
        if gathered.timer:
            gathered.timer.used, gathered.timer.unknown = list(page.timed_by), list(page.untimed)
        where = timebase.clock(timebase.seconds(page.position))[:-4]
        book.tell(f"goes on at {where} of an earlier run")

    def _due(self) -> bool:
        return bool(self._book and self._draft is None and self._book.now() - self._last_s >= self._book.every_s)

    def _drafted(self, position: int, page: Page, cells: Arrays) -> _Draft:
        report, hearing = self._gathered.report, self._hearing
        noted = {n.code for n in report.notices} <= HARMLESS
        clean = noted and not report.damaged_packets and not report.non_finite
        wants, who = (hearing.wants, hearing.keep()) if isinstance(hearing, Keeping) else (None, {})
        return _Draft(replace(page, position=position, clean=clean, wants=wants), cells, who, self._found)

    def _write_if_through(self) -> None:
        draft, gathered = self._draft, self._gathered
        if draft is None or self._book is None or self._through < draft.stretches:
            return
        page = replace(
            draft.page,
            done_s=gathered.done_s,
            segments=gathered.segments[self._segments :],
            suppressed=gathered.suppressed[self._suppressed :],
            credit=self.credit,
            timed_by=tuple(gathered.timer.used) if gathered.timer else (),
            untimed=tuple(gathered.timer.unknown) if gathered.timer else (),
        )
        self._book.add(pages.record(page, draft.vad, draft.who))
        self._segments, self._suppressed = len(gathered.segments), len(gathered.suppressed)
        self._draft, self._last_s = None, self._book.now()

    def _hears_from(self, page: Page) -> int:
        """Position of the first sample that the diarizer must hear again."""
        goes_on = page.wants is not None and isinstance(self._hearing, Keeping)
        return page.wants or 0 if goes_on else 0

    def _first(self, page: Page) -> int:
        """Position of the first sample that the speech fold holds."""
        return page.position if page.fold is None else page.fold.origin + page.fold.first * self._vad.frame


def _between(audio: Audio, low: int, high: int) -> Audio:
    """What of some sound lies between two positions."""
    low = min(max(low, audio.start), audio.end)
    return Audio(audio.samples[low - audio.start : max(low, high) - audio.start], low)


def follow(checkpoint: Checkpoint | None, gathered: Gathering, hearing: Hearing | None, kit: Kit) -> Trail:
    """The trail of a run whose Plan is known, with what an earlier one has left of the same work."""
    if checkpoint is None:
        return Trail(gathered, hearing, kit.vad, None)
    work = json.dumps(gathered.recipe.as_json(), sort_keys=True)
    return Trail(gathered, hearing, kit.vad, checkpoint.book(work, _made_by(gathered, kit)))


def _made_by(gathered: Gathering, kit: Kit) -> dict[str, str]:
    """With what a run is made: where one of these is another, its words and embeddings may be others too."""
    recipe, plan = gathered.recipe, gathered.plan
    found = {"version": f"{__version__} {pages.FORMAT}"}
    if plan is not None:
        files = catalog.locate(kit.catalog.find(plan.model)).files
        told = {role: path.stat() for role, path in sorted(files.items())}
        options = kit.settings.engine_options.get(plan.engine, {})
        found |= {
            "engine": plan.engine,
            "model": plan.model,
            "device": plan.device.name,
            "options": repr(dict(options)),
        }
        found["model files"] = " ".join(f"{role}:{t.st_size}:{t.st_mtime_ns}" for role, t in told.items())
    if gathered.timer is not None:
        found["aligner"] = " ".join(gathered.timer.aligners)
    if recipe.diarizing is not None:
        found["diarizer"] = f"{recipe.diarizing.part} {kit.diarizer(recipe.diarizing.part).embeds}"
    return found
