"""Gives text that came without punctuation its marks and capitals, and leaves all other text alone.

A part says which mark stands after each word, and has no hand in the words themselves, so none is lost, added or
changed: the letters and digits of a text stay what they were, but for their case. Words with times change with the
text. Knows punctuators by their Protocol only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from earwitness.errors import EngineFailed
from earwitness.parts import MARKS, Punctuator
from earwitness.types import Notice, Segment, Word

PUNCTUATED = re.compile(r"[.,!?…:;]+[\"'”’)\]]*(?:\s|$)|[。、，！？؟،।]")
UNSPACED = frozenset("zh yue ja th lo km my bo".split())
"""Languages that part words by no spaces."""

STRETCH_S = 0.5
"""The silence that is taken to follow a stretch which was not cut inside speech."""

ENDS = frozenset(".?!")
ENGLISH = frozenset("i i'm i'll i've i'd".split())
ENGLISH_NAMES = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February April June July September October "
    "November December English French German Spanish Italian Chinese Japanese Russian American British European "
    "America Britain England Europe Germany France Christmas Mr Mrs Ms Dr"
)


@dataclass(slots=True)
class Restorer:
    """Restores the text of one recording as it comes, and remembers whether that had punctuation of its own."""

    name: str
    part: Punctuator
    language: str | None = None
    """That of segments which name none."""
    names: Mapping[str, str] = field(default_factory=dict)
    """How words are written that have capitals of their own, by their small letters."""
    punctuated: bool = False
    """Whether some text came with punctuation: the recogniser knows how, and its text is left alone from there on."""
    restored: int = 0
    """Segments that were changed."""
    unknown: str | None = None
    """A language whose text was left alone because the part does not know it."""
    inside: bool = False
    """Whether the last sentence goes on."""

    def text(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """The segments of one stretch, restored where that is needed. Raises EngineFailed where the part breaks."""
        words = [s.text.split() for s in segments]
        self.punctuated = self.punctuated or any(PUNCTUATED.search(s.text) for s in segments)
        if self.punctuated or not any(words):
            return tuple(segments)
        language = next((s.language for s in segments if s.language), self.language)
        known = self.part.languages
        if language in UNSPACED or (known and language not in known):
            self.unknown = language or "the language"
            return tuple(segments)
        pauses = _pauses(segments, words)
        marks = self.part.marks([w for said in words for w in said], pauses, language)
        if len(marks) != len(pauses):
            raise EngineFailed(f"{self.name} gave {len(marks)} marks for {len(pauses)} words")
        found, at = list[Segment](), 0
        for segment, said in zip(segments, words, strict=True):
            found.append(self._written(segment, said, marks[at : at + len(said)], language))
            at += len(said)
        return tuple(found)

    def notices(self) -> tuple[Notice, ...]:
        """What the reader should know."""
        if self.punctuated and self.restored:
            told = "punctuation was restored until the recogniser gave some of its own, and its text left alone then"
            return (Notice("punctuation_kept", told),)
        if self.punctuated:
            return (Notice("punctuation_kept", "the text came with punctuation and was left alone"),)
        told = f"punctuation was not restored: the part for it does not know {self.unknown}"
        return (Notice("punctuation_unknown", told),) if self.unknown else ()

    def _written(self, segment: Segment, said: Sequence[str], marks: Sequence[str], language: str | None) -> Segment:
        if not said:
            return segment
        loud = len(said) > 1 and segment.text.isupper()
        written = list[str]()
        for word, mark in zip(said, marks, strict=True):
            kept = self._cased(lowered(word) if loud else word, language)
            written.append(kept + (mark if mark in MARKS else ""))
            self.inside = mark not in ENDS if mark else True
        self.restored += 1
        same = [w.text.strip() for w in segment.words] == list(said)
        words = tuple(replace(w, text=text) for w, text in zip(segment.words, written, strict=True)) if same else ()
        return replace(segment, text=" ".join(written), words=words or segment.words)

    def _cased(self, word: str, language: str | None) -> str:
        plain = word.lower().replace("’", "'")
        kept = self.names.get(plain, word)
        first = not self.inside or (language == "en" and plain in ENGLISH)
        return capital(kept) if first else kept


def restorer(name: str, part: Punctuator, language: str | None, hints: Sequence[str]) -> Restorer:
    """What restores a recording; words with capitals in the `hints` are names, and written that way."""
    known = ENGLISH_NAMES.split() if language == "en" else []
    given = [re.sub(r"^\W+|\W+$", "", word) for hint in hints for word in hint.split()]
    names = [word for word in given if word[1:] and word != word.lower()]
    return Restorer(name, part, language, {name.lower(): name for name in (*known, *names)})


def capital(word: str) -> str:
    """The word with its first letter as a capital, where that is one letter too."""
    for n, sign in enumerate(word):
        if sign.isalpha():
            large = sign.upper()
            return word[:n] + large + word[n + 1 :] if _same(sign, large) else word
        if sign.isdigit():
            break
    return word


def lowered(word: str) -> str:
    """The word in small letters, where those are as many."""
    return "".join(sign.lower() if _same(sign, sign.lower()) else sign for sign in word)


def _same(sign: str, other: str) -> bool:
    """Whether two letters differ by no more than their case."""
    return len(other) == 1 and sign.casefold() == other.casefold()


def _pauses(segments: Sequence[Segment], words: Sequence[Sequence[str]]) -> list[float]:
    """Seconds of silence after each word, 0 where they are not known; `STRETCH_S` or more at the end of a stretch."""
    times = [_times(segment, said) for segment, said in zip(segments, words, strict=True)]
    flat = [time for each in times for time in each]
    found = [_between(before, after) for before, after in pairwise(flat)]
    forced = "forced_cut" in segments[-1].marks
    return [*found, 0.0 if forced else STRETCH_S][: len(flat)]


def _between(before: Word | None, after: Word | None) -> float:
    return max(0.0, after.start_s - before.end_s) if before and after else 0.0


def _times(segment: Segment, said: Sequence[str]) -> list[Word | None]:
    """The times of each printed word, None where they are not known."""
    if len(segment.words) == len(said):
        return [word if word.aligned else None for word in segment.words]
    return [None] * len(said)
