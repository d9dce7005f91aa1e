"""A session that nobody can go on with: what its journal has, and the queue does the rest of it, once."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from earwitness import batch
from earwitness.api.live.journals import STORED, UNFINISHED_S, sweep
from earwitness.api.live.storeroom import MOST_BREAKS, Storeroom
from earwitness.archive.job import Job
from earwitness.archive.recordings import Recording
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.errors import EngineFailed, NotFound
from earwitness.events import Ended, Event, Failed, Final, Numbered, Settled
from earwitness.live.journal import Journal
from earwitness.stages.recipe import Captioning, Recipe, live
from earwitness.types import Samples, Segment
from earwitness.working.again import begun
from earwitness.working.worker import Worker
from support import sounds
from support.faults import until
from support.voices import Hearer

RECIPE = Recipe(model="fake", captioning=Captioning(keep=True))
TALK = np.concatenate([sounds.tone(3.0), sounds.silence(1.0)] * 3).astype(np.float32)
"""Three utterances."""

IDENT = "0" * 31 + "a"


@pytest.fixture
def store(own: Settings, archive: Archive) -> Storeroom:
    return Storeroom(archive, own)


@pytest.fixture
def whole(doubles: Hearer) -> tuple[Segment, ...]:
    """What is said in it, heard as a file."""
    return batch.run(sounds.wav(TALK), live(RECIPE), doubles).segments


def left(
    own: Settings, store: Storeroom, whole: tuple[Segment, ...], *more: Event, sound: Samples = TALK, told: int = 1
) -> Path:
    """The journal of a session whose process is gone after it told the first utterances."""
    about = {"owner": "house", STORED: store.about(RECIPE, None, "Talk", alone=False)}
    folder = own.sessions / IDENT
    written = Journal(folder, about)
    written.hear(sound, 0)
    events: list[Event] = []
    for n, segment in enumerate(whole[:told], 1):
        events += [Final(n, n, segment), Settled(n, segment.start_s, segment.end_s, ())]
    written.tell([Numbered(n, e) for n, e in enumerate((*events, *more), 1)])
    written.close()
    return folder


@contextmanager
def working(own: Settings, doubles: Hearer, archive: Archive) -> Iterator[None]:
    worker = Worker(own, doubles, archive)
    worker.start()
    try:
        yield
    finally:
        worker.close()


def only(archive: Archive) -> tuple[Recording, Job]:
    (card,) = archive.recordings.page().recordings
    (job,) = archive.jobs.page(HOUSE)
    return card, job


def done(archive: Archive) -> tuple[Recording, Job]:
    until(lambda: only(archive)[1].over)
    return only(archive)


def test_what_was_heard_becomes_a_job_and_is_said_once(
    own: Settings, store: Storeroom, archive: Archive, doubles: Hearer, whole: tuple[Segment, ...]
) -> None:
    folder = left(own, store, whole)
    assert store.left() == {IDENT: None}
    assert not store.finish(IDENT)
    copy = shutil.copytree(folder, own.home / "copy")
    store.hand_on(IDENT, None)
    card, job = only(archive)
    assert (card.state, card.title, card.duration_s) == ("waiting", "Talk", 12.0)
    assert (job.kind, job.state, job.recording, job.name) == ("tail", "waiting", card.id, "Talk")
    assert not folder.exists()
    assert store.left() == {}
    copy.rename(folder)  # as if the process had ended before that
    assert store.finish(IDENT)
    assert not folder.exists()
    with working(own, doubles, archive):
        card, job = done(archive)
    assert (card.state, job.state) == ("whole", "done")
    found = archive.recordings.transcript(card.id)
    assert [(s.text, s.start_s, s.end_s) for s in found.segments] == [(s.text, s.start_s, s.end_s) for s in whole]
    assert (found.complete, found.provenance.notices) == (True, ())
    said = [s.said_s - s.segment.start_s for s in archive.editing.page(card.id)]
    assert max(said) - min(said) < 0.001
    assert list((archive.folder / "jobs").iterdir()) == []


def test_nothing_is_left_where_all_was_told(
    own: Settings, store: Storeroom, archive: Archive, whole: tuple[Segment, ...]
) -> None:
    left(own, store, whole, Settled(9, 11.0, 12.0, ()), told=3)
    store.hand_on(IDENT, None)
    (card,) = archive.recordings.page().recordings
    assert (card.state, card.duration_s) == ("whole", whole[-1].end_s)
    assert archive.jobs.page(HOUSE) == []


def test_a_job_that_ends_otherwise_leaves_a_part(
    own: Settings, store: Storeroom, archive: Archive, doubles: Hearer, whole: tuple[Segment, ...]
) -> None:
    left(own, store, whole)
    store.hand_on(IDENT, None)
    card, job = only(archive)
    archive.jobs.cancel(HOUSE, job.id)
    assert archive.recordings.one(card.id).state == "part"
    assert len(archive.recordings.transcript(card.id).segments) == 1


def test_without_a_journal_the_sound_of_the_archive_is_heard(
    own: Settings, store: Storeroom, archive: Archive, doubles: Hearer, whole: tuple[Segment, ...]
) -> None:
    from earwitness.api.live.stored import Stored
    from earwitness.archive.storing import Opening, Storing
    from earwitness.types import Provenance

    opening = Opening(IDENT, "here", provenance=Provenance("", "", "", "", RECIPE.as_json()))
    storing = Storing(archive.database, archive.writer, opening)
    stored = Stored(storing, archive.folder, sound=True)
    stored.heard(TALK, 0)
    stored.tell([Numbered(1, Final(1, 1, whole[0]))])
    with pytest.raises(NotFound):
        store.finish(IDENT)
    store.hand_on(IDENT, storing.id)  # its piece is half-written
    with working(own, doubles, archive):
        card, job = done(archive)
    (piece,) = archive.recordings.files(card.id)
    assert (job.state, card.state, card.duration_s) == ("done", "part", piece.end_s)
    assert 10.0 < card.duration_s <= 12.0
    found = archive.recordings.transcript(card.id).segments
    assert found[0] == whole[0]
    assert found[1].start_s == pytest.approx(whole[1].start_s, abs=0.2)
    assert found[1].end_s == pytest.approx(whole[1].end_s, abs=0.2)
    assert len(found) == 3


def test_sound_that_is_gone_fails_and_says_so(
    own: Settings, store: Storeroom, archive: Archive, doubles: Hearer, whole: tuple[Segment, ...]
) -> None:
    left(own, store, whole)
    store.hand_on(IDENT, None)
    shutil.rmtree(archive.folder / "jobs")
    with working(own, doubles, archive):
        card, job = done(archive)
    assert (job.state, job.code, card.state) == ("failed", "not_found", "part")


def test_a_session_that_breaks_again_and_again_is_not_taken_up_any_more(
    own: Settings, store: Storeroom, whole: tuple[Segment, ...]
) -> None:
    broken = Failed("engine_failed", "it broke", "", fatal=True)
    left(own, store, whole, *[broken] * MOST_BREAKS)
    with pytest.raises(EngineFailed):
        store.finish(IDENT)
    assert not store.away(IDENT)


def test_the_journal_of_a_stored_session_waits_for_as_long_as_it_takes(
    own: Settings, store: Storeroom, whole: tuple[Segment, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left(own, store, whole)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + UNFINISHED_S + 60)
    sweep(own, ())
    assert folder.exists()
    written = Journal(folder)
    written.tell([Numbered(99, Ended(12.0))])
    written.close()
    sweep(own, ())
    assert not folder.exists()


def test_silence_in_the_journal_is_silence_in_the_file(
    own: Settings, store: Storeroom, archive: Archive, whole: tuple[Segment, ...]
) -> None:
    folder = left(own, store, whole, sound=TALK[: 16_000 * 5])
    written = Journal(folder)
    written.hear(TALK[16_000 * 7 :], 16_000 * 7)  # a disk that was full in between
    written.close()
    store.hand_on(IDENT, None)
    (path,) = (archive.folder / "jobs").iterdir()
    heard = decode.decode(path)
    start = begun(round(whole[0].end_s * 16_000))
    expected = TALK.copy()
    expected[16_000 * 5 : 16_000 * 7] = 0.0
    expected[: round(whole[0].end_s * 16_000)] = 0.0
    np.testing.assert_allclose(heard.samples, expected[start:], atol=1e-4)
