"""What people type into a search, read into what is looked for; what of it goes to a database is tokens in quotes.

    fire "smoke detector" -drill alar* kitchen OR cellar speaker:anna source:"front door" after:2026-11-01

Words must all be there. `OR`, in capitals, stands between two of which one is enough, `-` before what must be missing,
`*` behind the beginning of a word, quotes around words in a row. A filter that comes twice takes either value. All else
is text: `12:30`, `<b>`, `foo:bar` are words in a row, and lone signs are none.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from earwitness.archive.search.tokens import tokens
from earwitness.errors import BadInput

LONGEST = 1000
"""Characters of a query."""

MOST_TERMS = 64
"""Words, phrases and filters of a query."""

FILTERS = ("speaker", "person", "source", "lang", "after", "before", "recording")
PATTERN = re.compile(rf'(-?)((?:{"|".join(FILTERS)}):)?(?:"([^"]*)"?(\*?)|([^\s"]\S*))', re.IGNORECASE)
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What ids and languages are made of."""


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens that stand in a row; with `prefix` the last of them may be the beginning of a longer one."""

    tokens: tuple[str, ...]
    prefix: bool = False
    exact: bool = field(default=False, compare=False)
    """Whether it stood in quotes: such a term has no typos."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on where, when and by whom; `value` is seconds of the Unix clock for `after` and `before`."""

    name: str
    value: str | float
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """One term of each group, none of the excluded ones, all filters."""

    groups: tuple[tuple[Term, ...], ...] = ()
    excluded: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
    plain: str = field(default="", compare=False)
    """What it says, without signs, filters and what is excluded."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """Everything that a hit may hold."""
        return tuple(term for group in self.groups for term in group)


def parse(text: str) -> Query:
    """Read a query; an empty one asks for everything. Raises BadInput for what has no meaning, or no end."""
    if len(text) > LONGEST:
        raise _wrong(f"the query has {len(text)} characters, and {LONGEST} are read", "Look for fewer words.")
    read = [(item, match) for match in PATTERN.finditer(text) if (item := _item(match)) is not None]
    items = [item for item, _ in read]
    if len(items) > MOST_TERMS:
        raise _wrong(f"the query has {len(items)} terms, and {MOST_TERMS} are read", "Look for fewer words.")
    if text.strip() and not items:
        raise _wrong("there is no word in the query", "Look for letters or digits; other signs can't be found.")
    groups, waiting, before = list[tuple[Term, ...]](), False, None
    for item in (*items, None):
        if waiting and isinstance(item, Term):
            groups[-1] += (item,)
            waiting = False
        elif "OR" in {item, before} and any(isinstance(side, _Not | Filter) for side in (item, before)):
            remedy = "A filter that comes twice takes either value."
            raise _wrong("OR stands between words and phrases only", remedy)
        elif isinstance(item, Term):
            groups.append((item,))
        elif waiting or (item == "OR" and not isinstance(before, Term)):
            groups.append((Term(("or",)),))  # with nothing beside it, it is a word
            waiting = item == "OR" and waiting
        else:
            waiting = item == "OR"
        before = item
    excluded = tuple(item.term for item in items if isinstance(item, _Not))
    plain = " ".join((match[3] or match[5]).rstrip("*") for item, match in read if isinstance(item, Term))
    return Query(tuple(groups), excluded, tuple(item for item in items if isinstance(item, Filter)), plain)


@dataclass(frozen=True, slots=True)
class _Not:
    term: Term


def _item(match: re.Match[str]) -> "Term | _Not | Filter | str | None":
    """What a piece of the query is; None for signs without a word."""
    minus, name, quoted, star, bare = match.groups()
    value = bare if quoted is None else quoted
    if name:
        return _filter(name[:-1].lower(), value, wanted=not minus)
    if bare == "OR" and not minus:
        return "OR"
    if bare and bare.lower().removesuffix(":") in FILTERS and bare.endswith(":"):
        raise _wrong(f"{bare} has no value", f"Write it without a blank: {bare}VALUE")
    found = tuple(tokens(value).split())
    if not found:
        return None
    term = Term(found, prefix=bool(star) or (bare or "").endswith("*"), exact=bare is None)
    return _Not(term) if minus else term


def _filter(name: str, value: str, *, wanted: bool) -> Filter:
    if name in {"after", "before"}:
        if not wanted:
            raise _wrong(f"-{name}: means nothing", f"Write {'before' if name == 'after' else 'after'}:{value}")
        return Filter(name, _moment(name, value))
    if name in {"lang", "recording", "person"} and not PLAIN.fullmatch(value):
        wanted_here = "a code such as en" if name == "lang" else f"the id of a {name}"
        raise _wrong(f"{name}: can't be {value[:64]!r}", f"Write {wanted_here} after {name}:")
    if not tokens(value):
        raise _wrong(f"{name}: has no value", f"Write {name}:NAME")
    return Filter(name, value.lower() if name == "lang" else value, wanted)


def _moment(name: str, value: str) -> float:
    """The beginning of a year, month or day, or a time of day, in UTC unless it says otherwise."""
    whole = value + {4: "-01-01", 7: "-01"}.get(len(value), "")
    try:
        found = datetime.fromisoformat(whole)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        remedy = f"Write {name}:2026-11-01, or {name}:2026-11-01T12:30."
        raise _wrong(f"{name}:{value[:64]!r} is no date", remedy) from None


def _wrong(message: str, remedy: str) -> BadInput:
    return BadInput(message, remedy=remedy, param="q")


# ── for the databases ──
def fts5(query: Query) -> str:
    """What is looked for as SQLite's FTS5 reads it; there must be a group."""
    wanted = " AND ".join(f"({' OR '.join(map(_fts5_term, group))})" for group in query.groups)
    return f"({wanted}) NOT ({fts5_any(query.excluded)})" if query.excluded else wanted


def fts5_any(terms: tuple[Term, ...]) -> str:
    """Any of some terms, for FTS5."""
    return " OR ".join(map(_fts5_term, terms))


def tsquery(query: Query) -> str:
    """What is looked for as PostgreSQL's tsquery."""
    wanted = [f"({' | '.join(map(_tsquery_term, group))})" for group in query.groups]
    return " & ".join([*wanted, *(f"!({_tsquery_term(term)})" for term in query.excluded)])


def _fts5_term(term: Term) -> str:
    return f'"{" ".join(term.tokens)}"{" *" if term.prefix else ""}'


def _tsquery_term(term: Term) -> str:
    quoted = [f"'{token}'" for token in term.tokens]
    return f"({' <-> '.join(quoted)}{':*' if term.prefix else ''})"
