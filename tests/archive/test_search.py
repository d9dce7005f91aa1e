"""Search on both databases: the same hits, which are those that reading everything would find."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text, update

from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import SegmentRow
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search import conditions, find
from earwitness.archive.search.find import Found, Search
from earwitness.archive.search.query import Query, Term, parse
from earwitness.archive.search.tokens import tokens
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.errors import BadInput, Busy
from support import said

TALK = (
    "The fire alarm went off in the kitchen.",
    "Smoke detectors, alarms: don't trust them!",
    "Café déjà vu at Anna's, 1,000 times over",
    "Nothing burns; nothing ever burns in the kitchen or the cellar",
    "東京の会議は九時です",
    "Мы слышали ёлку в лесу",
    "हिन्दी में बात",
    "E-mail me at 12:30",
)


@pytest.fixture
def search(database: Database) -> Search:
    """Search over one recording."""
    with database.writing() as connection:
        said.say(connection, said.recording(connection), *TALK)
    return Search(database)


def texts(found: Found) -> list[str]:
    return [hit.text for hit in found.hits]


FINDS = {
    "kitchen": (3, 0),
    "kitchen fire": (0,),
    '"the kitchen"': (3, 0),
    '"kitchen the"': (),
    "kitchen -fire": (3,),
    "alarm*": (1, 0),
    "fire OR smoke": (1, 0),
    "kitchen fire OR cellar": (3, 0),
    "deja vu CAFE": (2,),
    "anna dont": (),
    "anna": (2,),
    "dont": (1,),
    "1000": (2,),
    "会議": (4,),
    "京会": (),
    "елку": (5,),
    "हिन्दी": (6,),
    "हिन्द*": (6,),
    "e-mail 12:30": (7,),
    "email": (),
    "-kitchen -e": (6, 5, 4, 2, 1),
    "nothing' OR 1=1; --": (3,),
    '" OR tokens:fire NEAR(a b) {x}': (),
    "": tuple(range(7, -1, -1)),
}


def test_what_is_found(search: Search) -> None:
    for query, wanted in FINDS.items():
        found = search.find(HOUSE, query, near=False)
        assert texts(found) == [TALK[n] for n in wanted], query
        assert (found.count, found.more, found.next) == (len(wanted), False, None)


def _naive(query: Query, said_: str) -> bool:
    def holds(term: Term) -> bool:
        inside = f" {tokens(said_)} "
        return f" {' '.join(term.tokens)}{'' if term.prefix else ' '}" in inside

    return all(any(map(holds, group)) for group in query.groups) and not any(map(holds, query.excluded))


WORDS = st.sampled_from(sorted({*" ".join(TALK).split(), *tokens(" ".join(TALK)).split(), "OR", '"', "-", "*", "al*"}))
QUERIES = st.one_of(
    st.lists(st.tuples(st.sampled_from(["", "-", '"']), WORDS), max_size=6).map(
        lambda w: " ".join(a + b for a, b in w)
    ),
    st.text(max_size=30),
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES)
def test_any_text_finds_what_reading_everything_finds(search: Search, query: str) -> None:
    try:
        found = search.find(HOUSE, query, near=False)
    except BadInput:
        return
    read = parse(query)
    if not read.filters:
        assert texts(found) == [one for one in reversed(TALK) if _naive(read, one)]
        assert sorted(texts(search.find(HOUSE, query, near=False, sort="relevance"))) == sorted(texts(found))


def test_highlights_know_their_words(search: Search) -> None:
    (hit,) = search.find(HOUSE, '"déjà vu" ann* 1,000').hits
    assert [hit.text[m.start : m.end] for m in hit.marks] == ["déjà vu", "Anna", "1,000"]
    assert [(m.start_s, m.end_s) for m in hit.marks] == [(4.5, 5.5), (6.0, 6.5), (6.5, 7.0)]
    (hit,) = search.find(HOUSE, "nothing burns cellar").hits
    assert [hit.text[m.start : m.end] for m in hit.marks] == ["Nothing", "burns", "nothing", "burns", "cellar"]


def test_words_of_another_text_give_no_times(search: Search, database: Database) -> None:
    with database.writing() as connection:
        new = "A corrected fire"
        row = update(SegmentRow).where(SegmentRow.number == select(SegmentRow.number).limit(1).scalar_subquery())
        connection.execute(row.values(text=new, tokens=tokens(new)))
    (hit,) = search.find(HOUSE, "corrected").hits
    assert [(m.start, m.start_s) for m in hit.marks] == [(2, None)]


def test_pages_hold_everything_once_also_while_more_is_said(database: Database) -> None:
    search, many = Search(database, counting_s=60), [f"word {'and word ' * (n % 3)}number {n}" for n in range(25)]
    with database.writing() as connection:
        one = said.recording(connection)
        said.say(connection, one, *many)
    for sort in ("newest", "relevance"):
        seen, page = list[str](), None
        while True:
            found = search.find(HOUSE, "word", sort=sort, size=4, page=page)
            assert found.count == (None if page else 25 + (sort == "relevance"))
            seen += texts(found)
            page = found.next
            if page is None:
                break
            if len(seen) == 8:
                with database.writing() as connection:
                    said.say(connection, one, f"word {sort}")
        assert sorted(seen) == sorted(many + (["word newest"] if sort == "relevance" else []))
        if sort == "newest":
            assert seen == many[::-1]
        else:
            assert [s.count("word") for s in seen] == sorted((s.count("word") for s in seen), reverse=True)


def test_a_page_nobody_gave_out_is_refused(search: Search) -> None:
    for page in ("", "n", "n-1", "n1;", "r1-2-3", "n" + "9" * 19, "n１"):
        with pytest.raises(BadInput, match="page"):
            search.find(HOUSE, "fire", page=page)


def test_more_than_can_be_counted_is_told(search: Search, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "COUNTED", 3)
    patient = Search(database, counting_s=60)
    found = patient.find(HOUSE, "", size=2)
    assert (found.count, found.more) == (3, True)
    monkeypatch.setattr(conditions.Limit, "within", lambda *_: None)
    found = patient.find(HOUSE, "", size=2)
    assert (len(found.hits), found.count, found.more) == (2, 2, True)
    found = search.find(HOUSE, "the", size=1, count=False)
    assert (texts(found), found.count, found.more) == ([TALK[3]], None, False)
    assert texts(search.find(HOUSE, "the", size=1, page=found.next)) == [TALK[0]]


def test_filters(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(PersonRow).values(id="p_1", name="Anna Karénina", created_s=0.0))
        door, yard = said.source(connection, "Front door"), said.source(connection, "Yard")
        one = said.recording(connection, source=door, language="de-AT")
        two = said.recording(connection, source=yard)
        three = said.recording(connection)
        said.speakers(connection, one, [("S1", "somebody", "p_1"), ("S2", "Bert O'Hara", None)])
        said.speakers(connection, two, [("S1", "Bert", None)])
        said.say(connection, one, "a", speaker="S1")
        said.say(connection, one, "b", speaker="S2", language="fr", start_s=10)
        said.say(connection, two, "c", speaker="S1", start_s=20)
        said.say(connection, three, "d", start_s=30)
    search = Search(database)
    for query, wanted in {
        "speaker:karenina": "a",
        "speaker:somebody": "",
        "speaker:bert": "cb",
        'speaker:"bert o\'hara"': "b",
        "speaker:ber": "",
        "speaker:s1": "ca",
        "speaker:anna speaker:bert": "cba",
        "-speaker:bert": "da",
        'source:"front door"': "ba",
        f"source:{yard}": "c",
        "source:door source:yard": "cba",
        "-source:door": "dc",
        "lang:de": "a",
        "lang:FR lang:en": "dcb",
        "-lang:en": "ba",
        f"recording:{two}": "c",
        f"-recording:{two} speaker:bert": "b",
        "after:2026-09-21T14:13:30": "dcb",
        "after:2026-09-21T14:13:30 before:2026-09-21T14:13:45": "cb",
        "before:2026-09-21": "",
        "c OR d OR a speaker:bert": "c",
        "source:%": None,
        "speaker:nobody": "",
    }.items():
        if wanted is None:
            with pytest.raises(BadInput):
                search.find(HOUSE, query)
            continue
        assert "".join(texts(search.find(HOUSE, query))) == wanted, query
    assert [hit.name for hit in search.find(HOUSE, "a OR b OR c OR d").hits] == [
        None,
        "Bert",
        "Bert O'Hara",
        "Anna Karénina",
    ]


def test_nobody_finds_what_they_may_not_see(database: Database) -> None:
    with database.writing() as connection:
        for ident in ("u_1", "u_2"):
            connection.execute(
                insert(UserRow).values(id=ident, name=ident, folded=ident, role="viewer", enabled=True, made_s=0.0)
            )
        door = said.source(connection, "door")
        own, granted, other = (
            said.recording(connection, owner="u_1"),
            said.recording(connection),
            said.recording(connection),
        )
        of_source = said.recording(connection, source=door)
        for ident, word in ((own, "own"), (granted, "granted"), (other, "other"), (of_source, "source")):
            said.say(connection, ident, f"secret {word} thing")
        connection.execute(insert(GrantRow).values(user_id="u_1", recording_id=granted, verb="view"))
        connection.execute(insert(GrantRow).values(user_id="u_1", source_id=door, verb="view"))
        connection.execute(insert(GrantRow).values(user_id="u_1", recording_id=other, verb="listen"))
    search = Search(database)
    mine = ["secret source thing", "secret granted thing", "secret own thing"]
    for sort in ("newest", "relevance"):
        found = search.find(Viewer("u_1"), "secret", sort=sort)
        assert (texts(found), found.count) == (mine, 3)
    for query in ("", "secret", "othr", "-own", f"recording:{other}", "source:door"):
        found = search.find(Viewer("u_2"), query)
        assert (found.hits, found.count, found.instead) == ((), 0, {})
    assert search.find(Viewer("u_1"), "secrt").instead == {"secrt": ("secret",)}
    assert search.find(Viewer("u_1"), "othre thing").instead == {}
    assert len(search.find(HOUSE, "secret").hits) == 4


def test_typos_are_forgiven_where_nothing_else_is_found_or_on_demand(search: Search, database: Database) -> None:
    found = search.find(HOUSE, "kitchne fire")
    assert (texts(found), found.typos, found.instead) == ([TALK[0]], True, {"kitchne": ("kitchen",)})
    assert [found.hits[0].text[m.start : m.end] for m in found.hits[0].marks] == ["fire", "kitchen"]
    assert search.find(HOUSE, "kitchne fire", near=False).hits == ()
    assert texts(search.find(HOUSE, "alarm")) == [TALK[0]]
    wide = search.find(HOUSE, "alarm", near=True)
    assert (texts(wide), wide.instead) == ([TALK[1], TALK[0]], {"alarm": ("alarms",)})
    first = search.find(HOUSE, "alarm", near=True, size=1)
    assert texts(search.find(HOUSE, "alarm", size=1, page=first.next)) == [TALK[0]]
    for wrong in ("xitchen", "fyr", "1001", '"kitchne"', "kitchn*x", "zzzzzz"):
        assert search.find(HOUSE, wrong).hits == (), wrong


def test_a_search_that_takes_too_long_is_stopped(
    search: Search, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "STEPS", 1)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with database.reading() as connection:
        assert connection is not None
        with pytest.raises(Busy, match=r"took longer than 0\.05 s") as told, conditions.limited(connection, 0.05):
            connection.execute(text(endless))
    assert "rarer words" in told.value.remedy
    assert len(search.find(HOUSE, "kitchen").hits) == 2


@pytest.mark.usefixtures("search")
def test_what_may_take_less_long_is_given_up_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "STEPS", 1)
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")

    def tried(connection: Connection) -> None:
        with conditions.limited(connection, 0.3) as limit:
            assert limit.within(0.05, lambda: connection.execute(endless).scalar_one()) is None
            assert limit.within(60, lambda: connection.execute(text("SELECT 7")).scalar_one()) == 7
            assert limit.within(60, lambda: connection.execute(endless).scalar_one()) is None
            connection.execute(endless)

    with database.reading() as connection:
        assert connection is not None
        with pytest.raises(Busy, match=r"longer than 0\.3 s"):
            tried(connection)


def test_nothing_is_there_to_be_found(database: Database) -> None:
    assert Search(database).find(HOUSE, "x") == Found(count=0)


def test_sqlite_looks_for_the_words_first(database: Database) -> None:
    queries = ("fire", "fire lang:en", "fire speaker:s1 source:yard after:2026", "fire -x recording:r")
    with database.writing() as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL knows how rare a word is")
        for query, viewer in product(queries, (HOUSE, Viewer("u_1"))):
            read = parse(query)
            ident = conditions.order(connection, read)
            wanted = select(ident).select_from(conditions.tables(connection, read)).order_by(ident.desc()).limit(20)
            wanted = wanted.where(*conditions.conditions(connection, read, viewer), ident < 1000)
            compiled = wanted.compile(connection, compile_kwargs={"literal_binds": True})
            plan = [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}".replace(":", "\\:")))]
            assert plan[0].startswith("SCAN segment_fts VIRTUAL TABLE")
            assert plan[1] == "SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)"
            assert not any("TEMP B-TREE" in step for step in plan)


def test_names_of_people_change_under_the_same_id(search: Search, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(PersonRow).values(id="p_1", name="Anna", created_s=0.0))
        one = said.recording(connection)
        said.say(connection, one, "hello", speaker="S1")
        said.speakers(connection, one, [("S1", "Anna", "p_1")])
        connection.execute(update(PersonRow).values(name="Berta"))
    (hit,) = search.find(HOUSE, "speaker:berta").hits
    assert replace(hit, marks=()).name == "Berta"
    assert search.find(HOUSE, "speaker:anna").hits == ()
