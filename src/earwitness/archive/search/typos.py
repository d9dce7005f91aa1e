"""Words that were said and look like one that was typed: a query with typos finds what was meant.

A word of four letters or more may have one letter too many, too few, wrong or out of place; one of eight or more, two.
Its first letter is taken as right: so only a part of the words has to be looked at. What stands in quotes and
beginnings of words are taken as they are.
"""

from dataclasses import replace

from rapidfuzz.distance import OSA
from sqlalchemy import Connection, column, select, table

from earwitness.archive.search.query import Query, Term

TERMS = table("segment_terms", column("term"))
SHORTEST, LONG = 4, 8
MOST = 8
"""Words that are tried for one."""


def widened(connection: Connection, query: Query) -> Query:
    """The query with words that are near to its words beside them; the same one where there are none."""
    near = {
        term: _near(connection, term.tokens[0])
        for term in query.terms
        if len(term.tokens) == 1 and not (term.prefix or term.exact) and len(term.tokens[0]) >= SHORTEST
    }
    return replace(query, groups=tuple(_group(group, near) for group in query.groups))


def _group(group: tuple[Term, ...], near: dict[Term, tuple[str, ...]]) -> tuple[Term, ...]:
    every = [*group, *(Term((word,)) for term in group for word in near.get(term, ()))]
    return tuple(dict.fromkeys(every))


def _near(connection: Connection, word: str) -> tuple[str, ...]:
    """Words that were said within reach of one, the nearest first."""
    if any(char.isdigit() for char in word):
        return ()
    term = TERMS.c.term
    said = connection.execute(select(term).where(term >= word[0], term < word[0] + "\U0010ffff")).scalars()
    reach = 1 + (len(word) >= LONG)
    found = list[tuple[int, str]]()
    for other in said:
        if len(other) >= SHORTEST and abs(len(other) - len(word)) <= reach:
            distance = OSA.distance(word, other, score_cutoff=reach)
            if 0 < distance <= reach:
                found.append((distance, other))
    return tuple(other for _, other in sorted(found)[:MOST])
