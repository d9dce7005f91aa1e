"""Laws of punctuation: whatever a part says, no word is lost, added or changed."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from earwitness.parts import MARKS
from earwitness.parts.punctuate_rules import Rules
from earwitness.spread import spread
from earwitness.stages.punctuate import restorer
from earwitness.types import Segment

WORDS = st.text(st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"]), min_size=1, max_size=8)
SAID = st.lists(st.lists(WORDS, max_size=6), min_size=1, max_size=4)


class Drawn:
    """Says what it was told to."""

    languages: tuple[str, ...] = ()

    def __init__(self, marks: Sequence[str]) -> None:
        self._marks = marks

    def marks(self, words: Sequence[str], pauses_s: Sequence[float], language: str | None) -> tuple[str, ...]:
        return tuple(self._marks[n % len(self._marks)] for n in range(len(words)))


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _segments(said: list[list[str]], *, timed: bool) -> list[Segment]:
    found = []
    for n, words in enumerate(said):
        texts = " ".join(words).split()
        times = tuple(spread(texts, n, n + 1)) if timed else ()
        found.append(Segment(float(n), n + 1.0, " ".join(texts), words=times))
    return found


@given(
    said=SAID,
    marks=st.lists(st.sampled_from([*MARKS, "word", " x", "。"]), min_size=1, max_size=5),
    language=st.sampled_from([None, "en", "de", "tr", "ja"]),
    hints=st.lists(WORDS, max_size=3),
    timed=st.booleans(),
    rules=st.booleans(),
)
def test_words_stay(
    said: list[list[str]], marks: list[str], language: str | None, hints: list[str], timed: bool, rules: bool
) -> None:
    before = _segments(said, timed=timed)
    after = restorer("drawn", Rules() if rules else Drawn(marks), language, hints).text(before)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert _letters(old.text) == _letters(new.text)
        assert len(old.text.split()) == len(new.text.split())
        assert (old.start_s, old.end_s) == (new.start_s, new.end_s)
        assert [(w.start_s, w.end_s) for w in old.words] == [(w.start_s, w.end_s) for w in new.words]
        assert not timed or [w.text for w in new.words] == new.text.split()


@given(said=SAID, language=st.sampled_from([None, "en"]))
def test_what_is_restored_is_left_alone_after(said: list[list[str]], language: str | None) -> None:
    once = restorer("rules", Rules(), language, ()).text(_segments(said, timed=False))
    if any(s.text.endswith((".", "?")) for s in once):
        assert restorer("rules", Rules(), language, ()).text(once) == once
