"""A whole recording at a glance, speakers that are put to another, and how loud the sound is."""

import time
from pathlib import Path

import numpy as np
import pytest

from earwitness.archive import peaks as peaks_room
from earwitness.archive import told
from earwitness.archive.database import Database
from earwitness.archive.editing import Editing, Who
from earwitness.archive.overview import Overview
from earwitness.archive.peaks import Drawn, Peaks
from earwitness.archive.recordings import Piece, Recordings, outlined
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.audio.encode import Encoder
from earwitness.audio.peaks import peaks, thinned
from earwitness.errors import BadInput, NotFound, StorageFailed
from earwitness.types import Audio, Provenance, Segment, Speaker, Transcript, Word

ME = Viewer("u_me", everything=True)
SAID = (("S1", "Good morning."), ("S2", "Ah, GOOD."), (None, "…"), ("S2", "goodness 100%_"), ("S1", "Bye."))
SPOKEN = Transcript(
    tuple(
        Segment(2.0 * n, 2.0 * n + 1.5, text, "en", (Word(text, 2.0 * n, 2.0 * n + 1, 0.9, True, who),), speaker=who)
        for n, (who, text) in enumerate(SAID)
    ),
    10.0,
    "en",
    "transcribe",
    Provenance("0", "fake", "fake", "test", {}),
    speakers=(Speaker("S1", 3.0), Speaker("S2", 3.0, name="Anna")),
)


@pytest.fixture
def recordings(database: Database, writer: Writer, tmp_path: Path) -> Recordings:
    return Recordings(database, writer, tmp_path)


@pytest.fixture
def ident(recordings: Recordings) -> str:
    return recordings.add(SPOKEN, viewer=HOUSE, title="Talk", kind="file", began_s=100.0)


@pytest.fixture
def editing(database: Database, writer: Writer) -> Editing:
    return Editing(database, writer)


def test_the_outline_has_all_segments_in_order(database: Database, editing: Editing, ident: str) -> None:
    found = Overview(database).outline(ident)
    assert found.edited == []
    assert list(found.ids) == [said.id for said in editing.page(ident)]
    assert list(found.start_s) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert list(found.speakers) == [who for who, _ in SAID]
    assert list(found.characters) == [len(text) for _, text in SAID]
    with pytest.raises(NotFound):
        Overview(database).outline(ident, Viewer("u_other"))


def test_a_text_is_found_letter_by_letter(database: Database, ident: str) -> None:
    overview = Overview(database)
    assert [hit.text for hit in overview.find(ident, "good")] == ["Good morning.", "Ah, GOOD.", "goodness 100%_"]
    assert [hit.text for hit in overview.find(ident, "GOOD", case=True)] == ["Ah, GOOD."]
    assert [hit.text for hit in overview.find(ident, "0%_")] == ["goodness 100%_"]
    assert len(overview.find(ident, "good", most=2)) == 2
    assert overview.find(ident, ".*") == ()
    with pytest.raises(NotFound):
        overview.find(ident, "good", Viewer("u_other"))


def test_one_speaker_is_put_to_another_and_back(recordings: Recordings, editing: Editing, ident: str) -> None:
    before = recordings.transcript(ident)
    changed = editing.reassign(ident, "S2", "S1", ME)
    assert len(changed) == 2
    told = recordings.transcript(ident)
    assert [s.speaker for s in told.segments] == ["S1", "S1", None, "S1", "S1"]
    assert {w.speaker for s in told.segments for w in s.words} == {"S1", None}
    assert [(s.id, s.name) for s in told.speakers] == [("S1", "Anna")], "a name goes to who has none"
    assert editing.reassign(ident, "S2", "S1", ME) == (), "they say nothing any more"
    assert set(editing.reassign(ident, "S1", "S2", ME, changed)) == set(changed)
    assert [s.speaker for s in recordings.transcript(ident).segments] == [s.speaker for s in before.segments]
    one = editing.one(changed[0])
    assert (one.revision, one.by_person) == (2, True)
    assert editing.undo(one.id, 2, ME).segment.speaker == "S1"
    assert [past.what for past in editing.history(one.id)] == ["undone", "speaker", "speaker"]


def test_a_name_is_not_lost_to_another(recordings: Recordings, editing: Editing, ident: str) -> None:
    editing.describe(ident, ME, speakers={"S1": Who(name="Bert")})
    editing.reassign(ident, "S2", "S1", ME)
    assert [s.name for s in recordings.transcript(ident).speakers] == ["Bert"]
    fresh = editing.reassign(ident, "S1", "S7", ME, [editing.page(ident)[0].id])
    assert len(fresh) == 1
    assert [(s.id, s.name) for s in recordings.transcript(ident).speakers] == [("S1", "Bert"), ("S7", None)]


def test_who_is_put_to_whom_makes_sense(editing: Editing, ident: str) -> None:
    with pytest.raises(NotFound):
        editing.reassign(ident, "S9", "S1", ME)
    with pytest.raises(NotFound):
        editing.reassign(ident, "S2", "S1", Viewer("u_other"))
    for into in ("S2", "", "Anna", "S0"):
        with pytest.raises(BadInput):
            editing.reassign(ident, "S2", into, ME)


# ── how loud ──
def sound(folder: Path, name: str, *levels: float) -> Piece:
    """A file of a second each of some levels."""
    path = folder / name
    out = Encoder(path)
    for level in levels:
        out.write((level * np.sin(np.arange(16_000) * 0.3)).astype(np.float32))
    out.close()
    return Piece(1, "audio", name, 0.0, float(len(levels)), path.stat().st_size)


def heard(room: Peaks, *pieces: Piece) -> Drawn:
    """What is drawn once all is heard."""
    deadline = time.monotonic() + 30
    while not (found := room.of(pieces, 1.0)).whole:
        assert time.monotonic() < deadline
    return found


def test_peaks_follow_the_sound(tmp_path: Path) -> None:
    room = Peaks(tmp_path)
    piece = sound(tmp_path, "one.ogg", 0.0, 1.0, 0.25)
    found = heard(room, piece).loudness
    assert len(found) == 30
    assert found[1:9].max() < 5
    assert found[12:18].min() > 100
    assert 20 < found[22:28].mean() < 45
    cached = outlined(tmp_path, "one.ogg")
    assert len(cached.read_bytes()) >= 30
    (tmp_path / "one.ogg").unlink()
    assert (Peaks(tmp_path).of([piece]).loudness == found).all(), "it is heard once"
    room.close()


def test_pieces_with_a_hole_between_them_lie_where_they_are(tmp_path: Path) -> None:
    room = Peaks(tmp_path)
    first = sound(tmp_path, "a/1.ogg", 1.0)
    second = sound(tmp_path, "a/2.ogg", 1.0, 1.0)
    second = Piece(2, "audio", second.path, 3.0, 5.0, 1)
    found = heard(room, first, second).loudness
    assert len(found) == 50
    assert found[10:30].max() == 0
    assert found[2:9].min() > 100
    assert found[32:49].min() > 100
    room.close()


def test_what_cannot_be_heard_or_kept_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Peaks(tmp_path)
    (tmp_path / "bad").write_bytes(b"no sound")
    gone, bad = Piece(1, "audio", "gone", 0.0, 1.0, 1), Piece(2, "upload", "bad", 1.0, 2.0, 1)
    picture = Piece(3, "picture", "x.jpg", 0.0, 90.0, 1)
    found = heard(room, gone, bad, picture)
    assert not found.loudness.any()
    assert len(found.loudness) == 20

    def full(path: Path, content: bytes) -> None:
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(peaks_room, "write_whole", full)
    piece = sound(tmp_path, "full.ogg", 1.0)
    assert heard(room, piece).loudness.any()
    assert room.of([piece]).whole, "then it is held in memory"
    room.close()


def test_a_file_goes_with_its_peaks(recordings: Recordings, writer: Writer, tmp_path: Path) -> None:
    ident = recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
    piece = sound(tmp_path, "uploads/x.ogg", 1.0)
    row = {"recording_id": ident, "kind": "upload", "path": piece.path, "start_s": 0.0, "end_s": 1.0, "size": 1}
    writer.write(lambda c: told.piece({**row, "sha256": None, "made_s": 0.0}, c))
    room = Peaks(tmp_path)
    assert heard(room, *recordings.files(ident)).loudness.any()
    recordings.remove(ident)
    assert not [path for path in tmp_path.rglob("x*") if path.is_file()]
    room.close()


def test_peaks_of_any_blocks() -> None:
    samples = np.linspace(0.0, 1.0, 16_000, dtype=np.float32)
    one = b"".join(peaks([Audio(samples, 0)]))
    two = b"".join(peaks([Audio(samples[:8_000], 0), Audio(samples[8_000:], 8_000)]))
    assert one == two
    assert len(one) == 10
    late = b"".join(peaks([Audio(samples, 16_000)]))
    assert late == bytes(10) + one


def test_a_waveform_has_so_many_points_at_most() -> None:
    loudness = np.arange(100, dtype=np.int8)
    same, per_s = thinned(loudness, 100)
    assert (len(same), per_s) == (100, 10.0)
    fewer, per_s = thinned(loudness, 30)
    assert (len(fewer), per_s) == (25, 2.5)
    assert fewer.tolist() == list(range(3, 100, 4))
