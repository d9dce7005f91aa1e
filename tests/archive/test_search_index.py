"""What the databases keep for search follows the segments, whatever happens to them."""

from sqlalchemy import Connection, delete, inspect, text, update

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import RecordingRow, SegmentRow
from earwitness.archive.search.index import TABLES, tidied
from support import said

SQLITE = "SELECT rowid FROM segment_fts WHERE segment_fts MATCH :token ORDER BY rowid"
POSTGRESQL = "SELECT id FROM segments WHERE vector @@ CAST(:token AS tsquery) ORDER BY id"


def _holding(connection: Connection, token: str) -> list[int]:
    sql = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    return list(connection.execute(text(sql), {"token": token}).scalars())


def _terms(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT term FROM segment_terms WHERE length(term) > 3")).scalars())


def test_the_index_follows_what_is_written_changed_and_deleted(database: Database) -> None:
    with database.writing() as connection:
        one, two = said.recording(connection), said.recording(connection)
        first, second = said.say(connection, one, "The kitchen burns", "Nothing in the garden")
        (third,) = said.say(connection, two, "A kitchen again")
        assert _holding(connection, "kitchen") == [first, third]
        connection.execute(update(SegmentRow).where(SegmentRow.id == first).values(text="x", tokens="the cellar burns"))
        assert (_holding(connection, "kitchen"), _holding(connection, "cellar")) == ([third], [first])
        connection.execute(update(SegmentRow).where(SegmentRow.id == first).values(speaker="S1"))
        assert _holding(connection, "cellar") == [first]
        assert _terms(connection) >= {"kitchen", "cellar", "burns", "garden"}
        connection.execute(delete(SegmentRow).where(SegmentRow.id == second))
        connection.execute(delete(RecordingRow).where(RecordingRow.id == two))  # takes its segments along
        assert _holding(connection, "kitchen") == _holding(connection, "garden") == []
        done = tidied(connection)
        while not done:
            done = tidied(connection, begin=False)
        assert _terms(connection) == {"cellar", "burns"}
        if connection.dialect.name == "sqlite":
            connection.execute(text("INSERT INTO segment_fts(segment_fts, rank) VALUES ('integrity-check', 1)"))


def test_tokens_that_nobody_should_have_written_harm_nothing(database: Database) -> None:
    with database.writing() as connection:
        (one,) = said.say(connection, said.recording(connection), "x")
        wild = "it's a\\b  'c':3 " + "é" * 5000
        connection.execute(update(SegmentRow).where(SegmentRow.id == one).values(tokens=wild))
        assert _holding(connection, "a") == ([one] if connection.dialect.name == "sqlite" else [])


def test_what_is_left_out_of_the_comparison_is_there_and_no_more(database: Database) -> None:
    with database.writing() as connection:
        tables = set(inspect(connection).get_table_names())
        if connection.dialect.name == "sqlite":
            assert tables >= TABLES
            found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
            assert set(found) == {f"segment_fts_{what}" for what in ("insert", "delete", "update")}
        else:
            assert tables & TABLES == {"segment_terms"}
            found = connection.execute(
                text("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%USING gin%'")
            ).scalars()
            assert list(found) == ["ix_segments_vector"]
