"""The log of what happened, on SQLite and PostgreSQL: its order, who sees what of it, and what is forgotten."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import JSON, Connection, insert, text, update

from earwitness.archive.happened import happened
from earwitness.archive.schema import Tables
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import RecordingRow, SourceRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.whole import Archive

ANNA, BERT = Viewer("u_anna"), Viewer("u_bert")


@pytest.fixture
def archive(place: Path | str, tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(place, tmp_path / "files")) as found:
        yield found


def numbered(archive: Archive, first: int, count: int) -> None:
    for told in [archive.writer.submit(partial(_one, n)) for n in range(first, first + count)]:
        told.result()


def _one(number: int, connection: Connection) -> None:
    happened(connection, "models", "loaded", {"n": number})


def numbers(archive: Archive, viewer: Viewer = HOUSE, after: int = 0, most: int = 500) -> list[int]:
    return [e.about["n"] for e in archive.events.after(viewer, after, most).events]


def test_before_anything_was_written_there_is_nothing(archive: Archive) -> None:
    assert archive.events.newest() == 0
    page = archive.events.after(HOUSE, 0)
    assert (page.events, page.reached, page.missed) == ((), 0, False)
    assert archive.events.prune() == 0


def test_events_are_read_in_pages_without_a_hole(archive: Archive) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: numbered(archive, 100 * n, 50), range(4)))
    found, after = list[int](), 0
    while (page := archive.events.after(HOUSE, after, most=7)).events:
        found += [e.about["n"] for e in page.events]
        assert all(a.id < b.id for a, b in pairwise(page.events))
        after = page.reached
    assert sorted(found) == [100 * n + m for n in range(4) for m in range(50)]
    assert page.reached == archive.events.newest() == after


def test_who_reads_while_others_write_misses_nothing(archive: Archive) -> None:
    numbered(archive, 0, 1)
    over, found, after = threading.Event(), list[int](), 0
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(numbered, archive, 1000 * n, 60) for n in (1, 2)]
        while not over.is_set():
            if all(t.done() for t in tasks):
                over.set()
            page = archive.events.after(HOUSE, after)
            found += [e.about["n"] for e in page.events]
            after = page.reached
    assert sorted(found) == [0, *range(1000, 1060), *range(2000, 2060)]


def test_who_asks_for_what_is_gone_or_never_was_is_told_so(archive: Archive) -> None:
    numbered(archive, 0, 5)
    newest = archive.events.newest()
    assert archive.events.after(HOUSE, newest + 1).missed
    assert archive.events.after(HOUSE, 2**63 - 1).missed
    assert archive.events.prune(time.time() + 1) == 4
    assert archive.events.after(HOUSE, newest - 3) == archive.events.after(HOUSE, 0)
    assert archive.events.after(HOUSE, 0).missed
    page = archive.events.after(HOUSE, newest - 1)
    assert ([e.id for e in page.events], page.missed) == ([newest], False)
    assert not archive.events.after(HOUSE, newest).missed


def test_only_what_is_old_is_forgotten_and_in_small_steps(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earwitness.archive.events.AT_ONCE", 3)
    numbered(archive, 0, 12)
    half = archive.events.newest() - 5

    def age(connection: Connection) -> None:
        connection.execute(update(EventRow).where(EventRow.id <= half).values(at_s=time.time() - 90_000))

    archive.writer.write(age)
    assert archive.events.prune() == 7
    assert archive.events.prune() == 0
    assert numbers(archive, after=half) == [7, 8, 9, 10, 11]


# ── who sees what ──
def _row(connection: Connection, kind: type[Tables], **values: object) -> None:
    """A row whose other columns are empty, nought or the like."""
    blank = {
        c.name: {} if isinstance(c.type, JSON) else c.type.python_type()
        for c in kind.__table__.columns
        if not c.nullable and not c.primary_key
    }
    connection.execute(insert(kind).values(blank | values))


def _people(connection: Connection) -> None:
    for viewer in (ANNA, BERT):
        _row(connection, UserRow, id=viewer.id, name=viewer.id, folded=viewer.id)
    for slug in ("s_door", "s_yard"):
        _row(connection, SourceRow, id=slug)
    for ident, owner, source in (
        ("r_own", ANNA.id, None),
        ("r_door", None, "s_door"),
        ("r_yard", None, "s_yard"),
        ("r_lent", BERT.id, None),
        ("r_heard", BERT.id, None),
    ):
        _row(connection, RecordingRow, id=ident, owner_id=owner, source_id=source)
    lent = (("s_door", None, "view"), (None, "r_lent", "view"), (None, "r_heard", "listen"))
    for granted, recording, verb in lent:
        _row(connection, GrantRow, user_id=ANNA.id, source_id=granted, recording_id=recording, verb=verb)


SEEN: tuple[tuple[dict[str, str], str, bool], ...] = (
    ({"recording": "r_own"}, "segments", True),
    ({"recording": "r_door"}, "segments", True),
    ({"recording": "r_lent"}, "recordings", True),
    ({"recording": "r_heard"}, "segments", False),
    ({"recording": "r_yard"}, "segments", False),
    ({"recording": "r_gone"}, "people", False),
    ({"owner": ANNA.id}, "jobs", True),
    ({"owner": BERT.id}, "jobs", False),
    ({"owner": BERT.id}, "models", False),
    ({"source": "s_door"}, "sources", True),
    ({"source": "s_yard"}, "sources", False),
    ({"owner": ANNA.id}, "accounts", True),
    ({}, "models", True),
    ({}, "people", True),
    ({}, "jobs", False),
    ({}, "sources", False),
    ({}, "recordings", False),
    ({}, "accounts", False),
)


def test_each_is_told_what_they_may_see_and_no_more(archive: Archive) -> None:
    archive.writer.write(_people)

    def all_of_them(connection: Connection) -> None:
        for number, (whose, topic, _) in enumerate(SEEN):
            happened(connection, topic, "made", {"n": number}, **whose)

    archive.writer.write(all_of_them)
    assert numbers(archive, ANNA) == [n for n, (_, _, seen) in enumerate(SEEN) if seen]
    assert numbers(archive, HOUSE) == list(range(len(SEEN)))
    assert numbers(archive, Viewer("u_nobody")) == [12, 13]
    page = archive.events.after(Viewer("u_nobody"), archive.events.newest() - 3)
    assert (page.events, page.reached) == ((), archive.events.newest())


def test_what_is_not_written_down_is_told_to_the_same_people(archive: Archive) -> None:
    archive.writer.write(_people)
    whose = partial(archive.events.may, ANNA)
    assert whose(owner=ANNA.id, source=None, recording=None)
    assert whose(owner=None, source="s_door", recording="r_door")
    assert whose(owner=BERT.id, source=None, recording="r_lent")
    assert not whose(owner=BERT.id, source=None, recording="r_heard")
    assert not whose(owner=None, source="s_yard", recording=None)
    assert not whose(owner=None, source=None, recording=None)
    assert archive.events.may(HOUSE, owner=None, source=None, recording=None)


def test_a_grant_that_is_taken_back_counts_at_once(archive: Archive) -> None:
    archive.writer.write(_people)
    archive.writer.write(lambda c: happened(c, "segments", "made", {"n": 1}, recording="r_door"))
    assert numbers(archive, ANNA) == [1]
    archive.writer.write(lambda c: c.execute(text("DELETE FROM grants")).rowcount)
    assert numbers(archive, ANNA) == []


# ── being woken ──
def rung(archive: Archive) -> threading.Event:
    found = threading.Event()
    archive.bell.heard_by(found.set)
    return found


def test_the_bell_rings_when_something_is_kept(archive: Archive) -> None:
    heard = rung(archive)
    numbered(archive, 0, 1)
    assert heard.wait(10)
    heard.clear()
    archive.bell.let_go(heard.set)
    numbered(archive, 1, 1)
    assert not heard.is_set()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_one_server_hears_what_another_writes(archive: Archive, place: str, tmp_path: Path) -> None:
    heard = rung(archive)
    archive.events.listen()
    assert heard.wait(30), "it rings once it listens"
    with closing(Archive(place, tmp_path / "other")) as other:
        heard.clear()
        numbered(other, 0, 1)
        assert heard.wait(30)
        until_quiet(heard)
        other.writer.write(lambda c: c.execute(text("SELECT 1")).scalar())
        with pytest.raises(RuntimeError):
            other.writer.write(_undone)
        assert not heard.wait(1.0), "nobody is told of what was undone"


def until_quiet(heard: threading.Event) -> None:
    while True:
        heard.clear()
        if not heard.wait(0.7):
            return


def _undone(connection: Connection) -> None:
    _one(2, connection)
    raise RuntimeError("no")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_listener_whose_connection_is_cut_listens_again(
    archive: Archive, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.archive.events.AGAIN_S", 0.05)
    heard = rung(archive)
    archive.events.listen()
    assert heard.wait(30)
    until_quiet(heard)

    def cut(connection: Connection) -> list[bool]:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        return list(connection.execute(text(query)).scalars())

    with closing(Archive(place, tmp_path / "other")) as other:
        assert other.writer.write(cut) == [True]
        assert heard.wait(30), "it rings for what may have been missed"
        until_quiet(heard)
        numbered(other, 0, 1)
        assert heard.wait(30)


def test_how_large_the_database_is(archive: Archive) -> None:
    before = archive.database.size() if archive.database.file else 0
    numbered(archive, 0, 1)
    assert archive.database.size() > before
