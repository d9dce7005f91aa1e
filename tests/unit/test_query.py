"""What people type into a search, read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.search.query import Filter, Query, Term, fts5, parse, tsquery
from earwitness.errors import BadInput


def words(*tokens: str) -> tuple[tuple[Term, ...], ...]:
    """Groups of one word each."""
    return tuple((Term((token,)),) for token in tokens)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", Query()),
        ("  fire Kitchen ", Query(words("fire", "kitchen"))),
        ('"smoke detector" alar*', Query(((Term(("smoke", "detector")),), (Term(("alar",), prefix=True),)))),
        ('fire -drill -"my fault"', Query(words("fire"), (Term(("drill",)), Term(("my", "fault"))))),
        ("a OR b OR c d", Query(((Term(("a",)), Term(("b",)), Term(("c",))), *words("d")))),
        ("OR", Query(words("or"))),
        ("OR a OR", Query(words("or", "a", "or"))),
        ("a OR OR b", Query((*words("a"), (Term(("or",)), Term(("b",)))))),
        ("a or b", Query(words("a", "or", "b"))),
        ('"no end', Query(((Term(("no", "end")),),))),
        ("12:30 foo:bar e-mail", Query(tuple((Term(t),) for t in (("12", "30"), ("foo", "bar"), ("e", "mail"))))),
        ("fire !!! - * \x00", Query(words("fire"))),
        (
            'Speaker:anna source:"Front door"',
            Query((), (), (Filter("speaker", "anna"), Filter("source", "Front door"))),
        ),
        ("-lang:DE recording:r_1", Query((), (), (Filter("lang", "de", wanted=False), Filter("recording", "r_1")))),
        ("after:1970-01-02 before:1971", Query((), (), (Filter("after", 86_400.0), Filter("before", 31_536_000.0)))),
        ("after:1970-01-01T02:00+01:00", Query((), (), (Filter("after", 3600.0),))),
        ("東京", Query(((Term(("東", "京")),),))),
    ],
)
def test_what_is_typed_is_read(text: str, read: Query) -> None:
    assert parse(text) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("?!", "no word"),
        ("x" * 1001, "1001 characters"),
        ("x" * 1_000_000, "1000000 characters"),
        ("a " * 65, "65 terms"),
        ("speaker: anna", "has no value"),
        ('speaker:""', "has no value"),
        ("lang:d\x00", "can't be"),
        ("recording:'a;--", "can't be"),
        ("after:soon", "no date"),
        ("before:2026-02-30", "no date"),
        ("-after:2026", "means nothing"),
        ("a OR -b", "OR stands between"),
        ("speaker:a OR speaker:b", "OR stands between"),
    ],
)
def test_what_means_nothing_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as told:
        parse(text)
    assert told.value.param == "q"


@given(st.text(alphabet="aO R\"'-*:()&|!<>\\é0\x00東", max_size=60))
def test_only_tokens_in_quotes_come_through(text: str) -> None:
    try:
        query = parse(text)
    except BadInput:
        return
    if query.groups:
        kept = {c for c in fts5(query) + tsquery(query) if c.isascii() and not c.isalnum()}
        assert kept <= set("\"'()*&|!<->: ")
        assert all(t.isalnum() for term in query.terms for t in term.tokens)


def test_no_text_takes_long() -> None:
    began = time.process_time()
    for bomb in ('"' * 1000, "-" * 1000, "speaker:" * 125, "a" * 1000, '-"' * 500, "OR " * 333, ":" * 1000):
        try:
            parse(bomb)
        except BadInput:
            continue
    assert time.process_time() - began < 5  # seconds; one that goes back and forth takes years
