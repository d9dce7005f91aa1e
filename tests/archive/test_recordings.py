"""Recordings that are kept: what is given out is what was put in, and nobody sees what is not theirs."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from earwitness.archive.database import Database
from earwitness.archive.editing import NOBODY, Editing, Who
from earwitness.archive.naming import proposal
from earwitness.archive.people import People
from earwitness.archive.recordings import Recordings, Wanted
from earwitness.archive.schema.heard import FileRow, SegmentRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.suggested import suggested
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound
from earwitness.export import full
from earwitness.types import (
    Notice,
    Provenance,
    Segment,
    SourceInfo,
    Speaker,
    Suppressed,
    Token,
    Transcript,
    Turn,
    Word,
)  # fmt: skip
from support.colours import heard

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*[a-z].json"))

TIMES = st.floats(0, 1e6)
SHARES = st.none() | st.floats(0, 1)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
LABELS = st.sampled_from(["S1", "S2", "S10"])
WORDS = st.builds(Word, TEXT, TIMES, TIMES, SHARES, st.booleans(), st.none() | LABELS)
SEGMENTS = st.builds(
    Segment,
    TIMES,
    TIMES,
    TEXT,
    language=st.none() | st.sampled_from(["en", "yue"]),
    words=st.lists(WORDS, max_size=3).map(tuple),
    tokens=st.lists(st.builds(Token, st.integers(0, 9), st.binary(max_size=3), st.floats(-9, 0)), max_size=2).map(
        tuple
    ),
    token_ids=st.lists(st.integers(0, 60_000), max_size=3).map(tuple),
    avg_logprob=st.none() | st.floats(-50, 0),
    confidence=SHARES,
    no_speech_prob=SHARES,
    language_prob=SHARES,
    temperature=st.floats(0, 2),
    marks=st.lists(TEXT, max_size=2).map(tuple),
    speaker=st.none() | LABELS,
)
VOICES = st.lists(st.floats(-1, 1, width=32), max_size=3).map(tuple)
SPEAKERS = st.builds(Speaker, LABELS, TIMES, SHARES, st.none() | TEXT.filter(bool), st.none(), VOICES)
PROVENANCES = st.builds(
    Provenance,
    earwitness=TEXT,
    engine=TEXT,
    model=TEXT,
    device=TEXT,
    recipe=st.dictionaries(TEXT, st.none() | TEXT | TIMES | st.lists(TEXT), max_size=3),
    source=st.none() | st.builds(SourceInfo, TEXT, TEXT, st.integers(1, 9), st.integers(1, 8), st.none() | TIMES),
    not_honoured=st.lists(TEXT, max_size=2).map(tuple),
    notices=st.lists(st.builds(Notice, TEXT, TEXT), max_size=2).map(tuple),
    methods=st.dictionaries(TEXT, TEXT, max_size=2),
)
TRANSCRIPTS = st.builds(
    Transcript,
    segments=st.lists(SEGMENTS, max_size=4).map(lambda s: tuple(sorted(s, key=lambda one: one.start_s))),
    duration_s=TIMES,
    language=st.none() | st.just("de"),
    task=st.sampled_from(["transcribe", "translate"]),
    provenance=PROVENANCES,
    suppressed=st.lists(st.builds(Suppressed, TIMES, TIMES, TEXT, TEXT), max_size=2).map(tuple),
    complete=st.booleans(),
    turns=st.lists(st.builds(Turn, TIMES, TIMES, LABELS), max_size=2).map(tuple),
    speakers=st.lists(SPEAKERS, max_size=3, unique_by=lambda s: s.id).map(tuple),
)
PLAIN = Transcript((), 0.0, None, "transcribe", Provenance("0", "fake", "fake", "test", {}))


@pytest.fixture
def recordings(database: Database, writer: Writer, tmp_path: Path) -> Recordings:
    return Recordings(database, writer, tmp_path / "files")


def kept(recordings: Recordings, transcript: Transcript = PLAIN, viewer: Viewer = HOUSE, began_s: float = 1e9) -> str:
    return recordings.add(transcript, viewer=viewer, title="A talk", kind="file", began_s=began_s)


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(transcript=TRANSCRIPTS)
def test_a_transcript_comes_back_whole(recordings: Recordings, transcript: Transcript) -> None:
    back = recordings.transcript(kept(recordings, transcript))
    assert back == transcript
    assert full.dumps(back) == full.dumps(transcript)


@pytest.mark.parametrize("path", [p for p in GOLDEN if p.stem in {"conversation", "kitchen"}], ids=lambda p: p.stem)
def test_real_transcripts_come_back_to_the_letter(recordings: Recordings, path: Path) -> None:
    transcript = full.loads(path.read_text(encoding="utf-8"))
    who = tuple(replace(s, person=None, voice=s.voice and heard(3).embedding) for s in transcript.speakers)
    transcript = replace(transcript, speakers=who)  # nobody is known here, and voices are numbers of 32 bits
    assert len(transcript.segments) > 2
    assert full.dumps(recordings.transcript(kept(recordings, transcript))) == full.dumps(transcript)


def test_what_no_database_takes_is_left_out(recordings: Recordings) -> None:
    words = (Word("a\0b", 0.0, 1.0),)
    odd = replace(PLAIN, segments=(Segment(0.0, 1.0, "a\0b \ud800", words=words, marks=("\0",)),))
    back = recordings.transcript(recordings.add(odd, viewer=HOUSE, title="x\0\n\x1b y" * 99, kind="file", began_s=0.0))
    assert back.segments[0].text == "ab ?"
    assert back.segments[0].words[0].text == "ab"
    card = recordings.page().recordings[0]
    assert len(card.title) <= 300
    assert card.title.isprintable()


def test_names_follow_the_people(recordings: Recordings, database: Database) -> None:
    people = People(database)
    anna, bert = people.enrol("Anna", [heard(1)]), people.enrol("Bert", [heard(2)])
    voices = (
        Speaker("S1", 1.0, name="Anna", person=anna.id),
        Speaker("S2", name="Guest"),
        Speaker("S3", person="gone"),
    )
    ident = kept(recordings, replace(PLAIN, speakers=voices))

    def shown() -> list[tuple[str | None, str | None]]:
        return [(s.name, s.person) for s in recordings.transcript(ident).speakers]

    assert shown() == [("Anna", anna.id), ("Guest", None), (None, None)]
    people.rename(anna.id, "Anne")
    assert shown()[0] == ("Anne", anna.id)
    people.merge(anna.id, bert.id)
    assert shown()[0] == ("Bert", bert.id)
    people.forget(bert.id)
    assert shown()[0] == (None, None)


def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(recordings: Recordings) -> None:
    times = [5.0, 1.0, 5.0, 3.0, 5.0, 1e9 + 0.1]
    ids = {kept(recordings, began_s=t) for t in times}
    found, at = list[str](), None
    while True:
        page = recordings.page(at=at, most=2)
        found += [r.id for r in page.recordings]
        if (at := page.next) is None:
            break
        kept(recordings, began_s=2e9)  # what comes meanwhile moves nothing
    assert len(found) == len(set(found)) == 6
    assert set(found) == ids
    assert [recordings.one(r).began_s for r in found] == sorted(times, reverse=True)
    with pytest.raises(BadInput):
        recordings.page(at="'; DROP TABLE recordings")


def test_filters(recordings: Recordings) -> None:
    old, new = kept(recordings, began_s=1.0), kept(recordings, replace(PLAIN, complete=False), began_s=9.0)
    assert [r.id for r in recordings.page(wanted=Wanted(state="part")).recordings] == [new]
    assert [r.id for r in recordings.page(wanted=Wanted(before_s=9.0)).recordings] == [old]
    assert [r.id for r in recordings.page(wanted=Wanted(after_s=9.0, kind="file")).recordings] == [new]
    assert recordings.page(wanted=Wanted(kind="live")).recordings == ()


def test_nobody_sees_or_takes_away_what_is_not_theirs(recordings: Recordings) -> None:
    mine, other = Viewer("u_a"), Viewer("u_b")
    ident = kept(recordings, viewer=mine)
    assert recordings.one(ident, mine).owner_id == "u_a"
    assert recordings.page(other).recordings == ()
    for asked in (recordings.one, recordings.transcript, recordings.speakers, recordings.files, recordings.remove):
        with pytest.raises(NotFound):
            asked(ident, other)
    recordings.remove(ident, mine)
    with pytest.raises(NotFound):
        recordings.one(ident)


def test_what_is_taken_away_leaves_nothing(recordings: Recordings, database: Database, tmp_path: Path) -> None:
    ident = kept(recordings, replace(PLAIN, segments=(Segment(0.0, 1.0, "Hello."),)))
    file = tmp_path / "files" / "a.ogg"
    file.parent.mkdir()
    file.write_bytes(b"sound")
    row = {"kind": "audio", "path": "a.ogg", "start_s": 0.0, "end_s": 1.0, "size": 5, "made_s": 0.0}
    with database.writing() as connection:
        connection.execute(insert(FileRow).values(recording_id=ident, **row))
    recordings.remove(ident)
    assert not file.exists()
    with database.reading() as connection:
        assert connection is not None
        assert connection.execute(select(func.count()).select_from(SegmentRow)).scalar_one() == 0
        events = connection.execute(select(EventRow.kind, EventRow.about).order_by(EventRow.id)).all()
    assert [kind for kind, _ in events] == ["made", "removed"]
    assert "Hello" not in json.dumps([about for _, about in events])


def test_an_archive_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "none.db")) as nowhere, closing(Writer(nowhere)) as writer:
        nothing = Recordings(nowhere, writer, tmp_path)
        assert nothing.page().recordings == ()
        with pytest.raises(NotFound):
            nothing.transcript("r_1")
    assert not (tmp_path / "none.db").exists()


def test_recordings_are_found_by_title_and_by_who_speaks(recordings: Recordings, database: Database) -> None:
    people = People(database)
    anna = people.enrol("Anna", [heard(1)])

    def add(title: str, person: str | None = None) -> str:
        who = (Speaker("S1", 4.0, person=person),)
        spoken = Transcript((), 4.0, "en", "transcribe", Provenance("0", "fake", "fake", "test", {}), speakers=who)
        return recordings.add(spoken, viewer=HOUSE, title=title, kind="file", began_s=100.0)

    one, two, three = add("Die Ärzte: 100 % live", anna.id), add("A meeting_1 of the board"), add("meetingx1")
    for title, wanted in {
        "ärzte": {one},
        "LIVE die": {one},
        "100 %": {one},
        "meeting_": {two},
        "meet": {two, three},
        "board live": set[str](),
        " ": {one, two, three},
    }.items():
        assert {r.id for r in recordings.page(HOUSE, Wanted(title=title)).recordings} == wanted, title
    assert [r.id for r in recordings.page(HOUSE, Wanted(person=anna.id)).recordings] == [one]
    assert recordings.page(Viewer("u_1"), Wanted(person=anna.id)).recordings == ()


def test_who_unnamed_speakers_may_be_is_told_until_somebody_says_so(
    recordings: Recordings, database: Database, writer: Writer
) -> None:
    people = People(database)
    anna, bert = people.enrol("Anna", [heard(1)]), people.enrol("Bert", [heard(2)])

    def add(began_s: float, *told: tuple[str, str], named: str | None = None, viewer: Viewer = HOUSE) -> str:
        notices = (Notice("speaker_suggested", "nonsense"), *(proposal(*one) for one in told))
        origin = Provenance("0", "fake", "fake", "test", {}, notices=notices)
        speakers = Speaker("S1", 4.0, person=named), Speaker("S2", 3.0), Speaker("S3", 2.0, name="Carl")
        spoken = Transcript((), 4.0, "en", "transcribe", origin, speakers=speakers)
        return recordings.add(spoken, viewer=viewer, title="x", kind="file", began_s=began_s)

    old = add(100.0, ("S1", anna.id), ("S2", bert.id), ("S3", bert.id), ("S9", anna.id), ("S2", "p_gone"))
    new = add(200.0, ("S2", anna.id), named=anna.id)  # she is there already
    add(300.0, viewer=Viewer("u_2"))

    def told(viewer: Viewer = HOUSE, most: int = 20) -> list[tuple[str, str, str]]:
        return [(s.recording, s.speaker, s.person) for s in suggested(database, viewer, people.all(), most)]

    assert told() == [(old, "S1", anna.id), (old, "S2", bert.id)]
    assert told(most=1) == told()[:1]
    assert told(Viewer("u_1")) == []
    editing = Editing(database, writer)
    editing.describe(old, speakers={"S1": Who(person=NOBODY)})  # it is not she
    assert told() == [(old, "S2", bert.id)]
    carl = people.enrol("Carl", [heard(3)])
    people.merge(bert.id, carl.id)
    assert told() == [(old, "S2", carl.id)]
    editing.describe(old, speakers={"S2": Who(person=carl.id)})
    assert told() == []
    editing.describe(new, speakers={"S1": Who(person=NOBODY)})
    assert told() == [(new, "S2", anna.id)]
    people.forget(anna.id)
    assert told() == []
